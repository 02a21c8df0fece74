//! The recorded rig as the double's configuration.

use serde_json::Value;
use sliproad_conformance::double::{
    AccessRight, ClientConfig, ConnectionMode, DoubleConfig, EndpointConfig, MemberConfig, ServiceConfig, ServiceKind,
};

/// The rig's members, services and rights; `certificate` is that of the information system `is-a`.
pub(crate) fn config(rig: &Value, port: u16, certificate: &str) -> DoubleConfig {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let mut members: Vec<MemberConfig> = rig["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| MemberConfig {
            class: text(&m["class"]),
            code: text(&m["code"]),
            name: text(&m["name"]),
            client: m["class"] == "COM",
            subsystems: m["subsystems"]
                .as_array()
                .unwrap()
                .iter()
                .map(|s| ClientConfig {
                    code: text(&s["code"]),
                    name: s["name"].as_str().map(str::to_owned),
                    ..ClientConfig::default()
                })
                .collect(),
        })
        .collect();
    let mut rights = Vec::new();
    for (server, is_consumer) in [(&rig["servers"][0], true), (&rig["servers"][1], false)] {
        for client in server["clients"].as_array().unwrap() {
            let id = text(&client["id"]);
            let Some(subsystem) = find(&mut members, &id) else { continue };
            subsystem.client = is_consumer && client["status"] != "saved";
            subsystem.provider = !is_consumer;
            subsystem.mode = match client["isAuth"].as_str() {
                Some("SSLNOAUTH") => ConnectionMode::HttpsNoAuth,
                Some("SSLAUTH") => ConnectionMode::Https,
                _ => ConnectionMode::Http,
            };
            if subsystem.mode == ConnectionMode::Https {
                subsystem.certificates = vec![certificate.to_owned()];
            }
            for description in client["descriptions"].as_array().into_iter().flatten() {
                for service in description["services"].as_array().unwrap() {
                    subsystem.services.push(service_of(description, service, port));
                }
            }
            for right in client["acl"].as_array().into_iter().flatten() {
                let endpoint = right["method"]
                    .as_str()
                    .map(|method| EndpointConfig { method: method.to_owned(), path: text(&right["path"]) });
                rights.push(AccessRight {
                    subject: text(&right["subject"]),
                    service: format!("{id}/{}", text(&right["service"])),
                    endpoint,
                });
            }
        }
    }
    let groups = rig["globalGroups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (text(&g["code"]), g["members"].as_array().unwrap().iter().map(text).collect()));
    DoubleConfig {
        groups: groups.collect(),
        members,
        rights,
        largest_body: Some(10 * 1024 * 1024),
        ..DoubleConfig::default()
    }
}

fn find<'a>(members: &'a mut [MemberConfig], id: &str) -> Option<&'a mut ClientConfig> {
    let parts: Vec<&str> = id.split('/').collect();
    let [class, code, subsystem] = parts.as_slice() else { return None };
    members
        .iter_mut()
        .find(|m| m.class == *class && m.code == *code)?
        .subsystems
        .iter_mut()
        .find(|s| s.code == *subsystem)
}

fn service_of(description: &Value, service: &Value, port: u16) -> ServiceConfig {
    let here = |url: &str| url.replace("19000", &port.to_string());
    let url = service["url"].as_str().or_else(|| description["url"].as_str()).unwrap();
    let kind = match description["type"].as_str() {
        Some("OPENAPI3") => ServiceKind::OpenApi3,
        Some("WSDL") => ServiceKind::Wsdl,
        _ => ServiceKind::Rest,
    };
    ServiceConfig {
        code: service["code"].as_str().unwrap().to_owned(),
        version: service["version"].as_str().map(str::to_owned),
        kind,
        url: here(url),
        description: (kind == ServiceKind::OpenApi3).then(|| here(description["url"].as_str().unwrap())),
        endpoints: service["endpoints"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|e| EndpointConfig {
                method: e["method"].as_str().unwrap().to_owned(),
                path: e["path"].as_str().unwrap().to_owned(),
            })
            .collect(),
        timeout_millis: if service["timeout"].is_null() { 60_000 } else { 200 },
        disabled: (description["disabled"] == true)
            .then(|| description["notice"].as_str().unwrap_or_default().to_owned()),
    }
}
