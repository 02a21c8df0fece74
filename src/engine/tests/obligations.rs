//! Obligations followed and watched over, on a clock that stands until it is moved.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::model::infringement::InfringementState;
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

/// Distributing is prohibited; whoever does it all the same pays within two hours of that.
fn prohibiting(remedies: Value) -> Value {
    json!({"permission": [{"action": "use"}], "conflict": "perm",
           "prohibition": [{"uid": "urn:no", "action": "distribute", "remedy": remedies}]})
}

fn paying() -> Value {
    json!([{"action": "compensate",
            "constraint": [{"leftOperand": "elapsedTime", "operator": "lteq", "rightOperand": "PT2H"}]}])
}

fn against(key: &AgreementKey, clause: &str, infringed: Option<Timestamp>) -> InfringementReport {
    InfringementReport { agreement: key.clone(), clause: clause.to_owned(), infringed, note: Some("an audit".into()) }
}

#[tokio::test]
async fn an_infringement_suspends_until_its_remedies_are_confirmed() {
    let office = Office::open().await;
    let (key, pid) = office.provide("a", prohibiting(paying())).await;
    assert!(office.stands(&key).await.is_empty(), "nothing is to be made good yet");
    office.clock.advance(24 * HOUR);
    let when = BEGIN.plus_millis(23 * HOUR);
    let report = against(&key, "/prohibition/0", Some(when));
    let reported = office.engine.report_infringement(report.clone()).await.unwrap();
    assert_eq!(
        (reported.state, reported.infringed, &reported.actions[..]),
        (InfringementState::Open, when, &["distribute".to_owned()][..])
    );
    assert_eq!(office.engine.report_infringement(report).await.unwrap().id, reported.id, "said twice is said once");
    let review = async || office.engine.review(&key, OnViolation::Suspend).await.unwrap();
    assert_eq!(review().await, Some(BEGIN.plus_millis(25 * HOUR)), "the deadline counts from the infringement");
    assert_eq!(office.state(&pid).await, "SUSPENDED");
    let told = office.store.process(&pid).await.unwrap().unwrap().detail.reasons.unwrap();
    assert!(told.reason[0].starts_with("the prohibition on distribute was infringed on"), "{told:?}");
    let remedy = office.store.obligations_of(&key).await.unwrap().remove(0);
    assert_eq!(
        (remedy.follows.as_deref(), remedy.deadline),
        (Some("/prohibition/0"), Some(BEGIN.plus_millis(25 * HOUR)))
    );
    let done = office.engine.confirm(&remedy.id, None, None).await.unwrap();
    assert_eq!(done.state, ObligationState::Fulfilled);
    let healed = office.store.infringement(&reported.id).await.unwrap().unwrap();
    assert_eq!((healed.state, healed.settled), (InfringementState::Healed, Some(office.clock.now())));
    // A second time: the same remedy is called for again.
    office.clock.advance(24 * HOUR);
    office.engine.report_infringement(against(&key, "urn:no", None)).await.unwrap();
    let again = office.store.obligation(&remedy.id).await.unwrap().unwrap();
    assert_eq!(again.state, ObligationState::Open);
    assert!(again.deadline > remedy.deadline);
    office.clock.advance(3 * HOUR);
    review().await;
    let late = office.engine.confirm(&remedy.id, None, None).await.unwrap();
    assert_eq!(late.state, ObligationState::Overdue, "nothing heals it any more");
    let events: Vec<String> =
        office.store.obligation_history(&remedy.id).await.unwrap().into_iter().map(|entry| entry.event).collect();
    assert_eq!(events, ["begun", "confirmed", "fulfilled", "reopened", "missed", "confirmed"]);
}

#[tokio::test]
async fn a_report_that_is_taken_back_lifts_what_it_called_for() {
    let office = Office::open().await;
    let (key, _) = office.provide("a", prohibiting(paying())).await;
    office.clock.advance(HOUR);
    let reported = office.engine.report_infringement(against(&key, "/prohibition/0", None)).await.unwrap();
    assert_eq!(office.stands(&key).await, [("compensate".to_owned(), ObligationState::Open)]);
    let withdrawn = office.engine.withdraw_infringement(&reported.id, Some("it was another".into())).await.unwrap();
    assert_eq!(
        (withdrawn.state, withdrawn.settled_note.as_deref()),
        (InfringementState::Withdrawn, Some("it was another"))
    );
    assert_eq!(office.stands(&key).await, [("compensate".to_owned(), ObligationState::Lifted)]);
    let id = office.store.obligations_of(&key).await.unwrap().remove(0).id;
    let refused = office.engine.confirm(&id, None, None).await;
    assert!(matches!(refused, Err(EngineError::Refused { code: "obligation.lifted", .. })), "{refused:?}");
    assert_eq!(
        office.engine.withdraw_infringement(&reported.id, None).await.unwrap().state,
        InfringementState::Withdrawn
    );
    let unknown = office.engine.withdraw_infringement(&"nobody".into(), None).await;
    assert!(matches!(unknown, Err(EngineError::NotFound("infringement"))));
}

