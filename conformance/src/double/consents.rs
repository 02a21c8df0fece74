//! A SIMULATED consent service behind the double, shaped as the Estonian Data Consent Service: it validates consents for providers
//! and takes reports of releases. What it knows is set by tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

/// A consent as the service knows it.
#[derive(Clone, Debug)]
pub struct SampleConsent {
    /// The provider's subsystem: only it may ask.
    pub provider: String,
    /// The subsystem that may have the data.
    pub client: String,
    /// The data subject's personal code.
    pub subject: String,
    /// The service declaration.
    pub declaration: String,
    /// When it ends, RFC 3339.
    pub expires: String,
    /// Whether it is in force; otherwise it was declined or withdrawn.
    pub approved: bool,
}

/// The consents of a running double, and what was reported. Cheap to clone.
#[derive(Clone)]
pub struct Consents(Arc<Inner>);

struct Inner {
    known: Mutex<Known>,
    hanging: watch::Sender<bool>,
    reported: watch::Sender<Vec<Value>>,
}

#[derive(Default)]
struct Known {
    consents: BTreeMap<String, SampleConsent>,
    asked: usize,
}

impl Default for Consents {
    fn default() -> Self {
        Self(Arc::new(Inner {
            known: Mutex::default(),
            hanging: watch::Sender::new(false),
            reported: watch::Sender::new(Vec::new()),
        }))
    }
}

impl Consents {
    /// Puts a consent under a reference, in place of what was there.
    pub fn put(&self, reference: &str, consent: SampleConsent) {
        self.known().consents.insert(reference.to_owned(), consent);
    }

    /// The data subject withdraws a consent.
    pub fn withdraw(&self, reference: &str) {
        if let Some(consent) = self.known().consents.get_mut(reference) {
            consent.approved = false;
        }
    }

    /// From now on the service does not answer, or does again.
    pub fn hang(&self, hanging: bool) {
        self.0.hanging.send_replace(hanging);
    }

    /// How often it was asked to validate.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.known().asked
    }

    /// Waits for that many reports, and returns all, oldest first.
    pub async fn reported(&self, count: usize) -> Vec<Value> {
        let mut reported = self.0.reported.subscribe();
        // The sender lives as long as this does.
        reported.wait_for(|all| all.len() >= count).await.map(|all| all.clone()).unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answering(&self) {
        let _ = self.0.hanging.subscribe().wait_for(|hanging| !hanging).await;
    }
}

pub(super) fn routes(consents: Consents) -> Router {
    Router::new()
        .route("/consent/api/consent/validation/dataprovider", get(validate))
        .route("/reporting/api/reporting/consent", post(report))
        .with_state(consents)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    consent_reference: String,
}

async fn validate(State(consents): State<Consents>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    consents.known().asked += 1;
    consents.answering().await;
    let reference = asked.consent_reference;
    let known = consents.known();
    let Some(consent) = known.consents.get(&reference).filter(|consent| is_for(&headers, &consent.provider)) else {
        return problem(StatusCode::NOT_FOUND, "HTTP_NOT_FOUND", "error.http.404");
    };
    if !consent.approved {
        let (code, key) = ("CONSENT_VALIDATE_INVALID_STATUS", "error.business.consent-validate-invalid-status");
        return problem(StatusCode::INTERNAL_SERVER_ERROR, code, key);
    }
    Json(json!({
        "consentReference": reference,
        "consentExpiration": consent.expires,
        "idCode": consent.subject,
        // As the real one writes it.
        "clientSubsystemIdentifier": format!(" {}", consent.client),
        "serviceDeclarationId": consent.declaration,
    }))
    .into_response()
}

async fn report(State(consents): State<Consents>, headers: HeaderMap, Json(report): Json<Value>) -> Response {
    consents.answering().await;
    let reference = report.get("consentReference").and_then(Value::as_str).unwrap_or_default();
    let (timed, known) = (
        report.get("transmissionTimestamp").is_some_and(Value::is_string),
        consents.known().consents.get(reference).is_some_and(|consent| is_for(&headers, &consent.provider)),
    );
    match (timed, known) {
        (false, _) => problem(StatusCode::BAD_REQUEST, "VALIDATION", "error.validation"),
        (true, false) => problem(StatusCode::NOT_FOUND, "HTTP_NOT_FOUND", "error.http.404"),
        (true, true) => {
            consents.0.reported.send_modify(|all| all.push(report));
            Json(json!({"response": "success"})).into_response()
        }
    }
}

/// Whether X-Road brought the request of this subsystem.
fn is_for(headers: &HeaderMap, provider: &str) -> bool {
    headers.get("x-road-client").is_some_and(|client| client.as_bytes() == provider.as_bytes())
}

fn problem(status: StatusCode, code: &str, key: &str) -> Response {
    (status, Json(json!({"errorCode": code, "errorKey": key, "simulated": true}))).into_response()
}
