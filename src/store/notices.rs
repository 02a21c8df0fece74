//! What replicas tell each other of what they committed: PostgreSQL's LISTEN and NOTIFY, inside the transaction.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener};
use tokio::sync::Notify;

use super::postgres;
use super::sql::{Transaction, query};
use crate::model::ids::Pid;
use crate::model::obligation::AgreementKey;
use crate::model::process::ProcessKind;

const CHANNEL: &str = "sliproad";
/// The largest payload that PostgreSQL takes is 8000 bytes.
const LARGEST: usize = 7900;
/// How long to wait until a lost connection is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// After how long a silence the connection is tried: a network that is gone says nothing.
const SILENCE: Duration = Duration::from_secs(15);
/// How long an answer to that is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What another replica has committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notice {
    /// A process has changed, or has work due.
    Process(Pid, ProcessKind),
    /// Something about an agreement or its obligations is new.
    Agreement(AgreementKey),
    /// A document that says what is offered, or what is known of consumers.
    Documents,
    /// It is not known what: anything may have changed.
    Anything,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    /// The replica that tells.
    by: String,
    of: Vec<Notice>,
}

/// Tells other replicas, once the transaction is committed.
pub(super) async fn tell(tx: &mut Transaction, replica: &str, told: Vec<Notice>) -> Result<(), sqlx::Error> {
    if told.is_empty() {
        return Ok(());
    }
    let by = replica.to_owned();
    let text = serde_json::to_string(&Payload { by: by.clone(), of: told }).ok().filter(|text| text.len() <= LARGEST);
    let anything = || serde_json::to_string(&Payload { by, of: vec![Notice::Anything] }).unwrap_or_default();
    let payload = text.unwrap_or_else(anything);
    query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(tx).await.map(drop)
}

/// What other replicas tell, for as long as it is asked for.
pub struct Notices {
    replica: String,
    options: PgConnectOptions,
    /// Told of a commit of this replica of which nobody knows whether it happened.
    doubt: Arc<Notify>,
    listener: Option<PgListener>,
    waiting: VecDeque<Notice>,
}

impl Notices {
    pub(super) fn new(replica: String, options: &PgConnectOptions, doubt: Arc<Notify>) -> Self {
        Self { replica, options: options.clone(), doubt, listener: None, waiting: VecDeque::new() }
    }

    /// Waits for the next notice. The first one after a connection was made, or made again, is [`Notice::Anything`]. What this replica
    /// told itself is left out, except of documents, which are to be read in the order of their commits.
    pub async fn next(&mut self) -> Notice {
        loop {
            if let Some(notice) = self.waiting.pop_front() {
                return notice;
            }
            let Some(listener) = &mut self.listener else {
                match listen(&self.options).await {
                    Ok(listener) => {
                        self.listener = Some(listener);
                        return Notice::Anything;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "other replicas cannot be heard yet");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                }
            };
            let told = tokio::select! {
                told = tokio::time::timeout(SILENCE, listener.try_recv()) => told,
                () = self.doubt.notified() => return Notice::Anything,
            };
            match told {
                Ok(Ok(Some(told))) => self.take(told.payload()),
                Ok(Ok(None)) => self.lost("the connection ended"),
                Ok(Err(error)) => self.lost(&error.to_string()),
                Err(_) => match tokio::time::timeout(PATIENCE, listener.execute("SELECT 1")).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => self.lost(&error.to_string()),
                    Err(_) => self.lost("it does not answer"),
                },
            }
        }
    }

    fn take(&mut self, payload: &str) {
        match serde_json::from_str::<Payload>(payload) {
            Ok(Payload { by, of }) => {
                let own = by == self.replica;
                self.waiting.extend(of.into_iter().filter(|notice| !own || *notice == Notice::Documents));
            }
            // A replica of another version may say more.
            Err(_) => self.waiting.push_back(Notice::Anything),
        }
    }

    fn lost(&mut self, why: &str) {
        tracing::warn!(why, "other replicas cannot be heard: the connection to the database is made again");
        self.listener = None;
    }
}

/// Listens on a connection of its own: one that was lost may take long to know it.
async fn listen(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(&postgres::pool(options, 1, true)).await?;
    listener.ignore_pool_close_event(true);
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
