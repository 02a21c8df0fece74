//! Reports of releases to the validator: as well as it goes, behind the calls, never in their way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};

use super::{ConsentReference, ConsentValidator};
use crate::model::time::Timestamp;
use crate::model::xroad::ClientId;

/// How many may wait; the next ones are lost, and counted.
const MOST: usize = 4096;
const AT_ONCE: usize = 8;
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Reports {
    waiting: mpsc::Sender<Report>,
    /// How many are not delivered yet.
    open: watch::Sender<usize>,
}

/// A release under a consent.
pub(super) struct Report {
    pub(super) provider: ClientId,
    pub(super) reference: ConsentReference,
    pub(super) released: Timestamp,
}

impl Reports {
    /// Starts the work, which ends with the last sender.
    pub(super) fn start(validator: Arc<dyn ConsentValidator>) -> Self {
        let (sender, mut waiting) = mpsc::channel::<Report>(MOST);
        let open = watch::Sender::new(0_usize);
        let closing = open.clone();
        tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(AT_ONCE));
            while let Some(report) = waiting.recv().await {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let (validator, closing) = (Arc::clone(&validator), closing.clone());
                tokio::spawn(async move {
                    deliver(&*validator, &report).await;
                    closing.send_modify(|open| *open -= 1);
                    drop(place);
                });
            }
        });
        Self { waiting: sender, open }
    }

    pub(super) fn add(&self, report: Report) {
        self.open.send_modify(|open| *open += 1);
        if self.waiting.try_send(report).is_err() {
            self.open.send_modify(|open| *open -= 1);
            count("lost");
            tracing::error!("a release under a consent is not reported: too many reports wait");
        }
    }

    /// Returns when none waits any more.
    pub(super) async fn delivered(&self) {
        // The sender lives as long as this does.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

async fn deliver(validator: &dyn ConsentValidator, report: &Report) {
    for left in (0..TRIES).rev() {
        match validator.report(&report.provider, &report.reference, report.released).await {
            Ok(()) => return count("reported"),
            Err(_) if left > 0 => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                count("lost");
                tracing::error!(%error, "a release under a consent could not be reported");
            }
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("sliproad_consent_reports_total", "outcome" => outcome).increment(1);
}
