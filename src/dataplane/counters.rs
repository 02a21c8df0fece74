//! Step 6: counters reserved before a call is forwarded, settled after.
//!
//! A reservation is durable before the call goes on, so that neither a hundred calls at once nor a crash lets one pass too many:
//! what was reserved and never settled counts as used. The count in memory is what calls race for; the database keeps a value
//! that is never below what was acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::{mpsc, oneshot};

mod rate;

pub use rate::{Rate, TokenBucket};

const QUEUE: usize = 4096;
const LARGEST_GROUP: usize = 1024;

/// Why a counter cannot be read or moved.
#[derive(Debug, thiserror::Error)]
pub enum CounterError {
    /// The database refused or could not be reached; disk full included.
    #[error("the counters could not be kept: {0}")]
    Database(String),
    /// The counters are closed: the program is stopping.
    #[error("the counters are closed")]
    Closed,
}

impl From<sqlx::Error> for CounterError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// All durable counters of one Sliproad process. Cheap to clone.
#[derive(Clone)]
pub struct Counters(Arc<Inner>);

struct Inner {
    known: RwLock<HashMap<String, Arc<Counter>>>,
    pool: SqlitePool,
    jobs: mpsc::Sender<Job>,
}

/// One counter.
pub struct Counter {
    key: String,
    used: AtomicU64,
    jobs: mpsc::Sender<Job>,
}

struct Job {
    counter: Arc<Counter>,
    done: Option<oneshot::Sender<Result<(), CounterError>>>,
}

impl Counters {
    /// Opens the counters in `directory`, making them when they are not there.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub async fn open(directory: &Path) -> Result<Self, CounterError> {
        let options = SqliteConnectOptions::new()
            .filename(directory.join("counters.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::migrate!("src/dataplane/counters/migrations").run(&pool).await.map_err(sqlx::Error::from)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(keep(pool.clone(), queue));
        Ok(Self(Arc::new(Inner { known: RwLock::default(), pool, jobs })))
    }

    /// The counter of that name, as durably kept; 0 when it was never used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counter(&self, key: &str) -> Result<Arc<Counter>, CounterError> {
        if let Some(counter) = self.0.known.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Ok(Arc::clone(counter));
        }
        let sql = "SELECT used FROM counter WHERE key = $1";
        let kept: Option<i64> = sqlx::query_scalar(sql).bind(key).fetch_optional(&self.0.pool).await?;
        let used = u64::try_from(kept.unwrap_or_default()).unwrap_or_default();
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let counter = known.entry(key.to_owned()).or_insert_with(|| {
            Arc::new(Counter { key: key.to_owned(), used: AtomicU64::new(used), jobs: self.0.jobs.clone() })
        });
        Ok(Arc::clone(counter))
    }
}

impl Counter {
    /// How many uses are taken, reserved ones included.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// Takes one more use, durably, if exactly `seen` are taken; `None` when others came first and the decision has to be made
    /// again.
    ///
    /// # Errors
    /// When the reservation could not be made durable; then nothing was taken.
    pub async fn reserve(self: &Arc<Self>, seen: u64) -> Result<Option<Reservation>, CounterError> {
        if self.used.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return Ok(None);
        }
        // Given back when this fails, and when the caller goes away before it is kept: then nothing was forwarded.
        let unkept = Unkept(Some(Reservation { counter: Arc::clone(self) }));
        let (done, kept) = oneshot::channel();
        let job = Job { counter: Arc::clone(self), done: Some(done) };
        self.jobs.send(job).await.map_err(|_| CounterError::Closed)?;
        kept.await.unwrap_or(Err(CounterError::Closed))?;
        Ok(unkept.kept())
    }
}

/// One use taken. Dropped, it counts as used.
#[must_use]
pub struct Reservation {
    counter: Arc<Counter>,
}

impl Reservation {
    /// Gives the use back: the call was never forwarded.
    pub fn release(self) {
        self.counter.used.fetch_sub(1, Ordering::AcqRel);
        // When the queue is full the database keeps the higher value until the next use: on the safe side.
        let _ = self.counter.jobs.try_send(Job { counter: Arc::clone(&self.counter), done: None });
    }
}

