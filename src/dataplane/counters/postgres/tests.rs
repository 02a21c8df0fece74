//! What a replica thinks of an account, without a database; and how fast a database is, by hand.

use std::sync::atomic::{AtomicU64, Ordering};

use super::ledger::Calls;
use super::*;
use crate::dataplane::tests::backing::Backing;

const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_800_000_000 * SECOND;
const ONE: Amounts = Amounts { uses: 1, calls: 1, tokens: 0 };

fn standing(version: i64, used: u64, minute: &[(i64, i64, u64)]) -> Standing {
    let calls = |&(version, ago, number): &(i64, i64, u64)| Calls { version, at: NOW - ago * SECOND, number };
    let minute = minute.iter().map(calls).collect();
    Standing { version, used, full_at: 0, earlier: None, minute, now: NOW }
}

fn now() -> Asked {
    Asked { sent: Instant::now(), answered: Instant::now() }
}

fn knowing(standing: Standing) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.stands(standing, now());
    ledger
}

fn seen(ledger: &mut Ledger) -> (u64, u64, Option<i64>) {
    let sight = ledger.sight(Instant::now()).unwrap();
    (sight.used, sight.in_minute, sight.since_last.map(|millis| millis / 1000))
}

#[test]
fn what_is_on_its_way_counts_and_who_decided_before_decides_again() {
    let mut ledger = knowing(standing(7, 3, &[(6, 20, 2)]));
    assert_eq!(seen(&mut ledger), (3, 2, Some(20)));
    let sight = ledger.sight(Instant::now()).unwrap();
    assert!(ledger.take(sight, ONE));
    assert!(!ledger.take(sight, ONE));
    assert_eq!(seen(&mut ledger), (4, 3, Some(0)));
    let before = ledger.sight(Instant::now()).unwrap();
    ledger.kept(ONE, Moved { version: 8, used: 4, full_at: 0, now: NOW + SECOND }, now());
    assert_eq!(seen(&mut ledger), (4, 3, Some(0)));
    assert!(ledger.take(before, ONE), "being durable changes no number");
    assert_eq!(ledger.ground().unwrap().version, 8);
}

#[test]
fn when_another_replica_came_first_nothing_on_its_way_holds() {
    let mut ledger = knowing(standing(7, 3, &[]));
    let sight = ledger.sight(Instant::now()).unwrap();
    assert!(ledger.take(sight, ONE));
    let waiting = ledger.sight(Instant::now()).unwrap();
    assert!(ledger.stands(standing(9, 5, &[]), now()));
    assert!(!ledger.take(waiting, ONE));
    assert_eq!(seen(&mut ledger).0, 5);
    assert!(!ledger.stands(standing(9, 5, &[]), now()), "read again, it is the same");
}

#[test]
fn a_call_that_is_older_than_a_minute_is_the_last_one_unless_it_was_struck_out() {
    let mut ledger = knowing(standing(7, 3, &[(4, 90, 1), (5, 70, 0), (6, 30, 2)]));
    assert_eq!(seen(&mut ledger), (3, 2, Some(30)));
    let ground = ledger.ground().unwrap();
    assert_eq!((ground.aged, ground.earlier), (5, Some(NOW - 90 * SECOND)));
    ledger.settled(&[(6, 2)], Moved { version: 8, used: 1, full_at: 0, now: NOW }, now());
    assert_eq!(seen(&mut ledger), (1, 0, Some(90)));
}

#[test]
fn what_was_changed_from_another_version_is_not_known() {
    let mut ledger = knowing(standing(7, 3, &[]));
    ledger.settled(&[], Moved { version: 9, used: 1, full_at: 0, now: NOW }, now());
    assert!(ledger.sight(Instant::now()).is_none());
    assert!(ledger.ground().is_none());
    assert_eq!(ledger.used(), 3, "as last seen");
}

#[test]
fn what_was_read_long_ago_is_read_again() {
    let mut ledger = knowing(standing(7, 3, &[]));
    assert!(ledger.sight(Instant::now() + Duration::from_secs(2)).is_none());
    assert!(ledger.sight(Instant::now()).is_some());
}

/// Takes for as long as `until` says, deciding again as a call does; how often it took.
async fn take_until(account: Arc<Account>, amounts: Amounts, until: Instant, taken: Arc<AtomicU64>) {
    let mut turn = None;
    while Instant::now() < until {
        let sight = account.look(None).await.unwrap();
        match account.take(sight, amounts, turn.take()).await.unwrap() {
            Taking::Kept(_) => _ = taken.fetch_add(1, Ordering::Relaxed),
            Taking::Again(again) => turn = again,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures calls per second on one agreement: SLIPROAD_TEST_SYNC=1 cargo test … -- --ignored --nocapture"]
async fn how_many_calls_a_second_one_agreement_takes() {
    let Some(backing) = Backing::each().nth(1) else { return };
    for (amounts, what) in [(Amounts { calls: 0, ..ONE }, "count"), (ONE, "count and window")] {
        for (replicas, calls) in [(1, 1), (1, 64), (1, 256), (2, 1), (2, 64), (2, 256)] {
            let (taken, until) = (Arc::new(AtomicU64::new(0)), Instant::now() + Duration::from_secs(3));
            let mut tasks = Vec::new();
            for _ in 0..replicas {
                let account = backing.counters().await.shared().unwrap().of(&format!("{what} {replicas} {calls}"));
                let each = (0..calls).map(|_| take_until(Arc::clone(&account), amounts, until, Arc::clone(&taken)));
                tasks.extend(each.map(tokio::spawn));
            }
            for task in tasks {
                task.await.unwrap();
            }
            let per_second = taken.load(Ordering::Relaxed) / 3;
            println!("{what}: {replicas} replica(s), {calls} calls at once on each: {per_second} calls/s");
        }
    }
}
