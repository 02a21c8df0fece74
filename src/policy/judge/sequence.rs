//! Sequences: what was before, and the call now.

use smallvec::SmallVec;

use super::{Eval, Looking};
use crate::model::time::Timestamp;
use crate::policy::compile::{Atom, DELAY, NodeId, Sequence, Taker};
use crate::policy::sequence::Noted;
use crate::policy::truth::Mask;
use crate::policy::value::{Duration, Seen, Typed};
use crate::policy::vocabulary::Operator;
use crate::policy::world::Phase;

/// Where a sequence stands before the call that is decided.
pub(in crate::policy) struct Stand<'a> {
    pub(in crate::policy) sequence: &'a Sequence,
    /// When its first steps were taken, up to the first that was not.
    pub(in crate::policy) before: SmallVec<[Timestamp; 8]>,
}

impl Stand<'_> {
    /// Whether nothing but the last step is left.
    pub(in crate::policy) fn is_at_last_step(&self) -> bool {
        self.before.len() == self.sequence.earlier().len()
    }

    /// When the last of the steps taken was.
    pub(in crate::policy) fn last(&self) -> Option<Timestamp> {
        self.before.last().copied()
    }
}

impl Sequence {
    /// Whether a step is taken where this is its truth: surely, or for a prohibition perhaps.
    pub(in crate::policy) fn admits(&self, mask: Mask) -> bool {
        if self.bars { !mask.fails() } else { mask == Mask::TRUE }
    }
}

impl<'a> Eval<'a> {
    pub(super) fn sequence(&mut self, id: NodeId, parts: &[NodeId]) -> Mask {
        let Some((sequence, noted)) = self.kept(id) else {
            // Of calls nobody knows, or a time is looked at at which none were kept: what is false then counts as false. In what order
            // the conditions of a duty came to hold, and parts of what is no rule's own sequence, is kept nowhere.
            let told = self.looking != Looking::Now || self.terms.sequences.iter().any(|sequence| sequence.node == id);
            return if told { self.all(parts).and(Mask::UNKNOWN) } else { Mask::UNKNOWN };
        };
        if self.sheet.background().phase != Phase::Exchange {
            return self.may_come(sequence);
        }
        let Some(noted) = noted else {
            // Its earlier steps may have been taken.
            return self.step(sequence.last(), None).and(Mask::UNKNOWN);
        };
        let before = self.before(sequence, noted);
        if before.len() < sequence.earlier().len() {
            return Mask::FALSE;
        }
        self.step(sequence.last(), before.last().copied())
    }

