//! What happens to a process: messages received, actions taken, messages delivered.
//!
//! A transition and the message it causes are committed in one transaction; a worker then claims the process, delivers its
//! messages in order and records the outcome. Everything is driven by commits and by the due time in the row; a lost hint costs
//! time, never work.

use std::sync::Arc;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::{Notify, broadcast};

use crate::env::Clock;
use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, DatasetId, OfferId, ParticipantId, Pid};
use crate::model::message::{DataAddress, NegotiationMessage, Reasons, TransferMessage};
use crate::model::negotiation::{NegotiationEvent, NegotiationState, Role};
use crate::model::obligation::AgreementKey;
use crate::model::process::{Process, ProcessKind, ProcessState};
use crate::model::transfer::{TransferEvent, TransferState};
use crate::policy::{Because, Outlook, Reported};
use crate::store::{Store, StoreError};

mod act;
mod automation;
mod deliver;
mod driver;
mod infringements;
mod monitor;
mod obligations;
mod receive_negotiation;
mod receive_transfer;
mod replicas;
#[cfg(test)]
mod tests;
mod transition;

pub use automation::{Automation, Rule, RuleAction, glob};
pub use infringements::InfringementReport;
pub use monitor::OnViolation;

/// Where a message goes and on whose behalf.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Which of our participants speaks.
    pub participant: ParticipantId,
    /// Who is spoken to.
    pub counterparty: ParticipantId,
    /// Base URL of the peer: its DSP base, or its callback address. A trailing slash is tolerated.
    pub address: String,
    /// The side that our participant is on.
    pub role: Role,
    /// `traceparent` to send along (W3C Trace Context).
    pub trace: Option<String>,
}

/// What a peer answered to a message that it accepted.
#[derive(Clone, Debug, Default)]
pub struct Acknowledgement {
    /// The peer's own pid, given in the answer to a first message.
    pub peer_pid: Option<Pid>,
}

/// Why a message was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeliveryFailure {
    /// HTTP 409: the peer is not there yet (EDC); to be sent again soon.
    #[error("the peer is not ready for this message yet")]
    NotYet,
    /// The peer could not be reached, timed out, answered 5xx, 429 or garbage; to be retried with back-off.
    #[error("the peer could not take the message: {0}")]
    Unavailable(String),
    /// The peer refused for good (another 4xx), or may not be contacted (guarded client).
    #[error("the peer refused the message with status {status}")]
    Refused {
        /// HTTP status, 0 when no request was made.
        status: u16,
        /// What the peer's error object says.
        reasons: Reasons,
    },
}

/// The way to other connectors; implemented by the protocol binding.
#[async_trait]
pub trait Peers: Send + Sync {
    /// Delivers a negotiation message.
    async fn negotiation(
        &self,
        to: &Envelope,
        message: &NegotiationMessage,
    ) -> Result<Acknowledgement, DeliveryFailure>;
    /// Delivers a transfer message.
    async fn transfer(&self, to: &Envelope, message: &TransferMessage) -> Result<Acknowledgement, DeliveryFailure>;
    /// Asks the peer for the state of a process by the peer's pid; the name of the state as on the wire.
    async fn state(&self, to: &Envelope, kind: ProcessKind, peer_pid: &Pid) -> Result<String, DeliveryFailure>;
    /// The callback address to give to peers of this participant.
    fn callback(&self, participant: &ParticipantId) -> String;
}

/// What the catalogue says of an offer that a consumer asks for.
#[derive(Clone, Debug)]
pub enum OfferVerdict {
    /// It is an offer of ours and this consumer may have it.
    Ours(AcceptedOffer),
    /// It names an offer of ours, but with other rules: a counter-offer, to be accepted by a person or a rule only.
    Differs(AcceptedOffer),
    /// It is an offer of ours whose policy refuses this consumer: the negotiation will be terminated with these reasons.
    Refused(AcceptedOffer, PolicyRefusal),
}

/// Why a policy does not let a consumer negotiate or transfer.
#[derive(Clone, Debug)]
pub struct PolicyRefusal {
    /// What the peer is told.
    pub reasons: Reasons,
    /// The clauses that refused, with what is known here: for the operator only.
    pub because: Vec<Because>,
}

