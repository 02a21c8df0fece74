//! Agreements: listed, shown, imported.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use super::ManagementState;
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use crate::model::agreement::Agreement;
use crate::model::ids::AgreementId;

pub(super) async fn list(
    State(state): State<ManagementState>,
    Parameters(page): Parameters<PageQuery>,
) -> ApiResult<Json<Value>> {
    let after = page.after().map(AgreementId::from);
    let found = state.store.agreements(after.as_ref(), page.fetch()).await?;
    Ok(Json(page.cut(found, |a| a.id.to_string(), |a| json!(a))))
}

pub(super) async fn one(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<Json<Agreement>> {
    let found = state.store.agreement(&id.into()).await?;
    found.map(Json).ok_or_else(|| ApiError::not_found("agreement"))
}

pub(super) async fn import(
    State(state): State<ManagementState>,
    Body(agreement): Body<Agreement>,
) -> ApiResult<(StatusCode, Json<Agreement>)> {
    if state.participants.by_id(&agreement.participant).is_none() {
        return Err(ApiError::not_found("participant"));
    }
    state.engine.import_agreement(agreement.clone()).await?;
    Ok((StatusCode::CREATED, Json(agreement)))
}
