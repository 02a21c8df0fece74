//! The account of one agreement: what its calls take of its limits, whatever their transfer. Kept by this process alone, or shared with
//! other replicas.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::Inner;
use super::contract::not_counted;
use super::counters::postgres::{self, Amounts, Sight};
use super::counters::{Counter, CounterError, Rate, Reservation};
use super::pace::Pace;
use super::refusal::Refusal;
use super::window::{Lately, Seen, Slot};
use crate::model::agreement::Agreement;
use crate::model::time::Timestamp;

/// For how long a call decides again because calls of other replicas come first.
const PATIENCE: Duration = Duration::from_secs(3);

/// The account of one agreement.
pub(super) enum Account {
    Alone(Alone),
    Shared(Shared),
}

/// Kept by this process.
pub(super) struct Alone {
    /// Counts every call, when the policy compares `count`.
    count: Option<Arc<Counter>>,
    pace: Arc<Pace>,
}

/// Kept in a database, with its clock.
pub(super) struct Shared {
    account: Arc<postgres::Account>,
    rate: Option<Rate>,
    /// What a call takes of it, beside the rate.
    wanted: Amounts,
}

/// Which numbers of its account a policy compares.
#[derive(Clone, Copy)]
pub(super) struct Compared {
    pub(super) count: bool,
    /// Calls of the last minute, or the time since the last one.
    pub(super) lately: bool,
}

/// What a call claims of an account while it is decided.
pub(super) struct Claim {
    /// Nothing that was read before is enough to refuse it.
    came: Option<Instant>,
    /// What it took of a shared rate already.
    paid: Option<postgres::Reservation>,
    /// It has its turn.
    turn: Option<postgres::Again>,
}

/// What a decision is made on.
pub(super) struct Sighting {
    /// Uses taken; `None` when nobody compares them.
    pub(super) used: Option<u64>,
    /// When calls came lately; `None` when nobody compares it.
    pub(super) lately: Option<Lately>,
    /// Whether a refusal may rest on it.
    pub(super) is_fresh: bool,
    of: Of,
}

enum Of {
    Alone(Option<Seen>),
    Shared(Option<Sight>),
}

/// What a permitted call took of its agreement's limits. Dropped, it counts as used.
#[must_use]
pub(super) enum Taken {
    Alone { use_of_count: Option<Reservation>, slot: Option<Slot> },
    Shared { taken: Option<postgres::Reservation>, paid: Option<postgres::Reservation> },
}

impl Account {
    /// The account of an agreement whose policy compares these.
    ///
    /// # Errors
    /// When what was taken before cannot be looked up.
    pub(super) async fn of(plane: &Inner, agreement: &Agreement, compared: Compared) -> Result<Self, Refusal> {
        let key = format!("{} {}", agreement.participant, agreement.id);
        let rate = plane.settings.rate;
        if let Some(accounts) = plane.counters.shared() {
            let wanted = Amounts { uses: compared.count.into(), calls: compared.lately.into(), tokens: 0 };
            return Ok(Self::Shared(Shared { account: accounts.of(&key), rate, wanted }));
        }
        let count = match compared.count {
            true => Some(plane.counters.counter(&key).await.map_err(|e| not_counted(&e))?),
            false => None,
        };
        let pace = plane.paces.of(agreement, rate, plane.clock.now());
        if compared.lately {
            pace.recall(plane, agreement).await?;
        }
        Ok(Self::Alone(Alone { count, pace }))
    }

    /// Begins to decide a call.
    ///
    /// # Errors
    /// 429 when calls come too often.
    pub(super) fn claim(&self, now: Timestamp) -> Result<Claim, Refusal> {
        match self {
            Self::Alone(Alone { pace, .. }) => {
                pace.bucket.as_ref().map_or(Ok(()), |bucket| bucket.take(now)).map_err(too_often)?;
                Ok(Claim { came: None, paid: None, turn: None })
            }
            Self::Shared(_) => Ok(Claim { came: Some(Instant::now()), paid: None, turn: None }),
        }
    }

    /// The call was refused: it took nothing of the rate.
    pub(super) fn drop_claim(&self) {
        if let Self::Alone(Alone { pace, .. }) = self
            && let Some(bucket) = &pace.bucket
        {
            bucket.put_back();
        }
    }

    /// What is taken now; with `afresh`, of a shared account, as read since the call came.
    ///
    /// # Errors
    /// 503 when a shared account cannot be read, 429 when calls come too often.
    pub(super) async fn look(&self, claim: &Claim, afresh: bool, now: Timestamp) -> Result<Sighting, Refusal> {
        match self {
            Self::Alone(Alone { count, pace }) => {
                let seen = pace.window().map(|window| window.look(now));
                let used = count.as_ref().map(|counter| counter.used());
                Ok(Sighting { used, lately: seen.map(|seen| seen.lately), is_fresh: true, of: Of::Alone(seen) })
            }
            Self::Shared(shared) => Box::pin(shared.look(claim, afresh)).await,
        }
    }

    /// Takes the rate alone, which bounds how often others are asked about persons; false when others came first.
    ///
    /// # Errors
    /// 503 when that is not durable.
    pub(super) async fn pay(&self, claim: &mut Claim, seen: &Sighting) -> Result<bool, Refusal> {
        let (Self::Shared(shared), Of::Shared(Some(sight))) = (self, &seen.of) else { return Ok(true) };
        let (Some(rate), None) = (shared.rate, &claim.paid) else {
            claim.turn = None;
            return Ok(true);
        };
        let tokens = Amounts { tokens: rate.interval(), ..Amounts::default() };
        claim.paid = Box::pin(shared.take(claim, *sight, tokens)).await?;
        Ok(claim.paid.is_some())
    }

