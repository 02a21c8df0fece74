//! What an outside judge found: each sentence was once wrong.

use super::*;

fn permission(more: &Value) -> Value {
    let mut rule = json!({"action": "use"});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"@type": "Set", "uid": "urn:p", "permission": [rule]})
}

fn prohibition(more: &Value) -> Value {
    let mut rule = json!({"action": "use"});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"@type": "Set", "conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [rule]})
}

fn with_duties(duties: Value, facts: Value) -> Value {
    let mut world = exchange(facts);
    world["duties"] = duties;
    world
}

#[test]
fn words_on_the_policy_are_looked_at_though_every_rule_has_its_own() {
    let collection = |refinement: Value| json!({"@type": "Collection", "source": "urn:c", "refinement": [refinement]});
    for (property, value, own, clause) in [
        ("action", json!("fly"), json!({}), "/action"),
        (
            "action",
            json!({"rdf:value": "use", "refinement": [atom("mood", "eq", json!(1))]}),
            json!({}),
            "/action/refinement/0",
        ),
        ("target", collection(atom("mood", "eq", json!("x"))), json!({"target": "urn:t"}), "/target/refinement/0"),
        (
            "assigner",
            collection(atom("count", "about", json!(3))),
            json!({"assigner": "did:web:p"}),
            "/assigner/refinement/0",
        ),
        (
            "assignee",
            collection(atom("mood", "eq", json!(3))),
            json!({"assignee": "did:web:c"}),
            "/assignee/refinement/0",
        ),
    ] {
        let mut policy = permission(&own);
        policy[property] = value;
        let decided = code(&policy, &exchange(json!({})), 2);
        assert_eq!(decided.invalid[0].clause, clause);
    }
}

#[test]
fn a_policy_is_of_one_subclass() {
    for (types, expected) in [
        (json!(["Offer", "Agreement"]), 2),
        (json!(["Agreement", "Request"]), 2),
        (json!(["ids:ContractOffer", "Agreement"]), 2),
        (json!(["ids:ContractAgreement", "Agreement"]), 0),
        (json!(["Policy", "Agreement"]), 0),
        (json!(["Set", "ex:Special"]), 0),
        // An offer permits nothing.
        (json!(["Set", "Offer"]), 1),
    ] {
        let mut policy = permission(&json!({"assigner": "did:web:p", "assignee": "did:web:c", "target": "urn:t"}));
        policy["@type"] = types;
        let decided = code(&policy, &exchange(json!({})), expected);
        assert!(expected != 2 || decided.invalid[0].clause == "/@type", "{decided:?}");
    }
}

#[test]
fn a_deed_that_is_known_not_to_be_as_asked_fulfils_no_duty() {
    let pay = |operator: &str, right: &str| {
        permission(&json!({"duty": [{"uid": "urn:d", "action": [
            {"rdf:value": {"@id": "odrl:compensate"}, "refinement": [atom("payAmount", operator, json!(right))]}]}]}))
    };
    let done = |facts: Value| with_duties(json!([{"id": "urn:d", "performed": "2026-11-22T00:00:00Z"}]), facts);
    code(&pay("eq", "5.00"), &done(json!({"payAmount": "5"})), 0);
    // A report is trusted where nothing else is known.
    code(&pay("eq", "5.00"), &done(json!({})), 0);
    let refused = code(&pay("eq", "5.00"), &done(json!({"payAmount": "4.00"})), 1);
    assert_eq!(refused.because[0].clause, "/permission/0/duty/0");
    let within = permission(&json!({"duty": [{"uid": "urn:d", "action": [
        {"rdf:value": {"@id": "odrl:compensate"}, "refinement": [atom("elapsedTime", "lteq", json!("P30D"))]}]}]}));
    // Time has gone on since it was done.
    code(&within, &done(json!({"elapsedTime": "P40D"})), 0);
}

