//! Whether a permission and a prohibition may apply to the same act: found before publication where values and intervals tell.

use super::Invalid;
use super::compile::{Alternative, Compiled, CompiledRule, NodeId};

pub(super) mod joint;

/// How many pairs of rules are looked at.
const MOST_PAIRS: usize = 250_000;
/// How many ways in which two rules may meet are looked at; beyond that they are taken to meet.
const MOST_WAYS: usize = 64;
/// How many overlaps are told.
const MOST_TOLD: usize = 64;

impl Compiled {
    /// Whether the constraints of the first permission and the first prohibition may hold together.
    pub(crate) fn may_meet(&self) -> bool {
        let (Some(one), Some(other)) = (self.permissions.first(), self.prohibitions.first()) else { return false };
        joint::may_hold(self, &[&conditions(one), &conditions(other)])
    }

    /// Whether the constraints of the first permission cannot hold without those of the first prohibition.
    pub(crate) fn is_contained(&self) -> bool {
        let (Some(one), Some(other)) = (self.permissions.first(), self.prohibitions.first()) else { return false };
        joint::implies(self, &conditions(one), &conditions(other))
    }

    /// Whether the first permission can ever apply.
    pub(crate) fn is_realizable(&self) -> bool {
        self.permissions.first().is_some_and(|rule| joint::may_hold(self, &[&conditions(rule)]))
    }
}

/// Every prohibition that may apply together with a permission, named by both clauses.
pub(super) fn overlaps(policy: &Compiled) -> Vec<Invalid> {
    if policy.permissions.len().saturating_mul(policy.prohibitions.len()) > MOST_PAIRS {
        let reason =
            "too many permissions and prohibitions to tell whether they overlap; set conflict to perm or prohibit";
        return vec![Invalid::new("", "policy.too-large", reason)];
    }
    let mut found = Vec::new();
    for prohibition in &policy.prohibitions {
        for permission in policy.permissions.iter().filter(|permission| overlap(policy, permission, prohibition)) {
            found.extend(told(&permission.clause, &prohibition.clause));
            if found.len() >= MOST_TOLD {
                return found;
            }
        }
    }
    found
}

fn told(permission: &str, prohibition: &str) -> [Invalid; 2] {
    let advice = "may apply to the same act; set conflict to perm or prohibit, or keep their constraints apart";
    [
        (prohibition, format!("this prohibition and the permission {permission} {advice}")),
        (permission, format!("this permission and the prohibition {prohibition} {advice}")),
    ]
    .map(|(clause, reason)| Invalid::new(clause, "policy.overlap", reason))
}

/// Whether one request may be the business of both rules: through some pair of their actions, targets and parties, whose
/// refinements must hold with the constraints of both.
pub(super) fn overlap(policy: &Compiled, one: &CompiledRule, other: &CompiledRule) -> bool {
    let mut ways: Vec<Vec<NodeId>> = vec![[&*one.constraints, &*other.constraints].concat()];
    for ((name, these), (_, those)) in one.aspects().into_iter().zip(other.aspects()) {
        let meets = if name == "action" { actions_meet } else { parties_meet };
        let Some(refined) = pairs(policy, these, those, meets) else { continue };
        if ways.len().saturating_mul(refined.len()) > MOST_WAYS {
            return true;
        }
        let joined = |way: &Vec<NodeId>| refined.iter().map(|more| [&**way, &**more].concat()).collect::<Vec<_>>();
        ways = ways.iter().flat_map(joined).collect();
    }
    ways.iter().any(|way| joint::may_hold(policy, &[way]))
}

/// The refinements of each pair that meets; `None` where some pair meets without any, which asks for the least.
fn pairs(
    policy: &Compiled,
    these: &[Alternative],
    those: &[Alternative],
    meets: fn(&Compiled, &Alternative, &Alternative) -> bool,
) -> Option<Vec<Vec<NodeId>>> {
    // A rule that names nothing is about anything.
    let (Some(_), Some(_)) = (these.first(), those.first()) else {
        let all: Vec<Vec<NodeId>> = these.iter().chain(those).map(|only| only.refinements.to_vec()).collect();
        return Some(all).filter(|all| !all.is_empty() && all.iter().all(|refined| !refined.is_empty()));
    };
    let mut found = Vec::new();
    for a in these {
        for b in those.iter().filter(|b| meets(policy, a, b)) {
            let both = [&*a.refinements, &*b.refinements].concat();
            if both.is_empty() {
                return None;
            }
            found.push(both);
        }
    }
    Some(found)
}

fn actions_meet(policy: &Compiled, one: &Alternative, other: &Alternative) -> bool {
    let pairs = policy.named(one).iter().flat_map(|a| policy.named(other).iter().map(move |b| (a, b)));
    pairs.into_iter().any(|(a, b)| policy.actions.included(a, b) || policy.actions.included(b, a))
}

/// Collections may share members; single ones meet when they are the same.
fn parties_meet(policy: &Compiled, one: &Alternative, other: &Alternative) -> bool {
    let (these, those) = (policy.named(one), policy.named(other));
    let anything = one.collection || other.collection || these.is_empty() || those.is_empty();
    anything || these.iter().any(|id| those.contains(id))
}

/// What must hold for a rule to apply: its constraints, and refinements where there is no choice.
pub(super) fn conditions(rule: &CompiledRule) -> Vec<NodeId> {
    let mut all = rule.constraints.to_vec();
    for (_, alternatives) in rule.aspects() {
        if let [only] = alternatives {
            all.extend_from_slice(&only.refinements);
        }
    }
    all
}
