//! Comparisons as a decision makes them: laid out close together, texts as bits that were found when the call was slotted.

use super::candidates::{Candidates, distinct, same};
use super::tree::{Atom, Slot, Told};
use crate::model::time::Timestamp;
use crate::policy::value::{Right, Typed, end_of};
use crate::policy::vocabulary::{Kind, Operator, Orders};

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
    /// The time of the decision against a point in time, in milliseconds.
    Now(Orders, i64),
    /// A number against a whole one.
    Number(Orders, i64),
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

/// Lays out the comparisons, and what they compare with.
pub(super) fn lay_out(atoms: &[Atom], slots: &[Slot]) -> (Box<[Probe]>, Candidates) {
    let of = |(at, slot)| distinct(slot, atoms.iter().filter(move |atom| atom.slot == at));
    let compared: Vec<Option<Vec<&Right>>> = slots.iter().enumerate().map(of).collect();
    let probes = atoms.iter().map(|atom| probe(atom, slots, compared.get(atom.slot).and_then(Option::as_deref)));
    let each = slots.iter().zip(&compared).map(|(slot, compared)| (slot.kind, compared.as_deref().unwrap_or_default()));
    (probes.collect(), Candidates::new(each))
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
            (Told::Now, Typed::Instant(time)) if time == Timestamp::from_millis(time.millis()) => {
                return Test::Now(atom.operator.orders(), time.millis());
            }
            // A day as the moments that it begins and ends with.
            (Told::Now, Typed::Day(day)) => match atom.operator {
                Operator::Lt | Operator::Gteq => return Test::Now(atom.operator.orders(), day.millis()),
                Operator::Lteq => return Test::Now(Operator::Lt.orders(), end_of(day).millis()),
                Operator::Gt => return Test::Now(Operator::Gteq.orders(), end_of(day).millis()),
                _ => {}
            },
            (Told::Fact, Typed::Number(number)) if slot.kind == Kind::Number => {
                if let Some(bound) = number.as_whole() {
                    return Test::Number(atom.operator.orders(), bound);
                }
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
