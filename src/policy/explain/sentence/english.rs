//! English.

use super::{Message, Remedy};
use crate::policy::truth::Truth;

pub(super) fn say(message: Message<'_>) -> String {
    match message {
        Message::Compared { operand, operator, required, observed, state } => match (state, observed) {
            (Truth::Unknown, None) => {
                format!("{operand} is not known, so it cannot be shown to be {operator} {required}")
            }
            (Truth::Unknown, Some(seen)) => {
                format!("{operand} is {seen}, which cannot be compared by {operator} with {required}")
            }
            (Truth::True, Some(seen)) => format!("{operand} is {seen}, which is {operator} {required}"),
            (Truth::False, Some(seen)) => format!("{operand} is {seen}, which is not {operator} {required}"),
            (_, None) => format!("{operand} is not {operator} {required}"),
        },
        Message::Several { operand, operator, required, seen } => {
            format!("{operand} is {seen}; with several values it cannot be told whether that is {operator} {required}")
        }
        Message::NoTaxonomy { operand, operator, required, seen } => {
            format!("{operand} is {seen}; no taxonomy tells whether that is {operator} {required}")
        }
        Message::NotAll { operand, operator, required, seen } => {
            format!("{operand} is {seen}, and perhaps more, so it cannot be told whether that is {operator} {required}")
        }
        Message::Membership { member, collection } => {
            format!("whether {member} belongs to {collection} is not known")
        }
        Message::NoValue { operand, operator, required, state } => match state {
            Truth::True => format!("{operand} has no value, which is {operator} {required}"),
            Truth::False => format!("{operand} has no value, which is not {operator} {required}"),
            Truth::Unknown => format!("{operand} has no value, so it cannot be shown to be {operator} {required}"),
        },
        Message::Unreadable { operand, required } => {
            format!("{required} is not a value that {operand} can have, so nothing compares with it")
        }
        Message::Elsewhere { id } => format!("{id} is described nowhere in the policy, so what it says is not known"),
        Message::Ambiguous { path } => {
            format!("the path {path} has dot segments, backslashes or an encoding that may mean two things")
        }
        Message::NoCall { path } => format!("{path} is not a method with a path, so what it calls is not known"),
        Message::Referenced { reference } => {
            format!("the value to compare with stands at {reference} and is not known")
        }
        Message::Sequence => "in what order this came to hold is not known".to_owned(),
        Message::StepMissing { step, of, operand, operator, required } => {
            format!("step {step} of {of} was not yet taken: {operand} {operator} {required}")
        }
        Message::StepTaken { step, of, at } => format!("step {step} of {of} was taken at {at}"),
        Message::TakeStep { step, of } => {
            format!("take step {step} of {of} of the sequence by a call of its own first, then call again")
        }
        Message::AwaitStep { step, of } => {
            format!("wait until the time of step {step} of {of} of the sequence has come, then call again")
        }
        Message::Prohibited { comparison } => format!("a prohibition applies: {comparison}"),
        Message::MayBeProhibited { comparison } => format!("a prohibition may apply: {comparison}"),
        Message::PermittedAction { action } => format!("{action} is permitted"),
        Message::ProhibitedAction { action } => format!("{action} is prohibited"),
        Message::Unfulfilled { action } => format!("the duty to {action} is not fulfilled"),
        Message::Late { action } => format!("the duty to {action} was not fulfilled in time"),
        Message::Violated { action } => format!("the obligation to {action} was not fulfilled in time"),
        Message::Early { action, from } => {
            format!("the obligation to {action} was performed before {from}, which does not count")
        }
        Message::Due { action, until: None } => format!("the obligation to {action} is to be fulfilled"),
        Message::Due { action, until: Some(until) } => {
            format!("the obligation to {action} is to be fulfilled by {until}")
        }
        Message::NotYet { action, from, until: None } => {
            format!("the obligation to {action} is to be fulfilled, not before {from}")
        }
        Message::NotYet { action, from, until: Some(until) } => {
            format!("the obligation to {action} is to be fulfilled between {from} and {until}")
        }
        Message::Keep { action, until } => format!("the obligation to {action} lasts until {until}"),
        Message::NotKept { action } => {
            format!("the obligation to {action} was reported broken before its time was over")
        }
        Message::Fulfilled { action } => format!("the obligation to {action} is fulfilled"),
        Message::Lifted { action } => format!("the obligation to {action} is not called for any more"),
        Message::Infringed { action, at } => {
            format!("the prohibition on {action} was infringed on {at}, and that was not made good")
        }
        Message::MayBeViolated { action } => {
            format!("the duty to {action} may not have been fulfilled in time: whether it was called for is not known")
        }
        Message::Calling { action, comparison } => {
            format!("whether the duty to {action} was called for is not known: {comparison}")
        }
        Message::Offer => "an offer permits no transfer and no exchange; that takes an agreement".to_owned(),
        Message::Parent { id } => format!("the policy inherits from {id}, whose rules are not known"),
        Message::NoPermission => "the policy has no permission, and what is not permitted is refused".to_owned(),
        Message::Withheld { clause, operand, state } => match (clause.starts_with("/prohibition"), state) {
            (true, Truth::False) => format!("the agreement's prohibition {clause} on {operand} does not apply"),
            (true, _) => format!("the agreement's prohibition {clause} on {operand} applies, or may apply"),
            (false, Truth::True) => format!("the agreement's clause {clause} on {operand} is met"),
            (false, _) => format!("the agreement's clause {clause} on {operand} is not met"),
        },
        Message::Remedy(what) => remedy(what).to_owned(),
        Message::Fulfil { action } => format!("fulfil the duty to {action} and report it, then call again"),
        Message::Heal { then: "", .. } => "it cannot be made good; negotiate a new agreement".to_owned(),
        Message::Heal { action, then } => format!(
            "fulfil the duty to {action} and what follows from its delay, {then}, and report both, then call again"
        ),
        Message::Amend { then: "" } => "the infringement cannot be made good; negotiate a new agreement".to_owned(),
        Message::Amend { then } => {
            format!("make the infringement good: fulfil the duty to {then} and report it, then call again")
        }
        Message::Negotiate => "negotiate an agreement on this offer first".to_owned(),
        Message::Permitted => "permitted".to_owned(),
        Message::Refused => "refused".to_owned(),
        Message::Because => "because".to_owned(),
    }
}

const fn remedy(what: Remedy) -> &'static str {
    match what {
        Remedy::NewAgreement => "the agreed number of calls is used up; negotiate a new agreement",
        Remedy::TimeUsedUp => "the agreed time of use is used up; negotiate a new agreement",
        Remedy::Slower => "call more slowly",
        Remedy::OtherTime => "call within the agreed time, or negotiate a new agreement",
        Remedy::OtherPath => "call only the methods and paths that the agreement covers",
        Remedy::Consent => "show a consent of the data subject that is in force and about this call",
        Remedy::Purpose => "declare a purpose that the agreement covers",
        Remedy::OtherAgreement => "use an agreement that covers this",
        Remedy::Meet => "meet the clause, or negotiate an agreement without it",
    }
}
