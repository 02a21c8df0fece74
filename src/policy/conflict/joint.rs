//! Whether several constraints can hold together, by intervals, sets and path patterns.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::model::odrl::Logic;
use crate::policy::compile::{Atom, Compiled, DELAY, Node, NodeId, Slot, Told};
use crate::policy::value::{Right, Typed, end_of};
use crate::policy::vocabulary::{Kind, Operator};

/// How many alternatives of a rule are looked at one by one; beyond that it is taken to be satisfiable.
const MOST_ALTERNATIVES: usize = 256;

/// Whether some state of the world may satisfy all of these; true also where that cannot be told.
pub(in crate::policy) fn may_hold(policy: &Compiled, groups: &[&[NodeId]]) -> bool {
    let all: Vec<NodeId> = groups.iter().flat_map(|group| group.iter().copied()).collect();
    let Some(choices) = alternatives(policy, &all, Reading::AsIs) else { return true };
    choices.iter().any(|choice| compatible(policy, choice, Holding::Surely))
}

/// Whether the first conditions cannot hold without the second holding too; false where that cannot be told.
pub(in crate::policy) fn implies(policy: &Compiled, first: &[NodeId], second: &[NodeId]) -> bool {
    let Some(firsts) = alternatives(policy, first, Reading::AsIs) else { return false };
    second.iter().all(|node| {
        let Some(opposites) = alternatives(policy, std::slice::from_ref(node), Reading::Negated) else { return false };
        !firsts.iter().any(|one| {
            opposites.iter().any(|other| {
                let both: Choice<'_> = one.iter().chain(other).cloned().collect();
                compatible(policy, &both, Holding::Perhaps)
            })
        })
    })
}

/// Whether the first conditions cannot hold without some of the others holding too, each of which is a list of conditions; false
/// where that cannot be told.
pub(in crate::policy) fn implies_one(policy: &Compiled, first: &[NodeId], others: &[Vec<NodeId>]) -> bool {
    let none_of = others.iter().map(|other| alternatives(policy, other, Reading::Negated));
    let ways = together(std::iter::once(alternatives(policy, first, Reading::AsIs)).chain(none_of));
    ways.is_some_and(|ways| !ways.iter().any(|way| compatible(policy, way, Holding::Perhaps)))
}

/// Comparisons that hold together in one way of satisfying constraints; what cannot be put as a comparison is left out of it, so
/// that a choice never asks for more than the constraints do.
type Choice<'a> = Vec<Chosen<'a>>;

#[derive(Clone)]
struct Chosen<'a> {
    atom: Cow<'a, Atom>,
    /// The sequence that it is a step of: its steps hold one after the other, not together.
    sequence: Option<NodeId>,
}

#[derive(Clone, Copy, PartialEq)]
enum Reading {
    AsIs,
    Negated,
}

/// How comparisons are to hold together.
#[derive(Clone, Copy, PartialEq)]
enum Holding {
    /// Each is true: of several values neither `eq` nor `neq` of one is.
    Surely,
    /// None is false: `neq` may stand for what is not equal for certain.
    Perhaps,
}

/// The alternatives (disjunctive normal form) of constraints that must all hold, or of their opposite; `None` when there are too
/// many.
fn alternatives<'a>(policy: &'a Compiled, nodes: &[NodeId], reading: Reading) -> Option<Vec<Choice<'a>>> {
    let each = nodes.iter().map(|node| of_node(policy, *node, reading));
    if reading == Reading::AsIs { together(each) } else { one_of(each) }
}

