//! How the obligations that are followed keep step with the policy.

use proptest::prelude::*;

use super::properties::{policy, world};
use super::*;
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
