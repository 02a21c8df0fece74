//! The three processes of the road: started, watched for readiness, killed and started again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::client::{Management, text};
use super::settings::{self, Settings};

/// A connector process.
pub struct Connector {
    /// What it was started with.
    pub settings: Settings,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its management API.
    pub management: Management,
    program: PathBuf,
    child: Child,
}

/// The simulated security server's process.
pub struct Double {
    /// Where clients call it.
    pub url: String,
    /// Where it tells what it received.
    pub requests: String,
    child: Child,
}

/// The running road.
pub struct Road {
    /// The simulated security server.
    pub double: Double,
    /// The connector in front of it.
    pub provider: Connector,
    /// The connector that wants data.
    pub consumer: Connector,
    /// How long each took to be ready: double, provider, consumer.
    pub ready_after: [Duration; 3],
}

impl Road {
    /// Starts all three; they are ready when this returns.
    ///
    /// # Errors
    /// When one of them does not become ready; its log is in `directory`.
    pub async fn start(directory: &Path) -> Result<Self> {
        Self::start_with(directory, &this_program()?, "", "").await
    }

    /// As [`Road::start`], with another program and more configuration for provider and consumer.
    ///
    /// # Errors
    /// As [`Road::start`].
    pub async fn start_with(directory: &Path, program: &Path, for_provider: &str, for_consumer: &str) -> Result<Self> {
        let begun = std::time::Instant::now();
        let double = Double::start(program, directory).await?;
        let double_ready = begun.elapsed();
        let [provider, consumer] = settings::pair(directory, &double.url)?;
        let begun = std::time::Instant::now();
        let mut provider = Connector::spawn(program, provider, for_provider)?;
        provider.wait_ready().await?;
        let provider_ready = begun.elapsed();
        let begun = std::time::Instant::now();
        let mut consumer = Connector::spawn(program, consumer, for_consumer)?;
        consumer.wait_ready().await?;
        Ok(Self { double, provider, consumer, ready_after: [double_ready, provider_ready, begun.elapsed()] })
    }

    /// Stops all three: asks first, kills after `patience`.
    pub async fn stop(&mut self, patience: Duration) {
        for child in [&mut self.consumer.child, &mut self.provider.child, &mut self.double.child] {
            stop(child, patience).await;
        }
    }

    /// Returns on SIGINT or SIGTERM; fails when one of the processes ends by itself.
    ///
    /// # Errors
    /// When a process ended.
    pub async fn until_told_to_stop(&mut self) -> Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            status = self.provider.child.wait() => bail!("the provider ended: {}", status?),
            status = self.consumer.child.wait() => bail!("the consumer ended: {}", status?),
            status = self.double.child.wait() => bail!("the simulated security server ended: {}", status?),
        }
    }
}

impl Connector {
    /// Writes the configuration and starts the process.
    ///
    /// # Errors
    /// When the file cannot be written or the program not started.
    pub fn spawn(program: &Path, settings: Settings, more: &str) -> Result<Self> {
        let config = settings.directory.join(format!("{}.toml", settings.name));
        std::fs::write(&config, format!("{}\n{more}", settings.toml()))
            .with_context(|| format!("{} cannot be written", config.display()))?;
        let management = Management::new(&settings.management, &settings.key)?;
        let child = serve(program, &config, &settings)?;
        Ok(Self { management, config, program: program.to_owned(), child, settings })
    }

    /// Waits until the process says that it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time; the end of its log is in the message.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            if self.management.read("/ready").await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the {} ended at its start ({status}):\n{}", self.settings.name, self.log_tail());
            }
            if tokio::time::Instant::now() > deadline {
                bail!("the {} is not ready after 20 s:\n{}", self.settings.name, self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills the process at once (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("the process could not be killed")
    }

    /// Starts the process again over its store and waits until it is ready.
    ///
    /// # Errors
    /// As [`Connector::wait_ready`].
    pub async fn start_again(&mut self) -> Result<()> {
        self.child = serve(&self.program, &self.config, &self.settings)?;
        self.wait_ready().await
    }

    /// The process id, 0 when it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(log_file(&self.settings)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Double {
    async fn start(program: &Path, directory: &Path) -> Result<Self> {
        let log = std::fs::File::create(directory.join("security-server-double.log"))?;
        let mut child = Command::new(program)
            .arg("double")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the simulated security server could not be started")?;
        let stdout = child.stdout.take().context("the simulated security server has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await??;
        let said: Value = serde_json::from_str(&line.unwrap_or_default())
            .context("the simulated security server did not say where it is")?;
        Ok(Self { url: text(&said, "url")?, requests: text(&said, "requests")?, child })
    }
}

/// A port that was free a moment ago, on loopback.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// This very program, to start more of it.
///
/// # Errors
/// When the operating system does not say.
pub fn this_program() -> Result<PathBuf> {
    std::env::current_exe().context("this program's own file is not known")
}

fn serve(program: &Path, config: &Path, settings: &Settings) -> Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(log_file(settings))?;
    Command::new(program)
        .arg("serve")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("the {} could not be started", settings.name))
}

fn log_file(settings: &Settings) -> PathBuf {
    settings.directory.join(format!("{}.log", settings.name))
}

/// SIGTERM through the `kill` program: there is no unsafe code here and no crate for one signal.
async fn stop(child: &mut Child, patience: Duration) {
    if let Some(id) = child.id() {
        let _ = Command::new("kill").arg(id.to_string()).status().await;
        if tokio::time::timeout(patience, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }
}
