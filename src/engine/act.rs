//! Our own steps: asked for by an operator or planned by the automation; committed together with the message they cause.

use serde_json::Value;

use super::transition::{enter, reasons_or};
use super::{Action, Engine, EngineError, NegotiationRequest, PolicyRefusal, TransferRequest, detached};
use crate::env::new_pid;
use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, DatasetId, Pid};
use crate::model::message::{
    NegotiationBody, NegotiationMessage, OutboundMessage, Reasons, TransferBody, TransferMessage,
};
use crate::model::negotiation::{self, NegotiationEvent, NegotiationState, Role};
use crate::model::process::{Process, ProcessDetail, ProcessState};
use crate::model::terms;
use crate::model::time::Timestamp;
use crate::model::transfer::{self, TransferEvent, TransferState};
use crate::store::{Transition, Tx, Waiting};

impl Engine {
    /// Starts a negotiation as consumer: the request is recorded and sent in the background.
    ///
    /// # Errors
    /// `Refused` when the offer has no `@id` or `target`.
    pub async fn request_negotiation(&self, request: NegotiationRequest) -> Result<Process, EngineError> {
        self.begin_negotiation(request, Role::Consumer).await
    }

    /// Starts a negotiation as provider: the offer is recorded and sent in the background. `request.address` is the consumer's
    /// DSP base or callback address.
    ///
    /// # Errors
    /// As [`Engine::request_negotiation`].
    pub async fn offer_negotiation(&self, request: NegotiationRequest) -> Result<Process, EngineError> {
        self.begin_negotiation(request, Role::Provider).await
    }

    async fn begin_negotiation(&self, request: NegotiationRequest, role: Role) -> Result<Process, EngineError> {
        let need = |what: &str| {
            EngineError::refused("offer.malformed", format!("the offer needs {what}; take it from the catalogue"))
        };
        terms::iri(&request.offer, "@id").ok_or_else(|| need("an @id"))?;
        let dataset = DatasetId::from(terms::iri(&request.offer, "target").ok_or_else(|| need("a target"))?);
        let callback = Some(self.0.surroundings.peers.callback(&request.participant));
        let now = self.0.clock.now();
        let offer = request.offer;
        let (state, event, body) = match role {
            Role::Consumer => (
                NegotiationState::Requested,
                NegotiationEvent::Request,
                NegotiationBody::Request { offer: offer.clone(), callback },
            ),
            Role::Provider => (
                NegotiationState::Offered,
                NegotiationEvent::Offer,
                NegotiationBody::Offer { offer: offer.clone(), callback },
            ),
        };
        let process = Process {
            pid: new_pid(),
            peer_pid: None,
            role,
            participant: request.participant,
            counterparty: request.counterparty,
            peer_address: request.address,
            state: ProcessState::Negotiation(state),
            dataset,
            agreement: None,
            detail: ProcessDetail {
                offer: Some(offer),
                offered_by: Some(role),
                trace: request.trace,
                ..ProcessDetail::default()
            },
            version: 0,
            created: now,
            updated: now,
            delivery_failure: None,
        };
        let message = OutboundMessage::Negotiation(negotiation_message(&process, body));
        self.begin_process(process, event.as_str(), message).await
    }

