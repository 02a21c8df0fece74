//! `DataAddress` (DSP 2025-1, Transfer Process Protocol), in the protocol's spelling and in EDC's.
//!
//! EDC up to 0.18 knows the endpoint and its token only as endpoint properties with full names, so both spellings are read and
//! written.

use serde_json::{Value, json};

use crate::model::message::DataAddress;

const EDC: &str = "https://w3id.org/edc/v0.0.1/ns/";

/// The kind of authorization when a token is to be sent as it is, without `Bearer` before it: so want it those peers (EDC) that
/// name their properties only in EDC's spelling.
pub const RAW_TOKEN: &str = "raw";

/// Reads a data address in either spelling.
#[must_use]
pub fn data_address_from_json(value: &Value) -> DataAddress {
    let own = |name: &str| value.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
    let plain = |name: &str| property(value, |n| n == name);
    let edc = |name: &str| property(value, |n| matches!(n.split_once(name), Some((EDC | "edc:", ""))));

    let token = plain("authorization");
    let raw = token.is_none() && edc("authorization").is_some();
    let auth_type = if raw { Some(RAW_TOKEN.to_owned()) } else { plain("authType").or_else(|| edc("authType")) };
    DataAddress {
        endpoint: own("endpoint").or_else(|| plain("endpoint")).or_else(|| edc("endpoint")).unwrap_or_default(),
        endpoint_type: own("endpointType").unwrap_or_default(),
        authorization: token.or_else(|| edc("authorization")).map(without_scheme),
        auth_type,
    }
}

/// Writes a data address in both spellings.
#[must_use]
pub fn data_address_to_json(address: &DataAddress) -> Value {
    let mut properties = Vec::new();
    let mut add = |name: &str, value: &str, plain: bool| {
        if plain {
            properties.push(json!({"@type": "EndpointProperty", "name": name, "value": value}));
        }
        properties.push(json!({"@type": "EndpointProperty", "name": format!("{EDC}{name}"), "value": value}));
    };
    add("endpoint", &address.endpoint, false);
    add("endpointType", &address.endpoint_type, false);
    if let Some(token) = &address.authorization {
        add("authorization", token, true);
        add("authType", address.auth_type.as_deref().unwrap_or("bearer"), true);
    }
    json!({
        "@type": "DataAddress",
        "endpointType": address.endpoint_type,
        "endpoint": address.endpoint,
        "endpointProperties": properties,
    })
}

fn property(address: &Value, named: impl Fn(&str) -> bool) -> Option<String> {
    let list = address.get("endpointProperties")?.as_array()?;
    let found = list.iter().find(|p| p.get("name").and_then(Value::as_str).is_some_and(&named))?;
    match found.get("value")? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn without_scheme(token: String) -> String {
    match token.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim_start().to_owned(),
        _ => token,
    }
}
