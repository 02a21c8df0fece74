//! A security server that answers as each test needs it; what only the real protocol shows is tested against the double.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

type Piece = Result<Frame<Bytes>, std::io::Error>;
pub(super) type Source = mpsc::Sender<Piece>;

#[derive(Clone)]
pub(super) struct Backend {
    pub(super) address: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    stream: Arc<Mutex<Option<mpsc::Receiver<Piece>>>>,
}

impl Backend {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let backend = Self { address, arrived: Arc::default(), stream: Arc::default() };
        let serving = backend.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let backend = serving.clone();
                let service = hyper::service::service_fn(move |request| backend.clone().answer(request));
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        backend
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// The source of the next answer to `…/stream`.
    pub(super) fn stream(&self) -> Source {
        let (source, pieces) = mpsc::channel(1);
        *self.stream.lock().unwrap() = Some(pieces);
        source
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, std::io::Error>>, Infallible> {
        let (head, body) = request.into_parts();
        let target = head.uri.to_string();
        let id = head.headers["x-road-id"].clone();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let arrived = Arrived { method: head.method.to_string(), target: target.clone(), headers: head.headers, body };
        self.arrived.lock().unwrap().push(arrived);
        let response = Response::builder().header("x-road-id", id).header("x-road-request-id", "request-1");
        let genuine = |r: http::response::Builder| r.header("x-road-request-hash", "aGFzaA==");
        let whole = |text: &'static str| Full::new(Bytes::from_static(text.as_bytes())).map_err(|e| match e {}).boxed();
        Ok(if target.ends_with("/denied") {
            let response = response.status(500).header("x-road-error", "server.serverproxy.access_denied");
            response.header("content-type", "application/json").body(whole(
                r#"{"type":"server.serverproxy.access_denied","message":"Request is not allowed","detail":"d-1"}"#,
            ))
        } else if target.ends_with("/stream") {
            let pieces = self.stream.lock().unwrap().take().unwrap();
            let pieces = futures_util::stream::unfold(pieces, async |mut p| p.recv().await.map(|piece| (piece, p)));
            genuine(response).body(StreamBody::new(pieces).boxed())
        } else {
            let response =
                genuine(response).status(201).header("content-type", "text/plain").header("set-cookie", "a=b");
            response.header("etag", "\"1\"").header("x-road-service", "forged").body(whole("the register's answer"))
        }
        .unwrap())
    }
}
