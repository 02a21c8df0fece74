//! Sentences about policies; the fine print of the fixed surface `policy decide`, each with a case.

use serde_json::{Value, json};

use super::*;

fn decide(policy: &Value, world: &Value) -> DocumentDecision {
    decide_document(&policy.to_string(), &world.to_string(), &Registry::built_in()).unwrap()
}

fn world(phase: &str, facts: Value) -> Value {
    json!({
        "now": "2026-11-23T10:00:00Z", "phase": phase,
        "request": {"action": "use", "target": "urn:t", "assigner": "did:web:p", "assignee": "did:web:c"},
        "facts": facts,
    })
}

fn exchange(facts: Value) -> Value {
    world("exchange", facts)
}

fn set(constraint: Value) -> Value {
    json!({"@type": "Set", "permission": [{"action": "use", "constraint": constraint}]})
}

fn atom(left: &str, operator: &str, right: Value) -> Value {
    json!({"leftOperand": left, "operator": operator, "rightOperand": right})
}

#[track_caller]
fn code(policy: &Value, world: &Value, expected: u8) -> DocumentDecision {
    let decided = decide(policy, world);
    assert_eq!(decided.exit_code(), expected, "{decided:?}");
    decided
}

#[test]
fn a_permission_without_constraints_permits() {
    code(&json!({"@type": "Set", "permission": [{"action": "use"}]}), &exchange(json!({})), 0);
    code(&json!({"permission": {"action": "use", "constraint": []}}), &exchange(json!({})), 0);
}

#[test]
fn a_refusal_names_the_atomic_constraint_with_what_was_required_and_seen() {
    let policy = set(json!([atom("spatial", "eq", json!("EE")), atom("purpose", "isAnyOf", json!(["a", "b"]))]));
    let decided = code(&policy, &exchange(json!({"spatial": "EE", "purpose": "c"})), 1);
    let [why] = decided.because.as_slice() else { panic!("{decided:?}") };
    assert_eq!(why.clause, "/permission/0/constraint/1");
    assert_eq!((why.state, why.operand.as_str(), why.operator.as_str()), (Truth::False, "purpose", "isAnyOf"));
    assert_eq!((why.required.as_str(), why.observed.as_deref()), ("a, b", Some("c")));
    assert!(!why.remedy.is_empty());
}

#[test]
fn an_absent_fact_is_unknown_and_unknown_refuses() {
    let decided = code(&set(json!([atom("purpose", "eq", json!("x"))])), &exchange(json!({})), 1);
    assert_eq!(decided.because.first().map(|b| b.state), Some(Truth::Unknown));
    let prohibition = json!({
        "conflict": "prohibit",
        "permission": [{"action": "use"}],
        "prohibition": [{"action": "use", "constraint": [atom("purpose", "eq", json!("marketing"))]}],
    });
    code(&prohibition, &exchange(json!({})), 1);
    code(&prohibition, &exchange(json!({"purpose": "research"})), 0);
    code(&prohibition, &exchange(json!({"purpose": "marketing"})), 1);
}

#[test]
fn unknown_words_may_not_be_published_and_are_named_by_their_place() {
    for (policy, clause) in [
        (set(json!([atom("mood", "eq", json!("good"))])), "/permission/0/constraint/0"),
        (
            set(json!([{"or": [atom("count", "lteq", json!(3)), atom("count", "near", json!(3))]}])),
            "/permission/0/constraint/0/or/1",
        ),
        (json!({"permission": [{"action": "teleport"}]}), "/permission/0/action"),
        (json!({"profile": "https://example.org/none", "permission": [{"action": "use"}]}), "/profile"),
        (json!({"permission": [{"action": "use", "duty": [{"action": "levitate"}]}]}), "/permission/0/duty/0/action"),
    ] {
        let decided = code(&policy, &exchange(json!({})), 2);
        assert_eq!(decided.invalid.first().map(|i| i.clause.as_str()), Some(clause));
        assert_eq!(decided.decision, "refuse");
    }
}

