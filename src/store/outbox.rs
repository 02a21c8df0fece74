//! Messages that wait to be delivered, and the claims of those who deliver them.

use sqlx::Row;

use super::processes::{PlannedStep, read_process};
use super::{Store, StoreError, Tx};
use crate::model::ids::Pid;
use crate::model::message::OutboundMessage;
use crate::model::process::Process;
use crate::model::time::Timestamp;

/// A process whose due work was claimed under a lease.
#[derive(Clone, Debug)]
pub struct Work {
    /// The process at the time of the claim.
    pub process: Process,
    /// The oldest message not yet delivered, with its number.
    pub message: Option<(i64, OutboundMessage)>,
    /// The planned step, if any.
    pub step: Option<PlannedStep>,
    /// How often the message was tried in vain.
    pub attempts: u32,
    /// When the message may be tried.
    pub retry_at: Option<Timestamp>,
}

impl Store {
    /// Claims up to `limit` processes with due work until `until`; nobody else works on them while `lease` holds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(
        &self,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Pid>, StoreError> {
        let rows = sqlx::query(
            "UPDATE process SET lease_token = $1, lease_until = $2 WHERE pid IN (SELECT pid FROM process \
             WHERE due_at IS NOT NULL AND due_at <= $3 AND (lease_until IS NULL OR lease_until <= $3) \
             ORDER BY due_at LIMIT $4) RETURNING pid",
        )
        .bind(lease)
        .bind(until.millis())
        .bind(now.millis())
        .bind(i64::from(limit))
        .fetch_all(&self.write)
        .await?;
        rows.iter().map(|row| Ok(Pid::from(row.try_get::<String, _>(0)?))).collect()
    }

    /// When the next unclaimed work is due; claimed work counts from the end of its lease.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(
            "SELECT MIN(CASE WHEN COALESCE(lease_until, 0) > due_at THEN lease_until ELSE due_at END) FROM process",
        )
        .fetch_one(&self.read)
        .await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(Timestamp::from_millis))
    }

    /// The work of a claimed process; `None` when the lease is lost.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn work(&self, pid: &Pid, lease: &str) -> Result<Option<Work>, StoreError> {
        let row = sqlx::query(
            "SELECT pid, kind, role, participant, counterparty, peer_pid, peer_address, state, dataset, agreement, detail, \
             version, created, updated, delivery_failure, step, step_at, attempts, retry_at, \
             (SELECT id FROM outbox o WHERE o.pid = p.pid ORDER BY id LIMIT 1), \
             (SELECT message FROM outbox o WHERE o.pid = p.pid ORDER BY id LIMIT 1) \
             FROM process p WHERE pid = $1 AND lease_token = $2",
        )
        .bind(pid.as_str())
        .bind(lease)
        .fetch_optional(&self.write)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let step = match (row.try_get::<Option<String>, _>(15)?, row.try_get::<Option<i64>, _>(16)?) {
            (Some(event), Some(at)) => Some(PlannedStep { event, at: Timestamp::from_millis(at) }),
            _ => None,
        };
        let message = match (row.try_get::<Option<i64>, _>(19)?, row.try_get::<Option<&str>, _>(20)?) {
            (Some(id), Some(text)) => {
                Some((id, serde_json::from_str(text).map_err(|_| StoreError::Corrupt("message"))?))
            }
            _ => None,
        };
        Ok(Some(Work {
            process: read_process(&row)?,
            message,
            step,
            attempts: u32::try_from(row.try_get::<i64, _>(17)?).unwrap_or(u32::MAX),
            retry_at: row.try_get::<Option<i64>, _>(18)?.map(Timestamp::from_millis),
        }))
    }

    /// Gives a claim back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release(&self, pid: &Pid, lease: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE process SET lease_token = NULL, lease_until = NULL WHERE pid = $1 AND lease_token = $2")
            .bind(pid.as_str())
            .bind(lease)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Puts the delivery of a message off until `retry_at`, remembering why, and gives the claim back; when the message was
    /// taken from the outbox meanwhile, only the latter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn postpone(
        &self,
        pid: &Pid,
        lease: &str,
        message: i64,
        retry_at: Timestamp,
        failure: &str,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE process SET attempts = attempts + 1, retry_at = $1, due_at = $1, delivery_failure = $2, \
             lease_token = NULL, lease_until = NULL WHERE pid = $3 AND lease_token = $4 \
             AND EXISTS (SELECT 1 FROM outbox o WHERE o.id = $5)",
        )
        .bind(retry_at.millis())
        .bind(failure)
        .bind(pid.as_str())
        .bind(lease)
        .bind(message)
        .execute(&self.write)
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { self.release(pid, lease).await }
    }

    pub(super) async fn release_all_leases(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE process SET lease_token = NULL, lease_until = NULL WHERE lease_token IS NOT NULL")
            .execute(&self.write)
            .await?;
        Ok(())
    }
}

impl Tx {
    /// Appends a message to a process's outbox, due at once unless an earlier one waits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn push(&mut self, pid: &Pid, message: &OutboundMessage, now: Timestamp) -> Result<(), StoreError> {
        let text = serde_json::to_string(message).map_err(|_| StoreError::Corrupt("message"))?;
        sqlx::query("INSERT INTO outbox (pid, message, created) VALUES ($1, $2, $3)")
            .bind(pid.as_str())
            .bind(text)
            .bind(now.millis())
            .execute(&mut *self.0)
            .await?;
        sqlx::query(
            "UPDATE process SET retry_at = COALESCE(retry_at, $1), due_at = COALESCE(retry_at, $1) WHERE pid = $2",
        )
        .bind(now.millis())
        .bind(pid.as_str())
        .execute(&mut *self.0)
        .await?;
        Ok(())
    }

    /// Takes a delivered (or given up) message out of the outbox and notes the peer's pid if it was not known; whether it was
    /// still there.
    ///
    /// # Errors
    /// `Fenced` when the lease is lost.
    pub async fn delivered(
        &mut self,
        pid: &Pid,
        lease: &str,
        message: i64,
        peer_pid: Option<&Pid>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let removed = sqlx::query("DELETE FROM outbox WHERE id = $1 AND pid = $2")
            .bind(message)
            .bind(pid.as_str())
            .execute(&mut *self.0)
            .await?;
        let done = sqlx::query(
            "UPDATE process SET peer_pid = COALESCE(peer_pid, $1), attempts = 0, delivery_failure = NULL, \
             retry_at = CASE WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.pid = process.pid) THEN $2 END, \
             due_at = CASE WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.pid = process.pid) THEN $2 ELSE step_at END \
             WHERE pid = $3 AND lease_token = $4",
        )
        .bind(peer_pid.map(Pid::as_str))
        .bind(now.millis())
        .bind(pid.as_str())
        .bind(lease)
        .execute(&mut *self.0)
        .await?;
        if done.rows_affected() == 1 { Ok(removed.rows_affected() == 1) } else { Err(StoreError::Fenced("process")) }
    }

    /// Forgets all messages of a process that wait: the process ended without them, or the peer has shown that it has them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clear_outbox(&mut self, pid: &Pid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE pid = $1").bind(pid.as_str()).execute(&mut *self.0).await?;
        sqlx::query("UPDATE process SET retry_at = NULL, due_at = step_at, attempts = 0 WHERE pid = $1")
            .bind(pid.as_str())
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    /// Forgets the planned step of a process.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_plan(&mut self, pid: &Pid) -> Result<(), StoreError> {
        sqlx::query("UPDATE process SET step = NULL, step_at = NULL, due_at = retry_at WHERE pid = $1")
            .bind(pid.as_str())
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }
}
