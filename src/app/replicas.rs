//! What a replica has to do with the others: the keys that all have in common, what it hears of their commits, and where transfers
//! stand by them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use credentials::Signer as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::offering::Offering;
use super::{Rooms, signer};
use crate::config::Config;
use crate::dataplane::{self, AssetError};
use crate::model::ids::Pid;
use crate::store::{Notice, Standings, Store};

/// How long to wait after a store that did not answer: twice as long each time in a row, up to the second one.
const AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Makes sure that all replicas sign with one key, and make the same pseudonyms.
///
/// # Errors
/// When a key cannot be read, or another replica has another one.
pub(super) async fn agree_on_keys(config: &Config, store: &Store) -> Result<()> {
    if store.standings().is_none() {
        return Ok(());
    }
    let signing = signer(config.store.keys())?;
    store.agree("signing key", signing.public_key().thumbprint()).await?;
    let pseudonyms = config.pseudonym_key().context("the key of pseudonyms cannot be read or made")?;
    // What nobody can turn back into the key, and no pseudonym is made of.
    let mut digest = Hmac::<Sha256>::new_from_slice(pseudonyms.expose_secret().as_bytes())?;
    digest.update(b"sliproad: replicas have this key in common");
    Ok(store.agree("pseudonym key", &hex::encode(digest.finalize().into_bytes())).await?)
}

/// Hears what other replicas commit until `stop`.
pub(super) async fn hear(rooms: Rooms, stop: CancellationToken) {
    let (Some(mut notices), Some(standings)) = (rooms.store.notices(), rooms.store.standings()) else { return };
    loop {
        let notice = tokio::select! {
            notice = notices.next() => notice,
            () = stop.cancelled() => return,
        };
        let mut pause = AGAIN.0;
        while let Err(error) = take_in(&rooms, &standings, &notice).await {
            let error = format!("{error:#}");
            tracing::warn!(error, "what another replica did could not be looked up; trying again");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            pause = (pause * 2).min(AGAIN.1);
        }
    }
}

async fn take_in(rooms: &Rooms, standings: &Standings, notice: &Notice) -> Result<()> {
    if matches!(notice, Notice::Documents | Notice::Anything) {
        let documents = standings.documents().await?;
        rooms.offering.take_up_since(standings, documents).await?;
        // A call may have taken them up before: the monitor has to look all the same.
        rooms.engine.facts_changed().await?;
    }
    Ok(rooms.engine.hear(notice).await?)
}

/// Where transfers stand, for the data plane. Nothing is said before the catalogue has what is known by then.
pub(super) fn standings(standings: Standings, offering: &Offering) -> Arc<dyn dataplane::Standings> {
    Arc::new(Shared { standings, offering: offering.clone() })
}

struct Shared {
    standings: Standings,
    offering: Offering,
}

#[async_trait]
impl dataplane::Standings for Shared {
    async fn of(&self, transfer: &Pid) -> Result<dataplane::Standing, AssetError> {
        let unavailable = |error: &dyn std::fmt::Display| AssetError::Unavailable(error.to_string());
        let standing = self.standings.of(transfer).await.map_err(|e| unavailable(&e))?;
        let standing = standing.ok_or_else(|| AssetError::Gone("the token's transfer is not known here".to_owned()))?;
        let taking = self.offering.take_up_since(&self.standings, standing.documents).await;
        taking.map_err(|e| unavailable(&format_args!("{e:#}")))?;
        // Both only grow, so their sum does with either.
        Ok(dataplane::Standing { version: standing.version, news: standing.news.saturating_add(standing.documents) })
    }
}
