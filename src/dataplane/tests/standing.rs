//! Calls at a replica, by what other replicas committed.

use super::*;
use crate::dataplane::{Standing, Standings};

/// What the database that replicas share says.
struct Database(Mutex<Result<Standing, AssetError>>);

#[async_trait]
impl Standings for Database {
    async fn of(&self, _: &Pid) -> Result<Standing, AssetError> {
        self.0.lock().unwrap().clone()
    }
}

impl Database {
    fn say(&self, version: i64, news: i64) {
        *self.0.lock().unwrap() = Ok(Standing { version, news });
    }
}

/// Another replica's data plane over the same database, which it hears nothing of by itself.
fn replica(stage: &Stage) -> (DataPlane, Arc<Database>) {
    let database = Arc::new(Database(Mutex::new(Ok(Standing { version: 1, news: 0 }))));
    let server = stage.backend.address.parse().unwrap();
    let surroundings = Surroundings {
        assets: Arc::clone(&stage.shelf) as Arc<dyn Assets>,
        standings: Some(Arc::clone(&database) as Arc<dyn Standings>),
        client: XRoadClient::new(&XRoadConfig { server, tls: None, limits: Limits::default() }).unwrap(),
        evidence: stage.evidence.clone(),
        counters: stage.plane.0.counters.clone(),
        signer: Arc::clone(&stage.plane.0.signer),
        former_keys: Vec::new(),
        registry: Registry::built_in(),
        consents: None,
        pseudonym_key: "a key of tests".into(),
        clock: stage.clock.clone(),
    };
    (DataPlane::new(DataPlaneSettings::default(), surroundings), database)
}

async fn answered(plane: &DataPlane, token: &str) -> (u16, String) {
    let (head, body) = plane.provide(request(token, "/a")).await.into_parts();
    let answer = Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() };
    let status = answer.status.as_u16();
    (status, if status < 400 { String::new() } else { answer.code() })
}

#[tokio::test]
async fn what_another_replica_committed_holds_for_the_very_next_call() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let (plane, database) = replica(&stage);
    assert_eq!(answered(&plane, &token).await.0, 201);

    stage.change(TransferState::Suspended, 1, 2);
    database.say(2, 0);
    assert_eq!(answered(&plane, &token).await, (403, "transfer.suspended".to_owned()));
    stage.change(TransferState::Started, 2, 3);
    database.say(3, 0);
    assert_eq!(answered(&plane, &token).await, (401, "token.superseded".to_owned()));
    assert_eq!(stage.backend.arrived().len(), 1);
}

#[tokio::test]
async fn news_of_an_agreement_are_asked_for_once_they_are_numbered() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let (plane, database) = replica(&stage);
    assert_eq!(answered(&plane, &token).await.0, 201);
    stage.shelf.agreements.lock().unwrap().values_mut().for_each(|agreement| agreement.live = false);
    assert_eq!(answered(&plane, &token).await.0, 201, "no call asks for what it knows");
    database.say(1, 1);
    assert_eq!(answered(&plane, &token).await, (403, "agreement.not-in-force".to_owned()));
    assert_eq!(stage.backend.arrived().len(), 2);
}

#[tokio::test]
async fn no_call_is_made_while_nobody_can_tell_how_its_transfer_stands() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let (plane, database) = replica(&stage);
    *database.0.lock().unwrap() = Err(AssetError::Unavailable("the database does not answer".to_owned()));
    assert_eq!(answered(&plane, &token).await, (503, "transfer.unavailable".to_owned()));
    assert!(stage.backend.arrived().is_empty());
    database.say(1, 0);
    assert_eq!(answered(&plane, &token).await.0, 201);
}
