//! How far sequences have come: which of their steps were taken before, and when (ODRL Vocabulary 2.2 §4.5.2, `andSequence`).
//!
//! A step is taken once, at the first chance after the step before it, and stays taken. The last step is never taken: it is the
//! call that is decided. What takes a step is told by its comparisons: the time alone, the state of the world as any call finds
//! it, or an act, which is a call that was permitted and done.

use smallvec::{SmallVec, smallvec};

use super::Invalid;
use super::compile::{Compiled, Node, NodeId, Sequence, Step, Taker};
use super::conflict::{conditions, joint};
use super::judge::Eval;
use super::sheet::Sheet;
use super::world::{Fact, History, PastCall, Phase, World};
use crate::model::odrl::Logic;
use crate::model::time::Timestamp;

mod moment;

/// When each earlier step of one sequence was taken; nothing for steps that time takes.
pub(super) type Noted = SmallVec<[Option<Timestamp>; 4]>;

/// How far the sequences of one policy have come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of each sequence; `None` where what came before is not known.
    pub(super) of: SmallVec<[Option<Noted>; 2]>,
    /// When the history begins, where that is not the agreement.
    pub(super) began: Option<Timestamp>,
}

/// A step of a sequence that calls, or the world that they find, take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceStep {
    /// The place of the sequence among those of the policy.
    pub sequence: usize,
    /// The place of the step in the sequence.
    pub step: usize,
    /// Only a call that was permitted and done takes it.
    pub by_act: bool,
    /// It is of a prohibition: a call that may have been done takes it too.
    pub bars: bool,
}

impl Progress {
    /// Nothing has happened yet.
    #[must_use]
    pub fn none(policy: &Compiled) -> Self {
        let none = |sequence: &Sequence| Some(smallvec![None; sequence.earlier().len()]);
        Self { of: policy.sequences.iter().map(none).collect(), began: None }
    }

    /// Takes down when a step was taken. What was taken stays taken as it was.
    pub fn note(&mut self, step: SequenceStep, at: Timestamp) {
        let noted = self.of.get_mut(step.sequence).and_then(Option::as_mut);
        if let Some(cell) = noted.and_then(|noted| noted.get_mut(step.step)) {
            cell.get_or_insert(at);
        }
    }

    /// How far they had come at a time.
    pub(super) fn until(&self, at: Timestamp) -> Self {
        let mut past = self.clone();
        for noted in past.of.iter_mut().flatten().flatten() {
            *noted = noted.filter(|taken| *taken <= at);
        }
        past
    }

    /// What came before is not known for sequences of prohibitions, so that they may apply.
    pub fn distrust_prohibitions(&mut self, policy: &Compiled) {
        for (noted, sequence) in self.of.iter_mut().zip(&policy.sequences) {
            if sequence.bars {
                *noted = None;
            }
        }
    }
}

impl Compiled {
    /// Whether any sequence of several steps stands in it whose order is kept.
    #[must_use]
    pub fn has_sequences(&self) -> bool {
        !self.sequences.is_empty()
    }

    /// Every step that is to be noted when it is taken, with the clause of its sequence.
    pub fn noted_steps(&self) -> impl Iterator<Item = (&str, SequenceStep)> {
        self.sequences.iter().enumerate().flat_map(|(at, sequence)| {
            let steps = sequence.earlier().iter().enumerate().filter(|(_, step)| step.by != Taker::Time);
            steps.map(move |(number, step)| (&*sequence.clause, step_of(at, sequence, number, step.by)))
        })
    }

    /// The next steps, of any sequence, that hold for the call on this sheet. Those by an act are taken once it is done.
    #[must_use]
    pub fn steps(&self, sheet: &Sheet<'_>) -> SmallVec<[SequenceStep; 2]> {
        let mut eval = Eval::quiet(self, sheet);
        let mut found = SmallVec::new();
        for (at, sequence) in self.sequences.iter().enumerate() {
            let Some(stand) = eval.stand(sequence.node) else { continue };
            let number = stand.before.len();
            let Some(step) = sequence.earlier().get(number).filter(|step| step.by != Taker::Time) else {
                continue;
            };
            if sequence.admits(eval.step(step.node, stand.last())) {
                found.push(step_of(at, sequence, number, step.by));
            }
        }
        found
    }

