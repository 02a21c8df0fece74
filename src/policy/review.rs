//! What an author should know of a policy that can be published: rules that never apply, and how far each constraint holds.

use serde::Serialize;

use super::compile::{Alternative, Compiled, CompiledRule};
use super::conflict::{conditions, joint, overlap};
use super::vocabulary::Assurance;
use crate::model::odrl::Conflict;

/// The review of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Review {
    /// How far each constraint holds the consumer, in the policy's order.
    pub constraints: Vec<Held>,
    /// What is likely a mistake, or not what it seems.
    pub warnings: Vec<Warning>,
}

/// How far one constraint holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// JSON Pointer (RFC 6901) of the constraint.
    pub clause: String,
    /// The left operand.
    pub operand: String,
    /// Enforced on the exchange, attested by the consumer, or audited afterwards.
    pub assurance: Assurance,
}

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// JSON Pointer (RFC 6901) of the rule or constraint.
    pub clause: String,
    /// Stable code: `rule.never-applies`, `rule.shadowed`, `constraint.not-enforced`.
    pub code: &'static str,
    /// One sentence.
    pub reason: String,
}

impl Compiled {
    /// Reviews the policy. What intervals, sets and path patterns cannot tell is not warned of.
    #[must_use]
    pub fn review(&self) -> Review {
        let held = self.atoms.iter().filter_map(|atom| {
            let slot = self.slots.get(atom.slot)?;
            Some(Held { clause: atom.clause.to_string(), operand: slot.name.to_string(), assurance: slot.assurance })
        });
        let constraints: Vec<Held> = held.collect();
        let mut warnings = self.never_applying();
        warnings.extend(self.shadowed());
        warnings.extend(constraints.iter().filter(|held| held.assurance != Assurance::Enforced).map(not_enforced));
        Review { constraints, warnings }
    }

    fn never_applying(&self) -> Vec<Warning> {
        let rules = self.permissions.iter().chain(&self.prohibitions);
        let never = rules.filter(|rule| !joint::may_hold(self, &[&conditions(rule)]));
        never
            .map(|rule| {
                let reason = "its constraints contradict each other, so that it never applies; relax one of them";
                warning(&rule.clause, "rule.never-applies", reason.to_owned())
            })
            .collect()
    }

    /// Permissions that a prohibition takes away altogether: it applies whenever the permission does.
    fn shadowed(&self) -> Vec<Warning> {
        if self.conflict != Conflict::Prohibitions {
            return Vec::new();
        }
        let shadow = |rule: &CompiledRule| {
            let mut all = self.prohibitions.iter();
            all.find(|by| joint::implies(self, &conditions(rule), &conditions(by)) && self.forbids_all(by, rule))
        };
        let found = self.permissions.iter().filter_map(|rule| shadow(rule).map(|by| (rule, by)));
        found
            .map(|(rule, by)| {
                let reason =
                    format!("the prohibition {} takes all of it away; constrain it or drop one of them", by.clause);
                warning(&rule.clause, "rule.shadowed", reason)
            })
            .collect()
    }

    fn forbids_all(&self, prohibition: &CompiledRule, permission: &CompiledRule) -> bool {
        let forbidden = |action: &str| prohibition.does.iter().any(|by| self.actions.included(action, by));
        let all = permission.does.iter().all(|action| forbidden(action));
        all && covers(self, &prohibition.targets, &permission.targets)
            && covers(self, &prohibition.assignees, &permission.assignees)
            && overlap(self, permission, prohibition)
    }
}

/// Whether a rule about `one` is about all that a rule about `other` is about.
fn covers(policy: &Compiled, one: &[Alternative], other: &[Alternative]) -> bool {
    let within =
        |named: &Alternative| one.iter().any(|by| policy.named(named).iter().all(|id| policy.named(by).contains(id)));
    one.is_empty() || (!other.is_empty() && other.iter().all(within))
}

fn not_enforced(held: &Held) -> Warning {
    let how = match held.assurance {
        Assurance::Attested => "rests on what the consumer declares; it is kept as evidence",
        _ => "cannot be seen on an exchange; only reports and audits tell of it",
    };
    warning(&held.clause, "constraint.not-enforced", format!("{} {how}", held.operand))
}

fn warning(clause: &str, code: &'static str, reason: String) -> Warning {
    Warning { clause: clause.to_owned(), code, reason }
}
