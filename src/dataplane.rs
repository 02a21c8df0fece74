//! The data plane, ingress: calls of data-space consumers to X-Road services, each decided, forwarded and recorded.
//!
//! One file each step, one direction, no step skipped: token ([`token`]) -> what other replicas committed, if there are any
//! ([`standing`]) -> a free place ([`capacity`]) -> agreement and compiled policy ([`contract`]) -> strict path rule ([`path`]) ->
//! facts, decision, limits ([`decision`], [`account`], [`counters`], [`history`]) -> X-Road request ([`request`]) -> security server
//! ([`forward`]) -> evidence durable, answer released ([`release`]). What is known of an exchange on its way is in [`exchange`]; a
//! call that gets no answer ends in [`refusal`]. A transfer's changes reach the next call through [`live`].

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use credentials::{PublicKey, Signer, TokenProfile};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use moka::sync::Cache;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::engine::Planes;
use crate::env::Clock;
use crate::evidence::Evidence;
use crate::model::agreement::Agreement;
use crate::model::ids::Pid;
use crate::model::message::{DataAddress, Reasons};
use crate::model::obligation::AgreementKey;
use crate::model::process::Process;
use crate::net::trace::Traceparent;
use crate::policy::{Commons, Registry};
use crate::xroad::body::BoxError;
use crate::xroad::client::{XRoadClient, XRoadResponse};

mod account;
mod assets;
mod capacity;
mod charset;
mod consent;
mod contract;
mod counters;
mod decision;
mod exchange;
mod filter;
mod forward;
mod history;
mod live;
mod meter;
mod operands;
mod pace;
mod path;
mod purpose;
mod refusal;
mod release;
mod request;
mod standing;
#[cfg(test)]
mod tests;
mod token;
mod window;

pub use assets::{AssetError, Assets, Standing, Standings};
pub use consent::{
    Consent, ConsentDeclaration, ConsentReference, ConsentService, ConsentSettings, ConsentUnavailable,
    ConsentValidator, Consents, SubjectPlace,
};
pub use counters::{Counter, CounterError, Counters, Rate, Reservation, TokenBucket};
pub use filter::{Filter, Veil};
pub use release::{ReleaseError, Released};
pub use request::Slowest;

use exchange::Ongoing;
use live::{Live, LiveIndex};
use refusal::Refusal;
use token::Unopened;

/// The transfer format that is provided (DSP 2025-1, HTTP pull).
pub const FORMAT: &str = "HttpData-PULL";
const ENDPOINT_TYPE: &str = "https://w3id.org/idsa/v4.1/HTTP";

/// How the data plane behaves.
#[derive(Clone, Debug)]
pub struct DataPlaneSettings {
    /// For how long a token opens its transfer; starting the transfer again gives a fresh one.
    pub token_life: Duration,
    /// How many tokens are remembered as genuine.
    pub tokens: u64,
    /// The largest body of a request, in bytes.
    pub largest_request: u64,
    /// How slowly it may come.
    pub slowest_request: Slowest,
    /// Up to how many bytes of a request's body are read for values that a policy asks for; in a larger one they are not known.
    pub largest_inspected: usize,
    /// Largest answer of which only some fields are released, bytes.
    pub largest_filtered: usize,
    /// For how long such a body is waited for.
    pub inspection: Duration,
    /// Up to how many bytes an answer is gathered before it is released, leaving one evidence record instead of two.
    pub small_answer: usize,
    /// For how long the pieces of a small answer are waited for.
    pub patience: Duration,
    /// How often calls may come under any one agreement; `None` for no limit.
    pub rate: Option<Rate>,
    /// How many calls may be under way at once.
    pub most_calls: usize,
    /// How many of them of one consumer, whatever its transfers.
    pub most_calls_of_consumer: usize,
}

impl Default for DataPlaneSettings {
    fn default() -> Self {
        Self {
            token_life: Duration::from_secs(3600),
            tokens: 100_000,
            largest_request: 64 * 1024 * 1024,
            slowest_request: Slowest {
                pause: Duration::from_secs(30),
                per_second: 1024,
                in_all: Duration::from_secs(600),
            },
            largest_inspected: 256 * 1024,
            largest_filtered: 1024 * 1024,
            inspection: Duration::from_secs(10),
            small_answer: 64 * 1024,
            patience: Duration::from_millis(20),
            rate: None,
            most_calls: 1024,
            most_calls_of_consumer: 256,
        }
    }
}

