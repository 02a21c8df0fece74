//! Negotiation messages from peers: checked against the table, applied and committed before they are acknowledged.

use serde_json::Value;

use super::transition::enter;
use super::{Engine, EngineError, Inbound, NOT_YET, OfferVerdict, detached};
use crate::env::new_pid;
use crate::model::agreement::Agreement;
use crate::model::ids::{AgreementId, DatasetId, ParticipantId, Pid};
use crate::model::message::{NegotiationBody, NegotiationMessage, Reasons};
use crate::model::negotiation::{NegotiationEvent, NegotiationState, Role, step};
use crate::model::process::{Process, ProcessDetail, ProcessKind, ProcessState};
use crate::model::terms;
use crate::model::time::Timestamp;
use crate::store::{Transition, Tx, Waiting};

impl Engine {
    /// Applies a negotiation message from a peer; the process as it then stands is committed.
    ///
    /// A message for a transition that already happened (same sender, same resulting state) is answered as the first time.
    ///
    /// # Errors
    /// [`EngineError`]; none of them changes a state.
    pub async fn receive_negotiation(&self, inbound: Inbound<NegotiationMessage>) -> Result<Process, EngineError> {
        let engine = self.clone();
        detached(async move {
            match &inbound.pid {
                None => engine.begin_by_peer(inbound).await,
                Some(pid) => engine.follow_negotiation(&pid.clone(), inbound).await,
            }
        })
        .await
    }

    async fn begin_by_peer(&self, inbound: Inbound<NegotiationMessage>) -> Result<Process, EngineError> {
        let Inbound { participant, caller, message, trace, .. } = inbound;
        let First { role, peer_pid, offer, callback } = first(message)?;
        // What came before is answered as before, whatever has become of the offer since.
        let known =
            self.0.store.process_of_peer(ProcessKind::Negotiation, &participant, role, &caller, &peer_pid).await?;
        if let Some(known) = known {
            return Ok(known);
        }
        let judged = match role {
            Role::Provider => self.judge(&participant, &caller, offer).await?,
            Role::Consumer => Judged::uncalled(offer)?,
        };
        let Judged { dataset, offer, objection, refusal } = judged;

        let mut tx = self.0.store.begin().await?;
        if let Some(known) =
            tx.process_of_peer(ProcessKind::Negotiation, &participant, role, &caller, &peer_pid).await?
        {
            return Ok(known);
        }
        let now = self.0.clock.now();
        let mut process = Process {
            pid: new_pid(),
            peer_pid: Some(peer_pid),
            role,
            participant,
            counterparty: caller,
            peer_address: callback,
            state: ProcessState::Negotiation(NegotiationState::Requested),
            dataset,
            agreement: None,
            detail: ProcessDetail {
                offer: Some(offer),
                offered_by: Some(role.other()),
                objection,
                refusal,
                trace,
                ..ProcessDetail::default()
            },
            version: 0,
            created: now,
            updated: now,
            delivery_failure: None,
        };
        let (state, event) = match role {
            Role::Provider => (NegotiationState::Requested, NegotiationEvent::Request),
            Role::Consumer => (NegotiationState::Offered, NegotiationEvent::Offer),
        };
        let plan = enter(&mut process, ProcessState::Negotiation(state), role.other(), now, &self.0.automation);
        let (changed_by, event) = (role.other(), event.as_str());
        let transition = Transition { changed_by, event, plan, waiting: Waiting::Kept, message: None };
        tx.insert_process(&process, &transition).await?;
        tx.commit().await?;
        self.announce(&process);
        Ok(process)
    }

    async fn follow_negotiation(
        &self,
        pid: &Pid,
        inbound: Inbound<NegotiationMessage>,
    ) -> Result<Process, EngineError> {
        let message = inbound.message;
        let event = message.body.event();
        let verdict = match &message.body {
            NegotiationBody::Request { offer, .. } => {
                Some(self.judge(&inbound.participant, &inbound.caller, offer.clone()).await)
            }
            _ => None,
        };

        let mut tx = self.0.store.begin().await?;
        let process = tx
            .process(pid)
            .await?
            .filter(|p| {
                p.kind() == ProcessKind::Negotiation
                    && p.participant == inbound.participant
                    && p.counterparty == inbound.caller
            })
            .ok_or(EngineError::NotFound("negotiation"))?;
        let ProcessState::Negotiation(state) = process.state else {
            return Err(EngineError::NotFound("negotiation"));
        };
        check_pids(&process, message.consumer_pid.as_ref(), message.provider_pid.as_ref())?;
        let sender = process.role.other();
        if is_repetition(&process, state, sender, &message.body) {
            return Ok(process);
        }
        let next = step(Some(state), sender, event)
            .map_err(|refusal| EngineError::refused("negotiation.wrong-state", refusal.to_string()).with(&process))?;

        let mut changed = process.clone();
        changed.peer_pid =
            changed.peer_pid.or(if sender == Role::Consumer { message.consumer_pid } else { message.provider_pid });
        let now = self.0.clock.now();
        let agreed = take_in(&mut changed, message.body, verdict, now).map_err(|e| e.with(&process))?;
        if let Some(agreement) = &agreed {
            refuse_known(&mut tx, agreement).await.map_err(|e| e.with(&process))?;
        }
        let plan = enter(&mut changed, ProcessState::Negotiation(next), sender, now, &self.0.automation);
        let plan = if next.is_final() { None } else { plan };
        // Who moves on has read what we said before, even if its answer was lost.
        let waiting = Waiting::Dropped;
        let transition = Transition { changed_by: sender, event: event.as_str(), plan, waiting, message: None };
        tx.update_process(&changed, &transition).await?;
        if let Some(agreement) = agreed {
            tx.put_agreement(&agreement).await?;
        }
        self.settle_agreement(&mut tx, &changed, next, now).await?;
        tx.commit().await?;
        self.announce(&changed);
        Ok(changed)
    }

