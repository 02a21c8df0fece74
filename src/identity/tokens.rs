//! Bearer tokens from the configuration: each stands for one counterparty.

use async_trait::async_trait;
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{Caller, Callers, Unauthenticated, authorization};
use crate::model::ids::ParticipantId;
use crate::model::time::Timestamp;

/// The shortest token that is accepted, in bytes.
const SHORTEST: usize = 8;

/// What we and one counterparty show each other.
#[derive(Clone, Debug)]
pub struct CounterpartyToken {
    /// Which of our participants it is for; every one when absent.
    pub participant: Option<ParticipantId>,
    /// The counterparty.
    pub counterparty: ParticipantId,
    /// The token that the counterparty shows us; it cannot call us when absent.
    pub accepted: Option<SecretString>,
    /// The `Authorization` value that we show the counterparty, verbatim when it contains a space or a brace, else as a bearer
    /// token; we call it without one when absent.
    pub presented: Option<SecretString>,
}

/// Why a set of tokens is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too easily guessed.
    #[error("the token accepted from {0} is shorter than {SHORTEST} characters")]
    TooShort(ParticipantId),
    /// One token for two counterparties of the same participant.
    #[error("{0} and {1} have the same token; give each its own")]
    Shared(ParticipantId, ParticipantId),
}

/// Callers known by configured tokens.
#[derive(Debug)]
pub struct TokenCallers {
    accepted: Vec<Accepted>,
    presented: Vec<CounterpartyToken>,
}

/// Only the digest is kept: all of one length, compared without an early end.
struct Accepted {
    participant: Option<ParticipantId>,
    counterparty: ParticipantId,
    digest: [u8; 32],
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted").field("counterparty", &self.counterparty).finish_non_exhaustive()
    }
}

impl TokenCallers {
    /// From the configured tokens.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn new(tokens: Vec<CounterpartyToken>) -> Result<Self, TokenError> {
        let mut accepted: Vec<Accepted> = Vec::new();
        for token in &tokens {
            let Some(secret) = &token.accepted else { continue };
            let text = bare(secret.expose_secret());
            if text.len() < SHORTEST {
                return Err(TokenError::TooShort(token.counterparty.clone()));
            }
            let digest = digest(text);
            let clash = accepted.iter().find(|known| {
                let same_place = known.participant == token.participant
                    || known.participant.is_none()
                    || token.participant.is_none();
                same_place && known.digest == digest && known.counterparty != token.counterparty
            });
            if let Some(known) = clash {
                return Err(TokenError::Shared(known.counterparty.clone(), token.counterparty.clone()));
            }
            accepted.push(Accepted {
                participant: token.participant.clone(),
                counterparty: token.counterparty.clone(),
                digest,
            });
        }
        Ok(Self { accepted, presented: tokens })
    }
}

#[async_trait]
impl Callers for TokenCallers {
    async fn authenticate(
        &self,
        participant: &ParticipantId,
        headers: &HeaderMap,
        _now: Timestamp,
    ) -> Result<Caller, Unauthenticated> {
        let shown = digest(bare(authorization(headers)?));
        let mut found = 0_u32;
        // Every entry is looked at, so that the time does not tell which one fits.
        for (number, known) in (1_u32..).zip(&self.accepted) {
            let here = Choice::from(u8::from(known.participant.as_ref().is_none_or(|p| p == participant)));
            found.conditional_assign(&number, known.digest.ct_eq(&shown) & here);
        }
        let position = usize::try_from(found).unwrap_or_default().checked_sub(1);
        match position.and_then(|p| self.accepted.get(p)) {
            Some(known) => Ok(Caller { participant_id: known.counterparty.clone() }),
            None => Err(Unauthenticated::new("the token is not known here")),
        }
    }

    async fn credentials_for(
        &self,
        participant: &ParticipantId,
        counterparty: &ParticipantId,
        _audience: &str,
    ) -> Option<SecretString> {
        let fits = |token: &&CounterpartyToken| {
            token.counterparty == *counterparty
                && token.presented.is_some()
                && token.participant.as_ref().is_none_or(|p| p == participant)
        };
        // A token for this participant goes before one for all.
        let own = self.presented.iter().filter(|t| t.participant.is_some()).find(fits);
        let token = own.or_else(|| self.presented.iter().find(fits))?.presented.as_ref()?;
        let text = token.expose_secret();
        Some(if text.contains([' ', '{']) { token.clone() } else { format!("Bearer {text}").into() })
    }
}

