//! Prohibitions that were infringed elsewhere than on a call, and what makes that good.

use proptest::prelude::*;

use super::properties::{policy, world};
use super::*;
use crate::model::time::Timestamp;

const AGREED: &str = "2026-11-01T00:00:00Z";

fn day(number: u32) -> String {
    format!("2026-11-{number:02}T00:00:00Z")
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Distribution is prohibited; who distributes all the same pays within ten days and informs.
fn prohibiting(remedies: Value) -> Value {
    json!({"permission": [{"action": "use", "constraint": [atom("spatial", "eq", json!("EE"))]}],
           "conflict": "perm", "prohibition": [{"uid": "urn:no", "action": "distribute", "remedy": remedies}]})
}

fn paying() -> Value {
    json!([{"action": "compensate", "constraint": [atom("elapsedTime", "lteq", json!("P10D"))]}, {"action": "inform"}])
}

fn on(now: u32, infringed: &[u32], paid: &[u32], informed: &[u32]) -> Value {
    let mut world = world_on(now);
    let done = |clause: &str, days: &[u32]| {
        days.iter().map(|n| json!({"id": clause, "performed": day(*n)})).collect::<Vec<_>>()
    };
    world["infringements"] = infringed.iter().map(|n| json!({"id": "/prohibition/0", "infringed": day(*n)})).collect();
    world["duties"] =
        Value::Array([done("/prohibition/0/remedy/0", paid), done("/prohibition/0/remedy/1", informed)].concat());
    world
}

fn world_on(now: u32) -> Value {
    let mut world = exchange(json!({"spatial": "EE", "edc:contractAgreement": AGREED}));
    world["now"] = json!(day(now));
    world
}

#[test]
fn an_infringement_refuses_until_every_remedy_was_done_after_it_and_in_time() {
    let policy = prohibiting(paying());
    code(&policy, &on(20, &[], &[], &[]), 0);
    for (infringed, paid, informed, expected) in [
        (&[15][..], &[][..], &[][..], 1),
        (&[15], &[16], &[], 1),
        (&[15], &[], &[16], 1),
        (&[15], &[16], &[17], 0),
        (&[15], &[14], &[17], 1),
        (&[15], &[15], &[17], 1),
        (&[5], &[15], &[17], 0),
        (&[5], &[16], &[17], 1),
        (&[12, 15], &[13], &[17], 1),
        (&[12, 15], &[13, 16], &[17], 0),
    ] {
        let world = on(20, infringed, paid, informed);
        let decided = code(&policy, &world, expected);
        if expected == 1 {
            assert_eq!(
                (decided.because[0].clause.as_str(), &*decided.because[0].operand),
                ("/prohibition/0", "prohibition")
            );
        }
    }
}

#[test]
fn a_refusal_for_an_infringement_says_when_it_was_and_what_makes_it_good() {
    let because = code(&prohibiting(paying()), &on(20, &[15], &[], &[]), 1).because.remove(0);
    assert_eq!(
        because.reason,
        "the prohibition on distribute was infringed on 2026-11-15T00:00:00.000Z, and that was not made good"
    );
    assert_eq!(
        because.remedy,
        "make the infringement good: fulfil the duty to compensate, inform and report it, then call again"
    );
    assert_eq!(
        (because.observed.as_deref(), because.source.as_deref()),
        (Some("2026-11-15T00:00:00.000Z"), Some("reports"))
    );
    let never = code(&prohibiting(json!([])), &on(20, &[15], &[], &[]), 1).because.remove(0);
    assert_eq!(never.remedy, "the infringement cannot be made good; negotiate a new agreement");
}

#[test]
fn remedies_are_called_for_from_the_infringement_on_with_times_counted_from_it() {
    let policy = Compiled::read(&prohibiting(paying()), &Registry::built_in()).unwrap();
    let outlook = |world: &Value| policy.outlook(&World::read(world).unwrap());
    let quiet = outlook(&on(20, &[], &[], &[]));
    assert!(quiet.duties.iter().all(|duty| !duty.called_for) && quiet.refusal.is_none());
    let told = outlook(&on(12, &[11], &[], &[]));
    let [pay, inform] = &told.duties[..] else { panic!("{told:?}") };
    assert_eq!((pay.called_for, pay.standing, pay.duty.deadline), (true, Standing::Open, Some(at(&day(21)))));
    assert_eq!((inform.duty.deadline, inform.follows.as_deref()), (None, Some("/prohibition/0")));
    assert_eq!(told.next, Some(at(&day(21))));
    assert!(told.refusal.is_some());
    let late = outlook(&on(22, &[11], &[], &[12]));
    assert_eq!((late.duties[0].standing, late.duties[1].standing), (Standing::Overdue, Standing::Fulfilled));
    let later = outlook(&on(23, &[11], &[22], &[12]));
    assert_eq!(later.duties[0].standing, Standing::Overdue, "nothing heals it any more");
    assert!(later.refusal.is_some() && later.infringible[0].healed.is_empty());
    let healed = outlook(&on(20, &[11], &[12], &[13]));
    assert_eq!((healed.refusal, &healed.infringible[0].healed[..]), (None, &[at(&day(11))][..]));
}

#[test]
fn an_infringement_by_another_party_refuses_nobody() {
    let mut policy = prohibiting(paying());
    policy["prohibition"][0]["assignee"] = json!("did:web:other");
    code(&policy, &on(20, &[15], &[], &[]), 0);
    policy["prohibition"][0]["assignee"] = json!("did:web:c");
    code(&policy, &on(20, &[15], &[], &[]), 1);
}

#[test]
fn what_is_reported_of_the_future_does_not_count_yet() {
    let policy = prohibiting(paying());
    code(&policy, &on(20, &[21], &[], &[]), 0);
    code(&policy, &on(21, &[21], &[], &[]), 1);
    let compiled = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let outlook = compiled.outlook(&World::read(&on(20, &[21], &[], &[])).unwrap());
    assert_eq!((outlook.next, outlook.refusal), (Some(at(&day(21))), None));
}

#[test]
fn a_remedy_may_not_have_consequences_of_its_own() {
    let remedy = json!([{"action": "compensate", "consequence": [{"action": "inform"}]}]);
    let invalid = code(&prohibiting(remedy), &world_on(20), 2).invalid;
    assert_eq!((invalid[0].code, &*invalid[0].clause), ("rule.misplaced", "/prohibition/0/remedy/0/consequence"));
}

#[test]
fn an_explanation_shows_the_infringement_and_its_remedies() {
    let policy = Compiled::read(&prohibiting(paying()), &Registry::built_in()).unwrap();
    let told = policy.explain(&World::read(&on(20, &[15], &[16], &[])).unwrap());
    let prohibition = told.rules.iter().find(|rule| rule.kind == "prohibition").unwrap();
    assert!(prohibition.stands.as_ref().is_some_and(|sentence| sentence.contains("infringed on 2026-11-15")));
    assert_eq!(prohibition.parts.iter().filter(|part| part.kind == "remedy").count(), 2);
    assert!(told.clone().for_audience(Audience::Public).rules.iter().all(|rule| rule.stands.is_none()));
    let of = ReportOf {
        report: "urn:report",
        policy: "urn:policy",
        request: "urn:request",
        rule_request: "urn:request",
        created: Timestamp::default(),
    };
    assert!(told.report(&of).turtle().contains("odrl-fs:Violated"));
}

proptest! {
    #[test]
    fn an_infringement_never_permits_more(policy in policy(), world in world(), hours in 0_i64..200) {
        let Ok(policy) = Compiled::read(&policy, &Registry::built_in()) else { return Ok(()) };
        let mut world = World::read(&world).unwrap();
        let before = policy.decide(&world).permit;
        for one in policy.outlook(&world).infringible {
            world.infringed.push(Infringed { id: one.clause, at: world.now.plus_millis(-hours * 3_600_000) });
        }
        prop_assert!(before || !policy.decide(&world).permit);
    }
}
