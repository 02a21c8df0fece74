//! The catalogue as the protocol binding asks for it.

use async_trait::async_trait;

use crate::catalog::{Catalog, DatasetView};
use crate::dsp::{CatalogSource, CatalogUnavailable, DatasetPage, DatasetQuery, OfferedDataset};
use crate::model::ids::{DatasetId, ParticipantId};

pub(super) struct ProtocolCatalog(pub(super) Catalog);

#[async_trait]
impl CatalogSource for ProtocolCatalog {
    async fn datasets(
        &self,
        participant: &ParticipantId,
        caller: &ParticipantId,
        query: &DatasetQuery,
    ) -> Result<DatasetPage, CatalogUnavailable> {
        let sight = self.0.sight(participant, caller);
        // An empty catalogue would say that everything is gone.
        if sight.is_awaited() && sight.datasets().next().is_none() {
            return Err(not_yet());
        }
        Ok(query.page(sight.datasets().map(offered)))
    }

    async fn dataset(
        &self,
        participant: &ParticipantId,
        caller: &ParticipantId,
        id: &DatasetId,
    ) -> Result<Option<OfferedDataset>, CatalogUnavailable> {
        let sight = self.0.sight(participant, caller);
        match sight.dataset(id) {
            None if sight.is_awaited() => Err(not_yet()),
            found => Ok(found.map(offered)),
        }
    }
}

fn not_yet() -> CatalogUnavailable {
    CatalogUnavailable("the security server is still to be asked for services for the first time".to_owned())
}

fn offered(view: DatasetView) -> OfferedDataset {
    OfferedDataset {
        id: view.dataset.id.clone(),
        properties: view.dataset.properties(),
        offers: view.offers.into_iter().map(|offer| offer.policy).collect(),
        formats: vec![crate::dataplane::FORMAT.to_owned()],
    }
}
