//! `[[automation]]`: what to do when a process enters a state.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::negotiation::{self, NegotiationEvent, NegotiationState, Role};
use crate::model::process::{ProcessKind, ProcessState};
use crate::model::transfer::{self, TransferEvent};

/// `[[automation]]`: one rule. An absent pattern fits everything; `*` stands for any text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AutomationRule {
    /// Negotiations or transfers.
    pub process: ProcessKind,
    /// Our side; both when absent.
    #[serde(default)]
    pub role: Option<Role>,
    /// Pattern of the dataset id.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Pattern of the agreement id.
    #[serde(default)]
    pub agreement: Option<String>,
    /// Pattern of the counterparty's participant id.
    #[serde(default)]
    pub counterparty: Option<String>,
    /// The state just entered, by its name on the wire, such as `REQUESTED`.
    pub state: String,
    /// Only when the state is entered for the nth time, from 1.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub visit: Option<u32>,
    /// How long to wait before acting, milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// What to do.
    pub action: AutomationAction,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AutomationAction {
    /// The provider offers the terms on the table.
    Offer,
    /// A counter-offer: the consumer requests again, the provider offers again.
    Counter,
    /// The consumer accepts the offer.
    Accept,
    /// The provider sends the agreement.
    Agree,
    /// The consumer verifies the agreement.
    Verify,
    /// The provider finalises.
    Finalize,
    /// A transfer starts.
    Start,
    /// A transfer is suspended.
    Suspend,
    /// A transfer is completed.
    Complete,
    /// The process ends.
    Terminate,
    /// Wait for a person.
    Hold,
}

impl AutomationAction {
    /// As written in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Counter => "counter",
            Self::Accept => "accept",
            Self::Agree => "agree",
            Self::Verify => "verify",
            Self::Finalize => "finalize",
            Self::Start => "start",
            Self::Suspend => "suspend",
            Self::Complete => "complete",
            Self::Terminate => "terminate",
            Self::Hold => "hold",
        }
    }
}

/// A rule's action as a step of the state tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutomationStep {
    /// Wait for a person.
    Hold,
    /// A step of a negotiation.
    Negotiation(NegotiationEvent),
    /// A step of a transfer.
    Transfer(TransferEvent),
}

impl AutomationRule {
    /// [`AutomationRule::delay_ms`] as a duration.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// What the rule does on each side that it is for, as far as the state tables allow it there. Never empty for a checked
    /// configuration.
    #[must_use]
    pub fn steps(&self) -> Vec<(Role, AutomationStep)> {
        let Some(state) = ProcessState::parse(self.process, &self.state) else { return Vec::new() };
        Role::ALL
            .into_iter()
            .filter(|role| self.role.is_none_or(|only| only == *role))
            .filter_map(|role| Some((role, self.step(state, role)?)))
            .collect()
    }

    fn step(&self, state: ProcessState, role: Role) -> Option<AutomationStep> {
        if self.action == AutomationAction::Hold {
            return (!state.is_final()).then_some(AutomationStep::Hold);
        }
        match state {
            ProcessState::Negotiation(from) => {
                let event = negotiation_event(self.action, role)?;
                negotiable(from, role, event).then_some(AutomationStep::Negotiation(event))
            }
            ProcessState::Transfer(from) => {
                let event = transfer_event(self.action)?;
                transfer::step(Some(from), role, event).ok().map(|_| AutomationStep::Transfer(event))
            }
        }
    }
}

fn negotiable(from: NegotiationState, role: Role, event: NegotiationEvent) -> bool {
    negotiation::step(Some(from), role, event).is_ok()
}

const fn negotiation_event(action: AutomationAction, role: Role) -> Option<NegotiationEvent> {
    use AutomationAction as A;
    use NegotiationEvent as E;
    match (action, role) {
        (A::Counter, Role::Consumer) => Some(E::Request),
        (A::Offer, _) | (A::Counter, Role::Provider) => Some(E::Offer),
        (A::Accept, _) => Some(E::Accept),
        (A::Agree, _) => Some(E::Agree),
        (A::Verify, _) => Some(E::Verify),
        (A::Finalize, _) => Some(E::Finalize),
        (A::Terminate, _) => Some(E::Terminate),
        (A::Start | A::Suspend | A::Complete | A::Hold, _) => None,
    }
}

const fn transfer_event(action: AutomationAction) -> Option<TransferEvent> {
    use AutomationAction as A;
    match action {
        A::Start => Some(TransferEvent::Start),
        A::Suspend => Some(TransferEvent::Suspend),
        A::Complete => Some(TransferEvent::Complete),
        A::Terminate => Some(TransferEvent::Terminate),
        _ => None,
    }
}
