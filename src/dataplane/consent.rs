//! The data subject's consent, where a policy asks for it (`xroad:consent`): asked of a validator for the very call, or remembered for
//! a short time that never passes the consent's own end. Whoever cannot be asked has not consented.
//!
//! The consumer shows a reference and the data subject in headers. They are personal data: they go to the validator only, are not
//! passed on to the service, and are neither logged nor recorded.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::refusal::Refusal;
use crate::env::Clock;
use crate::model::ids::DatasetId;
use crate::model::pattern::glob;
use crate::model::time::Timestamp;
use crate::model::xroad::ClientId;
use crate::policy::{Compiled, Place};
use crate::xroad::path::AssetPath;
use crate::xroad::route::Route;

mod estonian;
mod reports;
mod shown;
mod subject;
mod validator;

pub use estonian::ConsentService;
pub use subject::SubjectPlace;
pub use validator::{Consent, ConsentReference, ConsentUnavailable, ConsentValidator};

pub(super) use shown::{Shown, shown};

use reports::{Report, Reports};
use shown::{REFERENCE, SUBJECT};

const OPERAND: &str = "xroad:consent";
/// The operand's value while the data subject consents.
pub(super) const GRANTED: &str = "granted";
/// How long a reference or personal code may be, characters.
const LONGEST: usize = 128;
const MOST_REMEMBERED: u64 = 100_000;

/// A service declaration: which data a consent is about.
#[derive(Clone, Debug)]
pub struct ConsentDeclaration {
    /// Its identifier at the validator.
    pub id: String,
    /// Patterns of the dataset ids whose calls it covers.
    pub assets: Vec<String>,
    /// Where a call names the data subject.
    pub subject: SubjectPlace,
}

/// How consents are looked up.
#[derive(Clone, Debug)]
pub struct ConsentSettings {
    /// For how long a consent that was in force is believed to be so.
    pub bound: Duration,
    /// The X-Road client that asks the validator; when absent, the subsystem that provides the service called.
    pub client: Option<ClientId>,
    /// What consents are about; the first that covers a dataset counts.
    pub declarations: Vec<ConsentDeclaration>,
}

/// All that is known of consents here.
pub struct Consents {
    validator: Arc<dyn ConsentValidator>,
    settings: ConsentSettings,
    known: Cache<(ClientId, ConsentReference), Remembered>,
    reports: Reports,
}

#[derive(Clone)]
struct Remembered {
    consent: Arc<Consent>,
    until: Timestamp,
}

/// What a policy's asking for consent comes to under one agreement.
pub(super) struct ConsentClause {
    pub(super) place: Place,
    consents: Arc<Consents>,
    provider: ClientId,
    client: ClientId,
    declaration: ConsentDeclaration,
}

/// A consent that a call was permitted with.
pub(super) struct Used {
    consents: Arc<Consents>,
    provider: ClientId,
    reference: ConsentReference,
}

/// What came of looking a consent up.
pub(super) enum Found {
    /// It is in force and about this call.
    Granted(Used),
    /// It is not.
    Refused(Refusal),
    /// Nobody can tell.
    Unknown(Refusal),
}

impl Consents {
    /// Consents that this validator knows. Starts reporting to it; to be called within the runtime.
    #[must_use]
    pub fn new(validator: Arc<dyn ConsentValidator>, settings: ConsentSettings) -> Self {
        let known = Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(settings.bound).build();
        let reports = Reports::start(Arc::clone(&validator));
        Self { validator, settings, known, reports }
    }

    /// Returns when every release so far was reported, or given up.
    pub(super) async fn reported(&self) {
        self.reports.delivered().await;
    }

    async fn consent(
        &self,
        provider: &ClientId,
        reference: &ConsentReference,
        clock: &Clock,
    ) -> Result<Option<Arc<Consent>>, ConsentUnavailable> {
        let key = (provider.clone(), reference.clone());
        // The bound counts from before the validator answers: what it says was true then.
        let asked = clock.now();
        if let Some(known) = self.known.get(&key).filter(|known| asked < known.until) {
            return Ok(Some(known.consent));
        }
        let Some(consent) = self.validator.validate(provider, reference).await? else {
            self.known.invalidate(&key);
            return Ok(None);
        };
        let consent = Arc::new(consent);
        let bound = i64::try_from(self.settings.bound.as_millis()).unwrap_or(i64::MAX);
        if bound > 0 {
            let until = asked.plus_millis(bound).min(consent.expires);
            self.known.insert(key, Remembered { consent: Arc::clone(&consent), until });
        }
        Ok(Some(consent))
    }
}

