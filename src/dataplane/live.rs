//! The live index: every transfer that we provide, as it stands now. A change shows to the very next call, and to calls on their
//! way that have not been forwarded yet.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};

use tokio::sync::{OnceCell, Semaphore};

use super::assets::{AssetError, Assets};
use super::capacity::Consumers;
use super::contract::Contract;
use super::refusal::Refusal;
use crate::model::ids::{AgreementId, DatasetId, ParticipantId, Pid};
use crate::model::negotiation::Role;
use crate::model::obligation::AgreementKey;
use crate::model::process::{Process, ProcessState};
use crate::model::transfer::TransferState;

/// How many transfers that have ended are remembered, so that a late look-up cannot bring one back to life.
const ENDED: usize = 10_000;

/// One transfer that we provide.
pub(super) struct Live {
    pub(super) transfer: Pid,
    pub(super) participant: ParticipantId,
    pub(super) counterparty: ParticipantId,
    pub(super) agreement: AgreementId,
    pub(super) dataset: DatasetId,
    /// The URL that the consumer appends its paths to.
    pub(super) endpoint: String,
    /// The path of that URL.
    pub(super) prefix: Box<str>,
    /// What the agreement lets pass; loaded with the first call.
    pub(super) contract: OnceCell<Arc<Contract>>,
    /// Grows whenever something new is reported of the agreement's duties.
    pub(super) news: AtomicU64,
    /// The number of the news that was heard of from other replicas.
    heard: AtomicI64,
    /// The consumer's places for calls under way.
    pub(super) places: Arc<Semaphore>,
    standing: Arc<RwLock<Standing>>,
}

#[derive(Clone, Copy)]
struct Standing {
    version: i64,
    state: TransferState,
    starts: u32,
}

impl Live {
    /// A transfer as provided; `None` when it is not ours to provide, has no agreement, or its participant is not served here.
    fn new(process: &Process, assets: &dyn Assets, consumers: &Consumers) -> Option<Self> {
        let (Role::Provider, Some(agreement), Some(standing)) =
            (process.role, process.agreement.clone(), standing_of(process))
        else {
            return None;
        };
        let base = assets.base(&process.participant)?;
        let name = process.pid.as_str().strip_prefix("urn:uuid:").unwrap_or(process.pid.as_str());
        let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        let name = name.to_string().replace("%2D", "-");
        let endpoint = format!("{}/data/{name}", base.trim_end_matches('/'));
        let after_scheme = endpoint.split_once("://").map_or("", |(_, rest)| rest);
        let prefix = after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or_default();
        Some(Self {
            transfer: process.pid.clone(),
            participant: process.participant.clone(),
            counterparty: process.counterparty.clone(),
            agreement,
            dataset: process.dataset.clone(),
            prefix: prefix.into(),
            endpoint,
            contract: OnceCell::new(),
            news: AtomicU64::new(0),
            heard: AtomicI64::new(i64::MIN),
            places: consumers.places_of(&process.counterparty),
            standing: Arc::new(RwLock::new(standing)),
        })
    }

    /// The same transfer with nothing loaded.
    fn bare(&self) -> Self {
        Self {
            transfer: self.transfer.clone(),
            participant: self.participant.clone(),
            counterparty: self.counterparty.clone(),
            agreement: self.agreement.clone(),
            dataset: self.dataset.clone(),
            endpoint: self.endpoint.clone(),
            prefix: self.prefix.clone(),
            contract: OnceCell::new(),
            news: AtomicU64::new(0),
            heard: AtomicI64::new(i64::MIN),
            places: Arc::clone(&self.places),
            standing: Arc::clone(&self.standing),
        }
    }

