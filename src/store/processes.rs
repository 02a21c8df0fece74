//! Processes and their history: one row each, changed under its version.

use super::notices::Notice;
use super::sql::{Query, Row, query};
use super::{Store, StoreError, Tx};
use crate::model::ids::{AgreementId, ParticipantId, Pid};
use crate::model::message::OutboundMessage;
use crate::model::negotiation::Role;
use crate::model::obligation::AgreementKey;
use crate::model::process::{Process, ProcessKind, ProcessState};
use crate::model::time::Timestamp;

/// A step that the automation will take unless something else happens first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// The event's name, such as `agree` or `start`.
    pub event: String,
    /// When.
    pub at: Timestamp,
}

/// What a change of a process writes beside the row.
#[derive(Clone, Debug)]
pub struct Transition<'a> {
    /// Who caused it.
    pub changed_by: Role,
    /// The event's name.
    pub event: &'a str,
    /// The step to follow, if any; replaces an earlier plan.
    pub plan: Option<PlannedStep>,
    /// What becomes of the messages that still wait to be delivered.
    pub waiting: Waiting,
    /// The message that it causes.
    pub message: Option<&'a OutboundMessage>,
}

/// What becomes of messages that still wait when a process changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// They are delivered first.
    Kept,
    /// They are not needed any more: the peer has moved on, or the process has ended.
    Dropped,
}

/// One past transition of a process.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The state reached.
    pub state: String,
    /// Who caused it: `consumer` or `provider`.
    pub changed_by: String,
    /// The event's name.
    pub event: String,
    /// When.
    pub at: Timestamp,
}

const COLUMNS: &str = "pid, kind, role, participant, counterparty, peer_pid, peer_address, state, dataset, agreement, \
                       detail, version, created, updated, delivery_failure";

impl Store {
    /// A process by our pid.
    ///
    /// # Errors
    /// When the database fails or the row cannot be read.
    pub async fn process(&self, pid: &Pid) -> Result<Option<Process>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM process WHERE pid = $1");
        let row = query(sql).bind(pid.as_str()).fetch_optional(&self.read).await?;
        row.as_ref().map(read_process).transpose()
    }

    /// The process that a counterparty knows under `peer_pid`, to recognise a first message that comes again.
    ///
    /// # Errors
    /// As [`Store::process`].
    pub async fn process_of_peer(
        &self,
        kind: ProcessKind,
        participant: &ParticipantId,
        role: Role,
        counterparty: &ParticipantId,
        peer_pid: &Pid,
    ) -> Result<Option<Process>, StoreError> {
        let query = of_peer((kind, role), (participant, counterparty), peer_pid);
        query.fetch_optional(&self.read).await?.as_ref().map(read_process).transpose()
    }

    /// Processes of a kind in the order of their pids (which is the order of their beginning), after `after`.
    ///
    /// # Errors
    /// As [`Store::process`].
    pub async fn processes(
        &self,
        kind: ProcessKind,
        after: Option<&Pid>,
        limit: u32,
    ) -> Result<Vec<Process>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM process WHERE kind = $1 AND pid > $2 ORDER BY pid LIMIT $3");
        let rows = query(sql)
            .bind(kind.as_str())
            .bind(after.map_or("", Pid::as_str))
            .bind(i64::from(limit))
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(read_process).collect()
    }

    /// Transfers that are not final, for the data plane at start-up.
    ///
    /// # Errors
    /// As [`Store::process`].
    pub async fn open_transfers(&self) -> Result<Vec<Process>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM process WHERE kind = 'transfer' AND state IN ('REQUESTED', 'STARTED', 'SUSPENDED')"
        );
        query(sql).fetch_all(&self.read).await?.iter().map(read_process).collect()
    }

    /// Transfers that a participant provides under an agreement and that are started.
    ///
    /// # Errors
    /// As [`Store::process`].
    pub async fn started_transfers(
        &self,
        participant: &ParticipantId,
        agreement: &AgreementId,
    ) -> Result<Vec<Process>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM process WHERE agreement = $1 AND kind = 'transfer' AND participant = $2 \
             AND role = 'provider' AND state = 'STARTED' ORDER BY pid"
        );
        let rows = query(sql).bind(agreement.as_str()).bind(participant.as_str()).fetch_all(&self.read).await?;
        rows.iter().map(read_process).collect()
    }

    /// The transitions of a process, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn history(&self, pid: &Pid) -> Result<Vec<HistoryEntry>, StoreError> {
        let rows = query("SELECT state, changed_by, event, at FROM history WHERE pid = $1 ORDER BY version")
            .bind(pid.as_str())
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(HistoryEntry {
                    state: row.try_get(0)?,
                    changed_by: row.try_get(1)?,
                    event: row.try_get(2)?,
                    at: Timestamp::from_millis(row.try_get(3)?),
                })
            })
            .collect()
    }
}

