//! The catalogue as the protocol shows it (DSP 2025-1, Catalog Protocol), and what is asked of the room that keeps it.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::participants::Participant;
use super::wire::CONTEXT;
use crate::model::ids::{DatasetId, ParticipantId};

mod filter;
mod page;
mod query;

pub use page::{DatasetPage, Start};
pub use query::{Criterion, DatasetQuery, LARGEST_PAGE, NotUnderstood, Operator, Sort, USUAL_PAGE};

/// A dataset that one caller may see, with the offers that this caller may have.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferedDataset {
    /// Its identifier.
    pub id: DatasetId,
    /// Further properties, written as they are beside `@id`; use the prefixes that the protocol's context knows (`dct:title`,
    /// `dct:description`, `dcat:keyword`), other names are lost to JSON-LD readers.
    pub properties: Map<String, Value>,
    /// ODRL offers with `@id` and rules; `@type` is added, `target` and `@context` are left out, as the protocol demands.
    pub offers: Vec<Value>,
    /// Transfer formats, such as `HttpData-PULL`.
    pub formats: Vec<String>,
}

/// The catalogue cannot be read now (HTTP 503).
#[derive(Clone, Debug, thiserror::Error)]
#[error("the catalogue cannot be read now: {0}")]
pub struct CatalogUnavailable(pub String);

/// What the protocol asks of the catalogue; the access policy is applied by the implementation.
#[async_trait]
pub trait CatalogSource: Send + Sync {
    /// One page of the datasets of `participant` that `caller` may see.
    ///
    /// Give everything visible in the order of identifiers, lazily, to [`DatasetQuery::page`]: it filters, sorts and cuts.
    ///
    /// # Errors
    /// When the catalogue cannot be read now.
    async fn datasets(
        &self,
        participant: &ParticipantId,
        caller: &ParticipantId,
        query: &DatasetQuery,
    ) -> Result<DatasetPage, CatalogUnavailable>;

    /// One dataset; `None` when there is none, or `caller` may not see it.
    ///
    /// # Errors
    /// When the catalogue cannot be read now.
    async fn dataset(
        &self,
        participant: &ParticipantId,
        caller: &ParticipantId,
        id: &DatasetId,
    ) -> Result<Option<OfferedDataset>, CatalogUnavailable>;
}

/// The `Catalog` answer for one page.
#[must_use]
pub fn catalog_to_json(participant: &Participant, datasets: Vec<OfferedDataset>) -> Value {
    let base = participant.dsp_base();
    let datasets: Vec<Value> = datasets.into_iter().filter_map(|d| dataset_body(&base, d)).collect();
    let mut catalog = json!({
        "@context": [CONTEXT],
        "@id": format!("{base}/catalog"),
        "@type": "Catalog",
        "participantId": participant.id,
        "service": [service(&base)],
    });
    // The protocol has no empty lists.
    if let (Some(map), false) = (catalog.as_object_mut(), datasets.is_empty()) {
        map.insert("dataset".to_owned(), Value::Array(datasets));
    }
    catalog
}

/// The `Dataset` answer; `None` for a dataset without offers or formats, which the protocol cannot show.
#[must_use]
pub fn dataset_to_json(participant: &Participant, dataset: OfferedDataset) -> Option<Value> {
    let mut body = dataset_body(&participant.dsp_base(), dataset)?;
    body.as_object_mut()?.insert("@context".to_owned(), json!([CONTEXT]));
    Some(body)
}

fn dataset_body(base: &str, dataset: OfferedDataset) -> Option<Value> {
    if dataset.offers.is_empty() || dataset.formats.is_empty() {
        return None;
    }
    let distributions: Vec<Value> = dataset
        .formats
        .iter()
        .map(|format| json!({"@type": "Distribution", "format": format, "accessService": service(base)}))
        .collect();
    let mut body = dataset.properties;
    body.insert("@id".to_owned(), json!(dataset.id));
    body.insert("@type".to_owned(), json!("Dataset"));
    body.insert("hasPolicy".to_owned(), dataset.offers.into_iter().map(offer).collect());
    body.insert("distribution".to_owned(), Value::Array(distributions));
    Some(Value::Object(body))
}

fn offer(mut offer: Value) -> Value {
    if let Some(map) = offer.as_object_mut() {
        map.remove("target");
        map.remove("@context");
        map.insert("@type".to_owned(), json!("Offer"));
    }
    offer
}

fn service(base: &str) -> Value {
    json!({"@id": base, "@type": "DataService", "endpointURL": base})
}
