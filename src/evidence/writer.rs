//! The one writer: a thread that seals what waits, writes it, makes it durable and only then says so.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use metrics::{Counter, Histogram};
use tokio::sync::{mpsc, oneshot};

use super::disk::Medium;
use super::{EvidenceError, Head, Receipt, line};
use crate::env::Clock;

/// At most this many records become durable together.
const LARGEST_GROUP: usize = 1024;
/// What the writer is asked.
pub(super) enum Job {
    /// To append a record's body (a JSON object).
    Append { body: Vec<u8>, done: Option<oneshot::Sender<Result<Receipt, EvidenceError>>> },
    /// To end, after what was asked before.
    Close(oneshot::Sender<()>),
}

/// The writer's state between groups.
pub(super) struct Writer<M> {
    pub(super) medium: M,
    pub(super) head: Head,
    pub(super) published: Arc<Mutex<Head>>,
    pub(super) clock: Clock,
    /// Bytes of a failed group may lie after the head.
    pub(super) littered: bool,
    pub(super) meters: Meters,
}

/// What is counted for the operator.
pub(super) struct Meters {
    records: Counter,
    seconds: Histogram,
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            records: metrics::counter!("sliproad_evidence_records_total"),
            seconds: metrics::histogram!("sliproad_evidence_commit_seconds"),
        }
    }
}

type Waiting = (Option<oneshot::Sender<Result<Receipt, EvidenceError>>>, Receipt);

impl<M: Medium> Writer<M> {
    /// Serves jobs until it is told to close or nobody can ask any more.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut bytes = Vec::with_capacity(256 * 1024);
        let mut waiting = Vec::with_capacity(LARGEST_GROUP);
        while let Some(first) = jobs.blocking_recv() {
            bytes.clear();
            let mut next = Some(first);
            let mut head = self.head;
            let mut close = None;
            while let Some(job) = next {
                match job {
                    Job::Append { body, done } => {
                        let sequence = head.sequence + 1;
                        head.hash = line::seal(&mut bytes, sequence, head.hash, self.clock.now(), &body);
                        head.sequence = sequence;
                        waiting.push((done, Receipt { sequence, hash: head.hash }));
                    }
                    Job::Close(done) => {
                        close = Some(done);
                        break;
                    }
                }
                next = if waiting.len() < LARGEST_GROUP { jobs.try_recv().ok() } else { None };
            }
            let outcome = if bytes.is_empty() { Ok(()) } else { self.commit(&bytes, head) };
            answer(&mut waiting, &outcome);
            if let Some(done) = close {
                self.end();
                let _ = done.send(());
                return;
            }
        }
        self.end();
    }

    /// Leaves the file without the zeros laid out ahead; left there, they do no harm.
    fn end(&mut self) {
        if let Err(error) = self.medium.cut(self.head.length) {
            tracing::warn!(%error, "the evidence log could not be cut to its length");
        }
    }

    /// Makes a group durable and moves the head; on failure nothing of the group remains.
    fn commit(&mut self, bytes: &[u8], mut head: Head) -> io::Result<()> {
        self.tidy()?;
        if self.medium.is_over(self.head.length) {
            let first = self.head.sequence + 1;
            self.medium.next_segment(first, self.head.length)?;
            self.head.segment = first;
            self.head.length = 0;
        }
        self.littered = true;
        let begun = Instant::now();
        self.medium.write_at(bytes, self.head.length).and_then(|()| self.medium.sync())?;
        self.littered = false;
        self.meters.seconds.record(begun.elapsed());
        self.meters.records.increment(head.sequence - self.head.sequence);
        head.segment = self.head.segment;
        head.length = self.head.length + bytes.len() as u64;
        self.head = head;
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = head;
        Ok(())
    }

    fn tidy(&mut self) -> io::Result<()> {
        if self.littered {
            self.medium.cut(self.head.length)?;
            self.littered = false;
        }
        Ok(())
    }
}

fn answer(waiting: &mut Vec<Waiting>, outcome: &io::Result<()>) {
    if let Err(e) = outcome {
        tracing::error!(records = waiting.len(), error = %e, "evidence could not be made durable");
    }
    for (done, receipt) in waiting.drain(..) {
        if let Some(done) = done {
            let result = outcome.as_ref().map(|()| receipt).map_err(|e| EvidenceError::NotDurable(e.to_string()));
            let _ = done.send(result);
        }
    }
}
