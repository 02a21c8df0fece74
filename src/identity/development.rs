//! The development identity of EDC's `iam-mock`: the caller says who it is, and is believed. Never for production.

use async_trait::async_trait;
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Caller, Callers, TokenCallers, Unauthenticated, authorization};
use crate::model::ids::ParticipantId;
use crate::model::time::Timestamp;

const LONGEST_ID: usize = 512;

/// Believes `Authorization: {"region":"…","audience":"…","clientId":"…"}`: `clientId` is the caller.
#[derive(Clone, Debug)]
pub struct DevelopmentCallers {
    /// The `region` we say ourselves; EDC wants one.
    pub region: String,
}

impl Default for DevelopmentCallers {
    fn default() -> Self {
        Self { region: "eu".to_owned() }
    }
}

impl DevelopmentCallers {
    fn claimed(value: &str) -> Result<Caller, Unauthenticated> {
        let wrong = || {
            Unauthenticated::new(
                "the development identity is a JSON object with a clientId, such as {\"clientId\":\"me\",\"region\":\"eu\"}",
            )
        };
        let claim: Value = serde_json::from_str(value).map_err(|_| wrong())?;
        let id = claim.get("clientId").and_then(Value::as_str).ok_or_else(wrong)?;
        let plausible = !id.trim().is_empty() && id.len() <= LONGEST_ID && !id.chars().any(char::is_control);
        if plausible { Ok(Caller { participant_id: id.into() }) } else { Err(wrong()) }
    }

    fn claim(&self, participant: &ParticipantId, audience: &str) -> SecretString {
        json!({"region": self.region, "audience": audience, "clientId": participant}).to_string().into()
    }
}

#[async_trait]
impl Callers for DevelopmentCallers {
    async fn authenticate(
        &self,
        _participant: &ParticipantId,
        headers: &HeaderMap,
        _now: Timestamp,
    ) -> Result<Caller, Unauthenticated> {
        Self::claimed(authorization(headers)?)
    }

    async fn credentials_for(
        &self,
        participant: &ParticipantId,
        _counterparty: &ParticipantId,
        audience: &str,
    ) -> Option<SecretString> {
        Some(self.claim(participant, audience))
    }
}

/// The development identity, with configured tokens beside it: a JSON object is a claim, anything else a token; we show a
/// counterparty its token when one is configured.
#[derive(Debug)]
pub struct DevelopmentOrTokens {
    /// For JSON objects.
    pub development: DevelopmentCallers,
    /// For everything else.
    pub tokens: TokenCallers,
}

#[async_trait]
impl Callers for DevelopmentOrTokens {
    async fn authenticate(
        &self,
        participant: &ParticipantId,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Caller, Unauthenticated> {
        let value = authorization(headers)?;
        if value.starts_with('{') {
            DevelopmentCallers::claimed(value)
        } else {
            self.tokens.authenticate(participant, headers, now).await
        }
    }

    async fn credentials_for(
        &self,
        participant: &ParticipantId,
        counterparty: &ParticipantId,
        audience: &str,
    ) -> Option<SecretString> {
        match self.tokens.credentials_for(participant, counterparty, audience).await {
            Some(token) => Some(token),
            None => Some(self.development.claim(participant, audience)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::CounterpartyToken;
    use secrecy::ExposeSecret;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().unwrap())])
    }

    async fn who(callers: &dyn Callers, value: &str) -> Option<String> {
        let caller = callers.authenticate(&"us".into(), &headers(value), Timestamp::from_millis(0)).await;
        caller.ok().map(|c| c.participant_id.into())
    }

    #[tokio::test]
    async fn edc_is_believed_and_what_is_no_claim_is_not() {
        let callers = DevelopmentCallers::default();
        let recorded = r#"{"region":"eu","audience":"http://localhost:8282/p/dsp/2025-1","clientId":"edc-consumer"}"#;
        assert_eq!(who(&callers, recorded).await.as_deref(), Some("edc-consumer"));
        for wrong in [r#"{"region":"eu"}"#, r#"{"clientId":""}"#, r#"{"clientId":1}"#, "token", "[]", "{", "\"x\""] {
            assert_eq!(who(&callers, wrong).await, None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn we_claim_to_be_ourselves_in_edcs_form() {
        let shown = DevelopmentCallers::default().credentials_for(&"us".into(), &"them".into(), "https://them/x").await;
        let claim: Value = serde_json::from_str(shown.unwrap().expose_secret()).unwrap();
        assert_eq!(claim, json!({"region": "eu", "audience": "https://them/x", "clientId": "us"}));
    }

    #[tokio::test]
    async fn tokens_and_claims_live_side_by_side() {
        let token = CounterpartyToken {
            participant: None,
            counterparty: "alice".into(),
            accepted: Some("alice-secret".to_owned().into()),
            presented: Some("our-secret".to_owned().into()),
        };
        let callers = DevelopmentOrTokens {
            development: DevelopmentCallers::default(),
            tokens: TokenCallers::new(vec![token]).unwrap(),
        };
        assert_eq!(who(&callers, "Bearer alice-secret").await.as_deref(), Some("alice"));
        assert_eq!(who(&callers, r#"{"clientId":"edc"}"#).await.as_deref(), Some("edc"));
        assert_eq!(who(&callers, "stranger").await, None);
        let to_alice = callers.credentials_for(&"us".into(), &"alice".into(), "a").await.unwrap();
        assert_eq!(to_alice.expose_secret(), "Bearer our-secret");
        assert!(
            callers.credentials_for(&"us".into(), &"edc".into(), "a").await.unwrap().expose_secret().contains("us")
        );
    }
}
