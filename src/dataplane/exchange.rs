//! One exchange on its way: what is known of it so far, and the record that this makes.
//!
//! Every exchange leaves its record: dropped before that, because the consumer went away, it is taken down as aborted.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderName, Method, Response, StatusCode};
use smallvec::SmallVec;

use super::account::Taken;
use super::capacity::Place;
use super::consent::Used;
use super::contract::{Contract, not_counted};
use super::counters::CounterError;
use super::decision;
use super::filter::Filter;
use super::history::{Metered, Metering};
use super::live::Live;
use super::refusal::Refusal;
use super::release::{Recording, Released};
use super::request::SentBody;
use super::{DataPlane, Inner};
use crate::evidence::{EvidenceError, Receipt};
use crate::model::exchange::{
    Answered, Asked, BodyDigest, Clauses, Effect, Exchange, ExchangeId, Facts, Outcome, RecordKind, Times, Verdict,
};
use crate::model::time::Timestamp;
use crate::net::trace::Traceparent;
use crate::policy::SequenceStep;
use crate::xroad::client::XRoadResponse;
use crate::xroad::route::MessageId;

/// Names the exchange in every answer.
pub(super) const EXCHANGE: HeaderName = HeaderName::from_static("sliproad-exchange");
const LONGEST_PATH: usize = 8192;

/// What is to be durable before an answer ends, on its way there.
pub(super) type Settling = Pin<Box<dyn Future<Output = Result<(), CounterError>> + Send>>;

/// Something that is to be durable before an answer may be released is not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unkept {
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error(transparent)]
    Counter(#[from] CounterError),
}

/// One exchange on its way.
pub(super) struct Ongoing {
    pub(super) plane: DataPlane,
    pub(super) live: Arc<Live>,
    pub(super) contract: Option<Arc<Contract>>,
    pub(super) place: Option<Place>,
    pub(super) id: ExchangeId,
    pub(super) trace: Traceparent,
    trace_id: String,
    pub(super) method: Method,
    path: Box<str>,
    pub(super) times: Times,
    permit: Option<(Clauses, Facts)>,
    permission: Option<usize>,
    taken: Option<Taken>,
    consent: Option<Used>,
    /// Steps of sequences that it takes once it is done.
    acts: SmallVec<[SequenceStep; 2]>,
    /// Runs from its forwarding on, where the policy compares that.
    metering: Option<Metering>,
    message_id: Option<MessageId>,
    /// It was to be forwarded, and the security server could not be reached.
    unreached: bool,
    pub(super) sent: SentBody,
    answer: Option<Answer>,
    opening: Option<u64>,
    /// The opening on its way to the disk.
    opening_kept: Option<Recording>,
    /// Its record is taken down, and will be kept or never.
    recorded: bool,
}

/// The head of the answer.
struct Answer {
    status: StatusCode,
    request_id: Option<http::HeaderValue>,
    request_hash: Option<http::HeaderValue>,
    fault: Option<String>,
}

/// What is recorded of a decision.
struct Decided<'a> {
    effect: Effect,
    code: &'a str,
    clauses: Option<&'a Clauses>,
    facts: Option<&'a Facts>,
}

impl Ongoing {
    pub(super) fn begin(
        plane: &DataPlane,
        live: &Arc<Live>,
        trace: Traceparent,
        (method, target): (Method, &str),
        received: Timestamp,
    ) -> Self {
        let path = target.strip_prefix(&*live.prefix).unwrap_or(target);
        let cut = (0..=path.len().min(LONGEST_PATH)).rev().find(|at| path.is_char_boundary(*at)).unwrap_or_default();
        Self {
            plane: plane.clone(),
            live: Arc::clone(live),
            contract: None,
            place: None,
            id: ExchangeId::new(uuid::Uuid::now_v7()),
            trace,
            trace_id: trace.trace_id(),
            method,
            path: path.get(..cut).unwrap_or_default().into(),
            times: Times { received, ..Times::default() },
            permit: None,
            permission: None,
            taken: None,
            consent: None,
            acts: SmallVec::new(),
            metering: None,
            message_id: None,
            unreached: false,
            sent: SentBody::default(),
            answer: None,
            opening: None,
            opening_kept: None,
            recorded: false,
        }
    }

