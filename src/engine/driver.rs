//! The worker loop: claim what is due, work it off, wait for a hint or the next due time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Action, Engine, EngineError};
use crate::model::ids::Pid;
use crate::model::message::Reasons;
use crate::model::negotiation::NegotiationEvent;
use crate::model::process::{Process, ProcessKind};
use crate::model::time::Timestamp;
use crate::model::transfer::TransferEvent;
use crate::store::{PlannedStep, StoreError, Work};

/// What to do with claimed work.
#[derive(Clone, Debug, PartialEq)]
enum Doing {
    Deliver,
    Step(PlannedStep),
    Rest,
}

/// Messages leave in order and before any further step; nothing is done before its time.
fn plan(work: &Work, now: Timestamp) -> Doing {
    match (&work.message, &work.step) {
        (Some(_), _) if work.retry_at.is_none_or(|at| at <= now) => Doing::Deliver,
        (None, Some(step)) if step.at <= now => Doing::Step(step.clone()),
        _ => Doing::Rest,
    }
}

/// The longest sleep: clocks of machines are set.
const DAY: Duration = Duration::from_secs(86_400);

impl Engine {
    /// Works until `stop`; then finishes what is in hand and returns.
    pub async fn run(&self, stop: CancellationToken) {
        let permits = Arc::new(Semaphore::new(self.0.pace.workers as usize));
        let tasks = TaskTracker::new();
        while !stop.is_cancelled() {
            let pause = match self.claim_and_spawn(&permits, &tasks).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "the store could not be asked for due work");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Claims as much due work as there are free workers; for how long nothing else will be due.
    async fn claim_and_spawn(&self, permits: &Arc<Semaphore>, tasks: &TaskTracker) -> Result<Duration, StoreError> {
        let free = u32::try_from(permits.available_permits()).unwrap_or(u32::MAX);
        let mut next = None;
        if free > 0 {
            let now = self.0.clock.now();
            let lease = uuid::Uuid::now_v7().to_string();
            let until = now.plus_millis(millis(self.0.pace.lease));
            let claimed = self.0.store.claim(&lease, now, until, free).await?;
            next = claimed.next;
            for pid in claimed.pids {
                let Ok(permit) = Arc::clone(permits).try_acquire_owned() else { break };
                let (engine, lease) = (self.clone(), lease.clone());
                tasks.spawn(async move {
                    engine.work_off(&pid, &lease).await;
                    drop(permit);
                    engine.0.wake.notify_one();
                });
            }
        }
        // With no worker free, the next to become free wakes the loop.
        let Some(due) = next.filter(|_| permits.available_permits() > 0) else { return Ok(DAY) };
        let wait = due.millis().saturating_sub(self.0.clock.now().millis()).max(0);
        Ok(Duration::from_millis(u64::try_from(wait).unwrap_or(0)).min(DAY))
    }

    /// Does all that is due for one claimed process, then gives the claim back.
    async fn work_off(&self, pid: &Pid, lease: &str) {
        let long_enough = tokio::time::Instant::now() + self.0.pace.lease / 3;
        while tokio::time::Instant::now() < long_enough {
            match self.work_once(pid, lease).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(StoreError::Fenced(_)) => tracing::debug!(%pid, "somebody else moved this process on"),
                Err(error) => {
                    tracing::error!(%pid, %error, "the store could not take the outcome; it will be tried again");
                    let pauses = (millis(self.0.pace.first_retry), millis(self.0.pace.longest_retry));
                    return self.0.store.hold_back(pid, lease, self.0.clock.now(), pauses);
                }
            }
        }
        if let Err(error) = self.0.store.release(pid, lease).await {
            tracing::warn!(%pid, %error, "a claim could not be given back and will lapse");
        }
    }

    /// One piece of work; whether there may be more.
    async fn work_once(&self, pid: &Pid, lease: &str) -> Result<bool, StoreError> {
        let until = self.0.clock.now().plus_millis(millis(self.0.pace.lease));
        let Some(work) = self.0.store.work(pid, lease, until).await? else { return Ok(false) };
        match plan(&work, self.0.clock.now()) {
            Doing::Deliver => self.deliver(work, lease).await,
            Doing::Step(step) => self.take_step(&work.process, &step).await,
            Doing::Rest => Ok(false),
        }
    }

    async fn take_step(&self, process: &Process, step: &PlannedStep) -> Result<bool, StoreError> {
        let Some(action) = action(process.kind(), &step.event) else {
            return Err(StoreError::Corrupt("planned step"));
        };
        match self.act_at(&process.pid, action, Some(process.version)).await {
            Ok(_) => Ok(true),
            Err(EngineError::Store(error)) => Err(error),
            Err(EngineError::Refused { sentence, code, .. }) => {
                let trace = &process.detail.trace;
                tracing::warn!(pid = %process.pid, trace, code, %sentence, "a planned step could not be taken");
                self.give_up(process, Reasons::new(code, sentence)).await.map(|()| true)
            }
            Err(EngineError::NotFound(what)) => {
                let gone = Reasons::new("process.incomplete", format!("the {what} it rests on is not in force"));
                self.give_up(process, gone).await.map(|()| true)
            }
        }
    }

    /// A planned step that cannot be taken ends the process; where even that is not allowed, a person has to look.
    async fn give_up(&self, process: &Process, reasons: Reasons) -> Result<(), StoreError> {
        let end = match process.kind() {
            ProcessKind::Negotiation => {
                Action::Negotiation { event: NegotiationEvent::Terminate, offer: None, reasons }
            }
            ProcessKind::Transfer => Action::Transfer { event: TransferEvent::Terminate, reasons },
        };
        match self.act_at(&process.pid, end, Some(process.version)).await {
            Ok(_) => Ok(()),
            Err(EngineError::Store(error)) => Err(error),
            Err(error) => {
                let trace = &process.detail.trace;
                tracing::error!(pid = %process.pid, trace, %error, "a process is stuck and its plan is dropped");
                let mut tx = self.0.store.begin().await?;
                tx.drop_plan(&process.pid).await?;
                tx.commit().await
            }
        }
    }
}

fn action(kind: ProcessKind, event: &str) -> Option<Action> {
    let reasons = Reasons::default();
    match kind {
        ProcessKind::Negotiation => NegotiationEvent::ALL
            .into_iter()
            .find(|e| e.as_str() == event)
            .map(|event| Action::Negotiation { event, offer: None, reasons }),
        ProcessKind::Transfer => TransferEvent::ALL
            .into_iter()
            .find(|e| e.as_str() == event)
            .map(|event| Action::Transfer { event, reasons }),
    }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
