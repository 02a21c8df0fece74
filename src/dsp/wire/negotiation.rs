//! Negotiation messages and the negotiation itself (DSP 2025-1, Contract Negotiation Protocol).

use serde_json::{Value, json};

use super::{Malformed, MessageType, callback, frame, pid, put_pids, put_reasons, reasons_from_json, take};
use crate::model::message::{NegotiationBody, NegotiationMessage};

/// A negotiation message from a body that [`super::read`] has checked as being of `message_type`.
///
/// # Errors
/// When the callback address is not usable, or the type is not one of a negotiation.
pub fn negotiation_from_json(message_type: MessageType, mut body: Value) -> Result<NegotiationMessage, Malformed> {
    let (consumer_pid, provider_pid) = (pid(&body, "consumerPid"), pid(&body, "providerPid"));
    let body = match message_type {
        MessageType::ContractRequest => {
            NegotiationBody::Request { callback: callback(&body)?, offer: take(&mut body, "offer") }
        }
        MessageType::ContractOffer => {
            NegotiationBody::Offer { callback: callback(&body)?, offer: take(&mut body, "offer") }
        }
        MessageType::ContractAgreement => NegotiationBody::Agreement { agreement: take(&mut body, "agreement") },
        MessageType::ContractVerification => NegotiationBody::Verification,
        MessageType::ContractEvent => match body.get("eventType").and_then(Value::as_str) {
            Some("ACCEPTED") => NegotiationBody::Accepted,
            _ => NegotiationBody::Finalized,
        },
        MessageType::ContractTermination => NegotiationBody::Termination(reasons_from_json(&body)),
        _ => return Err(Malformed::new("message.wrong-type", "this is no message of a negotiation")),
    };
    Ok(NegotiationMessage { consumer_pid, provider_pid, body })
}

/// A negotiation message as it goes over the wire.
#[must_use]
pub fn negotiation_to_json(message: &NegotiationMessage) -> Value {
    let mut map = frame(message_type(&message.body).as_str());
    put_pids(&mut map, message.consumer_pid.as_ref(), message.provider_pid.as_ref());
    match &message.body {
        NegotiationBody::Request { offer, callback } => {
            put_offer(&mut map, offer, callback.as_deref(), "providerPid");
        }
        NegotiationBody::Offer { offer, callback } => put_offer(&mut map, offer, callback.as_deref(), "consumerPid"),
        NegotiationBody::Accepted => {
            map.insert("eventType".to_owned(), json!("ACCEPTED"));
        }
        NegotiationBody::Finalized => {
            map.insert("eventType".to_owned(), json!("FINALIZED"));
        }
        NegotiationBody::Agreement { agreement } => {
            map.insert("agreement".to_owned(), agreement.clone());
        }
        NegotiationBody::Verification => {}
        NegotiationBody::Termination(reasons) => put_reasons(&mut map, reasons),
    }
    Value::Object(map)
}

/// An offer with the callback address or the other side's pid: exactly one of them.
fn put_offer(map: &mut serde_json::Map<String, Value>, offer: &Value, callback: Option<&str>, other_pid: &str) {
    map.insert("offer".to_owned(), offer.clone());
    if let Some(address) = callback {
        map.insert("callbackAddress".to_owned(), json!(address));
        map.remove(other_pid);
    }
}

const fn message_type(body: &NegotiationBody) -> MessageType {
    match body {
        NegotiationBody::Request { .. } => MessageType::ContractRequest,
        NegotiationBody::Offer { .. } => MessageType::ContractOffer,
        NegotiationBody::Agreement { .. } => MessageType::ContractAgreement,
        NegotiationBody::Verification => MessageType::ContractVerification,
        NegotiationBody::Accepted | NegotiationBody::Finalized => MessageType::ContractEvent,
        NegotiationBody::Termination(_) => MessageType::ContractTermination,
    }
}
