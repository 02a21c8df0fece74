//! Peers that write things their own way, cannot be reached, or say "not yet" for ever.

use super::*;
use crate::model::message::NegotiationBody;

const EVER: usize = 1000;

/// Returns when nothing of this store waits to be done at any time.
async fn nothing_waits(store: &Store) {
    let (never, nobody) = (Timestamp::from_millis(0), "nobody");
    let quiet = async {
        while store.claim(nobody, never, never, 0).await.unwrap().next.is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), quiet).await.expect("something waits for ever");
}

#[tokio::test]
async fn an_agreement_has_the_providers_rules_whatever_the_consumers_writing_of_them_hides() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let written = json!({
        "@id": "offer", "@type": "Offer", "target": {"@id": "dataset"}, "assigner": "did:web:mallory", "profile": [],
        "odrl:permission": {"@id": "mine", "odrl:action": {"@id": "odrl:use"}, "constraint": []},
    });
    let done = world.negotiate(written).await;
    assert_eq!(state(&done), "FINALIZED");
    let given = world.provider.store.agreement(&done.agreement.unwrap()).await.unwrap().unwrap();
    assert_eq!(given.policy["permission"], offer_json("use")["permission"]);
    assert!(given.policy.get("odrl:permission").is_none(), "{}", given.policy);
    assert_eq!(given.policy["assigner"], PROVIDER);
}

#[tokio::test]
async fn what_is_ended_before_it_reached_anybody_is_not_sent_any_more() {
    let world = World::new(vec![Fate::Lost; EVER], Vec::new()).await;
    let begun = world.ask(offer_json("use")).await;
    let tried = async {
        while world.consumer.store.process(&begun.pid).await.unwrap().unwrap().delivery_failure.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), tried).await.unwrap();
    let end = Action::Negotiation { event: NegotiationEvent::Terminate, offer: None, reasons: Reasons::default() };
    world.consumer.engine.act(&begun.pid, end).await.unwrap();
    nothing_waits(&world.consumer.store).await;
    assert!(world.provider.store.processes(ProcessKind::Negotiation, None, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_peer_that_says_not_yet_to_what_it_has_already_is_believed_by_its_own_state() {
    let mut fates = vec![Fate::NotYet; EVER];
    // Taken from the end: a negotiation, a transfer request, and a start of which the answer is lost.
    fates.push(Fate::AnswerLost);
    fates.extend([Fate::Arrives; 5]);
    let world = World::new(fates, Vec::new()).await;
    let (_, theirs) = started(&world).await;
    nothing_waits(&world.provider.store).await;
    let known = world.provider.store.process(&theirs.pid).await.unwrap().unwrap();
    assert_eq!((state(&known), known.delivery_failure), ("STARTED", None));
}

#[tokio::test]
async fn a_first_message_that_comes_again_is_answered_as_before_though_its_offer_is_gone() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let done = world.negotiate(offer_json("use")).await;
    let mut gone = offer_json("use");
    gone["@id"] = json!("gone");
    let again = Inbound {
        participant: PROVIDER.into(),
        caller: CONSUMER.into(),
        pid: None,
        message: NegotiationMessage {
            consumer_pid: Some(done.pid.clone()),
            provider_pid: None,
            body: crate::model::message::NegotiationBody::Request {
                offer: gone,
                callback: Some("line:consumer".into()),
            },
        },
        trace: None,
    };
    let known = world.provider.engine.receive_negotiation(again).await.unwrap();
    assert_eq!(Some(known.pid), done.peer_pid);
}

#[tokio::test]
async fn an_agreement_under_the_id_of_another_one_is_refused_and_replaces_nothing() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let done = world.negotiate(offer_json("use")).await;
    let id = done.agreement.clone().unwrap();
    let kept = world.consumer.store.agreement(&id).await.unwrap().unwrap();
    let from_mallory = |pid: Option<Pid>, consumer_pid: Option<Pid>, body: NegotiationBody| Inbound {
        participant: CONSUMER.into(),
        caller: "did:web:mallory".into(),
        pid,
        message: NegotiationMessage { consumer_pid, provider_pid: Some("urn:theirs".into()), body },
        trace: None,
    };
    let offer = NegotiationBody::Offer { offer: offer_json("use"), callback: Some("line:mallory".into()) };
    let begun = world.consumer.engine.receive_negotiation(from_mallory(None, None, offer)).await.unwrap();
    let accept = Action::Negotiation { event: NegotiationEvent::Accept, offer: None, reasons: Reasons::default() };
    world.consumer.engine.act(&begun.pid, accept).await.unwrap();
    let mut agreement = offer_json("use");
    agreement["@id"] = json!(id.as_str());
    let agreed = from_mallory(Some(begun.pid.clone()), Some(begun.pid), NegotiationBody::Agreement { agreement });
    let refusal = world.consumer.engine.receive_negotiation(agreed).await.unwrap_err();
    assert!(matches!(refusal, EngineError::Refused { code: "agreement.exists", .. }), "{refusal:?}");
    assert_eq!(world.consumer.store.agreement(&id).await.unwrap().unwrap(), kept);
}

#[tokio::test]
async fn a_peer_that_answers_with_the_pid_of_another_process_ends_the_new_one_and_not_the_other() {
    let world = World::new(vec![Fate::Answered("urn:same"), Fate::Answered("urn:same")], Vec::new()).await;
    let first = world.ask(offer_json("use")).await;
    world.settled(&world.consumer, &first.pid, |p| p.peer_pid.is_some()).await;
    let second = world.ask(offer_json("use")).await;
    let ended = world.settled(&world.consumer, &second.pid, |p| p.state.is_final()).await;
    assert_eq!(ended.detail.reasons.unwrap().code.as_deref(), Some("peer.pid-taken"));
    nothing_waits(&world.consumer.store).await;
    assert_eq!(state(&world.consumer.store.process(&first.pid).await.unwrap().unwrap()), "REQUESTED");
}
