//! The statements on accounts: each is one transaction of its own, answered or given up within a bounded time.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Postgres};
use tokio::time::{Instant as Deadline, timeout_at};

use super::ledger::{Amounts, Asked, Calls, Ground, Moved, Standing};
use super::settlement::Settlement;
use crate::dataplane::counters::CounterError;

/// For how long the database is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// When the server itself gives up, so that little of what we gave up happens later.
const STATEMENT: &str = "1500ms";
/// A connection that idled for so long is tried before it is used.
const STALE: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 8;

const TAKE: &str = "
WITH clock AS (
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now
), moved AS (
    UPDATE agreement_account AS a
    SET version = a.version + 1, used = a.used + $3, earlier = $4,
        full_at = CASE WHEN $5 > 0 THEN greatest(a.full_at, clock.now) + $5 ELSE a.full_at END
    FROM clock
    WHERE a.key = $1 AND a.version = $2
    RETURNING a.version, a.used, a.full_at, clock.now
), written AS (
    INSERT INTO agreement_call (key, version, at, calls)
    SELECT $1, moved.version, moved.now, $6 FROM moved WHERE $6 > 0
), pruned AS (
    DELETE FROM agreement_call AS c USING moved WHERE c.key = $1 AND c.version <= $7
)
SELECT version, used, full_at, now FROM moved";

const SETTLE: &str = "
WITH moved AS (
    UPDATE agreement_account AS a
    SET version = a.version + 1, used = greatest(a.used - $2 + $3, $4), full_at = a.full_at - $5
    WHERE a.key = $1
    RETURNING a.version, a.used, a.full_at
), struck AS (
    UPDATE agreement_call AS c SET calls = greatest(c.calls - s.calls, 0)
    FROM moved, unnest($6::bigint[], $7::bigint[]) AS s (version, calls)
    WHERE c.key = $1 AND c.version = s.version
)
SELECT version, used, full_at, floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now FROM moved";

const READ: &str = "
SELECT a.version, a.used, a.full_at, a.earlier,
    floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
    ARRAY(SELECT c.version FROM agreement_call AS c WHERE c.key = a.key ORDER BY c.version) AS versions,
    ARRAY(SELECT c.at FROM agreement_call AS c WHERE c.key = a.key ORDER BY c.version) AS times,
    ARRAY(SELECT c.calls FROM agreement_call AS c WHERE c.key = a.key ORDER BY c.version) AS numbers
FROM agreement_account AS a WHERE a.key = $1";

const LOCK: &str = "SELECT FROM agreement_account WHERE key = $1 FOR UPDATE";

const OPEN: &str = "INSERT INTO agreement_account (key) VALUES ($1) ON CONFLICT DO NOTHING";

/// Why a statement had no answer.
pub(super) enum Failure {
    /// There was no connection, so nothing happened.
    Unsent(CounterError),
    /// The connection broke: whether it happened nobody knows, and another connection may answer.
    Broken(CounterError),
    /// Whether it happened nobody knows.
    Unanswered(CounterError),
}

impl Failure {
    pub(super) fn into_error(self) -> CounterError {
        match self {
            Self::Unsent(error) | Self::Broken(error) | Self::Unanswered(error) => error,
        }
    }
}

/// The database that replicas share.
pub(super) struct Database {
    pool: PgPool,
    /// It did not answer the last time.
    silent: AtomicBool,
}

