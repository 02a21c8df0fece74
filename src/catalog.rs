//! What is offered, to whom, under which rules.
//!
//! Services found at the security server and assets described by the operator become datasets; offers put policies on them. Each
//! change makes a new snapshot, which readers take without waiting. Persisting what came through the API, and what was found, is for
//! others to do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use serde_json::Value;

use crate::env::Clock;
use crate::model::ids::{DatasetId, OfferId, ParticipantId};
use crate::model::xroad::{ClientId, DiscoveredService, ServiceId};
use crate::policy::{Invalid, Phase, Registry, World};

mod definition;
mod hopeless;
mod judge;
mod normal;
mod publish;
mod services;
mod sight;
mod snapshot;
#[cfg(test)]
mod tests;
mod wire;

pub use definition::{
    AssetDefinition, Attestation, CounterpartyDefinition, Metadata, OfferDefinition, Publisher, ShownByCredentials,
};
pub use publish::{OfferCheck, publishable};
pub use services::{Changes, Found};
pub use sight::Sight;
pub use snapshot::{Dataset, DatasetView, OfferView};

use publish::PublishedPolicy;
use services::Services;
use snapshot::Snapshot;

/// The catalogue of all participants served by this process. Cheap to clone.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    /// Held for a change only, never across an await.
    sources: Mutex<Sources>,
    registry: Registry,
    check: OfferCheck,
    clock: Clock,
}

/// What snapshots are made of.
#[derive(Default)]
struct Sources {
    publishers: Vec<Publisher>,
    attestations: Arc<[Attestation]>,
    credentials: Arc<HashMap<ParticipantId, ShownByCredentials>>,
    services: Services,
    policies: std::collections::BTreeMap<String, Arc<PublishedPolicy>>,
    assets: std::collections::BTreeMap<DatasetId, AssetDefinition>,
    offers: std::collections::BTreeMap<OfferId, OfferDefinition>,
}

/// A policy that may be published.
#[derive(Debug)]
pub struct CheckedPolicy {
    id: String,
    published: Arc<PublishedPolicy>,
}

impl Sources {
    fn check_offer(&self, offer: &OfferDefinition) -> Result<(), CatalogError> {
        let mut named = std::iter::once(&offer.policy).chain(&offer.access_policy);
        if let Some(policy) = named.find(|policy| !self.policies.contains_key(*policy)) {
            return Err(CatalogError::NoPolicy { offer: offer.id.clone(), policy: policy.clone() });
        }
        let unknown = |p: &ParticipantId| self.publishers.iter().all(|publisher| publisher.participant != *p);
        if offer.participant.as_ref().is_some_and(unknown) {
            return Err(CatalogError::Offer { offer: offer.id.clone(), reason: "its participant is not served here" });
        }
        if offer.assets.is_empty() {
            let reason = "it needs at least one dataset id or pattern";
            return Err(CatalogError::Offer { offer: offer.id.clone(), reason });
        }
        Ok(())
    }

    fn check_unused(&self, policy: &str) -> Result<(), CatalogError> {
        let names = |offer: &&OfferDefinition| offer.policy == policy || offer.access_policy.as_deref() == Some(policy);
        match self.offers.values().find(names) {
            Some(offer) => Err(CatalogError::PolicyInUse { policy: policy.to_owned(), offer: offer.id.clone() }),
            None => Ok(()),
        }
    }
}

/// Why the catalogue did not take a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The policy cannot be evaluated here, so nothing may be offered under it.
    #[error("the policy {id} cannot be published: {}", clauses(.invalid))]
    Policy {
        /// Which policy.
        id: String,
        /// Each reason with its JSON Pointer.
        invalid: Vec<Invalid>,
    },
    /// An offer names a policy that does not exist.
    #[error("the offer {offer} names the policy {policy}, which does not exist; put the policy first")]
    NoPolicy {
        /// Which offer.
        offer: OfferId,
        /// The missing policy.
        policy: String,
    },
    /// An offer without assets or of an unknown participant.
    #[error("the offer {offer}: {reason}")]
    Offer {
        /// Which offer.
        offer: OfferId,
        /// What is wrong.
        reason: &'static str,
    },
    /// A policy that offers name.
    #[error("the policy {policy} is named by the offer {offer}; remove the offer first")]
    PolicyInUse {
        /// Which policy.
        policy: String,
        /// One of the offers.
        offer: OfferId,
    },
}

fn clauses(invalid: &[Invalid]) -> String {
    let each = invalid.iter().map(|i| format!("{} {}", if i.clause.is_empty() { "/" } else { &i.clause }, i.reason));
    each.collect::<Vec<_>>().join("; ")
}

/// A dataset as the data plane needs it: what to call, and as whom.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The service behind it.
    pub service: ServiceId,
    /// The X-Road client that calls it for this counterparty.
    pub client: ClientId,
    /// Whether it is in the catalogue; a withdrawn one is still known, so that agreements on it can be explained.
    pub listed: bool,
}

