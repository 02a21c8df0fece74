//! Transfer messages (DSP 2025-1, Transfer Process Protocol), and what both kinds of process look like.

use serde_json::{Value, json};

use super::{
    Malformed, MessageType, NO_PID, callback, data_address_from_json, data_address_to_json, frame, pid, put_pids,
    put_reasons, reasons_from_json,
};
use crate::model::ids::{AgreementId, Pid};
use crate::model::message::{TransferBody, TransferMessage};
use crate::model::process::{Process, ProcessKind};

/// A transfer message from a body that [`super::read`] has checked as being of `message_type`.
///
/// # Errors
/// When the callback address is not usable, or the type is not one of a transfer.
pub fn transfer_from_json(message_type: MessageType, body: &Value) -> Result<TransferMessage, Malformed> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let content = match message_type {
        MessageType::TransferRequest => {
            let format = text("format");
            TransferBody::Request {
                agreement: AgreementId::from(text("agreementId")),
                callback: callback(body)?.unwrap_or_default(),
                // An address beside a pull format is meaningless, and some peers always send one.
                push: body.get("dataAddress").is_some() && !format.ends_with("-PULL"),
                format,
            }
        }
        MessageType::TransferStart => {
            TransferBody::Start { address: body.get("dataAddress").map(data_address_from_json) }
        }
        MessageType::TransferCompletion => TransferBody::Completion,
        MessageType::TransferSuspension => TransferBody::Suspension(reasons_from_json(body)),
        MessageType::TransferTermination => TransferBody::Termination(reasons_from_json(body)),
        _ => return Err(Malformed::new("message.wrong-type", "this is no message of a transfer")),
    };
    let (consumer_pid, provider_pid) = (pid(body, "consumerPid"), pid(body, "providerPid"));
    Ok(TransferMessage { consumer_pid, provider_pid, body: content })
}

/// A transfer message as it goes over the wire.
#[must_use]
pub fn transfer_to_json(message: &TransferMessage) -> Value {
    let mut map = frame(message_type(&message.body).as_str());
    put_pids(&mut map, message.consumer_pid.as_ref(), message.provider_pid.as_ref());
    match &message.body {
        TransferBody::Request { agreement, format, callback, .. } => {
            map.remove("providerPid");
            map.insert("agreementId".to_owned(), json!(agreement));
            map.insert("format".to_owned(), json!(format));
            map.insert("callbackAddress".to_owned(), json!(callback));
        }
        TransferBody::Start { address } => {
            if let Some(address) = address {
                map.insert("dataAddress".to_owned(), data_address_to_json(address));
            }
        }
        TransferBody::Completion => {}
        TransferBody::Suspension(reasons) | TransferBody::Termination(reasons) => put_reasons(&mut map, reasons),
    }
    Value::Object(map)
}

const fn message_type(body: &TransferBody) -> MessageType {
    match body {
        TransferBody::Request { .. } => MessageType::TransferRequest,
        TransferBody::Start { .. } => MessageType::TransferStart,
        TransferBody::Completion => MessageType::TransferCompletion,
        TransferBody::Suspension(_) => MessageType::TransferSuspension,
        TransferBody::Termination(_) => MessageType::TransferTermination,
    }
}

/// `ContractNegotiation` or `TransferProcess`: both pids and the state.
#[must_use]
pub fn process_to_json(process: &Process) -> Value {
    let mut map = frame(match process.kind() {
        ProcessKind::Negotiation => "ContractNegotiation",
        ProcessKind::Transfer => "TransferProcess",
    });
    map.insert("consumerPid".to_owned(), json!(process.consumer_pid().map_or(NO_PID, Pid::as_str)));
    map.insert("providerPid".to_owned(), json!(process.provider_pid().map_or(NO_PID, Pid::as_str)));
    map.insert("state".to_owned(), json!(process.state.as_str()));
    Value::Object(map)
}
