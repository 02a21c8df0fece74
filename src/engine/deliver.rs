//! Delivering one message and recording what came of it.

use super::driver::millis;
use super::transition::enter;
use super::{Acknowledgement, DeliveryFailure, Engine, Envelope, Pace};
use crate::model::message::{NegotiationBody, OutboundMessage, Reasons, TransferBody};
use crate::model::negotiation::NegotiationState;
use crate::model::obligation::AgreementKey;
use crate::model::process::{Process, ProcessState};
use crate::model::transfer::TransferState;
use crate::store::{StoreError, Transition, Waiting, Work};

/// How often a peer may say "not yet" before it is asked where it stands.
const PATIENCE: u32 = 3;

impl Engine {
    /// Delivers the oldest message of claimed work; whether there may be more to do.
    pub(super) async fn deliver(&self, work: Work, lease: &str) -> Result<bool, StoreError> {
        let Work { process, message: Some((number, message)), attempts, .. } = work else { return Ok(false) };
        let message = addressed(message, &process);
        let envelope = Envelope {
            participant: process.participant.clone(),
            counterparty: process.counterparty.clone(),
            address: process.peer_address.clone(),
            role: process.role,
            trace: process.detail.trace.clone(),
        };
        let sent = self.send(&envelope, &message).await;
        count(&sent);
        match sent {
            Ok(acknowledgement) => self.record_delivered(&process, lease, number, &acknowledgement).await,
            Err(DeliveryFailure::Refused { status, reasons }) => {
                self.refused(&process, lease, number, &envelope, status, reasons).await
            }
            Err(DeliveryFailure::NotYet) if attempts >= PATIENCE && self.has_arrived(&process, &envelope).await => {
                self.record_delivered(&process, lease, number, &Acknowledgement::default()).await
            }
            Err(failure) if attempts + 1 >= self.0.pace.attempts => {
                tracing::error!(pid = %process.pid, trace = process.detail.trace, %failure, attempts, "a message is given up");
                let not_yet = matches!(failure, DeliveryFailure::NotYet);
                let code = if not_yet { "peer.not-ready" } else { "peer.unreachable" };
                let unreachable = Reasons::new(code, failure.to_string());
                self.end_without(&process, lease, number, unreachable, false).await
            }
            Err(failure) => {
                let pause = back_off(&self.0.pace, attempts, matches!(failure, DeliveryFailure::NotYet));
                let (pid, trace) = (&process.pid, &process.detail.trace);
                // What goes on failing is told once; how often shows in the process and in the metrics.
                if attempts == 0 {
                    tracing::warn!(%pid, trace, %failure, pause, "a message will be sent again");
                } else {
                    tracing::debug!(%pid, trace, %failure, attempts, pause, "a message will be sent again");
                }
                let retry_at = self.0.clock.now().plus_millis(pause);
                self.0.store.postpone(&process.pid, lease, number, retry_at, &failure.to_string()).await?;
                Ok(false)
            }
        }
    }

    async fn send(&self, to: &Envelope, message: &OutboundMessage) -> Result<Acknowledgement, DeliveryFailure> {
        let peers = &self.0.surroundings.peers;
        let sending = async {
            match message {
                OutboundMessage::Negotiation(message) => peers.negotiation(to, message).await,
                OutboundMessage::Transfer(message) => peers.transfer(to, message).await,
            }
        };
        match tokio::time::timeout(self.0.pace.delivery, sending).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DeliveryFailure::Unavailable("it did not answer in time".to_owned())),
        }
    }

    async fn record_delivered(
        &self,
        process: &Process,
        lease: &str,
        number: i64,
        acknowledgement: &Acknowledgement,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.store.begin().await?;
        let peer_pid = acknowledgement.peer_pid.as_ref();
        let delivered = tx.delivered(&process.pid, lease, number, peer_pid, self.0.clock.now()).await;
        if delivered.as_ref().is_err_and(StoreError::is_repetition) {
            drop(tx);
            tracing::warn!(pid = %process.pid, trace = process.detail.trace, "the peer has another process under its pid");
            let taken = Reasons::new("peer.pid-taken", "the peer answered with the pid of another process");
            return self.end_without(process, lease, number, taken, false).await;
        }
        delivered?;
        tx.commit().await?;
        let _ = self.0.changes.send(Some(process.pid.clone()));
        Ok(true)
    }

    /// A refusal may come because an earlier try did arrive: the peer's own state decides.
    async fn refused(
        &self,
        process: &Process,
        lease: &str,
        number: i64,
        envelope: &Envelope,
        status: u16,
        reasons: Reasons,
    ) -> Result<bool, StoreError> {
        if (400..500).contains(&status) && self.has_arrived(process, envelope).await {
            return self.record_delivered(process, lease, number, &Acknowledgement::default()).await;
        }
        tracing::warn!(pid = %process.pid, trace = process.detail.trace, status, code = reasons.code, reason = ?reasons.reason, "the peer refused a message");
        let tell = process.peer_pid.is_some() && !matches!(status, 0 | 404 | 410);
        self.end_without(process, lease, number, reasons, tell).await
    }

    /// Whether the peer's own state says that it had the message.
    async fn has_arrived(&self, process: &Process, envelope: &Envelope) -> bool {
        let Some(peer_pid) = &process.peer_pid else { return false };
        let asking = self.0.surroundings.peers.state(envelope, process.kind(), peer_pid);
        let state = tokio::time::timeout(self.0.pace.delivery, asking).await;
        matches!(&state, Ok(Ok(state)) if has_reached(process.state, state))
    }

    /// Ends a process whose message will never arrive; the peer is told when it can be.
    async fn end_without(
        &self,
        process: &Process,
        lease: &str,
        number: i64,
        reasons: Reasons,
        tell: bool,
    ) -> Result<bool, StoreError> {
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        if !tx.delivered(&process.pid, lease, number, None, now).await? {
            // The peer has answered it by a message of its own meanwhile.
            tx.commit().await?;
            return Ok(true);
        }
        let Some(mut ended) = tx.process(&process.pid).await? else { return Ok(false) };
        let mut dead = None;
        if ended.state == ProcessState::Negotiation(NegotiationState::Finalized)
            && let Some(agreement) = &ended.agreement
        {
            tx.set_agreement_live(&ended.participant, ended.role, agreement, false).await?;
            dead =
                Some(AgreementKey { participant: ended.participant.clone(), role: ended.role, id: agreement.clone() });
        }
        if ended.state.is_final() {
            if ended.peer_pid.is_none() {
                tx.clear_outbox(&ended.pid).await?;
            }
            tx.commit().await?;
            // Calls under it end with the very next one, and the monitor ends its transfers.
            dead.into_iter().for_each(|key| self.tell_of_agreement(key));
            return Ok(true);
        }
        let (state, message) = termination(&ended, reasons.clone());
        ended.detail.reasons = Some(reasons);
        let role = ended.role;
        let _ = enter(&mut ended, state, role, now, &self.0.automation);
        ended.detail.held = false;
        let (waiting, message) = (Waiting::Dropped, tell.then_some(&message));
        let transition = Transition { changed_by: role, event: "terminate", plan: None, waiting, message };
        tx.update_process(&ended, &transition).await?;
        tx.commit().await?;
        self.announce(&ended);
        Ok(true)
    }
}

