//! Obligations in the store.

use super::*;
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
        state,
        performed: None,
        note: None,
        created: NOW,
        updated: NOW,
    }
}

#[tokio::test]
async fn an_obligation_is_kept_with_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
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
}

#[tokio::test]
async fn obligations_are_found_by_agreement_and_state_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
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
        let found = store.obligations(ObligationQuery { agreement, state, after, limit }).await.unwrap();
        found.into_iter().map(|o| o.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, None, None, 10).await, ["1", "2", "3", "4"]);
    assert_eq!(ids(Some("a"), None, None, 10).await, ["1", "3", "4"]);
    assert_eq!(ids(Some("a"), Some(ObligationState::Open), None, 10).await, ["1", "4"]);
    assert_eq!(ids(None, Some(ObligationState::Open), Some("1"), 1).await, ["2"]);
    let key = obligation("1", "a", ObligationState::Open).key();
    assert_eq!(store.obligations_of(&key).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_clause_of_an_agreement_is_followed_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let one = obligation("1", "a", ObligationState::Open);
    let mut tx = store.begin().await.unwrap();
    tx.put_obligation(&one, "begun").await.unwrap();
    assert!(tx.put_obligation(&Obligation { id: "2".into(), ..one }, "begun").await.is_err());
}
