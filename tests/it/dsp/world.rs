//! Two connectors on loopback, each with its own store, and a plain HTTP caller beside them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use sliproad::dsp::{
    CatalogSource, CatalogUnavailable, DatasetPage, DatasetQuery, DspClient, DspState, OfferedDataset, Participant,
    Participants, routes,
};
use sliproad::engine::{
    AcceptedOffer, Automation, Engine, OfferVerdict, Offers, Pace, Planes, PolicyRefusal, Surroundings,
};
use sliproad::env::Clock;
use sliproad::identity::{CounterpartyToken, TokenCallers};
use sliproad::model::agreement::Agreement;
use sliproad::model::ids::{DatasetId, ParticipantId, Pid};
use sliproad::model::message::{DataAddress, Reasons};
use sliproad::model::obligation::AgreementKey;
use sliproad::model::process::Process;
use sliproad::model::terms::same_rules;
use sliproad::net::body::BodyLimits;
use sliproad::net::listener::{ListenerLimits, serve};
use sliproad::net::outbound::{Answer, Outbound, OutboundPolicy, OutboundRequest};
use sliproad::net::reach::Network;
use sliproad::policy::{Outlook, Reported};
use sliproad::store::Store;

pub(super) const PROVIDER: &str = "did:web:provider.example";
pub(super) const CONSUMER: &str = "did:web:consumer.example";
pub(super) const STRANGER: &str = "did:web:stranger.example";

/// One connector.
pub(super) struct Side {
    pub(super) base: String,
    pub(super) root: String,
    pub(super) engine: Engine,
    pub(super) client: DspClient,
    stop: CancellationToken,
    _store: tempfile::TempDir,
}

