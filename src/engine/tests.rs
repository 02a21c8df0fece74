//! Two engines with stores of their own, talking over a line that can fail in every way a network can.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::process::ProcessState;
use crate::model::time::Timestamp;
use crate::model::transfer::TransferState;

mod obligations;
mod too_many;
mod unwilling;

const PROVIDER: &str = "did:web:provider";
const CONSUMER: &str = "did:web:consumer";

/// What happens to one message on the line.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    AnswerLost,
    NotYet,
    /// The peer answers with this pid, and takes nothing in.
    Answered(&'static str),
}

/// The line between two engines: it delivers straight into the other engine.
#[derive(Default)]
struct Line {
    ends: Mutex<HashMap<String, Engine>>,
    fates: Mutex<Vec<Fate>>,
    carried: AtomicU32,
}

impl Line {
    fn other_end(&self, to: &Envelope) -> Engine {
        self.ends.lock().unwrap()[to.counterparty.as_str()].clone()
    }

    fn fate(&self) -> Fate {
        self.carried.fetch_add(1, Ordering::SeqCst);
        self.fates.lock().unwrap().pop().unwrap_or(Fate::Arrives)
    }
}

fn outcome(result: Result<Process, EngineError>, first: bool) -> Result<Acknowledgement, DeliveryFailure> {
    match result {
        Ok(process) => Ok(Acknowledgement { peer_pid: first.then_some(process.pid) }),
        Err(EngineError::Store(e)) => Err(DeliveryFailure::Unavailable(e.to_string())),
        Err(e) => Err(DeliveryFailure::Refused { status: 400, reasons: Reasons::new("refused", e.to_string()) }),
    }
}

struct OneEnd(Arc<Line>);

impl OneEnd {
    fn inbound<M: Clone>(to: &Envelope, message: &M, pid: Option<Pid>) -> Inbound<M> {
        Inbound {
            participant: to.counterparty.clone(),
            caller: to.participant.clone(),
            pid,
            message: message.clone(),
            trace: None,
        }
    }
}

#[async_trait]
impl Peers for OneEnd {
    async fn negotiation(&self, to: &Envelope, m: &NegotiationMessage) -> Result<Acknowledgement, DeliveryFailure> {
        let pid = if to.role == Role::Consumer { &m.provider_pid } else { &m.consumer_pid };
        let inbound = Self::inbound(to, m, pid.clone());
        let fate = self.0.fate();
        match fate {
            Fate::Lost => return Err(DeliveryFailure::Unavailable("lost".into())),
            Fate::NotYet => return Err(DeliveryFailure::NotYet),
            Fate::Answered(pid) => return Ok(Acknowledgement { peer_pid: Some(pid.into()) }),
            Fate::Arrives | Fate::AnswerLost => {}
        }
        let result = outcome(self.0.other_end(to).receive_negotiation(inbound).await, pid.is_none());
        if matches!(fate, Fate::AnswerLost) { Err(DeliveryFailure::Unavailable("answer lost".into())) } else { result }
    }

    async fn transfer(&self, to: &Envelope, m: &TransferMessage) -> Result<Acknowledgement, DeliveryFailure> {
        let pid = if to.role == Role::Consumer { &m.provider_pid } else { &m.consumer_pid };
        let inbound = Self::inbound(to, m, pid.clone());
        let fate = self.0.fate();
        match fate {
            Fate::Lost => return Err(DeliveryFailure::Unavailable("lost".into())),
            Fate::NotYet => return Err(DeliveryFailure::NotYet),
            Fate::Answered(pid) => return Ok(Acknowledgement { peer_pid: Some(pid.into()) }),
            Fate::Arrives | Fate::AnswerLost => {}
        }
        let result = outcome(self.0.other_end(to).receive_transfer(inbound).await, pid.is_none());
        if matches!(fate, Fate::AnswerLost) { Err(DeliveryFailure::Unavailable("answer lost".into())) } else { result }
    }

    async fn state(&self, to: &Envelope, kind: ProcessKind, peer_pid: &Pid) -> Result<String, DeliveryFailure> {
        match self.0.other_end(to).show(kind, &to.counterparty, &to.participant, peer_pid).await {
            Ok(process) => Ok(process.state.as_str().to_owned()),
            Err(e) => Err(DeliveryFailure::Unavailable(e.to_string())),
        }
    }

