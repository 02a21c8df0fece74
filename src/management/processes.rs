//! Negotiations and transfers.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::PageQuery;
use super::peers::speaker;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use super::traced::Carried;
use super::{ManagementState, answers};
use crate::engine;
use crate::model::ids::{AgreementId, ParticipantId, Pid};
use crate::model::message::Reasons;
use crate::model::negotiation::{NegotiationEvent, Role};
use crate::model::process::{Process, ProcessKind};
use crate::model::transfer::TransferEvent;
use crate::net::trace::Traceparent;

/// The longest wait for a state.
const LONGEST_WAIT: u64 = 60;

/// Starts a negotiation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NegotiationRequest {
    /// Which of our participants speaks; may be left out when there is only one.
    participant: Option<ParticipantId>,
    /// `consumer` (the default) requests, `provider` offers.
    role: Option<Role>,
    /// The peer's participant id.
    counterparty: ParticipantId,
    /// The peer's versioned DSP base URL.
    address: String,
    /// The ODRL offer as found in the catalogue, with `target`.
    offer: Value,
}

/// Starts a transfer as consumer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TransferRequest {
    /// The agreement, kept here as consumer.
    agreement_id: AgreementId,
    /// The format, `HttpData-PULL` when absent.
    format: Option<String>,
    /// The provider's DSP base; that of the negotiation when absent.
    address: Option<String>,
    /// Which of our participants asks; must be the agreement's, when said.
    participant: Option<ParticipantId>,
    /// The provider; must be the agreement's, when said.
    counterparty: Option<ParticipantId>,
}

/// A step by hand.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Action {
    /// `offer`, `counter`, `accept`, `agree`, `verify`, `finalize`, `terminate`; `start`, `suspend`, `complete`, `terminate`.
    action: String,
    /// For `offer` and `counter`: the offer, if not the one on the table.
    offer: Option<Value>,
    /// For `suspend` and `terminate`: a code.
    code: Option<String>,
    /// For `suspend` and `terminate`: a sentence.
    reason: Option<String>,
}

/// Waiting for a state.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wait {
    /// States, separated by commas; a final one ends the wait too.
    wait_state: Option<String>,
    /// At most so long; 30 when absent, never more than 60.
    wait_seconds: Option<u64>,
}

type Created = (StatusCode, Json<Value>);

pub(super) async fn negotiate(
    State(state): State<ManagementState>,
    Carried(trace): Carried,
    Body(request): Body<NegotiationRequest>,
) -> ApiResult<Created> {
    let role = request.role.unwrap_or(Role::Consumer);
    let request = engine::NegotiationRequest {
        participant: speaker(&state, request.participant)?,
        counterparty: request.counterparty,
        address: request.address,
        offer: request.offer,
        trace,
    };
    let process = match role {
        Role::Consumer => state.engine.request_negotiation(request).await?,
        Role::Provider => state.engine.offer_negotiation(request).await?,
    };
    Ok((StatusCode::CREATED, Json(to_json(&process))))
}

pub(super) async fn transfer(
    State(state): State<ManagementState>,
    Carried(trace): Carried,
    Body(request): Body<TransferRequest>,
) -> ApiResult<Created> {
    let agreement = state.store.agreement_as_consumer(&request.agreement_id).await?;
    let agreement = agreement.ok_or_else(|| ApiError::not_found("agreement"))?;
    let fits = request.counterparty.is_none_or(|c| c == agreement.counterparty)
        && (request.participant.is_none() || speaker(&state, request.participant)? == agreement.participant);
    if !fits {
        return Err(ApiError::bad("agreement.other-parties", "the agreement is between other parties than said"));
    }
    let process = state
        .engine
        .request_transfer(engine::TransferRequest {
            agreement: request.agreement_id,
            format: request.format.unwrap_or_else(|| "HttpData-PULL".to_owned()),
            address: request.address,
            trace,
        })
        .await?;
    Ok((StatusCode::CREATED, Json(to_json(&process))))
}

pub(super) async fn negotiations(
    State(state): State<ManagementState>,
    Parameters(page): Parameters<PageQuery>,
) -> ApiResult<Json<Value>> {
    list(&state, ProcessKind::Negotiation, &page).await
}

pub(super) async fn transfers(
    State(state): State<ManagementState>,
    Parameters(page): Parameters<PageQuery>,
) -> ApiResult<Json<Value>> {
    list(&state, ProcessKind::Transfer, &page).await
}

async fn list(state: &ManagementState, kind: ProcessKind, page: &PageQuery) -> ApiResult<Json<Value>> {
    let after = page.after().map(Pid::from);
    let found = state.store.processes(kind, after.as_ref(), page.fetch()).await?;
    Ok(Json(page.cut(found, |p| p.pid.to_string(), to_json)))
}

pub(super) async fn negotiation(
    State(state): State<ManagementState>,
    Path(pid): Path<String>,
    Parameters(wait): Parameters<Wait>,
) -> ApiResult<Json<Value>> {
    show(&state, ProcessKind::Negotiation, &pid.into(), wait).await
}

