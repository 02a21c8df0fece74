//! The fixed surface `policy decide`, sentence by sentence.

use super::*;

#[test]
fn a_refusal_names_the_atomic_constraint_with_what_was_required_and_seen() {
    let policy = set(json!([atom("spatial", "eq", json!("EE")), atom("purpose", "isAnyOf", json!(["a", "b"]))]));
    let decided = code(&policy, &exchange(json!({"spatial": "EE", "purpose": "c"})), 1);
    let [why] = decided.because.as_slice() else { panic!("{decided:?}") };
    assert_eq!(why.clause, "/permission/0/constraint/1");
    assert_eq!((why.state, why.operand.as_str(), why.operator.as_str()), (Truth::False, "purpose", "isAnyOf"));
    assert_eq!((why.required.as_str(), why.observed.as_deref()), ("a, b", Some("c")));
    assert!(!why.reason.is_empty() && !why.remedy.is_empty());
}

#[test]
fn pointers_address_the_policy_as_received() {
    let policy = json!({
        "@type": "odrl:Set",
        "odrl:permission": {"http://www.w3.org/ns/odrl/2/action": "use", "odrl:constraint": {"odrl:and": {"@list": [
            atom("spatial", "eq", json!("EE")), {"or": [atom("count", "lteq", json!(3))]}]}}},
    });
    let decided = code(&policy, &exchange(json!({"spatial": "EE", "count": 4})), 1);
    let clause = &decided.because[0].clause;
    assert_eq!(clause, "/odrl:permission/odrl:constraint/odrl:and/@list/1/or/0");
    assert_eq!(policy.pointer(clause).unwrap()["leftOperand"], "count");
}

#[test]
fn an_absent_fact_is_unknown_and_unknown_refuses() {
    let decided = code(&set(json!([atom("purpose", "eq", json!("x"))])), &exchange(json!({})), 1);
    assert_eq!((decided.because[0].state, &decided.because[0].observed), (Truth::Unknown, &None));
    let prohibition = json!({
        "conflict": "prohibit",
        "permission": [{"action": "use"}],
        "prohibition": [{"action": "use", "constraint": [atom("purpose", "eq", json!("marketing"))]}],
    });
    let unknown = code(&prohibition, &exchange(json!({})), 1);
    assert_eq!(unknown.because[0].clause, "/prohibition/0/constraint/0");
    assert_eq!(unknown.because[0].state, Truth::Unknown);
    code(&prohibition, &exchange(json!({"purpose": "research"})), 0);
    let barred = code(&prohibition, &exchange(json!({"purpose": "marketing"})), 1);
    assert_eq!(barred.because[0].state, Truth::True);
}

#[test]
fn a_facts_key_is_a_left_operand_compact_or_as_an_iri() {
    let policy = set(json!([atom("purpose", "eq", json!("x")), atom("xroad:clientId", "eq", json!("EE/GOV/1/a"))]));
    for (purpose, client) in [
        ("purpose", "xroad:clientId"),
        ("odrl:purpose", "https://x-road.eu/v0.1/ns/clientId"),
        ("http://www.w3.org/ns/odrl/2/purpose", "xroad:clientId"),
    ] {
        code(&policy, &exchange(json!({purpose: "x", client: "EE/GOV/1/a"})), 0);
    }
}

#[test]
fn a_facts_value_is_text_a_number_a_truth_value_or_a_set_of_them() {
    for (operand, right, fact) in [
        ("count", json!(3), json!("3")),
        ("count", json!("3"), json!(3.0)),
        ("payAmount", json!({"@value": "5.00", "@type": "xsd:decimal"}), json!(5)),
        ("media", json!(true), json!(true)),
        ("language", json!({"@value": "et"}), json!(["et"])),
        ("spatial", json!({"@id": "https://example.org/EE"}), json!("https://example.org/EE")),
        ("elapsedTime", json!("PT60M"), json!("PT1H")),
        ("version", json!("1.10"), json!("1.10")),
    ] {
        code(&set(json!([atom(operand, "eq", right)])), &exchange(json!({operand: fact})), 0);
    }
    for malformed in [json!({"a": 1}), json!([[1]]), json!(null), json!([null])] {
        let world = exchange(json!({"purpose": malformed}));
        let policy = set(json!([]));
        assert!(decide_document(&policy.to_string(), &world.to_string(), &Registry::built_in()).is_err(), "{world}");
    }
}

