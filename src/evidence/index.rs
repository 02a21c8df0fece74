//! Finding records: an SQLite index over the log, made from the log alone and never in an exchange's way.
//!
//! It follows the log at an easy pace, faster when the log is quiet, and catches up when somebody asks. Deleted, it is made anew.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Mutex;

use super::segment::{self, Lines, Segment};
use super::{Evidence, EvidenceError, Head, Kept, blocking, line};
use crate::model::exchange::{Effect, Exchange, ExchangeId};

const BATCH: usize = 2000;
const LARGEST_PAGE: u32 = 1000;
const PAUSE: Duration = Duration::from_secs(1);

/// Which records are wanted, newest first.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only records with a smaller number: the last one of the page before.
    pub before: Option<u64>,
    /// How many; at most 1,000, and 100 when absent.
    pub limit: Option<u32>,
    /// Only those under this agreement.
    pub agreement: Option<String>,
    /// Only those of this transfer.
    pub transfer: Option<String>,
    /// Only those that were permitted, or refused.
    pub effect: Option<Effect>,
}

/// The index of one log.
pub(super) struct Index {
    directory: PathBuf,
    pool: SqlitePool,
    catching_up: Mutex<()>,
}

type Place = (i64, i64, i64);

impl Index {
    pub(super) async fn open(directory: &Path, head: Head) -> Result<Self, EvidenceError> {
        let options = SqliteConnectOptions::new()
            .filename(directory.join("index.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        sqlx::migrate!("src/evidence/migrations").run(&pool).await.map_err(sqlx::Error::from)?;
        sqlx::query("DELETE FROM record WHERE sequence > $1").bind(number(head.sequence)).execute(&pool).await?;
        Ok(Self { directory: directory.to_owned(), pool, catching_up: Mutex::new(()) })
    }

    pub(super) async fn exchange(&self, head: Head, id: ExchangeId) -> Result<Vec<Kept>, EvidenceError> {
        self.catch_up(head).await?;
        let sql = "SELECT segment, position, length FROM record WHERE exchange = $1 ORDER BY sequence LIMIT 10";
        let places: Vec<Place> = sqlx::query_as(sql).bind(id.to_string()).fetch_all(&self.pool).await?;
        self.load(places).await
    }

    pub(super) async fn page(&self, head: Head, query: &Query) -> Result<Vec<Kept>, EvidenceError> {
        self.catch_up(head).await?;
        let sql = match (&query.transfer, &query.agreement) {
            (Some(_), _) => {
                "SELECT segment, position, length FROM record WHERE exchange IS NOT NULL AND sequence < $1 \
                 AND transfer = $2 AND ($3 IS NULL OR agreement = $3) AND ($4 IS NULL OR effect = $4) \
                 ORDER BY sequence DESC LIMIT $5"
            }
            (None, Some(_)) => {
                "SELECT segment, position, length FROM record WHERE exchange IS NOT NULL AND sequence < $1 \
                 AND $2 IS NULL AND agreement = $3 AND ($4 IS NULL OR effect = $4) ORDER BY sequence DESC LIMIT $5"
            }
            (None, None) => {
                "SELECT segment, position, length FROM record WHERE exchange IS NOT NULL AND sequence < $1 \
                 AND $2 IS NULL AND $3 IS NULL AND ($4 IS NULL OR effect = $4) ORDER BY sequence DESC LIMIT $5"
            }
        };
        let places: Vec<Place> = sqlx::query_as(sql)
            .bind(query.before.map_or(i64::MAX, number))
            .bind(query.transfer.as_deref())
            .bind(query.agreement.as_deref())
            .bind(query.effect.map(Effect::as_str))
            .bind(query.limit.unwrap_or(100).min(LARGEST_PAGE))
            .fetch_all(&self.pool)
            .await?;
        self.load(places).await
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    async fn last(&self) -> Result<(u64, u64, u64), EvidenceError> {
        let sql = "SELECT sequence, segment, position + length FROM record ORDER BY sequence DESC LIMIT 1";
        let row: Option<Place> = sqlx::query_as(sql).fetch_optional(&self.pool).await?;
        Ok(row.map_or((0, 0, 0), |(sequence, segment, end)| (unsigned(sequence), unsigned(segment), unsigned(end))))
    }

    async fn catch_up(&self, head: Head) -> Result<(), EvidenceError> {
        while self.step(head).await? {}
        Ok(())
    }

    /// Takes in the next records; whether there may be more.
    async fn step(&self, head: Head) -> Result<bool, EvidenceError> {
        let _alone = self.catching_up.lock().await;
        let (sequence, segment, position) = self.last().await?;
        if sequence >= head.sequence {
            return Ok(false);
        }
        let directory = self.directory.clone();
        let rows = blocking(move || read_rows(&directory, segment, position, head.sequence)).await?;
        let sql = "INSERT OR REPLACE INTO record \
                   (sequence, exchange, agreement, transfer, effect, segment, position, length) \
                   SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
                   value ->> 6, value ->> 7 FROM json_each($1)";
        sqlx::query(sql).bind(json!(rows).to_string()).execute(&self.pool).await?;
        Ok(!rows.is_empty())
    }

    async fn load(&self, places: Vec<Place>) -> Result<Vec<Kept>, EvidenceError> {
        let directory = self.directory.clone();
        blocking(move || places.into_iter().map(|place| read_one(&directory, place)).collect()).await
    }
}

/// Lets the index follow the log for as long as the log is in use: a batch a second, and all of it when the log is quiet.
pub(super) fn keep_up(evidence: &Evidence) {
    let weak = Arc::downgrade(&evidence.0);
    let (mut seen, mut more) = (0, true);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(PAUSE).await;
            let Some(inner) = weak.upgrade() else { return };
            let evidence = Evidence(inner);
            let head = evidence.head();
            more |= head.sequence != seen;
            seen = head.sequence;
            while more && evidence.head() == head {
                match evidence.0.index.step(head).await {
                    Ok(rest) => more = rest,
                    Err(e) => {
                        tracing::warn!(error = %e, "the evidence index could not follow the log");
                        break;
                    }
                }
            }
        }
    });
}

