//! What was put and removed through the API over restarts, and changes that cannot be kept.

use super::*;

const OFFERS: &str = r#"
[[operand]]
name = "https://example.org/ns/case"
type = "text"
header = "case-number"

[[policy]]
id = "of-the-file"
policy = { permission = [{ action = "use" }] }

[[asset]]
id = "of-the-file"
service = "DEV/GOV/2000/landregister/land"

[[offer]]
id = "of-the-file"
assets = ["of-the-file"]
policy = "of-the-file"
"#;

async fn status(office: &Office, method: &str, path: &str, body: Option<&Value>) -> u16 {
    send(&office.road.provider, method, path, body, &[]).await.status
}

#[tokio::test]
async fn what_was_removed_through_the_api_does_not_come_back_with_the_file() {
    let mut office = Office::open(OFFERS).await;
    assert_eq!(status(&office, "DELETE", "/api/v1/policies/of-the-file", None).await, 409, "an offer names it");
    for noun in ["offers", "policies", "assets"] {
        let path = format!("/api/v1/{noun}/of-the-file");
        assert_eq!(status(&office, "DELETE", &path, None).await, 204, "{noun}");
        assert_eq!(status(&office, "DELETE", &path, None).await, 404, "{noun}");
    }
    office.road.provider.kill().await.unwrap();
    office.road.provider.start_again().await.unwrap();
    for noun in ["offers", "policies", "assets"] {
        assert_eq!(status(&office, "GET", &format!("/api/v1/{noun}/of-the-file"), None).await, 404, "{noun}");
    }
    let policy = json!({"permission": [{"action": "use"}], "obligation": [{"action": "inform"}]});
    assert_eq!(status(&office, "PUT", "/api/v1/policies/of-the-file", Some(&policy)).await, 200);
    office.road.provider.kill().await.unwrap();
    office.road.provider.start_again().await.unwrap();
    let kept = send(&office.road.provider, "GET", "/api/v1/policies/of-the-file", None, &[]).await;
    assert_eq!((kept.status, kept.body), (200, policy), "what was put again goes before the file");
    office.close().await;
}

#[tokio::test]
async fn a_stored_policy_that_cannot_be_published_any_more_is_left_out_with_its_offers() {
    let mut office = Office::open(OFFERS).await;
    let case = json!({"leftOperand": "https://example.org/ns/case", "operator": "eq", "rightOperand": "1"});
    let policy = json!({"permission": [{"action": "use", "constraint": [case]}]});
    let offer = json!({"id": "by-case", "assets": ["of-the-file"], "policy": "by-case"});
    assert_eq!(status(&office, "PUT", "/api/v1/policies/by-case", Some(&policy)).await, 200);
    assert_eq!(status(&office, "PUT", "/api/v1/offers/by-case", Some(&offer)).await, 200);
    office.road.provider.kill().await.unwrap();
    let text = std::fs::read_to_string(&office.road.provider.config).unwrap();
    std::fs::write(&office.road.provider.config, text.replace("ns/case\"", "ns/other\"")).unwrap();
    office.road.provider.start_again().await.unwrap();
    let path = "/api/v1/offers/by-case";
    assert_eq!(status(&office, "GET", path, None).await, 404);
    assert_eq!(status(&office, "GET", "/api/v1/offers/of-the-file", None).await, 200, "the others are there");
    let log = std::fs::read_to_string(office.road.provider.settings.directory.join("provider.log")).unwrap();
    assert!(log.contains("a stored policy is left out") && log.contains("a stored offer is left out"), "{log}");
    assert_eq!(status(&office, "DELETE", path, None).await, 204, "it can be removed for good");
    assert_eq!(status(&office, "DELETE", path, None).await, 404);
    office.close().await;
}

#[tokio::test]
async fn a_duty_to_pseudonymise_fields_is_negotiated_and_done_to_every_answer() {
    let offers = r#"
[[asset]]
id = "pseudonyms"
service = "DEV/GOV/2000/population/persons"

[[policy]]
id = "pseudonyms"
policy = { permission = [{ action = "use", duty = [{ action = [{ "rdf:value" = "pseudonymise", refinement = [
    { leftOperand = "xroad:fields", operator = "isAnyOf", rightOperand = ["/personalCode"] },
] }] }] }] }

[[offer]]
id = "pseudonyms"
assets = ["pseudonyms"]
policy = "pseudonyms"
"#;
    let office = Office::open(offers).await;
    let agreement = story::negotiate(&office.road, "pseudonyms").await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    let called = story::call(&transfer, "/persons/50001010017").await.unwrap();
    assert_eq!((called.status, called.body["givenName"].as_str()), (200, Some("Mari")), "{}", called.body);
    assert_eq!(called.body["personalCode"].as_str().map(str::len), Some(32), "{}", called.body);
    office.close().await;
}
