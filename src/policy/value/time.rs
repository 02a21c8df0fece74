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
    if text.as_bytes().get(10) == Some(&b'T') { date_time(text) } else { day(text) }
}

/// The beginning of an `xsd:date`, in its zone or else in UTC.
pub(crate) fn day(text: &str) -> Option<Timestamp> {
    let (day, zone) = text.split_at_checked(10)?;
    Some(Timestamp::from_seconds(midnight(day)?.checked_sub(offset(zone)?)?, 0))
}

/// An `xsd:dateTime`, read strictly but for its seconds, which may be missing: the library at hand also takes much that is none.
pub(crate) fn date_time(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(10)?;
    let clock = rest.strip_prefix('T')?;
    let (clock, zone) = clock.split_at(clock.find(['Z', '+', '-']).unwrap_or(clock.len()));
    let (seconds, nanos) = since_midnight(clock)?;
    Some(Timestamp::from_seconds(midnight(day)?.checked_add(seconds)?.checked_sub(offset(zone)?)?, nanos))
}

/// `YYYY-MM-DD` in seconds since the Unix epoch.
fn midnight(text: &str) -> Option<i64> {
    let plain = text
        .bytes()
        .enumerate()
        .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let day: Date = if plain { text.parse().ok()? } else { return None };
    Some(i64::from(date(1970, 1, 1).until(day).ok()?.get_days()) * 86_400)
}

/// `hh:mm` with `:ss` and a fraction of it, in seconds and nanoseconds; `24:00` is the end of the day.
fn since_midnight(text: &str) -> Option<(i64, u32)> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let (hour, minute) = (pair(parts.next()?)?, pair(parts.next()?)?);
    let second = match (parts.next(), parts.next(), fraction) {
        (Some(second), None, _) => pair(second)?,
        (None, None, None) => 0,
        _ => return None,
    };
    let nanos = fraction.map_or(Some(0), nanoseconds)?;
    let fits = (hour < 24 && minute < 60 && second < 60) || (hour == 24 && minute == 0 && second == 0 && nanos == 0);
    fits.then_some((hour * 3_600 + minute * 60 + second, nanos))
}

/// The digits of a fraction of a second, in nanoseconds.
fn nanoseconds(digits: &str) -> Option<u32> {
    let mut nanos = 0;
    for (at, byte) in digits.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if at < 9 => nanos = nanos * 10 + u32::from(byte - b'0'),
            b'0' => {}
            _ => return None,
        }
    }
    let missing = 9_usize.saturating_sub(digits.len());
    (!digits.is_empty()).then(|| nanos * 10_u32.pow(u32::try_from(missing).unwrap_or(0)))
}

/// A zone in seconds; none is UTC.
fn offset(text: &str) -> Option<i64> {
    let (sign, zone) = match text.as_bytes().first() {
        None => return Some(0),
        Some(b'Z') => return (text.len() == 1).then_some(0),
        Some(b'+') => (1, text.get(1..)?),
        Some(b'-') => (-1, text.get(1..)?),
        Some(_) => return None,
    };
    let (hours, minutes) = zone.split_once(':')?;
    let (hours, minutes) = (pair(hours)?, pair(minutes)?);
    ((hours < 14 && minutes < 60) || (hours == 14 && minutes == 0)).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Two digits.
fn pair(text: &str) -> Option<i64> {
    match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0')),
        _ => None,
    }
}

const UTC: Offset = Offset::UTC;

const CYCLE_MONTHS: i32 = 4_800;
const CYCLE_DAYS: i64 = 146_097;

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
        let (cycles, months) = self.cycles();
        let later = start.checked_add(Span::new().try_months(months).ok()?).ok()?;
        let later = UTC.to_timestamp(later).ok()?;
        let cycles = cycles.checked_mul(CYCLE_DAYS)?.checked_mul(86_400_000)?;
        Some(Timestamp::from_millis(later.as_millisecond()).plus_millis(cycles).plus_millis(self.millis))
    }

    /// Whole cycles of the calendar, which repeats itself every 400 years, and the months left over: years beyond the range of the
    /// library are still exact.
    fn cycles(self) -> (i64, i32) {
        (i64::from(self.months.div_euclid(CYCLE_MONTHS)), self.months.rem_euclid(CYCLE_MONTHS))
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
        let (cycles, months) = self.cycles();
        let later = day.checked_add(Span::new().try_months(months).ok()?).ok()?;
        let days = i128::from(day.until(later).ok()?.get_days()) + i128::from(cycles) * i128::from(CYCLE_DAYS);
        Some(days * 86_400_000 + i128::from(self.millis))
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
    fn what_is_no_date_and_time_of_xml_schema_is_not_read() {
        for bad in [
            "2026-11-23T10:00:00+25:00",
            "2026-11-23T10:00:00+14:01",
            "2026-11-23T10:00:00+02:00[Europe/Helsinki]",
            "2026-11-23 10:00:00Z",
            "2026-11-23t10:00:00z",
            "20261123T100000Z",
            "2026-11-23T10:00:00+0200",
            "2026-11-23T10:00:60Z",
            "2026-11-23T24:00:01Z",
            "2026-11-23T10:00:00.Z",
            "2026-11-23T10:00.5Z",
            "2026-11-23T10:00:00.0000000001Z",
            "+2026-11-23T10:00:00Z",
            "-2026-11-23",
            "2026-02-30",
            "10000-01-01",
            "2026-11-23é",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
        assert_eq!(instant("2026-11-23T10:00:00+14:00"), instant("2026-11-22T20:00:00Z"));
        assert_eq!(instant("2026-11-23T10:00:00.5000000000Z"), instant("2026-11-23T10:00:00.5Z"));
    }

    #[test]
    fn the_last_day_of_all_is_read_and_keeps_its_order() {
        let order = [
            "9999-12-30T21:59:59Z",
            "9999-12-31",
            "9999-12-31T23:59:59Z",
            "9999-12-31T24:00:00Z",
            "9999-12-31T23:59:59-14:00",
        ];
        let times = order.map(|text| instant(text).unwrap());
        assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
    }

    #[test]
    fn durations_past_the_calendar_of_the_library_compare() {
        let order = |a: &str, b: &str| Duration::parse(a).unwrap().compare(Duration::parse(b).unwrap());
        assert_eq!(order("P3D", "P9999Y"), Some(Ordering::Less));
        assert_eq!(order("P9999Y", "P9998Y"), Some(Ordering::Greater));
        assert_eq!(order("P400Y", "P146097D"), Some(Ordering::Equal));
        assert_eq!(order("-P9999Y", "P0D"), Some(Ordering::Less));
        let start = instant("2026-01-31T10:00:00Z").unwrap();
        assert!(Duration::parse("P9999Y").unwrap().after(start) > instant("9999-12-31T23:59:59Z"));
        assert_eq!(Duration::parse("-P1M").unwrap().after(start), instant("2025-12-31T10:00:00Z"));
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
