//! Duties: performed, kept up, due, overdue.

use super::{Eval, Looking};
use crate::model::odrl::{DutyTiming, Logic};
use crate::model::time::Timestamp;
use crate::policy::compile::{CompiledRule, Node, NodeId};
use crate::policy::outlook::Standing;
use crate::policy::truth::Mask;

impl<'a> Eval<'a> {
    /// Whether a duty leaves its permission active: it is fulfilled, or not called for, or due only later.
    pub(in crate::policy) fn duty(&mut self, duty: &CompiledRule) -> Mask {
        if duty.elsewhere {
            return Mask::UNKNOWN;
        }
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

    /// Whether a party to this request has to do it.
    pub(in crate::policy) fn concerns(&mut self, duty: &CompiledRule) -> Mask {
        self.aspect(&duty.assignees).and(self.aspect(&duty.assigners))
    }

    /// Whether an obligation can no longer be fulfilled, or may be such.
    pub(in crate::policy) fn violates(&mut self, duty: &CompiledRule) -> bool {
        if !self.concerns(duty).bars() {
            return false;
        }
        duty.elsewhere || (!self.fulfilled(duty) && self.is_violated(duty) && !self.is_healed(duty))
    }

    /// Whether it is reported violated or infringed, or a bound to its time has passed and it was called for, or may have been.
    pub(in crate::policy) fn is_violated(&mut self, duty: &CompiledRule) -> bool {
        self.is_surely_violated(duty) || (self.is_overdue(duty) && self.calling(duty).bars())
    }

    /// Whether it is reported violated or infringed.
    fn is_surely_violated(&self, duty: &CompiledRule) -> bool {
        // A report of delay is not about an infringement that may have come after it.
        (self.infringed.is_none() && self.reported(duty).1) || self.infringements(duty).next().is_some()
    }

    /// The conditions of a duty that is late, where whether it was called for is not known.
    pub(in crate::policy) fn unknown_calling(&mut self, duty: &CompiledRule) -> Vec<NodeId> {
        let mut conditions = if self.is_surely_violated(duty) { Vec::new() } else { self.conditions(duty) };
        conditions.retain(|node| self.node(*node) != Mask::TRUE);
        conditions
    }

    /// Where the duty stands, whether or not it is called for now.
    pub(in crate::policy) fn standing(&mut self, duty: &CompiledRule) -> Standing {
        if self.fulfilled(duty) || (self.is_violated(duty) && self.is_healed(duty)) {
            return Standing::Fulfilled;
        }
        match (duty.keeps, self.is_violated(duty)) {
            (true, true) => Standing::Infringed,
            (true, false) => Standing::Keeping,
            (false, true) => Standing::Overdue,
            (false, false) if self.first_moment(duty).is_some_and(|from| self.now < from) => Standing::Waiting,
            (false, false) => Standing::Open,
        }
    }

    /// When the duty was performed, and whether it is reported violated.
    fn reported(&self, duty: &CompiledRule) -> (&'a [Timestamp], bool) {
        self.sheet.background().done.get(duty.index).map_or((&[], false), |done| (done.at.as_slice(), done.violated))
    }

    /// When a prohibition, or a duty to keep something up, was infringed up to now.
    pub(in crate::policy) fn infringements(
        &self,
        rule: &CompiledRule,
    ) -> impl Iterator<Item = Timestamp> + Clone + use<'a> {
        let (done, now) = (self.sheet.background().done.get(rule.index), self.now);
        done.into_iter().flat_map(|done| done.infringed.iter().copied()).filter(move |at| *at <= now)
    }

    /// Those of them that were not made good.
    pub(in crate::policy) fn open_infringements(&self, rule: &CompiledRule) -> Vec<Timestamp> {
        self.infringements(rule).filter(|at| !self.is_remedied(rule, *at)).collect()
    }

    /// Whether a prohibition was infringed by a party to this request, and that was not made good (ODRL Information Model 2.2
    /// §2.6.7: all remedies must be fulfilled).
    pub(in crate::policy) fn stands_infringed(&mut self, rule: &CompiledRule) -> bool {
        let mut infringed = self.infringements(rule);
        infringed.clone().next().is_some()
            && !self.concerns(rule).fails()
            && infringed.any(|at| !self.is_remedied(rule, at))
    }

    /// Whether everything was done that makes an infringement good: all remedies of a prohibition, each in its time, or all that
    /// follows from a duty that was not kept up.
    pub(in crate::policy) fn is_remedied(&self, rule: &CompiledRule, infringed: Timestamp) -> bool {
        let mut since = self.since_then(infringed);
        !rule.amends().is_empty() && rule.amends().iter().all(|duty| since.fulfilled(duty))
    }

    /// Where a remedy stands after these infringements that are not made good.
    pub(in crate::policy) fn standing_since(&self, remedy: &CompiledRule, infringed: &[Timestamp]) -> Standing {
        let order = [Standing::Overdue, Standing::Waiting, Standing::Open];
        let each: Vec<Standing> = infringed.iter().map(|at| self.since_then(*at).standing(remedy)).collect();
        order.into_iter().find(|standing| each.contains(standing)).unwrap_or(Standing::Fulfilled)
    }

