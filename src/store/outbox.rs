//! Messages that wait to be delivered, and those who claim to deliver them.

use super::leases::{Claimed, InMemory, Leases};
use super::processes::{PlannedStep, read_process};
use super::sql::query;
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
        match &*self.leases {
            Leases::Memory(known) => self.claim_in_memory(known, (lease, until), now, limit).await,
            Leases::Rows(rows) => Ok(rows.take(&self.write, (lease, until), now, limit).await?),
        }
    }

    async fn claim_in_memory(
        &self,
        known: &InMemory,
        claim: (&str, Timestamp),
        now: Timestamp,
        limit: u32,
    ) -> Result<Claimed, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // Those that are claimed already, as many again, and one more, which says when to look again.
        let most = i64::try_from(known.len().saturating_add(limit).saturating_add(1)).unwrap_or(i64::MAX);
        let sql = "SELECT pid, due_at FROM process WHERE due_at IS NOT NULL ORDER BY due_at LIMIT $1";
        let rows = query(sql).bind(most).fetch_all(&self.read).await?;
        let due: Vec<(Pid, Timestamp)> = rows
            .iter()
            .map(|row| Ok((Pid::from(row.try_get::<String>(0)?), Timestamp::from_millis(row.try_get(1)?))))
            .collect::<Result<_, sqlx::Error>>()?;
        Ok(known.take(due, claim, now, limit))
    }

    /// The work of a claimed process, whose claim is kept until `until`; `None` when the lease is lost.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn work(&self, pid: &Pid, lease: &str, until: Timestamp) -> Result<Option<Work>, StoreError> {
        let held = match &*self.leases {
            Leases::Memory(known) => known.keep(pid, lease, until),
            Leases::Rows(rows) => rows.keep(&self.write, pid, lease, until).await?,
        };
        if !held {
            return Ok(None);
        }
        let row = query(
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
        let step = match (row.try_get::<Option<String>>(15)?, row.try_get::<Option<i64>>(16)?) {
            (Some(event), Some(at)) => Some(PlannedStep { event, at: Timestamp::from_millis(at) }),
            _ => None,
        };
        let message = match (row.try_get::<Option<i64>>(19)?, row.try_get::<Option<&str>>(20)?) {
            (Some(id), Some(text)) => {
                Some((id, serde_json::from_str(text).map_err(|_| StoreError::Corrupt("message"))?))
            }
            _ => None,
        };
        Ok(Some(Work {
            process: read_process(&row)?,
            message,
            step,
            attempts: u32::try_from(row.try_get::<i64>(17)?).unwrap_or(u32::MAX),
            retry_at: row.try_get::<Option<i64>>(18)?.map(Timestamp::from_millis),
        }))
    }

    /// Gives a claim back; nothing happens when it is lost already.
    ///
    /// # Errors
    /// When the database fails; then the claim lapses by itself.
    pub async fn release(&self, pid: &Pid, lease: &str) -> Result<(), StoreError> {
        match &*self.leases {
            Leases::Memory(known) => known.give_back(pid, lease),
            Leases::Rows(rows) => rows.give_back(&self.write, pid, lease).await?,
        }
        Ok(())
    }

    /// Keeps a claim whose work could not be done: for `first` milliseconds, twice as long each further time in a row, up to
    /// `longest`.
    pub fn hold_back(&self, pid: &Pid, lease: &str, now: Timestamp, (first, longest): (i64, i64)) {
        match &*self.leases {
            Leases::Memory(known) => known.hold_back(pid, lease, now, (first, longest)),
            Leases::Rows(rows) => rows.hold_back(pid, lease, now, (first, longest)),
        }
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
        let mut tx = self.begin().await?;
        if tx.holds(pid, lease).await? {
            query(
                "UPDATE process SET attempts = attempts + 1, retry_at = $1, due_at = $1, delivery_failure = $2 \
                 WHERE pid = $3 AND EXISTS (SELECT 1 FROM outbox o WHERE o.id = $4)",
            )
            .bind(retry_at.millis())
            .bind(failure)
            .bind(pid.as_str())
            .bind(message)
            .execute(&mut tx.transaction)
            .await?;
        }
        tx.commit().await?;
        self.release(pid, lease).await
    }
}

impl Tx {
    /// Whether a claim still stands, before anything else is done about its process.
    async fn holds(&mut self, pid: &Pid, lease: &str) -> Result<bool, StoreError> {
        match &*self.leases {
            Leases::Memory(known) => Ok(known.hold(pid, lease)),
            Leases::Rows(rows) => Ok(rows.hold(&mut self.transaction, pid, lease).await?),
        }
    }

    pub(super) async fn push(&mut self, process: &Process, message: &OutboundMessage) -> Result<(), StoreError> {
        let text = serde_json::to_string(message).map_err(|_| StoreError::Corrupt("message"))?;
        query("INSERT INTO outbox (pid, message, created) VALUES ($1, $2, $3)")
            .bind(process.pid.as_str())
            .bind(text)
            .bind(process.updated.millis())
            .execute(&mut self.transaction)
            .await?;
        Ok(())
    }

    pub(super) async fn drop_messages(&mut self, pid: &Pid) -> Result<(), StoreError> {
        query("DELETE FROM outbox WHERE pid = $1").bind(pid.as_str()).execute(&mut self.transaction).await?;
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
        if !self.holds(pid, lease).await? {
            return Err(StoreError::Fenced("process"));
        }
        let removed = query("DELETE FROM outbox WHERE id = $1 AND pid = $2")
            .bind(message)
            .bind(pid.as_str())
            .execute(&mut self.transaction)
            .await?;
        query(
            "UPDATE process SET peer_pid = COALESCE(peer_pid, $1), attempts = 0, delivery_failure = NULL, \
             retry_at = CASE WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.pid = process.pid) THEN $2 END, \
             due_at = CASE WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.pid = process.pid) THEN $2 ELSE step_at END \
             WHERE pid = $3",
        )
        .bind(peer_pid.map(Pid::as_str))
        .bind(now.millis())
        .bind(pid.as_str())
        .execute(&mut self.transaction)
        .await?;
        Ok(removed == 1)
    }

    /// Forgets all messages of a process that wait: the process ended without them, or the peer has shown that it has them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clear_outbox(&mut self, pid: &Pid) -> Result<(), StoreError> {
        query("DELETE FROM outbox WHERE pid = $1").bind(pid.as_str()).execute(&mut self.transaction).await?;
        query("UPDATE process SET retry_at = NULL, due_at = step_at, attempts = 0 WHERE pid = $1")
            .bind(pid.as_str())
            .execute(&mut self.transaction)
            .await?;
        Ok(())
    }

    /// Forgets the planned step of a process.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_plan(&mut self, pid: &Pid) -> Result<(), StoreError> {
        query("UPDATE process SET step = NULL, step_at = NULL, due_at = retry_at WHERE pid = $1")
            .bind(pid.as_str())
            .execute(&mut self.transaction)
            .await?;
        Ok(())
    }
}
