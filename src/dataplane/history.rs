//! What calls leave behind for those after them: steps of sequences that were taken, and the time that calls took together. Both are
//! durable before an answer, or its end, is released.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, try_join_all};
use tokio::runtime::Handle;

use super::counters::{Counter, CounterError, Counters};
use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, ParticipantId};
use crate::model::time::Timestamp;
use crate::policy::{Compiled, Progress, SequenceStep};

/// How much time of a call under way a crash may lose at most; that of a call whose end is recorded is never lost.
const BEAT: Duration = Duration::from_secs(1);

/// The steps of an agreement's sequences, each with the counter that keeps when it was taken: milliseconds since 1970, 0 for not yet.
pub(super) struct Steps {
    each: Box<[(SequenceStep, Arc<Counter>)]>,
    /// Calls under it may have been made before it was kept here.
    imported: bool,
}

impl Steps {
    /// Those of an agreement; `None` when its policy has no sequence.
    pub(super) async fn of(
        counters: &Counters,
        policy: &Compiled,
        agreement: &Agreement,
    ) -> Result<Option<Self>, CounterError> {
        if !policy.has_sequences() {
            return Ok(None);
        }
        let mut each = Vec::new();
        for (clause, step) in policy.noted_steps() {
            let key = format!("step {clause} {} {} {}", step.step, agreement.participant, agreement.id);
            each.push((step, counters.counter(&key).await?));
        }
        Ok(Some(Self { each: each.into(), imported: agreement.negotiation.is_none() }))
    }

    /// Looks what other replicas took; where there are none, nothing is waited for.
    pub(super) async fn look(&self) -> Result<(), CounterError> {
        try_join_all(self.each.iter().map(|(_, counter)| counter.read())).await.map(drop)
    }

    /// How far the sequences have come.
    pub(super) fn progress(&self, policy: &Compiled) -> Progress {
        let mut progress = Progress::none(policy);
        for (step, counter) in &self.each {
            if let Ok(taken @ 1..) = i64::try_from(counter.used()) {
                progress.note(*step, Timestamp::from_millis(taken));
            }
        }
        if self.imported {
            progress.distrust_prohibitions(policy);
        }
        progress
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.each.iter().filter(|(_, counter)| counter.used() > 0).count()
    }

    /// Takes steps, durably and together. One that another call took meanwhile stays as it is.
    pub(super) async fn take(
        &self,
        steps: impl Iterator<Item = &SequenceStep>,
        at: Timestamp,
    ) -> Result<(), CounterError> {
        let at = u64::try_from(at.millis()).unwrap_or_default();
        let counter =
            |step: &SequenceStep| self.each.iter().find(|(known, _)| known == step).map(|(_, counter)| counter);
        let fresh = steps.filter_map(counter).filter(|counter| counter.used() == 0);
        try_join_all(fresh.map(|counter| counter.raise_to(at))).await.map(drop)
    }
}

/// The metered time of every agreement that has a contract loaded, shared by all of its transfers.
#[derive(Default)]
pub(super) struct MeteredTimes(Mutex<HashMap<(ParticipantId, AgreementId), Weak<Metered>>>);

impl MeteredTimes {
    /// The metered time of an agreement, shared by all who ask.
    pub(super) async fn of(&self, counters: &Counters, agreement: &Agreement) -> Result<Arc<Metered>, CounterError> {
        let fresh = Metered::of(counters, agreement).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (agreement.participant.clone(), agreement.id.clone());
        if let Some(metered) = known.get(&key).and_then(Weak::upgrade) {
            return Ok(metered);
        }
        if known.len() == known.capacity() {
            known.retain(|_, metered| metered.strong_count() > 0);
        }
        known.insert(key, Arc::downgrade(&fresh));
        Ok(fresh)
    }
}

/// The time that all calls under one agreement took together, those under way included as they run.
pub(super) struct Metered {
    counter: Arc<Counter>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// Since when each call runs, but for what was put on its way to the counter already.
    calls: HashMap<u64, Instant>,
    next: u64,
    /// On its way to the counter, or in memory alone because it could not be kept, in milliseconds.
    unkept: u64,
    beats: bool,
}

