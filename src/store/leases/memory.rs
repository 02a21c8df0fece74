//! Claims in memory: one system process has an embedded store to itself (a lock file keeps others out), so taking one costs no write,
//! and what a crash leaves in hand is nobody's at the next start.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Claimed, longer};
use crate::model::ids::Pid;
use crate::model::time::Timestamp;

/// All claims on one store.
#[derive(Debug, Default)]
pub(in crate::store) struct InMemory(Mutex<HashMap<Pid, Lease>>);

#[derive(Debug)]
struct Lease {
    token: String,
    until: Timestamp,
    /// How often in a row the work could not be done for want of the store.
    failures: u32,
}

impl InMemory {
    /// How many processes are claimed, lapsed claims included.
    pub(in crate::store) fn len(&self) -> usize {
        self.known().len()
    }

    /// Claims, of processes in the order in which they are due, the first `limit` that are due by now and free.
    pub(in crate::store) fn take(
        &self,
        due: impl IntoIterator<Item = (Pid, Timestamp)>,
        (token, until): (&str, Timestamp),
        now: Timestamp,
        limit: usize,
    ) -> Claimed {
        let mut known = self.known();
        let mut claimed = Claimed::default();
        for (pid, at) in due {
            let taken_until = known.get(&pid).map(|lease| lease.until).filter(|until| *until > now);
            let free_at = taken_until.map_or(at, |until| until.max(at));
            if free_at <= now && claimed.pids.len() < limit {
                let failures = known.get(&pid).map_or(0, |lapsed| lapsed.failures);
                known.insert(pid.clone(), Lease { token: token.to_owned(), until, failures });
                claimed.pids.push(pid);
            } else {
                claimed.next = Some(claimed.next.map_or(free_at, |next| next.min(free_at)));
            }
        }
        claimed
    }

    /// Whether the claim still stands under this token.
    pub(in crate::store) fn hold(&self, pid: &Pid, token: &str) -> bool {
        self.known().get(pid).is_some_and(|lease| lease.token == token)
    }

    /// Keeps a claim that still stands under this token until then; whether it does.
    pub(in crate::store) fn keep(&self, pid: &Pid, token: &str, until: Timestamp) -> bool {
        let mut known = self.known();
        let lease = known.get_mut(pid).filter(|lease| lease.token == token);
        lease.map(|lease| lease.until = until).is_some()
    }

    /// Gives a claim back; nothing happens when somebody else has it by now.
    pub(in crate::store) fn give_back(&self, pid: &Pid, token: &str) {
        let mut known = self.known();
        if known.get(pid).is_some_and(|lease| lease.token == token) {
            known.remove(pid);
        }
    }

    /// Keeps a claim whose work could not be done for a while, twice as long each time in a row, so that nobody tries at once again.
    pub(in crate::store) fn hold_back(&self, pid: &Pid, token: &str, now: Timestamp, pauses: (i64, i64)) {
        let mut known = self.known();
        if let Some(lease) = known.get_mut(pid).filter(|lease| lease.token == token) {
            lease.until = now.plus_millis(longer(pauses, lease.failures));
            lease.failures = lease.failures.saturating_add(1);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Pid, Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
