//! Members, clients, services and rights as they are looked up.

use std::collections::{HashMap, HashSet};

use super::config::{ConnectionMode, DoubleConfig, EndpointConfig, ServiceConfig};
use super::target::covers;

/// What the configuration says, by key. Keys are `CLASS/CODE[/SUB[/service]]`.
pub(super) struct Directory {
    clients: HashMap<String, Client>,
    known: HashSet<String>,
    providers: HashSet<String>,
    services: HashMap<String, ServiceConfig>,
    rights: Vec<Right>,
}

/// A registered client of the consumer's server.
pub(super) struct Client {
    pub(super) mode: ConnectionMode,
    /// DER certificates of its information system.
    pub(super) certificates: Vec<Vec<u8>>,
}

struct Right {
    subjects: HashSet<String>,
    service: String,
    endpoint: Option<EndpointConfig>,
}

impl Directory {
    pub(super) fn new(config: &DoubleConfig) -> Self {
        let mut out = Self {
            clients: HashMap::new(),
            known: HashSet::new(),
            providers: HashSet::new(),
            services: HashMap::new(),
            rights: Vec::new(),
        };
        for member in &config.members {
            let key = format!("{}/{}", member.class, member.code);
            if member.client {
                out.clients.insert(key.clone(), Client { mode: ConnectionMode::Http, certificates: Vec::new() });
            }
            out.known.insert(key.clone());
            for subsystem in &member.subsystems {
                let key = format!("{key}/{}", subsystem.code);
                out.known.insert(key.clone());
                if subsystem.client {
                    let certificates = subsystem.certificates.iter().filter_map(|pem| der(pem)).collect();
                    out.clients.insert(key.clone(), Client { mode: subsystem.mode, certificates });
                }
                if subsystem.provider {
                    out.providers.insert(key.clone());
                }
                for service in &subsystem.services {
                    out.services.insert(format!("{key}/{}", service.code), service.clone());
                }
            }
        }
        for right in &config.rights {
            let subjects = match right.subject.strip_prefix("group:") {
                Some(group) => config
                    .groups
                    .iter()
                    .filter(|(code, _)| code == group)
                    .flat_map(|(_, members)| members.iter().cloned())
                    .collect(),
                None => HashSet::from([right.subject.clone()]),
            };
            out.rights.push(Right { subjects, service: right.service.clone(), endpoint: right.endpoint.clone() });
        }
        out
    }

    pub(super) fn client(&self, key: &str) -> Option<&Client> {
        self.clients.get(key)
    }

    pub(super) fn is_provider(&self, key: &str) -> bool {
        self.providers.contains(key)
    }

    pub(super) fn service(&self, key: &str) -> Option<&ServiceConfig> {
        self.services.get(key)
    }

    /// Services of a subsystem, in the order of their codes.
    pub(super) fn services_of(&self, subsystem: &str) -> Vec<&ServiceConfig> {
        let mut found: Vec<_> = self
            .services
            .iter()
            // A service code may have a slash itself.
            .filter(|(key, service)| {
                key.strip_prefix(subsystem).and_then(|rest| rest.strip_prefix('/')) == Some(service.code.as_str())
            })
            .map(|(_, service)| service)
            .collect();
        found.sort_by(|a, b| a.code.cmp(&b.code));
        found
    }

    /// Whether a client may call a method and path of a service.
    pub(super) fn may_call(&self, client: &str, service: &str, method: &str, path: Option<&str>) -> bool {
        self.rights.iter().filter(|r| r.service == service && r.subjects.contains(client)).any(|r| {
            match (&r.endpoint, path) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(endpoint), Some(path)) => {
                    (endpoint.method == "*" || endpoint.method == method) && covers(&endpoint.path, path)
                }
            }
        })
    }

    /// The endpoints of a service that a client may call; `None` when it has no right to it at all.
    pub(super) fn allowed<'a>(
        &self,
        client: &str,
        subsystem: &str,
        service: &'a ServiceConfig,
    ) -> Option<Vec<&'a EndpointConfig>> {
        let key = format!("{subsystem}/{}", service.code);
        let rights: Vec<&Right> =
            self.rights.iter().filter(|r| r.service == key && r.subjects.contains(client)).collect();
        let whole = rights.iter().any(|right| right.endpoint.is_none());
        let named = |endpoint: &EndpointConfig| rights.iter().any(|right| right.endpoint.as_ref() == Some(endpoint));
        let endpoints = service.endpoints.iter().filter(|endpoint| whole || named(endpoint));
        (!rights.is_empty()).then(|| endpoints.collect())
    }
}

fn der(pem: &str) -> Option<Vec<u8>> {
    use rustls_pki_types::pem::PemObject;
    rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).ok().map(|c| c.to_vec())
}
