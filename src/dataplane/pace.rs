//! How fast calls come under an agreement: one account for all of its transfers, so that more of them do not raise its limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;

use super::Inner;
use super::counters::{Rate, TokenBucket};
use super::refusal::Refusal;
use super::window::Window;
use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, ParticipantId};
use crate::model::time::Timestamp;

/// The pace of one agreement's calls.
pub(super) struct Pace {
    /// The configured limit for any agreement.
    pub(super) bucket: Option<TokenBucket>,
    window: OnceCell<Window>,
}

impl Pace {
    fn new(rate: Option<Rate>, now: Timestamp) -> Self {
        Self { bucket: rate.map(|rate| TokenBucket::new(rate, now)), window: OnceCell::new() }
    }

    /// Recalls when calls came lately, if nobody did yet; from then on [`Pace::window`] knows.
    pub(super) async fn recall(&self, plane: &Inner, agreement: &Agreement) -> Result<(), Refusal> {
        self.window.get_or_try_init(|| Window::recall(plane, agreement)).await.map(drop)
    }

    /// When calls came lately, where any policy under the agreement compares that.
    pub(super) fn window(&self) -> Option<&Window> {
        self.window.get()
    }
}

type Key = (ParticipantId, AgreementId);

/// The pace of every agreement that has a contract loaded; forgotten with the last one, as evidence recalls it.
#[derive(Default)]
pub(super) struct Paces(Mutex<HashMap<Key, Weak<Pace>>>);

impl Paces {
    /// The pace of an agreement, shared by all who ask.
    pub(super) fn of(&self, agreement: &Agreement, rate: Option<Rate>, now: Timestamp) -> Arc<Pace> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (agreement.participant.clone(), agreement.id.clone());
        if let Some(pace) = known.get(&key).and_then(Weak::upgrade) {
            return pace;
        }
        if known.len() == known.capacity() {
            known.retain(|_, pace| pace.strong_count() > 0);
        }
        let pace = Arc::new(Pace::new(rate, now));
        known.insert(key, Arc::downgrade(&pace));
        pace
    }
}
