//! Policies in the form that the protocol can carry: each rule with one action, and no refinements of actions.

use crate::model::odrl::{Action, Atomic, Constraint, Logic, Policy, Rule};
use crate::policy::{FIELDS, Invalid, Registry};

/// The same policy in that form; what it cannot be brought into is told in `invalid`.
pub(super) fn normal(policy: &Policy, registry: &Registry, invalid: &mut Vec<Invalid>) -> Policy {
    let mut split = Splitter { registry, invalid };
    let mut out = policy.clone();
    out.permissions = split.all(&policy.permissions, false);
    out.prohibitions = split.all(&policy.prohibitions, false);
    out.obligations = split.all(&policy.obligations, true);
    out
}

struct Splitter<'a> {
    registry: &'a Registry,
    invalid: &'a mut Vec<Invalid>,
}

impl Splitter<'_> {
    fn all(&mut self, rules: &[Rule], duties: bool) -> Vec<Rule> {
        rules.iter().flat_map(|rule| self.one(rule, duties)).collect()
    }

    /// A rule about any of several actions is as many rules, a duty to do all of several is as many duties.
    fn one(&mut self, rule: &Rule, is_duty: bool) -> Vec<Rule> {
        if rule.elsewhere {
            return vec![rule.clone()];
        }
        let several = rule.actions.len() > 1;
        let inner = (self.all(&rule.duties, true), self.all(&rule.consequences, true), self.all(&rule.remedies, true));
        let each = rule.actions.iter().map(|action| {
            // What narrows the action of a permission or prohibition narrows the rule. A duty's constraints say when it is called for.
            if is_duty && !action.refinements.is_empty() && !self.names_fields(action) {
                let reason =
                    "the protocol has no refinements on the action of a duty; say it as a constraint of the duty";
                self.invalid.push(Invalid::new(&action.clause, "duty.refinement", reason));
            }
            let (duties, consequences, remedies) = inner.clone();
            let mut constraints = rule.constraints.clone();
            constraints.extend(action.refinements.iter().cloned());
            let action = Action { refinements: Vec::new(), ..action.clone() };
            // Several rules cannot have one identifier.
            let uid = rule.uid.clone().filter(|_| !several);
            Rule { uid, actions: vec![action], constraints, duties, consequences, remedies, ..rule.clone() }
        });
        each.map(|mut rule| {
            rule.constraints.iter_mut().for_each(spell);
            rule
        })
        .collect()
    }

    /// Whether the action is to pseudonymise fields: which ones may as well be a constraint of the duty.
    fn names_fields(&self, action: &Action) -> bool {
        self.registry.includes("pseudonymise", &action.name) && action.refinements.iter().all(is_about_fields)
    }
}

fn is_about_fields(constraint: &Constraint) -> bool {
    match constraint {
        Constraint::Atomic(atomic) => atomic.left == FIELDS,
        Constraint::Logical { operator, parts, .. } => *operator == Logic::And && parts.iter().all(is_about_fields),
        Constraint::Elsewhere(_) => false,
    }
}

/// ODRL's own document has a slip in the IRI of `neq`.
fn spell(constraint: &mut Constraint) {
    match constraint {
        Constraint::Atomic(atomic) => {
            let Atomic { operator, .. } = &mut **atomic;
            if operator == "neg" {
                "neq".clone_into(operator);
            }
        }
        Constraint::Logical { parts, .. } => parts.iter_mut().for_each(spell),
        Constraint::Elsewhere(_) => {}
    }
}
