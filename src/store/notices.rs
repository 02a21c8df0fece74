//! What replicas tell each other of what they committed: PostgreSQL's LISTEN and NOTIFY, inside the transaction.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool};

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
    pool: PgPool,
    listener: Option<PgListener>,
    waiting: std::collections::VecDeque<Notice>,
}

impl Notices {
    pub(super) fn new(replica: String, options: &PgConnectOptions) -> Self {
        Self {
            replica,
            pool: postgres::pool(options, 1, true),
            listener: None,
            waiting: std::collections::VecDeque::new(),
        }
    }

    /// Waits for the next notice. The first one after a connection was made, or made again, is [`Notice::Anything`]. What this replica
    /// told itself is left out, except of documents, which are to be read in the order of their commits.
    pub async fn next(&mut self) -> Notice {
        loop {
            if let Some(notice) = self.waiting.pop_front() {
                return notice;
            }
            let Some(listener) = &mut self.listener else {
                match listen(&self.pool).await {
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
            match listener.try_recv().await {
                Ok(Some(told)) => self.take(told.payload()),
                Ok(None) => self.lost("the connection ended"),
                Err(error) => self.lost(&error.to_string()),
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

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.ignore_pool_close_event(true);
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
