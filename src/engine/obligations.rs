//! What agreements ask to be done: followed from the day that they are in force, confirmed by the operator.

use super::{Engine, EngineError, detached};
use crate::env::new_obligation_id;
use crate::model::agreement::Agreement;
use crate::model::ids::ObligationId;
use crate::model::infringement::{Infringement, InfringementState};
use crate::model::negotiation::NegotiationState;
use crate::model::obligation::{AgreementKey, Followed, Obligation, ObligationState};
use crate::model::process::Process;
use crate::model::time::Timestamp;
use crate::policy::{DutyOutlook, ObligationChange, Outlook, Reported};
use crate::store::{StoreError, Tx};

/// The longest note kept with a confirmation, in bytes.
pub(super) const LONGEST_NOTE: usize = 4096;

impl Engine {
    /// Takes down that an obligation was performed, at that time or else just now, and what the operator says of it. The very next
    /// decision knows. The same confirmation again changes nothing. What was done before its time is kept in the history and does
    /// not count: the obligation stands as it did.
    ///
    /// # Errors
    /// `NotFound` when there is no such obligation; `Refused` when it is fulfilled already or not called for any more, or the time
    /// has not come.
    pub async fn confirm(
        &self,
        id: &ObligationId,
        performed: Option<Timestamp>,
        note: Option<String>,
    ) -> Result<Obligation, EngineError> {
        let (engine, id) = (self.clone(), id.clone());
        detached(async move {
            let (confirmed, key) = engine.take_down(&id, performed, note).await?;
            engine.tell_of_agreement(key);
            Ok(confirmed)
        })
        .await
    }

    async fn take_down(
        &self,
        id: &ObligationId,
        performed: Option<Timestamp>,
        note: Option<String>,
    ) -> Result<(Obligation, AgreementKey), EngineError> {
        let now = self.0.clock.now();
        if performed.is_some_and(|at| at > now) {
            return Err(EngineError::refused("obligation.not-yet", "what is to be done later cannot be confirmed now"));
        }
        if note.as_ref().is_some_and(|note| note.len() > LONGEST_NOTE) {
            return Err(note_too_long());
        }
        let mut tx = self.0.store.begin().await?;
        let mut obligation = tx.obligation(id).await?.ok_or(EngineError::NotFound("obligation"))?;
        let key = obligation.key();
        if performed.is_some() && performed == obligation.performed {
            return Ok((obligation, key));
        }
        if obligation.state == ObligationState::Lifted {
            let sentence = "the obligation is not called for any more";
            return Err(EngineError::refused("obligation.lifted", sentence));
        }
        if obligation.state == ObligationState::Fulfilled {
            if obligation.performed.is_some() && performed.is_none() {
                return Ok((obligation, key));
            }
            return Err(EngineError::refused("obligation.fulfilled", "the obligation is fulfilled already"));
        }
        // What is confirmed was done before it is confirmed.
        obligation.performed = Some(performed.unwrap_or_else(|| now.plus_millis(-1)));
        (obligation.note, obligation.updated) = (note, now);
        tx.put_obligation(&obligation, "confirmed").await?;
        let agreement = tx.agreement_of(&key.participant, key.role, &key.id).await?;
        let agreement = agreement.ok_or(EngineError::NotFound("agreement"))?;
        self.follow_obligations(&mut tx, &agreement, now).await?;
        let confirmed = tx.obligation(id).await?.ok_or(EngineError::NotFound("obligation"))?;
        tx.commit().await?;
        tracing::info!(
            obligation = %confirmed.id, agreement = %key.id, clause = confirmed.clause, state = confirmed.state.as_str(),
            early = confirmed.is_done_early(), "an obligation was confirmed"
        );
        Ok((confirmed, key))
    }

    /// What a final state of a negotiation does to its agreement: what is in force has its obligations followed.
    pub(super) async fn settle_agreement(
        &self,
        tx: &mut Tx,
        process: &Process,
        state: NegotiationState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (true, Some(id)) = (state.is_final(), &process.agreement) else { return Ok(()) };
        let live = state == NegotiationState::Finalized;
        tx.set_agreement_live(&process.participant, process.role, id, live).await?;
        if live && let Some(agreement) = tx.agreement_of(&process.participant, process.role, id).await? {
            self.follow_obligations(tx, &agreement, now).await?;
        }
        Ok(())
    }