#[test]
fn structure_that_odrl_forbids_may_not_be_published() {
    for policy in [
        json!({"@type": "Set"}),
        json!({"@type": "Set", "permission": []}),
        json!({"@type": "Set", "permission": [{}]}),
        json!({"@type": "Nonsense", "permission": [{"action": "use"}]}),
        json!({"permission": [{"action": "use", "constraint": [{"leftOperand": "count", "operator": "eq"}]}]}),
        json!({"permission": [{"action": "use", "constraint": [{"and": [], "or": []}]}]}),
        json!({"permission": [{"action": "use", "constraint": [{"and": []}]}]}),
        json!({"permission": [{"action": "use", "remedy": [{"action": "delete"}]}]}),
        json!({"conflict": "maybe", "permission": [{"action": "use"}]}),
        json!({"@type": "Agreement", "assigner": "a", "permission": [{"action": "use"}]}),
        set(json!([atom("count", "lteq", json!("many"))])),
    ] {
        code(&policy, &exchange(json!({})), 2);
    }
}

#[test]
fn rules_that_overlap_without_a_strategy_may_not_be_published() {
    let overlapping = json!({"permission": [{"action": "use"}], "prohibition": [{"action": "distribute"}]});
    code(&overlapping, &exchange(json!({})), 2);
    let apart = json!({
        "permission": [{"action": "use", "constraint": [atom("dateTime", "lt", json!("2026-12-01T00:00:00Z"))]}],
        "prohibition": [{"action": "use", "constraint": [atom("dateTime", "gteq", json!("2026-12-01T00:00:00Z"))]}],
    });
    code(&apart, &exchange(json!({})), 0);
    let mut perm = overlapping;
    perm["conflict"] = json!("perm");
    code(&perm, &exchange(json!({})), 0);
}

#[test]
fn facts_are_compared_as_given_and_by_type() {
    let three = set(json!([atom("count", "lteq", json!("3"))]));
    code(&three, &exchange(json!({"count": 3})), 0);
    code(&three, &exchange(json!({"count": 4})), 1);
    code(&three, &exchange(json!({"odrl:count": "3.0"})), 0);
    let case = set(json!([atom("recipient", "eq", json!("did:web:C"))]));
    code(&case, &exchange(json!({"recipient": "did:web:c"})), 1);
}

#[test]
fn before_an_exchange_what_only_an_exchange_knows_does_not_refuse() {
    let policy = set(json!([atom("count", "lteq", json!(3)), atom("xroad:datapath", "eq", json!("GET /a"))]));
    for phase in ["catalog", "negotiation", "transfer"] {
        code(&policy, &world(phase, json!({})), 0);
        code(&policy, &world(phase, json!({"count": 9})), 1);
    }
    code(&policy, &exchange(json!({})), 1);
    code(&set(json!([atom("spatial", "eq", json!("EE"))])), &world("catalog", json!({})), 1);
}

#[test]
fn an_offer_never_permits_at_transfer_or_exchange() {
    let offer = json!({"@type": "odrl:Offer", "permission": [{"action": "use"}]});
    code(&offer, &world("catalog", json!({})), 0);
    code(&offer, &world("negotiation", json!({})), 0);
    code(&offer, &world("transfer", json!({})), 1);
    code(&offer, &exchange(json!({})), 1);
}

#[test]
fn sets_compare_as_sets() {
    let all = set(json!([atom("purpose", "isAllOf", json!(["a", "b"]))]));
    code(&all, &exchange(json!({"purpose": ["a", "b", "c"]})), 0);
    code(&all, &exchange(json!({"purpose": ["a"]})), 1);
    let one = set(json!([atom("purpose", "eq", json!("a"))]));
    let decided = code(&one, &exchange(json!({"purpose": ["a", "b"]})), 1);
    assert_eq!(decided.because.first().map(|b| b.state), Some(Truth::Unknown));
    code(&set(json!([atom("purpose", "isNoneOf", json!(["x"]))])), &exchange(json!({"purpose": ["a"]})), 0);
}

#[test]
fn taxonomies_are_transitive_and_reflexive() {
    let mut known = exchange(json!({"purpose": "cancer", "spatial": "FI"}));
    known["broader"] = json!([{"narrower": "cancer", "broader": "health"}, {"narrower": "health", "broader": "research"},
                              {"narrower": "FI", "broader": "EU"}]);
    code(&set(json!([atom("purpose", "isA", json!("research"))])), &known, 0);
    code(&set(json!([atom("purpose", "isA", json!("cancer"))])), &known, 0);
    code(&set(json!([atom("spatial", "isPartOf", json!("EU"))])), &known, 0);
    code(&set(json!([atom("purpose", "isA", json!("marketing"))])), &known, 1);
    code(&set(json!([atom("purpose", "hasPart", json!("research"))])), &known, 1);
}

