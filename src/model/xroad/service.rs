//! What the metadata services tell of a service.

use serde::{Deserialize, Serialize};

use super::{Endpoint, ServiceId};

/// What kind of description a service has (`service_type` of listMethods).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceKind {
    /// A REST service without a description.
    Rest,
    /// A REST service described by an OpenAPI document.
    OpenApi,
}

/// A service as found at a security server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoveredService {
    /// Which one.
    pub service: ServiceId,
    /// Its kind.
    pub kind: ServiceKind,
    /// `info.title` of the OpenAPI document, at most 300 characters.
    pub title: Option<String>,
    /// `info.description`, at most 4,000 characters.
    pub description: Option<String>,
    /// `info.version`.
    pub version: Option<String>,
    /// Operations from the document, or else the endpoints that access rights name.
    pub operations: Vec<Operation>,
}

/// A method and path of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Method and path.
    pub endpoint: Endpoint,
    /// `summary` of the operation.
    pub summary: Option<String>,
}
