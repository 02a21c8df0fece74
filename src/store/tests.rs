use std::sync::LazyLock;

use super::*;
use crate::model::ids::Pid;
use crate::model::message::{NegotiationBody, NegotiationMessage, OutboundMessage};
use crate::model::negotiation::{NegotiationState, Role};
use crate::model::process::{Process, ProcessDetail, ProcessKind, ProcessState};
use crate::model::time::Timestamp;
use crate::model::transfer::TransferState as S;
use postgres_server::Cluster;

mod obligations;
#[path = "../../tests/it/postgres.rs"]
mod postgres_server;
mod shared;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_060_000);

/// The server of all tests here, where PostgreSQL is installed.
static SERVER: LazyLock<Option<Cluster>> = LazyLock::new(Cluster::start);

/// Lets a test run on either database.
async fn on_both(test: impl AsyncFn(Store)) {
    let dir = tempfile::tempdir().unwrap();
    test(Store::open(dir.path()).await.unwrap()).await;
    if let Some(server) = &*SERVER {
        let dir = tempfile::tempdir().unwrap();
        test(Store::open_shared(dir.path(), &server.database().await).await.unwrap()).await;
    }
}

fn process(pid: &str) -> Process {
    Process {
        pid: pid.into(),
        peer_pid: Some(Pid::from(format!("peer-{pid}"))),
        role: Role::Provider,
        participant: "did:web:us".into(),
        counterparty: "did:web:them".into(),
        peer_address: "http://127.0.0.1:1/dsp".into(),
        state: ProcessState::Negotiation(NegotiationState::Requested),
        dataset: "DEV:GOV:2000:land:parcels".into(),
        agreement: None,
        detail: ProcessDetail::default(),
        version: 1,
        created: NOW,
        updated: NOW,
        delivery_failure: None,
    }
}

fn requested() -> Transition<'static> {
    Transition { changed_by: Role::Consumer, event: "request", plan: None, waiting: Waiting::Kept, message: None }
}

/// The transition that brings a message with it.
fn saying(message: &OutboundMessage) -> Transition<'_> {
    Transition { message: Some(message), ..requested() }
}

async fn claim(store: &Store, lease: &str, now: Timestamp, until: Timestamp) -> Vec<Pid> {
    store.claim(lease, now, until, 10).await.unwrap().pids
}

async fn next_due(store: &Store) -> Option<Timestamp> {
    store.claim("nobody", Timestamp::from_millis(0), NOW, 10).await.unwrap().next
}

fn verification() -> OutboundMessage {
    OutboundMessage::Negotiation(NegotiationMessage {
        consumer_pid: Some("c".into()),
        provider_pid: Some("p".into()),
        body: NegotiationBody::Verification,
    })
}

#[tokio::test]
async fn a_second_process_is_kept_out_of_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path()).await.unwrap();
    assert!(matches!(Store::open(dir.path()).await, Err(StoreError::InUse(_))));
    first.close().await;
    drop(first);
    Store::open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn a_change_over_another_version_is_fenced() {
    on_both(async |store| {
        let mut tx = store.begin().await.unwrap();
        let mut p = process("a");
        tx.insert_process(&p, &requested()).await.unwrap();
        tx.commit().await.unwrap();

        p.version = 3;
        let mut tx = store.begin().await.unwrap();
        assert!(matches!(tx.update_process(&p, &requested()).await, Err(StoreError::Fenced(_))));
    })
    .await;
}

#[tokio::test]
async fn what_was_not_committed_did_not_happen() {
    on_both(async |store| {
        let mut tx = store.begin().await.unwrap();
        tx.insert_process(&process("a"), &saying(&verification())).await.unwrap();
        drop(tx);
        assert_eq!(store.process(&"a".into()).await.unwrap(), None);
        assert_eq!(next_due(&store).await, None);
    })
    .await;
}

#[tokio::test]
async fn claimed_work_is_nobody_elses_until_its_lease_ends() {
    on_both(async |store| {
        let mut tx = store.begin().await.unwrap();
        tx.insert_process(&process("a"), &saying(&verification())).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(claim(&store, "one", NOW, LATER).await, vec![Pid::from("a")]);
        assert_eq!(store.claim("two", NOW, LATER, 10).await.unwrap(), Claimed { pids: vec![], next: Some(LATER) });
        assert_eq!(claim(&store, "two", LATER, LATER.plus_millis(1)).await.len(), 1);
        assert!(store.work(&"a".into(), "one", LATER).await.unwrap().is_none(), "the slow worker lost its lease");

        let mut tx = store.begin().await.unwrap();
        assert!(matches!(tx.delivered(&"a".into(), "one", 1, None, NOW).await, Err(StoreError::Fenced(_))));
    })
    .await;
}

