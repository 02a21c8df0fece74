//! Values by type: decimals, instants, durations, versions, text, paths. No floating point anywhere.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::datapath::{Call, Pattern};
use super::fields::is_field_path;
use super::vocabulary::Kind;
use crate::model::odrl::Literal;
use crate::model::time::Timestamp;

mod decimal;
mod time;

pub(crate) use decimal::Decimal;
pub(crate) use time::{Duration, date_time, instant};

/// A value as its left operand's kind reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    Number(Decimal),
    /// A number with more digits than most; its text has them.
    Long,
    Instant(Timestamp),
    /// A whole day that a right operand names, by its beginning.
    Day(Timestamp),
    Duration(Duration),
    Version,
    Text,
    /// A call `METHOD /path`; whether any pattern can match it.
    Call {
        plain: bool,
    },
    /// A right operand that its left operand can never have; nothing compares with it.
    Unreadable,
}

/// How long a day is.
const DAY_MILLIS: i64 = 86_400_000;

/// The moment after a day.
pub(crate) const fn end_of(day: Timestamp) -> Timestamp {
    day.plus_millis(DAY_MILLIS)
}

impl Typed {
    pub(crate) fn read(text: &str, kind: Kind) -> Option<Self> {
        match kind {
            // Most have no space around them.
            Kind::Number => {
                let number = Decimal::parse(text).or_else(|| Decimal::parse(text.trim())).map(Self::Number);
                number.or_else(|| decimal::is_decimal(text).then_some(Self::Long))
            }
            Kind::Instant => instant(text.trim()).map(Self::Instant),
            Kind::Duration => Duration::parse(text.trim()).map(Self::Duration),
            Kind::Version => Some(Self::Version),
            Kind::Text | Kind::FieldPath | Kind::Any => Some(Self::Text),
            Kind::DataPath => Some(Self::Call { plain: Call::parse(text).is_some() }),
        }
    }
}

/// A value seen in the world. Its text is empty where it was not given as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) text: &'a str,
    pub(crate) typed: Typed,
}

impl Seen<'_> {
    /// Whether it is the same value.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self.typed, other.typed) {
            (Typed::Text | Typed::Version | Typed::Call { .. } | Typed::Unreadable, _) => self.text == other.text,
            (Typed::Long, Typed::Long) => decimal::order(self.text, other.text) == Some(Ordering::Equal),
            (one, other) => one == other,
        }
    }

    /// As people read it.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        self.show(&mut text);
        text
    }

    /// Appends it as people read it.
    pub(crate) fn show(&self, out: &mut String) {
        if !self.text.is_empty() {
            out.push_str(self.text);
            return;
        }
        // Writing to a string cannot fail.
        let _ = match self.typed {
            Typed::Number(number) => write!(out, "{number}"),
            Typed::Instant(time) | Typed::Day(time) => write!(out, "{time}"),
            Typed::Duration(length) => write!(out, "{length}"),
            Typed::Version | Typed::Text | Typed::Long | Typed::Call { .. } | Typed::Unreadable => Ok(()),
        };
    }
}

/// A right operand, ready to be compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Right {
    pub(crate) typed: Typed,
    pub(crate) text: Box<str>,
    /// The IRI that the text stands for, when it is a compact one.
    pub(crate) iri: Option<Box<str>>,
    pub(crate) pattern: Option<Pattern>,
    /// A number among texts: a text that is no number is another value.
    pub(crate) beside_text: bool,
}

