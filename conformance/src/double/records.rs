//! What was received, told on the control listener; and the controls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::http1::RequestHead;
use super::state::{State, Trouble};

/// How many requests are remembered; then the oldest are forgotten, and the answer says how many.
const MOST: usize = 250_000;
/// How many bytes of heads are remembered.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// How many requests were forgotten.
const FORGOTTEN: &str = "sliproad-forgotten";

/// Requests received, oldest first.
#[derive(Default)]
pub(super) struct Records(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    /// The number of the oldest.
    first: u64,
    /// How many were forgotten for want of room since they were last emptied.
    forgotten: u64,
    bytes: usize,
    received: VecDeque<Received>,
}

struct Received {
    method: String,
    target: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    /// `None` until its end was read.
    body: Option<[u8; 32]>,
    malformed: bool,
}

/// The number under which a request is remembered.
pub(super) type Number = u64;

impl Records {
    /// Remembers a request whose body is still to come.
    pub(super) fn add(&self, head: &RequestHead) -> Number {
        self.keep(Received::of(head))
    }

    /// Remembers what can be told of a request whose head could not be read, with the SHA-256 of what followed the head.
    pub(super) fn add_malformed(&self, head: &RequestHead, digest: [u8; 32]) {
        self.keep(Received { body: Some(digest), malformed: true, ..Received::of(head) });
    }

    /// Notes that nobody can say where the body ends; the digest is of what had followed the head.
    pub(super) fn malformed(&self, number: Number, digest: [u8; 32]) {
        self.change(number, |received| {
            received.body = Some(digest);
            received.malformed = true;
        });
    }

    /// Adds the SHA-256 of the body, once it was read.
    pub(super) fn body(&self, number: Number, digest: [u8; 32]) {
        self.change(number, |received| received.body = Some(digest));
    }

    fn keep(&self, received: Received) -> Number {
        let Ok(mut all) = self.0.lock() else { return 0 };
        all.bytes += received.bytes();
        all.received.push_back(received);
        while all.received.len() > MOST || all.bytes > MOST_BYTES {
            let Some(oldest) = all.received.pop_front() else { break };
            all.bytes -= oldest.bytes();
            all.first += 1;
            all.forgotten += 1;
        }
        all.first + (all.received.len() as u64).saturating_sub(1)
    }

    fn change(&self, number: Number, change: impl FnOnce(&mut Received)) {
        let Ok(mut all) = self.0.lock() else { return };
        let place = number.checked_sub(all.first).and_then(|n| usize::try_from(n).ok());
        if let Some(received) = place.and_then(|n| all.received.get_mut(n)) {
            change(received);
        }
    }

    pub(super) fn to_json(&self) -> Vec<Value> {
        self.told().1
    }

    /// How many were forgotten, and those that were not.
    fn told(&self) -> (u64, Vec<Value>) {
        let Ok(all) = self.0.lock() else { return (0, Vec::new()) };
        (all.forgotten, all.received.iter().map(Received::to_json).collect())
    }

    fn clear(&self) {
        if let Ok(mut all) = self.0.lock() {
            all.first += all.received.len() as u64;
            all.forgotten = 0;
            all.bytes = 0;
            all.received.clear();
        }
    }
}

impl Received {
    fn of(head: &RequestHead) -> Self {
        Self {
            method: head.method.clone(),
            target: head.target.clone(),
            headers: head.headers.clone(),
            body: None,
            malformed: false,
        }
    }

    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.method.len() + self.target.len() + headers
    }

    fn to_json(&self) -> Value {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers: Vec<Value> = self.headers.iter().map(|(name, value)| json!([name, text(value)])).collect();
        json!({
            "method": self.method,
            "target": text(&self.target),
            "headers": headers,
            "bodySha256": self.body.map(hex::encode),
            "malformed": self.malformed,
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

async fn requests(Shared(state): Shared<Arc<State>>) -> impl IntoResponse {
    let (forgotten, received) = state.records.told();
    ([(FORGOTTEN, forgotten.to_string())], Json(received))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str) -> RequestHead {
        RequestHead { method: "GET".into(), target: target.into(), minor_version: 1, headers: Vec::new() }
    }

    #[test]
    fn what_is_forgotten_for_want_of_room_is_counted() {
        let records = Records::default();
        for _ in 0..MOST {
            records.add(&head("/old"));
        }
        let last = records.add(&head("/new"));
        records.body(last, [7; 32]);
        let (forgotten, told) = records.told();
        assert_eq!((forgotten, told.len()), (1, MOST));
        assert_eq!(
            (told[MOST - 1]["target"].as_str(), &told[MOST - 1]["bodySha256"]),
            (Some("/new"), &json!(hex::encode([7; 32])))
        );
        records.clear();
        records.body(last, [8; 32]);
        assert_eq!(records.told(), (0, Vec::new()));
    }
}
