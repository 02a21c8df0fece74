//! The OpenAPI 3.1 document, made from the table of routes and the types of the bodies.

use axum::Json;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::obligations::Confirmation;
use super::peers::CatalogRequest;
use super::processes::{Action, NegotiationRequest, TransferRequest};
use super::routes::{ROUTES, Route};
use crate::catalog::{AssetDefinition, CounterpartyDefinition, OfferDefinition};
use crate::model::obligation::ObligationState;
use crate::policy::Language;

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
    if route.paged {
        for (name, kind) in [("after", "string"), ("limit", "integer")] {
            parameters.push(json!({"name": name, "in": "query", "schema": {"type": kind}}));
        }
    }
    if route.answer == "Obligations" {
        let states = ObligationState::ALL.map(ObligationState::as_str);
        for (name, schema) in [("agreement", json!({"type": "string"})), ("state", json!({"enum": states}))] {
            parameters.push(json!({"name": name, "in": "query", "schema": schema}));
        }
    }
    if route.path.ends_with("/explanation") {
        for (name, values) in [
            ("format", json!(["tree", "report", "turtle"])),
            ("audience", json!(["operator", "counterparty", "public"])),
        ] {
            parameters.push(json!({"name": name, "in": "query", "schema": {"enum": values}}));
        }
        let tags = Language::ALL.map(Language::tag);
        parameters.push(json!({"name": "language", "in": "query", "schema": {"enum": tags}}));
    }
    if route.method == "get" && route.path.ends_with("/{pid}") {
        for (name, kind) in [("waitState", "string"), ("waitSeconds", "integer")] {
            parameters.push(json!({"name": name, "in": "query", "schema": {"type": kind}}));
        }
    }
    let answer = match (route.status, route.answer) {
        (204, _) => json!({"description": "Done"}),
        (_, "Text") => json!({"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}}),
        (_, name) => json!({"description": "OK", "content": {"application/json": {"schema": reference(name)}}}),
    };
    let mut operation = json!({
        "summary": route.summary,
        "operationId": format!("{}{}", route.method, route.path.replace(['/', '{', '}', '.'], "_")),
        "parameters": parameters,
        "responses": {
            route.status.to_string(): answer,
            "default": {
                "description": "A problem (RFC 9457)",
                "content": {"application/problem+json": {"schema": reference("Problem")}},
            },
        },
        "security": if route.guarded { json!([{"key": []}, {"bearer": []}]) } else { json!([]) },
    });
    if let (Some(body), Some(map)) = (route.body, operation.as_object_mut()) {
        let content = json!({"required": true, "content": {"application/json": {"schema": reference(body)}}});
        map.insert("requestBody".to_owned(), content);
    }
    operation
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// What answers hold: texts, by the answer's name.
const ANSWERS: [(&str, &[&str]); 12] = [
    ("Health", &["status", "version"]),
    ("Endpoint", &["endpoint", "authorization", "authType"]),
    ("Process", &["pid", "peerPid", "kind", "role", "state", "participant", "counterparty", "dataset", "agreementId"]),
    ("Agreement", &["id", "role", "participant", "counterparty", "dataset", "negotiation", "peerAddress", "signed"]),
    (
        "Obligation",
        &[
            "id",
            "agreement",
            "participant",
            "role",
            "counterparty",
            "clause",
            "uid",
            "follows",
            "timing",
            "deadline",
            "state",
        ],
    ),
    ("Asset", &["id", "service", "title", "description", "version", "license"]),
    ("Exchange", &["exchange", "agreement", "transfer"]),
    ("Decision", &["exchange", "agreement", "policy"]),
    ("Explanation", &["exchange", "agreement", "recorded", "text"]),
    ("Counterparty", &["id"]),
    ("PeerCatalog", &["participantId"]),
    ("Problem", &["type", "title", "code", "detail", "traceId"]),
];

/// Lists, and what they are of.
const LISTS: [(&str, &str); 9] = [
    ("Participants", "Json"),
    ("Assets", "Asset"),
    ("Policies", "Json"),
    ("Counterparties", "Counterparty"),
    ("Offers", "OfferDefinition"),
    ("Processes", "Process"),
    ("Agreements", "Agreement"),
    ("Obligations", "Obligation"),
    ("Exchanges", "Exchange"),
];

fn schemas() -> Value {
    let settings = schemars::generate::SchemaSettings::openapi3();
    let mut generator = SchemaGenerator::new(settings);
    let mut all = Map::new();
    let roots = [
        ("CatalogRequest", generator.subschema_for::<CatalogRequest>()),
        ("NegotiationRequest", generator.subschema_for::<NegotiationRequest>()),
        ("TransferRequest", generator.subschema_for::<TransferRequest>()),
        ("Confirmation", generator.subschema_for::<Confirmation>()),
        ("Action", generator.subschema_for::<Action>()),
        ("AssetDefinition", generator.subschema_for::<AssetDefinition>()),
        ("CounterpartyDefinition", generator.subschema_for::<CounterpartyDefinition>()),
        ("OfferDefinition", generator.subschema_for::<OfferDefinition>()),
    ];
    for (name, schema) in generator.take_definitions(true) {
        all.insert(name, schema);
    }
    for (name, schema) in roots {
        all.entry(name).or_insert_with(|| schema.to_value());
    }
    for (name, properties) in ANSWERS {
        let properties: Map<String, Value> =
            properties.iter().map(|name| ((*name).to_owned(), json!({"type": ["string", "null"]}))).collect();
        all.insert(name.to_owned(), json!({"type": "object", "properties": properties}));
    }
    for (name, of) in LISTS {
        let items = json!({"type": "array", "items": reference(of)});
        let properties = json!({"items": items, "next": {}});
        all.insert(name.to_owned(), json!({"type": "object", "required": ["items"], "properties": properties}));
    }
    all.insert("Json".to_owned(), json!({"type": "object"}));
    Value::Object(all)
}
