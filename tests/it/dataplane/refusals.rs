//! Calls that are refused, each with a reason that a person understands. The README's table has the same rows.

use sliproad::model::obligation::AgreementKey;
use sliproad::policy::DutyPerformed;

use super::*;

/// One way for a call to be refused.
struct Scenario {
    name: &'static str,
    rules: Value,
    method: &'static str,
    below: &'static str,
    headers: &'static str,
    /// Answered, with the problem's code and, for the policy's refusals, the operand or rule that decided.
    status: u16,
    code: &'static str,
    operand: Option<&'static str>,
}

impl Scenario {
    fn new(name: &'static str, rules: Value, operand: &'static str) -> Self {
        Self {
            name,
            rules,
            method: "GET",
            below: "/parcels",
            headers: "",
            status: 403,
            code: "policy.refused",
            operand: Some(operand),
        }
    }
}

fn only_if(left: &str, operator: &str, right: Value) -> Value {
    let atom = json!({"leftOperand": left, "operator": operator, "rightOperand": right});
    json!({"permission": [{"action": "use", "constraint": [atom]}]})
}

fn scenarios() -> Vec<Scenario> {
    let research = || only_if("purpose", "eq", json!("urn:purpose:research"));
    let datapath = |right: &str| only_if("xroad:datapath", "eq", json!(right));
    let prohibited = |constraint: Value, strategy: &str| {
        json!({"conflict": strategy, "permission": [{"action": "use"}],
               "prohibition": [{"action": "use", "constraint": constraint}]})
    };
    let far = json!([{"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2999-01-01T00:00:00Z"}]);
    let steps = json!({"andSequence": [
        {"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": "GET /owners"},
        {"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": "GET /parcels"}]});
    let steps = json!({"permission": [{"action": "use", "constraint": [steps]}]});
    let duty = json!({"permission": [{"action": "use", "duty": [{"action": "obtainConsent", "uid": "urn:d"}]}]});
    let in_time = json!([{"leftOperand": "dateTime", "operator": "lteq", "rightOperand": "2026-01-01T00:00:00Z"}]);
    let deletion =
        json!({"permission": [{"action": "use"}], "obligation": [{"action": "delete", "constraint": in_time}]});
    vec![
        Scenario::new("wrong path", datapath("GET /owners"), "xroad:datapath"),
        Scenario { method: "DELETE", ..Scenario::new("wrong method", datapath("GET /parcels"), "xroad:datapath") },
        Scenario::new("no purpose declared", research(), "purpose"),
        Scenario {
            headers: "sliproad-purpose: urn:purpose:marketing\r\n",
            ..Scenario::new("another purpose", research(), "purpose")
        },
        Scenario {
            headers: "sliproad-purpose: urn:a,,\r\n",
            status: 400,
            code: "purpose.malformed",
            operand: None,
            ..Scenario::new("a purpose that cannot be read", research(), "purpose")
        },
        Scenario::new("before the time", only_if("dateTime", "gteq", json!("2999-01-01T00:00:00Z")), "dateTime"),
        Scenario::new("after the time", only_if("dateTime", "lt", json!("2020-01-01T00:00:00Z")), "dateTime"),
        Scenario::new("count used up", only_if("count", "lteq", json!(0)), "count"),
        Scenario::new("time of use used up", only_if("meteredTime", "lt", json!("PT0S")), "meteredTime"),
        Scenario::new("a step skipped", steps, "xroad:datapath"),
        Scenario::new("too often", only_if("xroad:callsPerMinute", "lteq", json!(0)), "xroad:callsPerMinute"),
        Scenario::new("another recipient", only_if("recipient", "eq", json!("did:web:other")), "recipient"),
        Scenario::new("another X-Road client", only_if("xroad:clientId", "eq", json!("DEV/COM/9/x")), "xroad:clientId"),
        Scenario::new(
            "not of the group",
            only_if("xroad:globalGroupMember", "isAnyOf", json!(["authorities"])),
            "xroad:globalGroupMember",
        ),
        Scenario::new("another country", only_if("spatial", "eq", json!("FI")), "spatial"),
        Scenario::new("missing credential", only_if("ovc:$.credentialSubject.licence", "eq", json!("A")), "ovc:"),
        Scenario::new("prohibited", prohibited(far, "prohibit"), ""),
        Scenario::new(
            "perhaps prohibited",
            prohibited(json!([{"leftOperand": "purpose", "operator": "eq", "rightOperand": "m"}]), "prohibit"),
            "",
        ),
        Scenario::new("duty not performed", duty, "duty"),
        Scenario::new("missed deletion deadline", deletion, "duty"),
        Scenario {
            method: "DELETE",
            code: "endpoint.not-offered",
            operand: None,
            ..Scenario::new("endpoint not offered", json!({"permission": [{"action": "use"}]}), "")
        },
    ]
}