    fn inner(&self) -> &Inner {
        &self.plane.0
    }

    fn now(&self) -> Timestamp {
        self.inner().clock.now()
    }

    /// How long it has been under way, milliseconds.
    fn age(&self) -> i64 {
        self.now().millis().saturating_sub(self.times.received.millis())
    }

    /// The call was permitted.
    pub(super) fn permitted(&mut self, permit: decision::Permit) {
        self.permit = Some((permit.clauses, permit.facts));
        self.permission = permit.permission;
        self.taken = Some(permit.taken);
        self.consent = permit.consent;
        self.acts = permit.acts;
    }

    /// Tells the operator of a call under a duty to inform.
    pub(super) fn inform(&self) {
        tracing::info!(
            exchange = %self.id, trace = self.trace_id, agreement = %self.live.agreement,
            counterparty = %self.live.counterparty, dataset = %self.live.dataset, "a call under a duty to inform"
        );
    }

    /// Which fields of the answer the permission releases, where not all.
    pub(super) fn filter(&self) -> Option<&Filter> {
        self.contract.as_ref()?.filters.get(self.permission?)?.as_ref()
    }

    /// The call goes to the security server now.
    pub(super) fn forwarding(&mut self, message_id: MessageId) {
        self.message_id = Some(message_id);
        self.times.forwarded = Some(self.now());
        self.metering = self.contract.as_ref().and_then(|contract| contract.metered.as_ref()).map(Metered::begin);
    }

    /// The call was not made after all: what was reserved for it is given back.
    pub(super) fn not_forwarded(&mut self) {
        (self.times.forwarded, self.message_id) = (None, None);
        self.give_back();
        self.permit = None;
    }

    /// The security server never had the call: it failed before it was passed on, and what was reserved for it is given back.
    pub(super) fn never_arrived(&mut self) {
        (self.times.forwarded, self.message_id) = (None, None);
        self.unreached = true;
        self.give_back();
    }

    fn give_back(&mut self) {
        self.acts.clear();
        self.metering.take().into_iter().for_each(Metering::cancel);
        if let (Some(taken), Some(contract)) = (self.taken.take(), &self.contract) {
            contract.account.give_back(taken);
        }
    }

    /// The head of the service's answer came.
    pub(super) fn answered(&mut self, answer: &XRoadResponse) {
        self.times.answered = Some(self.now());
        self.answer = Some(Answer {
            status: answer.status,
            request_id: answer.request_id.clone(),
            request_hash: Some(answer.request_hash.clone()),
            fault: None,
        });
    }

    /// What is to be durable before the end of the answer may be released: the time that it took, and the steps that it takes. An act
    /// is done when the service gave all that was asked for.
    pub(super) fn settling(&mut self) -> Option<Settling> {
        let done = self
            .answer
            .as_ref()
            .is_some_and(|answer| answer.status.is_success() && answer.status != StatusCode::PARTIAL_CONTENT);
        let acts = std::mem::take(&mut self.acts);
        let acts = if done { acts } else { SmallVec::new() };
        let metering = self.metering.take();
        let contract = self.contract.clone().filter(|_| metering.is_some() || !acts.is_empty())?;
        let now = self.now();
        Some(Box::pin(async move {
            let metered = async {
                match metering {
                    Some(metering) => metering.end().await,
                    None => Ok(()),
                }
            };
            let taken = async {
                match &contract.steps {
                    Some(steps) => steps.take(acts.iter(), now).await,
                    None => Ok(()),
                }
            };
            // Together, so that both are kept by one commit.
            tokio::try_join!(metered, taken).map(drop)
        }))
    }

    async fn settle(&mut self, kind: RecordKind) -> Result<(), CounterError> {
        match (kind, &self.metering) {
            (RecordKind::Opening, Some(metering)) => metering.charge().await,
            (RecordKind::Opening, None) => Ok(()),
            _ => match self.settling() {
                Some(settling) => settling.await,
                None => Ok(()),
            },
        }
    }