    /// What is put on the table when a consumer asks for an offer. Where it is an offer of ours these are our own rules, not the
    /// consumer's writing of them: what a writing may hide never becomes an agreement.
    async fn judge(
        &self,
        participant: &ParticipantId,
        consumer: &ParticipantId,
        asked: Value,
    ) -> Result<Judged, EngineError> {
        match self.0.surroundings.offers.judge(participant, consumer, &asked).await {
            Ok(OfferVerdict::Ours(ours)) => Ok(Judged::unopposed(ours.dataset, ours.policy)),
            Ok(OfferVerdict::Differs(ours)) => {
                let differs = Reasons::new(
                    "offer.differs",
                    "the requested rules differ from the offer; take the offer as published",
                );
                Ok(Judged { objection: Some(differs), ..Judged::unopposed(ours.dataset, asked) })
            }
            Ok(OfferVerdict::Refused(ours, refusal)) => {
                let clauses = Some(refusal.clauses());
                let objection = Some(refusal.reasons);
                Ok(Judged { objection, refusal: clauses, ..Judged::unopposed(ours.dataset, asked) })
            }
            Err(reasons) if reasons.code.as_deref() == Some(NOT_YET) => {
                Err(EngineError::refused(NOT_YET, reasons.reason.join("; ")))
            }
            Err(reasons) => Err(EngineError::refused("offer.unknown", reasons.reason.join("; "))),
        }
    }
}

/// What comes of an offer that was asked for.
struct Judged {
    dataset: DatasetId,
    /// What is put on the table.
    offer: Value,
    /// Why it is not simply agreed to.
    objection: Option<Reasons>,
    /// The clauses that refused.
    refusal: Option<Value>,
}

impl Judged {
    const fn unopposed(dataset: DatasetId, offer: Value) -> Self {
        Self { dataset, offer, objection: None, refusal: None }
    }

    /// An offer that a provider makes unasked.
    fn uncalled(offer: Value) -> Result<Self, EngineError> {
        let target = terms::iri(&offer, "target").ok_or_else(|| malformed("a target in its offer"))?;
        let dataset = DatasetId::from(target);
        let uncalled =
            Reasons::new("offer.uncalled", "the provider made an offer that was not asked for; a person decides");
        Ok(Self { objection: Some(uncalled), ..Self::unopposed(dataset, offer) })
    }
}

/// A first message: our role in what it begins, and what it must carry.
struct First {
    role: Role,
    peer_pid: Pid,
    offer: Value,
    callback: String,
}

fn first(message: NegotiationMessage) -> Result<First, EngineError> {
    let (role, peer_pid, offer, callback) = match message.body {
        NegotiationBody::Request { offer, callback } => (Role::Provider, message.consumer_pid, offer, callback),
        NegotiationBody::Offer { offer, callback } => (Role::Consumer, message.provider_pid, offer, callback),
        _ => {
            let sentence = "a negotiation begins with a request or an offer";
            return Err(EngineError::refused("negotiation.wrong-state", sentence));
        }
    };
    Ok(First {
        role,
        peer_pid: peer_pid.ok_or_else(|| malformed("the sender's pid"))?,
        offer,
        callback: callback.ok_or_else(|| malformed("a callbackAddress"))?,
    })
}

fn malformed(what: &str) -> EngineError {
    EngineError::refused("negotiation.malformed", format!("the message needs {what}"))
}

