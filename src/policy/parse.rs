//! JSON to syntax tree: prefixed or not, one or many, wrapped or plain; what ODRL forbids is refused with its pointer.

use serde_json::{Map, Value};

use super::Invalid;
use super::value::plain_text;
use super::vocabulary::{canonical_operand, local};
use crate::model::odrl::{Action, Atomic, Conflict, Constraint, Logic, Party, Policy, PolicyKind, Rule};

/// How deep constraints may be nested.
pub const MOST_NESTED: usize = 64;

/// How many rules and constraints one policy may have.
const MOST_PARTS: usize = 10_000;

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// Everything that ODRL 2.2 forbids, each with the JSON Pointer of its place.
    pub fn parse(policy: &Value) -> Result<Self, Vec<Invalid>> {
        let mut reader = Reader { invalid: Vec::new(), parts: 0, prefixes: prefixes(policy.get("@context")) };
        let read = reader.policy(policy);
        match read {
            Some(policy) if reader.invalid.is_empty() => Ok(policy),
            _ => Err(reader.invalid),
        }
    }
}

struct Reader {
    invalid: Vec<Invalid>,
    parts: usize,
    /// Prefixes defined in the policy's own `@context`.
    prefixes: Vec<(String, String)>,
}

/// The roles of a rule, which differ in what it may hold.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Permission,
    Prohibition,
    Obligation,
    Duty,
    Consequence,
    Remedy,
}

impl Reader {
    fn refuse(&mut self, clause: &str, code: &'static str, reason: impl Into<String>) {
        self.invalid.push(Invalid::new(clause, code, reason));
    }

    /// A term with the document's own prefixes written out.
    fn expand(&self, term: &str) -> String {
        let known = term.split_once(':').and_then(|(prefix, rest)| {
            self.prefixes.iter().find(|(name, _)| name == prefix).map(|(_, iri)| format!("{iri}{rest}"))
        });
        known.unwrap_or_else(|| term.to_owned())
    }

    fn policy(&mut self, value: &Value) -> Option<Policy> {
        let Some(map) = value.as_object() else {
            self.refuse("", "policy.malformed", "a policy is a JSON object");
            return None;
        };
        let kind = self.kind(map);
        let conflict = self.conflict(map);
        let mut policy = Policy {
            kind,
            uid: id_of(map),
            profiles: texts(property(map, "profile").map(|(_, v)| v)).iter().map(|p| self.expand(p)).collect(),
            conflict,
            target: self.parties(map, "target", ""),
            assigner: self.parties(map, "assigner", "").into_iter().next(),
            assignee: self.parties(map, "assignee", "").into_iter().next(),
            permissions: Vec::new(),
            prohibitions: Vec::new(),
            obligations: Vec::new(),
        };
        let shared = self.actions(map, "");
        policy.permissions = self.rules(map, "permission", "", Role::Permission);
        policy.prohibitions = self.rules(map, "prohibition", "", Role::Prohibition);
        policy.obligations = self.rules(map, "obligation", "", Role::Obligation);
        if policy.permissions.is_empty() && policy.prohibitions.is_empty() && policy.obligations.is_empty() {
            self.refuse("", "policy.empty", "a policy needs at least one permission, prohibition or obligation");
        }
        let common = self.constraints(map, "constraint", "", 0);
        self.share(&mut policy, &shared, &common);
        if kind == PolicyKind::Agreement {
            for (name, present) in [("assigner", policy.assigner.is_some()), ("assignee", policy.assignee.is_some())] {
                let on_rules = || {
                    let mut rules = policy.permissions.iter().chain(&policy.prohibitions).chain(&policy.obligations);
                    rules.all(|r| if name == "assigner" { r.assigner.is_some() } else { r.assignee.is_some() })
                };
                if !present && !on_rules() {
                    self.refuse("", "policy.party-missing", format!("an agreement needs an {name}"));
                }
            }
        }
        Some(policy)
    }

