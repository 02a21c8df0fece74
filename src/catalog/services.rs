//! Services as found at the security server, and what changed between two looks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::ids::ParticipantId;
use crate::model::xroad::{ClientId, DiscoveredService, ServiceId};

/// What changed since the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Services that were not there, or had been withdrawn.
    pub added: Vec<ServiceId>,
    /// Services whose description or endpoints changed.
    pub changed: Vec<ServiceId>,
    /// Services that are no longer there.
    pub withdrawn: Vec<ServiceId>,
}

impl Changes {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.withdrawn.is_empty()
    }

    pub(super) fn log(&self, participant: &ParticipantId) {
        for (what, services) in [("added", &self.added), ("changed", &self.changed), ("withdrawn", &self.withdrawn)] {
            for service in services {
                tracing::info!(%participant, %service, change = what, "service {what}");
            }
        }
    }
}

/// What one participant found, and whose services it knows completely. Serialised, it is what is kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    known: BTreeMap<ServiceId, Known>,
    read: BTreeSet<ClientId>,
}

/// A service, as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) described: DiscoveredService,
    pub(super) there: bool,
}

/// All services ever found, by the participant who looked: each looks with its own client, for its own patterns.
#[derive(Default)]
pub(super) struct Services {
    found: BTreeMap<ParticipantId, Found>,
    /// Who will look and never did: of their services nothing can be said yet.
    awaited: BTreeSet<ParticipantId>,
}

impl Services {
    pub(super) fn refresh(
        &mut self,
        participant: &ParticipantId,
        read: &[ClientId],
        found: Vec<DiscoveredService>,
    ) -> Changes {
        self.awaited.remove(participant);
        self.found.entry(participant.clone()).or_default().refresh(read, found)
    }

    /// Says that a participant will look.
    pub(super) fn await_of(&mut self, participant: &ParticipantId) {
        if !self.found.contains_key(participant) {
            self.awaited.insert(participant.clone());
        }
    }

    /// Takes up what a participant found before, as far as it still looks for it.
    pub(super) fn recall(
        &mut self,
        participant: &ParticipantId,
        mut found: Found,
        looks_for: impl Fn(&ServiceId) -> bool,
    ) {
        found.known.retain(|service, _| looks_for(service));
        self.awaited.remove(participant);
        self.found.insert(participant.clone(), found);
    }

    /// What a participant found so far; `None` before its first look.
    pub(super) fn of(&self, participant: &ParticipantId) -> Option<&Found> {
        self.found.get(participant)
    }

    pub(super) const fn awaited(&self) -> &BTreeSet<ParticipantId> {
        &self.awaited
    }

    /// Every service with what is known of it; there when anybody found it there.
    pub(super) fn all(&self) -> BTreeMap<&ServiceId, &Known> {
        let mut all: BTreeMap<&ServiceId, &Known> = BTreeMap::new();
        for (service, known) in self.found.values().flat_map(|found| &found.known) {
            all.entry(service).and_modify(|seen| *seen = if seen.there { *seen } else { known }).or_insert(known);
        }
        all
    }

    /// Whether anybody could look for the service's provider, so that what was not found is not there.
    pub(super) fn were_read(&self, provider: &ClientId) -> bool {
        self.found.values().any(|found| found.read.contains(provider))
    }
}

impl Found {
    /// The subsystems that have services among those found.
    #[must_use]
    pub fn providers(&self) -> BTreeSet<ClientId> {
        self.known.values().filter(|known| known.there).map(|known| known.described.service.provider()).collect()
    }

    fn refresh(&mut self, read: &[ClientId], found: Vec<DiscoveredService>) -> Changes {
        let mut changes = Changes::default();
        self.read.extend(read.iter().cloned());
        let there = self.known.iter().filter(|(_, known)| known.there).map(|(service, _)| service.clone());
        let mut missing: BTreeSet<ServiceId> = there.filter(|service| read.contains(&service.provider())).collect();
        for described in found {
            let service = described.service.clone();
            missing.remove(&service);
            let before = self.known.insert(service.clone(), Known { described: described.clone(), there: true });
            match before {
                Some(before) if before.there && before.described == described => {}
                Some(before) if before.there => changes.changed.push(service),
                _ => changes.added.push(service),
            }
        }
        for service in missing {
            if let Some(known) = self.known.get_mut(&service) {
                known.there = false;
            }
            changes.withdrawn.push(service);
        }
        changes
    }
}
