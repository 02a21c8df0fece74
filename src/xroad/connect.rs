//! Connections to the security server in its three modes: HTTP, HTTPS, HTTPS with a client certificate.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tower::Service;

/// What to hold of the security server's TLS certificate, which is self-signed as installed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// It is one of these, or was issued by one of these for the host called.
    Certificates(Vec<CertificateDer<'static>>),
    /// Anything, as an operator has chosen expressly: whoever stands in between reads and answers every call.
    Unchecked,
}

/// The certificate and key that the security server has in the client's list of information systems (mode HTTPS).
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// How to speak TLS with the security server.
#[derive(Debug)]
pub struct Tls {
    /// What to hold of the server's certificate.
    pub trust: Trust,
    /// What to show, in the mode that asks for it.
    pub certificate: Option<ClientCertificate>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The text is not PEM, or has no certificate.
    #[error("there is no certificate in the PEM text of {0}")]
    NoCertificate(&'static str),
    /// The text has no private key.
    #[error("there is no private key in the PEM text of the client key")]
    NoKey,
    /// rustls does not take certificate and key together.
    #[error("the client certificate and key do not fit")]
    Unfit(#[source] rustls::Error),
    /// The TLS library cannot be set up at all.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

impl Trust {
    /// Certificates from PEM text: the server's own, or those of issuers.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TlsSetupError> {
        certificates(pem, "the server certificate").map(Self::Certificates)
    }
}

impl ClientCertificate {
    /// Certificate chain and key from PEM text.
    ///
    /// # Errors
    /// When either is missing.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsSetupError> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsSetupError::NoKey)?;
        Ok(Self { chain: certificates(chain, "the client certificate")?, key })
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} in chain, key not shown)", self.chain.len())
    }
}

fn certificates(pem: &[u8], of: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|list| !list.is_empty()).ok_or(TlsSetupError::NoCertificate(of))
}

impl Tls {
    fn client_config(&self) -> Result<ClientConfig, TlsSetupError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsSetupError::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(&self.trust, provider)));
        match &self.certificate {
            None => Ok(builder.with_no_client_auth()),
            Some(own) => {
                builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key()).map_err(TlsSetupError::Unfit)
            }
        }
    }
}

/// Takes a certificate that is pinned itself, whatever its name and dates, or that a given issuer vouches for.
#[derive(Debug)]
struct Verifier {
    pinned: Option<Vec<CertificateDer<'static>>>,
    issued: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Self {
        let Trust::Certificates(certificates) = trust else {
            return Self { pinned: None, issued: None, provider };
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        // Without a usable issuer only the pinned certificates count.
        let issued = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().ok();
        Self { pinned: Some(certificates.clone()), issued, provider }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match (&self.pinned, &self.issued) {
            (None, _) => Ok(ServerCertVerified::assertion()),
            (Some(pinned), _) if pinned.iter().any(|p| p == end_entity) => Ok(ServerCertVerified::assertion()),
            (_, Some(issued)) => issued.verify_server_cert(end_entity, intermediates, name, ocsp, now),
            _ => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The connection was not there in time, TLS included.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", .0.as_secs_f32())]
pub(super) struct ConnectTimeout(Duration);

/// Connects within a time limit that covers name resolution, TCP and TLS.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    limit: Duration,
}

impl Connector {
    pub(super) fn new(tls: Option<&Tls>, limit: Duration) -> Result<Self, TlsSetupError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        let unused = Tls { trust: Trust::Certificates(Vec::new()), certificate: None };
        let config = tls.unwrap_or(&unused).client_config()?;
        let inner = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
        Ok(Self { inner: inner.wrap_connector(http), limit })
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = super::body::BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.inner.call(target);
        Box::pin(async move {
            tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(ConnectTimeout(limit).into()))
        })
    }
}
