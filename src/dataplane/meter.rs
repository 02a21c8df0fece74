//! What is counted for the operator (`sliproad_exchanges_total`, `sliproad_exchange_seconds`, ...).

use std::time::Duration;

use metrics::{Counter, Histogram};

use crate::model::exchange::Outcome;

/// Counters of one data plane, looked up once. To be made after the program's recorder is in place.
pub(super) struct Meters {
    refused: Counter,
    complete: Counter,
    aborted: Counter,
    failed: Counter,
    strangers: Counter,
    bytes: Counter,
    seconds: Histogram,
}

impl Meters {
    pub(super) fn new() -> Self {
        let exchanges = |outcome: &'static str| metrics::counter!("sliproad_exchanges_total", "outcome" => outcome);
        Self {
            refused: exchanges("refused"),
            complete: exchanges("complete"),
            aborted: exchanges("aborted"),
            failed: exchanges("failed"),
            strangers: metrics::counter!("sliproad_calls_without_token_total"),
            bytes: metrics::counter!("sliproad_released_bytes_total"),
            seconds: metrics::histogram!("sliproad_exchange_seconds"),
        }
    }

    /// An exchange ended after so many milliseconds, with so many bytes of its answer released.
    pub(super) fn ended(&self, outcome: Outcome, millis: i64, released: u64) {
        match outcome {
            Outcome::Refused => self.refused.increment(1),
            Outcome::Complete => self.complete.increment(1),
            Outcome::Aborted => self.aborted.increment(1),
            Outcome::Failed => self.failed.increment(1),
            Outcome::Open => return,
        }
        self.seconds.record(Duration::from_millis(millis.unsigned_abs()));
        self.bytes.increment(released);
    }

    /// A call had no valid token.
    pub(super) fn stranger(&self) {
        self.strangers.increment(1);
    }
}
