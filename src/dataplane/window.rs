//! When calls came lately, for policies that limit calls per minute or the time between two.
//!
//! Kept in memory; after a restart it is recalled from the evidence of the agreement.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::Inner;
use super::refusal::Refusal;
use crate::evidence::{Kept, Query};
use crate::model::agreement::Agreement;
use crate::model::exchange::{Effect, RecordKind};
use crate::model::time::Timestamp;

const MINUTE: i64 = 60_000;
const PAGE: u32 = 1000;
/// So many pages are read for the last call of all, at most; failed calls that never came to the security server are no calls.
const MOST_PAGES: u32 = 100;

/// The calls of the last minute, and the last one of all.
pub(super) struct Window(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    minute: VecDeque<i64>,
    /// The last call before those.
    earlier: Option<i64>,
    /// Grows with every change.
    version: u64,
}

/// When calls came lately.
#[derive(Clone, Copy)]
pub(super) struct Lately {
    /// Calls in the last minute, this one included.
    pub(super) in_minute: u64,
    /// Milliseconds since the last call; `None` when there was none.
    pub(super) since_last: Option<i64>,
}

/// What a decision is made on.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) lately: Lately,
    version: u64,
}

/// A call that was taken down.
#[derive(Clone, Copy)]
pub(super) struct Slot(i64);

impl Window {
    /// From the evidence of the agreement's last calls: all of the last minute, and the last one of all.
    pub(super) async fn recall(plane: &Inner, agreement: &Agreement) -> Result<Self, Refusal> {
        let since = plane.clock.now().millis().saturating_sub(MINUTE);
        let mut query = Query {
            agreement: Some(agreement.id.to_string()),
            effect: Some(Effect::Permit),
            limit: Some(PAGE),
            ..Query::default()
        };
        let (mut calls, mut last) = (Vec::new(), None);
        for number in 1.. {
            let page = plane.evidence.page(&query).await.map_err(|error| {
                Refusal::unavailable("counter.unavailable", "the last calls cannot be counted now; try again")
                    .caused_by(error)
            })?;
            let Some(oldest) = page.last() else { break };
            let forwarded = page.iter().filter_map(|kept| forwarded(kept, agreement));
            calls.extend(forwarded.inspect(|at| last = last.max(Some(*at))).filter(|at| *at > since));
            // No record is older than the call that it tells of.
            let recorded = oldest.recorded.millis();
            if recorded <= since && last.is_some_and(|last| last >= recorded) {
                break;
            }
            if recorded <= since && number >= MOST_PAGES {
                last = last.max(Some(recorded));
                break;
            }
            query.before = Some(oldest.sequence);
        }
        calls.sort_unstable();
        let earlier = last.filter(|last| *last <= since);
        Ok(Self(Mutex::new(Calls { minute: calls.into(), earlier, version: 0 })))
    }

    pub(super) fn look(&self, now: Timestamp) -> Seen {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.millis();
        while let Some(past) = calls.minute.pop_front_if(|at| *at <= now.saturating_sub(MINUTE)) {
            calls.earlier = Some(past);
        }
        let last = calls.minute.back().copied().or(calls.earlier);
        let since_last = last.map(|last| now.saturating_sub(last).max(0));
        Seen { lately: Lately { in_minute: calls.minute.len() as u64 + 1, since_last }, version: calls.version }
    }

    /// Takes a call down; `None` when another came since `seen`.
    pub(super) fn reserve(&self, seen: Seen, now: Timestamp) -> Option<Slot> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.version != seen.version {
            return None;
        }
        calls.version += 1;
        calls.minute.push_back(now.millis());
        Some(Slot(now.millis()))
    }

    /// Strikes a call out again: it was never forwarded. One that is older than a minute stays the last one.
    pub(super) fn give_back(&self, slot: Slot) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = calls.minute.iter().rposition(|at| *at == slot.0) {
            calls.minute.remove(place);
            calls.version += 1;
        }
    }
}

/// When a call under this agreement went to the security server, by its record.
fn forwarded(kept: &Kept, agreement: &Agreement) -> Option<i64> {
    let exchange = &kept.exchange;
    let counts = exchange.kind != RecordKind::Completion && exchange.participant == agreement.participant.as_str();
    exchange.times.forwarded.filter(|_| counts).map(Timestamp::millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    #[test]
    fn a_call_given_back_leaves_the_call_before_it_the_last() {
        let window = Window(Mutex::default());
        let take = |now| window.reserve(window.look(at(now)), at(now)).unwrap();
        let (_, second, third) = (take(0), take(10_000), take(20_000));
        window.give_back(second);
        let seen = window.look(at(30_000)).lately;
        assert_eq!((seen.in_minute, seen.since_last), (3, Some(10_000)));
        window.give_back(third);
        let seen = window.look(at(30_000)).lately;
        assert_eq!((seen.in_minute, seen.since_last), (2, Some(30_000)));
        assert_eq!(
            window.look(at(70_000)).lately.since_last,
            Some(70_000),
            "the last one stays known after its minute"
        );
    }

    #[test]
    fn who_decided_before_a_call_was_given_back_decides_again() {
        let window = Window(Mutex::default());
        let slot = window.reserve(window.look(at(0)), at(0)).unwrap();
        let seen = window.look(at(1));
        window.give_back(slot);
        assert!(window.reserve(seen, at(1)).is_none());
    }
}
