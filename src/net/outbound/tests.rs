//! The guarded client against addresses it must not call and peers that misbehave, over real sockets.

use axum::Router;
use axum::body::Body;
use axum::response::Redirect;
use axum::routing::{get, post};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::net::listener::{ListenerLimits, serve};
use crate::net::tls::{ServerPem, ServerTls, certificates};

/// Serves until the test ends; the port.
async fn served(router: Router, tls: Option<ServerTls>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(serve(listener, tls, ListenerLimits::default(), router, CancellationToken::new()));
    port
}

fn trying_out() -> OutboundPolicy {
    OutboundPolicy {
        plain_http: true,
        opened: Network::LOOPBACK.to_vec(),
        total_time: Duration::from_secs(5),
        ..OutboundPolicy::default()
    }
}

async fn get_from(policy: OutboundPolicy, url: String) -> Result<Answer, OutboundError> {
    let request = OutboundRequest { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() };
    Outbound::new(policy).unwrap().call(request).await
}

#[tokio::test]
async fn an_answer_is_read_whole_whatever_its_status() {
    let port =
        served(Router::new().route("/", post(|body: String| async move { (StatusCode::CONFLICT, body) })), None).await;
    let request = OutboundRequest {
        method: Method::POST,
        url: format!("http://127.0.0.1:{port}/"),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"said"),
    };
    let answer = Outbound::new(trying_out()).unwrap().call(request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::CONFLICT, &b"said"[..]));
}

#[tokio::test]
async fn what_the_policy_forbids_is_not_called_under_any_name() {
    let port = served(Router::new().route("/", get(|| async { "reached" })), None).await;
    let closed = || OutboundPolicy { plain_http: true, ..OutboundPolicy::default() };
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "[::1]", "0.0.0.0"] {
        let outcome = get_from(closed(), format!("http://{host}:{port}/")).await;
        assert!(matches!(outcome, Err(OutboundError::Forbidden(_))), "{host}: {outcome:?}");
    }
    let https_only = OutboundPolicy { plain_http: false, ..trying_out() };
    let outcome = get_from(https_only, format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(&outcome, Err(OutboundError::Forbidden(why)) if why.contains("plain http")), "{outcome:?}");
    for url in ["file:///etc/passwd", "ftp://x/", "nonsense", "http://u:p@127.0.0.1/", "https://"] {
        let outcome = get_from(trying_out(), url.to_owned()).await;
        assert!(matches!(outcome, Err(OutboundError::Forbidden(_))), "{url}: {outcome:?}");
    }
    let allowed = get_from(trying_out(), format!("http://localhost:{port}/")).await.unwrap();
    assert_eq!(allowed.body.as_ref(), b"reached");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let router = Router::new()
        .route("/", get(|| async { Redirect::temporary("/inner") }))
        .route("/inner", get(|| async { "followed" }));
    let port = served(router, None).await;
    let outcome = get_from(trying_out(), format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(outcome, Err(OutboundError::Redirected(_))), "{outcome:?}");
}

#[tokio::test]
async fn answers_beyond_the_limit_are_cut_off_declared_or_not() {
    let endless = || async {
        Body::from_stream(futures_util::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1024]))
        }))
    };
    let router = Router::new().route("/endless", get(endless)).route("/declared", get(|| async { "x".repeat(5_000) }));
    let port = served(router, None).await;
    for path in ["endless", "declared"] {
        let policy = OutboundPolicy { answer_size: 4_096, ..trying_out() };
        let outcome = get_from(policy, format!("http://127.0.0.1:{port}/{path}")).await;
        assert!(matches!(outcome, Err(OutboundError::TooLarge { limit: 4_096, .. })), "{path}: {outcome:?}");
    }
}

#[tokio::test]
async fn peers_that_do_not_answer_or_are_not_there_are_given_up() {
    let silent = || async { std::future::pending::<&'static str>().await };
    let dripping = || async { Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()) };
    let port = served(Router::new().route("/silent", get(silent)).route("/dripping", get(dripping)), None).await;
    for path in ["silent", "dripping"] {
        let policy = OutboundPolicy { total_time: Duration::from_millis(60), ..trying_out() };
        let outcome = get_from(policy, format!("http://127.0.0.1:{port}/{path}")).await;
        assert!(matches!(outcome, Err(OutboundError::TimedOut(_))), "{path}: {outcome:?}");
    }
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let outcome = get_from(trying_out(), format!("http://127.0.0.1:{gone}/secret-path")).await.unwrap_err();
    assert!(matches!(outcome, OutboundError::Unreachable { .. }), "{outcome:?}");
    assert!(!outcome.to_string().contains("secret-path"), "{outcome}");
}

#[tokio::test]
async fn https_is_spoken_with_those_whose_authority_is_trusted() {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let tls =
        ServerTls::new(ServerPem { chain: chain.as_bytes(), key: key.as_bytes(), client_authorities: None }).unwrap();
    let port = served(Router::new().route("/", get(|| async { "safe" })), Some(tls)).await;
    let url = format!("https://localhost:{port}/");
    let https_only = OutboundPolicy { plain_http: false, ..trying_out() };

    let stranger = get_from(https_only.clone(), url.clone()).await;
    assert!(matches!(stranger, Err(OutboundError::Unreachable { .. })), "{stranger:?}");
    let trusting = OutboundPolicy { extra_roots: certificates(chain.as_bytes(), "root").unwrap(), ..https_only };
    assert_eq!(get_from(trusting, url).await.unwrap().body.as_ref(), b"safe");
}

#[tokio::test]
async fn a_streamed_call_passes_both_bodies_through() {
    let echo = |body: Body| async move { body };
    let port = served(Router::new().route("/", post(echo)), None).await;
    let pieces = futures_util::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[7; 1000]))));
    let request =
        http::Request::post(format!("http://127.0.0.1:{port}/")).body(reqwest::Body::wrap_stream(pieces)).unwrap();
    let response = Outbound::new(trying_out()).unwrap().stream(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 100_000);

    let forbidden = http::Request::get("http://169.254.169.254/latest").body(reqwest::Body::default()).unwrap();
    let outcome = Outbound::new(trying_out()).unwrap().stream(forbidden).await;
    assert!(matches!(outcome, Err(OutboundError::Forbidden(_))));
}