#[test]
fn a_duty_named_by_its_uid_is_the_one_described_elsewhere() {
    let described = json!({"uid": "urn:d", "action": "compensate"});
    let reference = |reference: Value| json!({"permission": [{"action": "read", "duty": [described]}, {"action": "use", "duty": [reference]}]});
    let done = with_duties(json!([{"id": "urn:d", "performed": "2026-11-22T00:00:00Z"}]), json!({}));
    for named in [json!({"@id": "urn:d"}), json!({"uid": "urn:d"}), json!({"odrl:uid": "urn:d"})] {
        code(&reference(named.clone()), &done, 0);
        let refused = code(&reference(named), &exchange(json!({})), 1);
        assert_eq!(refused.because[0].clause, "/permission/0/duty/0", "where it is described");
    }
    let obligation = json!({"permission": [{"action": "use", "duty": {"@id": "urn:o"}}], "obligation": [{"uid": "urn:o", "action": "inform"}]});
    code(&obligation, &exchange(json!({})), 1);
    code(&obligation, &with_duties(json!([{"id": "urn:o", "performed": "2026-11-22T00:00:00Z"}]), json!({})), 0);
    for policy in [
        permission(&json!({"duty": [{"uid": "urn:elsewhere"}]})),
        json!({"permission": [{"action": "use"}], "obligation": [{"@id": "urn:elsewhere"}]}),
    ] {
        let unknown = code(
            &policy,
            &with_duties(json!([{"id": "urn:elsewhere", "performed": "2026-11-22T00:00:00Z"}]), json!({})),
            1,
        );
        let why = &unknown.because[0];
        assert_eq!((why.state, why.required.as_str()), (Truth::Unknown, "urn:elsewhere"));
        assert!(why.reason.contains("is described nowhere in the policy"), "{}", why.reason);
        assert!(policy.pointer(&why.clause).is_some());
    }
}

#[test]
fn a_constraint_named_by_its_uid_is_the_one_described_elsewhere() {
    let described = json!({"uid": "urn:c1", "leftOperand": "spatial", "operator": "eq", "rightOperand": "FI"});
    let policy = |constraint: Value| {
        json!({"permission": [{"action": "use", "constraint": [constraint]}],
               "obligation": [{"action": "delete", "constraint": [described]}]})
    };
    let never = atom("count", "gt", json!(100));
    for constraint in [
        json!({"@id": "urn:c1"}),
        json!("urn:c1"),
        json!({"or": [{"@id": "urn:c1"}, never]}),
        json!({"or": ["urn:c1", never]}),
        json!({"xone": {"@list": [{"uid": "urn:c1"}, never]}}),
        json!({"and": [{"@id": "urn:c1"}]}),
    ] {
        code(&policy(constraint.clone()), &exchange(json!({"spatial": "FI", "count": 1})), 0);
        let refused = code(&policy(constraint), &exchange(json!({"spatial": "EE", "count": 1})), 1);
        assert!(refused.because.iter().any(|why| why.clause == "/obligation/0/constraint/0"), "{refused:?}");
    }
    let unknown = permission(&json!({"constraint": [{"and": [{"@id": "urn:nowhere"}]}]}));
    let refused = code(&unknown, &exchange(json!({})), 1);
    assert_eq!(
        (refused.because[0].clause.as_str(), refused.because[0].state),
        ("/permission/0/constraint/0/and/0", Truth::Unknown)
    );
    code(
        &permission(&json!({"constraint": [{"or": [{"@id": "urn:nowhere"}, atom("spatial", "eq", json!("FI"))]}]})),
        &exchange(json!({"spatial": "FI"})),
        0,
    );
    code(&prohibition(&json!({"constraint": [{"@id": "urn:nowhere"}]})), &exchange(json!({})), 1);
    let circle = permission(&json!({"constraint": [{"uid": "urn:c", "or": [{"@id": "urn:c"}, {"@id": "urn:c"}]}]}));
    code(&circle, &exchange(json!({})), 2);
}

#[test]
fn what_only_an_exchange_tells_of_an_obligation_does_not_refuse_before() {
    let policy = json!({"permission": [{"action": "use"}], "obligation": [{"action": "delete", "constraint": [
        atom("dateTime", "lteq", json!("2026-11-20T00:00:00Z")), atom("count", "gt", json!(5))]}]});
    for phase in ["catalog", "negotiation", "transfer"] {
        code(&policy, &world(phase, json!({})), 0);
    }
    code(&policy, &exchange(json!({})), 1);
    code(&policy, &exchange(json!({"count": 5})), 0);
    code(&policy, &world("catalog", json!({"count": 6})), 1);
}