#[derive(Deserialize)]
struct Indexed {
    agreement: Option<String>,
    transfer: Option<String>,
    decision: Option<Decided>,
}

#[derive(Deserialize)]
struct Decided {
    effect: Effect,
}

type Row = (u64, Option<ExchangeId>, Option<String>, Option<String>, Option<&'static str>, u64, u64, u64);

/// Rows for the next records after a place in the log, up to record `until`.
fn read_rows(directory: &Path, segment: u64, position: u64, until: u64) -> Result<Vec<Row>, EvidenceError> {
    let failed = |e| EvidenceError::Directory(directory.to_owned(), e);
    let mut rows = Vec::new();
    for file in segment::list(directory).map_err(failed)?.into_iter().filter(|s| s.first >= segment) {
        let from = if file.first == segment { position } else { 0 };
        for item in Lines::open(&file.path, from).map_err(failed)? {
            let found = item.map_err(failed)?;
            let broken = || EvidenceError::Broken(file.path.clone());
            if !found.whole {
                break;
            }
            let link = line::read(&found.bytes).map_err(|_| broken())?;
            if link.sequence > until {
                return Ok(rows);
            }
            let said: Indexed = serde_json::from_slice(&found.bytes).map_err(|_| broken())?;
            let effect = said.decision.map(|d| d.effect.as_str());
            let length = found.bytes.len() as u64 + 1;
            let row = (link.sequence, link.exchange, said.agreement, said.transfer, effect);
            rows.push((row.0, row.1, row.2, row.3, row.4, file.first, found.position, length));
            if rows.len() >= BATCH {
                return Ok(rows);
            }
        }
    }
    Ok(rows)
}

fn read_one(directory: &Path, (segment, position, length): Place) -> Result<Kept, EvidenceError> {
    let path = Segment::new(directory, unsigned(segment)).path;
    let failed = |e| EvidenceError::Directory(path.clone(), e);
    let mut bytes = vec![0; usize::try_from(length - 1).unwrap_or_default().min(line::LONGEST)];
    File::open(&path).map_err(failed)?.read_exact_at(&mut bytes, unsigned(position)).map_err(failed)?;
    let broken = |_| EvidenceError::Broken(path.clone());
    let link = line::read(&bytes).map_err(|_| EvidenceError::Broken(path.clone()))?;
    let exchange: Exchange<'static> = serde_json::from_slice(&bytes).map_err(broken)?;
    Ok(Kept { sequence: link.sequence, recorded: link.recorded, hash: link.hash, exchange })
}

fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
