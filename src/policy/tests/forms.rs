//! The forms in which policies are met.

use super::*;

#[test]
fn the_forms_of_edc_are_read() {
    let edc = json!({
        "@context": {"odrl": {"@id": "http://www.w3.org/ns/odrl/2/", "@prefix": true}, "@vocab": "https://w3id.org/edc/v0.0.1/ns/"},
        "@type": "odrl:Agreement", "@id": "x", "odrl:assigner": {"@id": "did:web:p"}, "odrl:assignee": {"@id": "did:web:c"},
        "odrl:target": {"@id": "urn:t"}, "odrl:prohibition": [], "odrl:obligation": [],
        "odrl:permission": {"odrl:action": {"@id": "odrl:use"}, "odrl:duty": [], "odrl:constraint": {
            "odrl:leftOperand": {"@id": "odrl:spatial"}, "odrl:operator": {"@id": "odrl:eq"}, "odrl:rightOperand": {"@value": "EE"}}},
    });
    code(&edc, &exchange(json!({"spatial": "EE"})), 0);
    let decided = code(&edc, &exchange(json!({"spatial": "FI"})), 1);
    assert_eq!(decided.because[0].clause, "/odrl:permission/odrl:constraint");
}

#[test]
fn expanded_json_ld_is_read() {
    let odrl = |name: &str| format!("http://www.w3.org/ns/odrl/2/{name}");
    let term = |name: &str| json!([{"@id": odrl(name)}]);
    let policy = json!({
        "@type": [odrl("Set")],
        odrl("permission"): [{odrl("action"): term("use"), odrl("constraint"): [{odrl("and"): [{"@list": [{
            odrl("leftOperand"): term("spatial"), odrl("operator"): term("isAnyOf"),
            odrl("rightOperand"): [{"@list": [{"@value": "EE"}, {"@value": "FI"}]}]}]}]}]}],
    });
    code(&policy, &exchange(json!({"spatial": "FI"})), 0);
    let decided = code(&policy, &exchange(json!({"spatial": "SE"})), 1);
    assert!(policy.pointer(&decided.because[0].clause).unwrap().is_object(), "{decided:?}");
}

#[test]
fn prefixes_of_the_document_are_understood_on_both_sides() {
    let policy = json!({
        "@context": ["http://www.w3.org/ns/odrl.jsonld", {"o": "http://www.w3.org/ns/odrl/2/", "ex": "https://example.org/"}],
        "@type": "o:Set",
        "o:permission": [{"o:action": "o:use", "target": "ex:asset", "assignee": {"@id": "ex:us"}, "o:constraint": [
            {"leftOperand": "o:purpose", "operator": "o:eq", "rightOperand": {"@id": "ex:research"}}]}],
    });
    for (purpose, target) in
        [("ex:research", "ex:asset"), ("https://example.org/research", "https://example.org/asset")]
    {
        let mut world = exchange(json!({"purpose": purpose}));
        world["request"] = json!({"action": "o:use", "target": target, "assignee": "https://example.org/us"});
        code(&policy, &world, 0);
    }
}

#[test]
fn catena_x_policies_are_read() {
    let policy = json!({
        "@context": ["http://www.w3.org/ns/odrl.jsonld", {"cx-policy": "https://w3id.org/catenax/policy/"}],
        "@type": "Set", "profile": "cx-policy:profile2405",
        "permission": [{"action": "use", "constraint": {"and": [
            {"leftOperand": "cx-policy:FrameworkAgreement", "operator": "eq", "rightOperand": "DataExchangeGovernance:1.0"},
            {"leftOperand": "WarrantyDurationMonths", "operator": "lteq", "rightOperand": "6"},
            {"leftOperand": "UsagePurpose", "operator": "isAnyOf", "rightOperand": ["cx.core.industrycore:1"]}]}}],
    });
    let facts = json!({"FrameworkAgreement": "DataExchangeGovernance:1.0", "WarrantyDurationMonths": 6,
                       "https://w3id.org/catenax/policy/UsagePurpose": "cx.core.industrycore:1"});
    code(&policy, &exchange(facts), 0);
    code(&policy, &exchange(json!({"FrameworkAgreement": "DataExchangeGovernance:1.0"})), 1);
}