impl PolicyRefusal {
    /// As kept with the process.
    fn clauses(&self) -> Value {
        serde_json::to_value(&self.because).unwrap_or_default()
    }
}

/// An offer of ours that was asked for.
#[derive(Clone, Debug)]
pub struct AcceptedOffer {
    /// What it is about.
    pub dataset: DatasetId,
    /// Which offer.
    pub offer: OfferId,
    /// Our rules: the ODRL offer as published (`@id`, `@type`, rules), plus `target` and `assigner`.
    pub policy: Value,
}

/// The catalogue, as the engine needs it; implemented by `catalog`.
#[async_trait]
pub trait Offers: Send + Sync {
    /// Judges an offer that `consumer` asks `participant` for.
    ///
    /// # Errors
    /// When there is no such offer that this consumer may see: code and sentences for the peer; no negotiation begins.
    async fn judge(
        &self,
        participant: &ParticipantId,
        consumer: &ParticipantId,
        offer: &Value,
    ) -> Result<OfferVerdict, Reasons>;

    /// Whether the agreement's policy lets a transfer begin now, by what is reported of its duties.
    ///
    /// # Errors
    /// When it does not.
    async fn may_transfer(&self, agreement: &Agreement, reported: Reported) -> Result<(), PolicyRefusal>;

    /// What is to be expected of an agreement, by what is reported of its duties; `None` when its policy cannot be evaluated here.
    fn outlook(&self, agreement: &Agreement, reported: Reported) -> Option<Outlook>;
}

/// The data plane, as the engine needs it.
#[async_trait]
pub trait Planes: Send + Sync {
    /// Whether transfers of this format can be provided.
    fn provides(&self, format: &str) -> bool;

    /// Opens the data plane for the `start`-th time: endpoint and a fresh token bound to transfer, consumer and `start`.
    ///
    /// # Errors
    /// When the data cannot be offered: code and sentences for the peer.
    async fn open(&self, transfer: &Process, agreement: &Agreement, start: u32) -> Result<DataAddress, Reasons>;

    /// Tells of a transfer's new state right after its commit and before any acknowledgement: what is not STARTED must not serve
    /// another call, and tokens of an earlier start are void. Also called for each transfer that is not final at start-up.
    fn changed(&self, transfer: &Process);

    /// Tells that something new is reported of an agreement's duties, right after its commit: the very next call must know.
    fn reported(&self, agreement: &AgreementKey);

    /// Tells that other things are known of consumers than before: the very next call must know.
    fn facts_changed(&self);
}

/// The code of [`Offers`] for what cannot be said yet: the message is not taken in, and the peer is asked to send it again.
pub const NOT_YET: &str = "catalog.not-ready";

/// A message arriving from a peer, authenticated and parsed.
#[derive(Clone, Debug)]
pub struct Inbound<M> {
    /// The participant whose endpoint was called.
    pub participant: ParticipantId,
    /// Who called, as authenticated.
    pub caller: ParticipantId,
    /// Our pid in the path; `None` for a first message.
    pub pid: Option<Pid>,
    /// What was said.
    pub message: M,
    /// `traceparent` that came along.
    pub trace: Option<String>,
}

