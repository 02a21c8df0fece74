//! The connections to a PostgreSQL database that several replicas share.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};
use url::{Host, Url};

use super::StoreError;

/// For how long a connection is waited for: the caller of a call is told sooner than he goes away.
const PATIENCE: Duration = Duration::from_secs(2);

/// How to connect by a URL. Unless it says otherwise, a database on another machine has to show that it is the one.
///
/// # Errors
/// `Url`, which tells nothing of it.
pub(super) fn options(url: &SecretString) -> Result<PgConnectOptions, StoreError> {
    let text = url.expose_secret();
    let options: PgConnectOptions = text.parse().map_err(|_| StoreError::Url)?;
    let url = Url::parse(text).map_err(|_| StoreError::Url)?;
    let options = match url.query_pairs().any(|(name, _)| matches!(&*name, "sslmode" | "ssl-mode")) {
        false if options.get_socket().is_none() && !is_loopback(options.get_host()) => {
            options.ssl_mode(PgSslMode::VerifyFull)
        }
        _ => options,
    };
    Ok(options.application_name("sliproad"))
}

/// The same, so that what a replica holds is not held for ever when its machine or the network is gone.
pub(super) fn limited(options: PgConnectOptions) -> PgConnectOptions {
    let limits = [
        ("statement_timeout", "15s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("tcp_keepalives_idle", "15"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ];
    options.options(limits)
}

fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

/// Up to `most` connections, made when they are needed. Each is tried before it is used again, since the server may have been
/// restarted; not where who uses them tries again by himself.
pub(super) fn pool(options: &PgConnectOptions, most: u32, tried: bool) -> PgPool {
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(tried)
        .connect_lazy_with(options.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_elsewhere_has_to_show_that_it_is_the_one_unless_the_url_says_otherwise() {
        for (url, elsewhere) in [
            ("postgres://a:b@db.example/c", true),
            ("postgres://a:b@192.0.2.7/c", true),
            ("postgres://a:b@localhost/c?host=db.example", true),
            ("postgres://a:b@db.example/c?sslmode=require", false),
            ("postgres://a:b@127.0.0.1/c", false),
            ("postgres://a:b@[::1]/c", false),
            ("postgres://a:b@localhost/c?host=/run/postgresql", false),
        ] {
            let mode = options(&url.into()).unwrap().get_ssl_mode();
            assert_eq!(matches!(mode, PgSslMode::VerifyFull), elsewhere, "{url}: {mode:?}");
        }
        let refused = options(&"postgres://a:hush@:x/".into()).unwrap_err();
        assert!(matches!(refused, StoreError::Url) && !refused.to_string().contains("hush"));
    }
}
