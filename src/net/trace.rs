//! W3C Trace Context: `traceparent`, read from whoever calls and passed on to whomever we call.

use std::fmt;

use http::HeaderMap;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";

/// One `traceparent` (W3C Trace Context §3.2), version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    trace: u128,
    span: u64,
    flags: u8,
}

impl Traceparent {
    /// The beginning of a new trace.
    #[must_use]
    pub fn fresh() -> Self {
        Self { trace: rand::random::<u128>() | 1, span: rand::random::<u64>() | 1, flags: 1 }
    }

    /// Reads a header's value; `None` when it is not valid, which means to begin a new trace.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let valid = version != 0xff && (version != 0 || parts.next().is_none()) && trace != 0 && span != 0;
        valid.then_some(Self { trace, span, flags })
    }

    /// What came along with a request, or a new trace when nothing valid did.
    #[must_use]
    pub fn of_request(headers: &HeaderMap) -> Self {
        headers.get(TRACEPARENT).and_then(|v| Self::parse(v.to_str().ok()?)).unwrap_or_else(Self::fresh)
    }

    /// The same trace with a span of our own, to be sent on.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: rand::random::<u64>() | 1, ..self }
    }

    /// The trace id: 32 hexadecimal digits, as it stands in logs and error answers.
    #[must_use]
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if text.len() == digits && lower { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_reads_back_and_its_child_stays_in_the_trace() {
        let parent = Traceparent::parse(EXAMPLE).unwrap();
        assert_eq!(parent.to_string(), EXAMPLE);
        assert_eq!(parent.child().trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_ne!(parent.child(), parent);
        assert_eq!(Traceparent::parse(&Traceparent::fresh().to_string()).map(|t| t.flags), Some(1));
    }

    #[test]
    fn what_is_not_valid_begins_a_new_trace() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
        ] {
            assert_eq!(Traceparent::parse(bad), None, "{bad}");
        }
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
        assert!(Traceparent::parse(later).is_some(), "a later version may carry more");
    }
}
