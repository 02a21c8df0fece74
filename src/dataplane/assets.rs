//! What the data plane asks of the rest of the program; wired by `app`.

use async_trait::async_trait;

use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, DatasetId, ParticipantId, Pid};
use crate::model::process::Process;
use crate::policy::{Reported, World};
use crate::xroad::route::Route;

/// Transfers, agreements, and what stands behind an agreement's dataset.
#[async_trait]
pub trait Assets: Send + Sync {
    /// The public base URL of a participant served here, such as `https://host/agency`, without a trailing slash.
    fn base(&self, participant: &ParticipantId) -> Option<String>;

    /// A transfer by our pid.
    ///
    /// # Errors
    /// When it cannot be looked up now.
    async fn transfer(&self, pid: &Pid) -> Result<Option<Process>, AssetError>;

    /// An agreement that a participant keeps as provider.
    ///
    /// # Errors
    /// When it cannot be looked up now.
    async fn agreement(&self, participant: &ParticipantId, id: &AgreementId) -> Result<Option<Agreement>, AssetError>;

    /// What is reported of the agreement's duties; asked for again whenever that changes.
    ///
    /// # Errors
    /// When it cannot be looked up now.
    async fn reported(&self, agreement: &Agreement) -> Result<Reported, AssetError>;

    /// The service behind the agreement's dataset, and the X-Road client to call it as for this counterparty.
    ///
    /// # Errors
    /// `Gone` when the dataset has no service any more; `Unavailable` before anybody could look for it.
    fn route(&self, agreement: &Agreement) -> Result<Route, AssetError>;

    /// Whether the operator offers this method and path of a dataset as things stand now; asked for every call. `path` is decoded.
    fn allows(&self, dataset: &DatasetId, method: &str, path: &str) -> bool;

    /// What is known about every call under the agreement: facts about the counterparty, its groups, taxonomies. The data plane
    /// adds phase, time, method and path, counters, and, where they are absent, action, target and parties.
    fn world(&self, agreement: &Agreement) -> World;
}

/// Where a transfer stands by what was committed anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The version of its process; state and starts are the same while it is.
    pub version: i64,
    /// Grows whenever something else is known than before: of the agreement, of its duties, of the consumer.
    pub news: i64,
}

/// What other replicas committed, asked for every call.
#[async_trait]
pub trait Standings: Send + Sync {
    /// Where a transfer stands at this moment.
    ///
    /// # Errors
    /// When nobody can tell now.
    async fn of(&self, transfer: &Pid) -> Result<Standing, AssetError>;
}

/// Why something is not to be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AssetError {
    /// It is not there any more; the sentence is for the counterparty.
    #[error("{0}")]
    Gone(String),
    /// It cannot be looked up now; the sentence is for the operator.
    #[error("{0}")]
    Unavailable(String),
}
