//! Policies for peers that run the reference connector (EDC): one permission, its constraints in one `and`, nothing else.
//!
//! EDC asks that every permission holds, passes over prohibitions without constraints, over duties that were not done and over
//! constraints whose left operand nobody registered, and up to 0.15 cannot read lists of values in an agreement. An export says the
//! same in what EDC does evaluate; what cannot be said so is told. Where it cannot be said in full, the export permits less.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::vocabulary::{Operator, iri};
use crate::model::odrl::{Atomic, Constraint, Literal, Logic, Party, Policy, Reference, Rule};

/// A policy written for EDC, and what it cannot say there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Export {
    /// The policy, as compact JSON-LD.
    pub policy: Value,
    /// What is lost.
    pub lost: Vec<Lost>,
}

/// Something that EDC will not hold the parties to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lost {
    /// JSON Pointer (RFC 6901) into the policy as it was.
    pub clause: String,
    /// Stable code, such as `duty.not-awaited`.
    pub code: &'static str,
    /// One sentence.
    pub reason: String,
    /// Whether EDC may permit what the policy does not.
    pub permits_more: bool,
}

/// Writes a policy for EDC.
#[must_use]
pub fn for_edc(policy: &Policy) -> Export {
    let mut writer = Writer { lost: Vec::new() };
    let permissions = writer.permissions(policy);
    let mut all: Vec<Value> = Vec::new();
    match permissions.as_slice() {
        [] => {}
        [rule] => all.extend(rule.constraints.iter().cloned()),
        // One of them holds anyway.
        several if several.iter().any(|rule| rule.constraints.is_empty()) => {}
        several => all.push(json!({"or": several.iter().map(|rule| joined(&rule.constraints)).collect::<Vec<_>>()})),
    }
    for prohibition in &policy.prohibitions {
        all.extend(writer.prohibition(prohibition, policy));
    }
    writer.rest(policy);
    let mut rule = Map::new();
    rule.insert("action".to_owned(), json!(permissions.first().map_or("use", |rule| rule.action.as_str())));
    match all.as_slice() {
        [] => {}
        [one] => {
            rule.insert("constraint".to_owned(), json!([one]));
        }
        _ => {
            rule.insert("constraint".to_owned(), json!([{ "and": all }]));
        }
    }
    let mut out = Map::new();
    out.insert("@context".to_owned(), json!("http://www.w3.org/ns/odrl.jsonld"));
    out.extend(policy.uid.as_ref().map(|uid| ("@id".to_owned(), json!(uid))));
    out.insert("@type".to_owned(), json!(policy.kind.as_str()));
    for (name, parties) in parties(policy) {
        out.extend(parties.map(|id| (name.to_owned(), json!(id))));
    }
    let rules = if permissions.is_empty() { Vec::new() } else { vec![Value::Object(rule)] };
    out.insert("permission".to_owned(), Value::Array(rules));
    Export { policy: Value::Object(out), lost: writer.lost }
}

/// A permission in EDC's terms.
struct Written {
    action: String,
    constraints: Vec<Value>,
}

struct Writer {
    lost: Vec<Lost>,
}

impl Writer {
    fn lose(&mut self, clause: &str, code: &'static str, permits_more: bool, reason: impl Into<String>) {
        let reason = reason.into();
        self.lost.push(Lost { clause: clause.to_owned(), code, reason, permits_more });
    }

    /// Permissions for the same as the first; others are left out.
    fn permissions(&mut self, policy: &Policy) -> Vec<Written> {
        let mut all: Vec<Written> = Vec::new();
        let first = policy.permissions.first();
        for rule in &policy.permissions {
            if first.is_some_and(|first| !about_the_same(first, rule)) {
                let reason = "EDC asks that every permission holds, so only those about the same as the first are kept";
                self.lose(&rule.clause, "permission.left-out", false, reason);
                continue;
            }
            let mut constraints: Vec<Value> = Vec::new();
            for constraint in &rule.constraints {
                constraints.extend(self.constraint(constraint));
            }
            for action in &rule.actions {
                for refinement in &action.refinements {
                    constraints.extend(self.constraint(refinement));
                }
            }
            self.duties(rule);
            let action = rule.actions.first().map_or("use", |action| action.name.as_str());
            all.push(Written { action: spelled(action), constraints });
        }
        all
    }

