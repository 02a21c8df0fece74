//! The trace that a request belongs to: the caller's, or one of its own.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use crate::net::problem::Problem;
use crate::net::trace::Traceparent;

/// Gives every request its trace (W3C Trace Context), and tells problems under it.
pub(super) async fn trace(mut request: Request, next: Next) -> Response {
    let trace = Traceparent::of_request(request.headers());
    request.extensions_mut().insert(trace);
    let mut response = next.run(request).await;
    let Some(Told(problem)) = response.extensions_mut().remove::<Told>() else { return response };
    let problem = problem.traced(trace);
    if problem.status.is_server_error() {
        tracing::error!(code = problem.code, detail = problem.detail, trace = problem.trace_id, "a request failed");
    } else {
        tracing::info!(code = problem.code, detail = problem.detail, trace = problem.trace_id, "a request is refused");
    }
    let headers = std::mem::take(response.headers_mut());
    let mut told = problem.into_response();
    told.headers_mut().extend(headers);
    told
}

/// A problem on its way to [`trace()`], as an extension of an empty answer.
#[derive(Clone)]
pub(super) struct Told(pub(super) Box<Problem>);

/// `traceparent` for what a request sets going.
pub(super) struct Carried(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Carried {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Traceparent>().map(|trace| trace.child().to_string())))
    }
}
