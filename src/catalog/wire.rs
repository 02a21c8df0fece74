//! Rules as they go over the wire: terms and lists as DSP 2025-1 has them, without a context of their own.

use serde_json::{Map, Value, json};

use crate::model::odrl::{Action, Atomic, Conflict, Constraint, DutyTiming, Literal, Party, Policy, Rule};
use crate::policy::{Kind, Registry};

/// Properties that are written from what was read; the others are for people and go along as they are.
const READ: [&str; 22] = [
    "@id",
    "@type",
    "@context",
    "uid",
    "id",
    "type",
    "action",
    "target",
    "assigner",
    "assignee",
    "provider",
    "consumer",
    "constraint",
    "refinement",
    "duty",
    "preDuty",
    "postDuty",
    "remedy",
    "consequence",
    "contractStart",
    "contractEnd",
    "inheritFrom",
];

/// Properties of a policy that are written from what was read.
const OF_POLICY: [&str; 7] = ["permission", "prohibition", "obligation", "profile", "conflict", "timestamp", "@graph"];

/// How left operands begin that are places in credentials.
const CREDENTIAL: &str = "ovc:";

/// Writes the rules of a policy.
pub(super) struct Writer<'a> {
    /// The policy as its author wrote it, to keep spellings that stand without its context.
    source: &'a Value,
    registry: &'a Registry,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(source: &'a Value, registry: &'a Registry) -> Self {
        Self { source, registry }
    }

    /// Everything of a policy but its frame.
    pub(super) fn rules(&self, policy: &Policy) -> Map<String, Value> {
        let mut out = Map::new();
        self.annotate("", &mut out, &OF_POLICY);
        let profiles: Vec<Value> = policy.profiles.iter().map(|profile| json!(profile.id)).collect();
        put(&mut out, "profile", one_or_all(profiles));
        if policy.conflict_said {
            let strategy = match policy.conflict {
                Conflict::Permissions => "perm",
                Conflict::Prohibitions => "prohibit",
                Conflict::Invalid => "invalid",
            };
            out.insert("conflict".to_owned(), json!(strategy));
        }
        put(&mut out, "permission", self.all(&policy.permissions));
        put(&mut out, "prohibition", self.all(&policy.prohibitions));
        put(&mut out, "obligation", self.all(&policy.obligations));
        out
    }

    fn all<'r>(&self, rules: impl IntoIterator<Item = &'r Rule>) -> Option<Value> {
        listed(rules.into_iter().map(|rule| self.rule(rule)))
    }

    fn rule(&self, rule: &Rule) -> Value {
        let mut out = Map::new();
        self.annotate(&rule.clause, &mut out, &[]);
        put(&mut out, "@id", rule.uid.as_ref().map(|uid| json!(uid)));
        put(&mut out, "action", one_or_all(rule.actions.iter().map(|action| self.action(action)).collect()));
        put(&mut out, "target", self.parties(&rule.targets, "AssetCollection"));
        put(&mut out, "assigner", self.parties(&rule.assigners, "PartyCollection"));
        put(&mut out, "assignee", self.parties(&rule.assignees, "PartyCollection"));
        // On a rule, conditions on credentials stand apart, as Gaia-X has them.
        let (of_credentials, others): (Vec<_>, Vec<_>) = rule.constraints.iter().partition(|c| place(c).is_some());
        put(&mut out, "constraint", listed(others.into_iter().map(|constraint| self.constraint(constraint))));
        put(&mut out, "ovc:constraint", listed(of_credentials.into_iter().filter_map(|c| self.of_credential(c))));
        for (name, timing) in
            [("duty", None), ("ids:preDuty", Some(DutyTiming::Before)), ("ids:postDuty", Some(DutyTiming::After))]
        {
            put(&mut out, name, self.all(rule.duties.iter().filter(|duty| duty.timing == timing)));
        }
        put(&mut out, "consequence", self.all(&rule.consequences));
        put(&mut out, "remedy", self.all(&rule.remedies));
        Value::Object(out)
    }

    fn action(&self, action: &Action) -> Value {
        let written = self.source.pointer(&action.clause).and_then(Value::as_str);
        json!(self.term(written, &action.name))
    }

    fn parties(&self, parties: &[Party], collection: &str) -> Option<Value> {
        one_or_all(parties.iter().map(|party| self.party(party, collection)).collect())
    }

    fn party(&self, party: &Party, collection: &str) -> Value {
        if let ([id], [], false) = (party.ids.as_slice(), party.refinements.as_slice(), party.collection) {
            return json!(id);
        }
        let mut out = Map::new();
        put(&mut out, "@type", party.collection.then(|| json!(collection)));
        for (name, id) in ["@id", "source"].into_iter().zip(&party.ids) {
            out.insert(name.to_owned(), json!(id));
        }
        put(&mut out, "refinement", self.constraints(&party.refinements));
        Value::Object(out)
    }

    fn constraints(&self, constraints: &[Constraint]) -> Option<Value> {
        listed(constraints.iter().map(|constraint| self.constraint(constraint)))
    }

    fn constraint(&self, constraint: &Constraint) -> Value {
        let mut out = Map::new();
        match constraint {
            Constraint::Atomic(atomic) => {
                put(&mut out, "@id", atomic.uid.as_ref().map(|uid| json!(uid)));
                let written = self.written(&atomic.clause, "leftOperand").and_then(Value::as_str);
                let written = written.filter(|_| !atomic.left.starts_with(CREDENTIAL));
                out.insert("leftOperand".to_owned(), json!(self.term(written, &atomic.left)));
                out.insert("operator".to_owned(), json!(atomic.operator));
                out.insert("rightOperand".to_owned(), self.right(atomic));
                put(&mut out, "unit", atomic.unit.as_ref().map(|unit| json!(unit)));
            }
            Constraint::Logical { uid, operator, parts, .. } => {
                put(&mut out, "@id", uid.as_ref().map(|uid| json!(uid)));
                put(&mut out, operator.as_str(), self.constraints(parts));
            }
            Constraint::Elsewhere(reference) => put(&mut out, "@id", Some(json!(reference.id))),
        }
        Value::Object(out)
    }

    /// A comparison with a place in a credential (Gaia-X OVC).
    fn of_credential(&self, constraint: &Constraint) -> Option<Value> {
        let (kind, path) = place(constraint)?;
        let Value::Object(mut out) = self.constraint(constraint) else { return None };
        out.remove("leftOperand");
        out.insert("ovc:leftOperand".to_owned(), json!(path));
        put(&mut out, "ovc:credentialSubjectType", (!kind.is_empty()).then(|| json!(kind)));
        Some(Value::Object(out))
    }

    fn right(&self, atomic: &Atomic) -> Value {
        let kind = self.registry.operand(&atomic.left).map(|operand| operand.kind);
        let counts = |right: &Literal| kind == Some(Kind::Any) || (kind == Some(Kind::Text) && right.typed);
        let written = self.written(&atomic.clause, "rightOperand");
        let elements: Vec<&Value> = match written {
            Some(Value::Array(list)) => list.iter().collect(),
            one => one.into_iter().collect(),
        };
        let values = atomic.right.iter().enumerate();
        let mut values: Vec<Value> =
            values.map(|(n, right)| value(right, elements.get(n).copied(), counts(right))).collect();
        match (values.len(), written) {
            (1, Some(Value::Array(_))) => Value::Array(values),
            (1, _) => values.remove(0),
            _ => Value::Array(values),
        }
    }

    /// A term in its author's spelling, where that means the same without the policy's own context. ODRL's own are bare.
    fn term(&self, written: Option<&str>, name: &str) -> String {
        match written.filter(|_| name.contains(':')) {
            Some(written) if !self.defines(written) => written.strip_prefix("odrl:").unwrap_or(written).to_owned(),
            _ => name.to_owned(),
        }
    }

    /// Whether a term, or its prefix, is one of the policy's own context.
    fn defines(&self, term: &str) -> bool {
        let head = term.split_once(':').map_or(term, |(prefix, _)| prefix);
        let defines = |context: &Value| context.as_object().is_some_and(|terms| terms.contains_key(head));
        match self.source.get("@context") {
            Some(Value::Array(parts)) => parts.iter().any(defines),
            Some(context) => defines(context),
            None => false,
        }
    }

    /// A property as it was written, in whatever spelling of its name.
    fn written(&self, clause: &str, property: &str) -> Option<&'a Value> {
        let object = self.source.pointer(clause)?.as_object()?;
        object.iter().find(|(key, _)| local(key) == property).map(|(_, value)| value)
    }

    /// What stands beside the terms that are read: titles, notes, parties with a function.
    fn annotate(&self, clause: &str, out: &mut Map<String, Value>, also_read: &[&str]) {
        let Some(object) = self.source.pointer(clause).and_then(Value::as_object) else { return };
        let others = object.iter().filter(|(key, value)| {
            let name = local(key);
            !READ.contains(&name) && !also_read.contains(&name) && !value.is_null()
        });
        out.extend(others.map(|(key, value)| (key.clone(), value.clone())));
    }
}

