//! What holds of counters wherever they are kept.

use super::*;
use crate::dataplane::tests::backing::Backing;

async fn take(counter: &Counter, limit: u64) -> Option<Reservation> {
    loop {
        let seen = counter.read().await.unwrap();
        if seen >= limit {
            return None;
        }
        if let Some(reservation) = counter.reserve(seen).await.unwrap() {
            return Some(reservation);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_never_take_more_than_there_is() {
    for backing in Backing::each() {
        let counter = backing.counters().await.counter("a").await.unwrap();
        let other = match backing {
            Backing::Alone(_) => Arc::clone(&counter),
            Backing::Shared(_) => backing.counters().await.counter("a").await.unwrap(),
        };
        let calls: Vec<_> = (0..100)
            .map(|n| {
                let counter = Arc::clone([&counter, &other][n % 2]);
                tokio::spawn(async move { take(&counter, 37).await.is_some() })
            })
            .collect();
        let mut taken = 0;
        for call in calls {
            taken += u64::from(call.await.unwrap());
        }
        assert_eq!((taken, counter.read().await.unwrap(), other.read().await.unwrap()), (37, 37, 37));
    }
}

#[tokio::test]
async fn what_was_reserved_and_never_settled_is_used_after_a_restart() {
    for backing in Backing::each() {
        let counter = backing.counters().await.counter("a").await.unwrap();
        for seen in 0..3 {
            std::mem::forget(counter.reserve(seen).await.unwrap().unwrap());
        }
        // Nothing is closed: as after kill -9.
        let after = backing.counters().await;
        assert_eq!(after.counter("a").await.unwrap().used(), 3);
        assert_eq!(after.counter("b").await.unwrap().used(), 0);
    }
}

#[tokio::test]
async fn a_use_given_back_can_be_taken_again() {
    for backing in Backing::each() {
        let counter = backing.counters().await.counter("a").await.unwrap();
        take(&counter, 1).await.unwrap().release();
        assert_eq!(counter.read().await.unwrap(), 0);
        drop(take(&counter, 1).await.unwrap());
        assert_eq!(counter.read().await.unwrap(), 1, "dropped without a word it counts");
        assert!(take(&counter, 1).await.is_none());
    }
}

#[tokio::test]
async fn a_use_that_nobody_waited_for_is_given_back() {
    for backing in Backing::each() {
        let counter = backing.counters().await.counter("a").await.unwrap();
        let mut reserving = Box::pin(counter.reserve(0));
        assert!(futures_util::poll!(&mut reserving).is_pending());
        assert_eq!(counter.used(), 1);
        drop(reserving);
        assert!(take(&counter, 1).await.is_some());
        assert_eq!(backing.counters().await.counter("a").await.unwrap().used(), 1);
    }
}

#[tokio::test]
async fn a_number_grows_by_amounts_and_to_values_and_never_shrinks() {
    for backing in Backing::each() {
        let counter = backing.counters().await.counter("a").await.unwrap();
        let (first, second) = tokio::join!(counter.add(3), counter.add(4));
        first.and(second).unwrap();
        counter.raise_to(5).await.unwrap();
        assert_eq!(counter.read().await.unwrap(), 7);
        counter.raise_to(9).await.unwrap();
        assert!(counter.reserve(7).await.unwrap().is_none());
        drop(counter.reserve(9).await.unwrap().unwrap());
        assert_eq!(counter.used(), 10);
        assert_eq!(backing.counters().await.counter("a").await.unwrap().used(), 10);
    }
}
