//! Acts that were done, judged after the fact: which of them infringed the policy, and whether that was healed.
//!
//! A decision looks forward and knows no healing; a history does. A prohibited act is healed by the prohibition's remedies, done after
//! it (ODRL Information Model 2.2 §2.6.7). An act before its duty is healed by the duty, though late, together with all of the duty's
//! consequences, done after the act (§2.6.6). An obligation is met by an act that performs it.

use super::compile::{Compiled, CompiledRule};
use super::judge::{Eval, Ground, Trace};
use super::sheet::Sheet;
use super::world::World;
use crate::model::time::Timestamp;

/// An act that the policy did not allow, or an obligation that no act met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Infringement {
    /// The act's place among those given; `None` for an obligation.
    pub act: Option<usize>,
    /// JSON Pointers of the clauses that were infringed.
    pub clauses: Vec<String>,
    /// Whether what heals it was done.
    pub healed: bool,
}

impl Compiled {
    /// The infringements of a history of acts, in order of time. Each act is the world when it was done; which duties it performs is
    /// found from the acts themselves.
    #[must_use]
    pub fn infringements(&self, acts: &[World]) -> Vec<Infringement> {
        let mut order: Vec<usize> = (0..acts.len()).collect();
        order.sort_by_key(|at| acts.get(*at).map(|act| act.now));
        let sheets: Vec<(usize, Sheet<'static>)> =
            order.into_iter().filter_map(|at| Some((at, self.sheet(acts.get(at)?)))).collect();
        let mut history = History { policy: self, sheets, done: vec![Vec::new(); self.rules] };
        history.find_performances();
        history.judge()
    }
}

struct History<'a> {
    policy: &'a Compiled,
    sheets: Vec<(usize, Sheet<'static>)>,
    /// Of each rule: when it was performed.
    done: Vec<Vec<Timestamp>>,
}

impl History<'_> {
    fn find_performances(&mut self) {
        let policy = self.policy;
        for rule in policy.permissions.iter().chain(&policy.prohibitions) {
            self.find(&rule.duties);
            self.find(&rule.remedies);
        }
        self.find(&policy.obligations);
        for (_, sheet) in &mut self.sheets {
            for (done, times) in sheet.amend().done.iter_mut().zip(&self.done) {
                done.at.extend_from_slice(times);
            }
        }
    }

    /// A duty that names nobody may be performed by anybody.
    fn find(&mut self, duties: &[CompiledRule]) {
        for duty in duties {
            for (_, sheet) in &self.sheets {
                let mut eval = Eval::quiet(self.policy, sheet);
                let performs = eval.rule(duty).lets();
                if let Some(times) = self.done.get_mut(duty.index).filter(|_| performs) {
                    times.push(sheet.now);
                }
            }
            self.find(&duty.consequences);
        }
    }

    fn judge(&self) -> Vec<Infringement> {
        let mut found = Vec::new();
        for (act, sheet) in &self.sheets {
            let ground = self.policy.judge(sheet, &mut Trace::default()).ground;
            let (clauses, healed) = match ground {
                Ground::Permission(_) => continue,
                Ground::Prohibition => self.prohibited(sheet),
                // What nothing permits infringes the prohibitions that are about it, whatever would have won.
                Ground::NoPermission if self.is_barred(sheet) => self.prohibited(sheet),
                Ground::NoPermission => self.not_permitted(sheet),
                Ground::Obligation | Ground::Infringement | Ground::Offer | Ground::Parent => (Vec::new(), false),
            };
            found.push(Infringement { act: Some(*act), clauses, healed });
        }
        for duty in self.policy.obligations.iter().filter(|duty| !self.was_done(duty, None)) {
            let healed = !duty.consequences.is_empty() && duty.consequences.iter().all(|c| self.was_done(c, None));
            found.push(Infringement { act: None, clauses: vec![duty.clause.to_string()], healed });
        }
        found
    }

    fn is_barred(&self, sheet: &Sheet<'_>) -> bool {
        let mut eval = Eval::quiet(self.policy, sheet);
        self.policy.prohibitions.iter().any(|rule| eval.rule(rule).bars())
    }

    fn prohibited(&self, sheet: &Sheet<'_>) -> (Vec<String>, bool) {
        let mut eval = Eval::quiet(self.policy, sheet);
        let barring: Vec<&CompiledRule> =
            self.policy.prohibitions.iter().filter(|rule| eval.rule(rule).bars()).collect();
        let remedied = |rule: &&CompiledRule| {
            !rule.remedies.is_empty() && rule.remedies.iter().all(|remedy| self.was_done(remedy, Some(sheet.now)))
        };
        let permitted = self.policy.permissions.iter().any(|rule| eval.permission(rule).lets());
        let healed = permitted && barring.iter().all(remedied);
        (barring.iter().map(|rule| rule.clause.to_string()).collect(), healed)
    }

    fn not_permitted(&self, sheet: &Sheet<'_>) -> (Vec<String>, bool) {
        let mut eval = Eval::quiet(self.policy, sheet);
        let mut clauses = Vec::new();
        for rule in self.policy.permissions.iter().filter(|rule| !rule.duties.is_empty()) {
            if !eval.rule(rule).lets() {
                continue;
            }
            let open: Vec<&CompiledRule> = rule.duties.iter().filter(|duty| !eval.duty(duty).lets()).collect();
            let made_good = |duty: &&CompiledRule| {
                !duty.consequences.is_empty()
                    && self.was_done(duty, None)
                    && duty.consequences.iter().all(|next| self.was_done(next, Some(sheet.now)))
            };
            clauses.extend(open.iter().map(|duty| duty.clause.to_string()));
            if open.iter().all(made_good) {
                return (clauses, true);
            }
        }
        (clauses, false)
    }

    fn was_done(&self, duty: &CompiledRule, after: Option<Timestamp>) -> bool {
        let times = self.done.get(duty.index);
        times.into_iter().flatten().any(|at| after.is_none_or(|after| *at > after))
    }
}
