//! Which credentials of counterparties hold, and what they show: nobody's word counts here but that of an issuer that the operator
//! trusts for this kind of credential.
//!
//! A credential is taken in only once its signature was checked against the DID document of its issuer, and holds for as long as
//! that, and its status lists, were looked up within a bound: what cannot be looked up again in time shows nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use credentials::{Credential, CredentialError, Did, DidError, SignedCredential, StatusError};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::env::Clock;
use crate::model::ids::ParticipantId;
use crate::model::time::Timestamp;
use crate::net::outbound::Outbound;

mod held;
mod lookup;
mod shown;

pub use held::{Held, Standing};
pub use shown::Shown;

use lookup::{Issuers, Lookup};

/// The longest wait for something to do: clocks of machines are set.
const DAY: i64 = 86_400_000;
/// Issuers that are asked at once.
const ISSUERS_AT_ONCE: usize = 8;

/// What is accepted as a credential of one type, and what it shows.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The type, as credentials name it.
    pub kind: String,
    /// The issuers that are trusted for it.
    pub issuers: Vec<Did>,
    /// For how long a look-up of its key and its status counts.
    pub max_age: Duration,
    /// What is known while a credential of this type holds, by left operand.
    pub facts: BTreeMap<String, Value>,
    /// Left operands, each with the place of its values in the credential's subject; dots lead into objects.
    pub claims: BTreeMap<String, String>,
}

/// A credential that was taken in, as it is kept over restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kept {
    /// Whose it is.
    pub counterparty: ParticipantId,
    /// The compact form, as it was shown.
    pub credential: String,
    /// When its key and status were last looked up.
    pub checked: Timestamp,
    /// Whether it was found void then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<Void>,
}

/// Why a credential is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Void {
    /// It was revoked.
    Revoked,
    /// It is suspended for the time being.
    Suspended,
    /// Its issuer does not stand by the key any more that signed it.
    KeyWithdrawn,
}

/// Why a credential is not taken in, or could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is no credential, or not a genuine one.
    #[error("the credential is not accepted: {0}")]
    Credential(#[from] CredentialError),
    /// Its status list is none, or says nothing of it.
    #[error("the status of the credential cannot be told: {0}")]
    Status(#[from] StatusError),
    /// It is about somebody else.
    #[error("the credential is not about {0}, or not about it alone")]
    NotTheirs(ParticipantId),
    /// Nothing in it is accepted from its issuer.
    #[error("no [[credential]] of the configuration accepts a {kinds} from {issuer}")]
    NotTrusted {
        /// Its types.
        kinds: String,
        /// Its issuer.
        issuer: String,
    },
    /// Its time is over.
    #[error("the credential has expired")]
    Expired,
    /// The issuer could not be asked.
    #[error("{what} could not be fetched: {why}")]
    Unreachable {
        /// What was to be fetched.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

/// All credentials of counterparties that are held here. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Trust(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    accepted: Vec<Accepted>,
    issuers: Issuers,
    clock: Clock,
    held: Mutex<BTreeMap<String, Held>>,
    /// Grows with every change of what is held.
    changes: watch::Sender<u64>,
}

/// Wakes whoever has to follow what is held; nothing that changes between two waits is missed.
pub struct Watch {
    trust: Trust,
    changes: watch::Receiver<u64>,
    /// When it was looked last what the credentials show, or before that.
    looked: Timestamp,
}

impl Watch {
    /// Waits until what the credentials show may be otherwise than at the last wait, or `stop`.
    pub async fn change(&mut self, stop: &CancellationToken) {
        // From when it was last looked, however long that took: what came about meanwhile is waited for no longer.
        let next = self.trust.known().values().filter_map(|held| held.next_change(self.looked)).min();
        self.wait(next, stop).await;
        self.looked = self.trust.0.clock.now();
    }

    /// Waits until a look-up is due, or something is taken in, or `stop`.
    pub async fn due(&mut self, stop: &CancellationToken) {
        let next = self.trust.known().values().map(|held| held.due).min();
        self.wait(next, stop).await;
    }

    async fn wait(&mut self, next: Option<Timestamp>, stop: &CancellationToken) {
        let now = self.trust.0.clock.now();
        let wait = next.map_or(DAY, |at| at.millis().saturating_sub(now.millis())).clamp(0, DAY);
        tokio::select! {
            _ = self.changes.changed() => {}
            () = tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())) => {}
            () = stop.cancelled() => {}
        }
    }
}

