//! The protocol's error objects, and the reasons that peers give.

use serde_json::{Value, json};

use super::{NO_PID, frame, put_reasons};
use crate::model::ids::Pid;
use crate::model::message::Reasons;
use crate::model::process::ProcessKind;

/// Which of the three protocols an endpoint belongs to: each has its own error object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Catalog Protocol: `CatalogError`.
    Catalog,
    /// Contract Negotiation Protocol: `ContractNegotiationError`.
    Negotiation,
    /// Transfer Process Protocol: `TransferError`.
    Transfer,
}

impl From<ProcessKind> for Family {
    fn from(kind: ProcessKind) -> Self {
        match kind {
            ProcessKind::Negotiation => Self::Negotiation,
            ProcessKind::Transfer => Self::Transfer,
        }
    }
}

/// The error object; negotiations and transfers must name both pids, so [`NO_PID`] stands where there is none.
#[must_use]
pub fn error_to_json(family: Family, (consumer, provider): (Option<&Pid>, Option<&Pid>), reasons: &Reasons) -> Value {
    let mut body = frame(match family {
        Family::Catalog => "CatalogError",
        Family::Negotiation => "ContractNegotiationError",
        Family::Transfer => "TransferError",
    });
    if family != Family::Catalog {
        body.insert("consumerPid".to_owned(), json!(consumer.map_or(NO_PID, Pid::as_str)));
        body.insert("providerPid".to_owned(), json!(provider.map_or(NO_PID, Pid::as_str)));
    }
    put_reasons(&mut body, reasons);
    Value::Object(body)
}

/// How many reasons of a peer are kept, and how many characters of each.
const KEPT: (usize, usize) = (16, 2000);

/// `code` and `reason` of a message or error object, whatever JSON they are.
#[must_use]
pub fn reasons_from_json(body: &Value) -> Reasons {
    let code = body.get("code").filter(|c| !c.is_null()).map(text);
    let reason = match body.get("reason") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().take(KEPT.0).map(text).collect(),
        Some(one) => vec![text(one)],
    };
    Reasons { code, reason }
}

fn text(value: &Value) -> String {
    let inner = match value {
        Value::Object(map) if map.len() == 1 => map.get("@value").or_else(|| map.get("message")).unwrap_or(value),
        other => other,
    };
    let text = inner.as_str().map_or_else(|| inner.to_string(), str::to_owned);
    if text.len() <= KEPT.1 { text } else { text.chars().take(KEPT.1).collect() }
}
