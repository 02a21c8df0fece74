//! Assets, policies and offers: what the catalogue is made of beside the configuration file. What is put here is kept, and what is
//! removed here stays removed, whatever the file says. A change is kept first and holds then.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use super::ManagementState;
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use crate::catalog::{AssetDefinition, CatalogError, Dataset, OfferDefinition};
use crate::store::DocumentKind;

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let sentence = error.to_string();
        match error {
            CatalogError::Policy { invalid, .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "policy.unpublishable", sentence)
                    .with("invalid", json!(invalid))
            }
            CatalogError::PolicyInUse { .. } => Self::new(StatusCode::CONFLICT, "policy.in-use", sentence),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "offer.invalid", sentence),
        }
    }
}

pub(super) async fn assets(
    State(state): State<ManagementState>,
    Parameters(page): Parameters<PageQuery>,
) -> Json<Value> {
    Json(page.of(state.catalog.all(), |dataset| dataset.id.to_string(), |dataset| shown(dataset)))
}

pub(super) async fn asset(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let found = state.catalog.known(&id.into());
    found.map(|dataset| Json(shown(&dataset))).ok_or_else(|| ApiError::not_found("asset"))
}

pub(super) async fn put_asset(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    Body(asset): Body<AssetDefinition>,
) -> ApiResult<Json<AssetDefinition>> {
    same_id(&id, asset.id.as_str())?;
    state.store.put_document(DocumentKind::Asset, &id, &json!(asset)).await?;
    state.catalog.put_asset(asset.clone());
    Ok(Json(asset))
}

pub(super) async fn remove_asset(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let known = state.catalog.assets().iter().any(|asset| asset.id.as_str() == id);
    bury(&state, DocumentKind::Asset, &id, known, "asset").await?;
    state.catalog.remove_asset(&id.into());
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn policies(
    State(state): State<ManagementState>,
    Parameters(page): Parameters<PageQuery>,
) -> Json<Value> {
    Json(page.of(state.catalog.policies(), |(id, _)| id.clone(), |(id, policy)| json!({"id": id, "policy": policy})))
}

pub(super) async fn policy(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<Json<Value>> {
    let found = state.catalog.policies().into_iter().find(|(name, _)| *name == id);
    found.map(|(_, policy)| Json(policy)).ok_or_else(|| ApiError::not_found("policy"))
}

pub(super) async fn put_policy(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    Body(policy): Body<Value>,
) -> ApiResult<Json<Value>> {
    let checked = state.catalog.check_policy(&id, &policy)?;
    state.store.put_document(DocumentKind::Policy, &id, &policy).await?;
    state.catalog.take_policy(checked);
    Ok(Json(policy))
}

pub(super) async fn remove_policy(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    state.catalog.check_unused(&id)?;
    let known = state.catalog.policies().iter().any(|(name, _)| *name == id);
    bury(&state, DocumentKind::Policy, &id, known, "policy").await?;
    state.catalog.remove_policy(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn offers(
    State(state): State<ManagementState>,
    Parameters(page): Parameters<PageQuery>,
) -> Json<Value> {
    Json(page.of(state.catalog.offers(), |offer| offer.id.to_string(), |offer| json!(offer)))
}

pub(super) async fn offer(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
) -> ApiResult<Json<OfferDefinition>> {
    let found = state.catalog.offers().into_iter().find(|offer| offer.id.as_str() == id);
    found.map(Json).ok_or_else(|| ApiError::not_found("offer"))
}

pub(super) async fn put_offer(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    Body(offer): Body<OfferDefinition>,
) -> ApiResult<Json<OfferDefinition>> {
    same_id(&id, offer.id.as_str())?;
    state.catalog.check_offer(&offer)?;
    state.store.put_document(DocumentKind::Offer, &id, &json!(offer)).await?;
    state.catalog.put_offer(offer.clone())?;
    Ok(Json(offer))
}

pub(super) async fn remove_offer(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let known = state.catalog.offers().iter().any(|offer| offer.id.as_str() == id);
    bury(&state, DocumentKind::Offer, &id, known, "offer").await?;
    state.catalog.remove_offer(&id.into());
    Ok(StatusCode::NO_CONTENT)
}

/// Keeps that something was removed, so that what the file says does not come back with the next start.
async fn bury(state: &ManagementState, kind: DocumentKind, id: &str, known: bool, what: &str) -> ApiResult<()> {
    // What could not be taken in at the start is not known and can be removed all the same.
    let stored = state.store.document(kind, id).await?.is_some_and(|body| !body.is_null());
    if !known && !stored {
        return Err(ApiError::not_found(what));
    }
    Ok(state.store.put_document(kind, id, &Value::Null).await?)
}

fn same_id(path: &str, body: &str) -> ApiResult<()> {
    if path == body {
        return Ok(());
    }
    Err(ApiError::bad("id.mismatch", format!("the path says {path}, the body {body}; they must be the same")))
}

fn shown(dataset: &Dataset) -> Value {
    json!({
        "id": dataset.id,
        "service": dataset.service,
        "title": dataset.title,
        "description": dataset.description,
        "version": dataset.version,
        "keywords": dataset.keywords,
        "license": dataset.license,
        "themes": dataset.themes,
        "purpose": dataset.purpose,
        "listed": dataset.listed,
        "operations": dataset.operations.iter().map(|o| o.endpoint.to_string()).collect::<Vec<_>>(),
    })
}