pub(super) async fn one_transfer(
    State(state): State<ManagementState>,
    Path(pid): Path<String>,
    Parameters(wait): Parameters<Wait>,
) -> ApiResult<Json<Value>> {
    show(&state, ProcessKind::Transfer, &pid.into(), wait).await
}

async fn show(state: &ManagementState, kind: ProcessKind, pid: &Pid, wait: Wait) -> ApiResult<Json<Value>> {
    let process = find(state, kind, pid).await?;
    let process = match wait.wait_state {
        None => process,
        Some(states) => {
            let limit = Duration::from_secs(wait.wait_seconds.unwrap_or(30).min(LONGEST_WAIT));
            let wanted = move |p: &Process| p.state.is_final() || states.split(',').any(|s| s == p.state.as_str());
            state.engine.wait(pid, limit, wanted).await?
        }
    };
    let history = state.store.history(pid).await?;
    Ok(Json(json!(answers::Process { history: Some(json!(history)), ..view(&process) })))
}

async fn find(state: &ManagementState, kind: ProcessKind, pid: &Pid) -> ApiResult<Process> {
    let found = state.store.process(pid).await?.filter(|p| p.kind() == kind);
    found.ok_or_else(|| ApiError::not_found(kind.as_str()))
}

pub(super) async fn act_in_negotiation(
    State(state): State<ManagementState>,
    Path(pid): Path<String>,
    Body(action): Body<Action>,
) -> ApiResult<Json<Value>> {
    let pid = Pid::from(pid);
    let process = find(&state, ProcessKind::Negotiation, &pid).await?;
    let name = match (action.action.as_str(), process.role) {
        ("counter", Role::Consumer) => "request",
        ("counter", Role::Provider) => "offer",
        (name, _) => name,
    };
    let event =
        NegotiationEvent::ALL.into_iter().find(|e| e.as_str() == name).ok_or_else(|| unknown(&action.action))?;
    let (offer, reasons) = (action.offer.clone(), reasons(&action));
    let process = state.engine.act(&pid, engine::Action::Negotiation { event, offer, reasons }).await?;
    Ok(Json(to_json(&process)))
}

pub(super) async fn act_in_transfer(
    State(state): State<ManagementState>,
    Path(pid): Path<String>,
    Body(action): Body<Action>,
) -> ApiResult<Json<Value>> {
    let pid = Pid::from(pid);
    find(&state, ProcessKind::Transfer, &pid).await?;
    let event =
        TransferEvent::ALL.into_iter().find(|e| e.as_str() == action.action).ok_or_else(|| unknown(&action.action))?;
    let process = state.engine.act(&pid, engine::Action::Transfer { event, reasons: reasons(&action) }).await?;
    Ok(Json(to_json(&process)))
}

pub(super) async fn endpoint(State(state): State<ManagementState>, Path(pid): Path<String>) -> ApiResult<Json<Value>> {
    let process = find(&state, ProcessKind::Transfer, &pid.into()).await?;
    let address = process.detail.data_address.as_ref().filter(|_| process.state.as_str() == "STARTED");
    let address = address.ok_or_else(|| {
        let sentence = format!("the transfer is {}; it has an endpoint once it is STARTED as consumer", process.state);
        ApiError::new(StatusCode::CONFLICT, "transfer.no-endpoint", sentence)
    })?;
    Ok(Json(json!({
        "endpoint": address.endpoint,
        "authorization": address.authorization,
        "authType": address.auth_type,
    })))
}

fn unknown(action: &str) -> ApiError {
    ApiError::bad("action.unknown", format!("{action} is not an action of such a process"))
}

fn reasons(action: &Action) -> Reasons {
    Reasons { code: action.code.clone(), reason: action.reason.clone().into_iter().collect() }
}

/// A process as the operator sees it in a list.
fn to_json(process: &Process) -> Value {
    json!(view(process))
}

fn view(process: &Process) -> answers::Process<'_> {
    let detail = &process.detail;
    answers::Process {
        pid: &process.pid,
        peer_pid: process.peer_pid.as_ref(),
        kind: process.kind().as_str(),
        role: process.role,
        state: process.state.as_str(),
        participant: &process.participant,
        counterparty: &process.counterparty,
        peer_address: &process.peer_address,
        dataset: &process.dataset,
        agreement_id: process.agreement.as_ref(),
        format: detail.format.as_deref(),
        offer: detail.offer.as_ref(),
        held: detail.held,
        objection: detail.objection.as_ref(),
        refusal: detail.refusal.as_ref(),
        reasons: detail.reasons.as_ref(),
        delivery_failure: process.delivery_failure.as_deref(),
        trace_id: detail.trace.as_deref().and_then(Traceparent::parse).map(Traceparent::trace_id),
        created: process.created,
        updated: process.updated,
        history: None,
    }
}
