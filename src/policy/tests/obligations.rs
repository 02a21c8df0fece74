//! Duties, obligations, consequences; inheritance.

use super::*;
use crate::model::odrl::DutyTiming;

fn done(duties: &[(&str, &str)]) -> Value {
    let mut world = exchange(json!({}));
    world["duties"] = duties.iter().map(|(id, at)| json!({"id": id, "performed": at})).collect();
    world
}

#[test]
fn a_duty_whose_constraints_do_not_hold_is_not_called_for() {
    let policy = json!({"permission": [{"action": "use", "duty": [
        {"action": "compensate", "constraint": [atom("spatial", "eq", json!("FI"))]}]}]});
    code(&policy, &exchange(json!({"spatial": "EE"})), 0);
    code(&policy, &exchange(json!({"spatial": "FI"})), 1);
    code(&policy, &exchange(json!({})), 1);
}

#[test]
fn all_duties_of_a_permission_are_to_be_done() {
    let policy = json!({"permission": [{"action": "use", "duty": [
        {"uid": "urn:1", "action": "compensate"}, {"uid": "urn:2", "action": "inform"}]}]});
    code(&policy, &done(&[("urn:1", "2026-11-01T00:00:00Z")]), 1);
    code(&policy, &done(&[("urn:1", "2026-11-01T00:00:00Z"), ("urn:2", "2026-11-01T00:00:00Z")]), 0);
}

#[test]
fn a_duty_with_a_deadline_is_done_in_time_or_not_at_all() {
    let policy = json!({"permission": [{"action": "use", "duty": [
        {"uid": "urn:1", "action": {"rdf:value": "compensate", "refinement": [atom("payAmount", "eq", json!(5))]},
         "constraint": [atom("dateTime", "lt", json!("2026-11-10T00:00:00Z"))]}]}]});
    code(&policy, &done(&[("urn:1", "2026-11-09T00:00:00Z")]), 0);
    code(&policy, &done(&[("urn:1", "2026-11-11T00:00:00Z")]), 1);
    code(&policy, &exchange(json!({})), 1);
    code(&policy, &exchange(json!({"payAmount": 3})), 1);
}

#[test]
fn what_is_done_late_is_healed_by_its_consequence() {
    let policy = json!({"permission": [{"action": "use"}], "obligation": [
        {"uid": "urn:1", "action": "delete", "constraint": [atom("dateTime", "lteq", json!("2026-11-10T00:00:00Z"))],
         "consequence": [{"uid": "urn:2", "action": "compensate"}]}]});
    let (late, early) = ("2026-11-12T00:00:00Z", "2026-11-09T00:00:00Z");
    code(&policy, &done(&[("urn:1", early)]), 0);
    code(&policy, &done(&[("urn:1", late)]), 1);
    code(&policy, &done(&[("urn:2", late)]), 1);
    code(&policy, &done(&[("urn:1", late), ("urn:2", late)]), 0);
    // Before the delay nobody had to do what follows from it.
    code(&policy, &done(&[("urn:1", late), ("urn:2", early)]), 1);
    // With the end of a day the time for the duty is over, and what is done at that very moment is done after it.
    for (operator, right) in [("lteq", "2026-11-10"), ("lt", "2026-11-11"), ("lt", "2026-11-11T00:00:00Z")] {
        let mut dated = policy.clone();
        dated["obligation"][0]["constraint"] = json!([atom("dateTime", operator, json!(right))]);
        code(&dated, &done(&[("urn:1", late), ("urn:2", "2026-11-11T00:00:00Z")]), 0);
        code(&dated, &done(&[("urn:1", late), ("urn:2", "2026-11-10T23:59:59Z")]), 1);
    }
    // After it, in whatever order.
    code(&policy, &done(&[("urn:1", late), ("urn:2", "2026-11-11T00:00:00Z")]), 0);
}

