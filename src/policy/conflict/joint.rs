//! Whether several constraints can hold together, by intervals, sets and path patterns.

use std::cmp::Ordering;

use crate::model::odrl::Logic;
use crate::policy::compile::{Atom, Compiled, Node, NodeId, Slot};
use crate::policy::value::{Right, Typed};
use crate::policy::vocabulary::{Kind, Operator};

/// How many alternatives of a rule are looked at one by one; beyond that it is taken to be satisfiable.
const MOST_ALTERNATIVES: usize = 256;

/// Whether some state of the world may satisfy all of these; true also where that cannot be told.
pub(in crate::policy) fn may_hold(policy: &Compiled, groups: &[&[NodeId]]) -> bool {
    let all: Vec<NodeId> = groups.iter().flat_map(|group| group.iter().copied()).collect();
    let Some(alternatives) = alternatives(policy, &all) else { return true };
    alternatives.iter().any(|atoms| compatible(policy, atoms))
}

/// The alternatives (disjunctive normal form) of constraints that must all hold; `None` when there are too many.
fn alternatives<'a>(policy: &'a Compiled, nodes: &[NodeId]) -> Option<Vec<Vec<&'a Atom>>> {
    let mut product: Vec<Vec<&Atom>> = vec![Vec::new()];
    for id in nodes {
        let choices = match policy.nodes.get(id.0)? {
            Node::Atom(at) => vec![vec![policy.atoms.get(*at)?]],
            Node::Logical { logic: Logic::And | Logic::AndSequence, parts, .. } => alternatives(policy, parts)?,
            // Exactly one implies at least one: what cannot meet under `or` cannot meet under `xone`.
            Node::Logical { logic: Logic::Or | Logic::Xone, parts, .. } => {
                let mut choices = Vec::new();
                for part in parts {
                    choices.extend(alternatives(policy, std::slice::from_ref(part))?);
                }
                choices
            }
        };
        if product.len().saturating_mul(choices.len()) > MOST_ALTERNATIVES {
            return None;
        }
        product = product
            .iter()
            .flat_map(|left| choices.iter().map(move |right| left.iter().chain(right).copied().collect()))
            .collect();
    }
    Some(product)
}

/// Whether one state of the world may satisfy all of these comparisons.
fn compatible(policy: &Compiled, atoms: &[&Atom]) -> bool {
    let of = |slot: usize| atoms.iter().copied().filter(|atom| atom.slot == slot).collect::<Vec<&Atom>>();
    let slots = policy.slots.iter().enumerate();
    slots.clone().all(|(at, slot)| possible(slot, &of(at))) && measured_within_elapsed(policy, atoms)
}

/// Time metered cannot exceed time elapsed.
fn measured_within_elapsed(policy: &Compiled, atoms: &[&Atom]) -> bool {
    let named = |atom: &&Atom, name: &str| policy.slots.get(atom.slot).is_some_and(|slot| *slot.name == *name);
    let metered = atoms.iter().copied().filter(|atom| named(atom, "meteredTime"));
    let elapsed: Vec<&Atom> = atoms.iter().copied().filter(|atom| named(atom, "elapsedTime")).collect();
    metered.filter(|atom| is_lower(atom)).all(|low| !elapsed.iter().any(|high| is_upper(high) && apart(high, low)))
}

/// Whether some value of this operand may satisfy all of these comparisons.
fn possible(slot: &Slot, atoms: &[&Atom]) -> bool {
    if atoms.len() < 2 || atoms.iter().any(|atom| atom.right.is_empty()) {
        return true;
    }
    if slot.kind == Kind::DataPath {
        return paths_meet(atoms);
    }
    // Several values at a time can satisfy what one value cannot.
    let all_of = atoms.iter().any(|atom| atom.operator == Operator::IsAllOf);
    let exact = atoms.iter().any(|atom| atom.operator == Operator::Eq || atom.operator.is_order());
    if all_of && !slot.single && !exact {
        return sets_meet(atoms);
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

fn sets_meet(atoms: &[&Atom]) -> bool {
    let excluded = |right: &Right| {
        let none = atoms.iter().filter(|a| matches!(a.operator, Operator::IsNoneOf | Operator::Neq));
        none.into_iter().any(|a| a.right.iter().any(|no| no.equals(&right.as_seen()) == Some(true)))
    };
    atoms.iter().all(|atom| match atom.operator {
        Operator::IsAllOf => !atom.right.iter().any(excluded),
        Operator::IsAnyOf => !atom.right.iter().all(excluded),
        _ => true,
    })
}

fn paths_meet(atoms: &[&Atom]) -> bool {
    let wanted: Vec<&&Atom> = atoms.iter().filter(|a| matches!(a.operator, Operator::Eq | Operator::IsAnyOf)).collect();
    let refused = atoms.iter().filter(|a| matches!(a.operator, Operator::Neq | Operator::IsNoneOf));
    let refused: Vec<&Right> = refused.flat_map(|atom| atom.right.iter()).collect();
    let meet = |a: &Right, b: &Right| match (&a.pattern, &b.pattern) {
        (Some(a), Some(b)) => a.meets(b),
        _ => true,
    };
    let left = |atom: &Atom| atom.right.iter().any(|r| !refused.iter().any(|no| no.pattern == r.pattern));
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