    /// Whether calls with a token of the `start`-th start may pass now.
    ///
    /// # Errors
    /// 401 for a token of an earlier start, 403 for a transfer that is not started.
    pub(super) fn check(&self, start: u32) -> Result<(), Refusal> {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).check(start)
    }

    /// The version that is known of it.
    pub(super) fn version(&self) -> i64 {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).version
    }

    /// Takes over that there are so many news in all.
    pub(super) fn hear(&self, news: i64) {
        if self.heard.load(Ordering::Acquire) < news {
            // First, so that no call finds the number heard and its news unknown; who comes at once asks once more.
            self.news.fetch_add(1, Ordering::AcqRel);
            self.heard.fetch_max(news, Ordering::AcqRel);
        }
    }

    /// Polls `begin` while no change of the transfer can come between the check and the poll.
    ///
    /// # Errors
    /// As [`Live::check`]; then it was not polled.
    pub(super) fn begin<F: Future + Unpin>(
        &self,
        start: u32,
        begin: &mut F,
        cx: &mut Context<'_>,
    ) -> Result<Poll<F::Output>, Refusal> {
        let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
        standing.check(start)?;
        Ok(std::pin::Pin::new(begin).poll(cx))
    }

    /// Takes over a newer standing; older news is ignored. Returns when every call that passed the check has begun.
    fn update(&self, news: Standing) -> TransferState {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        if news.version >= standing.version {
            *standing = news;
        }
        standing.state
    }
}

impl Standing {
    fn check(self, start: u32) -> Result<(), Refusal> {
        match self.state {
            TransferState::Started if start == self.starts => Ok(()),
            TransferState::Started => Err(Refusal::unauthorized(
                "token.superseded",
                "the transfer was started again since; use the token of its last start",
            )),
            TransferState::Requested => Err(Refusal::forbidden("transfer.not-started", "the transfer is not started")),
            TransferState::Suspended => Err(Refusal::forbidden(
                "transfer.suspended",
                "the transfer is suspended; ask for it to be started again",
            )),
            TransferState::Completed => {
                Err(Refusal::forbidden("transfer.completed", "the transfer is completed; request a new one"))
            }
            TransferState::Terminated => {
                Err(Refusal::forbidden("transfer.terminated", "the transfer was terminated; request a new one"))
            }
        }
    }
}

/// All transfers that we provide.
pub(super) struct LiveIndex {
    consumers: Consumers,
    known: RwLock<HashMap<Pid, Arc<Live>>>,
    ended: Mutex<VecDeque<Pid>>,
}

impl LiveIndex {
    /// An empty index; each consumer will have so many calls under way at most.
    pub(super) fn new(most_calls_of_consumer: usize) -> Self {
        Self { consumers: Consumers::new(most_calls_of_consumer), known: RwLock::default(), ended: Mutex::default() }
    }

    pub(super) fn get(&self, pid: &Pid) -> Option<Arc<Live>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(pid).cloned()
    }

    /// Takes over a transfer as it stands now.
    ///
    /// # Errors
    /// `Gone` when it is not provided here.
    pub(super) fn put(&self, process: &Process, assets: &dyn Assets) -> Result<Arc<Live>, AssetError> {
        let gone = || AssetError::Gone("the token's transfer is not provided here".to_owned());
        let news = standing_of(process).ok_or_else(gone)?;
        let live = match self.get(&process.pid) {
            Some(live) => live,
            None => {
                let fresh = Arc::new(Live::new(process, assets, &self.consumers).ok_or_else(gone)?);
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(known.entry(process.pid.clone()).or_insert(fresh))
            }
        };
        if live.update(news).is_final() {
            self.let_go(&live);
            self.forget_oldest(&process.pid);
        }
        Ok(live)
    }

    /// Lets every transfer under an agreement know that something new is reported of its duties.
    pub(super) fn reported(&self, agreement: &AgreementKey) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let of_it = |live: &&Arc<Live>| live.agreement == agreement.id && live.participant == agreement.participant;
        for live in known.values().filter(of_it) {
            live.news.fetch_add(1, Ordering::Release);
        }
    }

    /// Lets every transfer know that other things are known of consumers than before.
    pub(super) fn facts_changed(&self) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        for live in known.values() {
            live.news.fetch_add(1, Ordering::Release);
        }
    }

    /// Of a transfer that has ended only its refusal is needed. Calls on their way end with what they began with.
    fn let_go(&self, live: &Live) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(live.transfer.clone(), Arc::new(live.bare()));
    }

    fn forget_oldest(&self, pid: &Pid) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if !ended.contains(pid) {
            ended.push_back(pid.clone());
        }
        if ended.len() > ENDED
            && let Some(oldest) = ended.pop_front()
        {
            self.known.write().unwrap_or_else(PoisonError::into_inner).remove(&oldest);
        }
    }
}

fn standing_of(process: &Process) -> Option<Standing> {
    match (process.role, process.state) {
        (Role::Provider, ProcessState::Transfer(state)) => {
            Some(Standing { version: process.version, state, starts: process.detail.starts })
        }
        _ => None,
    }
}
