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
fn unknown_words_anywhere_may_not_be_published_and_are_named_by_their_place() {
    for (policy, clause) in [
        (set(json!([atom("mood", "eq", json!("good"))])), "/permission/0/constraint/0"),
        (
            set(json!([{"or": [atom("count", "lteq", json!(3)), atom("count", "near", json!(3))]}])),
            "/permission/0/constraint/0/or/1",
        ),
        (json!({"permission": [{"action": "teleport"}]}), "/permission/0/action"),
        (json!({"profile": "https://example.org/none", "permission": [{"action": "use"}]}), "/profile"),
        (
            json!({"odrl:profile": ["http://www.w3.org/ns/odrl/2/core", "urn:x"], "permission": [{"action": "use"}]}),
            "/odrl:profile/1",
        ),
        (json!({"permission": [{"action": "use", "duty": [{"action": "levitate"}]}]}), "/permission/0/duty/0/action"),
        (
            json!({"permission": [{"action": {"rdf:value": {"@id": "odrl:print"}, "refinement": [atom("mood", "eq", json!(1))]}}]}),
            "/permission/0/action/refinement/0",
        ),
        (
            json!({"conflict": "prohibit", "permission": [{"action": "use"}],
                   "prohibition": [{"action": "sell", "remedy": [{"action": "grovel"}]}]}),
            "/prohibition/0/remedy/0/action",
        ),
        (
            json!({"permission": [{"action": "use", "target": {"source": "urn:s", "refinement": atom("mood", "eq", json!(1))}}]}),
            "/permission/0/target/refinement",
        ),
        (
            json!({"permission": [{"action": "use"}], "obligation": [{"action": "inform", "consequence": [{"action": "grovel"}]}]}),
            "/obligation/0/consequence/0/action",
        ),
    ] {
        let decided = code(&policy, &exchange(json!({})), 2);
        assert_eq!(decided.invalid[0].clause, clause, "{policy}");
        assert_eq!((decided.decision, decided.because.len()), ("refuse", 0));
    }
}

#[test]
fn structure_that_odrl_forbids_may_not_be_published() {
    for policy in [
        json!([]),
        json!("use"),
        json!({"@type": "Set"}),
        json!({"@type": "Set", "permission": []}),
        json!({"@type": "Set", "permission": [{}]}),
        json!({"@type": "Set", "permission": ["use"]}),
        json!({"@type": "Nonsense", "permission": [{"action": "use"}]}),
        json!({"@type": "Request", "permission": [{"action": "use"}]}),
        json!({"permission": [{"action": {}}]}),
        json!({"permission": [{"action": 7, "constraint": []}, {"action": []}]}),
        json!({"permission": [{"@type": "Prohibition", "action": "use"}]}),
        json!({"permission": [{"action": "use", "refinement": [atom("count", "lteq", json!(1))]}]}),
        json!({"permission": [{"action": {"@id": "use", "constraint": [atom("count", "lteq", json!(1))]}}]}),
        json!({"permission": [{"action": "use", "remedy": [{"action": "delete"}]}]}),
        json!({"permission": [{"action": "use", "consequence": [{"action": "delete"}]}]}),
        json!({"permission": [{"action": "use", "duty": [{"target": "urn:t"}]}]}),
        json!({"permission": [{"action": "use", "duty": [{"action": "inform", "duty": [{"action": "delete"}]}]}]}),
        json!({"prohibition": [{"action": "use", "duty": [{"action": "delete"}]}]}),
        json!({"prohibition": [{"action": "use", "remedy": [{"action": "delete", "consequence": [{"action": "inform"}]}]}]}),
        json!({"conflict": "maybe", "permission": [{"action": "use"}]}),
        json!({"conflict": ["perm", "prohibit"], "permission": [{"action": "use"}]}),
        json!({"uid": "urn:p", "inheritFrom": "urn:p", "permission": [{"action": "use"}]}),
        json!({"permission": [{"action": "use"}], "odrl:permission": [{"action": "read"}]}),
        json!({"permission": [{"action": "use", "constraints": [atom("count", "lteq", json!(1))]}]}),
        json!({"@context": {"permission": "urn:x"}, "permission": [{"action": "use"}]}),
        json!({"permission": [{"action": "use", "leftOperand": "count", "operator": "lteq", "rightOperand": 1}]}),
        json!({"permission": [{"action": "use", "constraint": [{"or": [atom("count", "lteq", json!(1))],
               "constraint": [atom("count", "lteq", json!(1))]}]}]}),
        json!({"permission": [{"action": "use", "permission": [{"action": "read"}]}]}),
        json!({"profile": "", "permission": [{"action": "use"}]}),
    ] {
        code(&policy, &exchange(json!({})), 2);
    }
}

