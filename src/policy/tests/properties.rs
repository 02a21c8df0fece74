//! What holds for every policy and every world.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use super::naive;
use crate::policy::{Compiled, Policy, Registry, World, compile};

static WORDS: LazyLock<Registry> = LazyLock::new(Registry::built_in);

const TERMS: [&str; 4] = ["a", "b", "c", "d"];
const TIMES: [&str; 4] =
    ["2026-11-22T00:00:00Z", "2026-11-23T10:00:00Z", "2026-11-23T12:30:00+02:00", "2026-11-25T00:00:00Z"];

type Told = Option<Value>;

/// When calls are made: some at one time.
const LIVED: [&str; 5] = [
    "2026-11-22T00:00:00Z",
    "2026-11-22T00:00:00.001Z",
    "2026-11-23T10:00:00Z",
    "2026-11-24T00:00:00Z",
    "2026-11-25T00:00:00Z",
];

fn value(operand: &'static str) -> BoxedStrategy<Value> {
    match operand {
        "count" => (0..4_i64).prop_map(|n| json!(n)).boxed(),
        "dateTime" => select(&TIMES[..]).prop_map(|t| json!(t)).boxed(),
        _ => select(&TERMS[..]).prop_map(|t| json!(t)).boxed(),
    }
}

fn atom() -> impl Strategy<Value = Value> {
    let operators =
        ["eq", "neq", "lt", "lteq", "gt", "gteq", "isAnyOf", "isAllOf", "isNoneOf", "isA", "isPartOf", "hasPart"];
    (select(&["purpose", "spatial", "count", "dateTime", "xroad:clientId"][..]), select(operators.to_vec()))
        .prop_flat_map(|(operand, operator)| {
            let one = value(operand);
            let right = if operator.starts_with("is") && operator.ends_with("Of") && operator != "isPartOf" {
                prop::collection::vec(one, 1..4).prop_map(Value::from).boxed()
            } else {
                one
            };
            right.prop_map(move |right| json!({"leftOperand": operand, "operator": operator, "rightOperand": right}))
        })
}

fn constraint() -> impl Strategy<Value = Value> {
    atom().prop_recursive(3, 6, 3, |inner| {
        (select(&["and", "or", "xone", "andSequence"][..]), prop::collection::vec(inner, 1..3))
            .prop_map(|(logic, parts)| json!({logic: parts}))
    })
}

fn optional(
    name: &'static str,
    values: &'static [&'static str],
) -> impl Strategy<Value = Option<(&'static str, Value)>> {
    prop::option::weighted(0.4, select(values).prop_map(move |v| (name, json!(v))))
}

fn rule() -> impl Strategy<Value = Value> {
    let constraints = prop::collection::vec(constraint(), 0..3);
    let target = optional("target", &["urn:t", "urn:all", "urn:other"]);
    let assignee = optional("assignee", &["did:c", "did:friends", "did:other"]);
    (select(&["use", "use", "use", "play", "sell"][..]), constraints, target, assignee).prop_map(
        |(action, constraints, target, assignee)| {
            let mut rule = json!({"action": action, "constraint": constraints});
            for (name, value) in target.into_iter().chain(assignee) {
                // Some are said to be collections, of which nobody may tell.
                let collection = match (value.as_str(), name) {
                    (Some("urn:all"), "target") => Some("AssetCollection"),
                    (Some("did:friends"), "assignee") => Some("PartyCollection"),
                    _ => None,
                };
                rule[name] = collection.map_or(value.clone(), |kind| json!({"@type": kind, "uid": value}));
            }
            rule
        },
    )
}

/// A rule whose action is narrowed, alone or beside another one.
fn refined() -> impl Strategy<Value = Value> {
    let other = prop::option::of(select(&["use", "display", "sell"][..]));
    (rule(), prop::collection::vec(atom(), 0..3), other).prop_map(|(mut rule, refinements, other)| {
        let narrowed = json!({"rdf:value": {"@id": rule["action"].take()}, "refinement": refinements});
        rule["action"] = other.map_or(narrowed.clone(), |other| json!([narrowed, other]));
        rule
    })
}

