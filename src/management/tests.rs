//! The document and the routes are of one piece.

use axum::body::Body as HttpBody;
use axum::extract::FromRequest as _;
use axum::response::IntoResponse as _;
use serde_json::Value;

use super::openapi::document;
use super::problem::Body;
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

#[tokio::test]
async fn a_body_that_repeats_a_key_is_refused() {
    for (body, status) in [(r#"{"a": 1, "b": {"a": 2}}"#, 200), (r#"{"a": {"b": 1, "b": 2}}"#, 400), ("{", 400)] {
        let request = http::Request::post("/").header("content-type", "application/json").body(HttpBody::from(body));
        let read = Body::<Value>::from_request(request.unwrap(), &()).await;
        let told = read.map_or_else(|refused| refused.into_response().status().as_u16(), |_| 200);
        assert_eq!(told, status, "{body}");
    }
}