#[test]
fn data_paths_are_patterns() {
    let policy = set(json!([atom("xroad:datapath", "isAnyOf", json!(["GET /a/*", "GET /b/**"]))]));
    code(&policy, &exchange(json!({"xroad:datapath": "GET /a/1"})), 0);
    code(&policy, &exchange(json!({"xroad:datapath": "GET /b/1/2"})), 0);
    for call in ["GET /a/1/2", "POST /a/1", "GET /b/../a", "GET /b/%2e%2e/a", "GET /b/x%2Fy"] {
        code(&policy, &exchange(json!({"xroad:datapath": call})), 1);
    }
}

#[test]
fn a_duty_counts_when_it_was_done_before_now() {
    let policy = json!({"permission": [{"action": "use", "duty": [{"uid": "urn:pay", "action": "compensate"}]}]});
    let with = |id: &str, at: &str| {
        let mut world = exchange(json!({}));
        world["duties"] = json!([{"id": id, "performed": at}]);
        world
    };
    let decided = code(&policy, &exchange(json!({})), 1);
    assert_eq!(decided.because.first().map(|b| b.clause.as_str()), Some("/permission/0/duty/0"));
    code(&policy, &with("urn:pay", "2026-11-22T00:00:00Z"), 0);
    code(&policy, &with("/permission/0/duty/0", "2026-11-22T00:00:00Z"), 0);
    code(&policy, &with("urn:pay", "2026-11-23T10:00:00Z"), 1);
    code(&policy, &with("urn:other", "2026-11-22T00:00:00Z"), 1);
}

#[test]
fn a_violated_obligation_refuses() {
    let policy = |deadline: &str| {
        json!({"permission": [{"action": "use"}],
               "obligation": [{"uid": "urn:del", "action": "delete", "constraint": [atom("dateTime", "lteq", json!(deadline))]}]})
    };
    code(&policy("2026-11-24T00:00:00Z"), &exchange(json!({})), 0);
    code(&policy("2026-11-22T00:00:00Z"), &exchange(json!({})), 1);
    let mut done = exchange(json!({}));
    done["duties"] = json!([{"id": "urn:del", "performed": "2026-11-21T00:00:00Z"}]);
    code(&policy("2026-11-22T00:00:00Z"), &done, 0);
    done["duties"] = json!([{"id": "urn:del", "performed": "2026-11-22T12:00:00Z"}]);
    code(&policy("2026-11-22T00:00:00Z"), &done, 1);
}

#[test]
fn logic_is_three_valued() {
    let (yes, no) = (atom("spatial", "eq", json!("EE")), atom("spatial", "eq", json!("FI")));
    let open = atom("purpose", "eq", json!("x"));
    let facts = exchange(json!({"spatial": "EE"}));
    for (constraint, expected) in [
        (json!({"or": [no, yes]}), 0),
        (json!({"or": [open, yes]}), 0),
        (json!({"or": [open, no]}), 1),
        (json!({"and": [open, yes]}), 1),
        (json!({"xone": [yes, no]}), 0),
        (json!({"xone": [yes, yes]}), 1),
        (json!({"xone": [yes, open]}), 1),
        (json!({"andSequence": [yes, yes]}), 1),
        (json!({"and": {"@list": [yes, {"or": [no, yes]}]}}), 0),
    ] {
        code(&set(json!([constraint])), &facts, expected);
    }
}

#[test]
fn rules_for_others_and_other_targets_do_not_apply() {
    let to = |assignee: &str, target: &str| {
        json!({"@type": "Agreement", "assigner": "did:web:p", "assignee": assignee, "target": target,
               "permission": [{"action": "use"}]})
    };
    code(&to("did:web:c", "urn:t"), &exchange(json!({})), 0);
    let decided = code(&to("did:web:other", "urn:t"), &exchange(json!({})), 1);
    assert_eq!(decided.because.first().map(|b| b.operand.as_str()), Some("assignee"));
    code(&to("did:web:c", "urn:other"), &exchange(json!({})), 1);
    let mut member = exchange(json!({}));
    member["memberOf"] = json!([{"member": "did:web:c", "collection": "urn:friends"}]);
    code(&to("urn:friends", "urn:t"), &member, 0);
}

