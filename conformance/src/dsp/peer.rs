//! The peer's listener: each conversation has a base of its own and a mailbox; nothing is answered before it is expected.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Largest message that the peer reads.
const LARGEST: usize = 1024 * 1024;
/// Messages that wait in one mailbox.
const WAITING: usize = 16;

/// A message that arrived, with the place for its answer.
#[derive(Debug)]
pub(super) struct Arrived {
    /// Path below the conversation's base, percent-decoded.
    pub(super) path: String,
    /// The `Authorization` header.
    pub(super) authorization: String,
    /// The content type.
    pub(super) content_type: String,
    /// The body; `Null` when it is not JSON.
    pub(super) body: Value,
    answer: oneshot::Sender<(StatusCode, Option<Value>)>,
}

impl Arrived {
    /// Answers it. The sender may have gone meanwhile; that shows in what it does next.
    pub(super) fn answer(self, status: StatusCode, body: Option<Value>) {
        self.answer.send((status, body)).ok();
    }
}

type Mailboxes = Arc<HashMap<String, mpsc::Sender<Arrived>>>;

/// The listener of the peer. Dropping it ends it.
pub(super) struct Peer {
    base: String,
    serving: JoinHandle<()>,
}

impl Peer {
    /// Listens on loopback for these conversations; a mailbox for each, in the same order.
    pub(super) async fn start(segments: &[String]) -> std::io::Result<(Self, Vec<mpsc::Receiver<Arrived>>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let (senders, receivers): (Vec<_>, Vec<_>) = segments.iter().map(|_| mpsc::channel(WAITING)).unzip();
        let mailboxes: Mailboxes = Arc::new(segments.iter().cloned().zip(senders).collect());
        let routes = Router::new().fallback(take).with_state(mailboxes);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the scripted peer stopped listening");
            }
        });
        Ok((Self { base, serving }, receivers))
    }

    /// The versioned base of a conversation.
    pub(super) fn base(&self, segment: &str) -> String {
        format!("{}/{segment}", self.base)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(mailboxes): State<Mailboxes>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = percent_encoding::percent_decode_str(head.uri.path()).decode_utf8_lossy().into_owned();
    let (segment, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((&path, ""));
    let Some(mailbox) = mailboxes.get(segment).filter(|_| head.method == Method::POST) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let header_text = |name| {
        let value = head.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (authorization, content_type) = (header_text(header::AUTHORIZATION), header_text(header::CONTENT_TYPE));
    let Ok(bytes) = to_bytes(body, LARGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let (answer, answered) = oneshot::channel();
    let arrived = Arrived { path: format!("/{rest}"), authorization, content_type, body, answer };
    if mailbox.send(arrived).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answered.await {
        Ok((status, Some(body))) => {
            (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
        }
        Ok((status, None)) => status.into_response(),
        // The conversation is over.
        Err(_) => StatusCode::GONE.into_response(),
    }
}