/// What the data plane works with.
pub struct Surroundings {
    /// Transfers, agreements and services.
    pub assets: Arc<dyn Assets>,
    /// What other replicas committed, where there are any.
    pub standings: Option<Arc<dyn Standings>>,
    /// The security server.
    pub client: XRoadClient,
    /// Where every exchange is recorded.
    pub evidence: Evidence,
    /// Where uses are counted.
    pub counters: Counters,
    /// Signs tokens.
    pub signer: Arc<dyn Signer>,
    /// Keys that signed tokens before and whose tokens still count.
    pub former_keys: Vec<PublicKey>,
    /// The words that policies may use.
    pub registry: Registry,
    /// Consents of data subjects, where they are known.
    pub consents: Option<Consents>,
    /// Makes pseudonyms; kept as long as pseudonyms are to stay the same.
    pub pseudonym_key: SecretString,
    /// The time.
    pub clock: Clock,
}

/// The data plane of one Sliproad process. Cheap to clone.
#[derive(Clone)]
pub struct DataPlane(Arc<Inner>);

struct Inner {
    settings: DataPlaneSettings,
    assets: Arc<dyn Assets>,
    standings: Option<Arc<dyn Standings>>,
    client: XRoadClient,
    evidence: Evidence,
    counters: Counters,
    signer: Arc<dyn Signer>,
    profile: TokenProfile,
    registry: Registry,
    /// Terms that live agreements have in common.
    commons: Mutex<Commons>,
    consents: Option<Arc<Consents>>,
    pseudonym_key: Arc<SecretString>,
    clock: Clock,
    tokens: token::Tokens,
    live: LiveIndex,
    paces: pace::Paces,
    metered_times: history::MeteredTimes,
    places: Arc<Semaphore>,
    meters: meter::Meters,
}

impl DataPlane {
    /// A data plane that knows no transfer yet.
    #[must_use]
    pub fn new(settings: DataPlaneSettings, surroundings: Surroundings) -> Self {
        let mut keys = vec![surroundings.signer.public_key().clone()];
        keys.extend(surroundings.former_keys);
        let longest_life = i64::try_from(settings.token_life.as_secs()).unwrap_or(i64::MAX);
        let tokens = Cache::builder().max_capacity(settings.tokens).time_to_live(settings.token_life).build();
        let (live, places) = (LiveIndex::new(settings.most_calls_of_consumer), capacity::places(settings.most_calls));
        Self(Arc::new(Inner {
            settings,
            assets: surroundings.assets,
            standings: surroundings.standings,
            client: surroundings.client,
            evidence: surroundings.evidence,
            counters: surroundings.counters,
            signer: surroundings.signer,
            profile: TokenProfile { keys, longest_life },
            registry: surroundings.registry,
            commons: Mutex::default(),
            consents: surroundings.consents.map(Arc::new),
            pseudonym_key: Arc::new(surroundings.pseudonym_key),
            clock: surroundings.clock,
            tokens,
            live,
            paces: pace::Paces::default(),
            metered_times: history::MeteredTimes::default(),
            places,
            meters: meter::Meters::new(),
        }))
    }

    /// The routes of the data plane: `ANY /{participant}/data/{transfer}/…`, to be merged into the public listener's.
    pub fn router(&self) -> Router {
        let plane = self.clone();
        let provide = any(move |request: Request<axum::body::Body>| async move {
            plane.provide(request).await.map(axum::body::Body::new)
        });
        Router::new()
            .route("/{participant}/data/{transfer}", provide.clone())
            .route("/{participant}/data/{transfer}/", provide.clone())
            .route("/{participant}/data/{transfer}/{*path}", provide)
    }

    /// Returns when everything that goes on behind the calls so far is done: releases under a consent are reported, or given up.
    pub async fn settled(&self) {
        if let Some(consents) = &self.0.consents {
            consents.reported().await;
        }
    }

