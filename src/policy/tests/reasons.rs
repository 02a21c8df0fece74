//! What is said of a decision is true of it.

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

#[test]
fn an_obligation_that_may_not_have_been_called_for_is_unknown_and_names_its_condition() {
    let conditions =
        json!([atom("dateTime", "lteq", json!("2026-11-20T00:00:00Z")), atom("spatial", "eq", json!("FI"))]);
    let obligation =
        json!({"permission": [{"action": "use"}], "obligation": [{"action": "delete", "constraint": conditions}]});
    let duty = permission(&json!({"duty": [{"action": "delete", "constraint": conditions}]}));
    for (policy, clause) in [(obligation, "/obligation/0"), (duty, "/permission/0/duty/0")] {
        let open = code(&policy, &exchange(json!({})), 1);
        assert!(open.because.iter().all(|why| why.state == Truth::Unknown), "{open:?}");
        let clauses: Vec<&str> = open.because.iter().map(|why| why.clause.as_str()).collect();
        assert_eq!(clauses, [clause.to_owned(), format!("{clause}/constraint/1")]);
        assert!(open.because[0].reason.contains("may not have been fulfilled"), "{}", open.because[0].reason);
        let missed = code(&policy, &exchange(json!({"spatial": "FI"})), 1);
        assert_eq!(missed.because.iter().map(|why| why.state).collect::<Vec<_>>(), [Truth::False]);
        code(&policy, &exchange(json!({"spatial": "EE"})), 0);
    }
}

#[test]
fn a_xone_that_two_parts_refuse_names_those_two() {
    let policy = permission(&json!({"constraint": [{"xone": [
        atom("purpose", "eq", json!("a")), atom("spatial", "eq", json!("x")), atom("language", "eq", json!("et"))]}]}));
    let refused = code(&policy, &exchange(json!({"purpose": "a", "spatial": "x"})), 1);
    let told: Vec<(&str, Truth)> = refused.because.iter().map(|why| (why.clause.as_str(), why.state)).collect();
    assert_eq!(
        told,
        [("/permission/0/constraint/0/xone/0", Truth::True), ("/permission/0/constraint/0/xone/1", Truth::True)]
    );
}

#[test]
fn a_reason_says_what_leaves_a_comparison_open() {
    let of = |constraint: Value, facts: Value| {
        let decided = code(&prohibition(&json!({"constraint": [constraint]})), &exchange(facts), 1);
        decided.because[0].reason.clone()
    };
    let several = of(atom("purpose", "eq", json!("m")), json!({"purpose": ["x", "y"]}));
    assert_eq!(
        several,
        "a prohibition may apply: purpose is x, y; with several values it cannot be told whether that is eq m"
    );
    let taxonomy = of(atom("purpose", "isA", json!("m")), json!({"purpose": "x"}));
    assert_eq!(taxonomy, "a prohibition may apply: purpose is x; no taxonomy tells whether that is isA m");
    let unknown = of(atom("purpose", "eq", json!("m")), json!({}));
    assert_eq!(unknown, "a prohibition may apply: purpose is not known, so it cannot be shown to be eq m");
}

#[test]
fn a_prohibition_that_only_may_apply_says_so_in_every_entry() {
    let policy =
        prohibition(&json!({"constraint": [atom("spatial", "eq", json!("FI")), atom("purpose", "eq", json!("m"))]}));
    let open = code(&policy, &exchange(json!({"spatial": "FI"})), 1);
    assert_eq!(open.because.len(), 2);
    assert!(open.because.iter().all(|why| why.reason.starts_with("a prohibition may apply: ")), "{open:?}");
    let sure = code(&policy, &exchange(json!({"spatial": "FI", "purpose": "m"})), 1);
    assert!(sure.because.iter().all(|why| why.reason.starts_with("a prohibition applies: ")), "{sure:?}");
    let mut nobody = exchange(json!({"spatial": "FI"}));
    nobody["request"].as_object_mut().unwrap().remove("target");
    let aimed = prohibition(&json!({"target": "urn:t", "constraint": [atom("spatial", "eq", json!("FI"))]}));
    let open = code(&aimed, &nobody, 1);
    assert_eq!(open.because.len(), 2);
    assert!(open.because.iter().all(|why| why.reason.starts_with("a prohibition may apply: ")), "{open:?}");
}

#[test]
fn a_prohibition_tells_nothing_of_acts_that_were_not_asked_for() {
    let transfer = json!({"rdf:value": {"@id": "odrl:transfer"}, "refinement": [atom("spatial", "eq", json!("EE"))]});
    let narrow = json!({"rdf:value": {"@id": "odrl:use"}, "refinement": [atom("language", "eq", json!("et"))]});
    let policy =
        prohibition(&json!({"action": ["use", transfer, narrow], "constraint": [atom("purpose", "eq", json!("m"))]}));
    let refused = code(&policy, &exchange(json!({"purpose": "m"})), 1);
    let told: Vec<&str> = refused.because.iter().map(|why| why.clause.as_str()).collect();
    assert_eq!(told, ["/prohibition/0/constraint/0"]);
    let narrowed = code(&prohibition(&json!({"action": [narrow]})), &exchange(json!({})), 1);
    assert_eq!(narrowed.because[0].clause, "/prohibition/0/action/0/refinement/0");
}

