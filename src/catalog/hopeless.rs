//! What can never be true on a call here, so that nobody should be offered it.

use crate::model::odrl::{Atomic, Constraint, Policy, Reference, Rule};
use crate::policy::{Compiled, Invalid, Kind, Registry, Source};

/// Every part of a policy that can be evaluated and that no call will ever fulfil.
pub(super) fn hopeless(policy: &Policy, compiled: &Compiled, registry: &Registry) -> Vec<Invalid> {
    let mut search = Search { registry, found: compiled.unkept_sequences() };
    for parent in &policy.parents {
        let reason = format!("the rules of {} are not in this policy; write them into it", parent.id);
        search.found.push(Invalid::new(&parent.clause, "policy.parent-missing", reason));
    }
    policy.permissions.iter().chain(&policy.prohibitions).for_each(|rule| search.rule(rule, true));
    policy.obligations.iter().for_each(|rule| search.rule(rule, false));
    let uses = |rule: &&Rule| rule.actions.iter().any(|action| registry.includes(&action.name, "use"));
    if let (Some(first), false) = (policy.permissions.first(), policy.permissions.iter().any(|rule| uses(&rule))) {
        let reason = "each call here is a use, which no permission of this policy allows; write use as the action";
        search.found.push(Invalid::new(&first.clause, "policy.no-use", reason));
    }
    search.found
}

struct Search<'a> {
    registry: &'a Registry,
    found: Vec<Invalid>,
}

impl Search<'_> {
    /// `on_call`: whether its constraints are compared with what a call tells, rather than with what is reported of a duty.
    fn rule(&mut self, rule: &Rule, on_call: bool) {
        rule.constraints.iter().for_each(|constraint| self.constraint(constraint, on_call));
        let refined = rule.actions.iter().flat_map(|action| &action.refinements);
        let parties = rule.targets.iter().chain(&rule.assigners).chain(&rule.assignees);
        let refined = refined.chain(parties.flat_map(|party| &party.refinements));
        refined.for_each(|constraint| self.constraint(constraint, on_call));
        if let Some(id) = rule.uid.as_ref().filter(|_| rule.elsewhere) {
            self.elsewhere(&rule.clause, id);
        }
        let inner = rule.duties.iter().chain(&rule.consequences).chain(&rule.remedies);
        inner.for_each(|duty| self.rule(duty, false));
    }

    fn constraint(&mut self, constraint: &Constraint, on_call: bool) {
        match constraint {
            Constraint::Atomic(atomic) => self.atomic(atomic, on_call),
            Constraint::Logical { parts, .. } => parts.iter().for_each(|part| self.constraint(part, on_call)),
            Constraint::Elsewhere(Reference { clause, id }) => self.elsewhere(clause, id),
        }
    }

    fn elsewhere(&mut self, clause: &str, id: &str) {
        let reason = format!("{id} is described nowhere in the policy; describe it, with this as its uid");
        self.found.push(Invalid::new(clause, "reference.unknown", reason));
    }

    fn atomic(&mut self, atomic: &Atomic, on_call: bool) {
        let Atomic { clause, left, operator, .. } = atomic;
        if atomic.referenced {
            let reason = "what rightOperandReference refers to is not fetched; write the value as rightOperand";
            self.found.push(Invalid::new(clause, "constraint.reference", reason));
        }
        let Some(operand) = self.registry.operand(left) else { return };
        // Text that reads as numbers or times has an order.
        let ordered = operand.kind == Kind::Text
            && atomic.right.iter().all(|right| right.text.trim().starts_with(|c: char| c.is_ascii_digit() || c == '-'));
        if operand.kind.is_compared_by(operator) == Some(false) && !ordered {
            let reason = format!("values of {left} are not compared by {operator}");
            self.found.push(Invalid::new(clause, "operator.never-true", reason));
        }
        if left == "spatial" {
            for right in atomic.right.iter().filter(|right| is_unassigned(&right.text)) {
                let reason = format!("{} is no country code of ISO 3166-1, so nobody is ever there", right.text);
                self.found.push(Invalid::new(clause, "spatial.unknown-code", reason));
            }
        }
        // What is known before a call may be vouched for.
        let silent = matches!(operand.source, Source::Nowhere | Source::Declaration);
        if on_call && operand.exchange_only && silent {
            let reason = format!("no call here tells {left}; ask for something that it does, such as count");
            self.found.push(Invalid::new(clause, "operand.never-told", reason));
        }
    }
}

/// Codes of unions of countries in general use; ISO 3166 reserves the first.
const UNIONS: [&str; 2] = ["EU", "EEA"];

/// Whether a text is written as a country code (two or three capital letters) and is none. Places may have other names, such as IRIs.
fn is_unassigned(text: &str) -> bool {
    if UNIONS.contains(&text) || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    match text.len() {
        2 => rust_iso3166::from_alpha2(text).is_none(),
        3 => rust_iso3166::from_alpha3(text).is_none(),
        _ => false,
    }
}
