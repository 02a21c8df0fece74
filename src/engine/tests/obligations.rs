//! Obligations followed and watched over, on a clock that stands until it is moved.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::model::obligation::{Obligation, ObligationState};
use crate::policy::{Compiled, Phase, Registry};

const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HOUR: i64 = 3_600_000;

/// A catalogue that knows nothing but the agreement and the time.
struct Terms(Clock);

#[async_trait]
impl Offers for Terms {
    async fn judge(&self, _: &ParticipantId, _: &ParticipantId, _: &Value) -> Result<OfferVerdict, Reasons> {
        Err(Reasons::new("offer.unknown", "nothing is offered"))
    }

    async fn may_transfer(&self, _: &Agreement, _: Reported) -> Result<(), PolicyRefusal> {
        Ok(())
    }

    fn outlook(&self, agreement: &Agreement, reported: Reported) -> Option<Outlook> {
        let compiled = Compiled::read(&agreement.policy, &Registry::built_in()).ok()?;
        let (now, phase, action) = (self.0.now(), Phase::Transfer, "use".to_owned());
        let mut world = crate::policy::World { now, phase, action, ..crate::policy::World::default() };
        world.target = Some(agreement.dataset.to_string());
        (world.assigner, world.assignee) = (Some(PROVIDER.to_owned()), Some(CONSUMER.to_owned()));
        world.know("edc:contractAgreement", agreement.signed.to_string());
        world.hear(reported);
        Some(compiled.outlook(&world))
    }
}

struct Office {
    clock: Clock,
    engine: Engine,
    store: Store,
    told: Arc<Told>,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Office {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let (clock, told) = (Clock::standing(BEGIN), Arc::new(Told::default()));
        let surroundings = Surroundings {
            peers: Arc::new(OneEnd(Arc::new(Line::default()))),
            offers: Arc::new(Terms(clock.clone())),
            planes: Arc::clone(&told) as Arc<dyn Planes>,
        };
        let engine =
            Engine::new(store.clone(), surroundings, Automation::new(Vec::new()), clock.clone(), Pace::default());
        Self { clock, engine, store, told, stop: CancellationToken::new(), _dir: dir }
    }

    fn watch(&self, on_violation: OnViolation) {
        let (engine, stop) = (self.engine.clone(), self.stop.clone());
        tokio::spawn(async move { engine.monitor(on_violation, stop).await });
    }

    /// An agreement in force, and a started transfer under it.
    async fn provide(&self, id: &str, rules: Value) -> (AgreementKey, Pid) {
        let agreement = agreement(id, rules);
        self.engine.import_agreement(agreement.clone()).await.unwrap();
        let pid = Pid::from(format!("transfer-{id}"));
        let transfer = Process {
            pid: pid.clone(),
            peer_pid: Some(format!("theirs-{id}").into()),
            role: Role::Provider,
            participant: PROVIDER.into(),
            counterparty: CONSUMER.into(),
            peer_address: "line:consumer".into(),
            state: ProcessState::Transfer(TransferState::Started),
            dataset: "dataset".into(),
            agreement: Some(agreement.id.clone()),
            detail: crate::model::process::ProcessDetail::default(),
            version: 1,
            created: BEGIN,
            updated: BEGIN,
            delivery_failure: None,
        };
        let mut tx = self.store.begin().await.unwrap();
        let begun = crate::store::Transition {
            changed_by: Role::Provider,
            event: "start",
            plan: None,
            waiting: crate::store::Waiting::Kept,
            message: None,
        };
        tx.insert_process(&transfer, &begun).await.unwrap();
        tx.commit().await.unwrap();
        (agreement.key(), pid)
    }

    async fn stands(&self, key: &AgreementKey) -> Vec<(String, ObligationState)> {
        let known = self.store.obligations_of(key).await.unwrap();
        known.into_iter().map(|o: Obligation| (o.actions.join(","), o.state)).collect()
    }

