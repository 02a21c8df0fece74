//! Whether certificates and keys can be read and fit, before anything needs them.

use std::path::Path;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::problem::{Field, Findings, at};
use crate::config::{Config, SecurityServer, SecurityServerMode};

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    if let Some(tls) = &config.public.tls {
        pair((&tls.cert_file, &tls.key_file), &at("public.tls"), findings);
    }
    if let Some(file) = &config.outbound.ca_file {
        authorities(file, &at("outbound.ca-file"), findings);
    }
    if let Some(server) = &config.security_server {
        security_server(server, findings);
    }
}

fn security_server(server: &SecurityServer, findings: &mut Findings<'_>) {
    if server.connection() == SecurityServerMode::Http {
        return;
    }
    let field = at("security-server.ca-file");
    match &server.ca_file {
        // Its own certificate is pinned as it is, so that it need not be one of an authority.
        Some(file) => drop(certificates(file, &field, findings)),
        None => findings.add(
            &field,
            "needed for https: the security server's TLS certificate (PEM), exported from its admin pages",
        ),
    }
    if let (Some(certificate), Some(key)) = (&server.cert_file, &server.key_file) {
        pair((certificate, key), &at("security-server"), findings);
    }
}

/// A certificate chain and the key that belongs to it.
fn pair((certificate, key): (&Path, &Path), section: &Field, findings: &mut Findings<'_>) {
    let (cert_field, key_field) = (section.clone().key("cert-file"), section.clone().key("key-file"));
    let chain = certificates(certificate, &cert_field, findings);
    let Some(text) = text(key, &key_field, findings) else { return };
    let Ok(parsed) = PrivateKeyDer::from_pem_slice(&text) else {
        return findings.add(&key_field, format!("{} holds no private key; expected PEM", key.display()));
    };
    let Some(chain) = chain else { return };
    if let Err(error) = CertifiedKey::from_der(chain, parsed, &aws_lc_rs::default_provider()) {
        findings.add(&key_field, format!("{} and {} do not fit: {error}", key.display(), certificate.display()));
    }
}

fn authorities(file: &Path, field: &Field, findings: &mut Findings<'_>) {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, field, findings).into_iter().flatten() {
        if let Err(error) = roots.add(certificate) {
            findings.add(field, format!("{} holds a certificate that cannot be used: {error}", file.display()));
        }
    }
}

fn certificates(file: &Path, field: &Field, findings: &mut Findings<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let text = text(file, field, findings)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.ok().filter(|list| !list.is_empty());
    if found.is_none() {
        findings.add(field, format!("{} holds no certificate that can be read; expected PEM", file.display()));
    }
    found
}

fn text(file: &Path, field: &Field, findings: &mut Findings<'_>) -> Option<Vec<u8>> {
    match std::fs::read(file) {
        Ok(text) => Some(text),
        Err(error) => {
            findings.add(field, format!("{} cannot be read: {error}", file.display()));
            None
        }
    }
}
