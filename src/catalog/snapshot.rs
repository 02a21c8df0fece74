//! The catalogue as it stands between two changes: immutable, read without waiting.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::publish::PublishedPolicy;
use super::{AssetDefinition, Attestation, Metadata, OfferDefinition, Publisher, ShownByCredentials, Sources};
use crate::model::ids::{DatasetId, OfferId, ParticipantId};
use crate::model::xroad::{DiscoveredService, Endpoint, Operation, ServiceId};

/// What is known of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// The service behind it.
    pub service: ServiceId,
    /// Its name for people.
    pub title: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// The version that the service's description gives.
    pub version: Option<String>,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// The licence's IRI.
    pub license: Option<String>,
    /// IRIs of themes.
    pub themes: Vec<String>,
    /// IRIs of purposes.
    pub purpose: Vec<String>,
    /// Methods and paths, as far as they are known; those outside of `allowed` are left out.
    pub operations: Vec<Operation>,
    /// The endpoints that may be called; `None` when the whole service may.
    pub allowed: Option<Arc<[Endpoint]>>,
    /// Whether it is in the catalogue; withdrawn ones stay known.
    pub listed: bool,
}

/// A dataset with the offers that a caller may see.
#[derive(Clone, Debug)]
pub struct DatasetView {
    /// The dataset.
    pub dataset: Arc<Dataset>,
    /// At least one.
    pub offers: Vec<OfferView>,
}

/// An offer in a catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferView {
    /// Its id.
    pub id: OfferId,
    /// The ODRL offer as DSP 2025-1 has it in a catalogue: `@id`, `@type`, rules; no target.
    pub policy: Value,
}

impl Dataset {
    /// Its properties as DCAT 3 and Dublin Core name them, for a JSON-LD catalogue; what no vocabulary has is named by an IRI of
    /// the X-Road profile.
    #[must_use]
    pub fn properties(&self) -> Map<String, Value> {
        let iris = |iris: &[String]| iris.iter().map(|iri| json!({ "@id": iri })).collect::<Vec<_>>();
        let endpoint = |operation: &Operation| match &operation.summary {
            Some(summary) => json!(format!("{} ({summary})", operation.endpoint)),
            None => json!(operation.endpoint),
        };
        let lists = [
            ("dcat:keyword", self.keywords.iter().map(|word| json!(word)).collect()),
            ("dcat:theme", iris(&self.themes)),
            ("https://w3id.org/xroad/ns/purpose", iris(&self.purpose)),
            ("https://w3id.org/xroad/ns/endpoint", self.operations.iter().map(endpoint).collect()),
        ];
        let texts = [
            ("dct:title", self.title.as_ref().map(|text| json!(text))),
            ("dct:description", self.description.as_ref().map(|text| json!(text))),
            ("dcat:version", self.version.as_ref().map(|text| json!(text))),
            ("dct:license", self.license.as_ref().map(|iri| json!({ "@id": iri }))),
            ("https://w3id.org/xroad/ns/service", Some(json!(self.service))),
        ];
        let lists =
            lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name, Value::Array(list)));
        let texts = texts.into_iter().filter_map(|(name, text)| text.map(|text| (name, text)));
        texts.chain(lists).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) datasets: BTreeMap<DatasetId, Arc<Dataset>>,
    pub(super) shelves: HashMap<ParticipantId, Shelf>,
    pub(super) attestations: Arc<[Attestation]>,
    /// What credentials show, by consumer.
    pub(super) credentials: Arc<HashMap<ParticipantId, ShownByCredentials>>,
    /// Who is still to look at the security server for the first time.
    pub(super) awaited: BTreeSet<ParticipantId>,
}

/// What one participant offers.
pub(super) struct Shelf {
    pub(super) publisher: Publisher,
    /// The listed datasets that have an offer.
    pub(super) offered: BTreeMap<DatasetId, Vec<Arc<Offered>>>,
    pub(super) by_offer: HashMap<OfferId, Vec<Arc<Offered>>>,
}

/// One offer on one dataset.
pub(super) struct Offered {
    pub(super) id: OfferId,
    pub(super) dataset: DatasetId,
    pub(super) contract: Arc<PublishedPolicy>,
    pub(super) access: Option<(String, Arc<PublishedPolicy>)>,
}

impl Snapshot {
    pub(super) fn build(sources: &Sources) -> Self {
        let datasets = datasets(sources);
        let shelves = sources.publishers.iter().map(|publisher| {
            let offered = offered(sources, publisher, &datasets);
            let mut by_offer: HashMap<OfferId, Vec<Arc<Offered>>> = HashMap::new();
            for offer in offered.values().flatten() {
                by_offer.entry(offer.id.clone()).or_default().push(offer.clone());
            }
            (publisher.participant.clone(), Shelf { publisher: publisher.clone(), offered, by_offer })
        });
        let awaited = sources.services.awaited().clone();
        Self {
            shelves: shelves.collect(),
            datasets,
            attestations: Arc::clone(&sources.attestations),
            credentials: Arc::clone(&sources.credentials),
            awaited,
        }
    }
}

