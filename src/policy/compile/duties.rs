//! What a policy asks to be done, and when.

use super::{Compiled, CompiledRule, Node};
use crate::model::odrl::DutyTiming;
use crate::model::time::Timestamp;
use crate::policy::value::Typed;
use crate::policy::vocabulary::Operator;

/// Something that the policy asks to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutyUse {
    /// Where it stands.
    pub clause: String,
    /// Its `uid`, if any; a performance may be reported under it or under the clause.
    pub uid: Option<String>,
    /// What is to be done, such as `delete`.
    pub actions: Vec<String>,
    /// When, seen from a use; `None` for obligations and duties that are due at any time.
    pub timing: Option<DutyTiming>,
    /// The last moment to do it, where the policy names one.
    pub deadline: Option<Timestamp>,
    /// The duties that follow when it is not done.
    pub consequences: Vec<DutyUse>,
}

impl Compiled {
    /// Duties of its permissions.
    #[must_use]
    pub fn duties(&self) -> Vec<DutyUse> {
        self.permissions.iter().flat_map(|rule| &rule.duties).map(|duty| described(self, duty, duty.timing)).collect()
    }

    /// What is to be done whether or not the permissions are used.
    #[must_use]
    pub fn obligations(&self) -> Vec<DutyUse> {
        self.obligations.iter().map(|duty| described(self, duty, None)).collect()
    }

    /// The earliest upper bound of the time among constraints that must all hold.
    pub(in crate::policy) fn deadline(&self, duty: &CompiledRule) -> Option<Timestamp> {
        let nodes = duty.constraints.iter().chain(duty.actions.iter().flat_map(|action| action.refinements.iter()));
        let bounds = nodes.filter_map(|id| match self.nodes.get(id.0)? {
            Node::Atom(at) => self.atoms.get(*at),
            Node::Logical { .. } => None,
        });
        let upper = bounds.filter(|atom| matches!(atom.operator, Operator::Lt | Operator::Lteq | Operator::Eq));
        let times = upper.filter_map(|atom| match atom.right.first()?.typed {
            Typed::Instant(time) => Some(time),
            _ => None,
        });
        times.min()
    }
}

fn described(policy: &Compiled, duty: &CompiledRule, timing: Option<DutyTiming>) -> DutyUse {
    DutyUse {
        clause: duty.clause.to_string(),
        uid: duty.uid.as_deref().map(str::to_owned),
        actions: duty.actions.iter().flat_map(|a| a.ids.iter().map(ToString::to_string)).collect(),
        timing,
        deadline: policy.deadline(duty),
        consequences: duty.consequences.iter().map(|next| described(policy, next, None)).collect(),
    }
}