/// One use on its way to being durable. Dropped, it is given back.
struct Unkept(Option<Reservation>);

impl Unkept {
    fn kept(mut self) -> Option<Reservation> {
        self.0.take()
    }
}

impl Drop for Unkept {
    fn drop(&mut self) {
        if let Some(reservation) = self.0.take() {
            reservation.release();
        }
    }
}

/// Keeps counters for as long as anybody can ask: what waits becomes durable together.
async fn keep(pool: SqlitePool, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(LARGEST_GROUP);
    while queue.recv_many(&mut group, LARGEST_GROUP).await > 0 {
        let outcome = write(&pool, &group).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, reservations = group.len(), "counters could not be made durable");
        }
        for done in group.drain(..).filter_map(|job| job.done) {
            let _ = done.send(outcome.as_ref().copied().map_err(|e| CounterError::Database(e.to_string())));
        }
    }
}

async fn write(pool: &SqlitePool, group: &[Job]) -> Result<(), sqlx::Error> {
    // Read after the reservations were queued, a value covers all of them.
    let values: BTreeMap<&str, u64> = group.iter().map(|j| (j.counter.key.as_str(), j.counter.used())).collect();
    let rows: Vec<_> = values.into_iter().collect();
    let sql = "INSERT INTO counter (key, used) SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE true \
               ON CONFLICT (key) DO UPDATE SET used = excluded.used";
    sqlx::query(sql).bind(json!(rows).to_string()).execute(pool).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(counter: &Arc<Counter>, limit: u64) -> Option<Reservation> {
        loop {
            let seen = counter.used();
            if seen >= limit {
                return None;
            }
            if let Some(reservation) = counter.reserve(seen).await.unwrap() {
                return Some(reservation);
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hundred_at_once_never_take_more_than_there_is() {
        let directory = tempfile::tempdir().unwrap();
        let counter = Counters::open(directory.path()).await.unwrap().counter("a").await.unwrap();
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let counter = Arc::clone(&counter);
                tokio::spawn(async move { take(&counter, 37).await.is_some() })
            })
            .collect();
        let mut taken = 0;
        for call in calls {
            taken += u64::from(call.await.unwrap());
        }
        assert_eq!((taken, counter.used()), (37, 37));
    }

    #[tokio::test]
    async fn what_was_reserved_and_never_settled_is_used_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        let counter = counters.counter("a").await.unwrap();
        for seen in 0..3 {
            std::mem::forget(counter.reserve(seen).await.unwrap().unwrap());
        }
        // Nothing is closed: as after kill -9.
        let after = Counters::open(directory.path()).await.unwrap();
        assert_eq!(after.counter("a").await.unwrap().used(), 3);
        assert_eq!(after.counter("b").await.unwrap().used(), 0);
    }

    #[tokio::test]
    async fn a_use_given_back_can_be_taken_again() {
        let directory = tempfile::tempdir().unwrap();
        let counter = Counters::open(directory.path()).await.unwrap().counter("a").await.unwrap();
        take(&counter, 1).await.unwrap().release();
        assert_eq!(counter.used(), 0);
        drop(take(&counter, 1).await.unwrap());
        assert_eq!(counter.used(), 1, "dropped without a word it counts");
        assert!(take(&counter, 1).await.is_none());
    }

    #[tokio::test]
    async fn a_use_that_nobody_waited_for_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let counter = Counters::open(directory.path()).await.unwrap().counter("a").await.unwrap();
        let mut reserving = Box::pin(counter.reserve(0));
        assert!(futures_util::poll!(&mut reserving).is_pending());
        assert_eq!(counter.used(), 1);
        drop(reserving);
        assert_eq!(counter.used(), 0);
    }

    #[tokio::test]
    async fn a_reservation_that_cannot_be_kept_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        let counter = counters.counter("a").await.unwrap();
        counters.0.pool.close().await;
        assert!(counter.reserve(0).await.is_err());
        assert_eq!(counter.used(), 0);
    }
}