#[test]
fn reasons_read_as_sentences() {
    let none = permission(&json!({"constraint": [atom("purpose", "isNoneOf", json!(["a"]))]}));
    let permitted = code(&none, &exchange(json!({"purpose": []})), 0);
    assert_eq!(permitted.because[0].reason, "purpose has no value, which is isNoneOf a");
    let plain = code(&permission(&json!({})), &exchange(json!({})), 0);
    assert_eq!(plain.because[0].reason, "use is permitted");
    let mut agreement = permission(&json!({"assigner": "urn:a", "assignee": "urn:b"}));
    agreement["@type"] = json!("Agreement");
    assert_eq!(code(&agreement, &exchange(json!({})), 2).invalid[0].reason, "a rule of an agreement needs a target");
}

#[test]
fn a_reason_is_true_of_what_it_is_about() {
    let path = permission(&json!({"constraint": [atom("xroad:datapath", "eq", json!("GET /**"))]}));
    for (called, reason) in [
        ("GET a", "GET a is not a method with a path, so what it calls is not known"),
        ("GET", "GET is not a method with a path, so what it calls is not known"),
        ("GET /a\\b", "the path GET /a\\b has dot segments, backslashes or an encoding that may mean two things"),
    ] {
        assert_eq!(code(&path, &exchange(json!({"xroad:datapath": called})), 1).because[0].reason, reason);
    }
    let late = json!([atom("dateTime", "lteq", json!("2026-01-01"))]);
    let duty = permission(&json!({"duty": [{"action": "inform", "constraint": late}]}));
    assert_eq!(code(&duty, &exchange(json!({})), 1).because[0].reason, "the duty to inform was not fulfilled in time");
    let mut offer = permission(&json!({}));
    offer["@type"] = json!("Offer");
    let refused = code(&offer, &exchange(json!({})), 1);
    assert_eq!(refused.because[0].reason, "an offer permits no transfer and no exchange; that takes an agreement");
}

#[test]
fn a_date_relative_to_the_agreement_is_told_as_it_is_written() {
    let policy = permission(&json!({"constraint": [
        atom("edc:inForceDate", "lteq", json!("contractAgreement+10d"))]}));
    let on = |agreed: &str, expected: u8| code(&policy, &exchange(json!({"edc:contractAgreement": agreed})), expected);
    let refused = on("2026-11-01T00:00:00Z", 1);
    let why = &refused.because[0];
    assert_eq!((&*why.operand, &*why.required), ("edc:inForceDate", "contractAgreement+10d"));
    assert_eq!(why.reason, "edc:inForceDate is 2026-11-23T10:00:00.000Z, which is not lteq contractAgreement+10d");
    assert_eq!(refused.residual[0].reason, "would permit if edc:inForceDate were at most contractAgreement+10d");
    assert_eq!(on("2026-11-20T00:00:00Z", 0).because[0].operand, "edc:inForceDate");
    // When the agreement was made is not known: neither is whether the date is within it.
    let unknown = code(&policy, &exchange(json!({})), 1);
    assert_eq!((unknown.because[0].state, &unknown.because[0].observed), (Truth::Unknown, &None));
}

#[test]
fn a_review_warns_of_lists_that_are_compared_as_one_and_of_stars_that_are_characters() {
    let policy = permission(&json!({"constraint": [
        atom("purpose", "eq", json!(["a", "b"])), atom("spatial", "neq", json!(["FI", "EE"])), atom("purpose", "isAnyOf", json!(["a", "b"])),
        atom("xroad:datapath", "isAnyOf", json!(["GET /a/*", "GET /pers*"]))]}));
    let review = Compiled::read(&policy, &Registry::built_in()).unwrap().review();
    let of = |code: &str| -> Vec<String> {
        review.warnings.iter().filter(|w| w.code == code).map(|w| w.clause.clone()).collect()
    };
    assert_eq!(of("constraint.never-told"), ["/permission/0/constraint/0", "/permission/0/constraint/1"]);
    assert_eq!(of("constraint.partial-star"), ["/permission/0/constraint/3"]);
}

#[test]
fn an_explanation_moves_no_terminal() {
    let policy = permission(&json!({"constraint": [atom("purpose", "eq", json!("x\u{1b}[2J"))]}));
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let told = compiled.explain(&World::read(&exchange(json!({"purpose": "a\nb\u{1b}[31m"}))).unwrap()).to_string();
    assert!(!told.chars().any(|c| c.is_control() && c != '\n') && told.contains("a\\nb\\u{1b}[31m"), "{told}");
}