impl Trust {
    /// Accepts these credentials. DID documents are fetched by `https`; with `plain_http`, by `http` from hosts without a domain.
    #[must_use]
    pub fn new(accepted: Vec<Accepted>, outbound: Outbound, plain_http: bool, clock: Clock) -> Self {
        let issuers = Issuers::new(outbound, plain_http);
        Self(Arc::new(Inner { accepted, issuers, clock, held: Mutex::default(), changes: watch::Sender::new(0) }))
    }

    /// Checks a credential that is said to be of `counterparty`: signature, issuer, subject, time and status. It is not held before
    /// [`Trust::hold`].
    ///
    /// # Errors
    /// [`TrustError`]. One that is revoked or suspended is not refused, but shows nothing.
    pub async fn check(&self, counterparty: &ParticipantId, compact: &str) -> Result<Held, TrustError> {
        let signed = SignedCredential::read(compact)?;
        self.accepts(signed.claimed())?;
        if !signed.claimed().is_about(counterparty.as_str()) {
            return Err(TrustError::NotTheirs(counterparty.clone()));
        }
        let now = self.0.clock.now();
        if signed.claimed().valid_until.is_some_and(|until| now.millis() >= until.saturating_mul(1000)) {
            return Err(TrustError::Expired);
        }
        let (credential, void) = Lookup::at(now, &self.0.issuers).look_up(signed).await?;
        let kept = Kept { counterparty: counterparty.clone(), credential: compact.to_owned(), checked: now, void };
        Ok(self.held(kept, credential))
    }

    /// Takes up a credential that was checked before a restart.
    ///
    /// # Errors
    /// When nothing of it is accepted any more.
    pub fn recall(&self, kept: Kept) -> Result<(), TrustError> {
        let signed = SignedCredential::read(&kept.credential)?;
        self.accepts(signed.claimed())?;
        self.hold(self.held(kept, signed.claimed().clone()));
        Ok(())
    }

    /// Holds a credential from now on.
    pub fn hold(&self, held: Held) {
        self.known().insert(held.id.clone(), held);
        self.0.changes.send_modify(|changes| *changes += 1);
    }

    /// Holds a credential no longer; whether it was held.
    #[must_use]
    pub fn drop(&self, id: &str) -> bool {
        let dropped = self.known().remove(id).is_some();
        self.0.changes.send_modify(|changes| *changes += 1);
        dropped
    }

    /// All credentials, by id, each with how it stands now.
    #[must_use]
    pub fn all(&self) -> Vec<(Held, Standing)> {
        let now = self.0.clock.now();
        self.known().values().map(|held| (held.clone(), held.standing(now))).collect()
    }

    /// One credential, with how it stands now.
    #[must_use]
    pub fn one(&self, id: &str) -> Option<(Held, Standing)> {
        let now = self.0.clock.now();
        self.known().get(id).map(|held| (held.clone(), held.standing(now)))
    }

    /// What the credentials of each counterparty show now.
    #[must_use]
    pub fn shown(&self) -> BTreeMap<ParticipantId, Shown> {
        let now = self.0.clock.now();
        let mut all: BTreeMap<ParticipantId, Shown> = BTreeMap::new();
        for held in self.known().values() {
            let standing = held.standing(now);
            if !matches!(standing, Standing::Holds | Standing::Unverified) {
                continue;
            }
            let shown = all.entry(held.kept.counterparty.clone()).or_default();
            for accepted in self.accepted_as(&held.credential) {
                shown.take(accepted, &held.credential, standing == Standing::Holds);
            }
        }
        all
    }

