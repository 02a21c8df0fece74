//! What one replica knows of an account that several share: as last read, and what this replica is about to take on top of that. No I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const MINUTE: i64 = 60_000_000;
/// What is older is read again before anything is decided on it.
const LONGEST_LIFE: Duration = Duration::from_secs(1);

/// What calls take of an account at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::dataplane) struct Amounts {
    /// Uses counted.
    pub(in crate::dataplane) uses: u64,
    /// Calls taken down in the window of the last minute.
    pub(in crate::dataplane) calls: u64,
    /// By how many microseconds the token bucket will be full later.
    pub(in crate::dataplane) tokens: i64,
}

impl Amounts {
    pub(super) fn and(self, other: Self) -> Self {
        Self { uses: self.uses + other.uses, calls: self.calls + other.calls, tokens: self.tokens + other.tokens }
    }

    fn without(self, other: Self) -> Self {
        Self {
            uses: self.uses.saturating_sub(other.uses),
            calls: self.calls.saturating_sub(other.calls),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }
}

/// Calls that were taken down together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Calls {
    /// The account's version that they made.
    pub(super) version: i64,
    pub(super) at: i64,
    pub(super) number: u64,
}

/// An account as the database had it; times are microseconds since 1970 by the database's clock.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Grows with every change.
    pub(super) version: i64,
    pub(super) used: u64,
    pub(super) full_at: i64,
    /// The last call before those of the minute.
    pub(super) earlier: Option<i64>,
    pub(super) minute: VecDeque<Calls>,
    /// The time there.
    pub(super) now: i64,
}

/// What a change made of an account.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(super) struct Moved {
    pub(super) version: i64,
    pub(super) used: i64,
    pub(super) full_at: i64,
    pub(super) now: i64,
}

/// When a question was sent and its answer came, by our own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) sent: Instant,
    pub(super) answered: Instant,
}

/// What a decision is made on.
#[derive(Clone, Copy, Debug)]
pub(in crate::dataplane) struct Sight {
    /// Uses taken.
    pub(in crate::dataplane) used: u64,
    /// Calls in the last minute.
    pub(in crate::dataplane) in_minute: u64,
    /// Milliseconds since the last call; `None` when there was none.
    pub(in crate::dataplane) since_last: Option<i64>,
    /// When the token bucket will be full, by the database's clock, microseconds.
    pub(in crate::dataplane) full_at: i64,
    /// The time there; never ahead of it.
    pub(in crate::dataplane) now: i64,
    /// When we asked the database for it, at the latest.
    pub(in crate::dataplane) asked: Instant,
    tick: u64,
}

/// On what a replica takes: if the account still has that version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ground {
    pub(super) version: i64,
    pub(super) earlier: Option<i64>,
    /// The newest version whose calls are no longer of the last minute; 0 for none.
    pub(super) aged: i64,
}

/// An account as one replica knows it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    known: Option<(Standing, Asked)>,
    /// On top of it, on its way or waiting.
    taken: Amounts,
    aged: i64,
    /// Uses taken when it was known last.
    last_used: u64,
    /// Grows whenever a decision made before has to be made again.
    tick: u64,
}

impl Ledger {
    /// What is known now; `None` when that has to be read first.
    pub(super) fn sight(&mut self, now: Instant) -> Option<Sight> {
        let (standing, asked) = self.known.as_mut()?;
        let age = now.saturating_duration_since(asked.answered);
        if age > LONGEST_LIFE {
            return None;
        }
        let there = standing.now.saturating_add(i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        while let Some(past) = standing.minute.pop_front_if(|calls| calls.at <= there - MINUTE) {
            self.aged = past.version;
            if past.number > 0 {
                standing.earlier = standing.earlier.max(Some(past.at));
            }
        }
        let counted = standing.minute.iter().filter(|calls| calls.number > 0);
        let last = counted.clone().map(|calls| calls.at).max().or(standing.earlier);
        let since_last = last.map(|last| (there - last).max(0) / 1000);
        Some(Sight {
            used: standing.used + self.taken.uses,
            in_minute: counted.map(|calls| calls.number).sum::<u64>() + self.taken.calls,
            since_last: if self.taken.calls > 0 { Some(0) } else { since_last },
            full_at: standing.full_at.max(there) + self.taken.tokens,
            now: there,
            asked: asked.sent,
            tick: self.tick,
        })
    }

    /// Uses taken, as last seen, also when that may be otherwise now; 0 when the account was never read.
    pub(super) fn used(&self) -> u64 {
        self.known.as_ref().map_or(self.last_used, |(standing, _)| standing.used + self.taken.uses)
    }

    /// Takes more on top, if nothing changed since `seen`.
    pub(super) fn take(&mut self, seen: Sight, amounts: Amounts) -> bool {
        let same = self.tick == seen.tick;
        if same {
            self.tick += 1;
            self.taken = self.taken.and(amounts);
        }
        same
    }

    /// On what that rests which was taken on top.
    pub(super) fn ground(&self) -> Option<Ground> {
        let (standing, _) = self.known.as_ref()?;
        Some(Ground { version: standing.version, earlier: standing.earlier, aged: self.aged })
    }

    /// So much of what was taken on top is durable now. Decisions on it hold: they counted it already.
    pub(super) fn kept(&mut self, amounts: Amounts, moved: Moved, asked: Asked) {
        self.taken = self.taken.without(amounts);
        let Some((standing, when)) = &mut self.known else { return };
        if amounts.calls > 0 {
            let calls = Calls { version: moved.version, at: moved.now, number: amounts.calls };
            standing.minute.push_back(calls);
        }
        standing.now = moved.now;
        standing.version = moved.version;
        standing.used = u64::try_from(moved.used).unwrap_or_default();
        standing.full_at = moved.full_at;
        *when = asked;
    }

    /// The account was changed whatever it was, these calls struck out; nothing holds that was taken on top and is not durable.
    pub(super) fn settled(&mut self, struck: &[(i64, u64)], moved: Moved, asked: Asked) {
        let Some((standing, when)) = self.known.as_mut().filter(|(known, _)| known.version + 1 == moved.version) else {
            return self.forget();
        };
        (standing.version, standing.now, standing.full_at) = (moved.version, moved.now, moved.full_at);
        standing.used = u64::try_from(moved.used).unwrap_or_default();
        for (version, number) in struck {
            if let Some(calls) = standing.minute.iter_mut().find(|calls| calls.version == *version) {
                calls.number = calls.number.saturating_sub(*number);
            }
        }
        *when = asked;
        self.taken = Amounts::default();
        self.tick += 1;
    }

    /// The account is so. Whether it is otherwise than it was thought to be: then nothing holds that was taken on top and is not
    /// durable.
    pub(super) fn stands(&mut self, standing: Standing, asked: Asked) -> bool {
        let otherwise = self.known.as_ref().is_none_or(|(known, _)| known.version != standing.version);
        if otherwise {
            (self.taken, self.aged) = (Amounts::default(), 0);
            self.tick += 1;
        }
        self.known = Some((standing, asked));
        otherwise
    }

    /// Nobody knows how the account is.
    pub(super) fn forget(&mut self) {
        self.last_used = self.used();
        (self.known, self.taken, self.aged) = (None, Amounts::default(), 0);
        self.tick += 1;
    }
}
