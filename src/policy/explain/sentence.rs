//! What is said of clauses. Each language is a catalogue of its own beside the others; left operands, operators and actions are terms
//! of ODRL and stand as they are.

use super::Truth;
use crate::policy::vocabulary::SINCE_AGREEMENT;

mod english;
mod estonian;
mod finnish;
mod icelandic;
mod ukrainian;

/// Something to be said.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// How a comparison came out.
    Compared { operand: &'a str, operator: &'a str, required: &'a str, observed: Option<&'a str>, state: Truth },
    /// A comparison by an operator that several values leave open.
    Several { operand: &'a str, operator: &'a str, required: &'a str, seen: &'a str },
    /// A comparison by a taxonomy that nobody told.
    NoTaxonomy { operand: &'a str, operator: &'a str, required: &'a str, seen: &'a str },
    /// A comparison of a set of which only some values are known.
    NotAll { operand: &'a str, operator: &'a str, required: &'a str, seen: &'a str },
    /// Whether somebody or something belongs to a collection is told nowhere.
    Membership { member: &'a str, collection: &'a str },
    /// How a comparison came out of an operand that is known to have no value.
    NoValue { operand: &'a str, operator: &'a str, required: &'a str, state: Truth },
    /// A right operand that the left operand can never have.
    Unreadable { operand: &'a str, required: &'a str },
    /// A duty or a constraint is only named.
    Elsewhere { id: &'a str },
    /// A path that may mean two things.
    Ambiguous { path: &'a str },
    /// What should be a call, and is none.
    NoCall { path: &'a str },
    /// A right operand is elsewhere.
    Referenced { reference: &'a str },
    /// Each part of a sequence may hold, but when each came to hold is not known.
    Sequence,
    /// A step of a sequence was not taken before.
    StepMissing { step: usize, of: usize, operand: &'a str, operator: &'a str, required: &'a str },
    /// A step of a sequence was taken before.
    StepTaken { step: usize, of: usize, at: &'a str },
    /// What to do about a step that a call takes.
    TakeStep { step: usize, of: usize },
    /// What to do about a step that time takes.
    AwaitStep { step: usize, of: usize },
    /// A prohibition applies through this comparison.
    Prohibited { comparison: &'a str },
    /// A prohibition may apply, by this comparison among others.
    MayBeProhibited { comparison: &'a str },
    /// A permission without constraints permits.
    PermittedAction { action: &'a str },
    /// A prohibition without constraints applies.
    ProhibitedAction { action: &'a str },
    /// A duty has not been done.
    Unfulfilled { action: &'a str },
    /// A duty of a permission was not fulfilled in time.
    Late { action: &'a str },
    /// An obligation was not met in time.
    Violated { action: &'a str },
    /// A duty was performed before that counts.
    Early { action: &'a str, from: &'a str },
    /// A duty is to be done, by then if at all.
    Due { action: &'a str, until: Option<&'a str> },
    /// A duty is to be done, not before a moment, and by then if at all.
    NotYet { action: &'a str, from: &'a str, until: Option<&'a str> },
    /// Something is to be kept up until a moment.
    Keep { action: &'a str, until: &'a str },
    /// Something was not kept up.
    NotKept { action: &'a str },
    /// A duty was done, or kept up for its time.
    Fulfilled { action: &'a str },
    /// A duty is not called for any more.
    Lifted { action: &'a str },
    /// A prohibition was infringed, and that was not made good.
    Infringed { action: &'a str, at: &'a str },
    /// What to do about an infringement; what makes it good may be nothing.
    Amend { then: &'a str },
    /// An obligation was not met in time, if it was one.
    MayBeViolated { action: &'a str },
    /// A condition of such an obligation.
    Calling { action: &'a str, comparison: &'a str },
    /// An offer grants nothing.
    Offer,
    /// A parent is not known.
    Parent { id: &'a str },
    /// There is no permission at all.
    NoPermission,
    /// A clause as a counterparty may read it.
    Withheld { clause: &'a str, operand: &'a str, state: Truth },
    /// What to do about an operand.
    Remedy(Remedy),
    /// What to do about a duty.
    Fulfil { action: &'a str },
    /// What to do about a duty whose time is over; what follows from that may be nothing.
    Heal { action: &'a str, then: &'a str },
    /// What to do about an offer.
    Negotiate,
    /// The request is permitted.
    Permitted,
    /// The request is refused.
    Refused,
    /// Comes before a reason.
    Because,
}

/// What can be done about a clause that is not met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Remedy {
    /// The number of calls is used up.
    NewAgreement,
    /// The time of use is used up.
    TimeUsedUp,
    /// Calls come too often.
    Slower,
    /// It is not the time for it.
    OtherTime,
    /// Another method or path.
    OtherPath,
    /// A consent.
    Consent,
    /// A purpose.
    Purpose,
    /// The agreement is about something else.
    OtherAgreement,
    /// Nothing in particular.
    Meet,
}

impl Remedy {
    /// What can be done where this operand is not as required.
    pub(crate) fn of(operand: &str) -> Self {
        match operand {
            "count" => Self::NewAgreement,
            "meteredTime" => Self::TimeUsedUp,
            "timeInterval" | "xroad:callsPerMinute" => Self::Slower,
            "dateTime" | "edc:inForceDate" | SINCE_AGREEMENT => Self::OtherTime,
            "xroad:datapath" => Self::OtherPath,
            "xroad:consent" => Self::Consent,
            "purpose" => Self::Purpose,
            "action" | "target" | "assignee" | "assigner" => Self::OtherAgreement,
            _ => Self::Meet,
        }
    }
}

/// A language that decisions are explained in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, `en`.
    #[default]
    English,
    /// Estonian, `et`.
    Estonian,
    /// Finnish, `fi`.
    Finnish,
    /// Icelandic, `is`.
    Icelandic,
    /// Ukrainian, `uk`.
    Ukrainian,
}

impl Language {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::English, Self::Estonian, Self::Finnish, Self::Icelandic, Self::Ukrainian];

    /// Its tag (BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Estonian => "et",
            Self::Finnish => "fi",
            Self::Icelandic => "is",
            Self::Ukrainian => "uk",
        }
    }

    /// The language of a tag, whatever its region; `None` when there is no catalogue for it.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The best of those that an `Accept-Language` header asks for (RFC 9110 §12.5.4); English where there is none of them.
    #[must_use]
    pub fn preferred(accepted: &str) -> Self {
        let mut best = (0, Self::default());
        for range in accepted.split(',').take(32) {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(thousandths).unwrap_or(0);
            if let Some(language) = Self::of_tag(tag).filter(|_| weight > best.0) {
                best = (weight, language);
            }
        }
        best.1
    }

    pub(crate) fn say(self, message: Message<'_>) -> String {
        match self {
            Self::English => english::say(message),
            Self::Estonian => estonian::say(message),
            Self::Finnish => finnish::say(message),
            Self::Icelandic => icelandic::say(message),
            Self::Ukrainian => ukrainian::say(message),
        }
    }
}

/// A weight such as `0.8`, in thousandths.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.trim().split_once('.').unwrap_or((weight.trim(), ""));
    let digits = format!("{fraction:0<3}");
    let fraction: u16 = digits.get(..3)?.parse().ok()?;
    Some((whole.parse::<u16>().ok()?.min(1) * 1000 + fraction).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_gets_the_language_asked_for_or_else_english() {
        for (accepted, language) in [
            ("et", Language::Estonian),
            ("et-EE,en;q=0.8", Language::Estonian),
            ("lv, fi;q=0.5, en;q=0.4", Language::Finnish),
            ("is, fi;q=0.5, en;q=0.4", Language::Icelandic),
            ("ru;q=0.9, uk-UA;q=0.8", Language::Ukrainian),
            ("en;q=0.4, fi;q=0.45", Language::Finnish),
            ("fi;q=0, et;q=0.1", Language::Estonian),
            ("de, *;q=0.1", Language::English),
            ("", Language::English),
            ("fi;q=high", Language::English),
        ] {
            assert_eq!(Language::preferred(accepted), language, "{accepted}");
        }
    }

    #[test]
    fn every_catalogue_says_everything_with_its_terms_and_in_its_own_words() {
        let compared = |state, observed| Message::Compared {
            operand: "<operand>",
            operator: "<operator>",
            required: "<required>",
            observed,
            state,
        };
        let missing = Message::StepMissing {
            step: 3,
            of: 7,
            operand: "<operand>",
            operator: "<operator>",
            required: "<required>",
        };
        let (operand, operator, required, seen) = ("<operand>", "<operator>", "<required>", "<seen>");
        let all_four: &[&str] = &[operand, operator, required, seen];
        let several = Message::Several { operand, operator, required, seen };
        let not_all = Message::NotAll { operand, operator, required, seen };
        let no_taxonomy = Message::NoTaxonomy { operand, operator, required, seen };
        let no_value = |state| Message::NoValue { operand, operator, required, state };
        let withheld = |clause, state| Message::Withheld { clause, operand: "<operand>", state };
        let remedies = [
            "count",
            "meteredTime",
            "timeInterval",
            "dateTime",
            "xroad:datapath",
            "xroad:consent",
            "purpose",
            "action",
            "x",
        ];
        let messages: Vec<(Message<'_>, &[&str])> = vec![
            (compared(Truth::Unknown, None), &["<operand>", "<operator>", "<required>"]),
            (compared(Truth::Unknown, Some("<seen>")), &["<operand>", "<operator>", "<required>", "<seen>"]),
            (compared(Truth::True, Some("<seen>")), &["<operand>", "<operator>", "<required>", "<seen>"]),
            (compared(Truth::False, Some("<seen>")), &["<operand>", "<operator>", "<required>", "<seen>"]),
            (compared(Truth::False, None), &["<operand>", "<operator>", "<required>"]),
            (Message::Ambiguous { path: "<path>" }, &["<path>"]),
            (Message::NoCall { path: "<path>" }, &["<path>"]),
            (Message::Referenced { reference: "<reference>" }, &["<reference>"]),
            (Message::Sequence, &[]),
            (missing, &["3", "7", "<operand>", "<operator>", "<required>"]),
            (Message::StepTaken { step: 3, of: 7, at: "<at>" }, &["3", "7", "<at>"]),
            (Message::TakeStep { step: 3, of: 7 }, &["3", "7"]),
            (Message::AwaitStep { step: 3, of: 7 }, &["3", "7"]),
            (Message::Prohibited { comparison: "<comparison>" }, &["<comparison>"]),
            (Message::MayBeProhibited { comparison: "<comparison>" }, &["<comparison>"]),
            (Message::PermittedAction { action: "<action>" }, &["<action>"]),
            (several, all_four),
            (no_taxonomy, all_four),
            (not_all, all_four),
            (Message::Membership { member: "<member>", collection: "<collection>" }, &["<member>", "<collection>"]),
            (no_value(Truth::True), &["<operand>", "<operator>", "<required>"]),
            (no_value(Truth::False), &["<operand>", "<operator>", "<required>"]),
            (no_value(Truth::Unknown), &["<operand>", "<operator>", "<required>"]),
            (Message::Unreadable { operand: "<operand>", required: "<required>" }, &["<operand>", "<required>"]),
            (Message::Elsewhere { id: "<id>" }, &["<id>"]),
            (Message::MayBeViolated { action: "<action>" }, &["<action>"]),
            (Message::Calling { action: "<action>", comparison: "<comparison>" }, &["<action>", "<comparison>"]),
            (Message::ProhibitedAction { action: "<action>" }, &["<action>"]),
            (Message::Unfulfilled { action: "<action>" }, &["<action>"]),
            (Message::Late { action: "<action>" }, &["<action>"]),
            (Message::Violated { action: "<action>" }, &["<action>"]),
            (Message::Early { action: "<action>", from: "<from>" }, &["<action>", "<from>"]),
            (Message::Due { action: "<action>", until: None }, &["<action>"]),
            (Message::Due { action: "<action>", until: Some("<until>") }, &["<action>", "<until>"]),
            (Message::NotYet { action: "<action>", from: "<from>", until: None }, &["<action>", "<from>"]),
            (
                Message::NotYet { action: "<action>", from: "<from>", until: Some("<until>") },
                &["<action>", "<from>", "<until>"],
            ),
            (Message::Keep { action: "<action>", until: "<until>" }, &["<action>", "<until>"]),
            (Message::NotKept { action: "<action>" }, &["<action>"]),
            (Message::Fulfilled { action: "<action>" }, &["<action>"]),
            (Message::Lifted { action: "<action>" }, &["<action>"]),
            (Message::Infringed { action: "<action>", at: "<at>" }, &["<action>", "<at>"]),
            (Message::Amend { then: "<then>" }, &["<then>"]),
            (Message::Offer, &[]),
            (Message::Parent { id: "<id>" }, &["<id>"]),
            (Message::NoPermission, &[]),
            (withheld("/prohibition/0", Truth::False), &["/prohibition/0", "<operand>"]),
            (withheld("/prohibition/0", Truth::True), &["/prohibition/0", "<operand>"]),
            (withheld("/permission/0", Truth::True), &["/permission/0", "<operand>"]),
            (withheld("/permission/0", Truth::Unknown), &["/permission/0", "<operand>"]),
            (Message::Fulfil { action: "<action>" }, &["<action>"]),
            (Message::Heal { action: "<action>", then: "" }, &[]),
            (Message::Heal { action: "<action>", then: "<then>" }, &["<action>", "<then>"]),
            (Message::Negotiate, &[]),
            (Message::Permitted, &[]),
            (Message::Refused, &[]),
            (Message::Because, &[]),
        ];
        let remedies = remedies.map(|operand| (Message::Remedy(Remedy::of(operand)), &[][..]));
        let all: Vec<_> = messages.into_iter().chain(remedies).collect();
        for language in Language::ALL {
            assert_eq!(Language::of_tag(language.tag()), Some(language));
            let said: Vec<String> = all.iter().map(|(message, _)| language.say(*message)).collect();
            for (sentence, (_, terms)) in said.iter().zip(&all) {
                assert!(terms.iter().all(|term| sentence.contains(term)), "{language:?}: {sentence}");
            }
            let distinct: std::collections::HashSet<&String> = said.iter().collect();
            assert_eq!(distinct.len(), said.len(), "{language:?} says two things in the same words");
            for other in Language::ALL.into_iter().filter(|other| *other != language) {
                assert!(all.iter().zip(&said).all(|((message, _), said)| other.say(*message) != *said));
            }
        }
    }
}
