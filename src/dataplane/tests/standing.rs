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
        registry: registry(),
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

/// How many connections to this port wait to be answered.
fn connecting(port: u16) -> usize {
    let wanted = format!(":{port:04X} 02 ");
    std::fs::read_to_string("/proc/net/tcp").unwrap().lines().filter(|line| line.contains(&wanted)).count()
}

async fn until_connecting(port: u16, number: usize) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(20);
    while connecting(port) < number {
        assert!(tokio::time::Instant::now() < limit, "nobody waits for a connection");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_that_waits_for_a_connection_does_not_leave_after_its_transfer_was_suspended() {
    let stage = Stage::set().await;
    let token = stage.start(json!([])).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: the queue is full as soon as one connection waits in vain.
    let filling: Vec<_> = (0..4).map(|_| tokio::spawn(tokio::net::TcpStream::connect(address))).collect();
    until_connecting(address.port(), 1).await;
    let before = connecting(address.port());

    let plane = stage.afresh(&format!("http://{address}"));
    let process = transfer("urn:uuid:0193", TransferState::Started, 1, 1);
    plane.changed(&process);
    let calling = plane.clone();
    let call = tokio::spawn(async move { calling.provide(request(&token, "/a")).await.into_parts() });
    until_connecting(address.port(), before + 1).await;
    plane.changed(&transfer("urn:uuid:0193", TransferState::Suspended, 1, 2));
    filling.iter().for_each(tokio::task::JoinHandle::abort);
    let accepting = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut first = [0; 4];
            if matches!(tokio::io::AsyncReadExt::read(&mut stream, &mut first).await, Ok(4)) {
                return String::from_utf8_lossy(&first).into_owned();
            }
        }
        String::new()
    });
    let (head, body) = call.await.unwrap();
    let answer = Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() };
    assert_eq!((answer.status.as_u16(), answer.code()), (403, "transfer.suspended".to_owned()));
    assert!(!accepting.is_finished(), "the call left");
    accepting.abort();
}
