//! Identifiers of the Dataspace Protocol, one type each.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A participant of the data space, usually a `did:web` (DSP 2025-1, "participant id").
    ParticipantId
}
id! {
    /// A process id: `providerPid` or `consumerPid` of a negotiation or transfer (DSP 2025-1).
    Pid
}
id! {
    /// A dataset (an X-Road service offered), `INST:CLASS:CODE:SUB:service[:version]` unless configured otherwise.
    DatasetId
}
id! {
    /// An ODRL offer in a catalogue.
    OfferId
}
id! {
    /// A contract agreement.
    AgreementId
}
id! {
    /// An obligation of an agreement, as followed here.
    ObligationId
}
id! {
    /// An infringement of an agreement, as reported here.
    InfringementId
}
