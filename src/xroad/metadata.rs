//! What X-Road tells of itself: its clients, the services of a provider, their OpenAPI documents.

use std::sync::Arc;

use bytes::Bytes;
use http::header::ACCEPT;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body::RequestBody;
use super::client::{XRoadClient, XRoadRequest, gather};
use super::failure::{CallError, XRoadFailure};
use super::fault::XRoadFault;
use super::path::AssetPath;
use super::route::Route;
use crate::model::xroad::{ClientId, Endpoint, IdentifierError, ServiceId, ServiceKind};

mod discover;
mod lenient;
mod openapi;

pub use discover::{Discovery, Selection, discover};
pub use openapi::{OpenApi, OpenApiError};

/// The largest list that is read, in bytes.
const LARGEST_LIST: usize = 16 * 1024 * 1024;

/// The largest OpenAPI document that is read, in bytes.
const LARGEST_DOCUMENT: usize = 4 * 1024 * 1024;

/// A member or subsystem of an instance (listClients).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedClient {
    /// Which one.
    pub id: ClientId,
    /// Its member's name.
    pub name: String,
    /// Its own name, where global configuration has one (X-Road 7.5 and later).
    pub subsystem_name: Option<String>,
}

/// A REST service of a provider (listMethods, allowedMethods).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedService {
    /// Which one.
    pub id: ServiceId,
    /// Whether it has an OpenAPI document.
    pub kind: ServiceKind,
    /// The endpoints that access rights name; empty when there are none beyond the service itself.
    pub endpoints: Vec<Endpoint>,
}

impl XRoadClient {
    /// The clients of the security server's instance, or of another one that it is federated with. Needs no client id: it is
    /// global configuration. Entries that cannot be addressed are left out.
    ///
    /// # Errors
    /// As a call; a SOAP fault with status 200 is a fault too.
    pub async fn list_clients(&self, instance: Option<&str>) -> Result<Vec<ListedClient>, CallError> {
        let query = instance.map(|text| format!("?xRoadInstance={}", utf8_percent_encode(text, NON_ALPHANUMERIC)));
        let target = PathAndQuery::from_maybe_shared(format!("/listClients{}", query.unwrap_or_default()));
        let target = target.map_err(|e| XRoadFailure::Request(e.into()))?;
        let (status, body) = self.fetch(target, "application/json", LARGEST_LIST).await?;
        if body.first() == Some(&b'<') {
            return Err(match XRoadFault::read_soap(&body, status.as_u16()) {
                Some(fault) => CallError::Fault(Box::new(fault)),
                None => XRoadFailure::NotXRoad(status).into(),
            });
        }
        let list: ClientList = json(&body)?;
        Ok(list.member.into_iter().filter_map(|entry| read_entry(entry.read())).collect())
    }

    /// The REST services of a subsystem, or only those that `client` may call. Neither needs an access right.
    ///
    /// # Errors
    /// As a call; `UnknownProvider` when there is no such subsystem.
    pub async fn list_services(
        &self,
        client: &ClientId,
        provider: &ClientId,
        allowed_only: bool,
    ) -> Result<Vec<ListedService>, CallError> {
        let method = if allowed_only { "allowedMethods" } else { "listMethods" };
        let body = self.metadata(client, provider, method, "", LARGEST_LIST).await?;
        let list: ServiceList = json(&body)?;
        Ok(list.service.into_iter().filter_map(|entry| read_entry(entry.read())).collect())
    }

    /// The OpenAPI document of a service, as the provider's backend gave it: JSON or YAML.
    ///
    /// # Errors
    /// As a call; an internal fault when the service has no such document.
    pub async fn openapi_document(&self, client: &ClientId, service: &ServiceId) -> Result<Bytes, CallError> {
        let query = format!("?serviceCode={}", utf8_percent_encode(&service.service(), NON_ALPHANUMERIC));
        self.metadata(client, &service.provider(), "getOpenAPI", &query, LARGEST_DOCUMENT).await
    }

    async fn metadata(
        &self,
        client: &ClientId,
        provider: &ClientId,
        code: &str,
        query: &str,
        limit: usize,
    ) -> Result<Bytes, CallError> {
        let unusable = |what: &dyn std::fmt::Display| XRoadFailure::Metadata(what.to_string());
        let service = provider.service(code, None).map_err(|e| unusable(&e))?;
        let route = Arc::new(Route::new(client.clone(), service, None).map_err(|e| unusable(&e))?);
        let response = self
            .call(XRoadRequest {
                message_id: route.message_id(),
                route,
                method: Method::GET,
                path: AssetPath::parse(query).map_err(|e| unusable(&e))?,
                headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
                body: RequestBody::Empty,
                issue: None,
                user_id: None,
                represented_party: None,
                traceparent: None,
            })
            .await?;
        if !response.status.is_success() {
            return Err(unusable(&format_args!("{code} answered with status {}", response.status)).into());
        }
        Ok(gather(response.body, limit).await?)
    }
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|e| XRoadFailure::Metadata(e.to_string()).into())
}