#[test]
fn what_follows_from_a_delay_is_done_in_its_own_time() {
    let until = |operator: &str, day: &str| atom("dateTime", operator, json!(format!("{day}T00:00:00Z")));
    let duty = |own: Value, then: Value| {
        json!({"uid": "urn:1", "action": "delete", "constraint": own, "consequence": [
            {"uid": "urn:2", "action": "compensate", "constraint": then}]})
    };
    let late = ("urn:1", "2026-11-12T00:00:00Z");
    let (soon, later) = (("urn:2", "2026-11-13T00:00:00Z"), ("urn:2", "2026-11-19T00:00:00Z"));
    let own = json!([until("lteq", "2026-11-10")]);
    let cases = [
        (json!([until("lteq", "2026-11-15")]), soon, later),
        (json!([until("gteq", "2026-11-15")]), later, soon),
        // Counted from the end of the time for the duty, not from the agreement.
        (json!([atom("elapsedTime", "lteq", json!("P5D"))]), soon, later),
    ];
    for (then, good, bad) in cases {
        let duty = duty(own.clone(), then);
        let obligation = json!({"permission": [{"action": "use"}], "obligation": [duty]});
        let condition = json!({"permission": [{"action": "use", "duty": [duty]}]});
        for policy in [obligation, condition] {
            let mut known = done(&[late, good]);
            known["facts"]["edc:contractAgreement"] = json!("2026-10-01T00:00:00Z");
            code(&policy, &known, 0);
            known["duties"][1]["performed"] = json!(bad.1);
            code(&policy, &known, 1);
        }
    }
    // What was done before its time was not done late.
    let window = json!([until("gteq", "2026-11-08"), until("lteq", "2026-11-10")]);
    let policy = json!({"permission": [{"action": "use"}], "obligation": [duty(window, json!([]))]});
    code(&policy, &done(&[late, soon]), 0);
    code(&policy, &done(&[("urn:1", "2026-11-07T00:00:00Z"), soon]), 1);
}

#[test]
fn what_follows_from_a_delay_is_followed_with_its_times_from_then_on() {
    let policy = json!({"permission": [{"action": "use"}], "obligation": [{"action": "delete",
        "constraint": [atom("elapsedTime", "lteq", json!("P10D"))], "consequence": [
            {"action": "compensate", "constraint": [atom("elapsedTime", "lteq", json!("P5D"))]}]}]});
    let policy = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let now = |day: &str| {
        let facts = json!({"edc:contractAgreement": "2026-11-01T00:00:00Z"});
        let mut world = super::world("transfer", facts);
        world["now"] = json!(day);
        policy.outlook(&World::read(&world).unwrap())
    };
    let then = now("2026-11-12T00:00:00Z").duties.remove(1);
    assert_eq!(then.duty.deadline.map(|at| at.to_string()).as_deref(), Some("2026-11-16T00:00:00.000Z"));
    assert_eq!((then.called_for, then.standing), (true, Standing::Open));
    assert_eq!(now("2026-11-16T00:00:01Z").duties[1].standing, Standing::Overdue);
}

#[test]
fn an_obligation_of_another_party_or_not_called_for_refuses_nobody() {
    let obligation = |more: Value| {
        let mut duty =
            json!({"action": "delete", "constraint": [atom("dateTime", "lteq", json!("2026-11-10T00:00:00Z"))]});
        duty.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"permission": [{"action": "use"}], "obligation": [duty]})
    };
    code(&obligation(json!({})), &exchange(json!({})), 1);
    code(&obligation(json!({"assignee": "did:web:other"})), &exchange(json!({})), 0);
    code(&obligation(json!({"assignee": "did:web:c"})), &exchange(json!({})), 1);
    let mut conditional = obligation(json!({}));
    conditional["obligation"][0]["constraint"].as_array_mut().unwrap().push(atom("spatial", "eq", json!("FI")));
    code(&conditional, &exchange(json!({"spatial": "EE"})), 0);
    code(&conditional, &exchange(json!({"spatial": "FI"})), 1);
}

#[test]
fn an_obligation_without_a_deadline_can_always_still_be_met() {
    code(&json!({"permission": [{"action": "use"}], "obligation": [{"action": "delete"}]}), &exchange(json!({})), 0);
}

#[test]
fn time_that_has_run_out_violates_too() {
    let policy = json!({"permission": [{"action": "use"}], "obligation": [
        {"action": "delete", "constraint": [atom("elapsedTime", "lteq", json!("P30D"))]}]});
    code(&policy, &exchange(json!({"elapsedTime": "P29D"})), 0);
    code(&policy, &exchange(json!({"elapsedTime": "P31D"})), 1);
}

