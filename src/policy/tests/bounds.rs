//! Duties that are not to be done before a moment, and those that are to be kept up until one.

use super::*;
use crate::model::time::Timestamp;

const AGREED: &str = "2026-11-20T00:00:00Z";
const BEFORE: &str = "2026-12-31T00:00:00Z";
const THEN: &str = "2027-01-01T00:00:00Z";
const AFTER: &str = "2027-01-02T00:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn obligation(action: &str, constraints: Value) -> Compiled {
    let policy = json!({"permission": [{"action": "use"}], "obligation": [
        {"action": action, "constraint": constraints, "consequence": [{"action": "compensate"}]}]});
    Compiled::read(&policy, &Registry::built_in()).unwrap()
}

fn agreed(now: &str) -> World {
    let mut world = World::read(&super::world("transfer", json!({}))).unwrap();
    world.know("edc:contractAgreement", AGREED);
    world.now = at(now);
    world
}

fn performed(mut world: World, duty: &str, times: &[&str]) -> World {
    world.duties.extend(times.iter().map(|time| DutyPerformed { id: duty.to_owned(), at: at(time) }));
    world
}

fn infringed(mut world: World, clause: &str, time: &str) -> World {
    world.infringed.push(Infringed { id: clause.to_owned(), at: at(time) });
    world
}

fn first(policy: &Compiled, world: &World) -> DutyOutlook {
    policy.outlook(world).duties.remove(0)
}

#[test]
fn a_lower_bound_is_told_as_the_first_moment_from_the_agreement_on() {
    let date = |operator: &str, day: &str| atom("dateTime", operator, json!(day));
    let since = |left: &str, operator: &str, length: &str| atom(left, operator, json!(length));
    for (constraints, not_before, deadline) in [
        (json!([date("gteq", THEN)]), Some(THEN), None),
        (json!([date("gt", THEN), date("gteq", AGREED)]), Some(THEN), None),
        (json!([date("gteq", AGREED), date("lteq", THEN)]), Some(AGREED), Some(THEN)),
        (json!([date("eq", THEN)]), Some(THEN), Some(THEN)),
        (json!([since("elapsedTime", "gteq", "P1Y")]), Some("2027-11-20T00:00:00Z"), None),
        (json!([since("delayPeriod", "gt", "P1M")]), Some("2026-12-20T00:00:00Z"), None),
        (json!([since("delayPeriod", "eq", "P1M")]), None, Some("2026-12-20T00:00:00Z")),
        (json!([since("edc:inForceDate", "gteq", "contractAgreement+2h")]), Some("2026-11-20T02:00:00Z"), None),
        (
            json!([{"or": [date("gteq", THEN), since("elapsedTime", "gteq", "P1D")]}]),
            Some("2026-11-21T00:00:00Z"),
            None,
        ),
        (json!([{"or": [date("gteq", THEN), atom("spatial", "eq", json!("EE"))]}]), None, None),
        (json!([{"and": [date("gteq", THEN), date("lteq", AFTER)]}]), Some(THEN), Some(AFTER)),
        (json!([since("elapsedTime", "lteq", "P1D")]), None, Some("2026-11-21T00:00:00Z")),
        (json!([atom("count", "gteq", json!(3))]), None, None),
    ] {
        let told = &obligation("delete", constraints.clone()).obligations(Some(at(AGREED)))[0];
        assert_eq!((told.not_before, told.deadline), (not_before.map(at), deadline.map(at)), "{constraints}");
    }
}

#[test]
fn what_is_done_before_its_time_does_not_count_and_is_told_as_such() {
    let policy =
        obligation("delete", json!([atom("dateTime", "gteq", json!(THEN)), atom("dateTime", "lteq", json!(AFTER))]));
    let duty = "/obligation/0";
    let waiting = policy.outlook(&agreed(BEFORE));
    assert_eq!((waiting.duties[0].standing, waiting.next), (Standing::Waiting, Some(at(THEN))));
    assert_eq!(first(&policy, &performed(agreed(BEFORE), duty, &[AGREED])).standing, Standing::Waiting);
    assert_eq!(first(&policy, &performed(agreed(AFTER), duty, &[BEFORE])).standing, Standing::Open);
    assert_eq!(first(&policy, &performed(agreed(AFTER), duty, &[BEFORE, THEN])).standing, Standing::Fulfilled);
    let over = agreed("2027-01-03T00:00:00Z");
    assert_eq!(first(&policy, &over).standing, Standing::Overdue);
    assert_eq!(first(&policy, &performed(over, duty, &[BEFORE])).standing, Standing::Overdue);
    let told = |world: &World| policy.explain(world).rules.last().unwrap().stands.clone().unwrap();
    let window =
        "the obligation to delete is to be fulfilled between 2027-01-01T00:00:00.000Z and 2027-01-02T00:00:00.000Z";
    assert_eq!(told(&agreed(BEFORE)), window);
    let early = "the obligation to delete was performed before 2027-01-01T00:00:00.000Z, which does not count";
    assert_eq!(told(&performed(agreed(BEFORE), duty, &[AGREED])), early);
}

