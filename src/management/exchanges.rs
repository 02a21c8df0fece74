//! Exchanges and the decisions made for them, from the evidence log.

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ManagementState;
use super::problem::{ApiError, ApiResult, Parameters};
use crate::evidence::{Kept, Query};
use crate::model::exchange::{Effect, ExchangeId};

/// Which exchanges are wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeQuery {
    /// Older than this record number: `next` of the page before.
    after: Option<u64>,
    limit: Option<u32>,
    agreement: Option<String>,
    transfer: Option<String>,
    /// `permit` or `refuse`.
    #[schemars(extend("enum" = ["permit", "refuse"]))]
    decision: Option<String>,
}

pub(super) async fn list(
    State(state): State<ManagementState>,
    Parameters(wanted): Parameters<ExchangeQuery>,
) -> ApiResult<Json<Value>> {
    let effect = match wanted.decision.as_deref() {
        None => None,
        Some("permit") => Some(Effect::Permit),
        Some("refuse") => Some(Effect::Refuse),
        Some(_) => return Err(ApiError::bad("request.query", "decision is permit or refuse")),
    };
    let limit = wanted.limit.unwrap_or(100).clamp(1, 500);
    let query = Query {
        before: wanted.after,
        // One more than asked for tells whether there is a next page.
        limit: Some(limit + 1),
        agreement: wanted.agreement,
        transfer: wanted.transfer,
        effect,
    };
    let mut found = state.evidence.page(&query).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|kept| kept.sequence);
    let items: Vec<Value> = found.iter().map(shown).collect();
    Ok(Json(json!({"items": items, "next": next})))
}

pub(super) async fn one(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let records = records(&state, &id).await?;
    Ok(Json(json!({"exchange": id, "records": records.iter().map(shown).collect::<Vec<_>>()})))
}

pub(super) async fn decision(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let records = records(&state, &id).await?;
    let first = records.first().ok_or_else(|| ApiError::not_found("exchange"))?;
    Ok(Json(json!({
        "exchange": id,
        "agreement": first.exchange.agreement,
        "policy": first.exchange.policy,
        "decision": first.exchange.decision,
        "request": first.exchange.request,
    })))
}

pub(super) async fn records(state: &ManagementState, id: &str) -> ApiResult<Vec<Kept>> {
    let exchange = ExchangeId::parse(id).ok_or_else(|| ApiError::not_found("exchange"))?;
    let records = state.evidence.record(exchange).await?;
    if records.is_empty() { Err(ApiError::not_found("exchange")) } else { Ok(records) }
}

fn shown(kept: &Kept) -> Value {
    let mut value = json!(kept.exchange);
    if let Some(map) = value.as_object_mut() {
        map.insert("sequence".to_owned(), json!(kept.sequence));
        map.insert("recorded".to_owned(), json!(kept.recorded));
        map.insert("hash".to_owned(), json!(kept.hash));
    }
    value
}
