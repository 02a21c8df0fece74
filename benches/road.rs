//! The data plane beside nginx, on loopback, in one run: `cargo bench --bench road [-- --seconds N] [--json]`.
//!
//! Both proxy to the same backend (an nginx that answers as a security server does); both are loaded by the same generator. The
//! data plane checks a token, decides a policy of four constraints, forwards, and makes evidence durable on disk for every call;
//! nginx passes the call on. What the disk alone takes is measured too, and the data plane with its evidence in memory beside it. nginx is Debian's `nginx-light`; where it is missing and cannot be installed the run is skipped and
//! says why.
#![allow(clippy::print_stdout, clippy::allow_attributes)]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};

#[path = "road/contract.rs"]
mod contract;
#[path = "road/disk.rs"]
mod disk;
#[path = "road/load.rs"]
mod load;
#[path = "road/nginx.rs"]
mod nginx;
#[path = "road/plane.rs"]
mod plane;
#[path = "road/report.rs"]
mod report;
#[path = "road/watch.rs"]
mod watch;

use load::{Load, Target};
use report::Report;

const CONNECTIONS: usize = 64;
const GIBIBYTE: u64 = 1 << 30;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("--role-plane") => plane::run(&arguments),
        Some("--role-load") => load::run(&arguments),
        _ => compare(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &[String]) -> Result<()> {
    let seconds = value_of(arguments, "--seconds").map_or(Ok(6), str::parse).context("--seconds wants a number")?;
    let Some(program) = nginx::find() else {
        println!("skipped: nginx is not installed and apt-get could not install nginx-light");
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let backend = nginx::backend(&program, directory.path(), GIBIBYTE)?;
    let proxy = nginx::proxy(&program, directory.path(), &backend.address)?;
    let road = plane::start(directory.path(), &backend.address)?;
    let nginx_target = Target { address: proxy.address.clone(), path: plane::SERVICE_PATH.to_owned(), token: None };
    let our_target = Target { address: road.address.clone(), path: road.path.clone(), token: Some(road.token.clone()) };
    let mut report = Report { seconds, ..Report::default() };
    let length = Duration::from_secs(seconds);
    for target in [&nginx_target, &our_target] {
        Load { target, below: "/small", connections: CONNECTIONS, rate: None, length: length / 3 }.measure()?;
    }
    for _ in 0..3 {
        report.nginx.push(closed(&nginx_target, proxy.pid(), length, &mut report.nginx_cost)?);
        report.ours.push(closed(&our_target, road.pid(), length, &mut report.our_cost)?);
    }
    let half = report.ours_per_second() / 2;
    for _ in 0..3 {
        report.nginx_half.push(paced(&nginx_target, half, length)?);
        report.ours_half.push(paced(&our_target, half, length)?);
    }
    report.half_rate = half;
    report.disk = disk::synchronising(directory.path())?;
    if let Some(memory) = disk::in_memory() {
        let road = plane::start(memory.path(), &backend.address)?;
        let target = Target { address: road.address.clone(), path: road.path.clone(), token: Some(road.token.clone()) };
        for _ in 0..3 {
            report.memory_half.push(paced(&target, half, length)?);
        }
    }
    streams(&mut report, (&nginx_target, proxy.pid()), (&our_target, road.pid()))?;
    report.evidence = plane::evidence(directory.path())?;
    report.contracts = contract::measure(directory.path())?;
    report.print(arguments.iter().any(|a| a == "--json"));
    Ok(())
}

/// As many calls as possible; and what each cost the process in nanoseconds of processor time.
fn closed(target: &Target, pid: u32, length: Duration, costs: &mut Vec<u64>) -> Result<load::Figures> {
    let before = watch::processor(pid)?;
    let figures = Load { target, below: "/small", connections: CONNECTIONS, rate: None, length }.measure()?;
    costs.push((watch::processor(pid)? - before) * 1_000_000 / figures.calls.max(1));
    Ok(figures)
}

fn paced(target: &Target, rate: u64, length: Duration) -> Result<load::Figures> {
    Load { target, below: "/small", connections: CONNECTIONS, rate: Some(rate), length }.measure()
}

/// One gibibyte through each, three times, turn by turn.
fn streams(report: &mut Report, nginx: (&Target, u32), ours: (&Target, u32)) -> Result<()> {
    for _ in 0..3 {
        report.nginx_stream.push(load::download(nginx.0, "/large", GIBIBYTE)?);
        let before = watch::resident(ours.1)?;
        let watching = watch::Watch::begin(ours.1);
        report.our_stream.push(load::download(ours.0, "/large", GIBIBYTE)?);
        report.growth.push(watching.peak().saturating_sub(before));
    }
    report.nginx_resident = watch::resident(nginx.1)?;
    report.our_resident = watch::resident(ours.1)?;
    Ok(())
}

/// The value after an argument.
fn value_of<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    arguments.iter().skip_while(|a| *a != name).nth(1).map(String::as_str)
}

/// Where this program is, to be started again in another role.
fn own_path() -> Result<std::path::PathBuf> {
    std::env::current_exe().context("the bench does not find itself")
}

/// Writes a file of so many bytes without using the disk for them.
fn sparse(path: &Path, size: u64) -> Result<()> {
    std::fs::File::create(path)?.set_len(size)?;
    Ok(())
}