    /// Provides one call: decides it, forwards it, records it and releases the answer. The request's target must be as received,
    /// not decoded or normalised by a router.
    pub async fn provide<B>(&self, request: Request<B>) -> Response<Released>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let received = self.0.clock.now();
        let (head, body) = request.into_parts();
        let trace = Traceparent::of_request(&head.headers);
        let target = head.uri.path_and_query().map_or("", |t| t.as_str());
        let begin = |live| Ongoing::begin(self, live, trace, (head.method.clone(), target), received);
        let opened = match token::open(&self.0, &head.headers, received).await {
            Ok(opened) => opened,
            Err(Unopened::ByHolder(live, refusal)) => return begin(&live).refuse(refusal).await,
            Err(Unopened::ByStranger(refusal)) => {
                self.0.meters.stranger();
                let cause = refusal.cause.as_deref();
                tracing::info!(trace = trace.trace_id(), code = %refusal.code, cause, "a call without a valid token was refused");
                return refusal.into_response(trace, None);
            }
        };
        let mut exchange = begin(&opened.live);
        match self.forward(&mut exchange, opened.start, head, body).await {
            Ok(answer) => release::release(exchange, answer).await,
            Err(refusal) => exchange.refuse(refusal).await,
        }
    }

    /// Every step up to the service's answer.
    async fn forward<B>(
        &self,
        exchange: &mut Ongoing,
        start: u32,
        head: Parts,
        body: B,
    ) -> Result<XRoadResponse, Refusal>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let plane = &*self.0;
        let live = Arc::clone(&exchange.live);
        standing::learn(plane, &live).await?;
        live.check(start)?;
        exchange.place = Some(capacity::take(plane, &live)?);
        let contract = contract::of(plane, &live).await?;
        exchange.contract = Some(Arc::clone(&contract));
        let path = path::check(path::below(&head.uri, &live.prefix)?)?;
        path::check_method(&head.method, body.is_end_stream())?;
        path::check_offered(&*plane.assets, &contract.dataset, &head.method, &path)?;
        request::check_length(&body.size_hint(), plane.settings.largest_request)?;
        request::check_head(&contract, (&head.method, &path), &head.headers)?;
        let purpose = purpose::declared(&head.headers)?;
        let (told, body) = operands::read(&contract.asked, &head, body, &plane.settings).await?;
        let shown = if contract.consent.is_some() { consent::shown(&head.headers)? } else { None };
        let (purpose, consent) = (purpose.as_ref(), shown.as_ref());
        let call = decision::Call { method: &head.method, path: &path, purpose, told: &told, consent };
        // The body may have taken its time, and what was reported meanwhile holds for this call too.
        contract.hear(plane, &live).await?;
        let permit = decision::decide(&plane.clock, &contract, call).await?;
        exchange.permitted(permit);
        if contract.informs {
            exchange.inform();
        }
        let sent = exchange.sent.clone();
        let call = (head.method, path);
        let settings = &plane.settings;
        let mut request = request::build(&contract, call, &head.headers, exchange.trace, (body, &sent), settings);
        if exchange.filter().is_some() {
            Filter::ask_for_the_whole(&mut request.headers);
        }
        exchange.forwarding(request.message_id.clone());
        match forward::call(plane, &live, start, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if error.never_arrived() {
                    exchange.never_arrived();
                }
                let objection = sent.objection(&error, settings.largest_request);
                Err(objection.unwrap_or_else(|| forward::failed(&error)))
            }
            Err(refusal) => {
                exchange.not_forwarded();
                Err(refusal)
            }
        }
    }
}

impl Inner {
    /// A transfer that we provide, from the index or else from the store.
    async fn live(&self, pid: &Pid) -> Result<Arc<Live>, AssetError> {
        if let Some(live) = self.live.get(pid) {
            return Ok(live);
        }
        let process = self.assets.transfer(pid).await?;
        let process = process.ok_or_else(|| AssetError::Gone("the token's transfer is not known here".to_owned()))?;
        self.live.put(&process, self.assets.as_ref())
    }
}

#[async_trait]
impl Planes for DataPlane {
    fn provides(&self, format: &str) -> bool {
        format == FORMAT
    }

    async fn open(&self, transfer: &Process, agreement: &Agreement, start: u32) -> Result<DataAddress, Reasons> {
        let live = self.0.live.put(transfer, self.0.assets.as_ref()).map_err(|error| match error {
            AssetError::Gone(sentence) | AssetError::Unavailable(sentence) => Reasons::new("asset.gone", sentence),
        })?;
        contract::with(&self.0, &live, agreement).await.map_err(|refusal| {
            if let Some(cause) = &refusal.cause {
                tracing::error!(transfer = %transfer.pid, cause, "a transfer could not be opened");
            }
            Reasons::new(&refusal.code, refusal.sentence.as_str())
        })?;
        let token = token::issue(&self.0, &live, start).await?;
        Ok(DataAddress {
            endpoint: live.endpoint.clone(),
            endpoint_type: ENDPOINT_TYPE.to_owned(),
            authorization: Some(token),
            auth_type: Some("bearer".to_owned()),
        })
    }

    fn changed(&self, transfer: &Process) {
        // What is not provided here cannot be called here.
        let _ = self.0.live.put(transfer, self.0.assets.as_ref());
    }

    fn reported(&self, agreement: &AgreementKey) {
        self.0.live.reported(agreement);
    }

    fn facts_changed(&self) {
        self.0.live.facts_changed();
    }
}
