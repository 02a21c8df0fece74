//! The message types that are taken in.

/// A message of the protocol, by its `@type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageType {
    /// Asks for the catalogue.
    CatalogRequest,
    /// A consumer's request or counter-request.
    ContractRequest,
    /// A provider's offer or counter-offer.
    ContractOffer,
    /// A provider's agreement.
    ContractAgreement,
    /// A consumer's verification.
    ContractVerification,
    /// Accepted or finalised.
    ContractEvent,
    /// Ends a negotiation.
    ContractTermination,
    /// Asks for a transfer.
    TransferRequest,
    /// Starts or resumes a transfer.
    TransferStart,
    /// Completes a transfer.
    TransferCompletion,
    /// Pauses a transfer.
    TransferSuspension,
    /// Ends a transfer.
    TransferTermination,
}

impl MessageType {
    /// The `@type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CatalogRequest => "CatalogRequestMessage",
            Self::ContractRequest => "ContractRequestMessage",
            Self::ContractOffer => "ContractOfferMessage",
            Self::ContractAgreement => "ContractAgreementMessage",
            Self::ContractVerification => "ContractAgreementVerificationMessage",
            Self::ContractEvent => "ContractNegotiationEventMessage",
            Self::ContractTermination => "ContractNegotiationTerminationMessage",
            Self::TransferRequest => "TransferRequestMessage",
            Self::TransferStart => "TransferStartMessage",
            Self::TransferCompletion => "TransferCompletionMessage",
            Self::TransferSuspension => "TransferSuspensionMessage",
            Self::TransferTermination => "TransferTerminationMessage",
        }
    }
}