/// The token without a `Bearer` scheme before it.
fn bare(value: &str) -> &str {
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => token.trim_start(),
        _ => value,
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(participant: Option<&str>, counterparty: &str, accepted: &str) -> CounterpartyToken {
        CounterpartyToken {
            participant: participant.map(Into::into),
            counterparty: counterparty.into(),
            accepted: Some(accepted.to_owned().into()),
            presented: Some(format!("for-{counterparty}").into()),
        }
    }

    async fn who(callers: &TokenCallers, participant: &str, value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().unwrap())]);
        let caller = callers.authenticate(&participant.into(), &headers, Timestamp::from_millis(0)).await;
        caller.ok().map(|c| c.participant_id.into())
    }

    #[tokio::test]
    async fn a_token_names_its_counterparty_with_or_without_a_scheme() {
        let callers =
            TokenCallers::new(vec![token(None, "alice", "alice-secret"), token(None, "bob", "bobs-secret")]).unwrap();
        assert_eq!(who(&callers, "us", "alice-secret").await.as_deref(), Some("alice"));
        assert_eq!(who(&callers, "us", "Bearer bobs-secret").await.as_deref(), Some("bob"));
        assert_eq!(who(&callers, "us", "bearer bobs-secret").await.as_deref(), Some("bob"));
        for wrong in ["", "Bearer ", "alice-secre", "alice-secret2", "Basic alice-secret", "ALICE-SECRET"] {
            assert_eq!(who(&callers, "us", wrong).await, None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_token_for_one_participant_opens_no_other() {
        let callers = TokenCallers::new(vec![
            token(Some("one"), "alice", "the-same-token"),
            token(Some("two"), "bob", "the-same-token"),
        ])
        .unwrap();
        assert_eq!(who(&callers, "one", "the-same-token").await.as_deref(), Some("alice"));
        assert_eq!(who(&callers, "two", "the-same-token").await.as_deref(), Some("bob"));
        assert_eq!(who(&callers, "three", "the-same-token").await, None);
    }

    #[tokio::test]
    async fn no_header_two_headers_and_unreadable_ones_are_told_apart() {
        let callers = TokenCallers::new(vec![token(None, "alice", "alice-secret")]).unwrap();
        let reason = async |headers: HeaderMap| {
            callers.authenticate(&"us".into(), &headers, Timestamp::from_millis(0)).await.unwrap_err().reason
        };
        let mut headers = HeaderMap::new();
        assert!(reason(headers.clone()).await.contains("no Authorization"));
        headers.append(http::header::AUTHORIZATION, "alice-secret".parse().unwrap());
        headers.append(http::header::AUTHORIZATION, "alice-secret".parse().unwrap());
        assert!(reason(headers.clone()).await.contains("more than one"));
        headers.insert(http::header::AUTHORIZATION, http::HeaderValue::from_bytes(b"\xff").unwrap());
        assert!(reason(headers).await.contains("not readable"));
    }

    #[test]
    fn short_and_shared_tokens_are_refused() {
        assert!(matches!(TokenCallers::new(vec![token(None, "a", "short")]), Err(TokenError::TooShort(_))));
        let shared = vec![token(None, "a", "long-enough"), token(Some("x"), "b", "Bearer long-enough")];
        assert!(matches!(TokenCallers::new(shared), Err(TokenError::Shared(..))));
    }

    #[tokio::test]
    async fn we_show_a_counterparty_its_own_token_as_a_bearer_token() {
        let mut special = token(Some("us"), "bob", "bobs-secret");
        special.presented = Some("{\"clientId\":\"us\"}".to_owned().into());
        let callers = TokenCallers::new(vec![token(None, "alice", "alice-secret"), special]).unwrap();
        let shown = async |counterparty: &str| {
            let credentials = callers.credentials_for(&"us".into(), &counterparty.into(), "https://x").await;
            credentials.map(|c| c.expose_secret().to_owned())
        };
        assert_eq!(shown("alice").await.as_deref(), Some("Bearer for-alice"));
        assert_eq!(shown("bob").await.as_deref(), Some("{\"clientId\":\"us\"}"));
        assert_eq!(shown("carol").await, None);
    }

    #[test]
    fn tokens_do_not_appear_in_debug_output() {
        let callers = TokenCallers::new(vec![token(None, "alice", "alice-secret")]).unwrap();
        let printed = format!("{callers:?}");
        assert!(!printed.contains("alice-secret") && !printed.contains("for-alice"), "{printed}");
    }
}
