//! Catalogue, automation rules and imported agreements from the configuration, and what was added through the API.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::catalog::{
    AssetDefinition, Attestation, Catalog, CounterpartyDefinition, Metadata, OfferDefinition, Publisher,
};
use crate::config::{AutomationStep, Config, Counterparty, ImportedAgreement, Participant};
use crate::engine::{Engine, Rule, RuleAction};
use crate::env::Clock;
use crate::model::agreement::Agreement;
use crate::model::ids::ParticipantId;
use crate::model::negotiation::Role;
use crate::policy::{Phase, World};
use crate::store::{DocumentKind, Store};

/// What is known of a participant's consumers by configuration alone: asked for by participant and consumer.
pub fn known_of(config: &Config) -> impl Fn(&str, &str) -> World + use<> {
    let publishers = config.participant.iter().map(publisher).collect();
    let catalog = Catalog::new(publishers, config.registry(), Clock::system());
    catalog.attest(config.counterparty.iter().map(|counterparty| attestation(config, counterparty)).collect());
    move |participant, consumer| catalog.world(Phase::Exchange, &participant.into(), &consumer.into())
}

/// The catalogue as configured, with what the API added laid over it.
pub(super) async fn catalog(config: &Config, store: &Store, clock: Clock) -> Result<Catalog> {
    let publishers = config.participant.iter().map(publisher).collect();
    let catalog = Catalog::new(publishers, config.registry(), clock);
    catalog.attest(config.counterparty.iter().map(|c| attestation(config, c)).collect());
    for policy in &config.policy {
        catalog.put_policy(&policy.id, &policy.policy)?;
    }
    for asset in &config.asset {
        catalog.put_asset(AssetDefinition {
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
        });
    }
    for offer in &config.offer {
        catalog.put_offer(OfferDefinition {
            id: offer.id.clone(),
            participant: offer
                .participant
                .as_deref()
                .and_then(|name| config.participant_named(name))
                .map(|p| p.id.clone()),
            assets: offer.assets.clone(),
            policy: offer.policy.clone(),
            access_policy: offer.access_policy.clone(),
        })?;
    }
    add_documents(&catalog, store).await?;
    Ok(catalog)
}

async fn add_documents(catalog: &Catalog, store: &Store) -> Result<()> {
    for (id, policy) in store.documents(DocumentKind::Policy).await? {
        catalog.put_policy(&id, &policy)?;
    }
    for (id, asset) in store.documents(DocumentKind::Asset).await? {
        catalog
            .put_asset(serde_json::from_value(asset).with_context(|| format!("the stored asset {id} cannot be read"))?);
    }
    for (id, counterparty) in store.documents(DocumentKind::Counterparty).await? {
        let definition: CounterpartyDefinition = serde_json::from_value(counterparty)
            .with_context(|| format!("the stored counterparty {id} cannot be read"))?;
        catalog.put_attestation(definition.attestation(&id, catalog.registry()));
    }
    for (id, offer) in store.documents(DocumentKind::Offer).await? {
        catalog.put_offer(
            serde_json::from_value(offer).with_context(|| format!("the stored offer {id} cannot be read"))?,
        )?;
    }
    Ok(())
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