    fn callback(&self, participant: &ParticipantId) -> String {
        format!("line:{participant}")
    }
}

/// A catalogue with one offer, `offer`, on one dataset.
struct OneOffer;

#[async_trait]
impl Offers for OneOffer {
    async fn judge(&self, _: &ParticipantId, _: &ParticipantId, offer: &Value) -> Result<OfferVerdict, Reasons> {
        let ours = AcceptedOffer { dataset: "dataset".into(), offer: "offer".into(), policy: offer_json("use") };
        match offer["@id"].as_str() {
            Some("offer") if crate::model::terms::same_rules(offer, &ours.policy) => Ok(OfferVerdict::Ours(ours)),
            Some("offer") => Ok(OfferVerdict::Differs(ours)),
            _ => Err(Reasons::new("offer.unknown", "there is no such offer")),
        }
    }

    async fn may_transfer(&self, _: &Agreement, _: Reported) -> Result<(), PolicyRefusal> {
        Ok(())
    }

    fn outlook(&self, _: &Agreement, _: Reported) -> Option<Outlook> {
        None
    }
}

/// Remembers what the engine told the data plane.
#[derive(Default)]
struct Told(Mutex<HashMap<Pid, TransferState>>);

#[async_trait]
impl Planes for Told {
    fn provides(&self, format: &str) -> bool {
        format == "HttpData-PULL"
    }

    async fn open(&self, transfer: &Process, _: &Agreement, start: u32) -> Result<DataAddress, Reasons> {
        Ok(DataAddress {
            endpoint: format!("http://data/{}", transfer.pid),
            endpoint_type: "https://w3id.org/idsa/v4.1/HTTP".into(),
            authorization: Some(format!("token-{start}")),
            auth_type: Some("bearer".into()),
        })
    }

    fn changed(&self, transfer: &Process) {
        if let ProcessState::Transfer(state) = transfer.state {
            self.0.lock().unwrap().insert(transfer.pid.clone(), state);
        }
    }

    fn reported(&self, _: &AgreementKey) {}

    fn facts_changed(&self) {}
}

fn offer_json(action: &str) -> Value {
    json!({"@id": "offer", "@type": "Offer", "target": "dataset", "permission": [{"action": action}]})
}

struct Side {
    engine: Engine,
    store: Store,
    told: Arc<Told>,
    stop: tokio_util::sync::CancellationToken,
    _dir: tempfile::TempDir,
}

struct World {
    provider: Side,
    consumer: Side,
    line: Arc<Line>,
}

impl World {
    async fn new(fates: Vec<Fate>, provider: Vec<Rule>) -> Self {
        let line = Arc::new(Line { fates: Mutex::new(fates), ..Line::default() });
        let provider = Self::side(&line, PROVIDER, provider).await;
        let consumer = Self::side(&line, CONSUMER, Vec::new()).await;
        Self { provider, consumer, line }
    }

    async fn side(line: &Arc<Line>, name: &str, rules: Vec<Rule>) -> Side {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let told = Arc::new(Told::default());
        let surroundings = Surroundings {
            peers: Arc::new(OneEnd(Arc::clone(line))),
            offers: Arc::new(OneOffer),
            planes: Arc::clone(&told) as Arc<dyn Planes>,
        };
        let pace = Pace { first_retry: Duration::from_millis(1), open_transfers: 2, ..Pace::default() };
        let engine = Engine::new(store.clone(), surroundings, Automation::new(rules), Clock::system(), pace);
        line.ends.lock().unwrap().insert(name.to_owned(), engine.clone());
        let stop = tokio_util::sync::CancellationToken::new();
        let (running, stopping) = (engine.clone(), stop.clone());
        tokio::spawn(async move { running.run(stopping).await });
        Side { engine, store, told, stop, _dir: dir }
    }

    async fn ask(&self, offer: Value) -> Process {
        let request = NegotiationRequest {
            participant: CONSUMER.into(),
            counterparty: PROVIDER.into(),
            address: "line:provider".into(),
            offer,
            trace: None,
        };
        self.consumer.engine.request_negotiation(request).await.unwrap()
    }

    async fn negotiate(&self, offer: Value) -> Process {
        let begun = self.ask(offer).await;
        self.settled(&self.consumer, &begun.pid, |p| p.state.is_final()).await
    }

