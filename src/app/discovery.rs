//! Keeping the catalogue in step with the services of the security server, and what was found over restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::Rooms;
use crate::catalog::{Catalog, Found};
use crate::config::{Config, Participant};
use crate::model::ids::ParticipantId;
use crate::model::xroad::ClientId;
use crate::store::{DocumentKind, Store};
use crate::xroad::client::XRoadClient;
use crate::xroad::failure::CallError;
use crate::xroad::metadata::{Selection, discover};

/// What was written of each participant's services.
type Written = BTreeMap<ParticipantId, Found>;

/// Takes up what participants found before a restart; of the others the catalogue knows that they are still to look.
pub(super) async fn recall(config: &Config, catalog: &Catalog, store: &Store) -> Result<()> {
    let mut kept: BTreeMap<String, _> = store.documents(DocumentKind::Services).await?.into_iter().collect();
    for (participant, _) in looking(config) {
        let read = kept.remove(participant.id.as_str()).map(serde_json::from_value::<Found>);
        match read {
            Some(Ok(found)) => catalog.recall(&participant.id, found),
            Some(Err(error)) => {
                tracing::error!(participant = %participant.id, %error, "the services kept from before cannot be read");
                catalog.await_services(&participant.id);
            }
            None => catalog.await_services(&participant.id),
        }
    }
    Ok(())
}

/// Looks services up at once and then on schedule until `stop`. Cancels `ready` as soon as there is something to go by: what was
/// kept from before, or the first look that could be made. A security server that does not answer is asked again soon, and what was
/// known stays.
pub(super) async fn keep_up(rooms: Rooms, ready: CancellationToken, stop: CancellationToken) {
    let (Some(client), Some(settings)) = (rooms.security_server.clone(), rooms.config.security_server.as_ref()) else {
        ready.cancel();
        return;
    };
    let mut pause = Duration::from_millis(200);
    let mut written = Written::new();
    loop {
        if is_something_known(&rooms) {
            ready.cancel();
        }
        let looking = look(&rooms, &client, &mut written);
        let found = tokio::select! {
            found = looking => found,
            () = stop.cancelled() => return,
        };
        let outcome = if found.is_ok() { "done" } else { "failed" };
        metrics::counter!("sliproad_catalog_refreshes_total", "outcome" => outcome).increment(1);
        count_datasets(&rooms);
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
        if is_something_known(&rooms) {
            ready.cancel();
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Who looks for services, and in whose name.
fn looking(config: &Config) -> impl Iterator<Item = (&Participant, &ClientId)> {
    let publishing = config.participant.iter().filter(|p| config.security_server.is_some() && !p.services.is_empty());
    publishing.filter_map(|participant| Some((participant, participant.client.as_ref()?)))
}

/// Whether anybody's services are known; also when nobody looks for any. A participant that cannot look does not hold up the others:
/// what is asked of it is answered with "not yet".
fn is_something_known(rooms: &Rooms) -> bool {
    let mut all = looking(&rooms.config).peekable();
    all.peek().is_none() || all.any(|(participant, _)| !rooms.catalog.is_awaited(&participant.id))
}

/// One look for every participant that publishes. What could not be read is left as it was. The error is that of the first
/// participant for whom nothing could be read at all.
async fn look(rooms: &Rooms, client: &XRoadClient, written: &mut Written) -> Result<(), CallError> {
    let mut outcome = Ok(());
    for (participant, caller) in looking(&rooms.config) {
        let known = rooms.catalog.found(&participant.id).map(|found| found.providers()).unwrap_or_default();
        let services = participant.services.clone();
        let selection = Selection { client: caller.clone(), services, allowed_only: false, known };
        let mut found = discover(client, &selection).await;
        for (provider, error) in &found.failed {
            tracing::info!(%provider, %error, "no services could be listed");
        }
        if let (true, Some((_, error))) = (found.read.is_empty(), found.failed.pop()) {
            outcome = outcome.and(Err(error));
            continue;
        }
        rooms.catalog.refresh(&participant.id, &found.read, found.services);
        keep(rooms, &participant.id, written).await;
    }
    outcome
}

/// Writes down what a participant found, unless it is written already. A store that fails is tried again with the next look.
async fn keep(rooms: &Rooms, participant: &ParticipantId, written: &mut Written) {
    let Some(found) = rooms.catalog.found(participant) else { return };
    if written.get(participant) == Some(&found) {
        return;
    }
    let kept = rooms.store.put_document(DocumentKind::Services, participant.as_str(), &serde_json::json!(found)).await;
    match kept {
        Ok(()) => {
            written.insert(participant.clone(), found);
        }
        Err(error) => tracing::error!(%participant, %error, "the services found could not be kept for the next start"),
    }
}

fn count_datasets(rooms: &Rooms) {
    let all = rooms.catalog.all();
    let listed = all.iter().filter(|dataset| dataset.listed).count();
    for (label, number) in [("true", listed), ("false", all.len() - listed)] {
        metrics::gauge!("sliproad_datasets", "listed" => label)
            .set(f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
    }
}