    /// Starts a transfer as consumer.
    ///
    /// # Errors
    /// `NotFound` when we keep no such agreement as consumer; `Refused` when it is not in force or the provider's address is
    /// not known.
    pub async fn request_transfer(&self, request: TransferRequest) -> Result<Process, EngineError> {
        let agreement =
            self.0.store.agreement_as_consumer(&request.agreement).await?.ok_or(EngineError::NotFound("agreement"))?;
        if !agreement.live {
            return Err(EngineError::refused(
                "agreement.not-in-force",
                format!("agreement {} is not finalised, or was ended", agreement.id),
            ));
        }
        let address = request.address.or(agreement.peer_address).ok_or_else(|| {
            EngineError::refused(
                "agreement.no-address",
                "the provider's address is not known; give it with the request",
            )
        })?;
        let callback = self.0.surroundings.peers.callback(&agreement.participant);
        let now = self.0.clock.now();
        let process = Process {
            pid: new_pid(),
            peer_pid: None,
            role: Role::Consumer,
            participant: agreement.participant,
            counterparty: agreement.counterparty,
            peer_address: address,
            state: ProcessState::Transfer(TransferState::Requested),
            dataset: agreement.dataset,
            agreement: Some(agreement.id.clone()),
            detail: ProcessDetail {
                format: Some(request.format.clone()),
                trace: request.trace,
                ..ProcessDetail::default()
            },
            version: 0,
            created: now,
            updated: now,
            delivery_failure: None,
        };
        let body = TransferBody::Request { agreement: agreement.id, format: request.format, callback, push: false };
        let message = OutboundMessage::Transfer(transfer_message(&process, body));
        self.begin_process(process, TransferEvent::Request.as_str(), message).await
    }

    async fn begin_process(
        &self,
        mut process: Process,
        event: &'static str,
        message: OutboundMessage,
    ) -> Result<Process, EngineError> {
        let engine = self.clone();
        detached(async move {
            let (state, role, now) = (process.state, process.role, process.created);
            let plan = enter(&mut process, state, role, now, &engine.0.automation);
            let mut tx = engine.0.store.begin().await?;
            let transition =
                Transition { changed_by: role, event, plan, waiting: Waiting::Kept, message: Some(&message) };
            tx.insert_process(&process, &transition).await?;
            tx.commit().await?;
            engine.announce(&process);
            Ok(process)
        })
        .await
    }

    /// Does a step of a process on behalf of the operator (manual approval included).
    ///
    /// # Errors
    /// `Refused` when the table does not allow it.
    pub async fn act(&self, pid: &Pid, action: Action) -> Result<Process, EngineError> {
        self.act_at(pid, action, None).await
    }

    /// Suspends or terminates a transfer because its policy refuses; what refused is kept for the operator.
    pub(super) async fn stop(
        &self,
        pid: &Pid,
        event: TransferEvent,
        refused: PolicyRefusal,
    ) -> Result<Process, EngineError> {
        let (engine, pid) = (self.clone(), pid.clone());
        detached(async move {
            let clauses = Some(refused.clauses()).filter(|_| !refused.because.is_empty());
            engine.act_in_transfer(&pid, event, (refused.reasons, clauses), None).await
        })
        .await
    }

    /// As [`Engine::act`], but only while the process is at `version`.
    pub(super) async fn act_at(&self, pid: &Pid, action: Action, version: Option<i64>) -> Result<Process, EngineError> {
        let engine = self.clone();
        let pid = pid.clone();
        detached(async move {
            match action {
                Action::Negotiation { event, offer, reasons } => {
                    engine.act_in_negotiation(&pid, event, offer, reasons, version).await
                }
                Action::Transfer { event, reasons } => {
                    engine.act_in_transfer(&pid, event, (reasons, None), version).await
                }
            }
        })
        .await
    }

    async fn act_in_negotiation(
        &self,
        pid: &Pid,
        event: NegotiationEvent,
        offer: Option<Value>,
        reasons: Reasons,
        version: Option<i64>,
    ) -> Result<Process, EngineError> {
        let mut tx = self.0.store.begin().await?;
        let mut process = load(&mut tx, pid, version).await?;
        let ProcessState::Negotiation(state) = process.state else {
            return Err(EngineError::NotFound("negotiation"));
        };
        let role = process.role;
        let next = negotiation::step(Some(state), role, event)
            .map_err(|refusal| EngineError::refused("negotiation.wrong-state", refusal.to_string()).with(&process))?;
        let now = self.0.clock.now();
        let body = self.compose(&mut tx, &mut process, event, offer, reasons, now).await?;
        let plan = enter(&mut process, ProcessState::Negotiation(next), role, now, &self.0.automation);
        let message = OutboundMessage::Negotiation(negotiation_message(&process, body));
        let (waiting, message) = outgoing(&process, event == NegotiationEvent::Terminate, &message);
        let transition = Transition { changed_by: role, event: event.as_str(), plan, waiting, message };
        tx.update_process(&process, &transition).await?;
        self.settle_agreement(&mut tx, &process, next, now).await?;
        tx.commit().await?;
        self.announce(&process);
        Ok(process)
    }