    fn duties(&mut self, rule: &Rule) {
        for duty in &rule.duties {
            self.lose(&duty.clause, "duty.not-awaited", true, "EDC permits whether or not the duty was done");
        }
        for party in rule.targets.iter().chain(&rule.assignees).chain(&rule.assigners) {
            if !party.refinements.is_empty() {
                self.lose(
                    &party.clause,
                    "refinement.unread",
                    true,
                    "EDC does not look at what narrows a party or an asset",
                );
            }
        }
    }

    /// What must hold for a prohibition not to apply.
    fn prohibition(&mut self, rule: &Rule, policy: &Policy) -> Option<Value> {
        let applies = policy.permissions.first().is_none_or(|first| may_concern(first, rule));
        if !applies {
            return None;
        }
        if rule.constraints.is_empty() || rule.actions.iter().any(|action| !action.refinements.is_empty()) {
            let reason = "EDC passes over a prohibition that is not one of constraints alone";
            self.lose(&rule.clause, "prohibition.bare", true, reason);
            return None;
        }
        let opposites: Option<Vec<Value>> = rule.constraints.iter().map(|one| self.opposite(one)).collect();
        let Some(opposites) = opposites else {
            self.lose(&rule.clause, "prohibition.inexpressible", true, "its opposite cannot be said as a constraint");
            return None;
        };
        let several = opposites.len() > 1;
        let negated = if several { json!({ "or": opposites }) } else { opposites.into_iter().next()? };
        Some(negated)
    }

    fn rest(&mut self, policy: &Policy) {
        for duty in &policy.obligations {
            self.lose(&duty.clause, "obligation.not-tracked", true, "EDC does not hold the parties to obligations");
        }
        for parent in &policy.parents {
            self.lose(&parent.clause, "parent.unread", true, "EDC does not read what a policy inherits");
        }
        let profiles: Vec<&str> = policy.profiles.iter().map(|profile| profile.id.as_str()).collect();
        if let Some(profile) = policy.profiles.first() {
            let reason = format!("EDC does not read profiles ({})", profiles.join(", "));
            self.lose(&profile.clause, "profile.unread", false, reason);
        }
        let mut operands: Vec<(&str, &str)> = Vec::new();
        let granting = policy.permissions.iter().chain(&policy.prohibitions);
        granting.flat_map(|rule| &rule.constraints).for_each(|one| operands_of(one, &mut operands));
        for (clause, operand) in operands {
            if operand != "edc:inForceDate" && !self.lost.iter().any(|lost| lost.reason.starts_with(operand)) {
                let reason =
                    format!("{operand} holds only where the peer registered a function for it; EDC drops it otherwise");
                self.lose(clause, "operand.unregistered", true, reason);
            }
        }
    }

    fn constraint(&mut self, constraint: &Constraint) -> Option<Value> {
        match constraint {
            Constraint::Atomic(atomic) => Some(self.atomic(atomic)),
            Constraint::Logical { clause, operator, parts, .. } => {
                let parts: Vec<Value> = parts.iter().filter_map(|part| self.constraint(part)).collect();
                if *operator == Logic::AndSequence {
                    let reason =
                        "EDC does not look at earlier calls, nor at the order in which constraints came to hold";
                    self.lose(clause, "sequence.unordered", true, reason);
                }
                let name = if *operator == Logic::AndSequence { "and" } else { operator.as_str() };
                Some(json!({ name: parts }))
            }
            Constraint::Elsewhere(Reference { clause, id }) => {
                self.lose(clause, "reference.unknown", true, format!("{id} is described nowhere in the policy"));
                None
            }
        }
    }

    fn atomic(&mut self, atomic: &Atomic) -> Value {
        let [_] = atomic.right.as_slice() else { return self.listed(atomic) };
        let operator = match (atomic.operator.as_str(), atomic.right.len()) {
            ("isAnyOf", 1) => "eq",
            ("isNoneOf", 1) => "neq",
            (operator, _) => operator,
        };
        written(atomic, operator, atomic.right.first())
    }

    /// A list of values as one comparison for each.
    fn listed(&mut self, atomic: &Atomic) -> Value {
        let each = |operator: &str| -> Vec<Value> {
            atomic.right.iter().map(|right| written(atomic, operator, Some(right))).collect()
        };
        match atomic.operator.as_str() {
            "isAnyOf" => json!({ "or": each("eq") }),
            "isNoneOf" => json!({ "and": each("neq") }),
            operator => {
                let reason = "EDC up to 0.15 cannot read a list of values in an agreement";
                self.lose(&atomic.clause, "list.unread", false, reason);
                let values: Vec<Value> = atomic.right.iter().map(value).collect();
                let (left, operator) = (left(atomic), operator.to_owned());
                json!({"leftOperand": left, "operator": operator, "rightOperand": values})
            }
        }
    }

