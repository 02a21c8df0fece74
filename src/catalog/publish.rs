//! Policies on their way into offers: refused when they cannot be evaluated, written as DSP 2025-1 wants them.

use serde_json::{Map, Value, json};

use crate::policy::{Compiled, Invalid, Policy, Registry, compile};

/// What an offer gives its own value to, so that a policy's does not count.
const FRAME: [&str; 10] =
    ["@context", "@type", "@id", "type", "id", "uid", "target", "assigner", "assignee", "timestamp"];

/// Properties that DSP 2025-1 has as lists always.
const LISTS: [&str; 11] = [
    "permission",
    "prohibition",
    "obligation",
    "constraint",
    "duty",
    "refinement",
    "remedy",
    "consequence",
    "and",
    "or",
    "xone",
];

/// A policy that offers may name.
#[derive(Debug)]
pub(super) struct PublishedPolicy {
    /// As the operator wrote it.
    pub(super) source: Value,
    /// Its rules as they go over the wire, without a frame.
    rules: Map<String, Value>,
    /// Compiled from those rules.
    pub(super) compiled: Compiled,
    /// Whether a rule names a target, so that the decision differs between datasets.
    pub(super) targeted: bool,
}

impl PublishedPolicy {
    /// Reads, checks and compiles a policy of any type.
    pub(super) fn publish(policy: &Value, registry: &Registry) -> Result<Self, Vec<Invalid>> {
        let mut source = policy.clone();
        if let Some(map) = source.as_object_mut() {
            // An agreement's parties and an offer's target come with the frame; only the rules are asked for here.
            map.retain(|key, _| matches!(key.as_str(), "@context") || !FRAME.contains(&key.as_str()));
        }
        compile(&Policy::parse(&source)?, registry)?;
        let Value::Object(mut rules) = wire(&source) else { return Err(Vec::new()) };
        rules.remove("@context");
        let offer = framed(&rules, "urn:uuid:00000000-0000-0000-0000-000000000000");
        let compiled = compile(&Policy::parse(&offer)?, registry)?;
        let targeted = rules.values().any(names_target);
        Ok(Self { source: policy.clone(), rules, compiled, targeted })
    }

    /// The ODRL offer as it stands in a catalogue: no target, no assigner.
    pub(super) fn offer(&self, id: &str) -> Value {
        framed(&self.rules, id)
    }
}

fn framed(rules: &Map<String, Value>, id: &str) -> Value {
    let mut offer = Map::with_capacity(rules.len() + 2);
    offer.insert("@id".into(), json!(id));
    offer.insert("@type".into(), json!("Offer"));
    offer.extend(rules.iter().map(|(key, value)| (key.clone(), value.clone())));
    Value::Object(offer)
}

fn names_target(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, inner)| key == "target" || names_target(inner)),
        Value::Array(list) => list.iter().any(names_target),
        _ => false,
    }
}

/// The same policy with terms without the `odrl:` prefix, lists where DSP has lists, and no bare numbers as right operands.
fn wire(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.iter().map(|(key, inner)| {
                let key = bare(key);
                (key.to_owned(), property(key, inner))
            });
            Value::Object(entries.filter(|(_, inner)| inner.as_array().is_none_or(|list| !list.is_empty())).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(wire).collect()),
        other => other.clone(),
    }
}

fn property(name: &str, value: &Value) -> Value {
    match name {
        "@context" => value.clone(),
        "andSequence" => Value::Array(many(value)),
        name if LISTS.contains(&name) => Value::Array(many(value)),
        "action" | "leftOperand" | "operator" | "conflict" => term(value),
        "rightOperand" => operand(value),
        _ => wire(value),
    }
}

fn many(value: &Value) -> Vec<Value> {
    match value.get("@list").unwrap_or(value) {
        Value::Array(list) => list.iter().map(wire).collect(),
        one => vec![wire(one)],
    }
}

fn term(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(bare(text)),
        Value::Array(list) => match list.as_slice() {
            [one] => term(one),
            _ => Value::Array(list.iter().map(term).collect()),
        },
        Value::Object(map) if map.len() == 1 => match map.get("@id").or_else(|| map.get("@value")) {
            Some(inner) => term(inner),
            None => wire(value),
        },
        other => wire(other),
    }
}

fn operand(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) => json!(value.to_string()),
        Value::Array(list) => Value::Array(list.iter().map(operand).collect()),
        other => other.clone(),
    }
}

fn bare(term: &str) -> &str {
    term.strip_prefix("odrl:").unwrap_or(term)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer_of(policy: &Value) -> Value {
        PublishedPolicy::publish(policy, &Registry::built_in()).unwrap().offer("o1")
    }

    #[test]
    fn a_policy_is_written_as_dsp_wants_it() {
        let policy = json!({
            "@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "odrl:Agreement", "uid": "u", "target": "x",
            "odrl:permission": {"odrl:action": {"@id": "odrl:use"}, "constraint": {
                "leftOperand": {"@id": "odrl:count"}, "operator": {"@id": "odrl:lteq"}, "rightOperand": 3}},
            "prohibition": [],
        });
        let expected = json!({"@id": "o1", "@type": "Offer", "permission": [{"action": "use", "constraint": [
            {"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}]}]});
        assert_eq!(offer_of(&policy), expected);
        assert_eq!(offer_of(&expected), expected);
    }

    #[test]
    fn a_policy_that_cannot_be_evaluated_is_refused_with_the_place() {
        let policy = json!({"permission": [{"action": "use", "constraint": [
            {"leftOperand": "moonPhase", "operator": "eq", "rightOperand": "full"}]}]});
        let invalid = PublishedPolicy::publish(&policy, &Registry::built_in()).unwrap_err();
        assert!(invalid[0].clause.starts_with("/permission/0/constraint/0"), "{invalid:?}");
        assert!(PublishedPolicy::publish(&json!([]), &Registry::built_in()).is_err());
        assert!(PublishedPolicy::publish(&json!({}), &Registry::built_in()).is_err());
    }

    #[test]
    fn a_rule_with_a_target_makes_the_policy_a_targeted_one() {
        let targeted = |policy: &Value| PublishedPolicy::publish(policy, &Registry::built_in()).unwrap().targeted;
        assert!(!targeted(&json!({"target": "a", "permission": [{"action": "use"}]})));
        assert!(targeted(&json!({"permission": [{"action": "use", "target": "a"}]})));
    }
}