    /// Makes the record of an answered exchange durable: whole, or its opening; and before it what it leaves for the calls after it.
    ///
    /// # Errors
    /// When any of it is not durable; then nothing may be released.
    pub(super) async fn record(&mut self, kind: RecordKind, body: Option<BodyDigest>) -> Result<(), Unkept> {
        self.settle(kind).await?;
        let outcome = if kind == RecordKind::Opening { Outcome::Open } else { Outcome::Complete };
        self.inner().meters.ended(outcome, self.age(), body.map_or(0, |b| b.size));
        let kept = self.inner().evidence.append(&self.told(kind, outcome, body));
        self.recorded = true;
        if kind != RecordKind::Opening {
            return Ok(kept.await.map(drop)?);
        }
        let receipt = self.opening_kept.insert(Box::pin(kept)).await;
        self.opening_kept = None;
        self.opening = Some(receipt?.sequence);
        self.times.released = Some(self.now());
        Ok(())
    }

    /// The answer, or its beginning, is released now: where that rests on a consent, its validator is told.
    pub(super) fn released(&mut self) {
        let gave = self.answer.as_ref().is_some_and(|answer| answer.status.is_success());
        if let (true, Some(used)) = (gave, self.consent.take()) {
            used.report(self.now());
        }
    }

    /// Begins to make the completion durable.
    pub(super) fn complete(
        &self,
        body: BodyDigest,
    ) -> impl Future<Output = Result<Receipt, EvidenceError>> + Send + use<> {
        self.inner().meters.ended(Outcome::Complete, self.age(), body.size);
        self.inner().evidence.append(&self.told(RecordKind::Completion, Outcome::Complete, Some(body)))
    }

    /// Takes down that an opened exchange ended early.
    pub(super) fn broke_off(&self, outcome: Outcome, body: BodyDigest) {
        self.inner().meters.ended(outcome, self.age(), body.size);
        tracing::info!(exchange = %self.id, trace = self.trace_id, ?outcome, "an answer was not released to its end");
        self.inner().evidence.append_later(&self.told(RecordKind::Completion, outcome, Some(body)));
    }

    /// Records the refusal or failure, durably, and answers it.
    pub(super) async fn refuse(mut self, refusal: Refusal) -> Response<Released> {
        let forwarded = self.times.forwarded.is_some() || self.unreached;
        let outcome = match (forwarded, refusal.abandoned) {
            (true, true) => Outcome::Aborted,
            (true, false) => Outcome::Failed,
            (false, _) => Outcome::Refused,
        };
        if let Some(metering) = self.metering.take()
            && let Err(error) = metering.end().await
        {
            tracing::error!(%error, "metered time could not be made durable; it is kept in memory");
        }
        self.inner().meters.ended(outcome, self.age(), 0);
        if forwarded {
            let (request_id, request_hash) =
                self.answer.take().map_or((None, None), |a| (a.request_id, a.request_hash));
            let fault = refusal.fault.clone();
            self.answer = Some(Answer { status: refusal.status, request_id, request_hash, fault });
        }
        let kept = {
            let mut record = self.told(RecordKind::Exchange, outcome, None);
            if !forwarded || refusal.withheld {
                let (clauses, facts) = (refusal.clauses.as_ref(), refusal.facts.as_ref());
                record.decision = verdict(&Decided { effect: Effect::Refuse, code: &refusal.code, clauses, facts });
            }
            self.inner().evidence.append(&record)
        };
        self.recorded = true;
        let refusal = match kept.await {
            Ok(_) => refusal,
            Err(error) => not_recorded(&error),
        };
        self.log(&refusal);
        refusal.into_response(self.trace, Some(self.id))
    }

    /// The one line about it: a warning where it is ours, or X-Road's, to mend.
    fn log(&self, refusal: &Refusal) {
        let (exchange, transfer, code) = (&self.id, &self.live.transfer, &refusal.code);
        let (trace, cause) = (self.trace_id.as_str(), refusal.cause.as_deref());
        if refusal.status.is_server_error() {
            tracing::warn!(%exchange, trace, %transfer, %code, cause, "a call was not answered");
        } else {
            let clauses = refusal.clauses.as_ref().map(Clauses::as_json);
            tracing::info!(%exchange, trace, %transfer, %code, cause, clauses, "a call was not answered");
        }
    }

