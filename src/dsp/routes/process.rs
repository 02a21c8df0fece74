//! Negotiations and transfers: messages taken in, states shown.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::Value;

use super::answer::{Refusal, json};
use super::{DspState, Visit};
use crate::dsp::wire::{MessageType, negotiation_from_json, process_to_json, read as read_message, transfer_from_json};
use crate::engine::{EngineError, Inbound};
use crate::model::ids::Pid;
use crate::model::process::{Process, ProcessKind};
use crate::net::body;

/// The state of a process, for its counterparty.
pub(super) async fn show(
    state: &DspState,
    visit: &Visit<'_>,
    kind: ProcessKind,
    pid: &Pid,
) -> Result<Response, Refusal> {
    let shown = state.engine.show(kind, &visit.participant.id, &visit.caller.participant_id, pid).await;
    let process = shown.map_err(|e| Refusal::from(e).about(Some(pid), Some(pid)))?;
    Ok(json(StatusCode::OK, &process_to_json(&process)))
}

/// Takes in a message: 201 with the new process for a first one, 200 without a body for those that follow.
pub(super) async fn receive(
    state: &DspState,
    visit: &Visit<'_>,
    kind: ProcessKind,
    pid: Option<Pid>,
    expected: MessageType,
    request: Request,
) -> Result<Response, Refusal> {
    let named = |refusal: Refusal| refusal.about(pid.as_ref(), pid.as_ref());
    let bytes = json_body(state, request).await.map_err(named)?;
    let message = read_message(&bytes, expected).map_err(|e| named(e.into()))?;
    check_opening(&message, pid.as_ref(), expected)?;

    let first = pid.is_none();
    let said = (pid_in(&message, "consumerPid"), pid_in(&message, "providerPid"));
    let taken = match kind {
        ProcessKind::Negotiation => {
            let message = negotiation_from_json(expected, message)?;
            state.engine.receive_negotiation(inbound(visit, pid, message)).await
        }
        ProcessKind::Transfer => {
            let message = transfer_from_json(expected, &message)?;
            state.engine.receive_transfer(inbound(visit, pid, message)).await
        }
    };
    answer(taken, first).map_err(|refusal| refusal.about(said.0.as_ref(), said.1.as_ref()))
}

fn answer(taken: Result<Process, EngineError>, first: bool) -> Result<Response, Refusal> {
    let process = taken?;
    if first { Ok(json(StatusCode::CREATED, &process_to_json(&process))) } else { Ok(StatusCode::OK.into_response()) }
}

/// A first message names a callback address, one that follows the pid of the process.
fn check_opening(message: &Value, pid: Option<&Pid>, expected: MessageType) -> Result<(), Refusal> {
    let opens = matches!(expected, MessageType::ContractRequest | MessageType::ContractOffer);
    let has_callback = message.get("callbackAddress").is_some();
    if opens && has_callback != pid.is_none() {
        let sentence = if pid.is_none() {
            "a message that begins a negotiation needs a callbackAddress, not the other side's pid"
        } else {
            "a message about a known negotiation names both pids and no callbackAddress"
        };
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, "message.invalid", sentence);
        return Err(refusal.about(pid_in(message, "consumerPid").as_ref(), pid_in(message, "providerPid").as_ref()));
    }
    Ok(())
}

/// The body of a request that must be JSON.
pub(super) async fn json_body(state: &DspState, request: Request) -> Result<Bytes, Refusal> {
    let (parts, content) = request.into_parts();
    let encoded = parts.headers.get(header::CONTENT_ENCODING).is_some_and(|v| v != "identity");
    if encoded || !body::is_json(&parts.headers) {
        body::discard(&parts.headers, content).await;
        let sentence = "messages are sent as application/json, without a content encoding";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "message.media-type", sentence));
    }
    Ok(body::read(&parts.headers, content, state.limits).await?)
}

fn inbound<M>(visit: &Visit<'_>, pid: Option<Pid>, message: M) -> Inbound<M> {
    Inbound {
        participant: visit.participant.id.clone(),
        caller: visit.caller.participant_id.clone(),
        pid,
        message,
        trace: Some(visit.trace.child().to_string()),
    }
}

fn pid_in(message: &Value, name: &str) -> Option<Pid> {
    message.get(name).and_then(Value::as_str).map(Pid::from)
}
