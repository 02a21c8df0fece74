//! Values by type: decimals, instants, durations, text. No floating point anywhere.

use std::cmp::Ordering;

use serde_json::Value;

use super::vocabulary::Kind;
use crate::model::time::Timestamp;

/// A value of a constraint or a fact, typed by its left operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    Number(Decimal),
    Instant(Timestamp),
    /// Milliseconds; calendar parts are refused.
    Duration(i64),
    Text(String),
}

/// An exact decimal: `digits` scaled down by `10^scale`, without trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
        let plain = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if (unsigned.is_empty() && fraction.is_empty()) || !plain(unsigned) || !plain(fraction) {
            return None;
        }
        let mut digits = format!("{unsigned}{fraction}").parse::<i128>().ok()?;
        if whole.starts_with('-') {
            digits = -digits;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if scale < 0 {
            digits = digits.checked_mul(10_i128.checked_pow(u32::try_from(-scale).ok()?)?)?;
        }
        let mut out = Self { digits, scale: u32::try_from(scale.max(0)).ok()? };
        while out.scale > 0 && out.digits % 10 == 0 {
            out.digits /= 10;
            out.scale -= 1;
        }
        Some(out)
    }

    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        let scale = self.scale.max(other.scale);
        let lift = |d: Self| d.digits.checked_mul(10_i128.checked_pow(scale - d.scale)?);
        Some(lift(self)?.cmp(&lift(other)?))
    }

    /// The whole part, for limits of counters.
    pub(crate) fn floor(self) -> Option<i64> {
        let divisor = 10_i128.checked_pow(self.scale)?;
        i64::try_from(self.digits.div_euclid(divisor)).ok()
    }
}

impl Typed {
    /// Reads a JSON value as what a left operand needs; value objects (`@value`, `@id`) are read through.
    pub(crate) fn read(value: &Value, kind: Kind) -> Option<Self> {
        let text = plain_text(value)?;
        match kind {
            Kind::Number => Decimal::parse(text.trim()).map(Self::Number),
            Kind::Instant => instant(text.trim()).map(Self::Instant),
            Kind::Duration => duration(text.trim()).map(Self::Duration),
            Kind::Text | Kind::DataPath => Some(Self::Text(text)),
        }
    }

    /// Order of two values of one type; text has none beyond equality.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.compare(*b),
            (Self::Instant(a), Self::Instant(b)) => Some(a.cmp(b)),
            (Self::Duration(a), Self::Duration(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => match (Decimal::parse(a), Decimal::parse(b)) {
                _ if a == b => Some(Ordering::Equal),
                (Some(a), Some(b)) => a.compare(b),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether two values are the same; text by its characters.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }
}

/// The text of a scalar, or of a JSON-LD value or reference object.
pub(crate) fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Object(map) => map.get("@value").or_else(|| map.get("@id")).and_then(plain_text),
        _ => None,
    }
}

/// An `xsd:dateTime` or `xsd:date`; without a zone it is read as UTC, without seconds as the full minute.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::parse(text) {
        return Some(time);
    }
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = (time.get(..zone_at)?, time.get(zone_at..)?);
    let clock = if clock.matches(':').count() == 1 { format!("{clock}:00") } else { clock.to_owned() };
    let (date, zone) = match (text.contains('T'), date.strip_suffix('Z')) {
        (false, Some(date)) => (date, "Z"),
        _ => (date, if zone.is_empty() { "Z" } else { zone }),
    };
    Timestamp::parse(&format!("{date}T{clock}{zone}")).ok()
}

/// An `xsd:duration` in days, hours, minutes and seconds (and weeks); months and years have no fixed length.
fn duration(text: &str) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
    let rest = text.strip_prefix('P')?;
    let (days, clock) = rest.split_once('T').unwrap_or((rest, ""));
    if days.is_empty() && clock.is_empty() {
        return None;
    }
    let mut millis = 0_i64;
    for (part, units) in [
        (days, &[('W', 604_800_000), ('D', 86_400_000)][..]),
        (clock, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)][..]),
    ] {
        let mut number = String::new();
        for c in part.chars() {
            if c.is_ascii_digit() || c == '.' {
                number.push(c);
                continue;
            }
            let (_, unit) = units.iter().find(|(letter, _)| *letter == c)?;
            millis = millis.checked_add(scaled(&number, *unit)?)?;
            number.clear();
        }
        if !number.is_empty() {
            return None;
        }
    }
    Some(if negative { -millis } else { millis })
}

fn scaled(number: &str, unit: i64) -> Option<i64> {
    let decimal = Decimal::parse(number)?;
    let scaled = Decimal { digits: decimal.digits.checked_mul(i128::from(unit))?, scale: decimal.scale };
    scaled.floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn decimals_compare_exactly() {
        assert_eq!(number("1.0"), number("1"));
        assert_eq!(number("0.1").compare(number("0.10")), Some(Ordering::Equal));
        assert_eq!(number("9007199254740993").compare(number("9007199254740992")), Some(Ordering::Greater));
        assert_eq!(number("-2.5").compare(number("-2.49")), Some(Ordering::Less));
        assert_eq!(number("1e3"), number("1000"));
        assert_eq!(number("2.9").floor(), Some(2));
        for bad in ["", ".", "1.2.3", "abc", "1e999", "NaN", "--1"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn instants_are_read_as_they_are_met() {
        let noon = instant("2026-11-23T12:00:00Z").unwrap();
        for same in ["2026-11-23T14:00:00+02:00", "2026-11-23T12:00Z", "2026-11-23T12:00:00"] {
            assert_eq!(instant(same), Some(noon), "{same}");
        }
        assert_eq!(instant("2026-11-23"), instant("2026-11-23T00:00:00Z"));
        assert_eq!(instant("soon"), None);
    }

    #[test]
    fn durations_are_lengths() {
        assert_eq!(duration("P1DT2H3M4.5S"), Some(93_784_500));
        assert_eq!(duration("PT90M"), duration("PT1H30M"));
        for bad in ["P1M", "1D", "P", "PT", "PT5"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