    /// The message of a step, and what it changes in the process.
    async fn compose(
        &self,
        tx: &mut Tx,
        process: &mut Process,
        event: NegotiationEvent,
        offer: Option<Value>,
        reasons: Reasons,
        now: Timestamp,
    ) -> Result<NegotiationBody, EngineError> {
        let on_table = || {
            process
                .detail
                .offer
                .clone()
                .ok_or_else(|| EngineError::refused("offer.missing", "there is no offer on the table"))
        };
        Ok(match event {
            NegotiationEvent::Request | NegotiationEvent::Offer => {
                let offer = offer.map_or_else(on_table, Ok)?;
                process.detail.offer = Some(offer.clone());
                process.detail.offered_by = Some(process.role);
                (process.detail.objection, process.detail.refusal) = (None, None);
                if event == NegotiationEvent::Request {
                    NegotiationBody::Request { offer, callback: None }
                } else {
                    NegotiationBody::Offer { offer, callback: None }
                }
            }
            NegotiationEvent::Accept => NegotiationBody::Accepted,
            NegotiationEvent::Agree => {
                let agreement = conclude(process, &on_table()?, now);
                tx.put_agreement(&agreement).await?;
                NegotiationBody::Agreement { agreement: agreement.policy }
            }
            NegotiationEvent::Verify => NegotiationBody::Verification,
            NegotiationEvent::Finalize => NegotiationBody::Finalized,
            NegotiationEvent::Terminate => {
                let reasons = reasons_or(reasons, process, "negotiation.ended", "the negotiation was ended here");
                process.detail.reasons = Some(reasons.clone());
                NegotiationBody::Termination(reasons)
            }
        })
    }

    async fn act_in_transfer(
        &self,
        pid: &Pid,
        event: TransferEvent,
        (reasons, refusal): (Reasons, Option<Value>),
        version: Option<i64>,
    ) -> Result<Process, EngineError> {
        let opened = if event == TransferEvent::Start { self.open_plane(pid).await? } else { None };
        let mut tx = self.0.store.begin().await?;
        let mut process = load(&mut tx, pid, version.or(opened.as_ref().map(|(v, _)| *v))).await?;
        let ProcessState::Transfer(state) = process.state else {
            return Err(EngineError::NotFound("transfer"));
        };
        let role = process.role;
        let next = transfer::step(Some(state), role, event)
            .map_err(|refusal| EngineError::refused("transfer.wrong-state", refusal.to_string()).with(&process))?;
        let body = match event {
            TransferEvent::Request => {
                return Err(EngineError::refused("transfer.wrong-state", "a transfer is requested once").with(&process));
            }
            TransferEvent::Start => {
                let address = opened.map(|(_, address)| address);
                if address.is_some() {
                    process.detail.starts += 1;
                }
                TransferBody::Start { address }
            }
            TransferEvent::Complete => TransferBody::Completion,
            TransferEvent::Suspend | TransferEvent::Terminate => {
                let reasons = reasons_or(reasons, &process, "transfer.ended", "the transfer was stopped here");
                process.detail.reasons = Some(reasons.clone());
                process.detail.refusal = refusal.or(process.detail.refusal.take());
                if event == TransferEvent::Suspend {
                    TransferBody::Suspension(reasons)
                } else {
                    TransferBody::Termination(reasons)
                }
            }
        };
        let now = self.0.clock.now();
        let plan = enter(&mut process, ProcessState::Transfer(next), role, now, &self.0.automation);
        let message = OutboundMessage::Transfer(transfer_message(&process, body));
        let (waiting, message) = outgoing(&process, event == TransferEvent::Terminate, &message);
        let transition = Transition { changed_by: role, event: event.as_str(), plan, waiting, message };
        tx.update_process(&process, &transition).await?;
        tx.commit().await?;
        self.announce(&process);
        Ok(process)
    }

