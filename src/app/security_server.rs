//! The client of the security server, from the configuration.

use anyhow::{Context, Result, bail};

use crate::config::{SecurityServer, SecurityServerMode};
use crate::net::tls::certificates;
use crate::xroad::client::{Limits, XRoadClient, XRoadConfig};
use crate::xroad::connect::{ClientCertificate, Tls, Trust};

/// A client that speaks as the client subsystems are registered to.
pub(super) fn client(settings: &SecurityServer) -> Result<XRoadClient> {
    let mode = settings.connection();
    let tls = match mode {
        SecurityServerMode::Http => None,
        SecurityServerMode::Https | SecurityServerMode::MutualTls => Some(tls(settings, mode)?),
    };
    let limits =
        Limits { connect: settings.connect_timeout(), answer: settings.response_timeout(), ..Limits::default() };
    let server = settings.url.as_str().trim_end_matches('/').parse().context("security-server.url")?;
    Ok(XRoadClient::new(&XRoadConfig { server, tls, limits })?)
}

fn tls(settings: &SecurityServer, mode: SecurityServerMode) -> Result<Tls> {
    let trust = match &settings.ca_file {
        Some(file) => Trust::Certificates(certificates(&super::read(file)?, "security-server.ca-file")?),
        None => bail!(
            "security-server.ca-file: name the security server's TLS certificate (PEM), exported from its admin pages"
        ),
    };
    let certificate = match (mode, &settings.cert_file, &settings.key_file) {
        (SecurityServerMode::MutualTls, Some(chain), Some(key)) => {
            Some(ClientCertificate::from_pem(&super::read(chain)?, &super::read(key)?)?)
        }
        (SecurityServerMode::MutualTls, ..) => {
            bail!("security-server: mode mutual-tls needs cert-file and key-file")
        }
        _ => None,
    };
    Ok(Tls { trust, certificate })
}