impl Catalog {
    /// An empty catalogue of these publishers, whose offers fulfil a check beside those of the policy itself.
    #[must_use]
    pub fn new(publishers: Vec<Publisher>, registry: Registry, check: OfferCheck, clock: Clock) -> Self {
        let sources = Sources { publishers, ..Sources::default() };
        let snapshot = ArcSwap::from_pointee(Snapshot::build(&sources));
        Self(Arc::new(Inner { snapshot, sources: Mutex::new(sources), registry, check, clock }))
    }

    /// The catalogue of a participant as `caller` may see it now: offers that the caller may not see are left out, and datasets
    /// without any.
    #[must_use]
    pub fn sight(&self, participant: &ParticipantId, caller: &ParticipantId) -> Sight {
        Sight::new(self.0.snapshot.load_full(), participant, caller, self.0.clock.now())
    }

    /// The service behind a dataset and who calls it for `counterparty`; `None` when the dataset is not known or the participant
    /// has no X-Road client.
    #[must_use]
    pub fn asset(&self, participant: &ParticipantId, id: &DatasetId, counterparty: &ParticipantId) -> Option<Asset> {
        let snapshot = self.0.snapshot.load();
        let dataset = snapshot.datasets.get(id)?;
        let client = snapshot.shelves.get(participant)?.publisher.client_for(counterparty)?.clone();
        let service = dataset.service.clone();
        Some(Asset { service, client, listed: dataset.listed })
    }

