//! Who may negotiate an offer, and whether a transfer may begin.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::Catalog;
use super::sight::world;
use crate::engine::{AcceptedOffer, NOT_YET, OfferVerdict, Offers, PolicyRefusal};
use crate::model::agreement::Agreement;
use crate::model::ids::ParticipantId;
use crate::model::message::Reasons;
use crate::model::negotiation::Role;
use crate::model::terms::{iri, same_rules};
use crate::policy::{Decision, Outlook, Phase, Policy, Reported, World, compile};

/// A refusal: to the counterparty what it may read and what it can do about it, to the operator everything.
fn refusal(code: &str, decision: Decision) -> PolicyRefusal {
    let told = decision.redacted().because.into_iter();
    let sentences = told.map(|b| if b.remedy.is_empty() { b.reason } else { format!("{}; {}", b.reason, b.remedy) });
    let reasons = Reasons { code: Some(code.to_owned()), reason: sentences.collect() };
    PolicyRefusal { reasons, because: decision.because }
}

/// A refusal that no clause made.
const fn without_clause(reasons: Reasons) -> PolicyRefusal {
    PolicyRefusal { reasons, because: Vec::new() }
}

/// Nothing was ever looked up, so nothing can be said to be missing.
fn not_yet() -> Reasons {
    Reasons::new(NOT_YET, "the services here are not looked up yet; send the message again")
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
        let sight = self.sight(participant, consumer);
        let unknown = || {
            if sight.is_awaited() {
                return not_yet();
            }
            Reasons::new("offer.unknown", format!("there is no offer {id} for you on that target"))
        };
        let found = sight.find(id, iri(offer, "target")).ok_or_else(unknown)?;
        let mut policy = found.contract.offer(found.id.as_str());
        if let Some(map) = policy.as_object_mut() {
            map.insert("target".into(), json!(found.dataset));
            map.insert("assigner".into(), json!(participant));
        }
        let accepted = AcceptedOffer { dataset: found.dataset.clone(), offer: found.id.clone(), policy };
        let mut world = world(Phase::Negotiation, self.0.clock.now(), (participant, consumer), sight.snapshot());
        world.target = Some(found.dataset.to_string());
        // Nobody can have performed the duties of an agreement that is not made yet.
        world.hear(Reported::all_done(&found.contract.compiled, world.now.plus_millis(-1)));
        let decision = found.contract.compiled.decide(&world);
        if !decision.permit {
            return Ok(OfferVerdict::Refused(accepted, refusal("offer.refused", decision)));
        }
        if has_rules(offer) && !same_rules(offer, &accepted.policy) {
            return Ok(OfferVerdict::Differs(accepted));
        }
        Ok(OfferVerdict::Ours(accepted))
    }

    async fn may_transfer(&self, agreement: &Agreement, reported: Reported) -> Result<(), PolicyRefusal> {
        let snapshot = self.0.snapshot.load();
        let dataset = snapshot.datasets.get(&agreement.dataset);
        if dataset.is_none() && snapshot.awaited.contains(&agreement.participant) {
            return Err(without_clause(not_yet()));
        }
        if !dataset.is_some_and(|dataset| dataset.listed) {
            let sentence = format!("the dataset {} is not offered any more", agreement.dataset);
            return Err(without_clause(Reasons::new("dataset.withdrawn", sentence)));
        }
        let compiled = Policy::parse(&agreement.policy).and_then(|policy| compile(&policy, &self.0.registry));
        let compiled = compiled.map_err(|invalid| {
            let reason = invalid.into_iter().map(|i| format!("{} {}", i.clause, i.reason)).collect();
            without_clause(Reasons { code: Some("policy.unknown".to_owned()), reason })
        })?;
        let mut world = self.under(agreement, reported);
        world.release_under(&compiled);
        let decision = compiled.decide(&world);
        if decision.permit { Ok(()) } else { Err(refusal("transfer.refused", decision)) }
    }

    fn outlook(&self, agreement: &Agreement, reported: Reported) -> Option<Outlook> {
        let policy = Policy::parse(&agreement.policy).ok()?;
        let compiled = compile(&policy, &self.0.registry).ok()?;
        let mut world = self.under(agreement, reported);
        world.release_under(&compiled);
        // What cannot be looked up now refuses calls, but is no reason to stop a transfer for good.
        let consumer = if agreement.role == Role::Provider { &agreement.counterparty } else { &agreement.participant };
        if let Some(credentials) = self.0.snapshot.load().credentials.get(consumer) {
            credentials.doubt(&mut world);
        }
        Some(compiled.outlook(&world))
    }
}

impl Catalog {
    /// What is known of a transfer under an agreement, whichever side of it is kept here.
    fn under(&self, agreement: &Agreement, reported: Reported) -> World {
        let (ours, theirs) = (&agreement.participant, &agreement.counterparty);
        let parties = if agreement.role == Role::Provider { (ours, theirs) } else { (theirs, ours) };
        let mut world = world(Phase::Transfer, self.0.clock.now(), parties, &self.0.snapshot.load());
        world.target = Some(agreement.dataset.to_string());
        world.know("edc:contractAgreement", agreement.signed.to_string());
        world.hear(reported);
        world
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
