//! Inheritance (ODRL Information Model 2.2 §2.9): a child takes all rules of its parents, however deep, without circles.

use super::object::{Object, many, text};
use super::{Invalid, Reader};
use crate::model::odrl::{Policy, Reference};

impl<'a> Reader<'a> {
    pub(super) fn inherit(&mut self, policy: &mut Policy, object: &Object<'a>) {
        let Some((at, value)) = object.field("inheritFrom") else { return };
        for (clause, value) in many(value, &at) {
            let id = text(value);
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
    /// Merges in a parent that the policy names: its rules, profiles and, where the child says nothing, its conflict strategy.
    ///
    /// # Errors
    /// When the parent inherits from the child, or both name a conflict strategy and not the same.
    pub fn inherit(&mut self, parent: &Self) -> Result<(), Invalid> {
        let named = self.parents.iter().position(|p| Some(&p.id) == parent.uid.as_ref());
        let clause = named.map_or_else(String::new, |at| self.parents.remove(at).clause);
        if self.uid.is_some() && parent.parents.iter().any(|p| Some(&p.id) == self.uid.as_ref()) {
            let reason = "a policy inherits from itself";
            return Err(Invalid::new(&clause, "policy.inheritance-circle", reason));
        }
        self.take_rules(parent, &clause)
    }

    fn take_rules(&mut self, parent: &Self, clause: &str) -> Result<(), Invalid> {
        if parent.conflict_said {
            if self.conflict_said && self.conflict != parent.conflict {
                let reason = "the policy and its parent name different conflict strategies";
                return Err(Invalid::new(clause, "policy.conflict", reason));
            }
            (self.conflict, self.conflict_said) = (parent.conflict, true);
        }
        self.permissions.extend_from_slice(&parent.permissions);
        self.prohibitions.extend_from_slice(&parent.prohibitions);
        self.obligations.extend_from_slice(&parent.obligations);
        self.profiles.extend_from_slice(&parent.profiles);
        self.parents.extend_from_slice(&parent.parents);
        Ok(())
    }
}
