//! The table of routes: what the router serves and what the OpenAPI document tells.

use axum::Router;
use axum::routing::{delete, get, post, put};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::page::PageQuery;
use super::{
    ManagementState, agreements, counterparties, credentials, exchanges, explanation, health, infringements,
    obligations, offering, openapi, peers, processes,
};

/// One operation.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// The schema of the body it takes, by name.
    pub(super) body: Option<&'static str>,
    /// The schema of what it answers, by name.
    pub(super) answer: &'static str,
    pub(super) status: u16,
    /// The schema of its query parameters.
    pub(super) query: Option<fn() -> Schema>,
    /// Whether it needs the key.
    pub(super) guarded: bool,
}

const fn route(method: &'static str, path: &'static str, summary: &'static str, answer: &'static str) -> Route {
    Route { method, path, summary, body: None, answer, status: 200, query: None, guarded: true }
}

impl Route {
    const fn takes(self, body: &'static str) -> Self {
        Self { body: Some(body), ..self }
    }

    const fn creates(self) -> Self {
        Self { status: 201, ..self }
    }

    const fn empties(self) -> Self {
        Self { status: 204, ..self }
    }

    const fn paged(self) -> Self {
        self.asks(query_of::<PageQuery>)
    }

    const fn asks(self, query: fn() -> Schema) -> Self {
        Self { query: Some(query), ..self }
    }

    const fn open(self) -> Self {
        Self { guarded: false, ..self }
    }
}

/// The query parameters of a type, all in one place.
fn query_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
}

/// Every operation of the API.
pub(super) const ROUTES: &[Route] = &[
    route("get", "/health", "Whether the process lives", "Health").open(),
    route("get", "/ready", "Whether it serves; 503 while starting and draining", "Health").open(),
    route("get", "/metrics", "Metrics in Prometheus' text form", "Text").open(),
    route("get", "/openapi.json", "This document", "Json").open(),
    route("get", "/api/v1/participants", "Who is served here", "Participants").paged(),
    route("post", "/api/v1/catalog/request", "A peer's catalogue", "PeerCatalog").takes("CatalogRequest"),
    route("get", "/api/v1/assets", "Assets: services with what is known of them", "Assets").paged(),
    route("get", "/api/v1/assets/{id}", "One asset", "Asset"),
    route("put", "/api/v1/assets/{id}", "Describe a service", "Asset").takes("AssetDefinition"),
    route("delete", "/api/v1/assets/{id}", "Forget a description", "Nothing").empties(),
    route("get", "/api/v1/policies", "Policies that offers may name", "Policies").paged(),
    route("get", "/api/v1/policies/{id}", "One policy", "Json"),
    route("put", "/api/v1/policies/{id}", "Add or replace a policy", "Json").takes("Json"),
    route("delete", "/api/v1/policies/{id}", "Remove a policy", "Nothing").empties(),
    route("get", "/api/v1/counterparties", "What is vouched for about consumers", "Counterparties").paged(),
    route("put", "/api/v1/counterparties/{id}", "Vouch for consumers, from the next call on", "Counterparty")
        .takes("CounterpartyDefinition"),
    route("delete", "/api/v1/counterparties/{id}", "Vouch for nothing more", "Nothing").empties(),
    route("get", "/api/v1/credentials", "Credentials of consumers, with how they stand", "Credentials").paged(),
    route("post", "/api/v1/credentials", "Take in a credential that a consumer has shown", "Credential")
        .takes("ShownCredential")
        .creates(),
    route("get", "/api/v1/credentials/{id}", "One credential", "Credential"),
    route("post", "/api/v1/credentials/{id}/check", "Look its issuer and status up now", "Credential"),
    route("delete", "/api/v1/credentials/{id}", "Hold a credential no longer", "Nothing").empties(),
    route("get", "/api/v1/offers", "Offers", "Offers").paged(),
    route("get", "/api/v1/offers/{id}", "One offer", "OfferDefinition"),
    route("put", "/api/v1/offers/{id}", "Add or replace an offer", "OfferDefinition").takes("OfferDefinition"),
    route("delete", "/api/v1/offers/{id}", "Remove an offer", "Nothing").empties(),
    route("get", "/api/v1/negotiations", "Negotiations, oldest first", "Processes").paged(),
    route("post", "/api/v1/negotiations", "Negotiate as consumer, or offer as provider", "Process")
        .takes("NegotiationRequest")
        .creates(),
    route("get", "/api/v1/negotiations/{pid}", "One negotiation; may wait for a state", "Process")
        .asks(query_of::<processes::Wait>),
    route("post", "/api/v1/negotiations/{pid}/actions", "Take a step by hand", "Process").takes("Action"),
    route("get", "/api/v1/agreements", "Agreements", "Agreements").paged(),
    route("post", "/api/v1/agreements", "Import an agreement made elsewhere", "Agreement").takes("Agreement").creates(),
    route(
        "get",
        "/api/v1/agreements/{id}",
        "One agreement; by role and participant where several keep it",
        "Agreement",
    )
    .asks(query_of::<agreements::CopyQuery>),
    route("get", "/api/v1/obligations", "What agreements ask to be done; by agreement, by state", "Obligations")
        .asks(query_of::<obligations::Wanted>),
    route("get", "/api/v1/obligations/{id}", "One obligation with its history", "Obligation"),
    route("post", "/api/v1/obligations/{id}/confirm", "Confirm that an obligation was performed", "Obligation")
        .takes("Confirmation"),
    route("get", "/api/v1/infringements", "What was done against agreements; by agreement, by state", "Infringements")
        .asks(query_of::<infringements::Wanted>),
    route("post", "/api/v1/infringements", "Report that an agreement was infringed", "Infringement")
        .takes("InfringementReport")
        .creates(),
    route("get", "/api/v1/infringements/{id}", "One infringement", "Infringement"),
    route("post", "/api/v1/infringements/{id}/withdraw", "Take a report back", "Infringement").takes("Withdrawal"),
    route("get", "/api/v1/transfers", "Transfers, oldest first", "Processes").paged(),
    route("post", "/api/v1/transfers", "Start a transfer as consumer", "Process").takes("TransferRequest").creates(),
    route("get", "/api/v1/transfers/{pid}", "One transfer; may wait for a state", "Process")
        .asks(query_of::<processes::Wait>),
    route("post", "/api/v1/transfers/{pid}/actions", "Take a step by hand", "Process").takes("Action"),
    route("get", "/api/v1/transfers/{pid}/endpoint", "Where and with what token to call", "Endpoint"),
    route("get", "/api/v1/exchanges", "Exchanges, newest first", "Exchanges")
        .asks(query_of::<exchanges::ExchangeQuery>),
    route("get", "/api/v1/exchanges/{id}", "One exchange with all its records", "ExchangeRecords"),
    route("get", "/api/v1/decisions/{id}", "Why an exchange was permitted or refused", "Decision"),
    route("get", "/api/v1/decisions/{id}/explanation", "The same in full, also as a report for others", "Explanation")
        .asks(query_of::<explanation::Wanted>),
];

