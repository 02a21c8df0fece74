//! What an author should know of a policy that can be published: rules that never apply, and how far each constraint holds.

use serde::Serialize;

use super::compile::{Alternative, Compiled, CompiledRule, NodeId};
use super::conflict::{conditions, joint, overlap};
use super::vocabulary::{Assurance, Operator, ReadBy, Source};
use crate::model::odrl::{Conflict, DutyTiming};

/// How many permissions are compared with each other.
const MOST_COMPARED: usize = 128;

/// The review of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Review {
    /// How far each constraint holds the consumer, in the policy's order.
    pub constraints: Vec<Held>,
    /// How each duty of a permission is read, in the policy's order.
    pub duties: Vec<ReadDuty>,
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

/// When one duty is taken to be due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadDuty {
    /// JSON Pointer (RFC 6901) of the duty.
    pub clause: String,
    /// What is to be done.
    pub actions: Vec<String>,
    /// Before, with or after each use; `null` at any time.
    pub timing: Option<DutyTiming>,
    /// What says so.
    pub read_by: ReadBy,
    /// Whether every exchange does it by itself, so that nobody has to confirm it.
    pub met_by_exchanges: bool,
    /// One sentence.
    pub reason: String,
}

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// JSON Pointer (RFC 6901) of the rule or constraint.
    pub clause: String,
    /// Stable code: `rule.never-applies`, `rule.shadowed`, `constraint.not-enforced`, `constraint.unenforceable`,
    /// `constraint.never-told`, `constraint.partial-star`, `policy.parent-unknown`.
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
            Some(Held { clause: atom.clause.to_string(), operand: atom.operand.to_string(), assurance: slot.assurance })
        });
        let constraints: Vec<Held> = held.collect();
        let mut warnings = self.never_applying();
        warnings.extend(self.shadowed());
        warnings.extend(self.repeated());
        warnings.extend(self.unenforceable());
        warnings.extend(self.misread());
        let weak = constraints.iter().filter(|held| held.assurance != Assurance::Enforced);
        warnings.extend(weak.map(not_enforced));
        let duties = self.permissions.iter().flat_map(|rule| &rule.duties).map(read_duty).collect();
        Review { constraints, duties, warnings }
    }

    /// What can never be shown to hold here, so that a permission that asks for it permits nothing: a left operand that nothing
    /// supplies, a value that stands elsewhere, a sequence that cannot be kept, a parent that is not at hand.
    #[must_use]
    pub fn unenforceable(&self) -> Vec<Warning> {
        let code = "constraint.unenforceable";
        let atoms = self.atoms.iter().filter_map(|atom| {
            let slot = self.slots.get(atom.slot)?;
            let reason = if atom.right.is_empty() {
                format!("the value to compare {} with stands at {} and is not read", slot.name, atom.required)
            } else if slot.source == Source::Nowhere {
                format!("nothing here supplies {}, so it is known only where the operator vouches for it", slot.name)
            } else {
                return None;
            };
            Some(warning(&atom.clause, code, reason))
        });
        let sequences = self.unkept_sequences().into_iter().map(|unkept| warning(&unkept.clause, code, unkept.reason));
        let parents = self.parents.iter().map(|parent| {
            let reason = format!("the rules of {} are not at hand, so nothing is permitted", parent.id);
            warning(&parent.clause, "policy.parent-unknown", reason)
        });
        atoms.chain(sequences).chain(parents).collect()
    }

    /// Comparisons that are not what they seem: one value against a list, a star that is a character.
    fn misread(&self) -> Vec<Warning> {
        let mut found = Vec::new();
        for atom in &self.atoms {
            let operand = self.slots.get(atom.slot).map_or("", |slot| &*slot.name);
            let of_one = matches!(atom.operator, Operator::Eq | Operator::Neq) || atom.operator.is_order();
            if of_one && atom.right.len() > 1 {
                let operator = atom.operator.as_str();
                let reason = format!(
                    "whether {operand} is {operator} to several values can never be told; use isAnyOf or isNoneOf"
                );
                found.push(warning(&atom.clause, "constraint.never-told", reason));
            }
            let patterns = atom.right.iter().filter_map(|right| Some((right, right.pattern.as_ref()?)));
            for (right, _) in patterns.filter(|(_, pattern)| pattern.has_partial_star()) {
                let reason =
                    format!("in {} a star stands within a segment, where it is a character like others", right.text);
                found.push(warning(&atom.clause, "constraint.partial-star", reason));
            }
        }
        found
    }

    fn never_applying(&self) -> Vec<Warning> {
        let mut rules: Vec<&CompiledRule> = Vec::new();
        let all = self.permissions.iter().chain(&self.prohibitions).chain(&self.obligations);
        all.for_each(|rule| with_duties(rule, &mut rules));
        let never = rules.into_iter().filter(|rule| !joint::may_hold(self, &[&conditions(rule)]));
        never
            .map(|rule| {
                let reason = "its constraints contradict each other, so that it never applies; relax one of them";
                warning(&rule.clause, "rule.never-applies", reason.to_owned())
            })
            .collect()
    }

    /// Permissions that prohibitions take away altogether: one of them, or some together, apply whenever the permission does.
    fn shadowed(&self) -> Vec<Warning> {
        if self.conflict != Conflict::Prohibitions {
            return Vec::new();
        }
        let found = self.permissions.iter().filter_map(|rule| {
            let about: Vec<&CompiledRule> = self.prohibitions.iter().filter(|by| self.takes_in(by, rule)).collect();
            let shadows = |all: &[&CompiledRule]| {
                let second: Vec<Vec<NodeId>> = all.iter().map(|by| conditions(by)).collect();
                joint::implies_one(self, &conditions(rule), &second)
            };
            let alone = about.iter().find(|by| shadows(&[by])).map(|by| vec![*by]);
            let by = alone.or_else(|| (about.len() > 1 && shadows(&about)).then_some(about))?;
            let by: Vec<&str> = by.iter().map(|by| &*by.clause).collect();
            let by = by.join(" and ");
            let reason = format!("the prohibition {by} takes all of it away; constrain it or drop one of them");
            Some(warning(&rule.clause, "rule.shadowed", reason))
        });
        found.collect()
    }

    /// Permissions that add nothing to another one, which permits all that they do and asks for no duty.
    fn repeated(&self) -> Vec<Warning> {
        let within = |one: &CompiledRule, wider: &CompiledRule| {
            wider.duties.is_empty()
                && self.takes_in(wider, one)
                && joint::implies(self, &conditions(one), &conditions(wider))
        };
        let all = self.permissions.iter().take(MOST_COMPARED);
        let found = all.clone().enumerate().filter_map(|(at, rule)| {
            // Of two that permit the same, the later one is told.
            let wider = all
                .clone()
                .enumerate()
                .find(|(other, wider)| *other != at && within(rule, wider) && (*other < at || !within(wider, rule)));
            let (_, wider) = wider?;
            let reason = format!("the permission {} permits all of it already; drop one of them", wider.clause);
            Some(warning(&rule.clause, "rule.shadowed", reason))
        });
        found.collect()
    }

    /// Whether one rule is about all that another one is about, constraints left aside.
    fn takes_in(&self, wide: &CompiledRule, narrow: &CompiledRule) -> bool {
        let within = |action: &str| wide.does.iter().any(|by| self.actions.included(action, by));
        // Which of several alternatives a refinement narrows is not looked into here.
        let plain = |all: &[Alternative]| all.len() < 2 || all.iter().all(|one| one.refinements.is_empty());
        narrow.does.iter().all(|action| within(action))
            && wide.aspects().into_iter().all(|(_, all)| plain(all))
            && covers(self, &wide.targets, &narrow.targets)
            && covers(self, &wide.assigners, &narrow.assigners)
            && covers(self, &wide.assignees, &narrow.assignees)
            && overlap(self, narrow, wide)
    }
}

