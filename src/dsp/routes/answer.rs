//! Answers: JSON bodies, and refusals with status, code and the protocol's error object.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::dsp::catalog::{CatalogUnavailable, NotUnderstood};
use crate::dsp::participants::Participant;
use crate::dsp::wire::{Family, Malformed, error_to_json};
use crate::engine::{EngineError, NOT_YET};
use crate::identity::Unauthenticated;
use crate::model::ids::Pid;
use crate::model::message::Reasons;
use crate::net::body::BodyRefusal;
use crate::net::trace::Traceparent;

/// The header in which an error answer names its trace (W3C Trace Context Level 2).
const TRACE_RESPONSE: &str = "traceresponse";

/// A request that is not granted.
pub(super) struct Refusal {
    status: StatusCode,
    reasons: Reasons,
    consumer_pid: Option<Pid>,
    provider_pid: Option<Pid>,
    /// What only the log may know.
    cause: Option<Box<str>>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, sentence: impl Into<String>) -> Self {
        let reasons = Reasons::new(code, sentence);
        Self { status, reasons, consumer_pid: None, provider_pid: None, cause: None }
    }

    pub(super) fn unauthenticated(error: Unauthenticated, pid: Option<Pid>) -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "caller.unauthenticated", error.reason);
        // Whose pid it is cannot be told to strangers.
        Self { provider_pid: pid.clone(), consumer_pid: pid, ..refusal }
    }

    /// Fills in the pids that the message named, where the engine named none.
    pub(super) fn about(mut self, consumer: Option<&Pid>, provider: Option<&Pid>) -> Self {
        self.consumer_pid = self.consumer_pid.or_else(|| consumer.cloned());
        self.provider_pid = self.provider_pid.or_else(|| provider.cloned());
        self
    }

    /// Logs the refusal once and makes the answer.
    pub(super) fn into_response(self, family: Family, participant: &Participant, trace: Traceparent) -> Response {
        tracing::warn!(
            participant = %participant.id, status = self.status.as_u16(), code = self.reasons.code,
            reason = ?self.reasons.reason, cause = self.cause, pid = ?self.provider_pid, trace_id = trace.trace_id(),
            "a protocol request is refused"
        );
        let pids = (self.consumer_pid.as_ref(), self.provider_pid.as_ref());
        let mut response = json(self.status, &error_to_json(family, pids, &self.reasons));
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&trace.to_string()) {
            headers.insert(TRACE_RESPONSE, value);
        }
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        let reasons = malformed.reasons();
        let Malformed { consumer_pid, provider_pid, .. } = malformed;
        Self { status: StatusCode::BAD_REQUEST, reasons, consumer_pid, provider_pid, cause: None }
    }
}

impl From<BodyRefusal> for Refusal {
    fn from(refusal: BodyRefusal) -> Self {
        let (status, code) = match refusal {
            BodyRefusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "message.too-large"),
            BodyRefusal::TooSlow => (StatusCode::REQUEST_TIMEOUT, "message.too-slow"),
            BodyRefusal::Broken => (StatusCode::BAD_REQUEST, "message.incomplete"),
        };
        Self::new(status, code, refusal.to_string())
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound(what) => {
                let sentence = format!("there is no such {what}, or it is not yours");
                Self::new(StatusCode::NOT_FOUND, &format!("{what}.not-found"), sentence)
            }
            EngineError::Refused { code, sentence, process } => {
                let later = ["engine.stopped", NOT_YET].contains(&code);
                let status = if later { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
                let refusal = Self::new(status, code, sentence);
                match process {
                    Some(process) => refusal.about(process.consumer_pid(), process.provider_pid()),
                    None => refusal,
                }
            }
            EngineError::Store(cause) => {
                let sentence = "the connector cannot keep the change now; send the message again";
                let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "store.unavailable", sentence);
                Self { cause: Some(cause.to_string().into()), ..refusal }
            }
        }
    }
}

impl From<NotUnderstood> for Refusal {
    fn from(error: NotUnderstood) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "catalog.filter", error.0)
    }
}

impl From<CatalogUnavailable> for Refusal {
    fn from(error: CatalogUnavailable) -> Self {
        let sentence = "the catalogue cannot be read now; ask again";
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "catalog.unavailable", sentence);
        Self { cause: Some(error.0.into()), ..refusal }
    }
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    fn answered(error: EngineError) -> Response {
        let participant = Participant::new("https://us.example", "us", "did:web:us".into());
        Refusal::from(error).into_response(Family::Transfer, &participant, Traceparent::fresh())
    }

    #[tokio::test]
    async fn a_store_that_fails_asks_the_peer_to_come_again_and_tells_it_nothing_more() {
        let response = answered(EngineError::Store(StoreError::Corrupt("secret row")));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "store.unavailable");
        assert_eq!(body["@type"], "TransferError");
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[test]
    fn each_refusal_of_the_engine_has_its_status() {
        let refused = |code| EngineError::Refused { code, sentence: "no".to_owned(), process: None };
        assert_eq!(answered(EngineError::NotFound("transfer")).status(), StatusCode::NOT_FOUND);
        assert_eq!(answered(refused("transfer.wrong-state")).status(), StatusCode::BAD_REQUEST);
        for later in ["engine.stopped", NOT_YET] {
            assert_eq!(answered(refused(later)).status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}
