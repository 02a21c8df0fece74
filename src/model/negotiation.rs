//! The contract negotiation as a pure table (DSP 2025-1, Contract Negotiation Protocol §States and transitions).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which side of a contract a party is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Wants the data.
    Consumer,
    /// Has the data.
    Provider,
}

impl Role {
    /// Both roles.
    pub const ALL: [Self; 2] = [Self::Consumer, Self::Provider];

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Consumer => Self::Provider,
            Self::Provider => Self::Consumer,
        }
    }

    /// `consumer` or `provider`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Provider => "provider",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state of a contract negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum NegotiationState {
    /// The consumer asked for an agreement on an offer.
    Requested,
    /// The provider made an offer.
    Offered,
    /// The consumer accepted the provider's offer.
    Accepted,
    /// The provider sent the agreement.
    Agreed,
    /// The consumer verified the agreement.
    Verified,
    /// The provider finalised: the agreement may be used.
    Finalized,
    /// Ended without an agreement.
    Terminated,
}

impl NegotiationState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Offered,
        Self::Accepted,
        Self::Agreed,
        Self::Verified,
        Self::Finalized,
        Self::Terminated,
    ];

    /// The state's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Offered => "OFFERED",
            Self::Accepted => "ACCEPTED",
            Self::Agreed => "AGREED",
            Self::Verified => "VERIFIED",
            Self::Finalized => "FINALIZED",
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
        matches!(self, Self::Finalized | Self::Terminated)
    }
}

impl fmt::Display for NegotiationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a party does in a negotiation; each is one message type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NegotiationEvent {
    /// The consumer requests, first or as a counter-offer.
    Request,
    /// The provider offers, first or as a counter-offer.
    Offer,
    /// The consumer accepts the provider's offer.
    Accept,
    /// The provider sends the agreement.
    Agree,
    /// The consumer verifies the agreement.
    Verify,
    /// The provider finalises.
    Finalize,
    /// Either side ends it.
    Terminate,
}

impl NegotiationEvent {
    /// Every event.
    pub const ALL: [Self; 7] =
        [Self::Request, Self::Offer, Self::Accept, Self::Agree, Self::Verify, Self::Finalize, Self::Terminate];

    /// The event's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Offer => "offer",
            Self::Accept => "accept",
            Self::Agree => "agree",
            Self::Verify => "verify",
            Self::Finalize => "finalize",
            Self::Terminate => "terminate",
        }
    }
}

/// The table's refusal: this party may not do this in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {sender} cannot {} a negotiation {}", .event.as_str(), state_phrase(.state.map(NegotiationState::as_str)))]
pub struct NegotiationRefusal {
    /// The state it was tried in; `None` when there was no negotiation yet.
    pub state: Option<NegotiationState>,
    /// Who tried.
    pub sender: Role,
    /// What was tried.
    pub event: NegotiationEvent,
}

pub(super) fn state_phrase(state: Option<&str>) -> String {
    state.map_or_else(|| "that does not exist yet".to_owned(), |s| format!("in state {s}"))
}

/// The state that follows when `sender` does `event` in `state` (`None`: no negotiation yet).
///
/// Termination is allowed to both parties from every state that is not final: the specification's text says so, its diagram
/// shows fewer arrows.
///
/// # Errors
/// When the protocol has no such transition.
pub fn step(
    state: Option<NegotiationState>,
    sender: Role,
    event: NegotiationEvent,
) -> Result<NegotiationState, NegotiationRefusal> {
    use NegotiationEvent as E;
    use NegotiationState as S;
    use Role::{Consumer, Provider};
    match (state, sender, event) {
        (None | Some(S::Offered), Consumer, E::Request) => Ok(S::Requested),
        (None | Some(S::Requested), Provider, E::Offer) => Ok(S::Offered),
        (Some(S::Offered), Consumer, E::Accept) => Ok(S::Accepted),
        (Some(S::Requested | S::Accepted), Provider, E::Agree) => Ok(S::Agreed),
        (Some(S::Agreed), Consumer, E::Verify) => Ok(S::Verified),
        (Some(S::Verified), Provider, E::Finalize) => Ok(S::Finalized),
        (Some(from), _, E::Terminate) if !from.is_final() => Ok(S::Terminated),
        _ => Err(NegotiationRefusal { state, sender, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table once more, as a reader of the specification would draw it.
    const ARROWS: &[(Option<&str>, Role, &str, &str)] = &[
        (None, Role::Consumer, "request", "REQUESTED"),
        (None, Role::Provider, "offer", "OFFERED"),
        (Some("REQUESTED"), Role::Provider, "offer", "OFFERED"),
        (Some("REQUESTED"), Role::Provider, "agree", "AGREED"),
        (Some("OFFERED"), Role::Consumer, "request", "REQUESTED"),
        (Some("OFFERED"), Role::Consumer, "accept", "ACCEPTED"),
        (Some("ACCEPTED"), Role::Provider, "agree", "AGREED"),
        (Some("AGREED"), Role::Consumer, "verify", "VERIFIED"),
        (Some("VERIFIED"), Role::Provider, "finalize", "FINALIZED"),
    ];

    #[test]
    fn every_state_role_and_message_does_what_the_specification_draws() {
        let states = std::iter::once(None).chain(NegotiationState::ALL.map(Some));
        for state in states {
            for sender in Role::ALL {
                for event in NegotiationEvent::ALL {
                    let drawn = ARROWS
                        .iter()
                        .find(|(from, who, what, _)| {
                            *from == state.map(NegotiationState::as_str) && *who == sender && *what == event.as_str()
                        })
                        .map(|(.., to)| *to);
                    let expected = match (drawn, state, event) {
                        (None, Some(s), NegotiationEvent::Terminate)
                            if !matches!(s.as_str(), "FINALIZED" | "TERMINATED") =>
                        {
                            Some("TERMINATED")
                        }
                        _ => drawn,
                    };
                    assert_eq!(
                        step(state, sender, event).ok().map(NegotiationState::as_str),
                        expected,
                        "{state:?} {sender} {event:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_leaves_a_final_state() {
        for state in NegotiationState::ALL.into_iter().filter(|s| s.is_final()) {
            for sender in Role::ALL {
                for event in NegotiationEvent::ALL {
                    assert!(step(Some(state), sender, event).is_err());
                }
            }
        }
    }

    #[test]
    fn a_refusal_says_who_did_what_where() {
        let refusal =
            step(Some(NegotiationState::Offered), Role::Consumer, NegotiationEvent::Verify).unwrap_err().to_string();
        assert_eq!(refusal, "a consumer cannot verify a negotiation in state OFFERED");
    }
}
