//! What a decision costs: `cargo bench --bench policy`.
//!
//! Slotting of what a call tells, the decision and its full trace are inside the measured time; nothing is decided from memory of
//! the call before.
#![allow(clippy::print_stdout, clippy::allow_attributes)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sliproad::model::time::Timestamp;
use sliproad::policy::{Background, Commons, Compiled, Place, Policy, Registry, Sheet, Trace, World, compile};

#[path = "policy/agreement.rs"]
mod agreement;
#[path = "policy/rehearsal.rs"]
mod rehearsal;

use agreement::{Agreement, FIVE, TWENTY};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AGREEMENTS: usize = 10_000;
/// Means are those of the median round: a round is too short to be interrupted often, so that a busy machine shows less in them.
const ROUNDS: u32 = 1000;
const DECISIONS: u32 = 1000;
const SAMPLES: usize = 200_000;

fn main() -> Result<()> {
    println!("{:58} {:>10} {:>8} {:>8}  aim", "", "mean", "p50", "p99");
    let five = decisions("5 constraints, decision with trace", &[(FIVE.compiled()?, FIVE.world())], &FIVE)?;
    aim(five.mean, Duration::from_nanos(100), "mean 100 ns");
    let twenty = decisions("20 constraints, decision with trace", &[(TWENTY.compiled()?, TWENTY.world())], &TWENTY)?;
    aim(twenty.p99, Duration::from_micros(1), "p99 1 us");
    let mut many = (0..AGREEMENTS).map(|number| TWENTY.compiled_for(number)).collect::<Result<Vec<_>>>()?;
    let apart = decisions("each call under another of 10,000 agreements, nothing shared", &many, &TWENTY)?;
    println!("  {:.2} of the time with one agreement", apart.mean.as_secs_f64() / twenty.mean.as_secs_f64());
    let mut commons = Commons::default();
    many.iter_mut().for_each(|(policy, _)| commons.share(policy));
    let among = decisions("the same, as the data plane has them", &many, &TWENTY)?;
    println!("  {:.2} of the time with one agreement", among.mean.as_secs_f64() / twenty.mean.as_secs_f64());
    let compiling = compiling()?;
    println!("{:58} {:>10}", "compiling an agreement of 20 constraints", shown(compiling));
    aim(compiling, Duration::from_micros(100), "100 us");
    let (deciding, reading) = rehearsal::rates()?;
    println!("{:58} {:>8}/s", "rehearsing exchanges under a draft of 20 constraints", deciding);
    println!("  {}: 1,000,000/s", if deciding >= 1_000_000 { "met" } else { "NOT met" });
    println!("{:58} {:>8}/s", "reading them from the evidence log", reading);
    Ok(())
}

struct Figures {
    mean: Duration,
    p99: Duration,
}

/// Decides in turn under each of the agreements; in rounds for the mean, then one by one for the percentiles, which have the reading
/// of the clock in them.
fn decisions(name: &str, agreements: &[(Compiled, World)], agreement: &Agreement) -> Result<Figures> {
    let places: Vec<(Option<Place>, &str)> = agreement
        .told()
        .map(|(operand, value)| (agreements.first().and_then(|(p, _)| p.place(operand)), value))
        .collect();
    let backgrounds: Vec<Arc<Background>> =
        agreements.iter().map(|(policy, world)| Arc::new(policy.background(world))).collect();
    let mut sheet = Sheet::over(backgrounds.first().context("no agreement")?, Timestamp::from_millis(agreement::NOW));
    // Through all of them in an order that no cache foresees.
    let step = 7919 % agreements.len();
    let rest = agreements.len() - step;
    let (mut trace, mut turn) = (Trace::default(), 0_usize);
    let mut once = |now: i64| {
        turn = if turn >= rest { turn - rest } else { turn + step };
        let (Some((policy, _)), Some(background)) = (agreements.get(turn), backgrounds.get(turn)) else { return false };
        sheet.begin(background, Timestamp::from_millis(now));
        let mut filling = policy.fill(&mut sheet);
        for (place, value) in &places {
            filling.text(*place, black_box(value));
        }
        policy.judge(&sheet, &mut trace).permit
    };
    ensure!((0..1000).all(|n| once(agreement::NOW + n)), "the bench's own calls must be permitted");
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let permitted = (0..DECISIONS).filter(|n| once(agreement::NOW + i64::from(*n))).count();
        rounds.push(begun.elapsed() / DECISIONS);
        ensure!(permitted == DECISIONS as usize, "a call of the bench was refused");
    }
    rounds.sort_unstable();
    let mean = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    let mut samples: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let begun = Instant::now();
            black_box(once(agreement::NOW));
            begun.elapsed()
        })
        .collect();
    samples.sort_unstable();
    let at = |share: usize| samples.get(SAMPLES * share / 100).copied().unwrap_or_default();
    let figures = Figures { mean, p99: at(99) };
    println!("{name:58} {:>10} {:>8} {:>8}", shown(mean), shown(at(50)), shown(figures.p99));
    Ok(figures)
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

fn aim(measured: Duration, most: Duration, said: &str) {
    println!("  {}: {said}", if measured <= most { "met" } else { "NOT met" });
}
