//! X-Road identifiers: parsed, printed in the `/` form of the REST protocol and in the `:` form of the management API.
//!
//! Codes are kept percent-encoded, as they stand in a request line; reading one decodes it. What the message protocol only warns of
//! is accepted here, so that services met in the field can be called; what cannot be addressed at all is refused.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod endpoint;
mod segments;
mod service;
#[cfg(test)]
mod tests;

pub use endpoint::Endpoint;
pub use segments::IdentifierError;
pub use service::{DiscoveredService, Operation, ServiceKind};

use segments::{code_at, colons, read};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:literal ..= $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The `/` form with every code percent-encoded, as in a request line or an `X-Road-*` header.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The `:` form with codes as they are, as in the management API (which percent-encodes the whole once more in a path).
            #[must_use]
            pub fn colons(&self) -> String {
                colons(&self.0)
            }

            /// Whether all codes keep to the characters that the message protocol names (`A-Za-z0-9'()+,-.=?`).
            #[must_use]
            pub fn is_plain(&self) -> bool {
                segments::is_plain(&self.0)
            }

            /// X-Road instance.
            #[must_use]
            pub fn instance(&self) -> Cow<'_, str> {
                code_at(&self.0, 0)
            }

            /// Member class.
            #[must_use]
            pub fn class(&self) -> Cow<'_, str> {
                code_at(&self.0, 1)
            }

            /// Member code.
            #[must_use]
            pub fn code(&self) -> Cow<'_, str> {
                code_at(&self.0, 2)
            }
        }

        impl FromStr for $name {
            type Err = IdentifierError;

            /// Reads the `/` form or the `:` form, codes percent-encoded or not.
            fn from_str(text: &str) -> Result<Self, IdentifierError> {
                read(text, $what, $min..=$max).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdentifierError;

            fn try_from(text: String) -> Result<Self, IdentifierError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $what })
            }
        }
    };
}

identifier! {
    /// A member (`INST/CLASS/CODE`) or a subsystem (`INST/CLASS/CODE/SUB`): who speaks in `X-Road-Client`.
    ClientId, "a client id INST/CLASS/CODE[/SUBSYSTEM]", 3..=4
}
identifier! {
    /// A security server, `INST/CLASS/CODE/SERVER`, as in `X-Road-Security-Server`.
    ServerId, "a security server id INST/CLASS/CODE/SERVER", 4..=4
}
identifier! {
    /// A service of a subsystem, `INST/CLASS/CODE/SUB/service[/version]`. REST services have no version.
    ServiceId, "a service id INST/CLASS/CODE/SUBSYSTEM/service[/version]", 5..=6
}

impl ClientId {
    /// A client from its codes.
    ///
    /// # Errors
    /// When a code is empty, too long or holds a character that no X-Road identifier may have.
    pub fn new(instance: &str, class: &str, code: &str, subsystem: Option<&str>) -> Result<Self, IdentifierError> {
        segments::join([instance, class, code].into_iter().chain(subsystem)).map(Self)
    }

    /// The subsystem's code; `None` for a member.
    #[must_use]
    pub fn subsystem(&self) -> Option<Cow<'_, str>> {
        segments::code(&self.0, 3)
    }

    /// A service of this subsystem.
    ///
    /// # Errors
    /// When this is a member, or the service code cannot be one.
    pub fn service(&self, code: &str, version: Option<&str>) -> Result<ServiceId, IdentifierError> {
        let added = segments::join(std::iter::once(code).chain(version))?;
        format!("{self}/{added}").parse()
    }
}

impl ServiceId {
    /// The subsystem that provides the service.
    #[must_use]
    pub fn provider(&self) -> ClientId {
        ClientId(self.0.splitn(5, '/').take(4).collect::<Vec<_>>().join("/").into())
    }

    /// The subsystem's code.
    #[must_use]
    pub fn subsystem(&self) -> Cow<'_, str> {
        code_at(&self.0, 3)
    }

    /// The service code.
    #[must_use]
    pub fn service(&self) -> Cow<'_, str> {
        code_at(&self.0, 4)
    }

    /// The service version, which only SOAP services have.
    #[must_use]
    pub fn version(&self) -> Option<Cow<'_, str>> {
        segments::code(&self.0, 5)
    }

    /// The id of the dataset that this service is in a catalogue: the `:` form, codes percent-encoded so that it is an IRI.
    #[must_use]
    pub fn dataset_id(&self) -> super::ids::DatasetId {
        self.0.replace('/', ":").into()
    }
}
