//! Operators, operands, logic, actions.

use super::*;

#[test]
fn logic_is_three_valued() {
    let (yes, no) = (atom("spatial", "eq", json!("EE")), atom("spatial", "eq", json!("FI")));
    let open = atom("purpose", "eq", json!("x"));
    for (constraint, expected) in [
        (json!({"or": [no, yes]}), Truth::True),
        (json!({"or": [open, yes]}), Truth::True),
        (json!({"or": [open, no]}), Truth::Unknown),
        (json!({"and": [open, yes]}), Truth::Unknown),
        (json!({"and": [open, no]}), Truth::False),
        (json!({"xone": [yes, no]}), Truth::True),
        (json!({"xone": [yes, yes]}), Truth::False),
        (json!({"xone": [yes, yes, open]}), Truth::False),
        (json!({"xone": [yes, open]}), Truth::Unknown),
        (json!({"andSequence": [yes]}), Truth::True),
        (json!({"andSequence": [open]}), Truth::Unknown),
        (json!({"andSequence": [yes, yes]}), Truth::Unknown),
        (json!({"andSequence": [yes, no]}), Truth::False),
        (json!({"and": {"@list": [yes, {"or": [no, yes]}]}}), Truth::True),
    ] {
        assert_eq!(truth(constraint.clone(), json!({"spatial": "EE"})), expected, "{constraint}");
    }
}

#[test]
fn every_left_operand_of_odrl_is_compared_by_its_type() {
    for (operand, operator, right, fact) in [
        ("absolutePosition", "eq", json!("10,20"), json!("10,20")),
        ("absoluteSize", "lt", json!("1.5"), json!("1.49")),
        ("absoluteSpatialPosition", "eq", json!("x"), json!("x")),
        ("absoluteTemporalPosition", "lt", json!({"@value": "PT1H", "@type": "xsd:duration"}), json!("PT59M")),
        ("count", "lteq", json!(5), json!("5")),
        ("dateTime", "gt", json!("2026-01-01"), json!("")),
        ("delayPeriod", "gteq", json!("PT5M"), json!("PT300S")),
        ("deliveryChannel", "eq", json!("urn:x"), json!("urn:x")),
        ("elapsedTime", "lt", json!("P1M"), json!("P27D")),
        ("event", "eq", json!({"@id": "urn:e"}), json!("urn:e")),
        ("fileFormat", "isAnyOf", json!(["application/json"]), json!("application/json")),
        ("industry", "eq", json!("urn:x"), json!("urn:x")),
        ("language", "isNoneOf", json!(["en"]), json!("et")),
        ("media", "neq", json!("print"), json!("online")),
        ("meteredTime", "lteq", json!("PT1H"), json!("PT60M")),
        ("payAmount", "gteq", json!({"@value": "5.00", "@type": "xsd:decimal"}), json!("5")),
        ("percentage", "lteq", json!("12.5"), json!(12.5)),
        ("product", "eq", json!("urn:x"), json!("urn:x")),
        ("purpose", "isAllOf", json!(["a"]), json!(["a", "b"])),
        ("recipient", "eq", json!("did:web:c"), json!("did:web:c")),
        ("relativePosition", "eq", json!("x"), json!("x")),
        ("relativeSize", "lt", json!(50), json!(49)),
        ("relativeSpatialPosition", "eq", json!("x"), json!("x")),
        ("relativeTemporalPosition", "eq", json!("x"), json!("x")),
        ("resolution", "lteq", json!(1200), json!(600)),
        ("spatial", "eq", json!({"@id": "https://example.org/EE"}), json!("https://example.org/EE")),
        ("spatialCoordinates", "eq", json!("59.4,24.7"), json!("59.4,24.7")),
        ("systemDevice", "eq", json!("urn:x"), json!("urn:x")),
        ("timeInterval", "gteq", json!("P7D"), json!("P8D")),
        ("unitOfCount", "eq", json!("urn:x"), json!("urn:x")),
        ("version", "lt", json!("1.10"), json!("1.9")),
        ("virtualLocation", "eq", json!("urn:x"), json!("urn:x")),
    ] {
        assert_eq!(truth(atom(operand, operator, right), json!({operand: fact})), Truth::True, "{operand}");
    }
}

