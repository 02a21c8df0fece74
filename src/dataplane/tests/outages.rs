//! A database that replicas share, when it does not answer, and what is known of its clock.

use sqlx::{Connection as _, PgConnection};

use super::backing::connect;
use super::cluster::Cluster;
use super::*;

const COUNTED: &str = "did:web:provider agreement-1";

async fn counted(cluster: Cluster, limit: u32) -> (Stage, String, Backing) {
    let backing = Backing::Shared(cluster);
    let stage = Stage::on(&backing, DataPlaneSettings::default()).await;
    let token = stage.start(json!([{"leftOperand": "count", "operator": "lteq", "rightOperand": limit}])).await;
    (stage, token, backing)
}

impl Backing {
    fn cluster(&mut self) -> &mut Cluster {
        match self {
            Self::Shared(cluster) => cluster,
            Self::Alone(_) => panic!("no database is shared"),
        }
    }
}

#[tokio::test]
async fn without_its_database_nothing_passes_and_when_it_is_back_what_was_used_is_known() {
    let Some(cluster) = Cluster::start() else { return };
    let (stage, token, mut backing) = counted(cluster, 3).await;
    for _ in 0..2 {
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    }
    backing.cluster().stop();
    for _ in 0..2 {
        let answer = stage.get(&token, "/a").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "counter.unavailable"));
    }
    assert_eq!(stage.backend.arrived().len(), 2);
    backing.cluster().start_again();
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    assert_eq!(stage.get(&token, "/a").await.code(), "policy.refused");
    assert_eq!(backing.counters().await.counter(COUNTED).await.unwrap().used(), 3);
}

#[tokio::test]
async fn connections_that_were_ended_cost_no_call_and_no_use() {
    let Some(cluster) = Cluster::start() else { return };
    let mut operator = connect(&cluster).await;
    let (stage, token, backing) = counted(cluster, 9).await;
    for _ in 0..3 {
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
        let end =
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'sliproad limits'";
        let ended: Vec<bool> = sqlx::query_scalar(end).fetch_all(&mut operator).await.unwrap();
        assert!(ended.contains(&true));
    }
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    assert_eq!(backing.counters().await.counter(COUNTED).await.unwrap().used(), 4);
}

#[tokio::test]
async fn a_database_that_hangs_lets_nothing_pass_and_nothing_happens_later() {
    let Some(cluster) = Cluster::start() else { return };
    let mut operator = connect(&cluster).await;
    let (stage, token, backing) = counted(cluster, 9).await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    let mut holding = operator.begin().await.unwrap();
    sqlx::query("SELECT FROM agreement_account FOR UPDATE").execute(&mut *holding).await.unwrap();
    let began = std::time::Instant::now();
    let calls = futures_util::future::join_all((0..5).map(|_| stage.get(&token, "/a"))).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert!(calls.iter().all(|answer| answer.code() == "counter.unavailable"));
    holding.rollback().await.unwrap();
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    assert_eq!(backing.counters().await.counter(COUNTED).await.unwrap().used(), 2);
    assert_eq!(stage.backend.arrived().len(), 2);
}

#[tokio::test]
async fn replicas_whose_clocks_differ_agree_on_what_a_minute_is() {
    let Some(cluster) = Cluster::start() else { return };
    let backing = Backing::Shared(cluster);
    let stage = Stage::on(&backing, DataPlaneSettings::default()).await;
    let limit = json!([{"leftOperand": "xroad:callsPerMinute", "operator": "lteq", "rightOperand": 2}]);
    let token = stage.start(limit).await;
    let ahead = Clock::standing(Timestamp::from_millis(AT.millis() + 90_000));
    let other = stage.another(&stage.backend.address, backing.counters().await, ahead);
    for plane in [&stage.plane, &other] {
        assert_eq!(plane.provide(request(&token, "/a")).await.status(), StatusCode::CREATED);
    }
    for plane in [&stage.plane, &other] {
        assert_eq!(plane.provide(request(&token, "/a")).await.status(), StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_replica_has_its_turn_though_another_counts_all_the_time() {
    let Some(cluster) = Cluster::start() else { return };
    let mut greedy = connect(&cluster).await;
    let (stage, token, _backing) = counted(cluster, 1_000_000).await;
    assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let counting = tokio::spawn(async move { count_until(&mut greedy, stopped).await });
    for _ in 0..20 {
        assert_eq!(stage.get(&token, "/a").await.status, StatusCode::CREATED);
    }
    stop.send(()).unwrap();
    assert!(counting.await.unwrap() > 20);
}

/// Changes the account as fast as the database can; how often.
async fn count_until(connection: &mut PgConnection, mut stopped: tokio::sync::oneshot::Receiver<()>) -> u32 {
    let mut times = 0;
    while stopped.try_recv().is_err() {
        let count = "UPDATE agreement_account SET used = used + 1, version = version + 1";
        sqlx::query(count).execute(&mut *connection).await.unwrap();
        times += 1;
    }
    times
}
