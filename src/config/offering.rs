//! What is offered, under which rules, and agreements made elsewhere.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

use crate::model::ids::{AgreementId, DatasetId, OfferId, ParticipantId};
use crate::model::negotiation::Role;
use crate::model::xroad::{Endpoint, ServiceId};

/// `[[policy]]`: a named ODRL policy; an offer takes its rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Policy {
    /// The name that offers use.
    pub id: String,
    /// The policy: ODRL in JSON-LD compact form, written as a TOML table. `Null` only until `file` is read.
    #[serde(default, deserialize_with = "json")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub policy: Value,
    /// A JSON file with the policy, in place of `policy`.
    #[serde(default)]
    pub file: Option<PathBuf>,
}

/// `[[asset]]`: what is known of a service beside what the security server tells.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Asset {
    /// The dataset id; `INST:CLASS:CODE:SUB:service[:version]` of the service when absent.
    #[serde(default)]
    pub id: Option<DatasetId>,
    /// The service.
    pub service: ServiceId,
    /// Its name for people; from its description when absent.
    #[serde(default)]
    pub title: Option<String>,
    /// What it is; from its description when absent.
    #[serde(default)]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// The licence's IRI (`dct:license`).
    #[serde(default)]
    pub license: Option<String>,
    /// IRIs of themes (`dcat:theme`).
    #[serde(default)]
    pub themes: Vec<String>,
    /// IRIs of purposes that it serves.
    #[serde(default)]
    pub purpose: Vec<String>,
    /// The endpoints that may be called, such as `GET /parcels/*`; the whole service when empty.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
}

impl Asset {
    /// The dataset id, as set or as the service says.
    #[must_use]
    pub fn dataset(&self) -> DatasetId {
        self.id.clone().unwrap_or_else(|| self.service.dataset_id())
    }
}

/// `[[offer]]`: assets offered under a policy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Offer {
    /// Its name.
    pub id: OfferId,
    /// Patterns of dataset ids; `*` stands for any text.
    pub assets: Vec<String>,
    /// The policy that an agreement will carry.
    pub policy: String,
    /// The policy that decides who sees the offer; everybody when absent. It is not part of an agreement.
    #[serde(default)]
    pub access_policy: Option<String>,
    /// The participant (name) who offers; all who publish the asset when absent.
    #[serde(default)]
    pub participant: Option<String>,
}

/// `[[agreement]]`: an agreement made elsewhere, in force from the start.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImportedAgreement {
    /// Its id.
    pub id: AgreementId,
    /// Our side.
    pub role: Role,
    /// The participant (name) who keeps it; may be left out when there is only one.
    #[serde(default)]
    pub participant: Option<String>,
    /// The other party.
    pub counterparty: ParticipantId,
    /// What it is about.
    pub dataset: DatasetId,
    /// The policy (name) that it carries; permission to use when absent.
    #[serde(default)]
    pub policy: Option<String>,
    /// The counterparty's DSP base, where messages about transfers go.
    #[serde(default)]
    pub address: Option<String>,
}

/// TOML as JSON: dates and times become text.
fn json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    if !value.is_table() {
        return Err(D::Error::invalid_type(unexpected(&value), &"a table with permission or prohibition"));
    }
    to_json(value).ok_or_else(|| D::Error::custom("a number in a policy must be finite"))
}

fn unexpected(value: &toml::Value) -> serde::de::Unexpected<'_> {
    match value {
        toml::Value::String(text) => serde::de::Unexpected::Str(text),
        other => serde::de::Unexpected::Other(other.type_str()),
    }
}

pub(super) fn to_json(value: toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(n) => Value::Number(n.into()),
        toml::Value::Float(n) => Value::Number(Number::from_f64(n)?),
        toml::Value::Boolean(b) => Value::Bool(b),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(list) => Value::Array(list.into_iter().map(to_json).collect::<Option<_>>()?),
        toml::Value::Table(table) => {
            let entries = table.into_iter().map(|(key, inner)| Some((key, to_json(inner)?)));
            Value::Object(entries.collect::<Option<Map<_, _>>>()?)
        }
    })
}
