//! How the data plane is set up; that of a participant that only consumes: there is none.

use async_trait::async_trait;

use crate::config;
use crate::dataplane::{DataPlaneSettings, Rate, Slowest};
use crate::engine::{OnViolation, Planes};
use crate::model::agreement::Agreement;
use crate::model::message::{DataAddress, Reasons};
use crate::model::obligation::AgreementKey;
use crate::model::process::Process;

/// `[data-plane]` as the data plane wants it.
pub(super) fn settings(configured: &config::DataPlane) -> DataPlaneSettings {
    let usual = DataPlaneSettings::default();
    let places = |most: u32| usize::try_from(most).unwrap_or(usize::MAX);
    DataPlaneSettings {
        token_life: configured.token_lifetime(),
        largest_request: configured.max_request_bytes,
        slowest_request: Slowest { in_all: configured.request_limit(), ..usual.slowest_request },
        largest_inspected: places(u32::try_from(configured.max_inspected_bytes).unwrap_or(u32::MAX)),
        largest_filtered: places(u32::try_from(configured.max_filtered_bytes).unwrap_or(u32::MAX)),
        rate: configured.rate.map(|rate| Rate { per_second: rate.per_second, burst: rate.burst }),
        most_calls: places(configured.max_concurrent_calls),
        most_calls_of_consumer: places(configured.max_concurrent_calls_per_consumer),
        ..usual
    }
}

/// `[enforcement] on-violation` as the engine takes it.
pub(super) const fn on_violation(configured: config::Enforcement) -> OnViolation {
    match configured.on_violation {
        config::ViolationAction::Suspend => OnViolation::Suspend,
        config::ViolationAction::Terminate => OnViolation::Terminate,
    }
}

pub(super) struct NoPlane;

#[async_trait]
impl Planes for NoPlane {
    fn provides(&self, _: &str) -> bool {
        false
    }

    async fn open(&self, _: &Process, _: &Agreement, _: u32) -> Result<DataAddress, Reasons> {
        Err(Reasons::new("transfer.no-security-server", "no security server is configured here"))
    }

    fn changed(&self, _: &Process) {}

    fn reported(&self, _: &AgreementKey) {}

    fn facts_changed(&self) {}
}
