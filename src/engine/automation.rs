//! What to do next when nobody says: rules first, then the default, which is to continue.

use std::time::Duration;

use crate::model::message::Reasons;
use crate::model::negotiation::{NegotiationEvent, NegotiationState, Role};
pub use crate::model::pattern::glob;
use crate::model::process::{Process, ProcessKind, ProcessState};
use crate::model::transfer::{TransferEvent, TransferState};

/// One `[[automation]]` rule; the first that matches decides. An absent pattern matches everything; `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Negotiations or transfers.
    pub process: ProcessKind,
    /// Our side.
    pub role: Option<Role>,
    /// Pattern of the dataset id.
    pub dataset: Option<String>,
    /// Pattern of the agreement id.
    pub agreement: Option<String>,
    /// Pattern of the counterparty's participant id.
    pub counterparty: Option<String>,
    /// The state just entered, by its name on the wire.
    pub state: Option<String>,
    /// Only when the state is entered for the nth time, from 1.
    pub visit: Option<u32>,
    /// How long to wait before acting.
    pub delay: Duration,
    /// What to do.
    pub action: RuleAction,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// Wait for a person.
    Hold,
    /// A step of a negotiation; `Request` is a counter-request, `Offer` a counter-offer.
    Negotiation(NegotiationEvent),
    /// A step of a transfer.
    Transfer(TransferEvent),
}

/// The rules of one connector.
#[derive(Clone, Debug, Default)]
pub struct Automation(Vec<Rule>);

/// What follows a state that was just entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is the peer's turn, or nothing follows.
    Rest,
    /// A person decides.
    Hold,
    /// Do this after the delay.
    Do(RuleAction, Duration, Option<Reasons>),
}

impl Automation {
    /// With these rules, tried in order.
    #[must_use]
    pub const fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// What follows the state that `process` is in.
    pub(super) fn next(&self, process: &Process) -> Next {
        match self.0.iter().find(|rule| rule.matches(process)) {
            Some(Rule { action: RuleAction::Hold, .. }) => Next::Hold,
            Some(rule) => Next::Do(rule.action, rule.delay, None),
            None => default_step(process),
        }
    }
}

impl Rule {
    fn matches(&self, process: &Process) -> bool {
        let fits = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|p| glob(p, text));
        let visits = process.detail.visits.get(process.state.as_str()).copied().unwrap_or(0);
        self.process == process.kind()
            && self.role.is_none_or(|r| r == process.role)
            && self.state.as_ref().is_none_or(|s| s == process.state.as_str())
            && self.visit.is_none_or(|v| v == visits)
            && fits(&self.dataset, process.dataset.as_str())
            && fits(&self.counterparty, process.counterparty.as_str())
            && self.agreement.as_ref().is_none_or(|p| process.agreement.as_ref().is_some_and(|a| glob(p, a.as_str())))
    }
}

fn default_step(process: &Process) -> Next {
    use NegotiationEvent as N;
    use Role::{Consumer, Provider};
    let objection = process.detail.objection.clone();
    let go = |event| Next::Do(RuleAction::Negotiation(event), Duration::ZERO, None);
    match (process.state, process.role) {
        (ProcessState::Negotiation(NegotiationState::Requested), Provider) => match objection {
            Some(reasons) => Next::Do(RuleAction::Negotiation(N::Terminate), Duration::ZERO, Some(reasons)),
            None => go(N::Agree),
        },
        (ProcessState::Negotiation(NegotiationState::Offered), Consumer) if objection.is_some() => Next::Hold,
        (ProcessState::Negotiation(NegotiationState::Offered), Consumer) => go(N::Accept),
        (ProcessState::Negotiation(NegotiationState::Accepted), Provider) => go(N::Agree),
        (ProcessState::Negotiation(NegotiationState::Agreed), Consumer) => match objection {
            Some(reasons) => Next::Do(RuleAction::Negotiation(N::Terminate), Duration::ZERO, Some(reasons)),
            None => go(N::Verify),
        },
        (ProcessState::Negotiation(NegotiationState::Verified), Provider) => go(N::Finalize),
        (ProcessState::Transfer(TransferState::Requested), Provider) => match objection {
            Some(reasons) => Next::Do(RuleAction::Transfer(TransferEvent::Terminate), Duration::ZERO, Some(reasons)),
            None => Next::Do(RuleAction::Transfer(TransferEvent::Start), Duration::ZERO, None),
        },
        _ => Next::Rest,
    }
}
