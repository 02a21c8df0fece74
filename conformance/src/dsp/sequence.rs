//! What a sequence is: what the connector under test does by configuration, and what the peer sends, expects and checks.

/// Which of the suite's families a sequence is of; it says which side the connector under test plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `CN`: it provides.
    NegotiationProvider,
    /// `CN_C`: it consumes.
    NegotiationConsumer,
    /// `TP`: it provides.
    TransferProvider,
    /// `TP_C`: it consumes.
    TransferConsumer,
}

impl Family {
    /// Whether it is about negotiations.
    pub(crate) const fn negotiates(self) -> bool {
        matches!(self, Self::NegotiationProvider | Self::NegotiationConsumer)
    }

    /// Whether the connector under test provides.
    pub(crate) const fn provides(self) -> bool {
        matches!(self, Self::NegotiationProvider | Self::TransferProvider)
    }

    const fn code(self) -> &'static str {
        match self {
            Self::NegotiationProvider => "CN",
            Self::NegotiationConsumer => "CN_C",
            Self::TransferProvider => "TP",
            Self::TransferConsumer => "TP_C",
        }
    }

    /// Beginning of the ids of its datasets and agreements.
    const fn asset(self) -> &'static str {
        match self {
            Self::NegotiationProvider => "ACN",
            Self::NegotiationConsumer => "ACNC",
            Self::TransferProvider => "ATP",
            Self::TransferConsumer => "ATPC",
        }
    }
}

/// A message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// ContractRequestMessage: the first one, or a counter-request.
    Request,
    /// ContractOfferMessage.
    Offer,
    /// ContractNegotiationEventMessage `ACCEPTED`.
    Accepted,
    /// ContractAgreementMessage.
    Agreement,
    /// ContractAgreementVerificationMessage.
    Verification,
    /// ContractNegotiationEventMessage `FINALIZED`.
    Finalized,
    /// ContractNegotiationTerminationMessage or TransferTerminationMessage.
    Termination,
    /// TransferRequestMessage.
    TransferRequest,
    /// TransferStartMessage.
    Start,
    /// TransferSuspensionMessage.
    Suspension,
    /// TransferCompletionMessage.
    Completion,
}

/// One step of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a message that must be taken (2xx).
    Send(Message),
    /// Send a message that must be refused: 4xx, but not 404.
    Refused(Message),
    /// Wait for a message of the connector under test.
    Receive(Message),
    /// Ask for the process: it must be in this state.
    State(&'static str),
}

/// What the connector under test does when a process enters a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The state entered.
    pub(crate) state: &'static str,
    /// Only at the nth time.
    pub(crate) visit: Option<u32>,
    /// The action's name in the configuration.
    pub(crate) action: &'static str,
}

/// One sequence of the suite, after its opening: the peer's first request, or the operator's order and the first request to the
/// peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    /// Its family.
    pub(crate) family: Family,
    /// Its number, such as `01-03`.
    pub(crate) number: &'static str,
    /// What happens in it.
    pub(crate) title: &'static str,
    /// What the connector under test is configured to do.
    pub(crate) rules: &'static [Rule],
    /// What the peer does after the opening.
    pub(crate) steps: &'static [Step],
}

impl Sequence {
    /// The suite's name for it, such as `CN_C:01-03`.
    pub(crate) fn id(&self) -> String {
        format!("{}:{}", self.family.code(), self.number)
    }

    /// Beginning of its properties' names in the official kit, such as `CN_C_01_03`.
    pub(crate) fn property(&self) -> String {
        self.id().replace([':', '-'], "_")
    }

    /// Id of its dataset, and of its agreement where it is about a transfer, such as `ACNC0103`.
    pub(crate) fn asset(&self) -> String {
        format!("{}{}", self.family.asset(), self.number.replace('-', ""))
    }

    /// Id of the offer of its dataset where the connector under test provides.
    pub(crate) fn offer(&self) -> String {
        format!("CD123:{}:456", self.asset())
    }

    /// Path segment of its own callbacks.
    pub(crate) fn segment(&self) -> String {
        self.property().to_lowercase()
    }
}

/// `on(STATE, ACTION)`.
pub(crate) const fn on(state: &'static str, action: &'static str) -> Rule {
    Rule { state, visit: None, action }
}

/// `nth(STATE, VISIT, ACTION)`.
pub(crate) const fn nth(state: &'static str, visit: u32, action: &'static str) -> Rule {
    Rule { state, visit: Some(visit), action }
}