impl Side {
    async fn new(name: &str, id: &str, peers: &[(&str, &str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let participant = Participant::new(&root, name, id.into());
        let base = participant.dsp_base();
        let participants = Arc::new(Participants::new(vec![participant]));
        let token = |(peer, accepted, presented): &(&str, &str, &str)| CounterpartyToken {
            participant: None,
            counterparty: (*peer).into(),
            accepted: Some((*accepted).to_owned().into()),
            presented: Some((*presented).to_owned().into()),
        };
        let callers = Arc::new(TokenCallers::new(peers.iter().map(token).collect()).unwrap());
        let client = DspClient::new(outbound(), Arc::clone(&callers) as _, Arc::clone(&participants));

        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let surroundings =
            Surroundings { peers: Arc::new(client.clone()), offers: Arc::new(Shelf), planes: Arc::new(Plane) };
        let engine = Engine::new(store, surroundings, Automation::new(Vec::new()), Clock::system(), Pace::default());
        let stop = CancellationToken::new();
        let (running, stopping) = (engine.clone(), stop.clone());
        tokio::spawn(async move { running.run(stopping).await });

        let state = DspState {
            engine: engine.clone(),
            catalog: Arc::new(Shelf),
            callers,
            participants,
            clock: Clock::system(),
            limits: BodyLimits { size: 64 * 1024, time: Duration::from_millis(300) },
        };
        tokio::spawn(serve(listener, None, ListenerLimits::default(), routes(state), stop.clone()));
        Self { base, root, engine, client, stop, _store: folder }
    }

    /// Waits until a process of this side is in that state.
    pub(super) async fn settled(&self, pid: &Pid, state: &str) -> Process {
        let process = self.engine.wait(pid, Duration::from_secs(20), |p| p.state.as_str() == state).await.unwrap();
        assert_eq!(process.state.as_str(), state, "{:?}", process.delivery_failure);
        process
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A provider and a consumer that know each other, and a stranger whom the provider knows by token only.
pub(super) struct World {
    pub(super) provider: Side,
    pub(super) consumer: Side,
}

impl World {
    pub(super) async fn new() -> Self {
        let provider = Side::new(
            "provider",
            PROVIDER,
            &[(CONSUMER, "consumer-token", "provider-token"), (STRANGER, "stranger-token", "unused-token")],
        );
        let consumer = Side::new("consumer", CONSUMER, &[(PROVIDER, "provider-token", "consumer-token")]);
        Self { provider: provider.await, consumer: consumer.await }
    }

    /// Sends any request to a URL.
    pub(super) async fn call(
        &self,
        method: Method,
        url: String,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        outbound().call(OutboundRequest { method, url, headers, body: body.into() }).await.unwrap()
    }

    /// Posts a message below the versioned base, as whoever the token stands for.
    pub(super) async fn post(&self, to: &Side, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers = [(header::AUTHORIZATION.as_str(), token), ("content-type", "application/json; charset=utf-8")];
        let url = format!("{}/{path}", to.base);
        read(&self.call(Method::POST, url, &headers, body.to_string()).await)
    }

    /// Gets something below the versioned base.
    pub(super) async fn get(&self, from: &Side, token: &str, path: &str) -> (u16, Value) {
        let url = format!("{}/{path}", from.base);
        read(&self.call(Method::GET, url, &[(header::AUTHORIZATION.as_str(), token)], "").await)
    }
}

/// Status and JSON body; null when there is none.
pub(super) fn read(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
}

pub(super) fn outbound() -> Outbound {
    let policy = OutboundPolicy { plain_http: true, opened: Network::LOOPBACK.to_vec(), ..OutboundPolicy::default() };
    Outbound::new(policy).unwrap()
}

/// The offer of a dataset as a consumer asks for it.
pub(super) fn offer(dataset: &str) -> Value {
    json!({"@id": format!("offer-{dataset}"), "@type": "Offer", "target": dataset, "permission": [{"action": "use"}]})
}

pub(super) fn catalog_request() -> Value {
    json!({"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"], "@type": "CatalogRequestMessage"})
}

/// A catalogue of six datasets that strangers do not see, each with one offer.
struct Shelf;

fn datasets() -> impl Iterator<Item = OfferedDataset> {
    ["d0", "d1", "d2", "d3", "d4", "land"].into_iter().map(|id| OfferedDataset {
        id: id.into(),
        properties: Map::from_iter([("dct:title".to_owned(), json!(format!("Title of {id}")))]),
        offers: vec![offer(id)],
        formats: vec!["HttpData-PULL".to_owned(), "Xrd-PULL".to_owned()],
    })
}

#[async_trait]
impl CatalogSource for Shelf {
    async fn datasets(
        &self,
        _participant: &ParticipantId,
        caller: &ParticipantId,
        query: &DatasetQuery,
    ) -> Result<DatasetPage, CatalogUnavailable> {
        Ok(query.page(datasets().filter(|_| caller.as_str() != STRANGER)))
    }

    async fn dataset(
        &self,
        _participant: &ParticipantId,
        caller: &ParticipantId,
        id: &DatasetId,
    ) -> Result<Option<OfferedDataset>, CatalogUnavailable> {
        if id.as_str() == "unreadable" {
            return Err(CatalogUnavailable("the disk is gone".to_owned()));
        }
        Ok(datasets().find(|d| d.id == *id && caller.as_str() != STRANGER))
    }
}

#[async_trait]
impl Offers for Shelf {
    async fn judge(&self, _: &ParticipantId, _: &ParticipantId, offer: &Value) -> Result<OfferVerdict, Reasons> {
        let asked = offer["@id"].as_str().and_then(|id| id.strip_prefix("offer-")).unwrap_or_default();
        let Some(dataset) = datasets().find(|d| d.id.as_str() == asked) else {
            return Err(Reasons::new("offer.unknown", "there is no such offer"));
        };
        let policy = super::world::offer(asked);
        let same = same_rules(offer, &policy);
        let accepted = AcceptedOffer { dataset: dataset.id, offer: format!("offer-{asked}").into(), policy };
        Ok(if same { OfferVerdict::Ours(accepted) } else { OfferVerdict::Differs(accepted) })
    }

    async fn may_transfer(&self, _: &Agreement, _: Reported) -> Result<(), PolicyRefusal> {
        Ok(())
    }

    fn outlook(&self, _: &Agreement, _: Reported) -> Option<Outlook> {
        None
    }
}

/// A data plane that only names itself.
struct Plane;

#[async_trait]
impl Planes for Plane {
    fn provides(&self, format: &str) -> bool {
        matches!(format, "HttpData-PULL" | "Xrd-PULL")
    }

    async fn open(&self, transfer: &Process, _: &Agreement, start: u32) -> Result<DataAddress, Reasons> {
        Ok(DataAddress {
            endpoint: format!("https://data.example/{}", transfer.pid),
            endpoint_type: "https://w3id.org/idsa/v4.1/HTTP".to_owned(),
            authorization: Some(format!("token-{start}")),
            auth_type: Some("bearer".to_owned()),
        })
    }

    fn changed(&self, _: &Process) {}

    fn reported(&self, _: &AgreementKey) {}

    fn facts_changed(&self) {}
}

/// An agreement of the provider with the consumer on the land register, made elsewhere.
pub(super) fn agreement(id: &str) -> Agreement {
    Agreement {
        id: id.into(),
        role: sliproad::model::negotiation::Role::Provider,
        participant: PROVIDER.into(),
        counterparty: CONSUMER.into(),
        dataset: "land".into(),
        policy: json!({"@id": id, "@type": "Agreement", "target": "land", "permission": [{"action": "use"}]}),
        negotiation: None,
        peer_address: None,
        signed: sliproad::model::time::Timestamp::from_millis(0),
        live: true,
    }
}
