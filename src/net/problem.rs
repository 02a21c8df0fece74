//! Errors of our own interfaces as `application/problem+json` (RFC 9457).

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::trace::Traceparent;

/// One error answer: a stable code, a sentence a person can act on, and the trace id.
#[derive(Clone, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable code, such as `participant.unknown`; also the last part of `type`.
    pub code: String,
    /// What happened and what to do about it.
    pub detail: String,
    /// Trace id, when there is one.
    pub trace_id: Option<String>,
    /// Further members of the object.
    pub more: Map<String, Value>,
}

impl Problem {
    /// A problem without a trace id and further members.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), trace_id: None, more: Map::new() }
    }

    /// With the trace id of a request.
    #[must_use]
    pub fn traced(mut self, trace: Traceparent) -> Self {
        self.trace_id = Some(trace.trace_id());
        self
    }

    /// With one more member; the standard ones cannot be replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The object as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = self.more.clone();
        body.insert("type".into(), json!(format!("urn:sliproad:problem:{}", self.code)));
        body.insert("title".into(), json!(self.status.canonical_reason().unwrap_or("Error")));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("code".into(), json!(self.code));
        body.insert("detail".into(), json!(self.detail));
        if let Some(trace_id) = &self.trace_id {
            body.insert("traceId".into(), json!(trace_id));
        }
        Value::Object(body)
    }
}

/// The answer for whatever has no route.
pub async fn unknown_path(request: Request) -> Response {
    nowhere(&request, StatusCode::NOT_FOUND, "path.unknown", "nothing is served at this path")
}

/// The answer for a path that is served, but not with this method.
pub async fn unknown_method(request: Request) -> Response {
    nowhere(&request, StatusCode::METHOD_NOT_ALLOWED, "method.unknown", "the path has no such method")
}

fn nowhere(request: &Request, status: StatusCode, code: &str, sentence: &str) -> Response {
    let trace = Traceparent::of_request(request.headers());
    let (method, path) = (request.method(), request.uri().path());
    tracing::info!(%method, path, code, trace_id = trace.trace_id(), "a request leads nowhere");
    Problem::new(status, code, sentence).traced(trace).into_response()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.to_json().to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_carries_code_sentence_and_trace_id() {
        let trace = Traceparent::fresh();
        let problem = Problem::new(StatusCode::NOT_FOUND, "asset.unknown", "there is no such asset")
            .with("asset", json!("a"))
            .with("status", json!(200))
            .traced(trace);
        assert_eq!(
            problem.to_json(),
            json!({"type": "urn:sliproad:problem:asset.unknown", "title": "Not Found", "status": 404,
                   "code": "asset.unknown", "detail": "there is no such asset", "traceId": trace.trace_id(), "asset": "a"})
        );
    }
}
