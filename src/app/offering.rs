//! Catalogue, automation rules and imported agreements from the configuration, and what was added or removed through the API of any
//! replica.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::catalog::{
    self, AssetDefinition, Attestation, Catalog, CounterpartyDefinition, Metadata, OfferDefinition, Publisher,
};
use crate::config::{Asset, AutomationStep, Config, Counterparty, ImportedAgreement, Offer, Participant};
use crate::engine::{Engine, Rule, RuleAction};
use crate::env::Clock;
use crate::model::agreement::Agreement;
use crate::model::ids::ParticipantId;
use crate::model::negotiation::Role;
use crate::policy::{Invalid, Phase, Registry, World};
use crate::schemas::check_offer;
use crate::store::{DocumentKind, Standings, Store};
use crate::trust::Trust;

use super::trust;

#[cfg(test)]
mod tests;

/// What is known of a participant's consumers by configuration alone: asked for by participant and consumer.
pub fn known_of(config: &Config) -> impl Fn(&str, &str) -> World + use<> {
    let publishers = config.participant.iter().map(publisher).collect();
    let catalog = Catalog::new(publishers, config.registry(), offer_check, Clock::system());
    catalog.attest(config.counterparty.iter().map(|counterparty| attestation(config, counterparty)).collect());
    move |participant, consumer| catalog.world(Phase::Exchange, &participant.into(), &consumer.into())
}

/// Whether a policy may be published with those words.
///
/// # Errors
/// Each reason why not, with its JSON Pointer.
pub fn publishable(policy: &Value, words: &Registry) -> Result<(), Vec<Invalid>> {
    catalog::publishable(policy, words, offer_check)
}

/// What of an offer breaks the schema by which we take offers in.
fn offer_check(offer: &Value) -> Vec<Invalid> {
    let broken = check_offer(offer).err().unwrap_or_default();
    let told = broken.into_iter().map(|violation| Invalid {
        clause: violation.pointer,
        code: "offer.schema",
        reason: format!("the protocol does not allow this in an offer: {}", violation.sentence),
    });
    told.collect()
}

/// What the catalogue is made of: the configuration, and what the API added or removed. Cheap to clone.
#[derive(Clone)]
pub(super) struct Offering {
    pub(super) catalog: Catalog,
    config: Arc<Config>,
    store: Store,
    trust: Trust,
    /// The number of the documents that the catalogue has taken up; held while it takes them up.
    taken_up: Arc<Mutex<i64>>,
}

impl Offering {
    /// The catalogue as configured, with what the API added or removed laid over it.
    pub(super) async fn lay_out(config: &Arc<Config>, store: &Store, trust: &Trust, clock: Clock) -> Result<Self> {
        let publishers = config.participant.iter().map(publisher).collect();
        let catalog = Catalog::new(publishers, config.registry(), offer_check, clock);
        forget_what_the_file_forgot(config, store).await?;
        let taken_up = Arc::new(Mutex::new(i64::MIN));
        let offering =
            Self { catalog, config: Arc::clone(config), store: store.clone(), trust: trust.clone(), taken_up };
        offering.take_up().await?;
        Ok(offering)
    }

    /// Lays everything out again unless the catalogue has what was known at that number of the documents.
    pub(super) async fn take_up_since(&self, standings: &Standings, documents: i64) -> Result<()> {
        let mut taken_up = self.taken_up.lock().await;
        if *taken_up < documents {
            let number = standings.documents().await?;
            trust::take_up(&self.trust, &self.store).await?;
            crate::management::tell_catalog(&self.trust, &self.catalog);
            self.take_up().await?;
            *taken_up = number;
        }
        Ok(())
    }

    async fn take_up(&self) -> Result<()> {
        let (config, store, catalog) = (&*self.config, &self.store, &self.catalog);
        let mut vouched: Vec<Attestation> = config.counterparty.iter().map(|c| attestation(config, c)).collect();
        for (id, counterparty) in store.documents(DocumentKind::Counterparty).await? {
            let definition: CounterpartyDefinition = serde_json::from_value(counterparty)
                .with_context(|| format!("the stored counterparty {id} cannot be read"))?;
            vouched.retain(|known| known.counterparty != id);
            vouched.push(definition.attestation(&id, catalog.registry()));
        }
        catalog.attest(vouched);
        let left_out = put_policies(config, store, catalog).await?;
        put_assets(config, store, catalog).await?;
        put_offers(config, store, catalog, &left_out).await?;
        // Offers are gone by now that named them.
        for (id, _) in catalog.policies().into_iter().filter(|(id, _)| left_out.contains(id)) {
            if let Err(error) = catalog.remove_policy(&id) {
                tracing::error!(%error, "a policy was removed, and is still named");
            }
        }
        Ok(())
    }
}

