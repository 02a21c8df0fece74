//! What the data plane asks of store and catalogue.

use std::sync::Arc;

use async_trait::async_trait;

use crate::catalog::Catalog;
use crate::dataplane::{AssetError, Assets};
use crate::dsp::Participants;
use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, DatasetId, ParticipantId, Pid};
use crate::model::negotiation::Role;
use crate::model::process::{Process, ProcessKind};
use crate::policy::{Phase, Reported, World};
use crate::store::Store;
use crate::xroad::route::Route;

pub(super) struct AgreedAssets {
    pub(super) store: Store,
    pub(super) catalog: Catalog,
    pub(super) participants: Arc<Participants>,
}

#[async_trait]
impl Assets for AgreedAssets {
    fn base(&self, participant: &ParticipantId) -> Option<String> {
        self.participants.by_id(participant).map(|p| p.base.clone())
    }

    async fn transfer(&self, pid: &Pid) -> Result<Option<Process>, AssetError> {
        let process = self.store.process(pid).await.map_err(|e| AssetError::Unavailable(e.to_string()))?;
        Ok(process.filter(|p| p.kind() == ProcessKind::Transfer && p.role == Role::Provider))
    }

    async fn agreement(&self, participant: &ParticipantId, id: &AgreementId) -> Result<Option<Agreement>, AssetError> {
        let agreement = self.store.agreement_of(participant, Role::Provider, id).await;
        agreement.map_err(|e| AssetError::Unavailable(e.to_string()))
    }

    async fn reported(&self, agreement: &Agreement) -> Result<Reported, AssetError> {
        let followed = self.store.followed(&agreement.key()).await;
        followed.map(|all| Reported::by(&all)).map_err(|e| AssetError::Unavailable(e.to_string()))
    }

    fn route(&self, agreement: &Agreement) -> Result<Route, AssetError> {
        let (participant, dataset) = (&agreement.participant, &agreement.dataset);
        let asset = self.catalog.asset(participant, dataset, &agreement.counterparty).ok_or_else(|| {
            if self.catalog.is_awaited(participant) {
                return AssetError::Unavailable(format!("the service of {dataset} is still to be looked up"));
            }
            AssetError::Gone(format!("the dataset {dataset} has no service here"))
        })?;
        Route::new(asset.client, asset.service, None).map_err(|e| AssetError::Gone(e.to_string()))
    }

    fn allows(&self, dataset: &DatasetId, method: &str, path: &str) -> bool {
        self.catalog.allows(dataset, method, path)
    }

    fn world(&self, agreement: &Agreement) -> World {
        let mut world = self.catalog.world(Phase::Exchange, &agreement.participant, &agreement.counterparty);
        world.target = Some(agreement.dataset.to_string());
        world.know("edc:contractAgreement", agreement.signed.to_string());
        world
    }
}