#[test]
fn a_version_is_the_same_however_many_zeros_follow() {
    for (operator, right, expected) in [
        ("eq", "1.0", Truth::True),
        ("neq", "1.0", Truth::False),
        ("lteq", "1.0", Truth::True),
        ("lt", "1.0", Truth::False),
        ("isAnyOf", "1.0.0", Truth::True),
        ("eq", "1.1", Truth::False),
    ] {
        assert_eq!(
            truth(atom("version", operator, json!(right)), json!({"version": "1"})),
            expected,
            "{operator} {right}"
        );
    }
}

#[test]
fn what_cannot_be_ordered_is_unknown() {
    for (operand, right, fact) in [("purpose", "a", "b"), ("elapsedTime", "P1M", "P30D"), ("version", "2", "two")] {
        assert_eq!(truth(atom(operand, "lt", json!(right)), json!({operand: fact})), Truth::Unknown, "{operand}");
    }
    let referenced =
        json!({"leftOperand": "spatial", "operator": "eq", "rightOperandReference": "https://example.org/list"});
    assert_eq!(truth(referenced, json!({"spatial": "EE"})), Truth::Unknown);
    assert_eq!(truth(atom("count", "lt", json!([1, 2])), json!({"count": 0})), Truth::Unknown);
}

#[test]
fn an_action_covers_what_is_included_in_it() {
    let asked = |action: &str| {
        let mut world = exchange(json!({}));
        world["request"]["action"] = json!(action);
        world
    };
    code(&json!({"permission": [{"action": "use"}]}), &asked("read"), 0);
    code(&json!({"permission": [{"action": "use"}]}), &asked("http://www.w3.org/ns/odrl/2/display"), 0);
    code(&json!({"permission": [{"action": "read"}]}), &asked("use"), 1);
    code(&json!({"permission": [{"action": ["print", "read"]}]}), &asked("read"), 0);
    code(&json!({"permission": [{"action": {"@id": "odrl:use"}}]}), &asked("odrl:write"), 0);
    code(&json!({"permission": [{"action": "write"}]}), &asked("modify"), 0);
    code(&json!({"permission": [{"action": "use"}]}), &asked("sell"), 1);
    code(&json!({"permission": [{"action": "transfer"}]}), &asked("sell"), 0);
    code(&json!({"permission": [{"action": "use"}]}), &asked("teleport"), 1);
    let prohibited =
        json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [{"action": "play"}]});
    code(&prohibited, &asked("display"), 1);
    code(&prohibited, &asked("use"), 0);
}

#[test]
fn refinements_narrow_action_asset_and_party() {
    let narrow = |operand: &str, right: Value| json!([atom(operand, "lteq", right)]);
    let policy = json!({"permission": [{
        "action": [{"rdf:value": {"@id": "odrl:use"}, "refinement": narrow("resolution", json!(1200))}],
        "target": {"@type": "AssetCollection", "source": "urn:all", "refinement": narrow("absoluteSize", json!(10))},
        "assignee": {"@type": "PartyCollection", "source": "urn:friends", "refinement": [atom("spatial", "eq", json!("EE"))]},
    }]});
    let known = |resolution: i64, size: i64, spatial: &str| {
        let mut world = exchange(json!({"resolution": resolution, "absoluteSize": size, "spatial": spatial}));
        world["memberOf"] =
            json!([{"member": "urn:t", "collection": "urn:all"}, {"member": "did:web:c", "collection": "urn:friends"}]);
        world
    };
    code(&policy, &known(600, 10, "EE"), 0);
    for (world, clause) in [
        (known(2400, 10, "EE"), "/permission/0/action/0/refinement/0"),
        (known(600, 11, "EE"), "/permission/0/target/refinement/0"),
        (known(600, 10, "FI"), "/permission/0/assignee/refinement/0"),
    ] {
        let decided = code(&policy, &world, 1);
        assert_eq!(decided.because.iter().map(|b| b.clause.as_str()).collect::<Vec<_>>(), [clause]);
    }
    let mut stranger = known(600, 10, "EE");
    stranger["memberOf"] = json!([]);
    assert_eq!(code(&policy, &stranger, 1).because[0].operand, "target");
}

