//! The one store: what must survive a crash.
//!
//! SQLite in WAL mode with full synchronisation: a committed transaction survives power loss. One connection writes, a few read.
//! All SQL is portable text with `$n` parameters, so that PostgreSQL can follow. A lock file keeps a second process out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, Transaction};

mod agreements;
mod documents;
mod infringements;
mod leases;
mod obligations;
mod outbox;
mod processes;
#[cfg(test)]
mod tests;

pub use documents::DocumentKind;
pub use infringements::InfringementQuery;
pub use leases::Claimed;
pub use obligations::ObligationQuery;
pub use outbox::Work;
pub use processes::{HistoryEntry, PlannedStep, Transition, Waiting};

use leases::Leases;

/// How long to wait for a database that another one writes to.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached; disk full and locked included.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date, or is newer than this program.
    #[error("the database schema does not fit this program: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// Another process has this store open.
    #[error("another process uses the store {0}; stop it first, or give this one a store of its own")]
    InUse(PathBuf),
    /// The directory cannot be made or opened.
    #[error("the store directory {0} cannot be used: {1}")]
    Directory(PathBuf, std::io::Error),
    /// A row holds something this program did not write.
    #[error("a stored {0} cannot be read")]
    Corrupt(&'static str),
    /// Somebody else changed the row first (fenced by version or lease).
    #[error("the {0} was changed by somebody else meanwhile")]
    Fenced(&'static str),
}

/// The store of one Sliproad process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    write: SqlitePool,
    read: SqlitePool,
    leases: Arc<Leases>,
    _lock: Arc<File>,
}

impl Store {
    /// Opens the store in `directory`, making it when it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError`]; `InUse` when another process has it open.
    pub async fn open(directory: &Path) -> Result<Self, StoreError> {
        let lock = lock(directory)?;
        let options = SqliteConnectOptions::new()
            .filename(directory.join("sliproad.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        // A commit that fails for want of room leaves its connection between two transactions for good.
        let pool = SqlitePoolOptions::new().max_connections(1).before_acquire(|connection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(async move { Ok(usable) })
        });
        let write = pool.connect_with(options.clone()).await?;
        sqlx::migrate!("src/store/migrations").run(&write).await?;
        let read = SqlitePoolOptions::new().max_connections(4).connect_with(options.read_only(true)).await?;
        Ok(Self { write, read, leases: Arc::default(), _lock: Arc::new(lock) })
    }

    /// Begins a writing transaction; dropping it without [`Tx::commit`] undoes it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(Tx(self.write.begin_with("BEGIN IMMEDIATE").await?, Arc::clone(&self.leases)))
    }

    /// Closes all connections after their work.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// A writing transaction: all of its changes happen, or none.
pub struct Tx(Transaction<'static, Sqlite>, Arc<Leases>);

impl Tx {
    /// Makes the changes durable.
    ///
    /// # Errors
    /// When the database does not take them; then none of them happened.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let unusable = |e| StoreError::Directory(directory.to_owned(), e);
    make_private(directory).map_err(unusable)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(directory.join("lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(directory.to_owned())),
        Err(std::fs::TryLockError::Error(e)) => Err(unusable(e)),
    }
}

/// The directory holds tokens: only its owner may look in.
fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}
