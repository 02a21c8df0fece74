//! `sliproad evidence`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "commands speak to who called them")]

use std::path::{Path, PathBuf};

use serde_json::json;

use super::USAGE;
use crate::config::Config;
use crate::env::Clock;

/// What to do with evidence.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Export the evidence of a connector, running or not
    Export {
        /// The connector's configuration file
        #[arg(long)]
        config: PathBuf,
        /// A directory that does not exist yet, or is empty
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify an export, offline. Exit code 0: whole; 1: broken; 64: cannot be read
    Verify {
        /// The export
        directory: PathBuf,
        /// Print the whole outcome as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Export { config, out } => {
            let config = Config::load(&config)?;
            let signer = crate::app::signer(&config.store.path)?;
            let log = crate::app::evidence_directory(&config.store.path);
            let records = crate::evidence::export(&log, &out, &signer, Clock::system().now()).await?;
            println!("{records} records exported to {}", out.display());
            Ok(0)
        }
        Command::Verify { directory, json } => Ok(verify(&directory, json)),
    }
}

fn verify(directory: &Path, as_json: bool) -> u8 {
    let verification = match crate::evidence::verify(directory) {
        Ok(verification) => verification,
        Err(error) => {
            eprintln!("sliproad: {error}");
            return USAGE;
        }
    };
    if as_json {
        println!("{}", json!(verification));
        return u8::from(verification.broken.is_some());
    }
    if let Some(broken) = &verification.broken {
        println!("BROKEN: record {} ({} line {}): {}", broken.sequence, broken.file, broken.line, broken.sentence);
        return 1;
    }
    println!("whole: {} records, head {}", verification.records, verification.head);
    if let Some(key) = &verification.key {
        println!("signed by key {key}");
    }
    if verification.unfinished > 0 {
        println!("{} exchanges were begun and have no end in this export", verification.unfinished);
    }
    0
}
