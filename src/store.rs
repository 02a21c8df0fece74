//! The one store: what must survive a crash.
//!
//! Embedded, it is SQLite in WAL mode with full synchronisation: a committed transaction survives power loss. One connection writes, a
//! few read; a lock file keeps a second process out. Or several replicas share a PostgreSQL database: then what a transaction reads for
//! a change is locked until its end, claims on processes are in their rows, and replicas tell each other of what they committed.
//! The statements are the same text.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Notify;

mod agreements;
mod documents;
mod followed;
mod infringements;
mod leases;
mod notices;
mod obligations;
mod outbox;
mod postgres;
mod processes;
mod shared;
mod sql;
#[cfg(test)]
mod tests;

pub use documents::DocumentKind;
pub use followed::FollowedQuery;
pub use leases::Claimed;
pub use notices::{Notice, Notices};
pub use outbox::Work;
pub use processes::{HistoryEntry, PlannedStep, Transition, Waiting};
pub use shared::{Standing, Standings};

use leases::{InMemory, InRows, Leases};
use shared::CALLS;
use sql::{Pool, Transaction, query};

/// How long to wait for a database that another one writes to.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections of one replica for changes, for reading, and for asking where transfers stand, which must not wait for the others.
const CONNECTIONS: (u32, u32, u32) = (6, 6, CALLS);

/// Where a store is.
#[derive(Clone, Copy, Debug)]
pub enum Kept<'a> {
    /// In a directory of one process.
    Directory(&'a Path),
    /// In a PostgreSQL database of several replicas.
    Shared {
        /// The directory of this replica.
        directory: &'a Path,
        /// The database's URL.
        url: &'a SecretString,
    },
}

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
    /// The URL of the database cannot be read.
    #[error("the URL of the database cannot be read; expected postgres://user:password@host/database")]
    Url,
    /// Replicas that share a database do not have in common what they must.
    #[error(
        "the {0} is another one than that of the replicas that use this database; copy the key file of one of them, or name the \
         directory where they have it in store.keys-path"
    )]
    Different(&'static str),
    /// A row holds something this program did not write.
    #[error("a stored {0} cannot be read")]
    Corrupt(&'static str),
    /// Somebody else changed the row first (fenced by version or lease).
    #[error("the {0} was changed by somebody else meanwhile")]
    Fenced(&'static str),
}

impl StoreError {
    /// Whether what was written is there already where it may be once only.
    #[must_use]
    pub fn is_repetition(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

/// The store of one Sliproad process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    write: Pool,
    read: Pool,
    leases: Arc<Leases>,
    shared: Option<Arc<Shared>>,
    _lock: Arc<File>,
}

/// What a replica has beside the embedded store.
#[derive(Debug)]
struct Shared {
    /// Names this replica, over restarts too.
    replica: String,
    calls: PgPool,
    options: Hidden,
    /// A commit of which nobody knows whether it happened.
    doubt: Arc<Notify>,
}

/// What has a password in it.
struct Hidden(PgConnectOptions);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

impl Store {
    /// Opens a store where it is kept.
    ///
    /// # Errors
    /// As [`Store::open`] and [`Store::open_shared`].
    pub async fn open_kept(kept: Kept<'_>) -> Result<Self, StoreError> {
        match kept {
            Kept::Directory(directory) => Self::open(directory).await,
            Kept::Shared { directory, url } => Self::open_shared(directory, url).await,
        }
    }

    /// Opens the embedded store in `directory`, making it when it is not there, and brings its schema up to date.
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
        sqlx::migrate!("src/store/migrations/sqlite").run(&write).await?;
        let read = SqlitePoolOptions::new().max_connections(4).connect_with(options.read_only(true)).await?;
        Ok(Self {
            write: Pool::Sqlite(write),
            read: Pool::Sqlite(read),
            leases: Arc::new(Leases::Memory(InMemory::default())),
            shared: None,
            _lock: Arc::new(lock),
        })
    }

    /// Opens the store in the PostgreSQL database at `url`, which other replicas may have open, and brings its schema up to date.
    /// `directory` is this replica's own.
    ///
    /// # Errors
    /// [`StoreError`]; `InUse` when another process has the directory.
    pub async fn open_shared(directory: &Path, url: &SecretString) -> Result<Self, StoreError> {
        let lock = lock(directory)?;
        let replica = replica(directory).map_err(|e| StoreError::Directory(directory.to_owned(), e))?;
        let options = postgres::options(url)?;
        // One replica after another, and for as long as it takes.
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::migrate!("src/store/migrations/postgres").run(&mut connection).await?;
        connection.close().await?;
        let options = postgres::limited(options);
        let (write, read) =
            (postgres::pool(&options, CONNECTIONS.0, true), postgres::pool(&options, CONNECTIONS.1, true));
        let calls = postgres::pool(&options, CONNECTIONS.2, false);
        let write = Pool::Postgres(write);
        let leases = InRows::of(replica.clone(), &write).await?;
        Ok(Self {
            write,
            read: Pool::Postgres(read),
            leases: Arc::new(Leases::Rows(leases)),
            shared: Some(Arc::new(Shared { replica, calls, options: Hidden(options), doubt: Arc::default() })),
            _lock: Arc::new(lock),
        })
    }

    /// Begins a writing transaction; dropping it without [`Tx::commit`] undoes it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let transaction = Transaction::begin(&self.write).await?;
        let (leases, shared) = (Arc::clone(&self.leases), self.shared.clone());
        Ok(Tx { transaction, leases, shared, told: Vec::new() })
    }

    /// What other replicas commit; `None` for an embedded store, which has none.
    #[must_use]
    pub fn notices(&self) -> Option<Notices> {
        self.shared
            .as_ref()
            .map(|shared| Notices::new(shared.replica.clone(), &shared.options.0, Arc::clone(&shared.doubt)))
    }

    /// How to connect to the database that replicas share, for what is kept beside the store; `None` for an embedded one.
    #[must_use]
    pub fn database(&self) -> Option<PgConnectOptions> {
        self.shared.as_ref().map(|shared| shared.options.0.clone())
    }

    /// Closes all connections after their work.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
        if let Some(shared) = &self.shared {
            Pool::Postgres(shared.calls.clone()).close().await;
        }
    }
}

