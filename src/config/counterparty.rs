//! What the operator vouches for about other parties.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::offering::to_json;

/// `[[counterparty]]`: what the operator vouches for about certain consumers; policies may ask for it in every phase. All tables
/// that fit a consumer count, and values of the same operand make a set.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Counterparty {
    /// Pattern of the consumer's participant id; `*` stands for any text.
    pub id: String,
    /// The X-Road global groups that it belongs to: `xroad:globalGroupMember`.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Other facts: left operands with a value or a list of values, such as `spatial = "FI"`, and the claims that `[[operand]]`
    /// tables lead to.
    #[serde(default, deserialize_with = "facts")]
    #[schemars(with = "Map<String, Value>")]
    pub facts: BTreeMap<String, Value>,
}

impl Counterparty {
    /// The fact that a claim leads to: one of that name, or one inside tables of facts.
    #[must_use]
    pub fn claim(&self, path: &str) -> Option<&Value> {
        self.facts.get(path).or_else(|| {
            let (first, rest) = path.split_once('.')?;
            rest.split('.').try_fold(self.facts.get(first)?, |table, key| table.get(key))
        })
    }
}

pub(super) fn facts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let read = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
    Ok(read.into_iter().map(|(operand, value)| (operand, to_json(value).unwrap_or_default())).collect())
}
