//! Where the limits of agreements are kept: each test of them runs over both.

use sqlx::PgConnection;

use super::cluster::Cluster;
use super::*;

pub(in crate::dataplane) enum Backing {
    Alone(TempDir),
    Shared(Cluster),
}

impl Backing {
    /// A directory, and a database where PostgreSQL is installed.
    pub(in crate::dataplane) fn each() -> impl Iterator<Item = Self> {
        let alone = std::iter::once_with(|| Self::Alone(tempfile::tempdir().unwrap()));
        alone.chain(std::iter::once_with(Cluster::start).flatten().map(Self::Shared))
    }

    /// The counters there: as another replica has them, or the same after a restart.
    pub(in crate::dataplane) async fn counters(&self) -> Counters {
        match self {
            Self::Alone(directory) => Counters::open(directory.path()).await.unwrap(),
            Self::Shared(cluster) => Counters::open_shared(cluster.options()).await.unwrap(),
        }
    }

    /// Lets so many milliseconds pass: for a database, everything happened so much earlier.
    pub(in crate::dataplane) async fn pass(&self, clock: &Clock, millis: i64) {
        clock.advance(millis);
        let Self::Shared(cluster) = self else { return };
        let mut connection = connect(cluster).await;
        let earlier = "WITH account AS (UPDATE agreement_account SET version = version + 1, full_at = full_at - $1,
                earlier = earlier - $1)
            UPDATE agreement_call SET at = at - $1";
        sqlx::query(earlier).bind(millis * 1000).execute(&mut connection).await.unwrap();
    }

    /// Nothing was taken of any account in the database.
    pub(in crate::dataplane) async fn forget(&self) {
        let Self::Shared(cluster) = self else { return };
        let mut connection = connect(cluster).await;
        sqlx::query("TRUNCATE agreement_account, agreement_call").execute(&mut connection).await.unwrap();
    }
}

pub(in crate::dataplane) async fn connect(cluster: &Cluster) -> PgConnection {
    <PgConnection as sqlx::Connection>::connect_with(&cluster.options()).await.unwrap()
}