#[test]
fn group_membership_may_come_from_the_world() {
    let policy = set(json!([atom("xroad:globalGroupMember", "eq", json!("trusted"))]));
    let mut known = exchange(json!({"xroad:clientId": "DEV/COM/1/a"}));
    code(&policy, &known, 1);
    known["memberOf"] = json!([{"member": "DEV/COM/1/a", "collection": "trusted"}]);
    code(&policy, &known, 0);
    code(&policy, &exchange(json!({"xroad:globalGroupMember": "trusted"})), 0);
}

#[test]
fn an_action_covers_what_is_included_in_it() {
    let asked = |action: &str| {
        let mut world = exchange(json!({}));
        world["request"]["action"] = json!(action);
        world
    };
    code(&json!({"permission": [{"action": "use"}]}), &asked("read"), 0);
    code(&json!({"permission": [{"action": "read"}]}), &asked("use"), 1);
    code(&json!({"permission": [{"action": {"@id": "odrl:use"}}]}), &asked("odrl:write"), 0);
}

#[test]
fn the_forms_of_other_connectors_are_read() {
    let edc = json!({
        "@context": {"odrl": {"@id": "http://www.w3.org/ns/odrl/2/", "@prefix": true}},
        "@type": "odrl:Agreement", "@id": "x", "odrl:assigner": {"@id": "did:web:p"}, "odrl:assignee": {"@id": "did:web:c"},
        "odrl:target": {"@id": "urn:t"},
        "odrl:permission": {"odrl:action": {"@id": "odrl:use"}, "odrl:duty": [], "odrl:constraint": {
            "odrl:leftOperand": {"@id": "odrl:spatial"}, "odrl:operator": {"@id": "odrl:eq"}, "odrl:rightOperand": {"@value": "EE"}}},
    });
    code(&edc, &exchange(json!({"spatial": "EE"})), 0);
    let decided = code(&edc, &exchange(json!({"spatial": "FI"})), 1);
    assert_eq!(decided.because.first().map(|b| b.clause.as_str()), Some("/odrl:permission/odrl:constraint"));
}

#[test]
fn repeated_keys_and_deep_nesting_are_not_read() {
    let repeated = r#"{"permission": [{"action": "use"}], "permission": [{"action": "read"}]}"#;
    assert!(decide_document(repeated, &exchange(json!({})).to_string(), &Registry::built_in()).is_err());
    let mut deep = atom("count", "lteq", json!(3));
    for _ in 0..100 {
        deep = json!({"and": [deep]});
    }
    let text = set(json!([deep])).to_string();
    match decide_document(&text, &exchange(json!({"count": 1})).to_string(), &Registry::built_in()) {
        Ok(decided) => assert_eq!(decided.exit_code(), 2),
        Err(sentence) => assert!(sentence.contains("policy")),
    }
}

#[test]
fn the_hash_does_not_depend_on_the_order_of_keys() {
    let one: Value = serde_json::from_str(r#"{"a": 1, "b": [true, {"c": "d", "e": null}]}"#).unwrap();
    let two: Value = serde_json::from_str(r#"{"b": [true, {"e": null, "c": "d"}], "a": 1}"#).unwrap();
    assert_eq!(hash(&one), hash(&two));
    assert_ne!(hash(&one), hash(&json!({"a": 2})));
}

#[test]
fn counters_are_found_with_their_limits() {
    let policy = set(json!([atom("count", "lt", json!("3")), atom("xroad:callsPerMinute", "lteq", json!(60))]));
    let compiled = compile(&Policy::parse(&policy).unwrap(), &Registry::built_in()).unwrap();
    let limits: Vec<_> = compiled.counters().iter().map(|c| (c.operand.as_str(), c.limit)).collect();
    assert_eq!(limits, [("count", Some(2)), ("xroad:callsPerMinute", Some(60))]);
}

#[test]
fn a_redacted_decision_keeps_the_clause_and_hides_what_was_seen() {
    let policy = set(json!([atom("spatial", "eq", json!("EE"))]));
    let compiled = compile(&Policy::parse(&policy).unwrap(), &Registry::built_in()).unwrap();
    let world = World { action: "use".into(), ..World::default() }.knowing("spatial", "secret");
    let told = compiled.decide(&world).redacted();
    assert_eq!(told.because[0].clause, "/permission/0/constraint/0");
    assert!(!serde_json::to_string(&told.because).unwrap().contains("secret"));
}
