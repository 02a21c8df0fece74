//! Callers from the configuration.

use std::sync::Arc;

use anyhow::{Result, bail};

use crate::config::{Config, IdentityKind};
use crate::identity::{Callers, CounterpartyToken, DevelopmentCallers, DevelopmentOrTokens, TokenCallers};

/// Who may call, and how we call.
pub(super) fn callers(config: &Config) -> Result<Arc<dyn Callers>> {
    let tokens = config.identity.peer.iter().map(|peer| CounterpartyToken {
        participant: None,
        counterparty: peer.id.clone(),
        accepted: peer.token.clone(),
        presented: peer.send.clone(),
    });
    let tokens = match TokenCallers::new(tokens.collect()) {
        Ok(tokens) => tokens,
        Err(error) => bail!("identity.peer: {error}"),
    };
    Ok(match config.identity.kind {
        IdentityKind::Token => Arc::new(tokens),
        IdentityKind::Development => {
            tracing::warn!("identity.kind = \"development\": callers are believed whoever they say they are");
            Arc::new(DevelopmentOrTokens { development: DevelopmentCallers::default(), tokens })
        }
    })
}
