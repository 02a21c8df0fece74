//! The words that can be evaluated here: profiles, actions, operators, left operands. Built in, and more by configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::shown::is_place;

mod actions;
mod operands;
mod operators;
mod terms;
mod units;

pub(crate) use actions::Actions;
pub(crate) use operands::SINCE_AGREEMENT;
pub(crate) use operators::{Operator, Orders};
pub(crate) use terms::{ODRL, canonical, iri, odrl_name};
pub(crate) use units::Unit;
pub use units::{Dimension, Units};

/// Identifiers of the built-in profiles.
pub mod profile {
    /// ODRL Core Vocabulary.
    pub const CORE: &str = "http://www.w3.org/ns/odrl/2/core";
    /// ODRL Common Vocabulary.
    pub const ODRL: &str = "http://www.w3.org/ns/odrl/2/";
    /// Dataspace Protocol 2025-1.
    pub const DSP: &str = "https://w3id.org/dspace/2025/1/odrl-profile.jsonld";
    /// X-Road terms, as X-Road 8 writes them.
    pub const XROAD: &str = "https://x-road.eu/v0.1/ns/";
    /// Catena-X policy vocabulary; its dated profiles begin with it.
    pub const CATENA_X: &str = "https://w3id.org/catenax/policy/";
    /// The information model of International Data Spaces; policies of its classes claim it by them.
    pub const IDS: &str = "https://w3id.org/idsa/core/";
    /// Gaia-X credential constraints (ODRL-VC).
    pub const GAIA_X: &str = "https://w3id.org/gaia-x/ovc/1/";
}

/// What the values of a left operand are, and so how they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A point in time, `xsd:dateTime` or `xsd:date`.
    Instant,
    /// A length of time, `xsd:duration`.
    Duration,
    /// A decimal number, in the unit that the constraint names.
    Number,
    /// Text, a code or an IRI, compared character by character.
    Text,
    /// Dotted numbers.
    Version,
    /// `METHOD /path` with `*` for one segment and `**` for any number.
    DataPath,
    /// A JSON Pointer (RFC 6901), a JSONPath query (RFC 9535), or the path of an XML element by local names.
    FieldPath,
    /// Whatever the right operand is.
    Any,
}

impl Kind {
    /// Whether an operator of ODRL (Vocabulary 2.2 §4.6) can compare such values; `None` for a name that is no operator.
    #[must_use]
    pub fn is_compared_by(self, operator: &str) -> Option<bool> {
        let operator = Operator::ALL.into_iter().find(|known| known.as_str() == operator)?;
        Some(match operator {
            Operator::Lt | Operator::Lteq | Operator::Gt | Operator::Gteq => {
                !matches!(self, Self::Text | Self::DataPath)
            }
            Operator::IsA | Operator::IsPartOf | Operator::HasPart => matches!(self, Self::Text | Self::Any),
            _ => true,
        })
    }
}

/// How far a constraint on a left operand holds the consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// Seen here, on this exchange.
    Enforced,
    /// Declared by the consumer, and kept as evidence.
    Attested,
    /// Told by reports and audits after the exchange only.
    Audited,
}

impl Assurance {
    /// `enforced`, `attested` or `audited`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Attested => "attested",
            Self::Audited => "audited",
        }
    }
}

/// Where the value of a left operand comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The clock.
    Clock,
    /// The call itself, its channel and its parties.
    Call,
    /// A durable counter, reserved before the call and settled after.
    Counter,
    /// A claim of a verified credential, by its path.
    Claim(String),
    /// A request header, by its name.
    Header(String),
    /// A value of the request body, by its JSON Pointer.
    Pointer(String),
    /// A declaration of the consumer.
    Declaration,
    /// Nothing here: it is known only where an operator vouches for it.
    Nowhere,
}

/// A left operand that can be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// What its values are.
    pub kind: Kind,
    /// The unit of its values, where it has one always.
    pub unit: Option<String>,
    /// The units that a constraint may name; amounts of another one are converted where that is exact.
    pub units: Units,
    /// Operators that make sense with it, by their ODRL names; empty for all.
    pub operators: Vec<String>,
    /// Only an exchange can supply it: before one, its absence refuses nothing.
    pub exchange_only: bool,
    /// It has one value at a time, so that two sets without a common element exclude each other.
    pub single: bool,
    /// How far a constraint on it holds.
    pub assurance: Assurance,
    /// Where its value comes from.
    pub source: Source,
}

impl Operand {
    /// An operand whose values are text, known at every phase, declared by the consumer.
    #[must_use]
    pub const fn text() -> Self {
        Self::of(Kind::Text)
    }

    /// An operand of that kind, known at every phase, declared by the consumer.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        Self {
            kind,
            unit: None,
            units: match kind {
                Kind::Number | Kind::Any => Units::Any,
                Kind::Duration => Units::Of(&[Dimension::Time]),
                _ => Units::None,
            },
            operators: Vec::new(),
            exchange_only: false,
            single: !matches!(kind, Kind::Text | Kind::Any),
            assurance: Assurance::Attested,
            source: Source::Declaration,
        }
    }

    /// Whether a durable counter keeps it.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.source == Source::Counter
    }
}

/// When duties of permissions that do not say so themselves are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DutyReading {
    /// Before the use, as the recommendation has it: a permission with an unperformed duty is not active.
    #[default]
    PreCondition,
    /// By their action: consent and payment before, logging and informing with, deletion after the use.
    ByAction,
    /// At any time: only a duty that can no longer be performed makes a permission inactive.
    Eventual,
}

