//! How many calls may be under way at once: in all, and of one consumer, whatever its transfers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Inner;
use super::live::Live;
use super::refusal::Refusal;
use crate::model::ids::ParticipantId;

/// The place of one call; free again when dropped, which is when its answer has been released to its end.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_consumer: OwnedSemaphorePermit,
}

/// So many places.
pub(super) fn places(most: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)))
}

/// The places of every consumer that has a transfer or a call here. More transfers do not make them more: a consumer may ask for any
/// number of those.
pub(super) struct Consumers {
    most: usize,
    each: Mutex<HashMap<ParticipantId, Weak<Semaphore>>>,
}

impl Consumers {
    /// Each has so many places.
    pub(super) fn new(most: usize) -> Self {
        Self { most, each: Mutex::default() }
    }

    /// The places of a consumer, the same for whoever asks.
    pub(super) fn places_of(&self, consumer: &ParticipantId) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = each.get(consumer).and_then(Weak::upgrade) {
            return known;
        }
        if each.len() == each.capacity() {
            each.retain(|_, places| places.strong_count() > 0);
        }
        let fresh = places(self.most);
        each.insert(consumer.clone(), Arc::downgrade(&fresh));
        fresh
    }
}

/// A place for a call under this transfer.
///
/// # Errors
/// 429 when the consumer has all of its places taken, 503 when everything is; both ask to come again.
pub(super) fn take(plane: &Inner, live: &Live) -> Result<Place, Refusal> {
    let of_consumer = Arc::clone(&live.places).try_acquire_owned().map_err(|_| {
        let sentence = "too many calls of this consumer are under way; wait for answers before calling again";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "consumer.busy", sentence).retry_after(1)
    })?;
    let of_all = Arc::clone(&plane.places).try_acquire_owned().map_err(|_| {
        Refusal::unavailable("plane.busy", "the connector has as many calls under way as it may; try again")
    })?;
    Ok(Place { _of_all: of_all, _of_consumer: of_consumer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumers_places_are_kept_for_as_long_as_anybody_has_one_taken() {
        let consumers = Consumers::new(1);
        let taken = consumers.places_of(&"did:web:a".into()).try_acquire_owned().unwrap();
        assert!(consumers.places_of(&"did:web:b".into()).try_acquire_owned().is_ok());
        assert!(consumers.places_of(&"did:web:a".into()).try_acquire_owned().is_err());
        drop(taken);
        (0..100).for_each(|n| drop(consumers.places_of(&format!("did:web:{n}").into())));
        assert!(consumers.each.lock().unwrap().len() < 20, "who has no transfer and no call is forgotten");
    }
}