#[test]
fn duties_may_be_read_by_their_action_or_as_due_at_any_time() {
    let policy = json!({"permission": [{"action": "use", "duty": [{"action": "delete"}, {"action": "inform"}]}]});
    let paid = json!({"permission": [{"action": "use", "duty": [{"uid": "urn:1", "action": "compensate"}]}]});
    let world = World::read(&exchange(json!({}))).unwrap();
    for (reading, open, unpaid) in [
        (DutyReading::PreCondition, false, false),
        (DutyReading::ByAction, true, false),
        (DutyReading::Eventual, true, true),
    ] {
        let mut registry = Registry::built_in();
        registry.read_duties(reading);
        let permits = |policy: &Value, world: &World| Compiled::read(policy, &registry).unwrap().decide(world).permit;
        assert_eq!((permits(&policy, &world), permits(&paid, &world)), (open, unpaid), "{reading:?}");
        let violated = World { violated: vec!["urn:1".into()], ..world.clone() };
        assert!(!permits(&paid, &violated), "{reading:?}");
    }
}

/// A policy with one duty, in the words of IDS or of plain ODRL, as it is read by default.
fn duty_of(policy: Value) -> (ReadDuty, bool) {
    // An offer permits nothing at an exchange.
    let phase = if policy.get("@type").is_some() { "negotiation" } else { "exchange" };
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let permits = compiled.decide(&World::read(&world(phase, json!({}))).unwrap()).permit;
    (compiled.review().duties.remove(0), permits)
}

#[test]
fn policies_of_ids_classes_or_profile_have_their_duties_read_by_action_and_others_do_not() {
    let rule = |duty: Value| json!([{"action": "use", "duty": [duty]}]);
    let delete = json!({"action": "delete"});
    for ids in [
        json!({"@type": "ids:ContractOffer", "permission": rule(delete.clone())}),
        json!({"@context": {"core": "https://w3id.org/idsa/core/"}, "@type": "core:ContractOffer", "permission": rule(delete.clone())}),
        json!({"ids:permission": [{"ids:action": "idsc:USE", "ids:duty": [{"ids:action": "idsc:DELETE"}]}]}),
        json!({"permission": rule(json!({"@type": "ids:Duty", "action": "delete"}))}),
        json!({"profile": "https://w3id.org/idsa/core/", "permission": rule(delete.clone())}),
        json!({"profile": ["http://www.w3.org/ns/odrl/2/core", "https://w3id.org/idsa/core"], "permission": rule(delete.clone())}),
    ] {
        let (read, permits) = duty_of(ids.clone());
        assert_eq!((read.timing, read.read_by, permits), (Some(DutyTiming::After), ReadBy::Profile, true), "{ids}");
    }
    for plain in [
        json!({"permission": rule(delete.clone())}),
        json!({"@type": "Offer", "profile": "http://www.w3.org/ns/odrl/2/core", "permission": rule(json!({"action": "idsc:DELETE"}))}),
        json!({"permission": [{"action": "use", "duty": [delete], "ids:preDuty": [{"action": "compensate"}]}]}),
    ] {
        let (read, permits) = duty_of(plain.clone());
        assert_eq!((read.timing, read.read_by, permits), (Some(DutyTiming::Before), ReadBy::Setting, false), "{plain}");
    }
}

#[test]
fn an_ids_duty_is_read_as_a_condition_where_its_action_leaves_a_doubt() {
    let before_use = json!([{"leftOperand": "event", "operator": "lt", "rightOperand": {"@id": "odrl:policyUsage"}}]);
    for (duty, timing, by_itself) in [
        (json!({"action": "log"}), DutyTiming::With, true),
        (json!({"action": "inform"}), DutyTiming::With, true),
        (json!({"action": "anonymize"}), DutyTiming::With, false),
        (json!({"action": "nextPolicy"}), DutyTiming::After, false),
        (json!({"action": ["delete", "uninstall"]}), DutyTiming::After, false),
        (json!({"action": ["delete", "compensate"]}), DutyTiming::Before, false),
        (json!({"action": "compensate"}), DutyTiming::Before, false),
        (json!({"action": "acceptTracking"}), DutyTiming::Before, false),
        (json!({"action": "distribute"}), DutyTiming::Before, false),
        (json!({"action": "delete", "constraint": before_use}), DutyTiming::Before, false),
    ] {
        let (read, permits) =
            duty_of(json!({"permission": [{"@type": "ids:Permission", "action": "use", "duty": [duty]}]}));
        assert_eq!((read.timing, read.met_by_exchanges), (Some(timing), by_itself), "{duty}");
        assert_eq!(permits, by_itself || timing == DutyTiming::After, "{duty}");
        assert!(read.reason.contains("IDS"), "{read:?}");
    }
}

