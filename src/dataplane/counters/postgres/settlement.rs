//! What is to be changed in an account whatever it is now: given back, added, raised.

use tokio::sync::oneshot;

use super::ledger::Amounts;
use crate::dataplane::counters::CounterError;

/// Changes that wait to be made together.
#[derive(Default)]
pub(super) struct Settlement {
    /// Given back: the calls were never forwarded.
    pub(super) returned: Amounts,
    /// Where the calls stand that are to be struck out, and how many.
    pub(super) calls: Vec<(i64, u64)>,
    /// Added to the uses.
    pub(super) added: u64,
    /// The least that the uses are afterwards.
    pub(super) raised: u64,
    /// Who waits for it.
    pub(super) waiting: Vec<oneshot::Sender<Result<(), CounterError>>>,
    /// The database did not answer: it waits for the next call.
    put_off: bool,
}

impl Settlement {
    /// Whether there is nothing to change.
    pub(super) fn is_empty(&self) -> bool {
        self.returned == Amounts::default() && self.calls.is_empty() && self.waiting.is_empty()
    }

    /// Whether it is to be made now.
    pub(super) fn is_due(&self) -> bool {
        !self.is_empty() && !self.put_off
    }

    /// Gives back what a reservation took whose calls stand at `version`.
    pub(super) fn give_back(&mut self, amounts: Amounts, version: i64) {
        self.returned = self.returned.and(amounts);
        if amounts.calls > 0 {
            self.calls.push((version, amounts.calls));
        }
        self.put_off = false;
    }

    /// Adds an amount and raises to a value; tells when that is done.
    pub(super) fn grow(&mut self, amount: u64, value: u64, done: oneshot::Sender<Result<(), CounterError>>) {
        (self.added, self.raised) = (self.added.saturating_add(amount), self.raised.max(value));
        self.waiting.push(done);
        self.put_off = false;
    }

    /// Takes over what another one gives back; who waited for its other changes was told that they failed.
    pub(super) fn owe(&mut self, other: Self) {
        self.returned = self.returned.and(other.returned);
        self.calls.extend(other.calls);
    }

    /// Leaves what is given back for later, and drops the changes that somebody waits for, who are to be told.
    pub(super) fn put_off(&mut self) -> Vec<oneshot::Sender<Result<(), CounterError>>> {
        (self.added, self.raised, self.put_off) = (0, 0, true);
        std::mem::take(&mut self.waiting)
    }
}
