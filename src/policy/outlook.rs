//! What becomes of an agreement while time alone goes by: where its duties stand, whether it will ever permit again, and when to look
//! next. What a monitor does about it is decided here; doing it is for others.

use super::compile::{Compiled, CompiledRule, DutyUse};
use super::explain::Decision;
use super::judge::{Eval, Trace};
use super::sheet::Sheet;
use super::world::World;
use crate::model::time::Timestamp;

/// Where a duty stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is still to be done, if it is called for at all.
    Open,
    /// It is still to be done, and its time has not come.
    Waiting,
    /// It is kept up until its time has come.
    Keeping,
    /// It was done in time, or late with all that follows from the delay; or it was kept up for its time.
    Fulfilled,
    /// Its time is over, and it was not made good.
    Overdue,
    /// It was not kept up, and that was not made good.
    Infringed,
}

/// A duty and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutyOutlook {
    /// The duty, its deadline from the agreement on.
    pub duty: DutyUse,
    /// Where it stands.
    pub standing: Standing,
    /// The clause that it follows from, when it is a consequence or a remedy.
    pub follows: Option<String>,
    /// Whether that calls for it, or has called for it: a delay or an infringement.
    pub called_for: bool,
}

/// Something that can be infringed elsewhere than on a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Infringible {
    /// The clause of the prohibition, or of the duty to keep something up.
    pub clause: String,
    /// Its `uid`, if any.
    pub uid: Option<String>,
    /// What is prohibited, or to be kept up.
    pub actions: Vec<String>,
    /// Until when something is to be kept up; `None` for a prohibition.
    pub until: Option<Timestamp>,
    /// The infringements reported of it that were made good.
    pub healed: Vec<Timestamp>,
}

/// What is to be expected of an agreement, as far as is known now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Set when the policy refuses now and will at any later time, unless something else than the time changes.
    pub refusal: Option<Decision>,
    /// Every duty, obligation and remedy; what follows from another one after it.
    pub duties: Vec<DutyOutlook>,
    /// Every prohibition, and every duty to keep something up.
    pub infringible: Vec<Infringible>,
    /// The first moment after now at which any answer may be another; `None` when time changes nothing any more.
    pub next: Option<Timestamp>,
}

impl Compiled {
    /// The outlook from the world as it is.
    #[must_use]
    pub fn outlook(&self, world: &World) -> Outlook {
        let mut sheet = self.sheet(world);
        let later = self.changes(&sheet);
        Outlook {
            duties: self.standings(&sheet),
            infringible: self.infringible(&sheet),
            next: later.first().copied(),
            refusal: self.refuses_for_good(&mut sheet, &later),
        }
    }

