//! What was done against agreements, as the operator learned of it: listed, reported, taken back.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ManagementState;
use super::agreements::{CopyQuery, copy};
use super::page::PageQuery;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use crate::engine::InfringementReport;
use crate::model::ids::{AgreementId, InfringementId, ParticipantId};
use crate::model::infringement::{Infringement, InfringementState};
use crate::model::negotiation::Role;
use crate::model::time::Timestamp;
use crate::store::FollowedQuery;

/// Which infringements are wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    agreement: Option<String>,
    #[schemars(with = "Option<InfringementState>")]
    state: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// Reports that an agreement was infringed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    agreement: AgreementId,
    /// Which copy of the agreement, when several are kept here; the provider's when nothing is said.
    role: Option<Role>,
    /// The same; id or name.
    participant: Option<ParticipantId>,
    /// JSON Pointer (or `uid`) of a prohibition in the agreement's policy, or of a duty to keep something up, such as to retain.
    clause: String,
    /// When it happened (RFC 3339); just now when absent.
    #[schemars(with = "Option<String>")]
    infringed: Option<Timestamp>,
    /// What there is to say of it, such as how it became known.
    #[schemars(length(max = 4096))]
    note: Option<String>,
}

/// Takes a report back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdrawal {
    /// Why.
    #[schemars(length(max = 4096))]
    note: Option<String>,
}

pub(super) async fn list(
    State(state): State<ManagementState>,
    Parameters(wanted): Parameters<Wanted>,
) -> ApiResult<Json<Value>> {
    let in_state = match wanted.state.as_deref() {
        None => None,
        Some(name) => Some(
            InfringementState::parse(name)
                .ok_or_else(|| ApiError::bad("request.query", "state is open, healed or withdrawn"))?,
        ),
    };
    let page = PageQuery::new(wanted.after, wanted.limit);
    let agreement = wanted.agreement.as_deref();
    let query = FollowedQuery { agreement, state: in_state, after: page.after(), limit: page.fetch() };
    let found = state.store.infringements(query).await?;
    Ok(Json(page.cut(found, |one| one.id.to_string(), |one| json!(one))))
}

pub(super) async fn one(State(state): State<ManagementState>, Path(id): Path<String>) -> ApiResult<Json<Infringement>> {
    let found = state.store.infringement(&id.into()).await?;
    found.map(Json).ok_or_else(|| ApiError::not_found("infringement"))
}

pub(super) async fn report(
    State(state): State<ManagementState>,
    Body(said): Body<Report>,
) -> ApiResult<(StatusCode, Json<Infringement>)> {
    let wanted = CopyQuery { role: said.role, participant: said.participant };
    let agreement = copy(&state, &said.agreement, wanted).await?.key();
    let report = InfringementReport { agreement, clause: said.clause, infringed: said.infringed, note: said.note };
    Ok((StatusCode::CREATED, Json(state.engine.report_infringement(report).await?)))
}

pub(super) async fn withdraw(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    Body(said): Body<Withdrawal>,
) -> ApiResult<Json<Infringement>> {
    Ok(Json(state.engine.withdraw_infringement(&InfringementId::from(id), said.note).await?))
}
