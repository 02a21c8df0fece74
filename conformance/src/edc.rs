//! The suite `edc`: the reference connector (Eclipse Dataspace Components) as a peer of a real `sliproad serve` process.
//!
//! Maven fetches EDC by name from the registry that it is configured with: 0.14.1 with its data plane, for the whole pull path, and
//! 0.15.1, the control plane. Both speak the development identity (EDC's `iam-mock`). Nothing of EDC is part of Sliproad.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use crate::double::{Double, DoubleConfig};
use crate::kit::java;
use crate::report::{Case, Report, Seen};
use crate::subject::Subject;

mod backend;
mod connector;
mod consumer;
mod ground;
mod provider;

use backend::Backend;
use connector::{Connector, Release};

/// The longest that one flow may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How the suite is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `sliproad` program under test.
    pub program: PathBuf,
}

/// Everything that a flow plays with.
struct Stage {
    program: PathBuf,
    subject: Subject,
    edc: Connector,
    backend: Backend,
    http: reqwest::Client,
}

/// One flow: what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Catalogue,
    Contract,
    Call,
    Termination,
    Suspension,
    RefusedByUs,
    Fetch,
    OurContract,
    RefusedByThem,
}

impl Flow {
    /// The flows with a data plane, and without one.
    const WHOLE: [Self; 8] = [
        Self::Catalogue,
        Self::Contract,
        Self::Call,
        Self::Suspension,
        Self::Termination,
        Self::RefusedByUs,
        Self::Fetch,
        Self::RefusedByThem,
    ];
    const CONTROL: [Self; 5] =
        [Self::Catalogue, Self::Contract, Self::RefusedByUs, Self::OurContract, Self::RefusedByThem];

    const fn name(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Contract => "contract",
            Self::Call => "call",
            Self::Suspension => "suspension",
            Self::Termination => "termination",
            Self::RefusedByUs => "refused-here",
            Self::Fetch => "fetch",
            Self::OurContract => "our-contract",
            Self::RefusedByThem => "refused-there",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Catalogue => "EDC finds the land register in our catalogue, with its policy",
            Self::Contract => "EDC as consumer: contract agreed and finalised on both sides",
            Self::Call => "EDC's token, raw and as Bearer, opens the register, and nothing beside it",
            Self::Suspension => "a suspended transfer refuses the next call; EDC is told",
            Self::Termination => "EDC terminates the transfer: the very next call is refused",
            Self::RefusedByUs => "a negotiation that we refuse ends terminated on both sides",
            Self::Fetch => "EDC as provider: catalogue, contract, transfer and call by one command of ours",
            Self::OurContract => "EDC as provider: contract agreed and finalised on both sides",
            Self::RefusedByThem => "a negotiation that EDC refuses ends terminated on both sides",
        }
    }

    async fn play(self, stage: &Stage) -> Result<(), String> {
        match self {
            Self::Catalogue => consumer::catalogue(stage).await,
            Self::Contract => consumer::contract(stage, ground::LAND).await.map(drop),
            Self::Call => consumer::call(stage).await,
            Self::Suspension => consumer::suspension(stage).await,
            Self::Termination => consumer::termination(stage).await,
            Self::RefusedByUs => consumer::refused(stage).await,
            Self::Fetch => provider::fetch(stage).await,
            Self::OurContract => provider::contract(stage).await,
            Self::RefusedByThem => provider::refused(stage).await,
        }
    }
}

/// Runs the suite, one EDC after the other. Where Java is missing everything is skipped.
pub async fn run(options: &Options, seen: Seen<'_>) -> Report {
    let begun = Instant::now();
    let mut cases = Vec::new();
    let java = works(&java()).await;
    for (release, flows) in [(Release::WHOLE, &Flow::WHOLE[..]), (Release::CONTROL, &Flow::CONTROL[..])] {
        let played = if java { play(options, release, flows, seen).await } else { Err("Java is missing".to_owned()) };
        let rest = match played {
            Ok(played) => {
                cases.extend(played);
                continue;
            }
            Err(_) if !java => flows
                .iter()
                .map(|flow| Case::skipped(&id(release, flow.name()), flow.title(), "Java is missing (no `java` runs)"))
                .collect(),
            Err(reason) => {
                vec![Case::ended(&id(release, "start"), "EDC and Sliproad start", Err(reason), begun.elapsed())]
            }
        };
        rest.iter().for_each(seen);
        cases.extend(rest);
    }
    Report { suite: "edc".to_owned(), cases, took: begun.elapsed() }
}

/// The entry of the list `list` whose `key` is `value`.
fn entry(document: &Value, list: &str, key: &str, value: &str) -> Option<Value> {
    let all = document.get(list)?.as_array()?;
    all.iter().find(|entry| entry.get(key).is_some_and(|found| found == value)).cloned()
}

/// The first offer of a dataset, with more properties.
fn offer(dataset: &Value, more: &[(&str, Value)]) -> Result<Value, String> {
    let offer = dataset.pointer("/hasPolicy/0").and_then(Value::as_object);
    let mut offer = offer.cloned().ok_or_else(|| format!("it has no offer: {dataset}"))?;
    offer.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Ok(Value::Object(offer))
}

async fn works(java: &Path) -> bool {
    Command::new(java).arg("-version").output().await.is_ok_and(|output| output.status.success())
}

fn id(release: Release, name: &str) -> String {
    format!("{}:{name}", release.version)
}

async fn play(options: &Options, release: Release, flows: &[Flow], seen: Seen<'_>) -> Result<Vec<Case>, String> {
    let double = Double::start(DoubleConfig::sample()).await.map_err(|e| e.to_string())?;
    let (edc, subject) = tokio::join!(
        Connector::start(release),
        Subject::start(&options.program, |place| ground::toml(place, &double.url()))
    );
    let backend = Backend::start().await.map_err(|e| format!("no data source for EDC: {e}"))?;
    let http = crate::http::client()?;
    let mut stage = Stage { program: options.program.clone(), subject: subject?, edc: edc?, backend, http };
    stage.edc.offers(&stage.backend.url).await?;
    let mut cases = Vec::with_capacity(flows.len());
    for flow in flows {
        let begun = Instant::now();
        let ended = tokio::time::timeout(LIMIT, flow.play(&stage)).await;
        let ended = ended.unwrap_or_else(|_| Err(format!("it takes longer than {} s", LIMIT.as_secs())));
        let ended = ended
            .map_err(|e| format!("{e}\nSliproad:\n{}\nEDC:\n{}", stage.subject.log_tail(8), stage.edc.log_tail(12)));
        let case = Case::ended(&id(release, flow.name()), flow.title(), ended, begun.elapsed());
        seen(&case);
        cases.push(case);
    }
    if let Err(reason) = stage.subject.alive() {
        cases.push(Case::ended(&id(release, "end"), "the connector outlives the suite", Err(reason), Duration::ZERO));
    }
    stage.edc.stop().await;
    stage.subject.stop().await;
    double.stop().await;
    Ok(cases)
}