fn termination(process: &Process, reasons: Reasons) -> (ProcessState, OutboundMessage) {
    match process.state {
        ProcessState::Negotiation(_) => (
            ProcessState::Negotiation(NegotiationState::Terminated),
            OutboundMessage::Negotiation(super::act::negotiation_message(
                process,
                NegotiationBody::Termination(reasons),
            )),
        ),
        ProcessState::Transfer(_) => (
            ProcessState::Transfer(TransferState::Terminated),
            OutboundMessage::Transfer(super::act::transfer_message(process, TransferBody::Termination(reasons))),
        ),
    }
}

/// Whether a peer in state `theirs` must have had the message that brought us to `ours`.
fn has_reached(ours: ProcessState, theirs: &str) -> bool {
    const fn rank(state: NegotiationState) -> u8 {
        match state {
            NegotiationState::Requested | NegotiationState::Offered => 1,
            NegotiationState::Accepted => 2,
            NegotiationState::Agreed => 3,
            NegotiationState::Verified => 4,
            NegotiationState::Finalized => 5,
            NegotiationState::Terminated => 0,
        }
    }
    match ours {
        ProcessState::Negotiation(state) => NegotiationState::parse(theirs)
            .is_some_and(|theirs| theirs == state || (!state.is_final() && rank(theirs) > rank(state))),
        ProcessState::Transfer(state) => state.as_str() == theirs,
    }
}

/// The message with the peer's pid, which may have become known only after it was written.
fn addressed(mut message: OutboundMessage, process: &Process) -> OutboundMessage {
    if !begins(&message) {
        let (consumer, provider) = match &mut message {
            OutboundMessage::Negotiation(m) => (&mut m.consumer_pid, &mut m.provider_pid),
            OutboundMessage::Transfer(m) => (&mut m.consumer_pid, &mut m.provider_pid),
        };
        *consumer = process.consumer_pid().cloned();
        *provider = process.provider_pid().cloned();
    }
    message
}

/// A message that begins a process has only its sender's pid, and keeps it so when it is sent again.
const fn begins(message: &OutboundMessage) -> bool {
    match message {
        OutboundMessage::Negotiation(m) => matches!(
            m.body,
            NegotiationBody::Request { callback: Some(_), .. } | NegotiationBody::Offer { callback: Some(_), .. }
        ),
        OutboundMessage::Transfer(m) => matches!(m.body, TransferBody::Request { .. }),
    }
}

fn count(sent: &Result<Acknowledgement, DeliveryFailure>) {
    let outcome = match sent {
        Ok(_) => "delivered",
        Err(DeliveryFailure::Refused { .. }) => "refused",
        Err(DeliveryFailure::NotYet) => "not-yet",
        Err(_) => "unavailable",
    };
    metrics::counter!("sliproad_deliveries_total", "outcome" => outcome).increment(1);
}

/// Milliseconds to wait; "not yet" is a matter of the peer's next write, so it starts short.
fn back_off(pace: &Pace, attempts: u32, not_yet: bool) -> i64 {
    let first = if not_yet { 40 } else { millis(pace.first_retry) };
    let longest = if not_yet { 1_000 } else { millis(pace.longest_retry) };
    first.saturating_mul(1_i64 << attempts.min(20)).min(longest)
}
