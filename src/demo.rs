//! `sliproad demo`: the whole road on this machine, as real processes, told as a story.
//!
//! A simulated security server, a provider and a consumer start as processes of their own with stores of their own; the story then
//! uses only what an operator has: the management API and the commands. It ends well only if everything in it happened.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

pub mod client;
pub mod double;
mod handles;
pub mod processes;
pub mod settings;
pub mod story;

pub use handles::Handles;

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
/// When a part of the story did not happen; the message says which.
pub async fn run(options: DemoOptions) -> Result<()> {
    let begun = Instant::now();
    let temporary = tempfile::tempdir().context("no temporary folder could be made")?;
    let directory = options.directory.clone().unwrap_or_else(|| temporary.path().to_owned());
    let mut road = processes::Road::start(&directory).await?;
    let outcome = tell(&mut road, &options, begun).await;
    road.stop(Duration::from_secs(5)).await;
    outcome
}

async fn tell(road: &mut processes::Road, options: &DemoOptions, begun: Instant) -> Result<()> {
    story::play(road, begun).await?;
    if !options.keep && options.handles.is_none() {
        return Ok(());
    }
    let handles = handles::Handles::of(road).await?;
    handles.print_hints();
    if let Some(file) = &options.handles {
        handles.write(file)?;
    }
    road.until_told_to_stop().await
}
