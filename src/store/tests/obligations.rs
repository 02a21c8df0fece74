//! Obligations in the store.

use super::*;
use crate::model::infringement::{Infringement, InfringementState};
use crate::model::obligation::{Obligation, ObligationState};
use crate::model::odrl::DutyTiming;

fn obligation(id: &str, agreement: &str, state: ObligationState) -> Obligation {
    Obligation {
        id: id.into(),
        agreement: agreement.into(),
        participant: "did:web:us".into(),
        role: Role::Provider,
        counterparty: "did:web:them".into(),
        clause: format!("/obligation/{id}"),
        uid: Some("urn:duty".into()),
        follows: None,
        actions: vec!["delete".into()],
        timing: Some(DutyTiming::After),
        deadline: Some(LATER),
        not_before: Some(NOW),
        state,
        performed: None,
        note: None,
        created: NOW,
        updated: NOW,
    }
}

#[tokio::test]
async fn an_obligation_is_kept_with_what_became_of_it() {
    on_both(async |store| {
        let mut one = obligation("1", "a", ObligationState::Open);
        let mut tx = store.begin().await.unwrap();
        tx.put_obligation(&one, "begun").await.unwrap();
        (one.performed, one.note, one.updated) = (Some(NOW), Some("receipt 7".into()), LATER);
        tx.put_obligation(&one, "confirmed").await.unwrap();
        one.state = ObligationState::Fulfilled;
        tx.put_obligation(&one, "fulfilled").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.obligation(&one.id).await.unwrap(), Some(one.clone()));
        let history = store.obligation_history(&one.id).await.unwrap();
        let told: Vec<_> = history.iter().map(|e| (e.event.as_str(), e.state, e.note.as_deref(), e.at)).collect();
        assert_eq!(
            told,
            [
                ("begun", ObligationState::Open, None, NOW),
                ("confirmed", ObligationState::Open, Some("receipt 7"), LATER),
                ("fulfilled", ObligationState::Fulfilled, None, LATER),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn obligations_are_found_by_agreement_and_state_in_pages() {
    on_both(async |store| {
        let mut tx = store.begin().await.unwrap();
        for (id, agreement, state) in [
            ("1", "a", ObligationState::Open),
            ("2", "b", ObligationState::Open),
            ("3", "a", ObligationState::Escalated),
            ("4", "a", ObligationState::Open),
        ] {
            tx.put_obligation(&obligation(id, agreement, state), "begun").await.unwrap();
        }
        tx.commit().await.unwrap();
        let ids = async |agreement, state, after, limit| {
            let found = store.obligations(FollowedQuery { agreement, state, after, limit }).await.unwrap();
            found.into_iter().map(|o| o.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, None, None, 10).await, ["1", "2", "3", "4"]);
        assert_eq!(ids(Some("a"), None, None, 10).await, ["1", "3", "4"]);
        assert_eq!(ids(Some("a"), Some(ObligationState::Open), None, 10).await, ["1", "4"]);
        assert_eq!(ids(None, Some(ObligationState::Open), Some("1"), 1).await, ["2"]);
        let key = obligation("1", "a", ObligationState::Open).key();
        assert_eq!(store.obligations_of(&key).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_clause_of_an_agreement_is_followed_once() {
    on_both(async |store| {
        let one = obligation("1", "a", ObligationState::Open);
        let mut tx = store.begin().await.unwrap();
        tx.put_obligation(&one, "begun").await.unwrap();
        assert!(tx.put_obligation(&Obligation { id: "2".into(), ..one }, "begun").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn times_of_an_obligation_may_change_and_what_it_asks_for_does_not() {
    on_both(async |store| {
        let one = obligation("1", "a", ObligationState::Waiting);
        let mut tx = store.begin().await.unwrap();
        tx.put_obligation(&one, "begun").await.unwrap();
        let moved =
            Obligation { deadline: None, not_before: Some(LATER), actions: vec!["inform".into()], ..one.clone() };
        tx.put_obligation(&moved, "rescheduled").await.unwrap();
        tx.commit().await.unwrap();
        let kept = store.obligation(&one.id).await.unwrap();
        assert_eq!(kept, Some(Obligation { deadline: None, not_before: Some(LATER), ..one }));
    })
    .await;
}

fn infringement(id: &str, agreement: &str) -> Infringement {
    Infringement {
        id: id.into(),
        agreement: agreement.into(),
        participant: "did:web:us".into(),
        role: Role::Provider,
        counterparty: "did:web:them".into(),
        clause: "/prohibition/0".into(),
        actions: vec!["distribute".into()],
        infringed: NOW,
        note: Some("the audit of November".into()),
        state: InfringementState::Open,
        reported: LATER,
        settled: None,
        settled_note: None,
    }
}

#[tokio::test]
async fn an_infringement_is_kept_with_what_became_of_it_and_found_with_its_agreement() {
    on_both(async |store| {
        let mut one = infringement("1", "a");
        let mut tx = store.begin().await.unwrap();
        tx.put_obligation(&obligation("1", "a", ObligationState::Open), "begun").await.unwrap();
        for infringement in [&one, &infringement("2", "b"), &infringement("3", "a")] {
            tx.put_infringement(infringement).await.unwrap();
        }
        one.state = InfringementState::Withdrawn;
        (one.settled, one.settled_note) = (Some(LATER), Some("it was another party".into()));
        tx.put_infringement(&one).await.unwrap();
        assert_eq!(tx.infringement(&one.id).await.unwrap(), Some(one.clone()));
        let followed = tx.followed(&one.key()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.followed(&one.key()).await.unwrap(), followed);
        assert_eq!(
            (followed.obligations.len(), followed.infringements),
            (1, vec![one.clone(), infringement("3", "a")])
        );
        assert_eq!(store.infringement(&one.id).await.unwrap(), Some(one));
        let ids = async |agreement, state, after, limit| {
            let found = store.infringements(FollowedQuery { agreement, state, after, limit }).await.unwrap();
            found.into_iter().map(|one| one.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, None, None, 10).await, ["1", "2", "3"]);
        assert_eq!(ids(Some("a"), Some(InfringementState::Open), None, 10).await, ["3"]);
        assert_eq!(ids(None, None, Some("1"), 1).await, ["2"]);
    })
    .await;
}