fn duty() -> impl Strategy<Value = Value> {
    let deadline = prop::option::of(select(&TIMES[..]));
    deadline.prop_map(|deadline| match deadline {
        Some(time) => {
            json!({"uid": "urn:duty", "action": "inform",
                   "constraint": [{"leftOperand": "dateTime", "operator": "lteq", "rightOperand": time}]})
        }
        None => json!({"uid": "urn:duty", "action": "inform"}),
    })
}

pub(super) fn policy() -> impl Strategy<Value = Value> {
    policy_of(rule().boxed())
}

fn policy_of(rule: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let permission = (rule.clone(), prop::collection::vec(duty(), 0..2)).prop_map(|(mut rule, duties)| {
        rule["duty"] = json!(duties);
        rule
    });
    (
        select(&["Set", "Set", "Offer"][..]),
        select(&["perm", "prohibit", "prohibit"][..]),
        prop::collection::vec(permission, 1..3),
        prop::collection::vec(rule, 0..3),
        prop::collection::vec(duty(), 0..2),
    )
        .prop_map(|(kind, conflict, permissions, prohibitions, obligations)| {
            json!({"@type": kind, "conflict": conflict, "permission": permissions, "prohibition": prohibitions,
                   "obligation": obligations})
        })
}

fn fact(operand: &'static str) -> impl Strategy<Value = Option<Value>> {
    let one = value(operand);
    prop::option::weighted(
        0.8,
        prop_oneof![4 => one.clone(), 1 => prop::collection::vec(one, 0..3).prop_map(Value::from)],
    )
}

fn edges(low: &'static str, high: &'static str, names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let edge = (select(names), select(names)).prop_map(move |(a, b)| json!({low: a, high: b}));
    prop::collection::vec(edge, 0..4).prop_map(Value::from)
}

pub(super) fn world() -> impl Strategy<Value = Value> {
    let request = (
        select(&["use", "read", "display", "sell"][..]),
        prop::option::weighted(0.9, Just("urn:t")),
        prop::option::weighted(0.9, Just("did:c")),
    );
    let duties =
        prop::collection::vec((select(&["urn:duty", "/permission/0/duty/0", "urn:x"][..]), select(&TIMES[..])), 0..3);
    let members = edges("member", "collection", &["urn:t", "urn:all", "did:c", "did:friends", "a", "b"]);
    (
        select(&["catalog", "negotiation", "transfer", "exchange", "exchange", "exchange"][..]),
        select(&TIMES[..]),
        request,
        (fact("purpose"), fact("spatial"), fact("count"), fact("xroad:clientId")),
        duties,
        members,
        edges("narrower", "broader", &TERMS),
    )
        .prop_map(|(phase, now, (action, target, assignee), facts, duties, members, broader)| {
            let mut request = json!({"action": action});
            target.into_iter().for_each(|t| request["target"] = json!(t));
            assignee.into_iter().for_each(|a| request["assignee"] = json!(a));
            let facts = facts_of(facts);
            let duties: Vec<Value> = duties.iter().map(|(id, at)| json!({"id": id, "performed": at})).collect();
            json!({"now": now, "phase": phase, "request": request, "facts": facts, "duties": duties,
                   "memberOf": members, "broader": broader})
        })
}

/// An exchange, and the calls before it; mostly few operands and values, so that steps are taken.
fn lived() -> impl Strategy<Value = Value> {
    let at = select(&LIVED[..]);
    let known = || prop::option::weighted(0.9, select(&TERMS[..2]).prop_map(|term| json!(term)));
    let facts = || {
        prop_oneof![
            1 => (fact("purpose"), fact("spatial"), fact("count"), fact("xroad:clientId")).boxed(),
            3 => (known(), fact("spatial"), fact("count"), known()).boxed(),
        ]
    };
    let call = (at.clone(), facts(), prop::option::weighted(0.1, Just("sell"))).prop_map(|(at, facts, action)| {
        let mut call = json!({"at": at, "facts": facts_of(facts)});
        action.into_iter().for_each(|action| call["request"] = json!({"action": action}));
        call
    });
    let now = prop_oneof![1 => at, 2 => Just("2026-11-24T00:00:00Z")];
    (world(), now, facts(), prop::collection::vec(call, 0..5)).prop_map(|(mut world, now, facts, calls)| {
        world["facts"] = facts_of(facts);
        (world["phase"], world["now"], world["history"]) = (json!("exchange"), json!(now), json!(calls));
        world
    })
}