    /// The moments after now at which a comparison with the clock may come out otherwise, in order.
    fn changes(&self, sheet: &Sheet<'_>) -> Vec<Timestamp> {
        // A performance counts from the moment after it on. The time of remedies is counted from the infringement.
        let done = &sheet.background().done;
        let performed = done.iter().flat_map(|done| done.at.iter().copied());
        let infringed = done.iter().flat_map(|done| done.infringed.iter().copied());
        // That of what follows from a delay is counted from the end of the time for the duty.
        let agreed = sheet.background().agreed;
        let duties = self.permissions.iter().flat_map(|rule| &rule.duties).chain(&self.obligations);
        let mut over = Vec::new();
        duties.for_each(|duty| self.ends_of_time(duty, agreed, &mut over));
        let since = infringed.clone().chain(over).flat_map(|at| self.moments(Some(at)));
        let compared = self.moments(agreed).chain(performed).chain(infringed).chain(since);
        let mut changes: Vec<Timestamp> =
            compared.map(Timestamp::whole).flat_map(|at| [at, at.plus_millis(1)]).collect();
        changes.retain(|at| *at > sheet.now && at.has_date());
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    /// The ends of the time for a duty, and for all that follows from it.
    fn ends_of_time(&self, duty: &CompiledRule, since: Option<Timestamp>, found: &mut Vec<Timestamp>) {
        let over = self.deadline(duty, since);
        let refined = |rule: &CompiledRule| rule.actions.iter().any(|action| !action.refinements.is_empty());
        let is_bound = |next: &CompiledRule| !next.constraints.is_empty() || refined(next);
        found.extend(over.filter(|_| duty.consequences.iter().any(is_bound)));
        duty.consequences.iter().for_each(|next| self.ends_of_time(next, over.or(since), found));
    }

    fn refuses_for_good(&self, sheet: &mut Sheet<'_>, later: &[Timestamp]) -> Option<Decision> {
        let mut trace = Trace::default();
        let verdict = self.judge(sheet, &mut trace);
        if verdict.permit {
            return None;
        }
        let refusal = self.because(sheet, verdict);
        let permits_then = later.iter().any(|at| {
            sheet.now = *at;
            self.judge(sheet, &mut trace).permit
        });
        (!permits_then).then_some(refusal)
    }

    fn standings(&self, sheet: &Sheet<'_>) -> Vec<DutyOutlook> {
        let agreed = sheet.background().agreed;
        let duties = self.permissions.iter().flat_map(|rule| &rule.duties).zip(self.duties(agreed));
        let obligations = self.obligations.iter().zip(self.obligations(agreed));
        let mut found = Standings { eval: Eval::quiet(self, sheet), found: Vec::new() };
        duties.chain(obligations).for_each(|(rule, duty)| found.stand(rule, duty, None, true));
        self.prohibitions.iter().for_each(|rule| found.make_amends(rule));
        found.found
    }

    fn infringible(&self, sheet: &Sheet<'_>) -> Vec<Infringible> {
        let eval = Eval::quiet(self, sheet);
        let duties = self.permissions.iter().flat_map(|rule| &rule.duties).chain(&self.obligations);
        let rules = self.prohibitions.iter().chain(duties.filter(|duty| duty.keeps));
        let told = |rule: &CompiledRule| Infringible {
            clause: rule.clause.to_string(),
            uid: rule.uid.as_deref().map(str::to_owned),
            actions: rule.does.iter().map(ToString::to_string).collect(),
            until: if rule.keeps { eval.first_moment(rule) } else { None },
            healed: eval.infringements(rule).filter(|at| eval.is_remedied(rule, *at)).collect(),
        };
        rules.map(told).collect()
    }
}

struct Standings<'a> {
    eval: Eval<'a>,
    found: Vec<DutyOutlook>,
}

impl Standings<'_> {
    fn stand(&mut self, rule: &CompiledRule, duty: DutyUse, follows: Option<String>, called_for: bool) {
        // A duty of several permissions is one, wherever they name it.
        if self.found.iter().any(|known| known.duty.clause == duty.clause) {
            return;
        }
        let consequences = duty.consequences.clone();
        let standing = self.eval.standing(rule);
        self.found.push(DutyOutlook { duty, standing, follows, called_for });
        if rule.keeps {
            return self.make_amends(rule);
        }
        // Also of what was made good by them.
        let was_late = !self.eval.fulfilled(rule) && self.eval.is_violated(rule);
        let after = self.eval.after_delay(rule);
        let before = std::mem::replace(&mut self.eval, after);
        for (next, duty) in rule.consequences.iter().zip(consequences) {
            self.stand(next, duty, Some(rule.clause.to_string()), was_late);
        }
        self.eval = before;
    }

    /// What makes infringements of a rule good, whether or not there are any.
    fn make_amends(&mut self, rule: &CompiledRule) {
        let (all, open) = (self.eval.infringements(rule), self.eval.open_infringements(rule));
        let earliest = open.iter().copied().min().or(all.clone().min());
        let amends = self.eval.policy.amends(rule, earliest);
        for (next, duty) in rule.amends().iter().zip(amends) {
            let standing = self.eval.standing_since(next, &open);
            let follows = Some(rule.clause.to_string());
            self.found.push(DutyOutlook { duty, standing, follows, called_for: earliest.is_some() });
        }
    }
}
