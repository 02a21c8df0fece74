//! What the operator says: who publishes, what is known of a service, what is offered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::ids::{DatasetId, OfferId, ParticipantId};
use crate::model::pattern::glob;
use crate::model::xroad::{ClientId, Endpoint, ServiceId};
use crate::policy::{Fact, Registry, Source, World};

/// A participant that publishes services.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// Who.
    pub participant: ParticipantId,
    /// Patterns of services it publishes, such as `DEV/GOV/2000/*`; `*` stands for any text.
    pub services: Vec<String>,
    /// The X-Road client that calls services on behalf of consumers.
    pub client: Option<ClientId>,
    /// Other clients for certain consumers, by pattern of their participant id; the first that fits decides.
    pub client_for: Vec<(String, ClientId)>,
}

impl Publisher {
    /// The X-Road client to call as for this consumer.
    #[must_use]
    pub fn client_for(&self, consumer: &ParticipantId) -> Option<&ClientId> {
        let chosen = self.client_for.iter().find(|(pattern, _)| glob(pattern, consumer.as_str()));
        chosen.map(|(_, client)| client).or(self.client.as_ref())
    }

    pub(super) fn publishes(&self, service: &ServiceId) -> bool {
        self.services.iter().any(|pattern| glob(pattern, service.as_str()))
    }
}

/// What the operator vouches for about certain consumers, wherever a policy asks for it.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// Pattern of the consumer's participant id; `*` stands for any text.
    pub counterparty: String,
    /// Values by left operand. Where several attestations name the same operand for a consumer, their values are one set.
    pub facts: Vec<(String, Fact)>,
}

/// What the credentials of one consumer show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShownByCredentials {
    /// Values by left operand.
    facts: Vec<(String, Fact)>,
    /// The credentials that hold, as JSON objects.
    credentials: Vec<Arc<Value>>,
    /// Left operands that could be shown, but not at the moment: what was permitted on their account is not stopped for good.
    in_doubt: Vec<String>,
}

impl ShownByCredentials {
    /// Reads what is shown: values by left operand, and by the names that claims of the operator's own operands begin with.
    #[must_use]
    pub fn new(
        facts: &BTreeMap<String, Vec<Value>>,
        credentials: Vec<Arc<Value>>,
        in_doubt: &BTreeSet<String>,
        registry: &Registry,
    ) -> Self {
        let stated = facts.iter().filter(|(name, _)| registry.operand(name).is_some());
        let stated = stated.flat_map(|(name, values)| values.iter().map(move |value| (name.clone(), value)));
        let claimed = claims(registry).flat_map(|(name, path)| {
            let of = facts.get(path.split('.').next().unwrap_or_default()).into_iter().flatten();
            of.filter_map(move |value| Some((name.to_owned(), inside(value, path)?)))
        });
        let facts = stated.chain(claimed).filter_map(|(name, value)| Some((name, Fact::from_json(value)?)));
        let doubted =
            claims(registry).filter(|(_, path)| in_doubt.contains(path.split('.').next().unwrap_or_default()));
        let mut doubted: Vec<String> = doubted.map(|(name, _)| name.to_owned()).collect();
        doubted.extend(in_doubt.iter().filter(|name| registry.operand(name).is_some()).cloned());
        if !in_doubt.is_empty() {
            doubted.push("ovc:".to_owned());
        }
        Self { facts: facts.collect(), credentials, in_doubt: doubted }
    }

    pub(super) fn tell(&self, world: &mut World) {
        for (operand, fact) in &self.facts {
            world.know_also(operand, fact);
        }
        world.credentials.extend(self.credentials.iter().cloned());
    }

    /// What may be told later again, for who decides whether something is over for good.
    pub(super) fn doubt(&self, world: &mut World) {
        self.in_doubt.iter().for_each(|operand| world.expect_later(operand));
    }
}

/// The operator's own operands that are claims, each with its path.
fn claims(registry: &Registry) -> impl Iterator<Item = (&str, &str)> {
    registry.operands().filter_map(|(name, operand)| match &operand.source {
        Source::Claim(path) if !path.is_empty() => Some((name, path.as_str())),
        _ => None,
    })
}

