//! Two replicas of a provider over one PostgreSQL database: what one begins the other one goes on with, and what one acknowledged the
//! other one's very next call knows.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sliproad::demo::processes::Connector;
use sliproad::demo::story::{self, ECHO, LAND_REGISTER, POPULATION_REGISTER, StartedTransfer};

mod world;

use super::management::credentials::{CONSUMER, Issuer, believing};
use super::postgres::Cluster;
use world::{Ministry, PROGRAM, act, call, put, remove};

/// How long a look is worth waiting for until the next.
const MOMENT: Duration = Duration::from_millis(20);
/// Longer than a claim of a replica that is gone holds.
const AT_LAST: Duration = Duration::from_secs(90);

/// Every step waits a moment, so that a replica can be killed while the process stands in a state.
const SLOW_STEPS: &str = r#"
[[automation]]
process = "negotiation"
role = "provider"
state = "REQUESTED"
delay-ms = 300
action = "agree"

[[automation]]
process = "negotiation"
role = "provider"
state = "VERIFIED"
delay-ms = 300
action = "finalize"

[[automation]]
process = "transfer"
role = "provider"
state = "REQUESTED"
delay-ms = 300
action = "start"
"#;

/// The consumer waits a moment, too, or what it moves on would be past before anybody looks.
const SLOW_ANSWER: &str = r#"
[[automation]]
process = "negotiation"
role = "consumer"
state = "AGREED"
delay-ms = 300
action = "verify"
"#;

/// Looks until it is so.
async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + AT_LAST;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not after {AT_LAST:?}");
        tokio::time::sleep(MOMENT).await;
    }
}

/// The replica's view of what the consumer knows by this pid, once it is in the state.
async fn stands_in(replica: &Connector, noun: &str, consumer_pid: &str, state: &str) -> Value {
    until(&format!("{noun} of {consumer_pid} in {state}"), async || {
        let listed = replica.management.read(&format!("/api/v1/{noun}?limit=500")).await.ok()?;
        let all = listed["items"].as_array()?;
        all.iter().find(|p| p["peerPid"] == consumer_pid && p["state"] == state).cloned()
    })
    .await
}

async fn offer_of(ministry: &Ministry, dataset: &str) -> Value {
    let catalogue = catalogue(ministry).await;
    let dataset_offered = catalogue["dataset"].as_array().unwrap().iter().find(|d| d["@id"] == dataset).unwrap();
    let mut offer = dataset_offered["hasPolicy"][0].clone();
    offer["target"] = json!(dataset);
    offer
}

/// The catalogue, over a connection that the balancer did not end.
async fn catalogue(ministry: &Ministry) -> Value {
    let provider = &ministry.road.provider.settings;
    let request = json!({"counterparty": provider.participant, "address": provider.dsp()});
    let consumer = &ministry.road.consumer.management;
    until("the catalogue", async || consumer.post("/api/v1/catalog/request", &request).await.ok()).await
}

async fn request_negotiation(ministry: &Ministry) -> String {
    let provider = &ministry.road.provider.settings;
    let offer = offer_of(ministry, LAND_REGISTER).await;
    let request = json!({"counterparty": provider.participant, "address": provider.dsp(), "offer": offer});
    let begun = ministry.road.consumer.management.post("/api/v1/negotiations", &request).await.unwrap();
    begun["pid"].as_str().unwrap().to_owned()
}

async fn transfer_of(ministry: &Ministry, dataset: &str) -> StartedTransfer {
    catalogue(ministry).await;
    let agreement = story::negotiate(&ministry.road, dataset).await.unwrap();
    story::start_transfer(&ministry.road, &agreement).await.unwrap()
}