/// Why the engine did not do what a peer or an operator asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No such process, agreement or dataset, or it is not the caller's (DSP: 404 in both cases).
    #[error("there is no such {0} for you")]
    NotFound(&'static str),
    /// The state table, or a rule beside it, does not allow this now (DSP: 400 with the error object).
    #[error("{sentence}")]
    Refused {
        /// Stable code, such as `negotiation.wrong-state`.
        code: &'static str,
        /// What a person can act on.
        sentence: String,
        /// The process, when there is one.
        process: Option<Box<Process>>,
    },
    /// The store did not answer, is full or busy: to be tried again (503).
    #[error("the store could not take the change; try again")]
    Store(#[from] StoreError),
}

/// Starts a negotiation as consumer.
#[derive(Clone, Debug)]
pub struct NegotiationRequest {
    /// Which of our participants asks.
    pub participant: ParticipantId,
    /// The provider.
    pub counterparty: ParticipantId,
    /// The provider's DSP base.
    pub address: String,
    /// The offer as found in the catalogue, with `target`.
    pub offer: Value,
    /// `traceparent` to carry along.
    pub trace: Option<String>,
}

/// Starts a transfer as consumer.
#[derive(Clone, Debug)]
pub struct TransferRequest {
    /// The agreement, kept by one of our participants as consumer.
    pub agreement: AgreementId,
    /// The format, such as `HttpData-PULL`.
    pub format: String,
    /// The provider's DSP base; when absent, the address used for the negotiation.
    pub address: Option<String>,
    /// `traceparent` to carry along.
    pub trace: Option<String>,
}

/// What an operator or an automation rule does to a process.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A step of a negotiation; an offer or counter-request may carry other rules than those on the table.
    Negotiation {
        /// Which step.
        event: NegotiationEvent,
        /// The offer to make or request, if not the one on the table.
        offer: Option<Value>,
        /// Why, for a termination.
        reasons: Reasons,
    },
    /// A step of a transfer.
    Transfer {
        /// Which step.
        event: TransferEvent,
        /// Why, for a suspension or termination.
        reasons: Reasons,
    },
}

/// Shared handles the engine acts through.
#[derive(Clone)]
pub struct Surroundings {
    /// Other connectors.
    pub peers: Arc<dyn Peers>,
    /// The catalogue.
    pub offers: Arc<dyn Offers>,
    /// The data plane.
    pub planes: Arc<dyn Planes>,
}

/// How the engine paces itself.
#[derive(Clone, Debug)]
pub struct Pace {
    /// How many processes are worked on at once.
    pub workers: u32,
    /// For how long a claim holds from each piece of work on; longer than a delivery and a question about its outcome take.
    pub lease: Duration,
    /// For how long a peer may take to answer a message.
    pub delivery: Duration,
    /// Pause after the first failed delivery; doubled each time.
    pub first_retry: Duration,
    /// The longest pause.
    pub longest_retry: Duration,
    /// After how many failures a message is given up.
    pub attempts: u32,
    /// How many transfers that have not ended any one consumer may have here; each takes memory until it ends.
    pub open_transfers: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            workers: 64,
            lease: Duration::from_secs(45),
            delivery: Duration::from_secs(20),
            first_retry: Duration::from_millis(200),
            longest_retry: Duration::from_secs(60),
            attempts: 200,
            open_transfers: 1000,
        }
    }
}

/// The engine of all processes of one store. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Store,
    surroundings: Surroundings,
    automation: Automation,
    clock: Clock,
    pace: Pace,
    wake: Notify,
    /// Processes that have changed; `None` stands for any.
    changes: broadcast::Sender<Option<Pid>>,
    /// Agreements to be looked at again; `None` stands for all.
    agreements: broadcast::Sender<Option<AgreementKey>>,
}

impl Engine {
    /// An engine over a store; nothing is delivered until [`Engine::run`].
    #[must_use]
    pub fn new(store: Store, surroundings: Surroundings, automation: Automation, clock: Clock, pace: Pace) -> Self {
        let (changes, _) = broadcast::channel(1024);
        let (agreements, _) = broadcast::channel(1024);
        let wake = Notify::new();
        Self(Arc::new(Inner { store, surroundings, automation, clock, pace, wake, changes, agreements }))
    }

