//! Step 6: counters reserved before a call is forwarded, settled after.
//!
//! A reservation is durable before the call goes on, so that neither a hundred calls at once nor a crash lets one pass too many:
//! what was reserved and never settled counts as used. A process of its own keeps them beside its store ([`sqlite`]); several replicas
//! share those of one database ([`postgres`]).

use std::path::Path;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;

pub(super) mod postgres;
mod rate;
mod sqlite;

pub use rate::{Rate, TokenBucket};

/// Why a counter cannot be read or moved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CounterError {
    /// The database refused or could not be reached; disk full included.
    #[error("the counters could not be kept: {0}")]
    Database(String),
    /// Others come first all the time.
    #[error("other replicas count so fast that this one had no turn")]
    Busy,
    /// The counters are closed: the program is stopping.
    #[error("the counters are closed")]
    Closed,
}

impl From<sqlx::Error> for CounterError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// All durable counters of one Sliproad process, or of several that share a database. Cheap to clone.
#[derive(Clone)]
pub struct Counters(Keeping);

#[derive(Clone)]
enum Keeping {
    Alone(sqlite::Counters),
    Shared(postgres::Accounts),
}

/// One counter: a durable number that only grows, but for uses given back.
pub struct Counter(Kept);

enum Kept {
    Alone(Arc<sqlite::Counter>),
    Shared(Arc<postgres::Account>),
}

impl Counters {
    /// Opens the counters of this process alone in `directory`, making them when they are not there.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub async fn open(directory: &Path) -> Result<Self, CounterError> {
        Ok(Self(Keeping::Alone(sqlite::Counters::open(directory).await?)))
    }

    /// Opens counters that all replicas on this PostgreSQL database share, with a few connections of their own, making the tables
    /// `agreement_…` when they are not there.
    ///
    /// # Errors
    /// When the database does not answer, or refuses the tables.
    pub async fn open_shared(database: PgConnectOptions) -> Result<Self, CounterError> {
        Ok(Self(Keeping::Shared(postgres::Accounts::open(database).await?)))
    }

    /// The counter of that name, as durably kept; 0 when it was never used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counter(&self, key: &str) -> Result<Arc<Counter>, CounterError> {
        let kept = match &self.0 {
            Keeping::Alone(counters) => Kept::Alone(counters.counter(key).await?),
            Keeping::Shared(accounts) => {
                let account = accounts.of(key);
                account.look(None).await?;
                Kept::Shared(account)
            }
        };
        Ok(Arc::new(Counter(kept)))
    }

    /// The accounts of agreements, where replicas share them.
    pub(super) fn shared(&self) -> Option<&postgres::Accounts> {
        match &self.0 {
            Keeping::Alone(_) => None,
            Keeping::Shared(accounts) => Some(accounts),
        }
    }
}

impl Counter {
    /// How many uses are taken, reserved ones included, as far as this process knows: all of them, unless replicas share the counter.
    #[must_use]
    pub fn used(&self) -> u64 {
        match &self.0 {
            Kept::Alone(counter) => counter.used(),
            Kept::Shared(account) => account.used(),
        }
    }

    /// How many uses are taken now, over all replicas.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read(&self) -> Result<u64, CounterError> {
        match &self.0 {
            Kept::Alone(counter) => Ok(counter.used()),
            Kept::Shared(account) => Ok(account.look(Some(std::time::Instant::now())).await?.used),
        }
    }

    /// Takes one more use, durably, if exactly `seen` are taken; `None` when others came first and the decision has to be made
    /// again.
    ///
    /// # Errors
    /// When the reservation could not be made durable; then nothing was taken, or nobody knows whether a shared database took it.
    pub async fn reserve(&self, seen: u64) -> Result<Option<Reservation>, CounterError> {
        let taken = match &self.0 {
            Kept::Alone(counter) => counter.reserve(seen).await?.map(Taken::Alone),
            Kept::Shared(account) => {
                let sight = account.look(None).await?;
                if sight.used != seen {
                    return Ok(None);
                }
                let one = postgres::Amounts { uses: 1, ..postgres::Amounts::default() };
                match account.take(sight, one, None).await? {
                    postgres::Taking::Kept(reservation) => Some(Taken::Shared(reservation)),
                    postgres::Taking::Again(_) => None,
                }
            }
        };
        Ok(taken.map(Reservation))
    }

    /// Adds an amount, durably: what is counted afterwards, such as time that was used.
    ///
    /// # Errors
    /// When it could not be made durable; then it does not count, or nobody knows whether it does in a shared database.
    pub async fn add(&self, amount: u64) -> Result<(), CounterError> {
        match &self.0 {
            Kept::Alone(counter) => counter.add(amount).await,
            Kept::Shared(account) => account.grow(amount, 0).await,
        }
    }

    /// Raises the number to a value, durably, unless it is as high already: how far something has come.
    ///
    /// # Errors
    /// When it could not be made durable; then it does not count, or nobody knows whether it does in a shared database.
    pub async fn raise_to(&self, value: u64) -> Result<(), CounterError> {
        match &self.0 {
            Kept::Alone(counter) => counter.raise_to(value).await,
            Kept::Shared(account) => account.grow(0, value).await,
        }
    }
}

/// One use taken. Dropped, it counts as used.
#[must_use]
pub struct Reservation(Taken);

enum Taken {
    Alone(sqlite::Reservation),
    Shared(postgres::Reservation),
}

impl Reservation {
    /// Gives the use back: the call was never forwarded.
    pub fn release(self) {
        match self.0 {
            Taken::Alone(reservation) => reservation.release(),
            Taken::Shared(reservation) => reservation.release(),
        }
    }
}

#[cfg(test)]
mod tests;
