//! The document and the routes are of one piece.

use super::openapi::document;
use super::routes::ROUTES;

#[test]
fn every_schema_that_the_document_refers_to_is_in_it() {
    let document = document();
    let text = document.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is missing");
    }
}

#[test]
fn every_route_is_served_and_told_once() {
    let source = include_str!("routes.rs");
    for route in ROUTES {
        let served = format!(".route(\"{}\", {}(", route.path, route.method);
        assert_eq!(source.matches(&served).count(), 1, "{} {}", route.method, route.path);
    }
    assert_eq!(source.matches("        .route(\"").count(), ROUTES.len());
}
