//! `sliproad double`: the SIMULATED security server as a process of its own.

use std::path::Path;

use anyhow::{Context, Result};
use conformance::double::{Double, DoubleConfig};
use serde_json::json;

use super::telling::tell;
use crate::app::Ending;

/// The double's configuration: that of a file, or the samples.
///
/// # Errors
/// When the file cannot be read.
pub fn read(file: Option<&Path>) -> Result<DoubleConfig> {
    let Some(file) = file else { return Ok(DoubleConfig::sample()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a configuration of the double", file.display()))
}

/// Runs the double until told to end; says on standard output, in one line of JSON, where it is.
///
/// # Errors
/// When the double cannot be started, or cannot say where it is.
pub async fn run(config: DoubleConfig, mut ending: Ending) -> Result<()> {
    let double = Double::start(config).await?;
    tell!(
        "{}",
        json!({
            "simulated": true,
            "url": double.url(),
            "httpsUrl": double.https_url(),
            "control": double.control_url(),
            "requests": double.requests_url(),
        })
    )?;
    ending.told().await;
    double.stop().await;
    Ok(())
}
