//! Replicas that share a database.

use super::*;
use crate::model::obligation::AgreementKey;

/// Replicas of one store, each with its directory.
async fn replicas<const N: usize>() -> Option<[(Store, tempfile::TempDir); N]> {
    let server = SERVER.as_ref()?;
    let url = server.database().await;
    let mut all = Vec::new();
    for _ in 0..N {
        let dir = tempfile::tempdir().unwrap();
        all.push((Store::open_shared(dir.path(), &url).await.unwrap(), dir));
    }
    all.try_into().ok()
}

async fn insert(store: &Store, p: &Process) {
    let mut tx = store.begin().await.unwrap();
    tx.insert_process(p, &saying(&verification())).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn one_replica_works_on_a_process_and_another_goes_on_once_the_claim_lapses() {
    let Some([(one, _a), (two, _b)]) = replicas().await else { return };
    insert(&one, &process("a")).await;
    assert_eq!(claim(&one, "x", NOW, LATER).await.len(), 1);
    assert_eq!(two.claim("x", NOW, LATER, 10).await.unwrap(), Claimed { pids: vec![], next: Some(LATER) });
    assert!(two.work(&"a".into(), "x", LATER).await.unwrap().is_none(), "a token is the replica's own");
    two.release(&"a".into(), "x").await.unwrap();
    assert!(claim(&two, "y", NOW, LATER).await.is_empty(), "nobody gives back what another one has");
    assert_eq!(claim(&two, "y", LATER, LATER.plus_millis(1000)).await.len(), 1);
    let mut tx = one.begin().await.unwrap();
    assert!(matches!(tx.delivered(&"a".into(), "x", 1, None, NOW).await, Err(StoreError::Fenced(_))));
}

#[tokio::test]
async fn a_claim_is_kept_while_there_is_work() {
    let Some([(one, _a), (two, _b)]) = replicas().await else { return };
    insert(&one, &process("a")).await;
    assert_eq!(claim(&one, "x", NOW, LATER).await.len(), 1);
    assert!(one.work(&"a".into(), "x", LATER.plus_millis(5000)).await.unwrap().is_some());
    assert!(claim(&two, "y", LATER, LATER.plus_millis(1000)).await.is_empty());
}

#[tokio::test]
async fn a_replica_that_starts_again_has_nothing_in_hand() {
    let Some(server) = &*SERVER else { return };
    let (url, dir) = (server.database().await, tempfile::tempdir().unwrap());
    let store = Store::open_shared(dir.path(), &url).await.unwrap();
    insert(&store, &process("a")).await;
    assert_eq!(claim(&store, "x", NOW, LATER).await.len(), 1);
    store.close().await;
    drop(store);
    let again = Store::open_shared(dir.path(), &url).await.unwrap();
    assert_eq!(claim(&again, "y", NOW, LATER).await.len(), 1);
}

#[tokio::test]
async fn a_process_that_is_being_changed_elsewhere_is_looked_for_again_soon() {
    let Some([(one, _a), (two, _b)]) = replicas().await else { return };
    insert(&one, &process("a")).await;
    let mut tx = one.begin().await.unwrap();
    tx.process(&"a".into()).await.unwrap();
    let claimed = two.claim("y", NOW, LATER, 10).await.unwrap();
    assert!(claimed.pids.is_empty());
    assert!(claimed.next.is_some_and(|next| next > NOW && next < NOW.plus_millis(1000)), "neither at once nor late");
    drop(tx);
}

#[tokio::test]
async fn who_reads_a_process_for_change_waits_for_the_one_who_did_before() {
    let Some([(one, _a), (two, _b)]) = replicas().await else { return };
    let p = process("a");
    insert(&one, &p).await;
    let mut first = one.begin().await.unwrap();
    let mut seen = first.process(&p.pid).await.unwrap().unwrap();
    let second = tokio::spawn(async move {
        let mut tx = two.begin().await.unwrap();
        tx.process(&"a".into()).await.unwrap().unwrap().version
    });
    seen.version += 1;
    first.update_process(&seen, &requested()).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap(), 2, "it saw what was committed before, whenever it asked");
}