#[test]
fn paths_as_x_road_8_writes_them_are_read() {
    let policy = set(json!([{"and": [
        atom("xroad:clientId", "eq", json!("DEV:COM:1:a")),
        atom("xroad:datapath", "isAnyOf", json!(r#"["GET /a", "* /b/**"]"#)),
    ]}]));
    code(&policy, &exchange(json!({"xroad:clientId": "DEV:COM:1:a", "xroad:datapath": "PUT /b/1"})), 0);
    code(&policy, &exchange(json!({"xroad:clientId": "DEV:COM:1:a", "xroad:datapath": "PUT /a"})), 1);
}

#[test]
fn credential_constraints_of_gaia_x_are_read_on_permission_and_assignee() {
    let constraint = json!({"ovc:leftOperand": "$.credentialSubject.gx:legalAddress.gx:countrySubdivisionCode",
        "odrl:operator": "odrl:anyOf", "odrl:rightOperand": ["FR-HDF", "BE-BRU"], "ovc:credentialSubjectType": "gx:LegalParticipant"});
    let operand = "ovc:gx:LegalParticipant$.credentialSubject.gx:legalAddress.gx:countrySubdivisionCode";
    for policy in [
        json!({"odrl:permission": {"odrl:action": {"@id": "odrl:use"}, "ovc:constraint": [constraint]}}),
        json!({"permission": {"action": "use", "assignee": {"ovc:constraint": constraint}}}),
    ] {
        code(&policy, &exchange(json!({operand: "BE-BRU"})), 0);
        code(&policy, &exchange(json!({operand: "EE-37"})), 1);
        code(&policy, &exchange(json!({})), 1);
    }
}

#[test]
fn ids_policies_are_read() {
    let policy = json!({
        "@context": {"ids": "https://w3id.org/idsa/core/", "idsc": "https://w3id.org/idsa/code/"},
        "@type": "ids:ContractAgreement", "@id": "urn:a", "ids:provider": "did:web:p", "ids:consumer": "did:web:c",
        "ids:permission": [{"ids:target": {"@id": "urn:t"}, "ids:action": [{"@id": "idsc:USE"}],
            "ids:constraint": [{"@type": "ids:Constraint", "ids:leftOperand": {"@id": "idsc:COUNT"},
                "ids:operator": {"@id": "idsc:LTEQ"}, "ids:rightOperand": {"@value": "5", "@type": "xsd:double"}}],
            "ids:postDuty": [{"@type": "ids:Duty", "ids:action": [{"@id": "idsc:DELETE"}]}]}],
    });
    code(&policy, &exchange(json!({"count": 5})), 0);
    code(&policy, &exchange(json!({"count": 6})), 1);
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    assert_eq!(compiled.duties(None)[0].actions, ["delete"]);
}

#[test]
fn parties_duties_and_the_time_of_an_ids_contract_are_heeded() {
    let rule = |more: Value| {
        let mut rule = json!({"ids:target": "urn:t", "ids:action": [{"@id": "idsc:USE"}]});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"@type": "ids:ContractAgreement", "@id": "urn:a", "ids:permission": [rule]})
    };
    let to =
        |assignee: &str| rule(json!({"ids:assigner": [{"@id": "did:web:p"}], "ids:assignee": [{"@id": assignee}]}));
    code(&to("did:web:c"), &exchange(json!({})), 0);
    assert_eq!(code(&to("did:web:other"), &exchange(json!({})), 1).because[0].operand, "assignee");
    let mut paid = to("did:web:c");
    paid["ids:permission"][0]["ids:duty"] = json!([{"ids:action": "idsc:COMPENSATE"}]);
    assert_eq!(code(&paid, &exchange(json!({})), 1).because[0].clause, "/ids:permission/0/ids:duty/0");
    for (property, time, expected) in [
        ("ids:contractEnd", "2020-01-01T00:00:00Z", 1),
        ("ids:contractEnd", "2027-01-01T00:00:00Z", 0),
        ("ids:contractStart", "2027-01-01T00:00:00Z", 1),
        ("ids:contractStart", "2020-01-01T00:00:00Z", 0),
        ("ids:contractEnd", "soon", 1),
    ] {
        let mut policy = to("did:web:c");
        policy[property] = json!({"@value": time, "@type": "xsd:dateTimeStamp"});
        let decided = code(&policy, &exchange(json!({})), expected);
        let clauses = decided.because.iter().map(|b| &b.clause).chain(decided.invalid.iter().map(|i| &i.clause));
        assert!(clauses.into_iter().any(|clause| clause.contains(property)) || expected == 0, "{decided:?}");
    }
}

