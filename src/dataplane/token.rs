//! Step 1: the token. What it opens is remembered by the token's digest, so that a known one costs a hash and a look-up.

use std::sync::Arc;

use credentials::{AccessToken, TokenError};
use http::{HeaderMap, header};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::Inner;
use super::assets::AssetError;
use super::live::Live;
use super::refusal::Refusal;
use crate::model::ids::Pid;
use crate::model::message::Reasons;
use crate::model::time::Timestamp;

/// What a genuine token opens: one start of one transfer. Whether that is still live is for the next step.
pub(super) struct Opened {
    pub(super) live: Arc<Live>,
    pub(super) start: u32,
    /// Seconds since 1970.
    expires: i64,
}

/// Tokens seen lately, by SHA-256.
pub(super) type Tokens = Cache<[u8; 32], Arc<Opened>>;

/// Why a token opens nothing.
pub(super) enum Unopened {
    /// Nobody is named by it: it is none of ours, or of no transfer that can be looked up.
    ByStranger(Refusal),
    /// It was made for this transfer.
    ByHolder(Arc<Live>, Refusal),
}

impl From<Refusal> for Unopened {
    fn from(refusal: Refusal) -> Self {
        Self::ByStranger(refusal)
    }
}

/// What the token of a request opens.
///
/// # Errors
/// 401 for no token, one that is not ours or one that has expired; 503 when its transfer cannot be looked up.
pub(super) async fn open(plane: &Inner, headers: &HeaderMap, now: Timestamp) -> Result<Arc<Opened>, Unopened> {
    let token = read(headers)?;
    let seconds = now.millis().div_euclid(1000);
    let digest: [u8; 32] = Sha256::digest(token).into();
    if let Some(opened) = plane.tokens.get(&digest) {
        if seconds < opened.expires {
            return Ok(opened);
        }
        return Err(Unopened::ByHolder(Arc::clone(&opened.live), refuse(TokenError::Expired)));
    }
    let claims = plane.profile.genuine(token).map_err(refuse)?;
    let live = find(plane, &claims).await?;
    if let Err(error) = claims.check(seconds) {
        return Err(Unopened::ByHolder(live, refuse(error)));
    }
    let opened = Arc::new(Opened { live, start: claims.start, expires: claims.expires });
    plane.tokens.insert(digest, Arc::clone(&opened));
    Ok(opened)
}

/// A fresh token for the `start`-th start of a transfer.
///
/// # Errors
/// When the signer does not sign.
pub(super) async fn issue(plane: &Inner, live: &Live, start: u32) -> Result<String, Reasons> {
    let issued = plane.clock.now().millis().div_euclid(1000);
    let life = i64::try_from(plane.settings.token_life.as_secs()).unwrap_or(i64::MAX);
    let token = AccessToken {
        issuer: live.participant.as_str().to_owned(),
        audience: live.endpoint.clone(),
        consumer: live.counterparty.as_str().to_owned(),
        id: uuid::Uuid::now_v7().to_string(),
        issued,
        expires: issued.saturating_add(life),
        transfer: live.transfer.as_str().to_owned(),
        start,
    };
    token.sign(plane.signer.as_ref()).await.map_err(|error| {
        tracing::error!(%error, transfer = %live.transfer, "an access token could not be signed");
        Reasons::new("token.not-signed", "the provider cannot sign access tokens now; try again")
    })
}

/// The token of a request, raw or after `Bearer`.
fn read(headers: &HeaderMap) -> Result<&str, Refusal> {
    let missing = || {
        Refusal::unauthorized(
            "token.missing",
            "send the token that the transfer was started with in one Authorization header, raw or as Bearer",
        )
    };
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let text = value.to_str().map_err(|_| missing())?.trim();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        Some(_) => return Err(missing()),
        None if text.eq_ignore_ascii_case("bearer") => "",
        None => text,
    };
    if token.is_empty() { Err(missing()) } else { Ok(token) }
}

async fn find(plane: &Inner, claims: &AccessToken) -> Result<Arc<Live>, Refusal> {
    let live = plane.live(&Pid::from(claims.transfer.as_str())).await.map_err(|error| match error {
        AssetError::Gone(sentence) => Refusal::unauthorized("token.no-transfer", sentence),
        AssetError::Unavailable(sentence) => {
            Refusal::unavailable("transfer.unavailable", "the transfer cannot be looked up now; try again")
                .caused_by(format_args!("transfer {}: {sentence}", claims.transfer))
        }
    })?;
    let theirs = live.participant.as_str() == claims.issuer
        && live.counterparty.as_str() == claims.consumer
        && live.endpoint == claims.audience;
    if theirs {
        Ok(live)
    } else {
        Err(Refusal::unauthorized("token.other-transfer", "the token was not made for this transfer as it is now"))
    }
}

fn refuse(error: TokenError) -> Refusal {
    let code = match error {
        TokenError::NotOurs(_) | TokenError::Claims => "token.invalid",
        TokenError::Expired => "token.expired",
        TokenError::Early => "token.early",
    };
    Refusal::unauthorized(code, error.to_string())
}
