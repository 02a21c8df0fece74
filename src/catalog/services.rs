//! Services as found at the security server, and what changed between two looks.

use std::collections::{BTreeMap, BTreeSet};

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

    pub(super) fn log(&self) {
        for (what, services) in [("added", &self.added), ("changed", &self.changed), ("withdrawn", &self.withdrawn)] {
            for service in services {
                tracing::info!(%service, change = what, "service {what}");
            }
        }
    }
}

/// All services ever found, and whose services are known completely.
#[derive(Default)]
pub(super) struct Services {
    known: BTreeMap<ServiceId, Known>,
    read: BTreeSet<ClientId>,
}

pub(super) struct Known {
    pub(super) described: DiscoveredService,
    pub(super) there: bool,
}

impl Services {
    pub(super) fn refresh(&mut self, read: &[ClientId], found: Vec<DiscoveredService>) -> Changes {
        let mut changes = Changes::default();
        self.read.extend(read.iter().cloned());
        let mut missing: BTreeSet<ServiceId> =
            self.known.iter().filter(|(_, k)| k.there).map(|(s, _)| s.clone()).collect();
        missing.retain(|service| read.contains(&service.provider()));
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

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ServiceId, &Known)> {
        self.known.iter()
    }

    pub(super) fn described(&self, service: &ServiceId) -> Option<&DiscoveredService> {
        self.known.get(service).map(|known| &known.described)
    }

    /// Whether the service may be offered: it was found, or nobody could look yet.
    pub(super) fn may_be_there(&self, service: &ServiceId) -> bool {
        match self.known.get(service) {
            Some(known) => known.there,
            None => !self.read.contains(&service.provider()),
        }
    }
}