#[tokio::test]
async fn what_cannot_have_been_infringed_is_not_taken_down() {
    let office = Office::open().await;
    let (key, _) = office.provide("a", prohibiting(json!([]))).await;
    office.clock.advance(HOUR);
    for (report, code) in [
        (against(&key, "/prohibition/1", None), "infringement.clause"),
        (against(&key, "/permission/0", None), "infringement.clause"),
        (against(&key, "/prohibition/0", Some(BEGIN.plus_millis(2 * HOUR))), "infringement.not-yet"),
        (against(&key, "/prohibition/0", Some(BEGIN.plus_millis(-1))), "infringement.before-agreement"),
    ] {
        let refused = office.engine.report_infringement(report).await;
        assert!(matches!(refused, Err(EngineError::Refused { code: told, .. }) if told == code), "{code}: {refused:?}");
    }
    let nobody = AgreementKey { id: "nobody".into(), ..key.clone() };
    let unknown = office.engine.report_infringement(against(&nobody, "/prohibition/0", None)).await;
    assert!(matches!(unknown, Err(EngineError::NotFound("agreement"))));
    assert!(office.store.followed(&key).await.unwrap().infringements.is_empty());
}

#[tokio::test]
async fn what_is_to_be_retained_is_fulfilled_when_its_time_has_come_and_nobody_reported_otherwise() {
    let office = Office::open().await;
    let retain = json!({"permission": [{"action": "use"}], "obligation": [{"action": "retain",
        "constraint": [{"leftOperand": "elapsedTime", "operator": "gteq", "rightOperand": "PT2H"}],
        "consequence": [{"action": "compensate"}]}]});
    let (key, pid) = office.provide("a", retain.clone()).await;
    let (other, suspended) = office.provide("b", retain).await;
    let review = async |key| office.engine.review(key, OnViolation::Suspend).await.unwrap();
    assert_eq!(office.stands(&key).await, [("retain".to_owned(), ObligationState::Keeping)]);
    assert_eq!(review(&key).await, Some(BEGIN.plus_millis(2 * HOUR)));
    office.clock.advance(HOUR);
    office.engine.report_infringement(against(&other, "/obligation/0", None)).await.unwrap();
    review(&other).await;
    let broken = [("retain".to_owned(), ObligationState::Infringed), ("compensate".to_owned(), ObligationState::Open)];
    assert_eq!(office.stands(&other).await, broken);
    office.clock.advance(HOUR);
    review(&key).await;
    review(&other).await;
    assert_eq!(office.stands(&key).await, [("retain".to_owned(), ObligationState::Fulfilled)]);
    assert_eq!(office.stands(&other).await, broken);
    assert_eq!((office.state(&pid).await, office.state(&suspended).await), ("STARTED", "SUSPENDED"));
    let over = office.engine.report_infringement(against(&key, "/obligation/0", None)).await;
    assert!(over.is_ok(), "a moment before its end it could still be broken");
    office.clock.advance(HOUR);
    let over = office.engine.report_infringement(against(&key, "/obligation/0", None)).await;
    assert!(matches!(over, Err(EngineError::Refused { code: "infringement.over", .. })), "{over:?}");
}

#[tokio::test]
async fn a_deletion_before_its_time_is_kept_in_the_history_and_does_not_count() {
    let office = Office::open().await;
    let window = |operator: &str, length: &str| json!({"leftOperand": "elapsedTime", "operator": operator, "rightOperand": length});
    let rules = json!({"permission": [{"action": "use"}], "obligation": [
        {"action": "delete", "constraint": [window("gteq", "PT2H"), window("lteq", "PT4H")]}]});
    let (key, pid) = office.provide("a", rules).await;
    let id = office.store.obligations_of(&key).await.unwrap().remove(0).id;
    office.clock.advance(HOUR);
    let early = office.engine.confirm(&id, None, Some("by mistake".into())).await.unwrap();
    assert!(early.state == ObligationState::Waiting && early.is_done_early());
    let review = async || office.engine.review(&key, OnViolation::Suspend).await.unwrap();
    office.clock.advance(HOUR);
    review().await;
    assert_eq!(office.stands(&key).await, [("delete".to_owned(), ObligationState::Open)]);
    office.clock.advance(HOUR);
    let done = office.engine.confirm(&id, None, None).await.unwrap();
    assert!(done.state == ObligationState::Fulfilled && !done.is_done_early());
    office.clock.advance(24 * HOUR);
    review().await;
    assert_eq!(office.state(&pid).await, "STARTED");
    let events: Vec<String> =
        office.store.obligation_history(&id).await.unwrap().into_iter().map(|entry| entry.event).collect();
    assert_eq!(events, ["begun", "confirmed", "due", "confirmed", "fulfilled"]);
}