impl Right {
    /// Types a literal; `None` when the left operand can never have such a value.
    pub(crate) fn read(literal: &Literal, kind: Kind) -> Option<Self> {
        let beside_text = kind == Kind::Text && literal.typed && kind_of(literal) == Kind::Number;
        let kind = match kind {
            Kind::Any => kind_of(literal),
            // A number that is said to be one is one, whatever the operand's other values are.
            Kind::Text if beside_text => Kind::Number,
            kind => kind,
        };
        if kind == Kind::FieldPath && !is_field_path(&literal.text) {
            return None;
        }
        let pattern = match kind {
            Kind::DataPath => Some(Pattern::parse(&literal.text)?),
            _ => None,
        };
        let day = (kind == Kind::Instant).then(|| time::day(literal.text.trim())).flatten();
        Some(Self {
            typed: day.map(Typed::Day).or_else(|| Typed::read(&literal.text, kind))?,
            text: literal.text.as_str().into(),
            iri: literal.iri.as_deref().map(Into::into),
            pattern,
            beside_text,
        })
    }

    /// A literal that the left operand can never have.
    pub(crate) fn unreadable(literal: &Literal) -> Self {
        Self {
            typed: Typed::Unreadable,
            text: literal.text.as_str().into(),
            iri: None,
            pattern: None,
            beside_text: false,
        }
    }

    /// Whether the value seen is this one; `None` where that cannot be told.
    pub(crate) fn equals(&self, seen: &Seen<'_>) -> Option<bool> {
        match (self.typed, seen.typed) {
            (Typed::Text | Typed::Version, Typed::Text | Typed::Version) if self.is_text(seen.text) => Some(true),
            (Typed::Version, Typed::Version) => Some(self.order(seen) == Some(Ordering::Equal)),
            (Typed::Text | Typed::Version, Typed::Text | Typed::Version) => Some(false),
            (_, Typed::Call { .. }) => self.pattern.as_ref().map(|pattern| pattern.covers(seen.text)),
            // Text that is no number is not this number.
            (Typed::Number(_) | Typed::Long, Typed::Text) if self.beside_text => {
                Some(self.order(seen).is_some_and(Ordering::is_eq))
            }
            _ => self.order(seen).map(Ordering::is_eq),
        }
    }

    /// How the value seen stands to this one: `Less` when it is below.
    pub(crate) fn order(&self, seen: &Seen<'_>) -> Option<Ordering> {
        match (seen.typed, self.typed) {
            (Typed::Number(a), Typed::Number(b)) => a.compare(&b),
            (Typed::Number(_) | Typed::Long | Typed::Text, Typed::Number(_) | Typed::Long) => {
                match (Decimal::parse(seen.text.trim()), self.typed) {
                    (Some(a), Typed::Number(b)) => a.compare(&b),
                    _ => decimal::order(&seen.shown(), &self.text),
                }
            }
            (Typed::Instant(a) | Typed::Day(a), Typed::Instant(b)) => Some(a.cmp(&b)),
            (Typed::Instant(a) | Typed::Day(a), Typed::Day(day)) => Some(on(day, a)),
            (Typed::Duration(a), Typed::Duration(b)) => a.compare(b),
            (Typed::Version, Typed::Version) => versions(seen.text, &self.text),
            (Typed::Text, Typed::Instant(b)) => Some(instant(seen.text.trim())?.cmp(&b)),
            (Typed::Text, Typed::Day(day)) => Some(on(day, instant(seen.text.trim())?)),
            (Typed::Text, Typed::Duration(b)) => Duration::parse(seen.text.trim())?.compare(b),
            (Typed::Text, Typed::Text) if self.is_text(seen.text) => Some(Ordering::Equal),
            // Text has no order unless both read as numbers or as times.
            (Typed::Text, Typed::Text) => untyped(seen.text, &self.text),
            _ => None,
        }
    }

    fn is_text(&self, text: &str) -> bool {
        *self.text == *text || self.iri.as_deref() == Some(text)
    }

    /// This right operand as a value of the world, for comparing right operands with each other.
    pub(crate) fn as_seen(&self) -> Seen<'_> {
        Seen { text: self.iri.as_deref().unwrap_or(&self.text), typed: self.typed }
    }
}

/// How a moment stands to a day: equal to it from its beginning to its end.
fn on(day: Timestamp, at: Timestamp) -> Ordering {
    if at < day {
        Ordering::Less
    } else if at < end_of(day) {
        Ordering::Equal
    } else {
        Ordering::Greater
    }
}

