//! `sliproad config`.
#![expect(clippy::print_stderr, reason = "commands speak to who called them")]

use std::path::PathBuf;

use super::out::say;
use crate::config::{Config, schema};

/// What to do with a configuration.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Read and check a configuration file; says file, line, field and what was expected
    Check {
        /// The configuration file
        file: PathBuf,
    },
    /// Print the JSON Schema of configuration files
    Schema,
}

pub(super) fn run(command: &Command) -> anyhow::Result<u8> {
    match command {
        Command::Check { file } => {
            let config = Config::load(file)?;
            for warning in config.warnings() {
                eprintln!("{}: warning: {warning}", file.display());
            }
            let words = config.registry();
            for policy in &config.policy {
                crate::app::publishable(&policy.policy, &words).map_err(|invalid| {
                    let reasons: Vec<String> = invalid.iter().map(|i| format!("{}: {}", i.clause, i.reason)).collect();
                    anyhow::anyhow!("the policy {} cannot be published: {}", policy.id, reasons.join("; "))
                })?;
            }
            say!(
                "{}: good; {} participants, {} assets, {} policies, {} offers",
                file.display(),
                config.participant.len(),
                config.asset.len(),
                config.policy.len(),
                config.offer.len()
            );
        }
        Command::Schema => say!("{:#}", schema()),
    }
    Ok(0)
}
