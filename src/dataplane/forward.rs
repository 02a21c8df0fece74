//! Step 8: the call. It leaves only while the transfer is live, at that very moment.

use std::future::poll_fn;
use std::pin::pin;

use super::Inner;
use super::live::Live;
use super::refusal::Refusal;
use crate::xroad::client::{Departure, XRoadRequest, XRoadResponse};
use crate::xroad::failure::CallError;

/// Calls the service through the security server.
///
/// # Errors
/// The outer one when the transfer ceased to be live before the call left, the inner one when the call failed.
pub(super) async fn call(
    plane: &Inner,
    live: &Live,
    start: u32,
    request: XRoadRequest,
) -> Result<Result<XRoadResponse, CallError>, Refusal> {
    let departure = Departure::default();
    let mut call = pin!(plane.client.call_observed(request, &departure));
    poll_fn(|cx| {
        if departure.has_begun() {
            return call.as_mut().poll(cx).map(Ok);
        }
        // Also while it waits for a connection: the poll that gets one is the poll that sends.
        match live.begin(start, &mut call, cx) {
            Ok(poll) => poll.map(Ok),
            Err(refusal) => std::task::Poll::Ready(Err(refusal)),
        }
    })
    .await
}

/// What a consumer is told of a call that X-Road did not bring to an answer.
pub(super) fn failed(error: &CallError) -> Refusal {
    let status = http::StatusCode::from_u16(error.status()).unwrap_or(http::StatusCode::BAD_GATEWAY);
    let (sentence, cause, fault) = match error {
        CallError::Fault(fault) => {
            let told = [Some(&fault.code), fault.message.as_ref(), fault.detail.as_ref()];
            let cause = told.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ");
            (fault.kind.sentence().to_owned(), Some(cause), Some(fault.code.clone()))
        }
        CallError::Failure(failure) => {
            (failure.to_string(), std::error::Error::source(failure).map(ToString::to_string), None)
        }
    };
    let mut refusal = Refusal::new(status, error.code(), sentence);
    if let Some(cause) = cause {
        refusal = refusal.caused_by(cause);
    }
    if let Some(code) = &fault {
        refusal = refusal.with("xroadCode", code.as_str());
    }
    if matches!(status.as_u16(), 503 | 504) {
        refusal = refusal.retry_after(1);
    }
    refusal.failed_by(fault)
}
