//! The one store: what must survive a crash.

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached; disk full and locked included.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
}