    async fn settled(&self, side: &Side, pid: &Pid, done: fn(&Process) -> bool) -> Process {
        let process = side.engine.wait(pid, Duration::from_secs(20), done).await.unwrap();
        assert!(
            done(&process),
            "stuck in {} after {} messages",
            process.state,
            self.line.carried.load(Ordering::SeqCst)
        );
        process
    }

    async fn counterpart(&self, side: &Side, process: &Process) -> Process {
        side.store.process(process.peer_pid.as_ref().unwrap()).await.unwrap().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.provider.stop.cancel();
        self.consumer.stop.cancel();
    }
}

fn state(process: &Process) -> &'static str {
    process.state.as_str()
}

#[tokio::test]
async fn a_negotiation_ends_in_the_same_agreement_in_force_on_both_sides() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let done = world.negotiate(offer_json("use")).await;
    assert_eq!(state(&done), "FINALIZED");
    let theirs = world.counterpart(&world.provider, &done).await;
    assert_eq!(state(&theirs), "FINALIZED");
    let id = done.agreement.unwrap();
    let kept = world.consumer.store.agreement(&id).await.unwrap().unwrap();
    let given = world.provider.store.agreement(&id).await.unwrap().unwrap();
    assert!(kept.live && given.live);
    assert_eq!(kept.policy, given.policy);
    let states: Vec<_> =
        world.provider.store.history(&theirs.pid).await.unwrap().into_iter().map(|h| h.state).collect();
    assert_eq!(states, ["REQUESTED", "AGREED", "VERIFIED", "FINALIZED"]);
}

#[tokio::test]
async fn other_rules_than_offered_end_terminated_on_both_sides_with_the_reason() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let done = world.negotiate(offer_json("distribute")).await;
    assert_eq!(state(&done), "TERMINATED");
    assert_eq!(done.detail.reasons.clone().unwrap().code.as_deref(), Some("offer.differs"));
    assert_eq!(state(&world.counterpart(&world.provider, &done).await), "TERMINATED");
}

#[tokio::test]
async fn an_unknown_offer_begins_nothing_at_the_provider() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let done = world.negotiate(json!({"@id": "nope", "@type": "Offer", "target": "dataset"})).await;
    assert_eq!(state(&done), "TERMINATED");
    let kept = world.provider.store.processes(ProcessKind::Negotiation, None, 10).await.unwrap();
    assert!(kept.is_empty());
}

#[tokio::test]
async fn a_held_negotiation_waits_for_a_person() {
    let hold = Rule {
        process: ProcessKind::Negotiation,
        role: Some(Role::Provider),
        dataset: Some("data*".into()),
        agreement: None,
        counterparty: None,
        state: Some("REQUESTED".into()),
        visit: None,
        delay: Duration::ZERO,
        action: RuleAction::Hold,
    };
    let world = World::new(Vec::new(), vec![hold]).await;
    let begun = world.ask(offer_json("use")).await;
    let known = world.settled(&world.consumer, &begun.pid, |p| p.peer_pid.is_some()).await;
    let theirs = world.counterpart(&world.provider, &known).await;
    assert!(theirs.detail.held);
    let agree = Action::Negotiation { event: NegotiationEvent::Agree, offer: None, reasons: Reasons::default() };
    world.provider.engine.act(&theirs.pid, agree).await.unwrap();
    let done = world.settled(&world.consumer, &begun.pid, |p| p.state.is_final()).await;
    assert_eq!(state(&done), "FINALIZED");
}

async fn started(world: &World) -> (Process, Process) {
    let agreement = world.negotiate(offer_json("use")).await.agreement.unwrap();
    let request = TransferRequest { agreement, format: "HttpData-PULL".into(), address: None, trace: None };
    let begun = world.consumer.engine.request_transfer(request).await.unwrap();
    let ours = world.settled(&world.consumer, &begun.pid, |p| state(p) == "STARTED").await;
    let theirs = world.counterpart(&world.provider, &ours).await;
    (ours, theirs)
}