    fn opposite(&mut self, constraint: &Constraint) -> Option<Value> {
        match constraint {
            Constraint::Atomic(atomic) => {
                let operator = Operator::parse(&atomic.operator)?.opposite()?;
                let turned = Atomic { operator: operator.as_str().to_owned(), ..(**atomic).clone() };
                Some(self.atomic(&turned))
            }
            Constraint::Logical { operator: Logic::And, parts, .. } => {
                let parts: Option<Vec<Value>> = parts.iter().map(|part| self.opposite(part)).collect();
                Some(json!({ "or": parts? }))
            }
            Constraint::Logical { operator: Logic::Or, parts, .. } => {
                let parts: Option<Vec<Value>> = parts.iter().map(|part| self.opposite(part)).collect();
                Some(json!({ "and": parts? }))
            }
            Constraint::Logical { .. } | Constraint::Elsewhere(_) => None,
        }
    }
}

/// Whether two permissions differ in nothing but their constraints.
fn about_the_same(one: &Rule, other: &Rule) -> bool {
    let names = |rule: &Rule| rule.actions.iter().map(|action| action.name.clone()).collect::<Vec<_>>();
    let ids = |parties: &[Party]| parties.iter().map(|party| party.ids.clone()).collect::<Vec<_>>();
    names(one).len() == 1
        && names(one) == names(other)
        && ids(&one.targets) == ids(&other.targets)
        && ids(&one.assignees) == ids(&other.assignees)
}

/// Whether a prohibition may be about what a permission is about; parties and assets that are named by both must meet.
fn may_concern(permission: &Rule, prohibition: &Rule) -> bool {
    let meets = |one: &[Party], other: &[Party]| {
        let plain = |parties: &[Party]| parties.iter().all(|party| !party.collection && party.ids.len() == 1);
        one.is_empty()
            || other.is_empty()
            || !plain(one)
            || !plain(other)
            || one.iter().any(|a| other.iter().any(|b| a.ids == b.ids))
    };
    meets(&permission.targets, &prohibition.targets) && meets(&permission.assignees, &prohibition.assignees)
}

fn parties(policy: &Policy) -> [(&'static str, Option<&String>); 3] {
    let first = |of: fn(&Rule) -> &Vec<Party>| {
        let party = policy.permissions.first().and_then(|rule| of(rule).first());
        party.and_then(|party| party.ids.first())
    };
    [
        ("target", first(|rule| &rule.targets)),
        ("assigner", first(|rule| &rule.assigners)),
        ("assignee", first(|rule| &rule.assignees)),
    ]
}

fn operands_of<'a>(constraint: &'a Constraint, found: &mut Vec<(&'a str, &'a str)>) {
    match constraint {
        Constraint::Atomic(atomic) => found.push((&atomic.clause, &atomic.left)),
        Constraint::Logical { parts, .. } => parts.iter().for_each(|part| operands_of(part, found)),
        Constraint::Elsewhere(_) => {}
    }
}

fn joined(constraints: &[Value]) -> Value {
    match constraints {
        [one] => one.clone(),
        several => json!({ "and": several }),
    }
}

fn written(atomic: &Atomic, operator: &str, right: Option<&Literal>) -> Value {
    let mut out = Map::new();
    out.insert("leftOperand".to_owned(), json!(left(atomic)));
    out.insert("operator".to_owned(), json!(operator));
    let key = if atomic.referenced { "rightOperandReference" } else { "rightOperand" };
    out.insert(key.to_owned(), right.map(value).unwrap_or_default());
    out.extend(atomic.unit.as_ref().map(|unit| ("unit".to_owned(), json!(unit))));
    Value::Object(out)
}

fn left(atomic: &Atomic) -> String {
    spelled(&atomic.left)
}

/// A term as ODRL's context has it, or its IRI.
fn spelled(name: &str) -> String {
    if name.contains(':') { iri(name) } else { name.to_owned() }
}

fn value(literal: &Literal) -> Value {
    match (&literal.iri, literal.datatype.as_deref()) {
        (Some(iri), _) => json!({ "@id": iri }),
        (None, Some(datatype)) if !datatype.contains(':') => {
            json!({"@value": literal.text, "@type": format!("http://www.w3.org/2001/XMLSchema#{datatype}")})
        }
        _ => json!(literal.text),
    }
}
