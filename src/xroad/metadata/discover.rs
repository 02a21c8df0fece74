//! Which services there are to offer, with what their documents say of them.

use futures_util::stream::{self, StreamExt};

use super::{ListedService, OpenApi};
use crate::model::xroad::{ClientId, DiscoveredService, Operation, ServiceKind};
use crate::xroad::client::XRoadClient;
use crate::xroad::failure::CallError;

/// How many documents are asked for at once: metadata must not crowd out calls.
const AT_ONCE: usize = 4;

/// Whose services to look for.
#[derive(Clone, Debug)]
pub struct Selection {
    /// In whose name to ask.
    pub client: ClientId,
    /// Subsystems whose services to list; of a member, all its subsystems.
    pub providers: Vec<ClientId>,
    /// Only services that `client` has access to.
    pub allowed_only: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Subsystems that answered: `services` has all of theirs.
    pub read: Vec<ClientId>,
    /// The services found.
    pub services: Vec<DiscoveredService>,
    /// Subsystems, or members, that could not be read; nothing can be said of their services.
    pub failed: Vec<(ClientId, CallError)>,
}

/// Lists the services of the selected providers and reads their OpenAPI documents. A document that cannot be read leaves its
/// service without title and description.
pub async fn discover(xroad: &XRoadClient, selection: &Selection) -> Discovery {
    let mut found = Discovery::default();
    for provider in subsystems(xroad, selection, &mut found).await {
        match xroad.list_services(&selection.client, &provider, selection.allowed_only).await {
            Ok(services) => {
                let described = stream::iter(services)
                    .map(|service| describe(xroad, &selection.client, service))
                    .buffered(AT_ONCE)
                    .collect::<Vec<_>>();
                found.services.extend(described.await);
                found.read.push(provider);
            }
            Err(error) => found.failed.push((provider, error)),
        }
    }
    found
}

/// The selected subsystems, members taken apart into theirs.
async fn subsystems(xroad: &XRoadClient, selection: &Selection, found: &mut Discovery) -> Vec<ClientId> {
    let mut providers = Vec::new();
    for provider in &selection.providers {
        if provider.subsystem().is_some() {
            providers.push(provider.clone());
            continue;
        }
        let within = format!("{provider}/");
        match xroad.list_clients(Some(&provider.instance())).await {
            Ok(clients) => {
                providers.extend(clients.into_iter().map(|c| c.id).filter(|id| id.as_str().starts_with(&within)));
            }
            Err(error) => found.failed.push((provider.clone(), error)),
        }
    }
    providers.sort();
    providers.dedup();
    providers
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