    /// Opens the data plane for the next start of a transfer that we provide; the version it was opened for.
    async fn open_plane(&self, pid: &Pid) -> Result<Option<(i64, crate::model::message::DataAddress)>, EngineError> {
        let process = self.0.store.process(pid).await?.ok_or(EngineError::NotFound("transfer"))?;
        if process.role == Role::Consumer {
            return Ok(None);
        }
        let id = process.agreement.as_ref().ok_or(EngineError::NotFound("agreement"))?;
        let agreement = self
            .0
            .store
            .agreement_of(&process.participant, Role::Provider, id)
            .await?
            .filter(|a| a.live)
            .ok_or(EngineError::NotFound("agreement"))?;
        let start = process.detail.starts + 1;
        let address = self.0.surroundings.planes.open(&process, &agreement, start).await.map_err(|reasons| {
            EngineError::refused("transfer.cannot-start", reasons.reason.join("; ")).with(&process)
        })?;
        Ok(Some((process.version, address)))
    }
}

async fn load(tx: &mut Tx, pid: &Pid, version: Option<i64>) -> Result<Process, EngineError> {
    let process = tx.process(pid).await?.ok_or(EngineError::NotFound("process"))?;
    match version {
        Some(expected) if expected != process.version => {
            Err(EngineError::Store(crate::store::StoreError::Fenced("process")))
        }
        _ => Ok(process),
    }
}

/// What is sent of a step. A termination goes ahead of whatever waits; a peer that was never reached has nothing to be told.
fn outgoing<'a>(
    process: &Process,
    terminates: bool,
    message: &'a OutboundMessage,
) -> (Waiting, Option<&'a OutboundMessage>) {
    match (terminates, &process.peer_pid) {
        (false, _) => (Waiting::Kept, Some(message)),
        (true, Some(_)) => (Waiting::Dropped, Some(message)),
        (true, None) if process.delivery_failure.is_some() => (Waiting::Dropped, None),
        // The message that begins the process may be arriving just now.
        (true, None) => (Waiting::Kept, Some(message)),
    }
}

/// The agreement on the offer on the table, kept by us as provider; in force once finalised.
fn conclude(process: &mut Process, offer: &Value, now: Timestamp) -> Agreement {
    let id = AgreementId::from(String::from(new_pid()));
    let parties = (&process.participant, &process.counterparty);
    let policy = terms::agreement_from_offer(offer, &id, &process.dataset, parties, now);
    process.agreement = Some(id.clone());
    process.detail.agreement = Some(policy.clone());
    Agreement {
        id,
        role: Role::Provider,
        participant: process.participant.clone(),
        counterparty: process.counterparty.clone(),
        dataset: process.dataset.clone(),
        policy,
        negotiation: Some(process.pid.clone()),
        peer_address: Some(process.peer_address.clone()),
        signed: now,
        live: false,
    }
}

pub(super) fn negotiation_message(process: &Process, body: NegotiationBody) -> NegotiationMessage {
    NegotiationMessage {
        consumer_pid: process.consumer_pid().cloned(),
        provider_pid: process.provider_pid().cloned(),
        body,
    }
}

pub(super) fn transfer_message(process: &Process, body: TransferBody) -> TransferMessage {
    TransferMessage {
        consumer_pid: process.consumer_pid().cloned(),
        provider_pid: process.provider_pid().cloned(),
        body,
    }
}
