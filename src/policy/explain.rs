//! The decision with its reasons: clause by clause, what was required and what was seen.

use serde::Serialize;

use super::compile::{Alternative, Atom, Compiled, CompiledRule, Told};
use super::judge::{Eval, Trace, Verdict};
use super::sheet::Sheet;
use super::truth::{Mask, Truth};
use super::vocabulary::{Assurance, SINCE_AGREEMENT};
use super::world::World;

mod compared;
mod held;
mod obliged;
mod reasons;
mod sentence;
mod source;
mod steps;
mod tree;

use compared::compared;
pub use held::HeldClause;
pub use obliged::stands;
use reasons::Reasons;
pub use sentence::Language;
pub(crate) use sentence::{Message, Remedy};
pub use tree::{DutyState, Explanation, Part};

/// What an entry about an infringed prohibition has in place of a left operand.
const INFRINGED: &str = "prohibition";

/// Whether a request is permitted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is permitted.
    pub permit: bool,
    /// The clauses that decided: of a refusal those that refused, of a permit those that held.
    pub because: Vec<Because>,
}

/// One clause and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Because {
    /// JSON Pointer (RFC 6901) into the policy as received.
    pub clause: String,
    /// Whether it holds.
    pub state: Truth,
    /// The left operand, or `action`, `target`, `assignee`, `assigner`, `duty`, `prohibition` (infringed), `policy`.
    pub operand: String,
    /// The operator.
    pub operator: String,
    /// What is required.
    pub required: String,
    /// What was seen; `null` when nothing is known.
    pub observed: Option<String>,
    /// One sentence.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// How far the clause holds the consumer; `null` for what is no constraint.
    pub assurance: Option<Assurance>,
    /// Where the value seen comes from, such as `clock`, `counter` or `header NAME`; `null` where there is none.
    pub source: Option<String>,
}

/// Who reads a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Those who run this connector: everything.
    Operator,
    /// The other party of the agreement: its clauses, not what is known here.
    Counterparty,
    /// Anybody: which kind of clause, nothing of its content.
    Public,
}

impl Decision {
    /// The same decision as the counterparty may see it: which clause, operand and operator, not what is known here.
    #[must_use]
    pub fn redacted(&self) -> Self {
        self.for_audience(Audience::Counterparty)
    }

    /// The same decision with what these readers may see.
    #[must_use]
    pub fn for_audience(&self, audience: Audience) -> Self {
        let because = self.because.iter().map(|b| b.for_audience(audience, Language::default())).collect();
        Self { permit: self.permit, because }
    }
}

impl Because {
    fn for_audience(&self, audience: Audience, language: Language) -> Self {
        let withheld = Message::Withheld { clause: &self.clause, operand: &self.operand, state: self.state };
        match audience {
            Audience::Operator => self.clone(),
            // What is to be done stands in the agreement, which both parties have.
            Audience::Counterparty if self.operand == "duty" || self.operand == INFRINGED => self.clone(),
            Audience::Counterparty => Self {
                observed: None,
                reason: language.say(withheld),
                source: self.source.as_deref().map(|source| source::kind(source).to_owned()),
                ..self.clone()
            },
            Audience::Public => Self {
                observed: None,
                required: String::new(),
                reason: language.say(withheld),
                remedy: String::new(),
                source: None,
                ..self.clone()
            },
        }
    }
}

impl Compiled {
    /// Decides a request in a state of the world.
    #[must_use]
    pub fn decide(&self, world: &World) -> Decision {
        let (sheet, mut trace) = (self.sheet(world), Trace::default());
        let verdict = self.judge(&sheet, &mut trace);
        self.because(&sheet, verdict)
    }

    /// The reasons of a verdict on this sheet.
    #[must_use]
    pub fn because(&self, sheet: &Sheet<'_>, verdict: Verdict) -> Decision {
        self.because_in(Language::default(), sheet, verdict)
    }

    fn because_in(&self, language: Language, sheet: &Sheet<'_>, verdict: Verdict) -> Decision {
        let because = Reasons::of(verdict.ground, Eval::quiet(self, sheet), language);
        Decision { permit: verdict.permit, because }
    }
}

impl Eval<'_> {
    /// Whether the request is about what is named, refinements left aside.
    pub(super) fn named(&self, alternative: &Alternative) -> Mask {
        self.sheet.background().about.get(alternative.index).copied().unwrap_or(Mask::UNKNOWN)
    }

    /// The same for all aspects of a rule.
    pub(super) fn names(&self, rule: &CompiledRule) -> Mask {
        let any = |all: &[Alternative]| all.iter().map(|one| self.named(one)).reduce(Mask::or).unwrap_or(Mask::TRUE);
        rule.aspects().into_iter().map(|(_, all)| any(all)).fold(Mask::TRUE, Mask::and)
    }

    /// What was seen of a comparison, as people read it.
    pub(super) fn observed(&self, atom: &Atom) -> Option<String> {
        let slot = self.policy.slots.get(atom.slot)?;
        let mut shown = String::new();
        let by_time = self.told_by_time(slot.from).and_then(|seen| {
            // A date relative to the agreement is compared with the time, as a date is.
            let is_date = slot.from == Told::Agreement && *atom.operand != *SINCE_AGREEMENT;
            if is_date { self.told_by_time(Told::Now) } else { Some(seen) }
        });
        if let Some(seen) = by_time.or_else(|| self.delay(atom)) {
            seen.show(&mut shown);
            return Some(shown);
        }
        let Some((values, fact)) = self.sheet.fact(atom.slot).filter(|(_, fact)| fact.known.is_told()) else {
            return self.elapsed(slot.from).map(|since| since.shown());
        };
        for (n, value) in values.seen(fact).enumerate() {
            shown.push_str(if n > 0 { ", " } else { "" });
            value.show(&mut shown);
        }
        Some(shown)
    }
}

/// What is said of a duty or a constraint that is only named.
pub(super) fn elsewhere(language: Language, clause: &str, part: &str, id: &str) -> Because {
    let entry = entry(language, clause, Truth::Unknown, part, "eq", id, None);
    said(language, entry, Message::Elsewhere { id }, Message::Remedy(Remedy::Meet))
}

fn said(language: Language, entry: Because, reason: Message<'_>, remedy: Message<'_>) -> Because {
    Because { reason: language.say(reason), remedy: language.say(remedy), ..entry }
}

fn entry(
    language: Language,
    clause: &str,
    state: Truth,
    operand: &str,
    operator: &str,
    required: &str,
    observed: Option<&str>,
) -> Because {
    Because {
        clause: clause.to_owned(),
        state,
        operand: operand.to_owned(),
        operator: operator.to_owned(),
        required: required.to_owned(),
        observed: observed.map(str::to_owned),
        reason: language.say(Message::Compared { operand, operator, required, observed, state }),
        remedy: language.say(Message::Remedy(Remedy::of(operand))),
        assurance: None,
        source: source::of_part(operand).map(str::to_owned),
    }
}