type Routes = Router<ManagementState>;

/// Operations that need no key.
pub(super) fn open(router: Routes) -> Routes {
    router
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::serve))
}

/// Operations that need the key.
pub(super) fn guarded(router: Routes) -> Routes {
    router
        .route("/api/v1/participants", get(peers::participants))
        .route("/api/v1/catalog/request", post(peers::catalog))
        .route("/api/v1/assets", get(offering::assets))
        .route("/api/v1/assets/{id}", get(offering::asset))
        .route("/api/v1/assets/{id}", put(offering::put_asset))
        .route("/api/v1/assets/{id}", delete(offering::remove_asset))
        .route("/api/v1/policies", get(offering::policies))
        .route("/api/v1/policies/{id}", get(offering::policy))
        .route("/api/v1/policies/{id}", put(offering::put_policy))
        .route("/api/v1/policies/{id}", delete(offering::remove_policy))
        .route("/api/v1/counterparties", get(counterparties::list))
        .route("/api/v1/counterparties/{id}", put(counterparties::put))
        .route("/api/v1/counterparties/{id}", delete(counterparties::remove))
        .route("/api/v1/credentials", get(credentials::list))
        .route("/api/v1/credentials", post(credentials::add))
        .route("/api/v1/credentials/{id}", get(credentials::one))
        .route("/api/v1/credentials/{id}/check", post(credentials::check))
        .route("/api/v1/credentials/{id}", delete(credentials::remove))
        .route("/api/v1/offers", get(offering::offers))
        .route("/api/v1/offers/{id}", get(offering::offer))
        .route("/api/v1/offers/{id}", put(offering::put_offer))
        .route("/api/v1/offers/{id}", delete(offering::remove_offer))
        .route("/api/v1/negotiations", get(processes::negotiations))
        .route("/api/v1/negotiations", post(processes::negotiate))
        .route("/api/v1/negotiations/{pid}", get(processes::negotiation))
        .route("/api/v1/negotiations/{pid}/actions", post(processes::act_in_negotiation))
        .route("/api/v1/agreements", get(agreements::list))
        .route("/api/v1/agreements", post(agreements::import))
        .route("/api/v1/agreements/{id}", get(agreements::one))
        .route("/api/v1/obligations", get(obligations::list))
        .route("/api/v1/obligations/{id}", get(obligations::one))
        .route("/api/v1/obligations/{id}/confirm", post(obligations::confirm))
        .route("/api/v1/infringements", get(infringements::list))
        .route("/api/v1/infringements", post(infringements::report))
        .route("/api/v1/infringements/{id}", get(infringements::one))
        .route("/api/v1/infringements/{id}/withdraw", post(infringements::withdraw))
        .route("/api/v1/transfers", get(processes::transfers))
        .route("/api/v1/transfers", post(processes::transfer))
        .route("/api/v1/transfers/{pid}", get(processes::one_transfer))
        .route("/api/v1/transfers/{pid}/actions", post(processes::act_in_transfer))
        .route("/api/v1/transfers/{pid}/endpoint", get(processes::endpoint))
        .route("/api/v1/exchanges", get(exchanges::list))
        .route("/api/v1/exchanges/{id}", get(exchanges::one))
        .route("/api/v1/decisions/{id}", get(exchanges::decision))
        .route("/api/v1/decisions/{id}/explanation", get(explanation::of))
}
