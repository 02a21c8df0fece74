//! `sliproad conformance SUITE`: runs a suite of the `conformance` package against this very program.
//!
//! For people, a line a case as it ends, then failures and skips with their reasons. With `--json` standard output is one document
//! (`schemas/conformance-report.schema.json`). Either way the last line written is `N passed, N failed, N skipped`; with `--json` it
//! goes to standard error, so that standard output stays one document.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use conformance::report::{Case, Report};

/// Which suite, and how its report is given.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The suite
    #[command(subcommand)]
    suite: Suite,
    /// Print the report as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Write the report to this file as JUnit XML
    #[arg(long, global = true)]
    junit: Option<PathBuf>,
}

mod odrl;

#[derive(Debug, Subcommand)]
enum Suite {
    /// The reference connector (EDC) as a peer, fetched by Maven: contract, call and refusal in both directions
    Edc,
    /// The 65 sequences of the Dataspace Protocol's suite, both roles
    Dsp {
        /// Run the official kit from this directory of jars in place of our own peer
        #[arg(long)]
        kit: Option<PathBuf>,
        /// How many sequences are played at once
        #[arg(long, default_value_t = 8)]
        concurrency: usize,
    },
    /// The policy core against five sets of cases by others: SolidLab, W3C, OVAL (two), the conflict benchmark
    Odrl {
        /// The directory with one folder for each set
        #[arg(long, default_value = "../shared/spec/odrl")]
        cases: PathBuf,
    },
}

/// Runs a suite; the exit code: 0 when everything that ran passed, else 1.
///
/// # Errors
/// When the report cannot be written.
pub async fn run(arguments: Arguments) -> Result<u8> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    let quiet = arguments.json;
    let seen = move |case: &Case| {
        if !quiet {
            // What cannot be written now cannot be written at the end either, where that is told.
            let _ = writeln!(std::io::stdout().lock(), "{}", case.line());
        }
    };
    let report = match arguments.suite {
        Suite::Edc => conformance::edc::run(&conformance::edc::Options { program }, &seen).await,
        Suite::Dsp { kit, concurrency } => {
            conformance::dsp::run(&conformance::dsp::Options { program, kit, concurrency }, &seen).await
        }
        Suite::Odrl { cases } => odrl::run(&odrl::Options { cases }, &seen),
    };
    print(&report, arguments.json)?;
    if let Some(file) = &arguments.junit {
        report.write_junit(file).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(u8::from(!report.succeeded()))
}

fn print(report: &Report, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", report.to_json())?;
        writeln!(std::io::stderr(), "{}", report.summary())?;
    } else {
        report.write_closing(&mut out)?;
    }
    out.flush()?;
    Ok(())
}
