//! The decision: a pure function of policy and sheet, three-valued, without allocating on its way to a permit.

use super::compile::{Compiled, CompiledRule, Node, NodeId, Probe, Terms};
use super::sheet::Sheet;
use super::truth::{Mask, Xone};
use super::world::Phase;
use crate::model::odrl::{Conflict, Logic, PolicyKind};
use crate::model::time::Timestamp;

mod compare;
mod duties;
mod sequence;

pub(super) use sequence::Stand;

/// What became of each comparison in one decision; kept between decisions to spare its memory.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub(super) atoms: Vec<Mask>,
}

/// The outcome of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request is permitted.
    pub permit: bool,
    /// What it rests on.
    pub(super) ground: Ground,
}

impl Verdict {
    /// The place of the permission that permits: the first of those that do.
    #[must_use]
    pub const fn permission(self) -> Option<usize> {
        match self.ground {
            Ground::Permission(at) => Some(at),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// The permission at this place permits.
    Permission(usize),
    /// An offer grants nothing.
    Offer,
    /// A parent's rules are not known.
    Parent,
    /// An obligation is violated.
    Obligation,
    /// A prohibition was infringed, and that was not made good.
    Infringement,
    /// A prohibition applies, or may apply.
    Prohibition,
    /// No permission permits.
    NoPermission,
}

impl Compiled {
    /// Decides on a sheet of this policy, and says only whether; [`Compiled::decide`] says why.
    #[must_use]
    pub fn judge(&self, sheet: &Sheet<'_>, trace: &mut Trace) -> Verdict {
        let comparisons = sheet.background().terms.probes.len();
        trace.atoms.clear();
        trace.atoms.resize(comparisons, Mask::NONE);
        let mut eval = Eval { trace: &mut trace.atoms, ..Eval::quiet(self, sheet) };
        let ground = self.ground(&mut eval);
        Verdict { permit: matches!(ground, Ground::Permission(_)), ground }
    }

    fn ground(&self, eval: &mut Eval<'_>) -> Ground {
        let terms = eval.terms;
        if terms.kind == PolicyKind::Offer && matches!(eval.sheet.background().phase, Phase::Transfer | Phase::Exchange)
        {
            return Ground::Offer;
        }
        if !terms.parents.is_empty() {
            return Ground::Parent;
        }
        if terms.obligations.iter().any(|duty| eval.violates(duty)) {
            return Ground::Obligation;
        }
        if terms.prohibitions.iter().any(|rule| eval.stands_infringed(rule)) {
            return Ground::Infringement;
        }
        let permission = terms.permissions.iter().position(|rule| eval.permission(rule).lets());
        let mut barred = false;
        for rule in &terms.prohibitions {
            barred |= eval.rule(rule).bars();
        }
        match permission {
            // Where permissions win, it is for want of one that a request is refused, whatever is prohibited.
            _ if barred && terms.conflict != Conflict::Permissions => Ground::Prohibition,
            Some(rule) => Ground::Permission(rule),
            None => Ground::NoPermission,
        }
    }
}

/// One evaluation under way.
pub(super) struct Eval<'a> {
    pub(super) policy: &'a Compiled,
    /// Those of the policy.
    pub(super) terms: &'a Terms,
    pub(super) sheet: &'a Sheet<'a>,
    /// The time that is looked at: now, or when a duty was performed.
    pub(super) now: Timestamp,
    pub(super) looking: Looking,
    /// The infringement that a remedy is looked at for: its time is counted from then, and what was done before does not count.
    pub(super) infringed: Option<Timestamp>,
    /// Whether what was done at that very moment counts too: with the end of its time a duty is late.
    pub(super) delayed: bool,
    /// In a sequence: when the step before was taken, from which delays run.
    pub(super) since: Option<Timestamp>,
    /// Where states of comparisons go; empty to keep none.
    pub(super) trace: &'a mut [Mask],
}

/// What the facts of the present say of the time that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looking {
    /// It is the present.
    Now,
    /// Nothing: only what the clock tells was known then.
    Back,
    /// How the deed was done that was reported then.
    AtDeed,
}

