//! What authors and consumers are told: what is left to be met, and what a policy is worth.

use serde_json::{Value, json};

use super::super::*;

fn world(facts: Value) -> String {
    json!({"now": "2026-11-24T10:00:00Z", "phase": "exchange", "request": {"action": "use"}, "facts": facts})
        .to_string()
}

fn decided(policy: &Value, facts: Value) -> DocumentDecision {
    decide_document(&policy.to_string(), &world(facts), &Registry::built_in()).unwrap()
}

fn reviewed(policy: &Value) -> Review {
    Compiled::read(policy, &Registry::built_in()).unwrap().review()
}

fn atom(left: &str, operator: &str, right: Value) -> Value {
    json!({"leftOperand": left, "operator": operator, "rightOperand": right})
}

#[test]
fn a_refusal_for_want_of_a_permission_says_what_would_permit() {
    let policy = json!({"@type": "Set", "permission": [{"action": "use", "constraint": [
        atom("purpose", "eq", json!("urn:p:tax")),
        atom("count", "lteq", json!(3)),
        {"or": [atom("spatial", "eq", json!("EE")), atom("spatial", "eq", json!("FI"))]},
    ]}]});
    let refused = decided(&policy, json!({"purpose": "urn:p:ads", "count": 2, "spatial": "SE"}));
    assert_eq!(refused.decision, "refuse");
    let [residual] = &refused.residual[..] else { panic!("{:?}", refused.residual) };
    assert_eq!(residual.clause, "/permission/0");
    assert_eq!(residual.reason, "would permit if purpose were urn:p:tax and (spatial were EE or spatial were FI)");
    let permitted = decided(&policy, json!({"purpose": "urn:p:tax", "count": 2, "spatial": "FI"}));
    assert_eq!((permitted.decision, permitted.residual.len()), ("permit", 0));
}

#[test]
fn a_duty_left_to_do_is_part_of_what_would_permit() {
    let policy = json!({"@type": "Set", "permission": [{"action": "use", "duty": [{"action": "obtainConsent"}]}]});
    let refused = decided(&policy, json!({}));
    assert_eq!(refused.residual[0].reason, "would permit if the duty to obtainConsent were fulfilled");
}

#[test]
fn nothing_is_promised_where_a_prohibition_refuses_or_no_permission_is_about_the_request() {
    let prohibited = json!({"@type": "Set", "conflict": "prohibit", "permission": [{"action": "use"}],
        "prohibition": [{"action": "use", "constraint": [atom("spatial", "eq", json!("SE"))]}]});
    assert!(decided(&prohibited, json!({"spatial": "SE"})).residual.is_empty());
    let other = json!({"@type": "Set", "permission": [{"action": "distribute"}]});
    assert!(decided(&other, json!({})).residual.is_empty());
}

#[test]
fn a_review_says_how_far_each_constraint_holds() {
    let review = reviewed(&json!({"@type": "Set", "permission": [{"action": "use", "constraint": [
        atom("xroad:datapath", "eq", json!("GET /a")), atom("purpose", "eq", json!("urn:p"))]}]}));
    let held: Vec<_> = review.constraints.iter().map(|c| (c.operand.as_str(), c.assurance)).collect();
    assert_eq!(held, [("xroad:datapath", Assurance::Enforced), ("purpose", Assurance::Attested)]);
    assert_eq!(review.warnings.len(), 1);
    assert_eq!(
        (review.warnings[0].code, &*review.warnings[0].clause),
        ("constraint.not-enforced", "/permission/0/constraint/1")
    );
}

#[test]
fn rules_that_never_apply_and_permissions_that_are_taken_away_are_warned_of() {
    let contradiction = json!({"@type": "Set", "permission": [
        {"action": "use", "constraint": [atom("count", "lt", json!(3)), atom("count", "gt", json!(5))]},
        {"action": "use", "constraint": [atom("count", "lt", json!(3))]}]});
    let warned: Vec<_> = reviewed(&contradiction).warnings.into_iter().map(|w| (w.code, w.clause)).collect();
    assert_eq!(warned, [("rule.never-applies", "/permission/0".to_owned())]);

    let shadowed = |prohibition: Value| {
        let policy = json!({"@type": "Set", "target": "urn:t", "conflict": "prohibit",
            "permission": [{"action": "read"}], "prohibition": [prohibition]});
        reviewed(&policy).warnings.into_iter().any(|w| w.code == "rule.shadowed" && w.clause == "/permission/0")
    };
    assert!(shadowed(json!({"action": "use"})));
    assert!(!shadowed(json!({"action": "distribute"})));
    assert!(!shadowed(json!({"action": "use", "target": "urn:other"})));
    assert!(!shadowed(json!({"action": "use", "constraint": [atom("spatial", "eq", json!("SE"))]})));
}
