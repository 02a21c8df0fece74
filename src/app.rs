//! The composition root: the only place that knows all rooms. Builds them from the configuration, runs them, ends them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use credentials::{FileSigner, Signer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::config::Config;
use crate::dataplane::{Counters, DataPlane, Surroundings as PlaneSurroundings};
use crate::dsp::client::DspClient;
use crate::dsp::{DspState, Participant, Participants};
use crate::engine::{Automation, Engine, Pace, Planes, Surroundings};
use crate::env::Clock;
use crate::evidence::{Evidence, EvidenceSettings};
use crate::identity::Callers;
use crate::management::ManagementState;
use crate::net::body::BodyLimits;
use crate::net::listener::{self, ListenerLimits};
use crate::net::outbound::{Outbound, OutboundPolicy};
use crate::net::problem;
use crate::net::reach::Network;
use crate::net::tls::{ServerPem, ServerTls, certificates};
use crate::store::{Kept, Store};
use crate::trust::Trust;
use crate::xroad::client::XRoadClient;

mod assets;
mod consents;
mod datasets;
mod discovery;
mod ending;
mod identities;
mod offering;
mod planes;
mod replicas;
mod security_server;
mod trust;

pub use ending::Ending;
pub use offering::{automation, known_of, publishable};

use offering::Offering;

/// The file of the key that signs tokens and evidence, in the directory of the keys.
const KEY_FILE: &str = "signing-key.pem";

/// How long the end waits for what goes on behind the calls.
const SETTLING: std::time::Duration = std::time::Duration::from_secs(5);

/// Where the evidence log of a store is.
#[must_use]
pub fn evidence_directory(store: &Path) -> PathBuf {
    store.join("evidence")
}

/// The key that signs tokens and evidence; made at the first start.
///
/// # Errors
/// When it cannot be read or made.
pub fn signer(keys: &Path) -> Result<FileSigner> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(keys);
    made.with_context(|| format!("the directory {} of the keys cannot be made", keys.display()))?;
    Ok(FileSigner::open_or_create(&keys.join(KEY_FILE))?)
}

/// Where the configured store is.
#[must_use]
pub fn kept(config: &Config) -> Kept<'_> {
    let directory = &config.store.path;
    match &config.store.postgres_url {
        Some(url) => Kept::Shared { directory, url },
        None => Kept::Directory(directory),
    }
}

/// All rooms of a running connector.
#[derive(Clone)]
pub struct Rooms {
    /// What it was started with.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// Processes and agreements.
    pub store: Store,
    /// What moves them.
    pub engine: Engine,
    /// What is offered.
    pub catalog: Catalog,
    /// The credentials of consumers.
    pub trust: Trust,
    /// What the catalogue is made of.
    offering: Offering,
    /// What happened.
    pub evidence: Evidence,
    /// Calls to peers.
    pub client: DspClient,
    /// Who is served here.
    pub participants: Arc<Participants>,
    /// Who calls.
    callers: Arc<dyn Callers>,
    /// The data plane, where there is a security server.
    plane: Option<DataPlane>,
    /// The security server.
    security_server: Option<XRoadClient>,
}

/// Serves until told to end, then drains.
///
/// # Errors
/// When a room cannot be built; the message says which and why.
pub async fn serve(config: Config, mut ending: Ending) -> Result<()> {
    let stop = CancellationToken::new();
    // Before the rooms are built: some look their metrics up once.
    let metrics = crate::telemetry::collect_metrics(&stop);
    let public = listen(config.public.listen, "public").await?;
    let management = listen(config.management.listen, "management").await?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let rooms = build(config, public.local_addr()?).await?;
    let ready = CancellationToken::new();
    let serving = run(&rooms, public, management, metrics, (&ready, &stop));
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result,
        () = ending.told() => {}
    }
    tracing::info!("stopping: calls under way are finished first");
    stop.cancel();
    let limit = rooms.config.drain.limit() + std::time::Duration::from_secs(5);
    if tokio::time::timeout(limit, serving).await.is_err() {
        tracing::warn!("some work did not end in time and is left to the next start");
    }
    if let Some(plane) = &rooms.plane
        && tokio::time::timeout(SETTLING, plane.settled()).await.is_err()
    {
        tracing::warn!("some releases under a consent are not reported");
    }
    rooms.evidence.close().await;
    rooms.store.close().await;
    Ok(())
}

