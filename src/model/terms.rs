//! The rules of offers and agreements as JSON: whether two say the same, and how one becomes the other.
//!
//! DSP 2025-1 lets an offer in a catalogue, a requested offer and an agreement differ in their frame (`@id`, `@type`, `target`,
//! `assigner`, `assignee`, `timestamp`), never in their rules.

use serde_json::{Map, Value, json};

use super::ids::{AgreementId, DatasetId, ParticipantId};
use super::time::Timestamp;

const FRAME: [&str; 8] = ["@context", "@type", "@id", "uid", "target", "assigner", "assignee", "timestamp"];
const RULE_LISTS: [&str; 4] = ["permission", "prohibition", "obligation", "constraint"];

/// Whether two policies have the same rules, whatever their frames say.
///
/// Tolerated as equal: a prefix `odrl:` on keys, one rule in place of a list of one, empty lists in place of none, and `target`,
/// `assigner` and `assignee` repeated on rules, and a list of values written as text, as EDC passes lists on
/// (`"[{\"@value\":\"a\"}]"`).
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

fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut out = Map::new();
            for (key, inner) in map {
                let key = key.strip_prefix("odrl:").unwrap_or(key);
                let inner = plain(inner);
                let empty = matches!(&inner, Value::Array(list) if list.is_empty());
                if FRAME.contains(&key) || empty {
                    continue;
                }
                let listed = RULE_LISTS.contains(&key) && !inner.is_array();
                out.insert(key.to_owned(), if listed { Value::Array(vec![inner]) } else { inner });
            }
            match (out.len(), map.get("@id"), map.get("@value")) {
                (0, Some(id), _) => plain(id),
                (_, _, Some(text)) => plain(text),
                _ => Value::Object(out),
            }
        }
        Value::Array(list) => Value::Array(list.iter().map(plain).collect()),
        Value::String(text) => match listed(text) {
            Some(list) => plain(&Value::Array(list)),
            None => Value::String(text.strip_prefix("odrl:").unwrap_or(text).to_owned()),
        },
        Value::Number(n) => Value::String(n.to_string()),
        other => other.clone(),
    }
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
