//! What authors and consumers are told: what is left to be met, and what a policy is worth.

use serde_json::{Value, json};

use super::super::*;
use super::set;

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
fn refinements_are_part_of_what_would_permit() {
    let narrowed = |spatial: &str| json!({"@id": "use", "refinement": [atom("spatial", "eq", json!(spatial))]});
    let policy = json!({"@type": "Set", "permission": [{"action": [narrowed("EE"), narrowed("FI")],
        "constraint": [atom("count", "lteq", json!(3))]}]});
    let refused = decided(&policy, json!({"count": 4, "spatial": "SE"}));
    let reason = "would permit if (spatial were EE or spatial were FI) and count were at most 3";
    assert_eq!(refused.residual[0].reason, reason);
}

#[test]
fn a_duty_left_to_do_is_part_of_what_would_permit() {
    let policy = json!({"@type": "Set", "permission": [{"action": "use", "duty": [{"action": "obtainConsent"}]}]});
    let refused = decided(&policy, json!({}));
    assert_eq!(refused.residual[0].reason, "would permit if the duty to obtainConsent were fulfilled");
}

#[test]
fn nothing_is_promised_that_would_not_permit() {
    let residual = |policy: &Value, facts: Value| -> Vec<String> {
        decided(policy, facts).residual.into_iter().map(|left| left.reason).collect()
    };
    let count = |operator: &str, right: Value| atom("count", operator, right);
    let never = set(json!([count("lteq", json!(5)), count("gt", json!(7))]));
    assert!(residual(&never, json!({"count": 9})).is_empty());
    let abc = count("lteq", json!("abc"));
    assert!(residual(&set(json!([abc])), json!({"count": 3})).is_empty());
    let either = set(json!([{"or": [abc, count("lteq", json!(2))]}]));
    assert_eq!(residual(&either, json!({"count": 3})), ["would permit if count were at most 2"]);
    let late = |then: Value| {
        json!({"permission": [{"action": "use", "duty": [{"action": "inform", "consequence": then,
            "constraint": [atom("dateTime", "lteq", json!("2026-01-01"))]}]}]})
    };
    assert!(residual(&late(json!([])), json!({})).is_empty());
    assert_eq!(
        residual(&late(json!([{"action": "compensate"}])), json!({})),
        ["would permit if the duty to inform and what follows from its delay, compensate, were fulfilled"]
    );
    let dangling = json!({"permission": [{"action": "use", "duty": [{"@id": "urn:r"}]}]});
    assert_eq!(residual(&dangling, json!({})), ["would permit if what urn:r says were known"]);
}

#[test]
fn where_permissions_win_a_refusal_tells_why_none_permits() {
    let policy = json!({"conflict": "perm", "prohibition": [{"action": "use"}],
        "permission": [{"action": "use", "constraint": [atom("spatial", "eq", json!("FI"))]}]});
    let refused = decided(&policy, json!({"spatial": "SE"}));
    assert_eq!(refused.because.len(), 1);
    assert_eq!((&*refused.because[0].clause, refused.because[0].state), ("/permission/0/constraint/0", Truth::False));
    assert_eq!(refused.residual[0].reason, "would permit if spatial were FI");
    assert_eq!(decided(&policy, json!({"spatial": "FI"})).decision, "permit");
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
    assert!(!shadowed(
        json!({"action": ["print", {"@id": "use", "refinement": [atom("spatial", "eq", json!("SE"))]}]})
    ));
}

#[test]
fn a_permission_within_a_wider_one_and_one_that_prohibitions_take_away_together_are_warned_of() {
    let warned = |policy: &Value| -> Vec<String> {
        let warnings = reviewed(policy).warnings.into_iter();
        warnings.filter(|w| w.code == "rule.shadowed").map(|w| w.clause).collect()
    };
    let limited = |most: i64| json!({"action": "use", "constraint": [atom("count", "lteq", json!(most))]});
    let both = json!({"permission": [limited(3), limited(5)]});
    assert_eq!(warned(&both), ["/permission/0"]);
    assert_eq!(warned(&json!({"permission": [limited(3), limited(3)]})), ["/permission/1"]);
    let mut paid = both;
    paid["permission"][1]["duty"] = json!([{"action": "compensate"}]);
    assert!(warned(&paid).is_empty());
    let barred = |operator: &str, at: i64| json!({"action": "use", "constraint": [atom("count", operator, json!(at))]});
    let between = |low: i64, high: i64| json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [barred("lt", high), barred("gteq", low)]});
    assert_eq!(warned(&between(5, 5)), ["/permission/0"]);
    assert!(warned(&between(6, 5)).is_empty());
}

#[test]
fn duties_that_can_never_be_called_for_are_warned_of_too() {
    let never = json!([atom("count", "lt", json!(3)), atom("count", "gt", json!(5))]);
    let policy = json!({"permission": [{"action": "use", "duty": [{"action": "inform", "constraint": never}]}],
        "obligation": [{"action": "inform", "consequence": [{"action": "compensate", "constraint": never}]}]});
    let warned: Vec<_> = reviewed(&policy).warnings.into_iter().filter(|w| w.code == "rule.never-applies").collect();
    let clauses: Vec<&str> = warned.iter().map(|w| w.clause.as_str()).collect();
    assert_eq!(clauses, ["/permission/0/duty/0", "/obligation/0/consequence/0"]);
}

#[test]
fn what_can_never_be_shown_to_hold_here_is_warned_of() {
    let referenced =
        json!({"leftOperand": "spatial", "operator": "eq", "rightOperandReference": "https://example.org/list"});
    let steps = json!({"andSequence": [atom("spatial", "eq", json!("EE")), atom("spatial", "eq", json!("FI"))]});
    let one_step = json!({"andSequence": [atom("spatial", "eq", json!("EE"))]});
    let policy = json!({"inheritFrom": "urn:parent", "permission": [{"action": "use", "constraint": [
        atom("fileFormat", "eq", json!("text/csv")), referenced, steps, one_step, atom("elapsedTime", "lteq", json!("P1D"))]}]});
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let told: Vec<_> = compiled.unenforceable().into_iter().map(|w| (w.code, w.clause)).collect();
    assert_eq!(
        told,
        [
            ("constraint.unenforceable", "/permission/0/constraint/0".to_owned()),
            ("constraint.unenforceable", "/permission/0/constraint/1".to_owned()),
            ("constraint.unenforceable", "/permission/0/constraint/2".to_owned()),
            ("policy.parent-unknown", "/inheritFrom".to_owned()),
        ]
    );
    assert_eq!(Registry::built_in().supplies("odrl:fileFormat"), Some(false));
    assert_eq!(Registry::built_in().supplies("mood"), None);
}