/// Builds every room and fills the catalogue from the configuration.
///
/// # Errors
/// As [`serve`].
pub async fn build(config: Config, public: SocketAddr) -> Result<Rooms> {
    let config = Arc::new(config);
    let clock = Clock::system();
    let store = Store::open_kept(kept(&config)).await?;
    replicas::agree_on_keys(&config, &store).await?;
    let evidence_log = evidence_directory(&config.store.path);
    let evidence = Evidence::open(&evidence_log, EvidenceSettings::default(), clock.clone()).await?;
    let base = config.public.base(public);
    let participants = Arc::new(Participants::new(
        config.participant.iter().map(|p| Participant::new(&base, &p.name, p.id.clone())).collect(),
    ));
    let callers = identities::callers(&config)?;
    let outbound = Outbound::new(outbound_policy(&config)?)?;
    let trust = trust::recall(&config, outbound.clone(), &store, clock.clone()).await?;
    let client = DspClient::new(outbound, Arc::clone(&callers), Arc::clone(&participants));
    let offering = Offering::lay_out(&config, &store, &trust, clock.clone()).await?;
    let catalog = offering.catalog.clone();
    discovery::recall(&config, &catalog, &store).await?;
    let security_server = config.security_server.as_ref().map(security_server::client).transpose()?;
    let plane = match &security_server {
        Some(client) => Some(data_plane(&config, client, &store, &offering, &participants, &evidence, &clock).await?),
        None => None,
    };
    let planes: Arc<dyn Planes> = match &plane {
        Some(plane) => Arc::new(plane.clone()),
        None => Arc::new(planes::NoPlane),
    };
    let surroundings = Surroundings { peers: Arc::new(client.clone()), offers: Arc::new(catalog.clone()), planes };
    let automation = Automation::new(automation(&config));
    let open_transfers = config.data_plane.max_open_transfers_per_consumer.into();
    let pace = Pace { open_transfers, ..Pace::default() };
    let engine = Engine::new(store.clone(), surroundings, automation, clock.clone(), pace);
    crate::management::show_credentials(&trust, &catalog, &engine).await?;
    engine.reopen_transfers().await?;
    offering::import_agreements(&config, &engine, &clock).await?;
    Ok(Rooms {
        config,
        clock,
        store,
        engine,
        catalog,
        trust,
        offering,
        evidence,
        client,
        participants,
        callers,
        plane,
        security_server,
    })
}

async fn data_plane(
    config: &Config,
    client: &XRoadClient,
    store: &Store,
    offering: &Offering,
    participants: &Arc<Participants>,
    evidence: &Evidence,
    clock: &Clock,
) -> Result<DataPlane> {
    let (catalog, participants) = (offering.catalog.clone(), Arc::clone(participants));
    let assets = assets::AgreedAssets { store: store.clone(), catalog, participants };
    let standings = store.standings().map(|standings| replicas::standings(standings, offering));
    let signer: Arc<dyn Signer> = Arc::new(signer(config.store.keys())?);
    Ok(DataPlane::new(
        planes::settings(&config.data_plane),
        PlaneSurroundings {
            assets: Arc::new(assets),
            standings,
            client: client.clone(),
            evidence: evidence.clone(),
            counters: match store.database() {
                Some(database) => Counters::open_shared(database).await?,
                None => Counters::open(&config.store.path).await?,
            },
            signer,
            former_keys: Vec::new(),
            registry: config.registry(),
            pseudonym_key: config.pseudonym_key().context("the key of pseudonyms cannot be read or made")?,
            consents: config.consent.as_ref().map(|consent| consents::consents(consent, client)),
            clock: clock.clone(),
        },
    ))
}

