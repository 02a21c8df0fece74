//! Who sees an offer, who may negotiate it, and whether a transfer may begin.

use std::cell::RefCell;
use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::Catalog;
use super::snapshot::{DatasetView, OfferView, Offered, Shelf, Snapshot};
use crate::engine::{AcceptedOffer, OfferVerdict, Offers};
use crate::model::agreement::Agreement;
use crate::model::ids::{DatasetId, ParticipantId};
use crate::model::message::Reasons;
use crate::model::terms::{iri, same_rules};
use crate::model::time::Timestamp;
use crate::policy::{Decision, Phase, Policy, World, compile};

/// What one caller may see of one participant's shelf, for the length of one request.
pub(super) struct Sight<'a> {
    snapshot: &'a Snapshot,
    shelf: Option<&'a Shelf>,
    world: World,
    /// Decisions of access policies that are the same for all datasets.
    decided: RefCell<HashMap<&'a str, bool>>,
}

impl<'a> Sight<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        participant: &ParticipantId,
        caller: &ParticipantId,
        now: Timestamp,
    ) -> Self {
        let shelf = snapshot.shelves.get(participant);
        let world = world(Phase::Catalog, now, (participant, caller), shelf);
        Self { snapshot, shelf, world, decided: RefCell::default() }
    }

    /// The datasets with any offer on them, in the order of ids; whether the caller may see them is for [`Sight::view`].
    pub(super) fn offered(&self) -> impl Iterator<Item = &'a DatasetId> {
        self.shelf.into_iter().flat_map(|shelf| shelf.offered.keys())
    }

    /// Whether the caller may see any offer on it.
    pub(super) fn sees(&self, id: &DatasetId) -> bool {
        self.offers(id).next().is_some()
    }

    /// A dataset with the offers that the caller may see, if any.
    pub(super) fn view(&self, id: &DatasetId) -> Option<DatasetView> {
        let dataset = self.snapshot.datasets.get(id)?.clone();
        let view =
            |offer: &Offered| OfferView { id: offer.id.clone(), policy: offer.contract.offer(offer.id.as_str()) };
        let offers: Vec<OfferView> = self.offers(id).map(view).collect();
        (!offers.is_empty()).then_some(DatasetView { dataset, offers })
    }

    fn offers(&self, id: &DatasetId) -> impl Iterator<Item = &'a Offered> {
        let all = self.shelf.and_then(|shelf| shelf.offered.get(id)).into_iter().flatten();
        all.map(AsRef::as_ref).filter(|offer| self.may_see(offer))
    }

    fn may_see(&self, offer: &'a Offered) -> bool {
        let Some((name, policy)) = &offer.access else { return true };
        if policy.targeted {
            let world = World { target: Some(offer.dataset.to_string()), ..self.world.clone() };
            return policy.compiled.decide(&world).permit;
        }
        *self.decided.borrow_mut().entry(name).or_insert_with(|| policy.compiled.decide(&self.world).permit)
    }

    /// The offer of that id on that dataset, if the caller may see it.
    fn find(&self, id: &str, target: Option<&str>) -> Option<&'a Offered> {
        let named = self.shelf?.by_offer.get(&id.into())?;
        let mut fitting = named.iter().filter(|o| target.is_none_or(|target| o.dataset.as_str() == target));
        let found = fitting.next()?;
        // Without a target an id must say it all.
        (fitting.next().is_none() && self.may_see(found)).then_some(found)
    }
}

fn world(
    phase: Phase,
    now: Timestamp,
    (participant, caller): (&ParticipantId, &ParticipantId),
    shelf: Option<&Shelf>,
) -> World {
    let mut world = World {
        now,
        phase,
        action: "use".to_owned(),
        assigner: Some(participant.to_string()),
        assignee: Some(caller.to_string()),
        ..World::default()
    };
    world.know("recipient", caller.as_str());
    if let Some(client) = shelf.and_then(|shelf| shelf.publisher.client_for(caller)) {
        world.know("xroad:clientId", client.as_str());
    }
    world
}

/// The reasons of a refusal as a counterparty may read them.
fn reasons(code: &str, decision: &Decision) -> Reasons {
    let redacted = decision.redacted();
    Reasons { code: Some(code.to_owned()), reason: redacted.because.into_iter().map(|b| b.reason).collect() }
}

#[async_trait]
impl Offers for Catalog {
    /// The provider decides by id: rules in the request only tell whether it asks for something else.
    async fn judge(
        &self,
        participant: &ParticipantId,
        consumer: &ParticipantId,
        offer: &Value,
    ) -> Result<OfferVerdict, Reasons> {
        let id = iri(offer, "@id").ok_or_else(|| Reasons::new("offer.no-id", "the offer has no @id"))?;
        let snapshot = self.0.snapshot.load();
        let now = self.0.clock.now();
        let sight = Sight::new(&snapshot, participant, consumer, now);
        let unknown = || Reasons::new("offer.unknown", format!("there is no offer {id} for you on that target"));
        let found = sight.find(id, iri(offer, "target")).ok_or_else(unknown)?;
        let mut policy = found.contract.offer(found.id.as_str());
        if let Some(map) = policy.as_object_mut() {
            map.insert("target".into(), json!(found.dataset));
            map.insert("assigner".into(), json!(participant));
        }
        let accepted = AcceptedOffer { dataset: found.dataset.clone(), offer: found.id.clone(), policy };
        let mut world = world(Phase::Negotiation, now, (participant, consumer), sight.shelf);
        world.target = Some(found.dataset.to_string());
        let decision = found.contract.compiled.decide(&world);
        if !decision.permit {
            return Ok(OfferVerdict::Refused(accepted, reasons("offer.refused", &decision)));
        }
        if has_rules(offer) && !same_rules(offer, &accepted.policy) {
            return Ok(OfferVerdict::Differs(accepted));
        }
        Ok(OfferVerdict::Ours(accepted))
    }

    async fn may_transfer(&self, agreement: &Agreement) -> Result<(), Reasons> {
        let snapshot = self.0.snapshot.load();
        let listed = snapshot.datasets.get(&agreement.dataset).is_some_and(|dataset| dataset.listed);
        if !listed {
            let sentence = format!("the dataset {} is not offered any more", agreement.dataset);
            return Err(Reasons::new("dataset.withdrawn", sentence));
        }
        let compiled = Policy::parse(&agreement.policy).and_then(|policy| compile(&policy, &self.0.registry));
        let compiled = compiled.map_err(|invalid| Reasons {
            code: Some("policy.unknown".to_owned()),
            reason: invalid.into_iter().map(|i| format!("{} {}", i.clause, i.reason)).collect(),
        })?;
        let parties = (&agreement.participant, &agreement.counterparty);
        let shelf = snapshot.shelves.get(&agreement.participant);
        let mut world = world(Phase::Transfer, self.0.clock.now(), parties, shelf);
        world.target = Some(agreement.dataset.to_string());
        let decision = compiled.decide(&world);
        if decision.permit { Ok(()) } else { Err(reasons("transfer.refused", &decision)) }
    }
}

/// Whether an offer brings rules of its own.
fn has_rules(offer: &Value) -> bool {
    let list = |name: &str| offer.get(name).or_else(|| offer.get(format!("odrl:{name}")));
    ["permission", "prohibition", "obligation"].into_iter().filter_map(list).any(|rules| match rules {
        Value::Array(list) => !list.is_empty(),
        Value::Null => false,
        _ => true,
    })
}
