//! The boolean fragment against Cedar: every fact known, no duties, prohibitions win. There the two languages mean the same.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::policy::{Compiled, Registry, World};

static WORDS: LazyLock<Registry> = LazyLock::new(Registry::built_in);

const PURPOSES: [&str; 4] = ["research", "care", "statistics", "trade"];

fn atom() -> impl Strategy<Value = Value> {
    let text = (select(&["eq", "neq"][..]), select(&PURPOSES[..]))
        .prop_map(|(operator, value)| json!({"leftOperand": "purpose", "operator": operator, "rightOperand": value}));
    let list = (select(&["isAnyOf", "isNoneOf"][..]), prop::sample::subsequence(&PURPOSES[..], 1..4))
        .prop_map(|(operator, values)| json!({"leftOperand": "purpose", "operator": operator, "rightOperand": values}));
    let number = (select(&["eq", "neq", "lt", "lteq", "gt", "gteq"][..]), 0..6_i64)
        .prop_map(|(operator, value)| json!({"leftOperand": "count", "operator": operator, "rightOperand": value}));
    prop_oneof![text, list, number]
}

fn constraint() -> impl Strategy<Value = Value> {
    atom().prop_recursive(3, 8, 3, |inner| {
        (select(&["and", "or"][..]), prop::collection::vec(inner, 1..4)).prop_map(|(logic, all)| json!({logic: all}))
    })
}

fn rules() -> impl Strategy<Value = Vec<Value>> {
    let rule = (select(&["use", "sell"][..]), prop::collection::vec(constraint(), 0..3))
        .prop_map(|(action, constraints)| json!({"action": action, "constraint": constraints}));
    prop::collection::vec(rule, 0..3)
}

/// Permissions and prohibitions, at least one of either.
fn some_rules() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    (rules(), rules()).prop_filter("a policy has a rule", |(permissions, prohibitions)| {
        !permissions.is_empty() || !prohibitions.is_empty()
    })
}

fn condition(constraint: &Value) -> String {
    for (logic, sign) in [("and", " && "), ("or", " || ")] {
        if let Some(parts) = constraint[logic].as_array() {
            return format!("({})", parts.iter().map(condition).collect::<Vec<_>>().join(sign));
        }
    }
    let (left, right) = (&constraint["leftOperand"], &constraint["rightOperand"]);
    let seen = format!("context.{}", left.as_str().unwrap());
    match constraint["operator"].as_str().unwrap() {
        "isAnyOf" => format!("{right}.contains({seen})"),
        "isNoneOf" => format!("!({right}.contains({seen}))"),
        operator => {
            let signs = [("eq", "=="), ("neq", "!="), ("lt", "<"), ("lteq", "<="), ("gt", ">"), ("gteq", ">=")];
            let sign = signs.iter().find(|(name, _)| *name == operator).unwrap().1;
            format!("{seen} {sign} {right}")
        }
    }
}

fn statement(effect: &str, rule: &Value) -> String {
    let action = rule["action"].as_str().unwrap();
    let all: Vec<String> = rule["constraint"].as_array().unwrap().iter().map(condition).collect();
    let when = if all.is_empty() { String::new() } else { format!(" when {{ {} }}", all.join(" && ")) };
    format!("{effect}(principal, action == Action::\"{action}\", resource){when};\n")
}

fn cedar_permits(permissions: &[Value], prohibitions: &[Value], action: &str, purpose: &str, count: i64) -> bool {
    let text: String = permissions.iter().map(|rule| statement("permit", rule)).collect();
    let text = text + &prohibitions.iter().map(|rule| statement("forbid", rule)).collect::<String>();
    let policies = PolicySet::from_str(&text).unwrap();
    let uid = |text: &str| EntityUid::from_str(text).unwrap();
    let context = Context::from_json_value(json!({"purpose": purpose, "count": count}), None).unwrap();
    let action = uid(&format!("Action::\"{action}\""));
    let request = Request::new(uid("User::\"c\""), action, uid("Asset::\"t\""), context, None).unwrap();
    let answer = Authorizer::new().is_authorized(&request, &policies, &Entities::empty());
    assert_eq!(answer.diagnostics().errors().count(), 0, "{text}");
    answer.decision() == Decision::Allow
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_boolean_fragment_decides_as_cedar_does(
        (permissions, prohibitions) in some_rules(), action in select(&["use", "sell"][..]),
        purpose in select(&PURPOSES[..]), count in 0..6_i64,
    ) {
        let policy = json!({"conflict": "prohibit", "permission": permissions, "prohibition": prohibitions});
        let world = json!({"now": "2026-01-01T00:00:00Z", "phase": "exchange", "request": {"action": action},
                           "facts": {"purpose": purpose, "count": count}});
        let compiled = Compiled::read(&policy, &WORDS).unwrap();
        let ours = compiled.decide(&World::read(&world).unwrap()).permit;
        prop_assert_eq!(ours, cedar_permits(&permissions, &prohibitions, action, purpose, count));
    }
}