#[test]
fn a_condition_performed_before_its_time_refuses_with_that_reason() {
    let policy = json!({"permission": [{"action": "use", "duty": [
        {"uid": "urn:1", "action": "compensate", "constraint": [atom("dateTime", "gteq", json!("2026-11-10T00:00:00Z"))]}]}]});
    let paid = |time: &str| {
        let mut world = exchange(json!({}));
        world["duties"] = json!([{"id": "urn:1", "performed": time}]);
        world
    };
    let because = code(&policy, &paid("2026-11-09T00:00:00Z"), 1).because.remove(0);
    let early = "the obligation to compensate was performed before 2026-11-10T00:00:00.000Z, which does not count";
    assert_eq!(because.reason, early);
    code(&policy, &paid("2026-11-10T00:00:00Z"), 0);
}

#[test]
fn what_is_to_be_retained_until_a_moment_is_fulfilled_when_it_has_come() {
    for constraint in [atom("dateTime", "gteq", json!(THEN)), atom("elapsedTime", "gteq", json!("P42D"))] {
        for action in ["retain", "archive", "xroad:retain"] {
            let policy = obligation(action, json!([constraint]));
            let outlook = policy.outlook(&agreed(BEFORE));
            assert_eq!((outlook.duties[0].standing, outlook.next), (Standing::Keeping, Some(at(THEN))), "{action}");
            assert!(!outlook.duties[1].called_for && outlook.refusal.is_none());
            let confirmed = performed(agreed(BEFORE), "/obligation/0", &[AGREED]);
            assert_eq!(first(&policy, &confirmed).standing, Standing::Keeping, "confirmed too early");
            assert_eq!(first(&policy, &agreed(THEN)).standing, Standing::Fulfilled);
            assert!(policy.decide(&agreed(BEFORE)).permit && policy.decide(&agreed(AFTER)).permit);
        }
    }
}

#[test]
fn what_was_not_retained_refuses_until_what_follows_is_done() {
    let policy = obligation("retain", json!([atom("dateTime", "gteq", json!(THEN))]));
    let (duty, then) = ("/obligation/0", "/obligation/0/consequence/0");
    let lost = || infringed(agreed(BEFORE), duty, "2026-12-01T00:00:00Z");
    let outlook = policy.outlook(&lost());
    assert_eq!((outlook.duties[0].standing, outlook.duties[1].standing), (Standing::Infringed, Standing::Open));
    assert!(outlook.duties[1].called_for);
    let because = outlook.refusal.unwrap().because.remove(0);
    assert_eq!(because.reason, "the obligation to retain was reported broken before its time was over");
    assert_eq!(
        because.remedy,
        "make the infringement good: fulfil the duty to compensate and report it, then call again"
    );
    assert_eq!(first(&policy, &performed(lost(), then, &[AGREED])).standing, Standing::Infringed, "paid before");
    let healed = policy.outlook(&performed(lost(), then, &["2026-12-02T00:00:00Z"]));
    assert_eq!((healed.duties[0].standing, healed.refusal), (Standing::Fulfilled, None));
    assert_eq!(healed.infringible[0].healed, [at("2026-12-01T00:00:00Z")]);
    let never = infringed(agreed(AFTER), duty, "2026-12-01T00:00:00Z");
    assert_eq!(first(&policy, &never).standing, Standing::Infringed, "time alone does not heal");
}

#[test]
fn only_what_is_due_after_a_use_or_in_any_case_is_kept_up() {
    let retain = json!({"action": "retain", "constraint": [atom("dateTime", "gteq", json!(THEN))]});
    let of = |rule: Value| Compiled::read(&json!({"permission": [rule]}), &Registry::built_in()).unwrap();
    let after = of(json!({"action": "use", "ids:postDuty": [retain]}));
    assert_eq!(first(&after, &agreed(BEFORE)).standing, Standing::Keeping);
    assert!(after.decide(&agreed(AFTER)).permit);
    // Plain ODRL reads a duty as a condition, which somebody must have fulfilled.
    let condition = of(json!({"action": "use", "duty": [retain]}));
    assert_eq!(first(&condition, &agreed(BEFORE)).standing, Standing::Waiting);
    assert!(!condition.decide(&agreed(AFTER)).permit);
    let both = json!([atom("dateTime", "gteq", json!(THEN)), atom("dateTime", "lteq", json!(AFTER))]);
    assert_eq!(
        first(&obligation("retain", both), &agreed(BEFORE)).standing,
        Standing::Waiting,
        "a window is to be met"
    );
    let delete = json!([atom("dateTime", "gteq", json!(THEN))]);
    assert_eq!(first(&obligation("delete", delete), &agreed(BEFORE)).standing, Standing::Waiting);
}
