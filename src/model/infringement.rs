//! Infringements: what a party did against an agreement, as the operator learned of it. No call can infringe a prohibition, since it is
//! refused; an audit, or the other party's own word, may tell of what was done elsewhere.

use serde::Serialize;

use super::ids::{AgreementId, InfringementId, ParticipantId};
use super::negotiation::Role;
use super::obligation::AgreementKey;
use super::time::Timestamp;

/// What became of an infringement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InfringementState {
    /// Not made good: the agreement permits nothing.
    Open,
    /// Made good by all that the agreement asks for in that case.
    Healed,
    /// Reported by mistake.
    Withdrawn,
}

impl InfringementState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Open, Self::Healed, Self::Withdrawn];

    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Healed => "healed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One infringement of a prohibition, or of something that was to be kept up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Infringement {
    /// Our own name for it.
    pub id: InfringementId,
    /// The agreement that was infringed.
    pub agreement: AgreementId,
    /// Which of the participants served here keeps that agreement.
    pub participant: ParticipantId,
    /// On which side.
    pub role: Role,
    /// The other party.
    pub counterparty: ParticipantId,
    /// JSON Pointer of the prohibition or duty in the agreement's policy.
    pub clause: String,
    /// What that prohibits, or asks to be kept up.
    pub actions: Vec<String>,
    /// When it happened.
    #[schemars(with = "String")]
    pub infringed: Timestamp,
    /// What was said of it.
    pub note: Option<String>,
    /// What became of it.
    pub state: InfringementState,
    /// When it was reported.
    #[schemars(with = "String")]
    pub reported: Timestamp,
    /// When it was healed or withdrawn.
    #[schemars(with = "Option<String>")]
    pub settled: Option<Timestamp>,
    /// What was said when it was withdrawn.
    pub settled_note: Option<String>,
}

impl Infringement {
    /// The agreement as it is kept here.
    #[must_use]
    pub fn key(&self) -> AgreementKey {
        AgreementKey { participant: self.participant.clone(), role: self.role, id: self.agreement.clone() }
    }

    /// The same as it stood then; `None` when nobody had reported it.
    #[must_use]
    pub fn as_of(mut self, then: Timestamp) -> Option<Self> {
        if self.settled.is_some_and(|at| at > then) {
            (self.state, self.settled, self.settled_note) = (InfringementState::Open, None, None);
        }
        (self.reported <= then).then_some(self)
    }
}
