//! How the obligations and infringements that are followed change when an agreement is looked at again.

use super::compile::{Compiled, DutyUse};
use super::outlook::{DutyOutlook, Outlook, Standing};
use super::world::{DutyPerformed, Infringed, Reported};
use crate::model::infringement::{Infringement, InfringementState};
use crate::model::obligation::{Followed, Obligation, ObligationState};
use crate::model::time::Timestamp;

/// What is to be written about an agreement's obligations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObligationChange<'a> {
    /// A duty that nobody followed so far.
    Begins(&'a DutyOutlook, ObligationState),
    /// One that is followed, by its place among those known.
    Becomes(usize, &'a DutyOutlook, ObligationState),
}

impl Reported {
    /// What is reported of the duties of an agreement by what is followed of it.
    #[must_use]
    pub fn by(followed: &Followed) -> Self {
        let obligations = &followed.obligations;
        let performed =
            obligations.iter().filter_map(|o| Some(DutyPerformed { id: o.clause.clone(), at: o.performed? }));
        let missed = obligations.iter().filter(|o| o.state.is_missed());
        let open = followed.infringements.iter().filter(|one| one.state == InfringementState::Open);
        Self {
            performed: performed.collect(),
            violated: missed.map(|o| o.clause.clone()).collect(),
            infringed: open.map(|one| Infringed { id: one.clause.clone(), at: one.infringed }).collect(),
        }
    }

    /// As if every duty of a policy's permissions had been done then.
    #[must_use]
    pub fn all_done(policy: &Compiled, at: Timestamp) -> Self {
        let duties = policy.duties(None).into_iter();
        Self { performed: duties.map(|duty| DutyPerformed { id: duty.clause, at }).collect(), ..Self::default() }
    }
}

impl Outlook {
    /// What changes in the obligations known of the agreement. What follows from another clause begins when that is not done in time,
    /// or infringed; it is lifted when it turns out that it was not.
    #[must_use]
    pub fn changes(&self, known: &[Obligation]) -> Vec<ObligationChange<'_>> {
        let changes = self.duties.iter().filter_map(|duty| {
            let Some(at) = known.iter().position(|o| o.clause == duty.duty.clause) else {
                return duty.called_for.then_some(ObligationChange::Begins(duty, state_of(duty)));
            };
            let before = known.get(at)?;
            let state = match (duty.called_for, before.state) {
                (true, _) => state_of(duty),
                (false, ObligationState::Fulfilled) => return None,
                (false, _) => ObligationState::Lifted,
            };
            let same = before.state == state && (!duty.called_for || duty.is_bounded_as(before));
            (!same).then_some(ObligationChange::Becomes(at, duty, state))
        });
        changes.collect()
    }

    /// Whether an infringement that was reported has been made good.
    #[must_use]
    pub fn is_healed(&self, infringement: &Infringement) -> bool {
        let healed = |one: &super::Infringible| {
            one.clause == infringement.clause && one.healed.contains(&infringement.infringed)
        };
        self.infringible.iter().any(healed)
    }
}

impl DutyOutlook {
    /// Whether an obligation has the times of this duty, as far as they are kept.
    fn is_bounded_as(&self, known: &Obligation) -> bool {
        let millis = |time: Option<Timestamp>| time.map(Timestamp::millis);
        millis(self.duty.deadline) == millis(known.deadline) && millis(self.duty.not_before) == millis(known.not_before)
    }
}

fn state_of(duty: &DutyOutlook) -> ObligationState {
    match duty.standing {
        Standing::Fulfilled => ObligationState::Fulfilled,
        Standing::Open if duty.duty.is_met_by_exchanges() => ObligationState::Fulfilled,
        Standing::Open => ObligationState::Open,
        Standing::Waiting => ObligationState::Waiting,
        Standing::Keeping => ObligationState::Keeping,
        Standing::Overdue if duty.duty.consequences.is_empty() => ObligationState::Overdue,
        Standing::Overdue => ObligationState::Escalated,
        Standing::Infringed => ObligationState::Infringed,
    }
}

impl DutyUse {
    /// Whether this is one of the things to be done.
    #[must_use]
    pub fn does(&self, action: &str) -> bool {
        self.actions.iter().any(|one| one == action)
    }
}