#[test]
fn now_stands_for_date_time() {
    let within = |left: &str, operator: &str, time: &str| set(json!([atom(left, operator, json!(time))]));
    let elsewhere = exchange(json!({"dateTime": "2030-01-01T00:00:00Z"}));
    code(&within("dateTime", "lt", "2026-11-23T10:00:01Z"), &elsewhere, 0);
    code(&within("dateTime", "lteq", "2026-11-23T12:00:00+02:00"), &elsewhere, 0);
    code(&within("dateTime", "lt", "2026-11-23T12:00:00+02:00"), &elsewhere, 1);
    code(&within("odrl:dateTime", "gteq", "2026-11-24"), &elsewhere, 1);
}

#[test]
fn memberships_serve_collections_and_groups() {
    let policy = |assignee: Value, target: Value| json!({"permission": [{"action": "use", "assignee": assignee, "target": target}]});
    let mut known = exchange(json!({"xroad:clientId": "DEV/COM/1/a"}));
    known["memberOf"] = json!([
        {"member": "did:web:c", "collection": "urn:friends"}, {"member": "urn:friends", "collection": "urn:all"},
        {"member": "urn:t", "collection": "urn:catalogue"}, {"member": "DEV/COM/1/a", "collection": "trusted"},
    ]);
    code(&policy(json!("urn:friends"), json!("urn:catalogue")), &known, 0);
    let collection = json!({"@type": "PartyCollection", "source": "urn:all"});
    code(&policy(collection, json!({"@type": "AssetCollection", "uid": "urn:catalogue"})), &known, 0);
    code(&policy(json!("urn:strangers"), json!("urn:t")), &known, 1);
    for (operator, right, expected) in [
        ("eq", json!("trusted"), 0),
        ("eq", json!("banned"), 1),
        ("isAnyOf", json!(["banned", "trusted"]), 0),
        ("isNoneOf", json!(["banned"]), 0),
        ("isPartOf", json!("trusted"), 0),
        ("neq", json!("trusted"), 1),
    ] {
        code(&set(json!([atom("xroad:globalGroupMember", operator, right)])), &known, expected);
    }
    let group = set(json!([atom("xroad:globalGroupMember", "eq", json!("trusted"))]));
    code(&group, &exchange(json!({"xroad:globalGroupMember": "trusted"})), 0);
    code(&group, &exchange(json!({"xroad:globalGroupMember": ["trusted", "other"]})), 1);
    code(&group, &exchange(json!({})), 1);
}

#[test]
fn the_strategy_says_which_rule_wins() {
    let policy = |strategy: &str| {
        json!({"conflict": strategy, "permission": [{"action": "use", "constraint": [atom("spatial", "eq", json!("EE"))]}],
               "prohibition": [{"action": "use", "constraint": [atom("purpose", "eq", json!("x"))]}]})
    };
    for (strategy, facts, expected) in [
        ("perm", json!({"spatial": "EE", "purpose": "x"}), 0),
        ("perm", json!({"spatial": "EE"}), 0),
        ("perm", json!({"purpose": "x"}), 1),
        ("prohibit", json!({"spatial": "EE", "purpose": "x"}), 1),
        ("prohibit", json!({"spatial": "EE"}), 1),
        ("prohibit", json!({"spatial": "EE", "purpose": "y"}), 0),
        ("prohibit", json!({"spatial": "FI", "purpose": "y"}), 1),
    ] {
        code(&policy(strategy), &exchange(facts), expected);
    }
}

