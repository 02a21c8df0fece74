//! The consent service of the Estonian state (Data Consent Service, §5.1.4 validateConsentForDataProvider and §5.1.5
//! reportDataTransmission): REST over X-Road.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use super::{Consent, ConsentReference, ConsentUnavailable, ConsentValidator};
use crate::model::json;
use crate::model::time::Timestamp;
use crate::model::xroad::{ClientId, ServiceId};
use crate::xroad::body::RequestBody;
use crate::xroad::client::{XRoadClient, XRoadRequest};
use crate::xroad::path::AssetPath;
use crate::xroad::route::Route;

const VALIDATION: &str = "/api/consent/validation/dataprovider";
const REPORTING: &str = "/api/reporting/consent";
const LARGEST: usize = 64 * 1024;
const DEEPEST: usize = 8;
/// How the service says that a consent exists and is not approved.
const NOT_APPROVED: [&str; 2] = ["CONSENT_VALIDATE_INVALID_STATUS", "consent-validate-invalid-status"];

/// A consent service behind the security server.
pub struct ConsentService {
    client: XRoadClient,
    validation: ServiceId,
    reporting: Option<ServiceId>,
    timeout: Duration,
}

impl ConsentService {
    /// The service that validates and the one that takes reports, if any does; neither is waited for longer than `timeout`.
    #[must_use]
    pub const fn new(
        client: XRoadClient,
        validation: ServiceId,
        reporting: Option<ServiceId>,
        timeout: Duration,
    ) -> Self {
        Self { client, validation, reporting, timeout }
    }

    async fn call(
        &self,
        provider: &ClientId,
        service: &ServiceId,
        (method, path): (Method, &str),
        body: RequestBody,
    ) -> Result<(StatusCode, Bytes), ConsentUnavailable> {
        let route = Route::new(provider.clone(), service.clone(), None).map_err(unavailable)?;
        let json = HeaderValue::from_static("application/json");
        let request = XRoadRequest {
            message_id: route.message_id(),
            route: Arc::new(route),
            method,
            path: AssetPath::parse(path).map_err(unavailable)?,
            headers: HeaderMap::from_iter([(ACCEPT, json.clone()), (CONTENT_TYPE, json)]),
            body,
            issue: None,
            user_id: None,
            represented_party: None,
            traceparent: None,
        };
        let exchange = async {
            let response = self.client.call(request).await.map_err(unavailable)?;
            let body = Limited::new(response.body, LARGEST).collect().await.map_err(unavailable)?;
            Ok((response.status, body.to_bytes()))
        };
        let late = |_| ConsentUnavailable(format!("{service} did not answer within {} ms", self.timeout.as_millis()));
        tokio::time::timeout(self.timeout, exchange).await.map_err(late)?
    }
}

#[async_trait]
impl ConsentValidator for ConsentService {
    async fn validate(
        &self,
        provider: &ClientId,
        reference: &ConsentReference,
    ) -> Result<Option<Consent>, ConsentUnavailable> {
        let path = format!("{VALIDATION}?consentReference={}", reference.as_str());
        let (status, body) = self.call(provider, &self.validation, (Method::GET, &path), RequestBody::Empty).await?;
        match status {
            StatusCode::OK => read(&body, reference).map(Some),
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => Ok(None),
            StatusCode::INTERNAL_SERVER_ERROR if is_not_approved(&body) => Ok(None),
            other => Err(ConsentUnavailable(format!("{} answered with status {other}", self.validation))),
        }
    }

    async fn report(
        &self,
        provider: &ClientId,
        reference: &ConsentReference,
        released: Timestamp,
    ) -> Result<(), ConsentUnavailable> {
        let Some(service) = &self.reporting else { return Ok(()) };
        let report = json!({"transmissionTimestamp": released, "consentReference": reference.as_str()});
        let body = RequestBody::Whole(report.to_string().into());
        let (status, _) = self.call(provider, service, (Method::POST, REPORTING), body).await?;
        if status.is_success() {
            return Ok(());
        }
        Err(ConsentUnavailable(format!("{service} answered with status {status}")))
    }
}

/// The sentence never repeats what the answer says: it is personal data.
fn read(body: &[u8], asked: &ConsentReference) -> Result<Consent, ConsentUnavailable> {
    let answer = json::parse(body, DEEPEST).map_err(unavailable)?;
    let text = |name: &str| {
        let value = answer.get(name).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| ConsentUnavailable(format!("the answer has no text {name}")))
    };
    if text("consentReference")? != asked.as_str() {
        return Err(ConsentUnavailable("the answer is about another consent".to_owned()));
    }
    let expires = Timestamp::parse(&text("consentExpiration")?)
        .map_err(|_| ConsentUnavailable("consentExpiration is not a point in time".to_owned()))?;
    Ok(Consent {
        client: text("clientSubsystemIdentifier")?,
        subject: text("idCode")?,
        declaration: text("serviceDeclarationId")?,
        expires,
    })
}

fn is_not_approved(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    NOT_APPROVED.iter().any(|name| text.contains(name))
}

fn unavailable(error: impl std::fmt::Display) -> ConsentUnavailable {
    ConsentUnavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_the_service_writes_it_and_nothing_else_is() {
        let reference = ConsentReference::parse("91e9844d-3b5e-4df8-9254-42316b1607b6").unwrap();
        let answer = json!({
            "consentReference": reference.as_str(), "consentExpiration": "2027-01-22T23:59:59.999999Z",
            "idCode": "60001019906", "clientSubsystemIdentifier": " EE/GOV/70000562/app", "serviceDeclarationId": "SD_2",
        });
        let consent = read(answer.to_string().as_bytes(), &reference).unwrap();
        assert_eq!((consent.subject.as_str(), consent.declaration.as_str()), ("60001019906", "SD_2"));
        assert_eq!(consent.expires.to_string(), "2027-01-22T23:59:59.999Z");
        for name in ["consentReference", "consentExpiration", "idCode", "clientSubsystemIdentifier"] {
            let mut wrong = answer.clone();
            wrong[name] = json!(7);
            let said = read(wrong.to_string().as_bytes(), &reference).err().unwrap().to_string();
            assert!(said.contains(name) && !said.contains("60001019906"), "{said}");
        }
        let other = ConsentReference::parse("another").unwrap();
        assert!(read(answer.to_string().as_bytes(), &other).is_err());
        assert!(read(b"<html>", &reference).is_err());
    }
}
