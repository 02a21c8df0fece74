//! What agreements ask to be done: listed, shown, confirmed.

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ManagementState;
use super::explanation::accepted;
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use crate::model::ids::ObligationId;
use crate::model::obligation::{Obligation, ObligationState};
use crate::model::time::Timestamp;
use crate::policy::{Language, stands};
use crate::store::FollowedQuery;

/// Which obligations are wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    agreement: Option<String>,
    #[schemars(with = "Option<ObligationState>")]
    state: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// Confirms that an obligation was performed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    /// When it was done (RFC 3339); just now when absent.
    #[schemars(with = "Option<String>")]
    performed: Option<Timestamp>,
    /// What there is to say of it, such as where the receipt is; kept with the confirmation.
    #[schemars(length(max = 4096))]
    note: Option<String>,
}

pub(super) async fn list(
    State(state): State<ManagementState>,
    headers: HeaderMap,
    Parameters(wanted): Parameters<Wanted>,
) -> ApiResult<Json<Value>> {
    let in_state = match wanted.state.as_deref() {
        None => None,
        Some(name) => Some(
            ObligationState::parse(name)
                .ok_or_else(|| ApiError::bad("request.query", format!("state is one of {}", states())))?,
        ),
    };
    let page = PageQuery::new(wanted.after, wanted.limit);
    let agreement = wanted.agreement.as_deref();
    let query = FollowedQuery { agreement, state: in_state, after: page.after(), limit: page.fetch() };
    let found = state.store.obligations(query).await?;
    let language = accepted(&headers);
    Ok(Json(page.cut(found, |o| o.id.to_string(), |o| told(o, language))))
}

pub(super) async fn one(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Json<Value>> {
    let found = state.store.obligation(&id.into()).await?;
    shown(&state, &found.ok_or_else(|| ApiError::not_found("obligation"))?, accepted(&headers)).await
}

pub(super) async fn confirm(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(said): Body<Confirmation>,
) -> ApiResult<Json<Value>> {
    let confirmed = state.engine.confirm(&ObligationId::from(id), said.performed, said.note).await?;
    shown(&state, &confirmed, accepted(&headers)).await
}

fn states() -> String {
    ObligationState::ALL.map(ObligationState::as_str).join(", ")
}

/// An obligation with a sentence about it.
fn told(obligation: &Obligation, language: Language) -> Value {
    let mut told = json!(obligation);
    if let Some(map) = told.as_object_mut() {
        map.insert("stands".to_owned(), json!(stands(language, obligation)));
    }
    told
}

async fn shown(state: &ManagementState, obligation: &Obligation, language: Language) -> ApiResult<Json<Value>> {
    let history = state.store.obligation_history(&obligation.id).await?;
    let mut shown = told(obligation, language);
    if let Some(map) = shown.as_object_mut() {
        map.insert("history".to_owned(), json!(history));
    }
    Ok(Json(shown))
}
