//! Claims in the rows of processes, for replicas that share a database: fenced by their token, and lapsing by time when a replica is
//! gone, so that another one goes on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Claimed, longer};
use crate::model::ids::Pid;
use crate::model::time::Timestamp;
use crate::store::sql::{On, Pool, query};

/// How soon to look again for what somebody else is just changing, milliseconds.
const MOMENT: i64 = 50;

/// The claims of one replica.
#[derive(Debug)]
pub(in crate::store) struct InRows {
    /// Names this replica, over restarts too.
    replica: String,
    /// Work that could not be done for want of the store, which cannot be told so either.
    held_back: Mutex<HashMap<Pid, HeldBack>>,
}

#[derive(Debug)]
struct HeldBack {
    /// The claim that is kept; `None` once it was given back.
    token: Option<String>,
    until: Timestamp,
    failures: u32,
}

impl InRows {
    /// The claims of a replica. What it had in hand when it ended is nobody's any more.
    pub(in crate::store) async fn of(replica: String, pool: &Pool) -> Result<Self, sqlx::Error> {
        let sql = "UPDATE process SET lease_token = NULL, lease_until = NULL \
                   WHERE due_at IS NOT NULL AND starts_with(lease_token, $1)";
        query(sql).bind(format!("{replica}/")).execute(pool).await?;
        Ok(Self { replica, held_back: Mutex::default() })
    }

    /// Claims, in the order in which they are due, the first `limit` processes that are due by now and free.
    pub(in crate::store) async fn take(
        &self,
        pool: &Pool,
        (lease, until): (&str, Timestamp),
        now: Timestamp,
        limit: u32,
    ) -> Result<Claimed, sqlx::Error> {
        self.give_back_held(pool, now).await?;
        let sql = "WITH due AS MATERIALIZED (SELECT pid FROM process WHERE due_at <= $1 AND (lease_until IS NULL OR lease_until <= $1) \
                   ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) \
                   UPDATE process p SET lease_token = $3, lease_until = $4 FROM due WHERE p.pid = due.pid RETURNING p.pid, p.due_at";
        let claim = query(sql).bind(now.millis()).bind(i64::from(limit)).bind(self.token(lease)).bind(until.millis());
        let mut taken: Vec<(i64, Pid)> = Vec::new();
        for row in claim.fetch_all(pool).await? {
            taken.push((row.try_get(1)?, Pid::from(row.try_get::<String>(0)?)));
        }
        taken.sort_by_key(|(due, _)| *due);
        let sql = "SELECT (SELECT MIN(due_at) FROM process WHERE due_at IS NOT NULL AND (lease_until IS NULL OR lease_until <= $1)), \
                   (SELECT MIN(lease_until) FROM process WHERE due_at <= $1 AND lease_until > $1), \
                   (SELECT MIN(GREATEST(due_at, lease_until)) FROM process WHERE due_at > $1 AND lease_until > $1)";
        let Some(row) = query(sql).bind(now.millis()).fetch_optional(pool).await? else {
            return Ok(Claimed::default());
        };
        let all_taken = taken.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        // What is due, free and was not taken is locked: somebody is changing it.
        let soon = now.plus_millis(MOMENT).millis();
        let free = row.try_get::<Option<i64>>(0)?.map(|due| if all_taken { due.max(soon) } else { due });
        let held = self.held().values().filter(|held| held.token.is_some()).map(|held| held.until.millis()).min();
        let next = [free, row.try_get(1)?, row.try_get(2)?, held].into_iter().flatten().min();
        Ok(Claimed { pids: taken.into_iter().map(|(_, pid)| pid).collect(), next: next.map(Timestamp::from_millis) })
    }

    /// Whether the claim still stands under this token; the process is nobody else's for the rest of the transaction.
    pub(in crate::store) async fn hold<'c>(
        &self,
        tx: impl Into<On<'c>>,
        pid: &Pid,
        lease: &str,
    ) -> Result<bool, sqlx::Error> {
        let sql = "SELECT pid FROM process WHERE pid = $1 AND lease_token = $2 FOR UPDATE";
        Ok(query(sql).bind(pid.as_str()).bind(self.token(lease)).fetch_optional(tx).await?.is_some())
    }

    /// Keeps a claim that still stands under this token until then; whether it does.
    pub(in crate::store) async fn keep(
        &self,
        pool: &Pool,
        pid: &Pid,
        lease: &str,
        until: Timestamp,
    ) -> Result<bool, sqlx::Error> {
        let sql = "UPDATE process SET lease_until = $1 WHERE pid = $2 AND lease_token = $3";
        let keep = query(sql).bind(until.millis()).bind(pid.as_str()).bind(self.token(lease));
        Ok(keep.execute(pool).await? == 1)
    }

    /// Gives a claim back; nothing happens when somebody else has it by now.
    pub(in crate::store) async fn give_back(&self, pool: &Pool, pid: &Pid, lease: &str) -> Result<(), sqlx::Error> {
        self.held().remove(pid);
        free(pool, pid, &self.token(lease)).await
    }

    /// Keeps a claim whose work could not be done for a while, twice as long each time in a row.
    pub(in crate::store) fn hold_back(&self, pid: &Pid, lease: &str, now: Timestamp, pauses: (i64, i64)) {
        let mut held = self.held();
        let failures = held.get(pid).map_or(0, |before| before.failures);
        let until = now.plus_millis(longer(pauses, failures));
        let token = Some(self.token(lease));
        held.insert(pid.clone(), HeldBack { token, until, failures: failures.saturating_add(1) });
    }

    /// Gives those back whose pause is over.
    async fn give_back_held(&self, pool: &Pool, now: Timestamp) -> Result<(), sqlx::Error> {
        let over = |(pid, held): (&Pid, &HeldBack)| {
            let token = held.token.clone().filter(|_| held.until <= now)?;
            Some((pid.clone(), token))
        };
        let ready: Vec<(Pid, String)> = self.held().iter().filter_map(over).collect();
        for (pid, token) in ready {
            free(pool, &pid, &token).await?;
            if let Some(held) = self.held().get_mut(&pid).filter(|held| held.token.as_ref() == Some(&token)) {
                held.token = None;
            }
        }
        Ok(())
    }

    fn token(&self, lease: &str) -> String {
        format!("{}/{lease}", self.replica)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Pid, HeldBack>> {
        self.held_back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn free(pool: &Pool, pid: &Pid, token: &str) -> Result<(), sqlx::Error> {
    let sql = "UPDATE process SET lease_token = NULL, lease_until = NULL WHERE pid = $1 AND lease_token = $2";
    query(sql).bind(pid.as_str()).bind(token).execute(pool).await.map(drop)
}
