//! TLS on both sides of us: rustls with aws-lc-rs, certificates that can be replaced while serving.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM text holds no certificate or key, or a broken one.
    #[error("the {0} is not readable as PEM")]
    Pem(&'static str),
    /// Certificate and key do not fit, or are of a kind that is not supported.
    #[error("the certificate or key cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
    /// The certificate authorities for clients cannot be used.
    #[error("the certificate authorities for clients cannot be used: {0}")]
    ClientAuthorities(String),
    /// The outbound client could not be made.
    #[error("the outbound client cannot be set up: {0}")]
    Client(String),
}

/// What a listener presents and demands, as PEM.
#[derive(Clone, Copy)]
pub struct ServerPem<'a> {
    /// The certificate, then those that lead to its authority.
    pub chain: &'a [u8],
    /// The private key: PKCS#8, SEC1 or PKCS#1.
    pub key: &'a [u8],
    /// When given, clients must present a certificate of one of these authorities.
    pub client_authorities: Option<&'a [u8]>,
}

/// The TLS side of a listener; new handshakes use what was set last. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ArcSwap<ServerConfig>>);

impl ServerTls {
    /// From certificate and key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(pem: ServerPem<'_>) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(server_config(pem)?))))
    }

    /// Replaces certificate and key; connections that are open stay as they are.
    ///
    /// # Errors
    /// [`TlsError`]; what was set before stays in use.
    pub fn replace(&self, pem: ServerPem<'_>) -> Result<(), TlsError> {
        self.0.store(Arc::new(server_config(pem)?));
        Ok(())
    }

    /// The configuration for one handshake.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

/// The certificates in a PEM text.
///
/// # Errors
/// When there is none, or one is broken; `what` names the text in the message.
pub fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|list| !list.is_empty()).ok_or(TlsError::Pem(what))
}

/// TLS as a client: the operating system's authorities, and `extra_roots` beside them.
///
/// # Errors
/// When one of `extra_roots` cannot be used.
pub fn client_config(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    // One unreadable file among the system's must not take TLS away from the rest.
    let (_, ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if ignored > 0 {
        tracing::debug!(ignored, "certificate authorities of the operating system that cannot be used");
    }
    for root in extra_roots {
        roots.add(root.clone())?;
    }
    if roots.is_empty() {
        tracing::warn!("no certificate authorities found: https calls will fail; install ca-certificates");
    }
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn server_config(pem: ServerPem<'_>) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match pem.client_authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(authorities, "client authorities")? {
                roots.add(root)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                .build()
                .map_err(|e| TlsError::ClientAuthorities(e.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(pem.chain, "certificate")?;
    let key = PrivateKeyDer::from_pem_slice(pem.key).map_err(|_| TlsError::Pem("private key"))?;
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
