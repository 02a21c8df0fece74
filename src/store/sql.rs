//! One set of statements for two databases: portable text with `$n` parameters, texts and whole numbers as values.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, PgRow};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, Postgres, Row as _, Sqlite, Type};

/// How long PostgreSQL is waited for: longer than it works on a statement itself.
const LONGEST: Duration = Duration::from_secs(20);
/// How long to wait for the end of what nobody wants any more.
const ROLLBACK: Duration = Duration::from_secs(5);

/// Connections to either database.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            // What does not come back by then has nobody at its other end.
            Self::Postgres(pool) => drop(tokio::time::timeout(ROLLBACK, pool.close()).await),
        }
    }
}

/// A transaction in either database; undone when it is dropped before its commit.
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(Begun),
}

/// A transaction of PostgreSQL. Its connection does not come back to the others unless it answers.
pub(super) struct Begun(Option<PoolConnection<Postgres>>);

impl Transaction {
    pub(super) async fn begin(pool: &Pool) -> Result<Self, sqlx::Error> {
        match pool {
            Pool::Sqlite(pool) => Ok(Self::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?)),
            Pool::Postgres(pool) => {
                let mut begun = Begun(Some(pool.acquire().await?));
                query("BEGIN").execute(&mut *begun.connection()?).await?;
                Ok(Self::Postgres(begun))
            }
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(mut begun) => {
                query("COMMIT").execute(&mut *begun.connection()?).await?;
                // It goes back as it is.
                drop(begun.0.take());
                Ok(())
            }
        }
    }
}

impl Begun {
    fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Some(mut connection) = self.0.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return drop(connection.detach()) };
        runtime.spawn(async move {
            if query("ROLLBACK").within(ROLLBACK).execute(&mut *connection).await.is_err() {
                connection.close_on_drop();
            }
        });
    }
}

/// Where a statement is executed.
pub(super) enum On<'c> {
    SqlitePool(&'c SqlitePool),
    Sqlite(&'c mut SqliteConnection),
    PostgresPool(&'c PgPool),
    Postgres(&'c mut PgConnection),
    /// The transaction has ended.
    Nowhere,
}

impl<'c> From<&'c Pool> for On<'c> {
    fn from(pool: &'c Pool) -> Self {
        match pool {
            Pool::Sqlite(pool) => Self::SqlitePool(pool),
            Pool::Postgres(pool) => Self::PostgresPool(pool),
        }
    }
}

impl<'c> From<&'c mut Transaction> for On<'c> {
    fn from(tx: &'c mut Transaction) -> Self {
        match tx {
            Transaction::Sqlite(tx) => Self::Sqlite(tx),
            Transaction::Postgres(begun) => match begun.0.as_deref_mut() {
                Some(connection) => Self::Postgres(connection),
                None => Self::Nowhere,
            },
        }
    }
}

impl<'c> From<&'c PgPool> for On<'c> {
    fn from(pool: &'c PgPool) -> Self {
        Self::PostgresPool(pool)
    }
}

impl<'c> From<&'c mut SqliteConnection> for On<'c> {
    fn from(connection: &'c mut SqliteConnection) -> Self {
        Self::Sqlite(connection)
    }
}

impl<'c> From<&'c mut PgConnection> for On<'c> {
    fn from(connection: &'c mut PgConnection) -> Self {
        Self::Postgres(connection)
    }
}

/// A value of a statement.
pub(super) enum Value<'q> {
    Text(Option<Cow<'q, str>>),
    Number(Option<i64>),
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'q> From<&'q String> for Value<'q> {
    fn from(text: &'q String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

/// A statement with its values.
#[must_use]
pub(super) struct Query<'q> {
    text: Cow<'static, str>,
    values: Vec<Value<'q>>,
    longest: Duration,
}

/// A statement. Its text is made of this program's own words only.
pub(super) fn query<'q>(text: impl Into<Cow<'static, str>>) -> Query<'q> {
    Query { text: text.into(), values: Vec::new(), longest: LONGEST }
}

/// The statement as one of the databases takes it.
macro_rules! prepared {
    ($query:expr) => {
        $query.values.into_iter().fold(sqlx::query(AssertSqlSafe($query.text)), |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        })
    };
}

/// Does the same in either database: `$row` makes a row of either one's. A connection to PostgreSQL that does not answer in time is not
/// used again.
macro_rules! either {
    ($query:expr, $on:expr, |$database:ident, $row:ident| $done:expr) => {{
        let longest = $query.longest;
        match $on.into() {
            On::SqlitePool($database) => {
                let $row = Row::Sqlite;
                $done.await
            }
            On::Sqlite($database) => {
                let $row = Row::Sqlite;
                $done.await
            }
            On::PostgresPool(pool) => {
                let mut held = pool.acquire().await?;
                let $database = &mut *held;
                let $row = Row::Postgres;
                let done = timely(longest, $done).await;
                if done.as_ref().is_err_and(is_silence) {
                    held.close_on_drop();
                }
                done
            }
            On::Postgres($database) => {
                let $row = Row::Postgres;
                timely(longest, $done).await
            }
            On::Nowhere => Err(sqlx::Error::PoolClosed),
        }
    }};
}

impl<'q> Query<'q> {
    /// Gives the next value.
    pub(super) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Waits for PostgreSQL no longer than that.
    pub(super) const fn within(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    pub(super) async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<Row>, sqlx::Error> {
        either!(self, on, |database, row| async move { Ok(prepared!(self).fetch_optional(database).await?.map(row)) })
    }

    pub(super) async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<Row>, sqlx::Error> {
        either!(self, on, |database, row| async move {
            Ok(prepared!(self).fetch_all(database).await?.into_iter().map(row).collect())
        })
    }

    /// How many rows were changed.
    pub(super) async fn execute<'c>(self, on: impl Into<On<'c>>) -> Result<u64, sqlx::Error> {
        either!(self, on, |database, _row| async move { Ok(prepared!(self).execute(database).await?.rows_affected()) })
    }
}

/// PostgreSQL ends a statement itself, if it can: who waits longer than that waits for a machine or network that is gone.
async fn timely<T>(longest: Duration, asking: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(longest, asking).await {
        Ok(answered) => answered,
        Err(_) => Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database does not answer"))),
    }
}

fn is_silence(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// A row of either database.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value in a column, counted from 0.
    pub(super) fn try_get<'r, T>(&'r self, column: usize) -> Result<T, sqlx::Error>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
        usize: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}