/// A writing transaction: all of its changes happen, or none. What it reads for a change nobody else changes meanwhile.
pub struct Tx {
    transaction: Transaction,
    leases: Arc<Leases>,
    shared: Option<Arc<Shared>>,
    /// What other replicas are to know of it.
    told: Vec<Notice>,
}

impl Tx {
    /// Makes the changes durable.
    ///
    /// # Errors
    /// When the database does not take them; then none of them happened.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let Some(shared) = self.shared.take() else { return Ok(self.transaction.commit().await?) };
        self.number_news().await?;
        notices::tell(&mut self.transaction, &shared.replica, std::mem::take(&mut self.told)).await?;
        let committed = self.transaction.commit().await;
        if committed.is_err() {
            // It may have happened all the same: then nobody here was told.
            shared.doubt.notify_one();
        }
        Ok(committed?)
    }

    /// Other replicas are to know, once this is committed.
    fn tell(&mut self, notice: Notice) {
        if self.shared.is_some() && !self.told.contains(&notice) {
            self.told.push(notice);
        }
    }

    /// Lets the numbers grow by which running calls know that they have to ask again.
    async fn number_news(&mut self) -> Result<(), StoreError> {
        for notice in &self.told {
            match notice {
                Notice::Agreement(key) => {
                    query("UPDATE agreement SET news = news + 1 WHERE participant = $1 AND role = $2 AND id = $3")
                        .bind(key.participant.as_str())
                        .bind(key.role.as_str())
                        .bind(key.id.as_str())
                        .execute(&mut self.transaction)
                        .await?;
                }
                Notice::Documents => {
                    query("UPDATE revision SET documents = documents + 1").execute(&mut self.transaction).await?;
                }
                Notice::Process(..) | Notice::Anything => {}
            }
        }
        Ok(())
    }

    /// What makes a SELECT keep its row from all others until the end of the transaction. Writers of the embedded store come one after
    /// another anyway.
    const fn for_update(&self) -> &'static str {
        match &self.transaction {
            Transaction::Sqlite(_) => "",
            Transaction::Postgres(_) => " FOR UPDATE",
        }
    }

    /// Keeps all others from what these words name, whether or not there is a row of it, until the end of the transaction.
    async fn lock(&mut self, words: &[&str]) -> Result<(), StoreError> {
        if let Transaction::Postgres(_) = &self.transaction {
            let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
            query(sql).bind(format!("sliproad {words:?}")).execute(&mut self.transaction).await?;
        }
        Ok(())
    }
}

/// The name of the replica that has this directory; given at its first start.
fn replica(directory: &Path) -> std::io::Result<String> {
    let file = directory.join("replica");
    match std::fs::read_to_string(&file) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => {
            let name = uuid::Uuid::now_v7().to_string();
            std::fs::write(&file, &name)?;
            Ok(name)
        }
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
