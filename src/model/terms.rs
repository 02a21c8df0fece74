//! The rules of offers and agreements as JSON: whether two say the same, and how one becomes the other.
//!
//! DSP 2025-1 lets an offer in a catalogue, a requested offer and an agreement differ in their frame (`@id`, `@type`, `target`,
//! `assigner`, `assignee`, `timestamp`), never in their rules.

use serde_json::{Map, Value, json};

use super::ids::{AgreementId, DatasetId, ParticipantId};
use super::time::Timestamp;

/// What a policy says of itself rather than of what is allowed.
const FRAME: [&str; 8] = ["@context", "@type", "@id", "uid", "target", "assigner", "assignee", "timestamp"];
const NAMES: [&str; 3] = ["@type", "@id", "uid"];
const PARTIES_AND_TARGET: [&str; 3] = ["target", "assigner", "assignee"];
const RULES: [&str; 6] = ["permission", "prohibition", "obligation", "duty", "remedy", "consequence"];
const CONSTRAINTS: [&str; 6] = ["constraint", "refinement", "and", "or", "xone", "andSequence"];

/// Whether two policies have the same rules, whatever their frames say.
///
/// Tolerated as equal: a prefix `odrl:` on keys and words, one rule in place of a list of one, empty lists in place of none, names of
/// rules and constraints, `target`, `assigner` and `assignee` of the policy repeated on its rules, and a list of values written as
/// text, as EDC passes lists on (`"[{\"@value\":\"a\"}]"`). Whoever holds rules of their own to be the same goes on with their own.
#[must_use]
pub fn same_rules(one: &Value, other: &Value) -> bool {
    plain(one) == plain(other)
}

/// The agreement that accepting `offer` makes: its rules unchanged in a new frame; an `assigner` in the offer is kept.
#[must_use]
pub fn agreement_from_offer(
    offer: &Value,
    id: &AgreementId,
    target: &DatasetId,
    (assigner, assignee): (&ParticipantId, &ParticipantId),
    signed: Timestamp,
) -> Value {
    let mut agreement: Map<String, Value> = offer.as_object().cloned().unwrap_or_default();
    agreement.remove("@context");
    agreement.insert("@id".into(), json!(id));
    agreement.insert("@type".into(), json!("Agreement"));
    agreement.insert("target".into(), json!(target));
    agreement.entry("assigner").or_insert_with(|| json!(assigner));
    agreement.insert("assignee".into(), json!(assignee));
    agreement.insert("timestamp".into(), json!(signed));
    Value::Object(agreement)
}

/// The text of a property that may be a string or an object with `@id`.
#[must_use]
pub fn iri<'a>(policy: &'a Value, property: &str) -> Option<&'a str> {
    match policy.get(property)? {
        Value::String(text) => Some(text),
        Value::Object(o) => o.get("@id")?.as_str(),
        _ => None,
    }
}

/// A policy without its frame, every tolerated difference evened out.
fn plain(policy: &Value) -> Value {
    let Value::Object(map) = policy else { return policy.clone() };
    let own: Vec<(&str, &str)> =
        PARTIES_AND_TARGET.into_iter().filter_map(|name| Some((name, iri(policy, name)?))).collect();
    let rest = map.iter().filter(|(key, _)| !FRAME.contains(&bare(key)));
    Value::Object(rest.filter_map(|(key, inner)| entry(key, inner, &own)).collect())
}

/// A rule without names, and without what only repeats the policy's `own` target and parties.
fn rule(value: &Value, own: &[(&str, &str)]) -> Value {
    let Value::Object(map) = value else { return word(value) };
    let repeats = |key: &str| own.iter().any(|(name, id)| *name == bare(key) && iri(value, key) == Some(id));
    let rest = map.iter().filter(|(key, _)| !NAMES.contains(&bare(key)) && !repeats(key));
    Value::Object(rest.filter_map(|(key, inner)| entry(key, inner, own)).collect())
}

fn constraint(value: &Value) -> Value {
    let Value::Object(map) = value else { return word(value) };
    let rest = map.iter().filter(|(key, _)| !NAMES.contains(&bare(key)));
    Value::Object(rest.filter_map(|(key, inner)| entry(key, inner, &[])).collect())
}

/// One property; `None` for a list of nothing.
fn entry(key: &str, inner: &Value, own: &[(&str, &str)]) -> Option<(String, Value)> {
    let key = bare(key);
    let list = inner.get("@list").filter(|_| inner.as_object().is_some_and(|map| map.len() == 1)).unwrap_or(inner);
    let all = list.as_array().map_or(std::slice::from_ref(list), Vec::as_slice);
    let value = if RULES.contains(&key) {
        Value::Array(all.iter().map(|one| rule(one, own)).collect())
    } else if CONSTRAINTS.contains(&key) {
        Value::Array(all.iter().map(constraint).collect())
    } else if key == "rightOperand" {
        right_operand(inner)
    } else {
        word(inner)
    };
    let nothing = value.as_array().is_some_and(Vec::is_empty);
    (!nothing).then(|| (key.to_owned(), value))
}

fn right_operand(value: &Value) -> Value {
    match value.as_str().and_then(listed) {
        Some(list) => word(&Value::Array(list)),
        None => word(value),
    }
}

