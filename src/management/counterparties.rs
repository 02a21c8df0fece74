//! What the operator vouches for about consumers, beside the configuration file. A change holds for the very next call.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::ManagementState;
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use crate::catalog::{Attestation, CounterpartyDefinition};
use crate::store::DocumentKind;

pub(super) async fn list(State(state): State<ManagementState>, Parameters(page): Parameters<PageQuery>) -> Json<Value> {
    Json(page.of(state.catalog.attestations().to_vec(), |a| a.counterparty.clone(), shown))
}

pub(super) async fn put(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    Body(definition): Body<CounterpartyDefinition>,
) -> ApiResult<Json<Value>> {
    let attestation = definition.attestation(&id, state.catalog.registry());
    state.store.put_document(DocumentKind::Counterparty, &id, &json!(definition)).await?;
    state.catalog.put_attestation(attestation.clone());
    state.engine.facts_changed().await?;
    tracing::info!(counterparty = id, "other facts are vouched for");
    Ok(Json(shown(&attestation)))
}

pub(super) async fn remove(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<StatusCode> {
    // What the file says must not come back with the next start.
    let empty = json!(CounterpartyDefinition::default());
    if !state.catalog.remove_attestation(&id) {
        return Err(ApiError::not_found("counterparty"));
    }
    state.store.put_document(DocumentKind::Counterparty, &id, &empty).await?;
    state.engine.facts_changed().await?;
    tracing::info!(counterparty = id, "nothing more is vouched for");
    Ok(StatusCode::NO_CONTENT)
}

fn shown(attestation: &Attestation) -> Value {
    let facts: Map<String, Value> =
        attestation.facts.iter().map(|(operand, fact)| (operand.clone(), json!(fact.values()))).collect();
    json!({"id": attestation.counterparty, "facts": facts})
}
