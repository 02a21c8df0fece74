//! `sliproad policy`.
#![expect(clippy::print_stderr, reason = "commands speak to who called them")]

use std::path::{Path, PathBuf};

use serde_json::json;

use super::USAGE;
use super::api::Connection;
use super::out::{say, shown};
use crate::config::Config;
use crate::policy::{Compiled, Policy, Registry, decide_document, for_edc, read_json};

mod explain;
mod rehearse;

/// What to do with policies.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Decide one request. Exit code 0: permit; 1: refuse; 2: the policy may not be published here; 64: cannot be read
    Decide {
        /// An ODRL Set, Offer or Agreement (JSON-LD, compact form)
        #[arg(long)]
        policy: PathBuf,
        /// The request and what is known when it is made
        #[arg(long)]
        world: PathBuf,
        /// The configuration whose own words policies may use
        #[arg(long)]
        config: Option<PathBuf>,
        /// Print decision, invalid and because as JSON
        #[arg(long)]
        json: bool,
    },
    /// Check whether a policy can be published here, how far each constraint holds, and what is likely a mistake. Exit code 0: it
    /// can be published; 2: it cannot, with the reasons
    Check {
        /// The policy
        file: PathBuf,
        /// The configuration whose own words policies may use
        #[arg(long)]
        config: Option<PathBuf>,
        /// Print the reasons as JSON
        #[arg(long)]
        json: bool,
    },
    /// Why an exchange was permitted or refused, as a running connector recorded it
    Explain {
        /// The exchange's id
        exchange: String,
        #[command(flatten)]
        connection: Connection,
        /// How: as text, as JSON, or as a report for others (Compliance Report Model with W3C states) in Turtle or JSON-LD
        #[arg(long, value_enum, default_value_t)]
        format: explain::Format,
        /// Who reads it: what is known here is for the operator only
        #[arg(long, value_enum, default_value_t)]
        audience: explain::Reader,
        /// In which language its sentences are
        #[arg(long, value_enum, default_value_t)]
        language: explain::Spoken,
        /// The same as --format json
        #[arg(long)]
        json: bool,
    },
    /// Decide recorded exchanges again under a draft and print what would change, by consumer and clause
    Rehearse(rehearse::Arguments),
    /// Write a policy for peers that run EDC, and say what is lost. Exit code 1: EDC may permit what the policy does not
    Export {
        /// The policy
        file: PathBuf,
        /// For whom
        #[arg(long = "for", value_enum)]
        peer: Peer,
        /// Print policy and losses as one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Connectors that policies are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Peer {
    /// Eclipse Dataspace Components
    Edc,
}

pub(super) async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Decide { policy, world, config, json } => {
            Ok(or_usage(registry(config.as_deref()).and_then(|words| decide(&policy, &world, &words, json))))
        }
        Command::Check { file, config, json } => {
            Ok(or_usage(registry(config.as_deref()).and_then(|words| check(&file, &words, json))))
        }
        Command::Explain { exchange, connection, format, audience, language, json } => {
            let format = if json { explain::Format::Json } else { format };
            explain::run(&exchange, &connection, format, (audience, language)).await
        }
        Command::Rehearse(arguments) => Ok(or_usage(rehearse::run(&arguments).await)),
        Command::Export { file, peer: Peer::Edc, json } => Ok(or_usage(export(&file, json))),
    }
}

fn or_usage(outcome: Result<u8, String>) -> u8 {
    outcome.unwrap_or_else(|sentence| {
        eprintln!("sliproad: {}", shown(&sentence));
        USAGE
    })
}

/// The words that policies may use: those of a configuration, or else those built in.
fn registry(config: Option<&Path>) -> Result<Registry, String> {
    let Some(file) = config else { return Ok(Registry::built_in()) };
    Config::load(file).map(|config| config.registry()).map_err(|e| e.to_string())
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))
}

fn decide(policy: &Path, world: &Path, words: &Registry, as_json: bool) -> Result<u8, String> {
    let decision = decide_document(&read(policy)?, &read(world)?, words)?;
    if as_json {
        say!("{}", json!(decision));
    } else {
        say!("{}", decision.decision);
        let entry = |clause: &str, reason: &str| say!("  {}  {}", shown(clause), shown(reason));
        decision.invalid.iter().for_each(|i| entry(&i.clause, &i.reason));
        decision.because.iter().for_each(|b| entry(&b.clause, &b.reason));
        decision.residual.iter().for_each(|r| entry(&r.clause, &r.reason));
    }
    Ok(decision.exit_code())
}

fn check(file: &Path, words: &Registry, as_json: bool) -> Result<u8, String> {
    let policy = read_json(&file.display().to_string(), &read(file)?)?;
    let outcome = crate::app::publishable(&policy, words).and_then(|()| Compiled::read(&policy, words));
    let review = outcome.as_ref().ok().map(Compiled::review);
    let invalid = outcome.err().unwrap_or_default();
    if as_json {
        say!("{}", json!({ "invalid": invalid, "review": review }));
    } else if let Some(review) = review {
        say!("{}: can be published", file.display());
        for held in &review.constraints {
            say!("  {}  {} is {}", shown(&held.clause), shown(&held.operand), held.assurance.as_str());
        }
        review.duties.iter().for_each(|duty| say!("  {}  {}", shown(&duty.clause), shown(&duty.reason)));
        for warning in &review.warnings {
            say!("  warning: {}  {}  ({})", shown(&warning.clause), shown(&warning.reason), warning.code);
        }
    } else {
        say!("{}: cannot be published", file.display());
        invalid.iter().for_each(|i| say!("  {}  {}  ({})", shown(&i.clause), shown(&i.reason), i.code));
    }
    Ok(if invalid.is_empty() { 0 } else { 2 })
}

fn export(file: &Path, as_json: bool) -> Result<u8, String> {
    let policy = read_json(&file.display().to_string(), &read(file)?)?;
    let parsed = Policy::parse(&policy).map_err(|invalid| {
        let reasons: Vec<String> = invalid.iter().map(|i| format!("{}: {}", i.clause, i.reason)).collect();
        format!("{} is no policy: {}", file.display(), reasons.join("; "))
    })?;
    let export = for_edc(&parsed);
    if as_json {
        say!("{:#}", json!(export));
    } else {
        say!("{:#}", export.policy);
        for lost in &export.lost {
            let more = if lost.permits_more { ", so that EDC may permit more" } else { "" };
            eprintln!("lost: {}  {} ({}{more})", shown(&lost.clause), shown(&lost.reason), lost.code);
        }
    }
    Ok(u8::from(export.lost.iter().any(|lost| lost.permits_more)))
}
