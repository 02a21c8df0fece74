//! Stop-gap management API.
#![allow(missing_docs)]
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Rooms;
use crate::engine::{Action, EngineError, NegotiationRequest, TransferRequest};
use crate::model::ids::{ParticipantId, Pid};
use crate::model::message::Reasons;
use crate::model::negotiation::NegotiationEvent;
use crate::model::process::{Process, ProcessKind};
use crate::model::transfer::TransferEvent;

#[derive(Clone)]
struct S {
    rooms: Rooms,
    key: String,
    ready: CancellationToken,
}

pub(super) fn router(rooms: &Rooms, key: String, ready: &CancellationToken) -> Router {
    let s = S { rooms: rooms.clone(), key, ready: ready.clone() };
    let api = Router::new()
        .route("/api/v1/catalog/request", post(catalog))
        .route("/api/v1/negotiations", get(negotiations).post(negotiate))
        .route("/api/v1/negotiations/{pid}", get(show))
        .route("/api/v1/negotiations/{pid}/actions", post(act))
        .route("/api/v1/transfers", get(transfers).post(transfer))
        .route("/api/v1/transfers/{pid}", get(show))
        .route("/api/v1/transfers/{pid}/actions", post(act))
        .route("/api/v1/transfers/{pid}/endpoint", get(endpoint))
        .route("/api/v1/agreements", get(agreements))
        .route("/api/v1/exchanges", get(exchanges))
        .layer(axum::middleware::from_fn_with_state(s.clone(), guard));
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .route(
            "/ready",
            get(|State(s): State<S>| async move {
                if s.ready.is_cancelled() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
            }),
        )
        .merge(api)
        .with_state(s)
}

async fn guard(State(s): State<S>, request: Request, next: Next) -> Response {
    if request.headers().get("x-api-key").is_some_and(|k| k.as_bytes() == s.key.as_bytes()) {
        return next.run(request).await;
    }
    StatusCode::UNAUTHORIZED.into_response()
}

type R = Result<(StatusCode, Json<Value>), (StatusCode, Json<Value>)>;

fn bad(e: impl std::fmt::Display) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({"detail": e.to_string()})))
}

fn text(v: &Value, name: &str) -> Result<String, (StatusCode, Json<Value>)> {
    v.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| bad(format!("{name} is missing")))
}

fn participant(s: &S, v: &Value) -> ParticipantId {
    v.get("participant")
        .and_then(Value::as_str)
        .map_or_else(|| s.rooms.config.participant[0].id.clone(), ParticipantId::from)
}

fn to_json(p: &Process) -> Value {
    json!({"pid": p.pid, "peerPid": p.peer_pid, "role": p.role, "state": p.state.as_str(), "participant": p.participant,
        "counterparty": p.counterparty, "dataset": p.dataset, "agreementId": p.agreement, "held": p.detail.held,
        "reasons": p.detail.reasons, "deliveryFailure": p.delivery_failure})
}

fn done(r: Result<Process, EngineError>, ok: StatusCode) -> R {
    r.map(|p| (ok, Json(to_json(&p)))).map_err(bad)
}

async fn catalog(State(s): State<S>, Json(v): Json<Value>) -> R {
    let c = s
        .rooms
        .client
        .catalog(&participant(&s, &v), &text(&v, "counterparty")?.into(), &text(&v, "address")?, v.get("filter"))
        .await
        .map_err(bad)?;
    Ok((StatusCode::OK, Json(json!({"participantId": c.participant, "dataset": c.datasets}))))
}

async fn negotiate(State(s): State<S>, Json(v): Json<Value>) -> R {
    let request = NegotiationRequest {
        participant: participant(&s, &v),
        counterparty: text(&v, "counterparty")?.into(),
        address: text(&v, "address")?,
        offer: v["offer"].clone(),
        trace: None,
    };
    done(s.rooms.engine.request_negotiation(request).await, StatusCode::CREATED)
}

async fn transfer(State(s): State<S>, Json(v): Json<Value>) -> R {
    let request = TransferRequest {
        agreement: text(&v, "agreementId")?.into(),
        format: text(&v, "format")?,
        address: v.get("address").and_then(Value::as_str).map(str::to_owned),
        trace: None,
    };
    done(s.rooms.engine.request_transfer(request).await, StatusCode::CREATED)
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wait {
    wait_state: Option<String>,
    wait_seconds: Option<u64>,
}

async fn show(State(s): State<S>, Path(pid): Path<String>, Query(w): Query<Wait>) -> R {
    let states = w.wait_state.unwrap_or_default();
    let limit = Duration::from_secs(if states.is_empty() { 0 } else { w.wait_seconds.unwrap_or(30) });
    let p = s
        .rooms
        .engine
        .wait(&Pid::from(pid), limit, move |p| states.split(',').any(|x| x == p.state.as_str()) || p.state.is_final())
        .await;
    done(p, StatusCode::OK)
}

async fn act(State(s): State<S>, Path(pid): Path<String>, Json(v): Json<Value>) -> R {
    let pid = Pid::from(pid);
    let name = text(&v, "action")?;
    let p = s.rooms.store.process(&pid).await.map_err(bad)?.ok_or_else(|| bad("no such process"))?;
    let reasons = Reasons {
        code: v.get("code").and_then(Value::as_str).map(str::to_owned),
        reason: v.get("reason").and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
    };
    let action = match p.kind() {
        ProcessKind::Negotiation => Action::Negotiation {
            event: NegotiationEvent::ALL.into_iter().find(|e| e.as_str() == name).ok_or_else(|| bad("action"))?,
            offer: v.get("offer").cloned(),
            reasons,
        },
        ProcessKind::Transfer => Action::Transfer {
            event: TransferEvent::ALL.into_iter().find(|e| e.as_str() == name).ok_or_else(|| bad("action"))?,
            reasons,
        },
    };
    done(s.rooms.engine.act(&pid, action).await, StatusCode::OK)
}

async fn endpoint(State(s): State<S>, Path(pid): Path<String>) -> R {
    let p = s.rooms.store.process(&Pid::from(pid)).await.map_err(bad)?.ok_or_else(|| bad("no such process"))?;
    let a = p.detail.data_address.ok_or_else(|| bad("no endpoint"))?;
    Ok((
        StatusCode::OK,
        Json(json!({"endpoint": a.endpoint, "authorization": a.authorization, "authType": a.auth_type})),
    ))
}

async fn list(s: &S, kind: ProcessKind) -> R {
    let all = s.rooms.store.processes(kind, None, 500).await.map_err(bad)?;
    Ok((StatusCode::OK, Json(json!({"items": all.iter().map(to_json).collect::<Vec<_>>()}))))
}

async fn negotiations(State(s): State<S>) -> R {
    list(&s, ProcessKind::Negotiation).await
}

async fn transfers(State(s): State<S>) -> R {
    list(&s, ProcessKind::Transfer).await
}

async fn agreements(State(s): State<S>) -> R {
    let all = s.rooms.store.agreements(None, 500).await.map_err(bad)?;
    Ok((StatusCode::OK, Json(json!({"items": all}))))
}

async fn exchanges(State(s): State<S>) -> R {
    let all =
        s.rooms.evidence.page(&crate::evidence::Query { limit: Some(500), ..Default::default() }).await.map_err(bad)?;
    Ok((StatusCode::OK, Json(json!({"items": all.iter().map(|k| json!(k.exchange)).collect::<Vec<_>>()}))))
}
