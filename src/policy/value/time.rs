//! Points and lengths of time as XML Schema writes them.

use std::cmp::Ordering;
use std::fmt;

use jiff::Span;
use jiff::civil::{Date, date};
use jiff::tz::Offset;

use super::decimal::Decimal;
use crate::model::time::Timestamp;

/// An `xsd:dateTime` or `xsd:date`; without a zone it is read as UTC, without seconds as the full minute, a date as its beginning.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::parse_exact(text) {
        return Some(time);
    }
    let (day, rest) = text.split_at_checked(10)?;
    let day: Date = day.parse().ok()?;
    let (clock, zone) = match rest.strip_prefix('T') {
        Some(time) => time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len())),
        None => ("00:00:00", rest),
    };
    let (clock, day) = match clock {
        "24:00:00" | "24:00" => ("00:00:00", day.tomorrow().ok()?),
        clock => (clock, day),
    };
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    let zone = if zone.is_empty() { "Z" } else { zone };
    Timestamp::parse_exact(&format!("{day}T{clock}{seconds}{zone}")).ok()
}

const UTC: Offset = Offset::UTC;

/// An `xsd:duration`: months and milliseconds, which have no fixed ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Duration {
    months: i32,
    millis: i64,
}

impl Duration {
    /// A length in milliseconds.
    pub(crate) const fn of_millis(millis: i64) -> Self {
        Self { months: 0, millis }
    }

    /// Its length in milliseconds, where that does not depend on the calendar.
    pub(crate) fn millis(self) -> Option<i64> {
        (self.months == 0).then_some(self.millis)
    }

    /// The moment so long after `start`; months as the calendar has them, in UTC.
    pub(crate) fn after(self, start: Timestamp) -> Option<Timestamp> {
        if self.months == 0 {
            return Some(start.plus_millis(self.millis));
        }
        let start = UTC.to_datetime(jiff::Timestamp::from_millisecond(start.millis()).ok()?);
        let later = start.checked_add(Span::new().try_months(self.months).ok()?).ok()?;
        let later = UTC.to_timestamp(later).ok()?;
        Some(Timestamp::from_millis(later.as_millisecond()).plus_millis(self.millis))
    }

