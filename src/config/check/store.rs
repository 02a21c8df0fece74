//! Whether the URL of the shared database can be used. Nothing of it is ever told but the host.

use secrecy::ExposeSecret as _;
use url::{Host, Url};

use crate::config::Config;
use crate::config::problem::{Findings, at};

/// What may stand behind the question mark. Another word may be a mistyped secret, and would be logged.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    let field = at("store.postgres-url-file");
    let Some(url) = &config.store.postgres_url else { return };
    let Ok(url) = Url::parse(url.expose_secret()) else {
        let expected = "expected a URL such as postgres://user:password@host/database; the host is needed, and in user and password \
                        percent signs stand for what a URL may not hold";
        return findings.add(&field, expected);
    };
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        findings.add(&field, "expected a URL that begins with postgres://");
    }
    if url.query_pairs().any(|(name, _)| !PARAMETERS.contains(&&*name)) {
        findings.add(&field, format!("of parameters the URL may have {}", PARAMETERS.join(", ")));
    }
}

/// What should be known of a connection that can be listened in on.
pub(in crate::config) fn warning(config: &Config) -> Option<String> {
    let url = Url::parse(config.store.postgres_url.as_ref()?.expose_secret()).ok()?;
    let mode = url.query_pairs().find(|(name, _)| name == "sslmode").map(|(_, mode)| mode.into_owned())?;
    if is_local(&url) || matches!(mode.as_str(), "verify-ca" | "verify-full") {
        return None;
    }
    Some(format!(
        "store.postgres-url-file: with sslmode={mode} nobody makes sure that {} is the database; leave sslmode out, and name the \
         authority in sslrootcert",
        url.host_str().unwrap_or_default()
    ))
}

/// Whether the database is on this very machine.
fn is_local(url: &Url) -> bool {
    let elsewhere = url.query_pairs().find(|(name, _)| matches!(&**name, "host" | "hostaddr"));
    let host = match elsewhere {
        Some((_, host)) if host.starts_with('/') => return true,
        Some((_, host)) => Host::parse(&host).ok(),
        None => url.host_str().and_then(|host| Host::parse(host).ok()),
    };
    match host {
        Some(Host::Domain(name)) => name == "localhost" || name.starts_with("%2F") || name.starts_with("%2f"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
