//! Our client against peers that refuse, hesitate or answer nonsense.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use sliproad::dsp::{ClientError, DspClient, Participant, Participants};
use sliproad::engine::{DeliveryFailure, Envelope, Peers};
use sliproad::identity::DevelopmentCallers;
use sliproad::model::message::{NegotiationBody, NegotiationMessage};
use sliproad::model::negotiation::Role;
use sliproad::model::process::ProcessKind;
use sliproad::net::listener::{ListenerLimits, serve};
use sliproad::net::outbound::{Outbound, OutboundPolicy};

use super::world::{offer, outbound};

/// What a peer saw last: method, path and headers.
type Seen = Arc<Mutex<Option<(String, String, HeaderMap)>>>;

/// A peer that gives one answer to everything.
struct Peer {
    base: String,
    seen: Seen,
    stop: CancellationToken,
}

impl Peer {
    async fn answering(status: u16, headers: &[(header::HeaderName, &'static str)], body: &str) -> Self {
        let (seen, stop, headers, body) =
            (Seen::default(), CancellationToken::new(), headers.to_vec(), body.to_owned());
        let answer = move |State(seen): State<Seen>, request: Request| {
            let (headers, body) = (headers.clone(), body.clone());
            async move {
                let said = (request.method().to_string(), request.uri().path().to_owned(), request.headers().clone());
                *seen.lock().await = Some(said);
                let mut response: Response = (StatusCode::from_u16(status).unwrap(), body).into_response();
                response.headers_mut().extend(headers.into_iter().map(|(n, v)| (n, v.parse().unwrap())));
                response
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/any/path", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        tokio::spawn(serve(listener, None, ListenerLimits::default(), router, stop.clone()));
        Self { base, seen, stop }
    }

    fn envelope(&self) -> Envelope {
        Envelope {
            participant: "did:web:us".into(),
            counterparty: "did:web:them".into(),
            address: format!("{}//", self.base),
            role: Role::Consumer,
            trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn client(outbound: Outbound) -> DspClient {
    let us = Participant::new("https://us.example", "us", "did:web:us".into());
    DspClient::new(outbound, Arc::new(DevelopmentCallers::default()), Arc::new(Participants::new(vec![us])))
}

fn first() -> NegotiationMessage {
    let callback = Some(client(outbound()).callback(&"did:web:us".into()));
    let body = NegotiationBody::Request { offer: offer("land"), callback };
    NegotiationMessage { consumer_pid: Some("urn:uuid:c".into()), provider_pid: None, body }
}

fn verification() -> NegotiationMessage {
    let (consumer_pid, provider_pid) = (Some("urn:uuid:c".into()), Some("p/1 ä".into()));
    NegotiationMessage { consumer_pid, provider_pid, body: NegotiationBody::Verification }
}

const STARTED: &str =
    r#"{"@type": "ContractNegotiation", "providerPid": "p1", "consumerPid": "urn:uuid:c", "state": "REQUESTED"}"#;

#[tokio::test]
async fn a_message_carries_identity_trace_and_callback_and_brings_back_the_peers_pid() {
    let peer = Peer::answering(200, &[], STARTED).await;
    let acknowledged = client(outbound()).negotiation(&peer.envelope(), &first()).await.unwrap();
    assert_eq!(acknowledged.peer_pid, Some("p1".into()));
    let (method, path, headers) = peer.seen.lock().await.clone().unwrap();
    assert_eq!((method.as_str(), path.as_str()), ("POST", "/any/path/negotiations/request"));
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert!(headers["traceparent"].to_str().unwrap().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
    let identity: Value = serde_json::from_str(headers[header::AUTHORIZATION].to_str().unwrap()).unwrap();
    assert_eq!(identity, json!({"region": "eu", "clientId": "did:web:us", "audience": peer.base}));
    assert_eq!(client(outbound()).callback(&"did:web:us".into()), "https://us.example/us/dsp/2025-1");
}

#[tokio::test]
async fn a_follow_up_goes_to_the_peers_pid_and_needs_no_body_in_the_answer() {
    let peer = Peer::answering(200, &[(header::CONTENT_TYPE, "application/json")], "").await;
    client(outbound()).negotiation(&peer.envelope(), &verification()).await.unwrap();
    let (_, path, _) = peer.seen.lock().await.clone().unwrap();
    assert_eq!(path, "/any/path/negotiations/p%2F1%20%C3%A4/agreement/verification");
}

#[tokio::test]
async fn answers_are_sorted_into_not_yet_refused_and_to_be_tried_again() {
    let error = r#"{"@type": "ContractNegotiationError", "code": "c", "reason": ["because"]}"#;
    for (status, body, expected) in [
        (409, error, "not yet"),
        (400, error, "refused 400: because"),
        (404, "<html>", "refused 404: the peer answered 404 Not Found"),
        (401, "", "refused 401: the peer answered 401 Unauthorized"),
        (429, error, "again"),
        (408, error, "again"),
        (500, error, "again"),
        (503, "", "again"),
        (302, "", "again"),
        (201, "<html>", "again"),
        (201, "{}", "again"),
        (200, r#"{"providerPid": ""}"#, "again"),
    ] {
        let peer = Peer::answering(status, &[(header::LOCATION, "http://127.0.0.1:9/")], body).await;
        let outcome = match client(outbound()).negotiation(&peer.envelope(), &first()).await {
            Ok(_) => "accepted".to_owned(),
            Err(DeliveryFailure::NotYet) => "not yet".to_owned(),
            Err(DeliveryFailure::Unavailable(_)) => "again".to_owned(),
            Err(DeliveryFailure::Refused { status, reasons }) => {
                format!("refused {status}: {}", reasons.reason.join("; "))
            }
        };
        assert_eq!(outcome, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_peer_that_may_not_be_called_is_refused_without_a_call() {
    let peer = Peer::answering(200, &[], STARTED).await;
    let guarded = client(Outbound::new(OutboundPolicy::default()).unwrap());
    let outcome = guarded.negotiation(&peer.envelope(), &first()).await;
    assert!(matches!(outcome, Err(DeliveryFailure::Refused { status: 0, .. })), "{outcome:?}");
    assert!(peer.seen.lock().await.is_none());
}

#[tokio::test]
async fn the_state_of_a_process_is_asked_by_the_peers_pid() {
    let peer = Peer::answering(200, &[], STARTED).await;
    let state = client(outbound()).state(&peer.envelope(), ProcessKind::Transfer, &"p1".into()).await;
    assert_eq!(state.unwrap(), "REQUESTED");
    let (method, path, _) = peer.seen.lock().await.clone().unwrap();
    assert_eq!((method.as_str(), path.as_str()), ("GET", "/any/path/transfers/p1"));
    let silent = Peer::answering(200, &[], "{}").await;
    let state = client(outbound()).state(&silent.envelope(), ProcessKind::Negotiation, &"p1".into()).await;
    assert!(matches!(state, Err(DeliveryFailure::Unavailable(_))));
}

#[tokio::test]
async fn a_catalogue_whose_pages_never_end_is_cut_and_said_to_be() {
    let page = r#"{"@type": "Catalog", "participantId": "x", "dataset": [{"@id": "a", "hasPolicy": []}]}"#;
    let links = [(header::LINK, "<?a>; rel=\"next\""), (header::LINK, "<?b>; rel=\"next\"")];
    // Whichever page is asked for, it names another.
    let endless = Peer::answering(200, &links[..1], page).await;
    let read = async |peer: &Peer| {
        client(outbound()).catalog(&"did:web:us".into(), &"did:web:them".into(), &peer.base, None).await
    };
    let catalog = read(&endless).await.unwrap();
    assert_eq!(catalog.datasets.len(), 2, "the page that names itself is the last");

    let refused = Peer::answering(403, &[], r#"{"reason": ["not for you"]}"#).await;
    assert!(
        matches!(read(&refused).await, Err(ClientError::Refused { status: 403, reasons }) if reasons.reason == ["not for you"])
    );
    for garbage in ["", "[]", r#"{"@type": "CatalogError"}"#, &"[".repeat(1000)] {
        let peer = Peer::answering(200, &[], garbage).await;
        assert!(matches!(read(&peer).await, Err(ClientError::Garbage("Catalog"))), "{garbage:.20}");
    }
}
