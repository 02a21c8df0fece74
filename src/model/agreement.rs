//! Agreements: what a negotiation ends in and every call is checked against.

use serde::{Deserialize, Serialize};

use super::ids::{AgreementId, DatasetId, ParticipantId, Pid};
use super::negotiation::Role;
use super::obligation::AgreementKey;
use super::time::Timestamp;

/// A contract agreement as kept by one of its parties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Its identifier, chosen by the provider.
    pub id: AgreementId,
    /// The role of the keeping participant in it.
    pub role: Role,
    /// Which of the participants served here keeps it.
    pub participant: ParticipantId,
    /// The other party.
    pub counterparty: ParticipantId,
    /// What it is about.
    pub dataset: DatasetId,
    /// The ODRL agreement exactly as it went over the wire (DSP 2025-1 `Agreement`: `@id`, `target`, `assigner`, `assignee`,
    /// `timestamp`, rules).
    pub policy: serde_json::Value,
    /// The negotiation it came from; absent when it was imported.
    pub negotiation: Option<Pid>,
    /// The counterparty's base URL that messages about transfers go to, when known.
    pub peer_address: Option<String>,
    /// When it was signed (its `timestamp`).
    #[schemars(with = "String")]
    pub signed: Timestamp,
    /// Whether transfers may use it: set when the negotiation is FINALIZED, cleared when it was ended since.
    pub live: bool,
}

impl Agreement {
    /// What it is kept under here.
    #[must_use]
    pub fn key(&self) -> AgreementKey {
        AgreementKey { participant: self.participant.clone(), role: self.role, id: self.id.clone() }
    }
}
