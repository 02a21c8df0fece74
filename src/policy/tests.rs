//! Sentences about policies.

use serde_json::{Value, json};

use super::truth::Mask;
use super::*;

mod after;
mod authoring;
mod belonging;
mod bounds;
mod cedar;
mod contexts;
mod days;
mod export;
mod fine_print;
mod forms;
mod infringed;
mod judged;
mod language;
mod naive;
mod obligations;
mod outlook;
mod properties;
mod publication;
mod reasons;
mod rehearsed;
mod sequences;
mod tracking;
mod units;

pub(super) fn decide(policy: &Value, world: &Value) -> DocumentDecision {
    decide_document(&policy.to_string(), &world.to_string(), &Registry::built_in()).unwrap()
}

pub(super) fn world(phase: &str, facts: Value) -> Value {
    json!({
        "now": "2026-11-23T10:00:00Z", "phase": phase,
        "request": {"action": "use", "target": "urn:t", "assigner": "did:web:p", "assignee": "did:web:c"},
        "facts": facts,
    })
}

pub(super) fn exchange(facts: Value) -> Value {
    world("exchange", facts)
}

pub(super) fn set(constraint: Value) -> Value {
    json!({"@type": "Set", "permission": [{"action": "use", "constraint": constraint}]})
}

pub(super) fn atom(left: &str, operator: &str, right: Value) -> Value {
    json!({"leftOperand": left, "operator": operator, "rightOperand": right})
}

#[track_caller]
pub(super) fn code(policy: &Value, world: &Value, expected: u8) -> DocumentDecision {
    let decided = decide(policy, world);
    assert_eq!(decided.exit_code(), expected, "{policy}\n{world}\n{decided:?}");
    decided
}

/// The truth of one constraint in a world.
#[track_caller]
pub(super) fn truth(constraint: Value, facts: Value) -> Truth {
    let compiled = Compiled::read(&set(json!([constraint])), &Registry::built_in()).unwrap();
    let told = compiled.explain(&World::read(&exchange(facts)).unwrap());
    told.rules[0].parts.last().unwrap().state
}

#[test]
fn a_permission_without_constraints_permits() {
    code(&json!({"@type": "Set", "permission": [{"action": "use"}]}), &exchange(json!({})), 0);
    code(&json!({"permission": {"action": "use", "constraint": []}}), &exchange(json!({})), 0);
}

