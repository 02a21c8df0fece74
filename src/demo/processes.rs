//! The three processes of the road: started, watched for readiness, killed and started again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

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
    process: Process,
}

/// The simulated security server's process.
pub struct Double {
    /// Where clients call it.
    pub url: String,
    /// Where it tells what it received.
    pub requests: String,
    process: Process,
}

/// A process that ends when this end of its standard input does, so also when this program is killed.
struct Process {
    child: Child,
    _input: Option<ChildStdin>,
}

/// Somebody else took a port between its choice and its use.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct PortTaken(String);

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
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::connectors(directory, program, &double.url, for_provider, for_consumer).await {
                Ok(([provider, consumer], [provider_ready, consumer_ready])) => {
                    let ready_after = [double_ready, provider_ready, consumer_ready];
                    return Ok(Self { double, provider, consumer, ready_after });
                }
                Err(error) if tries < 3 && error.is::<PortTaken>() => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn connectors(
        directory: &Path,
        program: &Path,
        double: &str,
        for_provider: &str,
        for_consumer: &str,
    ) -> Result<([Connector; 2], [Duration; 2])> {
        let [provider, consumer] = settings::pair(directory, double)?;
        let begun = std::time::Instant::now();
        let mut provider = Connector::spawn(program, provider, for_provider)?;
        provider.wait_ready().await?;
        let provider_ready = begun.elapsed();
        let begun = std::time::Instant::now();
        let mut consumer = Connector::spawn(program, consumer, for_consumer)?;
        consumer.wait_ready().await?;
        Ok(([provider, consumer], [provider_ready, begun.elapsed()]))
    }

    /// Stops all three: asks first, kills after `patience`.
    pub async fn stop(&mut self, patience: Duration) {
        for process in [&mut self.consumer.process, &mut self.provider.process, &mut self.double.process] {
            process.stop(patience).await;
        }
    }

    /// Returns when one of the processes ended by itself.
    ///
    /// # Errors
    /// Always: which it was.
    pub async fn ended(&mut self) -> Result<()> {
        tokio::select! {
            status = self.provider.process.child.wait() => bail!("the provider ended: {}", status?),
            status = self.consumer.process.child.wait() => bail!("the consumer ended: {}", status?),
            status = self.double.process.child.wait() => bail!("the simulated security server ended: {}", status?),
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
        let process = serve(program, &config, &settings)?;
        Ok(Self { management, config, program: program.to_owned(), process, settings })
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
            if let Some(status) = self.process.child.try_wait()? {
                let tail = self.log_tail();
                let ended = format!("the {} ended at its start ({status}):\n{tail}", self.settings.name);
                if tail.contains("listener cannot use") {
                    bail!(PortTaken(ended));
                }
                bail!(ended);
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
        self.process.child.kill().await.context("the process could not be killed")
    }

    /// Starts the process again over its store and waits until it is ready.
    ///
    /// # Errors
    /// As [`Connector::wait_ready`].
    pub async fn start_again(&mut self) -> Result<()> {
        self.start_unready()?;
        self.wait_ready().await
    }

    /// Starts the process again over its store without waiting for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_unready(&mut self) -> Result<()> {
        self.process = serve(&self.program, &self.config, &self.settings)?;
        Ok(())
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    /// When the operating system does not tell of it.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        self.process.child.wait().await.context("the end of the process could not be waited for")
    }

    /// Stops the process: asks first, kills after `patience`.
    pub async fn stop(&mut self, patience: Duration) {
        self.process.stop(patience).await;
    }

    /// The process id, 0 when it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.child.id().unwrap_or(0)
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(log_file(&self.settings)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Double {
    async fn start(program: &Path, directory: &Path) -> Result<Self> {
        let log = directory.join("security-server-double.log");
        let log = std::fs::File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let mut command = Command::new(program);
        command.arg("double").stdout(Stdio::piped()).stderr(log);
        let mut process = Process::start(command).context("the simulated security server could not be started")?;
        let stdout = process.child.stdout.take().context("the simulated security server has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await??;
        let said: Value = serde_json::from_str(&line.unwrap_or_default())
            .context("the simulated security server did not say where it is")?;
        Ok(Self { url: text(&said, "url")?, requests: text(&said, "requests")?, process })
    }
}

impl Process {
    fn start(mut command: Command) -> Result<Self> {
        let mut child = command.arg("--end-with-input").stdin(Stdio::piped()).kill_on_drop(true).spawn()?;
        // Taken out, since waiting for a child closes what is left in it.
        let input = child.stdin.take();
        Ok(Self { child, _input: input })
    }

    /// SIGTERM through the `kill` program: there is no unsafe code here and no crate for one signal.
    async fn stop(&mut self, patience: Duration) {
        let Some(id) = self.child.id() else { return };
        let _ = Command::new("kill").arg(id.to_string()).status().await;
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// A port that was free a moment ago, on loopback.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    let [port] = free_ports()?;
    Ok(port)
}

/// Different ports that were free a moment ago, on loopback. They are below those that operating systems give to outgoing
/// connections, so that only another listener can take one before it is used, or between a kill and the next start.
///
/// # Errors
/// When there are none.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    for _ in 0..1_000 {
        if held.len() == N {
            break;
        }
        let port = rand::random_range(20_000..32_000);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
    }
    let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    ports.try_into().map_err(|_| anyhow::anyhow!("no free ports were found on 127.0.0.1"))
}

/// This very program, to start more of it.
///
/// # Errors
/// When the operating system does not say.
pub fn this_program() -> Result<PathBuf> {
    std::env::current_exe().context("this program's own file is not known")
}

fn serve(program: &Path, config: &Path, settings: &Settings) -> Result<Process> {
    let file = log_file(settings);
    let log = std::fs::File::options().create(true).append(true).open(&file);
    let log = log.with_context(|| format!("{} cannot be written", file.display()))?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(config).stdout(log.try_clone()?).stderr(log);
    Process::start(command).with_context(|| format!("the {} could not be started", settings.name))
}

fn log_file(settings: &Settings) -> PathBuf {
    settings.directory.join(format!("{}.log", settings.name))
}