/// What a path leads to inside a value that its first name stands for.
fn inside<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').skip(1).try_fold(value, |table, key| table.get(key))
}

/// The same as it comes over the API.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CounterpartyDefinition {
    /// The X-Road global groups that the consumers belong to: `xroad:globalGroupMember`.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Values, or lists of values, by left operand; and the claims that operands of the operator's own lead to.
    #[serde(default)]
    pub facts: BTreeMap<String, Value>,
}

impl CounterpartyDefinition {
    /// What it vouches for about the consumers of a pattern.
    #[must_use]
    pub fn attestation(&self, counterparty: &str, registry: &Registry) -> Attestation {
        let stated = self.facts.iter().map(|(operand, value)| (operand.clone(), value));
        let claimed = claims(registry).filter_map(|(name, path)| Some((name.to_owned(), self.claim(path)?)));
        let facts = stated.chain(claimed).filter_map(|(operand, value)| Some((operand, Fact::from_json(value)?)));
        let mut facts: Vec<(String, Fact)> = facts.collect();
        if !self.groups.is_empty() {
            facts.push(("xroad:globalGroupMember".to_owned(), self.groups.clone().into()));
        }
        Attestation { counterparty: counterparty.to_owned(), facts }
    }

    fn claim(&self, path: &str) -> Option<&Value> {
        let first = path.split('.').next().unwrap_or_default();
        self.facts.get(path).or_else(|| inside(self.facts.get(first)?, path))
    }
}

impl Attestation {
    pub(super) fn tell(&self, counterparty: &ParticipantId, world: &mut World) {
        if glob(&self.counterparty, counterparty.as_str()) {
            for (operand, fact) in &self.facts {
                world.know_also(operand, fact);
            }
        }
    }
}

/// What is known of a service beside what X-Road tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssetDefinition {
    /// The dataset id, usually that of the service.
    pub id: DatasetId,
    /// The service behind it.
    pub service: ServiceId,
    /// What people are told of it.
    #[serde(default)]
    pub metadata: Metadata,
    /// The endpoints that may be called, such as `GET /parcels/*`; the whole service when empty.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

/// What people are told of a dataset (DCAT 3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Metadata {
    /// Its name; from the service's description when absent (`dct:title`).
    pub title: Option<String>,
    /// What it is; from the service's description when absent (`dct:description`).
    pub description: Option<String>,
    /// Words to find it by (`dcat:keyword`).
    pub keywords: Vec<String>,
    /// The licence's IRI (`dct:license`).
    pub license: Option<String>,
    /// IRIs of themes (`dcat:theme`).
    pub themes: Vec<String>,
    /// IRIs of purposes that it serves.
    pub purpose: Vec<String>,
}

/// Datasets offered under a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferDefinition {
    /// Its name. On the wire each dataset has an offer of its own: `{dataset}` in the name is replaced by the dataset's id; without
    /// it, the name stands as it is for a single dataset, and is followed by `:` and the dataset's id for several.
    pub id: OfferId,
    /// Who offers; all who publish the dataset when absent.
    #[serde(default)]
    pub participant: Option<ParticipantId>,
    /// Ids or patterns of datasets; `*` stands for any text.
    pub assets: Vec<String>,
    /// The policy that an agreement will carry.
    pub policy: String,
    /// The policy that decides who sees the offer; everybody when absent. It is no part of an agreement.
    #[serde(default)]
    pub access_policy: Option<String>,
}

impl OfferDefinition {
    pub(super) fn covers(&self, dataset: &DatasetId) -> bool {
        self.assets.iter().any(|pattern| glob(pattern, dataset.as_str()))
    }

    /// The id of the offer on one dataset.
    pub(super) fn wire_id(&self, dataset: &DatasetId) -> OfferId {
        let name = self.id.as_str();
        if name.contains("{dataset}") {
            return name.replace("{dataset}", dataset.as_str()).into();
        }
        match self.assets.as_slice() {
            [one] if !one.contains('*') => self.id.clone(),
            _ => format!("{name}:{dataset}").into(),
        }
    }
}
