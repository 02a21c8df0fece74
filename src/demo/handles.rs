//! What an outside program needs to drive the running road; also printed as hints for people.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;

use super::client::text;
use super::processes::{Connector, Road};
use super::story;
use super::telling::tell;

/// The handles file, `schemas/demo-handles.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Handles {
    provider: ConnectorHandles,
    consumer: ConnectorHandles,
    security_server: serde_json::Value,
    datasets: serde_json::Value,
    identity: serde_json::Value,
    transfer: TransferHandles,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectorHandles {
    participant_id: String,
    dsp: String,
    version_document: String,
    public: String,
    management: String,
    api_key: String,
    config: String,
    pid: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TransferHandles {
    dataset: String,
    agreement_id: String,
    transfer_id: String,
    endpoint: String,
    authorization: String,
}

impl Handles {
    /// Of a running road; starts one more transfer, which is live when this returns.
    pub async fn of(road: &Road) -> Result<Self> {
        let agreement = story::negotiate(road, story::LAND_REGISTER).await?;
        let transfer = story::start_transfer(road, &agreement).await?;
        let settings = &road.provider.settings;
        Ok(Self {
            provider: of_connector(&road.provider),
            consumer: of_connector(&road.consumer),
            security_server: json!({"url": road.double.url, "simulated": true, "requests": road.double.requests}),
            datasets: json!({
                "landRegister": story::LAND_REGISTER,
                "populationRegister": story::POPULATION_REGISTER,
                "download": story::DOWNLOAD,
                "echo": story::ECHO,
            }),
            identity: json!({
                "kind": "token",
                "consumerAuthorization": settings.consumer_authorization(),
                "strangerAuthorization": settings.stranger_authorization(),
            }),
            transfer: TransferHandles {
                dataset: story::LAND_REGISTER.to_owned(),
                agreement_id: agreement,
                authorization: transfer.authorization(),
                transfer_id: transfer.provider_pid,
                endpoint: transfer.endpoint,
            },
        })
    }

    /// Writes the file in one atomic step, readable by its owner only: it holds secrets.
    pub fn write(&self, file: &Path) -> Result<()> {
        use std::io::Write as _;
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("the handles cannot be written into {}", folder.display()))?;
        serde_json::to_writer_pretty(&mut temporary, self)?;
        temporary.write_all(b"\n")?;
        temporary.as_file().sync_all()?;
        temporary.persist(file).with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(())
    }

    /// Prints URLs and lines to try.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub fn print_hints(&self) -> Result<()> {
        let Self { provider, consumer, security_server, transfer, .. } = self;
        tell!("\nThe road stays up until Ctrl-C. To try:")?;
        tell!("  # the land register, under the agreement")?;
        tell!("  curl -H 'Authorization: {}' {}/parcels", transfer.authorization, transfer.endpoint)?;
        tell!("  # the provider's version document, and the exchanges it has recorded")?;
        tell!("  curl {}", provider.version_document)?;
        tell!("  curl -H 'X-Api-Key: {}' {}/api/v1/exchanges", provider.api_key, provider.management)?;
        tell!("  # what reached the (simulated) security server")?;
        tell!("  curl {}", text(security_server, "requests").unwrap_or_default())?;
        tell!("  # as the consumer's operator")?;
        tell!(
            "  sliproad fetch --config {} --counterparty {} --address {} --dataset {} /parcels",
            consumer.config,
            provider.participant_id,
            provider.dsp,
            transfer.dataset
        )
    }
}

fn of_connector(connector: &Connector) -> ConnectorHandles {
    let settings = &connector.settings;
    ConnectorHandles {
        participant_id: settings.participant.to_owned(),
        dsp: settings.dsp(),
        version_document: settings.version_document(),
        public: settings.public.clone(),
        management: settings.management.clone(),
        api_key: settings.key.clone(),
        config: connector.config.display().to_string(),
        pid: connector.id(),
    }
}
