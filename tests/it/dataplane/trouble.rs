//! What may go wrong behind a call: the consumer is told with a code, and the operator's log has exactly one line with the trace id.

use std::sync::{Arc, Mutex};

use conformance::double::Trouble;
use serde_json::json;

use super::{LAND, Road};

/// Log lines as they are written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// A subscriber of one thread may find a place in the code silenced that a thread without one came by first; so there is one for
    /// all tests, and who reads looks for a trace id.
    fn of_this_program() -> Self {
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        lines
    }

    fn with(&self, text: &str) -> Vec<String> {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        all.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn trouble_behind_a_call_is_told_with_a_code_and_logged_once_with_its_trace() {
    let lines = Lines::of_this_program();
    let road = Road::open().await;
    let granted = road.grant(LAND, json!([])).await;
    let unknown = road.grant("DEV:GOV:2000:landregister:unknown", json!([])).await;
    let narrow = json!([{"leftOperand": "xroad:datapath", "operator": "eq", "rightOperand": "GET /parcels"}]);
    let narrow = road.grant(LAND, narrow).await;
    let down = Trouble { provider_down: true, ..Trouble::default() };
    let maintenance = Trouble { maintenance: Some("until noon".into()), ..Trouble::default() };
    let expired = Trouble { global_configuration_expired: true, ..Trouble::default() };
    let calls = [
        ("a refused path", &narrow, "/owners", Trouble::default(), 403, "policy.refused", "INFO"),
        ("an unknown service", &unknown, "/parcels", Trouble::default(), 404, "xroad.unknown-service", "INFO"),
        ("a provider that is down", &granted, "/parcels", down, 502, "xroad.", "WARN"),
        ("maintenance", &granted, "/parcels", maintenance, 503, "xroad.", "WARN"),
        ("an expired configuration", &granted, "/parcels", expired, 503, "xroad.", "WARN"),
    ];
    let call = async |number: usize, granted: &super::Granted, below: &str| {
        let trace = format!("{:032x}", 0xdead_0000 + number);
        let headers =
            format!("authorization: Bearer {}\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n", granted.token);
        (road.raw("GET", &format!("{}{below}", granted.path), &headers, "").await, trace)
    };
    for (number, (name, granted, below, trouble, status, code, level)) in calls.into_iter().enumerate() {
        road.double.set_trouble(trouble);
        let (answer, trace) = call(number, granted, below).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.json());
        assert!(answer.json()["code"].as_str().unwrap().starts_with(code), "{name}: {}", answer.json());
        let logged = lines.with(&trace);
        assert_eq!(logged.len(), 1, "{name}: {logged:#?}");
        assert!(logged[0].contains(level), "{name}: {logged:#?}");
        let own_words = logged[0].contains("until noon");
        assert_eq!(own_words, name == "maintenance", "the operator reads X-Road's own words: {logged:#?}");
    }
    road.double.set_trouble(Trouble::default());
    road.double.stop().await;
    let (answer, trace) = call(100, &granted, "/parcels").await;
    assert_eq!(answer.status, 502, "{}", answer.json());
    assert_eq!(lines.with(&trace).len(), 1, "{:#?}", lines.with(&trace));
    road.evidence.close().await;
    let (answer, trace) = call(101, &narrow, "/owners").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (503, Some("evidence.unavailable")));
    assert_eq!(lines.with(&trace).len(), 1, "{:#?}", lines.with(&trace));
}
