use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::message::{Topic, message, opened};
use super::sequence::{Message, Step};
use super::*;
use crate::subject::Place;

fn topic(subject_provides: bool) -> Topic {
    Topic {
        consumer: "urn:uuid:c".to_owned(),
        provider: "urn:uuid:p".to_owned(),
        subject_provides,
        dataset: "ACN0101".to_owned(),
        offer: "CD123:ACN0101:456".to_owned(),
        agreement: "ATP0101".to_owned(),
        subject: ground::SUBJECT.to_owned(),
        peer: "did:web:peer.example".to_owned(),
        callback: "http://127.0.0.1:1/cn_01_01".to_owned(),
    }
}

#[test]
fn there_are_sixty_five_sequences_with_distinct_ids_and_assets() {
    let ids: BTreeSet<String> = sequences().map(Sequence::id).collect();
    let assets: BTreeSet<String> = sequences().map(Sequence::asset).collect();
    assert_eq!(ids.len() + metadata::CASES.len(), SEQUENCES);
    assert_eq!(assets.len(), ids.len());
    assert!(ids.contains("CN_C:03-06") && ids.contains("TP_C:02-05") && !ids.contains("TP:02-04"));
}

#[test]
fn every_sequence_ends_by_looking_at_the_state_that_its_last_accepted_message_leads_to() {
    for sequence in sequences() {
        let first = if sequence.family.negotiates() { Message::Request } else { Message::TransferRequest };
        let mut state = first.leads_to();
        for step in sequence.steps {
            match step {
                Step::Send(message) | Step::Receive(message) => state = message.leads_to(),
                Step::State(seen) => assert_eq!(*seen, state, "{}", sequence.id()),
                Step::Refused(_) => {}
            }
        }
        assert!(matches!(sequence.steps.last(), Some(Step::State(_))), "{}", sequence.id());
    }
}

#[test]
fn what_the_connector_is_to_send_is_what_a_rule_makes_it_send() {
    for sequence in sequences() {
        let received = sequence.steps.iter().filter(|step| matches!(step, Step::Receive(_))).count();
        let acting = sequence.rules.iter().filter(|rule| rule.action != "hold").count();
        assert_eq!(received, acting, "{}", sequence.id());
    }
}

#[test]
fn the_configuration_has_every_rule_asset_and_agreement_once() {
    let place = Place { public_port: 1, management_port: 2, key: "k".to_owned(), store: "/tmp/store".into() };
    let toml = Ground::new("did:web:peer.example", 0, "http://127.0.0.1:3").toml(&place, sequences());
    let count = |text: &str| toml.matches(text).count();
    assert_eq!(count("[[automation]]"), sequences().map(|s| s.rules.len()).sum::<usize>());
    assert_eq!(count("[[agreement]]"), 30);
    assert_eq!(count("[[asset]]"), 1 + sequences().filter(|s| s.family.provides()).count());
    assert!(toml.contains("id = \"CD123:ACN0102:456\""), "{toml}");
}

#[test]
fn the_peers_own_messages_pass_its_own_checks() {
    for (negotiates, messages) in [
        (
            true,
            &[
                Message::Request,
                Message::Offer,
                Message::Accepted,
                Message::Agreement,
                Message::Verification,
                Message::Finalized,
                Message::Termination,
            ][..],
        ),
        (false, &[Message::TransferRequest, Message::Suspension, Message::Completion, Message::Termination][..]),
    ] {
        for kind in messages {
            let topic = topic(true);
            let body = message(*kind, negotiates, &topic);
            check::message(&body, *kind, negotiates, &topic).unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        }
        check::process(&opened(negotiates, &topic(false)), negotiates, &topic(false), "REQUESTED").unwrap();
    }
}

#[test]
fn a_message_that_lacks_anything_required_is_found_out() {
    let topic = topic(true);
    let agreement = message(Message::Agreement, true, &topic);
    for pointer in [
        "/@context",
        "/@type",
        "/consumerPid",
        "/providerPid",
        "/agreement/timestamp",
        "/agreement/assignee",
        "/agreement/permission",
    ] {
        let mut broken = agreement.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        broken.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        assert!(check::message(&broken, Message::Agreement, true, &topic).is_err(), "{pointer}");
    }
    let mut other = agreement.clone();
    other["consumerPid"] = json!("urn:uuid:somebody-else");
    assert!(check::message(&other, Message::Agreement, true, &topic).is_err());
    let start = message(Message::Start, false, &topic);
    assert!(check::message(&start, Message::Start, false, &topic).is_err(), "a provider's start without an address");
}

#[test]
fn a_catalogue_is_checked_down_to_its_distributions() {
    let good = json!({
        "@context": [message::CONTEXT], "@id": "urn:uuid:1", "@type": "Catalog", "participantId": "did:web:x",
        "service": [{"@id": "urn:uuid:2", "@type": "DataService", "endpointURL": "http://x/dsp"}],
        "dataset": [{
            "@id": "d", "@type": "Dataset",
            "hasPolicy": [{"@id": "o", "@type": "Offer", "permission": [{"action": "use"}]}],
            "distribution": [{"@type": "Distribution", "format": "HttpData-PULL", "accessService": "urn:uuid:2"}],
        }],
    });
    assert_eq!(check::catalog(&good).unwrap().len(), 1);
    let without = |pointer: &str, name: &str| {
        let mut broken = good.clone();
        broken.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().remove(name);
        check::catalog(&broken).is_err()
    };
    assert!(without("", "participantId"));
    assert!(without("/dataset/0", "distribution"));
    assert!(without("/dataset/0/hasPolicy/0", "permission"));
    assert!(without("/dataset/0/distribution/0", "accessService"));
    let mut targeted = good.clone();
    targeted["dataset"][0]["hasPolicy"][0]["target"] = json!("d");
    assert!(check::catalog(&targeted).is_err());
}

#[tokio::test]
async fn the_peer_answers_only_what_a_conversation_expects() {
    let (peer, mut mailboxes) = Peer::start(&["cn_01_01".to_owned()]).await.unwrap();
    let http = subject::client().unwrap();
    let send = |path: &str| http.post(format!("{}{path}", peer.base("cn_01_01"))).json(&json!({"a": 1})).send();
    let (answer, arrived) = tokio::join!(send("/negotiations/urn%3Auuid%3A1/offers"), async {
        let arrived = mailboxes[0].recv().await.unwrap();
        let (path, body) = (arrived.path.clone(), arrived.body.clone());
        arrived.answer(axum::http::StatusCode::OK, None);
        (path, body)
    });
    assert_eq!(arrived, ("/negotiations/urn:uuid:1/offers".to_owned(), json!({"a": 1})));
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(http.post(peer.base("unknown")).send().await.unwrap().status(), 404);
    drop(mailboxes);
    assert_eq!(send("/negotiations/x/offers").await.unwrap().status(), 503);
}
