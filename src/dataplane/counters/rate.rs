//! How often calls may come: a token bucket as one number, the time at which the next call is due.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::time::Timestamp;

/// How many calls may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls per second in the long run; at least 1.
    pub per_second: u32,
    /// How many may come at once; at least 1.
    pub burst: u32,
}

impl Rate {
    /// Microseconds between two calls in the long run.
    pub(in crate::dataplane) fn interval(self) -> i64 {
        1_000_000 / i64::from(self.per_second.max(1))
    }

    /// For how many microseconds ahead calls may be taken.
    fn depth(self) -> i64 {
        self.interval() * i64::from(self.burst.max(1))
    }

    /// When a bucket that will be full at `full_at` will be full again after one more call at `now`; all in microseconds.
    ///
    /// # Errors
    /// When there is no call in it: after how many milliseconds there will be one.
    pub(in crate::dataplane) fn after_one_more(self, full_at: i64, now: i64) -> Result<i64, u64> {
        let next = full_at.max(now) + self.interval();
        let wait = next - now - self.depth();
        if wait > 0 { Err(u64::try_from(wait).unwrap_or_default().div_ceil(1000)) } else { Ok(next) }
    }
}

/// A bucket that refills with time. It begins with a single call, as if the others had been used just before: what was taken
/// before a restart counts.
#[derive(Debug)]
pub struct TokenBucket {
    rate: Rate,
    /// When the bucket will be full again, in microseconds since 1970.
    full_at: AtomicI64,
}

impl TokenBucket {
    /// A bucket holding one call.
    #[must_use]
    pub fn new(rate: Rate, now: Timestamp) -> Self {
        Self { rate, full_at: AtomicI64::new(micros(now) + rate.depth() - rate.interval()) }
    }

    /// Takes one call.
    ///
    /// # Errors
    /// When there is none: after how many milliseconds there will be one.
    pub fn take(&self, now: Timestamp) -> Result<(), u64> {
        let now = micros(now);
        let mut full_at = self.full_at.load(Ordering::Acquire);
        loop {
            let next = self.rate.after_one_more(full_at, now)?;
            match self.full_at.compare_exchange_weak(full_at, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }

    /// Puts one call back: it was never forwarded.
    pub fn put_back(&self) {
        self.full_at.fetch_sub(self.rate.interval(), Ordering::AcqRel);
    }
}

fn micros(time: Timestamp) -> i64 {
    time.millis().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 5 };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_one_by_one() {
        let bucket = TokenBucket::new(RATE, at(-1000));
        let taken = (0..10).filter(|_| bucket.take(at(0)).is_ok()).count();
        assert_eq!(taken, 5);
        assert_eq!(bucket.take(at(0)), Err(100));
        assert_eq!(bucket.take(at(99)), Err(1));
        assert!(bucket.take(at(100)).is_ok());
        assert!(bucket.take(at(100)).is_err());
        bucket.put_back();
        assert!(bucket.take(at(100)).is_ok());
    }

    #[test]
    fn after_a_restart_there_is_a_single_call() {
        let bucket = TokenBucket::new(RATE, at(0));
        assert!(bucket.take(at(0)).is_ok());
        assert!(bucket.take(at(0)).is_err());
    }
}
