//! Our calls to peers (DSP 2025-1, HTTPS bindings): messages delivered for the engine, catalogues read for people.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::participants::{Participant, Participants};
use super::wire::{negotiation_to_json, reasons_from_json, transfer_to_json};
use crate::engine::{Acknowledgement, DeliveryFailure, Envelope, Peers};
use crate::identity::Callers;
use crate::model::ids::{ParticipantId, Pid};
use crate::model::json::{DEPTH, parse};
use crate::model::message::{NegotiationBody, NegotiationMessage, Reasons, TransferBody, TransferMessage};
use crate::model::negotiation::Role;
use crate::model::process::ProcessKind;
use crate::net::outbound::{Answer, Outbound, OutboundError, OutboundRequest};
use crate::net::trace::{TRACEPARENT, Traceparent};
use crate::schemas::check_dsp;

mod catalog;

pub use catalog::{ClientError, PeerCatalog};

/// What stays as it is in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// Calls peers, through the guarded client, on behalf of our participants. Cheap to clone.
#[derive(Clone)]
pub struct DspClient {
    outbound: Outbound,
    callers: Arc<dyn Callers>,
    participants: Arc<Participants>,
}

/// On whose behalf a peer is called.
struct Speaker<'a> {
    participant: &'a ParticipantId,
    counterparty: &'a ParticipantId,
    /// The peer's versioned base, without a trailing slash.
    base: &'a str,
    trace: Option<&'a str>,
}

impl DspClient {
    /// Over the guarded client; `callers` answers for who we are.
    #[must_use]
    pub fn new(outbound: Outbound, callers: Arc<dyn Callers>, participants: Arc<Participants>) -> Self {
        Self { outbound, callers, participants }
    }

    async fn send(
        &self,
        speaker: &Speaker<'_>,
        method: Method,
        url: String,
        body: Option<&Value>,
    ) -> Result<Answer, OutboundError> {
        let mut headers = HeaderMap::new();
        let trace = speaker.trace.and_then(Traceparent::parse).map_or_else(Traceparent::fresh, Traceparent::child);
        if let Ok(value) = HeaderValue::from_str(&trace.to_string()) {
            headers.insert(HeaderName::from_static(TRACEPARENT), value);
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let credentials = self.callers.credentials_for(speaker.participant, speaker.counterparty, speaker.base).await;
        if let Some(credentials) = credentials {
            let mut value = HeaderValue::from_str(credentials.expose_secret()).map_err(|_| {
                OutboundError::Forbidden(format!("the token for {} is not a header value", speaker.counterparty))
            })?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        self.outbound.call(OutboundRequest { method, url, headers, body }).await
    }

    /// Delivers a message; the answer's body is read only for the first message of a process.
    async fn deliver(
        &self,
        to: &Envelope,
        path: &str,
        message: &Value,
        first: bool,
    ) -> Result<Acknowledgement, DeliveryFailure> {
        let base = to.address.trim_end_matches('/');
        let speaker =
            Speaker { participant: &to.participant, counterparty: &to.counterparty, base, trace: to.trace.as_deref() };
        let answer = self.send(&speaker, Method::POST, format!("{base}{path}"), Some(message)).await;
        let answer = accepted(answer)?;
        if !first {
            return Ok(Acknowledgement::default());
        }
        let name = if to.role == Role::Consumer { "providerPid" } else { "consumerPid" };
        let process = read(&answer, answer_type(message));
        match process.as_ref().and_then(|body| identifier(body, name)) {
            Some(pid) => Ok(Acknowledgement { peer_pid: Some(Pid::from(pid)) }),
            None => Err(DeliveryFailure::Unavailable(format!("its answer names no {name}"))),
        }
    }
}

#[async_trait]
impl Peers for DspClient {
    async fn negotiation(
        &self,
        to: &Envelope,
        message: &NegotiationMessage,
    ) -> Result<Acknowledgement, DeliveryFailure> {
        let pid = peer_pid(to.role, message.consumer_pid.as_ref(), message.provider_pid.as_ref());
        let (first, step) = match &message.body {
            NegotiationBody::Request { callback, .. } => (callback.is_some(), "request"),
            NegotiationBody::Offer { callback, .. } => (callback.is_some(), "offers"),
            NegotiationBody::Accepted | NegotiationBody::Finalized => (false, "events"),
            NegotiationBody::Agreement { .. } => (false, "agreement"),
            NegotiationBody::Verification => (false, "agreement/verification"),
            NegotiationBody::Termination(_) => (false, "termination"),
        };
        let path = path("negotiations", if first { None } else { Some(pid) }, step)?;
        self.deliver(to, &path, &negotiation_to_json(message), first).await
    }

    async fn transfer(&self, to: &Envelope, message: &TransferMessage) -> Result<Acknowledgement, DeliveryFailure> {
        let pid = peer_pid(to.role, message.consumer_pid.as_ref(), message.provider_pid.as_ref());
        let (first, step) = match &message.body {
            TransferBody::Request { .. } => (true, "request"),
            TransferBody::Start { .. } => (false, "start"),
            TransferBody::Completion => (false, "completion"),
            TransferBody::Suspension(_) => (false, "suspension"),
            TransferBody::Termination(_) => (false, "termination"),
        };
        let path = path("transfers", if first { None } else { Some(pid) }, step)?;
        self.deliver(to, &path, &transfer_to_json(message), first).await
    }

    async fn state(&self, to: &Envelope, kind: ProcessKind, peer_pid: &Pid) -> Result<String, DeliveryFailure> {
        let base = to.address.trim_end_matches('/');
        let speaker =
            Speaker { participant: &to.participant, counterparty: &to.counterparty, base, trace: to.trace.as_deref() };
        let folder = match kind {
            ProcessKind::Negotiation => "negotiations",
            ProcessKind::Transfer => "transfers",
        };
        let url = format!("{base}/{folder}/{}", encoded(peer_pid.as_str()));
        let answer = accepted(self.send(&speaker, Method::GET, url, None).await)?;
        let process = match kind {
            ProcessKind::Negotiation => "ContractNegotiation",
            ProcessKind::Transfer => "TransferProcess",
        };
        let state = read(&answer, process).and_then(|body| identifier(&body, "state"));
        state.ok_or_else(|| DeliveryFailure::Unavailable("its answer names no state".to_owned()))
    }

    fn callback(&self, participant: &ParticipantId) -> String {
        self.participants.by_id(participant).map(Participant::dsp_base).unwrap_or_default()
    }
}

/// Sorts an answer: 2xx is accepted, 409 means not yet, other 4xx are final, the rest is to be tried again.
fn accepted(answer: Result<Answer, OutboundError>) -> Result<Answer, DeliveryFailure> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(OutboundError::Forbidden(why)) => {
            return Err(DeliveryFailure::Refused { status: 0, reasons: Reasons::new("peer.forbidden", why) });
        }
        Err(other) => return Err(DeliveryFailure::Unavailable(other.to_string())),
    };
    match answer.status {
        status if status.is_success() => Ok(answer),
        StatusCode::CONFLICT => Err(DeliveryFailure::NotYet),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Err(DeliveryFailure::Unavailable(format!("it answered {}", answer.status)))
        }
        status if status.is_client_error() => {
            Err(DeliveryFailure::Refused { status: status.as_u16(), reasons: told(&answer) })
        }
        status => Err(DeliveryFailure::Unavailable(format!("it answered {status}"))),
    }
}