    /// Compact policies (ODRL Information Model 2.2 §2.7): what stands on the policy holds for each rule that has none of its own.
    fn share(&mut self, policy: &mut Policy, actions: &[Action], constraints: &[Constraint]) {
        let (target, assigner, assignee) = (policy.target.clone(), policy.assigner.clone(), policy.assignee.clone());
        let rules = policy.permissions.iter_mut().chain(&mut policy.prohibitions).chain(&mut policy.obligations);
        let mut missing = Vec::new();
        for rule in rules {
            if rule.actions.is_empty() {
                rule.actions = actions.to_vec();
            }
            if rule.actions.is_empty() {
                missing.push(rule.clause.clone());
            }
            if rule.targets.is_empty() {
                rule.targets.clone_from(&target);
            }
            rule.assigner = rule.assigner.take().or_else(|| assigner.clone());
            rule.assignee = rule.assignee.take().or_else(|| assignee.clone());
            rule.constraints.extend_from_slice(constraints);
        }
        for clause in missing {
            self.refuse(&clause, "rule.action-missing", "a rule needs an action");
        }
    }

    fn kind(&mut self, map: &Map<String, Value>) -> PolicyKind {
        let types = texts(property(map, "@type").or_else(|| property(map, "type")).map(|(_, v)| v));
        let names: Vec<&str> = types.iter().map(|t| local(t)).collect();
        for (name, kind) in [
            ("Agreement", PolicyKind::Agreement),
            ("Offer", PolicyKind::Offer),
            ("Set", PolicyKind::Set),
            ("Policy", PolicyKind::Set),
        ] {
            if names.contains(&name) {
                return kind;
            }
        }
        if names.iter().any(|n| ["Assertion", "Privacy", "Request", "Ticket"].contains(n)) || !names.is_empty() {
            self.refuse(
                "/@type",
                "policy.type",
                format!("{} is not a Set, an Offer or an Agreement", names.join(", ")),
            );
        }
        PolicyKind::Set
    }

    fn conflict(&mut self, map: &Map<String, Value>) -> Conflict {
        let Some((key, value)) = property(map, "conflict") else { return Conflict::Invalid };
        let names = texts(Some(value));
        match names.iter().map(|n| local(n)).collect::<Vec<_>>().as_slice() {
            ["perm"] => Conflict::Permissions,
            ["prohibit"] => Conflict::Prohibitions,
            ["invalid"] => Conflict::Invalid,
            _ => {
                self.refuse(&pointer("", key), "policy.conflict", "conflict is perm, prohibit or invalid");
                Conflict::Invalid
            }
        }
    }

    fn rules(&mut self, map: &Map<String, Value>, name: &str, at: &str, role: Role) -> Vec<Rule> {
        let Some((key, value)) = property(map, name) else { return Vec::new() };
        let at = pointer(at, key);
        many(value, &at).into_iter().filter_map(|(clause, value)| self.rule(&clause, value, role)).collect()
    }

