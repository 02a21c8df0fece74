//! Messages of the Dataspace Protocol, free of their JSON form: what parties say to each other in either direction.
//!
//! The same types serve inbound (parsed by the protocol room) and outbound (sent by it).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{AgreementId, Pid};
use super::negotiation::NegotiationEvent;
use super::transfer::TransferEvent;

/// A message about a contract negotiation (DSP 2025-1, Contract Negotiation Protocol §Message Types).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NegotiationMessage {
    /// `consumerPid`; absent only in a provider's first offer.
    pub consumer_pid: Option<Pid>,
    /// `providerPid`; absent only in a consumer's first request.
    pub provider_pid: Option<Pid>,
    /// What is said.
    pub body: NegotiationBody,
}

/// What a negotiation message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NegotiationBody {
    /// `ContractRequestMessage`: `offer` as JSON, verbatim; `callback` in a first request only.
    Request {
        /// The ODRL offer, verbatim.
        offer: Value,
        /// `callbackAddress`.
        callback: Option<String>,
    },
    /// `ContractOfferMessage`.
    Offer {
        /// The ODRL offer, verbatim.
        offer: Value,
        /// `callbackAddress`.
        callback: Option<String>,
    },
    /// `ContractNegotiationEventMessage` with `ACCEPTED`.
    Accepted,
    /// `ContractAgreementMessage`.
    Agreement {
        /// The ODRL agreement, verbatim.
        agreement: Value,
    },
    /// `ContractAgreementVerificationMessage`.
    Verification,
    /// `ContractNegotiationEventMessage` with `FINALIZED`.
    Finalized,
    /// `ContractNegotiationTerminationMessage`.
    Termination(Reasons),
}

impl NegotiationBody {
    /// The event of the state table that this message is.
    #[must_use]
    pub fn event(&self) -> NegotiationEvent {
        match self {
            Self::Request { .. } => NegotiationEvent::Request,
            Self::Offer { .. } => NegotiationEvent::Offer,
            Self::Accepted => NegotiationEvent::Accept,
            Self::Agreement { .. } => NegotiationEvent::Agree,
            Self::Verification => NegotiationEvent::Verify,
            Self::Finalized => NegotiationEvent::Finalize,
            Self::Termination(_) => NegotiationEvent::Terminate,
        }
    }
}

/// A message about a transfer process (DSP 2025-1, Transfer Process Protocol §Message Types).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferMessage {
    /// `consumerPid`.
    pub consumer_pid: Option<Pid>,
    /// `providerPid`; absent only in the request.
    pub provider_pid: Option<Pid>,
    /// What is said.
    pub body: TransferBody,
}

/// What a transfer message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransferBody {
    /// `TransferRequestMessage`.
    Request {
        /// `agreementId`.
        agreement: AgreementId,
        /// `format`, such as `HttpData-PULL`.
        format: String,
        /// `callbackAddress`.
        callback: String,
        /// Whether a `dataAddress` came along (push).
        push: bool,
    },
    /// `TransferStartMessage`; a pull provider sends the address, a resuming consumer none.
    Start {
        /// Where the data is.
        address: Option<DataAddress>,
    },
    /// `TransferCompletionMessage`.
    Completion,
    /// `TransferSuspensionMessage`.
    Suspension(Reasons),
    /// `TransferTerminationMessage`.
    Termination(Reasons),
}

impl TransferBody {
    /// The event of the state table that this message is.
    #[must_use]
    pub fn event(&self) -> TransferEvent {
        match self {
            Self::Request { .. } => TransferEvent::Request,
            Self::Start { .. } => TransferEvent::Start,
            Self::Completion => TransferEvent::Complete,
            Self::Suspension(_) => TransferEvent::Suspend,
            Self::Termination(_) => TransferEvent::Terminate,
        }
    }
}

/// Why a process was suspended, terminated or refused: the protocol's `code` and `reason`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reasons {
    /// A stable, implementation-specific code.
    pub code: Option<String>,
    /// Sentences for people; other JSON values a peer sends are kept as their text.
    pub reason: Vec<String>,
}

impl Reasons {
    /// One code and one sentence.
    #[must_use]
    pub fn new(code: &str, sentence: impl Into<String>) -> Self {
        Self { code: Some(code.to_owned()), reason: vec![sentence.into()] }
    }
}

/// Where and with what a consumer calls the data plane (DSP 2025-1 `DataAddress`).
///
/// The token is a secret: `Debug` does not print it, and only the wire and the store serialise it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataAddress {
    /// The URL that the consumer appends its paths to; empty when the peer gave none.
    pub endpoint: String,
    /// `endpointType`, for HTTP `https://w3id.org/idsa/v4.1/HTTP`.
    pub endpoint_type: String,
    /// The token without any scheme; absent when the peer gave none.
    pub authorization: Option<String>,
    /// `authType`, usually `bearer`.
    pub auth_type: Option<String>,
}

impl std::fmt::Debug for DataAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataAddress").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// A message of either protocol, as it waits to be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutboundMessage {
    /// About a negotiation.
    Negotiation(NegotiationMessage),
    /// About a transfer.
    Transfer(TransferMessage),
}
