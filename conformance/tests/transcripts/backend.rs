//! A provider service that answers as the recorded one did.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{bytes, pairs};

/// A request as the service saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body_length: u64,
}

/// A provider service that answers as the recorded one did.
pub(crate) struct Backend {
    pub(crate) port: u16,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    case: Value,
    saw: Vec<Seen>,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_one(stream, Arc::clone(&shared)));
            }
        });
        Self { port, script }
    }

    pub(crate) fn prepare(&self, case: &Value) {
        *self.script.lock().unwrap() = Script { case: case.clone(), saw: Vec::new() };
    }

    pub(crate) fn saw(&self) -> Vec<Seen> {
        self.script.lock().unwrap().saw.clone()
    }
}

async fn answer_one(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut got = Vec::new();
    let mut piece = vec![0; 65536];
    let end = loop {
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => got.extend_from_slice(&piece[..n]),
            _ => return,
        }
        if let Some(at) = got.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head: String = got[..end].iter().map(|b| char::from(*b)).collect();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.to_owned(), v.trim().to_owned())).collect();
    let length: usize =
        headers.iter().find(|(n, _)| n == "Content-Length").and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    while got.len() < end + length {
        match stream.read(&mut piece).await {
            Ok(n) if n > 0 => got.extend_from_slice(&piece[..n]),
            _ => return,
        }
    }
    let case = {
        let mut script = script.lock().unwrap();
        script.saw.push(Seen { line: line.clone(), headers, body_length: length as u64 });
        script.case.clone()
    };
    let Some(answer) = scripted(&case, &line) else {
        if line.contains("/sleep") {
            let _ = stream.read(&mut piece).await;
        }
        return;
    };
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

/// The backend's answer, rebuilt from what came out at the other end. `None`: hang or hang up.
fn scripted(case: &Value, line: &str) -> Option<Vec<u8>> {
    let target = line.split(' ').nth(1).unwrap();
    if target.contains("/sleep") || target.ends_with("/drop") {
        return None;
    }
    if target.ends_with("/half") {
        return Some(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf body".to_vec());
    }
    if target.ends_with("/garbage") {
        return Some(b"this is not HTTP at all\r\n\r\n".to_vec());
    }
    if case["case"] == "getOpenAPI-404" {
        return Some(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec());
    }
    if let Some((_, asked)) = target.split_once("/large?bytes=") {
        let length: usize = asked.parse().unwrap();
        let mut out = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        out.resize(out.len() + length, b'x');
        return Some(out);
    }
    let recorded = &case["response"];
    let status = recorded["status_line"].as_str().unwrap().trim_start_matches("HTTP/1.1 ");
    let status = if status.starts_with("500 Server Error") && target.contains("/hdr") { "200 OK" } else { status };
    let mut out = format!("HTTP/1.1 {status}\r\n").into_bytes();
    let forged: Vec<(String, String)> = target
        .split_once("/hdr?")
        .map(|(_, query)| {
            url::form_urlencoded::parse(query.as_bytes()).map(|(_, v)| v.into_owned()).collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .filter_map(|h| h.split_once(':').map(|(n, v)| (n.to_owned(), v.to_owned())))
        .filter(|(n, _)| n.to_ascii_lowercase().starts_with("x-road-"))
        .collect();
    let plain = pairs(&recorded["headers"]).into_iter().filter(|(n, _)| {
        let name = n.to_ascii_lowercase();
        !name.starts_with("x-road-") && !["connection", "transfer-encoding", "content-length"].contains(&name.as_str())
    });
    for (name, value) in plain.chain(forged) {
        out.extend(bytes(&format!("{name}: {value}\r\n")));
    }
    let body = recorded["body"].as_str().unwrap_or_default().as_bytes().to_vec();
    if !status.starts_with("204") && !status.starts_with("304") {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"Connection: close\r\n\r\n");
    if !line.starts_with("HEAD") {
        out.extend(body);
    }
    Some(out)
}
