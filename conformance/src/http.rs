//! Calls on loopback, as the harness makes them.

use std::time::Duration;

use serde_json::Value;

/// A client for loopback: no proxy, no redirects, bounded in time.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    // When somebody installed a provider before, theirs does as well.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()
        .map_err(|e| format!("no HTTP client: {e}"))
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Method and URL of the request, for messages.
    pub(crate) asked: String,
    /// Status.
    pub(crate) status: u16,
    /// Content type.
    pub(crate) content_type: String,
    /// Body as text.
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_str(&self.text).map_err(|e| format!("the answer is not JSON ({e}): {self}"))
    }

    /// The body as JSON of an answer in the 200s; `Null` when it is empty.
    pub(crate) fn granted(&self) -> Result<Value, String> {
        match self.status {
            200..=299 if self.text.trim().is_empty() => Ok(Value::Null),
            200..=299 => self.json(),
            _ => Err(format!("refused: {self}")),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start: String = self.text.chars().take(600).collect();
        write!(f, "{} was answered with {} {start}", self.asked, self.status)
    }
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(client: &reqwest::Client, request: reqwest::RequestBuilder) -> Result<Answer, String> {
    let request = request.build().map_err(|e| format!("not a request: {e}"))?;
    let asked = format!("{} {}", request.method(), request.url());
    let no_answer = |e: reqwest::Error| format!("{asked} has no answer: {}", chain(&e));
    let response = client.execute(request).await.map_err(no_answer)?;
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_owned();
    let text = response.text().await.map_err(no_answer)?;
    Ok(Answer { asked, status, content_type, text })
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A pid or an id as one path segment.
pub(crate) fn segment(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');
    utf8_percent_encode(text, KEPT).to_string()
}