#[test]
fn a_policy_that_another_one_replaces_is_void() {
    for (property, context) in [
        ("http://purl.org/dc/terms/isReplacedBy", json!({})),
        ("dct:isReplacedBy", json!({"dct": "http://purl.org/dc/terms/"})),
        ("dcterms:isReplacedBy", json!({})),
        ("d:isReplacedBy", json!({"d": "http://purl.org/dc/terms/"})),
    ] {
        let mut policy = permission(&json!({}));
        policy["@context"] = context;
        policy[property] = json!({"@id": "urn:q"});
        let void = code(&policy, &exchange(json!({})), 2);
        assert_eq!(policy.pointer(&void.invalid[0].clause), Some(&json!({"@id": "urn:q"})));
        let (_, replaces) = (policy[property].take(), property.replace("isReplacedBy", "replaces"));
        policy[replaces] = json!({"@id": "urn:o"});
        code(&policy, &exchange(json!({})), 0);
    }
}

#[test]
fn identifiers_are_read_in_every_wrapping() {
    let mut profiled = permission(&json!({}));
    profiled["profile"] = json!({"uid": "http://www.w3.org/ns/odrl/2/core"});
    code(&profiled, &exchange(json!({})), 0);
    profiled["profile"] = json!({"uid": "urn:other"});
    code(&profiled, &exchange(json!({})), 2);
    code(&permission(&json!({"target": {"@value": "urn:t"}})), &exchange(json!({})), 0);
    code(&permission(&json!({"target": {"@value": "urn:other"}})), &exchange(json!({})), 1);
    for right in [json!({"@id": "odrl:policyUsage"}), json!({"uid": "http://www.w3.org/ns/odrl/2/policyUsage"})] {
        let policy = permission(&json!({"constraint": [atom("event", "eq", right)]}));
        code(&policy, &exchange(json!({"event": "http://www.w3.org/ns/odrl/2/policyUsage"})), 0);
        code(&policy, &exchange(json!({"event": "http://www.w3.org/ns/odrl/2/other"})), 1);
    }
    code(
        &permission(&json!({"constraint": [atom("purpose", "eq", json!({"uid": "urn:a"}))]})),
        &exchange(json!({"purpose": "urn:a"})),
        0,
    );
    for written in ["tx:BusinessPartnerNumber", "https://w3id.org/tractusx/v0.0.1/ns/BusinessPartnerNumber"] {
        let policy = permission(&json!({"constraint": [atom(written, "eq", json!("BPNL1"))]}));
        code(&policy, &exchange(json!({"BusinessPartnerNumber": "BPNL1"})), 0);
        code(&policy, &exchange(json!({"cx-policy:BusinessPartnerNumber": "BPNL2"})), 1);
    }
    code(
        &permission(&json!({"constraint": [atom("tx:BusinessPartnerGroup", "isAnyOf", json!(["gold"]))]})),
        &exchange(json!({"tx:BusinessPartnerGroup": "gold"})),
        0,
    );
}

#[test]
fn typed_decimals_are_numbers_for_every_operand() {
    let typed = |operator: &str, text: &str| atom("product", operator, json!({"@value": text, "@type": "xsd:decimal"}));
    assert_eq!(truth(typed("eq", "1.0"), json!({"product": 1})), Truth::True);
    assert_eq!(truth(typed("eq", "1.0"), json!({"product": "1.00"})), Truth::True);
    assert_eq!(truth(typed("isAnyOf", "1.0"), json!({"product": ["x", 1]})), Truth::True);
    assert_eq!(truth(typed("eq", "1.0"), json!({"product": "one"})), Truth::False);
    assert_eq!(truth(typed("neq", "1.0"), json!({"product": "one"})), Truth::True);
    // What is not said to be a number is text.
    assert_eq!(truth(atom("product", "eq", json!("1.0")), json!({"product": 1})), Truth::False);
    assert_eq!(truth(atom("product", "eq", json!(100)), json!({"product": "0100"})), Truth::False);
}

#[test]
fn numbers_of_any_length_compare() {
    let long = format!("1{}", "0".repeat(40));
    let at_most = permission(&json!({"constraint": [atom("payAmount", "lteq", json!(long))]}));
    code(&at_most, &exchange(json!({"payAmount": "1"})), 0);
    code(&at_most, &exchange(json!({"payAmount": long})), 0);
    code(&at_most, &exchange(json!({"payAmount": format!("{long}.5")})), 1);
    code(&permission(&json!({"constraint": [atom("count", "lteq", json!(3))]})), &exchange(json!({"count": long})), 1);
    code(&permission(&json!({"constraint": [atom("count", "gt", json!(3))]})), &exchange(json!({"count": long})), 0);
}

