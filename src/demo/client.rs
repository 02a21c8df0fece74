//! The management API as the story uses it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::net::tls::client_config;

/// One connector's management API.
#[derive(Clone)]
pub struct Management {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Management {
    /// The API at `base` (no trailing slash) with its key.
    pub fn new(base: &str, key: &str) -> Result<Self> {
        Ok(Self { base: base.to_owned(), key: key.to_owned(), http: local_http()? })
    }

    /// `GET`s a path of the API.
    pub async fn read(&self, path: &str) -> Result<Value> {
        self.answer(self.http.get(format!("{}{path}", self.base)), path).await
    }

    /// `POST`s a JSON body to a path of the API.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.answer(self.http.post(format!("{}{path}", self.base)).json(body), path).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder, path: &str) -> Result<Value> {
        let answer = request
            .header("x-api-key", &self.key)
            .timeout(Duration::from_secs(30))
            .send()
            .await
            .with_context(|| format!("{} does not answer", self.base))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{path} was answered with {status}: {text}");
        }
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).context("the answer is not JSON") }
    }

    /// Waits until a process is in one of `states`.
    pub async fn wait(&self, noun: &str, pid: &str, states: &str) -> Result<Value> {
        let pid: String = url::form_urlencoded::byte_serialize(pid.as_bytes()).collect();
        let process = self.read(&format!("/api/v1/{noun}/{pid}?waitState={states}&waitSeconds=20")).await?;
        let state = text(&process, "state")?;
        if !states.split(',').any(|s| s == state) {
            bail!("{noun}/{pid} is {state}, not {states}: {process}");
        }
        Ok(process)
    }
}

/// A string property that must be there.
pub fn text(value: &Value, property: &str) -> Result<String> {
    value
        .get(property)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("the answer has no {property}: {value}"))
}

/// A client for addresses of this machine that the demonstration itself chose.
pub fn local_http() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().tls_backend_preconfigured(client_config(&[])?).no_proxy().build()?)
}
