//! The transfer process as a pure table (DSP 2025-1, Transfer Process Protocol §States and transitions).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::negotiation::{Role, state_phrase};

/// A state of a transfer process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TransferState {
    /// The consumer asked for data under an agreement.
    Requested,
    /// The data is available.
    Started,
    /// Paused; may be started again.
    Suspended,
    /// Ended well.
    Completed,
    /// Ended early.
    Terminated,
}

impl TransferState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Requested, Self::Started, Self::Suspended, Self::Completed, Self::Terminated];

    /// The state's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Started => "STARTED",
            Self::Suspended => "SUSPENDED",
            Self::Completed => "COMPLETED",
            Self::Terminated => "TERMINATED",
        }
    }

    /// The state of that name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Terminated)
    }
}

impl fmt::Display for TransferState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a party does in a transfer; each is one message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferEvent {
    /// The consumer requests.
    Request,
    /// The provider starts, or either side resumes.
    Start,
    /// Either side completes.
    Complete,
    /// Either side pauses.
    Suspend,
    /// Either side ends it.
    Terminate,
}

impl TransferEvent {
    /// Every event.
    pub const ALL: [Self; 5] = [Self::Request, Self::Start, Self::Complete, Self::Suspend, Self::Terminate];

    /// The event's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Start => "start",
            Self::Complete => "complete",
            Self::Suspend => "suspend",
            Self::Terminate => "terminate",
        }
    }
}

/// The table's refusal: this party may not do this in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {sender} cannot {} a transfer {}", .event.as_str(), state_phrase(.state.map(TransferState::as_str)))]
pub struct TransferRefusal {
    /// The state it was tried in; `None` when there was no transfer yet.
    pub state: Option<TransferState>,
    /// Who tried.
    pub sender: Role,
    /// What was tried.
    pub event: TransferEvent,
}

/// The state that follows when `sender` does `event` in `state` (`None`: no transfer yet).
///
/// # Errors
/// When the protocol has no such transition.
pub fn step(
    state: Option<TransferState>,
    sender: Role,
    event: TransferEvent,
) -> Result<TransferState, TransferRefusal> {
    use Role::{Consumer, Provider};
    use TransferEvent as E;
    use TransferState as S;
    match (state, sender, event) {
        (None, Consumer, E::Request) => Ok(S::Requested),
        (Some(S::Requested), Provider, E::Start) | (Some(S::Suspended), _, E::Start) => Ok(S::Started),
        (Some(S::Started), _, E::Complete) => Ok(S::Completed),
        (Some(S::Started), _, E::Suspend) => Ok(S::Suspended),
        (Some(from), _, E::Terminate) if !from.is_final() => Ok(S::Terminated),
        _ => Err(TransferRefusal { state, sender, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_role_and_message_does_what_the_specification_draws() {
        let mut arrows = vec![
            (None, Role::Consumer, "request", "REQUESTED"),
            (Some("REQUESTED"), Role::Provider, "start", "STARTED"),
        ];
        for who in Role::ALL {
            arrows.extend([
                (Some("STARTED"), who, "complete", "COMPLETED"),
                (Some("STARTED"), who, "suspend", "SUSPENDED"),
                (Some("SUSPENDED"), who, "start", "STARTED"),
                (Some("REQUESTED"), who, "terminate", "TERMINATED"),
                (Some("STARTED"), who, "terminate", "TERMINATED"),
                (Some("SUSPENDED"), who, "terminate", "TERMINATED"),
            ]);
        }
        for state in std::iter::once(None).chain(TransferState::ALL.map(Some)) {
            for sender in Role::ALL {
                for event in TransferEvent::ALL {
                    let expected = arrows
                        .iter()
                        .find(|(from, who, what, _)| {
                            *from == state.map(TransferState::as_str) && *who == sender && *what == event.as_str()
                        })
                        .map(|(.., to)| *to);
                    assert_eq!(step(state, sender, event).ok().map(TransferState::as_str), expected);
                }
            }
        }
    }

    #[test]
    fn a_refusal_says_who_did_what_where() {
        let refusal = step(Some(TransferState::Requested), Role::Consumer, TransferEvent::Start).unwrap_err();
        assert_eq!(refusal.to_string(), "a consumer cannot start a transfer in state REQUESTED");
    }
}
