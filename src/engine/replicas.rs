//! What other replicas committed, brought to where this one's own commits are told.

use super::{Engine, EngineError};
use crate::model::ids::Pid;
use crate::model::process::ProcessKind;
use crate::store::Notice;

impl Engine {
    /// Lets data plane, monitor, workers and those who wait know what another replica has committed. What is said of documents is for
    /// the catalogue.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn hear(&self, notice: &Notice) -> Result<(), EngineError> {
        match notice {
            Notice::Process(pid, kind) => self.hear_of_process(pid, *kind).await?,
            Notice::Agreement(key) => self.tell_of_agreement(key.clone()),
            Notice::Documents => {}
            Notice::Anything => {
                self.reopen_transfers().await?;
                self.0.surroundings.planes.facts_changed();
                let _ = self.0.agreements.send(None);
                let _ = self.0.changes.send(None);
                self.0.wake.notify_one();
            }
        }
        Ok(())
    }

    async fn hear_of_process(&self, pid: &Pid, kind: ProcessKind) -> Result<(), EngineError> {
        self.0.wake.notify_one();
        let _ = self.0.changes.send(Some(pid.clone()));
        if kind == ProcessKind::Transfer
            && let Some(transfer) = self.0.store.process(pid).await?
        {
            self.0.surroundings.planes.changed(&transfer);
            if let Some(key) = super::to_be_watched(&transfer) {
                let _ = self.0.agreements.send(Some(key));
            }
        }
        Ok(())
    }
}
