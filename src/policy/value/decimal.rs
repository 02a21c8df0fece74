//! Exact decimals.

use std::cmp::Ordering;
use std::fmt;

/// An exact decimal: `digits` scaled down by `10^scale`, without trailing zeros after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    /// A whole number.
    pub(crate) const fn whole(number: i64) -> Self {
        // Lossless: `From` is not const.
        Self { digits: number as i128, scale: 0 }
    }

    /// Reads `xsd:decimal`, `xsd:integer` and JSON numbers; no NaN, no infinity, nothing that 38 digits cannot hold.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(number) = Self::short(text) {
            return Some(number);
        }
        let (negative, unsigned) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mut digits, mut scale, mut seen, mut fraction) = (0_i128, 0_i32, false, false);
        let mut bytes = unsigned.iter();
        let mut exponent = 0_i32;
        while let Some(byte) = bytes.next() {
            match byte {
                b'0'..=b'9' => {
                    digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                    scale = scale.checked_add(i32::from(fraction))?;
                    seen = true;
                }
                b'.' if !fraction => fraction = true,
                b'e' | b'E' if seen => {
                    exponent = std::str::from_utf8(bytes.as_slice()).ok()?.parse().ok()?;
                    break;
                }
                _ => return None,
            }
        }
        if !seen {
            return None;
        }
        Self::scaled(if negative { -digits } else { digits }, scale.checked_sub(exponent)?)
    }

    /// Reads a number of few digits without sign and exponent, which most are.
    #[inline]
    pub(crate) fn short(text: &str) -> Option<Self> {
        if text.len() > 18 {
            return None;
        }
        let (mut digits, mut scale, mut fraction) = (0_i64, 0, 0);
        for byte in text.bytes() {
            match byte {
                b'0'..=b'9' => (digits, scale) = (digits * 10 + i64::from(byte - b'0'), scale + fraction),
                b'.' if fraction == 0 => fraction = 1,
                _ => return None,
            }
        }
        if text.len() == fraction as usize {
            return None;
        }
        while scale > 0 && digits % 10 == 0 {
            (digits, scale) = (digits / 10, scale - 1);
        }
        Some(Self { digits: digits.into(), scale })
    }

    /// `digits * 10^-scale`.
    fn scaled(mut digits: i128, scale: i32) -> Option<Self> {
        if digits == 0 {
            return Some(Self { digits: 0, scale: 0 });
        }
        if scale < 0 {
            digits = digits.checked_mul(10_i128.checked_pow(scale.unsigned_abs())?)?;
        }
        let mut scale = scale.max(0).unsigned_abs();
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        (scale <= 38).then_some(Self { digits, scale })
    }

    /// This number times a whole one, rounded down to a whole number.
    pub(crate) fn times(self, factor: i64) -> Option<i64> {
        Self { digits: self.digits.checked_mul(i128::from(factor))?, scale: self.scale }.floor()
    }

    /// This number times one whole number over another; `None` where that has no end as a decimal, or more than 38 digits.
    pub(crate) fn times_exactly(self, factor: i64, divisor: i64) -> Option<Self> {
        let (mut digits, mut divisor) = (self.digits.checked_mul(i128::from(factor))?, i128::from(divisor));
        let shared = common_divisor(digits, divisor).filter(|_| divisor != 0)?;
        (digits, divisor) = (digits / shared, divisor / shared);
        let mut scale = self.scale;
        while divisor.checked_abs()? != 1 {
            // Only halves and fifths have an end.
            let part = [10, 5, 2].into_iter().find(|part| divisor % part == 0)?;
            digits = digits.checked_mul(10 / part)?;
            (divisor, scale) = (divisor / part, scale + 1);
        }
        Self::scaled(digits * divisor, i32::try_from(scale).ok()?)
    }

    /// The order of two numbers.
    #[inline]
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.scale == other.scale {
            return Some(self.digits.cmp(&other.digits));
        }
        self.compare_lifted(other)
    }

    fn compare_lifted(&self, other: &Self) -> Option<Ordering> {
        let scale = self.scale.max(other.scale);
        let lift = |d: &Self| d.digits.checked_mul(10_i128.checked_pow(scale - d.scale)?);
        match (lift(self), lift(other)) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => order(&self.to_string(), &other.to_string()),
        }
    }

    /// The whole number at or below.
    pub(crate) fn floor(self) -> Option<i64> {
        let divisor = 10_i128.checked_pow(self.scale)?;
        i64::try_from(self.digits.div_euclid(divisor)).ok()
    }

    /// Itself, where it is whole and not beyond 64 bits.
    pub(crate) fn as_whole(self) -> Option<i64> {
        i64::try_from(self.digits).ok().filter(|_| self.scale == 0)
    }

    /// How it stands to a whole number; `None` only beyond 38 digits.
    #[inline]
    pub(crate) fn compare_whole(&self, other: i64) -> Option<Ordering> {
        self.compare(&Self::whole(other))
    }

    /// Whether it has no fraction.
    pub(crate) const fn is_whole(self) -> bool {
        self.scale == 0
    }
}