fn of_node(policy: &Compiled, id: NodeId, reading: Reading) -> Option<Vec<Choice<'_>>> {
    match (policy.nodes.get(id.0)?, reading) {
        (Node::Atom(at), Reading::AsIs) => by_moments(Cow::Borrowed(policy.atoms.get(*at)?)),
        (Node::Atom(at), Reading::Negated) => {
            let each = opposites(policy.atoms.get(*at)?).into_iter();
            one_of(each.map(|other| other.map_or_else(|| Some(vec![Vec::new()]), by_moments)))
        }
        (Node::Elsewhere { .. }, _) => Some(vec![Vec::new()]),
        (Node::Logical { logic: Logic::AndSequence, parts, .. }, Reading::AsIs) => {
            let mut choices = alternatives(policy, parts, reading)?;
            let last = parts.last().map(|part| leaves(policy, *part)).unwrap_or_default();
            // The last step holds with the call itself, together with all that stands beside the sequence; its delay runs from the
            // step before.
            let holds_now = |atom: &Atom| last.contains(&&*atom.clause) && !is_delay(policy, atom);
            let earlier = choices.iter_mut().flatten().filter(|chosen| !holds_now(&chosen.atom));
            earlier.for_each(|chosen| chosen.sequence = Some(id));
            Some(choices)
        }
        (Node::Logical { logic: Logic::And, parts, .. }, _) => alternatives(policy, parts, reading),
        (Node::Logical { logic: Logic::Or, parts, .. }, Reading::AsIs) => {
            one_of(parts.iter().map(|part| of_node(policy, *part, reading)))
        }
        (Node::Logical { logic: Logic::Or, parts, .. }, Reading::Negated) => {
            together(parts.iter().map(|part| of_node(policy, *part, reading)))
        }
        (Node::Logical { logic: Logic::Xone, parts, .. }, reading) => exactly_one(policy, parts, reading),
        // What can be told of a sequence is that each step was taken, not that one was not.
        (Node::Logical { logic: Logic::AndSequence, .. }, Reading::Negated) => Some(vec![Vec::new()]),
    }
}

/// The clauses of the comparisons below a node.
fn leaves(policy: &Compiled, id: NodeId) -> Vec<&str> {
    match policy.nodes.get(id.0) {
        Some(Node::Atom(at)) => policy.atoms.get(*at).map(|atom| &*atom.clause).into_iter().collect(),
        Some(Node::Logical { parts, .. }) => parts.iter().flat_map(|part| leaves(policy, *part)).collect(),
        Some(Node::Elsewhere { .. }) | None => Vec::new(),
    }
}

fn is_delay(policy: &Compiled, atom: &Atom) -> bool {
    policy.slots.get(atom.slot).is_some_and(|slot| *slot.name == *DELAY)
}

/// One part holds and the others do not; or, negated, none of them holds or some two do.
fn exactly_one<'a>(policy: &'a Compiled, parts: &[NodeId], reading: Reading) -> Option<Vec<Choice<'a>>> {
    let none = || together(parts.iter().map(|part| of_node(policy, *part, Reading::Negated)));
    let mut ways = Vec::new();
    if reading == Reading::Negated {
        ways.push(none());
    }
    for (at, one) in parts.iter().enumerate() {
        if reading == Reading::AsIs {
            let each = parts.iter().enumerate().map(|(other, part)| {
                of_node(policy, *part, if other == at { Reading::AsIs } else { Reading::Negated })
            });
            ways.push(together(each));
        } else {
            let pairs = parts.iter().skip(at + 1);
            ways.extend(
                pairs.map(|other| together([one, other].map(|n| of_node(policy, *n, Reading::AsIs)).into_iter())),
            );
        }
    }
    one_of(ways.into_iter())
}

fn one_of<'a>(each: impl Iterator<Item = Option<Vec<Choice<'a>>>>) -> Option<Vec<Choice<'a>>> {
    let all: Vec<Choice<'a>> = each.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    (all.len() <= MOST_ALTERNATIVES).then_some(all)
}

fn together<'a>(each: impl Iterator<Item = Option<Vec<Choice<'a>>>>) -> Option<Vec<Choice<'a>>> {
    let mut product: Vec<Choice<'a>> = vec![Vec::new()];
    for choices in each {
        let choices = choices?;
        if product.len().saturating_mul(choices.len()) > MOST_ALTERNATIVES {
            return None;
        }
        let joined = |left: &Choice<'a>, right: &Choice<'a>| left.iter().chain(right).cloned().collect();
        product = product.iter().flat_map(|left| choices.iter().map(move |right| joined(left, right))).collect();
    }
    Some(product)
}