impl<'a> Eval<'a> {
    /// An evaluation that keeps no trace.
    pub(super) fn quiet(policy: &'a Compiled, sheet: &'a Sheet<'a>) -> Self {
        let terms = &sheet.background().terms;
        Self {
            policy,
            terms,
            sheet,
            now: sheet.now,
            looking: Looking::Now,
            infringed: None,
            delayed: false,
            since: None,
            trace: &mut [],
        }
    }

    /// Whether a permission is active and about this request.
    pub(super) fn permission(&mut self, rule: &CompiledRule) -> Mask {
        let mut mask = self.rule(rule);
        for duty in &rule.duties {
            mask = mask.and(self.duty(duty));
        }
        mask
    }

    /// Whether a rule is about this request and its constraints hold.
    pub(super) fn rule(&mut self, rule: &CompiledRule) -> Mask {
        let about = self.about(rule);
        // Constraints of a rule about something else decide nothing, so they are not looked at.
        if about.fails() {
            return about;
        }
        let hold = match self.terms.probes.get(rule.comparisons.clone()) {
            Some(probes) if !probes.is_empty() => self.comparisons(rule.comparisons.start, probes),
            _ => self.all(&rule.constraints),
        };
        about.and(hold)
    }

    /// Whether all of these comparisons hold, of which the first has this place.
    fn comparisons(&mut self, first: usize, probes: &[Probe]) -> Mask {
        let mut all = Mask::TRUE;
        for (at, probe) in (first..).zip(probes) {
            let mask = self.probed(at, probe);
            if let Some(cell) = self.trace.get_mut(at) {
                *cell = mask;
            }
            if mask != Mask::TRUE {
                all = all.and(mask);
            }
        }
        all
    }

    /// Whether a rule is about the request's action, target and parties, refinements included.
    pub(super) fn about(&mut self, rule: &CompiledRule) -> Mask {
        match self.sheet.background().ruled(rule.index) {
            Some(known) => known,
            None => rule.aspects().into_iter().map(|(_, all)| self.aspect(all)).fold(Mask::TRUE, Mask::and),
        }
    }

    /// Whether the request is about any of the alternatives; none means anything.
    pub(super) fn aspect(&mut self, alternatives: &[super::compile::Alternative]) -> Mask {
        let mut any = if alternatives.is_empty() { Mask::TRUE } else { Mask::FALSE };
        for alternative in alternatives {
            let named = self.sheet.background().about.get(alternative.index).copied().unwrap_or(Mask::UNKNOWN);
            let it = if named.fails() { named } else { named.and(self.all(&alternative.refinements)) };
            any = any.or(it);
        }
        any
    }

    pub(super) fn all(&mut self, nodes: &[NodeId]) -> Mask {
        let mut mask = Mask::TRUE;
        for node in nodes {
            mask = mask.and(self.node(*node));
        }
        mask
    }

    #[inline]
    pub(super) fn node(&mut self, id: NodeId) -> Mask {
        match self.terms.nodes.get(id.0) {
            Some(Node::Atom(at)) => {
                let mask = self.atom(*at);
                if let Some(cell) = self.trace.get_mut(*at) {
                    *cell = mask;
                }
                mask
            }
            Some(Node::Logical { logic, parts, .. }) => self.logical(id, *logic, parts),
            Some(Node::Elsewhere { .. }) | None => Mask::UNKNOWN,
        }
    }

    fn logical(&mut self, id: NodeId, logic: Logic, parts: &[NodeId]) -> Mask {
        match logic {
            Logic::And => self.all(parts),
            Logic::Or => parts.iter().fold(Mask::FALSE, |any, part| any.or(self.node(*part))),
            Logic::Xone => {
                let mut xone = Xone::new();
                parts.iter().for_each(|part| xone.add(self.node(*part)));
                xone.truth()
            }
            // One step has no order to keep.
            Logic::AndSequence if parts.len() == 1 => self.all(parts),
            Logic::AndSequence => self.sequence(id, parts),
        }
    }
}