    fn since_then(&self, infringed: Timestamp) -> Self {
        Eval { now: self.now, infringed: Some(infringed), ..Eval::quiet(self.policy, self.sheet) }
    }

    /// When it is reported done, in time or not, as people read it.
    pub(in crate::policy) fn performances(&self, duty: &CompiledRule) -> Option<String> {
        let times: Vec<String> = self.reported(duty).0.iter().map(ToString::to_string).collect();
        (!times.is_empty()).then(|| times.join(", "))
    }

    /// Whether it was done, and never at a moment from which on that counts.
    pub(in crate::policy) fn is_early(&self, duty: &CompiledRule) -> bool {
        let (times, _) = self.reported(duty);
        self.first_moment(duty).is_some_and(|from| !times.is_empty() && times.iter().all(|at| *at < from))
    }

    /// Done before now, and at a time that its constraints admit; or kept up until its time had come.
    pub(in crate::policy) fn fulfilled(&mut self, duty: &CompiledRule) -> bool {
        if duty.elsewhere || (duty.keeps && self.infringements(duty).any(|at| !self.is_remedied(duty, at))) {
            return false;
        }
        let come = duty.keeps && self.first_moment(duty).is_some_and(|from| from <= self.now);
        let (eval, times) = (&*self, self.reported(duty).0);
        let counting = times.iter().copied().filter(|at| eval.counts(*at));
        let mut moments = counting.chain(come.then_some(self.now));
        moments.any(|at| eval.admits(duty, at))
    }

    /// Whether what was done then counts now, as far as the time alone is concerned.
    fn counts(&self, at: Timestamp) -> bool {
        at < self.now && self.infringed.is_none_or(|since| at > since || (self.delayed && at == since))
    }

    /// Whether a duty may be done at that time, and was done as asked, as far as that is known.
    fn admits(&self, duty: &CompiledRule, at: Timestamp) -> bool {
        let quiet = Eval::quiet(self.policy, self.sheet);
        let mut then = Eval { now: at, looking: Looking::Back, infringed: self.infringed, ..quiet };
        let called_for = then.all(&duty.constraints);
        then.looking = Looking::AtDeed;
        let refined = duty.actions.iter().map(|action| then.all(&action.refinements)).fold(Mask::TRUE, Mask::and);
        !called_for.and(refined).fails()
    }

    /// Made good: what was not kept up by all that follows from that; what was done late by that too (ODRL Information Model 2.2
    /// §2.6.3: both must be done).
    fn is_healed(&self, duty: &CompiledRule) -> bool {
        if duty.keeps {
            let mut infringed = self.infringements(duty).peekable();
            return infringed.peek().is_some() && infringed.all(|at| self.is_remedied(duty, at));
        }
        let mut after = self.after_delay(duty);
        self.was_done_late(duty)
            && !duty.consequences.is_empty()
            && duty.consequences.iter().all(|next| {
                after.fulfilled(next) || (!next.elsewhere && after.is_violated(next) && after.is_healed(next))
            })
    }

    /// Whether it was done, though late; what was done before its time was not done.
    fn was_done_late(&self, duty: &CompiledRule) -> bool {
        let from = self.first_moment(duty);
        let counts = |at: &Timestamp| self.counts(*at) && from.is_none_or(|from| *at >= from);
        !duty.elsewhere && self.reported(duty).0.iter().any(counts)
    }

    /// Looks at what follows from the delay of a duty, which nobody had to do before: its time is counted from the end of the time for
    /// the duty, where that is over, and what was done before does not count.
    pub(in crate::policy) fn after_delay(&self, duty: &CompiledRule) -> Self {
        let over = self.last_moment(duty).filter(|at| *at <= self.now);
        let (infringed, delayed) = (over.or(self.infringed), over.is_some() || self.delayed);
        Eval { now: self.now, infringed, delayed, ..Eval::quiet(self.policy, self.sheet) }
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
            Some(Node::Elsewhere { .. }) | None => false,
        }
    }

    /// Whether a duty whose time is over was called for.
    fn calling(&mut self, duty: &CompiledRule) -> Mask {
        let conditions = self.conditions(duty);
        self.all(&conditions)
    }

    /// Its constraints other than bounds that have passed.
    fn conditions(&self, duty: &CompiledRule) -> Vec<NodeId> {
        duty.constraints.iter().copied().filter(|node| !self.passed(*node)).collect()
    }

    /// The last moment to do it.
    pub(in crate::policy) fn last_moment(&self, duty: &CompiledRule) -> Option<Timestamp> {
        self.policy.deadline(duty, self.agreed())
    }

    /// The first moment at which doing it counts.
    pub(in crate::policy) fn first_moment(&self, duty: &CompiledRule) -> Option<Timestamp> {
        self.policy.not_before(duty, self.agreed())
    }
}
