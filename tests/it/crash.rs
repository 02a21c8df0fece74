//! kill -9 of either side at every transition of a negotiation and a transfer: after the restart both sides converge, nothing
//! happens twice, and no evidence is lost.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sliproad::demo::processes::{Connector, Road};
use sliproad::demo::story::{self, LAND_REGISTER};

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
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_sliproad"));
        let road = Road::start_with(directory.path(), program, SLOW_STEPS, SLOW_STEPS).await.unwrap();
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

    async fn request_negotiation(&self) -> String {
        let address = self.road.provider.settings.dsp();
        let request = json!({"counterparty": self.road.provider.settings.participant, "address": address});
        let catalogue = self.road.consumer.management.post("/api/v1/catalog/request", &request).await.unwrap();
        let dataset = catalogue["dataset"].as_array().unwrap().iter().find(|d| d["@id"] == LAND_REGISTER).unwrap();
        let mut offer = dataset["hasPolicy"][0].clone();
        offer["target"] = json!(LAND_REGISTER);
        let request = json!({
            "counterparty": self.road.provider.settings.participant, "address": address, "offer": offer,
        });
        let begun = self.road.consumer.management.post("/api/v1/negotiations", &request).await.unwrap();
        begun["pid"].as_str().unwrap().to_owned()
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
            tokio::task::yield_now().await;
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
    let mut world = Crash::new().await;
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
async fn a_transfer_survives_a_crash_of_either_side_in_every_state() {
    let mut world = Crash::new().await;
    let agreement = story::negotiate(&world.road, LAND_REGISTER).await.unwrap();
    for side in [Side::Consumer, Side::Provider] {
        for state in ["REQUESTED", "STARTED", "SUSPENDED", "TERMINATED"] {
            let request = json!({"agreementId": agreement, "format": "HttpData-PULL"});
            let begun = world.road.consumer.management.post("/api/v1/transfers", &request).await.unwrap();
            let pid = begun["pid"].as_str().unwrap().to_owned();
            if state != "REQUESTED" {
                let theirs = world.stands_in(Side::Provider, "transfers", &pid, "STARTED").await;
                world.road.consumer.management.wait("transfers", &pid, "STARTED").await.unwrap();
                for action in [("SUSPENDED", "suspend"), ("TERMINATED", "terminate")] {
                    if action.0 == state {
                        let path = format!("/api/v1/transfers/{theirs}/actions");
                        world.road.provider.management.post(&path, &json!({"action": action.1})).await.unwrap();
                    }
                }
            }
            world.stands_in(side, "transfers", &pid, state).await;
            world.crash(side).await;
            let settled = if state == "REQUESTED" { "STARTED" } else { state };
            world.both_reach("transfers", &pid, settled).await;
            assert_eq!(world.counterparts("transfers", &pid).await, 1, "{side:?} in {state}");
        }
    }
    world.road.stop(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn evidence_of_answered_calls_survives_a_crash_of_the_provider() {
    let mut world = Crash::new().await;
    let agreement = story::negotiate(&world.road, LAND_REGISTER).await.unwrap();
    let transfer = story::start_transfer(&world.road, &agreement).await.unwrap();
    for _ in 0..5 {
        assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    }
    world.crash(Side::Provider).await;
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200, "the transfer is live again");
    let exchanges = world.road.provider.management.read("/api/v1/exchanges?limit=500").await.unwrap();
    assert_eq!(exchanges["items"].as_array().unwrap().len(), 6);
    world.road.stop(Duration::from_secs(5)).await;
}