/// What a literal says of itself, for left operands that take anything.
fn kind_of(literal: &Literal) -> Kind {
    match literal.datatype.as_deref() {
        Some("dateTime" | "dateTimeStamp" | "date") => Kind::Instant,
        Some("duration" | "dayTimeDuration" | "yearMonthDuration") => Kind::Duration,
        Some(name) if NUMERIC.contains(&name) => Kind::Number,
        _ => Kind::Text,
    }
}

const NUMERIC: [&str; 16] = [
    "decimal",
    "integer",
    "double",
    "float",
    "long",
    "int",
    "short",
    "byte",
    "nonNegativeInteger",
    "positiveInteger",
    "nonPositiveInteger",
    "negativeInteger",
    "unsignedLong",
    "unsignedInt",
    "unsignedShort",
    "unsignedByte",
];

fn untyped(a: &str, b: &str) -> Option<Ordering> {
    match (Decimal::parse(a), Decimal::parse(b)) {
        (Some(a), Some(b)) => a.compare(&b),
        _ => Some(instant(a)?.cmp(&instant(b)?)),
    }
}

/// The order of dotted numbers: `1.10` is above `1.9`.
fn versions(a: &str, b: &str) -> Option<Ordering> {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let (left, right) = (a.next(), b.next());
        if left.is_none() && right.is_none() {
            return Some(Ordering::Equal);
        }
        let number = |part: Option<&str>| part.map_or(Some(0), |text| text.parse::<u64>().ok());
        match number(left)?.cmp(&number(right)?) {
            Ordering::Equal => {}
            other => return Some(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(text: &str, datatype: Option<&str>, kind: Kind) -> Right {
        let literal =
            Literal { text: text.into(), datatype: datatype.map(Into::into), iri: None, typed: datatype.is_some() };
        Right::read(&literal, kind).unwrap()
    }

    fn seen(text: &str, kind: Kind) -> Seen<'_> {
        Seen { text, typed: Typed::read(text, kind).unwrap() }
    }

    #[test]
    fn text_has_no_order_unless_it_reads_as_numbers_or_times() {
        let order = |a: &str, b: &str| right(b, None, Kind::Text).order(&seen(a, Kind::Text));
        assert_eq!(order("9", "10"), Some(Ordering::Less));
        assert_eq!(order("2026-01-02", "2026-01-01"), Some(Ordering::Greater));
        assert_eq!(order("a", "a"), Some(Ordering::Equal));
        assert_eq!(order("a", "b"), None);
    }

    #[test]
    fn versions_are_ordered_by_their_parts() {
        let order = |a: &str, b: &str| right(b, None, Kind::Version).order(&seen(a, Kind::Version));
        assert_eq!(order("1.10", "1.9"), Some(Ordering::Greater));
        assert_eq!(order("2", "2.0.1"), Some(Ordering::Less));
        assert_eq!(order("2-beta", "2"), None);
    }

    #[test]
    fn an_untyped_operand_takes_the_type_of_its_right_operand() {
        let number = right("5.00", Some("decimal"), Kind::Any);
        assert_eq!(number.equals(&seen("5", Kind::Any)), Some(true));
        assert_eq!(number.equals(&seen("five", Kind::Any)), None);
        assert_eq!(right("5.00", None, Kind::Any).equals(&seen("5", Kind::Any)), Some(false));
        assert_eq!(right("P1D", Some("duration"), Kind::Any).order(&seen("PT25H", Kind::Any)), Some(Ordering::Greater));
    }

    #[test]
    fn what_an_operand_can_never_be_is_not_read() {
        let literal = Literal { text: "many".into(), datatype: None, iri: None, typed: false };
        for kind in [Kind::Number, Kind::Instant, Kind::Duration, Kind::DataPath] {
            assert!(Right::read(&literal, kind).is_none(), "{kind:?}");
        }
    }
}