#[tokio::test]
async fn what_one_replica_began_the_other_one_finishes_when_it_is_killed() {
    let Some(mut ministry) = Ministry::open_before(SLOW_STEPS, SLOW_ANSWER).await else { return };
    for state in ["REQUESTED", "AGREED", "VERIFIED"] {
        ministry.balancer.send_to(&ministry.road.provider);
        let pid = request_negotiation(&ministry).await;
        stands_in(&ministry.b, "negotiations", &pid, state).await;
        ministry.road.provider.kill().await.unwrap();
        ministry.balancer.send_to(&ministry.b);
        let theirs = stands_in(&ministry.b, "negotiations", &pid, "FINALIZED").await;
        ministry.road.consumer.management.wait("negotiations", &pid, "FINALIZED").await.unwrap();
        let path = format!("/api/v1/negotiations/{}", theirs["pid"].as_str().unwrap());
        let history = ministry.b.management.read(&path).await.unwrap()["history"].clone();
        let went: Vec<&str> =
            history.as_array().unwrap().iter().map(|entry| entry["state"].as_str().unwrap()).collect();
        assert_eq!(went, ["REQUESTED", "AGREED", "VERIFIED", "FINALIZED"], "killed in {state}");
        ministry.road.provider.start_again().await.unwrap();
    }

    ministry.balancer.send_to(&ministry.road.provider);
    catalogue(&ministry).await;
    let agreement = story::negotiate(&ministry.road, LAND_REGISTER).await.unwrap();
    let request = json!({"agreementId": agreement, "format": "HttpData-PULL"});
    let begun = ministry.road.consumer.management.post("/api/v1/transfers", &request).await.unwrap();
    let pid = begun["pid"].as_str().unwrap();
    stands_in(&ministry.b, "transfers", pid, "REQUESTED").await;
    ministry.road.provider.kill().await.unwrap();
    ministry.balancer.send_to(&ministry.b);
    stands_in(&ministry.b, "transfers", pid, "STARTED").await;
    let transfer = story::start_transfer(&ministry.road, &agreement).await.unwrap();
    assert_eq!(call(&ministry.b, &transfer, "/parcels").await.0, 200);
    ministry.close().await;
}

#[tokio::test]
async fn what_may_be_called_three_times_may_be_called_three_times_at_both_together() {
    let Some(ministry) = Ministry::open("").await else { return };
    let transfer = transfer_of(&ministry, POPULATION_REGISTER).await;
    let (a, b) = (ministry.a(), &ministry.b);
    for replica in [a, b, a] {
        assert_eq!(call(replica, &transfer, "/persons/50001010001").await.0, 200);
    }
    for replica in [b, a] {
        assert_eq!(call(replica, &transfer, "/persons/50001010001").await, (403, "policy.refused".to_owned()));
    }
    ministry.close().await;
}

/// Not at rest, but in the middle of commits, messages and answers: whenever the generator says.
#[tokio::test]
async fn kills_of_either_replica_at_any_moment_lose_nothing_and_repeat_nothing() {
    use rand::{RngExt as _, SeedableRng as _};
    const SEED: u64 = 0x2_51a7;
    let mut random = rand::rngs::StdRng::seed_from_u64(SEED);
    let Some(mut ministry) = Ministry::open("").await else { return };
    for round in 0..6 {
        let (killed, left) = if round % 2 == 0 {
            (&mut ministry.road.provider, &mut ministry.b)
        } else {
            (&mut ministry.b, &mut ministry.road.provider)
        };
        ministry.balancer.send_to(killed);
        let mut pids = Vec::new();
        let provider = &killed.settings;
        let mut request = json!({"counterparty": provider.participant, "address": provider.dsp()});
        let consumer = &ministry.road.consumer.management;
        let offered =
            until("the catalogue", async || consumer.post("/api/v1/catalog/request", &request).await.ok()).await;
        let dataset = offered["dataset"].as_array().unwrap().iter().find(|d| d["@id"] == LAND_REGISTER).unwrap();
        request["offer"] = dataset["hasPolicy"][0].clone();
        request["offer"]["target"] = json!(LAND_REGISTER);
        for _ in 0..3 {
            let begun = consumer.post("/api/v1/negotiations", &request).await.unwrap();
            pids.push(begun["pid"].as_str().unwrap().to_owned());
        }
        let moment = Duration::from_millis(random.random_range(0..60));
        tokio::time::sleep(moment).await;
        killed.kill().await.unwrap();
        ministry.balancer.send_to(left);
        // Once the other one has to wait until what was in hand lapses, once it comes back itself.
        if round > 1 {
            killed.start_again().await.unwrap();
        }
        for pid in &pids {
            let theirs = stands_in(left, "negotiations", pid, "FINALIZED").await;
            let path = format!("/api/v1/negotiations/{}", theirs["pid"].as_str().unwrap());
            let history = left.management.read(&path).await.unwrap()["history"].clone();
            let went: Vec<&str> = history.as_array().unwrap().iter().map(|e| e["state"].as_str().unwrap()).collect();
            let told = format!("seed {SEED:#x}, round {round}, {moment:?}");
            assert_eq!(went, ["REQUESTED", "AGREED", "VERIFIED", "FINALIZED"], "{told}");
            let listed = left.management.read("/api/v1/negotiations?limit=500").await.unwrap();
            let counterparts = listed["items"].as_array().unwrap().iter().filter(|p| p["peerPid"] == *pid).count();
            assert_eq!(counterparts, 1, "{told}");
            consumer.wait("negotiations", pid, "FINALIZED").await.unwrap();
        }
        if round <= 1 {
            killed.start_again().await.unwrap();
        }
    }
    ministry.close().await;
}