#[test]
fn what_would_be_passed_over_in_silence_is_refused_where_it_stands() {
    let with = |property: &str, value: Value| {
        let mut policy = json!({"@type": "Set", "permission": [{"action": "use"}]});
        policy[property] = value;
        policy
    };
    let duty = json!([{"action": "compensate"}]);
    for property in ["duty", "odrl:duty", "remedy", "consequence", "ids:preDuty", "ids:postDuty"] {
        let decided = code(&with(property, duty.clone()), &exchange(json!({})), 2);
        assert_eq!(decided.invalid[0].clause, format!("/{property}"));
    }
    let narrowed = json!([atom("count", "lteq", json!(1))]);
    assert_eq!(code(&with("refinement", narrowed.clone()), &exchange(json!({})), 2).invalid[0].clause, "/refinement");
    for property in ["odrl:condition", "http://www.w3.org/ns/odrl/2/condition", "ids:assetRefinement"] {
        let policy = json!({"permission": [{"action": "use", property: narrowed}]});
        let decided = code(&policy, &exchange(json!({})), 2);
        assert!(policy.pointer(&decided.invalid[0].clause).unwrap().is_array(), "{decided:?}");
    }
    // What says nothing, and what other vocabularies say, are passed over.
    for (property, value) in
        [("duty", json!([])), ("odrl:condition", json!([])), ("permissions", json!([])), ("dct:title", json!("Land"))]
    {
        code(&with(property, value), &exchange(json!({})), 0);
    }
}

#[test]
fn parties_with_a_function_are_read_too() {
    let informing = |refinement: Value| {
        json!({"permission": [{"action": "use"}],
               "obligation": [{"action": "inform", "informedParty": {"source": "urn:all", "refinement": [refinement]}}]})
    };
    code(&informing(atom("spatial", "eq", json!("EE"))), &exchange(json!({})), 0);
    let decided = code(&informing(atom("mood", "eq", json!("good"))), &exchange(json!({})), 2);
    assert_eq!(decided.invalid[0].clause, "/obligation/0/informedParty/refinement/0");
}

#[test]
fn a_constraint_compares_one_operand_by_one_operator_or_combines_others_in_one_way() {
    for constraint in [
        json!("count lteq 3"),
        json!({}),
        json!({"leftOperand": "count", "operator": "eq"}),
        json!({"leftOperand": "count", "rightOperand": 1}),
        json!({"operator": "eq", "rightOperand": 1}),
        json!({"leftOperand": "count", "operator": "eq", "rightOperand": null}),
        json!({"leftOperand": "count", "operator": "eq", "rightOperand": []}),
        json!({"leftOperand": "count", "operator": "eq", "rightOperand": {}}),
        json!({"leftOperand": "count", "operator": ["eq", "lt"], "rightOperand": 1}),
        json!({"leftOperand": ["count", "purpose"], "operator": "eq", "rightOperand": 1}),
        json!({"leftOperand": "count", "operator": "eq", "rightOperand": 1, "rightOperandReference": "urn:x"}),
        json!({"and": [atom("count", "lteq", json!(1))], "or": [atom("count", "lteq", json!(1))]}),
        json!({"and": [atom("count", "lteq", json!(1))], "leftOperand": "count", "operator": "eq", "rightOperand": 1}),
        json!({"and": []}),
        json!({"xone": [{"and": ["x"]}]}),
        atom("count", "lteq", json!("many")),
        atom("dateTime", "lteq", json!("soon")),
        atom("elapsedTime", "lteq", json!(5)),
        atom("xroad:datapath", "eq", json!("/no/method")),
    ] {
        code(&set(json!([constraint])), &exchange(json!({"count": 1})), 2);
    }
}