/// Where a definition comes from: what the API said last goes before the file.
enum From<T> {
    File(T),
    Api(Value),
    /// Removed through the API, which the file does not undo.
    Removed,
}

/// What the file defines, with what the API said since laid over it.
async fn laid_over<T>(
    file: impl Iterator<Item = (String, T)>,
    store: &Store,
    kind: DocumentKind,
) -> Result<BTreeMap<String, From<T>>> {
    let mut all: BTreeMap<String, From<T>> = file.map(|(id, said)| (id, From::File(said))).collect();
    for (id, body) in store.documents(kind).await? {
        all.insert(id, if body.is_null() { From::Removed } else { From::Api(body) });
    }
    Ok(all)
}

/// What was removed through the API and the file has forgotten too is forgotten: what the file says of that name later is new.
async fn forget_what_the_file_forgot(config: &Config, store: &Store) -> Result<()> {
    let policies: BTreeSet<String> = config.policy.iter().map(|policy| policy.id.clone()).collect();
    let assets = config.asset.iter().map(|asset| asset.dataset().to_string()).collect();
    let offers = config.offer.iter().map(|offer| offer.id.to_string()).collect();
    for (kind, known) in
        [(DocumentKind::Policy, policies), (DocumentKind::Asset, assets), (DocumentKind::Offer, offers)]
    {
        for (id, body) in store.documents(kind).await? {
            match (body.is_null(), known.contains(&id)) {
                (true, true) => {
                    tracing::info!(id, ?kind, "left out of the file: it was removed through the management API");
                }
                (true, false) => drop(store.remove_document(kind, &id).await?),
                (false, _) => {}
            }
        }
    }
    Ok(())
}

/// Puts the policies in; the names of those that are left out come back.
async fn put_policies(config: &Config, store: &Store, catalog: &Catalog) -> Result<BTreeSet<String>> {
    let file = config.policy.iter().map(|policy| (policy.id.clone(), &policy.policy));
    let mut left_out = BTreeSet::new();
    let known: BTreeMap<String, Value> = catalog.policies().into_iter().collect();
    for (id, policy) in laid_over(file, store, DocumentKind::Policy).await? {
        match policy {
            From::File(policy) if known.get(&id) == Some(policy) => {}
            From::Api(policy) if known.get(&id) == Some(&policy) => {}
            From::File(policy) => catalog.put_policy(&id, policy)?,
            From::Api(policy) => {
                // It could be published once: what it needs, such as an operand of the operator's own, is gone from the file.
                if let Err(error) = catalog.put_policy(&id, &policy) {
                    tracing::error!(%error, "a stored policy is left out, with the offers that name it");
                    left_out.insert(id);
                }
            }
            From::Removed => {
                left_out.insert(id);
            }
        }
    }
    Ok(left_out)
}

async fn put_assets(config: &Config, store: &Store, catalog: &Catalog) -> Result<()> {
    let file = config.asset.iter().map(|asset| (asset.dataset().to_string(), asset));
    let known: BTreeMap<_, _> = catalog.assets().into_iter().map(|asset| (asset.id.to_string(), asset)).collect();
    for (id, asset) in laid_over(file, store, DocumentKind::Asset).await? {
        let asset = match asset {
            From::File(asset) => described(asset),
            // Without it more of the service might be called than the operator wants.
            From::Api(asset) => {
                serde_json::from_value(asset).with_context(|| format!("the stored asset {id} cannot be read"))?
            }
            From::Removed => {
                if known.contains_key(&id) {
                    catalog.remove_asset(&id.into());
                }
                continue;
            }
        };
        if known.get(&id) != Some(&asset) {
            catalog.put_asset(asset);
        }
    }
    Ok(())
}