#[tokio::test]
async fn what_is_suspended_at_one_replica_is_refused_at_the_very_next_call_at_the_other() {
    let Some(ministry) = Ministry::open("").await else { return };
    let transfer = transfer_of(&ministry, LAND_REGISTER).await;
    let mut latest = transfer;
    let (a, b) = (ministry.a(), &ministry.b);
    for (here, there) in [(a, b), (b, a), (a, b), (b, a), (a, b)] {
        assert_eq!(call(there, &latest, "/parcels").await.0, 200);
        act(here, "transfers", &latest.provider_pid, "suspend").await;
        assert_eq!(call(there, &latest, "/parcels").await, (403, "transfer.suspended".to_owned()));
        ministry.road.consumer.management.wait("transfers", &latest.consumer_pid, "SUSPENDED").await.unwrap();
        act(here, "transfers", &latest.provider_pid, "start").await;
        assert_eq!(call(there, &latest, "/parcels").await, (401, "token.superseded".to_owned()));
        latest = again(&ministry, &latest).await;
    }
    assert_eq!(call(b, &latest, "/parcels").await.0, 200);
    act(a, "transfers", &latest.provider_pid, "terminate").await;
    assert_eq!(call(b, &latest, "/parcels").await, (403, "transfer.terminated".to_owned()));
    ministry.close().await;
}

/// The transfer with the token of its last start.
async fn again(ministry: &Ministry, before: &StartedTransfer) -> StartedTransfer {
    let consumer = &ministry.road.consumer.management;
    consumer.wait("transfers", &before.consumer_pid, "STARTED").await.unwrap();
    let path = format!("/api/v1/transfers/{}/endpoint", before.consumer_pid);
    let endpoint = consumer.read(&path).await.unwrap();
    let token = endpoint["authorization"].as_str().unwrap().to_owned();
    StartedTransfer::new(&before.consumer_pid, &before.provider_pid, endpoint["endpoint"].as_str().unwrap(), &token)
}

#[tokio::test]
async fn what_is_confirmed_at_one_replica_the_very_next_call_at_the_other_knows() {
    let Some(ministry) = Ministry::open("").await else { return };
    let (a, b) = (ministry.a(), &ministry.b);
    // The duty counts from a call on that no transfer waits for.
    let early = json!({"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": "GET /echo"});
    let duty = json!([{"action": "compensate", "constraint": [early]}]);
    put(a, "/api/v1/policies/special", &json!({"permission": [{"action": "use", "duty": duty}]})).await;
    put(a, "/api/v1/offers/echo", &json!({"id": "echo", "assets": [ECHO], "policy": "special"})).await;
    let transfer = transfer_of(&ministry, ECHO).await;
    assert_eq!(call(b, &transfer, "/echo").await, (403, "policy.refused".to_owned()));
    let known = b.management.read("/api/v1/obligations").await.unwrap();
    let id = known["items"][0]["id"].as_str().unwrap();
    let confirmed = a.management.post(&format!("/api/v1/obligations/{id}/confirm"), &json!({})).await.unwrap();
    assert_eq!(confirmed["state"], "fulfilled");
    assert_eq!(call(b, &transfer, "/echo").await.0, 200);
    ministry.close().await;
}