    fn rule(&mut self, clause: &str, value: &Value, role: Role) -> Option<Rule> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            self.refuse(clause, "policy.too-large", "the policy has too many rules and constraints");
            return None;
        }
        let Some(map) = value.as_object() else {
            self.refuse(clause, "rule.malformed", "a rule is a JSON object");
            return None;
        };
        for (name, roles) in [
            ("duty", &[Role::Permission][..]),
            ("remedy", &[Role::Prohibition][..]),
            ("consequence", &[Role::Obligation, Role::Duty][..]),
        ] {
            if let Some((key, inner)) = property(map, name)
                && !roles.contains(&role)
                && !many(inner, "").is_empty()
            {
                self.refuse(&pointer(clause, key), "rule.misplaced", format!("{name} has no meaning on this rule"));
                return None;
            }
        }
        let actions = self.actions(map, clause);
        let inherits = matches!(role, Role::Permission | Role::Prohibition | Role::Obligation);
        if actions.is_empty() && !inherits {
            self.refuse(clause, "rule.action-missing", "a duty needs an action");
        }
        Some(Rule {
            uid: id_of(map),
            actions,
            targets: self.parties(map, "target", clause),
            assigner: self.parties(map, "assigner", clause).into_iter().next(),
            assignee: self.parties(map, "assignee", clause).into_iter().next(),
            constraints: self.constraints(map, "constraint", clause, 0),
            duties: self.rules(map, "duty", clause, Role::Duty),
            consequences: self.rules(map, "consequence", clause, Role::Consequence),
            remedies: self.rules(map, "remedy", clause, Role::Remedy),
            clause: clause.to_owned(),
        })
    }

    fn actions(&mut self, map: &Map<String, Value>, at: &str) -> Vec<Action> {
        let Some((key, value)) = property(map, "action") else { return Vec::new() };
        let at = pointer(at, key);
        let mut actions = Vec::new();
        for (clause, value) in many(value, &at) {
            let named = match value {
                Value::String(name) => Some((name.clone(), Vec::new())),
                Value::Object(inner) => {
                    let name = ["value", "rdf:value", "http://www.w3.org/1999/02/22-rdf-syntax-ns#value", "type"]
                        .iter()
                        .find_map(|k| inner.get(*k).and_then(plain_text))
                        .or_else(|| id_of(inner));
                    let refinements = self.constraints(inner, "refinement", &clause, 0);
                    name.map(|name| (name, refinements))
                }
                _ => None,
            };
            match named {
                Some((name, refinements)) => {
                    actions.push(Action { clause, name: local(&self.expand(&name)).to_owned(), refinements });
                }
                None => self.refuse(&clause, "action.malformed", "an action is a term, or an object with rdf:value"),
            }
        }
        actions
    }

    fn parties(&mut self, map: &Map<String, Value>, name: &str, at: &str) -> Vec<Party> {
        let Some((key, value)) = property(map, name) else { return Vec::new() };
        let at = pointer(at, key);
        let mut parties = Vec::new();
        for (clause, value) in many(value, &at) {
            match value {
                Value::String(id) => {
                    parties.push(Party { clause, id: id.clone(), collection: false, refinements: Vec::new() });
                }
                Value::Object(inner) => {
                    let types = texts(inner.get("@type"));
                    let collection = types.iter().any(|t| local(t).ends_with("Collection"));
                    let refinements = self.constraints(inner, "refinement", &clause, 0);
                    let source = property(inner, "source").and_then(|(_, v)| plain_text(v));
                    match source.or_else(|| id_of(inner)) {
                        Some(id) => parties.push(Party { clause, id, collection, refinements }),
                        None if refinements.is_empty() && inner.is_empty() => {
                            self.refuse(&clause, "party.malformed", format!("the {name} has no identifier"));
                        }
                        None => parties.push(Party { clause, id: String::new(), collection: true, refinements }),
                    }
                }
                _ => self.refuse(&clause, "party.malformed", format!("the {name} is an identifier or an object")),
            }
        }
        parties
    }

    fn constraints(&mut self, map: &Map<String, Value>, name: &str, at: &str, depth: usize) -> Vec<Constraint> {
        let Some((key, value)) = property(map, name) else { return Vec::new() };
        let at = pointer(at, key);
        many(value, &at).into_iter().filter_map(|(clause, value)| self.constraint(&clause, value, depth)).collect()
    }

    fn constraint(&mut self, clause: &str, value: &Value, depth: usize) -> Option<Constraint> {
        self.parts += 1;
        if depth > MOST_NESTED || self.parts > MOST_PARTS {
            self.refuse(clause, "constraint.too-deep", format!("constraints are nested deeper than {MOST_NESTED}"));
            return None;
        }
        let Some(map) = value.as_object() else {
            self.refuse(clause, "constraint.malformed", "a constraint is a JSON object");
            return None;
        };
        let logical: Vec<(&str, Logic, &Value)> =
            [("and", Logic::And), ("or", Logic::Or), ("xone", Logic::Xone), ("andSequence", Logic::AndSequence)]
                .into_iter()
                .filter_map(|(name, logic)| property(map, name).map(|(key, value)| (key, logic, value)))
                .collect();
        match logical.as_slice() {
            [] => self.atomic(clause, map).map(Constraint::Atomic),
            [(key, operator, parts)] if property(map, "leftOperand").is_none() => {
                let at = pointer(clause, key);
                // JSON-LD lists may be written out as an object.
                let (at, parts) = match parts.get("@list") {
                    Some(list) => (pointer(&at, "@list"), list),
                    None => (at, *parts),
                };
                let read: Vec<Constraint> = many(parts, &at)
                    .into_iter()
                    .filter_map(|(clause, value)| self.constraint(&clause, value, depth + 1))
                    .collect();
                if read.is_empty() && self.invalid.is_empty() {
                    self.refuse(&at, "constraint.empty", "a logical constraint needs parts");
                }
                Some(Constraint::Logical { clause: clause.to_owned(), operator: *operator, parts: read })
            }
            _ => {
                self.refuse(clause, "constraint.mixed", "a constraint has exactly one of and, or, xone, andSequence");
                None
            }
        }
    }

    fn atomic(&mut self, clause: &str, map: &Map<String, Value>) -> Option<Atomic> {
        let term = |name: &str| {
            property(map, name).and_then(|(_, value)| match value {
                Value::Array(list) if list.len() == 1 => list.first().and_then(plain_text),
                other => plain_text(other),
            })
        };
        let right = property(map, "rightOperand").map(|(_, v)| v);
        let reference = property(map, "rightOperandReference").map(|(_, v)| v);
        let (Some(left), Some(operator)) = (term("leftOperand"), term("operator")) else {
            self.refuse(clause, "constraint.malformed", "a constraint needs a leftOperand and an operator");
            return None;
        };
        let (right, referenced) = match (right, reference) {
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            _ => {
                self.refuse(
                    clause,
                    "constraint.malformed",
                    "a constraint needs one rightOperand or rightOperandReference",
                );
                return None;
            }
        };
        let values: Vec<Value> = match right.get("@list").unwrap_or(right) {
            Value::Array(list) => list.clone(),
            one => vec![one.clone()],
        };
        if values.is_empty() || values.iter().any(|v| plain_text(v).is_none()) {
            self.refuse(clause, "constraint.right-operand", "the right operand is a value or a list of values");
            return None;
        }
        Some(Atomic {
            clause: clause.to_owned(),
            left: canonical_operand(&self.expand(&left)),
            operator: local(&self.expand(&operator)).to_owned(),
            right: values,
            referenced,
            unit: term("unit"),
        })
    }
}

