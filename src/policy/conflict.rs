//! Whether a permission and a prohibition may apply to the same act: found before publication where values and intervals tell.

use super::Invalid;
use super::compile::{Alternative, Compiled, CompiledRule, NodeId};

pub(super) mod joint;

/// How many pairs of rules are looked at.
const MOST_PAIRS: usize = 250_000;
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

/// Whether one request may be the business of both rules.
pub(super) fn overlap(policy: &Compiled, one: &CompiledRule, other: &CompiledRule) -> bool {
    let actions = one.actions.iter().any(|a| other.actions.iter().any(|b| actions_meet(policy, a, b)));
    actions
        && parties_meet(policy, &one.targets, &other.targets)
        && parties_meet(policy, &one.assigners, &other.assigners)
        && parties_meet(policy, &one.assignees, &other.assignees)
        && joint::may_hold(policy, &[&conditions(one), &conditions(other)])
}

fn actions_meet(policy: &Compiled, one: &Alternative, other: &Alternative) -> bool {
    let pairs = policy.named(one).iter().flat_map(|a| policy.named(other).iter().map(move |b| (a, b)));
    pairs.into_iter().any(|(a, b)| policy.actions.included(a, b) || policy.actions.included(b, a))
}

/// Collections may share members; single ones meet when they are the same.
fn parties_meet(policy: &Compiled, one: &[Alternative], other: &[Alternative]) -> bool {
    let meets = |a: &Alternative, b: &Alternative| {
        let (these, those) = (policy.named(a), policy.named(b));
        let anything = a.collection || b.collection || these.is_empty() || those.is_empty();
        anything || these.iter().any(|id| those.contains(id))
    };
    one.is_empty() || other.is_empty() || one.iter().any(|a| other.iter().any(|b| meets(a, b)))
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
