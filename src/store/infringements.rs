//! Infringements that were reported: one row each, which is all of its history.

use super::followed::{FollowedQuery, FollowedTable};
use super::notices::Notice;
use super::processes::read_role;
use super::sql::{Row, query};
use super::{Kept, Store, StoreError, Tx};
use crate::model::ids::InfringementId;
use crate::model::infringement::{Infringement, InfringementState};
use crate::model::obligation::{AgreementKey, Followed};
use crate::model::time::Timestamp;

const TABLE: FollowedTable = FollowedTable {
    name: "infringement",
    columns: "id, participant, role, agreement, counterparty, clause, actions, infringed, note, state, reported, \
              settled, settled_note",
};

impl Store {
    /// An infringement by id.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn infringement(&self, id: &InfringementId) -> Result<Option<Infringement>, StoreError> {
        let row = TABLE.by_id(id.as_str()).fetch_optional(&self.read).await?;
        row.as_ref().map(read_infringement).transpose()
    }

    /// Infringements in the order of their ids, which is the order in which they were reported.
    ///
    /// # Errors
    /// As [`Store::infringement`].
    pub async fn infringements(
        &self,
        wanted: FollowedQuery<'_, InfringementState>,
    ) -> Result<Vec<Infringement>, StoreError> {
        let rows = TABLE.page(wanted, InfringementState::as_str).fetch_all(&self.read).await?;
        rows.iter().map(read_infringement).collect()
    }

    /// All infringements in a store, whether or not a process has it open; none where there is no store.
    ///
    /// # Errors
    /// As [`Store::infringement`].
    pub async fn infringements_on_file(kept: Kept<'_>) -> Result<Vec<Infringement>, StoreError> {
        let rows = TABLE.on_file(kept).await?;
        rows.iter().map(read_infringement).collect()
    }

    /// All that is followed of an agreement.
    ///
    /// # Errors
    /// As [`Store::infringement`].
    pub async fn followed(&self, agreement: &AgreementKey) -> Result<Followed, StoreError> {
        let rows = TABLE.of_agreement(agreement).fetch_all(&self.read).await?;
        let infringements = rows.iter().map(read_infringement).collect::<Result<_, _>>()?;
        Ok(Followed { obligations: self.obligations_of(agreement).await?, infringements })
    }
}

impl Tx {
    /// An infringement by id, for change.
    ///
    /// # Errors
    /// As [`Store::infringement`].
    pub async fn infringement(&mut self, id: &InfringementId) -> Result<Option<Infringement>, StoreError> {
        let row = self.locked(&TABLE, id.as_str()).await?;
        row.as_ref().map(read_infringement).transpose()
    }

    /// All that is followed of an agreement, for change.
    ///
    /// # Errors
    /// As [`Store::infringement`].
    pub async fn followed(&mut self, agreement: &AgreementKey) -> Result<Followed, StoreError> {
        self.lock_agreement(agreement).await?;
        let rows = TABLE.of_agreement(agreement).fetch_all(&mut self.transaction).await?;
        let infringements = rows.iter().map(read_infringement).collect::<Result<_, _>>()?;
        Ok(Followed { obligations: self.obligations_of(agreement).await?, infringements })
    }

    /// Writes an infringement over what was known of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_infringement(&mut self, infringement: &Infringement) -> Result<(), StoreError> {
        let key = infringement.key();
        self.lock_agreement(&key).await?;
        self.tell(Notice::Agreement(key));
        let actions = serde_json::to_string(&infringement.actions).map_err(|_| StoreError::Corrupt("infringement"))?;
        query(
            "INSERT INTO infringement (id, participant, role, agreement, counterparty, clause, actions, infringed, note, state, \
             reported, settled, settled_note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, settled = excluded.settled, \
             settled_note = excluded.settled_note",
        )
        .bind(infringement.id.as_str())
        .bind(infringement.participant.as_str())
        .bind(infringement.role.as_str())
        .bind(infringement.agreement.as_str())
        .bind(infringement.counterparty.as_str())
        .bind(&infringement.clause)
        .bind(actions)
        .bind(infringement.infringed.millis())
        .bind(infringement.note.as_deref())
        .bind(infringement.state.as_str())
        .bind(infringement.reported.millis())
        .bind(infringement.settled.map(Timestamp::millis))
        .bind(infringement.settled_note.as_deref())
        .execute(&mut self.transaction)
        .await?;
        Ok(())
    }
}

fn read_infringement(row: &Row) -> Result<Infringement, StoreError> {
    let corrupt = || StoreError::Corrupt("infringement");
    Ok(Infringement {
        id: row.try_get::<String>(0)?.into(),
        participant: row.try_get::<String>(1)?.into(),
        role: read_role(row.try_get(2)?).ok_or_else(corrupt)?,
        agreement: row.try_get::<String>(3)?.into(),
        counterparty: row.try_get::<String>(4)?.into(),
        clause: row.try_get(5)?,
        actions: serde_json::from_str(row.try_get(6)?).map_err(|_| corrupt())?,
        infringed: Timestamp::from_millis(row.try_get(7)?),
        note: row.try_get(8)?,
        state: InfringementState::parse(row.try_get(9)?).ok_or_else(corrupt)?,
        reported: Timestamp::from_millis(row.try_get(10)?),
        settled: row.try_get::<Option<i64>>(11)?.map(Timestamp::from_millis),
        settled_note: row.try_get(12)?,
    })
}
