//! What was measured, side by side, and whether the aims were met.

use super::contract::Contracts;
use super::load::Figures;
use serde_json::json;

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) seconds: u64,
    pub(crate) nginx: Vec<Figures>,
    pub(crate) ours: Vec<Figures>,
    /// Nanoseconds of processor time for each call.
    pub(crate) nginx_cost: Vec<u64>,
    pub(crate) our_cost: Vec<u64>,
    pub(crate) half_rate: u64,
    pub(crate) nginx_half: Vec<Figures>,
    pub(crate) ours_half: Vec<Figures>,
    /// The same with evidence in memory; empty where there is none to be had as a directory.
    pub(crate) memory_half: Vec<Figures>,
    /// Synchronising a few records on the disk, microseconds: p50 and p99.
    pub(crate) disk: (u64, u64),
    /// MiB per second.
    pub(crate) nginx_stream: Vec<u64>,
    pub(crate) our_stream: Vec<u64>,
    /// KiB.
    pub(crate) growth: Vec<u64>,
    pub(crate) nginx_resident: u64,
    pub(crate) our_resident: u64,
    /// Records verified after the run.
    pub(crate) evidence: u64,
    pub(crate) contracts: Contracts,
}

fn median<T>(runs: &[T], of: impl Fn(&T) -> u64) -> u64 {
    let mut all: Vec<u64> = runs.iter().map(of).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

impl Report {
    pub(crate) fn ours_per_second(&self) -> u64 {
        median(&self.ours, |f| f.per_second)
    }

    pub(crate) fn print(&self, as_json: bool) {
        let rps = (median(&self.nginx, |f| f.per_second), self.ours_per_second());
        let p50 = (median(&self.nginx_half, |f| f.p50), median(&self.ours_half, |f| f.p50));
        let p99 = (median(&self.nginx_half, |f| f.p99), median(&self.ours_half, |f| f.p99));
        let memory = (median(&self.memory_half, |f| f.p50), median(&self.memory_half, |f| f.p99));
        let stream = (median(&self.nginx_stream, |m| *m), median(&self.our_stream, |m| *m));
        let growth = self.growth.iter().max().copied().unwrap_or_default();
        let (ratio, stream_ratio) = (percent(rps.1, rps.0), percent(stream.1, stream.0));
        let added = p99.1.saturating_sub(p99.0);
        if as_json {
            let figures = json!({
                "callsPerSecond": {"nginx": rps.0, "sliproad": rps.1, "percent": ratio},
                "processorNanosecondsPerCall": {"nginx": median(&self.nginx_cost, |c| *c), "sliproad": median(&self.our_cost, |c| *c)},
                "atRate": self.half_rate,
                "microseconds": {"p50": {"nginx": p50.0, "sliproad": p50.1}, "p99": {"nginx": p99.0, "sliproad": p99.1}},
                "evidenceInMemoryMicroseconds": {"p50": memory.0, "p99": memory.1},
                "diskMicroseconds": {"p50": self.disk.0, "p99": self.disk.1},
                "mebibytesPerSecond": {"nginx": stream.0, "sliproad": stream.1, "percent": stream_ratio},
                "kibibytes": {"growth": growth, "nginx": self.nginx_resident, "sliproad": self.our_resident},
                "evidenceRecords": self.evidence,
                "contractToFirstByteMicroseconds": self.contracts.first_byte,
                "idleKibibytes": self.contracts.idle,
                "readyMilliseconds": self.contracts.start,
                "programKibibytes": self.contracts.program,
            });
            println!("{figures:#}");
            return;
        }
        println!(
            "The data plane (token, policy, evidence on disk) beside nginx as plain reverse proxy; same backend, loopback."
        );
        println!("Medians of three runs of {} s, 64 connections, 1 KiB answers.\n", self.seconds);
        println!("{:<44}{:>10}{:>10}   aim", "", "nginx", "sliproad");
        row("calls per second", rps.0, rps.1, &format!("{} {ratio} % of nginx", met(rps.1 >= 5000 && ratio >= 80)));
        let cost = (median(&self.nginx_cost, |c| *c), median(&self.our_cost, |c| *c));
        row("processor time of a call, nanoseconds", cost.0, cost.1, "");
        let rate = format!("at {} calls/s: p50, microseconds", self.half_rate);
        row(&rate, p50.0, p50.1, "");
        row("              p99, microseconds", p99.0, p99.1, &format!("{} {added} added", met(added <= 500)));
        let without_disk = format!("p99 {} us", memory.1);
        row("              evidence in memory: p50", 0, memory.0, &without_disk);
        let synchronising = format!("p99 {} us", self.disk.1);
        row("              the disk alone, one sync: p50", 0, self.disk.0, &synchronising);
        let aim = format!("{} {stream_ratio} % of nginx", met(stream_ratio >= 95));
        row("1 GiB stream, MiB per second", stream.0, stream.1, &aim);
        println!("{:<44}{:>10}{growth:>10}   {}", "resident memory grown by it, KiB", "", met(growth <= 16 * 1024));
        row("resident memory after all, KiB", self.nginx_resident, self.our_resident, "");
        let c = &self.contracts;
        row(
            "contract to first byte, p50, microseconds",
            0,
            c.first_byte,
            &format!("{} 15 ms", met(c.first_byte <= 15_000)),
        );
        row("idle provider, resident KiB", 0, c.idle, &format!("{} 30 MB", met(c.idle <= 30_000)));
        row("ready after its start, ms", 0, c.start, &format!("{} 300 ms", met(c.start <= 300)));
        row("program, KiB", 0, c.program, "");
        println!("\nevidence: {} records, verified whole", self.evidence);
    }
}

fn percent(ours: u64, theirs: u64) -> u64 {
    ours * 100 / theirs.max(1)
}

fn met(met: bool) -> &'static str {
    if met { "met:" } else { "not met:" }
}

fn row(what: &str, nginx: u64, ours: u64, aim: &str) {
    let nginx = if nginx == 0 { String::new() } else { nginx.to_string() };
    println!("{what:<44}{nginx:>10}{ours:>10}   {aim}");
}