/// A comparison, with days put as the moments that they begin and end with.
fn by_moments(atom: Cow<'_, Atom>) -> Option<Vec<Choice<'_>>> {
    let chosen = |atom| Chosen { atom, sequence: None };
    if !atom.right.iter().any(|right| matches!(right.typed, Typed::Day(_))) {
        return Some(vec![vec![chosen(atom)]]);
    }
    let at = |operator, time| {
        let right = atom.right.first().cloned().map(|right| Right { typed: Typed::Instant(time), ..right });
        chosen(Cow::Owned(Atom { operator, right: right.into_iter().collect(), ..atom.clone().into_owned() }))
    };
    let one = |right: &Right, operator| match (right.typed, operator) {
        (Typed::Day(day), Operator::Lt | Operator::Gteq) => vec![vec![at(operator, day)]],
        (Typed::Day(day), Operator::Lteq) => vec![vec![at(Operator::Lt, end_of(day))]],
        (Typed::Day(day), Operator::Gt) => vec![vec![at(Operator::Gteq, end_of(day))]],
        (Typed::Day(day), Operator::Eq) => vec![vec![at(Operator::Gteq, day), at(Operator::Lt, end_of(day))]],
        (Typed::Day(day), Operator::Neq) => vec![vec![at(Operator::Lt, day)], vec![at(Operator::Gteq, end_of(day))]],
        (Typed::Instant(time), operator) => vec![vec![at(operator, time)]],
        _ => vec![Vec::new()],
    };
    let each = |operator| atom.right.iter().map(move |right| Some(one(right, operator)));
    match (atom.operator, atom.right.len()) {
        (Operator::IsAnyOf, _) => one_of(each(Operator::Eq)),
        (Operator::IsNoneOf, _) => together(each(Operator::Neq)),
        (Operator::IsAllOf, _) => together(each(Operator::Eq)),
        (operator, 1) => together(each(operator)),
        // Of a list nothing is told by an order.
        _ => Some(vec![Vec::new()]),
    }
}

/// The comparisons of which one holds when this one does not; for some there is none that could be named.
fn opposites(atom: &Atom) -> Vec<Option<Cow<'_, Atom>>> {
    let with = |operator, right: &[Right]| Some(Cow::Owned(Atom { operator, right: right.into(), ..atom.clone() }));
    match atom.operator {
        // One of them is missing.
        Operator::IsAllOf if !atom.right.is_empty() => {
            atom.right.chunks(1).map(|right| with(Operator::IsNoneOf, right)).collect()
        }
        operator => vec![operator.opposite().and_then(|operator| with(operator, &atom.right))],
    }
}

