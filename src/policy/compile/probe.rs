//! Comparisons as a decision makes them: laid out close together, texts as bits that were found when the call was slotted.

use super::tree::{Atom, Slot, Told};
use crate::model::time::Timestamp;
use crate::policy::datapath::{Call, Pattern};
use crate::policy::ends::{Ends, Marked};
use crate::policy::value::{Decimal, Right, Typed};
use crate::policy::vocabulary::{Kind, Operator};

/// One comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Probe {
    /// The slot that it looks at.
    pub(crate) slot: u32,
    /// Whether only an exchange can fill that.
    pub(crate) exchange_only: bool,
    pub(crate) test: Test,
}

/// How it is made. Bits are those of the slot's candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Test {
    /// The time of the decision against a point in time.
    Now(Operator, Timestamp),
    /// One number against another.
    Number(Operator, Decimal),
    /// Some value is one of these.
    Any(u64),
    /// No value is.
    None(u64),
    /// Each of these is a value.
    All(u64),
    /// The one value is this.
    Same(u64),
    /// The one value is not this.
    Other(u64),
    /// In full, value by value.
    Whole,
}

/// Lays out the comparisons, and gives slots their candidates.
pub(super) fn lay_out(atoms: &[Atom], slots: &mut [Slot]) -> Box<[Probe]> {
    let mut compared: Vec<Option<Vec<&Right>>> = Vec::with_capacity(slots.len());
    for (at, slot) in slots.iter_mut().enumerate() {
        let found = distinct(slot, atoms.iter().filter(|atom| atom.slot == at));
        slot.candidates = found.as_ref().map_or(Candidates::None, |found| candidates(slot, found));
        compared.push(found);
    }
    atoms.iter().map(|atom| probe(atom, slots, compared.get(atom.slot).and_then(Option::as_deref))).collect()
}

/// What the values of a slot are compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Candidates {
    /// Too much, or no texts: comparisons look for themselves.
    None,
    Texts(Box<[Candidate]>),
    Paths(Box<[Pattern]>),
}

/// One spelling of a right operand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    text: Marked,
    bit: u64,
}

impl Candidates {
    /// The bits of those that are this text.
    pub(crate) fn of_text(&self, text: &str) -> u64 {
        let Self::Texts(all) = self else { return 0 };
        let ends = Ends::of(text);
        all.iter().filter(|one| one.text.is(text, ends)).fold(0, |bits, one| bits | one.bit)
    }

    /// The bits of those that cover this call.
    pub(crate) fn of_call(&self, call: Call<'_>) -> u64 {
        let Self::Paths(all) = self else { return 0 };
        all.iter().enumerate().fold(0, |bits, (at, pattern)| bits | (u64::from(pattern.covers_call(call)) << at))
    }
}

/// The distinct right operands of a slot, in order; `None` when there are more than bits, or others than texts.
fn distinct<'a>(slot: &Slot, atoms: impl Iterator<Item = &'a Atom>) -> Option<Vec<&'a Right>> {
    if !matches!(slot.kind, Kind::Text | Kind::FieldPath | Kind::DataPath)
        || !matches!(slot.from, Told::Fact | Told::Groups)
    {
        return None;
    }
    let mut found: Vec<&Right> = Vec::new();
    for right in atoms.flat_map(|atom| &atom.right) {
        if !found.iter().any(|known| same(known, right)) {
            found.push(right);
        }
    }
    (found.len() <= u64::BITS as usize).then_some(found)
}

fn candidates(slot: &Slot, found: &[&Right]) -> Candidates {
    if slot.kind == Kind::DataPath {
        let patterns: Option<Box<[Pattern]>> = found.iter().map(|right| right.pattern.clone()).collect();
        return patterns.map_or(Candidates::None, Candidates::Paths);
    }
    let spelled = |(at, right): (usize, &&Right)| {
        let spellings: Vec<&str> = std::iter::once(&*right.text).chain(right.iri.as_deref()).collect();
        spellings.into_iter().map(move |text| (at, text.to_owned())).collect::<Vec<_>>()
    };
    let all = found.iter().enumerate().flat_map(spelled);
    Candidates::Texts(all.map(|(at, text)| Candidate { bit: 1 << at, text: Marked::new(&text) }).collect())
}

fn same(one: &Right, other: &Right) -> bool {
    one.text == other.text && one.iri == other.iri
}

fn probe(atom: &Atom, slots: &[Slot], compared: Option<&[&Right]>) -> Probe {
    let slot = slots.get(atom.slot);
    let test = slot.map_or(Test::Whole, |slot| test(atom, slot, compared));
    Probe {
        slot: u32::try_from(atom.slot).unwrap_or(u32::MAX),
        exchange_only: slot.is_some_and(|slot| slot.exchange_only),
        test,
    }
}

fn test(atom: &Atom, slot: &Slot, compared: Option<&[&Right]>) -> Test {
    let ordinary = matches!(atom.operator, Operator::Eq | Operator::Neq) || atom.operator.is_order();
    if let ([right], true) = (&*atom.right, ordinary) {
        match (slot.from, right.typed) {
            (Told::Now, Typed::Instant(time)) => return Test::Now(atom.operator, time),
            (Told::Fact, Typed::Number(number)) if slot.kind == Kind::Number => {
                return Test::Number(atom.operator, number);
            }
            _ => {}
        }
    }
    let Some(compared) = compared.filter(|_| !atom.right.is_empty()) else { return Test::Whole };
    let bit = |right: &Right| compared.iter().position(|known| same(known, right)).map_or(0, |at| 1 << at);
    let bits: u64 = atom.right.iter().map(bit).fold(0, |all, bit| all | bit);
    match (atom.operator, atom.right.len()) {
        (Operator::IsAnyOf, _) => Test::Any(bits),
        (Operator::IsNoneOf, _) => Test::None(bits),
        (Operator::IsAllOf, _) => Test::All(bits),
        (Operator::Eq, 1) => Test::Same(bits),
        (Operator::Neq, 1) => Test::Other(bits),
        _ => Test::Whole,
    }
}
