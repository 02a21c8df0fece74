//! Data-plane access tokens: short-lived JWTs in the manner of RFC 9068, bound to one start of one transfer.

use serde::{Deserialize, Serialize};

use crate::jws::{self, JwsError};
use crate::keys::{KeyError, PublicKey, Signer};

const TYPE: &str = "at+jwt";
/// Clocks of the same program, seconds apart at most after a correction.
const LEEWAY: i64 = 5;

/// What an access token says. Times are seconds since 1970 (`NumericDate`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessToken {
    /// `iss`: the provider, a participant id.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// `aud`: the endpoint that the token opens.
    #[serde(rename = "aud")]
    pub audience: String,
    /// `sub`: the consumer, a participant id.
    #[serde(rename = "sub")]
    pub consumer: String,
    /// `jti`: its own id.
    #[serde(rename = "jti")]
    pub id: String,
    /// `iat`.
    #[serde(rename = "iat")]
    pub issued: i64,
    /// `exp`: the first second in which it is void.
    #[serde(rename = "exp")]
    pub expires: i64,
    /// The transfer, by the provider's pid.
    pub transfer: String,
    /// Which start of that transfer it was made for.
    pub start: u32,
}

/// Who makes and who accepts access tokens, and for how long they live.
#[derive(Clone, Debug)]
pub struct TokenProfile {
    /// Keys whose signatures count: the current one, and earlier ones until their tokens have run out.
    pub keys: Vec<PublicKey>,
    /// The longest life accepted, in seconds; a token that claims more is refused even when genuine.
    pub longest_life: i64,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not ours, or was changed.
    #[error("the token is not one of ours: {0}")]
    NotOurs(#[from] JwsError),
    /// It is signed by us, but its claims are not those of an access token.
    #[error("the token's claims are not those of an access token")]
    Claims,
    /// `exp` has come.
    #[error("the token has expired; start the transfer again to get a fresh one")]
    Expired,
    /// `iat` is in the future.
    #[error("the token is not valid yet; check the clocks")]
    Early,
}

impl AccessToken {
    /// The signed compact form.
    ///
    /// # Errors
    /// When the signer does not sign.
    pub async fn sign(&self, signer: &dyn Signer) -> Result<String, KeyError> {
        let claims = serde_json::to_vec(self).map_err(|e| KeyError::Signing(e.to_string()))?;
        jws::sign(signer, TYPE, &claims).await
    }

    /// Whether it is valid at `now` (seconds since 1970).
    ///
    /// # Errors
    /// `Early`, `Expired`.
    pub fn check(&self, now: i64) -> Result<(), TokenError> {
        if self.issued > now.saturating_add(LEEWAY) {
            return Err(TokenError::Early);
        }
        if now >= self.expires { Err(TokenError::Expired) } else { Ok(()) }
    }
}

impl TokenProfile {
    /// What a genuine token says that is valid at `now` (seconds since 1970). Issuer, audience and transfer are for the caller
    /// to compare with what was called.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, token: &str, now: i64) -> Result<AccessToken, TokenError> {
        let token = self.genuine(token)?;
        token.check(now)?;
        Ok(token)
    }

    /// What a genuine token says, whether or not it is valid now.
    ///
    /// # Errors
    /// `NotOurs`, `Claims`.
    pub fn genuine(&self, token: &str) -> Result<AccessToken, TokenError> {
        let claims = jws::verify(token, TYPE, &self.keys)?;
        let token: AccessToken = serde_json::from_slice(&claims).map_err(|_| TokenError::Claims)?;
        let life = token.expires.saturating_sub(token.issued);
        let sound = life > 0 && life <= self.longest_life && !token.id.is_empty();
        if sound { Ok(token) } else { Err(TokenError::Claims) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileSigner;
    use crate::testing::now;

    const NOW: i64 = 1_800_000_000;

    fn signer() -> FileSigner {
        let directory = tempfile::tempdir().unwrap();
        FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap()
    }

    fn token() -> AccessToken {
        AccessToken {
            issuer: "did:web:provider".into(),
            audience: "https://provider.example/p/data/1".into(),
            consumer: "did:web:consumer".into(),
            id: "1".into(),
            issued: NOW,
            expires: NOW + 600,
            transfer: "urn:uuid:1".into(),
            start: 1,
        }
    }

    fn signed(token: &AccessToken, signer: &FileSigner) -> String {
        now(token.sign(signer)).unwrap()
    }

    fn profile(signer: &FileSigner) -> TokenProfile {
        TokenProfile { keys: vec![signer.public_key().clone()], longest_life: 3600 }
    }

    #[test]
    fn a_token_reads_back_until_it_expires() {
        let signer = signer();
        let compact = signed(&token(), &signer);
        let profile = profile(&signer);
        assert_eq!(profile.verify(&compact, NOW + 599).unwrap(), token());
        assert_eq!(profile.verify(&compact, NOW + 600), Err(TokenError::Expired));
        assert_eq!(profile.verify(&compact, NOW - 60), Err(TokenError::Early));
    }

    #[test]
    fn a_token_of_another_key_is_not_ours() {
        let (ours, other) = (signer(), signer());
        let compact = signed(&token(), &other);
        assert_eq!(profile(&ours).verify(&compact, NOW), Err(TokenError::NotOurs(JwsError::UnknownKey)));
    }

    #[test]
    fn a_token_that_lives_too_long_or_says_more_is_refused() {
        let signer = signer();
        let long = AccessToken { expires: NOW + 3601, ..token() };
        assert_eq!(profile(&signer).verify(&signed(&long, &signer), NOW), Err(TokenError::Claims));
        let endless = AccessToken { issued: i64::MIN, expires: i64::MAX, ..token() };
        assert_eq!(profile(&signer).verify(&signed(&endless, &signer), NOW), Err(TokenError::Claims));
        let nameless = AccessToken { id: String::new(), ..token() };
        assert_eq!(profile(&signer).verify(&signed(&nameless, &signer), NOW), Err(TokenError::Claims));
    }
}