/// What a first message is answered with.
fn answer_type(message: &Value) -> &'static str {
    let is_transfer = message.get("@type").is_some_and(|name| name == "TransferRequestMessage");
    if is_transfer { "TransferProcess" } else { "ContractNegotiation" }
}

/// An answer that fits the schema of what was asked for.
fn read(answer: &Answer, wanted: &str) -> Option<Value> {
    parse(&answer.body, DEPTH).ok().filter(|body| check_dsp(wanted, body).is_ok())
}

/// What a peer's error object says; the status when it says nothing.
fn told(answer: &Answer) -> Reasons {
    let mut reasons = parse(&answer.body, DEPTH).map(|body| reasons_from_json(&body)).unwrap_or_default();
    if reasons.reason.is_empty() {
        reasons.reason.push(format!("the peer answered {}", answer.status));
    }
    reasons
}

/// The peer's pid in a message of ours.
fn peer_pid<'a>(role: Role, consumer: Option<&'a Pid>, provider: Option<&'a Pid>) -> Option<&'a Pid> {
    if role == Role::Consumer { provider } else { consumer }
}

/// The path of a message: with the peer's pid in it, which must be known, unless it is a first one.
fn path(folder: &str, pid: Option<Option<&Pid>>, step: &str) -> Result<String, DeliveryFailure> {
    match pid {
        None => Ok(format!("/{folder}/{step}")),
        Some(Some(pid)) => Ok(format!("/{folder}/{}/{step}", encoded(pid.as_str()))),
        Some(None) => {
            let reasons = Reasons::new("peer.pid-unknown", "the peer has not told its process id");
            Err(DeliveryFailure::Refused { status: 0, reasons })
        }
    }
}

fn encoded(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// A text, or the `@id` of an object.
fn identifier(body: &Value, name: &str) -> Option<String> {
    let value = body.get(name)?;
    let text = value.as_str().or_else(|| value.get("@id")?.as_str())?;
    (!text.is_empty() && text.len() <= 1024).then(|| text.to_owned())
}
