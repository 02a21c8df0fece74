//! What exchanges left for those after them: steps of sequences, and metered time.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::Recorded;
use crate::model::exchange::{Exchange, ExchangeId, Outcome, RecordKind};
use crate::model::time::Timestamp;
use crate::policy::compile::Compiled;
use crate::policy::sequence::{Progress, SequenceStep};

/// How an exchange went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    pub(super) kind: RecordKind,
    /// The service gave all that was asked for.
    done: bool,
    forwarded: Option<Timestamp>,
    /// It ended; of an opening: it began to be released.
    recorded: Timestamp,
}

impl Passage {
    pub(super) fn of(exchange: &Exchange<'_>, recorded: Timestamp) -> Self {
        let whole = |status: u16| (200..300).contains(&status) && status != 206;
        let answered = exchange.response.as_ref().is_some_and(|answer| answer.fault.is_none() && whole(answer.status));
        let done = answered && exchange.outcome == Outcome::Complete;
        Self { kind: exchange.kind, done, forwarded: exchange.times.forwarded, recorded }
    }
}

/// What exchanges left for those after them, as far as the draft looks at it.
#[derive(Default)]
pub(super) struct Past {
    progress: Progress,
    /// Milliseconds metered of exchanges that had ended.
    metered: i64,
    /// From when until when others took; those that are still streaming have no end yet.
    under_way: Vec<(ExchangeId, Timestamp, Option<Timestamp>)>,
    /// Steps that exchanges take once they have ended.
    acts: HashMap<ExchangeId, SmallVec<[SequenceStep; 2]>>,
}

impl Past {
    /// Nothing has happened yet.
    pub(super) fn none(draft: &Compiled) -> Self {
        Self { progress: Progress::none(draft), ..Self::default() }
    }

    /// How far sequences had come then.
    pub(super) fn progress_at(&self, now: Timestamp) -> Progress {
        self.progress.until(now)
    }

    /// An exchange for which these steps hold, permitted by the draft or not.
    pub(super) fn left_by(&mut self, exchange: &Recorded, steps: SmallVec<[SequenceStep; 2]>, permit: bool) {
        if permit {
            self.passed(exchange, steps);
        } else {
            let found = steps.into_iter().filter(|step| !step.by_act);
            found.for_each(|step| self.progress.note(step, exchange.at));
        }
    }

    /// Milliseconds metered up to then.
    pub(super) fn metered_at(&mut self, now: Timestamp) -> i64 {
        let took = |from: &Timestamp, to: Timestamp| to.millis().saturating_sub(from.millis()).max(0);
        let mut ended = 0;
        self.under_way.retain(|(_, from, to)| match to {
            Some(to) if *to <= now => {
                ended += took(from, *to);
                false
            }
            _ => true,
        });
        self.metered += ended;
        self.metered + self.under_way.iter().map(|(_, from, _)| took(from, now)).sum::<i64>()
    }

    /// An exchange that was answered as it was recorded.
    fn passed(&mut self, exchange: &Recorded, steps: SmallVec<[SequenceStep; 2]>) {
        let Passage { kind, forwarded, recorded, .. } = exchange.passage;
        let (acts, at_once): (SmallVec<[SequenceStep; 2]>, SmallVec<[SequenceStep; 2]>) =
            steps.into_iter().partition(|step| step.by_act && !step.bars);
        at_once.into_iter().for_each(|step| self.progress.note(step, exchange.at));
        if let Some(forwarded) = forwarded {
            self.under_way.push((exchange.exchange, forwarded, (kind == RecordKind::Exchange).then_some(recorded)));
        }
        self.acts.insert(exchange.exchange, acts);
        if kind == RecordKind::Exchange {
            self.ended(exchange);
        }
    }

    pub(super) fn ended(&mut self, exchange: &Recorded) {
        let Passage { done, recorded, .. } = exchange.passage;
        let acts = self.acts.remove(&exchange.exchange).unwrap_or_default();
        acts.into_iter().filter(|_| done).for_each(|step| self.progress.note(step, recorded));
        let streaming = self.under_way.iter_mut().find(|(id, _, end)| *id == exchange.exchange && end.is_none());
        if let Some((_, _, end)) = streaming {
            *end = Some(recorded);
        }
    }
}
