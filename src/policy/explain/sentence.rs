//! What is said of clauses, in one place, so that other languages can stand beside English.

use super::Truth;

/// Something to be said.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// How a comparison came out.
    Compared { operand: &'a str, operator: &'a str, required: &'a str, observed: Option<&'a str>, state: Truth },
    /// A path that may mean two things.
    Ambiguous { path: &'a str },
    /// A right operand is elsewhere.
    Referenced { reference: &'a str },
    /// Each part of a sequence may hold, but when each came to hold is not known.
    Sequence,
    /// A prohibition applies through this comparison.
    Prohibited { comparison: &'a str },
    /// A prohibition may apply.
    MayBeProhibited { operand: &'a str },
    /// A prohibition without constraints applies.
    ProhibitedAction { action: &'a str },
    /// A duty has not been done.
    Unfulfilled { action: &'a str },
    /// An obligation was not met in time.
    Violated { action: &'a str },
    /// An offer grants nothing.
    Offer,
    /// A parent is not known.
    Parent { id: &'a str },
    /// There is no permission at all.
    NoPermission,
    /// A clause as a counterparty may read it.
    Withheld { clause: &'a str, operand: &'a str, state: Truth },
    /// What to do about an operand.
    Remedy { operand: &'a str },
    /// What to do about a duty.
    Fulfil { action: &'a str },
    /// What to do about a duty whose time is over; what follows from that may be nothing.
    Heal { action: &'a str, then: &'a str },
    /// What to do about an offer.
    Negotiate,
}

/// A language that decisions are explained in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
}

impl Language {
    pub(crate) fn say(self, message: Message<'_>) -> String {
        match self {
            Self::English => english(message),
        }
    }
}

fn english(message: Message<'_>) -> String {
    match message {
        Message::Compared { operand, operator, required, observed, state } => {
            compared(operand, operator, required, observed, state)
        }
        Message::Ambiguous { path } => {
            format!("the path {path} has dot segments or encoded characters and may mean two things")
        }
        Message::Referenced { reference } => {
            format!("the value to compare with stands at {reference} and is not known")
        }
        Message::Sequence => "in what order this came to hold is not known".to_owned(),
        Message::Prohibited { comparison } => format!("a prohibition applies: {comparison}"),
        Message::MayBeProhibited { operand } => format!("a prohibition may apply: {operand} is not known"),
        Message::ProhibitedAction { action } => format!("{action} is prohibited"),
        Message::Unfulfilled { action } => format!("the duty to {action} is not fulfilled"),
        Message::Violated { action } => format!("the obligation to {action} was not fulfilled in time"),
        Message::Offer => "an offer permits nothing; only an agreement does".to_owned(),
        Message::Parent { id } => format!("the policy inherits from {id}, whose rules are not known"),
        Message::NoPermission => "the policy has no permission, and what is not permitted is refused".to_owned(),
        Message::Withheld { clause, operand, state } => match (clause.starts_with("/prohibition"), state) {
            (true, Truth::False) => format!("the agreement's prohibition {clause} on {operand} does not apply"),
            (true, _) => format!("the agreement's prohibition {clause} on {operand} applies, or may apply"),
            (false, Truth::True) => format!("the agreement's clause {clause} on {operand} is met"),
            (false, _) => format!("the agreement's clause {clause} on {operand} is not met"),
        },
        Message::Remedy { operand } => remedy(operand).to_owned(),
        Message::Fulfil { action } => format!("fulfil the duty to {action} and report it, then call again"),
        Message::Heal { then: "", .. } => "it cannot be made good; negotiate a new agreement".to_owned(),
        Message::Heal { action, then } => {
            format!(
                "fulfil the duty to {action} and what follows from its delay, {then}, and report both, then call again"
            )
        }
        Message::Negotiate => "negotiate an agreement on this offer first".to_owned(),
    }
}

fn compared(operand: &str, operator: &str, required: &str, observed: Option<&str>, state: Truth) -> String {
    match (state, observed) {
        (Truth::Unknown, None) => format!("{operand} is not known, so it cannot be shown to be {operator} {required}"),
        (Truth::Unknown, Some(seen)) => {
            format!("{operand} is {seen}, which cannot be compared by {operator} with {required}")
        }
        (Truth::True, Some(seen)) => format!("{operand} is {seen}, which is {operator} {required}"),
        (Truth::False, Some(seen)) => format!("{operand} is {seen}, which is not {operator} {required}"),
        (_, None) => format!("{operand} is not {operator} {required}"),
    }
}

fn remedy(operand: &str) -> &'static str {
    match operand {
        "count" => "the agreed number of calls is used up; negotiate a new agreement",
        "timeInterval" | "xroad:callsPerMinute" => "call more slowly",
        "dateTime" | "edc:inForceDate" | "edc:sinceAgreement" => {
            "call within the agreed time, or negotiate a new agreement"
        }
        "xroad:datapath" => "call only the methods and paths that the agreement covers",
        "xroad:consent" => "show a consent of the data subject that is in force and about this call",
        "purpose" => "declare a purpose that the agreement covers",
        "action" | "target" | "assignee" | "assigner" => "use an agreement that covers this",
        _ => "meet the clause, or negotiate an agreement without it",
    }
}
