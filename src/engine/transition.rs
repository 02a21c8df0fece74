//! How a process enters its next state: the fields that every transition changes, and the plan that follows.

use super::automation::{Automation, Next, RuleAction};
use crate::model::message::Reasons;
use crate::model::negotiation::Role;
use crate::model::process::{Process, ProcessState};
use crate::model::time::Timestamp;
use crate::store::PlannedStep;

/// Enters `state` on behalf of `changed_by`; what the automation will do next.
pub(super) fn enter(
    process: &mut Process,
    state: ProcessState,
    changed_by: Role,
    now: Timestamp,
    automation: &Automation,
) -> Option<PlannedStep> {
    process.state = state;
    process.version += 1;
    process.updated = now;
    process.detail.changed_by = Some(changed_by);
    *process.detail.visits.entry(state.as_str().to_owned()).or_default() += 1;
    plan(process, now, automation)
}

/// What follows the state that `process` has just entered; marks it held when a person has to decide.
fn plan(process: &mut Process, now: Timestamp, automation: &Automation) -> Option<PlannedStep> {
    process.detail.held = false;
    match automation.next(process) {
        Next::Rest => None,
        Next::Hold => {
            process.detail.held = true;
            None
        }
        Next::Do(action, delay, reasons) => {
            if let Some(reasons) = reasons {
                process.detail.reasons = Some(reasons);
            }
            let event = match action {
                RuleAction::Hold => return None,
                RuleAction::Negotiation(event) => event.as_str(),
                RuleAction::Transfer(event) => event.as_str(),
            };
            let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            Some(PlannedStep { event: event.to_owned(), at: now.plus_millis(delay) })
        }
    }
}

/// The reasons to give when nobody gave any.
pub(super) fn reasons_or(given: Reasons, process: &Process, code: &str, sentence: &str) -> Reasons {
    if given.code.is_some() || !given.reason.is_empty() {
        return given;
    }
    process.detail.reasons.clone().unwrap_or_else(|| Reasons::new(code, sentence))
}
