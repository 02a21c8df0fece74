//! The evidence log: one record per exchange, append-only, each record carrying the hash of the one before.
//!
//! A record is durable before [`Evidence::append`] returns. What an exchange whose body streams leaves is two records: an
//! *opening*, durable before the first byte of the answer is released, and a *completion* with the body's digest, durable before
//! the last byte is. A crash in between leaves an opening without completion, which verification reports as unfinished, not as
//! broken. The line format is described in `schemas/evidence-record.schema.json`, the reasons in
//! `docs/decisions/0010-evidence-log.md`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::env::Clock;
use crate::model::exchange::{BodyDigest, Digest, Exchange, ExchangeId};
use crate::model::time::Timestamp;

mod disk;
mod export;
mod history;
mod index;
mod line;
mod segment;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use export::export;
pub use history::history;
pub use index::Query;
pub use verify::{Broken, Expected, Reason, Verification, verify, verify_expecting};

use disk::Disk;
use index::Index;
use writer::{Job, Writer};

/// Why evidence cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The record could not be made durable (disk full, failing disk): the exchange must not go on.
    #[error("the evidence could not be made durable: {0}")]
    NotDurable(String),
    /// The log is closed: the program is stopping.
    #[error("the evidence log is closed")]
    Closed,
    /// The record is longer than a line may be.
    #[error("the evidence record is too long")]
    TooLong,
    /// The directory or a file in it cannot be used.
    #[error("the evidence log {0} cannot be used: {1}")]
    Directory(PathBuf, std::io::Error),
    /// A file that was complete is broken.
    #[error("the evidence file {0} is broken; restore it from a copy, or move it away to begin a new log")]
    Broken(PathBuf),
    /// Another process has this log open.
    #[error("another process uses the evidence log {0}")]
    InUse(PathBuf),
    /// The index over the log failed; it may be deleted, it is made anew from the log.
    #[error("the index of the evidence log failed: {0}")]
    Index(#[from] sqlx::Error),
    /// The head could not be signed.
    #[error("the export could not be signed: {0}")]
    Signing(#[from] credentials::KeyError),
    /// An export cannot be read at all.
    #[error("the export {0} cannot be read: {1}")]
    Unreadable(PathBuf, String),
}

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct EvidenceSettings {
    /// How many records may wait for the disk before callers wait too.
    pub queue: usize,
    /// From how many bytes on a segment file is closed and the next one begun.
    pub segment_size: u64,
}

impl Default for EvidenceSettings {
    fn default() -> Self {
        Self { queue: 4096, segment_size: 16 * 1024 * 1024 }
    }
}

/// Where the log ends, durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record's number; 0 when there is none. The first is 1.
    pub sequence: u64,
    /// The last record's hash.
    pub hash: Digest,
    segment: u64,
    length: u64,
}

/// Says that a record is durable, and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its number in the log.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
}

/// A record as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its number in the log.
    pub sequence: u64,
    /// When it was put down.
    pub recorded: Timestamp,
    /// Its hash.
    pub hash: Digest,
    /// What it says.
    pub exchange: Exchange<'static>,
}

/// The log of one Sliproad process. Cheap to clone.
#[derive(Clone)]
pub struct Evidence(Arc<Inner>);

struct Inner {
    jobs: mpsc::Sender<Job>,
    published: Arc<Mutex<Head>>,
    index: Index,
    _lock: File,
}