#[tokio::test]
async fn every_refusal_says_what_decided_and_nothing_reaches_the_service() {
    let road = Road::open().await;
    *road.shelf.known.lock().unwrap() = World::default()
        .knowing("recipient", "did:web:app")
        .knowing("xroad:clientId", "DEV/COM/1000/gateway")
        .knowing("xroad:globalGroupMember", "companies")
        .knowing("spatial", "EE");
    for scenario in scenarios() {
        let endpoints = if scenario.code == "endpoint.not-offered" { vec!["GET /**".parse().unwrap()] } else { vec![] };
        *road.shelf.endpoints.lock().unwrap() = endpoints;
        let granted = road.grant_under(LAND, scenario.rules.clone()).await;
        let headers = format!("authorization: Bearer {}\r\n{}", granted.token, scenario.headers);
        let answer = road.raw(scenario.method, &format!("{}{}", granted.path, scenario.below), &headers, "").await;
        let problem = answer.json();
        let name = scenario.name;
        assert_eq!(
            (answer.status, problem["code"].as_str()),
            (scenario.status, Some(scenario.code)),
            "{name}: {problem}"
        );
        let sentence = problem["detail"].as_str().unwrap();
        assert!(sentence.len() > 15, "{name}: {sentence}");
        println!("{name}: {sentence}");
        if let Some(operand) = scenario.operand {
            let because = &problem["because"][0];
            assert!(because["operand"].as_str().unwrap().starts_with(operand), "{name}: {problem}");
            assert!(because["clause"].as_str().unwrap().starts_with('/'), "{name}: {problem}");
        }
        let record = road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
        assert!(record.response.is_none() && record.times.forwarded.is_none(), "{name}");
    }
    assert_eq!(road.double.requests(), Vec::<Value>::new());
    road.close().await;
}

#[tokio::test]
async fn a_declared_purpose_is_known_to_its_own_call_only() {
    let road = Road::open().await;
    let granted =
        road.grant(LAND, json!([{"leftOperand": "purpose", "operator": "eq", "rightOperand": "urn:r"}])).await;
    let target = format!("{}/parcels", granted.path);
    let headers = format!("authorization: Bearer {}\r\nsliproad-purpose: urn:r\r\n", granted.token);
    for _ in 0..3 {
        assert_eq!(road.raw("GET", &target, &headers, "").await.status, 200);
        assert_eq!(road.get(&granted, "/parcels").await.status, 403);
    }
    let seen = road.double.requests();
    assert_eq!(seen.len(), 3);
    assert!(!seen[0].to_string().to_lowercase().contains("sliproad-purpose"), "{}", seen[0]);
    road.close().await;
}

#[tokio::test]
async fn what_is_reported_of_a_duty_is_known_to_the_call_after_the_news() {
    let road = Road::open().await;
    let rules = json!({"permission": [{"action": "use", "duty": [{"action": "compensate"}]}]});
    let granted = road.grant_under(LAND, rules).await;
    assert_eq!(road.get(&granted, "/parcels").await.status, 403);
    let duty = |at| DutyPerformed { id: "/permission/0/duty/0".to_owned(), at: Timestamp::from_millis(at) };
    *road.shelf.reported.lock().unwrap() = Reported { performed: vec![duty(1)], ..Reported::default() };
    let id = granted.process.agreement.clone().unwrap();
    let of = |participant: &str| AgreementKey { participant: participant.into(), role: Role::Provider, id: id.clone() };
    road.plane.reported(&of("did:web:other"));
    assert_eq!(road.get(&granted, "/parcels").await.status, 403, "news of another agreement are no news");
    road.plane.reported(&of("did:web:agency"));
    assert_eq!(road.get(&granted, "/parcels").await.status, 200);
    *road.shelf.reported.lock().unwrap() = Reported::default();
    road.plane.reported(&of("did:web:agency"));
    assert_eq!(road.get(&granted, "/parcels").await.status, 403, "sheets of before are not used again");
    road.close().await;
}

#[tokio::test]
async fn an_agreement_that_cannot_be_evaluated_opens_no_transfer() {
    let road = Road::open().await;
    let far = json!([{"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2999-01-01T00:00:00Z"}]);
    let conflicting = json!({"permission": [{"action": "use"}], "prohibition": [{"action": "use", "constraint": far}]});
    for (rules, said) in [(conflicting, "conflict"), (only_if("mood", "eq", json!("good")), "mood")] {
        let refused = road.opened_under(LAND, rules).await.unwrap_err();
        assert_eq!(refused.code.as_deref(), Some("policy.not-evaluable"), "{refused:?}");
        assert!(refused.reason.iter().any(|reason| reason.contains(said)), "{refused:?}");
    }
    road.close().await;
}
