//! Keeping the catalogue in step with the services of the security server.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Rooms;
use crate::config::Participant;
use crate::model::pattern::glob;
use crate::model::xroad::{ClientId, DiscoveredService, Operation, ServiceKind};
use crate::xroad::client::XRoadClient;
use crate::xroad::failure::CallError;
use crate::xroad::metadata::{ListedService, OpenApi};

/// Looks services up at once and then on schedule until `stop`; cancels `ready` after the first time. A security server that does
/// not answer is asked again soon, and what was known stays.
pub(super) async fn keep_up(rooms: Rooms, ready: CancellationToken, stop: CancellationToken) {
    let (Some(client), Some(settings)) = (rooms.security_server.clone(), rooms.config.security_server.as_ref()) else {
        ready.cancel();
        return;
    };
    let mut pause = Duration::from_millis(200);
    loop {
        let looking = look(&rooms, &client);
        let found = tokio::select! {
            found = looking => found,
            () = stop.cancelled() => return,
        };
        let wait = match found {
            Ok(()) => {
                pause = Duration::from_millis(200);
                settings.refresh()
            }
            Err(error) => {
                tracing::warn!(%error, "the services of the security server could not be looked up; trying again");
                pause = (pause * 2).min(settings.refresh());
                pause
            }
        };
        // Without the security server there is still a catalogue of configured assets, and everything else.
        ready.cancel();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn look(rooms: &Rooms, client: &XRoadClient) -> Result<(), CallError> {
    for participant in rooms.config.participant.iter().filter(|p| !p.services.is_empty()) {
        let Some(caller) = &participant.client else { continue };
        let mut read = Vec::new();
        let mut found = Vec::new();
        for listed in client.list_clients(None).await? {
            if listed.id.subsystem().is_none() || !may_match(participant, &listed.id) {
                continue;
            }
            match client.list_services(caller, &listed.id, false).await {
                Ok(services) => {
                    for service in services.into_iter().filter(|s| is_selected(participant, s)) {
                        found.push(describe(client, caller, service).await);
                    }
                    read.push(listed.id);
                }
                Err(error) => tracing::info!(subsystem = %listed.id, %error, "no services could be listed"),
            }
        }
        rooms.catalog.refresh(&read, found);
    }
    Ok(())
}

/// Whether a pattern of the participant may name a service of this subsystem.
fn may_match(participant: &Participant, subsystem: &ClientId) -> bool {
    let prefix = format!("{}/", subsystem.as_str());
    participant.services.iter().any(|pattern| {
        let fixed = pattern.split('*').next().unwrap_or_default();
        fixed.starts_with(&prefix) || prefix.starts_with(fixed)
    })
}

fn is_selected(participant: &Participant, service: &ListedService) -> bool {
    participant.services.iter().any(|pattern| glob(pattern, service.id.as_str()))
}

async fn describe(client: &XRoadClient, caller: &ClientId, service: ListedService) -> DiscoveredService {
    let mut described = DiscoveredService {
        operations: service.endpoints.into_iter().map(|endpoint| Operation { endpoint, summary: None }).collect(),
        service: service.id,
        kind: service.kind,
        title: None,
        description: None,
        version: None,
    };
    if described.kind != ServiceKind::OpenApi {
        return described;
    }
    let document = match client.openapi_document(caller, &described.service).await {
        Ok(document) => document,
        Err(error) => {
            tracing::info!(service = %described.service, %error, "its OpenAPI document could not be had");
            return described;
        }
    };
    match OpenApi::read(&document) {
        Ok(api) => {
            described.title = api.title;
            described.description = api.description;
            described.version = api.version;
            described.operations = api.operations;
        }
        Err(error) => tracing::info!(service = %described.service, %error, "its OpenAPI document cannot be read"),
    }
    described
}