#[test]
fn facts_are_compared_as_given() {
    let three = set(json!([{"leftOperand": "count", "operator": "lteq", "rightOperand": 3, "status": 3}]));
    code(&three, &exchange(json!({"count": 3})), 0);
    code(&three, &exchange(json!({"count": 4})), 1);
    let unread = code(&three, &exchange(json!({"count": "three"})), 1);
    assert_eq!((unread.because[0].state, unread.because[0].observed.as_deref()), (Truth::Unknown, Some("three")));
    code(&three, &exchange(json!({})), 1);
}

#[test]
fn numbers_are_read_beyond_what_floating_point_can_tell_apart() {
    let decided = |limit: &str, amount: &str| {
        let policy = format!(
            r#"{{"permission": [{{"action": "use", "constraint": [
                {{"leftOperand": "payAmount", "operator": "lteq", "rightOperand": {limit}}}]}}]}}"#
        );
        let world = format!(
            r#"{{"now": "2026-11-23T10:00:00Z", "phase": "exchange", "request": {{"action": "use"}},
                 "facts": {{"payAmount": {amount}}}}}"#
        );
        decide_document(&policy, &world, &Registry::built_in()).unwrap().exit_code()
    };
    for (limit, more) in [
        ("0.10000000000000000001", "0.10000000000000000002"),
        ("98765432109876543210.1", "98765432109876543210.2"),
        ("123456789012345678901234567890", "123456789012345678901234567891"),
    ] {
        assert_eq!((decided(limit, limit), decided(more, limit), decided(limit, more)), (0, 0, 1), "{limit}");
    }
}

#[test]
fn string_comparison_is_case_sensitive() {
    for operand in ["recipient", "spatial", "language", "purpose", "xroad:clientId"] {
        code(&set(json!([atom(operand, "eq", json!("Aa"))])), &exchange(json!({operand: "Aa"})), 0);
        code(&set(json!([atom(operand, "eq", json!("Aa"))])), &exchange(json!({operand: "aa"})), 1);
        code(&set(json!([atom(operand, "isAnyOf", json!(["Aa"]))])), &exchange(json!({operand: "AA"})), 1);
    }
    code(
        &set(json!([atom("xroad:datapath", "eq", json!("GET /a"))])),
        &exchange(json!({"xroad:datapath": "GET /A"})),
        1,
    );
}

#[test]
fn before_an_exchange_what_only_an_exchange_can_supply_does_not_refuse_by_its_absence() {
    let limits = json!([
        atom("count", "lteq", json!(3)),
        atom("xroad:datapath", "eq", json!("GET /a")),
        {"or": [atom("timeInterval", "gteq", json!("PT1S")), atom("elapsedTime", "lt", json!("P1D"))]},
        {"xone": [atom("meteredTime", "lt", json!("P1D")), atom("xroad:callsPerMinute", "lt", json!(3))]},
    ]);
    let policy = set(limits.clone());
    let prohibited = json!({"conflict": "prohibit", "permission": [{"action": "use"}],
                            "prohibition": [{"action": "use", "constraint": limits}]});
    for phase in ["catalog", "negotiation", "transfer"] {
        code(&policy, &world(phase, json!({})), 0);
        code(&policy, &world(phase, json!({"count": 9})), 1);
        code(&prohibited, &world(phase, json!({})), 0);
        code(&set(json!([atom("purpose", "eq", json!("x"))])), &world(phase, json!({})), 1);
        code(
            &set(json!([{"and": [atom("purpose", "eq", json!("x")), atom("count", "lt", json!(3))]}])),
            &world(phase, json!({})),
            1,
        );
    }
    code(&policy, &exchange(json!({})), 1);
    code(&prohibited, &exchange(json!({})), 1);
}

