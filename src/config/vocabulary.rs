//! Words of the operator's own for policies: left operands, actions, profiles.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Config, DutyReading};
use crate::policy;
use crate::policy::{Assurance, Kind, Registry, Source};

/// `[[operand]]`: a left operand that policies may use beside those built in. Exactly one of `header`, `pointer` and `claim` says
/// where its value comes from; where there is none, the operand is unknown and does not permit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Operand {
    /// Its IRI, or a name with a prefix such as `ex:caseNumber`.
    pub name: String,
    /// What its values are, and so how they are compared.
    #[serde(rename = "type")]
    pub kind: OperandType,
    /// The unit of a number.
    #[serde(default)]
    pub unit: Option<String>,
    /// The operators that make sense with it, by their ODRL names; all when empty.
    #[serde(default)]
    pub operators: Vec<String>,
    /// When its value is known: `any` for a claim, `exchange` for what only a call tells.
    #[serde(default)]
    pub phase: Option<OperandPhase>,
    /// How far a constraint on it holds. When absent: attested for a header, which is the consumer's word; otherwise enforced.
    #[serde(default)]
    pub assurance: Option<Assurance>,
    /// A header of the consumer's call, which has one value and is not passed on.
    #[serde(default)]
    pub header: Option<String>,
    /// JSON Pointer (RFC 6901) to a text, number or boolean in the call's JSON body.
    #[serde(default)]
    pub pointer: Option<String>,
    /// A fact of `[[counterparty]]`, or the type of a `[[credential]]` and a place in its subject; dots lead into tables.
    #[serde(default)]
    pub claim: Option<String>,
}

/// What the values of an operand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperandType {
    /// Text, a code or an IRI, compared character by character.
    Text,
    /// A decimal number.
    Number,
    /// A point in time, `xsd:dateTime` or `xsd:date`.
    Instant,
    /// A length of time, `xsd:duration`.
    Duration,
    /// Dotted numbers.
    Version,
    /// Whatever the right operand is.
    Any,
}

/// When the value of an operand is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperandPhase {
    /// Always: its absence refuses already in the catalogue.
    Any,
    /// With a call: before one, its absence refuses nothing.
    Exchange,
}

/// `[[action]]`: an action that policies may name beside those built in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Action {
    /// Its IRI, or a name with a prefix.
    pub name: String,
    /// The action that it is part of: whoever may do that may do this.
    #[serde(default = "root_action")]
    pub included_in: String,
}

fn root_action() -> String {
    "use".to_owned()
}

/// `[[profile]]`: an ODRL profile that policies may claim beside those built in, because its words are defined here.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Profile {
    /// Its IRI.
    pub iri: String,
}

impl Operand {
    /// As policies are compiled with it.
    #[must_use]
    pub fn operand(&self) -> policy::Operand {
        let (source, told_by_call) = match (&self.header, &self.pointer, &self.claim) {
            (Some(name), ..) => (Source::Header(name.to_ascii_lowercase()), true),
            (_, Some(pointer), _) => (Source::Pointer(pointer.clone()), true),
            (_, _, Some(path)) => (Source::Claim(path.clone()), false),
            _ => (Source::Declaration, false),
        };
        let by_default = if self.header.is_some() { Assurance::Attested } else { Assurance::Enforced };
        policy::Operand {
            unit: self.unit.clone(),
            operators: self.operators.clone(),
            exchange_only: self.phase.map_or(told_by_call, |phase| phase == OperandPhase::Exchange),
            // A header and a place in a document have one value; claims are sets.
            single: told_by_call || policy::Operand::of(self.kind.into()).single,
            assurance: self.assurance.unwrap_or(by_default),
            source,
            ..policy::Operand::of(self.kind.into())
        }
    }
}

impl From<OperandType> for Kind {
    fn from(kind: OperandType) -> Self {
        match kind {
            OperandType::Text => Self::Text,
            OperandType::Number => Self::Number,
            OperandType::Instant => Self::Instant,
            OperandType::Duration => Self::Duration,
            OperandType::Version => Self::Version,
            OperandType::Any => Self::Any,
        }
    }
}

impl Config {
    /// The words that policies may use here: those built in and those of the file.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::built_in();
        if self.consent.is_none() {
            registry.withdraw("xroad:consent");
        }
        for operand in &self.operand {
            registry.define(&operand.name, operand.operand());
        }
        for credential in &self.credential {
            let stated = credential.facts.keys().map(|operand| (operand, credential.kind.clone()));
            let claimed =
                credential.claims.iter().map(|(operand, path)| (operand, format!("{}.{path}", credential.kind)));
            stated.chain(claimed).for_each(|(operand, place)| registry.show(operand, &place));
        }
        for action in &self.action {
            registry.add_action(&action.name, &action.included_in);
        }
        for profile in &self.profile {
            registry.add_profile(&profile.iri);
        }
        registry.read_duties(match self.enforcement.duties {
            DutyReading::PreCondition => policy::DutyReading::PreCondition,
            DutyReading::ByAction => policy::DutyReading::ByAction,
            DutyReading::Eventual => policy::DutyReading::Eventual,
        });
        registry
    }
}