/// Both pids of a follow-up must be those of the process; the peer's is learned from its first message.
pub(super) fn check_pids(
    process: &Process,
    consumer_pid: Option<&Pid>,
    provider_pid: Option<&Pid>,
) -> Result<(), EngineError> {
    let fits = |known: Option<&Pid>, said: Option<&Pid>| match (known, said) {
        (Some(known), Some(said)) => known == said,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    if fits(process.consumer_pid(), consumer_pid) && fits(process.provider_pid(), provider_pid) {
        return Ok(());
    }
    Err(EngineError::refused(
        "process.pid-mismatch",
        "consumerPid and providerPid of the message do not belong to the process in its path",
    )
    .with(process))
}

/// Whether the message only says again what its sender said last: its answer was lost on the way.
fn is_repetition(process: &Process, state: NegotiationState, sender: Role, body: &NegotiationBody) -> bool {
    use NegotiationState as S;
    if let (NegotiationBody::Agreement { agreement }, S::Agreed | S::Verified | S::Finalized) = (body, state) {
        return process.detail.agreement.as_ref() == Some(agreement);
    }
    if process.detail.changed_by != Some(sender) {
        return false;
    }
    matches!(
        (body, state),
        (NegotiationBody::Accepted, S::Accepted)
            | (NegotiationBody::Verification, S::Verified)
            | (NegotiationBody::Finalized, S::Finalized)
            | (NegotiationBody::Termination(_), S::Terminated)
    )
}

/// Takes what the message carries into the process; an agreement to be kept, if it brought one.
fn take_in(
    process: &mut Process,
    body: NegotiationBody,
    verdict: Option<Result<Judged, EngineError>>,
    now: Timestamp,
) -> Result<Option<Agreement>, EngineError> {
    match body {
        NegotiationBody::Request { offer, .. } => {
            let unjudged = Judged::unopposed(process.dataset.clone(), offer);
            let Judged { dataset, offer, objection, refusal } = verdict.transpose()?.unwrap_or(unjudged);
            if dataset != process.dataset {
                return Err(EngineError::refused(
                    "negotiation.other-dataset",
                    format!("this negotiation is about {}; begin another for {dataset}", process.dataset),
                ));
            }
            process.detail.objection = objection;
            process.detail.refusal = refusal;
            process.detail.offer = Some(offer);
            process.detail.offered_by = Some(Role::Consumer);
            Ok(None)
        }
        NegotiationBody::Offer { offer, .. } => {
            let same = process.detail.offer.as_ref().is_some_and(|asked| terms::same_rules(asked, &offer));
            process.detail.objection = (!same).then(|| {
                Reasons::new("offer.differs", "the provider's offer differs from what was asked for; a person decides")
            });
            process.detail.offer = Some(offer);
            process.detail.offered_by = Some(Role::Provider);
            Ok(None)
        }
        NegotiationBody::Agreement { agreement } => take_in_agreement(process, agreement, now).map(Some),
        NegotiationBody::Termination(reasons) => {
            process.detail.reasons = Some(reasons);
            Ok(None)
        }
        NegotiationBody::Accepted | NegotiationBody::Verification | NegotiationBody::Finalized => Ok(None),
    }
}

/// Refuses an agreement that comes under the id of one that is kept from elsewhere: its id is the peer's choice, and what others agreed
/// to is not the peer's to replace.
async fn refuse_known(tx: &mut Tx, agreement: &Agreement) -> Result<(), EngineError> {
    let kept = tx.agreement_of(&agreement.participant, agreement.role, &agreement.id).await?;
    match kept.filter(|kept| kept.negotiation != agreement.negotiation) {
        Some(_) => {
            let sentence = format!("another agreement {} is kept already; choose another id", agreement.id);
            Err(EngineError::refused("agreement.exists", sentence))
        }
        None => Ok(()),
    }
}

fn take_in_agreement(process: &mut Process, agreement: Value, now: Timestamp) -> Result<Agreement, EngineError> {
    let malformed = |what: &str| EngineError::refused("agreement.malformed", format!("the agreement {what}"));
    let id = AgreementId::from(terms::iri(&agreement, "@id").ok_or_else(|| malformed("has no @id"))?);
    if terms::iri(&agreement, "target") != Some(process.dataset.as_str()) {
        return Err(malformed("is about another target than the negotiation"));
    }
    let signed = agreement.get("timestamp").and_then(Value::as_str).and_then(|t| Timestamp::parse(t).ok());
    let agreed = process.detail.offer.as_ref().is_some_and(|offer| terms::same_rules(offer, &agreement));
    process.detail.objection =
        (!agreed).then(|| Reasons::new("agreement.differs", "the agreement has other rules than the offer it answers"));
    process.detail.agreement = Some(agreement.clone());
    process.agreement = Some(id.clone());
    Ok(Agreement {
        id,
        role: process.role,
        participant: process.participant.clone(),
        counterparty: process.counterparty.clone(),
        dataset: process.dataset.clone(),
        policy: agreement,
        negotiation: Some(process.pid.clone()),
        peer_address: Some(process.peer_address.clone()),
        signed: signed.unwrap_or(now),
        live: false,
    })
}