#[test]
fn a_permission_that_wins_over_prohibitions_does_so_before_an_exchange_too() {
    let policy = json!({"conflict": "perm", "permission": [{"action": "use", "constraint": [atom("count", "lteq", json!(3))]}],
                        "prohibition": [{"action": "use"}]});
    code(&policy, &world("negotiation", json!({})), 0);
    code(&policy, &exchange(json!({"count": 3})), 0);
    code(&policy, &exchange(json!({"count": 4})), 1);
}

#[test]
fn an_offer_never_permits_at_transfer_or_exchange() {
    let offer = json!({"@type": "odrl:Offer", "permission": [{"action": "use"}]});
    code(&offer, &world("catalog", json!({})), 0);
    code(&offer, &world("negotiation", json!({})), 0);
    for phase in ["transfer", "exchange"] {
        let decided = code(&offer, &world(phase, json!({})), 1);
        assert_eq!(decided.because[0].clause, "/@type");
    }
}

#[test]
fn sets_compare_as_sets() {
    for (operator, right, fact, expected) in [
        ("isAllOf", json!(["a", "b"]), json!(["a", "b", "c"]), Truth::True),
        ("isAllOf", json!(["a", "b"]), json!(["a"]), Truth::False),
        ("isAnyOf", json!(["a", "b"]), json!(["c", "b"]), Truth::True),
        ("isAnyOf", json!(["a", "b"]), json!(["c"]), Truth::False),
        ("isAnyOf", json!("a"), json!("a"), Truth::True),
        ("isNoneOf", json!(["x"]), json!(["a"]), Truth::True),
        ("isNoneOf", json!(["x"]), json!(["a", "x"]), Truth::False),
        ("eq", json!("a"), json!(["a", "b"]), Truth::Unknown),
        ("eq", json!("a"), json!(["a"]), Truth::True),
        ("neq", json!("a"), json!(["b", "c"]), Truth::Unknown),
        ("eq", json!(["a"]), json!("a"), Truth::True),
        ("eq", json!(["a", "b"]), json!("a"), Truth::Unknown),
        ("isAnyOf", json!(["a"]), json!([]), Truth::False),
        ("isNoneOf", json!(["a"]), json!([]), Truth::True),
        ("isAllOf", json!(["a"]), json!([]), Truth::False),
        ("eq", json!("a"), json!([]), Truth::Unknown),
    ] {
        assert_eq!(
            truth(atom("purpose", operator, right.clone()), json!({"purpose": fact})),
            expected,
            "{operator} {right} {fact}"
        );
    }
    let many: Vec<String> = (0..50).map(|n| format!("urn:{n}")).collect();
    assert_eq!(truth(atom("purpose", "isAnyOf", json!(many)), json!({"purpose": "urn:49"})), Truth::True);
    assert_eq!(truth(atom("purpose", "isNoneOf", json!(many)), json!({"purpose": "urn:50"})), Truth::True);
}

#[test]
fn taxonomies_are_transitive_and_reflexive() {
    let with = |policy: Value, expected: u8| {
        let mut known = exchange(json!({"purpose": "cancer", "spatial": "FI", "industry": ["a", "b"]}));
        known["broader"] = json!([
            {"narrower": "cancer", "broader": "health"}, {"narrower": "health", "broader": "research"},
            {"narrower": "research", "broader": "health"}, {"narrower": "FI", "broader": "EU"},
            {"narrower": "a", "broader": "x"}, {"narrower": "b", "broader": "x"}, {"narrower": "a", "broader": "y"},
        ]);
        code(&set(json!([policy])), &known, expected);
    };
    with(atom("purpose", "isA", json!("research")), 0);
    with(atom("purpose", "isA", json!("cancer")), 0);
    with(atom("spatial", "isPartOf", json!("EU")), 0);
    with(atom("spatial", "isPartOf", json!("FI")), 0);
    with(atom("purpose", "isA", json!("marketing")), 1);
    with(atom("purpose", "hasPart", json!("research")), 1);
    with(atom("purpose", "hasPart", json!("cancer")), 0);
    with(atom("industry", "isA", json!("x")), 0);
    with(atom("industry", "isA", json!("y")), 1);
    assert_eq!(truth(atom("purpose", "isA", json!("research")), json!({"purpose": "cancer"})), Truth::Unknown);
    assert_eq!(truth(atom("purpose", "isA", json!("cancer")), json!({"purpose": "cancer"})), Truth::True);
}

