//! Credentials that consumers have shown: taken in once they are checked, looked up again as long as they are held. A change holds for
//! the very next call.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ManagementState;
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use crate::catalog::{Catalog, ShownByCredentials};
use crate::engine::{Engine, EngineError};
use crate::model::ids::ParticipantId;
use crate::model::time::Timestamp;
use crate::store::DocumentKind;
use crate::trust::{Held, Standing, Trust, TrustError};

/// A credential that a consumer has shown.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShownCredential {
    /// Whose it is: the participant id, which must be the credential's subject.
    counterparty: ParticipantId,
    /// The credential as a signed JWT in compact form.
    credential: String,
}

/// A credential that is held, and how it stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credential {
    id: String,
    counterparty: ParticipantId,
    issuer: String,
    types: Vec<String>,
    standing: Standing,
    #[schemars(with = "Option<String>")]
    valid_from: Option<Timestamp>,
    #[schemars(with = "Option<String>")]
    valid_until: Option<Timestamp>,
    /// When its issuer's key and its status were last looked up.
    #[schemars(with = "String")]
    checked: Timestamp,
    /// What it says.
    #[schemars(with = "serde_json::Map<String, Value>")]
    credential: Value,
}

/// Lets everything know what credentials show now, if that is otherwise than before: the very next call is decided on it.
///
/// # Errors
/// When the store does not answer; calls know all the same.
pub async fn show_credentials(trust: &Trust, catalog: &Catalog, engine: &Engine) -> Result<(), EngineError> {
    if tell_catalog(trust, catalog) { engine.facts_changed().await } else { Ok(()) }
}

/// Lets the catalogue know what credentials show now; whether that is otherwise than before.
pub fn tell_catalog(trust: &Trust, catalog: &Catalog) -> bool {
    let shown = trust.shown().into_iter().map(|(counterparty, shown)| {
        let documents = shown.credentials.iter().map(|credential| Arc::new(credential.document.clone())).collect();
        let told = ShownByCredentials::new(&shown.facts, documents, &shown.in_doubt, catalog.registry());
        (counterparty, told)
    });
    catalog.show_credentials(shown.collect())
}

impl From<TrustError> for ApiError {
    fn from(error: TrustError) -> Self {
        let (status, code) = match &error {
            TrustError::Unreachable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "credential.unreachable"),
            TrustError::NotTrusted { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "credential.not-trusted"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "credential.refused"),
        };
        Self::new(status, code, error.to_string())
    }
}

pub(super) async fn list(State(state): State<ManagementState>, Parameters(page): Parameters<PageQuery>) -> Json<Value> {
    Json(page.of(state.trust.all(), |(held, _)| held.id.clone(), |(held, standing)| json!(shown(held, *standing))))
}

pub(super) async fn one(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<Json<Credential>> {
    state.trust.one(&id).map(|(held, standing)| Json(shown(&held, standing))).ok_or_else(unknown)
}

pub(super) async fn add(
    State(state): State<ManagementState>,
    Body(said): Body<ShownCredential>,
) -> ApiResult<(StatusCode, Json<Credential>)> {
    let held = state.trust.check(&said.counterparty, said.credential.trim()).await?;
    state.store.put_document(DocumentKind::Credential, &held.id, &json!(held.kept)).await?;
    let id = held.id.clone();
    state.trust.hold(held);
    show_credentials(&state.trust, &state.catalog, &state.engine).await?;
    tracing::info!(counterparty = %said.counterparty, credential = id, "a credential is taken in");
    let (held, standing) = state.trust.one(&id).ok_or_else(unknown)?;
    Ok((StatusCode::CREATED, Json(shown(&held, standing))))
}

pub(super) async fn check(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<Json<Credential>> {
    let kept = state.trust.look_at(&id).await?.ok_or_else(unknown)?;
    state.store.replace_document(DocumentKind::Credential, &id, &json!(kept)).await?;
    show_credentials(&state.trust, &state.catalog, &state.engine).await?;
    one(State(state), Path(id)).await
}

pub(super) async fn remove(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<StatusCode> {
    let held = state.trust.drop(&id);
    let kept = state.store.remove_document(DocumentKind::Credential, &id).await?;
    if !held && !kept {
        return Err(unknown());
    }
    show_credentials(&state.trust, &state.catalog, &state.engine).await?;
    tracing::info!(credential = id, "a credential is held no longer");
    Ok(StatusCode::NO_CONTENT)
}

fn unknown() -> ApiError {
    ApiError::not_found("credential")
}

fn shown(held: &Held, standing: Standing) -> Credential {
    let time = |seconds: Option<i64>| seconds.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
    Credential {
        id: held.id.clone(),
        counterparty: held.kept.counterparty.clone(),
        issuer: held.credential.issuer.to_string(),
        types: held.credential.types.clone(),
        standing,
        valid_from: time(held.credential.valid_from),
        valid_until: time(held.credential.valid_until),
        checked: held.kept.checked,
        credential: held.credential.document.clone(),
    }
}
