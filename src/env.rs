//! What the process takes from its surroundings: the time and fresh identifiers.
//!
//! Both arrive as values, so that tests can set them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::ids::{InfringementId, ObligationId, Pid};
use crate::model::time::Timestamp;

/// A source of the current time, shared by cloning.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until it is moved with [`Clock::advance`].
    #[must_use]
    pub fn standing(start: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(start.millis()))))
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(set) => Timestamp::from_millis(set.load(Ordering::SeqCst)),
            None => Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()),
        }
    }

    /// Moves a standing clock forward; the system's clock is not touched.
    pub fn advance(&self, millis: i64) {
        if let Some(set) = &self.0 {
            set.fetch_add(millis, Ordering::SeqCst);
        }
    }
}

/// A fresh process id: `urn:uuid:` and a version 7 UUID, so that it is an absolute IRI as JSON-LD `@id` needs and sorts by time.
#[must_use]
pub fn new_pid() -> Pid {
    Pid::from(format!("urn:uuid:{}", uuid::Uuid::now_v7()))
}

/// A fresh id of an obligation: sorts by time.
#[must_use]
pub fn new_obligation_id() -> ObligationId {
    ObligationId::from(uuid::Uuid::now_v7().to_string())
}

/// A fresh id of an infringement: sorts by time.
#[must_use]
pub fn new_infringement_id() -> InfringementId {
    InfringementId::from(uuid::Uuid::now_v7().to_string())
}
