use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::schemas::check_dsp;

/// Policies that may be published, in every spelling that is met.
fn policies() -> Vec<Value> {
    let atom = |left: &str, operator: &str, right: Value| json!({"leftOperand": left, "operator": operator, "rightOperand": right});
    let with = |constraint: Value| json!({"permission": [{"action": "use", "constraint": constraint}]});
    let fields = atom("xroad:fields", "isAnyOf", json!(["/name"]));
    let odrl = |name: &str| format!("http://www.w3.org/ns/odrl/2/{name}");
    vec![
        json!({"permission": [{"action": "use"}]}),
        with(json!([atom("count", "lteq", json!(3)), atom("dateTime", "lt", json!("2040-01-01T00:00:00Z"))])),
        with(
            json!({"or": [atom("spatial", "eq", json!({"@id": "urn:FI"})), atom("spatial", "isAnyOf", json!(["EE", "LV"]))]}),
        ),
        with(json!([fields])),
        json!({"action": "use", "constraint": atom("purpose", "eq", json!("urn:x")), "permission": [{}], "prohibition": [
            {"action": "distribute"}], "conflict": "prohibit"}),
        json!({"ids:permission": [{"ids:action": "idsc:USE"}]}),
        json!({odrl("permission"): {odrl("action"): {"@id": odrl("use")}}}),
        json!({"permission": [{"action": ["use", {"rdf:value": "read", "refinement": [atom("count", "lt", json!("5"))]}]}]}),
        json!({"permission": [{"action": "use", "duty": [{"action": [{"rdf:value": "pseudonymise", "refinement": [fields]}]}]}],
            "obligation": [{"action": "delete", "constraint": [atom("elapsedTime", "lteq", json!("P30D"))]}]}),
        json!({"@context": {"my": "https://w3id.org/catenax/policy/"}, "profile": "https://w3id.org/catenax/policy/", "permission": [
            {"action": "use", "constraint": [atom("my:Membership", "eq", json!("active"))]}]}),
    ]
}

fn published(policy: &Value) -> Value {
    let participant = ParticipantId::from("did:web:provider.example");
    let publisher =
        Publisher { participant: participant.clone(), services: Vec::new(), client: None, client_for: Vec::new() };
    let catalog = Catalog::new(vec![publisher], crate::policy::Registry::built_in(), offer_check, Clock::system());
    catalog.put_policy("p", policy).unwrap_or_else(|e| panic!("{e}: {policy}"));
    let service = "DEV/GOV/2000/landregister/land".parse().unwrap();
    catalog.put_asset(AssetDefinition {
        id: "a".into(),
        service,
        metadata: Metadata::default(),
        endpoints: Vec::new(),
    });
    let offer = OfferDefinition {
        id: "o".into(),
        participant: None,
        assets: vec!["a".into()],
        policy: "p".into(),
        access_policy: None,
    };
    catalog.put_offer(offer).unwrap();
    let sight = catalog.sight(&participant, &"did:web:consumer.example".into());
    let view = sight.dataset(&"a".into()).unwrap_or_else(|| panic!("it is not shown: {policy}"));
    view.offers[0].policy.clone()
}

/// The official validator of policies, where it is at hand.
fn official() -> Option<jsonschema::Validator> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/spec/dsp/negotiation/contract-schema.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: the official schema is not at {}", file.display());
        return None;
    };
    let schema: Value = serde_json::from_str(&text).unwrap();
    let offer =
        json!({"$schema": schema["$schema"], "definitions": schema["definitions"], "$ref": "#/definitions/Offer"});
    Some(jsonschema::validator_for(&offer).unwrap())
}

#[test]
fn what_is_published_is_what_we_and_the_protocol_take_in() {
    let official = official();
    for policy in policies() {
        let mut offer = published(&policy);
        if let Some(official) = &official {
            let broken: Vec<String> = official.iter_errors(&offer).map(|error| error.to_string()).collect();
            assert!(broken.is_empty(), "{broken:?}: {offer}");
        }
        offer["target"] = json!("a");
        let request = json!({"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "ContractRequestMessage",
            "consumerPid": "urn:uuid:1", "callbackAddress": "https://consumer.example", "offer": offer});
        check_dsp("ContractRequestMessage", &request).unwrap_or_else(|broken| panic!("{broken:?}: {request}"));
    }
}