#[test]
fn an_agreement_has_both_parties_and_a_target() {
    let full = json!({"@type": "Agreement", "assigner": "did:web:p", "assignee": "did:web:c", "target": "urn:t",
                      "permission": [{"action": "use"}]});
    code(&full, &exchange(json!({})), 0);
    for missing in ["assigner", "assignee", "target"] {
        let mut policy = full.clone();
        let value = policy.as_object_mut().unwrap().remove(missing).unwrap();
        code(&policy, &exchange(json!({})), 2);
        policy["permission"][0][missing] = value;
        code(&policy, &exchange(json!({})), 0);
    }
}

#[test]
fn rules_that_overlap_without_a_strategy_or_under_invalid_may_not_be_published() {
    let both =
        |permission: Value, prohibition: Value| json!({"permission": [permission], "prohibition": [prohibition]});
    let limited = |operand: &str, operator: &str, right: Value| json!({"action": "use", "constraint": [atom(operand, operator, right)]});
    let open = json!({"action": "use"});
    let of_unit = |operator: &str, unit: &str| json!({"action": "use", "constraint": {"leftOperand": "payAmount", "operator": operator, "rightOperand": 5, "unit": unit}});
    let refined = |narrow: &[&str], spatial: &str, others: &[&str]| {
        let refinement = json!([atom("spatial", "eq", json!(spatial))]);
        let narrow = narrow.iter().map(|name| json!({"@id": name, "refinement": refinement}));
        let actions: Vec<Value> = narrow.chain(others.iter().map(|name| json!(name))).collect();
        json!({"action": actions})
    };
    for (permission, prohibition, overlap) in [
        (open.clone(), json!({"action": "distribute"}), true),
        (json!({"action": "distribute"}), open.clone(), true),
        (json!({"action": "read"}), json!({"action": "print"}), false),
        (open.clone(), limited("purpose", "eq", json!("marketing")), true),
        (limited("purpose", "eq", json!("research")), limited("purpose", "eq", json!("marketing")), false),
        (limited("purpose", "eq", json!("research")), limited("spatial", "eq", json!("FI")), true),
        (
            limited("purpose", "isAnyOf", json!(["a", "b"])),
            limited("purpose", "isNoneOf", json!(["a", "b", "c"])),
            false,
        ),
        (limited("purpose", "isAllOf", json!(["a"])), limited("purpose", "isAllOf", json!(["b"])), true),
        (limited("purpose", "isA", json!("a")), limited("purpose", "isA", json!("b")), true),
        (limited("count", "lteq", json!(10)), limited("count", "gt", json!(10)), false),
        (limited("count", "lteq", json!(10)), limited("count", "gteq", json!(10)), true),
        (
            limited("dateTime", "lt", json!("2026-12-01T00:00:00Z")),
            limited("dateTime", "gteq", json!("2026-12-01")),
            false,
        ),
        (
            limited("xroad:datapath", "eq", json!("GET /**")),
            limited("xroad:datapath", "eq", json!("DELETE /**")),
            false,
        ),
        (
            limited("xroad:datapath", "eq", json!("GET /**")),
            limited("xroad:datapath", "eq", json!("* /secret/*")),
            true,
        ),
        (
            limited("xroad:datapath", "isAnyOf", json!(["GET /a/*"])),
            limited("xroad:datapath", "isNoneOf", json!(["GET /a/**"])),
            false,
        ),
        (
            limited("xroad:datapath", "isAnyOf", json!(["GET /a/*", "GET /b"])),
            limited("xroad:datapath", "isNoneOf", json!(["GET /a/**"])),
            true,
        ),
        (
            limited("xroad:globalGroupMember", "eq", json!("a")),
            limited("xroad:globalGroupMember", "eq", json!("b")),
            true,
        ),
        (
            limited("xroad:globalGroupMember", "eq", json!("a")),
            limited("xroad:globalGroupMember", "isNoneOf", json!(["a", "b"])),
            false,
        ),
        (
            limited("dateTime", "lt", json!("2026-12-01T00:00:00Z")),
            limited("edc:inForceDate", "gteq", json!("2026-12-01T00:00:00Z")),
            false,
        ),
        (refined(&["read"], "EE", &["print"]), refined(&["use"], "FI", &["play"]), true),
        (refined(&["read"], "EE", &["print"]), refined(&["read"], "FI", &["play"]), false),
        (refined(&["read"], "EE", &[]), refined(&["read"], "EE", &[]), true),
        (of_unit("lteq", "EUR"), of_unit("gt", "EUR"), false),
        (of_unit("lteq", "EUR"), of_unit("gt", "USD"), true),
        (json!({"action": "use", "target": "urn:a"}), json!({"action": "use", "target": "urn:b"}), false),
        (json!({"action": "use", "assignee": "urn:a"}), json!({"action": "use", "assignee": "urn:b"}), false),
        (open.clone(), json!({"action": "use", "assignee": "urn:b"}), true),
    ] {
        let policy = both(permission, prohibition);
        let invalid = Compiled::read(&policy, &Registry::built_in()).err().unwrap_or_default();
        let clauses: Vec<&str> = invalid.iter().map(|i| i.clause.as_str()).collect();
        assert_eq!(clauses, if overlap { vec!["/prohibition/0", "/permission/0"] } else { vec![] }, "{policy}");
        for (strategy, refused) in [("invalid", overlap), ("perm", false), ("prohibit", false)] {
            let mut policy = policy.clone();
            policy["conflict"] = json!(strategy);
            assert_eq!(decide(&policy, &exchange(json!({}))).exit_code() == 2, refused, "{policy}");
        }
    }
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
    // What may mean two things is matched by nothing; the data plane refuses such a path before it asks the policy.
    assert_eq!(truth(kept_out, json!({"xroad:datapath": "GET /open/../secret"})), Truth::True);
    let other = atom("xroad:datapath", "neq", json!("GET /secret"));
    assert_eq!(truth(other, json!({"xroad:datapath": "GET /x%2Fsecret"})), Truth::True);
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
fn repeated_keys_and_more_than_64_nested_constraints_are_refused() {
    let repeated = r#"{"permission": [{"action": "use"}], "permission": [{"action": "read"}]}"#;
    assert!(decide_document(repeated, &exchange(json!({})).to_string(), &Registry::built_in()).is_err());
    let nested = |levels: usize| {
        let mut inner = atom("count", "lteq", json!(3)).to_string();
        for _ in 0..levels {
            inner = format!(r#"{{"and": [{inner}]}}"#);
        }
        let policy = format!(r#"{{"permission": [{{"action": "use", "constraint": [{inner}]}}]}}"#);
        decide_document(&policy, &exchange(json!({"count": 1})).to_string(), &Registry::built_in())
    };
    assert_eq!(nested(64).unwrap().exit_code(), 0);
    assert_eq!(nested(65).unwrap().exit_code(), 2);
    assert_eq!(nested(100).unwrap().exit_code(), 2);
    assert!(nested(100_000).is_err());
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

#[test]
fn that_a_term_belongs_to_itself_says_nothing_about_others() {
    let policy = set(json!([atom("purpose", "isA", json!("a"))]));
    for (member, state) in [("a", Truth::Unknown), ("c", Truth::False)] {
        let mut world = exchange(json!({"purpose": "b"}));
        world["memberOf"] = json!([{"member": member, "collection": "a"}]);
        assert_eq!(code(&policy, &world, 1).because[0].state, state, "{member}");
    }
}
