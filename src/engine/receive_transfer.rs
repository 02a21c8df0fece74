//! Transfer messages from peers: checked against the table, applied and committed before they are acknowledged.

use serde_json::Value;

use super::receive_negotiation::check_pids;
use super::transition::enter;
use super::{Engine, EngineError, Inbound, NOT_YET, PolicyRefusal, detached};
use crate::env::new_pid;
use crate::model::agreement::Agreement;
use crate::model::ids::{ParticipantId, Pid};
use crate::model::message::{Reasons, TransferBody, TransferMessage};
use crate::model::negotiation::Role;
use crate::model::process::{Process, ProcessDetail, ProcessKind, ProcessState};
use crate::model::transfer::{TransferEvent, TransferState, step};
use crate::policy::Reported;
use crate::store::{Transition, Tx, Waiting};

impl Engine {
    /// Applies a transfer message from a peer; the process as it then stands is committed and the data plane knows it.
    ///
    /// # Errors
    /// As [`Engine::receive_negotiation`].
    pub async fn receive_transfer(&self, inbound: Inbound<TransferMessage>) -> Result<Process, EngineError> {
        let engine = self.clone();
        detached(async move {
            match &inbound.pid {
                None => engine.transfer_requested(inbound).await,
                Some(pid) => engine.follow_transfer(&pid.clone(), inbound).await,
            }
        })
        .await
    }

    async fn transfer_requested(&self, inbound: Inbound<TransferMessage>) -> Result<Process, EngineError> {
        let Inbound { participant, caller, message, trace, .. } = inbound;
        let TransferBody::Request { agreement: id, format, callback, push } = message.body else {
            return Err(EngineError::refused("transfer.wrong-state", "a transfer begins with a request"));
        };
        let consumer_pid = message
            .consumer_pid
            .ok_or_else(|| EngineError::refused("transfer.malformed", "the message needs a consumerPid"))?;
        // What came before is answered as before, whatever has become of the agreement since.
        let (kind, role) = (ProcessKind::Transfer, Role::Provider);
        if let Some(known) = self.0.store.process_of_peer(kind, &participant, role, &caller, &consumer_pid).await? {
            return Ok(known);
        }
        let agreement = self
            .0
            .store
            .agreement_of(&participant, Role::Provider, &id)
            .await?
            .filter(|a| a.counterparty == caller)
            .ok_or(EngineError::NotFound("agreement"))?;
        self.check_request(&agreement, &format, push)?;
        let (objection, refusal) = self.objection(&agreement).await?;

        let mut tx = self.0.store.begin().await?;
        if let Some(known) = tx.process_of_peer(kind, &participant, role, &caller, &consumer_pid).await? {
            return Ok(known);
        }
        self.check_room(&mut tx, &caller).await?;
        let now = self.0.clock.now();
        let mut process = Process {
            pid: new_pid(),
            peer_pid: Some(consumer_pid),
            role: Role::Provider,
            participant,
            counterparty: caller,
            peer_address: callback,
            state: ProcessState::Transfer(TransferState::Requested),
            dataset: agreement.dataset,
            agreement: Some(agreement.id),
            detail: ProcessDetail { format: Some(format), objection, refusal, trace, ..ProcessDetail::default() },
            version: 0,
            created: now,
            updated: now,
            delivery_failure: None,
        };
        let state = process.state;
        let plan = enter(&mut process, state, Role::Consumer, now, &self.0.automation);
        let event = TransferEvent::Request.as_str();
        let changed_by = Role::Consumer;
        let transition = Transition { changed_by, event, plan, waiting: Waiting::Kept, message: None };
        tx.insert_process(&process, &transition).await?;
        tx.commit().await?;
        self.announce(&process);
        Ok(process)
    }

    fn check_request(&self, agreement: &Agreement, format: &str, push: bool) -> Result<(), EngineError> {
        if !agreement.live {
            return Err(EngineError::refused(
                "agreement.not-in-force",
                format!("agreement {} is not finalised, or was ended", agreement.id),
            ));
        }
        if push || format.ends_with("-PUSH") {
            return Err(EngineError::refused(
                "transfer.push-not-offered",
                "data is not pushed from here; ask for HttpData-PULL and call the endpoint",
            ));
        }
        if !self.0.surroundings.planes.provides(format) {
            return Err(EngineError::refused(
                "transfer.format-not-offered",
                format!("the format {format} is not offered; ask for HttpData-PULL"),
            ));
        }
        Ok(())
    }