    /// Brings what is kept of an agreement's obligations in step with its policy, the time and what was confirmed.
    pub(super) async fn follow_obligations(
        &self,
        tx: &mut Tx,
        agreement: &Agreement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // An infringement that is made good leaves other times and states behind; that is then looked at once more.
        loop {
            let followed = tx.followed(&agreement.key()).await?;
            let Some(outlook) = self.outlook(agreement, &followed) else { return Ok(()) };
            write_changes(tx, agreement, &followed.obligations, &outlook, now).await?;
            let open = followed.infringements.into_iter().filter(|one| one.state == InfringementState::Open);
            let healed: Vec<Infringement> = open.filter(|one| outlook.is_healed(one)).collect();
            if healed.is_empty() {
                return Ok(());
            }
            for one in healed {
                let made_good = Infringement { state: InfringementState::Healed, settled: Some(now), ..one };
                tx.put_infringement(&made_good).await?;
            }
        }
    }

    /// What is to be expected of an agreement; `None` when its policy cannot be evaluated here.
    pub(super) fn outlook(&self, agreement: &Agreement, followed: &Followed) -> Option<Outlook> {
        self.0.surroundings.offers.outlook(agreement, Reported::by(followed))
    }

    /// Tells data plane and monitor that something about an agreement's duties has changed.
    pub(super) fn tell_of_agreement(&self, key: AgreementKey) {
        self.0.surroundings.planes.reported(&key);
        let _ = self.0.agreements.send(Some(key));
    }
}

pub(super) fn note_too_long() -> EngineError {
    EngineError::refused("obligation.note-too-long", "a note has 4096 bytes at most")
}

/// Writes what changes in an agreement's obligations, each with its event.
async fn write_changes(
    tx: &mut Tx,
    agreement: &Agreement,
    known: &[Obligation],
    outlook: &Outlook,
    now: Timestamp,
) -> Result<(), StoreError> {
    for change in outlook.changes(known) {
        match change {
            ObligationChange::Begins(duty, state) => {
                tx.put_obligation(&begun(agreement, duty, state, now), "begun").await?;
            }
            ObligationChange::Becomes(at, duty, state) => {
                let Some(before) = known.get(at) else { continue };
                let event = event(before.state, state);
                let mut obligation = Obligation { state, updated: now, ..before.clone() };
                if state != ObligationState::Lifted {
                    (obligation.deadline, obligation.not_before) = (duty.duty.deadline, duty.duty.not_before);
                }
                tx.put_obligation(&obligation, event).await?;
            }
        }
    }
    Ok(())
}

fn begun(agreement: &Agreement, duty: &DutyOutlook, state: ObligationState, now: Timestamp) -> Obligation {
    Obligation {
        id: new_obligation_id(),
        agreement: agreement.id.clone(),
        participant: agreement.participant.clone(),
        role: agreement.role,
        counterparty: agreement.counterparty.clone(),
        clause: duty.duty.clause.clone(),
        uid: duty.duty.uid.clone(),
        follows: duty.follows.clone(),
        actions: duty.duty.actions.clone(),
        timing: duty.duty.timing,
        deadline: duty.duty.deadline,
        not_before: duty.duty.not_before,
        state,
        performed: None,
        note: None,
        created: now,
        updated: now,
    }
}

fn event(before: ObligationState, state: ObligationState) -> &'static str {
    match state {
        _ if state == before => "rescheduled",
        ObligationState::Open if before == ObligationState::Waiting => "due",
        ObligationState::Open | ObligationState::Waiting | ObligationState::Keeping => "reopened",
        ObligationState::Fulfilled => "fulfilled",
        ObligationState::Overdue | ObligationState::Escalated => "missed",
        ObligationState::Infringed => "infringed",
        ObligationState::Lifted => "lifted",
    }
}