/// What says when a duty is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadBy {
    /// The policy itself, such as by `ids:postDuty`.
    Policy,
    /// The profile that the policy claims, or whose classes it has.
    Profile,
    /// The setting of whoever runs this; pre-condition where nothing is set.
    Setting,
}

/// The words that policies may use here.
#[derive(Clone, Debug)]
pub struct Registry {
    operands: BTreeMap<String, Operand>,
    actions: Arc<Actions>,
    profiles: Vec<String>,
    duties: DutyReading,
}

impl Default for Registry {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Registry {
    /// The built-in profiles: ODRL core and common vocabulary, DSP, X-Road, Catena-X, IDS, Gaia-X.
    #[must_use]
    pub fn built_in() -> Self {
        let profiles = [
            profile::CORE,
            profile::ODRL,
            profile::DSP,
            profile::XROAD,
            profile::CATENA_X,
            profile::IDS,
            profile::GAIA_X,
        ];
        Self {
            operands: operands::built_in(),
            actions: Arc::new(Actions::built_in()),
            profiles: profiles.iter().map(ToString::to_string).collect(),
            duties: DutyReading::default(),
        }
    }

    /// Lets policies use one more left operand, under an IRI or a compact name.
    pub fn define(&mut self, name: &str, operand: Operand) {
        self.operands.insert(canonical(name), operand);
    }

    /// Lets credentials show the values of a left operand that is known already: no longer what the consumer only declares.
    pub fn show(&mut self, name: &str, place: &str) {
        if let Some(operand) = self.operands.get_mut(&canonical(name)) {
            operand.source = Source::Claim(place.to_owned());
            operand.assurance = Assurance::Enforced;
        }
    }

    /// Takes back a left operand whose value nobody can supply here.
    pub fn withdraw(&mut self, name: &str) {
        self.operands.remove(&canonical(name));
    }

    /// Lets policies use one more left operand, whose values are text.
    pub fn add_text_operand(&mut self, name: &str, exchange_only: bool) {
        self.define(name, Operand { exchange_only, ..Operand::text() });
    }

    /// Lets policies use one more action, done whenever `part_of` allows it.
    pub fn add_action(&mut self, name: &str, part_of: &str) {
        Arc::make_mut(&mut self.actions).add(&canonical(name), &canonical(part_of));
    }

    /// Lets policies claim one more profile.
    pub fn add_profile(&mut self, iri: &str) {
        self.profiles.push(iri.to_owned());
    }

    /// How duties of permissions are read; at first as pre-conditions.
    pub fn read_duties(&mut self, reading: DutyReading) {
        self.duties = reading;
    }

    /// The operand of that name, however it is written.
    #[must_use]
    pub fn operand(&self, name: &str) -> Option<&Operand> {
        let known = self.operands.get(name).or_else(|| self.operands.get(&canonical(name)));
        // Gaia-X names its operands by a path into a credential, so there is no end of them.
        known.or_else(|| self.operands.get("ovc:").filter(|_| is_place(name)))
    }

    /// Whether anything here supplies the values of an operand, so that a constraint on it can be shown to hold; `None` for an
    /// operand that is not known.
    #[must_use]
    pub fn supplies(&self, name: &str) -> Option<bool> {
        self.operand(name).map(|operand| operand.source != Source::Nowhere)
    }

    /// Whether policies may use an action of that name, however it is written.
    #[must_use]
    pub fn knows_action(&self, name: &str) -> bool {
        self.actions.knows(&canonical(name))
    }

    /// Whether doing `action` is doing `wider`, however they are written.
    #[must_use]
    pub fn includes(&self, wider: &str, action: &str) -> bool {
        self.actions.included(&canonical(action), &canonical(wider))
    }

    /// All operands with their registered names.
    pub fn operands(&self) -> impl Iterator<Item = (&str, &Operand)> {
        self.operands.iter().map(|(name, operand)| (name.as_str(), operand))
    }

    pub(crate) fn actions(&self) -> &Arc<Actions> {
        &self.actions
    }

    /// How the duties of a policy that claims these profiles are read, and who says so: IDS writes what follows a use, such as to
    /// delete, as a duty of the permission, so that its policies are read by action whatever the setting.
    pub(crate) fn duties<'p>(&self, mut profiles: impl Iterator<Item = &'p str>) -> (DutyReading, ReadBy) {
        if profiles.any(|claimed| plain(claimed) == plain(profile::IDS)) {
            return (DutyReading::ByAction, ReadBy::Profile);
        }
        (self.duties, ReadBy::Setting)
    }

    /// Whether policies may claim that profile.
    #[must_use]
    pub fn knows_profile(&self, iri: &str) -> bool {
        let asked = plain(iri);
        // ODRL's own namespace is empty once its prefix is taken off; so is what names nothing.
        if iri.trim_matches(['/', '#', ':']).is_empty() {
            return false;
        }
        self.profiles.iter().any(|p| plain(p) == asked) || terms::is_vocabulary(iri)
    }
}

/// A profile's identifier however it ends.
fn plain(profile: &str) -> String {
    let name = profile.trim_end_matches(['/', '#', ':']);
    canonical(&format!("{name}/")).trim_end_matches(['/', '#', ':']).to_owned()
}