#[tokio::test]
async fn a_transfer_starts_with_an_endpoint_and_what_ends_it_reaches_the_data_plane_at_once() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let (ours, theirs) = started(&world).await;
    assert_eq!(ours.detail.data_address.unwrap().authorization.as_deref(), Some("token-1"));
    let suspend = Action::Transfer { event: TransferEvent::Suspend, reasons: Reasons::new("x", "why") };
    world.provider.engine.act(&theirs.pid, suspend).await.unwrap();
    assert_eq!(world.provider.told.0.lock().unwrap()[&theirs.pid], TransferState::Suspended);

    let seen = world.settled(&world.consumer, &ours.pid, |p| state(p) == "SUSPENDED").await;
    assert_eq!(seen.detail.reasons.unwrap().code.as_deref(), Some("x"));
    let resume = Action::Transfer { event: TransferEvent::Start, reasons: Reasons::default() };
    world.provider.engine.act(&theirs.pid, resume).await.unwrap();
    let again = world.settled(&world.consumer, &ours.pid, |p| state(p) == "STARTED").await;
    assert_eq!(again.detail.data_address.unwrap().authorization.as_deref(), Some("token-2"));
}

#[tokio::test]
async fn a_consumer_cannot_resume_what_the_provider_suspended() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let (ours, theirs) = started(&world).await;
    let suspend = Action::Transfer { event: TransferEvent::Suspend, reasons: Reasons::default() };
    world.provider.engine.act(&theirs.pid, suspend).await.unwrap();
    let start = TransferMessage {
        consumer_pid: Some(ours.pid.clone()),
        provider_pid: Some(theirs.pid.clone()),
        body: crate::model::message::TransferBody::Start { address: None },
    };
    let inbound = Inbound {
        participant: PROVIDER.into(),
        caller: CONSUMER.into(),
        pid: Some(theirs.pid.clone()),
        message: start,
        trace: None,
    };
    let refusal = world.provider.engine.receive_transfer(inbound).await.unwrap_err();
    assert!(matches!(refusal, EngineError::Refused { code: "transfer.suspended-by-provider", .. }));
}

#[tokio::test]
async fn a_stranger_finds_nothing_and_changes_nothing() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let (ours, theirs) = started(&world).await;
    let end = TransferMessage {
        consumer_pid: Some(ours.pid.clone()),
        provider_pid: Some(theirs.pid.clone()),
        body: crate::model::message::TransferBody::Completion,
    };
    let inbound = Inbound {
        participant: PROVIDER.into(),
        caller: "did:web:stranger".into(),
        pid: Some(theirs.pid.clone()),
        message: end,
        trace: None,
    };
    assert!(matches!(world.provider.engine.receive_transfer(inbound).await, Err(EngineError::NotFound("transfer"))));
    assert_eq!(state(&world.counterpart(&world.provider, &ours).await), "STARTED");
}

#[tokio::test]
async fn an_imported_agreement_can_be_used_and_not_be_replaced() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let agreement = Agreement {
        id: "imported".into(),
        role: Role::Provider,
        participant: PROVIDER.into(),
        counterparty: CONSUMER.into(),
        dataset: "dataset".into(),
        policy: json!({"@id": "imported", "permission": [{"action": "use"}]}),
        negotiation: None,
        peer_address: None,
        signed: Timestamp::from_millis(0),
        live: true,
    };
    world.provider.engine.import_agreement(agreement.clone()).await.unwrap();
    world.provider.engine.import_agreement(agreement.clone()).await.unwrap();
    let other = Agreement { policy: json!({"@id": "imported"}), ..agreement };
    assert!(world.provider.engine.import_agreement(other).await.is_err());
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![3 => Just(Fate::Arrives), 1 => Just(Fate::Lost), 1 => Just(Fate::AnswerLost), 1 => Just(Fate::NotYet)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_converge_whatever_the_line_does(fates in prop::collection::vec(fate(), 0..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new(fates, Vec::new()).await;
            let (ours, theirs) = started(&world).await;
            let end = Action::Transfer { event: TransferEvent::Terminate, reasons: Reasons::default() };
            world.consumer.engine.act(&ours.pid, end).await.unwrap();
            let ended = world.settled(&world.provider, &theirs.pid, |p| p.state.is_final()).await;
            assert_eq!(state(&ended), "TERMINATED");
            let transfers = world.provider.store.processes(ProcessKind::Transfer, None, 10).await.unwrap();
            assert_eq!(transfers.len(), 1, "a repeated request makes no second process");
            let negotiations = world.provider.store.processes(ProcessKind::Negotiation, None, 10).await.unwrap();
            assert_eq!(negotiations.len(), 1);
            assert_eq!(world.provider.store.agreements(None, 10).await.unwrap().len(), 1);
        });
    }
}
