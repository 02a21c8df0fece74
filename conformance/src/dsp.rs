//! The suite `dsp`: the 65 sequences of the Dataspace Protocol TCK 1.0, played by a scripted peer of our own against a real
//! `sliproad serve` process with an ordinary configuration.
//!
//! The peer is driven by events: it answers a message when its sequence expects it, and sends the next one at once. With
//! [`Options::kit`] the official kit's jars are run instead ([`crate::kit`]).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::double::{Double, DoubleConfig};
use crate::report::{Case, Report, Seen};
use crate::subject::{self, Subject};

mod check;
pub(crate) mod ground;
mod message;
mod metadata;
mod negotiations;
mod peer;
mod play;
mod sequence;
#[cfg(test)]
mod tests;
mod transfers;

use ground::{Ground, SEGMENT};
use peer::{Arrived, Peer};
use play::Stage;
use sequence::Sequence;

/// Number of sequences in the suite.
pub const SEQUENCES: usize = 65;

/// The whole run of our own peer ends after this.
const LIMIT: Duration = Duration::from_secs(60);

/// How the suite is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `sliproad` program under test.
    pub program: PathBuf,
    /// A directory with the official kit's jars, to be run in place of our own peer.
    pub kit: Option<PathBuf>,
    /// How many sequences are played at once; at least 1.
    pub concurrency: usize,
}

impl Options {
    /// Our own peer, eight sequences at once.
    #[must_use]
    pub const fn new(program: PathBuf) -> Self {
        Self { program, kit: None, concurrency: 8 }
    }
}

/// Runs the suite. What keeps it from running is a failed case.
pub async fn run(options: &Options, seen: Seen<'_>) -> Report {
    let begun = Instant::now();
    let result = match &options.kit {
        Some(kit) => crate::kit::run(&options.program, kit, seen).await,
        None => scripted(options, seen).await,
    };
    let mut report = result.unwrap_or_else(|reason| {
        let report = Report::not_run("dsp", reason);
        report.cases.iter().for_each(seen);
        report
    });
    report.took = begun.elapsed();
    report
}

/// All sequences with a process, in the suite's order.
pub(crate) fn sequences() -> impl Iterator<Item = &'static Sequence> {
    negotiations::PROVIDER.iter().chain(&negotiations::CONSUMER).chain(&transfers::PROVIDER).chain(&transfers::CONSUMER)
}

/// The double and the connector under test, started for a peer.
pub(crate) async fn set_up(program: &Path, peer: &str, delay_ms: u64) -> Result<(Double, Ground, Subject), String> {
    let config = DoubleConfig { samples: true, ..DoubleConfig::default() };
    let double = Double::start(config).await.map_err(|e| e.to_string())?;
    let ground = Ground::new(peer, delay_ms, &double.url());
    let subject = Subject::start(program, |place| ground.toml(place, sequences())).await?;
    Ok((double, ground, subject))
}

/// The versioned base of the connector under test.
pub(crate) fn base(subject: &Subject) -> String {
    format!("{}/{SEGMENT}/dsp/2025-1", subject.place().public())
}

async fn scripted(options: &Options, seen: Seen<'_>) -> Result<Report, String> {
    let (double, ground, mut subject) = set_up(&options.program, "did:web:peer.example", 0).await?;
    let segments: Vec<String> = sequences().map(Sequence::segment).collect();
    let (peer, mailboxes) = Peer::start(&segments).await.map_err(|e| format!("the peer cannot listen: {e}"))?;
    let management = subject.management().clone();
    let stage = Stage { ground, dsp: base(&subject), management, http: subject::client()? };
    let public = subject.place().public();
    let deadline = tokio::time::Instant::now() + LIMIT;

    let mut cases = Vec::with_capacity(SEQUENCES);
    for (id, title) in metadata::CASES {
        let begun = Instant::now();
        let case = Case::ended(id, title, metadata::play(&stage, &public, id).await, begun.elapsed());
        seen(&case);
        cases.push(case);
    }
    let plays = sequences().zip(mailboxes).enumerate().map(|(place, (sequence, mailbox))| {
        let (stage, peer) = (&stage, &peer);
        async move { (place, play_one(stage, peer, sequence, mailbox, deadline, seen).await) }
    });
    let mut played: Vec<_> =
        futures_util::stream::iter(plays).buffer_unordered(options.concurrency.max(1)).collect().await;
    played.sort_by_key(|(place, _)| *place);
    cases.extend(played.into_iter().map(|(_, (case, mut mailbox))| without_strays(case, &mut mailbox)));
    if let Err(reason) = subject.alive() {
        cases.push(Case::ended("end", "the connector outlives the suite", Err(reason), Duration::ZERO));
    }
    subject.stop().await;
    double.stop().await;
    Ok(Report { suite: "dsp".to_owned(), cases, took: Duration::ZERO })
}

async fn play_one(
    stage: &Stage,
    peer: &Peer,
    sequence: &Sequence,
    mut mailbox: mpsc::Receiver<Arrived>,
    deadline: tokio::time::Instant,
    seen: Seen<'_>,
) -> (Case, mpsc::Receiver<Arrived>) {
    let begun = Instant::now();
    let callback = peer.base(&sequence.segment());
    let playing = play::play(stage, sequence, callback, &mut mailbox);
    let result = tokio::time::timeout_at(deadline, playing)
        .await
        .unwrap_or_else(|_| Err(format!("the whole run is longer than {} s", LIMIT.as_secs())));
    let case = Case::ended(&sequence.id(), sequence.title, result, begun.elapsed());
    seen(&case);
    (case, mailbox)
}

/// A message that no step expected fails its case, however late in the run it came.
fn without_strays(case: Case, mailbox: &mut mpsc::Receiver<Arrived>) -> Case {
    let Case { id, title, outcome, took } = case;
    match mailbox.try_recv() {
        Ok(stray) if outcome.reason().is_none() => {
            let reason = format!("after its end a message came to {}: {}", stray.path, stray.body);
            Case::ended(&id, &title, Err(reason), took)
        }
        _ => Case { id, title, outcome, took },
    }
}
