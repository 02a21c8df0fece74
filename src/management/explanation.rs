//! Why an exchange was decided as it was, in full: its agreement's policy decided again on the facts that its evidence has.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::ManagementState;
use super::exchanges::records;
use super::problem::{ApiError, ApiResult, Parameters};
use crate::model::exchange::Effect;
use crate::model::negotiation::Role;
use crate::model::obligation::{AgreementKey, Followed, ObligationEntry};
use crate::model::time::Timestamp;
use crate::policy::{Audience, Compiled, Explanation, Language, Phase, ReportOf, Reported, hash};

/// How the explanation is wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// `tree` (the default), `report` (Compliance Report Model and W3C states as JSON-LD) or `turtle` (the same).
    #[schemars(extend("enum" = ["tree", "report", "turtle"]))]
    format: Option<String>,
    /// Who reads it: `operator` (the default), `counterparty` or `public`.
    #[schemars(extend("enum" = ["operator", "counterparty", "public"]))]
    audience: Option<String>,
    /// In which language, by its tag, such as `et`; otherwise the one that `Accept-Language` prefers.
    #[schemars(extend("enum" = Language::ALL.map(Language::tag)))]
    language: Option<String>,
}

pub(super) async fn of(
    State(state): State<ManagementState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(wanted): Parameters<Wanted>,
) -> ApiResult<Response> {
    let audience = match wanted.audience.as_deref() {
        None | Some("operator") => Audience::Operator,
        Some("counterparty") => Audience::Counterparty,
        Some("public") => Audience::Public,
        Some(_) => return Err(ApiError::bad("request.query", "audience is operator, counterparty or public")),
    };
    let language = language(wanted.language.as_deref(), &headers)?;
    let records = records(&state, &id).await?;
    let exchange = &records.first().ok_or_else(|| ApiError::not_found("exchange"))?.exchange;
    let explanation = explained(&state, exchange, language).await?.for_audience(audience);
    let of = ReportOf {
        report: &format!("urn:uuid:{id}:report"),
        policy: &exchange.agreement,
        request: &format!("urn:uuid:{id}"),
        rule_request: &format!("urn:uuid:{id}"),
        created: exchange.times.received,
    };
    let answer = match wanted.format.as_deref() {
        None | Some("tree") => axum::Json(json!({
            "exchange": id,
            "agreement": exchange.agreement,
            "recorded": exchange.decision.effect,
            "explanation": explanation,
            "text": explanation.to_string(),
        }))
        .into_response(),
        Some("report") => typed("application/ld+json", explanation.report(&of).json_ld().to_string()),
        Some("turtle") => typed("text/turtle", explanation.report(&of).turtle()),
        Some(_) => return Err(ApiError::bad("request.query", "format is tree, report or turtle")),
    };
    let told_in = [(header::CONTENT_LANGUAGE, language.tag()), (header::VARY, "accept-language")];
    Ok((told_in, answer).into_response())
}

fn language(wanted: Option<&str>, headers: &HeaderMap) -> ApiResult<Language> {
    let Some(tag) = wanted else { return Ok(accepted(headers)) };
    Language::of_tag(tag).ok_or_else(|| {
        let tags = Language::ALL.map(Language::tag).join(", ");
        ApiError::bad("request.query", format!("language is one of {tags}"))
    })
}

/// The language that the reader accepts best.
pub(super) fn accepted(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    accepted.map(Language::preferred).unwrap_or_default()
}

async fn explained(
    state: &ManagementState,
    exchange: &crate::model::exchange::Exchange<'_>,
    language: Language,
) -> ApiResult<Explanation> {
    let not = |code: &str, sentence: &str| ApiError::new(http::StatusCode::CONFLICT, code, sentence);
    if exchange.decision.facts.is_none() {
        return Err(not(
            "explanation.no-facts",
            "the call was refused before its policy was looked at, or its record is of a time when no facts were kept; \
             its decision tells what there is",
        ));
    }
    let (participant, counterparty) = (exchange.participant.as_ref().into(), exchange.counterparty.as_ref().into());
    let agreement = state.store.agreement_of(&participant, Role::Provider, &exchange.agreement.as_ref().into()).await?;
    let agreement = agreement.ok_or_else(|| ApiError::not_found("agreement"))?;
    let same = exchange.policy.is_some_and(|kept| kept.to_string() == hash(&agreement.policy));
    if !same {
        return Err(not(
            "explanation.other-policy",
            "the agreement kept here is not the one that the call was decided on",
        ));
    }
    let compiled = Compiled::read(&agreement.policy, state.catalog.registry())
        .map_err(|_| not("explanation.not-evaluable", "the agreement's policy cannot be evaluated here any more"))?;
    let mut known = state.catalog.world(Phase::Exchange, &participant, &counterparty);
    known.know("edc:contractAgreement", agreement.signed.to_string());
    known.hear(Reported::by(&followed_at(state, &agreement.key(), exchange.times.received).await?));
    let mut known = known.as_recorded(exchange);
    known.release_under(&compiled);
    let told = compiled.explain_in(language, &known);
    if told.permit != (exchange.decision.effect == Effect::Permit) {
        tracing::warn!(exchange = %exchange.exchange, "an explanation does not come to the decision that was recorded");
    }
    Ok(told)
}

/// What was followed of an agreement as it stood then: what was confirmed, missed or reported since was not known to a decision.
async fn followed_at(state: &ManagementState, agreement: &AgreementKey, then: Timestamp) -> ApiResult<Followed> {
    let now = state.store.followed(agreement).await?;
    let mut obligations = Vec::new();
    for mut obligation in now.obligations {
        let history = state.store.obligation_history(&obligation.id).await?;
        let before: Vec<ObligationEntry> = history.into_iter().filter(|entry| entry.at <= then).collect();
        if let Some(last) = before.last() {
            obligation.state = last.state;
            obligation.performed = before.iter().rev().find_map(|entry| entry.performed);
            obligations.push(obligation);
        }
    }
    let infringements = now.infringements.into_iter().filter_map(|one| one.as_of(then)).collect();
    Ok(Followed { obligations, infringements })
}

fn typed(media_type: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, media_type)], body).into_response()
}
