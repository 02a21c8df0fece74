//! Which services there are to offer, with what their documents say of them.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};

use super::{ListedService, OpenApi};
use crate::model::pattern::glob;
use crate::model::xroad::{ClientId, DiscoveredService, Operation, ServiceId, ServiceKind};
use crate::xroad::client::XRoadClient;
use crate::xroad::failure::CallError;
use crate::xroad::fault::FaultKind;

/// How many documents are asked for at once: metadata must not crowd out calls.
const AT_ONCE: usize = 4;

/// Whose services to look for.
#[derive(Clone, Debug)]
pub struct Selection {
    /// In whose name to ask.
    pub client: ClientId,
    /// Patterns of services to look for, such as `DEV/GOV/2000/*`; `*` stands for any text. One that names a subsystem in full
    /// spares asking who there is.
    pub services: Vec<String>,
    /// Only services that `client` has access to.
    pub allowed_only: bool,
    /// Subsystems whose services were found before: one that X-Road does not list any more has none.
    pub known: BTreeSet<ClientId>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Subsystems that answered, or that X-Road does not know any more: `services` has all of theirs that were looked for.
    pub read: Vec<ClientId>,
    /// The services found.
    pub services: Vec<DiscoveredService>,
    /// What could not be read, a subsystem or a pattern; nothing can be said of its services.
    pub failed: Vec<(String, CallError)>,
}

/// Lists the services of the selected providers and reads their OpenAPI documents. A document that cannot be read leaves its
/// service without title and description.
pub async fn discover(xroad: &XRoadClient, selection: &Selection) -> Discovery {
    let mut found = Discovery::default();
    for provider in subsystems(xroad, selection, &mut found).await {
        match xroad.list_services(&selection.client, &provider, selection.allowed_only).await {
            Ok(services) => {
                let services = services.into_iter().filter(|service| selection.wants(&service.id));
                let described = stream::iter(services)
                    .map(|service| describe(xroad, &selection.client, service))
                    .buffered(AT_ONCE)
                    .collect::<Vec<_>>();
                found.services.extend(described.await);
                found.read.push(provider);
            }
            Err(CallError::Fault(fault)) if fault.kind == FaultKind::UnknownProvider => {
                tracing::info!(%provider, "X-Road does not know this subsystem: it has no services");
                found.read.push(provider);
            }
            Err(error) => found.failed.push((provider.to_string(), error)),
        }
    }
    found
}

impl Selection {
    fn wants(&self, service: &ServiceId) -> bool {
        self.services.iter().any(|pattern| glob(pattern, service.as_str()))
    }
}

/// The subsystems that may have services looked for.
async fn subsystems(xroad: &XRoadClient, selection: &Selection, found: &mut Discovery) -> Vec<ClientId> {
    let mut providers = Vec::new();
    for pattern in &selection.services {
        let literal = pattern.split('*').next().unwrap_or_default();
        if let Some(provider) = named_in_full(literal) {
            providers.push(provider);
            continue;
        }
        let instance = literal.split_once('/').map(|(instance, _)| instance);
        match xroad.list_clients(instance).await {
            Ok(clients) => {
                let listed: BTreeSet<ClientId> = clients.into_iter().map(|client| client.id).collect();
                found.read.extend(vanished(&selection.known, &listed, literal));
                providers.extend(listed.into_iter().filter(|id| may_match(id, literal)));
            }
            Err(error) => found.failed.push((pattern.clone(), error)),
        }
    }
    providers.sort();
    providers.dedup();
    found.read.retain(|gone| !providers.contains(gone));
    providers
}

/// The subsystems known before that a list of clients should have and has not. A list without any client of an instance says nothing
/// of that instance.
fn vanished(known: &BTreeSet<ClientId>, listed: &BTreeSet<ClientId>, literal: &str) -> Vec<ClientId> {
    let of_this_list = |id: &ClientId| listed.iter().any(|other| other.instance() == id.instance());
    let gone = known.iter().filter(|id| may_match(id, literal) && !listed.contains(*id) && of_this_list(id));
    gone.cloned().collect()
}

/// The subsystem that the part of a pattern before its first star names, if it goes as far as that.
fn named_in_full(literal: &str) -> Option<ClientId> {
    let codes: Vec<&str> = literal.split('/').collect();
    codes.get(..4).filter(|_| codes.len() > 4)?.join("/").parse().ok()
}

/// Whether a subsystem's services may begin with this text.
fn may_match(client: &ClientId, literal: &str) -> bool {
    let services = format!("{client}/");
    client.subsystem().is_some() && (services.starts_with(literal) || literal.starts_with(&services))
}

async fn describe(xroad: &XRoadClient, client: &ClientId, listed: ListedService) -> DiscoveredService {
    let document = match listed.kind {
        ServiceKind::OpenApi => read_document(xroad, client, &listed).await.unwrap_or_default(),
        ServiceKind::Rest => OpenApi::default(),
    };
    let by_rights = || listed.endpoints.into_iter().map(|endpoint| Operation { endpoint, summary: None }).collect();
    DiscoveredService {
        service: listed.id,
        kind: listed.kind,
        title: document.title,
        description: document.description,
        version: document.version,
        operations: if document.operations.is_empty() { by_rights() } else { document.operations },
    }
}

async fn read_document(xroad: &XRoadClient, client: &ClientId, listed: &ListedService) -> Option<OpenApi> {
    let unread = |error: &dyn std::fmt::Display| tracing::warn!(service = %listed.id, %error, "no OpenAPI document");
    let bytes = xroad.openapi_document(client, &listed.id).await.inspect_err(|e| unread(e)).ok()?;
    let read = tokio::task::spawn_blocking(move || OpenApi::read(&bytes)).await.ok()?;
    read.inspect_err(|e| unread(e)).ok()
}
