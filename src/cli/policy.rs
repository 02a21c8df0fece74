//! `sliproad policy`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands speak to who called them")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::USAGE;
use super::api::{Connection, field, get};
use crate::config::Config;
use crate::policy::{Compiled, Policy, Registry, compile, decide_document};

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
        /// Print the decision as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Decide { policy, world, config, json } => {
            Ok(or_usage(registry(config.as_deref()).and_then(|words| decide(&policy, &world, &words, json))))
        }
        Command::Check { file, config, json } => {
            Ok(or_usage(registry(config.as_deref()).and_then(|words| check(&file, &words, json))))
        }
        Command::Explain { exchange, connection, json } => explain(&exchange, &connection, json).await,
    }
}

fn or_usage(outcome: Result<u8, String>) -> u8 {
    outcome.unwrap_or_else(|sentence| {
        eprintln!("sliproad: {sentence}");
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
        println!("{}", json!(decision));
    } else {
        println!("{}", decision.decision);
        decision.invalid.iter().for_each(|i| println!("  {}  {}", i.clause, i.reason));
        decision.because.iter().for_each(|b| println!("  {}  {}", b.clause, b.reason));
        decision.residual.iter().for_each(|r| println!("  {}  {}", r.clause, r.reason));
    }
    Ok(decision.exit_code())
}

fn check(file: &Path, words: &Registry, as_json: bool) -> Result<u8, String> {
    let policy: Value =
        serde_json::from_str(&read(file)?).map_err(|e| format!("{} is not JSON: {e}", file.display()))?;
    let outcome = Policy::parse(&policy).and_then(|policy| compile(&policy, words));
    let review = outcome.as_ref().ok().map(Compiled::review);
    let invalid = outcome.err().unwrap_or_default();
    if as_json {
        println!("{}", json!({ "invalid": invalid, "review": review }));
    } else if let Some(review) = review {
        println!("{}: can be published", file.display());
        review.constraints.iter().for_each(|c| println!("  {}  {} is {}", c.clause, c.operand, json!(c.assurance)));
        review.warnings.iter().for_each(|w| println!("  warning: {}  {}  ({})", w.clause, w.reason, w.code));
    } else {
        println!("{}: cannot be published", file.display());
        invalid.iter().for_each(|i| println!("  {}  {}  ({})", i.clause, i.reason, i.code));
    }
    Ok(if invalid.is_empty() { 0 } else { 2 })
}

async fn explain(exchange: &str, connection: &Connection, as_json: bool) -> anyhow::Result<u8> {
    let told = get(connection, &format!("/api/v1/decisions/{exchange}")).await?;
    if as_json {
        println!("{told:#}");
        return Ok(0);
    }
    let decision = told.get("decision").cloned().unwrap_or_default();
    let request = told.get("request").cloned().unwrap_or_default();
    println!("{} {}", field(&request, "method"), field(&request, "path"));
    println!("{} ({}) under {}", field(&decision, "effect"), field(&decision, "code"), field(&told, "agreement"));
    for clause in decision.get("clauses").and_then(Value::as_array).into_iter().flatten() {
        println!("  {} [{}]", field(clause, "clause"), field(clause, "state"));
        println!("     {} {} {}", field(clause, "operand"), field(clause, "operator"), field(clause, "required"));
        println!("     seen: {}", field(clause, "observed"));
        println!("     {}", field(clause, "reason"));
        println!("     {}", field(clause, "remedy"));
    }
    Ok(0)
}
