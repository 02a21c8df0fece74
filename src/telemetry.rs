//! Logs and metrics of the process.

use std::sync::Arc;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Renders the metrics in Prometheus' text form.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Begins to log to standard error: lines for people, or JSON for machines. `level` is a level or directives such as
/// `info,sliproad::dsp=debug`; the environment's `RUST_LOG` goes before it. Has no effect the second time.
pub fn log(json: bool, level: &str) {
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(level)).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let _ = if json { builder.json().finish().try_init() } else { builder.finish().try_init() };
}

/// Begins to collect metrics; what renders them.
#[must_use]
pub fn collect_metrics() -> Render {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle: PrometheusHandle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("metrics are collected already");
    }
    describe();
    Arc::new(move || handle.render())
}

/// Names and meanings of the metrics.
fn describe() {
    metrics::describe_counter!("sliproad_process_transitions_total", "Transitions of negotiations and transfers");
    metrics::describe_counter!("sliproad_deliveries_total", "Messages to peers by outcome");
    metrics::describe_counter!("sliproad_exchanges_total", "Calls through the data plane by decision");
}