/// A value, whichever way JSON-LD writes it; an object that says more than a value stays as it is.
fn word(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let only = |keys: &[&str]| map.keys().all(|key| keys.contains(&key.as_str()));
            match (map.get("@id"), map.get("@value")) {
                (Some(id), None) if only(&["@id"]) => word(id),
                (None, Some(text)) if only(&["@value", "@type", "@language"]) => word(text),
                _ => Value::Object(map.iter().filter_map(|(key, inner)| entry(key, inner, &[])).collect()),
            }
        }
        Value::Array(list) => Value::Array(list.iter().map(word).collect()),
        Value::String(text) => Value::String(bare(text).to_owned()),
        Value::Number(n) => Value::String(n.to_string()),
        other => other.clone(),
    }
}

fn bare(term: &str) -> &str {
    term.strip_prefix("odrl:").unwrap_or(term)
}

/// The values of a JSON-LD list that was made into text.
fn listed(text: &str) -> Option<Vec<Value>> {
    let list: Vec<Value> = text.starts_with("[{").then(|| serde_json::from_str(text).ok())??;
    list.iter().all(|value| value.get("@value").is_some() || value.get("@id").is_some()).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_edc_made_text_of_is_the_list() {
        let with = |right: Value| {
            json!({"permission": [{"action": "use", "constraint": [
                {"leftOperand": "xroad:datapath", "operator": "isAnyOf", "rightOperand": right}]}]})
        };
        let ours = with(json!(["GET /parcels", "GET /parcels/**"]));
        let recorded = r#"[{"@value":"GET /parcels"},{"@value":"GET /parcels/**"}]"#;
        assert!(same_rules(&ours, &with(json!(recorded))));
        let more = r#"[{"@value":"GET /parcels"},{"@value":"GET /parcels/**"},{"@value":"GET /owners"}]"#;
        assert!(!same_rules(&ours, &with(json!(more))));
        assert!(!same_rules(&with(json!("[{}]")), &with(json!([{}]))), "other text stays text");
    }

    #[test]
    fn what_hides_other_rules_behind_ours_is_not_the_same() {
        let ours = json!({
            "target": "ds",
            "permission": [{"action": "use", "constraint": [
                {"leftOperand": "purpose", "operator": "isNoneOf", "rightOperand": ["urn:marketing"]}]}],
            "prohibition": [{"action": "use", "constraint": [
                {"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": "GET /owners"}]}],
        });
        let with = |pointer: &str, value: Value| {
            let mut theirs = ours.clone();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            theirs.pointer_mut(parent).unwrap()[key] = value;
            theirs
        };
        let rule = ours["permission"][0].clone();
        for (theirs, what) in [
            (with("/permission", json!([{"@value": rule, "action": "use"}])), "a value beside an action"),
            (with("/permission", json!([{"@value": rule}])), "a rule as a value"),
            (with("/prohibition/0/target", json!("urn:nothing")), "another target on a prohibition"),
            (with("/prohibition/0/assignee", json!("did:web:nobody")), "a party on a prohibition"),
            (with("/permission/0/action", json!({"@id": "use", "refinement": []})), "an action that says more"),
            (
                with("/prohibition/0/constraint/0/rightOperand", json!({"@id": "GET /owners", "@value": "x"})),
                "two values",
            ),
            (with("/permission/0/constraint/0/rightOperandReference", json!("urn:x")), "a reference"),
        ] {
            assert!(!same_rules(&ours, &theirs), "{what}: {theirs}");
        }
        assert!(same_rules(&ours, &with("/prohibition/0/target", json!("ds"))), "its own target");
        let other_action = |id: &str| {
            json!({"permission": [{"action": {"@id": id, "refinement": [
            {"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}]}}]})
        };
        assert!(!same_rules(&other_action("odrl:use"), &other_action("odrl:read")));
    }

    #[test]
    fn the_frame_does_not_matter_and_the_rules_do() {
        let ours = json!({"@id": "a", "@type": "Offer", "permission": [{"action": "use"}]});
        let theirs = json!({"@id": "b", "target": "x", "odrl:permission": {"action": "odrl:use", "constraint": []},
                            "prohibition": []});
        assert!(same_rules(&ours, &theirs));
        let stricter = json!({"permission": [{"action": "use", "constraint": [
            {"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}]}]});
        assert!(!same_rules(&ours, &stricter));
        let more = json!({"permission": [{"action": "use"}], "prohibition": [{"action": "distribute"}]});
        assert!(!same_rules(&ours, &more));
    }

    #[test]
    fn a_value_as_an_object_is_the_value() {
        let one = json!({"permission": [{"constraint": [{"leftOperand": {"@id": "odrl:count"}, "rightOperand": 3}]}]});
        let two = json!({"permission": [{"constraint": [{"leftOperand": "count", "rightOperand": {"@value": "3"}}]}]});
        assert!(same_rules(&one, &two));
    }

    #[test]
    fn an_agreement_keeps_the_offers_rules_and_assigner() {
        let offer = json!({"@id": "o", "@type": "Offer", "assigner": "did:web:p", "target": "old",
                           "permission": [{"action": "use"}]});
        let agreement = agreement_from_offer(
            &offer,
            &"a1".into(),
            &"ds".into(),
            (&"did:web:other".into(), &"did:web:c".into()),
            Timestamp::from_millis(0),
        );
        assert!(same_rules(&offer, &agreement));
        assert_eq!(agreement["assigner"], "did:web:p");
        assert_eq!(agreement["assignee"], "did:web:c");
        assert_eq!(agreement["target"], "ds");
        assert_eq!(agreement["timestamp"], "1970-01-01T00:00:00.000Z");
    }
}