impl ConsentClause {
    /// What a policy's asking for consent comes to; `None` when it does not ask.
    ///
    /// # Errors
    /// When it asks and nobody could answer.
    pub(super) fn of(
        policy: &Compiled,
        consents: Option<&Arc<Consents>>,
        route: &Route,
        dataset: &DatasetId,
    ) -> Result<Option<Self>, Refusal> {
        let Some(place) = policy.place(OPERAND) else { return Ok(None) };
        let covers = |d: &&ConsentDeclaration| d.assets.iter().any(|pattern| glob(pattern, dataset.as_str()));
        let found = consents.and_then(|c| Some((c, c.settings.declarations.iter().find(covers)?)));
        let (consents, declaration) = found.ok_or_else(|| {
            let sentence = format!("the policy asks for consent, and who consents to {dataset} cannot be known here");
            Refusal::forbidden("policy.not-evaluable", sentence)
        })?;
        Ok(Some(Self {
            place,
            consents: Arc::clone(consents),
            provider: consents.settings.client.clone().unwrap_or_else(|| route.service().provider()),
            client: route.client().clone(),
            declaration: declaration.clone(),
        }))
    }

    /// Where the body of a call names the data subject, if that is where.
    pub(super) fn pointer(&self) -> Option<&str> {
        match &self.declaration.subject {
            SubjectPlace::Pointer(pointer) => Some(pointer),
            _ => None,
        }
    }

    /// Whether the consent that a call shows is in force and about this call. `in_body` is whom the body names.
    pub(super) async fn look_up(
        &self,
        shown: Option<&Shown>,
        (path, in_body): (&AssetPath, Option<&str>),
        clock: &Clock,
    ) -> Found {
        let Some(shown) = shown else { return Found::Unknown(missing()) };
        if !self.declaration.subject.is_named((path, in_body), &shown.subject) {
            return Found::Refused(mismatch("the subject that the call names"));
        }
        let consent = match self.consents.consent(&self.provider, &shown.reference, clock).await {
            Ok(consent) => consent,
            Err(error) => {
                return Found::Unknown(unreachable().caused_by(error));
            }
        };
        let Some(consent) = consent.filter(|consent| consent.expires > clock.now()) else {
            return Found::Refused(refused());
        };
        if let Some(what) = self.differs(&consent, shown) {
            return Found::Refused(mismatch(what));
        }
        Found::Granted(Used {
            consents: Arc::clone(&self.consents),
            provider: self.provider.clone(),
            reference: shown.reference.clone(),
        })
    }

    /// In what the consent is not about this call; the validator leaves the comparison to the provider.
    fn differs(&self, consent: &Consent, shown: &Shown) -> Option<&'static str> {
        let client = consent.client.trim().parse::<ClientId>();
        if client.ok().as_ref() != Some(&self.client) {
            return Some("client");
        }
        if consent.subject != *shown.subject {
            return Some("subject");
        }
        (consent.declaration != self.declaration.id).then_some("service declaration")
    }
}

impl Found {
    /// The value of the operand; `None` when it is not known.
    pub(super) const fn value(&self) -> Option<&'static str> {
        match self {
            Self::Granted(_) => Some(GRANTED),
            Self::Refused(_) => Some("refused"),
            Self::Unknown(_) => None,
        }
    }
}

impl Used {
    /// Tells the validator that data was released, some time soon.
    pub(super) fn report(self, released: Timestamp) {
        self.consents.reports.add(Report { provider: self.provider, reference: self.reference, released });
    }
}

fn missing() -> Refusal {
    let sentence = format!("the agreement asks for consent; show it in the headers {REFERENCE} and {SUBJECT}");
    Refusal::forbidden("consent.missing", sentence)
}

fn refused() -> Refusal {
    let sentence = "the data subject's consent is not in force: it was never given, has ended or was withdrawn; \
                    ask for consent again";
    Refusal::forbidden("consent.refused", sentence)
}

/// Does not say in what it differs: a stranger could find out about a person.
fn mismatch(what: &str) -> Refusal {
    let sentence =
        "the consent is not about this call: client, data subject and service must be those that it was given for";
    Refusal::forbidden("consent.mismatch", sentence).caused_by(format_args!("it differs in {what}"))
}

fn unreachable() -> Refusal {
    let sentence = "whether the data subject consents cannot be found out now, so the call was not made; try again";
    Refusal::unavailable("consent.unreachable", sentence)
}

#[cfg(test)]
mod tests;
