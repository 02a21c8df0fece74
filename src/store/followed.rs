//! What is followed of agreements: rows of two tables that are asked for in the same ways.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::processes::read_key;
use super::sql::{Query, Row, query};
use super::{Kept, PATIENCE, StoreError, Tx, postgres};
use crate::model::obligation::AgreementKey;

/// Which of the obligations or infringements are wanted; what is absent does not matter.
#[derive(Clone, Copy, Debug)]
pub struct FollowedQuery<'a, State> {
    /// Of this agreement, whoever keeps it.
    pub agreement: Option<&'a str>,
    /// In this state.
    pub state: Option<State>,
    /// After this id.
    pub after: Option<&'a str>,
    /// How many at most.
    pub limit: u32,
}

/// A table of what is followed, and its columns.
pub(super) struct FollowedTable {
    pub(super) name: &'static str,
    pub(super) columns: &'static str,
}

impl FollowedTable {
    /// All rows in a store, whether or not a process has it open; none where there is no store.
    pub(super) async fn on_file(&self, kept: Kept<'_>) -> Result<Vec<Row>, StoreError> {
        let all = query(format!("{} ORDER BY id", self.select()));
        match kept {
            Kept::Directory(directory) => {
                let file = directory.join("sliproad.db");
                if !file.exists() {
                    return Ok(Vec::new());
                }
                let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(PATIENCE);
                let mut connection = SqliteConnection::connect_with(&options).await?;
                let rows = all.fetch_all(&mut connection).await?;
                connection.close().await?;
                Ok(rows)
            }
            Kept::Shared { url, .. } => {
                let mut connection = PgConnection::connect_with(&postgres::options(url)?).await?;
                let rows = all.fetch_all(&mut connection).await?;
                connection.close().await?;
                Ok(rows)
            }
        }
    }

    /// The row of this id.
    pub(super) fn by_id<'q>(&self, id: &'q str) -> Query<'q> {
        query(format!("{} WHERE id = $1", self.select())).bind(id)
    }

    /// A page, in the order of ids.
    pub(super) fn page<'q, State>(
        &self,
        wanted: FollowedQuery<'q, State>,
        spelled: fn(State) -> &'static str,
    ) -> Query<'q> {
        let of_these = "WHERE id > $1 AND ($2 IS NULL OR agreement = $2) AND ($3 IS NULL OR state = $3)";
        query(format!("{} {of_these} ORDER BY id LIMIT $4", self.select()))
            .bind(wanted.after.unwrap_or_default())
            .bind(wanted.agreement)
            .bind(wanted.state.map(spelled))
            .bind(i64::from(wanted.limit))
    }

    /// All rows of an agreement as one participant keeps it, in the order of their ids.
    pub(super) fn of_agreement<'q>(&self, key: &'q AgreementKey) -> Query<'q> {
        let of_it = "WHERE participant = $1 AND role = $2 AND agreement = $3";
        query(format!("{} {of_it} ORDER BY id", self.select()))
            .bind(key.participant.as_str())
            .bind(key.role.as_str())
            .bind(key.id.as_str())
    }

    fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.columns, self.name)
    }
}

impl Tx {
    /// The row of this id, its agreement locked.
    pub(super) async fn locked(&mut self, table: &FollowedTable, id: &str) -> Result<Option<Row>, StoreError> {
        // Whose it is never changes; all else may until its agreement is locked.
        let whose = query(format!("SELECT participant, role, agreement FROM {} WHERE id = $1", table.name)).bind(id);
        let Some(row) = whose.fetch_optional(&mut self.transaction).await? else { return Ok(None) };
        self.lock_agreement(&read_key(&row)?).await?;
        Ok(table.by_id(id).fetch_optional(&mut self.transaction).await?)
    }
}
