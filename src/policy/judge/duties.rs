//! Duties: performed, due, overdue.

use super::Eval;
use crate::model::odrl::{DutyTiming, Logic};
use crate::model::time::Timestamp;
use crate::policy::compile::{CompiledRule, Node, NodeId};
use crate::policy::outlook::Standing;
use crate::policy::truth::Mask;

impl<'a> Eval<'a> {
    /// Whether a duty leaves its permission active: it is fulfilled, or not called for, or due only later.
    pub(in crate::policy) fn duty(&mut self, duty: &CompiledRule) -> Mask {
        if self.fulfilled(duty) {
            return Mask::TRUE;
        }
        if self.is_violated(duty) {
            return Mask::of(self.is_healed(duty));
        }
        match duty.timing {
            // What each exchange does not do by itself somebody must have done.
            Some(DutyTiming::Before | DutyTiming::With) if !duty.by_itself => self.all(&duty.constraints).not(),
            _ => Mask::TRUE,
        }
    }

    /// Whether an obligation can no longer be fulfilled, or may be such.
    pub(in crate::policy) fn violates(&mut self, duty: &CompiledRule) -> bool {
        let concerns = self.aspect(&duty.assignees).and(self.aspect(&duty.assigners));
        if concerns.fails() || self.fulfilled(duty) {
            return false;
        }
        self.is_violated(duty) && !self.is_healed(duty)
    }

    /// Whether it is reported violated, or a bound to its time has passed though it was called for.
    pub(in crate::policy) fn is_violated(&mut self, duty: &CompiledRule) -> bool {
        self.reported(duty).1 || (self.is_overdue(duty) && !self.is_excused(duty))
    }

    /// Where the duty stands, whether or not it is called for now.
    pub(in crate::policy) fn standing(&mut self, duty: &CompiledRule) -> Standing {
        if self.fulfilled(duty) || (self.is_violated(duty) && self.is_healed(duty)) {
            Standing::Fulfilled
        } else if self.is_violated(duty) {
            Standing::Overdue
        } else {
            Standing::Open
        }
    }

    /// When the duty was performed, and whether it is reported violated.
    fn reported(&self, duty: &CompiledRule) -> (&'a [Timestamp], bool) {
        self.sheet.background().done.get(duty.index).map_or((&[], false), |done| (done.at.as_slice(), done.violated))
    }

    /// When it is reported done, in time or not, as people read it.
    pub(in crate::policy) fn performances(&self, duty: &CompiledRule) -> Option<String> {
        let times: Vec<String> = self.reported(duty).0.iter().map(ToString::to_string).collect();
        (!times.is_empty()).then(|| times.join(", "))
    }

    /// Done before now, and at a time that its constraints admit.
    pub(in crate::policy) fn fulfilled(&mut self, duty: &CompiledRule) -> bool {
        let (times, _) = self.reported(duty);
        let before = times.iter().filter(|at| **at < self.now);
        let mut then = before.map(|at| Eval { now: *at, only_time: true, ..Eval::quiet(self.policy, self.sheet) });
        then.any(|mut then| {
            let refined = duty.actions.iter().map(|action| then.all(&action.refinements)).fold(Mask::TRUE, Mask::and);
            !then.all(&duty.constraints).and(refined).fails()
        })
    }

    /// Done late, and what follows from that done too, after it was late (ODRL Information Model 2.2 §2.6.3: both must be done).
    fn is_healed(&self, duty: &CompiledRule) -> bool {
        let done_since = |rule: &CompiledRule, since: Option<Timestamp>| {
            let (times, _) = self.reported(rule);
            times.iter().any(|at| *at < self.now && since.is_none_or(|since| *at > since))
        };
        let late = self.reported(duty).0.iter().copied().filter(|at| *at < self.now).min();
        late.is_some()
            && !duty.consequences.is_empty()
            && duty.consequences.iter().all(|next| done_since(next, self.due(duty)))
    }

    /// Whether a bound to the time among its constraints has passed.
    fn is_overdue(&self, duty: &CompiledRule) -> bool {
        let refined = duty.actions.iter().flat_map(|action| action.refinements.iter());
        duty.constraints.iter().chain(refined).any(|node| self.passed(*node))
    }

    fn passed(&self, id: NodeId) -> bool {
        match self.policy.nodes.get(id.0) {
            Some(Node::Atom(at)) => self.has_passed(*at),
            Some(Node::Logical { logic: Logic::And | Logic::AndSequence, parts, .. }) => {
                parts.iter().any(|part| self.passed(*part))
            }
            Some(Node::Logical { parts, .. }) => parts.iter().all(|part| self.passed(*part)),
            None => false,
        }
    }

    /// Whether a constraint other than a passed bound says that the duty was never called for.
    fn is_excused(&mut self, duty: &CompiledRule) -> bool {
        let others: Vec<NodeId> = duty.constraints.iter().copied().filter(|node| !self.passed(*node)).collect();
        self.all(&others).fails()
    }

    /// The last moment to do it.
    fn due(&self, duty: &CompiledRule) -> Option<Timestamp> {
        self.policy.deadline(duty, self.sheet.background().agreed)
    }
}
