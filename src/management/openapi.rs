//! The OpenAPI 3.1 document, made from the table of routes and the types of the bodies.

use axum::Json;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::answers;
use super::credentials::{Credential, ShownCredential};
use super::infringements::{Report, Withdrawal};
use super::obligations::Confirmation;
use super::peers::CatalogRequest;
use super::processes::{Action, NegotiationRequest, TransferRequest};
use super::routes::{ROUTES, Route};
use crate::catalog::{AssetDefinition, CounterpartyDefinition, OfferDefinition};
use crate::model::agreement::Agreement;
use crate::model::infringement::Infringement;

pub(super) async fn serve() -> Json<Value> {
    Json(document())
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(operations) = entry.as_object_mut() {
            operations.insert(route.method.to_owned(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sliproad management API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What an operator sees and does in a running connector.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(route.query.into_iter().flat_map(|query| asked(&query().to_value())));
    let mut responses = Map::new();
    responses.insert(route.status.to_string(), answer(route));
    if route.path == "/ready" {
        responses.insert("503".to_owned(), json!({"description": "Starting or draining", "content": of("Health")}));
    }
    let problem = json!({"application/problem+json": {"schema": reference("Problem")}});
    responses.insert("default".to_owned(), json!({"description": "A problem (RFC 9457)", "content": problem}));
    let mut operation = json!({
        "summary": route.summary,
        "operationId": format!("{}{}", route.method, route.path.replace(['/', '{', '}', '.'], "_")),
        "parameters": parameters,
        "responses": responses,
        "security": if route.guarded { json!([{"key": []}, {"bearer": []}]) } else { json!([]) },
    });
    if let (Some(body), Some(map)) = (route.body, operation.as_object_mut()) {
        let content = json!({"required": true, "content": {"application/json": {"schema": reference(body)}}});
        map.insert("requestBody".to_owned(), content);
    }
    operation
}

/// Query parameters out of the schema of their type.
fn asked(query: &Value) -> Vec<Value> {
    let properties = query.get("properties").and_then(Value::as_object);
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|map| map.remove("description"));
        let mut parameter = json!({"name": name, "in": "query", "schema": never_null(schema)});
        if let (Some(description), Some(map)) = (description, parameter.as_object_mut()) {
            map.insert("description".to_owned(), description);
        }
        parameter
    };
    properties.into_iter().flatten().map(parameter).collect()
}

/// What is left out of a query is absent, not null.
fn never_null(mut schema: Value) -> Value {
    let Some(map) = schema.as_object_mut() else { return schema };
    if let Some(Value::Array(either)) = map.get("anyOf")
        && let [one, Value::Object(other)] = either.as_slice()
        && other.get("type") == Some(&json!("null"))
    {
        return one.clone();
    }
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            map.insert("type".to_owned(), one);
        }
    }
    schema
}

/// What a route answers when all is well.
fn answer(route: &Route) -> Value {
    match (route.status, route.answer) {
        (204, _) => json!({"description": "Done"}),
        (_, "Text") => json!({"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}),
        (_, "Explanation") => {
            let mut content = of("Explanation");
            if let Some(map) = content.as_object_mut() {
                map.insert("application/ld+json".to_owned(), json!({"schema": {"type": "object"}}));
                map.insert("text/turtle".to_owned(), json!({"schema": {"type": "string"}}));
            }
            json!({"description": "OK", "content": content})
        }
        (_, name) => json!({"description": "OK", "content": of(name)}),
    }
}

fn of(name: &str) -> Value {
    json!({"application/json": {"schema": reference(name)}})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Lists, and what they are of.
const LISTS: [(&str, &str); 11] = [
    ("Participants", "Participant"),
    ("Assets", "Asset"),
    ("Policies", "PolicyEntry"),
    ("Counterparties", "Counterparty"),
    ("Credentials", "Credential"),
    ("Offers", "OfferDefinition"),
    ("Processes", "Process"),
    ("Agreements", "Agreement"),
    ("Obligations", "Obligation"),
    ("Infringements", "Infringement"),
    ("Exchanges", "Exchange"),
];

fn schemas() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = SchemaGenerator::new(settings);
    let mut all = Map::new();
    let roots = [
        ("CatalogRequest", generator.subschema_for::<CatalogRequest>()),
        ("NegotiationRequest", generator.subschema_for::<NegotiationRequest>()),
        ("TransferRequest", generator.subschema_for::<TransferRequest>()),
        ("Confirmation", generator.subschema_for::<Confirmation>()),
        ("InfringementReport", generator.subschema_for::<Report>()),
        ("Withdrawal", generator.subschema_for::<Withdrawal>()),
        ("Infringement", generator.subschema_for::<Infringement>()),
        ("Action", generator.subschema_for::<Action>()),
        ("AssetDefinition", generator.subschema_for::<AssetDefinition>()),
        ("CounterpartyDefinition", generator.subschema_for::<CounterpartyDefinition>()),
        ("OfferDefinition", generator.subschema_for::<OfferDefinition>()),
        ("Agreement", generator.subschema_for::<Agreement>()),
        ("Health", generator.subschema_for::<answers::Health>()),
        ("Process", generator.subschema_for::<answers::Process<'_>>()),
        ("Endpoint", generator.subschema_for::<answers::Endpoint>()),
        ("Participant", generator.subschema_for::<answers::Participant>()),
        ("PolicyEntry", generator.subschema_for::<answers::PolicyEntry>()),
        ("Asset", generator.subschema_for::<answers::Asset>()),
        ("Counterparty", generator.subschema_for::<answers::Counterparty>()),
        ("PeerCatalog", generator.subschema_for::<answers::PeerCatalog>()),
        ("Obligation", generator.subschema_for::<answers::Obligation>()),
        ("Exchange", generator.subschema_for::<answers::Exchange>()),
        ("ExchangeRecords", generator.subschema_for::<answers::ExchangeRecords>()),
        ("Decision", generator.subschema_for::<answers::Decision>()),
        ("Explanation", generator.subschema_for::<answers::Explanation>()),
        ("ShownCredential", generator.subschema_for::<ShownCredential>()),
        ("Credential", generator.subschema_for::<Credential>()),
        ("Problem", generator.subschema_for::<answers::Problem>()),
    ];
    for (name, schema) in generator.take_definitions(true) {
        all.insert(name, schema);
    }
    for (name, schema) in roots {
        all.entry(name).or_insert_with(|| schema.to_value());
    }
    for (name, of) in LISTS {
        let items = json!({"type": "array", "items": reference(of)});
        let next =
            json!({"type": ["string", "integer", "null"], "description": "`after` of the next page, if there is one"});
        let properties = json!({"items": items, "next": next});
        all.insert(name.to_owned(), json!({"type": "object", "required": ["items"], "properties": properties}));
    }
    all.insert("Json".to_owned(), json!({"type": "object"}));
    Value::Object(all)
}