impl Tx {
    /// A process by our pid, for change.
    ///
    /// # Errors
    /// As [`Store::process`].
    pub async fn process(&mut self, pid: &Pid) -> Result<Option<Process>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM process WHERE pid = $1{}", self.for_update());
        let row = query(sql).bind(pid.as_str()).fetch_optional(&mut self.transaction).await?;
        row.as_ref().map(read_process).transpose()
    }

    /// As [`Store::process_of_peer`], for change.
    ///
    /// # Errors
    /// As [`Store::process`].
    pub async fn process_of_peer(
        &mut self,
        kind: ProcessKind,
        participant: &ParticipantId,
        role: Role,
        counterparty: &ParticipantId,
        peer_pid: &Pid,
    ) -> Result<Option<Process>, StoreError> {
        // There may be none yet, and somebody else about to write it.
        let (of, with) = (participant.as_str(), counterparty.as_str());
        self.lock(&["process of", kind.as_str(), role.as_str(), of, with, peer_pid.as_str()]).await?;
        let query = of_peer((kind, role), (participant, counterparty), peer_pid);
        query.fetch_optional(&mut self.transaction).await?.as_ref().map(read_process).transpose()
    }

    /// How many transfers a consumer has that are provided here and have not ended, whoever of us provides them. Who asks is the only
    /// one who takes on more until the end of the transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_transfers_of(&mut self, consumer: &ParticipantId) -> Result<u64, StoreError> {
        self.lock(&["transfers of", consumer.as_str()]).await?;
        let sql = "SELECT COUNT(*) FROM process WHERE counterparty = $1 AND kind = 'transfer' AND role = 'provider' \
                   AND state IN ('REQUESTED', 'STARTED', 'SUSPENDED')";
        let row = query(sql).bind(consumer.as_str()).fetch_optional(&mut self.transaction).await?;
        let number: i64 = row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
        Ok(u64::try_from(number).unwrap_or_default())
    }

    /// Writes a new process, with the message that begins it where that is ours.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_process(&mut self, process: &Process, transition: &Transition<'_>) -> Result<(), StoreError> {
        let detail = serde_json::to_string(&process.detail).map_err(|_| StoreError::Corrupt("process"))?;
        let plan = transition.plan.as_ref();
        let tried_at = transition.message.map(|_| process.updated.millis());
        query(
            "INSERT INTO process (pid, kind, role, participant, counterparty, peer_pid, peer_address, state, dataset, \
             agreement, detail, version, created, updated, step, step_at, retry_at, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, COALESCE($17, $16))",
        )
        .bind(process.pid.as_str())
        .bind(process.kind().as_str())
        .bind(process.role.as_str())
        .bind(process.participant.as_str())
        .bind(process.counterparty.as_str())
        .bind(process.peer_pid.as_ref().map(Pid::as_str))
        .bind(&process.peer_address)
        .bind(process.state.as_str())
        .bind(process.dataset.as_str())
        .bind(process.agreement.as_ref().map(AgreementId::as_str))
        .bind(detail)
        .bind(process.version)
        .bind(process.created.millis())
        .bind(process.updated.millis())
        .bind(plan.map(|p| p.event.as_str()))
        .bind(plan.map(|p| p.at.millis()))
        .bind(tried_at)
        .execute(&mut self.transaction)
        .await?;
        self.remember(process, transition).await
    }

    /// Writes a changed process over version `process.version - 1`, with what the transition says of its messages.
    ///
    /// # Errors
    /// `Fenced` when the row has another version by now.
    pub async fn update_process(&mut self, process: &Process, transition: &Transition<'_>) -> Result<(), StoreError> {
        let detail = serde_json::to_string(&process.detail).map_err(|_| StoreError::Corrupt("process"))?;
        let plan = transition.plan.as_ref();
        let tried_at = transition.message.map(|_| process.updated.millis());
        let kept = transition.waiting == Waiting::Kept;
        let done = query(
            "UPDATE process SET peer_pid = $1, peer_address = $2, state = $3, agreement = $4, detail = $5, version = $6, \
             updated = $7, step = $8, step_at = $9, \
             attempts = CASE WHEN $10 = 1 THEN attempts ELSE 0 END, \
             delivery_failure = CASE WHEN $10 = 1 THEN delivery_failure END, \
             retry_at = CASE WHEN $10 = 1 THEN COALESCE(retry_at, $11) ELSE $11 END, \
             due_at = COALESCE(CASE WHEN $10 = 1 THEN COALESCE(retry_at, $11) ELSE $11 END, $9) \
             WHERE pid = $12 AND version = $13",
        )
        .bind(process.peer_pid.as_ref().map(Pid::as_str))
        .bind(&process.peer_address)
        .bind(process.state.as_str())
        .bind(process.agreement.as_ref().map(AgreementId::as_str))
        .bind(detail)
        .bind(process.version)
        .bind(process.updated.millis())
        .bind(plan.map(|p| p.event.as_str()))
        .bind(plan.map(|p| p.at.millis()))
        .bind(i64::from(kept))
        .bind(tried_at)
        .bind(process.pid.as_str())
        .bind(process.version - 1)
        .execute(&mut self.transaction)
        .await?;
        if done != 1 {
            return Err(StoreError::Fenced("process"));
        }
        if !kept {
            self.drop_messages(&process.pid).await?;
        }
        self.remember(process, transition).await
    }

    async fn remember(&mut self, process: &Process, transition: &Transition<'_>) -> Result<(), StoreError> {
        query("INSERT INTO history (pid, version, state, changed_by, event, at) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(process.pid.as_str())
            .bind(process.version)
            .bind(process.state.as_str())
            .bind(transition.changed_by.as_str())
            .bind(transition.event)
            .bind(process.updated.millis())
            .execute(&mut self.transaction)
            .await?;
        self.tell(Notice::Process(process.pid.clone(), process.kind()));
        match transition.message {
            Some(message) => self.push(process, message).await,
            None => Ok(()),
        }
    }
}

