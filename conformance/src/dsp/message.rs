//! The peer's own messages, in the form in which the official kit sends them: with an `@id` and empty constraint lists.

use serde_json::{Map, Value, json};

use super::sequence::Message;

/// The protocol's JSON-LD context.
pub(super) const CONTEXT: &str = "https://w3id.org/dspace/2025/1/context.jsonld";

/// What a conversation is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Topic {
    /// The consumer's pid.
    pub(super) consumer: String,
    /// The provider's pid; empty until it is known.
    pub(super) provider: String,
    /// Whether the connector under test provides.
    pub(super) subject_provides: bool,
    /// The dataset.
    pub(super) dataset: String,
    /// The offer.
    pub(super) offer: String,
    /// The agreement that a transfer is about.
    pub(super) agreement: String,
    /// The connector under test.
    pub(super) subject: String,
    /// The peer.
    pub(super) peer: String,
    /// Base of the peer's endpoints.
    pub(super) callback: String,
}

impl Topic {
    fn assigner(&self) -> (&str, &str) {
        if self.subject_provides { (&self.subject, &self.peer) } else { (&self.peer, &self.subject) }
    }

    /// The pid of the connector under test.
    pub(super) fn subject_pid(&self) -> &str {
        if self.subject_provides { &self.provider } else { &self.consumer }
    }

    /// The peer's pid.
    pub(super) fn peer_pid(&self) -> &str {
        if self.subject_provides { &self.consumer } else { &self.provider }
    }
}

impl Message {
    /// `@type`.
    pub(super) const fn kind(self, negotiates: bool) -> &'static str {
        match self {
            Self::Request => "ContractRequestMessage",
            Self::Offer => "ContractOfferMessage",
            Self::Accepted | Self::Finalized => "ContractNegotiationEventMessage",
            Self::Agreement => "ContractAgreementMessage",
            Self::Verification => "ContractAgreementVerificationMessage",
            Self::Termination if negotiates => "ContractNegotiationTerminationMessage",
            Self::Termination => "TransferTerminationMessage",
            Self::TransferRequest => "TransferRequestMessage",
            Self::Start => "TransferStartMessage",
            Self::Suspension => "TransferSuspensionMessage",
            Self::Completion => "TransferCompletionMessage",
        }
    }

    /// The path below the versioned base (or the callback), for the receiver's pid; a request without one opens a process.
    pub(super) fn path(self, negotiates: bool, pid: Option<&str>) -> String {
        let noun = if negotiates { "negotiations" } else { "transfers" };
        let verb = match self {
            Self::Request | Self::TransferRequest => "request",
            Self::Offer => "offers",
            Self::Accepted | Self::Finalized => "events",
            Self::Agreement => "agreement",
            Self::Verification => "agreement/verification",
            Self::Termination => "termination",
            Self::Start => "start",
            Self::Suspension => "suspension",
            Self::Completion => "completion",
        };
        match pid {
            Some(pid) => format!("/{noun}/{pid}/{verb}"),
            None => format!("/{noun}/{verb}"),
        }
    }

    /// The state that a message leads to.
    pub(super) const fn leads_to(self) -> &'static str {
        match self {
            Self::Request | Self::TransferRequest => "REQUESTED",
            Self::Offer => "OFFERED",
            Self::Accepted => "ACCEPTED",
            Self::Agreement => "AGREED",
            Self::Verification => "VERIFIED",
            Self::Finalized => "FINALIZED",
            Self::Termination => "TERMINATED",
            Self::Start => "STARTED",
            Self::Suspension => "SUSPENDED",
            Self::Completion => "COMPLETED",
        }
    }
}

/// The message, from the peer to the connector under test.
pub(super) fn message(message: Message, negotiates: bool, topic: &Topic) -> Value {
    let mut body = frame(message.kind(negotiates));
    body.insert("consumerPid".to_owned(), json!(topic.consumer));
    if !topic.provider.is_empty() {
        body.insert("providerPid".to_owned(), json!(topic.provider));
    }
    let more = match message {
        Message::Request if topic.provider.is_empty() => {
            json!({"offer": offer(topic), "callbackAddress": topic.callback})
        }
        Message::Request | Message::Offer => json!({"offer": offer(topic)}),
        Message::Accepted => json!({"eventType": "ACCEPTED"}),
        Message::Finalized => json!({"eventType": "FINALIZED"}),
        Message::Agreement => json!({"agreement": agreement(topic)}),
        Message::TransferRequest => json!({
            "agreementId": topic.agreement, "format": "HttpData-PULL", "callbackAddress": topic.callback,
        }),
        // As consumer the official kit sends none, as provider one without properties.
        Message::Start if topic.subject_provides => json!({}),
        Message::Start => json!({"dataAddress": {
            "@type": "DataAddress", "endpoint": "http://example.com", "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
        }}),
        Message::Termination | Message::Suspension => json!({"code": "1"}),
        Message::Verification | Message::Completion => json!({}),
    };
    body.extend(more.as_object().cloned().unwrap_or_default());
    Value::Object(body)
}

/// The answer to a request that opens a process at the peer.
pub(super) fn opened(negotiates: bool, topic: &Topic) -> Value {
    let mut body = frame(if negotiates { "ContractNegotiation" } else { "TransferProcess" });
    body.insert("consumerPid".to_owned(), json!(topic.consumer));
    body.insert("providerPid".to_owned(), json!(topic.provider));
    body.insert("state".to_owned(), json!("REQUESTED"));
    Value::Object(body)
}

/// A request for a catalogue.
pub(super) fn catalog_request() -> Value {
    Value::Object(frame("CatalogRequestMessage"))
}

fn frame(kind: &str) -> Map<String, Value> {
    let id = uuid::Uuid::new_v4().to_string();
    let frame = json!({"@context": [CONTEXT], "@type": kind, "@id": id});
    frame.as_object().cloned().unwrap_or_default()
}

fn offer(topic: &Topic) -> Value {
    let (assigner, assignee) = topic.assigner();
    json!({
        "@type": "Offer", "@id": topic.offer, "target": topic.dataset, "assigner": assigner, "assignee": assignee,
        "permission": [{"action": "use", "constraint": []}],
    })
}

fn agreement(topic: &Topic) -> Value {
    let (assigner, assignee) = topic.assigner();
    json!({
        "@type": "Agreement", "@id": format!("urn:uuid:{}", uuid::Uuid::new_v4()), "target": topic.dataset,
        "assigner": assigner, "assignee": assignee, "timestamp": jiff::Timestamp::now().to_string(),
        "permission": [{"action": "use", "constraint": []}],
    })
}
