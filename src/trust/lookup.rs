//! Looking credentials up: the documents of their issuers and their status lists, through the guarded client.

use std::collections::HashMap;

use bytes::Bytes;
use credentials::{
    Credential, CredentialError, Did, SignedCredential, StatusEntry, StatusError, StatusList, StatusPurpose,
};
use http::{HeaderMap, HeaderValue, Method, header};

use super::{TrustError, Void};
use crate::model::time::Timestamp;
use crate::net::outbound::{Outbound, OutboundRequest};

/// Where issuers can be asked.
#[derive(Debug)]
pub(super) struct Issuers {
    outbound: Outbound,
    scheme: &'static str,
}

impl Issuers {
    pub(super) const fn new(outbound: Outbound, plain_http: bool) -> Self {
        Self { outbound, scheme: if plain_http { "http" } else { "https" } }
    }

    async fn fetch(&self, what: &'static str, url: String, accept: &'static str) -> Result<Bytes, TrustError> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        let request = OutboundRequest { method: Method::GET, url, headers, body: Bytes::new() };
        let unreachable = |why| TrustError::Unreachable { what, why };
        let answer = self.outbound.call(request).await.map_err(|error| unreachable(error.to_string()))?;
        match answer.status.is_success() {
            true => Ok(answer.body),
            false => Err(unreachable(format!("the answer is {}", answer.status))),
        }
    }
}

/// Look-ups that belong together: what several credentials need is fetched once.
pub(super) struct Lookup<'a> {
    issuers: &'a Issuers,
    now: Timestamp,
    documents: HashMap<Did, Bytes>,
    lists: HashMap<String, Credential>,
}

impl<'a> Lookup<'a> {
    pub(super) fn at(now: Timestamp, issuers: &'a Issuers) -> Self {
        Self { issuers, now, documents: HashMap::new(), lists: HashMap::new() }
    }

    /// What a credential says, and whether it is void.
    ///
    /// # Errors
    /// When it is not genuine, or its issuer cannot be asked.
    pub(super) async fn look_up(&mut self, signed: SignedCredential) -> Result<(Credential, Option<Void>), TrustError> {
        let document = self.document(signed.issuer()).await?;
        let credential = signed.verify(&document)?;
        let mut void = None;
        for entry in &credential.status {
            if self.is_set(entry, &credential.issuer).await? {
                let found = match entry.purpose {
                    StatusPurpose::Revocation => Void::Revoked,
                    StatusPurpose::Suspension => Void::Suspended,
                };
                void = if void == Some(Void::Revoked) { void } else { Some(found) };
            }
        }
        Ok((credential, void))
    }

    async fn document(&mut self, issuer: &Did) -> Result<Bytes, TrustError> {
        if let Some(document) = self.documents.get(issuer) {
            return Ok(document.clone());
        }
        let url = issuer.document_url(self.issuers.scheme);
        let accept = "application/did+ld+json, application/did+json, application/json;q=0.9";
        let document = self.issuers.fetch("the DID document of the issuer", url, accept).await?;
        self.documents.insert(issuer.clone(), document.clone());
        Ok(document)
    }

    async fn is_set(&mut self, entry: &StatusEntry, issuer: &Did) -> Result<bool, TrustError> {
        if !self.lists.contains_key(&entry.list) {
            let accept = "application/vc+jwt, application/jwt;q=0.9, */*;q=0.1";
            let fetched = self.issuers.fetch("the status list", entry.list.clone(), accept).await?;
            let text = std::str::from_utf8(&fetched).map_err(|_| CredentialError::Malformed)?;
            let signed = SignedCredential::read(text.trim())?;
            if signed.issuer() != issuer {
                return Err(StatusError::Foreign.into());
            }
            let document = self.document(issuer).await?;
            self.lists.insert(entry.list.clone(), signed.verify(&document)?);
        }
        let list = self.lists.get(&entry.list).ok_or(StatusError::NoList)?;
        Ok(entry.is_set(&StatusList::of(list, entry, issuer, self.now.millis().div_euclid(1000))?)?)
    }
}