impl Database {
    /// Connects, and makes the tables or brings them up to date.
    pub(super) async fn open(options: PgConnectOptions) -> Result<Self, CounterError> {
        migrate(&options).await?;
        let options = options.application_name("sliproad limits").options([
            ("statement_timeout", STATEMENT),
            ("idle_in_transaction_session_timeout", STATEMENT),
            ("default_transaction_isolation", "read committed"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .before_acquire(|connection, of| {
                if of.idle_for < STALE {
                    return Box::pin(ready(Ok(true)));
                }
                Box::pin(async { Ok(connection.ping().await.is_ok()) })
            })
            .connect_with(options)
            .await?;
        Ok(Self { pool, silent: AtomicBool::new(false) })
    }

    /// Takes from an account if it still is as `ground` says; `None` when it is not.
    pub(super) async fn take(
        &self,
        key: &str,
        ground: Ground,
        amounts: Amounts,
    ) -> Result<Option<(Moved, Asked)>, Failure> {
        self.session().await?.take(key, ground, amounts).await
    }

    /// Waits until nobody else changes the account, and holds it; as it is then.
    pub(super) async fn turn(&self, key: &str) -> Result<(Turn<'_>, Standing, Asked), Failure> {
        let mut session = self.session().await?;
        session.holds = true;
        session.run(async |connection| sqlx::query("BEGIN").execute(connection).await).await?;
        let lock = async |connection: &mut PgConnection| sqlx::query(LOCK).bind(key).execute(connection).await;
        let (locked, _) = session.run(lock).await?;
        if locked.rows_affected() == 0 {
            session.run(async |connection| sqlx::query(OPEN).bind(key).execute(connection).await).await?;
        }
        match session.read(key).await? {
            (Some(standing), asked) => Ok((Turn(session), standing, asked)),
            (None, _) => Err(Failure::Unsent(CounterError::Database("the account is gone".to_owned()))),
        }
    }

    /// Changes an account whatever it is now.
    pub(super) async fn settle(&self, key: &str, settlement: &Settlement) -> Result<(Moved, Asked), Failure> {
        let (versions, numbers): (Vec<_>, Vec<_>) = settlement.calls.iter().map(|(v, n)| (*v, signed(*n))).unzip();
        let mut session = self.session().await?;
        let settle = async |connection: &mut PgConnection| {
            let query = sqlx::query_as(SETTLE)
                .bind(key)
                .bind(signed(settlement.returned.uses))
                .bind(signed(settlement.added))
                .bind(signed(settlement.raised))
                .bind(settlement.returned.tokens)
                .bind(versions)
                .bind(numbers);
            query.fetch_one(connection).await
        };
        session.run(settle).await
    }

    /// An account as it is now; an unused one when it is not there. A broken connection is replaced, as often as there may be any.
    pub(super) async fn read(&self, key: &str) -> Result<(Standing, Asked), Failure> {
        let mut left = CONNECTIONS;
        loop {
            match self.read_once(key).await {
                Err(Failure::Broken(_)) if left > 0 => left -= 1,
                Err(Failure::Broken(error)) => return Err(Failure::Unanswered(self.unanswered(&error))),
                outcome => return outcome,
            }
        }
    }

    async fn read_once(&self, key: &str) -> Result<(Standing, Asked), Failure> {
        let mut session = self.session().await?;
        if let (Some(standing), asked) = session.read(key).await? {
            return Ok((standing, asked));
        }
        session.run(async |connection| sqlx::query(OPEN).bind(key).execute(connection).await).await?;
        match session.read(key).await? {
            (Some(standing), asked) => Ok((standing, asked)),
            (None, _) => Err(Failure::Unsent(CounterError::Database("the account is gone".to_owned()))),
        }
    }

    async fn session(&self) -> Result<Session<'_>, Failure> {
        let deadline = Deadline::now() + PATIENCE;
        match timeout_at(deadline, self.pool.acquire()).await {
            Ok(Ok(connection)) => Ok(Session { database: self, connection, deadline, holds: false }),
            Ok(Err(error)) => Err(Failure::Unsent(self.unanswered(&error))),
            Err(late) => Err(Failure::Unsent(self.unanswered(&late))),
        }
    }

    fn answered(&self) {
        if self.silent.load(Ordering::Acquire) && self.silent.swap(false, Ordering::AcqRel) {
            tracing::info!("the database of the counters answers again");
        }
    }

    /// Told once, until it answers again.
    fn unanswered(&self, error: &dyn std::error::Error) -> CounterError {
        if !self.silent.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "the database of the counters does not answer");
        }
        CounterError::Database(error.to_string())
    }
}

