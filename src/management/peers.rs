//! Who is served here, and what peers offer.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ManagementState;
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use crate::dsp::{ClientError, Participant};
use crate::model::ids::ParticipantId;

pub(super) async fn participants(
    State(state): State<ManagementState>,
    Parameters(page): Parameters<PageQuery>,
) -> Json<Value> {
    let all: Vec<&Participant> = state.participants.iter().collect();
    let shown = |p: &&Participant| json!({"id": p.id, "name": p.segment, "dsp": p.dsp_base(), "base": p.base});
    Json(page.of(all, |p| p.segment.clone(), shown))
}

/// Whose catalogue is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CatalogRequest {
    /// Which of our participants asks; may be left out when there is only one.
    participant: Option<ParticipantId>,
    /// The peer's participant id.
    counterparty: ParticipantId,
    /// The peer's versioned DSP base URL.
    address: String,
    /// Passed on as `filter`, if any.
    filter: Option<Value>,
}

pub(super) async fn catalog(
    State(state): State<ManagementState>,
    Body(request): Body<CatalogRequest>,
) -> ApiResult<Json<Value>> {
    let participant = speaker(&state, request.participant)?;
    let filter = request.filter.as_ref();
    let catalog = state.client.catalog(&participant, &request.counterparty, &request.address, filter).await;
    let catalog = catalog.map_err(|error| match error {
        ClientError::Refused { status, .. } => {
            ApiError::new(StatusCode::BAD_GATEWAY, "peer.refused", error.to_string()).with("peerStatus", status.into())
        }
        other => ApiError::new(StatusCode::BAD_GATEWAY, "peer.unavailable", other.to_string()),
    })?;
    Ok(Json(json!({
        "participantId": catalog.participant,
        "complete": catalog.complete,
        "dataset": catalog.datasets,
    })))
}

/// The participant named, or the only one.
pub(super) fn speaker(state: &ManagementState, named: Option<ParticipantId>) -> ApiResult<ParticipantId> {
    let mut all = state.participants.iter();
    match (named, all.next(), all.next()) {
        (Some(named), ..) => {
            let known = state.participants.by_id(&named).or_else(|| state.participants.by_segment(named.as_str()));
            known.map(|p| p.id.clone()).ok_or_else(|| ApiError::not_found("participant"))
        }
        (None, Some(only), None) => Ok(only.id.clone()),
        (None, ..) => Err(ApiError::bad("participant.missing", "several participants are served here; name one")),
    }
}
