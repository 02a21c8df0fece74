//! Looking credentials up: the documents of their issuers and their status lists, through the guarded client.

use std::collections::HashMap;

use bytes::Bytes;
use credentials::{
    Credential, CredentialError, Did, DidError, SignedCredential, StatusEntry, StatusError, StatusList, StatusPurpose,
};
use http::{HeaderMap, HeaderValue, Method, header};
use url::{Host, Url};

use super::{TrustError, Void};
use crate::model::time::Timestamp;
use crate::net::outbound::{Outbound, OutboundRequest};

/// Where issuers can be asked.
#[derive(Debug)]
pub(super) struct Issuers {
    outbound: Outbound,
    plain_http: bool,
}

impl Issuers {
    pub(super) const fn new(outbound: Outbound, plain_http: bool) -> Self {
        Self { outbound, plain_http }
    }

    /// Where the document of an issuer is. Plain http is for hosts of one's own only, by number or by a name without a domain: an
    /// issuer out there is not asked in the clear whatever is allowed for peers.
    fn document_of(&self, issuer: &Did) -> String {
        let safe = issuer.document_url("https");
        let ours = Url::parse(&safe).is_ok_and(|url| match url.host() {
            Some(Host::Domain(name)) => !name.contains('.'),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        });
        if self.plain_http && ours { issuer.document_url("http") } else { safe }
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
    /// When it began: what was found was so then.
    pub(super) const fn began(&self) -> Timestamp {
        self.now
    }

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
        let url = self.issuers.document_of(issuer);
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
            let list = signed.verify(&document).map_err(|error| match error {
                // The list is not the issuer's; of the credential's own key it says nothing.
                CredentialError::Did(DidError::NoKey(_)) => StatusError::Foreign.into(),
                other => TrustError::from(other),
            })?;
            self.lists.insert(entry.list.clone(), list);
        }
        let list = self.lists.get(&entry.list).ok_or(StatusError::NoList)?;
        Ok(entry.is_set(&StatusList::of(list, entry, issuer, self.now.millis().div_euclid(1000))?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::outbound::OutboundPolicy;

    #[test]
    fn an_issuer_out_there_is_never_asked_in_the_clear() {
        let issuers = |plain_http| Issuers::new(Outbound::new(OutboundPolicy::default()).unwrap(), plain_http);
        for (did, allowed, url) in [
            ("did:web:authority.example", true, "https://authority.example/.well-known/did.json"),
            ("did:web:127.0.0.1%3A8080:a", true, "http://127.0.0.1:8080/a/did.json"),
            ("did:web:localhost%3A8080", true, "http://localhost:8080/.well-known/did.json"),
            ("did:web:localhost%3A8080", false, "https://localhost:8080/.well-known/did.json"),
        ] {
            assert_eq!(issuers(allowed).document_of(&Did::parse(did).unwrap()), url);
        }
    }
}
