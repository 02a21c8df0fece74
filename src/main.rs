//! The `sliproad` program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code for bad arguments and files that cannot be read.
const USAGE: u8 = 64;

#[derive(Parser)]
#[command(name = "sliproad", version, about = "The data-space connector for X-Road")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve, as configured, until SIGTERM
    Serve {
        /// The configuration file
        #[arg(long)]
        config: PathBuf,
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
    /// Run the SIMULATED security server
    #[command(hide = true)]
    Double {
        /// Its configuration (TOML)
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Keep, export and verify evidence
    #[command(subcommand)]
    Evidence(Evidence),
    /// Check and decide policies
    #[command(subcommand)]
    Policy(Policy),
    /// Run a conformance suite. Exit code 0 only if everything that ran passed
    Conformance(sliproad::suites::Arguments),
}

#[derive(Subcommand)]
enum Evidence {
    /// Export the evidence of a connector, running or not
    Export {
        #[arg(long)]
        config: PathBuf,
        /// A directory that does not exist yet, or is empty
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify an export, offline. Exit code 0: whole; 1: broken; 64: cannot be read
    Verify {
        directory: PathBuf,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Policy {
    /// Decide one request. Exit code 0: permit; 1: refuse; 2: the policy may not be published here; 64: cannot be read
    Decide {
        #[arg(long)]
        policy: PathBuf,
        #[arg(long)]
        world: PathBuf,
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // A suite's report is what it has to say.
    let level = if matches!(arguments.command, Command::Conformance(_)) { "warn" } else { "info" };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| level.into()))
        .init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sliproad: no threads can be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("sliproad: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Serve { config } => {
            sliproad::app::serve(sliproad::config::Config::load(&config)?).await?;
            Ok(0)
        }
        Command::Demo { keep, handles, directory } => {
            sliproad::demo::run(sliproad::demo::DemoOptions { keep, handles, directory }).await?;
            Ok(0)
        }
        Command::Double { config } => {
            sliproad::demo::double::run(config.as_deref()).await?;
            Ok(0)
        }
        Command::Evidence(Evidence::Export { config, out }) => {
            let config = sliproad::config::Config::load(&config)?;
            let signer = sliproad::app::signer(&config.store.path)?;
            let log = sliproad::app::evidence_directory(&config.store.path);
            let now = sliproad::env::Clock::system().now();
            let records = sliproad::evidence::export(&log, &out, &signer, now).await?;
            println!("{records} records exported to {}", out.display());
            Ok(0)
        }
        Command::Evidence(Evidence::Verify { directory, json }) => Ok(verify(&directory, json)),
        Command::Policy(Policy::Decide { policy, world, json }) => Ok(decide(&policy, &world, json)),
        Command::Conformance(arguments) => Ok(sliproad::suites::run(arguments).await?),
    }
}

fn verify(directory: &std::path::Path, json: bool) -> u8 {
    let verification = match sliproad::evidence::verify(directory) {
        Ok(verification) => verification,
        Err(error) => {
            eprintln!("sliproad: {error}");
            return USAGE;
        }
    };
    match (&verification.broken, json) {
        (_, true) => println!("{}", serde_json::json!(verification)),
        (None, _) => println!("{} records, whole; head {}", verification.records, verification.head),
        (Some(broken), _) => {
            println!("record {} in {} line {}: {}", broken.sequence, broken.file, broken.line, broken.sentence)
        }
    }
    u8::from(verification.broken.is_some())
}

fn decide(policy: &std::path::Path, world: &std::path::Path, json: bool) -> u8 {
    let read = |file: &std::path::Path| {
        std::fs::read_to_string(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))
    };
    let registry = sliproad::policy::Registry::built_in();
    let decided = read(policy)
        .and_then(|policy| Ok((policy, read(world)?)))
        .and_then(|(policy, world)| sliproad::policy::decide_document(&policy, &world, &registry));
    match decided {
        Ok(decision) => {
            if json {
                println!("{}", serde_json::json!(decision));
            } else {
                println!("{}", decision.decision);
                decision.invalid.iter().for_each(|i| println!("  {} {}", i.clause, i.reason));
                decision.because.iter().for_each(|b| println!("  {} {}", b.clause, b.reason));
            }
            decision.exit_code()
        }
        Err(sentence) => {
            eprintln!("sliproad: {sentence}");
            USAGE
        }
    }
}