/// The type of credential subject and the path that a comparison with a credential names.
fn place(constraint: &Constraint) -> Option<(&str, &str)> {
    let Constraint::Atomic(atomic) = constraint else { return None };
    let place = atomic.left.strip_prefix(CREDENTIAL)?;
    Some(place.split_at(place.find('$')?))
}

/// A right operand; bare numbers are text on the wire, and where their type counts it is said.
fn value(literal: &Literal, written: Option<&Value>, counts: bool) -> Value {
    let text = literal.iri.as_ref().unwrap_or(&literal.text);
    if written.is_some_and(|value| ["@id", "uid"].iter().any(|key| value.get(*key).is_some())) {
        return json!({ "@id": text });
    }
    let bare = |datatype: &String| !counts && ["integer", "decimal", "boolean"].contains(&datatype.as_str());
    match literal.datatype.as_ref().filter(|datatype| !bare(datatype)) {
        Some(datatype) if datatype.contains(':') => json!({"@value": text, "@type": datatype}),
        Some(datatype) => json!({"@value": text, "@type": format!("xsd:{datatype}")}),
        None => json!(text),
    }
}

/// The name of a term without prefix or namespace.
fn local(key: &str) -> &str {
    if key.starts_with('@') { key } else { key.rsplit([':', '/', '#']).next().unwrap_or(key) }
}

fn listed(values: impl Iterator<Item = Value>) -> Option<Value> {
    let values: Vec<Value> = values.collect();
    (!values.is_empty()).then_some(Value::Array(values))
}

fn one_or_all(mut values: Vec<Value>) -> Option<Value> {
    match values.len() {
        0 => None,
        1 => Some(values.remove(0)),
        _ => Some(Value::Array(values)),
    }
}

fn put(out: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), value);
    }
}