    /// How far the sequences have come after what a world tells of the calls before.
    pub(super) fn progress(&self, world: &World, history: &History) -> Progress {
        match history {
            History::Calls(calls) => self.replayed(world, calls),
            History::Steps(known) => {
                let noted = |sequence: &Sequence| {
                    let times = known.get(&*sequence.clause)?;
                    Some((0..sequence.earlier().len()).map(|at| times.get(at).copied()).collect())
                };
                Progress { of: self.sequences.iter().map(noted).collect(), began: None }
            }
        }
    }

    /// Decides the calls one after the other: what was permitted was done.
    fn replayed(&self, world: &World, calls: &[PastCall]) -> Progress {
        let mut calls: Vec<&PastCall> = calls.iter().filter(|call| call.at <= world.now).collect();
        calls.sort_by_key(|call| call.at);
        let mut progress = Progress { began: calls.first().map(|call| call.at), ..Progress::none(self) };
        for calls in calls.chunk_by(|one, other| one.at == other.at) {
            moment::pass(self, world, calls, &mut progress);
        }
        progress
    }

    /// What keeps a sequence from ever being of use here: its order cannot be kept, or no call can take one of its steps.
    #[must_use]
    pub fn unkept_sequences(&self) -> Vec<Invalid> {
        self.unkept.iter().cloned().chain(self.stuck()).collect()
    }

    /// Sequences of permissions with a step that no call is ever permitted to take (the deadlock of ODRL Vocabulary 2.2 §4.5.2).
    fn stuck(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        for rule in &self.permissions {
            let mut asked = Vec::new();
            conditions(rule).into_iter().for_each(|node| self.must_hold(node, &mut asked));
            for sequence in self.sequences.iter().filter(|sequence| asked.contains(&sequence.node)) {
                let others = || self.permissions.iter().filter(|other| other.index != rule.index);
                let free = |node: NodeId| others().any(|other| joint::may_hold(self, &[&conditions(other), &[node]]));
                let stuck = |step: &Step| step.by == Taker::Act && !free(step.node);
                if let Some(number) = sequence.earlier().iter().position(stuck) {
                    let (number, of) = (number + 1, sequence.steps.len());
                    let reason = format!(
                        "no other permission lets a call take step {number} of {of}, so that it is never taken; permit that step by a \
                         rule of its own"
                    );
                    found.push(Invalid::new(&sequence.clause, "constraint.sequence-stuck", reason));
                }
            }
        }
        found
    }

    /// What must hold wherever this holds.
    fn must_hold(&self, id: NodeId, found: &mut Vec<NodeId>) {
        found.push(id);
        if let Some(Node::Logical { logic: Logic::And, parts, .. }) = self.nodes.get(id.0) {
            parts.iter().for_each(|part| self.must_hold(*part, found));
        }
    }
}

impl PastCall {
    /// The world when it was made.
    fn world(&self, now: &World) -> World {
        let agreed = "edc:contractAgreement";
        let mut facts = self.facts.clone();
        if let Some(fact) = now.facts.get(agreed) {
            facts.entry(agreed.to_owned()).or_insert_with(|| Fact::clone(fact));
        }
        let or = |own: &Option<String>, other: &Option<String>| own.clone().or_else(|| other.clone());
        World {
            now: self.at,
            phase: Phase::Exchange,
            action: self.action.clone().unwrap_or_else(|| now.action.clone()),
            target: or(&self.target, &now.target),
            assigner: or(&self.assigner, &now.assigner),
            assignee: or(&self.assignee, &now.assignee),
            facts,
            history: None,
            ..now.clone()
        }
    }
}

fn step_of(at: usize, sequence: &Sequence, number: usize, by: Taker) -> SequenceStep {
    SequenceStep { sequence: at, step: number, by_act: by == Taker::Act, bars: sequence.bars }
}
