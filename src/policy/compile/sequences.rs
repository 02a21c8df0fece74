//! Sequences whose order is kept, how each step of one is taken, and sequences that nobody can keep.

use super::{CompiledRule, Compiler, Node, NodeId};
use crate::model::odrl::Logic;
use crate::policy::Invalid;
use crate::policy::value::Typed;
use crate::policy::vocabulary::{Operator, Source};

/// A left operand that a sequence measures from the step before on (ODRL Vocabulary 2.2 §4.5.6).
pub(crate) const DELAY: &str = "delayPeriod";
const CONSENT: &str = "xroad:consent";

/// An `andSequence` of several steps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sequence {
    pub(crate) node: NodeId,
    pub(crate) clause: Box<str>,
    pub(crate) steps: Box<[Step]>,
    /// It stands in a prohibition: a step that may have been taken counts as taken.
    pub(crate) bars: bool,
}

/// One step. The last one is the call that is being decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) node: NodeId,
    pub(crate) by: Taker,
}

/// What takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taker {
    /// The time alone, whether or not anybody calls.
    Time,
    /// The state of the world as any call finds it, a refused one too.
    World,
    /// A call that was permitted and answered.
    Act,
}

impl Sequence {
    /// The step that is the call that is decided.
    pub(crate) fn last(&self) -> NodeId {
        self.steps.last().map_or(self.node, |step| step.node)
    }

    /// The steps that come before the call that is decided.
    pub(crate) fn earlier(&self) -> &[Step] {
        self.steps.split_last().map_or(&[], |(_, earlier)| earlier)
    }
}

/// Looks for sequences in all rules.
pub(super) fn of(
    compiler: &Compiler<'_>,
    permissions: &[CompiledRule],
    prohibitions: &[CompiledRule],
    obligations: &[CompiledRule],
) -> (Vec<Sequence>, Vec<Invalid>) {
    let mut search = Search { compiler, kept: Vec::new(), unkept: Vec::new() };
    permissions.iter().for_each(|rule| search.rule(rule, false));
    prohibitions.iter().for_each(|rule| search.rule(rule, true));
    obligations.iter().for_each(|duty| search.duty(duty));
    (search.kept, search.unkept)
}

struct Search<'a> {
    compiler: &'a Compiler<'a>,
    kept: Vec<Sequence>,
    unkept: Vec<Invalid>,
}

impl Search<'_> {
    fn rule(&mut self, rule: &CompiledRule, bars: bool) {
        let refined = rule.actions.iter().flat_map(|action| action.refinements.iter());
        rule.constraints.iter().chain(refined).for_each(|node| self.node(*node, bars));
        let parties = rule.targets.iter().chain(&rule.assigners).chain(&rule.assignees);
        for node in parties.flat_map(|party| party.refinements.iter()) {
            self.refuse(*node, "who and what a rule is about has no order in time; write the sequence as a constraint");
        }
        rule.duties.iter().chain(&rule.remedies).for_each(|duty| self.duty(duty));
    }

    fn duty(&mut self, duty: &CompiledRule) {
        let aspects = duty.aspects().into_iter().flat_map(|(_, all)| all).flat_map(|one| one.refinements.iter());
        for node in duty.constraints.iter().chain(aspects) {
            self.refuse(*node, "in what order a duty's conditions came to hold is not kept; write and");
        }
        duty.consequences.iter().for_each(|next| self.duty(next));
    }

    fn node(&mut self, id: NodeId, bars: bool) {
        let Some(Node::Logical { clause, logic, parts, .. }) = self.compiler.nodes.get(id.0) else { return };
        match logic {
            Logic::AndSequence if parts.len() > 1 => self.sequence(id, clause, parts, bars),
            Logic::Xone => parts.iter().for_each(|part| {
                self.refuse(
                    *part,
                    "a sequence that is still to come would let the others of a xone hold; write and or or",
                );
            }),
            _ => parts.iter().for_each(|part| self.node(*part, bars)),
        }
    }

    fn sequence(&mut self, node: NodeId, clause: &str, parts: &[NodeId], bars: bool) {
        for part in parts {
            self.refuse(*part, "a sequence is no step of another one; write all steps in one list");
        }
        self.check_delays(parts);
        let steps: Box<[Step]> = parts.iter().map(|part| Step { node: *part, by: self.taker(*part) }).collect();
        let earlier = parts.split_last().map_or(&[][..], |(_, earlier)| earlier);
        for at in self.named(earlier, CONSENT) {
            self.unkept(at, "a consent holds for the call that shows it; ask for it beside the sequence, not before");
        }
        self.kept.push(Sequence { node, clause: clause.into(), steps, bars });
    }

    /// A delay is a wait: it has no upper end (ODRL Vocabulary 2.2 §4.5.6).
    fn check_delays(&mut self, parts: &[NodeId]) {
        for at in self.named(parts, DELAY) {
            let Some(atom) = self.compiler.atoms.get(at) else { continue };
            let waits = matches!(atom.operator, Operator::Eq | Operator::Gt | Operator::Gteq);
            if !waits || !matches!(&*atom.right, [right] if matches!(right.typed, Typed::Duration(_))) {
                self.unkept(at, "the delay after a step is compared by eq, gt or gteq with one length of time");
            }
        }
    }

    fn taker(&self, id: NodeId) -> Taker {
        let slots = self.atoms(id).into_iter().filter_map(|at| self.compiler.atoms.get(at));
        let slots: Vec<_> = slots.filter_map(|atom| self.compiler.slots.get(atom.slot)).collect();
        let of_the_world = |source: &Source| matches!(source, Source::Clock | Source::Claim(_) | Source::Call);
        if slots.iter().all(|slot| slot.source == Source::Clock) {
            Taker::Time
        } else if slots
            .iter()
            .all(|slot| slot.source == Source::Clock || (of_the_world(&slot.source) && !slot.exchange_only))
        {
            Taker::World
        } else {
            Taker::Act
        }
    }

    /// Refuses every sequence of several steps from this node on.
    fn refuse(&mut self, id: NodeId, reason: &str) {
        let Some(Node::Logical { clause, logic, parts, .. }) = self.compiler.nodes.get(id.0) else { return };
        if *logic == Logic::AndSequence && parts.len() > 1 {
            self.unkept.push(Invalid::new(clause, "constraint.sequence", reason));
        }
        parts.iter().for_each(|part| self.refuse(*part, reason));
    }

    fn unkept(&mut self, atom: usize, reason: &str) {
        let clause = self.compiler.atoms.get(atom).map(|atom| &*atom.clause).unwrap_or_default();
        self.unkept.push(Invalid::new(clause, "constraint.sequence", reason));
    }

    /// The comparisons below a node.
    fn atoms(&self, id: NodeId) -> Vec<usize> {
        match self.compiler.nodes.get(id.0) {
            Some(Node::Atom(at)) => vec![*at],
            Some(Node::Logical { parts, .. }) => parts.iter().flat_map(|part| self.atoms(*part)).collect(),
            Some(Node::Elsewhere { .. }) | None => Vec::new(),
        }
    }

    /// Those of an operand of that name.
    fn named(&self, nodes: &[NodeId], name: &str) -> Vec<usize> {
        let slot = |at: usize| self.compiler.slots.get(self.compiler.atoms.get(at)?.slot);
        let all = nodes.iter().flat_map(|node| self.atoms(*node));
        all.filter(|at| slot(*at).is_some_and(|slot| *slot.name == *name)).collect()
    }
}