    async fn state(&self, pid: &Pid) -> &'static str {
        self.store.process(pid).await.unwrap().unwrap().state.as_str()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn agreement(id: &str, rules: Value) -> Agreement {
    let mut policy = json!({"@id": id, "@type": "Agreement", "target": "dataset", "assigner": PROVIDER,
                            "assignee": CONSUMER});
    policy.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
    Agreement {
        id: id.into(),
        role: Role::Provider,
        participant: PROVIDER.into(),
        counterparty: CONSUMER.into(),
        dataset: "dataset".into(),
        policy,
        negotiation: None,
        peer_address: None,
        signed: BEGIN,
        live: true,
    }
}

/// Delete within two hours, or else compensate.
fn deletion() -> Value {
    json!({"permission": [{"action": "use"}], "obligation": [{"action": "delete",
        "constraint": [{"leftOperand": "elapsedTime", "operator": "lteq", "rightOperand": "PT2H"}],
        "consequence": [{"action": "compensate"}]}]})
}

fn open() -> Value {
    json!({"permission": [{"action": "use"}]})
}

#[tokio::test]
async fn a_missed_deadline_escalates_once_and_suspends_what_rests_on_it() {
    let office = Office::open().await;
    let (key, pid) = office.provide("a", deletion()).await;
    let (_, other) = office.provide("b", open()).await;
    let review = async || office.engine.review(&key, OnViolation::Suspend).await.unwrap();
    assert_eq!(review().await, Some(BEGIN.plus_millis(2 * HOUR)));
    office.clock.advance(2 * HOUR);
    assert_eq!(review().await, Some(BEGIN.plus_millis(2 * HOUR + 1)), "the last moment is in time");
    assert_eq!(office.state(&pid).await, "STARTED");
    office.clock.advance(1);
    for _ in 0..2 {
        assert_eq!(review().await, None);
        let stands =
            [("delete".to_owned(), ObligationState::Escalated), ("compensate".to_owned(), ObligationState::Open)];
        assert_eq!(office.stands(&key).await, stands);
    }
    assert_eq!((office.state(&pid).await, office.state(&other).await), ("SUSPENDED", "STARTED"));
    assert_eq!(office.told.0.lock().unwrap().get(&pid), Some(&TransferState::Suspended));
    let told = office.store.process(&pid).await.unwrap().unwrap().detail.reasons.unwrap();
    assert_eq!(told.code.as_deref(), Some("agreement.not-permitting"));
    assert_eq!(told.reason, ["the obligation to delete was not fulfilled in time"]);
    let obligation = office.store.obligations_of(&key).await.unwrap().remove(0);
    assert_eq!(office.store.obligation_history(&obligation.id).await.unwrap().len(), 2, "begun and missed, once each");
}

#[tokio::test]
async fn what_is_confirmed_in_time_is_never_missed_and_the_future_cannot_be_confirmed() {
    let office = Office::open().await;
    let (key, pid) = office.provide("a", deletion()).await;
    let id = office.store.obligations_of(&key).await.unwrap().remove(0).id;
    let early = office.engine.confirm(&id, Some(BEGIN.plus_millis(1)), None).await;
    assert!(matches!(early, Err(EngineError::Refused { code: "obligation.not-yet", .. })), "{early:?}");
    office.clock.advance(3 * HOUR);
    // Reported late, but done in time.
    let done = office.engine.confirm(&id, Some(BEGIN.plus_millis(HOUR)), Some("receipt 7".into())).await.unwrap();
    assert_eq!((done.state, done.note.as_deref()), (ObligationState::Fulfilled, Some("receipt 7")));
    office.engine.review(&key, OnViolation::Suspend).await.unwrap();
    assert_eq!(office.state(&pid).await, "STARTED");
    let unknown = office.engine.confirm(&"nobody".into(), None, None).await;
    assert!(matches!(unknown, Err(EngineError::NotFound("obligation"))));
}

#[tokio::test]
async fn the_monitor_wakes_for_news_and_looks_at_what_was_there_before_it() {
    let office = Office::open().await;
    let (_, before) = office.provide("a", deletion()).await;
    office.clock.advance(3 * HOUR);
    office.watch(OnViolation::Terminate);
    let ended = office.engine.wait(&before, Duration::from_secs(20), |p| p.state.is_final()).await.unwrap();
    assert_eq!(ended.state.as_str(), "TERMINATED");
    let over = json!({"permission": [{"action": "use", "constraint": [
        {"leftOperand": "dateTime", "operator": "lt", "rightOperand": BEGIN.to_string()}]}]});
    let (key, after) = office.provide("b", over).await;
    office.engine.tell_of_agreement(key);
    let ended = office.engine.wait(&after, Duration::from_secs(20), |p| p.state.is_final()).await.unwrap();
    assert_eq!(ended.state.as_str(), "TERMINATED");
}

#[tokio::test]
async fn duties_of_permissions_are_followed_beside_obligations() {
    let office = Office::open().await;
    let mut with = deletion();
    with["permission"][0]["ids:postDuty"] = json!([{"action": "delete"}]);
    let (key, _) = office.provide("a", with).await;
    let known = office.store.obligations_of(&key).await.unwrap();
    assert_eq!(known.iter().filter(|o| o.state == ObligationState::Open).count(), 2, "{known:?}");
    assert_eq!(known[0].timing, Some(crate::model::odrl::DutyTiming::After));
}

#[tokio::test]
async fn what_runs_under_an_agreement_that_is_not_in_force_any_more_ends() {
    let office = Office::open().await;
    let (key, pid) = office.provide("a", open()).await;
    let mut tx = office.store.begin().await.unwrap();
    tx.set_agreement_live(&key.participant, key.role, &key.id, false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(office.engine.review(&key, OnViolation::Suspend).await.unwrap(), None);
    assert_eq!(office.state(&pid).await, "TERMINATED");
    let told = office.store.process(&pid).await.unwrap().unwrap().detail.reasons.unwrap();
    assert_eq!(told.code.as_deref(), Some("agreement.not-in-force"));
}