    /// Where a sequence stands; `None` where that is not known, and before an exchange.
    pub(in crate::policy) fn stand(&self, id: NodeId) -> Option<Stand<'a>> {
        let (sequence, noted) = self.kept(id).filter(|_| self.sheet.background().phase == Phase::Exchange)?;
        Some(Stand { sequence, before: self.before(sequence, noted?) })
    }

    /// The truth of a step at the time looked at, the step before it taken `since`.
    pub(in crate::policy) fn step(&mut self, node: NodeId, since: Option<Timestamp>) -> Mask {
        let outer = self.since_step(since);
        let mask = self.node(node);
        self.since = outer;
        mask
    }

    /// Lets delays run from this time on, or else from the agreement; tells from when they ran.
    pub(in crate::policy) fn since_step(&mut self, since: Option<Timestamp>) -> Option<Timestamp> {
        std::mem::replace(&mut self.since, since.or(self.sheet.background().agreed))
    }

    /// The time since the step before, where a delay is compared with that.
    pub(in crate::policy) fn delay(&self, atom: &Atom) -> Option<Seen<'static>> {
        let since = self.since.filter(|_| self.is_delay(atom))?;
        let millis = self.now.millis().saturating_sub(since.millis());
        Some(Seen { text: "", typed: Typed::Duration(Duration::of_millis(millis)) })
    }

    /// The sequence at a node and what is noted of it, where a history of calls is kept.
    fn kept(&self, id: NodeId) -> Option<(&'a Sequence, Option<&'a Noted>)> {
        let progress = self.sheet.progress().filter(|_| self.looking == Looking::Now)?;
        let at = self.terms.sequences.iter().position(|sequence| sequence.node == id)?;
        Some((self.terms.sequences.get(at)?, progress.of.get(at)?.as_ref()))
    }

    /// When the steps before the last were taken, up to the first that was not.
    fn before(&self, sequence: &Sequence, noted: &Noted) -> SmallVec<[Timestamp; 8]> {
        let mut times: SmallVec<[Timestamp; 8]> = SmallVec::new();
        for (at, step) in sequence.earlier().iter().enumerate() {
            let taken = match step.by {
                Taker::Time => self.came(sequence, step.node, times.last().copied()),
                Taker::World | Taker::Act => noted.get(at).copied().flatten(),
            };
            match taken {
                Some(time) => times.push(time),
                None => break,
            }
        }
        times
    }

    /// The first moment after the step before, and before the time looked at, that takes a step which time takes.
    fn came(&self, sequence: &Sequence, node: NodeId, last: Option<Timestamp>) -> Option<Timestamp> {
        let began = self.sheet.background().agreed.or_else(|| self.sheet.progress()?.began);
        let earliest = Timestamp::from_millis(i64::MIN);
        let first = last.map(|last| last.plus_millis(1)).or(began).or(sequence.bars.then_some(earliest))?;
        self.moments(first, last).into_iter().take_while(|at| *at < self.now).find(|at| {
            let mut then = Eval { now: *at, looking: Looking::Back, ..Eval::quiet(self.policy, self.sheet) };
            sequence.admits(then.step(node, last))
        })
    }

    /// Before an exchange: whether its steps may still come, or may have come since the agreement, one after the other. What no call
    /// told yet is left open.
    fn may_come(&self, sequence: &Sequence) -> Mask {
        let mut all = Mask::DEFERRED;
        let mut last: Option<Timestamp> = None;
        for (number, step) in sequence.steps.iter().enumerate() {
            let first = last.map(|last| last.plus_millis(1)).or(self.sheet.background().agreed).unwrap_or(self.now);
            let first = if number == sequence.earlier().len() { first.max(self.now) } else { first };
            let mut best: Option<(Timestamp, Mask)> = None;
            for at in self.moments(first, last) {
                let mask = Eval { now: at, ..Eval::quiet(self.policy, self.sheet) }.step(step.node, last);
                if mask.lets() {
                    best = Some((at, mask));
                    break;
                }
                if !mask.fails() && best.is_none() {
                    best = Some((at, mask));
                }
            }
            let Some((at, mask)) = best else { return Mask::FALSE };
            (last, all) = (Some(at), all.and(mask));
        }
        all
    }

    /// The moments from `first` on at which a comparison with the clock may come out otherwise, in order.
    fn moments(&self, first: Timestamp, since: Option<Timestamp>) -> Vec<Timestamp> {
        let agreed = self.sheet.background().agreed;
        let delays = self.terms.atoms.iter().filter(|atom| self.is_delay(atom));
        let waited = delays.filter_map(|atom| after(atom, since.or(agreed)?));
        let compared = self.policy.moments(agreed).chain(waited);
        let mut moments: Vec<Timestamp> =
            compared.flat_map(|at| [at, at.whole(), at.whole().plus_millis(1)]).filter(|at| *at > first).collect();
        moments.push(first);
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    pub(in crate::policy) fn is_delay(&self, atom: &Atom) -> bool {
        self.terms.slots.get(atom.slot).is_some_and(|slot| *slot.name == *DELAY)
    }

    /// Whether the wait after a step that was taken `since` is over.
    pub(super) fn waited(&self, atom: &Atom, since: Timestamp) -> Mask {
        let Some(end) = after(atom, since) else { return Mask::UNKNOWN };
        match atom.operator {
            Operator::Eq | Operator::Gteq => Mask::of(self.now >= end),
            Operator::Gt => Mask::of(self.now > end),
            _ => Mask::UNKNOWN,
        }
    }
}

/// The moment so long after as a comparison says.
fn after(atom: &Atom, since: Timestamp) -> Option<Timestamp> {
    match &*atom.right {
        [right] => match right.typed {
            Typed::Duration(length) => length.after(since),
            _ => None,
        },
        _ => None,
    }
}
