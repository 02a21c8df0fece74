//! Counters of one process: the count in memory is what calls race for; the database in the process's directory keeps a value that is
//! never below what was acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::{mpsc, oneshot};

use super::CounterError;

const QUEUE: usize = 4096;
const LARGEST_GROUP: usize = 1024;

/// All counters of the process. Cheap to clone.
#[derive(Clone)]
pub(super) struct Counters(Arc<Inner>);

struct Inner {
    /// Those that anybody holds, or that wait to be kept: what is let go is in the database as it was last.
    known: RwLock<HashMap<String, Weak<Counter>>>,
    /// Held while one is read, so that nobody changes it and lets it go between its reading and its being known.
    reading: tokio::sync::Mutex<()>,
    pool: SqlitePool,
    jobs: mpsc::Sender<Job>,
}

/// One counter.
pub(super) struct Counter {
    key: String,
    used: AtomicU64,
    jobs: mpsc::Sender<Job>,
}

struct Job {
    counter: Arc<Counter>,
    done: Option<oneshot::Sender<Result<(), CounterError>>>,
}

impl Counters {
    /// Opens `counters.db` in `directory`, making it when it is not there.
    pub(super) async fn open(directory: &Path) -> Result<Self, CounterError> {
        let options = SqliteConnectOptions::new()
            .filename(directory.join("counters.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::migrate!("src/dataplane/counters/sqlite/migrations").run(&pool).await.map_err(sqlx::Error::from)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(keep(pool.clone(), queue));
        Ok(Self(Arc::new(Inner { known: RwLock::default(), reading: tokio::sync::Mutex::default(), pool, jobs })))
    }

    /// The counter of that name, as durably kept; 0 when it was never used.
    pub(super) async fn counter(&self, key: &str) -> Result<Arc<Counter>, CounterError> {
        if let Some(counter) = self.0.known(key) {
            return Ok(counter);
        }
        let _reading = self.0.reading.lock().await;
        if let Some(counter) = self.0.known(key) {
            return Ok(counter);
        }
        let sql = "SELECT used FROM counter WHERE key = $1";
        let kept: Option<i64> = sqlx::query_scalar(sql).bind(key).fetch_optional(&self.0.pool).await?;
        let used = u64::try_from(kept.unwrap_or_default()).unwrap_or_default();
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() == known.capacity() {
            known.retain(|_, counter| counter.strong_count() > 0);
        }
        let counter = Arc::new(Counter { key: key.to_owned(), used: AtomicU64::new(used), jobs: self.0.jobs.clone() });
        known.insert(key.to_owned(), Arc::downgrade(&counter));
        Ok(counter)
    }
}

impl Inner {
    fn known(&self, key: &str) -> Option<Arc<Counter>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(key).and_then(Weak::upgrade)
    }
}

impl Counter {
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// As [`super::Counter::reserve`].
    pub(super) async fn reserve(self: &Arc<Self>, seen: u64) -> Result<Option<Reservation>, CounterError> {
        if self.used.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return Ok(None);
        }
        // Given back when this fails, and when the caller goes away before it is kept: then nothing was forwarded.
        let unkept = Unkept(Some(Reservation { counter: Arc::clone(self) }));
        self.kept().await?;
        Ok(unkept.kept())
    }

    /// As [`super::Counter::add`].
    pub(super) async fn add(self: &Arc<Self>, amount: u64) -> Result<(), CounterError> {
        self.used.fetch_add(amount, Ordering::AcqRel);
        let kept = self.kept().await;
        if kept.is_err() {
            self.used.fetch_sub(amount, Ordering::AcqRel);
        }
        kept
    }

    /// As [`super::Counter::raise_to`].
    pub(super) async fn raise_to(self: &Arc<Self>, value: u64) -> Result<(), CounterError> {
        let before = self.used.fetch_max(value, Ordering::AcqRel);
        let kept = self.kept().await;
        if kept.is_err() && before < value {
            let _ = self.used.compare_exchange(value, before, Ordering::AcqRel, Ordering::Acquire);
        }
        kept
    }

    /// Returns when the number as it is now is durable.
    async fn kept(self: &Arc<Self>) -> Result<(), CounterError> {
        let (done, kept) = oneshot::channel();
        let job = Job { counter: Arc::clone(self), done: Some(done) };
        self.jobs.send(job).await.map_err(|_| CounterError::Closed)?;
        kept.await.unwrap_or(Err(CounterError::Closed))
    }
}

/// One use taken. Dropped, it counts as used.
#[must_use]
pub(super) struct Reservation {
    counter: Arc<Counter>,
}

impl Reservation {
    /// Gives the use back.
    pub(super) fn release(self) {
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
    async fn a_counter_that_nobody_holds_is_let_go_and_found_again_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        for turn in 0..200_u64 {
            let name = turn.to_string();
            let (of_turn, of_all) = tokio::try_join!(counters.counter(&name), counters.counter("all")).unwrap();
            assert_eq!((of_turn.used(), of_all.used()), (0, turn));
            of_turn.add(1).await.unwrap();
            assert!(of_all.reserve(turn).await.unwrap().is_some());
        }
        assert!(counters.0.known.read().unwrap().len() < 20);
        let (one, other) = tokio::try_join!(counters.counter("7"), counters.counter("7")).unwrap();
        assert!(Arc::ptr_eq(&one, &other) && one.used() == 1, "whoever asks has the same one");
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let counters = Counters::open(directory.path()).await.unwrap();
        let counter = counters.counter("a").await.unwrap();
        counters.0.pool.close().await;
        assert!(counter.reserve(0).await.is_err());
        assert!(counter.add(1).await.is_err() && counter.raise_to(20).await.is_err());
        assert_eq!(counter.used(), 0);
    }
}
