//! The official kit of the Dataspace Protocol, run from a directory of jars against a real `sliproad serve` process.
//!
//! Nothing of the kit is part of Sliproad. A directory is filled by Maven from
//! `org.eclipse.dataspacetck.dsp:dsp-tck` (1.0.1 or later) with its runtime dependencies and `com.squareup.okhttp3:okhttp-jvm`.
//! The harness chooses free ports, writes the kit's properties, translates its two triggers to the management API (`shim`), and
//! reads its console: the kit ends with code 0 even when everything failed, so all 65 must be seen to have passed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::dsp::ground::{CATALOGUED, Ground, SEGMENT, SUBJECT};
use crate::dsp::{SEQUENCES, base, sequences, set_up};
use crate::report::{Case, Report, Seen};
use crate::subject::{Subject, free_ports};

mod console;
mod shim;

use console::Console;
use shim::Shim;

/// The kit's participant id, which cannot be configured.
const PEER: &str = "TCK_PARTICIPANT";
/// The kit changes its own state after our answer and registers its next handler after polling: a step that comes sooner is lost.
const PAUSE_MS: u64 = 500;
/// Longest silence of the kit. A step that fails takes it about 15 s.
const SILENCE: Duration = Duration::from_secs(120);
/// Longest run: every case at its time limit.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs the kit in `jars` against `program`.
pub(crate) async fn run(program: &Path, jars: &Path, seen: Seen<'_>) -> Result<Report, String> {
    has_jars(jars)?;
    let (double, ground, mut subject) = set_up(program, PEER, PAUSE_MS).await?;
    let shim = Shim::start(subject.management().clone()).await.map_err(|e| format!("no trigger endpoints: {e}"))?;
    let directory = tempfile::tempdir().map_err(|e| format!("no directory: {e}"))?;
    let [port] = free_ports().map_err(|e| format!("no free port: {e}"))?;
    let config = directory.path().join("tck.properties");
    std::fs::write(&config, properties(&ground, &subject, &shim, port))
        .map_err(|e| format!("the kit's properties cannot be written: {e}"))?;
    let mut console = Console::default();
    let mut child = launch(jars, &config, directory.path())?;
    let ended = follow(&mut child, &mut console, seen).await;
    // It may have ended by itself.
    child.kill().await.ok();
    let mut cases = console.into_cases();
    let errors = std::fs::read_to_string(directory.path().join("stderr")).unwrap_or_default();
    let trouble = ended.and_then(|()| complete(&cases)).and_then(|()| subject.alive());
    if let Err(reason) = trouble {
        let reason = format!("{reason}\n{}", errors.lines().take(20).collect::<Vec<_>>().join("\n"));
        cases.push(Case::ended("kit", "the official kit ran whole", Err(reason), Duration::ZERO));
    }
    subject.stop().await;
    double.stop().await;
    Ok(Report { suite: "dsp".to_owned(), cases, took: Duration::ZERO })
}

fn has_jars(jars: &Path) -> Result<(), String> {
    let entries = std::fs::read_dir(jars).map_err(|e| format!("{} cannot be read: {e}", jars.display()))?;
    let any = entries.filter_map(Result::ok).any(|entry| entry.path().extension().is_some_and(|ext| ext == "jar"));
    if any { Ok(()) } else { Err(format!("{} holds no jar", jars.display())) }
}

/// Whole classes vanish silently when the kit cannot set them up.
fn complete(cases: &[Case]) -> Result<(), String> {
    if cases.len() == SEQUENCES {
        return Ok(());
    }
    Err(format!("expected {SEQUENCES} cases, the kit reported {}", cases.len()))
}

/// The Java program: of `JAVA_HOME` when it is set.
pub(crate) fn java() -> PathBuf {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    home.filter(|java| java.is_file()).unwrap_or_else(|| PathBuf::from("java"))
}

fn launch(jars: &Path, config: &Path, directory: &Path) -> Result<Child, String> {
    let stderr = std::fs::File::create(directory.join("stderr")).map_err(|e| e.to_string())?;
    Command::new(java())
        .arg("-cp")
        .arg(jars.join("*"))
        .arg("org.eclipse.dataspacetck.dsp.suite.DspTckSuite")
        .arg("-config")
        .arg(config)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| format!("Java does not start: {e}"))
}

async fn follow(child: &mut Child, console: &mut Console, seen: Seen<'_>) -> Result<(), String> {
    let out = child.stdout.take().ok_or("the kit has no output")?;
    let reading = read(BufReader::new(out), console, seen);
    timeout(LIMIT, reading).await.map_err(|_| format!("the kit runs longer than {} s", LIMIT.as_secs()))?
}

async fn read(out: BufReader<ChildStdout>, console: &mut Console, seen: Seen<'_>) -> Result<(), String> {
    let mut lines = out.lines();
    let mut since = Instant::now();
    loop {
        let next = timeout(SILENCE, lines.next_line());
        let line = next.await.map_err(|_| format!("the kit has said nothing for {} s", SILENCE.as_secs()))?;
        let Some(line) = line.map_err(|e| format!("the kit's output cannot be read: {e}"))? else { return Ok(()) };
        if let Some(case) = console.line(&line, since.elapsed()) {
            seen(&case);
        }
        if console.between() {
            since = Instant::now();
        }
    }
}

fn properties(ground: &Ground, subject: &Subject, shim: &Shim, port: u16) -> String {
    let public = format!("{}/{SEGMENT}", subject.place().public());
    let (negotiations, transfers) = shim.triggers();
    let mut lines: Vec<String> = [
        ("dsp.local.connector", "false"),
        ("debug", "false"),
        ("ansi", "false"),
        ("host", "127.0.0.1"),
        ("port", &port.to_string()),
        ("callback.address", &format!("http://127.0.0.1:{port}")),
        ("dsp.connector.agent.id", SUBJECT),
        ("dsp.connector.http.url", &base(subject)),
        ("dsp.connector.http.base.url", &public),
        ("dsp.connector.http.headers.authorization", &ground.says),
        ("dsp.connector.negotiation.initiate.url", &negotiations),
        ("dsp.connector.transfer.initiate.url", &transfers),
        ("dsp.default.wait", "15"),
    ]
    .map(|(key, value)| format!("dataspacetck.{key}={value}"))
    .to_vec();
    lines.extend(["01_01", "01_02"].map(|number| format!("CAT_{number}_DATASETID={CATALOGUED}")));
    for sequence in sequences() {
        let (property, asset) = (sequence.property(), sequence.asset());
        if sequence.family.negotiates() {
            lines.push(format!("{property}_DATASETID={asset}"));
            if sequence.family.provides() {
                lines.push(format!("{property}_OFFERID={}", sequence.offer()));
            }
        } else {
            lines.push(format!("{property}_AGREEMENTID={asset}"));
            lines.push(format!("{property}_FORMAT=HttpData-PULL"));
        }
    }
    lines.join("\n") + "\n"
}
