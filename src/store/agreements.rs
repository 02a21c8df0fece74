//! Agreements, kept for as long as the store is.

use super::notices::Notice;
use super::processes::{read_key, read_role};
use super::sql::{Row, query};
use super::{Store, StoreError, Tx};
use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, ParticipantId, Pid};
use crate::model::negotiation::Role;
use crate::model::obligation::AgreementKey;
use crate::model::time::Timestamp;

const COLUMNS: &str = "id, role, participant, counterparty, dataset, policy, negotiation, peer_address, signed, live";

impl Store {
    /// An agreement by id, whoever of the participants keeps it and in whichever role (the provider's copy first).
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn agreement(&self, id: &AgreementId) -> Result<Option<Agreement>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM agreement WHERE id = $1 ORDER BY role DESC LIMIT 1");
        let row = query(sql).bind(id.as_str()).fetch_optional(&self.read).await?;
        row.as_ref().map(read_agreement).transpose()
    }

    /// An agreement as one participant keeps it in one role.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreement_of(
        &self,
        participant: &ParticipantId,
        role: Role,
        id: &AgreementId,
    ) -> Result<Option<Agreement>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM agreement WHERE participant = $1 AND role = $2 AND id = $3");
        let row = query(sql)
            .bind(participant.as_str())
            .bind(role.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(read_agreement).transpose()
    }

    /// An agreement that one of the participants keeps as consumer, for starting transfers.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreement_as_consumer(&self, id: &AgreementId) -> Result<Option<Agreement>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM agreement WHERE id = $1 AND role = 'consumer' LIMIT 1");
        let row = query(sql).bind(id.as_str()).fetch_optional(&self.read).await?;
        row.as_ref().map(read_agreement).transpose()
    }

    /// What agreements in force are kept under.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreements_in_force(&self) -> Result<Vec<AgreementKey>, StoreError> {
        let sql = "SELECT participant, role, id FROM agreement WHERE live = 1";
        let rows = query(sql).fetch_all(&self.read).await?;
        rows.iter().map(read_key).collect()
    }

    /// All that is kept under an id, by whichever participant and in whichever role (the provider's copy first).
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreement_copies(&self, id: &AgreementId) -> Result<Vec<Agreement>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM agreement WHERE id = $1 ORDER BY role DESC, participant");
        let rows = query(sql).bind(id.as_str()).fetch_all(&self.read).await?;
        rows.iter().map(read_agreement).collect()
    }

    /// Agreements in the order of their ids, each with all of its copies, after the copy `after`.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreements(&self, after: Option<&AgreementKey>, limit: u32) -> Result<Vec<Agreement>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM agreement WHERE (id, role, participant) > ($1, $2, $3) \
             ORDER BY id, role, participant LIMIT $4"
        );
        let rows = query(sql)
            .bind(after.map_or("", |key| key.id.as_str()))
            .bind(after.map_or("", |key| key.role.as_str()))
            .bind(after.map_or("", |key| key.participant.as_str()))
            .bind(i64::from(limit))
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(read_agreement).collect()
    }
}

impl Tx {
    /// An agreement as one participant keeps it in one role, for change.
    ///
    /// # Errors
    /// As [`Store::agreement`].
    pub async fn agreement_of(
        &mut self,
        participant: &ParticipantId,
        role: Role,
        id: &AgreementId,
    ) -> Result<Option<Agreement>, StoreError> {
        let key = AgreementKey { participant: participant.clone(), role, id: id.clone() };
        self.lock_agreement(&key).await?;
        let sql = format!("SELECT {COLUMNS} FROM agreement WHERE participant = $1 AND role = $2 AND id = $3");
        let row = query(sql)
            .bind(participant.as_str())
            .bind(role.as_str())
            .bind(id.as_str())
            .fetch_optional(&mut self.transaction)
            .await?;
        row.as_ref().map(read_agreement).transpose()
    }

