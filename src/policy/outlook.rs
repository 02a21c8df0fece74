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
    /// It was done: in time, or late with all that follows from the delay.
    Fulfilled,
    /// Its time is over, and it was not made good.
    Overdue,
}

/// A duty and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DutyOutlook {
    /// The duty, its deadline from the agreement on.
    pub duty: DutyUse,
    /// Where it stands.
    pub standing: Standing,
    /// The clause of the duty whose delay calls for it, when it is a consequence.
    pub follows: Option<String>,
}

/// What is to be expected of an agreement, as far as is known now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Set when the policy refuses now and will at any later time, unless something else than the time changes.
    pub refusal: Option<Decision>,
    /// Every duty and obligation, consequences after that which they follow from.
    pub duties: Vec<DutyOutlook>,
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
            next: later.first().copied(),
            refusal: self.refuses_for_good(&mut sheet, &later),
        }
    }

    /// The moments after now at which a comparison with the clock may come out otherwise, in order.
    fn changes(&self, sheet: &Sheet) -> Vec<Timestamp> {
        // A performance counts from the moment after it on.
        let performed = sheet.background().done.iter().flat_map(|done| done.at.iter().copied());
        let compared = self.moments(sheet.background().agreed).chain(performed);
        let mut changes: Vec<Timestamp> =
            compared.map(Timestamp::whole).flat_map(|at| [at, at.plus_millis(1)]).collect();
        changes.retain(|at| *at > sheet.now);
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    fn refuses_for_good(&self, sheet: &mut Sheet, later: &[Timestamp]) -> Option<Decision> {
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

    fn standings(&self, sheet: &Sheet) -> Vec<DutyOutlook> {
        let duties = self.permissions.iter().flat_map(|rule| &rule.duties).zip(self.duties(sheet.background().agreed));
        let obligations = self.obligations.iter().zip(self.obligations(sheet.background().agreed));
        let mut eval = Eval::quiet(self, sheet);
        let mut found = Vec::new();
        duties.chain(obligations).for_each(|(rule, duty)| stand(&mut eval, rule, duty, None, &mut found));
        found
    }
}

fn stand(
    eval: &mut Eval<'_>,
    rule: &CompiledRule,
    duty: DutyUse,
    follows: Option<String>,
    found: &mut Vec<DutyOutlook>,
) {
    let (clause, consequences) = (duty.clause.clone(), duty.consequences.clone());
    found.push(DutyOutlook { duty, standing: eval.standing(rule), follows });
    for (rule, next) in rule.consequences.iter().zip(consequences) {
        stand(eval, rule, next, Some(clause.clone()), found);
    }
}
