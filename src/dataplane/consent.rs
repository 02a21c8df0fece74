//! The data subject's consent, where a policy asks for it (`xroad:consent`): asked of a validator for the very call, or remembered for
//! a short time that never passes the consent's own end. Whoever cannot be asked has not consented.
//!
//! The consumer shows a reference and the data subject in headers. They are personal data: they go to the validator only, are not
//! passed on to the service, and are neither logged nor recorded.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName};
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

pub use estonian::ConsentService;

use reports::{Report, Reports};

const REFERENCE: HeaderName = HeaderName::from_static("sliproad-consent");
const SUBJECT: HeaderName = HeaderName::from_static("sliproad-consent-subject");
const OPERAND: &str = "xroad:consent";
/// The operand's value while the data subject consents.
pub(super) const GRANTED: &str = "granted";
const LONGEST: usize = 128;
const MOST_REMEMBERED: u64 = 100_000;

/// The unique code of a consent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConsentReference(Box<str>);

impl ConsentReference {
    /// Up to 128 letters, digits, `-`, `.`, `_` and `~`, which need no encoding anywhere; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        (!text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain)).then(|| Self(text.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConsentReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsentReference(withheld)")
    }
}

/// A consent in force, as its validator tells it.
#[derive(Clone)]
pub struct Consent {
    /// The X-Road subsystem that may ask, as written in the answer.
    pub client: String,
    /// The data subject's personal code.
    pub subject: String,
    /// The service declaration that the consent is about.
    pub declaration: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// The validator could not be asked, or its answer not be understood. The sentence is for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConsentUnavailable(pub String);

/// Knows consents. `provider` is the X-Road subsystem whose data is asked for, as which the validator is called.
#[async_trait]
pub trait ConsentValidator: Send + Sync {
    /// The consent under this reference; `None` when there is none in force for data of this provider.
    ///
    /// # Errors
    /// When it cannot be known now.
    async fn validate(
        &self,
        provider: &ClientId,
        reference: &ConsentReference,
    ) -> Result<Option<Consent>, ConsentUnavailable>;

    /// Tells that personal data was released under a consent.
    ///
    /// # Errors
    /// When it could not be told.
    async fn report(
        &self,
        provider: &ClientId,
        reference: &ConsentReference,
        released: Timestamp,
    ) -> Result<(), ConsentUnavailable>;
}

/// Where a call names the data subject that the consumer shows in its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectPlace {
    /// In the path: segments, of which one is `{subject}`; `*` stands for any one, `**` at the end for any number.
    Path(String),
    /// In a parameter of the query, which comes once.
    Query(String),
    /// In the JSON body, by its JSON Pointer (RFC 6901).
    Pointer(String),
    /// In the header only: the service must compare for itself.
    Declared,
}

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

/// What a call shows of a consent.
pub(super) struct Shown {
    reference: ConsentReference,
    subject: Box<str>,
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

/// What a consumer's headers show; `None` when they show nothing.
///
/// # Errors
/// 400 when a header cannot be read or comes twice.
pub(super) fn shown(headers: &HeaderMap) -> Result<Option<Shown>, Refusal> {
    let (Some(reference), Some(subject)) = (header(headers, &REFERENCE)?, header(headers, &SUBJECT)?) else {
        return Ok(None);
    };
    let reference = ConsentReference::parse(reference)
        .ok_or_else(|| malformed(&REFERENCE, "expected up to 128 letters, digits and - . _ ~"))?;
    if subject.len() > LONGEST || !subject.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(malformed(&SUBJECT, "expected up to 128 visible ASCII characters"));
    }
    Ok(Some(Shown { reference, subject: subject.into() }))
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed(name, "it comes more than once"));
    }
    let text = value.to_str().map_err(|_| malformed(name, "expected visible ASCII characters"))?;
    Ok(Some(text.trim()).filter(|text| !text.is_empty()))
}

fn malformed(name: &HeaderName, what: &str) -> Refusal {
    Refusal::bad_request("consent.malformed", format!("the header {name} cannot be read: {what}"))
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
            tracing::info!(what = "the subject that the call names", "a consent does not fit its call");
            return Found::Refused(mismatch());
        }
        let consent = match self.consents.consent(&self.provider, &shown.reference, clock).await {
            Ok(consent) => consent,
            Err(error) => {
                tracing::warn!(%error, "a consent could not be looked up");
                return Found::Unknown(unreachable());
            }
        };
        let Some(consent) = consent.filter(|consent| consent.expires > clock.now()) else {
            return Found::Refused(refused());
        };
        if let Some(what) = self.differs(&consent, shown) {
            tracing::info!(what, "a consent does not fit its call");
            return Found::Refused(mismatch());
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

impl SubjectPlace {
    /// Whether a call names this data subject, and no other.
    fn is_named(&self, (path, in_body): (&AssetPath, Option<&str>), subject: &str) -> bool {
        match self {
            Self::Pointer(_) => in_body == Some(subject),
            Self::Path(pattern) => in_path(pattern, path.decoded(), subject),
            Self::Query(name) => {
                let query = url::form_urlencoded::parse(path.query().unwrap_or_default().as_bytes());
                let mut named = query.filter(|(key, _)| key == name).map(|(_, value)| value);
                named.next().is_some_and(|value| value == subject) && named.next().is_none()
            }
            Self::Declared => true,
        }
    }
}

fn in_path(pattern: &str, path: &str, subject: &str) -> bool {
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let fits = match (wanted, segments.next()) {
            ("**", segment) => return segment.is_some(),
            ("{subject}", segment) => segment == Some(subject),
            ("*", Some(segment)) => !segment.is_empty(),
            (wanted, segment) => segment == Some(wanted),
        };
        if !fits {
            return false;
        }
    }
    segments.next().is_none()
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
fn mismatch() -> Refusal {
    let sentence =
        "the consent is not about this call: client, data subject and service must be those that it was given for";
    Refusal::forbidden("consent.mismatch", sentence)
}

fn unreachable() -> Refusal {
    let sentence = "whether the data subject consents cannot be found out now, so the call was not made; try again";
    Refusal::unavailable("consent.unreachable", sentence)
}

#[cfg(test)]
mod tests;
