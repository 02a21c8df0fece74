//! When calls came lately, for policies that limit calls per minute or the time between two.
//!
//! Kept in memory; after a restart it is recalled from the evidence of the agreement.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::Inner;
use super::refusal::Refusal;
use crate::evidence::Query;
use crate::model::agreement::Agreement;
use crate::model::exchange::{Effect, RecordKind};
use crate::model::time::Timestamp;

const MINUTE: i64 = 60_000;
const MOST: u32 = 1000;

/// The calls of the last minute, and the last one of all.
pub(super) struct Window(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    minute: VecDeque<i64>,
    last: Option<i64>,
    /// Grows with every change.
    version: u64,
}

/// What a decision is made on.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Calls in the last minute, this one included.
    pub(super) in_minute: u64,
    /// Milliseconds since the last call; `None` when there was none.
    pub(super) since_last: Option<i64>,
    version: u64,
}

impl Window {
    /// From the evidence of the agreement's last calls. Looks at no more than a thousand: a policy that permits more in a minute
    /// starts afresh.
    pub(super) async fn recall(plane: &Inner, agreement: &Agreement) -> Result<Self, Refusal> {
        let query = Query {
            agreement: Some(agreement.id.to_string()),
            effect: Some(Effect::Permit),
            limit: Some(MOST),
            ..Query::default()
        };
        let page = plane.evidence.page(&query).await.map_err(|error| {
            Refusal::unavailable("counter.unavailable", "the last calls cannot be counted now; try again")
                .caused_by(error)
        })?;
        let forwarded = page.iter().filter(|k| k.exchange.kind != RecordKind::Completion);
        let mut times: Vec<i64> = forwarded.filter_map(|k| k.exchange.times.forwarded).map(Timestamp::millis).collect();
        times.sort_unstable();
        Ok(Self(Mutex::new(Calls { last: times.last().copied(), minute: times.into(), version: 0 })))
    }

    pub(super) fn look(&self, now: Timestamp) -> Seen {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.millis();
        while calls.minute.front().is_some_and(|at| *at <= now - MINUTE) {
            calls.minute.pop_front();
        }
        Seen {
            in_minute: calls.minute.len() as u64 + 1,
            since_last: calls.last.map(|last| now.saturating_sub(last).max(0)),
            version: calls.version,
        }
    }

    /// Takes a call down, if no other came since `seen`.
    pub(super) fn reserve(&self, seen: Seen, now: Timestamp) -> bool {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.version != seen.version {
            return false;
        }
        calls.version += 1;
        calls.minute.push_back(now.millis());
        calls.last = Some(now.millis());
        true
    }
}
