//! kill -9 of either side at every transition of a negotiation and a transfer: after the restart both sides converge, nothing
//! happens twice, and no evidence is lost.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sliproad::demo::processes::{Connector, Road};
use sliproad::demo::story::{self, LAND_REGISTER};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sliproad");
/// How long a look is worth waiting for until the next.
const MOMENT: Duration = Duration::from_millis(20);

/// Every step waits a moment, so that a side can be killed while the process stands in a state.
const SLOW_STEPS: &str = r#"
[[automation]]
process = "negotiation"
role = "provider"
state = "REQUESTED"
delay-ms = 150
action = "agree"

[[automation]]
process = "negotiation"
role = "consumer"
state = "AGREED"
delay-ms = 150
action = "verify"

[[automation]]
process = "negotiation"
role = "provider"
state = "VERIFIED"
delay-ms = 150
action = "finalize"

[[automation]]
process = "negotiation"
role = "consumer"
state = "OFFERED"
delay-ms = 150
action = "accept"

[[automation]]
process = "negotiation"
role = "provider"
state = "ACCEPTED"
delay-ms = 150
action = "agree"

[[automation]]
process = "transfer"
role = "provider"
state = "REQUESTED"
delay-ms = 150
action = "start"
"#;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Provider,
    Consumer,
}

struct Crash {
    road: Road,
    _directory: tempfile::TempDir,
}

impl Crash {
    async fn new(steps: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let road = Road::start_with(directory.path(), Path::new(PROGRAM), steps, steps).await.unwrap();
        Self { road, _directory: directory }
    }

    fn side(&mut self, side: Side) -> &mut Connector {
        match side {
            Side::Provider => &mut self.road.provider,
            Side::Consumer => &mut self.road.consumer,
        }
    }

    async fn crash(&mut self, side: Side) {
        let side = self.side(side);
        side.kill().await.unwrap();
        side.start_again().await.unwrap();
    }

    /// The land register's offer, as the consumer finds it in the catalogue.
    async fn offer(&self) -> Value {
        let provider = &self.road.provider.settings;
        let request = json!({"counterparty": provider.participant, "address": provider.dsp()});
        let catalogue = self.road.consumer.management.post("/api/v1/catalog/request", &request).await.unwrap();
        let dataset = catalogue["dataset"].as_array().unwrap().iter().find(|d| d["@id"] == LAND_REGISTER).unwrap();
        let mut offer = dataset["hasPolicy"][0].clone();
        offer["target"] = json!(LAND_REGISTER);
        offer
    }

    async fn request_negotiation(&self) -> String {
        let provider = &self.road.provider.settings;
        let request = json!({
            "counterparty": provider.participant, "address": provider.dsp(), "offer": self.offer().await,
        });
        let begun = self.road.consumer.management.post("/api/v1/negotiations", &request).await.unwrap();
        begun["pid"].as_str().unwrap().to_owned()
    }