    /// Reserves what the decision saw; `None` when another call came first.
    ///
    /// # Errors
    /// 503 when that is not durable.
    pub(super) async fn reserve(
        &self,
        claim: &mut Claim,
        seen: &Sighting,
        now: Timestamp,
    ) -> Result<Option<Taken>, Refusal> {
        match (self, &seen.of) {
            (Self::Alone(alone), Of::Alone(lately)) => alone.reserve(seen.used, *lately, now).await,
            (Self::Shared(shared), Of::Shared(Some(sight))) => Box::pin(shared.reserve(claim, *sight)).await,
            _ => Ok(Some(Taken::Shared { taken: None, paid: None })),
        }
    }

    /// Gives everything back: the call never reached the security server.
    pub(super) fn give_back(&self, taken: Taken) {
        self.undo(taken);
        self.drop_claim();
    }

    /// Gives back what was reserved, and decides again or not at all.
    pub(super) fn undo(&self, taken: Taken) {
        match (self, taken) {
            (Self::Alone(Alone { pace, .. }), Taken::Alone { use_of_count, slot }) => {
                if let Some(reservation) = use_of_count {
                    reservation.release();
                }
                if let (Some(window), Some(slot)) = (pace.window(), slot) {
                    window.give_back(slot);
                }
            }
            (_, Taken::Shared { taken, paid }) => {
                taken.into_iter().chain(paid).for_each(postgres::Reservation::release);
            }
            (Self::Shared(_), Taken::Alone { .. }) => {}
        }
    }
}

impl Claim {
    /// Others were asked meanwhile, which took its time.
    pub(super) fn renew(&mut self) {
        self.came = self.came.map(|_| Instant::now());
    }
}

impl Alone {
    async fn reserve(&self, used: Option<u64>, seen: Option<Seen>, now: Timestamp) -> Result<Option<Taken>, Refusal> {
        let use_of_count = match (&self.count, used) {
            (Some(counter), Some(used)) => match counter.reserve(used).await.map_err(|e| not_counted(&e))? {
                Some(reservation) => Some(reservation),
                None => return Ok(None),
            },
            _ => None,
        };
        let (Some(window), Some(seen)) = (self.pace.window(), seen) else {
            return Ok(Some(Taken::Alone { use_of_count, slot: None }));
        };
        let slot = window.reserve(seen, now);
        if slot.is_none() {
            if let Some(reservation) = use_of_count {
                reservation.release();
            }
            return Ok(None);
        }
        Ok(Some(Taken::Alone { use_of_count, slot }))
    }
}

impl Shared {
    async fn look(&self, claim: &Claim, afresh: bool) -> Result<Sighting, Refusal> {
        let (counts, paced) = (self.wanted.uses > 0, self.wanted.calls > 0);
        if !counts && !paced && self.rate.is_none() {
            return Ok(Sighting { used: None, lately: None, is_fresh: true, of: Of::Shared(None) });
        }
        let mut sight = self.sight(claim.came.filter(|_| afresh)).await?;
        if self.room(claim, sight).is_err() && !is_fresh(claim, sight) {
            sight = self.sight(claim.came).await?;
        }
        self.room(claim, sight).map_err(too_often)?;
        Ok(Sighting {
            used: counts.then_some(sight.used),
            lately: paced.then_some(Lately { in_minute: sight.in_minute + 1, since_last: sight.since_last }),
            is_fresh: is_fresh(claim, sight),
            of: Of::Shared(Some(sight)),
        })
    }

    async fn sight(&self, since: Option<Instant>) -> Result<Sight, Refusal> {
        self.account.look(since).await.map_err(|error| not_counted(&error))
    }

    /// Whether the rate lets one more call pass; otherwise for how many milliseconds it does not.
    fn room(&self, claim: &Claim, sight: Sight) -> Result<(), u64> {
        let unpaid = self.rate.filter(|_| claim.paid.is_none());
        unpaid.map_or(Ok(()), |rate| rate.after_one_more(sight.full_at, sight.now).map(drop))
    }

    async fn reserve(&self, claim: &mut Claim, sight: Sight) -> Result<Option<Taken>, Refusal> {
        let unpaid = self.rate.filter(|_| claim.paid.is_none());
        let wanted = Amounts { tokens: unpaid.map_or(0, Rate::interval), ..self.wanted };
        if wanted == Amounts::default() {
            return Ok(Some(Taken::Shared { taken: None, paid: claim.paid.take() }));
        }
        let taken = self.take(claim, sight, wanted).await?;
        Ok(taken.map(|taken| Taken::Shared { taken: Some(taken), paid: claim.paid.take() }))
    }

    async fn take(
        &self,
        claim: &mut Claim,
        sight: Sight,
        amounts: Amounts,
    ) -> Result<Option<postgres::Reservation>, Refusal> {
        if claim.came.is_some_and(|came| came.elapsed() > PATIENCE) {
            return Err(not_counted(&CounterError::Busy));
        }
        let taking = self.account.take(sight, amounts, claim.turn.take());
        match taking.await.map_err(|error| not_counted(&error))? {
            postgres::Taking::Kept(reservation) => Ok(Some(reservation)),
            postgres::Taking::Again(turn) => {
                claim.turn = turn;
                Ok(None)
            }
        }
    }
}

fn is_fresh(claim: &Claim, sight: Sight) -> bool {
    claim.came.is_none_or(|came| sight.asked >= came)
}

fn too_often(wait: u64) -> Refusal {
    let sentence = format!("calls under this agreement come too often; wait {wait} ms");
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate.exceeded", sentence);
    refusal.retry_after(wait.div_ceil(1000))
}