/// Runs engine, listeners and discovery until `stop`.
async fn run(
    rooms: &Rooms,
    public: TcpListener,
    management: TcpListener,
    metrics: crate::telemetry::Render,
    (ready, stop): (&CancellationToken, &CancellationToken),
) -> Result<()> {
    let tls = server_tls(&rooms.config)?;
    let addresses = [public.local_addr()?, management.local_addr()?];
    let engine = rooms.engine.clone();
    let engine_stop = CancellationToken::new();
    let working = tokio::spawn({
        let stop = engine_stop.clone();
        async move { engine.run(stop).await }
    });
    let watching = tokio::spawn({
        let (engine, stop) = (rooms.engine.clone(), engine_stop.clone());
        let on_violation = planes::on_violation(rooms.config.enforcement);
        async move { engine.monitor(on_violation, stop).await }
    });
    let hearing = tokio::spawn(replicas::hear(rooms.clone(), engine_stop.clone()));
    let discovering = tokio::spawn(discovery::keep_up(rooms.clone(), ready.clone(), stop.clone()));
    let following = tokio::spawn(trust::keep_up(rooms.clone(), stop.clone()));
    let limits = listener_limits(&rooms.config);
    let key = rooms.config.management_key().context("the management key cannot be kept")?;
    let operator = crate::management::router(ManagementState {
        engine: rooms.engine.clone(),
        store: rooms.store.clone(),
        catalog: rooms.catalog.clone(),
        trust: rooms.trust.clone(),
        evidence: rooms.evidence.clone(),
        client: rooms.client.clone(),
        participants: Arc::clone(&rooms.participants),
        key: Arc::new(key),
        ready: ready.clone(),
        stop: stop.clone(),
        metrics,
    });
    // The operator's listener outlives the public one: /ready tells of the drain.
    let operator_stop = CancellationToken::new();
    let managing = tokio::spawn(listener::serve(management, None, limits, operator, operator_stop.clone()));
    tracing::info!(public = %addresses[0], management = %addresses[1], "serving");
    listener::serve(public, tls, limits, public_router(rooms), stop.clone()).await;
    engine_stop.cancel();
    working.await?;
    watching.await?;
    hearing.await?;
    discovering.await?;
    following.await?;
    operator_stop.cancel();
    managing.await?;
    Ok(())
}

fn public_router(rooms: &Rooms) -> Router {
    let limits = &rooms.config.public.limits;
    let state = DspState {
        engine: rooms.engine.clone(),
        catalog: Arc::new(datasets::ProtocolCatalog(rooms.catalog.clone())),
        callers: Arc::clone(&rooms.callers),
        participants: Arc::clone(&rooms.participants),
        clock: rooms.clock.clone(),
        limits: BodyLimits {
            size: usize::try_from(limits.max_body_bytes).unwrap_or(usize::MAX),
            time: limits.body_timeout(),
        },
    };
    let routes = crate::dsp::routes(state);
    let routes = match &rooms.plane {
        Some(plane) => routes.merge(plane.router()),
        None => routes,
    };
    routes.fallback(problem::unknown_path).method_not_allowed_fallback(problem::unknown_method)
}

fn listener_limits(config: &Config) -> ListenerLimits {
    let limits = &config.public.limits;
    ListenerLimits {
        connections: usize::try_from(limits.max_connections).unwrap_or(usize::MAX),
        first_byte: limits.header_timeout(),
        head: limits.header_timeout(),
        drain: config.drain.limit(),
        ..ListenerLimits::default()
    }
}

fn server_tls(config: &Config) -> Result<Option<ServerTls>> {
    let Some(tls) = &config.public.tls else { return Ok(None) };
    let chain = read(&tls.cert_file)?;
    let key = read(&tls.key_file)?;
    Ok(Some(ServerTls::new(ServerPem { chain: &chain, key: &key, client_authorities: None })?))
}

fn outbound_policy(config: &Config) -> Result<OutboundPolicy> {
    let outbound = &config.outbound;
    let extra_roots = match &outbound.ca_file {
        Some(file) => certificates(&read(file)?, "outbound.ca-file")?,
        None => Vec::new(),
    };
    Ok(OutboundPolicy {
        plain_http: outbound.allow_http,
        opened: if outbound.allow_private_addresses { Network::PRIVATE.to_vec() } else { Vec::new() },
        extra_roots,
        connect_time: outbound.connect_timeout(),
        total_time: outbound.timeout(),
        answer_size: usize::try_from(outbound.max_response_bytes).unwrap_or(usize::MAX),
    })
}

async fn listen(address: SocketAddr, which: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("the {which} listener cannot use {address}; set {which}.listen to a free address"))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}
