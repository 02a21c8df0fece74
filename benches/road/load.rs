//! The load generator: kept connections, one request at a time on each, written and read as bytes so that it costs little itself.
//! It runs as a process of its own, with one thread.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is called.
pub(crate) struct Target {
    pub(crate) address: String,
    /// What the paths called are appended to.
    pub(crate) path: String,
    pub(crate) token: Option<String>,
}

/// One measurement to be made.
pub(crate) struct Load<'a> {
    pub(crate) target: &'a Target,
    pub(crate) below: &'a str,
    pub(crate) connections: usize,
    /// Calls per second; as many as possible when absent.
    pub(crate) rate: Option<u64>,
    pub(crate) length: Duration,
}

/// What was measured. Times in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) per_second: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

impl Load<'_> {
    /// Runs the generator as a process of its own.
    pub(crate) fn measure(&self) -> Result<Figures> {
        let output = Command::new(super::own_path()?)
            .args(["--role-load", "--address", &self.target.address])
            .args(["--path", &format!("{}{}", self.target.path, self.below)])
            .args(["--connections", &self.connections.to_string()])
            .args(["--rate", &self.rate.unwrap_or_default().to_string()])
            .args(["--millis", &self.length.as_millis().to_string()])
            .env("BENCH_TOKEN", self.target.token.as_deref().unwrap_or_default())
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "the load generator failed against {}", self.target.address);
        serde_json::from_slice(&output.stdout).context("the load generator's figures cannot be read")
    }
}

/// The generator's process.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let text = |name| super::value_of(arguments, name).with_context(|| format!("{name} is missing"));
    let number = |name| text(name)?.parse::<u64>().with_context(|| format!("{name} is not a number"));
    let (address, path) = (text("--address")?.to_owned(), text("--path")?);
    let rate = Some(number("--rate")?).filter(|r| *r > 0);
    let length = Duration::from_millis(number("--millis")?);
    let connections = usize::try_from(number("--connections")?)?;
    let request: Arc<[u8]> = request(&address, path, &std::env::var("BENCH_TOKEN")?).into_bytes().into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(async {
        let began = Instant::now();
        let turn = Arc::new(AtomicU64::new(0));
        let callers: Vec<_> = (0..connections)
            .map(|_| {
                tokio::spawn(caller(address.clone(), Arc::clone(&request), rate, began, length, Arc::clone(&turn)))
            })
            .collect();
        let mut times = Vec::new();
        for caller in callers {
            times.extend(caller.await??);
        }
        Ok::<_, anyhow::Error>(Figures::of(times, began.elapsed()))
    })?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

impl Figures {
    fn of(mut times: Vec<u64>, length: Duration) -> Self {
        times.sort_unstable();
        let at = |part: usize| times.get((times.len() * part / 1000).min(times.len().saturating_sub(1))).copied();
        let calls = times.len() as u64;
        let per_second = u64::try_from(u128::from(calls) * 1000 / length.as_millis().max(1)).unwrap_or_default();
        Self { calls, per_second, p50: at(500).unwrap_or_default(), p99: at(990).unwrap_or_default() }
    }
}

fn request(address: &str, path: &str, token: &str) -> String {
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n{authorization}\r\n")
}

/// Calls until the time is over; how long each call took. At a rate, time counts from when the call was due.
async fn caller(
    address: String,
    request: Arc<[u8]>,
    rate: Option<u64>,
    began: Instant,
    length: Duration,
    turn: Arc<AtomicU64>,
) -> Result<Vec<u64>> {
    let mut stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut times = Vec::with_capacity(100_000);
    loop {
        let due = match rate {
            None => Instant::now(),
            Some(rate) => {
                let due = began + Duration::from_nanos(turn.fetch_add(1, Ordering::Relaxed) * 1_000_000_000 / rate);
                tokio::time::sleep_until(due.into()).await;
                due
            }
        };
        if due >= began + length || began.elapsed() >= length {
            return Ok(times);
        }
        stream.write_all(&request).await?;
        answer(&mut stream, &mut buffer).await?;
        times.push(u64::try_from(due.elapsed().as_micros())?);
    }
}

/// Reads one answer with a length.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    loop {
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        ensure!(read > 0, "the connection ended");
        filled += read;
        let got = buffer.get(..filled).unwrap_or_default();
        if let Some(total) = length(got)?
            && filled >= total
        {
            return Ok(());
        }
    }
}

/// How long the answer that begins here is, head included; `None` while its head is not whole.
fn length(got: &[u8]) -> Result<Option<usize>> {
    let Some(head) = got.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(got.get(..head).unwrap_or_default())?;
    ensure!(text.starts_with("HTTP/1.1 200"), "not answered well: {text}");
    for line in text.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(Some(head + 4 + value.trim().parse::<usize>()?));
        }
    }
    bail!("an answer without a length: {text}")
}

/// Downloads so many bytes on a connection of its own; MiB per second.
pub(crate) fn download(target: &Target, below: &str, size: u64) -> Result<u64> {
    use std::io::{Read as _, Write as _};
    let request = request(&target.address, &format!("{}{below}", target.path), target.token.as_deref().unwrap_or(""));
    let mut stream = std::net::TcpStream::connect(&target.address)?;
    let began = Instant::now();
    stream.write_all(request.replace("accept:", "connection: close\r\naccept:").as_bytes())?;
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            read => total += read as u64,
        }
    }
    ensure!(total > size, "only {total} bytes came of {}", target.address);
    Ok(u64::try_from(u128::from(size >> 20) * 1000 / began.elapsed().as_millis().max(1))?)
}
