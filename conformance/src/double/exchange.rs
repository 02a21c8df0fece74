//! One exchange: client side, provider side, backend, and back.

use std::time::Duration;

use sha2::{Digest, Sha256, Sha512};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::backend::{BackendUrl, response_framing};
use super::body::Body;
use super::checks::{check_client, check_forged, check_provider, check_query, find_service, nested};
use super::fault::{self, Fault, broken_off};
use super::http1::{
    BodyReader, Connection, Framing, HeadError, RequestHead, ResponseHead, last, last_text, lists, salvage,
};
use super::message::{self, RestMessage, request_hash};
use super::metadata;
use super::records::Number;
use super::state::State;
use super::target::{self, Target};

/// How the caller connected.
pub(super) enum Caller {
    Plain,
    /// With the certificate shown, DER.
    Tls(Option<Vec<u8>>),
}

/// Serves requests on a connection until it is to be closed.
pub(super) async fn serve_connection<S>(stream: S, caller: Caller, state: &State)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection::new(stream);
    loop {
        let head = match connection.request_head().await {
            Ok(head) => head,
            Err(HeadError::TooLarge) => {
                return refuse(&mut connection, state, 431, "Request Header Fields Too Large").await;
            }
            Err(HeadError::Malformed) => return refuse(&mut connection, state, 400, "Bad Request").await,
            Err(HeadError::Closed | HeadError::Broken) => return,
        };
        let number = state.records.add(&head);
        if !serve_request(&mut connection, &head, &caller, state, number).await {
            use tokio::io::AsyncWriteExt as _;
            let _ = connection.stream.shutdown().await;
            return;
        }
    }
}

/// Refuses a request whose head cannot be read. It was received all the same, so it is recorded.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    state: &State,
    status: u16,
    reason: &str,
) {
    use tokio::io::AsyncWriteExt as _;
    let (head, after) = salvage(connection.unread());
    state.records.add_malformed(&head, Sha256::digest(after).into());
    let _ = connection.write(&fault::bare(status, reason)).await;
    let _ = connection.stream.shutdown().await;
}

/// Whether the connection may serve another request.
async fn serve_request<S>(
    connection: &mut Connection<S>,
    head: &RequestHead,
    caller: &Caller,
    state: &State,
    number: Number,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let framing = match check_head(head) {
        Ok(framing) => framing,
        Err(reason) => {
            // Nobody can say where its body ends.
            state.records.malformed(number, Sha256::digest(connection.unread()).into());
            let _ = connection.write(&fault::bare(400, reason)).await;
            return false;
        }
    };
    let mut body = Body::new(framing, number, state);
    let target = match target::read(&head.target) {
        Ok(target) => target,
        Err(target::Ambiguous(reason)) => {
            body.drain(connection).await;
            let _ = connection.write(&fault::bare(400, reason)).await;
            return false;
        }
    };
    if lists(&head.headers, "Expect", "100-continue") && framing != Framing::Length(0) {
        let _ = connection.write(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    }
    if !target.path.starts_with("/r1/") {
        let answer = metadata::outside_rest(head, &target, state);
        body.drain(connection).await;
        let _ = connection.write(&answer).await;
        return false;
    }
    let mut exchange = Exchange { connection, head, target: &target, state, body, answered: false };
    match exchange.run(caller).await {
        Ok(again) => again,
        Err(_) if exchange.answered => false,
        Err(failed) => {
            let answer = failed.answer(state.spelling(), &head.headers, head.method == "HEAD");
            exchange.body.drain(exchange.connection).await;
            let _ = exchange.connection.write(&answer).await;
            false
        }
    }
}

fn check_head(head: &RequestHead) -> Result<Framing, &'static str> {
    let count = |name: &str| head.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
    if head.method == "CONNECT" || count("Upgrade") > 0 {
        return Err("Bad Request");
    }
    if count("Host") == 0 && head.minor_version == 1 {
        return Err("No Host");
    }
    if count("Transfer-Encoding") > 0 {
        if count("Content-Length") > 0 {
            return Err("Transfer-Encoding and Content-Length");
        }
        return match last_text(&head.headers, "Transfer-Encoding") {
            Some(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            _ => Err("Bad Transfer-Encoding, chunked not last"),
        };
    }
    match (count("Content-Length"), last_text(&head.headers, "Content-Length")) {
        (0, _) => Ok(Framing::Length(0)),
        (1, Some(length)) => length.parse().map(Framing::Length).map_err(|_| "Invalid Content-Length Value"),
        _ => Err("Duplicate Content-Length"),
    }
}

struct Exchange<'a, S> {
    connection: &'a mut Connection<S>,
    head: &'a RequestHead,
    target: &'a Target,
    state: &'a State,
    body: Body<'a>,
    /// Whether a response head was written: then a failure can only cut the connection.
    answered: bool,
}