/// A connection, for so long as the database is waited for.
struct Session<'d> {
    database: &'d Database,
    connection: PoolConnection<Postgres>,
    deadline: Deadline,
    /// It is within a transaction.
    holds: bool,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // Given up half-way: the server lets go of the account when the connection is closed.
        if self.holds {
            self.connection.close_on_drop();
        }
    }
}

impl Session<'_> {
    async fn take(&mut self, key: &str, ground: Ground, amounts: Amounts) -> Result<Option<(Moved, Asked)>, Failure> {
        let take = async |connection: &mut PgConnection| {
            let query = sqlx::query_as(TAKE)
                .bind(key)
                .bind(ground.version)
                .bind(signed(amounts.uses))
                .bind(ground.earlier)
                .bind(amounts.tokens)
                .bind(signed(amounts.calls))
                .bind(ground.aged);
            query.fetch_optional(connection).await
        };
        let (moved, asked) = self.run(take).await?;
        Ok(moved.map(|moved: Moved| (moved, asked)))
    }

    async fn read(&mut self, key: &str) -> Result<(Option<Standing>, Asked), Failure> {
        let read = async |connection: &mut PgConnection| {
            sqlx::query_as::<_, Row>(READ).bind(key).fetch_optional(connection).await
        };
        let (row, asked) = self.run(read).await?;
        Ok((row.map(Standing::from), asked))
    }

    async fn run<T>(
        &mut self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<(T, Asked), Failure> {
        let sent = Instant::now();
        let failure = match timeout_at(self.deadline, statement(&mut self.connection)).await {
            Ok(Ok(answer)) => {
                self.database.answered();
                return Ok((answer, Asked { sent, answered: Instant::now() }));
            }
            Ok(Err(error)) if is_broken(&error) => Failure::Broken(CounterError::Database(error.to_string())),
            Ok(Err(error)) => Failure::Unanswered(self.database.unanswered(&error)),
            Err(late) => Failure::Unanswered(self.database.unanswered(&late)),
        };
        self.connection.close_on_drop();
        Err(failure)
    }
}

/// An account that nobody else changes meanwhile. Dropped, it is let go.
pub(super) struct Turn<'d>(Session<'d>);

impl Turn<'_> {
    /// As [`Database::take`], and lets go.
    pub(super) async fn take(
        mut self,
        key: &str,
        ground: Ground,
        amounts: Amounts,
    ) -> Result<Option<(Moved, Asked)>, Failure> {
        let taken = self.0.take(key, ground, amounts).await?;
        self.end().await?;
        Ok(taken)
    }

    /// Lets go.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        self.0.run(async |connection| sqlx::query("COMMIT").execute(connection).await).await?;
        self.0.holds = false;
        Ok(())
    }
}

/// Brings the tables up to date, on a connection of its own: another replica that does the same is waited for.
async fn migrate(options: &PgConnectOptions) -> Result<(), CounterError> {
    let mut connection = PgConnection::connect_with(options).await?;
    let mut migrator = sqlx::migrate!("src/dataplane/counters/postgres/migrations");
    // The store may keep its own in the same database.
    migrator.dangerous_set_table_name("agreement_account_migrations");
    migrator.run(&mut connection).await.map_err(sqlx::Error::from)?;
    Ok(connection.close().await?)
}

/// Whether it is the connection, and not the database, that failed.
fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // Class 57P: the server ends its sessions, or has just started.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    used: i64,
    full_at: i64,
    earlier: Option<i64>,
    now: i64,
    versions: Vec<i64>,
    times: Vec<i64>,
    numbers: Vec<i64>,
}

impl From<Row> for Standing {
    fn from(row: Row) -> Self {
        let calls = row.versions.into_iter().zip(row.times).zip(row.numbers);
        let minute = calls.map(|((version, at), number)| Calls { version, at, number: unsigned(number) });
        Self {
            version: row.version,
            used: unsigned(row.used),
            full_at: row.full_at,
            earlier: row.earlier,
            minute: minute.collect(),
            now: row.now,
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
