//! How the obligations that are followed change when an agreement is looked at again.

use super::compile::{Compiled, DutyUse};
use super::outlook::{DutyOutlook, Outlook, Standing};
use super::world::{DutyPerformed, Reported};
use crate::model::obligation::{Obligation, ObligationState};
use crate::model::time::Timestamp;

/// What is to be written about an agreement's obligations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObligationChange<'a> {
    /// A duty that nobody followed so far.
    Begins(&'a DutyOutlook, ObligationState),
    /// One that is followed, by its place among those known.
    Becomes(usize, ObligationState),
}

impl Reported {
    /// What is reported of the duties of an agreement by those of its obligations that are followed.
    #[must_use]
    pub fn by(obligations: &[Obligation]) -> Self {
        let performed =
            obligations.iter().filter_map(|o| Some(DutyPerformed { id: o.clause.clone(), at: o.performed? }));
        let missed = obligations.iter().filter(|o| o.state.is_missed());
        Self { performed: performed.collect(), violated: missed.map(|o| o.clause.clone()).collect() }
    }

    /// As if every duty of a policy's permissions had been done then.
    #[must_use]
    pub fn all_done(policy: &Compiled, at: Timestamp) -> Self {
        let duties = policy.duties(None).into_iter();
        Self { performed: duties.map(|duty| DutyPerformed { id: duty.clause, at }).collect(), violated: Vec::new() }
    }
}

impl Outlook {
    /// What changes in the obligations known of the agreement. A consequence begins when that which it follows from is not done in
    /// time.
    #[must_use]
    pub fn changes(&self, known: &[Obligation]) -> Vec<ObligationChange<'_>> {
        let overdue = |clause: &str| {
            self.duties.iter().any(|other| other.duty.clause == clause && other.standing == Standing::Overdue)
        };
        let changes = self.duties.iter().filter_map(|duty| {
            let state = state_of(duty);
            match known.iter().position(|o| o.clause == duty.duty.clause) {
                Some(at) => known.get(at).filter(|o| o.state != state).map(|_| ObligationChange::Becomes(at, state)),
                None if duty.follows.as_deref().is_none_or(overdue) => Some(ObligationChange::Begins(duty, state)),
                None => None,
            }
        });
        changes.collect()
    }
}

fn state_of(duty: &DutyOutlook) -> ObligationState {
    match duty.standing {
        Standing::Fulfilled => ObligationState::Fulfilled,
        Standing::Open if duty.duty.is_met_by_exchanges() => ObligationState::Fulfilled,
        Standing::Open => ObligationState::Open,
        Standing::Overdue if duty.duty.consequences.is_empty() => ObligationState::Overdue,
        Standing::Overdue => ObligationState::Escalated,
    }
}

impl DutyUse {
    /// Whether this is one of the things to be done.
    #[must_use]
    pub fn does(&self, action: &str) -> bool {
        self.actions.iter().any(|one| one == action)
    }
}
