//! Logs and metrics of the process.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Renders the metrics in Prometheus' text form.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Begins to log to standard error: lines for people, or JSON for machines. `level` is a level or directives such as
/// `info,sliproad::dsp=debug`; the environment's `RUST_LOG` goes before it. Has no effect the second time.
pub fn log(json: bool, level: &str) {
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(level)).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    // A line that cannot be written would be complained about on standard error too, and that panics when the disk is full.
    let builder = builder.log_internal_errors(false);
    let _ = if json { builder.json().finish().try_init() } else { builder.finish().try_init() };
}

/// Upper bounds of the buckets of every duration, seconds.
const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];
/// How often samples are gathered into their buckets when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Begins to collect metrics, within a runtime and until `stop`; what renders them.
#[must_use]
pub fn collect_metrics(stop: &CancellationToken) -> Render {
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
    let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
    let handle: PrometheusHandle = recorder.handle();
    let (upkeep, stop) = (handle.clone(), stop.clone());
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            upkeep.run_upkeep();
        }
    });
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("metrics are collected already");
    }
    describe();
    Arc::new(move || handle.render())
}

/// Names and meanings of the metrics.
fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        "sliproad_process_transitions_total",
        "Transitions of negotiations and transfers, by kind and state"
    );
    describe_counter!("sliproad_deliveries_total", "Tries to send a message to a peer, by outcome");
    describe_counter!("sliproad_exchanges_total", "Calls through the data plane, by outcome");
    describe_histogram!("sliproad_exchange_seconds", "From a call's head to its end");
    describe_counter!("sliproad_calls_without_token_total", "Calls refused for want of a valid token");
    describe_counter!("sliproad_released_bytes_total", "Bytes of answers released to consumers");
    describe_counter!("sliproad_evidence_records_total", "Evidence records made durable");
    describe_histogram!("sliproad_evidence_commit_seconds", "Writing and synchronising one group of evidence records");
    describe_counter!("sliproad_catalog_refreshes_total", "Looks at the services of the security server, by outcome");
    describe_gauge!("sliproad_datasets", "Datasets in the catalogue, by whether they are listed");
    describe_gauge!("sliproad_build_info", "1, with the version as label");
    metrics::gauge!("sliproad_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
