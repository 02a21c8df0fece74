//! How many calls may be under way at once: in all, and under one transfer.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Inner;
use super::live::Live;
use super::refusal::Refusal;

/// The place of one call; free again when dropped, which is when its answer has been released to its end.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_transfer: OwnedSemaphorePermit,
}

/// So many places.
pub(super) fn places(most: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)))
}

/// A place for a call under this transfer.
///
/// # Errors
/// 429 when the transfer has all of its places taken, 503 when everything is; both ask to come again.
pub(super) fn take(plane: &Inner, live: &Live) -> Result<Place, Refusal> {
    let of_transfer = Arc::clone(&live.places).try_acquire_owned().map_err(|_| {
        let sentence = "too many calls under this transfer are under way; wait for answers before calling again";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "transfer.busy", sentence).retry_after(1)
    })?;
    let of_all = Arc::clone(&plane.places).try_acquire_owned().map_err(|_| {
        Refusal::unavailable("plane.busy", "the connector has as many calls under way as it may; try again")
    })?;
    Ok(Place { _of_all: of_all, _of_transfer: of_transfer })
}
