//! Credentials of counterparties: what the configuration believes, what was kept, and what they show as time goes by.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use credentials::Did;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Rooms;
use crate::config::{Config, Credential};
use crate::env::Clock;
use crate::management::show_credentials;
use crate::net::outbound::Outbound;
use crate::store::{DocumentKind, Store};
use crate::trust::{Accepted, Kept, Trust};

/// The credentials that were kept, as the configuration believes them now.
pub(super) async fn recall(config: &Config, outbound: Outbound, store: &Store, clock: Clock) -> Result<Trust> {
    let accepted = config.credential.iter().map(accepted).collect::<Result<_>>()?;
    let trust = Trust::new(accepted, outbound, config.outbound.allow_http, clock);
    for (id, kept) in store.documents(DocumentKind::Credential).await? {
        let kept: Kept = serde_json::from_value(kept).with_context(|| format!("the stored credential {id}"))?;
        if let Err(error) = trust.recall(kept) {
            tracing::warn!(credential = id, %error, "a credential is not believed any more");
        }
    }
    Ok(trust)
}

/// Takes up the credentials as they are kept now: other replicas take some in, look some up, and remove some.
pub(super) async fn take_up(trust: &Trust, store: &Store) -> Result<()> {
    let mut gone: BTreeSet<String> = trust.all().into_iter().map(|(held, _)| held.id).collect();
    for (id, kept) in store.documents(DocumentKind::Credential).await? {
        gone.remove(&id);
        let kept: Kept = serde_json::from_value(kept).with_context(|| format!("the stored credential {id}"))?;
        // What was looked up here may be on its way into the store.
        if trust.one(&id).is_some_and(|(held, _)| held.kept.checked >= kept.checked) {
            continue;
        }
        if let Err(error) = trust.recall(kept) {
            tracing::debug!(credential = id, %error, "a credential is not believed");
        }
    }
    for id in gone {
        let _ = trust.drop(&id);
    }
    Ok(())
}

fn accepted(configured: &Credential) -> Result<Accepted> {
    Ok(Accepted {
        kind: configured.kind.clone(),
        issuers: configured.issuers.iter().map(|issuer| Did::parse(issuer)).collect::<Result<_, _>>()?,
        max_age: configured.max_age(),
        facts: configured.facts.clone(),
        claims: configured.claims.clone(),
    })
}

/// Keeps what credentials show in step with the time and with their issuers until `stop`: a look-up that takes long holds up nothing
/// that only time changes.
pub(super) async fn keep_up(rooms: Rooms, stop: CancellationToken) {
    tokio::join!(follow(&rooms, &stop), look_again(&rooms, &stop));
}

async fn follow(rooms: &Rooms, stop: &CancellationToken) {
    let mut watch = rooms.trust.watch();
    while !stop.is_cancelled() {
        if let Err(error) = show_credentials(&rooms.trust, &rooms.catalog, &rooms.engine).await {
            tracing::error!(%error, "agreements could not be looked at again after credentials have changed");
        }
        watch.change(stop).await;
    }
}

async fn look_again(rooms: &Rooms, stop: &CancellationToken) {
    let mut watch = rooms.trust.watch();
    while !stop.is_cancelled() {
        let looked_up = tokio::select! {
            looked_up = rooms.trust.look_again() => looked_up,
            () = stop.cancelled() => return,
        };
        for (id, kept) in looked_up {
            // One that was removed meanwhile stays removed.
            if let Err(error) = rooms.store.replace_document(DocumentKind::Credential, &id, &json!(kept)).await {
                tracing::error!(credential = id, %error, "what was looked up of a credential could not be kept");
            }
        }
        watch.due(stop).await;
    }
}
