//! Agreements: listed, shown, imported.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ManagementState;
use super::page::PageQuery;
use super::peers::speaker;
use super::problem::{ApiError, ApiResult, Body, Parameters};
use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, ParticipantId};
use crate::model::negotiation::Role;
use crate::model::obligation::AgreementKey;
use crate::policy::{Compiled, Invalid};

/// Which copy of an agreement is wanted, when several are kept here; the provider's when nothing is said.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyQuery {
    pub(super) role: Option<Role>,
    /// Id or name.
    pub(super) participant: Option<ParticipantId>,
}

pub(super) async fn list(
    State(state): State<ManagementState>,
    Parameters(page): Parameters<PageQuery>,
) -> ApiResult<Json<Value>> {
    let after = page.after().map(read_cursor).transpose()?;
    let found = state.store.agreements(after.as_ref(), page.fetch()).await?;
    Ok(Json(page.cut(found, cursor, |a| json!(a))))
}

pub(super) async fn one(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    Parameters(wanted): Parameters<CopyQuery>,
) -> ApiResult<Json<Agreement>> {
    copy(&state, &id.into(), wanted).await.map(Json)
}

/// The copy of an agreement that is wanted.
pub(super) async fn copy(state: &ManagementState, id: &AgreementId, wanted: CopyQuery) -> ApiResult<Agreement> {
    let participant = wanted.participant.map(|named| speaker(state, Some(named))).transpose()?;
    let mut copies = state.store.agreement_copies(id).await?.into_iter();
    let found = copies.find(|copy| {
        wanted.role.is_none_or(|role| role == copy.role) && participant.as_ref().is_none_or(|p| *p == copy.participant)
    });
    found.ok_or_else(|| ApiError::not_found("agreement"))
}

pub(super) async fn import(
    State(state): State<ManagementState>,
    Body(agreement): Body<Agreement>,
) -> ApiResult<(StatusCode, Json<Agreement>)> {
    if state.participants.by_id(&agreement.participant).is_none() {
        return Err(ApiError::not_found("participant"));
    }
    let mut invalid = misfits(&agreement);
    if let Err(parts) = Compiled::read(&agreement.policy, state.catalog.registry()) {
        invalid.extend(parts);
    }
    if !invalid.is_empty() {
        let sentence = "the agreement's policy cannot be evaluated here, or does not fit the fields beside it";
        let refusal = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "agreement.invalid", sentence);
        return Err(refusal.with("invalid", json!(invalid)));
    }
    state.engine.import_agreement(agreement.clone()).await?;
    Ok((StatusCode::CREATED, Json(agreement)))
}

/// Where the policy says otherwise than the fields beside it.
fn misfits(agreement: &Agreement) -> Vec<Invalid> {
    let (assigner, assignee) = match agreement.role {
        Role::Provider => (&agreement.participant, &agreement.counterparty),
        Role::Consumer => (&agreement.counterparty, &agreement.participant),
    };
    let expected = [
        ("@type", "Agreement"),
        ("@id", agreement.id.as_str()),
        ("target", agreement.dataset.as_str()),
        ("assigner", assigner.as_str()),
        ("assignee", assignee.as_str()),
    ];
    let differs = |name: &str, value: &str| agreement.policy.get(name).and_then(Value::as_str) != Some(value);
    expected
        .into_iter()
        .filter(|(name, value)| differs(name, value))
        .map(|(name, value)| Invalid {
            clause: format!("/{name}"),
            code: "agreement.other",
            reason: format!("expected {value:?}, as the fields beside the policy say"),
        })
        .collect()
}

/// A copy as `next` of a page; only the id may hold spaces.
fn cursor(agreement: &Agreement) -> String {
    format!("{} {} {}", agreement.role.as_str(), agreement.participant, agreement.id)
}

fn read_cursor(text: &str) -> ApiResult<AgreementKey> {
    let mut parts = text.splitn(3, ' ');
    let role = parts.next().and_then(|name| Role::ALL.into_iter().find(|role| role.as_str() == name));
    match (role, parts.next(), parts.next()) {
        (Some(role), Some(participant), Some(id)) => {
            Ok(AgreementKey { role, participant: participant.into(), id: id.into() })
        }
        _ => Err(ApiError::bad("request.query", "after is `next` of the page before")),
    }
}
