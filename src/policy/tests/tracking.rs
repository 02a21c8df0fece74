//! How the obligations that are followed keep step with the policy.

use proptest::prelude::*;
use proptest::sample::select;

use super::properties::{policy, world};
use super::*;
use crate::model::infringement::{Infringement, InfringementState};
use crate::model::negotiation::Role;
use crate::model::obligation::{Followed, Obligation, ObligationState};
use crate::model::odrl::DutyTiming;

/// The obligations once the changes are written.
fn written(outlook: &Outlook, known: &[Obligation]) -> Vec<Obligation> {
    let mut after = known.to_vec();
    for change in outlook.changes(known) {
        match change {
            ObligationChange::Becomes(at, duty, state) => {
                after[at].state = state;
                if duty.called_for {
                    (after[at].deadline, after[at].not_before) = (duty.duty.deadline, duty.duty.not_before);
                }
            }
            ObligationChange::Begins(duty, state) => after.push(Obligation {
                id: "o".into(),
                agreement: "a".into(),
                participant: "did:web:p".into(),
                role: Role::Provider,
                counterparty: "did:web:c".into(),
                clause: duty.duty.clause.clone(),
                uid: None,
                follows: duty.follows.clone(),
                actions: duty.duty.actions.clone(),
                timing: duty.duty.timing,
                deadline: duty.duty.deadline,
                not_before: duty.duty.not_before,
                state,
                performed: None,
                note: None,
                created: crate::model::time::Timestamp::default(),
                updated: crate::model::time::Timestamp::default(),
            }),
        }
    }
    after
}

fn followed(obligations: &[Obligation]) -> Followed {
    Followed { obligations: obligations.to_vec(), infringements: Vec::new() }
}

fn states(obligations: &[Obligation]) -> Vec<(&str, ObligationState)> {
    obligations.iter().map(|o| (o.clause.as_str(), o.state)).collect()
}

#[test]
fn consequences_begin_when_the_duty_is_missed() {
    let policy = json!({"permission": [{"action": "use"}], "obligation": [
        {"action": "delete", "constraint": [atom("dateTime", "lteq", json!("2026-11-24T00:00:00Z"))],
         "consequence": [{"action": "compensate"}, {"action": "inform"}]}, {"action": "inform"}]});
    let policy = Compiled::read(&policy, &Registry::built_in()).unwrap();
    let mut world = World::read(&super::world("transfer", json!({}))).unwrap();
    let known = written(&policy.outlook(&world), &[]);
    assert_eq!(states(&known), [("/obligation/0", ObligationState::Open), ("/obligation/1", ObligationState::Open)]);
    world.now = world.now.plus_millis(86_400_000);
    let known = written(&policy.outlook(&world), &known);
    assert_eq!(
        states(&known),
        [
            ("/obligation/0", ObligationState::Escalated),
            ("/obligation/1", ObligationState::Open),
            ("/obligation/0/consequence/0", ObligationState::Open),
            ("/obligation/0/consequence/1", ObligationState::Open),
        ]
    );
    assert_eq!(Reported::by(&followed(&known)).violated, ["/obligation/0"]);
}

#[test]
fn what_every_exchange_does_by_itself_is_fulfilled_from_the_start() {
    let policy = json!({"permission": [{"action": "use", "duty": [
        {"action": "log"}, {"action": "inform"}, {"action": "delete"}, {"action": "compensate"}]}]});
    let mut registry = Registry::built_in();
    registry.read_duties(DutyReading::ByAction);
    let policy = Compiled::read(&policy, &registry).unwrap();
    let world = World::read(&super::world("transfer", json!({}))).unwrap();
    let known = written(&policy.outlook(&world), &[]);
    let told: Vec<_> = known.iter().map(|o| (o.actions[0].as_str(), o.timing, o.state)).collect();
    assert_eq!(
        told,
        [
            ("log", Some(DutyTiming::With), ObligationState::Fulfilled),
            ("inform", Some(DutyTiming::With), ObligationState::Fulfilled),
            ("delete", Some(DutyTiming::After), ObligationState::Open),
            ("compensate", Some(DutyTiming::Before), ObligationState::Open),
        ]
    );
}

proptest! {
    #[test]
    fn what_is_written_leaves_nothing_to_be_written(policy in policy(), world in world()) {
        let Ok(policy) = Compiled::read(&policy, &Registry::built_in()) else { return Ok(()) };
        let mut world = World::read(&world).unwrap();
        let known = written(&policy.outlook(&world), &[]);
        world.hear(Reported::by(&followed(&known)));
        let outlook = policy.outlook(&world);
        prop_assert_eq!(outlook.changes(&known), vec![]);
    }

    #[test]
    fn what_is_reported_of_the_missed_permits_no_more_than_the_clock(policy in policy(), world in world()) {
        let Ok(policy) = Compiled::read(&policy, &Registry::built_in()) else { return Ok(()) };
        let mut world = World::read(&world).unwrap();
        let before = policy.decide(&world).permit;
        world.hear(Reported::by(&followed(&written(&policy.outlook(&world), &[]))));
        prop_assert_eq!(policy.decide(&world).permit, before);
    }
}