/// Digests of a body that has passed.
struct Passed {
    length: u64,
    sha512: [u8; 64],
}

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<'_, S> {
    async fn run(&mut self, caller: &Caller) -> Result<bool, Fault> {
        let state = self.state;
        let message = message::read(&state.config.instance, self.head, self.target)?;
        check_client(state, &message, caller)?;
        check_provider(state, &message)?;
        if message.id.len() > 1_024 {
            let reason = nested("logging_failed.database_error (messagelog): Error accessing database");
            return Err(Fault::new("server.clientproxy.io_error", reason));
        }
        let subsystem = message.service.get(1..4).unwrap_or_default().join("/");
        if let Some(answer) = metadata::answer(self.head, &message, &subsystem, self.target, state).await? {
            let passed = self.read_all(None).await?.1;
            return self.answer_whole(&message, passed, answer).await;
        }
        let service = find_service(state, &message, &subsystem, &self.head.method)?;
        let url = BackendUrl::parse(&service.url)?;
        let limit = Duration::from_millis(service.timeout_millis);
        self.forward(&message, &url, limit).await
    }

    /// Sends the request on, and its answer back.
    async fn forward(&mut self, message: &RestMessage, url: &BackendUrl, limit: Duration) -> Result<bool, Fault> {
        check_query(self.target)?;
        let delivers = matches!(self.head.method.as_str(), "POST" | "PUT" | "PATCH");
        let io = |error: &dyn std::fmt::Display| Fault::new("server.serverproxy.io_error", error.to_string());
        // With a limit the whole body is taken in first, as the real server does for its log; without, it streams.
        let (whole, passed) = match self.state.config.largest_body {
            Some(largest) => {
                let (bytes, passed) = self.read_all(Some(largest)).await?;
                (Some(bytes), Some(passed))
            }
            None if self.body.reader.is_done() || !delivers => {
                let (bytes, passed) = self.read_all(None).await?;
                (Some(bytes), Some(passed))
            }
            None => (None, None),
        };
        let (mut backend, reused) = self.state.backends.connect(url).await?;
        let request = self.backend_request(message, url, whole.as_deref(), delivers);
        let sent = backend.write(&request).await;
        let passed = match (passed, sent) {
            (Some(passed), Ok(())) => passed,
            (None, Ok(())) => self.stream_up(&mut backend).await?,
            (Some(passed), Err(_)) if reused => passed,
            (_, Err(error)) => return Err(io(&error)),
        };
        let answered = match tokio::time::timeout(limit, backend.response_head()).await {
            Ok(Ok(head)) => head,
            Ok(Err(_)) if reused && whole.is_some() => {
                // An idle connection may have been closed by the backend: once more on a fresh one.
                return Box::pin(self.again(message, url, limit, whole.as_deref(), delivers, passed)).await;
            }
            Ok(Err(error)) => return Err(io(&error.of_backend())),
            Err(_) => return Err(Fault::new("server.serverproxy.io_error", "Read timed out")),
        };
        self.give_back(message, url, backend, answered, &passed).await
    }

    async fn again(
        &mut self,
        message: &RestMessage,
        url: &BackendUrl,
        limit: Duration,
        whole: Option<&[u8]>,
        delivers: bool,
        passed: Passed,
    ) -> Result<bool, Fault> {
        let failed = |error: String| Fault::new("server.serverproxy.io_error", error);
        let request = self.backend_request(message, url, whole, delivers);
        loop {
            let (mut backend, reused) = self.state.backends.connect(url).await?;
            let sent = backend.write(&request).await;
            let answered = match sent {
                Ok(()) => tokio::time::timeout(limit, backend.response_head())
                    .await
                    .map_err(|_| failed("Read timed out".to_owned()))?,
                Err(error) => Err(HeadError::from(error)),
            };
            match answered {
                Ok(head) => return self.give_back(message, url, backend, head, &passed).await,
                Err(_) if reused => {}
                Err(error) => return Err(failed(error.of_backend().to_owned())),
            }
        }
    }

    fn backend_request(
        &self,
        message: &RestMessage,
        url: &BackendUrl,
        whole: Option<&[u8]>,
        delivers: bool,
    ) -> Vec<u8> {
        let path = match (url.base.ends_with('/'), message.path.strip_prefix('/')) {
            (true, Some(rest)) => format!("{}{rest}", url.base),
            _ => format!("{}{}", url.base, message.path),
        };
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(format!("{} {path}", self.head.method).as_bytes());
        for byte in &self.target.query {
            if byte.is_ascii() { out.push(*byte) } else { out.extend_from_slice(format!("%{byte:02X}").as_bytes()) }
        }
        out.extend_from_slice(b" HTTP/1.1\r\n");
        for (name, value) in &message.headers {
            push_header(&mut out, name, value);
        }
        match whole {
            Some(bytes) if delivers => push_header(&mut out, "Content-Length", bytes.len().to_string().as_bytes()),
            None => push_header(&mut out, "Transfer-Encoding", b"chunked"),
            Some(_) => {}
        }
        push_header(&mut out, "Host", url.authority.as_bytes());
        push_header(&mut out, "Connection", b"Keep-Alive");
        push_header(&mut out, "User-Agent", b"Apache-HttpClient/4.5.14 (simulated)");
        if last(&message.headers, "Accept-Encoding").is_none() {
            push_header(&mut out, "Accept-Encoding", b"gzip,deflate");
        }
        out.extend_from_slice(b"\r\n");
        if let (Some(bytes), true) = (whole, delivers) {
            out.extend_from_slice(bytes);
        }
        out
    }

    async fn stream_up(&mut self, backend: &mut Connection<TcpStream>) -> Result<Passed, Fault> {
        let failed = |error: std::io::Error| Fault::new("server.clientproxy.io_error", error.to_string());
        let (mut sha512, mut length) = (Sha512::new(), 0);
        while let Some(piece) = self.body.chunk(self.connection).await.map_err(failed)? {
            sha512.update(&piece);
            length += piece.len() as u64;
            backend.write_chunk(&piece).await.map_err(failed)?;
        }
        backend.write_chunk(&[]).await.map_err(failed)?;
        Ok(Passed { length, sha512: sha512.finalize().into() })
    }

    async fn read_all(&mut self, largest: Option<u64>) -> Result<(Vec<u8>, Passed), Fault> {
        let mut bytes = Vec::new();
        loop {
            match self.body.chunk(self.connection).await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => break,
                Err(error) => return Err(Fault::new("server.clientproxy.io_error", error.to_string())),
            }
            if largest.is_some_and(|l| bytes.len() as u64 > l) {
                let reason = nested("logging_failed: Message size exceeds maximum loggable size");
                return Err(Fault::new("server.clientproxy.io_error", reason));
            }
        }
        let passed = Passed { length: bytes.len() as u64, sha512: Sha512::digest(&bytes).into() };
        Ok((bytes, passed))
    }

    async fn give_back(
        &mut self,
        message: &RestMessage,
        url: &BackendUrl,
        mut backend: Connection<TcpStream>,
        answered: ResponseHead,
        passed: &Passed,
    ) -> Result<bool, Fault> {
        let io = |error: String| Fault::new("server.serverproxy.io_error", error);
        check_forged(&answered, message)?;
        let framing = response_framing(&answered, &self.head.method).ok_or_else(|| io("Invalid length".to_owned()))?;
        let mut body = BodyReader::new(framing);
        let mut first = Vec::new();
        if let Some(largest) = self.state.config.largest_body {
            loop {
                let piece = match backend.body_chunk(&mut body).await {
                    Ok(Some(piece)) => piece,
                    Ok(None) => break,
                    Err(error) => return Err(io(broken_off(framing, first.len(), &error))),
                };
                first.extend_from_slice(&piece);
                if first.len() as u64 > largest {
                    let reason = "Message size exceeds maximum loggable size";
                    return Err(Fault::new("server.serverproxy.logging_failed", reason));
                }
            }
        }
        let bodiless = self.head.method == "HEAD" || matches!(answered.status, 204 | 304);
        let keep = self.keeps_alive();
        let out = self.response_head(&answered, message, passed, bodiless, keep);
        self.answered = true;
        let cut = |error: std::io::Error| io(error.to_string());
        self.connection.write(&out).await.map_err(cut)?;
        if !bodiless {
            if !first.is_empty() {
                self.write_body(&first, keep).await.map_err(cut)?;
            }
            while let Some(piece) = backend.body_chunk(&mut body).await.map_err(cut)? {
                self.write_body(&piece, keep).await.map_err(cut)?;
            }
            if keep {
                self.connection.write_chunk(&[]).await.map_err(cut)?;
            }
        }
        let reusable = !lists(&answered.headers, "Connection", "close") && framing != Framing::UntilClose;
        if reusable && (bodiless || body.is_done()) {
            self.state.backends.keep(url, backend);
        }
        Ok(keep)
    }

    async fn write_body(&mut self, piece: &[u8], chunked: bool) -> std::io::Result<()> {
        if chunked { self.connection.write_chunk(piece).await } else { self.connection.write(piece).await }
    }

    fn response_head(
        &self,
        answered: &ResponseHead,
        message: &RestMessage,
        passed: &Passed,
        bodiless: bool,
        keep: bool,
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(format!("HTTP/1.1 {} {}\r\n", answered.status, answered.reason).as_bytes());
        if last(&answered.headers, "Date").is_none() {
            push_header(&mut out, "Date", fault::date().as_bytes());
        }
        for (name, value) in answered.headers.iter().filter(|(name, _)| passes_back(name)) {
            push_header(&mut out, name, value);
        }
        self.push_message_headers(&mut out, message, passed);
        match (self.head.method == "HEAD", bodiless, keep) {
            (true, ..) => push_header(&mut out, "Content-Length", b"0"),
            (_, true, _) => {}
            (_, _, true) => push_header(&mut out, "Transfer-Encoding", b"chunked"),
            _ => {}
        }
        if !keep {
            push_header(&mut out, "Connection", b"close");
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    fn push_message_headers(&self, out: &mut Vec<u8>, message: &RestMessage, passed: &Passed) {
        let body = (passed.length > 0).then_some(passed.sha512);
        let hash = request_hash(message.head_digest(&self.head.method, self.target), body);
        push_header(out, "x-road-id", &message.id);
        push_header(out, "x-road-client", message.client_text.as_bytes());
        push_header(out, "x-road-service", message.service_text.as_bytes());
        push_header(out, "x-road-request-id", message.request_id.as_bytes());
        push_header(out, "x-road-request-hash", hash.as_bytes());
    }

    /// Answers with a document made by the provider's server itself.
    async fn answer_whole(
        &mut self,
        message: &RestMessage,
        passed: Passed,
        (content_type, body): (String, Vec<u8>),
    ) -> Result<bool, Fault> {
        let mut out = Vec::with_capacity(512 + body.len());
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        push_header(&mut out, "Date", fault::date().as_bytes());
        // The real server's metadata services give the request's own headers back.
        for (name, value) in message.headers.iter().filter(|(n, _)| !n.to_ascii_lowercase().starts_with("x-road-")) {
            push_header(&mut out, name, value);
        }
        self.push_message_headers(&mut out, message, &passed);
        push_header(&mut out, "Content-Type", content_type.as_bytes());
        push_header(&mut out, "Connection", b"close");
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
        self.answered = true;
        let _ = self.connection.write(&out).await;
        Ok(false)
    }

    fn keeps_alive(&self) -> bool {
        self.head.minor_version == 1 && !lists(&self.head.headers, "Connection", "close") && self.body.reader.is_done()
    }
}

fn passes_back(name: &str) -> bool {
    const DROPPED: [&str; 14] = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-road-client",
        "x-road-id",
        "x-road-request-hash",
        "x-road-request-id",
    ];
    !DROPPED.contains(&name.to_ascii_lowercase().as_str())
}

fn push_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