#[test]
fn a_set_that_names_one_value_twice_is_that_value() {
    for (operand, right, facts) in [
        ("purpose", json!("a"), json!(["a", "a"])),
        ("count", json!(3), json!([3, "3.0", "3.00"])),
        ("elapsedTime", json!("PT60M"), json!(["PT1H", "PT60M"])),
        ("product", json!({"@value": "1.0", "@type": "xsd:decimal"}), json!([1, 1])),
        ("xroad:datapath", json!("GET /a/*"), json!(["GET /a/b", "GET /a/b"])),
    ] {
        assert_eq!(truth(atom(operand, "eq", right.clone()), json!({operand: facts})), Truth::True, "{operand}");
        assert_eq!(truth(atom(operand, "neq", right), json!({operand: facts})), Truth::False, "{operand}");
    }
    assert_eq!(truth(atom("purpose", "eq", json!("a")), json!({"purpose": ["a", "a", "b"]})), Truth::Unknown);
    assert_eq!(truth(atom("purpose", "eq", json!("a")), json!({"purpose": []})), Truth::Unknown);
}

#[test]
fn of_several_right_operands_of_a_taxonomy_one_is_enough() {
    let policy = |operator: &str, right: Value| permission(&json!({"constraint": [atom("spatial", operator, right)]}));
    let told = |facts: Value| {
        let mut world = exchange(facts);
        world["broader"] = json!([{"narrower": "FI", "broader": "EU"}, {"narrower": "NO", "broader": "EEA"}]);
        world
    };
    for operator in ["isPartOf", "isA"] {
        let one_of = policy(operator, json!(["EU", "EEA"]));
        code(&one_of, &told(json!({"spatial": "FI"})), 0);
        code(&one_of, &told(json!({"spatial": "NO"})), 0);
        code(&one_of, &told(json!({"spatial": "EU"})), 0);
        assert_eq!(code(&one_of, &told(json!({"spatial": "US"})), 1).because[0].state, Truth::Unknown);
        assert_eq!(
            code(&policy(operator, json!("EU")), &told(json!({"spatial": "NO"})), 1).because[0].state,
            Truth::False
        );
        code(&one_of, &exchange(json!({"spatial": "EEA"})), 0);
        assert_eq!(code(&one_of, &exchange(json!({"spatial": "FI"})), 1).because[0].state, Truth::Unknown);
    }
    let mut half = exchange(json!({"spatial": "US"}));
    half["memberOf"] = json!([{"member": "FI", "collection": "EU"}]);
    assert_eq!(code(&policy("isPartOf", json!(["EU", "EEA"])), &half, 1).because[0].state, Truth::Unknown);
    let has = policy("hasPart", json!("FI"));
    code(&has, &told(json!({"spatial": ["US", "EU"]})), 0);
    code(&has, &exchange(json!({"spatial": ["US", "FI"]})), 0);
    assert_eq!(code(&has, &told(json!({"spatial": ["EEA", "NO"]})), 1).because[0].state, Truth::False);
    assert_eq!(code(&has, &told(json!({"spatial": ["US", "NO"]})), 1).because[0].state, Truth::Unknown);
    assert_eq!(code(&has, &exchange(json!({"spatial": ["US", "NO"]})), 1).because[0].state, Truth::Unknown);
    let grouped =
        permission(&json!({"constraint": [atom("xroad:globalGroupMember", "isPartOf", json!(["g1", "g2"]))]}));
    let mut member = exchange(json!({}));
    member["memberOf"] = json!([{"member": "did:web:c", "collection": "g2"}]);
    code(&grouped, &member, 0);
}

#[test]
fn a_duty_that_several_permissions_name_is_followed_once() {
    let policy = json!({"permission": [
        {"action": "read", "duty": [{"uid": "urn:d", "action": "compensate"}]}, {"action": "use", "duty": [{"@id": "urn:d"}]}]});
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    assert_eq!(compiled.outlook(&World::read(&exchange(json!({}))).unwrap()).duties.len(), 1);
}