#[test]
fn a_duty_with_each_use_counts_by_itself_only_where_exchanges_do_it() {
    let mut registry = Registry::built_in();
    registry.read_duties(DutyReading::ByAction);
    let permits = |duty: Value, world: &Value| {
        let policy = json!({"permission": [{"action": "use", "duty": [duty]}]});
        Compiled::read(&policy, &registry).unwrap().decide(&World::read(world).unwrap()).permit
    };
    for (action, by_itself) in [
        ("log", true),
        ("xroad:log", true),
        ("inform", true),
        ("pseudonymise", false),
        ("anonymize", false),
        ("watermark", false),
        ("attribute", false),
    ] {
        let duty = json!({"uid": "urn:1", "action": action});
        assert_eq!(permits(duty.clone(), &exchange(json!({}))), by_itself, "{action}");
        assert!(permits(duty, &done(&[("urn:1", "2026-11-01T00:00:00Z")])), "{action}");
    }
    let fields = json!([atom("xroad:fields", "isAnyOf", json!(["/owner"]))]);
    let named = json!({"action": {"rdf:value": {"@id": "pseudonymise"}, "refinement": fields}});
    assert!(permits(named, &exchange(json!({}))));
}

#[test]
fn a_duty_that_was_never_called_for_does_not_refuse_when_its_time_is_over() {
    let policy = json!({"permission": [{"action": "use", "duty": [{"action": "compensate", "constraint": [
        atom("dateTime", "lteq", json!("2020-01-01T00:00:00Z")), atom("spatial", "eq", json!("FI"))]}]}]});
    code(&policy, &exchange(json!({"spatial": "EE"})), 0);
    code(&policy, &exchange(json!({"spatial": "FI"})), 1);
    code(&policy, &exchange(json!({})), 1);
}

#[test]
fn duties_are_told_with_their_deadlines() {
    let policy = json!({"permission": [{"action": "use", "duty": [{"action": "inform"}]}], "obligation": [
        {"uid": "urn:1", "action": "delete", "constraint": [atom("dateTime", "lteq", json!("2027-01-01T00:00:00Z"))],
         "consequence": [{"action": "compensate"}]}]});
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    assert_eq!(compiled.duties(None)[0].clause, "/permission/0/duty/0");
    let [obligation] = &compiled.obligations(None)[..] else { panic!() };
    assert_eq!(obligation.deadline.map(|t| t.to_string()).as_deref(), Some("2027-01-01T00:00:00.000Z"));
    assert_eq!(obligation.consequences[0].actions, ["compensate"]);
}

#[test]
fn a_child_takes_the_rules_of_its_parents() {
    let policy = json!({"uid": "urn:child", "conflict": "prohibit", "permission": [{"action": "use"}],
        "inheritFrom": {"uid": "urn:parent", "prohibition": [{"action": "use", "constraint": [atom("purpose", "eq", json!("x"))]}],
            "inheritFrom": [{"uid": "urn:grandparent", "obligation": [{"action": "inform"}]}]}});
    let decided = code(&policy, &exchange(json!({"purpose": "x"})), 1);
    assert_eq!(decided.because[0].clause, "/inheritFrom/prohibition/0/constraint/0");
    code(&policy, &exchange(json!({"purpose": "y"})), 0);
    let mut child =
        Policy::parse(&json!({"uid": "urn:child", "inheritFrom": "urn:parent", "permission": [{"action": "use"}]}))
            .unwrap();
    let parent = json!({"uid": "urn:parent", "conflict": "prohibit", "prohibition": [{"action": "use"}]});
    let unmerged = compile(&child, &Registry::built_in()).unwrap();
    assert!(!unmerged.decide(&World::read(&exchange(json!({}))).unwrap()).permit);
    child.inherit(&Policy::parse(&parent).unwrap()).unwrap();
    assert!(child.parents.is_empty() && child.prohibitions.len() == 1);
    assert!(compile(&child, &Registry::built_in()).is_ok());
}

