//! What peers call: every endpoint of both roles (DSP 2025-1, HTTPS bindings), below `/{participant}/dsp/2025-1`.
//!
//! One way for every request: find the participant and the endpoint, establish the caller, read and check the body, ask the
//! engine or the catalogue, answer. The first refusal ends it, with the error object of the protocol that the endpoint is of.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};

use super::catalog::CatalogSource;
use super::participants::{Participant, Participants};
use super::wire::{VERSION_PATH, version_document};
use crate::engine::Engine;
use crate::env::Clock;
use crate::identity::{Caller, Callers};
use crate::net::body::{self, BodyLimits};
use crate::net::problem::Problem;
use crate::net::trace::Traceparent;

mod answer;
mod catalog;
mod endpoint;
mod process;

use answer::{Refusal, json};
use endpoint::{Endpoint, Found};

/// What the endpoints work with. Cheap to clone.
#[derive(Clone)]
pub struct DspState {
    /// Takes the messages.
    pub engine: Engine,
    /// Shows the datasets.
    pub catalog: Arc<dyn CatalogSource>,
    /// Tells who calls.
    pub callers: Arc<dyn Callers>,
    /// Who is served here.
    pub participants: Arc<Participants>,
    /// The time.
    pub clock: Clock,
    /// How much of a body is taken.
    pub limits: BodyLimits,
}

/// Every endpoint of the protocol, and the version documents.
pub fn routes(state: DspState) -> Router {
    Router::new()
        .route(VERSION_PATH, get(versions_at_root))
        .route(&format!("{VERSION_PATH}/"), get(versions_at_root))
        .route(&format!("/{{participant}}{VERSION_PATH}"), get(versions))
        .route(&format!("/{{participant}}{VERSION_PATH}/"), get(versions))
        .route("/{participant}/dsp/2025-1", any(serve))
        .route("/{participant}/dsp/2025-1/", any(serve))
        .route("/{participant}/dsp/2025-1/{*rest}", any(serve))
        .with_state(state)
}

/// One request on its way: where it arrived, who sent it, and the trace it belongs to.
struct Visit<'a> {
    participant: &'a Participant,
    caller: Caller,
    trace: Traceparent,
}

async fn versions_at_root(State(state): State<DspState>) -> Response {
    json(StatusCode::OK, &version_document(state.participants.iter(), true))
}

async fn versions(State(state): State<DspState>, request: Request) -> Response {
    let trace = Traceparent::of_request(request.headers());
    let (segment, _) = split(request.uri().path());
    match state.participants.by_segment(segment) {
        Some(participant) => json(StatusCode::OK, &version_document(std::iter::once(participant), false)),
        None => nowhere(&request, trace, unknown_participant()).into_response(),
    }
}

async fn serve(State(state): State<DspState>, request: Request) -> Response {
    let trace = Traceparent::of_request(request.headers());
    let (segment, rest) = split(request.uri().path());
    let Some(participant) = state.participants.by_segment(segment) else {
        return nowhere(&request, trace, unknown_participant()).into_response();
    };
    let endpoint = match endpoint::find(request.method(), rest) {
        Found::Endpoint(endpoint) => endpoint,
        Found::OtherMethod(allowed) => {
            let problem = Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "endpoint.method",
                format!("this endpoint takes {allowed} only"),
            );
            return ([(header::ALLOW, allowed)], nowhere(&request, trace, problem)).into_response();
        }
        Found::Nothing => {
            let sentence = "the Dataspace Protocol 2025-1 has no such endpoint";
            let problem = Problem::new(StatusCode::NOT_FOUND, "endpoint.unknown", sentence);
            return nowhere(&request, trace, problem).into_response();
        }
    };
    let family = endpoint.family();
    match answer(&state, participant, endpoint, request, trace).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(family, participant, trace),
    }
}

async fn answer(
    state: &DspState,
    participant: &Participant,
    endpoint: Endpoint,
    request: Request,
    trace: Traceparent,
) -> Result<Response, Refusal> {
    let authenticated = state.callers.authenticate(&participant.id, request.headers(), state.clock.now()).await;
    let caller = match authenticated {
        Ok(caller) => caller,
        Err(error) => {
            let (parts, content) = request.into_parts();
            body::discard(&parts.headers, content).await;
            return Err(Refusal::unauthenticated(error, endpoint.pid()));
        }
    };
    let visit = Visit { participant, caller, trace };
    match endpoint {
        Endpoint::CatalogRequest => catalog::request(state, &visit, request).await,
        Endpoint::Dataset(id) => catalog::dataset(state, &visit, &id).await,
        Endpoint::Show(kind, pid) => process::show(state, &visit, kind, &pid).await,
        Endpoint::Receive(kind, pid, expected) => process::receive(state, &visit, kind, pid, expected, request).await,
    }
}

/// The first segment of a path, and what follows the versioned base; doubled and trailing slashes stay for the endpoint table.
fn split(path: &str) -> (&str, &str) {
    let (segment, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    (segment, rest.trim_start_matches('/').strip_prefix("dsp/2025-1").unwrap_or_default())
}

/// Logs a request that is for no endpoint, once; it belongs to no protocol whose error object could be given.
fn nowhere(request: &Request, trace: Traceparent, problem: Problem) -> Problem {
    let problem = problem.traced(trace);
    let (method, path) = (request.method(), request.uri().path());
    tracing::info!(%method, path, code = problem.code, trace_id = problem.trace_id, "a request leads nowhere");
    problem
}

fn unknown_participant() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "participant.unknown", "no such participant is served here")
}
