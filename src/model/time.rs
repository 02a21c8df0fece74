//! Points in time, as milliseconds since 1970 in UTC; what policies say is compared to the nanosecond.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in milliseconds since the Unix epoch; written as RFC 3339 (`xsd:dateTime`) on every wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    millis: i64,
    /// What is left over, in nanoseconds; of times that policies and their worlds name only.
    rest: u32,
}

impl Timestamp {
    /// From seconds since the Unix epoch and nanoseconds after them.
    #[must_use]
    pub const fn from_seconds(seconds: i64, nanos: u32) -> Self {
        // Lossless: `From` is not const.
        Self {
            millis: seconds.saturating_mul(1_000).saturating_add((nanos / 1_000_000) as i64),
            rest: nanos % 1_000_000,
        }
    }

    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self { millis, rest: 0 }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.millis
    }

    /// This time moved by `millis`, kept within the representable range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self { millis: self.millis.saturating_add(millis), rest: self.rest }
    }

    /// Whether it can be written as a date and time, which end with the year 9999.
    #[must_use]
    pub fn has_date(self) -> bool {
        EPOCH.checked_add(SignedDuration::from_millis(self.millis)).is_ok()
    }

    /// The first whole millisecond that is not before this time.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self::from_millis(if self.rest == 0 { self.millis } else { self.millis.saturating_add(1) })
    }

    /// Reads an `xsd:dateTime` with a time zone, as RFC 3339 has it.
    ///
    /// # Errors
    /// When the text is not such a date and time.
    pub fn parse(text: &str) -> Result<Self, jiff::Error> {
        Self::parse_exact(text).map(|time| Self::from_millis(time.millis))
    }

    /// The same to the nanosecond.
    ///
    /// # Errors
    /// As [`Timestamp::parse`].
    pub fn parse_exact(text: &str) -> Result<Self, jiff::Error> {
        let nanos = match text.parse::<jiff::Timestamp>() {
            Ok(time) => time.as_nanosecond(),
            Err(error) => return Self::last_of_all(text).ok_or(error),
        };
        let millis = i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX);
        Ok(Self { millis, rest: u32::try_from(nanos.rem_euclid(1_000_000)).unwrap_or(0) })
    }

    /// The last day of the year 9999 in UTC, with which agreements without an end are written; the library's time ends before it.
    fn last_of_all(text: &str) -> Option<Self> {
        let time: DateTime = text.strip_suffix('Z')?.parse().ok()?;
        let since = time.duration_since(EPOCH);
        (time.year() == 9999).then(|| Self::from_seconds(since.as_secs(), since.subsec_nanos().unsigned_abs()))
    }
}

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(time) = jiff::Timestamp::from_millisecond(self.millis) {
            return write!(f, "{time:.3}");
        }
        match EPOCH.checked_add(SignedDuration::from_millis(self.millis)) {
            Ok(time) => write!(f, "{time:.3}Z"),
            Err(_) => write!(f, "{} ms", self.millis),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_as_rfc_3339_and_reads_back() {
        let t = Timestamp::from_millis(1_764_000_000_123);
        assert_eq!(t.to_string(), "2025-11-24T16:00:00.123Z");
        assert_eq!(Timestamp::parse(&t.to_string()).unwrap(), t);
    }

    #[test]
    fn the_last_day_of_all_is_written_and_read() {
        let last = Timestamp::parse("9999-12-31T23:59:59.999Z").unwrap();
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
        let before = Timestamp::parse("9999-12-30T21:59:59.999Z").unwrap();
        assert_eq!(before.plus_millis(26 * 3_600_000), last);
        assert!(Timestamp::parse("9999-12-31T23:59:59").is_err());
        assert!(last.has_date() && !last.plus_millis(1).has_date());
    }

    #[test]
    fn an_offset_is_understood() {
        assert_eq!(
            Timestamp::parse("2026-01-01T02:00:00+02:00").unwrap(),
            Timestamp::parse("2026-01-01T00:00:00Z").unwrap()
        );
    }
}
