//! The operator's API and the commands over it, against real processes: provider, consumer, simulated security server.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use sliproad::demo::processes::{Connector, Road};
use sliproad::demo::story::{self, LAND_REGISTER};
use tempfile::TempDir;

mod consent;
pub(crate) mod credentials;
mod discovery;
mod facts;
mod offering;
mod words;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");
/// The provider waits for a person before it agrees.
const HOLD: &str = r#"
[[automation]]
process = "negotiation"
role = "provider"
state = "REQUESTED"
action = "hold"
"#;

struct Answer {
    status: u16,
    kind: String,
    body: Value,
}

struct Office {
    road: Road,
    _directory: TempDir,
}

impl Office {
    async fn open(for_provider: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let road = Road::start_with(directory.path(), Path::new(PROGRAM), for_provider, "").await.unwrap();
        Self { road, _directory: directory }
    }

    async fn close(mut self) {
        self.road.stop(Duration::from_secs(5)).await;
    }

    async fn request_negotiation(&self, traceparent: &str) -> Answer {
        let provider = &self.road.provider.settings;
        let whom = json!({"counterparty": provider.participant, "address": provider.dsp()});
        let catalogue = self.road.consumer.management.post("/api/v1/catalog/request", &whom).await.unwrap();
        let dataset = catalogue["dataset"].as_array().unwrap().iter().find(|d| d["@id"] == LAND_REGISTER).unwrap();
        let mut offer = dataset["hasPolicy"][0].clone();
        offer["target"] = json!(LAND_REGISTER);
        let request = json!({"counterparty": provider.participant, "address": provider.dsp(), "offer": offer});
        let more = [("traceparent", traceparent)];
        send(&self.road.consumer, "POST", "/api/v1/negotiations", Some(&request), &more).await
    }

    /// The provider's negotiation whose peer pid this is.
    async fn counterpart(&self, pid: &str) -> Value {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let listed = self.road.provider.management.read("/api/v1/negotiations?limit=500").await.unwrap();
            if let Some(found) = listed["items"].as_array().unwrap().iter().find(|p| p["peerPid"] == pid) {
                return found.clone();
            }
            assert!(tokio::time::Instant::now() < deadline, "the provider never heard of {pid}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn send(to: &Connector, method: &str, path: &str, body: Option<&Value>, more: &[(&str, &str)]) -> Answer {
    let client = sliproad::demo::client::local_http().unwrap();
    let url = format!("{}{path}", to.settings.management);
    let mut request = client.request(method.parse().unwrap(), url);
    if !more.iter().any(|(name, _)| *name == "x-api-key") {
        request = request.header("x-api-key", &to.settings.key);
    }
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.unwrap();
    let kind = answer.headers().get("content-type").map_or("", |v| v.to_str().unwrap()).to_owned();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, kind, body }
}

async fn command(arguments: &[&str]) -> Output {
    tokio::process::Command::new(PROGRAM).args(arguments).kill_on_drop(true).output().await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn everything_but_health_asks_for_the_key() {
    let office = Office::open("").await;
    let provider = &office.road.provider;
    for path in ["/health", "/ready", "/metrics", "/openapi.json"] {
        assert_eq!(send(provider, "GET", path, None, &[("x-api-key", "")]).await.status, 200, "{path}");
    }
    let (_, document) = (0, send(provider, "GET", "/openapi.json", None, &[]).await.body);
    let mut guarded = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation["security"].as_array().unwrap().is_empty() {
                continue;
            }
            guarded += 1;
            let path = path.replace(['{', '}'], "x");
            for key in ["", "wrong"] {
                let answer = send(provider, &method.to_uppercase(), &path, None, &[("x-api-key", key)]).await;
                let told = (answer.status, answer.body["code"].as_str());
                assert_eq!(told, (401, Some("key.missing")), "{method} {path}");
                assert_eq!(answer.kind, "application/problem+json");
            }
        }
    }
    assert!(guarded > 20);
    let bearer = format!("Bearer {}", provider.settings.key);
    let answer = send(provider, "GET", "/api/v1/offers", None, &[("x-api-key", ""), ("authorization", &bearer)]).await;
    assert_eq!(answer.status, 401, "a wrong X-Api-Key is not made good by a Bearer token");
    office.close().await;
}

