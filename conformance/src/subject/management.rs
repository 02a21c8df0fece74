//! The management API of the connector under test, as an operator's program uses it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{self, Answer};

/// One connector's management API. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Management {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Management {
    pub(crate) fn new(base: &str, key: &str) -> Result<Self, String> {
        Ok(Self { base: base.to_owned(), key: key.to_owned(), http: http::client()? })
    }

    /// Whether the connector takes work.
    pub(crate) async fn ready(&self) -> bool {
        let request = self.http.get(format!("{}/ready", self.base)).timeout(Duration::from_secs(2));
        http::send(&self.http, request).await.is_ok_and(|answer| answer.status == 200)
    }

    /// What is at a path of the API.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, String> {
        self.answer(self.http.get(format!("{}{path}", self.base))).await?.granted()
    }

    /// Waits until a process (`negotiations`, `transfers`) is in a state; the process.
    pub(crate) async fn reaches(&self, noun: &str, pid: &str, state: &str) -> Result<Value, String> {
        let path = format!("/api/v1/{noun}/{}?waitState={state}&waitSeconds=20", http::segment(pid));
        let process = self.get(&path).await?;
        if text(&process, "state")? == state {
            Ok(process)
        } else {
            Err(format!("it does not reach {state}: {process}"))
        }
    }

    /// Posts a body to a path of the API.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.answer(self.http.post(format!("{}{path}", self.base)).json(body)).await?.granted()
    }

    /// Starts a negotiation as consumer; its pid.
    pub(crate) async fn negotiate(&self, counterparty: &str, address: &str, offer: &Value) -> Result<String, String> {
        let body = json!({"counterparty": counterparty, "address": address, "offer": offer});
        text(&self.post("/api/v1/negotiations", &body).await?, "pid")
    }

    /// Starts a transfer as consumer; its pid.
    pub(crate) async fn transfer(
        &self,
        counterparty: &str,
        address: &str,
        agreement: &str,
        format: &str,
    ) -> Result<String, String> {
        let body = json!({
            "counterparty": counterparty, "address": address, "agreementId": agreement, "format": format,
        });
        text(&self.post("/api/v1/transfers", &body).await?, "pid")
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        http::send(&self.http, request.header("x-api-key", &self.key).timeout(Duration::from_secs(30))).await
    }
}

/// A string property that must be there.
pub(crate) fn text(value: &Value, property: &str) -> Result<String, String> {
    let found = value.get(property).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("no {property} in {value}"))
}