/// The prefixes that a `@context` defines in place; contexts named by URL are those built in.
fn prefixes(context: Option<&Value>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (_, part) in context.map(|c| many(c, "")).unwrap_or_default() {
        for (name, meaning) in part.as_object().into_iter().flatten() {
            if let Some(iri) = plain_text(meaning).filter(|iri| iri.ends_with(['/', '#', ':'])) {
                found.push((name.clone(), iri));
            }
        }
    }
    found
}

/// A property by its ODRL name, bare, with a prefix or as an IRI; with the key as written.
fn property<'a>(map: &'a Map<String, Value>, name: &str) -> Option<(&'a str, &'a Value)> {
    map.iter().find(|(key, _)| local(key) == name).map(|(key, value)| (key.as_str(), value))
}

fn id_of(map: &Map<String, Value>) -> Option<String> {
    ["@id", "uid", "odrl:uid", "id"].iter().find_map(|key| map.get(*key).and_then(plain_text))
}

/// The elements of a list with their pointers, or the single value itself.
fn many<'a>(value: &'a Value, at: &str) -> Vec<(String, &'a Value)> {
    match value {
        Value::Array(list) => list.iter().enumerate().map(|(n, v)| (format!("{at}/{n}"), v)).collect(),
        Value::Null => Vec::new(),
        one => vec![(at.to_owned(), one)],
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value.map(|v| many(v, "").into_iter().filter_map(|(_, v)| plain_text(v)).collect()).unwrap_or_default()
}

/// RFC 6901: the pointer of a key below a pointer.
fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}