/// A policy with a sequence: one permission mostly lets its steps be taken, and it stands in another rule.
fn stepwise() -> impl Strategy<Value = Value> {
    let step = prop_oneof![3 => likely().boxed(), 1 => constraint().boxed()].boxed();
    let sequence = prop::collection::vec(step, 2..4).prop_map(|steps| json!({"andSequence": steps}));
    let within = prop_oneof![
        4 => sequence.clone(),
        1 => (sequence.clone(), constraint()).prop_map(|(it, other)| json!({"or": [it, other]})),
        1 => (sequence, constraint()).prop_map(|(it, other)| json!({"xone": [it, other]})),
    ];
    let free = prop_oneof![2 => Just(json!([])), 1 => prop::collection::vec(likely(), 1..2).prop_map(Value::from)];
    (within, free, any::<bool>()).prop_map(|(sequence, free, permits)| {
        let stepped = json!({"action": "use", "constraint": [sequence]});
        let free = json!({"action": "use", "constraint": free});
        let (permissions, prohibitions) =
            if permits { (json!([free, stepped]), json!([])) } else { (json!([free]), json!([stepped])) };
        json!({"@type": "Set", "conflict": "prohibit", "permission": permissions, "prohibition": prohibitions})
    })
}

/// A comparison that often holds.
fn likely() -> impl Strategy<Value = Value> {
    let text = (select(&["purpose", "xroad:clientId"][..]), select(&TERMS[..2]));
    prop_oneof![
        3 => text.prop_map(|(left, right)| json!({"leftOperand": left, "operator": "eq", "rightOperand": right})),
        1 => (select(&["lt", "gteq"][..]), select(&LIVED[..])).prop_map(
            |(operator, right)| json!({"leftOperand": "dateTime", "operator": operator, "rightOperand": right})),
    ]
}

fn facts_of((purpose, spatial, count, client): (Told, Told, Told, Told)) -> Value {
    let mut facts = json!({});
    for (name, value) in [("purpose", purpose), ("spatial", spatial), ("count", count), ("xroad:clientId", client)] {
        value.into_iter().for_each(|v| facts[name] = v);
    }
    facts
}

fn permits(policy: &Value, world: &Value) -> bool {
    Compiled::read(policy, &WORDS).unwrap().decide(&World::read(world).unwrap()).permit
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_decision_tree_agrees_with_the_naive_evaluator(
        policy in prop_oneof![policy(), policy_of(refined().boxed())], world in world(),
    ) {
        prop_assert_eq!(permits(&policy, &world), naive::permits(&policy, &world));
    }

    #[test]
    fn one_more_prohibition_never_permits_more(policy in policy(), more in rule(), world in world()) {
        let mut stricter = policy.clone();
        stricter["prohibition"].as_array_mut().unwrap().push(more);
        prop_assert!(permits(&policy, &world) || !permits(&stricter, &world));
    }

    #[test]
    fn one_more_constraint_or_duty_on_a_permission_never_permits_more(
        policy in policy(), more in constraint(), duty in duty(), world in world(),
    ) {
        let mut stricter = policy.clone();
        for rule in stricter["permission"].as_array_mut().unwrap() {
            rule["constraint"].as_array_mut().unwrap().push(more.clone());
            rule["duty"].as_array_mut().unwrap().push(duty.clone());
        }
        prop_assert!(permits(&policy, &world) || !permits(&stricter, &world));
    }
}

