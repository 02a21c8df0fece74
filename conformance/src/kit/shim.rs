//! The two trigger endpoints that the official kit calls to make the connector under test begin, as orders of an operator.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::subject::{Management, text};

/// The running endpoints. Dropping them ends them.
pub(super) struct Shim {
    base: String,
    serving: JoinHandle<()>,
}

impl Shim {
    pub(super) async fn start(management: Management) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let routes = Router::new()
            .route("/negotiations", post(negotiation))
            .route("/transfers", post(transfer))
            .with_state(management);
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the trigger endpoints stopped");
            }
        });
        Ok(Self { base, serving })
    }

    /// URLs of the triggers for negotiations and transfers.
    pub(super) fn triggers(&self) -> (String, String) {
        (format!("{}/negotiations", self.base), format!("{}/transfers", self.base))
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn negotiation(State(management): State<Management>, Json(trigger): Json<Value>) -> Response {
    answer(start_negotiation(&management, &trigger).await)
}

async fn transfer(State(management): State<Management>, Json(trigger): Json<Value>) -> Response {
    answer(start_transfer(&management, &trigger).await)
}

async fn start_negotiation(management: &Management, trigger: &Value) -> Result<String, String> {
    let offer = json!({
        "@id": text(trigger, "offerId")?, "@type": "Offer", "target": text(trigger, "datasetId")?,
        "permission": [{"action": "use"}],
    });
    management.negotiate(&text(trigger, "providerId")?, &text(trigger, "connectorAddress")?, &offer).await
}

async fn start_transfer(management: &Management, trigger: &Value) -> Result<String, String> {
    let (agreement, format) = (text(trigger, "agreementId")?, text(trigger, "format")?);
    let (provider, address) = (text(trigger, "providerId")?, text(trigger, "connectorAddress")?);
    management.transfer(&provider, &address, &agreement, &format).await
}

fn answer(started: Result<String, String>) -> Response {
    match started {
        Ok(pid) => (StatusCode::OK, Json(json!({"pid": pid}))).into_response(),
        Err(reason) => {
            tracing::warn!(%reason, "a trigger of the kit was not carried out");
            (StatusCode::BAD_GATEWAY, reason).into_response()
        }
    }
}
