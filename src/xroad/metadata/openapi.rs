//! OpenAPI 3 documents, read for what a catalogue says of a service and nothing more.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::lenient::{Lenient, LenientList};
use crate::model::xroad::{Endpoint, Operation};

/// How many operations of one document are kept.
const MOST_OPERATIONS: usize = 2_000;

/// What an OpenAPI document says of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenApi {
    /// `info.title`, at most 300 characters.
    pub title: Option<String>,
    /// `info.description`, at most 4,000 characters.
    pub description: Option<String>,
    /// `info.version`, at most 100 characters.
    pub version: Option<String>,
    /// `servers[].url`; X-Road cuts each to its path.
    pub servers: Vec<String>,
    /// The operations in the order of their paths.
    pub operations: Vec<Operation>,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenApiError {
    /// Neither JSON nor YAML of the expected shape, or beyond the limits of depth and size.
    #[error("the OpenAPI document cannot be read: {0}")]
    Unreadable(String),
    /// Another version than 3.
    #[error("the document is not OpenAPI 3 but {0:?}")]
    Version(String),
}

impl OpenApi {
    /// Reads a document in JSON or YAML, version 3.0, 3.1 or a later 3. Takes time in proportion to its size: not for an async worker.
    ///
    /// # Errors
    /// When it is neither, or another version.
    pub fn read(document: &[u8]) -> Result<Self, OpenApiError> {
        let is_json = document.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
        let read = if is_json { from_json(document) } else { from_yaml(document) };
        let document = read.map_err(|e| OpenApiError::Unreadable(e.chars().take(300).collect()))?;
        let openapi = text(document.openapi.as_ref(), 20).unwrap_or_default();
        if !openapi.starts_with("3.") {
            return Err(OpenApiError::Version(openapi));
        }
        let info = document.info.0.unwrap_or_default();
        Ok(Self {
            title: text(info.title.as_ref(), 300),
            description: text(info.description.as_ref(), 4_000),
            version: text(info.version.as_ref(), 100),
            servers: document.servers.0.iter().filter_map(|s| text(s.url.as_ref(), 500)).take(20).collect(),
            operations: operations(&document.paths.0.unwrap_or_default()),
        })
    }
}

fn from_json(document: &[u8]) -> Result<Document, String> {
    serde_json::from_slice(document).map_err(|e| e.to_string())
}

fn from_yaml(document: &[u8]) -> Result<Document, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: 64,
            max_nodes: 250_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_bytes: 8 * 1024 * 1024,
        },
    };
    serde_saphyr::from_slice_with_options(document, options).map_err(|e| e.to_string())
}

fn operations(paths: &BTreeMap<String, Lenient<PathItem>>) -> Vec<Operation> {
    let items = paths.iter().filter_map(|(path, item)| Some((path, item.0.as_ref()?)));
    let all = items.flat_map(|(path, item)| item.operations().map(move |(method, said)| (path, method, said)));
    let kept = all.filter_map(|(path, method, said)| {
        let endpoint = Endpoint::new(method, path).ok()?;
        Some(Operation { endpoint, summary: text(said.summary.as_ref(), 300) })
    });
    kept.take(MOST_OPERATIONS).collect()
}

/// A text, or a number written where a text belongs, of at most `most` characters; nothing when it is blank.
fn text(value: Option<&Value>, most: usize) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let kept: String = text.chars().filter(|c| !c.is_control() || *c == '\n').take(most).collect();
    (!kept.is_empty()).then_some(kept)
}

#[derive(Deserialize)]
struct Document {
    openapi: Option<Value>,
    #[serde(default)]
    info: Lenient<Info>,
    #[serde(default)]
    servers: LenientList<Server>,
    #[serde(default)]
    paths: Lenient<BTreeMap<String, Lenient<PathItem>>>,
}

#[derive(Default, Deserialize)]
struct Info {
    title: Option<Value>,
    description: Option<Value>,
    version: Option<Value>,
}

#[derive(Deserialize)]
struct Server {
    url: Option<Value>,
}

#[derive(Default, Deserialize)]
struct PathItem {
    #[serde(default)]
    get: Lenient<Said>,
    #[serde(default)]
    put: Lenient<Said>,
    #[serde(default)]
    post: Lenient<Said>,
    #[serde(default)]
    delete: Lenient<Said>,
    #[serde(default)]
    options: Lenient<Said>,
    #[serde(default)]
    head: Lenient<Said>,
    #[serde(default)]
    patch: Lenient<Said>,
    #[serde(default)]
    trace: Lenient<Said>,
}

#[derive(Deserialize)]
struct Said {
    summary: Option<Value>,
}

