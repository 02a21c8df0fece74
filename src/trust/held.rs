//! One credential that is held, and how it stands as time goes by.

use std::sync::Arc;
use std::time::Duration;

use credentials::Credential;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Kept, Void};
use crate::model::time::Timestamp;

/// The shortest wait before a look-up that failed is tried again, milliseconds.
const FIRST_RETRY: i64 = 500;

/// How a credential stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It shows what it says.
    Holds,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
    /// It is suspended for the time being.
    Suspended,
    /// Its issuer does not stand by the key any more that signed it.
    KeyWithdrawn,
    /// It could not be looked up within the bound: it shows nothing until it can.
    Unverified,
}

/// A credential that is held.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its id here, made from the credential itself.
    pub id: String,
    /// As it is kept over restarts.
    pub kept: Kept,
    /// What it says.
    pub credential: Arc<Credential>,
    /// When the next look-up is due.
    pub(super) due: Timestamp,
    max_age: Duration,
    failures: u32,
}

impl Held {
    pub(super) fn new(kept: Kept, credential: Credential, max_age: Duration) -> Self {
        let id = Sha256::digest(&kept.credential).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let due = kept.checked.plus_millis(millis(max_age) / 2);
        Self { id, kept, credential: Arc::new(credential), due, max_age, failures: 0 }
    }

    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        let reached = |bound: Option<i64>| bound.is_some_and(|at| now.millis() >= at.saturating_mul(1000));
        match self.kept.void {
            Some(Void::Revoked) => Standing::Revoked,
            Some(Void::Suspended) => Standing::Suspended,
            Some(Void::KeyWithdrawn) => Standing::KeyWithdrawn,
            None if reached(self.credential.valid_until) => Standing::Expired,
            None if self.credential.valid_from.is_some() && !reached(self.credential.valid_from) => Standing::NotYet,
            None if now >= self.unverified_from() => Standing::Unverified,
            None => Standing::Holds,
        }
    }

    /// The next moment at which time alone changes how it stands.
    pub(super) fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let bounds = [self.credential.valid_from, self.credential.valid_until].into_iter().flatten();
        let bounds = bounds.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
        bounds.chain([self.unverified_from()]).filter(|at| *at > now).min()
    }

    /// Takes what a look-up that began `now` found, unless one that began later was here first.
    pub(super) fn looked_up(&mut self, now: Timestamp, void: Option<Void>) {
        if now < self.kept.checked {
            return;
        }
        self.kept = Kept { checked: now, void, ..self.kept.clone() };
        self.due = now.plus_millis(millis(self.max_age) / 2);
        self.failures = 0;
    }

    /// Tried again soon at first, then more seldom.
    pub(super) fn not_looked_up(&mut self, now: Timestamp) {
        let pause = FIRST_RETRY.saturating_mul(1_i64 << self.failures.min(20));
        self.due = now.plus_millis(pause.min(millis(self.max_age).max(FIRST_RETRY)));
        self.failures = self.failures.saturating_add(1);
    }

    fn unverified_from(&self) -> Timestamp {
        self.kept.checked.plus_millis(millis(self.max_age))
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use credentials::Did;
    use proptest::prelude::*;

    const START: i64 = 1_800_000_000;
    const MAX_AGE: Duration = Duration::from_secs(100);

    fn held(from: Option<i64>, until: Option<i64>) -> Held {
        let credential = Credential {
            id: None,
            issuer: Did::parse("did:web:authority.example").unwrap(),
            types: Vec::new(),
            subjects: Vec::new(),
            document: serde_json::Value::Null,
            valid_from: from.map(|seconds| START + seconds),
            valid_until: until.map(|seconds| START + seconds),
            status: Vec::new(),
        };
        let kept = Kept { counterparty: "did:web:c".into(), credential: "a.b.c".into(), checked: at(0), void: None };
        Held::new(kept, credential, MAX_AGE)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis((START + seconds) * 1000)
    }

    #[tokio::test]
    async fn what_came_about_between_a_look_and_the_next_wait_is_not_waited_for() {
        use crate::net::outbound::{Outbound, OutboundPolicy};
        let clock = crate::env::Clock::standing(at(0));
        let outbound = Outbound::new(OutboundPolicy::default()).unwrap();
        let trust = super::super::Trust::new(Vec::new(), outbound, false, clock.clone());
        trust.hold(held(None, Some(50)));
        let mut watch = trust.watch();
        clock.advance(60_000);
        let stop = tokio_util::sync::CancellationToken::new();
        let waited = watch.change(&stop);
        tokio::time::timeout(Duration::from_secs(20), waited).await.expect("it waits for what is over");
    }

    #[test]
    fn a_credential_holds_in_its_time_for_as_long_as_it_is_looked_up() {
        let held = held(Some(10), Some(90));
        let standings: Vec<Standing> = [0, 9, 10, 89, 90].into_iter().map(|now| held.standing(at(now))).collect();
        assert_eq!(
            standings,
            [Standing::NotYet, Standing::NotYet, Standing::Holds, Standing::Holds, Standing::Expired]
        );
        let endless = self::held(None, None);
        assert_eq!([endless.standing(at(99)), endless.standing(at(100))], [Standing::Holds, Standing::Unverified]);
    }

    #[test]
    fn a_look_up_that_succeeds_counts_anew_and_one_that_fails_is_tried_again_before_the_last_runs_out() {
        let mut held = held(None, None);
        assert_eq!(held.due, at(50), "after half of the time");
        for _ in 0..40 {
            let now = held.due;
            held.not_looked_up(now);
            assert!(held.due > now && held.due <= now.plus_millis(100_000));
        }
        held.looked_up(at(400), None);
        assert_eq!((held.standing(at(499)), held.due), (Standing::Holds, at(450)));
        held.looked_up(at(450), Some(Void::Suspended));
        assert_eq!(held.standing(at(451)), Standing::Suspended);
        held.looked_up(at(449), None);
        assert_eq!(held.standing(at(451)), Standing::Suspended, "an older look-up does not undo a newer one");
        held.looked_up(at(500), None);
        assert_eq!(held.standing(at(501)), Standing::Holds, "a suspension may be lifted");
    }

    proptest! {
        #[test]
        fn nothing_changes_before_the_next_change(from in 0_i64..50, length in 1_i64..200, now in -20_i64..300) {
            let held = held(Some(from), Some(from + length));
            let now = at(now);
            if let Some(next) = held.next_change(now) {
                prop_assert!(next > now);
                let before = Timestamp::from_millis(next.millis() - 1);
                prop_assert_eq!(held.standing(before), held.standing(now));
            } else {
                prop_assert_eq!(held.standing(at(100_000)), held.standing(now));
            }
        }
    }
}
