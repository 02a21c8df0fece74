//! What a decision costs: `cargo bench --bench policy`.
//!
//! Slotting of what a call tells, the decision and its full trace are inside the measured time; nothing is decided from memory of
//! the call before.
#![allow(clippy::print_stdout, clippy::allow_attributes)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use sliproad::policy::{Background, Commons, Compiled, Policy, Registry, World, compile};

#[path = "policy/agreement.rs"]
mod agreement;
#[path = "policy/calls.rs"]
mod calls;
#[path = "policy/rehearsal.rs"]
mod rehearsal;

use agreement::{Agreement, FIVE, TWENTY};
use calls::{Calls, Figures, measured};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AGREEMENTS: usize = 10_000;

fn main() -> Result<()> {
    println!("{:72} {:>8} {:>8} {:>8}  aim", "", "mean", "p50", "p99");
    let five = one("5 constraints, decision with trace", &FIVE)?;
    aim(five.mean <= Duration::from_nanos(100), "mean 100 ns");
    let twenty = one("20 constraints, decision with trace", &TWENTY)?;
    aim(twenty.p99 <= Duration::from_micros(1), "p99 1 us");
    [1, 100, AGREEMENTS].into_iter().try_for_each(among_many)?;
    let compiling = compiling()?;
    println!("{:72} {:>8}", "compiling an agreement of 20 constraints", shown(compiling));
    aim(compiling <= Duration::from_micros(100), "100 us");
    let (deciding, reading) = rehearsal::rates()?;
    println!("{:72} {:>8}/s", "rehearsing exchanges under a draft of 20 constraints", deciding);
    aim(deciding >= 1_000_000, "1,000,000/s");
    println!("{:72} {:>8}/s", "reading them from the evidence log", reading);
    Ok(())
}

fn one(name: &str, agreement: &Agreement) -> Result<Figures> {
    let only = [(agreement.compiled()?, agreement.world())];
    let backgrounds = backgrounds(&only);
    let mut calls = [Calls::under(&only, &backgrounds, agreement)?];
    let (figures, _) = measured(&mut calls)?.first().copied().context("not measured")?;
    told(name, &figures);
    Ok(figures)
}

/// What 10,000 agreements on so many offers add to the time of a decision.
fn among_many(offers: usize) -> Result<()> {
    let mut many = (0..AGREEMENTS).map(|number| TWENTY.compiled_for(number, offers)).collect::<Result<Vec<_>>>()?;
    // As the data plane does.
    let mut commons = Commons::default();
    many.iter_mut().for_each(|(policy, _)| commons.share(policy));
    let backgrounds = backgrounds(&many);
    let calls = |agreements: usize| {
        let some = (many.get(..agreements), backgrounds.get(..agreements));
        let (Some(agreements), Some(backgrounds)) = some else { bail!("too few agreements") };
        Calls::under(agreements, backgrounds, &TWENTY)
    };
    let both = measured(&mut [calls(1)?, calls(AGREEMENTS)?])?;
    let (figures, ratio) = both.last().context("not measured")?;
    told(&format!("each under another of 10,000 agreements, offers: {offers}"), figures);
    println!("  {ratio:.2} of the time under one agreement");
    Ok(())
}

fn backgrounds(agreements: &[(Compiled, World)]) -> Vec<Background> {
    agreements.iter().map(|(policy, world)| policy.background(world)).collect()
}

fn compiling() -> Result<Duration> {
    let (registry, text) = (Registry::default(), TWENTY.policy().to_string());
    let begun = Instant::now();
    for _ in 0..1000 {
        let read = serde_json::from_str(black_box(&text))?;
        let policy = Policy::parse(&read).ok().context("the bench's policy cannot be read")?;
        ensure!(compile(&policy, &registry).is_ok(), "the bench's policy cannot be compiled");
    }
    Ok(begun.elapsed() / 1000)
}

fn shown(time: Duration) -> String {
    let nanos = time.as_nanos();
    if nanos < 10_000 { format!("{nanos} ns") } else { format!("{} us", nanos / 1000) }
}

fn told(name: &str, figures: &Figures) {
    println!("{name:72} {:>8} {:>8} {:>8}", shown(figures.mean), shown(figures.p50), shown(figures.p99));
}

fn aim(met: bool, said: &str) {
    println!("  {}: {said}", if met { "met" } else { "NOT met" });
}
