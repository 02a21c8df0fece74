//! Calls of one moment. None of them comes after another, so none unlocks what another one asks for; but to a prohibition each may have
//! come after the others.

use std::cell::LazyCell;

use super::{Progress, SequenceStep, step_of};
use crate::model::time::Timestamp;
use crate::policy::compile::{Compiled, Sequence, Taker};
use crate::policy::judge::{Eval, Trace};
use crate::policy::sheet::Sheet;
use crate::policy::world::{PastCall, World};

/// Notes the steps that these calls take. Those of the moment that is decided itself did not come before it.
pub(super) fn pass(policy: &Compiled, world: &World, calls: &[&PastCall], progress: &mut Progress) {
    let Some(at) = calls.first().map(|call| call.at) else { return };
    let mut moment = Moment { policy, at, calls: Vec::with_capacity(calls.len()) };
    for call in calls {
        let mut sheet = policy.sheet(&call.world(world));
        sheet.recall(progress.clone());
        let permitted = policy.judge(&sheet, &mut Trace::default()).permit;
        moment.calls.push((sheet, permitted));
    }
    let mut after = moment.barred(progress, None);
    for (number, (sheet, permitted)) in moment.calls.iter().enumerate().filter(|_| at < world.now) {
        let steps = policy.steps(sheet).into_iter().filter(|step| !step.bars);
        let done = LazyCell::new(|| *permitted && moment.is_surely_permitted(progress, number));
        steps.filter(|step| !step.by_act || *done).for_each(|step| after.note(step, at));
    }
    *progress = after;
}

struct Moment<'a> {
    policy: &'a Compiled,
    at: Timestamp,
    /// What was known of each call, and whether it was permitted if it was the first.
    calls: Vec<(Sheet<'static>, bool)>,
}

impl Moment<'_> {
    /// Whether a call was permitted in whatever order they came.
    fn is_surely_permitted(&self, before: &Progress, number: usize) -> bool {
        let Some((sheet, permitted)) = self.calls.get(number) else { return false };
        if self.calls.len() == 1 {
            return *permitted;
        }
        let mut sheet = sheet.clone();
        sheet.recall(self.barred(before, Some(number)));
        self.policy.judge(&sheet, &mut Trace::default()).permit
    }

    /// How far the sequences of prohibitions may have come by these calls, save for one of them.
    fn barred(&self, before: &Progress, without: Option<usize>) -> Progress {
        let mut after = before.clone();
        for (at, sequence) in self.policy.sequences.iter().enumerate().filter(|(_, sequence)| sequence.bars) {
            self.steps(at, sequence, without).into_iter().for_each(|step| after.note(step, self.at));
        }
        after
    }

    /// The next steps of a sequence that they may have taken, each by a call of its own.
    fn steps(&self, at: usize, sequence: &Sequence, without: Option<usize>) -> Vec<SequenceStep> {
        let Some(stand) = self.calls.first().and_then(|(sheet, _)| self.eval(sheet).stand(sequence.node)) else {
            return Vec::new();
        };
        let next = stand.before.len();
        let mut by: Vec<Option<usize>> = vec![None; self.calls.len()];
        let open = sequence.earlier().iter().enumerate().skip(next);
        // Time goes by between moments only.
        let open = open.take_while(|(_, step)| step.by != Taker::Time);
        let taken = open.take_while(|(number, _)| {
            let takes = |number: usize, call: usize| {
                let since = if number == next { stand.last() } else { Some(self.at) };
                without != Some(call) && self.takes(sequence, number, call, since)
            };
            give(*number, &takes, &mut by, &mut vec![false; self.calls.len()])
        });
        taken.map(|(number, step)| step_of(at, sequence, number, step.by)).collect()
    }

    fn takes(&self, sequence: &Sequence, number: usize, call: usize, since: Option<Timestamp>) -> bool {
        let (Some(step), Some((sheet, permitted))) = (sequence.earlier().get(number), self.calls.get(call)) else {
            return false;
        };
        (step.by != Taker::Act || *permitted) && sequence.admits(self.eval(sheet).step(step.node, since))
    }

    fn eval<'s>(&'s self, sheet: &'s Sheet<'s>) -> Eval<'s> {
        Eval::quiet(self.policy, sheet)
    }
}

/// Gives a step to a call, if need be one that another step had which can have another call.
fn give(step: usize, takes: &dyn Fn(usize, usize) -> bool, by: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for call in 0..by.len() {
        let is_new = takes(step, call) && tried.get_mut(call).is_some_and(|tried| !std::mem::replace(tried, true));
        if !is_new {
            continue;
        }
        let holder = by.get(call).copied().flatten();
        if holder.is_none_or(|other| give(other, takes, by, tried)) {
            by.iter_mut().skip(call).take(1).for_each(|cell| *cell = Some(step));
            return true;
        }
    }
    false
}
