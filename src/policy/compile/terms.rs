//! What agreements can have in common: everything that is compiled, save for who and what is named.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Deref;
use std::sync::{Arc, Weak};

use super::tree::{Alternative, Atom, CompiledRule, Node, Slot};
use super::{Candidates, Compiled, CounterUse, Probe, Sequence};
use crate::model::odrl::{Conflict, PolicyKind, Reference};
use crate::policy::Invalid;

/// The terms of a policy: its rules with their comparisons.
#[derive(Debug, PartialEq)]
pub struct Terms {
    pub(crate) kind: PolicyKind,
    pub(crate) kind_clause: Box<str>,
    pub(crate) conflict: Conflict,
    /// The facts that it looks at, each once.
    pub(crate) slots: Box<[Slot]>,
    pub(crate) atoms: Box<[Atom]>,
    /// The atoms as a decision makes them.
    pub(crate) probes: Box<[Probe]>,
    /// What the values of the slots are compared with.
    pub(crate) candidates: Candidates,
    /// Whether any slot is of amounts in a unit.
    pub(crate) is_measured: bool,
    /// Parts stand before the node that combines them.
    pub(crate) nodes: Box<[Node]>,
    pub(crate) permissions: Box<[CompiledRule]>,
    pub(crate) prohibitions: Box<[CompiledRule]>,
    pub(crate) obligations: Box<[CompiledRule]>,
    /// Rules and duties, at any depth.
    pub(crate) rules: usize,
    /// Parents that nobody merged in: what they say is not known.
    pub(crate) parents: Box<[Reference]>,
    pub(crate) counters: Box<[CounterUse]>,
    /// Sequences of several steps whose order is kept.
    pub(crate) sequences: Box<[Sequence]>,
    /// What there is of sequences that cannot be kept.
    pub(crate) unkept: Box<[Invalid]>,
}

impl Deref for Compiled {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}

impl Compiled {
    /// Its terms, for keeping.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms)
    }

    /// What an alternative names; nothing for anything that its refinements admit.
    pub(crate) fn named(&self, alternative: &Alternative) -> &[Box<str>] {
        self.named.get(alternative.index).map(AsRef::as_ref).unwrap_or_default()
    }
}

/// Terms in use, for sharing: ten thousand agreements on one offer, which differ in their parties, take the memory of one.
#[derive(Debug, Default)]
pub struct Commons {
    kept: HashMap<u64, Vec<Weak<Terms>>>,
}

impl Commons {
    /// Lets a policy use the terms that another one has already, if any has the same.
    pub fn share(&mut self, policy: &mut Compiled) {
        let same = self.kept.entry(print(&policy.terms)).or_default();
        same.retain(|terms| terms.strong_count() > 0);
        match same.iter().filter_map(Weak::upgrade).find(|terms| *terms == policy.terms) {
            Some(terms) => policy.terms = terms,
            None => {
                same.push(Arc::downgrade(&policy.terms));
                self.tidy();
            }
        }
    }

    /// Whenever they have doubled, lets go of terms that nobody uses any more.
    fn tidy(&mut self) {
        if self.kept.len().is_power_of_two() {
            self.kept.retain(|_, same| same.iter().any(|terms| terms.strong_count() > 0));
        }
    }
}

/// Tells most terms apart; equality is for the rest.
fn print(terms: &Terms) -> u64 {
    let mut hasher = DefaultHasher::new();
    for atom in &terms.atoms {
        (&atom.clause, atom.operator.as_str(), &atom.required).hash(&mut hasher);
    }
    (terms.slots.len(), terms.rules).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{Registry, World};

    fn agreement(consumer: &str, most: u32) -> Compiled {
        let policy = json!({
            "@type": "Agreement", "@id": format!("urn:{consumer}"), "assigner": "urn:p", "assignee": consumer, "target": "urn:t",
            "permission": [{"action": "use", "constraint": [
                {"leftOperand": "count", "operator": "lteq", "rightOperand": most}]}],
        });
        Compiled::read(&policy, &Registry::built_in()).unwrap()
    }

    fn permits(policy: &Compiled, consumer: &str) -> bool {
        let world = World {
            action: "use".into(),
            target: Some("urn:t".into()),
            assigner: Some("urn:p".into()),
            assignee: Some(consumer.into()),
            ..World::default()
        };
        let mut sheet = policy.sheet(&world);
        policy.fill(&mut sheet).number(policy.place("count"), 1);
        policy.judge(&sheet, &mut crate::policy::Trace::default()).permit
    }

    #[test]
    fn agreements_that_differ_in_their_parties_share_terms_and_still_permit_their_own_consumer_only() {
        let (mut one, mut other) = (agreement("urn:a", 3), agreement("urn:b", 3));
        let mut commons = Commons::default();
        commons.share(&mut one);
        commons.share(&mut other);
        assert!(Arc::ptr_eq(&one.terms, &other.terms));
        assert!(permits(&one, "urn:a") && permits(&other, "urn:b"));
        assert!(!permits(&one, "urn:b") && !permits(&other, "urn:a"));
    }

    #[test]
    fn other_terms_are_not_shared_and_terms_out_of_use_are_let_go() {
        let mut commons = Commons::default();
        let mut kept = agreement("urn:a", 1);
        commons.share(&mut kept);
        for most in 2..40 {
            let mut passing = agreement("urn:a", most);
            commons.share(&mut passing);
            assert!(!Arc::ptr_eq(&kept.terms, &passing.terms));
        }
        assert!(commons.kept.len() < 20, "{}", commons.kept.len());
        let mut again = agreement("urn:c", 1);
        commons.share(&mut again);
        assert!(Arc::ptr_eq(&kept.terms, &again.terms));
    }
}
