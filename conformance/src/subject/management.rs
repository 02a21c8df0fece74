//! The management API of the connector under test, as an operator's program uses it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{self, Answer, segment};

/// Negotiations or transfers, as the paths name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noun {
    /// `negotiations`
    Negotiations,
    /// `transfers`
    Transfers,
}

impl Noun {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Negotiations => "negotiations",
            Self::Transfers => "transfers",
        }
    }
}

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

    /// Reads a path of the API.
    pub(crate) async fn read(&self, path: &str) -> Result<Value, String> {
        self.answer(self.http.get(format!("{}{path}", self.base))).await?.granted()
    }

    /// Posts a body to a path of the API.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.answer(self.http.post(format!("{}{path}", self.base)).json(body)).await?.granted()
    }

    /// Asks a peer for its catalogue.
    pub(crate) async fn catalog(&self, counterparty: &str, address: &str) -> Result<Value, String> {
        self.post("/api/v1/catalog/request", &json!({"counterparty": counterparty, "address": address})).await
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

    /// Does something to a process.
    pub(crate) async fn act(&self, noun: Noun, pid: &str, action: &str) -> Result<Value, String> {
        let path = format!("/api/v1/{}/{}/actions", noun.as_str(), segment(pid));
        self.post(&path, &json!({"action": action})).await
    }

    /// Endpoint and `Authorization` value of a started transfer.
    pub(crate) async fn endpoint(&self, pid: &str) -> Result<(String, String), String> {
        let body = self.read(&format!("/api/v1/transfers/{}/endpoint", segment(pid))).await?;
        Ok((text(&body, "endpoint")?, text(&body, "authorization")?))
    }

    /// Waits until a process is in a state; the process. Another final state ends the wait.
    pub(crate) async fn wait(&self, noun: Noun, pid: &str, state: &str, limit: Duration) -> Result<Value, String> {
        let path = format!("/api/v1/{}/{}?waitState={state}&waitSeconds=5", noun.as_str(), segment(pid));
        let deadline = Instant::now() + limit;
        loop {
            let process = self.read(&path).await?;
            let now = text(&process, "state")?;
            if now == state {
                return Ok(process);
            }
            if Instant::now() > deadline || matches!(now.as_str(), "TERMINATED" | "FINALIZED" | "COMPLETED") {
                return Err(format!("{} {pid} is {now}, not {state}: {process}", noun.as_str()));
            }
        }
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
