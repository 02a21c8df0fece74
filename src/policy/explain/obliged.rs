//! Where an obligation stands, for people.

use super::{Language, Message};
use crate::model::obligation::{Obligation, ObligationState};
use crate::policy::compile::CompiledRule;
use crate::policy::judge::Eval;
use crate::policy::outlook::Standing;

/// Where an obligation stands, in one sentence.
#[must_use]
pub fn stands(language: Language, obligation: &Obligation) -> String {
    let action = obligation.actions.join(", ");
    let [from, until] = [obligation.not_before, obligation.deadline].map(|at| at.map(|at| at.to_string()));
    let (from, until) = (from.as_deref().unwrap_or_default(), until.as_deref());
    let action = action.as_str();
    language.say(match obligation.state {
        ObligationState::Open | ObligationState::Waiting if obligation.is_done_early() => {
            Message::Early { action, from }
        }
        ObligationState::Open => Message::Due { action, until },
        ObligationState::Waiting => Message::NotYet { action, from, until },
        ObligationState::Keeping => Message::Keep { action, until: from },
        ObligationState::Fulfilled => Message::Fulfilled { action },
        ObligationState::Overdue | ObligationState::Escalated => Message::Violated { action },
        ObligationState::Infringed => Message::NotKept { action },
        ObligationState::Lifted => Message::Lifted { action },
    })
}

/// The same of a duty that is looked at.
pub(super) fn standing(language: Language, eval: &mut Eval<'_>, duty: &CompiledRule) -> String {
    let action = duty.doing();
    let [from, until] = [eval.first_moment(duty), eval.last_moment(duty)].map(|at| at.map(|at| at.to_string()));
    let (action, from, until) = (action.as_str(), from.as_deref().unwrap_or_default(), until.as_deref());
    language.say(match eval.standing(duty) {
        Standing::Open if duty.by_itself => Message::Fulfilled { action },
        Standing::Open | Standing::Waiting if eval.is_early(duty) => Message::Early { action, from },
        Standing::Open => Message::Due { action, until },
        Standing::Waiting => Message::NotYet { action, from, until },
        Standing::Keeping => Message::Keep { action, until: from },
        Standing::Fulfilled => Message::Fulfilled { action },
        Standing::Overdue => Message::Violated { action },
        Standing::Infringed => Message::NotKept { action },
    })
}
