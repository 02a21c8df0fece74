//! Listeners of the client side: HTTP and HTTPS, with whatever certificate a client shows.

use std::sync::Arc;

use rustls::DigitallySignedStruct;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::DoubleError;
use super::exchange::{Caller, serve_connection};
use super::state::State;

/// A certificate of the double's own.
pub(super) struct Certificate {
    pub(super) certificate_pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Certificate {
    pub(super) fn new() -> Result<Self, DoubleError> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(|e| DoubleError::Tls(e.to_string()))?;
        let key =
            PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(|e| DoubleError::Tls(e.to_owned()))?;
        Ok(Self { certificate_pem: made.cert.pem(), der: made.cert.der().clone(), key })
    }
}

pub(super) fn acceptor(state: &State) -> Result<TlsAcceptor, DoubleError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| DoubleError::Tls(e.to_string()))?
        .with_client_cert_verifier(Arc::new(AnyCertificate(provider)))
        .with_single_cert(vec![state.certificate.der.clone()], state.certificate.key.clone_key())
        .map_err(|e| DoubleError::Tls(e.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts until told to stop.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        let _ = stream.set_nodelay(true);
        let (tls, state, stop) = (tls.clone(), Arc::clone(&state), stop.clone());
        tokio::spawn(async move {
            let serving = async {
                match tls {
                    None => serve_connection(stream, Caller::Plain, &state).await,
                    Some(acceptor) => {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let shown = stream.get_ref().1.peer_certificates().and_then(|c| c.first()).map(|c| c.to_vec());
                        serve_connection(stream, Caller::Tls(shown), &state).await;
                    }
                }
            };
            tokio::select! {
                () = serving => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

/// Any certificate will do: the real server compares it with the client's list later, and checks no issuer.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyCertificate {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
