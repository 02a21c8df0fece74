//! What is to be expected of an agreement while time goes by.

use proptest::prelude::*;

use super::properties::{policy, world};
use super::*;
use crate::model::time::Timestamp;

const AGREED: &str = "2026-11-20T00:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn agreed(now: &str) -> World {
    let mut world = World::read(&super::world("transfer", json!({}))).unwrap();
    world.know("edc:contractAgreement", AGREED);
    world.now = at(now);
    world
}

fn compiled(policy: &Value) -> Compiled {
    Compiled::read(policy, &Registry::built_in()).unwrap()
}

fn deletion(constraint: Value) -> Compiled {
    compiled(&json!({"permission": [{"action": "use"}], "obligation": [{"action": "delete", "constraint": [constraint],
        "consequence": [{"action": "compensate"}]}]}))
}

fn performed(mut world: World, duties: &[(&str, &str)]) -> World {
    let duty = |(id, time): &(&str, &str)| DutyPerformed { id: (*id).to_owned(), at: at(time) };
    world.duties.extend(duties.iter().map(duty));
    world
}

#[test]
fn deadlines_are_told_from_the_agreement_on() {
    for (constraint, deadline) in [
        (atom("dateTime", "lteq", json!("2026-12-01T00:00:00Z")), Some("2026-12-01T00:00:00Z")),
        (atom("elapsedTime", "lteq", json!("P30D")), Some("2026-12-20T00:00:00Z")),
        (atom("delayPeriod", "eq", json!("P1M")), Some("2026-12-20T00:00:00Z")),
        (atom("edc:inForceDate", "lt", json!("contractAgreement+2h")), Some("2026-11-20T02:00:00Z")),
        (atom("elapsedTime", "gteq", json!("P30D")), None),
        (atom("count", "lteq", json!(3)), None),
    ] {
        let policy = deletion(constraint.clone());
        assert_eq!(policy.obligations(Some(at(AGREED)))[0].deadline, deadline.map(at), "{constraint}");
    }
    assert_eq!(deletion(atom("elapsedTime", "lteq", json!("P30D"))).obligations(None)[0].deadline, None);
}

#[test]
fn an_obligation_is_open_then_fulfilled_or_overdue_and_healed_with_what_follows() {
    for constraint in
        [atom("dateTime", "lteq", json!("2026-12-20T00:00:00Z")), atom("elapsedTime", "lteq", json!("P30D"))]
    {
        let policy = deletion(constraint);
        let (before, after) = ("2026-12-20T00:00:00Z", "2026-12-20T00:00:00.001Z");
        let (duty, then) = ("/obligation/0", "/obligation/0/consequence/0");
        let first = |world: &World| policy.outlook(world).duties[0].standing;
        let outlook = policy.outlook(&agreed(before));
        assert_eq!(
            (outlook.duties[0].standing, outlook.next, outlook.refusal),
            (Standing::Open, Some(at(after)), None)
        );
        assert_eq!(first(&performed(agreed(before), &[(duty, AGREED)])), Standing::Fulfilled);
        let outlook = policy.outlook(&agreed(after));
        assert_eq!((outlook.duties[0].standing, outlook.duties[1].standing), (Standing::Overdue, Standing::Open));
        assert_eq!(outlook.refusal.unwrap().because[0].reason, "the obligation to delete was not fulfilled in time");
        let (late, later) = ("2026-12-21T00:00:00Z", "2026-12-22T00:00:00Z");
        assert_eq!(first(&performed(agreed(later), &[(duty, late)])), Standing::Overdue);
        assert_eq!(first(&performed(agreed(later), &[(duty, late), (then, late)])), Standing::Fulfilled);
    }
}

#[test]
fn what_time_heals_is_no_refusal_for_good() {
    let window = json!({"permission": [{"action": "use", "constraint": [
        atom("dateTime", "gteq", json!("2026-11-25T00:00:00Z")), atom("dateTime", "lt", json!("2026-11-26T00:00:00Z"))]}]});
    let policy = compiled(&window);
    let early = policy.outlook(&agreed("2026-11-24T00:00:00Z"));
    assert_eq!((early.refusal, early.next), (None, Some(at("2026-11-25T00:00:00Z"))));
    assert_eq!(policy.outlook(&agreed("2026-11-25T10:00:00Z")).refusal, None);
    let over = policy.outlook(&agreed("2026-11-26T00:00:00.001Z"));
    assert!(over.refusal.is_some());
    assert_eq!(over.next, None, "nothing changes any more by itself");
}

#[test]
fn what_needs_somebody_to_act_is_a_refusal_until_it_is_done() {
    let paid = compiled(&json!({"permission": [{"action": "use", "duty": [{"action": "compensate"}]}]}));
    let now = "2026-11-24T00:00:00Z";
    assert!(paid.outlook(&agreed(now)).refusal.is_some());
    let done = performed(agreed(now), &[("/permission/0/duty/0", "2026-11-23T00:00:00Z")]);
    assert_eq!(paid.outlook(&done).refusal, None);
    let just_done = performed(agreed(now), &[("/permission/0/duty/0", now)]);
    let outlook = paid.outlook(&just_done);
    assert_eq!((outlook.refusal, outlook.next), (None, Some(at("2026-11-24T00:00:00.001Z"))));
}

#[test]
fn what_only_a_call_can_tell_refuses_nothing_beforehand() {
    let counted = compiled(&set(json!([atom("count", "lteq", json!(3))])));
    assert_eq!(counted.outlook(&agreed("2026-11-24T00:00:00Z")).refusal, None);
}

proptest! {
    #[test]
    fn nothing_changes_before_the_moment_told(policy in policy(), world in world(), ahead in 0_i64..400_000_000) {
        let Ok(policy) = Compiled::read(&policy, &Registry::built_in()) else { return Ok(()) };
        let mut world = World::read(&world).unwrap();
        let outlook = policy.outlook(&world);
        let permit = policy.decide(&world).permit;
        world.now = match outlook.next {
            Some(next) => world.now.plus_millis(ahead % (next.millis() - world.now.millis())),
            None => world.now.plus_millis(ahead),
        };
        prop_assert_eq!(policy.decide(&world).permit, permit);
        prop_assert_eq!(policy.outlook(&world).duties, outlook.duties);
    }

    #[test]
    fn a_refusal_for_good_is_one_at_any_later_time(policy in policy(), world in world(), ahead in 0_i64..400_000_000) {
        let Ok(policy) = Compiled::read(&policy, &Registry::built_in()) else { return Ok(()) };
        let mut world = World::read(&world).unwrap();
        let refusal = policy.outlook(&world).refusal;
        world.now = world.now.plus_millis(ahead);
        if refusal.is_some() {
            prop_assert!(!policy.decide(&world).permit);
        }
    }
}
