//! Calls to be decided, in turn under each of some agreements.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sliproad::model::time::Timestamp;
use sliproad::policy::{Background, Compiled, Place, Sheet, Trace, World};

use crate::agreement::{Agreement, NOW};

/// A round is too short to be interrupted often, so that a busy machine shows less in the median of many.
const ROUNDS: usize = 1000;
const DECISIONS: u32 = 1000;
const SAMPLES: usize = 200_000;

pub(crate) struct Calls<'a> {
    agreements: &'a [(Compiled, World)],
    backgrounds: &'a [Background],
    told: Vec<(Option<Place>, &'static str)>,
    sheet: Sheet<'a>,
    trace: Trace,
    turn: usize,
}

#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) mean: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl<'a> Calls<'a> {
    pub(crate) fn under(
        agreements: &'a [(Compiled, World)],
        backgrounds: &'a [Background],
        agreement: &Agreement,
    ) -> Result<Self> {
        let (first, _) = agreements.first().context("no agreement")?;
        let sheet = Sheet::over(backgrounds.first().context("no agreement")?, Timestamp::from_millis(NOW));
        let told = agreement.told().map(|(operand, value)| (first.place(operand), value)).collect();
        let mut calls = Self { agreements, backgrounds, told, sheet, trace: Trace::default(), turn: 0 };
        ensure!((0..1000).all(|n| calls.decide(NOW + n)), "the bench's own calls must be permitted");
        Ok(calls)
    }

    /// Slots one call and decides it, under an agreement that no cache foresees.
    fn decide(&mut self, now: i64) -> bool {
        let step = 7919 % self.agreements.len();
        let rest = self.agreements.len() - step;
        self.turn = if self.turn >= rest { self.turn - rest } else { self.turn + step };
        let (Some((policy, _)), Some(background)) = (self.agreements.get(self.turn), self.backgrounds.get(self.turn))
        else {
            return false;
        };
        self.sheet.begin(background, Timestamp::from_millis(now));
        let mut filling = policy.fill(&mut self.sheet);
        for (place, value) in &self.told {
            filling.text(*place, black_box(value));
        }
        policy.judge(&self.sheet, &mut self.trace).permit
    }

    fn round(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        let permitted = (0..DECISIONS).filter(|n| self.decide(NOW + i64::from(*n))).count();
        let taken = begun.elapsed() / DECISIONS;
        ensure!(permitted == DECISIONS as usize, "a call of the bench was refused");
        Ok(taken)
    }

    /// One by one, with the reading of the clock in each.
    fn samples(&mut self) -> Vec<Duration> {
        let mut samples: Vec<Duration> = (0..SAMPLES)
            .map(|_| {
                let begun = Instant::now();
                black_box(self.decide(NOW));
                begun.elapsed()
            })
            .collect();
        samples.sort_unstable();
        samples
    }
}

/// What a decision takes among each of these calls: the mean of the median round, then percentiles. Their rounds take turns, so that a
/// machine that is slower for a while is so for all of them; with each, the median of what its rounds take in units of the first's.
pub(crate) fn measured(all: &mut [Calls<'_>]) -> Result<Vec<(Figures, f64)>> {
    let mut rounds: Vec<Vec<Duration>> = vec![Vec::new(); all.len()];
    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); all.len()];
    for _ in 0..ROUNDS {
        let mut first = None;
        for ((calls, rounds), ratios) in all.iter_mut().zip(&mut rounds).zip(&mut ratios) {
            let taken = calls.round()?;
            rounds.push(taken);
            ratios.push(taken.as_secs_f64() / first.get_or_insert(taken).as_secs_f64());
        }
    }
    let each = all.iter_mut().zip(rounds).zip(ratios).map(|((calls, mut rounds), mut ratios)| {
        rounds.sort_unstable();
        ratios.sort_unstable_by(f64::total_cmp);
        let samples = calls.samples();
        let at = |share: usize| samples.get(SAMPLES * share / 100).copied().unwrap_or_default();
        let mean = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
        (Figures { mean, p50: at(50), p99: at(99) }, ratios.get(ROUNDS / 2).copied().unwrap_or_default())
    });
    Ok(each.collect())
}
