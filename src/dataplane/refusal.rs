//! A call that does not get its answer: status, code and sentence, as the consumer sees them (RFC 9457).

use std::borrow::Cow;

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::exchange::EXCHANGE;
use super::release::Released;
use crate::model::exchange::{Clauses, ExchangeId, Facts};
use crate::net::problem::Problem;
use crate::net::trace::Traceparent;

/// Why a call does not get its answer. Boxed: it is the rare end of every step.
#[derive(Debug)]
pub(super) struct Refusal(Box<Reason>);

/// What there is to say about it.
#[derive(Debug)]
pub(super) struct Reason {
    pub(super) status: StatusCode,
    pub(super) code: Cow<'static, str>,
    pub(super) sentence: String,
    /// Further members for the consumer.
    pub(super) more: Vec<(&'static str, Value)>,
    /// The clauses that refused, in full, for evidence.
    pub(super) clauses: Option<Clauses>,
    /// What the policy refused on, for evidence.
    pub(super) facts: Option<Facts>,
    /// The call was made, and its answer may not be released.
    pub(super) withheld: bool,
    /// The call was made, and it is the consumer who did not bring it to its end.
    pub(super) abandoned: bool,
    /// The X-Road fault code, when the call was permitted and X-Road failed it.
    pub(super) fault: Option<String>,
    /// What lies behind it, for the operator's log only.
    pub(super) cause: Option<String>,
    /// After how many seconds to try again.
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, sentence: impl Into<String>) -> Self {
        Self(Box::new(Reason {
            status,
            code: code.into(),
            sentence: sentence.into(),
            more: Vec::new(),
            clauses: None,
            facts: None,
            withheld: false,
            abandoned: false,
            fault: None,
            cause: None,
            retry_after: None,
        }))
    }

    pub(super) fn bad_request(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, sentence)
    }

    pub(super) fn forbidden(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, sentence)
    }

    /// No token, or one that opens nothing (RFC 6750 §3).
    pub(super) fn unauthorized(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, sentence)
    }

    /// Something of ours does not work now.
    pub(super) fn unavailable(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, sentence).retry_after(1)
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.more.push((name, value.into()));
        self
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    pub(super) fn refused_by(mut self, clauses: Clauses, facts: Facts) -> Self {
        (self.0.clauses, self.0.facts) = (Some(clauses), Some(facts));
        self
    }

    pub(super) fn withholding(mut self) -> Self {
        self.0.withheld = true;
        self
    }

    pub(super) fn abandoning(mut self) -> Self {
        self.0.abandoned = true;
        self
    }

    pub(super) fn failed_by(mut self, fault: Option<String>) -> Self {
        self.0.fault = fault;
        self
    }

    pub(super) fn caused_by(mut self, cause: impl ToString) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The answer; with the exchange's id where there is one.
    pub(super) fn into_response(self, trace: Traceparent, exchange: Option<ExchangeId>) -> Response<Released> {
        let reason = *self.0;
        // RFC 6750 §3.1: no error code for a request that shows no token at all.
        let missing = reason.code == "token.missing";
        let mut problem = Problem::new(reason.status, reason.code, reason.sentence).traced(trace);
        for (name, value) in reason.more {
            problem = problem.with(name, value);
        }
        if let Some(id) = exchange {
            problem = problem.with("exchange", json!(id));
        }
        let mut response = Response::new(Released::whole(problem.to_json().to_string().into()));
        *response.status_mut() = reason.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if reason.status == StatusCode::UNAUTHORIZED {
            let challenge = if missing {
                "Bearer realm=\"sliproad\""
            } else {
                "Bearer realm=\"sliproad\", error=\"invalid_token\""
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = reason.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(value) = exchange.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
            headers.insert(EXCHANGE, value);
        }
        response
    }
}

impl std::ops::Deref for Refusal {
    type Target = Reason;

    fn deref(&self) -> &Reason {
        &self.0
    }
}