#[tokio::test]
async fn messages_leave_in_the_order_they_were_pushed_and_the_planned_step_waits_for_them() {
    on_both(async |store| {
        let mut tx = store.begin().await.unwrap();
        let plan = PlannedStep { event: "finalize".into(), at: LATER };
        let (mut p, message) = (process("a"), verification());
        let transition = Transition { plan: Some(plan.clone()), ..saying(&message) };
        tx.insert_process(&p, &transition).await.unwrap();
        p.version += 1;
        tx.update_process(&p, &transition).await.unwrap();
        tx.commit().await.unwrap();

        store.claim("one", NOW, LATER, 1).await.unwrap();
        for expected in [1, 2] {
            let work = store.work(&"a".into(), "one", LATER).await.unwrap().unwrap();
            assert_eq!(work.message.unwrap().0, expected);
            assert_eq!(work.step, Some(plan.clone()));
            let mut tx = store.begin().await.unwrap();
            tx.delivered(&"a".into(), "one", expected, None, NOW).await.unwrap();
            tx.commit().await.unwrap();
        }
        store.release(&"a".into(), "one").await.unwrap();
        assert_eq!(next_due(&store).await, Some(LATER));
    })
    .await;
}

#[tokio::test]
async fn work_that_could_not_be_done_waits_longer_each_time_and_not_after_it_was_done() {
    on_both(async |store| {
        let mut tx = store.begin().await.unwrap();
        tx.insert_process(&process("a"), &saying(&verification())).await.unwrap();
        tx.commit().await.unwrap();

        let mut now = NOW;
        for pause in [100, 200, 250] {
            assert_eq!(claim(&store, "one", now, now.plus_millis(5000)).await.len(), 1);
            store.hold_back(&"a".into(), "one", now, (100, 250));
            let again = now.plus_millis(pause);
            assert_eq!(store.claim("two", again.plus_millis(-1), LATER, 10).await.unwrap().next, Some(again));
            now = again;
        }
        assert_eq!(claim(&store, "one", now, now.plus_millis(5000)).await.len(), 1);
        store.release(&"a".into(), "one").await.unwrap();
        assert_eq!(claim(&store, "two", now, now.plus_millis(5000)).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_delivered_a_message_that_was_forgotten_meanwhile_takes_no_other_with_it() {
    on_both(async |store| {
        let mut tx = store.begin().await.unwrap();
        tx.insert_process(&process("a"), &saying(&verification())).await.unwrap();
        tx.commit().await.unwrap();
        store.claim("one", NOW, LATER, 1).await.unwrap();
        let (slow, _) = store.work(&"a".into(), "one", LATER).await.unwrap().unwrap().message.unwrap();

        let mut tx = store.begin().await.unwrap();
        let mut p = process("a");
        p.version += 1;
        tx.update_process(&p, &Transition { waiting: Waiting::Dropped, ..saying(&verification()) }).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert!(!tx.delivered(&"a".into(), "one", slow, None, NOW).await.unwrap());
        tx.commit().await.unwrap();
        assert!(
            store.work(&"a".into(), "one", LATER).await.unwrap().unwrap().message.is_some(),
            "the later message waits"
        );
    })
    .await;
}

#[tokio::test]
async fn a_first_message_that_comes_again_finds_its_process() {
    on_both(async |store| {
        let p = process("a");
        let mut tx = store.begin().await.unwrap();
        tx.insert_process(&p, &requested()).await.unwrap();
        let found = tx
            .process_of_peer(
                ProcessKind::Negotiation,
                &p.participant,
                Role::Provider,
                &p.counterparty,
                &"peer-a".into(),
            )
            .await
            .unwrap();
        assert_eq!(found, Some(p));
    })
    .await;
}

#[tokio::test]
async fn open_transfers_are_counted_for_each_consumer() {
    on_both(async |store| {
        let of = |pid: &str, consumer: &str, role, state: S| Process {
            state: ProcessState::Transfer(state),
            counterparty: consumer.into(),
            role,
            ..process(pid)
        };
        let mut tx = store.begin().await.unwrap();
        for transfer in [
            of("a", "x", Role::Provider, S::Requested),
            of("b", "x", Role::Provider, S::Started),
            of("c", "x", Role::Provider, S::Suspended),
            of("d", "x", Role::Provider, S::Completed),
            of("e", "x", Role::Provider, S::Terminated),
            of("f", "x", Role::Consumer, S::Started),
            of("g", "y", Role::Provider, S::Started),
            Process { counterparty: "x".into(), ..process("h") },
        ] {
            tx.insert_process(&transfer, &requested()).await.unwrap();
        }
        for (consumer, number) in [("x", 3), ("y", 1), ("z", 0)] {
            assert_eq!(tx.open_transfers_of(&consumer.into()).await.unwrap(), number, "{consumer}");
        }
    })
    .await;
}