/// Duties with bounds on both sides, things to be kept up, prohibitions with remedies.
fn bounded() -> impl Strategy<Value = Value> {
    let times = ["2026-11-22T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-26T00:00:00Z"];
    let bound =
        (select(&["gteq", "gt", "lteq", "lt"][..]), 0..3_usize, prop::bool::ANY).prop_map(move |(op, n, absolute)| {
            if absolute {
                atom("dateTime", op, json!(times[n]))
            } else {
                atom("elapsedTime", op, json!(format!("P{}D", n + 1)))
            }
        });
    let duty = move |actions: &'static [&'static str]| {
        (select(actions), prop::collection::vec(bound.clone(), 0..3))
            .prop_map(|(action, constraints)| json!({"action": action, "constraint": constraints}))
    };
    let all = &["retain", "archive", "delete", "inform"][..];
    let with_consequence =
        (duty(all), prop::collection::vec(duty(&["compensate"]), 0..2)).prop_map(|(mut duty, then)| {
            duty["consequence"] = json!(then);
            duty
        });
    let remedied = prop::collection::vec(duty(&["compensate", "inform"]), 0..3)
        .prop_map(|remedies| json!({"action": "distribute", "remedy": remedies}));
    (
        prop::collection::vec(with_consequence.clone(), 0..2),
        prop::collection::vec(with_consequence, 0..3),
        prop::collection::vec(remedied, 0..3),
    )
        .prop_map(|(duties, obligations, prohibitions)| {
            json!({"permission": [{"action": "use", "ids:postDuty": duties}], "obligation": obligations,
                   "conflict": "perm", "prohibition": prohibitions})
        })
}

/// What is followed of an agreement, in step with its policy as the engine keeps it.
struct Office {
    policy: Compiled,
    now: crate::model::time::Timestamp,
    followed: Followed,
    written: usize,
}

impl Office {
    fn open(policy: &Value) -> Option<Self> {
        let policy = Compiled::read(policy, &Registry::built_in()).ok()?;
        let now = crate::model::time::Timestamp::parse("2026-11-22T00:00:00Z").unwrap();
        let mut office = Self { policy, now, followed: Followed::default(), written: 0 };
        office.follow();
        Some(office)
    }

    fn world(&self) -> World {
        let mut world = World::read(&super::world("transfer", json!({}))).unwrap();
        world.know("edc:contractAgreement", "2026-11-22T00:00:00Z");
        world.now = self.now;
        world.hear(Reported::by(&self.followed));
        world
    }

    fn outlook(&self) -> Outlook {
        self.policy.outlook(&self.world())
    }

    fn follow(&mut self) {
        self.written = 0;
        loop {
            let outlook = self.outlook();
            self.written += outlook.changes(&self.followed.obligations).len();
            self.followed.obligations = written(&outlook, &self.followed.obligations);
            let open = self.followed.infringements.iter_mut().filter(|one| one.state == InfringementState::Open);
            let healed: Vec<&mut Infringement> = open.filter(|one| outlook.is_healed(one)).collect();
            if healed.is_empty() {
                return;
            }
            self.written += healed.len();
            healed.into_iter().for_each(|one| one.state = InfringementState::Healed);
        }
    }

    fn take(&mut self, (what, n): (u8, usize)) {
        let before = self.now.plus_millis(-1);
        match what {
            0 => {
                let count = self.followed.obligations.len().max(1);
                if let Some(one) = self.followed.obligations.get_mut(n % count)
                    && !matches!(one.state, ObligationState::Fulfilled | ObligationState::Lifted)
                {
                    one.performed = Some(before);
                }
            }
            1 => {
                let all = self.outlook().infringible;
                if let Some(what) =
                    all.get(n % all.len().max(1)).filter(|one| one.until.is_none_or(|until| before < until))
                {
                    self.followed.infringements.push(Infringement {
                        id: "i".into(),
                        agreement: "a".into(),
                        participant: "did:web:p".into(),
                        role: Role::Provider,
                        counterparty: "did:web:c".into(),
                        clause: what.clause.clone(),
                        actions: what.actions.clone(),
                        infringed: before.plus_millis(-1),
                        note: None,
                        state: InfringementState::Open,
                        reported: self.now,
                        settled: None,
                        settled_note: None,
                    });
                }
            }
            2 => {
                let count = self.followed.infringements.len().max(1);
                if let Some(one) = self.followed.infringements.get_mut(n % count)
                    && one.state == InfringementState::Open
                {
                    one.state = InfringementState::Withdrawn;
                }
            }
            _ => {}
        }
        self.follow();
    }

    fn open_infringements(&self) -> Vec<&str> {
        let all = self.followed.infringements.iter();
        all.filter(|one| one.state == InfringementState::Open).map(|one| &*one.clause).collect()
    }
}

proptest! {
    #[test]
    fn whatever_happens_what_is_followed_keeps_in_step(
        policy in bounded(),
        events in prop::collection::vec(((0..4_u8, 0..8_usize), 1..40_i64), 1..12),
    ) {
        let Some(mut office) = Office::open(&policy) else { return Ok(()) };
        for (event, hours) in events {
            office.now = office.now.plus_millis(hours * 3_600_000);
            office.follow();
            office.take(event);
            let open = office.open_infringements();
            prop_assert!(open.is_empty() || !office.policy.decide(&office.world()).permit, "{open:?}");
            for one in &office.followed.obligations {
                let calls = one.follows.as_deref().is_none_or(|clause| open.contains(&clause) || !clause.starts_with("/prohibition"));
                prop_assert!(calls || matches!(one.state, ObligationState::Fulfilled | ObligationState::Lifted), "{one:?}");
                prop_assert!(!open.contains(&&*one.clause) || one.state == ObligationState::Infringed, "{one:?}");
            }
            office.follow();
            prop_assert_eq!(office.written, 0, "what is written leaves nothing to be written");
            let (next, now) = (office.outlook().next, office.now);
            office.now = next.map_or(now.plus_millis(hours * 3_600_000), |next| next.plus_millis(-1).max(now));
            office.follow();
            prop_assert_eq!(office.written, 0, "nothing changes before the moment told");
            office.now = now;
        }
    }
}