#[tokio::test]
async fn every_list_and_entry_is_shaped_as_the_openapi_document_says() {
    let office = Office::open("").await;
    let agreement = story::negotiate(&office.road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    let provider = &office.road.provider;
    let vouched = json!({"groups": ["research"]});
    assert_eq!(send(provider, "PUT", "/api/v1/counterparties/did:web:x", Some(&vouched), &[]).await.status, 200);
    let document = send(provider, "GET", "/openapi.json", None, &[]).await.body;
    let key = |item: &Value, names: &[&str]| {
        names.iter().find_map(|n| item[*n].as_str()).map(|k| k.replace(':', "%3A").replace('/', "%2F"))
    };
    for (list, keys) in [
        ("participants", &[][..]),
        ("assets", &["id"]),
        ("policies", &["id"]),
        ("offers", &["id"]),
        ("negotiations", &["pid"]),
        ("agreements", &["id"]),
        ("transfers", &["pid"]),
        ("exchanges", &["exchange"]),
        ("counterparties", &[]),
    ] {
        let answer = send(provider, "GET", &format!("/api/v1/{list}"), None, &[]).await;
        conforms(&document, &format!("/api/v1/{list}"), &answer.body);
        let items = answer.body["items"].as_array().unwrap();
        assert!(!items.is_empty(), "{list}");
        if let Some(key) = key(&items[0], keys) {
            let parameter = if keys == ["pid"] { "pid" } else { "id" };
            let one = send(provider, "GET", &format!("/api/v1/{list}/{key}"), None, &[]).await;
            assert_eq!(one.status, 200, "{list}/{key}: {}", one.body);
            conforms(&document, &format!("/api/v1/{list}/{{{parameter}}}"), &one.body);
        }
    }
    let exchanges = send(provider, "GET", "/api/v1/exchanges", None, &[]).await.body;
    let exchange = exchanges["items"][0]["exchange"].as_str().unwrap();
    for (path, more) in [("/api/v1/decisions/{id}", ""), ("/api/v1/decisions/{id}/explanation", "?audience=operator")] {
        let answer = send(provider, "GET", &format!("{}{more}", path.replace("{id}", exchange)), None, &[]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        conforms(&document, path, &answer.body);
    }
    let health = send(provider, "GET", "/health", None, &[]).await.body;
    conforms(&document, "/health", &health);
    office.close().await;
}

fn conforms(document: &Value, path: &str, body: &Value) {
    let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{path} is not told");
    let schema = json!({"components": document["components"], "allOf": [schema]});
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(body).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{path}: {errors:?}\n{body}");
    let mut untold = Vec::new();
    all_told(document, schema["allOf"].get(0).unwrap(), body, path, &mut untold);
    assert!(untold.is_empty(), "{untold:?} are not in the document");
}

/// Collects the fields of an answer that its schema does not name.
fn all_told(document: &Value, schema: &Value, body: &Value, place: &str, untold: &mut Vec<String>) {
    if let Some(named) = schema["$ref"].as_str() {
        return all_told(document, document.pointer(named.trim_start_matches('#')).unwrap(), body, place, untold);
    }
    if let Some(either) = schema["anyOf"].as_array() {
        return all_told(document, &either[0], body, place, untold);
    }
    if let Some(list) = body.as_array() {
        return list.iter().for_each(|item| all_told(document, &schema["items"], item, place, untold));
    }
    let (Some(fields), Some(told)) = (body.as_object(), schema["properties"].as_object()) else { return };
    for (name, value) in fields {
        match told.get(name) {
            Some(inner) => all_told(document, inner, value, &format!("{place}.{name}"), untold),
            None => untold.push(format!("{place}.{name}")),
        }
    }
}

#[tokio::test]
async fn every_query_parameter_is_told_in_the_openapi_document_and_no_other() {
    let office = Office::open("").await;
    let agreement = story::negotiate(&office.road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    let provider = &office.road.provider;
    let document = send(provider, "GET", "/openapi.json", None, &[]).await.body;
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let parameters = operations["get"]["parameters"].as_array().into_iter().flatten();
        let mut told: Vec<&str> =
            parameters.filter(|p| p["in"] == "query").map(|p| p["name"].as_str().unwrap()).collect();
        let concrete = path.replace(['{', '}'], "x");
        let answer = send(provider, "GET", &format!("{concrete}?surplus=1"), None, &[]).await;
        let said = answer.body["detail"].as_str().unwrap_or_default();
        let mut known: Vec<&str> = said.split('`').skip(3).step_by(2).collect();
        told.sort_unstable();
        known.sort_unstable();
        assert_eq!(told, known, "{path}: {said}");
        asked += told.len();
    }
    assert!(asked > 20);
    let explanation = &document["paths"]["/api/v1/decisions/{id}/explanation"]["get"]["responses"]["200"]["content"];
    let kinds: Vec<_> = explanation.as_object().unwrap().keys().cloned().collect();
    assert_eq!(kinds, ["application/json", "application/ld+json", "text/turtle"]);
    assert!(document["paths"]["/ready"]["get"]["responses"]["503"].is_object());
    office.close().await;
}

#[tokio::test]
async fn what_is_offered_is_changed_at_run_time_and_kept_over_a_restart() {
    let mut office = Office::open("").await;
    let provider = &office.road.provider;
    let unpublishable = json!({"permission": [{"action": "use", "constraint": [
        {"leftOperand": "mood", "operator": "eq", "rightOperand": "good"}]}]});
    let answer = send(provider, "PUT", "/api/v1/policies/moody", Some(&unpublishable), &[]).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("policy.unpublishable")), "{}", answer.body);
    assert_eq!(answer.body["invalid"][0]["clause"], "/permission/0/constraint/0");

    let readers = json!({"permission": [{"action": "use", "constraint": [
        {"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": "GET /echo"}]}]});
    assert_eq!(send(provider, "PUT", "/api/v1/policies/readers", Some(&readers), &[]).await.status, 200);
    let nameless = json!({"id": "extra", "assets": ["*"], "policy": "nobody-wrote-it"});
    let answer = send(provider, "PUT", "/api/v1/offers/extra", Some(&nameless), &[]).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("offer.invalid")));
    let offer = json!({"id": "extra", "assets": ["*"], "policy": "readers"});
    let answer = send(provider, "PUT", "/api/v1/offers/other", Some(&offer), &[]).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("id.mismatch")));
    assert_eq!(send(provider, "PUT", "/api/v1/offers/extra", Some(&offer), &[]).await.status, 200);
    let answer = send(provider, "DELETE", "/api/v1/policies/readers", None, &[]).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("policy.in-use")));

    let whom = json!({"counterparty": provider.settings.participant, "address": provider.settings.dsp()});
    let offers = |catalogue: &Value| -> usize {
        catalogue["dataset"].as_array().unwrap().iter().map(|d| d["hasPolicy"].as_array().unwrap().len()).sum()
    };
    let consumer = office.road.consumer.management.clone();
    let seen = offers(&consumer.post("/api/v1/catalog/request", &whom).await.unwrap());
    office.road.provider.kill().await.unwrap();
    office.road.provider.start_again().await.unwrap();
    assert_eq!(offers(&consumer.post("/api/v1/catalog/request", &whom).await.unwrap()), seen, "kept");

    let provider = &office.road.provider;
    assert_eq!(send(provider, "DELETE", "/api/v1/offers/extra", None, &[]).await.status, 204);
    assert_eq!(send(provider, "DELETE", "/api/v1/policies/readers", None, &[]).await.status, 204);
    let answer = send(provider, "DELETE", "/api/v1/policies/readers", None, &[]).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (404, Some("policy.unknown")));
    assert!(offers(&consumer.post("/api/v1/catalog/request", &whom).await.unwrap()) < seen);
    office.close().await;
}

