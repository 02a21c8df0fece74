//! The operator's API: everything that can be seen and done in a running connector, over HTTP with JSON.
//!
//! Routes and the OpenAPI document are made from one table ([`routes::ROUTES`]), so that they cannot drift apart. Errors are
//! RFC 9457 problems with a stable code and a trace id; lists are keyset-paged; a key is asked for everywhere but for health.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::dsp::{DspClient, Participants};
use crate::engine::Engine;
use crate::evidence::Evidence;
use crate::store::Store;
use crate::trust::Trust;

mod agreements;
mod answers;
mod counterparties;
mod credentials;
mod exchanges;
mod explanation;
mod guard;
mod health;
mod infringements;
mod obligations;
mod offering;
mod openapi;
mod page;
mod peers;
mod problem;
mod processes;
mod routes;
#[cfg(test)]
mod tests;
mod traced;

pub use credentials::{show_credentials, tell_catalog};
pub use openapi::document as openapi_document;

/// What the API works with. Cheap to clone.
#[derive(Clone)]
pub struct ManagementState {
    /// Negotiations and transfers.
    pub engine: Engine,
    /// What is kept.
    pub store: Store,
    /// What is offered.
    pub catalog: Catalog,
    /// The credentials of consumers.
    pub trust: Trust,
    /// What happened.
    pub evidence: Evidence,
    /// Calls to peers.
    pub client: DspClient,
    /// Who is served here.
    pub participants: Arc<Participants>,
    /// What callers have to show.
    pub key: Arc<SecretString>,
    /// Cancelled once the connector serves all it can.
    pub ready: CancellationToken,
    /// Cancelled when it is told to stop.
    pub stop: CancellationToken,
    /// Renders the metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl FromRef<ManagementState> for Arc<SecretString> {
    fn from_ref(state: &ManagementState) -> Self {
        Arc::clone(&state.key)
    }
}

/// The whole API.
pub fn router(state: ManagementState) -> Router {
    let guarded = routes::guarded(Router::new())
        .layer(axum::middleware::from_fn(problem::ask_for_text))
        .layer(axum::middleware::from_fn_with_state(state.clone(), guard::ask_for_key))
        .layer(axum::extract::DefaultBodyLimit::max(1024 * 1024));
    let routes = routes::open(Router::new()).merge(guarded);
    let routes = routes.fallback(problem::unknown_path).method_not_allowed_fallback(problem::unknown_method);
    routes.layer(axum::middleware::from_fn(traced::trace)).with_state(state)
}
