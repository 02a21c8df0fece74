//! The project's own JSON Schemas, built into the program and compiled once.
//!
//! They say what is taken in from peers: the official schemas of the protocols, loosened where peers in the field are known to
//! differ, and tightened with limits. Nothing is fetched: every reference is to another built-in schema.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

const DOCUMENTS: [&str; 5] = [
    include_str!("../schemas/dsp/common.json"),
    include_str!("../schemas/dsp/policy.json"),
    include_str!("../schemas/dsp/catalog.json"),
    include_str!("../schemas/dsp/negotiation.json"),
    include_str!("../schemas/dsp/transfer.json"),
];

const DSP_MESSAGES: [(&str, &str); 12] = [
    ("CatalogRequestMessage", "catalog"),
    ("ContractRequestMessage", "negotiation"),
    ("ContractOfferMessage", "negotiation"),
    ("ContractAgreementMessage", "negotiation"),
    ("ContractAgreementVerificationMessage", "negotiation"),
    ("ContractNegotiationEventMessage", "negotiation"),
    ("ContractNegotiationTerminationMessage", "negotiation"),
    ("TransferRequestMessage", "transfer"),
    ("TransferStartMessage", "transfer"),
    ("TransferCompletionMessage", "transfer"),
    ("TransferSuspensionMessage", "transfer"),
    ("TransferTerminationMessage", "transfer"),
];

/// What peers answer.
const DSP_ANSWERS: [(&str, &str); 4] = [
    ("Catalog", "catalog"),
    ("Dataset", "catalog"),
    ("ContractNegotiation", "negotiation"),
    ("TransferProcess", "transfer"),
];

/// The part of the policy document that offers are checked by.
const OFFER: &str = "offer";

/// How many violations are told at most.
const TOLD: usize = 5;

/// One way in which a document breaks its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer to the place (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// What is wrong there; values of the document are not repeated.
    pub sentence: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.pointer.is_empty() { "the message" } else { &self.pointer };
        write!(f, "{place}: {}", self.sentence)
    }
}

/// Checks a Dataspace Protocol 2025-1 message, or a peer's answer to one, against the schema of `message`, its `@type`.
///
/// # Errors
/// The first few violations, never an empty list; also when there is no schema of that name.
pub fn check_dsp(message: &str, body: &Value) -> Result<(), Vec<Violation>> {
    static COMPILED: LazyLock<Result<HashMap<&'static str, Validator>, String>> = LazyLock::new(compile_dsp);
    let broken = |sentence: String| Err(vec![Violation { pointer: String::new(), sentence }]);
    match COMPILED.as_ref().map(|validators| validators.get(message)) {
        Ok(Some(validator)) if validator.is_valid(body) => Ok(()),
        Ok(Some(validator)) => Err(validator.iter_errors(body).take(TOLD).map(|e| violation(&e)).collect()),
        Ok(None) => broken(format!("no schema for {message} is built in")),
        Err(error) => broken(format!("the built-in schemas do not compile: {error}")),
    }
}

/// Checks an offer as it stands in a catalogue or in a message.
///
/// # Errors
/// As [`check_dsp`].
pub fn check_offer(offer: &Value) -> Result<(), Vec<Violation>> {
    check_dsp(OFFER, offer)
}

fn violation(error: &jsonschema::ValidationError<'_>) -> Violation {
    Violation { pointer: error.instance_path().to_string(), sentence: error.masked_with("this").to_string() }
}

fn compile_dsp() -> Result<HashMap<&'static str, Validator>, String> {
    let mut builder = Registry::new().retriever(Nothing);
    for text in DOCUMENTS {
        let document: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let id = document.get("$id").and_then(Value::as_str).ok_or("a schema has no $id")?.to_owned();
        builder = builder.add(id, document).map_err(|e| e.to_string())?;
    }
    let registry = builder.prepare().map_err(|e| e.to_string())?;
    DSP_MESSAGES
        .iter()
        .chain(&DSP_ANSWERS)
        .chain(&[(OFFER, "policy")])
        .map(|(message, document)| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$ref": format!("urn:sliproad:schema:dsp:{document}#/$defs/{message}"),
            });
            let validator =
                jsonschema::options().offline().with_registry(&registry).build(&schema).map_err(|e| e.to_string())?;
            Ok((*message, validator))
        })
        .collect()
}

/// Fetches nothing.
struct Nothing;

impl jsonschema::Retrieve for Nothing {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync + 'static>> {
        Err(format!("{uri} is not built in").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_schema_compiles_and_refuses_an_empty_object() {
        for (message, _) in DSP_MESSAGES {
            let violations = check_dsp(message, &json!({})).unwrap_err();
            assert!(violations.iter().any(|v| v.sentence.contains("@context")), "{message}: {violations:?}");
        }
    }

    #[test]
    fn an_answer_that_is_of_another_kind_is_refused_and_what_peers_leave_out_is_not_missed() {
        for (answer, _) in DSP_ANSWERS {
            assert!(check_dsp(answer, &json!([])).is_err(), "{answer}");
            let odd = json!({"@type": answer, "@id": 1, "state": [], "dataset": "x"});
            assert!(check_dsp(answer, &odd).is_err(), "{answer}");
            assert_eq!(check_dsp(answer, &json!({"@type": answer, "@id": "a", "state": {"@id": "b"}})), Ok(()));
        }
    }

    #[test]
    fn a_violation_names_the_place_and_does_not_repeat_the_value() {
        let message = json!({"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
            "@type": "ContractAgreementVerificationMessage", "providerPid": {"secret": 1}, "consumerPid": "c"});
        let violations = check_dsp("ContractAgreementVerificationMessage", &message).unwrap_err();
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].pointer, "/providerPid");
        assert!(!violations[0].to_string().contains("secret"), "{}", violations[0]);
    }
}
