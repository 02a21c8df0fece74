//! What one caller may see of one participant's offers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::publish::PublishedPolicy;
use super::snapshot::{DatasetView, OfferView, Offered, Shelf, Snapshot};
use crate::model::ids::{DatasetId, ParticipantId};
use crate::model::time::Timestamp;
use crate::policy::{Fact, History, Phase, Reported, World};

/// The catalogue of one participant as one caller may see it, as it stood when it was asked for.
pub struct Sight {
    snapshot: Arc<Snapshot>,
    participant: ParticipantId,
    world: World,
}

/// Decisions that are the same for all datasets, by policy.
#[derive(Default)]
struct Decided {
    /// Whether the caller may see what is offered under an access policy.
    seen: HashMap<String, bool>,
    /// Whether an offer's own policy is out of the question for the caller.
    refused: HashMap<usize, bool>,
}

/// How many moments at which time changes an answer are looked at before an offer is taken to be one that may permit some day.
const MOST_MOMENTS: usize = 16;

impl Sight {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        participant: &ParticipantId,
        caller: &ParticipantId,
        now: Timestamp,
    ) -> Self {
        let world = world(Phase::Catalog, now, (participant, caller), &snapshot);
        Self { snapshot, participant: participant.clone(), world }
    }

    /// Every dataset with an offer that the caller may see, in the order of ids, made as they are asked for.
    pub fn datasets(&self) -> impl Iterator<Item = DatasetView> {
        let mut decided = Decided::default();
        let offered = self.shelf().into_iter().flat_map(|shelf| &shelf.offered);
        offered.filter_map(move |(id, offers)| self.view(id, offers, &mut decided))
    }

    /// One dataset; `None` when there is none or the caller may not see any offer of it.
    #[must_use]
    pub fn dataset(&self, id: &DatasetId) -> Option<DatasetView> {
        self.view(id, self.shelf()?.offered.get(id)?, &mut Decided::default())
    }

    /// The offer of that id on that dataset, if the caller may see it. One that its own policy refuses is found too: who asks for it
    /// is told why.
    pub(super) fn find(&self, id: &str, target: Option<&str>) -> Option<&Offered> {
        let named = self.shelf()?.by_offer.get(&id.into())?;
        let mut fitting = named.iter().filter(|o| target.is_none_or(|target| o.dataset.as_str() == target));
        let found = fitting.next()?;
        // Without a target an id must say it all.
        (fitting.next().is_none() && self.may_see(found, &mut Decided::default())).then_some(found)
    }

    /// Whether the participant's services are still to be looked up for the first time, so that more may come.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.snapshot.awaited.contains(&self.participant)
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn shelf(&self) -> Option<&Shelf> {
        self.snapshot.shelves.get(&self.participant)
    }

    fn view(&self, id: &DatasetId, offers: &[Arc<Offered>], decided: &mut Decided) -> Option<DatasetView> {
        let dataset = self.snapshot.datasets.get(id)?.clone();
        let seen = offers.iter().filter(|offer| self.may_see(offer, decided) && !self.is_refused(offer, decided));
        let view =
            |offer: &Arc<Offered>| OfferView { id: offer.id.clone(), policy: offer.contract.offer(offer.id.as_str()) };
        let offers: Vec<OfferView> = seen.map(view).collect();
        (!offers.is_empty()).then_some(DatasetView { dataset, offers })
    }

    fn may_see(&self, offer: &Offered, decided: &mut Decided) -> bool {
        let Some((name, policy)) = &offer.access else { return true };
        if policy.targeted {
            let world = World { target: Some(offer.dataset.to_string()), ..self.world.clone() };
            return policy.compiled.decide(&world).permit;
        }
        if let Some(known) = decided.seen.get(name) {
            return *known;
        }
        let permit = policy.compiled.decide(&self.world).permit;
        decided.seen.insert(name.clone(), permit);
        permit
    }

    /// Whether the offer's own policy would never permit the caller anything, by what is certain now and stays so.
    fn is_refused(&self, offer: &Offered, decided: &mut Decided) -> bool {
        let policy = &offer.contract;
        if policy.targeted {
            return never_permits(policy, World { target: Some(offer.dataset.to_string()), ..self.world.clone() });
        }
        let key = Arc::as_ptr(policy).addr();
        *decided.refused.entry(key).or_insert_with(|| never_permits(policy, self.world.clone()))
    }
}

/// Whether a policy certainly refuses now and at every later moment, whatever credentials, calls and duties performed may bring.
fn never_permits(policy: &PublishedPolicy, mut world: World) -> bool {
    world.hear(Reported::all_done(&policy.compiled, world.now.plus_millis(-1)));
    for _ in 0..MOST_MOMENTS {
        if !policy.certainly_refuses(&world) {
            return false;
        }
        match policy.compiled.outlook(&world).next {
            Some(next) => world.now = next,
            None => return true,
        }
    }
    false
}

/// What is told of the groups of a consumer's client.
const GROUPS: [&str; 2] = ["xroad:globalGroupMember", "xroad:localGroupMember"];

/// What a consumer declares with each call.
const BY_CALLS: [&str; 1] = ["purpose"];

/// What is known of a caller, whatever it calls. The operator's word does not stand for what this program sees itself.
pub(super) fn world(
    phase: Phase,
    now: Timestamp,
    (participant, caller): (&ParticipantId, &ParticipantId),
    snapshot: &Snapshot,
) -> World {
    let mut world = World {
        now,
        phase,
        action: "use".to_owned(),
        assigner: Some(participant.to_string()),
        assignee: Some(caller.to_string()),
        told_later: BY_CALLS.map(Cow::Borrowed).to_vec(),
        history: Some(History::nothing_yet()),
        groups_told: true,
        ..World::default()
    };
    for attestation in &*snapshot.attestations {
        attestation.tell(caller, &mut world);
    }
    if let Some(credentials) = snapshot.credentials.get(caller) {
        credentials.tell(&mut world);
    }
    // Who is told to be in some groups is in no others, nor in a collection that is none of them.
    let groups = GROUPS.into_iter().filter_map(|operand| world.facts.get(operand)).flat_map(Fact::values);
    world.member_of = groups.map(|group| (caller.to_string(), group.clone())).collect();
    world.know("recipient", caller.as_str());
    let shelf = snapshot.shelves.get(participant);
    if let Some(client) = shelf.and_then(|shelf| shelf.publisher.client_for(caller)) {
        world.know("xroad:clientId", client.as_str());
    }
    world
}
