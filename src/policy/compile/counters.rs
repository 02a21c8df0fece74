//! Durable counters that an exchange reserves before the call and settles after it.

use super::{Compiled, Compiler};
use crate::policy::value::Typed;
use crate::policy::vocabulary::{Operator, Source};

/// A durable counter that a constraint of a permission or prohibition compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterUse {
    /// The constraint that compares it.
    pub clause: String,
    /// The left operand: `count` (exchanges under the agreement, this one included), `timeInterval` (time since the last one),
    /// `xroad:callsPerMinute` (exchanges within the last minute, this one included) or `meteredTime` (what exchanges took together).
    pub operand: String,
    /// The highest permitted whole value, where the constraint sets one.
    pub limit: Option<i64>,
}

impl Compiled {
    /// The durable counters that its permissions and prohibitions compare.
    #[must_use]
    pub fn counters(&self) -> &[CounterUse] {
        &self.counters
    }
}

/// Those compared by the atoms from `first` on, which stand in permissions or else in prohibitions.
pub(super) fn of(compiler: &Compiler<'_>, first: usize, permitting: bool) -> Vec<CounterUse> {
    let mut found = Vec::new();
    for atom in compiler.atoms.iter().skip(first) {
        let Some(slot) = compiler.slots.get(atom.slot).filter(|slot| slot.source == Source::Counter) else { continue };
        let value = match &*atom.right {
            [right] => whole(right.typed),
            _ => None,
        };
        let limit = value.and_then(|(floor, exact)| match (permitting, atom.operator) {
            (true, Operator::Lteq | Operator::Eq) | (false, Operator::Gt) => Some(floor),
            (true, Operator::Lt) | (false, Operator::Gteq) => Some(if exact { floor - 1 } else { floor }),
            _ => None,
        });
        found.push(CounterUse { clause: atom.clause.to_string(), operand: slot.name.to_string(), limit });
    }
    found
}

/// A number rounded down, and whether it is whole.
fn whole(value: Typed) -> Option<(i64, bool)> {
    match value {
        Typed::Number(number) => Some((number.floor()?, number.is_whole())),
        _ => None,
    }
}