    /// The provider offers; the consumer's pid of the negotiation.
    async fn offer_negotiation(&self) -> String {
        let consumer = &self.road.consumer.settings;
        let request = json!({
            "role": "provider", "counterparty": consumer.participant, "address": consumer.dsp(),
            "offer": self.offer().await,
        });
        let begun = self.road.provider.management.post("/api/v1/negotiations", &request).await.unwrap();
        let theirs = begun["pid"].as_str().unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let listed = self.road.consumer.management.read("/api/v1/negotiations?limit=500").await.unwrap();
            if let Some(found) = listed["items"].as_array().unwrap().iter().find(|p| p["peerPid"] == theirs) {
                return found["pid"].as_str().unwrap().to_owned();
            }
            assert!(tokio::time::Instant::now() < deadline, "the consumer never heard of {theirs}");
            tokio::time::sleep(MOMENT).await;
        }
    }

    async fn act(&self, side: Side, noun: &str, pid: &str, action: &str) {
        let management = match side {
            Side::Provider => &self.road.provider.management,
            Side::Consumer => &self.road.consumer.management,
        };
        let path = format!("/api/v1/{noun}/{pid}/actions");
        management.post(&path, &json!({"action": action})).await.unwrap();
    }

    /// Both sides went through these states, through each once, whatever happened in between.
    async fn each_went_once_through(&mut self, noun: &str, consumer_pid: &str, states: &[&str]) {
        let last = states.last().unwrap();
        let theirs = self.stands_in(Side::Provider, noun, consumer_pid, last).await;
        for (side, pid) in [(Side::Consumer, consumer_pid), (Side::Provider, theirs.as_str())] {
            let process = self.side(side).management.wait(noun, pid, last).await.unwrap();
            let history = process["history"].as_array().unwrap();
            let went: Vec<&str> = history.iter().map(|entry| entry["state"].as_str().unwrap()).collect();
            assert_eq!(went, states, "{side:?}: {history:?}");
        }
    }

    /// What the provider has recorded is whole, and as many exchanges as were made.
    async fn evidence_is_whole(&self, records: usize) {
        let out = self.road.provider.settings.directory.join("export");
        let config = self.road.provider.config.as_os_str();
        let mut export = tokio::process::Command::new(PROGRAM);
        let export = export.args(["evidence", "export", "--out"]).arg(&out).arg("--config").arg(config);
        let export = export.output().await.unwrap();
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        let mut verify = tokio::process::Command::new(PROGRAM);
        let verify = verify.args(["evidence", "verify"]).arg(&out).output().await.unwrap();
        let said = String::from_utf8_lossy(&verify.stdout).into_owned();
        assert_eq!(verify.status.code(), Some(0), "{said}");
        assert!(said.contains(&format!("{records} records")), "{said}");
    }

    /// Waits until `side` has a process of this noun in `state`; its pid there.
    async fn stands_in(&mut self, side: Side, noun: &str, consumer_pid: &str, state: &str) -> String {
        if side == Side::Consumer {
            self.road.consumer.management.wait(noun, consumer_pid, state).await.unwrap();
            return consumer_pid.to_owned();
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let listed = self.road.provider.management.read(&format!("/api/v1/{noun}?limit=500")).await.unwrap();
            let found = listed["items"].as_array().unwrap().iter().find(|p| p["peerPid"] == consumer_pid).cloned();
            if let Some(pid) = found.as_ref().and_then(|p| p["pid"].as_str()) {
                self.road.provider.management.wait(noun, pid, state).await.unwrap();
                return pid.to_owned();
            }
            assert!(tokio::time::Instant::now() < deadline, "the provider never heard of {consumer_pid}");
            tokio::time::sleep(MOMENT).await;
        }
    }

    async fn both_reach(&mut self, noun: &str, consumer_pid: &str, state: &str) -> Value {
        let ours = self.road.consumer.management.wait(noun, consumer_pid, state).await.unwrap();
        self.stands_in(Side::Provider, noun, consumer_pid, state).await;
        ours
    }

    /// How many of the provider's processes belong to this one of the consumer's.
    async fn counterparts(&self, noun: &str, consumer_pid: &str) -> usize {
        let listed = self.road.provider.management.read(&format!("/api/v1/{noun}?limit=500")).await.unwrap();
        listed["items"].as_array().unwrap().iter().filter(|p| p["peerPid"] == consumer_pid).count()
    }
}

