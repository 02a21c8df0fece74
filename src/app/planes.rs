//! The data plane of a participant that only consumes: there is none.

use async_trait::async_trait;

use crate::engine::Planes;
use crate::model::agreement::Agreement;
use crate::model::message::{DataAddress, Reasons};
use crate::model::process::Process;

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
}