impl PathItem {
    fn operations(&self) -> impl Iterator<Item = (&'static str, &Said)> {
        let all = [
            ("GET", &self.get),
            ("PUT", &self.put),
            ("POST", &self.post),
            ("DELETE", &self.delete),
            ("OPTIONS", &self.options),
            ("HEAD", &self.head),
            ("PATCH", &self.patch),
            ("TRACE", &self.trace),
        ];
        all.into_iter().filter_map(|(method, said)| said.0.as_ref().map(|said| (method, said)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str) -> Option<Vec<u8>> {
        let path = format!("{}/../shared/spec/xroad/{name}", env!("CARGO_MANIFEST_DIR"));
        let read = std::fs::read(&path).ok();
        if read.is_none() {
            eprintln!("skipped: no sample at {path}");
        }
        read
    }

    fn endpoints(document: &OpenApi) -> Vec<String> {
        document.operations.iter().map(|o| o.endpoint.to_string()).collect()
    }

    #[test]
    fn version_3_0_and_3_1_are_read_in_json_and_in_yaml() {
        for name in ["valid.json", "valid.yaml", "v310.json", "v310.yaml", "warnings.yml"] {
            let Some(bytes) = sample(&format!("service-descriptions/openapiparser/{name}")) else { return };
            let document = OpenApi::read(&bytes).unwrap();
            assert!(document.title.is_some() && !document.operations.is_empty(), "{name}");
        }
        let Some(bytes) = sample("service-descriptions/openapiparser/v310.yaml") else { return };
        let document = OpenApi::read(&bytes).unwrap();
        assert_eq!(document.title.as_deref(), Some("Test"));
        assert_eq!(endpoints(&document), ["POST /file", "GET /test", "POST /test"]);
        assert_eq!(document.operations[1].summary.as_deref(), Some("get"));
        assert_eq!(document.servers, ["https://example.org/api"]);
    }

    #[test]
    fn a_large_sample_gives_its_title_and_paths() {
        for name in ["metaservice/petstore.json", "metaservice/petstore.yaml"] {
            let Some(bytes) = sample(name) else { return };
            let document = OpenApi::read(&bytes).unwrap();
            assert_eq!(document.title.as_deref(), Some("Swagger Petstore"), "{name}");
            assert!(endpoints(&document).iter().any(|e| e.starts_with("GET /pet")), "{name}");
        }
    }

    #[test]
    fn another_version_is_refused() {
        let Some(bytes) = sample("metaservice/openapi_incompatible_version.yaml") else { return };
        assert_eq!(OpenApi::read(&bytes), Err(OpenApiError::Version("2.5.0".into())));
        assert!(matches!(OpenApi::read(b"swagger: '2.0'"), Err(OpenApiError::Version(_))));
        assert!(matches!(OpenApi::read(b"just text"), Err(OpenApiError::Unreadable(_))));
        assert!(matches!(OpenApi::read(b"\xff\xfe"), Err(OpenApiError::Unreadable(_))));
    }

    #[test]
    fn bombs_and_deep_nesting_are_refused() {
        let nested = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let passed_over = format!("{{\"openapi\":\"3.0.0\",\"x\":{nested}}}");
        assert!(OpenApi::read(passed_over.as_bytes()).is_ok());
        for read in [format!("{{\"openapi\":{nested}}}"), format!("openapi: {nested}"), format!("a: 1\nx: {nested}")] {
            assert!(matches!(OpenApi::read(read.as_bytes()), Err(OpenApiError::Unreadable(_))));
        }
        let mut bomb = String::from("openapi: 3.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
        }
        assert!(matches!(OpenApi::read(bomb.as_bytes()), Err(OpenApiError::Unreadable(_))));
    }

    #[test]
    fn a_part_that_is_not_what_it_should_be_does_not_lose_the_rest() {
        let read = |document: &str| OpenApi::read(document.as_bytes()).unwrap_or_else(|e| panic!("{e}: {document}"));
        let document = read(
            "openapi: 3.0.0\ninfo: {title: T}\nservers:\npaths:\n  x-note: a text\n  x-list: [1, {a: b}]\n  /none:\n  \
             /a: {get: {summary: all}, put: later, parameters: [{name: n}]}\n",
        );
        assert_eq!((document.title.as_deref(), endpoints(&document)), (Some("T"), vec!["GET /a".to_owned()]));
        assert_eq!(document.operations[0].summary.as_deref(), Some("all"));
        let json =
            r#"{"openapi": "3.1.0", "info": null, "servers": ["s", {"url": "https://a.example"}], "paths": null}"#;
        let document = read(json);
        assert_eq!((document.title, document.operations.len()), (None, 0));
        assert_eq!(document.servers, ["https://a.example"]);
    }

    #[test]
    fn texts_are_kept_within_bounds() {
        let document = format!(
            "openapi: 3.0.0\ninfo: {{title: {}, version: 1.0}}\npaths:\n  nope: {{get: {{}}}}\n",
            "t".repeat(500)
        );
        let document = OpenApi::read(document.as_bytes()).unwrap();
        assert_eq!(document.title.unwrap().len(), 300);
        assert_eq!(document.version.as_deref(), Some("1.0"));
        assert!(document.operations.is_empty());
    }
}
