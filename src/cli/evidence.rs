//! `sliproad evidence`.
#![expect(clippy::print_stderr, reason = "commands speak to who called them")]

use std::path::{Path, PathBuf};

use credentials::Signer as _;
use serde_json::json;

use super::USAGE;
use super::out::{say, shown};
use crate::config::Config;
use crate::env::Clock;
use crate::evidence::Expected;

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
        /// Thumbprint (RFC 7638) of the key that has to have signed, as the provider or an earlier export told it
        #[arg(long, value_name = "THUMBPRINT")]
        key: Option<String>,
        /// An earlier export, or its manifest.json: this one has to go on where that one ended
        #[arg(long, value_name = "EXPORT")]
        since: Option<PathBuf>,
        /// Print the whole outcome as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Export { config, out } => {
            let config = Config::load(&config)?;
            let signer = crate::app::signer(config.store.keys())?;
            let log = crate::app::evidence_directory(&config.store.path);
            let records = crate::evidence::export(&log, &out, &signer, Clock::system().now()).await?;
            say!("{records} records exported to {}", out.display());
            say!("signed by key {}", signer.public_key().thumbprint());
            Ok(0)
        }
        Command::Verify { directory, key, since, json } => {
            Ok(verify(&directory, Expected { key: key.as_deref(), since: since.as_deref() }, json))
        }
    }
}

fn verify(directory: &Path, expected: Expected<'_>, as_json: bool) -> u8 {
    let verification = match crate::evidence::verify_expecting(directory, expected) {
        Ok(verification) => verification,
        Err(error) => {
            eprintln!("sliproad: {error}");
            return USAGE;
        }
    };
    if as_json {
        say!("{}", json!(verification));
        return u8::from(verification.broken.is_some());
    }
    if let Some(broken) = &verification.broken {
        say!("BROKEN: record {} ({} line {}): {}", broken.sequence, broken.file, broken.line, shown(&broken.sentence));
        return 1;
    }
    say!("whole: {} records, head {}", verification.records, verification.head);
    say!("begins at record {}", verification.first);
    if let Some(key) = &verification.key {
        say!("signed by key {}", shown(key));
    }
    if verification.unfinished > 0 {
        say!("{} exchanges were begun and have no end in this export", verification.unfinished);
    }
    0
}
