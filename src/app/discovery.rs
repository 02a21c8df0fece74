//! Keeping the catalogue in step with the services of the security server.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Rooms;
use crate::xroad::client::XRoadClient;
use crate::xroad::failure::CallError;
use crate::xroad::metadata::{Selection, discover};

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
        // Without the security server there is still a catalogue of configured assets, and everything else.
        ready.cancel();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// One look for every participant that publishes. What could not be read is left as it was; only when nothing could be read at
/// all is that an error.
async fn look(rooms: &Rooms, client: &XRoadClient) -> Result<(), CallError> {
    for participant in rooms.config.participant.iter().filter(|p| !p.services.is_empty()) {
        let Some(caller) = &participant.client else { continue };
        let services = participant.services.clone();
        let mut found = discover(client, &Selection { client: caller.clone(), services, allowed_only: false }).await;
        for (provider, error) in &found.failed {
            tracing::info!(%provider, %error, "no services could be listed");
        }
        if let (true, Some((_, error))) = (found.read.is_empty(), found.failed.pop()) {
            return Err(error);
        }
        rooms.catalog.refresh(&participant.id, &found.read, found.services);
    }
    Ok(())
}

fn count_datasets(rooms: &Rooms) {
    let all = rooms.catalog.all();
    let listed = all.iter().filter(|dataset| dataset.listed).count();
    for (label, number) in [("true", listed), ("false", all.len() - listed)] {
        metrics::gauge!("sliproad_datasets", "listed" => label)
            .set(f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
    }
}
