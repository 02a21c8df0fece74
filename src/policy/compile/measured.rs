//! Units of right operands: which one a constraint may name, and what its amounts are in the unit that facts come in.

use crate::model::odrl::{Atomic, Literal};
use crate::policy::value::{Decimal, Duration, Right, Typed};
use crate::policy::vocabulary::{Kind, Operand, Unit, Units};

/// A comparison with its unit.
pub(super) struct Measured {
    /// The operand, whose values are amounts where a unit is named.
    pub(super) operand: Operand,
    /// The unit that facts are compared in; `None` where they are compared as given.
    pub(super) unit: Option<Unit>,
    /// How the right operand is read, where not as it stands.
    pub(super) conversion: Option<Conversion>,
}

/// How an amount is read.
pub(super) enum Conversion {
    /// In a unit other than that of the facts.
    Between { from: Unit, to: Unit },
    /// As a length of time.
    Time(Unit),
    /// As nothing that the facts could be.
    Never,
}

impl Measured {
    /// A comparison in a unit that the operand cannot be in.
    pub(super) const fn never(operand: Operand) -> Self {
        Self { operand, unit: None, conversion: Some(Conversion::Never) }
    }
}

impl Conversion {
    pub(super) fn read(&self, literal: &Literal) -> Option<Right> {
        let amount = Decimal::parse(literal.text.trim())?;
        let typed = match self {
            Self::Between { from, to } => Typed::Number(from.convert(amount, to)?),
            Self::Never => return None,
            Self::Time(unit) => Typed::Duration(Duration::of_millis(unit.millis(amount)?)),
        };
        Some(Right { typed, text: literal.text.as_str().into(), iri: None, pattern: None, beside_text: false })
    }
}

/// The unit of a comparison.
///
/// # Errors
/// A sentence, where the operand cannot be in the unit that the constraint names.
pub(super) fn of(atomic: &Atomic, operand: Operand) -> Result<Measured, String> {
    let Some(asked) = &atomic.unit else {
        let unit = operand.units.only();
        return Ok(Measured { operand, unit, conversion: None });
    };
    if let Some(own) = &operand.unit {
        return converted(atomic, asked, &Unit::named(own)).map(|conversion| Measured {
            operand,
            unit: None,
            conversion,
        });
    }
    let unit = match operand.units {
        Units::Any => Some(Unit::named(asked)),
        Units::Of(dimensions) => Unit::within(asked, dimensions),
        Units::None => None,
    };
    let unit = unit.ok_or_else(|| format!("{} is not in {asked}: {}", atomic.left, operand.units.told()))?;
    let is_number = |literal: &Literal| Decimal::parse(literal.text.trim()).is_some();
    let numbers = atomic.referenced || atomic.right.iter().all(is_number);
    Ok(match (operand.kind, numbers) {
        (Kind::Duration, false) => {
            return Err(format!("{asked} is the unit of a number; an xsd:duration says its units itself"));
        }
        (Kind::Duration, true) => Measured { operand, unit: None, conversion: Some(Conversion::Time(unit)) },
        // Such as coordinates: compared as they are written.
        (_, false) => Measured { operand, unit: None, conversion: None },
        (_, true) => {
            Measured { operand: Operand { kind: Kind::Number, ..operand }, unit: Some(unit), conversion: None }
        }
    })
}

/// How amounts in a unit are read where facts have one of their own.
fn converted(atomic: &Atomic, asked: &str, own: &Unit) -> Result<Option<Conversion>, String> {
    let from = Unit::named(asked);
    if from == *own {
        return Ok(None);
    }
    let exact = |literal: &Literal| {
        Decimal::parse(literal.text.trim()).is_some_and(|amount| from.convert(amount, own).is_some())
    };
    if atomic.referenced || atomic.right.iter().all(exact) {
        return Ok(Some(Conversion::Between { from, to: own.clone() }));
    }
    Err(format!("{} is known here in {}, and this is no exact amount of it in {asked}", atomic.left, own.name()))
}