#[test]
fn rules_for_others_and_other_targets_do_not_apply() {
    let to = |assignee: &str, target: &str| {
        json!({"@type": "Agreement", "assigner": "did:web:p", "assignee": assignee, "target": target,
               "permission": [{"action": "use"}]})
    };
    code(&to("did:web:c", "urn:t"), &exchange(json!({})), 0);
    let decided = code(&to("did:web:other", "urn:t"), &exchange(json!({})), 1);
    assert_eq!(decided.because[0].operand, "assignee");
    code(&to("did:web:c", "urn:other"), &exchange(json!({})), 1);
    for part in ["target", "assigner", "assignee"] {
        let mut unsaid = exchange(json!({}));
        unsaid["request"].as_object_mut().unwrap().remove(part);
        let decided = code(&to("did:web:c", "urn:t"), &unsaid, 1);
        assert_eq!((decided.because[0].operand.as_str(), decided.because[0].state), (part, Truth::Unknown));
    }
}

#[test]
fn without_a_permission_nothing_is_permitted() {
    code(&json!({"prohibition": [{"action": "sell"}]}), &exchange(json!({})), 1);
    code(&json!({"obligation": [{"action": "inform"}]}), &exchange(json!({})), 1);
}

#[test]
fn one_of_several_permissions_is_enough_and_a_refusal_tells_of_each() {
    let policy = json!({"permission": [
        {"action": "use", "constraint": [atom("spatial", "eq", json!("EE"))]},
        {"action": "use", "constraint": [atom("purpose", "eq", json!("x"))]},
        {"action": "sell"},
    ]});
    code(&policy, &exchange(json!({"purpose": "x"})), 0);
    let decided = code(&policy, &exchange(json!({"spatial": "FI", "purpose": "y"})), 1);
    let clauses: Vec<&str> = decided.because.iter().map(|b| b.clause.as_str()).collect();
    assert_eq!(clauses, ["/permission/0/constraint/0", "/permission/1/constraint/0"]);
}

#[test]
fn operators_may_define_words_of_their_own() {
    let mut registry = Registry::built_in();
    registry.define(
        "https://example.org/score",
        Operand {
            operators: vec!["gteq".into()],
            source: Source::Claim("$.score".into()),
            ..Operand::of(Kind::Number)
        },
    );
    registry.add_action("https://example.org/analyse", "derive");
    registry.add_profile("https://example.org/profile");
    let policy = |operator: &str| {
        json!({"@context": {"ex": "https://example.org/"}, "profile": "ex:profile",
               "permission": [{"action": "ex:analyse", "constraint": [atom("ex:score", operator, json!(700))]}]})
    };
    let compiled = Compiled::read(&policy("gteq"), &registry).unwrap();
    let asked = |action: &str, score: &str| {
        let world = World { action: action.into(), ..World::default() };
        compiled.decide(&world.knowing("https://example.org/score", score)).permit
    };
    assert!(asked("ex:analyse", "700"));
    assert!(!asked("ex:analyse", "699"));
    assert!(!asked("derive", "700"));
    assert_eq!(Compiled::read(&policy("lt"), &registry).unwrap_err()[0].code, "operator.not-allowed");
    assert!(Compiled::read(&policy("gteq"), &Registry::built_in()).is_err());
}

#[test]
fn a_unit_that_the_operand_does_not_have_may_not_be_published() {
    let mut registry = Registry::built_in();
    let distance = Operand { unit: Some("https://example.org/km".into()), ..Operand::of(Kind::Number) };
    registry.define("https://example.org/distance", distance);
    let policy = |unit: &str| {
        json!({"@context": {"ex": "https://example.org/"}, "permission": [{"action": "use", "constraint": [
            {"leftOperand": "ex:distance", "operator": "lteq", "rightOperand": 5, "unit": unit}]}]})
    };
    assert!(Compiled::read(&policy("ex:km"), &registry).is_ok());
    let refused = Compiled::read(&policy("ex:mi"), &registry).unwrap_err();
    assert_eq!((refused[0].code, &*refused[0].clause), ("constraint.unit", "/permission/0/constraint/0"));
}

#[test]
fn a_sequence_says_that_its_order_is_not_known() {
    let policy = set(json!([{"andSequence": [atom("spatial", "eq", json!("EE")), atom("media", "eq", json!("a"))]}]));
    let decided = code(&policy, &exchange(json!({"spatial": "EE", "media": "a"})), 1);
    assert!(decided.because.iter().all(|b| b.reason.contains("in what order")), "{decided:?}");
}