/// The greatest common divisor; `None` where there is none.
fn common_divisor(one: i128, other: i128) -> Option<i128> {
    let (mut one, mut other) = (one.checked_abs()?, other.checked_abs()?);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    (one != 0).then_some(one)
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return self.digits.fmt(f);
        }
        let sign = if self.digits < 0 { "-" } else { "" };
        let width = self.scale as usize + 1;
        let digits = format!("{:0>width$}", self.digits.unsigned_abs());
        let (whole, fraction) = digits.split_at(digits.len() - self.scale as usize);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

/// How many characters a number may have; more compare with nothing.
const LONGEST: usize = 512;

/// Whether a text is a decimal, however many digits it has.
pub(crate) fn is_decimal(text: &str) -> bool {
    Digits::read(text).is_some()
}

/// The exact order of two decimals as they are written; `None` where one is none, or is longer than any number that means something.
pub(crate) fn order(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (Digits::read(one)?, Digits::read(other)?);
    let signs = one.sign().cmp(&other.sign());
    let magnitudes = || one.magnitude.cmp(&other.magnitude).then_with(|| one.digits.cmp(&other.digits));
    Some(signs.then_with(|| if one.negative { magnitudes().reverse() } else { magnitudes() }))
}

/// A decimal as `0.digits * 10^magnitude`, without zeros at either end of its digits.
struct Digits {
    negative: bool,
    digits: String,
    magnitude: i64,
}

impl Digits {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (number, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, "0"), |(n, e)| (n, e));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || text.len() > LONGEST || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0');
        if digits.is_empty() {
            return Some(Self { negative: false, digits: String::new(), magnitude: 0 });
        }
        let leading = i64::try_from(all.len() - digits.len()).ok()?;
        let magnitude = i64::try_from(whole.len()).ok()?.checked_sub(leading)?.checked_add(exponent.parse().ok()?)?;
        Some(Self { negative, digits: digits.trim_end_matches('0').to_owned(), magnitude })
    }

    const fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn decimals_compare_exactly() {
        assert_eq!(number("1.0"), number("1"));
        assert_eq!(number("0.1").compare(&number("0.10")), Some(Ordering::Equal));
        assert_eq!(number("9007199254740993").compare(&number("9007199254740992")), Some(Ordering::Greater));
        assert_eq!(number("-2.5").compare(&number("-2.49")), Some(Ordering::Less));
        assert_eq!(number("1e3"), number("1000"));
        assert_eq!(number("1.5e-1"), number(".15"));
        assert_eq!(number("-0.0"), number("0"));
        assert_eq!(number("2.9").floor(), Some(2));
        assert_eq!(number("-2.1").floor(), Some(-3));
    }

    #[test]
    fn a_fraction_is_taken_where_it_has_an_end() {
        assert_eq!(number("3").times_exactly(1, 8), Some(number("0.375")));
        assert_eq!(number("3").times_exactly(1, -8), Some(number("-0.375")));
        assert_eq!(number("1").times_exactly(1, 3), None);
        assert_eq!(number("0.9").times_exactly(7, 3), Some(number("2.1")));
        assert_eq!(number("0").times_exactly(5, 3), Some(number("0")));
        assert_eq!(number("1").times_exactly(1, 0), None);
    }

    #[test]
    fn what_is_no_decimal_is_not_read() {
        for bad in ["", ".", "-", "1.2.3", "abc", "1e999", "NaN", "--1", "1e", "e3", "1 ", "INF", "1e99999999999"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(60)), None);
        for bad in ["", ".", "-", "1.2.3", "abc", "NaN", "--1", "1e", "e3", "1 2", "INF", &"9".repeat(513)] {
            assert!(!is_decimal(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_of_any_length_compare_exactly() {
        let nines = "9".repeat(60);
        let above = format!("1{}", "0".repeat(60));
        assert_eq!(order(&nines, &above), Some(Ordering::Less));
        assert_eq!(order(&format!("-{nines}"), &format!("-{above}")), Some(Ordering::Greater));
        assert_eq!(order(&format!("{nines}.50"), &format!("{nines}.5")), Some(Ordering::Equal));
        assert_eq!(order("1e999", &above), Some(Ordering::Greater));
        assert_eq!(order("-1e999", "0"), Some(Ordering::Less));
        assert_eq!(order("1e-999", "-0.0"), Some(Ordering::Greater));
        assert_eq!(order(&nines, &"9".repeat(600)), None);
        assert_eq!(number("1e38").compare(&number("1e-38")), Some(Ordering::Greater));
    }

    proptest! {
        #[test]
        fn a_short_decimal_reads_as_a_long_one(text in "[0-9]{0,12}[.]?[0-9]{0,12}") {
            prop_assert_eq!(Decimal::parse(&text), Decimal::parse(&format!("+{text}")), "{}", text);
        }

        #[test]
        fn short_and_long_numbers_have_one_order(a in -2_000_i64..2_000, b in -2_000_i64..2_000, s in 0_u32..5, t in 0_u32..5) {
            let (one, other) = (format!("{a}e-{s}"), format!("{b}e-{t}"));
            prop_assert_eq!(order(&one, &other), number(&one).compare(&number(&other)));
        }

        #[test]
        fn a_decimal_prints_as_it_reads(digits in any::<i64>(), scale in 0_u32..20) {
            let text = format!("{digits}e-{scale}");
            let read = number(&text);
            prop_assert_eq!(number(&read.to_string()), read);
        }
    }
}
