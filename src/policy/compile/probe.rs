//! Comparisons as a decision makes them: laid out close together, texts as bits that were found when the call was slotted.

use super::tree::{Atom, Slot, Told};
use crate::model::time::Timestamp;
use crate::policy::value::{Decimal, Right, Typed};
use crate::policy::vocabulary::{Kind, Operator};

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    /// The slot that it looks at.
    pub(crate) slot: u32,
    /// Whether only an exchange can fill that.
    pub(crate) exchange_only: bool,
    pub(crate) test: Test,
}

/// How it is made. Bits are those of the slot's candidates.
#[derive(Clone, Copy, Debug)]
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
    for (at, slot) in slots.iter_mut().enumerate() {
        slot.candidates = candidates(slot, atoms.iter().filter(|atom| atom.slot == at));
    }
    atoms.iter().map(|atom| probe(atom, slots)).collect()
}

fn candidates<'a>(slot: &Slot, atoms: impl Iterator<Item = &'a Atom>) -> Box<[Right]> {
    let mut found: Vec<Right> = Vec::new();
    if !matches!(slot.kind, Kind::Text | Kind::DataPath) || !matches!(slot.from, Told::Fact | Told::Groups) {
        return Box::default();
    }
    for right in atoms.flat_map(|atom| &atom.right) {
        if !found.iter().any(|known| same(known, right)) {
            found.push(right.clone());
        }
        if found.len() > u64::BITS as usize {
            return Box::default();
        }
    }
    found.into()
}

fn same(one: &Right, other: &Right) -> bool {
    one.text == other.text && one.iri == other.iri
}

fn probe(atom: &Atom, slots: &[Slot]) -> Probe {
    let slot = slots.get(atom.slot);
    let test = slot.map_or(Test::Whole, |slot| test(atom, slot));
    Probe {
        slot: u32::try_from(atom.slot).unwrap_or(u32::MAX),
        exchange_only: slot.is_some_and(|slot| slot.exchange_only),
        test,
    }
}

fn test(atom: &Atom, slot: &Slot) -> Test {
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
    if slot.candidates.is_empty() || atom.right.is_empty() {
        return Test::Whole;
    }
    let bit = |right: &Right| slot.candidates.iter().position(|known| same(known, right)).map_or(0, |at| 1 << at);
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
