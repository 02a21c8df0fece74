//! The decision tree. Positions in it are clauses of the policy, so that every answer can cite one.

use std::collections::HashSet;
use std::ops::Range;

use crate::model::odrl::{DutyTiming, Logic};
use crate::policy::value::{Right, Typed};
use crate::policy::vocabulary::{Assurance, Kind, Operand, Operator, ReadBy, SINCE_AGREEMENT, Source, Unit};

/// A fact that the policy looks at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    pub(crate) name: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) exchange_only: bool,
    pub(crate) single: bool,
    pub(crate) assurance: Assurance,
    pub(crate) source: Source,
    pub(crate) from: Told,
    /// The unit of its amounts, where constraints name one; an operand has a slot for each.
    pub(crate) unit: Option<Unit>,
}

/// Where a slot is filled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// What the world says under the operand's name.
    Fact,
    /// The time of the decision.
    Now,
    /// The time since the agreement.
    Agreement,
    /// Groups of the client: what the world says, or else its memberships.
    Groups,
    /// What the world says, or else, for a duty, the time since the agreement.
    Elapsed,
}

impl Slot {
    pub(super) fn new(name: &str, operand: &Operand, unit: Option<Unit>) -> Self {
        let from = match name {
            "dateTime" | "edc:inForceDate" => Told::Now,
            SINCE_AGREEMENT => Told::Agreement,
            "elapsedTime" | "delayPeriod" => Told::Elapsed,
            "xroad:globalGroupMember" | "xroad:localGroupMember" => Told::Groups,
            _ => Told::Fact,
        };
        Self {
            name: name.into(),
            kind: operand.kind,
            exchange_only: operand.exchange_only,
            single: operand.single,
            assurance: operand.assurance,
            source: operand.source.clone(),
            from,
            unit,
        }
    }
}

impl Slot {
    /// An amount that says its own unit, in the unit of the slot; `None` for everything else.
    pub(crate) fn amount(&self, text: &str) -> Option<Typed> {
        self.unit.as_ref()?.read(text).map(Typed::Number)
    }
}

/// A comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Atom {
    pub(crate) clause: Box<str>,
    pub(crate) uid: Option<Box<str>>,
    pub(crate) slot: usize,
    /// The left operand as the policy has it; a date relative to the agreement is compared as something else.
    pub(crate) operand: Box<str>,
    pub(crate) operator: Operator,
    /// Empty when the right operand is only referred to.
    pub(crate) right: Box<[Right]>,
    pub(crate) index: Option<Index>,
    /// The right operand as people read it.
    pub(crate) required: Box<str>,
    pub(crate) unit: Option<Box<str>>,
    /// Whether a permission itself asks for it, so that a path that may mean two things is none that it permits; anywhere else such
    /// a path is not known.
    pub(crate) asked: bool,
}

/// Marks the comparisons that permissions ask for themselves, duties left aside.
pub(super) fn mark_asked(atoms: &mut [Atom], nodes: &[Node], permissions: &[CompiledRule]) {
    let refined = |rule: &CompiledRule| -> Vec<NodeId> {
        rule.aspects().into_iter().flat_map(|(_, all)| all).flat_map(|one| one.refinements.to_vec()).collect()
    };
    let mut open: Vec<NodeId> =
        permissions.iter().flat_map(|rule| [refined(rule), rule.constraints.to_vec()].concat()).collect();
    while let Some(id) = open.pop() {
        match nodes.get(id.0) {
            Some(Node::Atom(at)) => {
                if let Some(atom) = atoms.get_mut(*at) {
                    atom.asked = true;
                }
            }
            Some(Node::Logical { parts, .. }) => open.extend_from_slice(parts),
            Some(Node::Elsewhere { .. }) | None => {}
        }
    }
}

/// Long lists of text, to be looked up rather than gone through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Index(HashSet<Box<str>>);

/// From how many values on a look-up is faster.
const WORTH_AN_INDEX: usize = 12;

impl Index {
    pub(super) fn of(right: &[Right], operator: Operator) -> Option<Self> {
        let membership = matches!(operator, Operator::IsAnyOf | Operator::IsNoneOf);
        if !membership || right.len() < WORTH_AN_INDEX || right.iter().any(|r| r.typed != Typed::Text) {
            return None;
        }
        Some(Self(right.iter().flat_map(|r| std::iter::once(&r.text).chain(&r.iri)).cloned().collect()))
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        self.0.contains(text)
    }
}

/// The place of a node in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(crate) usize);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// The place of a comparison.
    Atom(usize),
    /// A combination.
    Logical { clause: Box<str>, uid: Option<Box<str>>, logic: Logic, parts: Box<[NodeId]> },
    /// A constraint that is described nowhere in the policy.
    Elsewhere { clause: Box<str>, id: Box<str> },
}

/// An action, target or party that a rule is about; a rule is about any one of each. What it names stands apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative {
    /// Its number among all of the policy.
    pub(crate) index: usize,
    pub(crate) clause: Box<str>,
    pub(crate) collection: bool,
    pub(crate) refinements: Box<[NodeId]>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CompiledRule {
    /// Its number among all rules and duties of the policy.
    pub(crate) index: usize,
    pub(crate) clause: Box<str>,
    pub(crate) uid: Option<Box<str>>,
    /// The names of its actions, in their order.
    pub(crate) does: Box<[Box<str>]>,
    pub(crate) actions: Box<[Alternative]>,
    pub(crate) targets: Box<[Alternative]>,
    pub(crate) assigners: Box<[Alternative]>,
    pub(crate) assignees: Box<[Alternative]>,
    pub(crate) constraints: Box<[NodeId]>,
    /// The places of its constraints where each of them is a comparison, else nothing.
    pub(crate) comparisons: Range<usize>,
    pub(crate) duties: Box<[CompiledRule]>,
    pub(crate) consequences: Box<[CompiledRule]>,
    /// What heals an infringement of a prohibition.
    pub(crate) remedies: Box<[CompiledRule]>,
    /// When a duty of a permission is due; `None` at any time.
    pub(crate) timing: Option<DutyTiming>,
    /// What says so.
    pub(crate) read_by: ReadBy,
    /// Whether it is to be kept up until a moment, rather than to be done.
    pub(crate) keeps: bool,
    /// Whether every exchange does what the duty asks, so that nobody has to report it.
    pub(crate) by_itself: bool,
    /// Whether it is a duty that is described nowhere in the policy.
    pub(crate) elsewhere: bool,
}

impl CompiledRule {
    /// Action, target, assigner and assignee with their alternatives.
    pub(crate) fn aspects(&self) -> [(&'static str, &[Alternative]); 4] {
        [
            ("action", &self.actions),
            ("target", &self.targets),
            ("assigner", &self.assigners),
            ("assignee", &self.assignees),
        ]
    }

    /// What makes an infringement good: the remedies of a prohibition, or what follows from not keeping something up.
    pub(crate) fn amends(&self) -> &[CompiledRule] {
        if self.keeps { &self.consequences } else { &self.remedies }
    }

    /// The names of its actions, as people read them.
    pub(crate) fn doing(&self) -> String {
        self.does.join(", ")
    }
}