impl Evidence {
    /// Opens the log in `directory`, making it when it is not there. What a crash left unfinished at its end is set aside and
    /// recorded as an incident.
    ///
    /// # Errors
    /// [`EvidenceError`]; `InUse` when another process has it open.
    pub async fn open(directory: &Path, settings: EvidenceSettings, clock: Clock) -> Result<Self, EvidenceError> {
        let lock = lock(directory)?;
        let owned = directory.to_owned();
        let recovered = blocking(move || segment::recover(&owned)).await?;
        let head = recovered.head;
        let published = Arc::new(Mutex::new(head));
        let (jobs, queue) = mpsc::channel(settings.queue);
        let writer = Writer {
            medium: Disk::new(directory.to_owned(), recovered.file, settings.segment_size),
            head,
            published: Arc::clone(&published),
            clock,
            littered: false,
            meters: writer::Meters::new(),
        };
        std::thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|e| EvidenceError::Directory(directory.to_owned(), e))?;
        let index = Index::open(directory, head).await?;
        let evidence = Self(Arc::new(Inner { jobs, published, index, _lock: lock }));
        if let Some(bytes) = recovered.set_aside {
            evidence.submit(incident(bytes))?.await.map_err(|_| EvidenceError::Closed)??;
        }
        index::keep_up(&evidence);
        Ok(evidence)
    }

    /// Appends a record; once this returns, it survives power loss. When it fails, nothing of it is in the log. It is taken down at
    /// once: dropped while waiting, the record is written all the same.
    ///
    /// # Errors
    /// `NotDurable` when the disk did not take it, `Closed`, `TooLong`.
    pub fn append(
        &self,
        exchange: &Exchange<'_>,
    ) -> impl Future<Output = Result<Receipt, EvidenceError>> + Send + use<> {
        let submitted = body(exchange).and_then(|body| self.submit(body));
        async move { submitted?.await.map_err(|_| EvidenceError::Closed)? }
    }

    /// Appends a record without waiting, for an exchange whose consumer is gone. A failure is logged only.
    pub fn append_later(&self, exchange: &Exchange<'_>) {
        let id = exchange.exchange;
        if let Err(error) = body(exchange).and_then(|body| self.put(Job::Append { body, done: None })) {
            tracing::error!(exchange = %id, %error, "evidence was not kept");
        }
    }

    fn submit(&self, body: Vec<u8>) -> Result<oneshot::Receiver<Result<Receipt, EvidenceError>>, EvidenceError> {
        let (done, receipt) = oneshot::channel();
        self.put(Job::Append { body, done: Some(done) })?;
        Ok(receipt)
    }

    /// Puts a job into the queue, behind the others when it is full.
    fn put(&self, job: Job) -> Result<(), EvidenceError> {
        match self.0.jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(EvidenceError::Closed),
            Err(mpsc::error::TrySendError::Full(job)) => {
                let jobs = self.0.jobs.clone();
                tokio::spawn(async move {
                    // Whoever waits for it hears that the log is closed.
                    if jobs.send(job).await.is_err() {
                        tracing::error!("evidence was not kept: the log was closed before");
                    }
                });
                Ok(())
            }
        }
    }

    /// Where the log ends, durably.
    #[must_use]
    pub fn head(&self) -> Head {
        *self.0.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The records of one exchange, oldest first: one, or an opening and its completion; none when it is not known.
    ///
    /// # Errors
    /// When the log or its index cannot be read.
    pub async fn record(&self, exchange: ExchangeId) -> Result<Vec<Kept>, EvidenceError> {
        self.0.index.exchange(self.head(), exchange).await
    }

    /// Records, newest first.
    ///
    /// # Errors
    /// When the log or its index cannot be read.
    pub async fn page(&self, query: &Query) -> Result<Vec<Kept>, EvidenceError> {
        self.0.index.page(self.head(), query).await
    }

    /// Makes durable what waits, then takes nothing more.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.0.jobs.send(Job::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
        self.0.index.close().await;
    }
}

fn body(exchange: &Exchange<'_>) -> Result<Vec<u8>, EvidenceError> {
    let mut body = Vec::with_capacity(1536);
    serde_json::to_writer(&mut body, exchange).map_err(|_| EvidenceError::TooLong)?;
    if body.len() + 512 > line::LONGEST { Err(EvidenceError::TooLong) } else { Ok(body) }
}

fn incident(set_aside: BodyDigest) -> Vec<u8> {
    serde_json::json!({"kind": "incident", "setAside": set_aside}).to_string().into_bytes()
}

fn lock(directory: &Path) -> Result<File, EvidenceError> {
    use std::os::unix::fs::DirBuilderExt;
    let unusable = |e| EvidenceError::Directory(directory.to_owned(), e);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
    let file =
        File::options().create(true).truncate(false).write(true).open(directory.join("lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(EvidenceError::InUse(directory.to_owned())),
        Err(std::fs::TryLockError::Error(e)) => Err(unusable(e)),
    }
}

/// Runs blocking file work beside the async workers.
async fn blocking<T, F>(work: F) -> Result<T, EvidenceError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, EvidenceError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| EvidenceError::Closed)?
}
