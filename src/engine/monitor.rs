//! The monitor: looks at an agreement again when something about it changes, and at the next moment at which time alone may change
//! an answer. What refuses for good is acted on: transfers under it are suspended, and the peer hears why.
//!
//! There is no polling: the monitor sleeps until the earliest of those moments.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Engine, EngineError, PolicyRefusal};
use crate::model::agreement::Agreement;
use crate::model::ids::AgreementId;
use crate::model::infringement::InfringementState;
use crate::model::message::Reasons;
use crate::model::negotiation::Role;
use crate::model::obligation::AgreementKey;
use crate::model::process::Process;
use crate::model::time::Timestamp;
use crate::model::transfer::TransferEvent;
use crate::policy::Outlook;
use crate::store::StoreError;

/// What happens to a transfer whose agreement refuses for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnViolation {
    /// It is suspended; a person may start it again.
    #[default]
    Suspend,
    /// It is terminated.
    Terminate,
}

/// How long to wait after the store did not answer, milliseconds.
const AGAIN: i64 = 1000;
/// The longest sleep: clocks of machines are set.
const DAY: i64 = 86_400_000;

/// When to look at which agreement again.
#[derive(Default)]
struct Calendar {
    by_time: BTreeSet<(Timestamp, AgreementKey)>,
    of: HashMap<AgreementKey, Timestamp>,
}

impl Calendar {
    fn set(&mut self, key: &AgreementKey, at: Option<Timestamp>) {
        if let Some(before) = self.of.remove(key) {
            self.by_time.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.of.insert(key.clone(), at);
            self.by_time.insert((at, key.clone()));
        }
    }

    fn due(&self, now: Timestamp) -> Option<AgreementKey> {
        self.by_time.first().filter(|(at, _)| *at <= now).map(|(_, key)| key.clone())
    }

    /// Milliseconds to the next entry.
    fn wait(&self, now: Timestamp) -> i64 {
        self.by_time.first().map_or(DAY, |(at, _)| at.millis().saturating_sub(now.millis()).clamp(0, DAY))
    }
}

