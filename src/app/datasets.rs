//! The catalogue as the protocol binding asks for it.

use async_trait::async_trait;
use serde_json::{Map, json};

use crate::catalog::{Catalog, DatasetQuery as Look, DatasetView};
use crate::dsp::catalog::{CatalogSource, CatalogUnavailable, DatasetPage, DatasetQuery, OfferedDataset};
use crate::model::ids::{DatasetId, ParticipantId};

/// How many datasets are taken from the catalogue at a time; the protocol's own filters and pages apply to all of them.
const BATCH: usize = 1_000;

pub(super) struct ProtocolCatalog(pub(super) Catalog);

#[async_trait]
impl CatalogSource for ProtocolCatalog {
    async fn datasets(
        &self,
        participant: &ParticipantId,
        caller: &ParticipantId,
        query: &DatasetQuery,
    ) -> Result<DatasetPage, CatalogUnavailable> {
        let catalog = &self.0;
        let mut look = Some(Look { limit: BATCH, ..Look::default() });
        let batches = std::iter::from_fn(move || {
            let page = catalog.datasets_for(participant, caller, look.as_ref()?);
            look = page.next.map(|after| Look {
                limit: BATCH,
                start: crate::catalog::Start::After(after),
                ..Look::default()
            });
            Some(page.items)
        });
        Ok(query.page(batches.flatten().map(offered)))
    }

    async fn dataset(
        &self,
        participant: &ParticipantId,
        caller: &ParticipantId,
        id: &DatasetId,
    ) -> Result<Option<OfferedDataset>, CatalogUnavailable> {
        Ok(self.0.dataset(participant, caller, id).map(offered))
    }
}

fn offered(view: DatasetView) -> OfferedDataset {
    let dataset = &view.dataset;
    let mut properties = Map::new();
    let mut put = |name: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            properties.insert(name.to_owned(), value);
        }
    };
    let list = |values: &[String]| (!values.is_empty()).then(|| json!(values));
    put("dct:title", dataset.title.as_ref().map(|t| json!(t)));
    put("dct:description", dataset.description.as_ref().map(|t| json!(t)));
    put("dcat:keyword", list(&dataset.keywords));
    put("dct:license", dataset.license.as_ref().map(|t| json!(t)));
    put("dcat:theme", list(&dataset.themes));
    OfferedDataset {
        id: dataset.id.clone(),
        properties,
        offers: view.offers.into_iter().map(|offer| offer.policy).collect(),
        formats: vec![crate::dataplane::FORMAT.to_owned()],
    }
}
