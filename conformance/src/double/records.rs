//! What was received, told on the control listener; and the controls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State as Shared;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::http1::RequestHead;
use super::state::{State, Trouble};

/// How many requests are remembered; older ones are forgotten.
const MOST: usize = 10_000;

/// Requests received, oldest first.
#[derive(Default)]
pub(super) struct Records(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    first: u64,
    received: VecDeque<Received>,
}

struct Received {
    method: String,
    target: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<[u8; 32]>,
}

/// The number under which a request is remembered.
pub(super) type Number = u64;

impl Records {
    /// Remembers a request whose body is still to come.
    pub(super) fn add(&self, head: &RequestHead) -> Number {
        let received = Received {
            method: head.method.clone(),
            target: head.target.clone(),
            headers: head.headers.clone(),
            body: None,
        };
        let Ok(mut all) = self.0.lock() else { return 0 };
        if all.received.len() == MOST {
            all.received.pop_front();
            all.first += 1;
        }
        all.received.push_back(received);
        all.first + all.received.len() as u64 - 1
    }

    /// Adds the SHA-256 of the body, once it was read.
    pub(super) fn body(&self, number: Number, digest: [u8; 32]) {
        let Ok(mut all) = self.0.lock() else { return };
        let first = all.first;
        if let Some(received) =
            number.checked_sub(first).and_then(|n| usize::try_from(n).ok()).and_then(|n| all.received.get_mut(n))
        {
            received.body = Some(digest);
        }
    }

    pub(super) fn to_json(&self) -> Vec<Value> {
        let Ok(all) = self.0.lock() else { return Vec::new() };
        all.received.iter().map(Received::to_json).collect()
    }

    fn clear(&self) {
        if let Ok(mut all) = self.0.lock() {
            all.first += all.received.len() as u64;
            all.received.clear();
        }
    }
}

impl Received {
    fn to_json(&self) -> Value {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers: Vec<Value> = self.headers.iter().map(|(name, value)| json!([name, text(value)])).collect();
        json!({
            "method": self.method,
            "target": text(&self.target),
            "headers": headers,
            "bodySha256": self.body.map(hex::encode),
        })
    }
}

/// The control listener.
pub(super) async fn serve(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    let routes = Router::new()
        .route("/", get(about))
        .route("/requests", get(requests).delete(forget))
        .route("/trouble", get(trouble).put(set_trouble))
        .with_state(state);
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = serving.await {
        tracing::error!(%error, "the double's control listener failed");
    }
}

async fn about(Shared(state): Shared<Arc<State>>) -> Json<Value> {
    Json(json!({
        "simulated": true,
        "what": "a SIMULATED X-Road security server for development and demonstration; it is not X-Road",
        "instance": state.config.instance,
        "paths": {"requests": "GET, DELETE", "trouble": "GET, PUT"},
    }))
}

async fn requests(Shared(state): Shared<Arc<State>>) -> Json<Vec<Value>> {
    Json(state.records.to_json())
}

async fn forget(Shared(state): Shared<Arc<State>>) -> axum::http::StatusCode {
    state.records.clear();
    axum::http::StatusCode::NO_CONTENT
}

async fn trouble(Shared(state): Shared<Arc<State>>) -> Json<Trouble> {
    Json(Trouble::clone(&state.trouble()))
}

async fn set_trouble(Shared(state): Shared<Arc<State>>, Json(trouble): Json<Trouble>) -> Json<Trouble> {
    state.set_trouble(trouble);
    Json(Trouble::clone(&state.trouble()))
}
