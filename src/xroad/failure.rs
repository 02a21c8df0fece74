//! Why a call has no answer of the service: a fault that X-Road made, or no answer at all.

use std::error::Error;
use std::io;

use http::{Method, StatusCode};
use hyper_util::client::legacy;
use rustls::AlertDescription;

use super::body::RequestBodyEnded;
use super::connect::ConnectTimeout;
use super::fault::XRoadFault;

/// Why there is no answer of the service.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// X-Road answered instead of the service.
    #[error("{} ({})", .0.kind.sentence(), .0.code)]
    Fault(Box<XRoadFault>),
    /// The security server did not answer, or not as one.
    #[error("{0}")]
    Failure(#[from] XRoadFailure),
}

/// Why a call did not come to an answer or fault.
#[derive(Debug, thiserror::Error)]
pub enum XRoadFailure {
    /// No connection to the security server.
    #[error("the security server cannot be reached")]
    Unreachable(#[source] legacy::Error),
    /// The connection took too long.
    #[error("the security server did not take the connection in time")]
    ConnectTimeout,
    /// TLS failed: a certificate is not the expected one, on either side. Of ours the server may say so when the call is on its way.
    #[error("no TLS with the security server: its certificate, or ours, is not the expected one")]
    Tls(#[source] legacy::Error),
    /// No answer in time.
    #[error("the security server did not answer in time")]
    NoAnswer,
    /// The connection broke before an answer.
    #[error("the connection to the security server broke before an answer came")]
    Broken(#[source] legacy::Error),
    /// An answer with neither a request hash nor an X-Road error: not from X-Road, or refused by the HTTP server in front of it
    /// (400, 431).
    #[error("the answer with status {0} is not of X-Road: the address may be wrong, or the request too large for it")]
    NotXRoad(StatusCode),
    /// The answer belongs to another call.
    #[error("the answer belongs to another call")]
    MixedUp,
    /// The caller's body broke off.
    #[error("the body of the request ended early")]
    RequestBody(#[source] legacy::Error),
    /// X-Road does not deliver bodies with this method.
    #[error("X-Road does not deliver a body with {0}: send none, or use POST, PUT or PATCH")]
    BodyNotDelivered(Method),
    /// X-Road does not carry this method.
    #[error("X-Road does not carry the method {0}")]
    Method(Method),
    /// The request cannot be written.
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
    /// A metadata answer was larger than its limit, broke off or could not be read.
    #[error("the security server's answer cannot be used: {0}")]
    Metadata(String),
}

impl CallError {
    /// The HTTP status to answer a data-space consumer with.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Fault(fault) => fault.kind.status(),
            Self::Failure(failure) => failure.status(),
        }
    }

    /// Stable code for problem bodies and evidence.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.kind.code(),
            Self::Failure(failure) => failure.code(),
        }
    }

    /// The code that X-Road gave, if it was X-Road that answered.
    #[must_use]
    pub fn xroad_code(&self) -> Option<&str> {
        match self {
            Self::Fault(fault) => Some(&fault.code),
            Self::Failure(_) => None,
        }
    }

    /// Whether it is certain that the security server had nothing of the call: there never was a connection for it.
    #[must_use]
    pub fn never_arrived(&self) -> bool {
        match self {
            Self::Fault(_) => false,
            Self::Failure(XRoadFailure::Unreachable(_) | XRoadFailure::ConnectTimeout) => true,
            Self::Failure(XRoadFailure::Tls(error)) => error.is_connect(),
            Self::Failure(_) => false,
        }
    }
}

impl XRoadFailure {
    /// The HTTP status to answer a data-space consumer with.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::ConnectTimeout | Self::NoAnswer => 504,
            Self::RequestBody(_) | Self::BodyNotDelivered(_) | Self::Request(_) => 400,
            Self::Method(_) => 405,
            Self::Unreachable(_)
            | Self::Tls(_)
            | Self::Broken(_)
            | Self::NotXRoad(_)
            | Self::MixedUp
            | Self::Metadata(_) => 502,
        }
    }

    /// Stable code for problem bodies and evidence.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "xroad.server-unreachable",
            Self::ConnectTimeout => "xroad.connect-timeout",
            Self::Tls(_) => "xroad.tls",
            Self::NoAnswer => "xroad.no-answer",
            Self::Broken(_) => "xroad.connection-broken",
            Self::NotXRoad(_) => "xroad.not-xroad",
            Self::MixedUp => "xroad.mixed-up",
            Self::RequestBody(_) => "xroad.request-body",
            Self::BodyNotDelivered(_) => "xroad.body-not-delivered",
            Self::Method(_) => "xroad.method",
            Self::Request(_) => "xroad.request",
            Self::Metadata(_) => "xroad.metadata",
        }
    }
}

impl XRoadFailure {
    /// What an error of the HTTP client was caused by.
    pub(super) fn from_http(error: legacy::Error) -> Self {
        if caused_by::<ConnectTimeout>(&error) {
            Self::ConnectTimeout
        } else if caused_by::<RequestBodyEnded>(&error) {
            Self::RequestBody(error)
        } else {
            match (error.is_connect(), cause::<rustls::Error>(&error)) {
                (true, Some(_)) => Self::Tls(error),
                (true, None) => Self::Unreachable(error),
                // With TLS 1.3 the server refuses our certificate when we hold the connection for made already.
                (false, Some(rustls::Error::AlertReceived(alert))) if is_of_certificates(*alert) => Self::Tls(error),
                (false, _) => Self::Broken(error),
            }
        }
    }
}

/// Whether an alert says that a certificate is missing or not the expected one.
const fn is_of_certificates(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::CertificateRequired
            | A::UnknownCA
    )
}

fn caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    cause::<E>(error).is_some()
}

/// The error of this type anywhere behind another; an `io::Error` hides what it wraps from `source`.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
