//! The commands. Human output by default, `--json` for machines.
//!
//! Exit codes: 0 done; 1 refused, failed or not whole; 2 a policy that may not be published here; 64 bad arguments or files that
//! cannot be read.
#![expect(clippy::print_stderr, reason = "commands speak to who called them")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::app::Ending;
use crate::config::{Config, LogFormat};
use crate::demo::{DemoOptions, double};

mod api;
mod credentials;
mod evidence;
mod infringements;
mod list;
mod obligations;
mod out;
mod policy;
mod settings;
mod trade;

/// Exit code for bad arguments and files that cannot be read.
const USAGE: u8 = 64;

#[derive(Parser)]
#[command(
    name = "sliproad",
    version,
    about = "The data-space connector for X-Road",
    after_help = "Exit codes: 0 done; 1 refused, failed or not whole; 2 policy not publishable; 64 bad arguments or unreadable files"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve, as configured, until SIGTERM or SIGINT
    Serve {
        /// The configuration file
        #[arg(long)]
        config: PathBuf,
        /// End when standard input ends, too
        #[arg(long, hide = true)]
        end_with_input: bool,
    },
    /// Play the whole road on this machine: simulated security server, provider, consumer
    Demo {
        /// Stay up afterwards and print lines to try
        #[arg(long)]
        keep: bool,
        /// Stay up afterwards and write the handles of the running road to this file
        #[arg(long)]
        handles: Option<PathBuf>,
        /// Keep stores, logs and configuration here
        #[arg(long)]
        directory: Option<PathBuf>,
    },
    /// Check a configuration, or print its JSON Schema
    #[command(subcommand)]
    Config(settings::Command),
    /// Show a peer's catalogue
    Catalog(trade::Catalog),
    /// Negotiate a contract and wait for its end
    Negotiate(trade::Negotiate),
    /// Call a peer's dataset: negotiates and starts a transfer as needed, prints the answer
    Fetch(trade::Fetch),
    /// List negotiations, transfers, agreements or exchanges, or take a step by hand
    #[command(subcommand)]
    Show(trade::Show),
    /// Take in credentials that consumers have shown, and see how they stand
    #[command(subcommand)]
    Credentials(credentials::Command),
    /// List what agreements ask to be done, or confirm that it was done
    #[command(subcommand)]
    Obligations(obligations::Command),
    /// List, report and take back what was done against agreements
    #[command(subcommand)]
    Infringements(infringements::Command),
    /// Decide, check, explain, rehearse and export policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Export and verify evidence
    #[command(subcommand)]
    Evidence(evidence::Command),
    /// Run a conformance suite. Exit code 0 only if everything that ran passed
    Conformance(crate::suites::Arguments),
    /// Run the SIMULATED security server
    #[command(hide = true)]
    Double {
        /// Its configuration (TOML)
        #[arg(long)]
        config: Option<PathBuf>,
        /// End when standard input ends, too
        #[arg(long)]
        end_with_input: bool,
    },
}

/// Runs the command that the process was called with.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    // The libraries that ask for a process-wide provider get the one that all of TLS here uses.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error),
    }
}

/// What was asked for cannot be understood, or a file named cannot be read: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misuse(String);

/// Marks a failure as one of the arguments.
fn misuse(sentence: impl Into<String>) -> anyhow::Error {
    Misuse(sentence.into()).into()
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // Nobody reads what is written any more.
    if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
        return ExitCode::FAILURE;
    }
    eprintln!("sliproad: {}", out::shown(&format!("{error:#}")));
    let misused = error.is::<crate::config::ConfigError>() || error.is::<Misuse>();
    ExitCode::from(if misused { USAGE } else { 1 })
}

async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Serve { config, end_with_input } => {
            let config = Config::load(&config)?;
            crate::telemetry::log(config.log.format == LogFormat::Json, &config.log.level);
            crate::app::serve(config, ending(end_with_input)?).await?;
            return Ok(0);
        }
        Command::Double { .. } => crate::telemetry::log(false, "info"),
        _ => crate::telemetry::log(false, "warn"),
    }
    match command {
        Command::Serve { .. } => Ok(0),
        Command::Demo { keep, handles, directory } => {
            crate::demo::run(DemoOptions { keep, handles, directory }).await.map(|()| 0)
        }
        Command::Config(command) => settings::run(&command),
        Command::Catalog(command) => command.run().await,
        Command::Negotiate(command) => command.run().await,
        Command::Fetch(command) => command.run().await,
        Command::Show(command) => command.run().await,
        Command::Credentials(command) => command.run().await,
        Command::Obligations(command) => command.run().await,
        Command::Infringements(command) => command.run().await,
        Command::Policy(command) => policy::run(command).await,
        Command::Evidence(command) => evidence::run(command).await,
        Command::Conformance(arguments) => crate::suites::run(arguments).await,
        Command::Double { config, end_with_input } => {
            let config = double::read(config.as_deref()).map_err(|error| misuse(format!("{error:#}")))?;
            double::run(config, ending(end_with_input)?).await.map(|()| 0)
        }
    }
}

fn ending(with_input: bool) -> anyhow::Result<Ending> {
    let ending = Ending::by_signal()?;
    if with_input { ending.or_by_input().context("standard input is no pipe") } else { Ok(ending) }
}
