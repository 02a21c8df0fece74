//! `sliproad policy rehearse`.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::out::{say, shown};
use crate::config::Config;
use crate::model::exchange::Exchange;
use crate::model::infringement::InfringementState;
use crate::model::time::Timestamp;
use crate::policy::{Policy, Recordings, Rehearsal, Rehearsed, read_json};
use crate::store::Store;

/// What is rehearsed.
#[derive(clap::Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// The draft: an ODRL Set, Offer or Agreement
    file: PathBuf,
    /// The connector's configuration file: tells where its evidence is, and what is known of consumers
    #[arg(long)]
    config: PathBuf,
    /// Only exchanges since then (RFC 3339); earlier ones still move the counters
    #[arg(long)]
    since: Option<String>,
    /// Only exchanges about this dataset; otherwise about the draft's target, or all when it names none
    #[arg(long)]
    dataset: Option<String>,
    /// Only exchanges under this agreement
    #[arg(long)]
    agreement: Option<String>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<u8, String> {
    let config = Config::load(&arguments.config).map_err(|e| e.to_string())?;
    let since = arguments.since.as_deref().map(|text| {
        Timestamp::parse(text).map_err(|_| format!("{text} is not a date and time, such as 2026-11-01T00:00:00Z"))
    });
    let since = since.transpose()?;
    let draft = read_json(&arguments.file.display().to_string(), &super::read(&arguments.file)?)?;
    let reasons = |invalid: Vec<crate::policy::Invalid>| {
        let all: Vec<String> = invalid.iter().map(|i| format!("{}: {}", i.clause, i.reason)).collect();
        format!("the draft could not be published: {}", all.join("; "))
    };
    let draft = Policy::parse(&draft).map_err(reasons)?;
    let targets: Vec<String> = draft
        .permissions
        .iter()
        .flat_map(|rule| &rule.targets)
        .filter(|target| !target.collection)
        .flat_map(|target| target.ids.clone())
        .collect();
    let about = |exchange: &Exchange<'_>| match &arguments.dataset {
        Some(dataset) => exchange.dataset == *dataset,
        None => targets.is_empty() || targets.iter().any(|target| exchange.dataset == *target),
    };
    let mut rehearsal = Rehearsal::new(&draft, &config.registry()).map_err(reasons)?;
    for done in Store::obligations_on_file(crate::app::kept(&config)).await.map_err(|e| e.to_string())? {
        if let Some(at) = done.performed {
            rehearsal.performed(done.agreement.as_str(), &done.actions, at);
        }
    }
    for infringement in Store::infringements_on_file(crate::app::kept(&config)).await.map_err(|e| e.to_string())? {
        let (agreement, actions) = (infringement.agreement.as_str(), &infringement.actions);
        let healed = infringement.settled.filter(|_| infringement.state == InfringementState::Healed);
        if infringement.state != InfringementState::Withdrawn {
            rehearsal.infringed(agreement, actions, infringement.infringed, healed);
        }
    }
    let known = crate::app::known_of(&config);
    let mut recordings = Recordings::default();
    let log = crate::app::evidence_directory(&config.store.path);
    crate::evidence::history(&log, |exchange, recorded| {
        let agreed = arguments.agreement.as_ref().is_none_or(|agreement| exchange.agreement == *agreement);
        if agreed && about(exchange) {
            let earlier = since.is_some_and(|since| exchange.times.received < since);
            let known = || known(exchange.participant.as_ref(), exchange.counterparty.as_ref());
            rehearsal.replay(&recordings.take(exchange, recorded, known), earlier);
        }
    })
    .map_err(|e| e.to_string())?;
    print(&rehearsal.outcome(), arguments.json);
    Ok(0)
}

fn print(found: &Rehearsed, as_json: bool) {
    if as_json {
        say!("{:#}", json!(found));
        return;
    }
    say!(
        "{} exchanges: {} as they were, {} permitted that would be refused, {} refused that would be permitted",
        found.exchanges,
        found.same,
        found.refused,
        found.permitted
    );
    for change in &found.changes {
        let (consumer, now, clause) = (shown(&change.consumer), change.now, shown(&change.clause));
        say!("  {consumer}: {} would be {now}: {clause}", change.exchanges);
        say!("     {} (exchange {})", shown(&change.reason), shown(&change.example));
    }
}
