//! The management API as commands call it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::misuse;
use super::out::shown;
use crate::config::Config;
use crate::net::tls::client_config;

/// Which running connector to talk to.
#[derive(clap::Args, Clone)]
pub(super) struct Connection {
    /// The connector's configuration file: tells where its management API is, and the key
    #[arg(long)]
    config: Option<PathBuf>,
    /// The management API's URL, when there is no configuration file at hand
    #[arg(long)]
    management: Option<String>,
    /// A file with the management key
    #[arg(long)]
    api_key_file: Option<PathBuf>,
}

impl Connection {
    fn resolve(&self) -> Result<(String, SecretString)> {
        let config = self.config.as_ref().map(|file| Config::load(file)).transpose()?;
        let base = match (&self.management, &config) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(config)) => format!("http://{}", config.management.listen),
            (None, None) => {
                return Err(misuse("name the connector: --config FILE, or --management URL with --api-key-file FILE"));
            }
        };
        let key = match (&self.api_key_file, &config) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| misuse(format!("{} cannot be read: {error}", file.display())))?;
                SecretString::from(text.trim().to_owned())
            }
            (None, Some(config)) => config.management_key().context("the management key cannot be read")?,
            (None, None) => return Err(misuse("name the key: --api-key-file FILE, or --config FILE")),
        };
        Ok((base, key))
    }
}

/// A client without the guard for peers: what it calls, the operator named.
pub(super) fn http() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().tls_backend_preconfigured(client_config(&[])?).no_proxy().build()?)
}

pub(super) async fn get(connection: &Connection, path: &str) -> Result<Value> {
    let (base, key) = connection.resolve()?;
    answer(http()?.get(format!("{base}{path}")), &key, &base).await
}

pub(super) async fn post(connection: &Connection, path: &str, body: &Value) -> Result<Value> {
    let (base, key) = connection.resolve()?;
    answer(http()?.post(format!("{base}{path}")).json(body), &key, &base).await
}

pub(super) async fn delete(connection: &Connection, path: &str) -> Result<()> {
    let (base, key) = connection.resolve()?;
    answer(http()?.delete(format!("{base}{path}")), &key, &base).await.map(drop)
}

/// As [`get`], where the answer is no JSON.
pub(super) async fn get_text(connection: &Connection, path: &str) -> Result<String> {
    let (base, key) = connection.resolve()?;
    let answer = sent(http()?.get(format!("{base}{path}")), &key, &base).await?;
    let status = answer.status();
    let text = answer.text().await?;
    if status.is_success() {
        return Ok(text);
    }
    Err(refused(status, &serde_json::from_str(&text).unwrap_or_default()))
}

async fn answer(request: reqwest::RequestBuilder, key: &SecretString, base: &str) -> Result<Value> {
    let answer = sent(request, key, base).await?;
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    if status.is_success() { Ok(body) } else { Err(refused(status, &body)) }
}

async fn sent(request: reqwest::RequestBuilder, key: &SecretString, base: &str) -> Result<reqwest::Response> {
    request
        .header("x-api-key", key.expose_secret())
        .timeout(Duration::from_secs(90))
        .send()
        .await
        .with_context(|| format!("the connector at {base} does not answer; is it running?"))
}

fn refused(status: reqwest::StatusCode, body: &Value) -> anyhow::Error {
    anyhow::anyhow!("{} ({status} {}, trace {})", field(body, "detail"), field(body, "code"), field(body, "traceId"))
}

/// A property as text; `-` when it is absent.
pub(super) fn field(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// The same as it is printed.
pub(super) fn told(value: &Value, name: &str) -> String {
    shown(&field(value, name)).into_owned()
}

/// Waits until a process is final or in one of `states`.
pub(super) async fn wait(connection: &Connection, noun: &str, pid: &str, states: &str) -> Result<Value> {
    let pid: String = url::form_urlencoded::byte_serialize(pid.as_bytes()).collect();
    get(connection, &format!("/api/v1/{noun}/{pid}?waitState={states}&waitSeconds=60")).await
}