#[tokio::test]
async fn a_first_message_that_comes_to_two_replicas_at_once_begins_one_process() {
    let Some(stores) = replicas::<2>().await else { return };
    let begin = |store: Store, pid: &'static str| {
        tokio::spawn(async move {
            let p = Process { peer_pid: Some("theirs".into()), ..process(pid) };
            let mut tx = store.begin().await.unwrap();
            let known = tx
                .process_of_peer(ProcessKind::Negotiation, &p.participant, p.role, &p.counterparty, &"theirs".into())
                .await
                .unwrap();
            if known.is_none() {
                tx.insert_process(&p, &requested()).await.unwrap();
                tx.commit().await.unwrap();
            }
            known.is_none()
        })
    };
    let [(one, _a), (two, _b)] = stores;
    let (first, second) = (begin(one.clone(), "a"), begin(two, "b"));
    assert!(first.await.unwrap() ^ second.await.unwrap(), "one of them began it, the other one found it");
    assert_eq!(one.processes(ProcessKind::Negotiation, None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_committed_is_told_to_others_and_what_is_undone_is_not() {
    let Some([(one, _a), (two, _b)]) = replicas().await else { return };
    let mut heard = two.notices().unwrap();
    assert_eq!(heard.next().await, Notice::Anything, "what was before is not known");
    let mut tx = one.begin().await.unwrap();
    tx.insert_process(&process("undone"), &requested()).await.unwrap();
    drop(tx);
    insert(&one, &process("a")).await;
    assert_eq!(heard.next().await, Notice::Process("a".into(), ProcessKind::Negotiation));
    let key = AgreementKey { participant: "did:web:us".into(), role: Role::Provider, id: "agreed".into() };
    let mut tx = one.begin().await.unwrap();
    tx.set_agreement_live(&key.participant, key.role, &key.id, false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(heard.next().await, Notice::Agreement(key));
    let nothing = serde_json::json!({});
    two.put_document(DocumentKind::Services, "us", &nothing).await.unwrap();
    two.put_document(DocumentKind::Offer, "o", &nothing).await.unwrap();
    assert_eq!(heard.next().await, Notice::Documents, "of documents also one's own, and not of services");
}

#[tokio::test]
async fn more_than_a_notice_can_hold_is_told_as_anything() {
    let Some([(one, _a), (two, _b)]) = replicas().await else { return };
    let mut heard = two.notices().unwrap();
    assert_eq!(heard.next().await, Notice::Anything);
    let long = "x".repeat(9000);
    let mut tx = one.begin().await.unwrap();
    tx.set_agreement_live(&"did:web:us".into(), Role::Consumer, &long.into(), false).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(heard.next().await, Notice::Anything);
}

#[tokio::test]
async fn a_transfers_standing_tells_of_every_change_that_a_call_must_know() {
    let Some([(one, _a), (two, _b)]) = replicas().await else { return };
    let mut p = Process { agreement: Some("agreed".into()), ..process("t") };
    let standings = two.standings().unwrap();
    assert_eq!(standings.of(&p.pid).await.unwrap(), None);
    let agreement = crate::model::agreement::Agreement {
        id: "agreed".into(),
        role: Role::Provider,
        participant: p.participant.clone(),
        counterparty: p.counterparty.clone(),
        dataset: p.dataset.clone(),
        policy: serde_json::json!({}),
        negotiation: None,
        peer_address: None,
        signed: NOW,
        live: true,
    };
    let mut tx = one.begin().await.unwrap();
    tx.put_agreement(&agreement).await.unwrap();
    tx.insert_process(&p, &requested()).await.unwrap();
    tx.commit().await.unwrap();
    let before = standings.of(&p.pid).await.unwrap().unwrap();

    p.version += 1;
    let mut tx = one.begin().await.unwrap();
    tx.update_process(&p, &requested()).await.unwrap();
    tx.commit().await.unwrap();
    let changed = standings.of(&p.pid).await.unwrap().unwrap();
    assert_eq!(changed, Standing { version: before.version + 1, ..before });

    let mut tx = one.begin().await.unwrap();
    tx.set_agreement_live(&agreement.participant, agreement.role, &agreement.id, false).await.unwrap();
    tx.commit().await.unwrap();
    one.put_document(DocumentKind::Counterparty, "did:web:them", &serde_json::json!({})).await.unwrap();
    let told = standings.of(&p.pid).await.unwrap().unwrap();
    assert!(told.news > changed.news && told.documents > changed.documents, "{told:?} after {changed:?}");
}

#[tokio::test]
async fn replicas_have_their_keys_in_common() {
    let Some([(one, _a), (two, _b)]) = replicas().await else { return };
    one.agree("signing key", "this").await.unwrap();
    two.agree("signing key", "this").await.unwrap();
    let refused = two.agree("signing key", "that").await.unwrap_err();
    assert!(refused.to_string().contains("store.keys-path"), "{refused}");
    assert!(!format!("{one:?}").contains("postgres://"), "no URL in what is shown");
}

#[tokio::test]
async fn a_replica_goes_on_and_hears_again_once_the_database_is_back() {
    let Some(server) = Cluster::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_shared(dir.path(), &server.database().await).await.unwrap();
    let (mut heard, standings) = (store.notices().unwrap(), store.standings().unwrap());
    insert(&store, &process("a")).await;
    assert_eq!(heard.next().await, Notice::Anything);
    assert!(standings.of(&"a".into()).await.unwrap().is_some());
    server.stop();
    assert!(store.begin().await.is_err());
    assert!(standings.of(&"a".into()).await.is_err());
    server.start_again();
    assert_eq!(heard.next().await, Notice::Anything, "nobody knows what was told meanwhile");
    assert!(standings.of(&"a".into()).await.unwrap().is_some(), "the first to ask finds no old connection");
    insert(&store, &process("b")).await;
    assert_eq!(store.processes(ProcessKind::Negotiation, None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_database_that_cannot_show_that_it_is_the_one_gets_no_password() {
    let [ours, theirs] = [(); 2].map(|()| rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = format!(
        "-c listen_addresses=127.0.0.1 -c port={port} -c ssl=on -c ssl_cert_file=../server.pem -c ssl_key_file=../server.key"
    );
    let files = [("server.pem", ours.cert.pem()), ("server.key", ours.signing_key.serialize_pem())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let Some(_server) = Cluster::start_with(&options, &files) else { return };
    let dir = tempfile::tempdir().unwrap();
    for (root, believed) in [(&theirs, false), (&ours, true)] {
        let file = dir.path().join("root.pem");
        std::fs::write(&file, root.cert.pem()).unwrap();
        let url =
            format!("postgres://sliproad@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={}", file.display());
        let opened = Store::open_shared(&dir.path().join("store"), &url.into()).await;
        assert_eq!(opened.is_ok(), believed, "{:?}", opened.err().map(|e| e.to_string()));
    }
}
