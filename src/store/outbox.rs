//! Messages that wait to be delivered, and those who claim to deliver them.

use sqlx::Row;

use super::leases::Claimed;
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
    ) -> Result<Claimed, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // Those that are claimed already, as many again, and one more, which says when to look again.
        let most = i64::try_from(self.leases.len().saturating_add(limit).saturating_add(1)).unwrap_or(i64::MAX);
        let sql = "SELECT pid, due_at FROM process WHERE due_at IS NOT NULL ORDER BY due_at LIMIT $1";
        let rows = sqlx::query(sql).bind(most).fetch_all(&self.read).await?;
        let due: Vec<(Pid, Timestamp)> = rows
            .iter()
            .map(|row| Ok((Pid::from(row.try_get::<String, _>(0)?), Timestamp::from_millis(row.try_get(1)?))))
            .collect::<Result<_, sqlx::Error>>()?;
        Ok(self.leases.take(due, (lease, until), now, limit))
    }

    /// The work of a claimed process; `None` when the lease is lost.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn work(&self, pid: &Pid, lease: &str) -> Result<Option<Work>, StoreError> {
        if !self.leases.hold(pid, lease) {
            return Ok(None);
        }
        let row = sqlx::query(
            "SELECT pid, kind, role, participant, counterparty, peer_pid, peer_address, state, dataset, agreement, detail, \
             version, created, updated, delivery_failure, step, step_at, attempts, retry_at, \
             (SELECT id FROM outbox o WHERE o.pid = p.pid ORDER BY id LIMIT 1), \
             (SELECT message FROM outbox o WHERE o.pid = p.pid ORDER BY id LIMIT 1) \
             FROM process p WHERE pid = $1",
        )
        .bind(pid.as_str())
        .fetch_optional(&self.read)
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

    /// Gives a claim back; nothing happens when it is lost already.
    pub fn release(&self, pid: &Pid, lease: &str) {
        self.leases.give_back(pid, lease);
    }

    /// Keeps a claim whose work could not be done: for `first` milliseconds, twice as long each further time in a row, up to
    /// `longest`.
    pub fn hold_back(&self, pid: &Pid, lease: &str, now: Timestamp, (first, longest): (i64, i64)) {
        self.leases.hold_back(pid, lease, now, (first, longest));
    }

    /// Puts the delivery of a message off until `retry_at`, remembering why, unless it was taken from the outbox meanwhile; gives
    /// the claim back.
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
        if self.leases.hold(pid, lease) {
            sqlx::query(
                "UPDATE process SET attempts = attempts + 1, retry_at = $1, due_at = $1, delivery_failure = $2 \
                 WHERE pid = $3 AND EXISTS (SELECT 1 FROM outbox o WHERE o.id = $4)",
            )
            .bind(retry_at.millis())
            .bind(failure)
            .bind(pid.as_str())
            .bind(message)
            .execute(&self.write)
            .await?;
        }
        self.release(pid, lease);
        Ok(())
    }
}

impl Tx {
    pub(super) async fn push(&mut self, process: &Process, message: &OutboundMessage) -> Result<(), StoreError> {
        let text = serde_json::to_string(message).map_err(|_| StoreError::Corrupt("message"))?;
        sqlx::query("INSERT INTO outbox (pid, message, created) VALUES ($1, $2, $3)")
            .bind(process.pid.as_str())
            .bind(text)
            .bind(process.updated.millis())
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    pub(super) async fn drop_messages(&mut self, pid: &Pid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE pid = $1").bind(pid.as_str()).execute(&mut *self.0).await?;
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
        if !self.1.hold(pid, lease) {
            return Err(StoreError::Fenced("process"));
        }
        let removed = sqlx::query("DELETE FROM outbox WHERE id = $1 AND pid = $2")
            .bind(message)
            .bind(pid.as_str())
            .execute(&mut *self.0)
            .await?;
        sqlx::query(
            "UPDATE process SET peer_pid = COALESCE(peer_pid, $1), attempts = 0, delivery_failure = NULL, \
             retry_at = CASE WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.pid = process.pid) THEN $2 END, \
             due_at = CASE WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.pid = process.pid) THEN $2 ELSE step_at END \
             WHERE pid = $3",
        )
        .bind(peer_pid.map(Pid::as_str))
        .bind(now.millis())
        .bind(pid.as_str())
        .execute(&mut *self.0)
        .await?;
        Ok(removed.rows_affected() == 1)
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