    /// Why the policy of the agreement does not let it be transferred now, and the clauses that refuse.
    async fn objection(&self, agreement: &Agreement) -> Result<(Option<Reasons>, Option<Value>), EngineError> {
        let reported = Reported::by(&self.0.store.followed(&agreement.key()).await?);
        match self.0.surroundings.offers.may_transfer(agreement, reported).await {
            Ok(()) => Ok((None, None)),
            Err(PolicyRefusal { reasons, .. }) if reasons.code.as_deref() == Some(NOT_YET) => {
                Err(EngineError::refused(NOT_YET, reasons.reason.join("; ")))
            }
            Err(refused) => {
                let clauses = refused.clauses();
                Ok((Some(refused.reasons), Some(clauses)))
            }
        }
    }

    /// Whether the consumer may have one more transfer.
    async fn check_room(&self, tx: &mut Tx, consumer: &ParticipantId) -> Result<(), EngineError> {
        let most = self.0.pace.open_transfers;
        if tx.open_transfers_of(consumer).await? < most {
            return Ok(());
        }
        Err(EngineError::refused(
            "transfer.too-many",
            format!(
                "you have {most} transfers here that have not ended, as many as you may; complete or terminate one before asking for another"
            ),
        ))
    }

    async fn follow_transfer(&self, pid: &Pid, inbound: Inbound<TransferMessage>) -> Result<Process, EngineError> {
        let message = inbound.message;
        let event = message.body.event();
        let mut tx = self.0.store.begin().await?;
        let process = tx
            .process(pid)
            .await?
            .filter(|p| {
                p.kind() == ProcessKind::Transfer
                    && p.participant == inbound.participant
                    && p.counterparty == inbound.caller
            })
            .ok_or(EngineError::NotFound("transfer"))?;
        let ProcessState::Transfer(state) = process.state else {
            return Err(EngineError::NotFound("transfer"));
        };
        check_pids(&process, message.consumer_pid.as_ref(), message.provider_pid.as_ref())?;
        let sender = process.role.other();
        if is_repetition(&process, state, sender, event) {
            return Ok(process);
        }
        let next = step(Some(state), sender, event)
            .map_err(|refusal| EngineError::refused("transfer.wrong-state", refusal.to_string()).with(&process))?;
        if resumes_against_will(&process, state, sender, event) {
            return Err(EngineError::refused(
                "transfer.suspended-by-provider",
                "the provider suspended this transfer; only the provider can start it again",
            )
            .with(&process));
        }

        let mut changed = process;
        changed.peer_pid =
            changed.peer_pid.or(if sender == Role::Consumer { message.consumer_pid } else { message.provider_pid });
        match message.body {
            TransferBody::Start { address } => {
                changed.detail.data_address = address.or(changed.detail.data_address);
            }
            TransferBody::Suspension(reasons) | TransferBody::Termination(reasons) => {
                changed.detail.reasons = Some(reasons);
            }
            TransferBody::Completion | TransferBody::Request { .. } => {}
        }
        let now = self.0.clock.now();
        let plan = enter(&mut changed, ProcessState::Transfer(next), sender, now, &self.0.automation);
        let plan = if next.is_final() { None } else { plan };
        // Who moves on has read what we said before, even if its answer was lost.
        let waiting = Waiting::Dropped;
        let transition = Transition { changed_by: sender, event: event.as_str(), plan, waiting, message: None };
        tx.update_process(&changed, &transition).await?;
        tx.commit().await?;
        self.announce(&changed);
        Ok(changed)
    }
}

/// Whether the message only says again what its sender said last: its answer was lost on the way.
fn is_repetition(process: &Process, state: TransferState, sender: Role, event: TransferEvent) -> bool {
    use TransferState as S;
    process.detail.changed_by == Some(sender)
        && matches!(
            (event, state),
            (TransferEvent::Start, S::Started)
                | (TransferEvent::Complete, S::Completed)
                | (TransferEvent::Suspend, S::Suspended)
                | (TransferEvent::Terminate, S::Terminated)
        )
}

/// A consumer may resume what it suspended itself, not what the provider suspended: that would undo an enforcement.
fn resumes_against_will(process: &Process, state: TransferState, sender: Role, event: TransferEvent) -> bool {
    state == TransferState::Suspended
        && event == TransferEvent::Start
        && sender == Role::Consumer
        && process.detail.changed_by == Some(Role::Provider)
}
