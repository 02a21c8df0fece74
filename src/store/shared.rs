//! What only replicas that share a database need: where a transfer stands now by what any of them committed, and whether they have
//! their keys in common.

use std::io;
use std::time::Duration;

use sqlx::postgres::PgPool;

use super::sql::query;
use super::{Store, StoreError};
use crate::model::ids::Pid;

/// How many connections ask where transfers stand.
pub(super) const CALLS: u32 = 6;

/// For how long a call waits to know where its transfer stands.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a transfer stands at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The version of its process: state and starts are the same while it is.
    pub version: i64,
    /// Grows with everything new about its agreement's standing and duties.
    pub news: i64,
    /// Grows with every change of a document that says what is offered, or what is known of consumers.
    pub documents: i64,
}

/// The database's own view, asked for every call. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Standings(pub(super) PgPool);

impl Standings {
    /// Where a transfer stands, everything that was committed before this moment included; `None` when there is no such process.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(&self, transfer: &Pid) -> Result<Option<Standing>, StoreError> {
        for _ in 0..CALLS {
            match self.ask(transfer).await {
                // The server was restarted since the connection was used last. It is closed by now; others may be as old.
                Err(sqlx::Error::Io(error)) if error.kind() != io::ErrorKind::TimedOut => {}
                Err(sqlx::Error::Database(_)) => {}
                answered => return Ok(answered?),
            }
        }
        Ok(self.ask(transfer).await?)
    }

    async fn ask(&self, transfer: &Pid) -> Result<Option<Standing>, sqlx::Error> {
        let sql = "SELECT p.version, COALESCE(a.news, 0), r.documents FROM process p CROSS JOIN revision r \
                   LEFT JOIN agreement a ON a.participant = p.participant AND a.role = p.role AND a.id = p.agreement \
                   WHERE p.pid = $1";
        let asked = query(sql).bind(transfer.as_str()).within(PATIENCE);
        let Some(row) = asked.fetch_optional(&self.0).await? else { return Ok(None) };
        Ok(Some(Standing { version: row.try_get(0)?, news: row.try_get(1)?, documents: row.try_get(2)? }))
    }

    /// The number of the documents as they are now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn documents(&self) -> Result<i64, StoreError> {
        let row = query("SELECT documents FROM revision").fetch_optional(&self.0).await?;
        Ok(row.map_or(Ok(0), |row| row.try_get(0))?)
    }
}

impl Store {
    /// Asks the database itself where transfers stand; `None` for an embedded store, of which nobody else has a part.
    #[must_use]
    pub fn standings(&self) -> Option<Standings> {
        self.shared.as_ref().map(|shared| Standings(shared.calls.clone()))
    }

    /// Makes sure that all replicas agree on something, such as the thumbprint of a key: the first one to say it is right. An embedded
    /// store does not ask.
    ///
    /// # Errors
    /// `Different` when other replicas say otherwise.
    pub async fn agree(&self, name: &'static str, value: &str) -> Result<(), StoreError> {
        if self.shared.is_none() {
            return Ok(());
        }
        let sql = "INSERT INTO common (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        query(sql).bind(name).bind(value).execute(&self.write).await?;
        let row = query("SELECT value FROM common WHERE name = $1").bind(name).fetch_optional(&self.write).await?;
        let agreed = row.map(|row| row.try_get::<String>(0)).transpose()?;
        if agreed.as_deref() == Some(value) { Ok(()) } else { Err(StoreError::Different(name)) }
    }
}
