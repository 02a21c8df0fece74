//! Everything of a call that is the same for all calls of one client to one service, prepared once.

use std::fmt;

use bytes::{BufMut, BytesMut};
use http::HeaderValue;
use http::uri::{InvalidUri, PathAndQuery};

use super::path::AssetPath;
use crate::model::xroad::{ClientId, ServerId, ServiceId};

/// A client, a service and, if several provide it, the security server to use: prepared for calling.
#[derive(Clone, Debug)]
pub struct Route {
    client: ClientId,
    service: ServiceId,
    prefix: Box<str>,
    pub(super) client_header: HeaderValue,
    pub(super) server_header: Option<HeaderValue>,
}

/// Why a service cannot be called by REST.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// REST services have no version; what has one is a WSDL service.
    #[error("{0} has a version, so it is a SOAP service; the REST protocol cannot call it")]
    Versioned(ServiceId),
    /// An identifier that cannot stand in a header.
    #[error("{0} cannot be written in a header")]
    Unwritable(String),
}

impl Route {
    /// Prepares calls of `client` to `service`.
    ///
    /// # Errors
    /// When the service has a version.
    pub fn new(client: ClientId, service: ServiceId, server: Option<&ServerId>) -> Result<Self, RouteError> {
        if service.version().is_some() {
            return Err(RouteError::Versioned(service));
        }
        let prefix = format!("/r1/{service}").into();
        let client_header = header(client.as_str())?;
        let server_header = server.map(|server| header(server.as_str())).transpose()?;
        Ok(Self { client, service, prefix, client_header, server_header })
    }

    /// Who calls.
    #[must_use]
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// What is called.
    #[must_use]
    pub fn service(&self) -> &ServiceId {
        &self.service
    }

    /// A fresh `X-Road-Id` for a call along this route.
    #[must_use]
    pub fn message_id(&self) -> MessageId {
        MessageId::fresh(&self.client)
    }

    /// How many bytes of a call's head the route makes: its target, and the headers that say from where it comes and to where it goes.
    #[must_use]
    pub fn size(&self, path: &AssetPath) -> usize {
        let server = self.server_header.as_ref().map_or(0, HeaderValue::len);
        self.prefix.len() + path.as_str().len() + self.client_header.len() + server
    }

    /// The request target of a call.
    pub(super) fn target(&self, path: &AssetPath) -> Result<PathAndQuery, InvalidUri> {
        let mut target = BytesMut::with_capacity(self.prefix.len() + path.as_str().len());
        target.put_slice(self.prefix.as_bytes());
        target.put_slice(path.as_str().as_bytes());
        PathAndQuery::from_maybe_shared(target.freeze())
    }
}

/// An `X-Road-Id`, always our own: `{instance}-{uuid}`.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageId(pub(super) HeaderValue);

impl MessageId {
    /// A fresh one for a client of this instance.
    #[must_use]
    pub fn fresh(client: &ClientId) -> Self {
        let mut uuid = uuid::Uuid::encode_buffer();
        let uuid = uuid::Builder::from_random_bytes(rand::random()).into_uuid().hyphenated().encode_lower(&mut uuid);
        let instance = client.as_str().split('/').next().unwrap_or_default();
        let mut text = BytesMut::with_capacity(instance.len() + 1 + uuid.len());
        text.put_slice(instance.as_bytes());
        text.put_u8(b'-');
        text.put_slice(uuid.as_bytes());
        // Both parts are visible ASCII; an empty id cannot come of it.
        Self(HeaderValue::from_maybe_shared(text.freeze()).unwrap_or_else(|_| HeaderValue::from_static("unwritable")))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

/// Text as a header value: what is not visible ASCII is percent-encoded, so that no text can break a header.
#[must_use]
pub fn header_text(text: &str) -> HeaderValue {
    const UNSAFE: &percent_encoding::AsciiSet = percent_encoding::CONTROLS;
    let encoded: std::borrow::Cow<'_, str> = percent_encoding::utf8_percent_encode(text, UNSAFE).into();
    HeaderValue::from_str(encoded.trim()).unwrap_or_else(|_| HeaderValue::from_static("unwritable"))
}

fn header(text: &str) -> Result<HeaderValue, RouteError> {
    HeaderValue::from_str(text).map_err(|_| RouteError::Unwritable(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_writes_every_code_encoded() {
        let client = "DEV/COM/1000/with space".parse().unwrap();
        let route = Route::new(client, "DEV/GOV/2000/data/s%2Flash".parse().unwrap(), None).unwrap();
        let target = route.target(&AssetPath::parse("/a/%C3%B5?x=1").unwrap()).unwrap();
        assert_eq!(target.as_str(), "/r1/DEV/GOV/2000/data/s%2Flash/a/%C3%B5?x=1");
        assert_eq!(route.client_header, "DEV/COM/1000/with%20space");
        assert_eq!(
            route.target(&AssetPath::parse("?x").unwrap()).unwrap().as_str(),
            "/r1/DEV/GOV/2000/data/s%2Flash?x"
        );
    }

    #[test]
    fn a_service_with_a_version_is_not_called_by_rest() {
        let service: ServiceId = "DEV:GOV:2000:data:getThing:v1".parse().unwrap();
        let refused = Route::new("DEV/COM/1000/app".parse().unwrap(), service.clone(), None).unwrap_err();
        assert_eq!(refused, RouteError::Versioned(service));
    }

    #[test]
    fn message_ids_begin_with_the_instance_and_differ() {
        let client: ClientId = "DEV/COM/1000".parse().unwrap();
        let (one, two) = (MessageId::fresh(&client), MessageId::fresh(&client));
        assert!(one.as_str().starts_with("DEV-") && one.as_str().len() == 40);
        assert_ne!(one, two);
    }

    #[test]
    fn no_text_breaks_a_header() {
        assert_eq!(header_text("urn:uuid:1"), "urn:uuid:1");
        assert_eq!(header_text("a\r\nX-Road-Client: b\u{f5}"), "a%0D%0AX-Road-Client: b%C3%B5");
    }
}