fn of_peer<'q>(
    (kind, role): (ProcessKind, Role),
    (participant, counterparty): (&'q ParticipantId, &'q ParticipantId),
    peer_pid: &'q Pid,
) -> Query<'q> {
    let sql = format!(
        "SELECT {COLUMNS} FROM process WHERE kind = $1 AND participant = $2 AND role = $3 AND counterparty = $4 \
         AND peer_pid = $5"
    );
    query(sql)
        .bind(kind.as_str())
        .bind(participant.as_str())
        .bind(role.as_str())
        .bind(counterparty.as_str())
        .bind(peer_pid.as_str())
}

pub(super) fn read_process(row: &Row) -> Result<Process, StoreError> {
    let corrupt = || StoreError::Corrupt("process");
    let kind = match row.try_get::<&str>(1)? {
        "negotiation" => ProcessKind::Negotiation,
        "transfer" => ProcessKind::Transfer,
        _ => return Err(corrupt()),
    };
    Ok(Process {
        pid: row.try_get::<String>(0)?.into(),
        role: read_role(row.try_get(2)?).ok_or_else(corrupt)?,
        participant: row.try_get::<String>(3)?.into(),
        counterparty: row.try_get::<String>(4)?.into(),
        peer_pid: row.try_get::<Option<String>>(5)?.map(Pid::from),
        peer_address: row.try_get(6)?,
        state: ProcessState::parse(kind, row.try_get(7)?).ok_or_else(corrupt)?,
        dataset: row.try_get::<String>(8)?.into(),
        agreement: row.try_get::<Option<String>>(9)?.map(AgreementId::from),
        detail: serde_json::from_str(row.try_get(10)?).map_err(|_| corrupt())?,
        version: row.try_get(11)?,
        created: Timestamp::from_millis(row.try_get(12)?),
        updated: Timestamp::from_millis(row.try_get(13)?),
        delivery_failure: row.try_get(14)?,
    })
}

pub(super) fn read_role(text: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|r| r.as_str() == text)
}

/// What an agreement is kept under: participant, role and id.
pub(super) fn read_key(row: &Row) -> Result<AgreementKey, StoreError> {
    Ok(AgreementKey {
        participant: row.try_get::<String>(0)?.into(),
        role: read_role(row.try_get(1)?).ok_or(StoreError::Corrupt("agreement"))?,
        id: row.try_get::<String>(2)?.into(),
    })
}
