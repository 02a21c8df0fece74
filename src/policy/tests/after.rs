//! After the fact: reports for others, and histories of acts.

use serde_json::{Value, json};

use super::{atom, exchange, set};
use crate::policy::{Compiled, Policy, Registry, ReportOf, World};

fn compiled(policy: &Value) -> Compiled {
    Compiled::unreconciled(&Policy::parse(policy).unwrap(), &Registry::built_in()).unwrap()
}

fn act(time: &str, action: &str) -> World {
    let request = json!({"action": action, "target": "urn:t", "assignee": "did:web:c"});
    World::read(&json!({"now": time, "phase": "exchange", "request": request})).unwrap()
}

const ONE: &str = "2026-01-01T00:00:01Z";
const TWO: &str = "2026-01-01T00:00:02Z";
const THREE: &str = "2026-01-01T00:00:03Z";

#[test]
fn a_report_tells_both_vocabularies_and_names_clauses_without_an_iri_by_their_pointer() {
    let mut policy = set(json!([atom("spatial", "eq", json!("EE")), atom("purpose", "eq", json!("urn:p"))]));
    policy["permission"][0]["uid"] = json!("urn:rule:1");
    let told = compiled(&policy).explain(&World::read(&exchange(json!({"spatial": "FI"}))).unwrap());
    let of = ReportOf {
        report: "urn:report",
        policy: "urn:policy",
        request: "urn:request",
        rule_request: "urn:request",
        created: crate::model::time::Timestamp::from_millis(0),
    };
    let report = told.report(&of);
    let turtle = report.turtle();
    let read: Vec<_> = oxttl::TurtleParser::new().for_slice(&turtle).collect::<Result<_, _>>().unwrap();
    assert_eq!(read.len(), report.triples().len());
    for line in [
        "report:activationState report:Inactive",
        "odrl-fs:controlState odrl-fs:Deny",
        "report:rule <urn:rule:1>",
        "report:constraint <urn:policy#/permission/0/constraint/0>",
        "report:satisfactionState report:Unsatisfied",
    ] {
        assert!(turtle.contains(line), "{line}\n{turtle}");
    }
    // Purpose is not known: nothing is said of its satisfaction.
    let graph = report.json_ld();
    let nodes = graph["@graph"].as_array().unwrap();
    let unknown = nodes.iter().find(|n| n["@id"] == "urn:report#/permission/0/constraint/1").unwrap();
    assert_eq!(unknown["@type"], "report:ConstraintReport");
    assert!(unknown.get("report:satisfactionState").is_none());
}

#[test]
fn a_prohibited_act_is_healed_by_its_remedy_done_afterwards() {
    let policy = compiled(&json!({
        "permission": [{"action": "use"}, {"action": "compensate"}],
        "prohibition": [{"action": "delete", "remedy": [{"action": "compensate"}]}],
    }));
    let healed = policy.infringements(&[act(TWO, "compensate"), act(ONE, "delete")]);
    assert_eq!(healed.iter().map(|i| (i.act, i.healed)).collect::<Vec<_>>(), [(Some(1), true)]);
    assert_eq!(healed[0].clauses, ["/prohibition/0"]);
    let before = policy.infringements(&[act(ONE, "compensate"), act(TWO, "delete")]);
    assert_eq!(before.iter().map(|i| (i.act, i.healed)).collect::<Vec<_>>(), [(Some(1), false)]);
}

#[test]
fn a_late_duty_heals_together_with_its_consequence_only() {
    let policy = compiled(&json!({
        "permission": [
            {"action": "read", "duty": [{"action": "compensate", "consequence": [{"action": "watermark"}]}]},
            {"action": "compensate"}, {"action": "watermark"}],
    }));
    let open = |acts: &[World]| policy.infringements(acts).iter().filter(|found| !found.healed).count();
    assert_eq!(open(&[act(ONE, "compensate"), act(TWO, "read")]), 0);
    assert_eq!(open(&[act(ONE, "read"), act(TWO, "compensate"), act(THREE, "watermark")]), 0);
    assert_eq!(open(&[act(ONE, "read"), act(TWO, "compensate")]), 1);
    assert_eq!(open(&[act(ONE, "read"), act(TWO, "watermark")]), 1);
    assert_eq!(open(&[act(ONE, "watermark"), act(TWO, "read"), act(THREE, "compensate")]), 1);
}

#[test]
fn an_obligation_that_no_act_met_is_an_infringement() {
    let policy = compiled(&json!({"permission": [{"action": "use"}], "obligation": [{"action": "inform"}]}));
    assert!(policy.infringements(&[act(ONE, "inform")]).is_empty());
    let missed = policy.infringements(&[act(ONE, "read")]);
    assert_eq!((missed.len(), missed[0].act, missed[0].clauses[0].as_str()), (1, None, "/obligation/0"));
}

#[test]
fn steps_of_a_sequence_need_not_hold_at_one_time() {
    let step = |operator: &str, day: &str| atom("dateTime", operator, json!(day));
    let sequence = |steps: Value| set(json!([{"andSequence": steps}]));
    let apart = sequence(json!([step("lt", "2026-01-01"), step("gt", "2026-02-01")]));
    assert!(compiled(&apart).review().warnings.iter().all(|warning| warning.code != "rule.never-applies"));
    let delays = |most: &str| {
        json!({"permission": [{"action": "use", "constraint": [
            {"andSequence": [atom("delayPeriod", "gteq", json!("P5D")), atom("delayPeriod", "gteq", json!("P5D"))]},
            atom("elapsedTime", "lteq", json!(most))]}]})
    };
    let never = |policy: &Value| compiled(policy).review().warnings.iter().any(|w| w.code == "rule.never-applies");
    assert!(never(&delays("P8D")));
    assert!(!never(&delays("P10D")));
}

#[test]
fn a_permission_within_a_prohibition_is_shadowed() {
    let shadowed = |most: i64| {
        let policy = json!({
            "conflict": "prohibit",
            "permission": [{"action": "use", "constraint": [atom("count", "lteq", json!(most))]}],
            "prohibition": [{"action": "use", "constraint": [
                {"xone": [atom("count", "lt", json!(10)), atom("count", "gt", json!(20))]}]}],
        });
        compiled(&policy).review().warnings.iter().any(|warning| warning.code == "rule.shadowed")
    };
    assert!(shadowed(9));
    assert!(!shadowed(10));
}