#[tokio::test]
async fn a_held_negotiation_waits_for_a_person_who_answers_through_api_or_command() {
    let office = Office::open(HOLD).await;
    let (trace, parent) =
        ("0af7651916cd43dd8448eb211c80319c", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let approved = office.request_negotiation(parent).await;
    assert_eq!(approved.status, 201, "{}", approved.body);
    assert_eq!(approved.body["traceId"], trace);
    let pid = approved.body["pid"].as_str().unwrap();
    let theirs = office.counterpart(pid).await;
    assert_eq!((theirs["state"].as_str(), theirs["held"].as_bool()), (Some("REQUESTED"), Some(true)));
    assert_eq!(theirs["traceId"], trace, "the trace goes along to the peer");
    let path = format!("/api/v1/negotiations/{}/actions", theirs["pid"].as_str().unwrap());
    let provider = &office.road.provider;
    let answer = send(provider, "POST", &path, Some(&json!({"action": "finalize"})), &[]).await;
    assert_eq!((answer.status, answer.body["state"].as_str()), (409, Some("REQUESTED")), "{}", answer.body);
    assert_eq!(send(provider, "POST", &path, Some(&json!({"action": "dance"})), &[]).await.status, 400);
    assert_eq!(send(provider, "POST", &path, Some(&json!({"action": "agree"})), &[]).await.status, 200);
    office.road.consumer.management.wait("negotiations", pid, "FINALIZED").await.unwrap();

    let refused = office.request_negotiation(parent).await;
    let pid = refused.body["pid"].as_str().unwrap();
    let theirs = office.counterpart(pid).await["pid"].as_str().unwrap().to_owned();
    let config = provider.config.to_str().unwrap();
    let reason = ["show", "act", "--config", config, "negotiations", &theirs, "terminate", "--reason", "not this one"];
    let output = command(&reason).await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let ended = office.road.consumer.management.wait("negotiations", pid, "TERMINATED").await.unwrap();
    assert!(ended["reasons"].to_string().contains("not this one"), "{ended}");
    let output = command(&reason).await;
    assert_eq!(output.status.code(), Some(1), "what has ended cannot be ended again: {}", said(&output));
    office.close().await;
}

#[tokio::test]
async fn lists_are_paged_by_key_and_nothing_is_seen_twice_or_missed() {
    let office = Office::open(HOLD).await;
    let mut begun = Vec::new();
    for _ in 0..5 {
        let answer = office.request_negotiation("").await;
        begun.push(answer.body["pid"].as_str().unwrap().to_owned());
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = send(&office.road.consumer, "GET", &format!("/api/v1/negotiations?limit=2{after}"), None, &[]).await;
        let items = page.body["items"].as_array().unwrap();
        assert!(!items.is_empty() && items.len() <= 2);
        seen.extend(items.iter().map(|p| p["pid"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    begun.sort();
    seen.sort();
    assert_eq!(seen, begun);
    let answer = send(&office.road.consumer, "GET", "/api/v1/negotiations?limit=many", None, &[]).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("request.query")));
    office.close().await;
}

/// An agreement between the demonstration's parties, as the provider keeps it.
fn agreed(id: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut agreement = json!({
        "id": id, "role": "provider", "participant": "did:web:provider.example",
        "counterparty": "did:web:consumer.example", "dataset": LAND_REGISTER,
        "policy": {
            "@type": "Agreement", "@id": id, "target": LAND_REGISTER, "assigner": "did:web:provider.example",
            "assignee": "did:web:consumer.example", "permission": [{"action": "use"}],
        },
        "signed": "2026-11-01T00:00:00Z", "live": true,
    });
    change(&mut agreement);
    agreement
}

#[tokio::test]
async fn an_agreement_made_elsewhere_is_taken_in_only_when_it_can_be_evaluated_and_fits() {
    let office = Office::open("").await;
    let provider = &office.road.provider;
    let path = "/api/v1/agreements";
    for (wrong, clause) in [
        (agreed("urn:a", |a| a["policy"]["permission"][0]["action"] = json!("teleport")), "/permission/0/action"),
        (agreed("urn:a", |a| a["policy"]["target"] = json!("DEV:GOV:2000:population:persons")), "/target"),
        (agreed("urn:a", |a| a["policy"]["assigner"] = json!("did:web:stranger.example")), "/assigner"),
        (agreed("urn:a", |a| a["role"] = json!("consumer")), "/assigner"),
        (agreed("urn:a", |a| a["policy"]["@id"] = json!("urn:b")), "/@id"),
        (agreed("urn:a", |a| a["policy"] = json!({})), "/target"),
    ] {
        let answer = send(provider, "POST", path, Some(&wrong), &[]).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("agreement.invalid")), "{}", answer.body);
        let told = answer.body["invalid"].as_array().unwrap();
        assert!(told.iter().any(|part| part["clause"] == clause), "{clause}: {}", answer.body);
    }
    for id in ["urn:a", "urn:b", "urn:c"] {
        let answer = send(provider, "POST", path, Some(&agreed(id, |_| ())), &[]).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    let first = send(provider, "GET", "/api/v1/agreements?limit=2", None, &[]).await.body;
    let next: String = url::form_urlencoded::byte_serialize(first["next"].as_str().unwrap().as_bytes()).collect();
    let second = send(provider, "GET", &format!("{path}?limit=2&after={next}"), None, &[]).await.body;
    assert_eq!((second["items"][0]["id"].as_str(), second.get("next")), (Some("urn:c"), None));
    assert_eq!(send(provider, "GET", &format!("{path}?after=urn:a"), None, &[]).await.status, 400);
    for (query, status) in [
        ("role=provider", 200),
        ("role=consumer", 404),
        ("participant=provider", 200),
        ("participant=did:web:provider.example&role=provider", 200),
        ("participant=nobody", 404),
        ("part=provider", 400),
    ] {
        let answer = send(provider, "GET", &format!("{path}/urn:a?{query}"), None, &[]).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
    }
    office.close().await;
}

#[tokio::test]
async fn pages_of_exchanges_and_of_what_is_configured_end_where_nothing_follows() {
    let office = Office::open("").await;
    let agreement = story::negotiate(&office.road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    for _ in 0..4 {
        assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    }
    let provider = &office.road.provider;
    let first = send(provider, "GET", "/api/v1/exchanges?limit=2", None, &[]).await.body;
    let next = first["next"].as_u64().expect("there are four");
    let second = send(provider, "GET", &format!("/api/v1/exchanges?limit=2&after={next}"), None, &[]).await.body;
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next"]), (2, &Value::Null), "no empty page after");
    for id in ["did:web:b", "did:web:a", "did:web:c"] {
        let path = format!("/api/v1/counterparties/{id}");
        assert_eq!(send(provider, "PUT", &path, Some(&json!({"groups": ["x"]})), &[]).await.status, 200);
    }
    let page =
        async |query: &str| send(provider, "GET", &format!("/api/v1/counterparties{query}"), None, &[]).await.body;
    let first = page("?limit=2").await;
    assert_eq!((first["items"][1]["id"].as_str(), first["next"].as_str()), (Some("did:web:b"), Some("did:web:b")));
    let second = page("?limit=2&after=did:web:b").await;
    assert_eq!((second["items"][0]["id"].as_str(), second.get("next")), (Some("did:web:c"), None));
    let participants = send(provider, "GET", "/api/v1/participants?after=provider", None, &[]).await.body;
    assert_eq!(participants, json!({"items": []}));
    for (list, key) in [("assets", "id"), ("policies", "id"), ("offers", "id")] {
        let all = send(provider, "GET", &format!("/api/v1/{list}"), None, &[]).await.body;
        let first = send(provider, "GET", &format!("/api/v1/{list}?limit=1"), None, &[]).await.body;
        assert_eq!(first["items"].as_array().unwrap(), &all["items"].as_array().unwrap()[..1], "{list}");
        let next = first["next"].as_str().unwrap();
        assert_eq!(next, first["items"][0][key], "{list}");
        let second = send(provider, "GET", &format!("/api/v1/{list}?limit=1&after={next}"), None, &[]).await.body;
        assert_eq!(second["items"][0], all["items"][1], "{list}");
    }
    office.close().await;
}

#[tokio::test]
async fn problems_belong_to_the_callers_trace_and_metrics_count_what_happened() {
    let office = Office::open("").await;
    let provider = &office.road.provider;
    let parent = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    for (method, path, status, code) in [
        ("GET", "/api/v1/negotiations/urn%3Anone", 404, "negotiation.unknown"),
        ("GET", "/api/v1/nothing", 404, "path.unknown"),
        ("PATCH", "/api/v1/offers", 405, "method.unknown"),
    ] {
        let answer = send(provider, method, path, None, &parent).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{method} {path}");
        assert_eq!(answer.body["traceId"], "0af7651916cd43dd8448eb211c80319c");
    }
    let malformed = send(provider, "POST", "/api/v1/negotiations", Some(&json!({"surplus": 1})), &parent).await;
    assert_eq!((malformed.status, malformed.body["code"].as_str()), (422, Some("request.malformed")));
    for path in ["/api/v1/negotiations/%FF", "/api/v1/assets/%FF"] {
        let undecodable = send(provider, "GET", path, None, &parent).await;
        assert_eq!((undecodable.status, undecodable.body["code"].as_str()), (400, Some("request.path")), "{path}");
    }
    let offer = json!({"counterparty": "did:web:x", "address": "http://127.0.0.1:9", "offer": {"no": "rules"}});
    let malformed = send(provider, "POST", "/api/v1/negotiations", Some(&offer), &parent).await;
    assert_eq!((malformed.status, malformed.body["code"].as_str()), (422, Some("offer.malformed")));

    let agreement = story::negotiate(&office.road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    assert_eq!(story::call(&transfer, "/owners").await.unwrap().status, 403);
    let told = send(provider, "GET", "/metrics", None, &[]).await.body;
    let told = told.as_str().unwrap();
    for line in [
        "sliproad_exchanges_total{outcome=\"complete\"} 1",
        "sliproad_exchanges_total{outcome=\"refused\"} 1",
        "sliproad_exchange_seconds_count 2",
        "sliproad_evidence_records_total 2",
        "sliproad_process_transitions_total{kind=\"negotiation\",state=\"FINALIZED\"} 1",
        "sliproad_process_transitions_total{kind=\"transfer\",state=\"STARTED\"} 1",
        "sliproad_deliveries_total{outcome=\"delivered\"} 3",
        "sliproad_catalog_refreshes_total{outcome=\"done\"} 1",
        "sliproad_datasets{listed=\"true\"} 4",
    ] {
        assert!(told.lines().any(|l| l == line), "{line} is missing:\n{told}");
    }
    office.close().await;
}

#[tokio::test]
async fn the_commands_do_the_whole_road_and_their_exit_codes_tell() {
    let office = Office::open("").await;
    let (provider, consumer) = (&office.road.provider, &office.road.consumer);
    let config = consumer.config.to_str().unwrap();
    let (whom, address) = (provider.settings.participant, provider.settings.dsp());
    let peer = ["--config", config, "--counterparty", whom, "--address", &address];
    let catalog = command(&[&["catalog"], &peer[..]].concat()).await;
    assert_eq!(catalog.status.code(), Some(0), "{}", said(&catalog));
    assert!(said(&catalog).contains(LAND_REGISTER));
    let negotiated = command(&[&["negotiate"], &peer[..], &["--dataset", LAND_REGISTER, "--json"]].concat()).await;
    assert_eq!(negotiated.status.code(), Some(0), "{}", said(&negotiated));
    let negotiated: Value = serde_json::from_slice(&negotiated.stdout).unwrap();
    let agreement = negotiated["agreementId"].as_str().unwrap();
    let fetch = [&["fetch"], &peer[..], &["--dataset", LAND_REGISTER, "--agreement", agreement]].concat();
    let fetched = command(&[&fetch[..], &["/parcels"]].concat()).await;
    assert_eq!(fetched.status.code(), Some(0), "{}", said(&fetched));
    assert!(serde_json::from_slice::<Value>(&fetched.stdout).is_ok(), "the register's answer, and nothing else");
    let refused = command(&[&fetch[..], &["/owners"]].concat()).await;
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("xroad:datapath"), "{}", said(&refused));

    let theirs = provider.config.to_str().unwrap();
    let listed = command(&["show", "exchanges", "--config", theirs, "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let exchange = listed["items"][0]["exchange"].as_str().unwrap();
    let explained = command(&["policy", "explain", exchange, "--config", theirs]).await;
    assert_eq!(explained.status.code(), Some(0), "{}", said(&explained));
    assert!(said(&explained).contains("/owners"), "the operator sees what was observed: {}", said(&explained));

    for (arguments, code) in [
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["bogus"], 64),
        (vec!["serve"], 64),
        (vec!["serve", "--config", "/nowhere/at-all.toml"], 64),
        (vec!["double", "--config", "/nowhere/at-all.toml"], 64),
        (vec!["show", "transfers"], 64),
        (vec!["show", "transfers", "--management", "http://127.0.0.1:9"], 64),
        (vec!["show", "transfers", "--management", "http://127.0.0.1:9", "--api-key-file", "/nowhere/key"], 64),
        ([&fetch[..], &["--header", "no colon", "/parcels"]].concat(), 64),
        ([&fetch[..], &["--header", "no name: x", "/parcels"]].concat(), 64),
        ([&fetch[..], &["--method", "NO METHOD", "/parcels"]].concat(), 64),
        (vec!["catalog", "--config", "/nowhere/at-all.toml", "--counterparty", "x", "--address", "y"], 64),
        (vec!["policy", "explain", "0192f0c1-2e3a-7000-8000-000000000000", "--config", theirs], 1),
    ] {
        let output = command(&arguments).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        assert!(said(&output).len() > 10, "{arguments:?} says why");
        assert!(!said(&output).contains("panicked"), "{}", said(&output));
    }
    office.close().await;
}