#[tokio::test]
async fn facts_and_endpoints_changed_at_one_replica_the_very_next_call_at_the_other_knows() {
    let facts = r#"
[[counterparty]]
id = "did:web:consumer*"
facts = { spatial = "EE" }

[[policy]]
id = "in-estonia"
policy = { permission = [{ action = "use", constraint = [
    { leftOperand = "spatial", operator = "eq", rightOperand = "EE" },
] }] }

[[asset]]
id = "parcels-in-estonia"
service = "DEV/GOV/2000/landregister/land"

[[offer]]
id = "parcels-in-estonia"
assets = ["parcels-in-estonia"]
policy = "in-estonia"
"#;
    let Some(ministry) = Ministry::open(facts).await else { return };
    let (a, b) = (ministry.a(), &ministry.b);
    let parcels = transfer_of(&ministry, LAND_REGISTER).await;
    assert_eq!(call(b, &parcels, "/parcels").await.0, 200);
    let asset = |endpoints: Value| json!({"id": LAND_REGISTER, "service": "DEV/GOV/2000/landregister/land", "endpoints": endpoints});
    put(a, &format!("/api/v1/assets/{LAND_REGISTER}"), &asset(json!(["GET /owners"]))).await;
    assert_eq!(call(b, &parcels, "/parcels").await, (403, "endpoint.not-offered".to_owned()));
    put(b, &format!("/api/v1/assets/{LAND_REGISTER}"), &asset(json!(["GET /parcels"]))).await;
    assert_eq!(call(a, &parcels, "/parcels").await.0, 200);

    let transfer = transfer_of(&ministry, "parcels-in-estonia").await;
    assert_eq!(call(b, &transfer, "/parcels").await.0, 200);
    put(a, "/api/v1/counterparties/did:web:consumer*", &json!({"facts": {"spatial": "FI"}})).await;
    let (status, code) = call(b, &transfer, "/parcels").await;
    assert!(status == 403 && matches!(code.as_str(), "policy.refused" | "transfer.suspended"), "{status} {code}");
    let told = ministry.road.consumer.management.wait("transfers", &transfer.consumer_pid, "SUSPENDED").await.unwrap();
    assert!(told.to_string().contains("spatial"), "{told}");
    ministry.close().await;
}

#[tokio::test]
async fn a_credential_that_one_replica_drops_the_very_next_call_at_the_other_does_not_rest_on() {
    let keys = tempfile::tempdir().unwrap();
    let issuer = Issuer::open(keys.path()).await;
    let Some(ministry) = Ministry::open(&believing(&issuer, 300)).await else { return };
    let (a, b) = (ministry.a(), &ministry.b);
    let shown = json!({"counterparty": CONSUMER, "credential": issuer.membership(CONSUMER).await});
    let taken = a.management.post("/api/v1/credentials", &shown).await.unwrap();
    let path = format!("/api/v1/credentials/{}", taken["id"].as_str().unwrap());
    until("the credential at the other replica", async || b.management.read(&path).await.ok()).await;
    ministry.balancer.send_to(b);
    let transfer = transfer_of(&ministry, "for-members").await;
    assert_eq!(call(b, &transfer, "/parcels").await.0, 200);
    remove(a, &path).await;
    let (status, code) = call(b, &transfer, "/parcels").await;
    assert!(status == 403 && matches!(code.as_str(), "policy.refused" | "transfer.suspended"), "{status} {code}");
    ministry.close().await;
}