#[test]
fn empty_plurals_of_edc_say_nothing() {
    let policy = json!({"permissions": [], "prohibitions": [], "obligations": [], "profiles": [],
                        "permission": [{"action": "use"}]});
    code(&policy, &exchange(json!({})), 0);
}

#[test]
fn what_a_graph_describes_elsewhere_is_read_there() {
    let policy = json!({"@graph": [
        {"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Set", "uid": "urn:p",
         "permission": [{"action": "use", "constraint": {"xone": {"@list": [{"@id": "urn:c1"}, {"@id": "urn:c2"}]}}}]},
        {"@type": "Constraint", "uid": "urn:c1", "leftOperand": "media", "operator": "eq", "rightOperand": "online"},
        {"@type": "Constraint", "uid": "urn:c2", "leftOperand": "media", "operator": "eq", "rightOperand": "print"},
    ]});
    code(&policy, &exchange(json!({"media": "print"})), 0);
    let decided = code(&policy, &exchange(json!({"media": "smoke"})), 1);
    assert_eq!(decided.because[0].clause, "/@graph/1");
    let circle = json!({"@graph": [
        {"uid": "urn:p", "permission": [{"action": "use", "constraint": {"@id": "urn:c"}}]},
        {"uid": "urn:c", "and": [{"@id": "urn:c"}]},
    ]});
    code(&circle, &exchange(json!({})), 2);
}

#[test]
fn compact_policies_share_what_stands_on_the_policy() {
    let policy = json!({"@type": "Policy", "target": ["urn:x", "urn:t"], "assigner": "did:web:p", "action": "use",
        "permission": [{"assignee": ["did:web:a", "did:web:c"]}, {"assignee": "did:web:d", "action": "sell"}]});
    code(&policy, &exchange(json!({})), 0);
    let mut other = exchange(json!({}));
    other["request"]["assignee"] = json!("did:web:d");
    let decided = code(&policy, &other, 1);
    assert!(!decided.because.is_empty());
}

#[test]
fn dates_relative_to_the_agreement_are_read() {
    let policy =
        set(json!([atom("https://w3id.org/edc/v0.0.1/ns/inForceDate", "lteq", json!("contractAgreement+30d"))]));
    let since = |time: &str| exchange(json!({"https://w3id.org/edc/v0.0.1/ns/contractAgreement": time}));
    code(&policy, &since("2026-11-01T00:00:00Z"), 0);
    code(&policy, &since("2026-10-01T00:00:00Z"), 1);
    code(&policy, &exchange(json!({})), 1);
    code(&policy, &world("negotiation", json!({})), 0);
}

#[test]
fn time_elapses_and_delays_run_from_the_agreement_where_nothing_else_is_told() {
    let elapsed = set(json!([atom("elapsedTime", "lteq", json!("P30D"))]));
    let delayed = set(json!([atom("delayPeriod", "gteq", json!("P1M"))]));
    let since = |time: &str| exchange(json!({"edc:contractAgreement": time}));
    code(&elapsed, &since("2026-11-01T00:00:00Z"), 0);
    let over = code(&elapsed, &since("2026-10-01T00:00:00Z"), 1);
    let why = &over.because[0];
    assert_eq!((why.state, why.source.as_deref()), (Truth::False, Some("agreement")));
    assert_eq!(why.observed.as_deref(), Some("P53DT36000S"));
    code(&delayed, &since("2026-11-01T00:00:00Z"), 1);
    code(&delayed, &since("2026-10-01T00:00:00Z"), 0);
    code(&elapsed, &exchange(json!({})), 1);
    code(&elapsed, &exchange(json!({"edc:contractAgreement": "2026-10-01T00:00:00Z", "elapsedTime": "P1D"})), 0);
}
