//! What the operator learned that a party did against an agreement: reported, made good, taken back.

use super::obligations::{LONGEST_NOTE, note_too_long};
use super::{Engine, EngineError, detached};
use crate::env::new_infringement_id;
use crate::model::agreement::Agreement;
use crate::model::ids::InfringementId;
use crate::model::infringement::{Infringement, InfringementState};
use crate::model::obligation::{AgreementKey, Followed};
use crate::model::time::Timestamp;
use crate::policy::{Infringible, Outlook};
use crate::store::Tx;

/// An infringement to be taken down.
#[derive(Clone, Debug)]
pub struct InfringementReport {
    /// The agreement that was infringed.
    pub agreement: AgreementKey,
    /// What of it: the `uid` or the JSON Pointer of a prohibition, or of a duty to keep something up.
    pub clause: String,
    /// When it happened; just now when absent.
    pub infringed: Option<Timestamp>,
    /// What there is to say of it.
    pub note: Option<String>,
}

impl Engine {
    /// Takes down that an agreement was infringed. From the very next decision on it permits nothing, until all remedies are
    /// confirmed; they are obligations from now on. The same report again changes nothing.
    ///
    /// # Errors
    /// `NotFound` when there is no such agreement; `Refused` when it is not in force, when the clause cannot be infringed, or when
    /// the time is not one at which it could be.
    pub async fn report_infringement(&self, report: InfringementReport) -> Result<Infringement, EngineError> {
        let engine = self.clone();
        detached(async move {
            let key = report.agreement.clone();
            let reported = engine.take_down_infringement(report).await?;
            engine.tell_of_agreement(key);
            Ok(reported)
        })
        .await
    }

    /// Takes a report back that was made by mistake.
    ///
    /// # Errors
    /// `NotFound` when there is no such infringement; `Refused` when it was healed already.
    pub async fn withdraw_infringement(
        &self,
        id: &InfringementId,
        note: Option<String>,
    ) -> Result<Infringement, EngineError> {
        let (engine, id) = (self.clone(), id.clone());
        detached(async move {
            let withdrawn = engine.take_back(&id, note).await?;
            engine.tell_of_agreement(withdrawn.key());
            Ok(withdrawn)
        })
        .await
    }

    async fn take_down_infringement(&self, report: InfringementReport) -> Result<Infringement, EngineError> {
        let now = self.0.clock.now();
        if report.note.as_ref().is_some_and(|note| note.len() > LONGEST_NOTE) {
            return Err(note_too_long());
        }
        let mut tx = self.0.store.begin().await?;
        let AgreementKey { participant, role, id } = &report.agreement;
        let agreement = tx.agreement_of(participant, *role, id).await?;
        let agreement = agreement.ok_or(EngineError::NotFound("agreement"))?;
        if !agreement.live {
            let sentence = "the agreement is not in force, so that nothing is permitted under it anyway";
            return Err(EngineError::refused("agreement.not-in-force", sentence));
        }
        let followed = tx.followed(&report.agreement).await?;
        let outlook = self.outlook(&agreement, &followed).ok_or_else(|| {
            EngineError::refused(
                "policy.unknown",
                "the agreement's policy cannot be evaluated here, and permits nothing",
            )
        })?;
        let what = find(&outlook, &report.clause)?;
        // What is done right after a report made good what happened before it.
        let infringed = report.infringed.unwrap_or_else(|| now.plus_millis(-2).max(agreement.signed));
        check_time(&agreement, what, infringed, now)?;
        if let Some(known) = same(&followed, &what.clause, report.infringed) {
            return Ok(known.clone());
        }
        let infringement = Infringement {
            id: new_infringement_id(),
            agreement: agreement.id.clone(),
            participant: agreement.participant.clone(),
            role: agreement.role,
            counterparty: agreement.counterparty.clone(),
            clause: what.clause.clone(),
            actions: what.actions.clone(),
            infringed,
            note: report.note,
            state: InfringementState::Open,
            reported: now,
            settled: None,
            settled_note: None,
        };
        tx.put_infringement(&infringement).await?;
        let kept = self.settle(tx, &agreement, &infringement.id, now).await?;
        tracing::warn!(
            infringement = %kept.id, agreement = %kept.agreement, clause = kept.clause, counterparty = %kept.counterparty,
            "an infringement was reported"
        );
        Ok(kept)
    }

