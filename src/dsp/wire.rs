//! The JSON of the protocol (DSP 2025-1, normative JSON Schemas): read with the tolerances that peers in the field need, written
//! to the letter.

use serde_json::{Map, Value, json};

use crate::model::ids::Pid;
use crate::model::json::{DEPTH, parse};
use crate::model::message::Reasons;
use crate::schemas::check_dsp;

mod address;
mod errors;
mod messages;
mod negotiation;
#[cfg(test)]
mod tests;
mod transfer;
mod version;

pub use address::{RAW_TOKEN, data_address_from_json, data_address_to_json};
pub use errors::{Family, error_to_json, reasons_from_json};
pub use messages::MessageType;
pub use negotiation::{negotiation_from_json, negotiation_to_json};
pub use transfer::{process_to_json, transfer_from_json, transfer_to_json};
pub use version::{VERSION_PATH, version_document};

/// The protocol's JSON-LD context; the only one we ever write.
pub const CONTEXT: &str = "https://w3id.org/dspace/2025/1/context.jsonld";

/// The protocol version.
pub const VERSION: &str = "2025-1";

/// Path of the versioned base below a participant's base.
pub const BASE_PATH: &str = "/dsp/2025-1";

/// Stands for a process id where the protocol demands one and there is none.
pub const NO_PID: &str = "urn:uuid:00000000-0000-0000-0000-000000000000";

/// Why a body was not taken as a message (HTTP 400).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Malformed {
    /// Stable code, such as `message.no-context`.
    pub code: &'static str,
    /// What is wrong, and where.
    pub sentence: String,
    /// `consumerPid`, as far as it could be read.
    pub consumer_pid: Option<Pid>,
    /// `providerPid`, as far as it could be read.
    pub provider_pid: Option<Pid>,
}

impl Malformed {
    pub(crate) fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), consumer_pid: None, provider_pid: None }
    }

    fn about(mut self, body: &Value) -> Self {
        let pid = |name| body.get(name).and_then(Value::as_str).map(Pid::from);
        self.consumer_pid = pid("consumerPid");
        self.provider_pid = pid("providerPid");
        self
    }

    /// As the protocol's code and reason.
    #[must_use]
    pub fn reasons(&self) -> Reasons {
        Reasons::new(self.code, self.sentence.clone())
    }
}

/// Reads a body as a message of the expected type: bounded, parsed, and checked against our schema.
///
/// # Errors
/// [`Malformed`].
pub fn read(body: &[u8], expected: MessageType) -> Result<Value, Malformed> {
    let value = parse(body, DEPTH).map_err(|e| Malformed::new("message.not-json", e.to_string()))?;
    if !value.is_object() {
        return Err(Malformed::new("message.not-json", "a message is a JSON object"));
    }
    if value.get("@context").is_none() {
        let sentence = format!("the message has no @context; it must be [\"{CONTEXT}\"]");
        return Err(Malformed::new("message.no-context", sentence).about(&value));
    }
    match value.get("@type").and_then(Value::as_str) {
        Some(given) if given == expected.as_str() => {}
        Some(given) => {
            let shown: String = given.chars().take(80).collect();
            let sentence = format!("this endpoint takes a {}, not a {shown}", expected.as_str());
            return Err(Malformed::new("message.wrong-type", sentence).about(&value));
        }
        None => {
            let sentence = format!("the message has no @type; it must be \"{}\"", expected.as_str());
            return Err(Malformed::new("message.wrong-type", sentence).about(&value));
        }
    }
    check_dsp(expected.as_str(), &value).map_err(|violations| {
        let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
        Malformed::new("message.invalid", list.join("; ")).about(&value)
    })?;
    Ok(value)
}

/// A message or answer: context and type, to be filled.
fn frame(message_type: &str) -> Map<String, Value> {
    Map::from_iter([("@context".to_owned(), json!([CONTEXT])), ("@type".to_owned(), json!(message_type))])
}

fn put_pids(map: &mut Map<String, Value>, consumer: Option<&Pid>, provider: Option<&Pid>) {
    if let Some(pid) = consumer {
        map.insert("consumerPid".to_owned(), json!(pid));
    }
    if let Some(pid) = provider {
        map.insert("providerPid".to_owned(), json!(pid));
    }
}

fn put_reasons(map: &mut Map<String, Value>, reasons: &Reasons) {
    if let Some(code) = &reasons.code {
        map.insert("code".to_owned(), json!(code));
    }
    if !reasons.reason.is_empty() {
        map.insert("reason".to_owned(), json!(reasons.reason));
    }
}

fn pid(body: &Value, name: &str) -> Option<Pid> {
    body.get(name).and_then(Value::as_str).map(Pid::from)
}

fn take(body: &mut Value, name: &str) -> Value {
    body.get_mut(name).map(Value::take).unwrap_or_default()
}

/// A callback address: an absolute http or https URL without query, fragment and credentials; trailing slashes are dropped.
fn callback(body: &Value) -> Result<Option<String>, Malformed> {
    let Some(text) = body.get("callbackAddress").and_then(Value::as_str) else { return Ok(None) };
    let understood = url::Url::parse(text).is_ok_and(|u| {
        matches!(u.scheme(), "http" | "https")
            && u.host().is_some()
            && u.query().is_none()
            && u.fragment().is_none()
            && u.username().is_empty()
            && u.password().is_none()
    });
    if understood {
        return Ok(Some(text.trim_end_matches('/').to_owned()));
    }
    let sentence = "callbackAddress must be an absolute https URL without query, fragment or user name";
    Err(Malformed::new("message.callback", sentence).about(body))
}