    /// A watch over what is held, from now on.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { trust: self.clone(), changes: self.0.changes.subscribe(), looked: self.0.clock.now() }
    }

    /// Looks up again what is due: those that have to be kept anew, by id.
    pub async fn look_again(&self) -> Vec<(String, Kept)> {
        let now = self.0.clock.now();
        let mut due: BTreeMap<String, Vec<Held>> = BTreeMap::new();
        for held in self.known().values().filter(|held| held.due <= now) {
            due.entry(held.credential.issuer.to_string()).or_default().push(held.clone());
        }
        let of_issuers = due.into_values().map(|all| async {
            let (mut lookup, mut news) = (Lookup::at(now, &self.0.issuers), Vec::new());
            for held in all {
                news.extend(self.look_up_again(&mut lookup, &held).await.ok().flatten());
            }
            news
        });
        let found: Vec<Vec<_>> = stream::iter(of_issuers).buffer_unordered(ISSUERS_AT_ONCE).collect().await;
        found.into_iter().flatten().collect()
    }

    /// Looks a credential up now, whether or not it is due: to be kept anew; `None` when it is not held.
    ///
    /// # Errors
    /// When its issuer cannot be asked.
    pub async fn look_at(&self, id: &str) -> Result<Option<Kept>, TrustError> {
        let held = self.known().get(id).cloned();
        let Some(held) = held else { return Ok(None) };
        let looked = self.look_up_again(&mut Lookup::at(self.0.clock.now(), &self.0.issuers), &held).await?;
        Ok(looked.map(|(_, kept)| kept))
    }

    /// `None` when the credential was dropped meanwhile.
    async fn look_up_again(&self, lookup: &mut Lookup<'_>, held: &Held) -> Result<Option<(String, Kept)>, TrustError> {
        let looked = match SignedCredential::read(&held.kept.credential) {
            Ok(signed) => lookup.look_up(signed).await,
            Err(error) => Err(error.into()),
        };
        let looked = match looked {
            Ok((_, void)) => Ok(void),
            // Taken in once, it was genuine: a key that is gone now was withdrawn since.
            Err(TrustError::Credential(CredentialError::Did(DidError::NoKey(_)))) => Ok(Some(Void::KeyWithdrawn)),
            Err(error) => Err(error),
        };
        let now = self.0.clock.now();
        let mut known = self.known();
        let Some(current) = known.get_mut(&held.id) else { return Ok(None) };
        let outcome = match looked {
            Ok(void) => {
                // Not now: what changed while it was looked up is seen by the next look-up only.
                current.looked_up(lookup.began(), void);
                Ok(Some((current.id.clone(), current.kept.clone())))
            }
            Err(error) => {
                current.not_looked_up(now);
                tracing::warn!(credential = current.id, issuer = %current.credential.issuer, %error,
                               "a credential could not be looked up again; trying again");
                Err(error)
            }
        };
        drop(known);
        self.0.changes.send_modify(|changes| *changes += 1);
        outcome
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accepted_as(&self, credential: &Credential) -> impl Iterator<Item = &Accepted> {
        self.0.accepted.iter().filter(|accepted| {
            credential.types.contains(&accepted.kind) && accepted.issuers.contains(&credential.issuer)
        })
    }

    /// Whether anything is accepted from who claims to have issued it: nobody else's document is ever fetched.
    fn accepts(&self, claimed: &Credential) -> Result<(), TrustError> {
        if self.accepted_as(claimed).next().is_some() {
            return Ok(());
        }
        let (kinds, issuer) = (claimed.types.join(", "), claimed.issuer.to_string());
        Err(TrustError::NotTrusted { kinds, issuer })
    }

    fn held(&self, kept: Kept, credential: Credential) -> Held {
        let max_age = self.accepted_as(&credential).map(|accepted| accepted.max_age).min().unwrap_or_default();
        Held::new(kept, credential, max_age)
    }
}