    async fn take_back(&self, id: &InfringementId, note: Option<String>) -> Result<Infringement, EngineError> {
        let now = self.0.clock.now();
        if note.as_ref().is_some_and(|note| note.len() > LONGEST_NOTE) {
            return Err(note_too_long());
        }
        let mut tx = self.0.store.begin().await?;
        let mut infringement = tx.infringement(id).await?.ok_or(EngineError::NotFound("infringement"))?;
        match infringement.state {
            InfringementState::Open => {}
            InfringementState::Withdrawn => return Ok(infringement),
            InfringementState::Healed => {
                return Err(EngineError::refused("infringement.healed", "the infringement was made good already"));
            }
        }
        let AgreementKey { participant, role, id: agreement } = infringement.key();
        let agreement = tx.agreement_of(&participant, role, &agreement).await?;
        let agreement = agreement.ok_or(EngineError::NotFound("agreement"))?;
        infringement.state = InfringementState::Withdrawn;
        (infringement.settled, infringement.settled_note) = (Some(now), note);
        tx.put_infringement(&infringement).await?;
        let kept = self.settle(tx, &agreement, id, now).await?;
        tracing::info!(infringement = %kept.id, agreement = %kept.agreement, "a report of an infringement was taken back");
        Ok(kept)
    }

    /// Brings what follows from a report in step and makes all of it durable; the infringement as it stands then.
    async fn settle(
        &self,
        mut tx: Tx,
        agreement: &Agreement,
        id: &InfringementId,
        now: Timestamp,
    ) -> Result<Infringement, EngineError> {
        self.follow_obligations(&mut tx, agreement, now).await?;
        let kept = tx.infringement(id).await?.ok_or(EngineError::NotFound("infringement"))?;
        tx.commit().await?;
        Ok(kept)
    }
}

/// What of the agreement is meant.
fn find<'o>(outlook: &'o Outlook, clause: &str) -> Result<&'o Infringible, EngineError> {
    let is_it = |one: &&Infringible| one.clause == clause || one.uid.as_deref() == Some(clause);
    outlook.infringible.iter().find(is_it).ok_or_else(|| {
        let all = outlook.infringible.iter().map(|one| format!("{} ({})", one.clause, one.actions.join(", ")));
        let all = all.collect::<Vec<_>>().join(", ");
        let there = if all.is_empty() { "has none".to_owned() } else { format!("has {all}") };
        let sentence = format!("{clause} is no prohibition and nothing to be kept up; the agreement {there}");
        EngineError::refused("infringement.clause", sentence)
    })
}

fn check_time(
    agreement: &Agreement,
    what: &Infringible,
    infringed: Timestamp,
    now: Timestamp,
) -> Result<(), EngineError> {
    if infringed > now {
        return Err(EngineError::refused("infringement.not-yet", "what will be done later cannot be reported now"));
    }
    if infringed < agreement.signed {
        let sentence =
            format!("the agreement was made on {}; what was done before does not infringe it", agreement.signed);
        return Err(EngineError::refused("infringement.before-agreement", sentence));
    }
    match what.until {
        Some(until) if infringed >= until => {
            let sentence = format!("{} lasted until {until} only", what.actions.join(", "));
            Err(EngineError::refused("infringement.over", sentence))
        }
        _ => Ok(()),
    }
}

/// The same report, made before.
fn same<'f>(followed: &'f Followed, clause: &str, infringed: Option<Timestamp>) -> Option<&'f Infringement> {
    let is_it = |one: &&Infringement| {
        one.clause == clause && Some(one.infringed) == infringed && one.state != InfringementState::Withdrawn
    };
    followed.infringements.iter().find(is_it)
}