fn read_duty(duty: &CompiledRule) -> ReadDuty {
    let when = match (duty.timing, duty.by_itself) {
        (Some(DutyTiming::Before), _) => "before the use: until it is confirmed, the permission permits nothing",
        (Some(DutyTiming::With), true) => "with each use, and every exchange does it by itself",
        (Some(DutyTiming::With), false) => "with each use, and counts once it is confirmed",
        (Some(DutyTiming::After), _) => "after the use: the permission permits as long as it is not overdue",
        (None, _) => "at any time: the permission permits as long as it is not overdue",
    };
    let why = match duty.read_by {
        ReadBy::Policy => "as the policy says",
        ReadBy::Profile => "by its action, as policies of the IDS profile are read",
        ReadBy::Setting => "as enforcement.duties is set, since the policy does not say",
    };
    ReadDuty {
        clause: duty.clause.to_string(),
        actions: duty.does.iter().map(ToString::to_string).collect(),
        timing: duty.timing,
        read_by: duty.read_by,
        met_by_exchanges: duty.by_itself,
        reason: format!("{} is due {when} ({why})", duty.doing()),
    }
}

/// A rule and what is to be done with it, at any depth.
fn with_duties<'a>(rule: &'a CompiledRule, found: &mut Vec<&'a CompiledRule>) {
    found.push(rule);
    let inner = rule.duties.iter().chain(&rule.consequences).chain(&rule.remedies);
    inner.for_each(|duty| with_duties(duty, found));
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