    /// Tells the data plane of every transfer that is not final. To be called once before anything is served.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reopen_transfers(&self) -> Result<(), EngineError> {
        for transfer in self.0.store.open_transfers().await? {
            self.0.surroundings.planes.changed(&transfer);
        }
        Ok(())
    }

    /// A process for its counterparty.
    ///
    /// # Errors
    /// `NotFound` when there is none or the caller is not its counterparty.
    pub async fn show(
        &self,
        kind: ProcessKind,
        participant: &ParticipantId,
        caller: &ParticipantId,
        pid: &Pid,
    ) -> Result<Process, EngineError> {
        self.0
            .store
            .process(pid)
            .await?
            .filter(|p| p.kind() == kind && p.participant == *participant && p.counterparty == *caller)
            .ok_or(EngineError::NotFound(kind.as_str()))
    }

    /// Takes in an agreement made elsewhere, live at once. The same agreement again changes nothing.
    ///
    /// # Errors
    /// `Refused` when another agreement has that id.
    pub async fn import_agreement(&self, agreement: Agreement) -> Result<(), EngineError> {
        let engine = self.clone();
        detached(async move {
            let mut tx = engine.0.store.begin().await?;
            match tx.agreement_of(&agreement.participant, agreement.role, &agreement.id).await? {
                Some(known) if known.policy == agreement.policy && known.counterparty == agreement.counterparty => {
                    return Ok(());
                }
                Some(_) => {
                    return Err(EngineError::refused(
                        "agreement.exists",
                        format!("another agreement {} is kept already; choose another id", agreement.id),
                    ));
                }
                None => tx.put_agreement(&agreement).await?,
            }
            if agreement.live {
                engine.follow_obligations(&mut tx, &agreement, engine.0.clock.now()).await?;
            }
            tx.commit().await?;
            engine.tell_of_agreement(agreement.key());
            Ok(())
        })
        .await
    }

    /// Waits until the process satisfies `done`, for at most `limit`; the process as last seen.
    ///
    /// # Errors
    /// `NotFound` when there is no such process.
    pub async fn wait<F>(&self, pid: &Pid, limit: Duration, done: F) -> Result<Process, EngineError>
    where
        F: Fn(&Process) -> bool + Send,
    {
        let mut changes = self.0.changes.subscribe();
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let process = self.0.store.process(pid).await?.ok_or(EngineError::NotFound("process"))?;
            if done(&process) {
                return Ok(process);
            }
            loop {
                match tokio::time::timeout_at(deadline, changes.recv()).await {
                    Err(_) => return Ok(process),
                    Ok(Ok(Some(changed))) if changed != *pid => {}
                    Ok(_) => break,
                }
            }
        }
    }

    /// Publishes a committed change: to the data plane first, then to workers and those who wait.
    fn announce(&self, process: &Process) {
        if process.kind() == ProcessKind::Transfer {
            self.0.surroundings.planes.changed(process);
        }
        let _ = self.0.changes.send(Some(process.pid.clone()));
        if let Some(key) = to_be_watched(process) {
            let _ = self.0.agreements.send(Some(key));
        }
        self.0.wake.notify_one();
        let (kind, state) = (process.kind().as_str(), process.state.as_str());
        metrics::counter!("sliproad_process_transitions_total", "kind" => kind, "state" => state).increment(1);
        tracing::info!(
            pid = %process.pid, kind = process.kind().as_str(), role = %process.role, state = %process.state,
            counterparty = %process.counterparty, dataset = %process.dataset, "process changed"
        );
    }
}

impl EngineError {
    fn refused(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::Refused { code, sentence: sentence.into(), process: None }
    }

    fn with(self, about: &Process) -> Self {
        match self {
            Self::Refused { code, sentence, .. } => {
                Self::Refused { code, sentence, process: Some(Box::new(about.clone())) }
            }
            other => other,
        }
    }
}

/// The agreement that a process has just put to use.
fn to_be_watched(process: &Process) -> Option<AgreementKey> {
    let used = match process.state {
        ProcessState::Negotiation(state) => state == NegotiationState::Finalized,
        ProcessState::Transfer(state) => state == TransferState::Started && process.role == Role::Provider,
    };
    let id = process.agreement.clone().filter(|_| used)?;
    Some(AgreementKey { participant: process.participant.clone(), role: process.role, id })
}

/// Runs to its end even when the caller goes away: a peer that hangs up must not leave a commit without its announcement.
async fn detached<T, F>(work: F) -> Result<T, EngineError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, EngineError>> + Send + 'static,
{
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(_) => Err(EngineError::refused("engine.stopped", "the connector is stopping; try again")),
    }
}
