//! What is said of one comparison.

use super::{Because, Message, entry, source};
use crate::policy::compile::Atom;
use crate::policy::datapath::is_call;
use crate::policy::explain::Language;
use crate::policy::facts::Known;
use crate::policy::judge::Eval;
use crate::policy::truth::{Mask, Truth};
use crate::policy::value::Typed;
use crate::policy::vocabulary::Operator;

/// What is said of a comparison.
pub(super) fn compared(language: Language, eval: &Eval<'_>, at: usize, atom: &Atom, mask: Mask) -> Because {
    let slot = eval.policy.slots.get(atom.slot);
    let (operand, assurance) = (&*atom.operand, slot.map(|slot| slot.assurance));
    let required = match &atom.unit {
        Some(unit) => format!("{} {unit}", atom.required),
        None => atom.required.to_string(),
    };
    let observed = eval.observed(atom);
    let state = mask.truth();
    let entry = entry(language, &atom.clause, state, operand, atom.operator.as_str(), &required, observed.as_deref());
    let source = slot.map(source::of);
    let entry = Because { required: atom.required.to_string(), assurance, source, ..entry };
    match unusual(eval, at, atom, (&entry.operand, &required, state), observed.as_deref()) {
        Some(message) => Because { reason: language.say(message), ..entry },
        None => entry,
    }
}

/// What is said of a comparison that the usual sentence would not be true of.
fn unusual<'m>(
    eval: &'m Eval<'_>,
    at: usize,
    atom: &'m Atom,
    (operand, required, state): (&'m str, &'m str, Truth),
    observed: Option<&'m str>,
) -> Option<Message<'m>> {
    let operator = atom.operator.as_str();
    let open = state == Truth::Unknown;
    if atom.right.is_empty() {
        return Some(Message::Referenced { reference: &atom.required });
    }
    if open && let Some(right) = atom.right.iter().find(|right| right.typed == Typed::Unreadable) {
        return Some(Message::Unreadable { operand, required: &right.text });
    }
    if let Some(seen) = eval.sheet.seen(atom.slot).find(|seen| seen.typed == Typed::Call { plain: false }) {
        let path = seen.text;
        return Some(if is_call(path) { Message::Ambiguous { path } } else { Message::NoCall { path } });
    }
    let seen = observed?;
    if seen.is_empty() && eval.sheet.seen(atom.slot).next().is_none() {
        return Some(Message::NoValue { operand, operator, required, state });
    }
    if !open {
        return None;
    }
    if eval.sheet.fact(atom.slot).is_some_and(|(_, fact)| fact.known == Known::AmongOthers) {
        return Some(Message::NotAll { operand, operator, required, seen });
    }
    let untold = || eval.sheet.seen(atom.slot).any(|value| eval.placed(at, atom, &value) == Mask::UNKNOWN);
    let by_taxonomy = matches!(atom.operator, Operator::IsA | Operator::IsPartOf | Operator::HasPart);
    let of_one = !matches!(atom.operator, Operator::IsAnyOf | Operator::IsAllOf | Operator::IsNoneOf);
    let several = atom.right.len() > 1 || eval.sheet.seen(atom.slot).count() > 1;
    if by_taxonomy && untold() {
        Some(Message::NoTaxonomy { operand, operator, required, seen })
    } else if of_one && several {
        Some(Message::Several { operand, operator, required, seen })
    } else {
        None
    }
}