    /// Reads `PnYnMnDTnHnMnS` and `PnW`, also negative.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
        let rest = text.strip_prefix('P')?;
        let (days, clock) = match rest.split_once('T') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None if rest.is_empty() => return None,
            None => (rest, ""),
        };
        let mut out = Self { months: 0, millis: 0 };
        for (part, units) in [(days, &DATE_UNITS[..]), (clock, &CLOCK_UNITS[..])] {
            out.add(part, units)?;
        }
        if negative {
            out = Self { months: -out.months, millis: -out.millis };
        }
        Some(out)
    }

    fn add(&mut self, mut part: &str, mut units: &[(char, Unit)]) -> Option<()> {
        while !part.is_empty() {
            let at = part.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, rest) = part.split_at(at);
            let letter = rest.chars().next()?;
            // Each unit at most once, and in order.
            let place = units.iter().position(|(name, _)| *name == letter)?;
            let number = Decimal::parse(number)?;
            match units.get(place)?.1 {
                Unit::Months(factor) if number.is_whole() => {
                    let months = i32::try_from(number.times(factor)?).ok()?;
                    self.months = self.months.checked_add(months)?;
                }
                Unit::Millis(factor) if number.is_whole() || letter == 'S' => {
                    self.millis = self.millis.checked_add(number.times(factor)?)?;
                }
                _ => return None,
            }
            units = units.get(place + 1..)?;
            part = rest.get(1..)?;
        }
        Some(())
    }

    /// The order of two durations; `None` where it depends on the calendar (`P1M` and `P30D`): XML Schema 1.1-2 §3.3.6.
    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        if self.months == other.months {
            return Some(self.millis.cmp(&other.millis));
        }
        let mut orders = REFERENCE_DAYS.iter().map(|day| Some(self.from(*day)?.cmp(&other.from(*day)?)));
        let first = orders.next()??;
        orders.all(|order| order == Some(first)).then_some(first)
    }

    /// Milliseconds from the reference day to this long after it.
    fn from(self, day: Date) -> Option<i128> {
        let later = day.checked_add(Span::new().try_months(self.months).ok()?).ok()?;
        let days = day.until(later).ok()?.get_days();
        Some(i128::from(days) * 86_400_000 + i128::from(self.millis))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let negative = self.months < 0 || self.millis < 0;
        let (months, millis) = (self.months.unsigned_abs(), self.millis.unsigned_abs());
        f.write_str(if negative { "-P" } else { "P" })?;
        if months > 0 {
            write!(f, "{months}M")?;
        }
        let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest > 0 || (months == 0 && days == 0) {
            let seconds = Decimal::parse(&format!("{rest}e-3")).unwrap_or(Decimal::whole(0));
            write!(f, "T{seconds}S")?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Months(i64),
    Millis(i64),
}

const DATE_UNITS: [(char, Unit); 4] = [
    ('Y', Unit::Months(12)),
    ('M', Unit::Months(1)),
    ('W', Unit::Millis(604_800_000)),
    ('D', Unit::Millis(86_400_000)),
];
const CLOCK_UNITS: [(char, Unit); 3] =
    [('H', Unit::Millis(3_600_000)), ('M', Unit::Millis(60_000)), ('S', Unit::Millis(1_000))];

/// The four days of XML Schema at which two durations must agree.
const REFERENCE_DAYS: [Date; 4] = [date(1696, 9, 1), date(1697, 2, 1), date(1903, 3, 1), date(1903, 7, 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_they_are_met() {
        let noon = instant("2026-11-23T12:00:00Z").unwrap();
        for same in
            ["2026-11-23T14:00:00+02:00", "2026-11-23T12:00Z", "2026-11-23T12:00:00", "2026-11-23T12:00:00.000Z"]
        {
            assert_eq!(instant(same), Some(noon), "{same}");
        }
        let midnight = instant("2026-11-23T00:00:00Z");
        for same in ["2026-11-23", "2026-11-23Z", "2026-11-22T24:00:00Z", "2026-11-23+00:00"] {
            assert_eq!(instant(same), midnight, "{same}");
        }
        assert_eq!(instant("2026-11-23+02:00"), instant("2026-11-22T22:00:00Z"));
        for bad in ["soon", "", "2026", "2026-13-01", "2026-11-23T", "2026-11-23 noon", "2026-11-23T25:00:00Z"] {
            assert_eq!(instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_lengths() {
        assert_eq!(Duration::parse("P1DT2H3M4.5S"), Some(Duration::of_millis(93_784_500)));
        assert_eq!(Duration::parse("PT90M"), Duration::parse("PT1H30M"));
        assert_eq!(Duration::parse("P1Y"), Duration::parse("P12M"));
        assert_eq!(Duration::parse("-P1D"), Some(Duration::of_millis(-86_400_000)));
        for bad in ["1D", "P", "PT", "PT5", "P1DT", "P1H", "P1D2D", "P1.5M", "P1S", "PT1S1M", "P-1D", ""] {
            assert_eq!(Duration::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_month_after_is_the_same_day_of_the_next() {
        let after = |length: &str| Duration::parse(length).unwrap().after(instant("2026-01-31T10:00:00Z").unwrap());
        assert_eq!(after("P1M"), instant("2026-02-28T10:00:00Z"));
        assert_eq!(after("P1MT2H"), instant("2026-02-28T12:00:00Z"));
        assert_eq!(after("P30D"), instant("2026-03-02T10:00:00Z"));
    }

    #[test]
    fn months_and_days_compare_where_every_calendar_agrees() {
        let order = |a: &str, b: &str| Duration::parse(a).unwrap().compare(Duration::parse(b).unwrap());
        assert_eq!(order("P1M", "P27D"), Some(Ordering::Greater));
        assert_eq!(order("P1M", "P32D"), Some(Ordering::Less));
        assert_eq!(order("P1M", "P30D"), None);
        assert_eq!(order("P1Y", "P366D"), None);
        assert_eq!(order("P1Y", "P367D"), Some(Ordering::Less));
        assert_eq!(order("P1Y", "P12M"), Some(Ordering::Equal));
    }

    #[test]
    fn a_duration_prints_as_it_reads() {
        for text in ["P1DT3600S", "PT0.25S", "P14M", "PT0S", "-P2D", "P1M3D"] {
            let read = Duration::parse(text).unwrap();
            assert_eq!(Duration::parse(&read.to_string()), Some(read), "{text}");
        }
    }
}