impl Engine {
    /// Watches over all agreements in force until `stop`.
    pub async fn monitor(&self, on_violation: OnViolation, stop: CancellationToken) {
        let mut news = self.0.agreements.subscribe();
        let mut calendar = Calendar::default();
        let mut afresh = true;
        while !stop.is_cancelled() {
            if afresh {
                afresh = !self.enter_all(&mut calendar).await;
            }
            let now = self.0.clock.now();
            let due = calendar.due(now);
            let pause = if afresh { AGAIN } else { calendar.wait(now) };
            // What is new comes before what has been waiting.
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                told = news.recv() => match told {
                    Ok(Some(key)) => self.look(&mut calendar, &key, on_violation).await,
                    Ok(None) | Err(RecvError::Lagged(_)) => afresh = true,
                    Err(RecvError::Closed) => return,
                },
                () = std::future::ready(()), if due.is_some() => {
                    if let Some(key) = due {
                        self.look(&mut calendar, &key, on_violation).await;
                    }
                }
                () = tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())) => {}
            }
        }
    }

    /// Lets calls and the monitor know that other things are known of consumers than before: the very next call is decided on them.
    ///
    /// # Errors
    /// When the store does not answer; calls know all the same.
    pub async fn facts_changed(&self) -> Result<(), EngineError> {
        self.0.surroundings.planes.facts_changed();
        for key in self.0.store.agreements_in_force().await? {
            // Nobody may be watching; what is lost in a crowd is made up for by looking at all.
            let _ = self.0.agreements.send(Some(key));
        }
        Ok(())
    }

    /// Enters every agreement in force to be looked at now; whether the store answered.
    async fn enter_all(&self, calendar: &mut Calendar) -> bool {
        match self.0.store.agreements_in_force().await {
            Ok(keys) => {
                let now = self.0.clock.now();
                keys.iter().for_each(|key| calendar.set(key, Some(now)));
                true
            }
            Err(error) => {
                tracing::error!(%error, "agreements could not be watched over; trying again");
                false
            }
        }
    }

    async fn look(&self, calendar: &mut Calendar, key: &AgreementKey, on_violation: OnViolation) {
        match self.review(key, on_violation).await {
            Ok(next) => calendar.set(key, next),
            Err(error) => {
                tracing::error!(agreement = %key.id, %error, "an agreement could not be reviewed; trying again");
                calendar.set(key, Some(self.0.clock.now().plus_millis(AGAIN)));
            }
        }
    }

    /// Brings an agreement's obligations up to date and stops transfers that it will not permit again; when to look next.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn review(
        &self,
        key: &AgreementKey,
        on_violation: OnViolation,
    ) -> Result<Option<Timestamp>, StoreError> {
        let agreement = self.0.store.agreement_of(&key.participant, key.role, &key.id).await?;
        let Some(agreement) = agreement else { return Ok(None) };
        if !agreement.live {
            return self.end_transfers(key).await.map(|()| None);
        }
        let followed = self.0.store.followed(key).await?;
        let Some(mut outlook) = self.outlook(&agreement, &followed) else { return Ok(None) };
        let open = followed.infringements.iter().filter(|one| one.state == InfringementState::Open);
        if !outlook.changes(&followed.obligations).is_empty() || open.into_iter().any(|one| outlook.is_healed(one)) {
            outlook = self.bring_up_to_date(&agreement, key).await?.unwrap_or(outlook);
        }
        if let (Role::Provider, Some(refusal)) = (key.role, &outlook.refusal) {
            let sentences = refusal.redacted().because.into_iter().map(|b| b.reason).collect();
            let reasons = Reasons { code: Some("agreement.not-permitting".to_owned()), reason: sentences };
            let refused = PolicyRefusal { reasons, because: refusal.because.clone() };
            let event = match on_violation {
                OnViolation::Suspend => TransferEvent::Suspend,
                OnViolation::Terminate => TransferEvent::Terminate,
            };
            for transfer in self.0.store.started_transfers(&key.participant, &key.id).await? {
                self.stop_transfer(&transfer, refused.clone(), event).await?;
            }
        }
        Ok(outlook.next)
    }

    /// Ends what runs under an agreement that is not in force any more.
    async fn end_transfers(&self, key: &AgreementKey) -> Result<(), StoreError> {
        if key.role == Role::Provider {
            let reasons = Reasons::new("agreement.not-in-force", "the agreement is not in force any more");
            let gone = PolicyRefusal { reasons, because: Vec::new() };
            for transfer in self.0.store.started_transfers(&key.participant, &key.id).await? {
                self.stop_transfer(&transfer, gone.clone(), TransferEvent::Terminate).await?;
            }
        }
        Ok(())
    }

    async fn bring_up_to_date(&self, agreement: &Agreement, key: &AgreementKey) -> Result<Option<Outlook>, StoreError> {
        let mut tx = self.0.store.begin().await?;
        self.follow_obligations(&mut tx, agreement, self.0.clock.now()).await?;
        let followed = tx.followed(key).await?;
        tx.commit().await?;
        for missed in followed.obligations.iter().filter(|o| o.state.is_missed()) {
            tracing::warn!(
                agreement = %key.id, obligation = %missed.id, clause = missed.clause, state = missed.state.as_str(),
                "an obligation was not fulfilled in time"
            );
        }
        self.0.surroundings.planes.reported(key);
        Ok(self.outlook(agreement, &followed))
    }

    async fn stop_transfer(
        &self,
        transfer: &Process,
        refused: PolicyRefusal,
        event: TransferEvent,
    ) -> Result<(), StoreError> {
        let sentence = refused.reasons.reason.join("; ");
        match self.stop(&transfer.pid, event, refused).await {
            Ok(stopped) => {
                metrics::counter!("sliproad_transfers_stopped_total", "event" => event.as_str()).increment(1);
                tracing::warn!(
                    transfer = %stopped.pid, agreement = stopped.agreement.as_ref().map(AgreementId::as_str),
                    counterparty = %stopped.counterparty, state = %stopped.state, trace = stopped.detail.trace,
                    reason = sentence, "a transfer was stopped: its agreement does not permit it any more"
                );
                Ok(())
            }
            Err(EngineError::Store(error)) => Err(error),
            Err(error) => {
                tracing::info!(transfer = %transfer.pid, %error, "a transfer was not stopped: it has moved on");
                Ok(())
            }
        }
    }
}
