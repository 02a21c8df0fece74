//! One negotiation or transfer as its keeper sees it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{AgreementId, DatasetId, ParticipantId, Pid};
use super::message::{DataAddress, Reasons};
use super::negotiation::{NegotiationState, Role};
use super::time::Timestamp;
use super::transfer::TransferState;

/// Which protocol a process follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProcessKind {
    /// A contract negotiation.
    Negotiation,
    /// A transfer process.
    Transfer,
}

impl ProcessKind {
    /// `negotiation` or `transfer`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Negotiation => "negotiation",
            Self::Transfer => "transfer",
        }
    }
}

/// The state of a process of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessState {
    /// Of a negotiation.
    Negotiation(NegotiationState),
    /// Of a transfer.
    Transfer(TransferState),
}

impl ProcessState {
    /// The state's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Negotiation(s) => s.as_str(),
            Self::Transfer(s) => s.as_str(),
        }
    }

    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Negotiation(s) => s.is_final(),
            Self::Transfer(s) => s.is_final(),
        }
    }

    /// The state of that kind and name.
    #[must_use]
    pub fn parse(kind: ProcessKind, text: &str) -> Option<Self> {
        match kind {
            ProcessKind::Negotiation => NegotiationState::parse(text).map(Self::Negotiation),
            ProcessKind::Transfer => TransferState::parse(text).map(Self::Transfer),
        }
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One negotiation or transfer, as stored in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Our own process id: `providerPid` when our role is provider, `consumerPid` when it is consumer.
    pub pid: Pid,
    /// The counterparty's process id, once known.
    pub peer_pid: Option<Pid>,
    /// The side we are on.
    pub role: Role,
    /// Which of the participants served here is party to it.
    pub participant: ParticipantId,
    /// The other party.
    pub counterparty: ParticipantId,
    /// The base URL our messages go to: the provider's DSP base, or the consumer's callback address.
    pub peer_address: String,
    /// Where it stands.
    pub state: ProcessState,
    /// What it is about.
    pub dataset: DatasetId,
    /// The agreement it led to (negotiation) or rests on (transfer).
    pub agreement: Option<AgreementId>,
    /// What went to and fro beside the state.
    pub detail: ProcessDetail,
    /// Grows by one with every change; fences concurrent writers.
    pub version: i64,
    /// When it began.
    pub created: Timestamp,
    /// When it changed last.
    pub updated: Timestamp,
    /// The last failure to deliver a message, for the operator; cleared by the next success.
    pub delivery_failure: Option<String>,
}

impl Process {
    /// Which protocol it follows.
    #[must_use]
    pub const fn kind(&self) -> ProcessKind {
        match self.state {
            ProcessState::Negotiation(_) => ProcessKind::Negotiation,
            ProcessState::Transfer(_) => ProcessKind::Transfer,
        }
    }

    /// `consumerPid`, once known.
    #[must_use]
    pub fn consumer_pid(&self) -> Option<&Pid> {
        if self.role == Role::Consumer { Some(&self.pid) } else { self.peer_pid.as_ref() }
    }

    /// `providerPid`, once known.
    #[must_use]
    pub fn provider_pid(&self) -> Option<&Pid> {
        if self.role == Role::Provider { Some(&self.pid) } else { self.peer_pid.as_ref() }
    }
}

/// The parts of a process that only one protocol or phase needs; stored as one JSON column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessDetail {
    /// The offer on the table, verbatim (negotiation).
    pub offer: Option<Value>,
    /// Who made it.
    pub offered_by: Option<Role>,
    /// The agreement, verbatim, once sent or received (negotiation).
    pub agreement: Option<Value>,
    /// The transfer format, such as `HttpData-PULL`.
    pub format: Option<String>,
    /// The endpoint and token that the provider sent (transfer, our role consumer).
    pub data_address: Option<DataAddress>,
    /// How often the provider has started the transfer: tokens of an earlier start are void.
    pub starts: u32,
    /// How often each state was entered.
    pub visits: BTreeMap<String, u32>,
    /// Why it was suspended or terminated.
    pub reasons: Option<Reasons>,
    /// Who caused the last transition.
    pub changed_by: Option<Role>,
    /// Set while the process waits for a person (automation action `hold`).
    pub held: bool,
    /// Why the default automation will not continue: an offer that differs from ours, or a policy that refuses the consumer.
    pub objection: Option<Reasons>,
    /// The clauses of the policy that refused, with what was known of them: for the operator, never for the peer.
    pub refusal: Option<Value>,
    /// W3C trace id under which the process began.
    pub trace: Option<String>,
}