async fn put_offers(config: &Config, store: &Store, catalog: &Catalog, left_out: &BTreeSet<String>) -> Result<()> {
    let file = config.offer.iter().map(|offer| (offer.id.to_string(), offer));
    let known: BTreeMap<_, _> = catalog.offers().into_iter().map(|offer| (offer.id.to_string(), offer)).collect();
    for (id, offer) in laid_over(file, store, DocumentKind::Offer).await? {
        let (offer, stored) = match offer {
            From::File(offer) => (made(config, offer), false),
            From::Api(offer) => {
                let read = serde_json::from_value::<OfferDefinition>(offer);
                (read.with_context(|| format!("the stored offer {id} cannot be read"))?, true)
            }
            From::Removed => {
                if known.contains_key(&id) {
                    catalog.remove_offer(&id.into());
                }
                continue;
            }
        };
        let mut named = std::iter::once(&offer.policy).chain(&offer.access_policy);
        let forget = || known.contains_key(&id) && catalog.remove_offer(&id.clone().into());
        if let Some(policy) = named.find(|policy| left_out.contains(*policy)) {
            let from = if stored { "a stored" } else { "an" };
            tracing::error!(offer = id, policy, "{from} offer is left out, because its policy is");
            forget();
        } else if known.get(&id) != Some(&offer) {
            match catalog.put_offer(offer) {
                Ok(()) => {}
                Err(error) if stored => {
                    tracing::error!(%error, "a stored offer is left out");
                    forget();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn described(asset: &Asset) -> AssetDefinition {
    AssetDefinition {
        id: asset.dataset(),
        service: asset.service.clone(),
        metadata: Metadata {
            title: asset.title.clone(),
            description: asset.description.clone(),
            keywords: asset.keywords.clone(),
            license: asset.license.clone(),
            themes: asset.themes.clone(),
            purpose: asset.purpose.clone(),
        },
        endpoints: asset.endpoints.clone(),
    }
}

fn made(config: &Config, offer: &Offer) -> OfferDefinition {
    let participant = offer.participant.as_deref().and_then(|name| config.participant_named(name));
    OfferDefinition {
        id: offer.id.clone(),
        participant: participant.map(|p| p.id.clone()),
        assets: offer.assets.clone(),
        policy: offer.policy.clone(),
        access_policy: offer.access_policy.clone(),
    }
}

fn publisher(participant: &Participant) -> Publisher {
    Publisher {
        participant: participant.id.clone(),
        services: participant.services.clone(),
        client: participant.client.clone(),
        client_for: participant.client_for.iter().map(|c| (c.counterparty.clone(), c.client.clone())).collect(),
    }
}

fn attestation(config: &Config, counterparty: &Counterparty) -> Attestation {
    let definition = CounterpartyDefinition { groups: counterparty.groups.clone(), facts: counterparty.facts.clone() };
    definition.attestation(&counterparty.id, &config.registry())
}

/// The automation rules as the engine takes them.
#[must_use]
pub fn automation(config: &Config) -> Vec<Rule> {
    let rules = config.automation.iter().flat_map(|rule| {
        rule.steps().into_iter().map(move |(role, step)| Rule {
            process: rule.process,
            role: Some(role),
            dataset: rule.dataset.clone(),
            agreement: rule.agreement.clone(),
            counterparty: rule.counterparty.clone(),
            state: Some(rule.state.clone()),
            visit: rule.visit,
            delay: rule.delay(),
            action: match step {
                AutomationStep::Hold => RuleAction::Hold,
                AutomationStep::Negotiation(event) => RuleAction::Negotiation(event),
                AutomationStep::Transfer(event) => RuleAction::Transfer(event),
            },
        })
    });
    rules.collect()
}

/// Takes in the agreements of the configuration; those known already change nothing.
pub(super) async fn import_agreements(config: &Config, engine: &Engine, clock: &Clock) -> Result<()> {
    for imported in &config.agreement {
        let participant = match &imported.participant {
            Some(name) => config.participant_named(name),
            None => config.participant.first(),
        };
        let participant = participant.context("an imported agreement needs a participant")?;
        let agreement = agreement(config, imported, &participant.id, clock)?;
        engine.import_agreement(agreement).await.with_context(|| format!("agreement {}", imported.id))?;
    }
    Ok(())
}

fn agreement(
    config: &Config,
    imported: &ImportedAgreement,
    participant: &ParticipantId,
    clock: &Clock,
) -> Result<Agreement> {
    let mut policy = match &imported.policy {
        Some(name) => {
            let named = config.policy.iter().find(|p| p.id == *name);
            named.with_context(|| format!("agreement {}: there is no policy {name}", imported.id))?.policy.clone()
        }
        None => json!({"permission": [{"action": "use"}]}),
    };
    let (assigner, assignee) = match imported.role {
        Role::Provider => (participant, &imported.counterparty),
        Role::Consumer => (&imported.counterparty, participant),
    };
    if let Value::Object(map) = &mut policy {
        map.insert("@id".into(), json!(imported.id));
        map.insert("@type".into(), json!("Agreement"));
        map.insert("target".into(), json!(imported.dataset));
        map.insert("assigner".into(), json!(assigner));
        map.insert("assignee".into(), json!(assignee));
    }
    Ok(Agreement {
        id: imported.id.clone(),
        role: imported.role,
        participant: participant.clone(),
        counterparty: imported.counterparty.clone(),
        dataset: imported.dataset.clone(),
        policy,
        negotiation: None,
        peer_address: imported.address.clone(),
        signed: clock.now(),
        live: true,
    })
}