/// Whether one state of the world may satisfy all of these comparisons.
fn compatible(policy: &Compiled, choice: &[Chosen<'_>], holding: Holding) -> bool {
    let now = choice.iter().filter(|chosen| chosen.sequence.is_none());
    let atoms: Vec<&Atom> = now.map(|chosen| &*chosen.atom).collect();
    let of = |slot: usize| atoms.iter().copied().filter(|atom| atom.slot == slot).collect::<Vec<&Atom>>();
    let mut slots = policy.slots.iter().enumerate();
    slots.all(|(at, slot)| possible(slot, &of(at), holding))
        && on_one_clock(policy, &atoms)
        && measured_within_elapsed(policy, &atoms)
        && delays_within_elapsed(policy, choice)
}

/// The steps of a sequence wait for each other: their delays add up within the time elapsed.
fn delays_within_elapsed(policy: &Compiled, choice: &[Chosen<'_>]) -> bool {
    let named = |atom: &Atom, name: &str| policy.slots.get(atom.slot).is_some_and(|slot| *slot.name == *name);
    let bound = |atom: &Atom| match &*atom.right {
        [Right { typed: Typed::Duration(length), .. }] => length.millis(),
        _ => None,
    };
    let delay = |chosen: &&Chosen<'_>| is_delay(policy, &chosen.atom) && is_lower(&chosen.atom);
    let most = choice.iter().filter(|c| named(&c.atom, "elapsedTime") && is_upper(&c.atom));
    let Some(most) = most.filter_map(|c| bound(&c.atom)).min() else { return true };
    let sequences = choice.iter().filter_map(|chosen| chosen.sequence);
    sequences.into_iter().all(|id| {
        let steps = choice.iter().filter(|chosen| chosen.sequence == Some(id)).filter(delay);
        steps.filter_map(|chosen| bound(&chosen.atom)).sum::<i64>() <= most
    })
}

/// Time metered cannot exceed time elapsed.
fn measured_within_elapsed(policy: &Compiled, atoms: &[&Atom]) -> bool {
    let named = |atom: &&Atom, name: &str| policy.slots.get(atom.slot).is_some_and(|slot| *slot.name == *name);
    let metered = atoms.iter().copied().filter(|atom| named(atom, "meteredTime"));
    let elapsed: Vec<&Atom> = atoms.iter().copied().filter(|atom| named(atom, "elapsedTime")).collect();
    metered.filter(|atom| is_lower(atom)).all(|low| !elapsed.iter().any(|high| is_upper(high) && apart(high, low)))
}

/// There is one time, under whatever name it is asked for.
fn on_one_clock(policy: &Compiled, atoms: &[&Atom]) -> bool {
    let mut clocks = policy.slots.iter().filter(|slot| slot.from == Told::Now);
    let (Some(clock), Some(_)) = (clocks.next(), clocks.next()) else { return true };
    let told_by_it = |atom: &&Atom| policy.slots.get(atom.slot).is_some_and(|slot| slot.from == Told::Now);
    possible(clock, &atoms.iter().copied().filter(told_by_it).collect::<Vec<_>>(), Holding::Surely)
}

/// Whether some value of this operand may satisfy all of these comparisons, which are in one unit.
fn possible(slot: &Slot, atoms: &[&Atom], holding: Holding) -> bool {
    if atoms.len() < 2 || atoms.iter().any(|atom| atom.right.is_empty()) {
        return true;
    }
    if slot.from == Told::Groups {
        return members_meet(atoms);
    }
    if slot.kind == Kind::DataPath {
        return paths_meet(atoms);
    }
    // Several values at a time can satisfy what one value cannot.
    let of_one = |operator| operator == Operator::Neq && holding == Holding::Surely;
    let exact = |atom: &&Atom| atom.operator == Operator::Eq || atom.operator.is_order() || of_one(atom.operator);
    if !slot.single && !atoms.iter().any(exact) {
        return members_meet(atoms);
    }
    let candidates = atoms.iter().find(|a| a.operator == Operator::Eq).or_else(|| {
        let listed = atoms.iter().filter(|a| matches!(a.operator, Operator::IsAnyOf | Operator::IsAllOf));
        listed.min_by_key(|a| a.right.len())
    });
    if let Some(candidates) = candidates {
        return candidates.right.iter().any(|value| atoms.iter().all(|atom| may_be(value, atom)));
    }
    bounds_meet(atoms)
}

/// Whether one set may have all that is asked for and nothing that is excluded; of groups, `eq` asks for membership.
fn members_meet(atoms: &[&Atom]) -> bool {
    let out = |right: &Right| {
        let none = atoms.iter().filter(|a| matches!(a.operator, Operator::IsNoneOf | Operator::Neq));
        none.into_iter().any(|a| a.right.iter().any(|no| no.equals(&right.as_seen()) == Some(true)))
    };
    atoms.iter().all(|atom| match atom.operator {
        Operator::Eq | Operator::IsAllOf => !atom.right.iter().any(out),
        Operator::IsAnyOf => !atom.right.iter().all(out),
        _ => true,
    })
}

/// Whether intervals have a point in common that nothing else excludes.
fn bounds_meet(atoms: &[&Atom]) -> bool {
    for high in atoms.iter().filter(|atom| is_upper(atom)) {
        for low in atoms.iter().filter(|atom| is_lower(atom)) {
            if apart(high, low) {
                return false;
            }
            let touching = order(high, low) == Some(Ordering::Equal);
            if touching && high.right.first().is_some_and(|value| !atoms.iter().all(|atom| may_be(value, atom))) {
                return false;
            }
        }
    }
    true
}

fn paths_meet(atoms: &[&Atom]) -> bool {
    let wanted: Vec<&&Atom> = atoms.iter().filter(|a| matches!(a.operator, Operator::Eq | Operator::IsAnyOf)).collect();
    let refused = atoms.iter().filter(|a| matches!(a.operator, Operator::Neq | Operator::IsNoneOf));
    let refused: Vec<&Right> = refused.flat_map(|atom| atom.right.iter()).collect();
    let meet = |a: &Right, b: &Right| match (&a.pattern, &b.pattern) {
        (Some(a), Some(b)) => a.meets(b),
        _ => true,
    };
    let excluded = |right: &Right| {
        let within =
            |no: &&Right| no.pattern.as_ref().zip(right.pattern.as_ref()).is_some_and(|(no, it)| no.contains(it));
        refused.iter().any(within)
    };
    let left = |atom: &Atom| !atom.right.iter().all(excluded);
    wanted.iter().all(|atom| left(atom))
        && wanted.iter().enumerate().all(|(n, one)| {
            let others = wanted.iter().skip(n + 1);
            others.into_iter().all(|other| one.right.iter().any(|a| other.right.iter().any(|b| meet(a, b))))
        })
}

/// Whether the single value may satisfy the comparison.
fn may_be(value: &Right, atom: &Atom) -> bool {
    let seen = value.as_seen();
    let same = |right: &Right| right.equals(&seen).unwrap_or(true);
    let holds = |right: &Right, wanted: fn(Ordering) -> bool| right.order(&seen).is_none_or(wanted);
    match (atom.operator, &*atom.right) {
        (Operator::IsAnyOf, all) => all.iter().any(same),
        (Operator::IsAllOf, all) => all.iter().all(same),
        (Operator::IsNoneOf, all) => !all.iter().any(|right| right.equals(&seen) == Some(true)),
        (Operator::Eq, [right]) => same(right),
        (Operator::Neq, [right]) => right.equals(&seen) != Some(true),
        (Operator::Lt, [right]) => holds(right, Ordering::is_lt),
        (Operator::Lteq, [right]) => holds(right, Ordering::is_le),
        (Operator::Gt, [right]) => holds(right, Ordering::is_gt),
        (Operator::Gteq, [right]) => holds(right, Ordering::is_ge),
        // Taxonomies are not at hand here.
        _ => true,
    }
}

fn is_upper(atom: &Atom) -> bool {
    matches!(atom.operator, Operator::Lt | Operator::Lteq | Operator::Eq)
}

fn is_lower(atom: &Atom) -> bool {
    matches!(atom.operator, Operator::Gt | Operator::Gteq | Operator::Eq)
}

fn order(high: &Atom, low: &Atom) -> Option<Ordering> {
    let ([high], [low]) = (&*high.right, &*low.right) else { return None };
    if high.typed == Typed::Text && low.typed == Typed::Text && high.text == low.text {
        return Some(Ordering::Equal);
    }
    low.order(&high.as_seen())
}

/// Whether an upper bound lies below a lower bound.
fn apart(high: &Atom, low: &Atom) -> bool {
    match order(high, low) {
        Some(Ordering::Less) => true,
        Some(Ordering::Equal) => high.operator == Operator::Lt || low.operator == Operator::Gt,
        _ => false,
    }
}