/// One bad entry must not hide all others.
fn read_entry<T>(entry: Result<T, IdentifierError>) -> Option<T> {
    entry.inspect_err(|error| tracing::warn!(%error, "left out of X-Road's list: it cannot be addressed")).ok()
}

#[derive(Deserialize)]
struct ClientList {
    #[serde(default)]
    member: Vec<ClientEntry>,
}

#[derive(Deserialize)]
struct ClientEntry {
    id: Codes,
    #[serde(default)]
    name: String,
    subsystem_name: Option<String>,
}

#[derive(Deserialize)]
struct Codes {
    xroad_instance: String,
    member_class: String,
    member_code: String,
    subsystem_code: Option<String>,
}

#[derive(Deserialize)]
struct ServiceList {
    #[serde(default)]
    service: Vec<ServiceEntry>,
}

#[derive(Deserialize)]
struct ServiceEntry {
    xroad_instance: String,
    member_class: String,
    member_code: String,
    subsystem_code: Option<String>,
    service_code: String,
    service_version: Option<String>,
    service_type: Option<String>,
    #[serde(default)]
    endpoint_list: Vec<EndpointEntry>,
}

#[derive(Deserialize)]
struct EndpointEntry {
    method: String,
    path: String,
}

impl ClientEntry {
    fn read(self) -> Result<ListedClient, IdentifierError> {
        let Codes { xroad_instance, member_class, member_code, subsystem_code } = self.id;
        let id = ClientId::new(&xroad_instance, &member_class, &member_code, subsystem_code.as_deref())?;
        Ok(ListedClient { id, name: self.name, subsystem_name: self.subsystem_name })
    }
}

impl ServiceEntry {
    fn read(self) -> Result<ListedService, IdentifierError> {
        let subsystem = self.subsystem_code.as_deref();
        let provider = ClientId::new(&self.xroad_instance, &self.member_class, &self.member_code, subsystem)?;
        let id = provider.service(&self.service_code, self.service_version.as_deref())?;
        let described = self.service_type.is_some_and(|kind| kind.to_ascii_uppercase().starts_with("OPENAPI"));
        let kind = if described { ServiceKind::OpenApi } else { ServiceKind::Rest };
        let endpoints = self.endpoint_list.iter().filter_map(|e| Endpoint::new(&e.method, &e.path).ok()).collect();
        Ok(ListedService { id, kind, endpoints })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(case: &str) -> Option<String> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/spec/xroad/real-7.8.0/transcripts.jsonl");
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("skipped: no recorded exchanges at {path}");
            return None;
        };
        let exchanges = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let found = exchanges.into_iter().find(|e| e["case"] == case).unwrap();
        Some(found["response"]["body"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_recorded_list_of_clients_is_read() {
        let Some(body) = recorded("listClients-json") else { return };
        let list: ClientList = json(body.as_bytes()).unwrap();
        let clients: Vec<ListedClient> = list.member.into_iter().map(|e| e.read().unwrap()).collect();
        let app = clients.iter().find(|c| c.id.as_str() == "DEV/COM/1000/app").unwrap();
        assert_eq!((app.name.as_str(), app.subsystem_name.as_deref()), ("Consumer Ltd", Some("Consumer application")));
        assert!(clients.iter().any(|c| c.id.subsystem().is_none()));
        assert!(clients.iter().any(|c| c.id.as_str() == "DEV/COM/1000/with%20space"));
    }

    #[test]
    fn a_recorded_list_of_services_is_read() {
        let Some(body) = recorded("listMethods") else { return };
        let list: ServiceList = json(body.as_bytes()).unwrap();
        let services: Vec<ListedService> = list.service.into_iter().map(|e| e.read().unwrap()).collect();
        let service = |id: &str| services.iter().find(|s| s.id.as_str() == id).unwrap();
        let echo = service("DEV/GOV/2000/data/echo");
        assert_eq!(echo.kind, ServiceKind::Rest);
        assert_eq!(
            echo.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["GET /public/*", "POST /submit"]
        );
        assert_eq!(service("DEV/GOV/2000/data/pets").kind, ServiceKind::OpenApi);
        assert!(services.iter().any(|s| s.id.as_str() == "DEV/GOV/2000/data/s%2Flash"));
    }
}