#[test]
fn data_paths_are_patterns() {
    let policy = set(json!([atom("xroad:datapath", "isAnyOf", json!(["GET /a/*", "GET /b/**"]))]));
    for call in ["GET /a/1", "GET /b/1/2", "GET /b"] {
        code(&policy, &exchange(json!({"xroad:datapath": call})), 0);
    }
    for call in
        ["GET /a/1/2", "POST /a/1", "GET /b/../a", "GET /b/%2e%2e/a", "GET /b/x%2Fy", "GET /b/./c", "GET /b/x%5Cy"]
    {
        let decided = code(&policy, &exchange(json!({"xroad:datapath": call})), 1);
        assert_eq!(decided.because[0].state, Truth::False, "{call}");
    }
    let kept_out = atom("xroad:datapath", "isNoneOf", json!(["GET /secret/**"]));
    assert_eq!(truth(kept_out.clone(), json!({"xroad:datapath": "GET /open"})), Truth::True);
    assert_eq!(truth(kept_out.clone(), json!({"xroad:datapath": "GET /secret/1"})), Truth::False);
    // What may mean two things is surely none of those permitted, and not surely none of those kept out.
    assert_eq!(truth(kept_out.clone(), json!({"xroad:datapath": "GET /open/../secret"})), Truth::Unknown);
    assert_eq!(truth(kept_out, json!({"xroad:datapath": ["GET /open/../a", "GET /secret/1"]})), Truth::False);
    let other = atom("xroad:datapath", "neq", json!("GET /secret"));
    assert_eq!(truth(other, json!({"xroad:datapath": "GET /x%2Fsecret"})), Truth::Unknown);
}

#[test]
fn a_path_that_may_mean_two_things_is_not_known_to_a_prohibition_or_a_duty() {
    for (operator, right) in
        [("eq", json!("GET /secret/**")), ("isAnyOf", json!(["GET /a/**", "GET /secret/**"])), ("neq", json!("GET /x"))]
    {
        let on_path = json!([atom("xroad:datapath", operator, right)]);
        let prohibition = json!({"conflict": "prohibit", "permission": [{"action": "use"}],
                                 "prohibition": [{"action": "use", "constraint": on_path}]});
        let duty = json!({"permission": [{"action": "use", "duty": [{"action": "inform", "constraint": on_path}]}]});
        for call in [
            "GET /a/../secret/x",
            "GET /a/%2e%2e/secret/x",
            "GET /a/..;v=1/secret/x",
            "GET /a%2F..",
            "GET /a\\..\\secret",
        ] {
            let refused = code(&prohibition, &exchange(json!({"xroad:datapath": call})), 1);
            assert_eq!(refused.because[0].state, Truth::Unknown, "{call}");
            assert!(refused.because[0].reason.contains("may mean two things"), "{}", refused.because[0].reason);
            code(&duty, &exchange(json!({"xroad:datapath": call})), 1);
        }
        let plain = if operator == "neq" { "GET /x" } else { "GET /open" };
        code(&prohibition, &exchange(json!({"xroad:datapath": plain})), 0);
        code(&duty, &exchange(json!({"xroad:datapath": plain})), 0);
    }
}

#[test]
fn a_star_within_a_segment_is_a_character() {
    let policy = set(json!([atom("xroad:datapath", "eq", json!("GET /pers*"))]));
    code(&policy, &exchange(json!({"xroad:datapath": "GET /persons"})), 1);
    code(&policy, &exchange(json!({"xroad:datapath": "GET /pers*"})), 0);
}