    /// The answer to a call that was made and cannot be recorded: nothing of it.
    pub(super) fn withhold(&self, error: &Unkept) -> Response<Released> {
        let refusal = match error {
            Unkept::Evidence(error) => not_recorded(error),
            Unkept::Counter(error) => not_counted(error),
        };
        self.log(&refusal);
        refusal.into_response(self.trace, Some(self.id))
    }

    fn told(&self, kind: RecordKind, outcome: Outcome, body: Option<BodyDigest>) -> Exchange<'_> {
        let live = &self.live;
        let decided = match &self.permit {
            Some((clauses, facts)) => {
                let (clauses, facts) = (Some(clauses), Some(facts));
                Decided { effect: Effect::Permit, code: "policy.permitted", clauses, facts }
            }
            None => Decided { effect: Effect::Refuse, code: "call.aborted", clauses: None, facts: None },
        };
        Exchange {
            kind,
            exchange: self.id,
            opening: self.opening.filter(|_| kind == RecordKind::Completion),
            participant: live.participant.as_str().into(),
            counterparty: live.counterparty.as_str().into(),
            agreement: live.agreement.as_str().into(),
            transfer: live.transfer.as_str().into(),
            dataset: live.dataset.as_str().into(),
            policy: self.contract.as_ref().map(|c| c.policy_hash),
            decision: verdict(&decided),
            request: Asked {
                method: self.method.as_str().into(),
                path: Cow::Borrowed(&self.path),
                xroad_id: self.message_id.as_ref().map(|id| id.as_str().into()),
                client: self.message_id.as_ref().and(self.contract.as_ref()).map(|c| c.route.client().as_str().into()),
                body: self.sent.digest(),
            },
            response: self.answer.as_ref().map(|answer| Answered {
                status: answer.status.as_u16(),
                xroad_request_id: text(answer.request_id.as_ref()),
                xroad_request_hash: text(answer.request_hash.as_ref()),
                fault: answer.fault.as_deref().map(Cow::Borrowed),
                body,
            }),
            outcome,
            times: self.times,
            trace: Some(self.trace_id.as_str().into()),
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if !self.recorded {
            self.inner().meters.ended(Outcome::Aborted, self.age(), 0);
            self.inner().evidence.append_later(&self.told(RecordKind::Exchange, Outcome::Aborted, None));
        } else if let Some(opening) = self.opening_kept.take() {
            self.complete_after(opening);
        }
    }
}

impl Ongoing {
    /// Completes an opening that the consumer did not wait for, once it is known which record it is.
    fn complete_after(&self, opening: Recording) {
        self.inner().meters.ended(Outcome::Aborted, self.age(), 0);
        let told = serde_json::to_vec(&self.told(RecordKind::Completion, Outcome::Aborted, Some(BodyDigest::EMPTY)));
        let owned = told.and_then(|told| serde_json::from_slice::<Exchange<'static>>(&told));
        let (Ok(completion), evidence) = (owned, self.inner().evidence.clone()) else { return };
        tokio::spawn(async move {
            if let Ok(Receipt { sequence, .. }) = opening.await {
                evidence.append_later(&Exchange { opening: Some(sequence), ..completion });
            }
        });
    }
}

/// What is not recorded is not released.
fn not_recorded(error: &EvidenceError) -> Refusal {
    Refusal::unavailable(
        "evidence.unavailable",
        "the exchange could not be recorded, so nothing of it is released; try again",
    )
    .caused_by(error)
}

fn verdict<'a>(decided: &Decided<'a>) -> Verdict<'a> {
    Verdict {
        effect: decided.effect,
        code: decided.code.into(),
        clauses: decided.clauses.map_or_else(|| Cow::Owned(Clauses::of::<()>(&[])), Cow::Borrowed),
        facts: decided.facts.map(Cow::Borrowed),
    }
}

fn text(value: Option<&http::HeaderValue>) -> Option<Cow<'_, str>> {
    value.map(|v| String::from_utf8_lossy(v.as_bytes()))
}
