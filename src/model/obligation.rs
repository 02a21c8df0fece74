//! Obligations: what an agreement asks to be done, followed from the day that it is in force.

use serde::{Deserialize, Serialize};

use super::ids::{AgreementId, ObligationId, ParticipantId};
use super::infringement::Infringement;
use super::negotiation::Role;
use super::odrl::DutyTiming;
use super::time::Timestamp;

/// Where an obligation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ObligationState {
    /// To be done, if it is called for at all.
    Open,
    /// To be done, and not yet: its time has not come, and what is done before does not count.
    Waiting,
    /// To be kept up until its time has come, such as to retain.
    Keeping,
    /// Done in time, kept up for its time, or made good.
    Fulfilled,
    /// Its time is over, and nothing follows from that.
    Overdue,
    /// Its time is over, and what follows from that has become an obligation of its own.
    Escalated,
    /// Reported as not kept up; what follows from that, if anything, has become an obligation of its own.
    Infringed,
    /// What called for it was taken back.
    Lifted,
}

impl ObligationState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Waiting,
        Self::Keeping,
        Self::Fulfilled,
        Self::Overdue,
        Self::Escalated,
        Self::Infringed,
        Self::Lifted,
    ];

    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting => "waiting",
            Self::Keeping => "keeping",
            Self::Fulfilled => "fulfilled",
            Self::Overdue => "overdue",
            Self::Escalated => "escalated",
            Self::Infringed => "infringed",
            Self::Lifted => "lifted",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it was not done in time.
    #[must_use]
    pub const fn is_missed(self) -> bool {
        matches!(self, Self::Overdue | Self::Escalated)
    }
}

/// An agreement as one of the participants served here keeps it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgreementKey {
    /// Who keeps it.
    pub participant: ParticipantId,
    /// On which side.
    pub role: Role,
    /// Its id.
    pub id: AgreementId,
}

/// One duty or obligation of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Obligation {
    /// Our own name for it.
    pub id: ObligationId,
    /// The agreement that asks for it.
    pub agreement: AgreementId,
    /// Which of the participants served here keeps that agreement.
    pub participant: ParticipantId,
    /// On which side.
    pub role: Role,
    /// The other party.
    pub counterparty: ParticipantId,
    /// JSON Pointer into the agreement's policy.
    pub clause: String,
    /// Its `uid`, if any.
    pub uid: Option<String>,
    /// The clause whose delay called for it, when it is a consequence.
    pub follows: Option<String>,
    /// What is to be done, such as `delete`.
    pub actions: Vec<String>,
    /// When, seen from a use of the data; absent for what is due at any time.
    #[schemars(with = "Option<String>")]
    pub timing: Option<DutyTiming>,
    /// The last moment to do it, where the policy names one.
    #[schemars(with = "Option<String>")]
    pub deadline: Option<Timestamp>,
    /// The first moment at which doing it counts, where the policy names one; of what is to be kept up, until when.
    #[schemars(with = "Option<String>")]
    pub not_before: Option<Timestamp>,
    /// Where it stands.
    pub state: ObligationState,
    /// When it was done, as last confirmed.
    #[schemars(with = "Option<String>")]
    pub performed: Option<Timestamp>,
    /// What was said with the last confirmation.
    pub note: Option<String>,
    /// When it began to be followed.
    #[schemars(with = "String")]
    pub created: Timestamp,
    /// When it changed last.
    #[schemars(with = "String")]
    pub updated: Timestamp,
}

/// One past change of an obligation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObligationEntry {
    /// `begun`, `due`, `confirmed`, `fulfilled`, `missed`, `infringed`, `lifted`, `reopened` or `rescheduled`.
    pub event: String,
    /// The state reached.
    pub state: ObligationState,
    /// When it was done, as confirmed.
    #[schemars(with = "Option<String>")]
    pub performed: Option<Timestamp>,
    /// What was said with it.
    pub note: Option<String>,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

impl Obligation {
    /// Whether it was done before it counts, as last confirmed.
    #[must_use]
    pub fn is_done_early(&self) -> bool {
        self.performed.zip(self.not_before).is_some_and(|(performed, from)| performed < from)
    }

    /// The agreement as it is kept here.
    #[must_use]
    pub fn key(&self) -> AgreementKey {
        AgreementKey { participant: self.participant.clone(), role: self.role, id: self.agreement.clone() }
    }
}

/// All that is followed of one agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// What it asks to be done.
    pub obligations: Vec<Obligation>,
    /// What was reported against it.
    pub infringements: Vec<Infringement>,
}
