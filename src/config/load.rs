//! From file and environment to a checked configuration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::problem::{ConfigError, Field, Findings, alone};
use super::{Config, check, overlay, secret};
use crate::model::ids::ParticipantId;

pub(super) fn load<I>(file: &Path, environment: I) -> Result<Config, ConfigError>
where
    I: IntoIterator<Item = (OsString, OsString)>,
{
    let text = std::fs::read_to_string(file).map_err(|e| alone(file, None, format!("cannot be read: {e}")))?;
    let base = file.parent().unwrap_or_else(|| Path::new(""));
    from_text(&text, file, base, overlay::settings(environment))
}

pub(super) fn from_text(
    text: &str,
    file: &Path,
    base: &Path,
    variables: Vec<(String, String)>,
) -> Result<Config, ConfigError> {
    let mut findings = Findings::new(file, text)?;
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| alone(file, None, e.message().to_owned()))?;
    overlay::apply(&mut table, variables, &mut findings);
    let mut config: Config = match serde_path_to_error::deserialize(Value::Table(table)) {
        Ok(config) => config,
        Err(error) => {
            let field = Field::from(error.path());
            findings.add(&field, error.inner().message());
            return Err(findings.into_error());
        }
    };
    start_paths_at(&mut config, base);
    secret::read_files(&mut config, &mut findings);
    name_participants(&mut config);
    check::check(&config, &mut findings);
    findings.outcome().map(|()| config)
}

/// Relative paths start at the file's own directory.
fn start_paths_at(config: &mut Config, base: &Path) {
    let Config { public, management, store, security_server, outbound, identity, policy, .. } = config;
    let tls = public.tls.iter_mut().flat_map(|t| [&mut t.cert_file, &mut t.key_file]);
    let server = security_server.iter_mut().flat_map(|s| [&mut s.ca_file, &mut s.cert_file, &mut s.key_file]);
    let peers = identity.peer.iter_mut().flat_map(|p| [&mut p.token_file, &mut p.send_file]);
    let optional = server
        .chain(peers)
        .chain([
            &mut management.api_key_file,
            &mut outbound.ca_file,
            &mut store.keys_path,
            &mut store.postgres_url_file,
        ])
        .chain(policy.iter_mut().map(|p| &mut p.file))
        .filter_map(Option::as_mut);
    for path in tls.chain([&mut store.path]).chain(optional) {
        let joined: PathBuf = base.join(&path);
        *path = joined;
    }
}

/// Gives participants without an id their `did:web` (W3C did:web method, "Create").
fn name_participants(config: &mut Config) {
    if config.public.base_url.is_none() && config.public.listen.port() == 0 {
        return;
    }
    let base = config.public.base(config.public.listen);
    let Ok(base) = url::Url::parse(&base) else { return };
    let host = base.host_str().unwrap_or_default();
    let port = base.port().map(|p| format!("%3A{p}")).unwrap_or_default();
    let path: String = base.path().split('/').filter(|s| !s.is_empty()).map(|s| format!(":{s}")).collect();
    for participant in config.participant.iter_mut().filter(|p| p.id.as_str().is_empty()) {
        participant.id = ParticipantId::from(format!("did:web:{host}{port}{path}:{}", participant.name));
    }
}
