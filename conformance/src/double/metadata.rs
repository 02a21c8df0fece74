//! Metadata services, and everything outside `/r1/`.

use serde_json::{Value, json};

use super::backend::{BackendUrl, response_framing};
use super::config::{EndpointConfig, ServiceConfig, ServiceKind};
use super::fault::{self, Fault, escape};
use super::http1::{BodyReader, RequestHead, last_text};
use super::message::RestMessage;
use super::state::State;
use super::target::Target;

/// Answers of metadata services by REST: content type and body. `None` when the request is to an ordinary service.
pub(super) async fn answer(
    head: &RequestHead,
    message: &RestMessage,
    subsystem: &str,
    target: &Target,
    state: &State,
) -> Result<Option<(String, Vec<u8>)>, Fault> {
    if head.method != "GET" {
        return Ok(None);
    }
    let services = state.directory.services_of(subsystem);
    let json = "application/json".to_owned();
    match message.service[4].as_str() {
        "listMethods" => {
            let listed = services.iter().map(|service| (*service, service.endpoints.iter().collect()));
            Ok(Some((json, list(message, listed))))
        }
        "allowedMethods" => {
            let client = message.client_key();
            let allowed = |service| Some((service, state.directory.allowed(&client, subsystem, service)?));
            Ok(Some((json, list(message, services.into_iter().filter_map(allowed)))))
        }
        "getOpenAPI" => open_api(message, &services, target, state).await.map(Some),
        _ => Ok(None),
    }
}

fn list<'a>(
    message: &RestMessage,
    services: impl Iterator<Item = (&'a ServiceConfig, Vec<&'a EndpointConfig>)>,
) -> Vec<u8> {
    let [instance, class, member, subsystem, _] = &message.service;
    let listed: Vec<Value> = services
        .filter(|(service, _)| service.kind != ServiceKind::Wsdl)
        .map(|(service, endpoints)| {
            json!({
                "member_class": class,
                "member_code": member,
                "subsystem_code": subsystem,
                "service_code": service.code,
                "endpoint_list": endpoints,
                "object_type": "SERVICE",
                "service_type": if service.kind == ServiceKind::Rest { "REST" } else { "OPENAPI" },
                "xroad_instance": instance,
            })
        })
        .collect();
    json!({ "service": listed }).to_string().into_bytes()
}

/// The document as the service has it. The real server writes it anew, with `servers` cut to paths.
async fn open_api(
    message: &RestMessage,
    services: &[&ServiceConfig],
    target: &Target,
    state: &State,
) -> Result<(String, Vec<u8>), Fault> {
    let query = String::from_utf8_lossy(&target.query).into_owned();
    let code = url::form_urlencoded::parse(query.trim_start_matches('?').as_bytes())
        .find(|(name, _)| name == "serviceCode")
        .map(|(_, code)| code.into_owned())
        .ok_or_else(|| Fault::new("server.serverproxy.invalid_request", "Missing serviceCode in message body"))?;
    let failed = |reason: String| Fault::new("server.serverproxy.internal_error", reason);
    let service = services.iter().find(|s| s.code == code).ok_or_else(|| {
        let owner = message.service.get(..4).unwrap_or_default().join("/");
        failed(format!("Service not found: SERVICE:{owner}/{code}"))
    })?;
    let description = match (service.kind, &service.description) {
        (ServiceKind::OpenApi3, Some(description)) => description,
        (ServiceKind::Wsdl, _) => return Err(failed("Invalid service type: WSDL".to_owned())),
        _ => return Err(failed("Invalid service type: REST".to_owned())),
    };
    let url = BackendUrl::parse(description)?;
    let (mut backend, _) = state.backends.connect(&url).await?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept-Encoding: identity\r\n\r\n",
        url.base, url.authority
    );
    backend.write(request.as_bytes()).await.map_err(|e| failed(e.to_string()))?;
    let answered = backend.response_head().await.map_err(|e| failed(format!("{e:?}")))?;
    if answered.status != 200 {
        let (status, reason) = (answered.status, &answered.reason);
        let sentence =
            format!("Failed reading service description from {description}. Status: {status} Reason: {reason}");
        return Err(failed(sentence));
    }
    let framing = response_framing(&answered, "GET").ok_or_else(|| failed("Invalid length".to_owned()))?;
    let mut body = BodyReader::new(framing);
    let mut bytes = Vec::new();
    while let Some(piece) = backend.body_chunk(&mut body).await.map_err(|e| failed(e.to_string()))? {
        bytes.extend_from_slice(&piece);
    }
    let content_type = last_text(&answered.headers, "Content-Type").unwrap_or("text/plain").to_owned();
    Ok((content_type, bytes))
}

