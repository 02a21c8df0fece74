//! Points in time, as milliseconds since 1970 in UTC; what policies say is compared to the nanosecond.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in milliseconds since the Unix epoch; written as RFC 3339 (`xsd:dateTime`) on every wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    millis: i64,
    /// What is left over, in nanoseconds; of times that policies and their worlds name only.
    rest: u32,
}

impl Timestamp {
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
        let nanos = text.parse::<jiff::Timestamp>()?.as_nanosecond();
        let millis = i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX);
        Ok(Self { millis, rest: u32::try_from(nanos.rem_euclid(1_000_000)).unwrap_or(0) })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.millis) {
            Ok(t) => write!(f, "{t:.3}"),
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
    fn an_offset_is_understood() {
        assert_eq!(
            Timestamp::parse("2026-01-01T02:00:00+02:00").unwrap(),
            Timestamp::parse("2026-01-01T00:00:00Z").unwrap()
        );
    }
}