#[test]
fn histories_often_decide_about_sequences() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (policies, worlds) = (stepwise(), lived());
    let decides = (0..1000).filter(|_| {
        let policy = policies.new_tree(&mut runner).unwrap().current();
        let world = worlds.new_tree(&mut runner).unwrap().current();
        let mut fresh = world.clone();
        fresh["history"] = json!([]);
        permits(&policy, &world) != permits(&policy, &fresh)
    });
    let decides = decides.count();
    assert!(decides > 25, "{decides} of a thousand");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_agrees_about_sequences_after_any_history(
        policy in prop_oneof![3 => stepwise().boxed(), 1 => policy().boxed()], world in lived(),
    ) {
        prop_assert_eq!(permits(&policy, &world), naive::permits(&policy, &world));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn knowing_more_never_turns_a_known_truth(policy in policy(), world in world(), value in value("purpose")) {
        // A fact that was unknown may decide what was undecided, and nothing else.
        let mut known = world.clone();
        if world["phase"] == "exchange" && world["facts"].get("purpose").is_none() {
            known["facts"]["purpose"] = value;
            let compiled = Compiled::read(&policy, &WORDS).unwrap();
            let told = |world: &Value| compiled.explain(&World::read(world).unwrap()).rules;
            for (before, after) in told(&world).iter().zip(told(&known)) {
                let decided = before.state != crate::policy::Truth::Unknown;
                prop_assert!(!decided || before.state == after.state, "{before:?} {after:?}");
            }
        }
    }

    #[test]
    fn every_refusal_says_why_and_names_a_place(policy in policy(), world in world()) {
        let decided = Compiled::read(&policy, &WORDS).unwrap().decide(&World::read(&world).unwrap());
        prop_assert!(!decided.because.is_empty());
        for because in &decided.because {
            prop_assert!(policy.pointer(&because.clause).is_some(), "{because:?}");
            prop_assert!(!because.reason.is_empty());
        }
    }

    #[test]
    fn rules_told_to_be_apart_never_apply_together(one in refined(), other in refined(), world in world()) {
        let policy = json!({"permission": [one], "prohibition": [other]});
        if Compiled::read(&policy, &WORDS).is_ok() && world["phase"] == "exchange" {
            let alone = |rule: &Value| permits(&json!({"permission": [rule]}), &world);
            let single = world["facts"].as_object().unwrap().values().all(|v| !v.is_array());
            // Names that turn out to be groups of each other are told at run time only; there a conflict refuses.
            let ungrouped = world["memberOf"].as_array().unwrap().is_empty();
            prop_assert!(!(single && ungrouped && alone(&one) && alone(&other)), "{policy}");
        }
    }

    #[test]
    fn what_is_contained_in_a_prohibition_never_holds_without_it(one in rule(), other in rule(), world in world()) {
        let policy = json!({"permission": [one], "prohibition": [other]});
        let contained = Policy::parse(&policy).and_then(|p| Compiled::unreconciled(&p, &WORDS));
        if contained.is_ok_and(|policy| policy.is_contained()) && world["phase"] == "exchange" {
            let bare = |rule: &Value| permits(&json!({"permission": [{"action": ["use", "transfer"],
                                                       "constraint": rule["constraint"]}]}), &world);
            let facts = world["facts"].as_object().unwrap();
            let known = ["purpose", "spatial", "count", "xroad:clientId"].iter().all(|f| facts.get(*f).is_some_and(|v| !v.is_array()));
            prop_assert!(!(known && bare(&one) && !bare(&other)), "{policy} {world}");
        }
    }

    #[test]
    fn an_export_for_edc_never_permits_more_unless_it_says_so(policy in policy(), world in world()) {
        let export = crate::policy::for_edc(&Policy::parse(&policy).unwrap());
        let unregistered = |code: &str| code == "operand.unregistered";
        let faithful = export.lost.iter().all(|lost| !lost.permits_more || unregistered(lost.code));
        if faithful && world["phase"] == "exchange" && !export.policy["permission"].as_array().unwrap().is_empty() {
            prop_assert!(permits(&policy, &world) || !permits(&export.policy, &world), "{:#}", export.policy);
        }
    }

    #[test]
    fn any_json_is_read_or_refused_without_panic(text in "[\\[\\]{}:,\"a-z@0-9 ]{0,60}", broken in policy(), at in 0..400_usize) {
        let _ = crate::policy::read_json("it", &text);
        let mut half = broken.to_string();
        half.truncate(at);
        if let Ok(value) = crate::policy::read_json("it", &text) {
            let _ = Policy::parse(&value).map(|policy| compile(&policy, &WORDS));
        }
        prop_assert!(crate::policy::read_json("it", &half).is_err() || at >= broken.to_string().len());
    }
}
