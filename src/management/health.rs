//! Whether the process lives and serves, and its metrics.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use super::ManagementState;

pub(super) async fn health() -> Response {
    Json(json!({"status": "up", "version": env!("CARGO_PKG_VERSION")})).into_response()
}

pub(super) async fn ready(State(state): State<ManagementState>) -> Response {
    let status = match (state.stop.is_cancelled(), state.ready.is_cancelled()) {
        (true, _) => "draining",
        (false, false) => "starting",
        (false, true) => return Json(json!({"status": "ready"})).into_response(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": status }))).into_response()
}

pub(super) async fn metrics(State(state): State<ManagementState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], (state.metrics)()).into_response()
}
