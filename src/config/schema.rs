//! The JSON Schema of the configuration file, for editors and for [`super::overlay`].

use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema (JSON Schema 2020-12), the same as the committed `schemas/config.schema.json`.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<super::Config>().to_value()
}