#[test]
fn the_hash_does_not_depend_on_the_order_of_keys() {
    let one: Value = serde_json::from_str(r#"{"a": 1, "b": [true, {"c": "d", "e": null}]}"#).unwrap();
    let two: Value = serde_json::from_str(r#"{"b": [true, {"e": null, "c": "d"}], "a": 1}"#).unwrap();
    assert_eq!(hash(&one), hash(&two));
    assert_ne!(hash(&one), hash(&json!({"a": 2})));
    assert_eq!(hash(&json!({"a": "b"})).len(), 64);
}

#[test]
fn counters_are_found_with_their_limits() {
    let policy = json!({
        "conflict": "prohibit",
        "permission": [{"action": "use", "constraint": [
            atom("count", "lt", json!("3")), atom("xroad:callsPerMinute", "lteq", json!(60))]}],
        "prohibition": [{"action": "use", "constraint": [atom("count", "gteq", json!("10.5"))]}],
    });
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let limits: Vec<_> = compiled.counters().iter().map(|c| (c.operand.as_str(), c.limit)).collect();
    assert_eq!(limits, [("count", Some(2)), ("xroad:callsPerMinute", Some(60)), ("count", Some(10))]);
}

#[test]
fn a_redacted_decision_keeps_the_clause_and_hides_what_was_seen() {
    let policy = set(json!([atom("spatial", "eq", json!("EE"))]));
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let world = World { action: "use".into(), ..World::default() }.knowing("spatial", "secret");
    let decision = compiled.decide(&world);
    let told = decision.redacted();
    assert_eq!(told.because[0].clause, "/permission/0/constraint/0");
    assert!(!serde_json::to_string(&told.because).unwrap().contains("secret"));
    let public = decision.for_audience(Audience::Public);
    assert!(public.because[0].required.is_empty());
    assert_eq!(decision.for_audience(Audience::Operator), decision);
}

#[test]
fn every_reason_says_where_the_value_comes_from_and_names_of_ours_are_for_the_operator() {
    let mut registry = Registry::built_in();
    let define = |registry: &mut Registry, name: &str, source: Source| {
        registry.define(name, Operand { source, ..Operand::text() });
    };
    define(&mut registry, "urn:header", Source::Header("case-number".into()));
    define(&mut registry, "urn:claim", Source::Claim("$.role".into()));
    define(&mut registry, "urn:body", Source::Pointer("/person".into()));
    let operands = [
        ("dateTime", "clock", "clock"),
        ("count", "counter", "counter"),
        ("xroad:datapath", "request path", "request path"),
        ("xroad:globalGroupMember", "memberships", "memberships"),
        ("purpose", "declared by consumer", "declared by consumer"),
        ("urn:header", "header case-number", "header"),
        ("urn:claim", "claim $.role", "claim"),
        ("urn:body", "body /person", "body"),
    ];
    for (operand, source, told) in operands {
        let right = match operand {
            "dateTime" => "2020-01-01T00:00:00Z",
            "xroad:datapath" => "GET /a",
            _ => "1",
        };
        let policy = set(json!([atom(operand, "eq", json!(right))]));
        let compiled = Compiled::read(&policy, &registry).unwrap();
        let decision = compiled.decide(&World::read(&exchange(json!({}))).unwrap());
        assert_eq!(decision.because[0].source.as_deref(), Some(source));
        assert_eq!(decision.redacted().because[0].source.as_deref(), Some(told));
        assert_eq!(decision.for_audience(Audience::Public).because[0].source, None);
    }
    let decided = code(&json!({"permission": [{"action": "sell"}]}), &exchange(json!({})), 1);
    assert_eq!(decided.because[0].source.as_deref(), Some("request"));
}

#[test]
fn an_explanation_tells_of_every_rule_and_constraint() {
    let policy = json!({
        "conflict": "prohibit",
        "permission": [{"uid": "urn:p", "action": "use", "duty": [{"action": "compensate"}], "constraint": [
            {"or": [atom("spatial", "eq", json!("EE")), atom("purpose", "eq", json!("x"))]}]}],
        "prohibition": [{"action": "use", "constraint": [atom("count", "gt", json!(5))]}],
    });
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let told = compiled.explain(&World::read(&exchange(json!({"spatial": "EE", "count": 1}))).unwrap());
    assert!(!told.permit);
    assert_eq!(
        told.rules.iter().map(|r| (r.kind, r.state)).collect::<Vec<_>>(),
        [("permission", Truth::False), ("prohibition", Truth::False)]
    );
    let text = told.to_string();
    for line in [
        "refused\n",
        "  because the duty to compensate is not fulfilled (/permission/0/duty/0)",
        "- permission /permission/0\n",
        "  + or /permission/0/constraint/0\n",
        "    + constraint /permission/0/constraint/0/or/0: spatial is EE, which is eq EE [attested: declared by consumer]",
        "    ? constraint /permission/0/constraint/0/or/1: purpose is not known",
        "  - duty /permission/0/duty/0",
        "  - constraint /prohibition/0/constraint/0: count is 1, which is not gt 5 [enforced: counter]",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_sheet_is_filled_for_each_call_and_decides_as_the_world_does() {
    let policy = set(json!([
        atom("count", "lteq", json!(3)),
        atom("xroad:datapath", "isAnyOf", json!(["GET /a/*"])),
        atom("timeInterval", "gteq", json!("PT1S")),
    ]));
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let mut sheet = compiled.sheet(&World::read(&exchange(json!({}))).unwrap());
    let mut trace = Trace::default();
    let places = ["count", "xroad:datapath", "odrl:timeInterval"].map(|name| compiled.place(name));
    assert!(compiled.place("purpose").is_none());
    for (count, path, millis, permit) in [
        (3, "GET /a/1", 1000, true),
        (4, "GET /a/1", 1000, false),
        (3, "GET /b", 1000, false),
        (3, "GET /a/1", 999, false),
    ] {
        sheet.begin_again(sheet.now);
        assert!(!compiled.judge(&sheet, &mut trace).permit, "nothing is known of the call before");
        compiled.fill(&mut sheet).number(places[0], count).text(places[1], path).millis(places[2], millis);
        let verdict = compiled.judge(&sheet, &mut trace);
        assert_eq!(verdict.permit, permit, "{:?}", compiled.because(&sheet, verdict));
    }
    sheet.forget(places[0].unwrap());
    assert!(!compiled.judge(&sheet, &mut trace).permit);
}

#[test]
fn a_trace_tells_of_each_comparison_what_became_of_it() {
    let policy = set(json!([
        atom("count", "lteq", json!(3)),
        atom("purpose", "eq", json!("urn:a")),
        {"or": [atom("spatial", "eq", json!("EE")), atom("language", "eq", json!("et"))]},
    ]));
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let world = exchange(json!({"count": 3, "spatial": "FI", "language": "et"}));
    let mut trace = Trace::default();
    let _ = compiled.judge(&compiled.sheet(&World::read(&world).unwrap()), &mut trace);
    assert_eq!(trace.atoms, [Mask::TRUE, Mask::UNKNOWN, Mask::FALSE, Mask::TRUE]);
    let plain = set(json!([atom("count", "lteq", json!(3)), atom("spatial", "eq", json!("EE"))]));
    let compiled = Compiled::read(&plain, &Registry::built_in()).unwrap();
    let _ = compiled.judge(&compiled.sheet(&World::read(&world).unwrap()), &mut trace);
    assert_eq!(trace.atoms, [Mask::TRUE, Mask::FALSE]);
}
