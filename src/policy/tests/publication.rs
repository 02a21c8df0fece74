//! What may not be published, each with its place: exit code 2 of `policy decide`.

use super::*;

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
    ] {
        code(&set(json!([constraint])), &exchange(json!({"count": 1})), 2);
    }
}

#[test]
fn what_an_operand_can_never_be_compares_with_nothing_and_is_not_published() {
    for (operand, right) in [
        ("count", json!("many")),
        ("count", json!("9".repeat(600))),
        ("dateTime", json!("tomorrow")),
        ("elapsedTime", json!(5)),
        ("xroad:datapath", json!("/no/method")),
    ] {
        let facts = json!({"count": 1, "elapsedTime": "P1D", "xroad:datapath": "GET /a"});
        for operator in ["eq", "neq", "lt", "gteq", "isAnyOf", "isNoneOf", "isAllOf"] {
            let constraint = atom(operand, operator, right.clone());
            let policy = set(json!([constraint]));
            let refused = code(&policy, &exchange(facts.clone()), 1);
            assert_eq!(refused.because[0].state, Truth::Unknown, "{policy}");
            assert!(refused.because[0].reason.contains("is not a value that"), "{}", refused.because[0].reason);
            let invalid = Compiled::read(&policy, &Registry::built_in()).unwrap_err();
            assert_eq!(
                (invalid[0].clause.as_str(), invalid[0].code),
                ("/permission/0/constraint/0", "constraint.right-operand")
            );
            let prohibition = json!({"conflict": "prohibit", "permission": [{"action": "use"}],
                                     "prohibition": [{"action": "use", "constraint": [constraint]}]});
            code(&prohibition, &exchange(facts.clone()), 1);
        }
    }
    let any = set(json!([atom("count", "isAnyOf", json!(["many", 1]))]));
    code(&any, &exchange(json!({"count": 1})), 0);
    code(&any, &exchange(json!({"count": 2})), 1);
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
        // A purpose may be declared beside another one; a recipient is one.
        (limited("purpose", "isAnyOf", json!(["a"])), limited("purpose", "isAnyOf", json!(["b"])), true),
        (limited("purpose", "eq", json!("a")), limited("purpose", "isAnyOf", json!(["b"])), false),
        (
            json!({"action": "use", "constraint": [
                atom("purpose", "isAnyOf", json!(["a"])), atom("purpose", "neq", json!("c"))]}),
            limited("purpose", "isAnyOf", json!(["b"])),
            false,
        ),
        (limited("recipient", "isAnyOf", json!(["urn:a"])), limited("recipient", "isAnyOf", json!(["urn:b"])), false),
        (
            limited("purpose", "isAllOf", json!(["b", "a"])),
            json!({"action": "use", "constraint": [{"xone": [
                atom("purpose", "isAllOf", json!(["a"])), atom("purpose", "isAnyOf", json!(["b"]))]}]}),
            false,
        ),
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
