//! Sample services behind the double: registers with made-up data, a large download, an echo.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::EndpointConfig;
use super::consents::{self, Consents};

/// Service codes of the samples.
pub const NAMES: [&str; 6] = ["land", "persons", "file", "echo", "consent", "reporting"];

/// Size of the download when nothing else is asked for: 1 GiB.
pub const DOWNLOAD_BYTES: u64 = 1 << 30;

/// Starts all sample services on one address; each has its own base path.
pub(super) async fn start(
    stop: &CancellationToken,
    tasks: &TaskTracker,
    consents: Consents,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let stop = stop.clone();
    tasks.spawn(async move {
        let serving = axum::serve(listener, routes().merge(consents::routes(consents)));
        tokio::select! {
            result = serving => {
                if let Err(error) = result {
                    tracing::error!(%error, "the sample services failed");
                }
            }
            () = stop.cancelled() => {}
        }
    });
    Ok(address)
}

/// Endpoints as the security server lists them.
pub(super) fn endpoints(service: &str) -> Vec<EndpointConfig> {
    let all: &[(&str, &str)] = match service {
        "land" => &[("GET", "/parcels"), ("GET", "/parcels/*"), ("GET", "/owners")],
        "persons" => &[("GET", "/persons/*"), ("GET", "/persons/*/residence")],
        "file" => &[("GET", "/file")],
        _ => &[("*", "/**")],
    };
    all.iter().map(|(m, p)| EndpointConfig { method: (*m).to_owned(), path: (*p).to_owned() }).collect()
}

fn routes() -> Router {
    Router::new()
        .route("/land/openapi", get(|| async { Json(land_document()) }))
        .route("/land/parcels", get(parcels))
        .route("/land/parcels/{id}", get(parcel))
        .route("/land/owners", get(|| async { Json(json!({"owners": ["only for the register itself"]})) }))
        .route("/persons/openapi", get(persons_document))
        .route("/persons/persons/{code}", get(person))
        .route("/persons/persons/{code}/residence", get(residence))
        .route("/file/openapi", get(|| async { Json(file_document()) }))
        .route("/file/file", get(file))
        .route("/echo/openapi", get(|| async { Json(echo_document()) }))
        .route("/echo", any(echo))
        .route("/echo/{*path}", any(echo))
}

fn land() -> Vec<Value> {
    vec![
        json!({"id": "78401:101:0001", "municipality": "Tallinn", "areaM2": 1250, "use": "residential"}),
        json!({"id": "78401:101:0002", "municipality": "Tallinn", "areaM2": 830, "use": "commercial"}),
        json!({"id": "79501:027:0012", "municipality": "Tartu", "areaM2": 20400, "use": "agricultural"}),
    ]
}

#[derive(Deserialize)]
struct ByMunicipality {
    municipality: Option<String>,
}

async fn parcels(Query(by): Query<ByMunicipality>) -> Json<Value> {
    let found: Vec<Value> =
        land().into_iter().filter(|p| by.municipality.as_ref().is_none_or(|m| p["municipality"] == **m)).collect();
    Json(json!({"parcels": found, "simulated": true}))
}

/// One parcel, as XML where that is asked for.
async fn parcel(Path(id): Path<String>, headers: HeaderMap) -> Response {
    let xml = headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/xml");
    match land().into_iter().find(|p| p["id"] == *id) {
        Some(parcel) if xml => {
            let text = |name: &str| match parcel.get(name) {
                Some(Value::String(text)) => text.clone(),
                other => other.map(ToString::to_string).unwrap_or_default(),
            };
            let element = |name: &str| format!("<{name}>{}</{name}>", text(name));
            let body: String = ["id", "municipality", "areaM2", "use"].into_iter().map(element).collect();
            ([(header::CONTENT_TYPE, "application/xml")], format!("<parcel>{body}</parcel>")).into_response()
        }
        Some(parcel) => Json(parcel).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"error": "no such parcel"}))).into_response(),
    }
}

async fn person(Path(code): Path<String>) -> Json<Value> {
    Json(
        json!({"personalCode": code, "givenName": "Mari", "familyName": "Maasikas", "born": "2000-01-01", "simulated": true}),
    )
}

async fn residence(Path(code): Path<String>) -> Json<Value> {
    Json(json!({"personalCode": code, "municipality": "Tartu", "simulated": true}))
}

#[derive(Deserialize)]
struct Size {
    bytes: Option<u64>,
}

/// The same bytes every time: a counter of eight bytes, over and over.
async fn file(Query(size): Query<Size>) -> Response {
    const PIECE: u64 = 64 * 1024;
    let total = size.bytes.unwrap_or(DOWNLOAD_BYTES).min(64 * DOWNLOAD_BYTES);
    let pieces = futures_util::stream::unfold(0_u64, move |at| async move {
        if at >= total {
            return None;
        }
        let length = usize::try_from(PIECE.min(total - at)).unwrap_or(0);
        let mut piece = Vec::with_capacity(length + 8);
        let mut word = at / 8;
        while piece.len() < length {
            piece.extend_from_slice(&word.to_be_bytes());
            word += 1;
        }
        piece.truncate(length);
        Some((Ok::<_, std::io::Error>(Bytes::from(piece)), at + PIECE))
    });
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_LENGTH, total.to_string())];
    (headers, Body::from_stream(pieces)).into_response()
}

async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 64 * 1024 * 1024).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let headers: Vec<Value> = parts
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    Json(json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": headers,
        "bodyLength": body.len(),
        "bodySha256": hex::encode(Sha256::digest(&body)),
        "simulated": true,
    }))
    .into_response()
}

fn document(title: &str, description: &str, paths: &Value) -> Value {
    json!({
        "openapi": "3.0.3",
        "info": {"title": title, "description": description, "version": "1.0.0"},
        "servers": [{"url": "/"}],
        "paths": paths,
    })
}

fn operation(summary: &str) -> Value {
    json!({"summary": summary, "responses": {"200": {"description": "OK"}}})
}

fn land_document() -> Value {
    let paths = json!({
        "/parcels": {"get": operation("Parcels, all or of one municipality")},
        "/parcels/{id}": {"get": operation("One parcel")},
        "/owners": {"get": operation("Owners of parcels")},
    });
    document("Land register (sample)", "Parcels of land with their use and area. Made-up data.", &paths)
}

fn file_document() -> Value {
    let paths = json!({"/file": {"get": operation("A large file, always the same bytes")}});
    document("Download (sample)", "A download of 1 GiB, or of as many bytes as asked for.", &paths)
}

fn echo_document() -> Value {
    let paths = json!({"/": {"get": operation("What was sent"), "post": operation("What was sent")}});
    document("Echo (sample)", "Says what it received.", &paths)
}

/// OpenAPI 3.1 in YAML, so that both versions and both forms are met.
async fn persons_document() -> Response {
    let yaml = "openapi: 3.1.0\ninfo:\n  title: Population register (sample)\n  description: Persons by personal code. \
                Made-up data.\n  version: 1.0.0\nservers:\n  - url: /\npaths:\n  /persons/{personalCode}:\n    get:\n      \
                summary: A person\n      responses:\n        '200': {description: OK}\n  /persons/{personalCode}/residence:\n    \
                get:\n      summary: Where a person lives\n      responses:\n        '200': {description: OK}\n";
    ([(header::CONTENT_TYPE, "application/yaml")], yaml).into_response()
}
