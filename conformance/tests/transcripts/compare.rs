//! Where an answer differs from the recorded one.

use serde_json::Value;

use crate::backend::Seen;
use crate::play::Answer;
use crate::{bytes, pairs};

/// Bodies that differ, and why.
const OTHER_BODIES: &[(&str, &str)] =
    &[("listClients-post", "the double does not speak SOAP; the real server fails over the missing media type")];

pub(crate) fn compare(case: &Value, answer: &Answer, saw: &[Seen]) -> Vec<String> {
    let mut differences = Vec::new();
    let recorded = &case["response"];
    let status: u16 = recorded["status_line"].as_str().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    if answer.status != status {
        differences.push(format!("status {} instead of {status}", answer.status));
    }
    let xroad = |headers: Vec<(String, String)>| -> Vec<(String, String)> {
        headers
            .into_iter()
            .filter(|(n, _)| n.to_ascii_lowercase().starts_with("x-road-"))
            .map(|(n, v)| {
                let varies = ["x-road-id", "x-road-request-id", "x-road-request-hash"].contains(&n.as_str());
                let generated = varies && (v.len() > 30);
                (n, if generated { "generated".to_owned() } else { v })
            })
            .collect()
    };
    let wanted = xroad(pairs(&recorded["headers"]));
    let got = xroad(answer.headers.clone());
    if wanted != got {
        differences.push(format!("X-Road headers {got:?} instead of {wanted:?}"));
    }
    let otherwise = OTHER_BODIES.iter().find(|(name, _)| case["case"] == *name);
    if let Some((name, reason)) = otherwise {
        println!("left out: the body of {name}: {reason}");
    } else if speaks_itself(case) {
        let (wanted, got) = (normal(recorded["body"].as_str().unwrap_or_default()), normal(&answer.body));
        if wanted != got {
            differences.push(format!("body {got} instead of {wanted}"));
        }
    }
    compare_seen(case, saw, &mut differences);
    if differences.is_empty() {
        check_hash(case, answer, saw, &mut differences);
    }
    differences
}

/// Whether the answer was made by X-Road itself: a fault, or a metadata service. All of its body was recorded then.
fn speaks_itself(case: &Value) -> bool {
    let headers = pairs(&case["response"]["headers"]);
    let is = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let line = case["request"]["line"].as_str().unwrap();
    // This header was the backend's, and so is the body.
    let forged = case["case"] == "resp-hdr-forged-error";
    let metadata = ["listClients", "listMethods", "allowedMethods", "getOpenAPI"].iter().any(|m| line.contains(m));
    !forged && (is("X-Road-Error") || is("SOAPAction") || metadata)
}

/// A body without what varies from run to run: ids, ports, white space between elements, the order of members.
fn normal(body: &str) -> String {
    if let Ok(mut value) = serde_json::from_str::<Value>(body) {
        if let Some(text) = value["message"].as_str() {
            value["message"] = normal_text(text).into();
            value["detail"] = normal_text(value["detail"].as_str().unwrap_or_default()).into();
        }
        if let Some(services) = value["service"].as_array_mut() {
            services.sort_by_key(|service| service["service_code"].to_string());
        }
        // Members have no order, whatever the features of this build say.
        value.sort_all_objects();
        return value.to_string();
    }
    let lines: String = body.lines().map(str::trim).collect();
    normal_text(&lines)
}

/// Ids are 36 characters of which the ninth and others are hyphens; a port is a number after a colon.
fn normal_text(text: &str) -> String {
    let is_id = |word: &str| {
        word.len() == 36 && word.bytes().enumerate().all(|(n, b)| (b == b'-') == matches!(n, 8 | 13 | 18 | 23))
    };
    let mut words: Vec<&str> = text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).collect();
    let mut port = false;
    for word in &mut words {
        let end = word.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).len();
        let (inner, after) = word.split_at(end);
        if is_id(inner) || (port && inner.parse::<u16>().is_ok()) {
            port = false;
            *word = after;
        } else {
            port = word.ends_with(':');
        }
    }
    words.concat()
}

fn compare_seen(case: &Value, saw: &[Seen], differences: &mut Vec<String>) {
    let recorded = case["provider_saw"].as_array().cloned().unwrap_or_default();
    if recorded.len() != saw.len() {
        differences.push(format!("the provider saw {} requests instead of {}", saw.len(), recorded.len()));
        return;
    }
    let comparable = |headers: Vec<(String, String)>| -> Vec<(String, String)> {
        headers
            .into_iter()
            .filter(|(n, _)| !["Host", "User-Agent", "Connection", "Accept-Encoding"].contains(&n.as_str()))
            .map(
                |(n, v)| {
                    if n == "x-road-id" || n == "x-road-request-id" { (n, "generated".to_owned()) } else { (n, v) }
                },
            )
            .collect()
    };
    for (wanted, got) in recorded.iter().zip(saw) {
        if wanted["request_line"] != *got.line {
            differences.push(format!("the provider saw {} instead of {}", got.line, wanted["request_line"]));
        }
        if got.line.contains("/openapi") || got.line.contains("/status/404 ") && case["case"] == "getOpenAPI-404" {
            continue;
        }
        let (want, have) = (comparable(pairs(&wanted["headers"])), comparable(got.headers.clone()));
        if want != have {
            differences.push(format!("the provider saw headers {have:?} instead of {want:?}"));
        }
        if wanted["body_len"].as_u64() != Some(got.body_length) {
            differences.push(format!("the provider saw {} bytes instead of {}", got.body_length, wanted["body_len"]));
        }
    }
}

/// The hash once more, by the rule of the protocol, from what the provider saw.
fn check_hash(case: &Value, answer: &Answer, saw: &[Seen], differences: &mut Vec<String>) {
    use base64::Engine as _;
    use sha2::{Digest, Sha512};
    let told = answer.headers.iter().rev().find(|(n, _)| n == "x-road-request-hash").map(|(_, v)| v.clone());
    let (Some(told), [seen]) = (told, saw) else { return };
    let line = case["request"]["line"].as_str().unwrap();
    let parts: Vec<&str> = line.split(' ').collect();
    if case["request"]["body_len"].as_u64().unwrap_or(0) > 0 || parts[1].contains('#') || !parts[1].starts_with('/') {
        return;
    }
    if seen.line.contains("/openapi") {
        return;
    }
    let mut digest = Sha512::new();
    digest.update(bytes(&format!("{}\r\n{}\r\n", parts[0], parts[1])));
    for (name, value) in seen.headers.iter().take_while(|(n, _)| n != "Host").filter(|(n, _)| n != "Content-Length") {
        digest.update(bytes(&format!("{name}:{value}\r\n")));
    }
    let expected = base64::engine::general_purpose::STANDARD.encode(digest.finalize());
    if told != expected {
        differences.push("the request hash is not that of the request".to_owned());
    }
}