#[tokio::test]
async fn what_is_offered_at_one_replica_is_in_the_catalogue_of_the_other() {
    let Some(mut ministry) = Ministry::open("").await else { return };
    put(ministry.a(), "/api/v1/offers/second", &json!({"id": "second", "assets": [ECHO], "policy": "open"})).await;
    let offered = async |id: &str| {
        let offers = ministry.b.management.read("/api/v1/offers").await.unwrap();
        offers["items"].as_array().unwrap().iter().any(|offer| offer["id"] == id)
    };
    until("the offer at the other replica", async || offered("second").await.then_some(())).await;
    remove(ministry.a(), "/api/v1/offers/second").await;
    until("the offer gone at the other replica", async || (!offered("second").await).then_some(())).await;

    // The consumer speaks to one replica, then to the other.
    ministry.balancer.send_to(&ministry.b);
    catalogue(&ministry).await;
    let agreement = story::negotiate(&ministry.road, ECHO).await.unwrap();
    ministry.balancer.send_to(&ministry.road.provider);
    let transfer = story::start_transfer(&ministry.road, &agreement).await.unwrap();
    assert_eq!(call(&ministry.b, &transfer, "/echo").await.0, 200);
    ministry.road.provider.stop(Duration::from_secs(10)).await;
    assert_eq!(call(&ministry.b, &transfer, "/echo").await.0, 200, "the other one goes on");
    ministry.close().await;
}

#[tokio::test]
async fn a_replica_with_another_key_refuses_to_start_and_says_what_to_do() {
    let Some(ministry) = Ministry::open("").await else { return };
    for key in ["signing-key.pem", "pseudonym-key"] {
        let folder = ministry.directory.path().join(format!("without-{key}"));
        let keys = folder.join("keys");
        std::fs::create_dir_all(&keys).unwrap();
        for file in ["signing-key.pem", "pseudonym-key"].iter().filter(|file| **file != key) {
            std::fs::copy(ministry.directory.path().join("keys").join(file), keys.join(file)).unwrap();
        }
        let mut settings = ministry.b.settings.replica(&folder).unwrap();
        let theirs = ministry.directory.path().join("keys").display().to_string();
        settings.store = settings.store.replace(&theirs, &keys.display().to_string());
        let mut other = Connector::spawn(Path::new(PROGRAM), settings, "").unwrap();
        let refused = other.wait_ready().await.unwrap_err().to_string();
        let named = if key == "pseudonym-key" { "the pseudonym key" } else { "the signing key" };
        assert!(refused.contains(named) && refused.contains("store.keys-path"), "{refused}");
        assert!(!refused.contains("postgres://"), "no URL in it: {refused}");
    }
    ministry.close().await;
}

#[tokio::test]
async fn replicas_survive_a_restart_of_the_database() {
    let Some(server) = Cluster::start() else { return };
    let ministry = Ministry::open_on(server.database().await, "").await;
    let transfer = transfer_of(&ministry, LAND_REGISTER).await;
    let (a, b) = (ministry.a(), &ministry.b);
    assert_eq!(call(a, &transfer, "/parcels").await.0, 200);
    assert_eq!(call(b, &transfer, "/parcels").await.0, 200);
    server.stop();
    for replica in [a, b] {
        assert_eq!(call(replica, &transfer, "/parcels").await, (503, "transfer.unavailable".to_owned()));
    }
    server.start_again();
    for replica in [a, b] {
        until("calls again", async || (call(replica, &transfer, "/parcels").await.0 == 200).then_some(())).await;
    }
    act(a, "transfers", &transfer.provider_pid, "suspend").await;
    assert_eq!(call(b, &transfer, "/parcels").await, (403, "transfer.suspended".to_owned()));
    story::negotiate(&ministry.road, ECHO).await.unwrap();
    put(a, "/api/v1/offers/second", &json!({"id": "second", "assets": [ECHO], "policy": "open"})).await;
    until("replicas hear each other again", async || {
        let offers = b.management.read("/api/v1/offers").await.ok()?;
        offers["items"].as_array()?.iter().find(|offer| offer["id"] == "second").map(|_| ())
    })
    .await;
    ministry.close().await;
}
