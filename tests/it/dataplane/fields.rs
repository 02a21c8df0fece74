//! Answers of which an agreement releases some fields only.

use super::*;

const PERSONS: &str = "DEV:GOV:2000:population:persons";
const FILE: &str = "DEV:GOV:2000:download:file";

fn fields(paths: &[&str]) -> Value {
    json!([{"leftOperand": "xroad:fields", "operator": "isAnyOf", "rightOperand": paths}])
}

#[tokio::test]
async fn of_an_answer_only_the_agreed_fields_are_released_and_proven() {
    let road = Road::open().await;
    let granted = road.grant(PERSONS, fields(&["/givenName", "/personalCode"])).await;
    let target = format!("{}/persons/50001010017", granted.path);
    let headers = format!("authorization: Bearer {}\r\nrange: bytes=0-9\r\naccept-encoding: gzip\r\n", granted.token);
    let answer = road.raw("GET", &target, &headers, "").await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.body, br#"{"personalCode":"50001010017","givenName":"Mari"}"#);
    assert!(answer.head.contains(&format!("content-length: {}", answer.body.len())), "{}", answer.head);
    let asked = road.double.requests()[0].to_string().to_lowercase();
    assert!(!asked.contains("\"range\"") && !asked.contains("gzip"), "the whole answer is asked for: {asked}");
    let record = road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
    let body = record.response.unwrap().body.unwrap();
    assert_eq!(body.sha256.to_string(), hex::encode(sha2::Sha256::digest(&answer.body)), "what was released is proven");
    let facts = record.decision.facts.unwrap().into_owned().values();
    assert_eq!(facts["xroad:fields"], json!(["/givenName", "/personalCode"]));

    let parcels = road.grant(LAND, fields(&["$.parcels[*].use"])).await;
    assert_eq!(
        road.get(&parcels, "/parcels?municipality=Tallinn").await.json(),
        json!({"parcels": [{"use": "residential"}, {"use": "commercial"}]})
    );
    road.close().await;
}

#[tokio::test]
async fn elements_of_xml_are_released_by_their_paths() {
    let road = Road::open().await;
    let granted = road.grant(LAND, fields(&["/parcel/id", "/parcel/use"])).await;
    let headers = format!("authorization: Bearer {}\r\naccept: application/xml\r\n", granted.token);
    let answer = road.raw("GET", &format!("{}/parcels/79501:027:0012", granted.path), &headers, "").await;
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200, "{text}");
    assert!(text.ends_with("<parcel><id>79501:027:0012</id><use>agricultural</use></parcel>"), "{text}");
    road.close().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_looked_through_is_not_released() {
    let settings = DataPlaneSettings { largest_filtered: 1000, ..DataPlaneSettings::default() };
    let road = Road::with(settings, Registry::built_in(), None).await;
    let file = road.grant(FILE, fields(&["/a"])).await;
    let land = road.grant(LAND, fields(&["/parcels"])).await;
    let echo = road.grant(ECHO, fields(&["/method"])).await;
    let long = format!("/{}", "x".repeat(1000));
    for (granted, below, code, said) in [
        (&file, "/file?bytes=100", "filter.media-type", "application/octet-stream"),
        (&file, "/file?bytes=2000", "filter.oversized", "larger than the 1000 bytes"),
        (&echo, long.as_str(), "filter.oversized", "ask for less"),
    ] {
        let answer = road.get(granted, below).await;
        let problem = answer.json();
        assert_eq!((answer.status, problem["code"].as_str()), (502, Some(code)), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        let record = road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
        let (effect, told) = (record.decision.effect.as_str(), record.decision.code.as_ref());
        assert_eq!((effect, told), ("refuse", code), "the record tells that nothing was released");
    }
    assert_eq!(road.get(&land, "/parcels").await.status, 200);
    let missing = road.get(&land, "/parcels/none").await;
    assert_eq!((missing.status, missing.body.as_slice()), (404, &b"{}"[..]), "an error keeps its status only");
    road.close().await;
}

#[tokio::test]
async fn a_list_of_fields_that_is_unclear_opens_no_transfer() {
    let road = Road::open().await;
    let choice = json!([{"or": [fields(&["/a"])[0], {"leftOperand": "count", "operator": "lt", "rightOperand": 5}]}]);
    let rules = json!({"permission": [{"action": "use", "constraint": choice}]});
    let refused = road.opened_under(LAND, rules).await.unwrap_err();
    assert!(refused.reason.iter().any(|reason| reason.contains("which fields are released")), "{refused:?}");
    road.close().await;
}

#[tokio::test]
async fn a_duty_to_pseudonymise_fields_is_done_to_every_answer() {
    let road = Road::open().await;
    let hide = json!({"rdf:value": "pseudonymise", "refinement": fields(&["/personalCode"])});
    let rules = json!({"permission": [{"action": "use", "duty": [{"action": hide}]}]});
    let granted = road.grant_under(PERSONS, rules).await;
    let first = road.get(&granted, "/persons/50001010017").await;
    let told = first.json();
    assert_eq!((first.status, told["givenName"].as_str()), (200, Some("Mari")), "{told}");
    let pseudonym = told["personalCode"].as_str().unwrap();
    assert!(pseudonym.len() == 32 && pseudonym != "50001010017", "{told}");
    assert_eq!(road.get(&granted, "/persons/50001010017").await.json(), told, "the same person stays the same");
    assert_ne!(road.get(&granted, "/persons/50001010018").await.json()["personalCode"], told["personalCode"]);
    // Nobody does a duty to pseudonymise that names no fields.
    let unnamed = json!({"permission": [{"action": "use", "duty": [{"action": "pseudonymise"}]}]});
    let granted = road.grant_under(PERSONS, unnamed).await;
    assert_eq!(road.get(&granted, "/persons/50001010017").await.status, 403);
    road.close().await;
}

#[tokio::test]
async fn an_answer_in_xml_is_not_released_when_its_fields_are_to_be_hidden_by_paths_of_json() {
    let road = Road::open().await;
    let hiding = |path: &str| {
        let hide = json!({"rdf:value": "pseudonymise", "refinement": fields(&[path])});
        json!({"permission": [{"action": "use", "duty": [{"action": hide}]}]})
    };
    let ask = async |granted: &Granted| {
        let headers = format!("authorization: Bearer {}\r\naccept: application/xml\r\n", granted.token);
        road.raw("GET", &format!("{}/parcels/79501:027:0012", granted.path), &headers, "").await
    };
    for path in ["$.use", "/use"] {
        let granted = road.grant_under(LAND, hiding(path)).await;
        assert_eq!(road.get(&granted, "/parcels/79501:027:0012").await.status, 200);
        let answer = ask(&granted).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("filter.pseudonyms")), "{path}");
        let record = road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
        assert_eq!(&*record.decision.code, "filter.pseudonyms");
    }
    let granted = road.grant_under(LAND, hiding("/parcel/use")).await;
    let answer = ask(&granted).await;
    let text = String::from_utf8(answer.body).unwrap();
    assert!(answer.status == 200 && text.contains("79501:027:0012"), "{text}");
    let used = text.split("<use>").nth(1).and_then(|rest| rest.split("</use>").next()).unwrap();
    assert!(used.len() == 32 && !text.contains("agricultural"), "{text}");
    let answer = road.get(&granted, "/parcels/79501:027:0012").await;
    assert_eq!(answer.json()["code"], "filter.pseudonyms", "nor the other way round");
    road.close().await;
}
