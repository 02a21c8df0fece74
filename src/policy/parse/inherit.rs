//! Inheritance (ODRL Information Model 2.2 §2.9): a child takes all rules of its parents, however deep, without circles; and what
//! either says once for all of its rules, for those of both.

use super::object::{Object, many, text};
use super::{Invalid, MOST_FOLLOWED, Reader};
use crate::model::odrl::{Constraint, Policy, PolicyKind, Reference, Rule};

impl<'a> Reader<'a> {
    pub(super) fn inherit(&mut self, policy: &mut Policy, object: &Object<'a>) {
        let Some((at, value)) = object.field("inheritFrom") else { return };
        for (clause, value) in many(value, &at) {
            let id = text(value).filter(|_| !value.is_number() && !value.is_boolean());
            if self.open.len() >= MOST_FOLLOWED {
                self.refuse(
                    &clause,
                    "policy.too-deep",
                    format!("a policy inherits through more than {MOST_FOLLOWED} others"),
                );
                continue;
            }
            if id.as_ref().is_some_and(|id| self.open.contains(id)) {
                self.refuse(&clause, "policy.inheritance-circle", "a policy inherits from itself");
                continue;
            }
            let described = match (&id, value) {
                (Some(id), _) if self.graph.contains_key(id.as_str()) => self.graph.get(id.as_str()).cloned(),
                (_, serde_json::Value::Object(map)) if map.len() > 1 => Some((clause.clone(), value)),
                _ => None,
            };
            match (described, id) {
                (Some((at, node)), _) => {
                    let depth = self.open.len();
                    if let Some(parent) = self.policy(&at, node)
                        && let Err(invalid) = policy.take_rules(&parent, &clause)
                    {
                        self.invalid.push(invalid);
                    }
                    self.open.truncate(depth);
                }
                (None, Some(id)) => policy.parents.push(Reference { clause, id }),
                (None, None) => self.refuse(&clause, "policy.malformed", "inheritFrom names a policy"),
            }
        }
    }
}

impl Policy {
    /// Merges in a parent that the policy names: its rules with what it says for all of them,
    /// profiles and, where the child says nothing, its conflict strategy.
    ///
    /// # Errors
    /// When the parent inherits from the child, both name a conflict strategy and not the same, or an agreement has no parties even so.
    pub fn inherit(&mut self, parent: &Self) -> Result<(), Invalid> {
        let named = self.parents.iter().position(|p| Some(&p.id) == parent.uid.as_ref());
        let clause = named.map_or_else(String::new, |at| self.parents.remove(at).clause);
        if self.uid.is_some() && parent.parents.iter().any(|p| Some(&p.id) == self.uid.as_ref()) {
            let reason = "a policy inherits from itself";
            return Err(Invalid::new(&clause, "policy.inheritance-circle", reason));
        }
        self.take_rules(parent, &clause)?;
        // What a further parent may bring is not lacking yet.
        match self.lacking().into_iter().next().filter(|_| self.parents.is_empty()) {
            Some(lacking) => Err(lacking),
            None => Ok(()),
        }
    }

    /// Whether it has duties of which it does not say itself when they are due.
    pub(super) fn leaves_timing_open(&self) -> bool {
        self.permissions.iter().flat_map(|rule| &rule.duties).any(|duty| duty.timing.is_none())
    }

    /// Claims one more profile, for what is said by the policy's classes.
    pub(super) fn claim(&mut self, profile: &str) {
        if !self.profiles.iter().any(|claimed| claimed.id == profile) {
            self.profiles.push(Reference { clause: self.kind_clause.clone(), id: profile.to_owned() });
        }
    }

    fn take_rules(&mut self, parent: &Self, clause: &str) -> Result<(), Invalid> {
        if parent.conflict_said {
            if self.conflict_said && self.conflict != parent.conflict {
                let reason = "the policy and its parent name different conflict strategies";
                return Err(Invalid::new(clause, "policy.conflict", reason));
            }
            (self.conflict, self.conflict_said) = (parent.conflict, true);
        }
        self.meet_constraints(parent);
        self.prohibitions.extend_from_slice(&parent.prohibitions);
        self.obligations.extend_from_slice(&parent.obligations);
        self.profiles.extend_from_slice(&parent.profiles);
        self.parents.extend_from_slice(&parent.parents);
        let (own, theirs) = (&mut self.shared, &parent.shared);
        fill(&mut own.actions, &theirs.actions);
        fill(&mut own.targets, &theirs.targets);
        fill(&mut own.assigners, &theirs.assigners);
        fill(&mut own.assignees, &theirs.assignees);
        self.share();
        Ok(())
    }

    /// What its rules lack of what those of an agreement have, which grants something to somebody (ODRL Vocabulary 2.2 §4.1.2): both
    /// parties, and a target.
    pub(super) fn lacking(&self) -> Vec<Invalid> {
        if self.kind != PolicyKind::Agreement {
            return Vec::new();
        }
        let granting = self.permissions.iter().chain(&self.prohibitions);
        let all = granting.clone().chain(self.obligations.iter().filter(|rule| !rule.elsewhere));
        let mut lacking: Vec<(&str, &Rule)> = Vec::new();
        lacking.extend(all.clone().filter(|rule| rule.assigners.is_empty()).map(|rule| ("assigner", rule)));
        lacking.extend(all.filter(|rule| rule.assignees.is_empty()).map(|rule| ("assignee", rule)));
        lacking.extend(granting.filter(|rule| rule.targets.is_empty()).map(|rule| ("target", rule)));
        let told = lacking.into_iter().map(|(what, rule)| {
            let article = if what.starts_with('a') { "an" } else { "a" };
            Invalid::new(&rule.clause, "rule.incomplete", format!("a rule of an agreement needs {article} {what}"))
        });
        told.collect()
    }

    /// Takes the permissions of a parent; what either policy asks of all its rules narrows the permissions of both, and no
    /// prohibition of the other.
    fn meet_constraints(&mut self, parent: &Self) {
        for own in &mut self.permissions {
            own.constraints.extend_from_slice(&parent.shared.constraints);
        }
        for theirs in &parent.permissions {
            let mut taken = theirs.clone();
            taken.constraints.extend_from_slice(&self.shared.constraints);
            self.permissions.push(taken);
        }
        self.shared.constraints.extend_from_slice(&parent.shared.constraints);
    }

    /// Lets what stands on the policy hold for each rule that has none of its own.
    pub(super) fn share(&mut self) {
        let shared = &self.shared;
        for rule in self.permissions.iter_mut().chain(&mut self.prohibitions).chain(&mut self.obligations) {
            let Rule { actions, targets, assigners, assignees, .. } = rule;
            fill(actions, &shared.actions);
            fill(targets, &shared.targets);
            fill(assigners, &shared.assigners);
            fill(assignees, &shared.assignees);
        }
    }

    /// Narrows its permissions, and those that it will share constraints with.
    pub(super) fn narrow(&mut self, constraints: &[Constraint]) {
        self.permissions.iter_mut().for_each(|rule| rule.constraints.extend_from_slice(constraints));
        self.shared.constraints.extend_from_slice(constraints);
    }

    /// Adds the constraints that stand on the policy to each of its own rules.
    pub(super) fn constrain(&mut self) {
        for rule in self.permissions.iter_mut().chain(&mut self.prohibitions).chain(&mut self.obligations) {
            rule.constraints.extend_from_slice(&self.shared.constraints);
        }
    }
}

fn fill<T: Clone>(own: &mut Vec<T>, shared: &[T]) {
    if own.is_empty() {
        own.extend_from_slice(shared);
    }
}
