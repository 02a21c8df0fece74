//! What peers may send and what they get: statuses, error objects, tolerances, hostile input.

use http::{Method, header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::world::{World, offer, read};

const CONTEXT: &str = "https://w3id.org/dspace/2025/1/context.jsonld";
const TOKEN: &str = "Bearer consumer-token";

fn message(message_type: &str, more: &Value) -> Value {
    let mut body = json!({"@context": [CONTEXT], "@type": message_type});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A request whose callback leads nowhere, so that the negotiation stays where the provider's own steps bring it.
fn request(consumer_pid: &str) -> Value {
    let more =
        json!({"consumerPid": consumer_pid, "offer": offer("land"), "callbackAddress": "http://127.0.0.1:9/cb/"});
    message("ContractRequestMessage", &more)
}

async fn begun(world: &World) -> (String, String) {
    let (status, body) = world.post(&world.provider, TOKEN, "negotiations/request", &request("urn:uuid:c1")).await;
    assert_eq!(status, 201, "{body}");
    (body["consumerPid"].as_str().unwrap().to_owned(), body["providerPid"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_first_message_is_answered_201_with_the_process_and_again_the_same() {
    let world = World::new().await;
    let (consumer_pid, provider_pid) = begun(&world).await;
    assert_eq!(consumer_pid, "urn:uuid:c1");
    assert_eq!(begun(&world).await, (consumer_pid, provider_pid.clone()), "a repeated request is the same negotiation");

    let (status, shown) = world.get(&world.provider, TOKEN, &format!("negotiations/{provider_pid}")).await;
    assert_eq!((status, shown["@type"].as_str()), (200, Some("ContractNegotiation")));
    let (status, _) = world.get(&world.provider, TOKEN, &format!("/negotiations//{provider_pid}/")).await;
    assert_eq!(status, 200, "doubled and trailing slashes are tolerated");
}

#[tokio::test]
async fn a_wrong_state_is_400_with_both_pids_and_nobody_elses_process_is_404() {
    let world = World::new().await;
    let (consumer_pid, provider_pid) = begun(&world).await;
    let pids = json!({"consumerPid": consumer_pid, "providerPid": provider_pid, "eventType": "FINALIZED"});
    let event = message("ContractNegotiationEventMessage", &pids);
    let path = format!("negotiations/{provider_pid}/events");

    let (status, error) = world.post(&world.provider, TOKEN, &path, &event).await;
    assert_eq!((status, error["@type"].as_str()), (400, Some("ContractNegotiationError")));
    assert_eq!(
        (error["consumerPid"].as_str(), error["providerPid"].as_str()),
        (Some(consumer_pid.as_str()), Some(provider_pid.as_str()))
    );
    assert_eq!(error["code"], "negotiation.wrong-state");
    assert_eq!(error["reason"].as_array().map(Vec::len), Some(1));

    for (token, path) in [("stranger-token", path.as_str()), (TOKEN, "negotiations/urn:uuid:none/events")] {
        let (status, error) = world.post(&world.provider, token, path, &event).await;
        assert_eq!((status, error["@type"].as_str()), (404, Some("ContractNegotiationError")), "{token} {path}");
    }
    let (status, _) = world.get(&world.provider, "stranger-token", &format!("negotiations/{provider_pid}")).await;
    assert_eq!(status, 404);
    let (status, error) = world.get(&world.provider, TOKEN, &format!("transfers/{provider_pid}")).await;
    assert_eq!((status, error["@type"].as_str()), (404, Some("TransferError")));
}

#[tokio::test]
async fn a_follow_up_is_answered_200_and_ends_the_process() {
    let world = World::new().await;
    let (consumer_pid, provider_pid) = begun(&world).await;
    let end = message(
        "ContractNegotiationTerminationMessage",
        &json!({"consumerPid": consumer_pid, "providerPid": provider_pid, "code": "x", "reason": [{"message": "no"}]}),
    );
    let (status, body) =
        world.post(&world.provider, TOKEN, &format!("negotiations/{provider_pid}/termination/"), &end).await;
    assert_eq!((status, body), (200, Value::Null));
    let (_, shown) = world.get(&world.provider, TOKEN, &format!("negotiations/{provider_pid}")).await;
    assert_eq!(shown["state"], "TERMINATED");
}

#[tokio::test]
async fn a_providers_offer_begins_a_negotiation_here_and_its_other_messages_do_not() {
    let world = World::new().await;
    let more =
        json!({"providerPid": "urn:uuid:p1", "offer": offer("land"), "callbackAddress": "http://127.0.0.1:9/cb"});
    let token = "Bearer provider-token";
    let (status, body) =
        world.post(&world.consumer, token, "negotiations/offers", &message("ContractOfferMessage", &more)).await;
    assert_eq!(
        (status, body["state"].as_str(), body["providerPid"].as_str()),
        (201, Some("OFFERED"), Some("urn:uuid:p1"))
    );

    let pid = body["consumerPid"].as_str().unwrap();
    let pids = json!({"consumerPid": pid, "providerPid": "urn:uuid:p1", "eventType": "FINALIZED"});
    let event = message("ContractNegotiationEventMessage", &pids);
    let (status, error) = world.post(&world.consumer, token, &format!("negotiations/{pid}/events"), &event).await;
    assert_eq!((status, error["consumerPid"].as_str()), (400, Some(pid)));
}

#[tokio::test]
async fn who_shows_no_known_token_gets_401_with_the_error_object_of_the_protocol() {
    let world = World::new().await;
    for (path, error) in [
        ("catalog/request", "CatalogError"),
        ("negotiations/request", "ContractNegotiationError"),
        ("transfers/urn:uuid:x/start", "TransferError"),
    ] {
        let url = format!("{}/{path}", world.provider.base);
        for headers in [&[][..], &[("authorization", "Bearer wrong-token")][..]] {
            let answer = world.call(Method::POST, url.clone(), headers, "{").await;
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
            assert!(answer.headers.contains_key("traceresponse"));
            let (status, body) = read(&answer);
            assert_eq!((status, body["@type"].as_str()), (401, Some(error)), "{path}");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_no_messages_are_refused_before_anything_else_happens() {
    let world = World::new().await;
    let send = async |content_type: &str, body: String| {
        let headers = [("authorization", TOKEN), ("content-type", content_type)];
        let url = format!("{}/negotiations/request", world.provider.base);
        read(&world.call(Method::POST, url, &headers, body).await)
    };
    let json_type = "application/json";
    let mut no_context = request("c");
    no_context.as_object_mut().unwrap().remove("@context");
    let mut both = request("c");
    both["providerPid"] = json!("p");
    for (status, code, content_type, body) in [
        (400, "message.not-json", json_type, "{".to_owned()),
        (400, "message.not-json", json_type, String::new()),
        (400, "message.not-json", json_type, "[".repeat(60_000)),
        (400, "message.no-context", json_type, no_context.to_string()),
        (400, "message.invalid", json_type, both.to_string()),
        (400, "message.wrong-type", json_type, super::world::catalog_request().to_string()),
        (413, "message.too-large", json_type, " ".repeat(65 * 1024)),
        (415, "message.media-type", "text/plain", request("c").to_string()),
        (400, "offer.unknown", json_type, request("c").to_string().replace("offer-land", "offer-none")),
        (201, "", "application/ld+json; charset=UTF-8", request("c").to_string()),
    ] {
        let (given, answer) = send(content_type, body).await;
        assert_eq!((given, answer["code"].as_str().unwrap_or_default()), (status, code), "{answer}");
    }
}

#[tokio::test]
async fn a_caller_that_sends_far_too_much_still_reads_the_answer() {
    let world = World::new().await;
    let url = format!("{}/catalog/request", world.provider.base);
    for (status, token, content_type) in
        [(413, TOKEN, "application/json"), (415, TOKEN, "text/plain"), (401, "wrong-token", "application/json")]
    {
        let headers = [("authorization", token), ("content-type", content_type)];
        let answer = world.call(Method::POST, url.clone(), &headers, vec![b' '; 3 * 1024 * 1024]).await;
        assert_eq!(read(&answer).0, status);
    }
}

#[tokio::test]
async fn a_body_that_drips_in_is_given_up() {
    let world = World::new().await;
    let host = world.provider.root.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST /provider/dsp/2025-1/catalog/request HTTP/1.1\r\nhost: {host}\r\nauthorization: {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 16];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn edcs_catalogue_request_is_understood_and_a_foreign_query_is_not() {
    let world = World::new().await;
    let ask = async |filter: Value| {
        let body = json!({"@context": [CONTEXT, "https://w3id.org/edc/dspace/v0.0.1"], "@id": "x",
                          "@type": "CatalogRequestMessage", "filter": filter});
        world.post(&world.provider, TOKEN, "catalog/request", &body).await
    };
    let edc = json!([{"@type": "QuerySpec", "limit": 50, "offset": 0, "sortOrder": "ASC", "filterExpression": []}]);
    let (status, catalog) = ask(edc).await;
    assert_eq!((status, catalog["dataset"].as_array().map(Vec::len)), (200, Some(6)));
    let (_, tail) = ask(json!([{"@type": "QuerySpec", "offset": 4, "sortField": "id", "sortOrder": "DESC"}])).await;
    assert_eq!(tail["dataset"][1]["@id"], "d0");
    let (status, error) = ask(json!([{"@type": "SparqlQuery", "query": "SELECT"}])).await;
    assert_eq!(
        (status, error["@type"].as_str(), error["code"].as_str()),
        (400, Some("CatalogError"), Some("catalog.filter"))
    );
}

#[tokio::test]
async fn a_page_links_to_the_next_and_previous_and_a_foreign_token_is_400() {
    let world = World::new().await;
    let mut body = super::world::catalog_request();
    body["filter"] = json!([{"@type": "QuerySpec", "limit": 4}]);
    let headers = [("authorization", TOKEN), ("content-type", "application/json")];
    let url = format!("{}/catalog/request", world.provider.base);
    let first = world.call(Method::POST, url.clone(), &headers, body.to_string()).await;
    let link = first.headers[header::LINK].to_str().unwrap();
    let target = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();

    let second = world.call(Method::POST, target.clone(), &headers, body.to_string()).await;
    assert!(second.headers[header::LINK].to_str().unwrap().ends_with("rel=\"previous\""));
    assert_eq!(read(&second).1["dataset"].as_array().map(Vec::len), Some(2));
    let fetched = world.call(Method::GET, target, &headers[..1], "").await;
    assert_eq!(fetched.body, second.body, "the token alone names the page");

    let foreign = world.call(Method::POST, format!("{url}?continuationToken=x"), &headers, body.to_string()).await;
    assert_eq!(read(&foreign).0, 400);
    assert_eq!(read(&world.call(Method::GET, url, &headers[..1], "").await).0, 405);
}

#[tokio::test]
async fn transfers_need_an_agreement_of_the_caller_and_push_is_refused_in_words() {
    let world = World::new().await;
    let ask = async |token: &str, agreement: &str, format: &str| {
        let body = message(
            "TransferRequestMessage",
            &json!({"consumerPid": "urn:uuid:t", "agreementId": agreement,
            "format": format, "callbackAddress": "http://127.0.0.1:9"}),
        );
        world.post(&world.provider, token, "transfers/request", &body).await
    };
    let (status, error) = ask(TOKEN, "urn:uuid:none", "HttpData-PULL").await;
    assert_eq!(
        (status, error["@type"].as_str(), error["consumerPid"].as_str()),
        (404, Some("TransferError"), Some("urn:uuid:t"))
    );

    world.provider.engine.import_agreement(super::world::agreement("urn:uuid:a")).await.unwrap();
    assert_eq!(ask("stranger-token", "urn:uuid:a", "HttpData-PULL").await.0, 404);
    let (status, error) = ask(TOKEN, "urn:uuid:a", "HttpData-PUSH").await;
    assert_eq!((status, error["code"].as_str()), (400, Some("transfer.push-not-offered")));
    let (status, error) = ask(TOKEN, "urn:uuid:a", "AmazonS3-PULL").await;
    assert_eq!((status, error["code"].as_str()), (400, Some("transfer.format-not-offered")));
    let (status, process) = ask(TOKEN, "urn:uuid:a", "Xrd-PULL").await;
    assert_eq!((status, process["@type"].as_str()), (201, Some("TransferProcess")));
}

#[tokio::test]
async fn version_documents_need_no_token_and_unknown_places_are_404() {
    let world = World::new().await;
    let get =
        async |path: &str| read(&world.call(Method::GET, format!("{}{path}", world.provider.root), &[], "").await);
    let (status, at_root) = get("/.well-known/dspace-version").await;
    let version = &at_root["protocolVersions"][0];
    assert_eq!(
        (status, version["version"].as_str(), version["binding"].as_str()),
        (200, Some("2025-1"), Some("HTTPS"))
    );
    assert_eq!(format!("{}{}", world.provider.root, version["path"].as_str().unwrap()), world.provider.base);
    let (_, own) = get("/provider/.well-known/dspace-version").await;
    assert_eq!(own["protocolVersions"][0]["path"], "/dsp/2025-1");
    assert_eq!(get("/.well-known/dspace-version/").await, (200, at_root), "a trailing slash does no harm");
    assert_eq!(get("/provider/.well-known/dspace-version/").await, (200, own));

    for path in
        ["/nobody/.well-known/dspace-version", "/nobody/dsp/2025-1/catalog/request", "/provider/dsp/2025-1/other"]
    {
        assert_eq!(get(path).await.0, 404, "{path}");
    }
    assert_eq!(get("/provider/dsp/2025-1/transfers/x/start").await.0, 405);
    let (status, error) = world.get(&world.provider, TOKEN, "catalog/datasets/unreadable").await;
    assert_eq!((status, error["@type"].as_str()), (503, Some("CatalogError")));
}