/// Assets as the operator describes them, and services found that no asset describes.
fn datasets(sources: &Sources) -> BTreeMap<DatasetId, Arc<Dataset>> {
    let mut datasets = BTreeMap::new();
    let found = sources.services.all();
    let described: HashSet<&ServiceId> = sources.assets.values().map(|asset| &asset.service).collect();
    for (service, known) in found.iter().filter(|(service, _)| !described.contains(*service)) {
        let (id, service) = (service.dataset_id(), (*service).clone());
        let asset = AssetDefinition { id, service, metadata: Metadata::default(), endpoints: Vec::new() };
        datasets.insert(asset.id.clone(), Arc::new(dataset(&asset, Some(&known.described), known.there)));
    }
    for asset in sources.assets.values() {
        let known = found.get(&asset.service);
        // Before anybody could look, an asset is taken to be there.
        let listed = known.map_or_else(|| !sources.services.were_read(&asset.service.provider()), |known| known.there);
        let dataset = dataset(asset, known.map(|known| &known.described), listed);
        datasets.insert(asset.id.clone(), Arc::new(dataset));
    }
    datasets
}

fn dataset(asset: &AssetDefinition, found: Option<&DiscoveredService>, listed: bool) -> Dataset {
    let said = &asset.metadata;
    Dataset {
        id: asset.id.clone(),
        service: asset.service.clone(),
        title: said.title.clone().or_else(|| found?.title.clone()),
        description: said.description.clone().or_else(|| found?.description.clone()),
        version: found.and_then(|found| found.version.clone()),
        keywords: said.keywords.clone(),
        license: said.license.clone(),
        themes: said.themes.clone(),
        purpose: said.purpose.clone(),
        operations: operations(&asset.endpoints, found.map(|f| f.operations.as_slice()).unwrap_or_default()),
        allowed: (!asset.endpoints.is_empty()).then(|| asset.endpoints.clone().into()),
        listed,
    }
}

fn operations(allowed: &[Endpoint], found: &[Operation]) -> Vec<Operation> {
    let within = |operation: &&Operation| {
        let endpoint = &operation.endpoint;
        allowed.is_empty() || allowed.iter().any(|a| a.allows(endpoint.method(), endpoint.path()))
    };
    let kept: Vec<Operation> = found.iter().filter(within).cloned().collect();
    if !kept.is_empty() {
        return kept;
    }
    allowed.iter().map(|endpoint| Operation { endpoint: endpoint.clone(), summary: None }).collect()
}

fn offered(
    sources: &Sources,
    publisher: &Publisher,
    datasets: &BTreeMap<DatasetId, Arc<Dataset>>,
) -> BTreeMap<DatasetId, Vec<Arc<Offered>>> {
    let mut offered: BTreeMap<DatasetId, Vec<Arc<Offered>>> = BTreeMap::new();
    let ours = |offer: &&OfferDefinition| offer.participant.as_ref().is_none_or(|p| *p == publisher.participant);
    for definition in sources.offers.values().filter(ours) {
        let Some(contract) = sources.policies.get(&definition.policy) else { continue };
        let access = match &definition.access_policy {
            Some(name) => match sources.policies.get(name) {
                Some(policy) => Some((name.clone(), policy.clone())),
                None => continue,
            },
            None => None,
        };
        for dataset in covered(definition, datasets).filter(|d| d.listed && publishes(sources, publisher, d)) {
            offered.entry(dataset.id.clone()).or_default().push(Arc::new(Offered {
                id: definition.wire_id(&dataset.id),
                dataset: dataset.id.clone(),
                contract: contract.clone(),
                access: access.clone(),
            }));
        }
    }
    offered
}

/// The datasets of an offer; only patterns make it look at all of them.
fn covered<'a>(
    offer: &'a OfferDefinition,
    datasets: &'a BTreeMap<DatasetId, Arc<Dataset>>,
) -> Box<dyn Iterator<Item = &'a Arc<Dataset>> + 'a> {
    if offer.assets.iter().any(|pattern| pattern.contains('*')) {
        return Box::new(datasets.values().filter(|dataset| offer.covers(&dataset.id)));
    }
    let mut ids: Vec<DatasetId> = offer.assets.iter().map(|id| id.as_str().into()).collect();
    ids.sort();
    ids.dedup();
    Box::new(ids.into_iter().filter_map(|id| datasets.get(&id)))
}

/// A service belongs to the publishers whose patterns fit; one that the operator describes and nobody claims, to all.
fn publishes(sources: &Sources, publisher: &Publisher, dataset: &Dataset) -> bool {
    publisher.publishes(&dataset.service)
        || (sources.assets.contains_key(&dataset.id)
            && sources.publishers.iter().all(|publisher| !publisher.publishes(&dataset.service)))
}