fn millis_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Metered {
    pub(super) async fn of(counters: &Counters, agreement: &Agreement) -> Result<Arc<Self>, CounterError> {
        let key = format!("metered {} {}", agreement.participant, agreement.id);
        Ok(Arc::new(Self { counter: counters.counter(&key).await?, running: Mutex::default() }))
    }

    /// Looks what calls on other replicas took; where there are none, nothing is waited for.
    pub(super) async fn look(&self) -> Result<(), CounterError> {
        self.counter.read().await.map(drop)
    }

    /// The time taken up to now, in milliseconds. For a moment a stretch may count twice, never not at all.
    pub(super) fn spent(&self) -> u64 {
        let running = self.running();
        let under_way = running.calls.values().map(|begun| millis_since(*begun));
        under_way.fold(self.counter.used().saturating_add(running.unkept), u64::saturating_add)
    }

    /// Begins to meter a call.
    pub(super) fn begin(self: &Arc<Self>) -> Metering {
        let mut running = self.running();
        let call = running.next;
        running.next += 1;
        running.calls.insert(call, Instant::now());
        if !std::mem::replace(&mut running.beats, true) {
            tokio::spawn(beat(Arc::clone(self)));
        }
        drop(running);
        Metering { metered: Arc::clone(self), call }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what calls under way took up to now, one of them or all, into the counter.
    fn charge(self: &Arc<Self>, call: Option<u64>) -> Keeping {
        let mut running = self.running();
        let mut amount = 0_u64;
        for (_, begun) in running.calls.iter_mut().filter(|(id, _)| call.is_none_or(|call| call == **id)) {
            let millis = millis_since(*begun);
            *begun += Duration::from_millis(millis);
            amount = amount.saturating_add(millis);
        }
        self.keep(running, amount)
    }

    /// Ends a call; `None` when it has ended already.
    fn end(self: &Arc<Self>, call: u64) -> Option<Keeping> {
        let mut running = self.running();
        let took = millis_since(running.calls.remove(&call)?);
        Some(self.keep(running, took))
    }

    fn keep(self: &Arc<Self>, mut running: MutexGuard<'_, Running>, amount: u64) -> Keeping {
        running.unkept = running.unkept.saturating_add(amount);
        drop(running);
        let metered = Arc::clone(self);
        Keeping(Some(Box::pin(async move {
            metered.counter.add(amount).await?;
            let mut running = metered.running();
            running.unkept = running.unkept.saturating_sub(amount);
            Ok(())
        })))
    }

    /// Whether calls are under way; where none are, the beat ends.
    fn beats_on(&self) -> bool {
        let mut running = self.running();
        running.beats = !running.calls.is_empty();
        running.beats
    }
}

/// As long as calls are under way, keeps what they took up to now.
async fn beat(metered: Arc<Metered>) {
    loop {
        tokio::time::sleep(BEAT).await;
        if !metered.beats_on() {
            return;
        }
        or_told(metered.charge(None)).await;
    }
}

/// Time on its way to the counter. Whoever ceases to wait for it does not stop it: half done, it would count twice for good.
#[must_use]
struct Keeping(Option<BoxFuture<'static, Result<(), CounterError>>>);

impl Future for Keeping {
    type Output = Result<(), CounterError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let kept = match &mut self.0 {
            Some(keeping) => ready!(keeping.as_mut().poll(cx)),
            None => Ok(()),
        };
        self.0 = None;
        Poll::Ready(kept)
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        if let (Some(keeping), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            // Without its guard, which would begin anew where the runtime ends.
            runtime.spawn(or_told(keeping));
        }
    }
}

/// Where nobody can be refused anything for it, the operator is told of a failure.
async fn or_told(keeping: impl Future<Output = Result<(), CounterError>>) {
    if let Err(error) = keeping.await {
        tracing::error!(%error, "metered time could not be made durable; it is kept in memory");
    }
}

/// One call being metered. Dropped, it ends.
#[must_use]
pub(super) struct Metering {
    metered: Arc<Metered>,
    call: u64,
}

impl Metering {
    /// Puts what it took up to now into the counter, durably.
    pub(super) async fn charge(&self) -> Result<(), CounterError> {
        self.metered.charge(Some(self.call)).await
    }

    /// Ends it; what it took is durable then.
    pub(super) async fn end(self) -> Result<(), CounterError> {
        match self.metered.end(self.call) {
            Some(keeping) => keeping.await,
            None => Ok(()),
        }
    }

    /// The call was never made: what it took does not count.
    pub(super) fn cancel(self) {
        self.metered.running().calls.remove(&self.call);
    }
}

impl Drop for Metering {
    fn drop(&mut self) {
        drop(self.metered.end(self.call));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::negotiation::Role;
    use crate::policy::{Phase, Registry, Trace, World};

    fn agreement(rules: &Value, imported: bool) -> Agreement {
        Agreement {
            id: "urn:a".into(),
            role: Role::Provider,
            participant: "did:web:p".into(),
            counterparty: "did:web:c".into(),
            dataset: "urn:t".into(),
            policy: rules.clone(),
            negotiation: (!imported).then(|| "urn:n".into()),
            peer_address: None,
            signed: Timestamp::from_millis(1),
            live: true,
        }
    }

    fn path(path: &str) -> Value {
        json!({"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": path})
    }

    fn permits(policy: &Compiled, steps: &Steps, call: &str) -> bool {
        let world = World {
            phase: Phase::Exchange,
            now: Timestamp::from_millis(1000),
            action: "use".into(),
            ..World::default()
        };
        let mut sheet = policy.sheet(&world.knowing("xroad:datapath", call));
        sheet.recall(steps.progress(policy));
        policy.judge(&sheet, &mut Trace::default()).permit
    }

    fn terms_before_data() -> Value {
        json!({"@type": "Set", "permission": [
            {"action": "use", "constraint": [path("GET /terms")]},
            {"action": "use", "constraint": [{"andSequence": [path("GET /terms"), path("GET /data")]}]}]})
    }

    #[tokio::test]
    async fn a_step_that_was_taken_is_taken_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let rules = terms_before_data();
        let policy = Compiled::read(&rules, &Registry::built_in()).unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        let steps = Steps::of(&counters, &policy, &agreement(&rules, false)).await.unwrap().unwrap();
        assert!(!permits(&policy, &steps, "GET /data"));
        let step = policy.noted_steps().next().unwrap().1;
        steps.take(std::iter::once(&step), Timestamp::from_millis(5)).await.unwrap();
        steps.take(std::iter::once(&step), Timestamp::from_millis(9)).await.unwrap();
        assert!(permits(&policy, &steps, "GET /data"));
        // Nothing is closed: as after kill -9.
        let counters = Counters::open(directory.path()).await.unwrap();
        let again = Steps::of(&counters, &policy, &agreement(&rules, false)).await.unwrap().unwrap();
        assert!(permits(&policy, &again, "GET /data"));
        assert_eq!(again.progress(&policy), steps.progress(&policy));
        let other = Agreement { id: "urn:b".into(), ..agreement(&rules, false) };
        let other = Steps::of(&counters, &policy, &other).await.unwrap().unwrap();
        assert!(!permits(&policy, &other, "GET /data"), "another agreement has a history of its own");
    }

    #[tokio::test]
    async fn what_was_done_before_an_import_may_have_begun_a_prohibited_sequence() {
        let directory = tempfile::tempdir().unwrap();
        let rules = json!({"@type": "Set", "conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [
            {"action": "use", "constraint": [{"andSequence": [path("GET /a"), path("GET /b")]}]}]});
        let policy = Compiled::read(&rules, &Registry::built_in()).unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        for (imported, permitted) in [(false, true), (true, false)] {
            let steps = Steps::of(&counters, &policy, &agreement(&rules, imported)).await.unwrap().unwrap();
            assert_eq!(permits(&policy, &steps, "GET /b"), permitted);
            assert!(permits(&policy, &steps, "GET /c"), "only the last step is open");
        }
    }

    /// Returns when the counter has all of the time, once.
    async fn all_kept(metered: &Metered) {
        let kept = async {
            while metered.spent() != metered.counter.used() {
                tokio::task::yield_now().await;
            }
        };
        let kept = tokio::time::timeout(Duration::from_secs(5), kept).await;
        assert!(kept.is_ok(), "{} of {} for good", metered.counter.used(), metered.spent());
    }

    #[tokio::test]
    async fn time_metered_grows_while_calls_run_and_is_kept_when_they_end() {
        let directory = tempfile::tempdir().unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        let agreement = agreement(&json!({}), false);
        let metered = Metered::of(&counters, &agreement).await.unwrap();
        let calls: Vec<Metering> = (0..3).map(|_| metered.begin()).collect();
        while metered.spent() < 30 {
            tokio::task::yield_now().await;
        }
        assert_eq!(metered.counter.used(), 0);
        calls[0].charge().await.unwrap();
        let charged = metered.counter.used();
        assert!(charged >= 10, "{charged}");
        let mut calls = calls.into_iter();
        calls.next().unwrap().end().await.unwrap();
        calls.next().unwrap().cancel();
        drop(calls);
        all_kept(&metered).await;
        let spent = metered.spent();
        assert!(spent >= 20, "{spent}");
        let after = Counters::open(directory.path()).await.unwrap();
        assert_eq!(Metered::of(&after, &agreement).await.unwrap().spent(), spent);
    }

    #[tokio::test]
    async fn time_counts_once_though_the_consumer_goes_away_while_it_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        let agreement = agreement(&json!({}), false);
        let metered = Metered::of(&counters, &agreement).await.unwrap();
        let call = metered.begin();
        while metered.spent() < 20 {
            tokio::task::yield_now().await;
        }
        // Both are given up when the counter has the time and the disk does not.
        let mut charging = Box::pin(call.charge());
        assert!(futures_util::poll!(&mut charging).is_pending());
        drop(charging);
        let mut ending = Box::pin(call.end());
        assert!(futures_util::poll!(&mut ending).is_pending());
        drop(ending);
        all_kept(&metered).await;
        assert!(metered.running().calls.is_empty(), "nothing is left of the call");
        let after = Counters::open(directory.path()).await.unwrap();
        assert_eq!(Metered::of(&after, &agreement).await.unwrap().spent(), metered.spent());
    }

    #[tokio::test]
    async fn time_that_cannot_be_kept_counts_once_and_leaves_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        let metered = Metered::of(&counters, &agreement(&json!({}), false)).await.unwrap();
        let database = format!("sqlite://{}", directory.path().join("counters.db").display());
        let database = sqlx::SqlitePool::connect(&database).await.unwrap();
        sqlx::query("DROP TABLE counter").execute(&database).await.unwrap();
        let call = metered.begin();
        while metered.spent() < 20 {
            tokio::task::yield_now().await;
        }
        assert!(call.charge().await.is_err() && call.end().await.is_err());
        assert_eq!((metered.counter.used(), metered.running().calls.len()), (0, 0));
        let spent = metered.spent();
        assert!(spent >= 20 && spent == metered.spent(), "{spent}");
    }
}