/// `listClients`, and SOAP faults for all the rest.
pub(super) fn outside_rest(head: &RequestHead, target: &Target, state: &State) -> Vec<u8> {
    if state.trouble().global_configuration_expired {
        return fault::soap("server.clientproxy.global_conf_outdated", "Global configuration is expired");
    }
    let query = String::from_utf8_lossy(&target.query).into_owned();
    let other = url::form_urlencoded::parse(query.trim_start_matches('?').as_bytes())
        .find(|(name, _)| name == "xRoadInstance")
        .map(|(_, instance)| instance.into_owned())
        .filter(|instance| *instance != state.config.instance);
    match (target.path.as_str(), head.method.as_str(), other) {
        ("/listClients", "GET", Some(instance)) => {
            let reason = format!("Shared params for instance identifier {instance} not found");
            fault::soap("server.clientproxy.internal_error", &reason)
        }
        ("/listClients", "GET", None) => list_clients(head, state),
        (_, "POST", _) => fault::soap("client.unsupported", "the double does not speak SOAP"),
        (_, method, _) => {
            fault::soap("client.invalid_http_method", &format!("Must use POST request method instead of {method}"))
        }
    }
}

fn list_clients(head: &RequestHead, state: &State) -> Vec<u8> {
    let as_json = last_text(&head.headers, "Accept").is_some_and(|a| a.contains("application/json"));
    let (content_type, body) = if as_json {
        ("application/json; charset=utf-8", clients_json(state).to_string())
    } else {
        ("text/xml; charset=UTF-8", clients_xml(state))
    };
    format!(
        "HTTP/1.1 200 OK\r\nDate: {}\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n{body}",
        fault::date()
    )
    .into_bytes()
}

fn clients_json(state: &State) -> Value {
    let mut members = Vec::new();
    for member in &state.config.members {
        let id = |extra: Option<&str>| {
            let mut id = json!({
                "member_class": member.class,
                "member_code": member.code,
                "object_type": if extra.is_some() { "SUBSYSTEM" } else { "MEMBER" },
                "xroad_instance": state.config.instance,
            });
            if let (Some(code), Some(map)) = (extra, id.as_object_mut()) {
                map.insert("subsystem_code".to_owned(), json!(code));
            }
            id
        };
        members.push(json!({"id": id(None), "name": member.name}));
        for subsystem in &member.subsystems {
            let mut entry = json!({"id": id(Some(&subsystem.code)), "name": member.name});
            if let (Some(name), Some(map)) = (&subsystem.name, entry.as_object_mut()) {
                map.insert("subsystem_name".to_owned(), json!(name));
            }
            members.push(entry);
        }
    }
    json!({ "member": members })
}

fn clients_xml(state: &State) -> String {
    use std::fmt::Write as _;
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<ns2:clientList \
         xmlns:ns1=\"http://x-road.eu/xsd/identifiers\" xmlns:ns2=\"http://x-road.eu/xsd/xroad.xsd\">\n",
    );
    for member in &state.config.members {
        for subsystem in std::iter::once(None).chain(member.subsystems.iter().map(Some)) {
            let kind = if subsystem.is_some() { "SUBSYSTEM" } else { "MEMBER" };
            let _ = write!(
                out,
                "<ns2:member><ns2:id ns1:objectType=\"{kind}\"><ns1:xRoadInstance>{}</ns1:xRoadInstance>\
                 <ns1:memberClass>{}</ns1:memberClass><ns1:memberCode>{}</ns1:memberCode>",
                escape(&state.config.instance),
                escape(&member.class),
                escape(&member.code)
            );
            if let Some(subsystem) = subsystem {
                let _ = write!(out, "<ns1:subsystemCode>{}</ns1:subsystemCode>", escape(&subsystem.code));
            }
            let _ = write!(out, "</ns2:id><ns2:name>{}</ns2:name>", escape(&member.name));
            if let Some(name) = subsystem.and_then(|s| s.name.as_ref()) {
                let _ = write!(out, "<ns2:subsystemName>{}</ns2:subsystemName>", escape(name));
            }
            out.push_str("</ns2:member>\n");
        }
    }
    out.push_str("</ns2:clientList>\n");
    out
}