    /// Whether a call is within the endpoints of a dataset that may be called as things stand now. `path` is decoded
    /// ([`crate::model::xroad::Endpoint::allows`]). Nothing of a dataset that is not known may be called.
    #[must_use]
    pub fn allows(&self, id: &DatasetId, method: &str, path: &str) -> bool {
        let snapshot = self.0.snapshot.load();
        let Some(dataset) = snapshot.datasets.get(id) else { return false };
        dataset.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|endpoint| endpoint.allows(method, path)))
    }

    /// Takes what the operator vouches for about consumers, in place of what was said before.
    pub fn attest(&self, attestations: Vec<Attestation>) {
        self.change(|sources| sources.attestations = attestations.into());
    }

    /// Takes what the operator vouches for about the consumers of one pattern, in place of what was said of that pattern before.
    pub fn put_attestation(&self, attestation: Attestation) {
        self.change(|sources| {
            let others = sources.attestations.iter().filter(|known| known.counterparty != attestation.counterparty);
            let mut all: Vec<Attestation> = others.cloned().collect();
            all.push(attestation);
            sources.attestations = all.into();
        });
    }

    /// Vouches for nothing more about the consumers of one pattern; whether anything was.
    pub fn remove_attestation(&self, counterparty: &str) -> bool {
        self.change(|sources| {
            let before = sources.attestations.len();
            let left = sources.attestations.iter().filter(|known| known.counterparty != counterparty).cloned();
            sources.attestations = left.collect();
            sources.attestations.len() < before
        })
    }

    /// What the operator vouches for.
    #[must_use]
    pub fn attestations(&self) -> Arc<[Attestation]> {
        Arc::clone(&self.sources().attestations)
    }

    /// Takes what credentials show of consumers, in place of what they showed before; whether anything is otherwise now.
    pub fn show_credentials(&self, shown: HashMap<ParticipantId, ShownByCredentials>) -> bool {
        if *self.sources().credentials == shown {
            return false;
        }
        self.change(|sources| sources.credentials = Arc::new(shown));
        true
    }

    /// The words that policies may use here.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// What is known of a counterparty in a phase, now.
    #[must_use]
    pub fn world(&self, phase: Phase, participant: &ParticipantId, counterparty: &ParticipantId) -> World {
        let snapshot = self.0.snapshot.load();
        sight::world(phase, self.0.clock.now(), (participant, counterparty), &snapshot)
    }

    /// What is known of a dataset, listed or withdrawn.
    #[must_use]
    pub fn known(&self, id: &DatasetId) -> Option<Arc<Dataset>> {
        self.0.snapshot.load().datasets.get(id).cloned()
    }

    /// Takes in what a participant found at the security server: `found` has all services of the subsystems in `read` that it
    /// looked for. One of theirs that is missing leaves the catalogue; what is known of it is kept. Changes are logged.
    pub fn refresh(&self, participant: &ParticipantId, read: &[ClientId], found: Vec<DiscoveredService>) -> Changes {
        let changes = self.change(|sources| sources.services.refresh(participant, read, found));
        changes.log(participant);
        changes
    }

    /// Says that a participant will look at the security server: until it did, what is not known of its services may still be there.
    pub fn await_services(&self, participant: &ParticipantId) {
        self.change(|sources| sources.services.await_of(participant));
    }

    /// Takes up what a participant found before a restart, so that the catalogue is as it was last seen. What the participant does
    /// not publish any more is left out.
    pub fn recall(&self, participant: &ParticipantId, found: Found) {
        self.change(|sources| {
            let publisher = sources.publishers.iter().find(|publisher| publisher.participant == *participant);
            let looks_for = |service: &ServiceId| publisher.is_some_and(|publisher| publisher.publishes(service));
            sources.services.recall(participant, found, looks_for);
        });
    }

    /// What a participant found so far, to be kept over a restart; `None` before its first look.
    #[must_use]
    pub fn found(&self, participant: &ParticipantId) -> Option<Found> {
        self.sources().services.of(participant).cloned()
    }

    /// Whether a participant is still to look for the first time, so that "not there" cannot be said of anything.
    #[must_use]
    pub fn is_awaited(&self, participant: &ParticipantId) -> bool {
        self.0.snapshot.load().awaited.contains(participant)
    }

    /// Adds or replaces a policy that offers may name.
    ///
    /// # Errors
    /// As [`Catalog::check_policy`].
    pub fn put_policy(&self, id: &str, policy: &Value) -> Result<(), CatalogError> {
        self.take_policy(self.check_policy(id, policy)?);
        Ok(())
    }

    /// Whether a policy may be published; it is not in force before [`Catalog::take_policy`].
    ///
    /// # Errors
    /// When it cannot be evaluated here, or not be offered, each reason with its JSON Pointer.
    pub fn check_policy(&self, id: &str, policy: &Value) -> Result<CheckedPolicy, CatalogError> {
        let published = PublishedPolicy::publish(policy, &self.0.registry, self.0.check);
        let published = published.map_err(|invalid| CatalogError::Policy { id: id.to_owned(), invalid })?;
        Ok(CheckedPolicy { id: id.to_owned(), published: Arc::new(published) })
    }

    /// Adds or replaces a policy that was checked.
    pub fn take_policy(&self, checked: CheckedPolicy) {
        self.change(|sources| sources.policies.insert(checked.id, checked.published));
    }

    /// Removes a policy; whether there was one.
    ///
    /// # Errors
    /// As [`Catalog::check_unused`].
    pub fn remove_policy(&self, id: &str) -> Result<bool, CatalogError> {
        let mut sources = self.sources();
        sources.check_unused(id)?;
        Ok(sources.policies.remove(id).is_some())
    }

    /// Whether a policy may be removed.
    ///
    /// # Errors
    /// When an offer names it.
    pub fn check_unused(&self, policy: &str) -> Result<(), CatalogError> {
        self.sources().check_unused(policy)
    }

    /// Adds or replaces what the operator says of a service.
    pub fn put_asset(&self, asset: AssetDefinition) {
        self.change(|sources| sources.assets.insert(asset.id.clone(), asset));
    }

    /// Removes what the operator says of a service; whether there was anything. A service that the security server has stays a
    /// dataset under its own id.
    pub fn remove_asset(&self, id: &DatasetId) -> bool {
        self.change(|sources| sources.assets.remove(id).is_some())
    }

    /// Adds or replaces an offer.
    ///
    /// # Errors
    /// As [`Catalog::check_offer`].
    pub fn put_offer(&self, offer: OfferDefinition) -> Result<(), CatalogError> {
        let mut sources = self.sources();
        sources.check_offer(&offer)?;
        sources.offers.insert(offer.id.clone(), offer);
        self.publish(&sources);
        Ok(())
    }

    /// Whether an offer may be made.
    ///
    /// # Errors
    /// When it names a policy or participant that does not exist, or no assets.
    pub fn check_offer(&self, offer: &OfferDefinition) -> Result<(), CatalogError> {
        self.sources().check_offer(offer)
    }

    /// Removes an offer; whether there was one. Agreements made on it stand.
    pub fn remove_offer(&self, id: &OfferId) -> bool {
        self.change(|sources| sources.offers.remove(id).is_some())
    }

    /// All policies as they were put, in the order of their ids.
    #[must_use]
    pub fn policies(&self) -> Vec<(String, Value)> {
        self.sources().policies.iter().map(|(id, policy)| (id.clone(), policy.source.clone())).collect()
    }

    /// All assets described by the operator, in the order of their ids.
    #[must_use]
    pub fn assets(&self) -> Vec<AssetDefinition> {
        self.sources().assets.values().cloned().collect()
    }

    /// All offers, in the order of their ids.
    #[must_use]
    pub fn offers(&self) -> Vec<OfferDefinition> {
        self.sources().offers.values().cloned().collect()
    }

    /// Everything that is or was a dataset here, in the order of ids.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Dataset>> {
        self.0.snapshot.load().datasets.values().cloned().collect()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Sources) -> T) -> T {
        let mut sources = self.sources();
        let result = change(&mut sources);
        self.publish(&sources);
        result
    }

    /// Called with the sources locked, so that snapshots appear in the order of changes.
    fn publish(&self, sources: &Sources) {
        self.0.snapshot.store(Arc::new(Snapshot::build(sources)));
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        // A change that panicked half-way left whole entries; the next snapshot is made of those.
        self.0.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