#[test]
fn a_duty_counts_when_it_was_performed_before_now() {
    let policy = json!({"permission": [{"action": "use", "duty": [{"uid": "urn:pay", "action": "compensate"}]}]});
    let with = |id: &str, at: &str| {
        let mut world = exchange(json!({}));
        world["duties"] = json!([{"id": id, "performed": at}]);
        world
    };
    let decided = code(&policy, &exchange(json!({})), 1);
    assert_eq!(decided.because[0].clause, "/permission/0/duty/0");
    code(&policy, &with("urn:pay", "2026-11-23T09:59:59.999Z"), 0);
    code(&policy, &with("/permission/0/duty/0", "2026-11-22T00:00:00Z"), 0);
    code(&policy, &with("urn:pay", "2026-11-23T10:00:00Z"), 1);
    code(&policy, &with("urn:pay", "2026-11-24T10:00:00Z"), 1);
    code(&policy, &with("urn:other", "2026-11-22T00:00:00Z"), 1);
    let unpaid = code(&policy, &exchange(json!({})), 1);
    assert_eq!(unpaid.because[0].observed, None);
    let late = code(&policy, &with("urn:pay", "2026-11-23T10:00:00Z"), 1);
    assert_eq!(late.because[0].observed.as_deref(), Some("2026-11-23T10:00:00.000Z"));
}

#[test]
fn times_are_compared_to_the_last_digit() {
    let policy = json!({"permission": [{"action": "use", "duty": [{"uid": "urn:pay", "action": "compensate"}]}]});
    for (performed, expected) in [("2026-11-23T10:00:00.0001Z", 0), ("2026-11-23T10:00:00.0009Z", 1)] {
        let mut world = exchange(json!({}));
        world["now"] = json!("2026-11-23T10:00:00.0009Z");
        world["duties"] = json!([{"id": "urn:pay", "performed": performed}]);
        code(&policy, &world, expected);
    }
    let until = set(json!([atom("dateTime", "lt", json!("2026-11-23T10:00:00.000000001Z"))]));
    code(&until, &exchange(json!({})), 0);
}

#[test]
fn a_violated_obligation_refuses() {
    let policy = |deadline: &str| {
        json!({"permission": [{"action": "use"}],
               "obligation": [{"uid": "urn:del", "action": "delete", "constraint": [atom("dateTime", "lteq", json!(deadline))]}]})
    };
    code(&policy("2026-11-24T00:00:00Z"), &exchange(json!({})), 0);
    let decided = code(&policy("2026-11-22T00:00:00Z"), &exchange(json!({})), 1);
    assert_eq!(decided.because[0].clause, "/obligation/0");
    let mut done = exchange(json!({}));
    done["duties"] = json!([{"id": "urn:del", "performed": "2026-11-21T00:00:00Z"}]);
    code(&policy("2026-11-22T00:00:00Z"), &done, 0);
    done["duties"] = json!([{"id": "urn:del", "performed": "2026-11-22T12:00:00Z"}]);
    code(&policy("2026-11-22T00:00:00Z"), &done, 1);
}

#[test]
fn a_world_that_cannot_be_read_is_told() {
    let policy = set(json!([])).to_string();
    let good = exchange(json!({}));
    for (part, value) in [
        ("now", json!("soon")),
        ("now", json!(null)),
        ("phase", json!("lunch")),
        ("phase", json!(null)),
        ("request", json!([])),
        ("facts", json!([])),
        ("facts", json!({"purpose": "x", "odrl:purpose": "y"})),
        ("duties", json!([{"id": "x"}])),
        ("duties", json!([{"performed": "2026-01-01T00:00:00Z"}])),
        ("memberOf", json!([{"member": "x"}])),
        ("broader", json!({"narrower": "x", "broader": "y"})),
    ] {
        let mut world = good.clone();
        world[part] = value;
        assert!(decide_document(&policy, &world.to_string(), &Registry::built_in()).is_err(), "{world}");
    }
}
