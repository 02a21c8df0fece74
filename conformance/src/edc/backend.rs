//! Where EDC as provider gets its data from.

use axum::Json;
use axum::extract::OriginalUri;
use axum::routing::any;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A service that tells what it was asked.
pub(super) struct Backend {
    /// Its base URL.
    pub(super) url: String,
    serving: JoinHandle<()>,
}

impl Backend {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let told = any(async |OriginalUri(uri): OriginalUri| Json(json!({"asked": uri.to_string()})));
        let router = axum::Router::new().fallback_service(told);
        let serving = tokio::spawn(async move {
            // It ends with the suite.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, serving })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
