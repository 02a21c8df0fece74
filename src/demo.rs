//! `sliproad demo`: the whole road on this machine, as real processes, told as a story.
//!
//! A simulated security server, a provider and a consumer start as processes of their own with stores of their own; the story then
//! uses only what an operator has: the management API and the commands. It ends well only if everything in it happened.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub mod client;
pub mod double;
mod handles;
pub mod processes;
pub mod settings;
pub mod story;
mod telling;

pub use handles::Handles;

use crate::app::Ending;
use processes::Road;

/// What the demonstration is asked to do.
#[derive(Clone, Debug, Default)]
pub struct DemoOptions {
    /// Stay up after the story, until SIGINT or SIGTERM.
    pub keep: bool,
    /// Where to write the handles of the running road (judges drive it by them); implies `keep`.
    pub handles: Option<PathBuf>,
    /// Keep stores and configuration here instead of in a temporary folder.
    pub directory: Option<PathBuf>,
}

/// Plays the demonstration.
///
/// # Errors
/// When a part of the story did not happen, or the end was told before it had; the message says which.
pub async fn run(options: DemoOptions) -> Result<()> {
    let begun = Instant::now();
    let mut ending = Ending::by_signal()?;
    let temporary = tempfile::tempdir().context("no temporary folder could be made")?;
    let directory = match &options.directory {
        Some(directory) => made(directory)?,
        None => temporary.path().to_owned(),
    };
    // What was started so far ends with the attempt.
    let mut road = tokio::select! {
        started = Road::start(&directory) => started?,
        () = ending.told() => bail!("told to end before the road was ready"),
    };
    let told = tokio::select! {
        outcome = tell(&road, &options, begun) => outcome,
        () = ending.told() => Err(anyhow::anyhow!("told to end before the story was over")),
    };
    let outcome = match told {
        Ok(true) => tokio::select! {
            ended = road.ended() => ended,
            () = ending.told() => Ok(()),
        },
        other => other.map(|_| ()),
    };
    road.stop(Duration::from_secs(5)).await;
    outcome
}

/// A directory that is there, from the root: files in it are named from within it.
fn made(directory: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(directory).with_context(|| format!("{} is no path", directory.display()))?;
    std::fs::create_dir_all(&whole).with_context(|| format!("{} cannot be made", whole.display()))?;
    Ok(whole)
}

/// Tells the story; whether the road is to stay up.
async fn tell(road: &Road, options: &DemoOptions, begun: Instant) -> Result<bool> {
    story::play(road, begun).await?;
    if !options.keep && options.handles.is_none() {
        return Ok(false);
    }
    let handles = handles::Handles::of(road).await?;
    handles.print_hints()?;
    if let Some(file) = &options.handles {
        handles.write(file)?;
    }
    Ok(true)
}
