//! Whether a permission and a prohibition may apply to the same act: found before publication where values and intervals tell.

use std::cmp::Ordering;

use super::Invalid;
use super::compile::{Atom, CompiledRule, Node, Operator};
use super::value::Typed;
use super::vocabulary::{Kind, action_included};
use crate::model::odrl::{Logic, Party};

/// How many alternatives of a rule are looked at one by one; beyond that it is taken to overlap.
const MOST_ALTERNATIVES: usize = 64;

/// Every prohibition that may apply together with a permission, named by both clauses.
pub(super) fn overlaps(permissions: &[CompiledRule], prohibitions: &[CompiledRule]) -> Vec<Invalid> {
    let mut found = Vec::new();
    for prohibition in prohibitions {
        for permission in permissions.iter().filter(|permission| overlap(permission, prohibition)) {
            let reason = format!(
                "this prohibition and the permission {} may apply to the same act; set conflict to perm or prohibit, or keep \
                 their constraints apart",
                permission.clause
            );
            found.push(Invalid::new(&prohibition.clause, "policy.conflict", reason));
        }
    }
    found
}

fn overlap(one: &CompiledRule, other: &CompiledRule) -> bool {
    let actions = one
        .actions
        .iter()
        .any(|(_, a)| other.actions.iter().any(|(_, b)| action_included(a, b) || action_included(b, a)));
    actions
        && parties_meet(&one.targets, &other.targets)
        && parties_meet(one.assignee.as_slice(), other.assignee.as_slice())
        && constraints_meet(&one.constraints, &other.constraints)
}

/// Collections may share members; single ones meet when they are the same.
fn parties_meet(one: &[Party], other: &[Party]) -> bool {
    one.is_empty()
        || other.is_empty()
        || one.iter().any(|a| other.iter().any(|b| a.id == b.id || a.collection || b.collection))
}

fn constraints_meet(one: &[Node], other: &[Node]) -> bool {
    let (Some(one), Some(other)) = (alternatives(one), alternatives(other)) else { return true };
    one.iter().any(|a| other.iter().any(|b| compatible(a.iter().chain(b).copied())))
}

/// The alternatives (disjunctive normal form) of constraints that must all hold; `None` when there are too many or they cannot
/// be written so.
fn alternatives(nodes: &[Node]) -> Option<Vec<Vec<&Atom>>> {
    let mut product: Vec<Vec<&Atom>> = vec![Vec::new()];
    for node in nodes {
        let choices = match node {
            Node::Atom(atom) => vec![vec![atom.as_ref()]],
            Node::Logical(Logic::And | Logic::AndSequence, parts) => alternatives(parts)?,
            // Exactly one implies at least one: what cannot meet under `or` cannot meet under `xone`.
            Node::Logical(Logic::Or | Logic::Xone, parts) => {
                let mut choices = Vec::new();
                for part in parts {
                    choices.extend(alternatives(std::slice::from_ref(part))?);
                }
                choices
            }
        };
        if product.len() * choices.len() > MOST_ALTERNATIVES {
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
fn compatible<'a>(atoms: impl Iterator<Item = &'a Atom>) -> bool {
    let atoms: Vec<&Atom> = atoms.collect();
    !atoms
        .iter()
        .enumerate()
        .any(|(n, a)| atoms.iter().skip(n + 1).any(|b| a.operand == b.operand && a.kind == b.kind && excludes(a, b)))
}

/// Whether two comparisons of one operand cannot both be true.
fn excludes(a: &Atom, b: &Atom) -> bool {
    if a.referenced || b.referenced || a.kind == Kind::DataPath {
        return false;
    }
    use Operator as O;
    match (a.operator, b.operator) {
        (O::Eq, _) => a.right.len() == 1 && a.right.first().is_some_and(|value| !may_be(value, b)),
        (_, O::Eq) => b.right.len() == 1 && b.right.first().is_some_and(|value| !may_be(value, a)),
        (O::IsAnyOf, O::IsNoneOf) => a.right.iter().all(|v| b.right.iter().any(|w| v.same(w))),
        (O::IsNoneOf, O::IsAnyOf) => b.right.iter().all(|v| a.right.iter().any(|w| v.same(w))),
        (O::IsAllOf, O::IsNoneOf) => a.right.iter().any(|v| b.right.iter().any(|w| v.same(w))),
        (O::IsNoneOf, O::IsAllOf) => b.right.iter().any(|v| a.right.iter().any(|w| v.same(w))),
        (O::IsAnyOf, O::Lt | O::Lteq | O::Gt | O::Gteq) => !a.right.iter().any(|value| may_be(value, b)),
        (O::Lt | O::Lteq | O::Gt | O::Gteq, O::IsAnyOf) => !b.right.iter().any(|value| may_be(value, a)),
        (O::Lt | O::Lteq, O::Gt | O::Gteq) => apart(a, b),
        (O::Gt | O::Gteq, O::Lt | O::Lteq) => apart(b, a),
        _ => false,
    }
}

/// Whether the single value may satisfy the comparison.
fn may_be(value: &Typed, atom: &Atom) -> bool {
    use Operator as O;
    let [required] = atom.right.as_slice() else {
        return match atom.operator {
            O::IsAnyOf => atom.right.iter().any(|r| r.same(value)),
            O::IsNoneOf => !atom.right.iter().any(|r| r.same(value)),
            O::IsAllOf => atom.right.iter().all(|r| r.same(value)),
            _ => true,
        };
    };
    let order = value.order(required);
    match atom.operator {
        O::Eq | O::IsAnyOf | O::IsAllOf => value.same(required),
        O::Neq | O::IsNoneOf => !value.same(required),
        O::Lt => order.is_none_or(|o| o == Ordering::Less),
        O::Lteq => order.is_none_or(|o| o != Ordering::Greater),
        O::Gt => order.is_none_or(|o| o == Ordering::Greater),
        O::Gteq => order.is_none_or(|o| o != Ordering::Less),
        O::IsA | O::IsPartOf | O::HasPart => true,
    }
}

/// Whether an upper bound lies below a lower bound.
fn apart(upper: &Atom, lower: &Atom) -> bool {
    let ([high], [low]) = (upper.right.as_slice(), lower.right.as_slice()) else { return false };
    match high.order(low) {
        Some(Ordering::Less) => true,
        Some(Ordering::Equal) => upper.operator == Operator::Lt || lower.operator == Operator::Gt,
        _ => false,
    }
}