    /// Writes an agreement, replacing what this participant kept under its id in the same role.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_agreement(&mut self, agreement: &Agreement) -> Result<(), StoreError> {
        self.lock_agreement(&agreement.key()).await?;
        query(
            "INSERT INTO agreement (id, role, participant, counterparty, dataset, policy, negotiation, peer_address, signed, \
             live) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (participant, role, id) DO UPDATE SET \
             counterparty = excluded.counterparty, dataset = excluded.dataset, policy = excluded.policy, \
             negotiation = excluded.negotiation, peer_address = excluded.peer_address, signed = excluded.signed, \
             live = excluded.live",
        )
        .bind(agreement.id.as_str())
        .bind(agreement.role.as_str())
        .bind(agreement.participant.as_str())
        .bind(agreement.counterparty.as_str())
        .bind(agreement.dataset.as_str())
        .bind(agreement.policy.to_string())
        .bind(agreement.negotiation.as_ref().map(Pid::as_str))
        .bind(agreement.peer_address.as_deref())
        .bind(agreement.signed.millis())
        .bind(i64::from(agreement.live))
        .execute(&mut self.transaction)
        .await?;
        self.tell(Notice::Agreement(agreement.key()));
        Ok(())
    }

    /// Makes an agreement usable for transfers, or unusable.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_agreement_live(
        &mut self,
        participant: &ParticipantId,
        role: Role,
        id: &AgreementId,
        live: bool,
    ) -> Result<(), StoreError> {
        let key = AgreementKey { participant: participant.clone(), role, id: id.clone() };
        self.lock_agreement(&key).await?;
        query("UPDATE agreement SET live = $1 WHERE participant = $2 AND role = $3 AND id = $4")
            .bind(i64::from(live))
            .bind(participant.as_str())
            .bind(role.as_str())
            .bind(id.as_str())
            .execute(&mut self.transaction)
            .await?;
        self.tell(Notice::Agreement(key));
        Ok(())
    }

    /// Keeps everybody else from an agreement and its obligations, whether or not they are there, until the end of this transaction.
    pub(super) async fn lock_agreement(&mut self, key: &AgreementKey) -> Result<(), StoreError> {
        self.lock(&["agreement", key.participant.as_str(), key.role.as_str(), key.id.as_str()]).await
    }
}

fn read_agreement(row: &Row) -> Result<Agreement, StoreError> {
    let corrupt = || StoreError::Corrupt("agreement");
    Ok(Agreement {
        id: row.try_get::<String>(0)?.into(),
        role: read_role(row.try_get(1)?).ok_or_else(corrupt)?,
        participant: row.try_get::<String>(2)?.into(),
        counterparty: row.try_get::<String>(3)?.into(),
        dataset: row.try_get::<String>(4)?.into(),
        policy: serde_json::from_str(row.try_get(5)?).map_err(|_| corrupt())?,
        negotiation: row.try_get::<Option<String>>(6)?.map(Pid::from),
        peer_address: row.try_get(7)?,
        signed: Timestamp::from_millis(row.try_get(8)?),
        live: row.try_get::<i64>(9)? != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: &str, role: Role, participant: &str) -> Agreement {
        Agreement {
            id: id.into(),
            role,
            participant: participant.into(),
            counterparty: "did:web:them".into(),
            dataset: "DEV:GOV:2000:land:parcels".into(),
            policy: serde_json::json!({"permission": [{"action": "use"}]}),
            negotiation: None,
            peer_address: None,
            signed: Timestamp::from_millis(1),
            live: true,
        }
    }

    #[tokio::test]
    async fn pages_hold_every_copy_of_an_agreement_once() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).await.unwrap();
        let mut keys = Vec::new();
        let mut tx = store.begin().await.unwrap();
        for (id, role, participant) in [
            ("a", Role::Consumer, "did:web:one"),
            ("a", Role::Provider, "did:web:one"),
            ("a", Role::Provider, "did:web:two"),
            ("b", Role::Consumer, "did:web:two"),
        ] {
            let agreement = kept(id, role, participant);
            tx.put_agreement(&agreement).await.unwrap();
            keys.push(agreement.key());
        }
        tx.commit().await.unwrap();
        let (mut seen, mut after) = (Vec::new(), None);
        while let Some(next) = store.agreements(after.as_ref(), 1).await.unwrap().pop() {
            after = Some(next.key());
            seen.push(next.key());
        }
        assert_eq!(seen, keys);
        let copies = store.agreement_copies(&"a".into()).await.unwrap();
        assert_eq!(copies.first().map(|copy| copy.role), Some(Role::Provider), "the provider's first");
        assert_eq!(copies.len(), 3);
    }
}
