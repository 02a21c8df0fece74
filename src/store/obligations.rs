//! Obligations and their history: one row each, one for each clause of an agreement as a participant keeps it.

use super::followed::{FollowedQuery, FollowedTable};
use super::notices::Notice;
use super::processes::read_role;
use super::sql::{Row, query};
use super::{Kept, Store, StoreError, Tx};
use crate::model::ids::ObligationId;
use crate::model::obligation::{AgreementKey, Obligation, ObligationEntry, ObligationState};
use crate::model::odrl::DutyTiming;
use crate::model::time::Timestamp;

const TABLE: FollowedTable = FollowedTable {
    name: "obligation",
    columns: "id, participant, role, agreement, counterparty, clause, uid, follows, actions, timing, deadline, \
              state, performed, note, created, updated, not_before",
};

impl Store {
    /// An obligation by id.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn obligation(&self, id: &ObligationId) -> Result<Option<Obligation>, StoreError> {
        let row = TABLE.by_id(id.as_str()).fetch_optional(&self.read).await?;
        row.as_ref().map(read_obligation).transpose()
    }

    /// Obligations in the order of their ids, which is the order in which they began.
    ///
    /// # Errors
    /// As [`Store::obligation`].
    pub async fn obligations(&self, wanted: FollowedQuery<'_, ObligationState>) -> Result<Vec<Obligation>, StoreError> {
        let rows = TABLE.page(wanted, ObligationState::as_str).fetch_all(&self.read).await?;
        rows.iter().map(read_obligation).collect()
    }

    /// All obligations in a store, whether or not a process has it open; none where there is no store.
    ///
    /// # Errors
    /// As [`Store::obligation`].
    pub async fn obligations_on_file(kept: Kept<'_>) -> Result<Vec<Obligation>, StoreError> {
        let rows = TABLE.on_file(kept).await?;
        rows.iter().map(read_obligation).collect()
    }

    /// All obligations of an agreement.
    ///
    /// # Errors
    /// As [`Store::obligation`].
    pub async fn obligations_of(&self, agreement: &AgreementKey) -> Result<Vec<Obligation>, StoreError> {
        let rows = TABLE.of_agreement(agreement).fetch_all(&self.read).await?;
        rows.iter().map(read_obligation).collect()
    }

    /// The changes of an obligation, oldest first.
    ///
    /// # Errors
    /// As [`Store::obligation`].
    pub async fn obligation_history(&self, id: &ObligationId) -> Result<Vec<ObligationEntry>, StoreError> {
        let sql = "SELECT event, state, performed, note, at FROM obligation_history WHERE obligation = $1 ORDER BY id";
        let rows = query(sql).bind(id.as_str()).fetch_all(&self.read).await?;
        rows.iter()
            .map(|row| {
                Ok(ObligationEntry {
                    event: row.try_get(0)?,
                    state: read_state(row.try_get(1)?)?,
                    performed: row.try_get::<Option<i64>>(2)?.map(Timestamp::from_millis),
                    note: row.try_get(3)?,
                    at: Timestamp::from_millis(row.try_get(4)?),
                })
            })
            .collect()
    }
}

impl Tx {
    /// An obligation by id, for change.
    ///
    /// # Errors
    /// As [`Store::obligation`].
    pub async fn obligation(&mut self, id: &ObligationId) -> Result<Option<Obligation>, StoreError> {
        let row = self.locked(&TABLE, id.as_str()).await?;
        row.as_ref().map(read_obligation).transpose()
    }

    /// All obligations of an agreement, for change.
    ///
    /// # Errors
    /// As [`Store::obligation`].
    pub async fn obligations_of(&mut self, agreement: &AgreementKey) -> Result<Vec<Obligation>, StoreError> {
        self.lock_agreement(agreement).await?;
        let rows = TABLE.of_agreement(agreement).fetch_all(&mut self.transaction).await?;
        rows.iter().map(read_obligation).collect()
    }

    /// Writes an obligation over what was known of it, with the event in its history.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_obligation(&mut self, obligation: &Obligation, event: &str) -> Result<(), StoreError> {
        let key = obligation.key();
        self.lock_agreement(&key).await?;
        self.tell(Notice::Agreement(key));
        let actions = serde_json::to_string(&obligation.actions).map_err(|_| StoreError::Corrupt("obligation"))?;
        query(
            "INSERT INTO obligation (id, participant, role, agreement, counterparty, clause, uid, follows, actions, timing, \
             deadline, state, performed, note, created, updated, not_before) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, performed = excluded.performed, \
             note = excluded.note, updated = excluded.updated, deadline = excluded.deadline, \
             not_before = excluded.not_before",
        )
        .bind(obligation.id.as_str())
        .bind(obligation.participant.as_str())
        .bind(obligation.role.as_str())
        .bind(obligation.agreement.as_str())
        .bind(obligation.counterparty.as_str())
        .bind(&obligation.clause)
        .bind(obligation.uid.as_deref())
        .bind(obligation.follows.as_deref())
        .bind(actions)
        .bind(obligation.timing.map(DutyTiming::as_str))
        .bind(obligation.deadline.map(Timestamp::millis))
        .bind(obligation.state.as_str())
        .bind(obligation.performed.map(Timestamp::millis))
        .bind(obligation.note.as_deref())
        .bind(obligation.created.millis())
        .bind(obligation.updated.millis())
        .bind(obligation.not_before.map(Timestamp::millis))
        .execute(&mut self.transaction)
        .await?;
        self.remember_obligation(obligation, event).await
    }

    async fn remember_obligation(&mut self, obligation: &Obligation, event: &str) -> Result<(), StoreError> {
        // What was said belongs to the confirmation that it was said with.
        let said = event == "confirmed";
        query(
            "INSERT INTO obligation_history (obligation, event, state, performed, note, at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(obligation.id.as_str())
        .bind(event)
        .bind(obligation.state.as_str())
        .bind(obligation.performed.filter(|_| said).map(Timestamp::millis))
        .bind(obligation.note.as_deref().filter(|_| said))
        .bind(obligation.updated.millis())
        .execute(&mut self.transaction)
        .await?;
        Ok(())
    }
}

fn read_state(text: &str) -> Result<ObligationState, StoreError> {
    ObligationState::parse(text).ok_or(StoreError::Corrupt("obligation"))
}

fn read_obligation(row: &Row) -> Result<Obligation, StoreError> {
    let corrupt = || StoreError::Corrupt("obligation");
    let timing = row.try_get::<Option<&str>>(9)?;
    Ok(Obligation {
        id: row.try_get::<String>(0)?.into(),
        participant: row.try_get::<String>(1)?.into(),
        role: read_role(row.try_get(2)?).ok_or_else(corrupt)?,
        agreement: row.try_get::<String>(3)?.into(),
        counterparty: row.try_get::<String>(4)?.into(),
        clause: row.try_get(5)?,
        uid: row.try_get(6)?,
        follows: row.try_get(7)?,
        actions: serde_json::from_str(row.try_get(8)?).map_err(|_| corrupt())?,
        timing: timing.map(|text| DutyTiming::parse(text).ok_or_else(corrupt)).transpose()?,
        deadline: row.try_get::<Option<i64>>(10)?.map(Timestamp::from_millis),
        state: read_state(row.try_get(11)?)?,
        performed: row.try_get::<Option<i64>>(12)?.map(Timestamp::from_millis),
        note: row.try_get(13)?,
        created: Timestamp::from_millis(row.try_get(14)?),
        updated: Timestamp::from_millis(row.try_get(15)?),
        not_before: row.try_get::<Option<i64>>(16)?.map(Timestamp::from_millis),
    })
}