#[test]
fn a_parent_that_is_not_known_leaves_the_decision_unknown() {
    let policy = json!({"inheritFrom": "urn:parent", "permission": [{"action": "use"}]});
    let decided = code(&policy, &exchange(json!({})), 1);
    assert_eq!((decided.because[0].clause.as_str(), decided.because[0].state), ("/inheritFrom", Truth::Unknown));
}

#[test]
fn parties_that_a_child_names_are_those_of_the_rules_it_inherits() {
    let child = |assignee: &str| {
        json!({"@type": "Agreement", "uid": "urn:c", "assigner": "did:web:p", "assignee": assignee, "target": "urn:t",
               "inheritFrom": {"uid": "urn:p", "permission": [{"action": "use"}]}})
    };
    code(&child("did:web:c"), &exchange(json!({})), 0);
    let decided = code(&child("did:web:OTHER"), &exchange(json!({})), 1);
    assert_eq!(
        (decided.because[0].clause.as_str(), &*decided.because[0].operand),
        ("/inheritFrom/permission/0", "assignee")
    );
    let nobody = json!({"@type": "Agreement", "uid": "urn:c", "inheritFrom": {"uid": "urn:p", "permission": [{"action": "use"}]}});
    code(&nobody, &exchange(json!({})), 2);
    let unknown =
        json!({"@type": "Agreement", "uid": "urn:c", "inheritFrom": "urn:p", "permission": [{"action": "use"}]});
    code(&unknown, &exchange(json!({})), 1);
    let mut child = Policy::parse(&unknown).unwrap();
    let parent =
        Policy::parse(&json!({"uid": "urn:p", "assigner": "did:web:p", "permission": [{"action": "read"}]})).unwrap();
    assert_eq!(child.inherit(&parent).unwrap_err().code, "rule.incomplete");
}

#[test]
fn what_a_parent_says_of_all_rules_holds_for_its_childs_too() {
    let child = |parent: Value| json!({"uid": "urn:c", "permission": [{"action": "use"}], "inheritFrom": parent});
    let assigned = |by: &str| json!({"uid": "urn:p", "assigner": by, "permission": [{"action": "sell"}]});
    code(&child(assigned("did:web:p")), &exchange(json!({})), 0);
    assert_eq!(code(&child(assigned("did:web:x")), &exchange(json!({})), 1).because[0].operand, "assigner");
    let limited = json!({"uid": "urn:p", "constraint": [atom("spatial", "eq", json!("EE"))],
        "inheritFrom": {"uid": "urn:g", "permission": [{"action": "use", "target": "urn:t"}]}});
    code(&child(limited.clone()), &exchange(json!({"spatial": "EE"})), 0);
    assert_eq!(code(&child(limited), &exchange(json!({"spatial": "FI"})), 1).because.len(), 2);
    // A child cannot talk a prohibition of its parent away.
    let prohibiting = json!({"uid": "urn:c", "conflict": "prohibit", "constraint": [atom("spatial", "eq", json!("EE"))],
        "permission": [{"action": "use"}], "inheritFrom": {"uid": "urn:p", "prohibition": [{"action": "use"}]}});
    code(&prohibiting, &exchange(json!({"spatial": "EE"})), 1);
}

#[test]
fn inheritance_has_no_circles_and_one_strategy() {
    let circle = json!({"@graph": [
        {"uid": "urn:head", "inheritFrom": "urn:a", "permission": [{"action": "use"}]},
        {"uid": "urn:a", "inheritFrom": "urn:b", "permission": [{"action": "use"}]},
        {"uid": "urn:b", "inheritFrom": "urn:a", "permission": [{"action": "use"}]},
    ]});
    code(&circle, &exchange(json!({})), 2);
    let two = json!({"conflict": "perm", "permission": [{"action": "use"}],
        "inheritFrom": {"uid": "urn:p", "conflict": "prohibit", "permission": [{"action": "use"}]}});
    code(&two, &exchange(json!({})), 2);
}