#[tokio::test]
async fn a_negotiation_survives_a_crash_of_either_side_in_every_state() {
    let mut world = Crash::new(SLOW_STEPS).await;
    let mut agreements = Vec::new();
    for side in [Side::Consumer, Side::Provider] {
        for state in ["REQUESTED", "AGREED", "VERIFIED", "FINALIZED"] {
            let pid = world.request_negotiation().await;
            world.stands_in(side, "negotiations", &pid, state).await;
            world.crash(side).await;
            let done = world.both_reach("negotiations", &pid, "FINALIZED").await;
            assert_eq!(world.counterparts("negotiations", &pid).await, 1, "{side:?} in {state}");
            agreements.push(done["agreementId"].as_str().unwrap().to_owned());
        }
    }
    let kept = world.road.provider.management.read("/api/v1/agreements?limit=500").await.unwrap();
    let mut kept: Vec<_> =
        kept["items"].as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect();
    kept.sort();
    agreements.sort();
    assert_eq!(kept, agreements, "one agreement for each negotiation, and the same on both sides");
    world.road.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_negotiation_that_the_provider_began_or_that_was_ended_survives_a_crash_too() {
    let mut world = Crash::new(SLOW_STEPS).await;
    for side in [Side::Consumer, Side::Provider] {
        for state in ["OFFERED", "ACCEPTED"] {
            let pid = world.offer_negotiation().await;
            world.stands_in(side, "negotiations", &pid, state).await;
            world.crash(side).await;
            let states = ["OFFERED", "ACCEPTED", "AGREED", "VERIFIED", "FINALIZED"];
            world.each_went_once_through("negotiations", &pid, &states).await;
            assert_eq!(world.counterparts("negotiations", &pid).await, 1, "{side:?} in {state}");
        }
        let pid = world.request_negotiation().await;
        world.stands_in(Side::Provider, "negotiations", &pid, "AGREED").await;
        world.act(Side::Consumer, "negotiations", &pid, "terminate").await;
        world.crash(side).await;
        world.both_reach("negotiations", &pid, "TERMINATED").await;
        assert_eq!(world.counterparts("negotiations", &pid).await, 1, "{side:?} in TERMINATED");
    }
    world.road.stop(Duration::from_secs(5)).await;
}

/// Not at rest, but in the middle of commits, messages and answers: whenever the generator says.
#[tokio::test]
async fn kills_at_any_moment_lose_nothing_and_repeat_nothing() {
    use rand::{RngExt as _, SeedableRng as _};
    const SEED: u64 = 0x511b_40ad;
    let mut random = rand::rngs::StdRng::seed_from_u64(SEED);
    let mut world = Crash::new("").await;
    let agreement = story::negotiate(&world.road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&world.road, &agreement).await.unwrap();
    let mut answered = 0;
    for round in 0..8 {
        let mut pids = Vec::new();
        for _ in 0..3 {
            pids.push(world.request_negotiation().await);
        }
        let side = if random.random() { Side::Provider } else { Side::Consumer };
        let moment = Duration::from_millis(random.random_range(0..60));
        tokio::time::sleep(moment).await;
        world.crash(side).await;
        for pid in &pids {
            world.both_reach("negotiations", pid, "FINALIZED").await;
            let states = ["REQUESTED", "AGREED", "VERIFIED", "FINALIZED"];
            world.each_went_once_through("negotiations", pid, &states).await;
            assert_eq!(world.counterparts("negotiations", pid).await, 1, "seed {SEED:#x}, round {round}, {moment:?}");
        }
        assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200, "the transfer is live");
        answered += 1;
    }
    world.evidence_is_whole(answered).await;
    world.road.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_transfer_survives_a_crash_of_either_side_in_every_state() {
    let mut world = Crash::new(SLOW_STEPS).await;
    let agreement = story::negotiate(&world.road, LAND_REGISTER).await.unwrap();
    for side in [Side::Consumer, Side::Provider] {
        for state in ["REQUESTED", "STARTED", "SUSPENDED", "COMPLETED", "TERMINATED"] {
            let request = json!({"agreementId": agreement, "format": "HttpData-PULL"});
            let begun = world.road.consumer.management.post("/api/v1/transfers", &request).await.unwrap();
            let pid = begun["pid"].as_str().unwrap().to_owned();
            if state != "REQUESTED" {
                let theirs = world.stands_in(Side::Provider, "transfers", &pid, "STARTED").await;
                world.road.consumer.management.wait("transfers", &pid, "STARTED").await.unwrap();
                for action in [("SUSPENDED", "suspend"), ("COMPLETED", "complete"), ("TERMINATED", "terminate")] {
                    if action.0 == state {
                        world.act(Side::Provider, "transfers", &theirs, action.1).await;
                    }
                }
            }
            world.stands_in(side, "transfers", &pid, state).await;
            world.crash(side).await;
            let settled = if state == "REQUESTED" { "STARTED" } else { state };
            world.both_reach("transfers", &pid, settled).await;
            assert_eq!(world.counterparts("transfers", &pid).await, 1, "{side:?} in {state}");
            if state == "SUSPENDED" {
                let theirs = world.stands_in(Side::Provider, "transfers", &pid, "SUSPENDED").await;
                world.act(Side::Provider, "transfers", &theirs, "start").await;
                world.crash(side).await;
                world
                    .each_went_once_through("transfers", &pid, &["REQUESTED", "STARTED", "SUSPENDED", "STARTED"])
                    .await;
            }
        }
    }
    world.road.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn evidence_of_answered_calls_survives_a_crash_of_the_provider() {
    let mut world = Crash::new(SLOW_STEPS).await;
    let agreement = story::negotiate(&world.road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&world.road, &agreement).await.unwrap();
    for _ in 0..5 {
        assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    }
    world.crash(Side::Provider).await;
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200, "the transfer is live again");
    let exchanges = world.road.provider.management.read("/api/v1/exchanges?limit=500").await.unwrap();
    assert_eq!(exchanges["items"].as_array().unwrap().len(), 6);
    world.evidence_is_whole(6).await;
    world.road.stop(Duration::from_secs(5)).await;
}
