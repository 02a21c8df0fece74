//! Reading a peer's catalogue, page after page.

use http::{HeaderMap, Method, header};
use serde_json::{Value, json};
use url::Url;

use super::{DspClient, Speaker, encoded, identifier, read, told};
use crate::dsp::wire::CONTEXT;
use crate::model::ids::{DatasetId, ParticipantId};
use crate::model::message::Reasons;
use crate::net::outbound::{Answer, OutboundError};

/// Pages of one catalogue that are followed at most.
const MOST_PAGES: usize = 100;

/// Datasets of one catalogue that are kept at most.
const MOST_DATASETS: usize = 10_000;

/// Why a peer's catalogue or dataset was not read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer, or none that may be asked for.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The peer refused.
    #[error("the peer refused with status {status}: {}", .reasons.reason.join("; "))]
    Refused {
        /// HTTP status.
        status: u16,
        /// What its error object says.
        reasons: Reasons,
    },
    /// The answer is not what was asked for.
    #[error("the peer's answer is not a {0}")]
    Garbage(&'static str),
}

/// A peer's catalogue, its pages put together.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerCatalog {
    /// `participantId`, when the peer gives one.
    pub participant: Option<ParticipantId>,
    /// The datasets as the peer wrote them; `hasPolicy` and `distribution` are always lists.
    pub datasets: Vec<Value>,
    /// Whether these are all: not so when the peer has more pages than are followed.
    pub complete: bool,
}

impl DspClient {
    /// The catalogue that `counterparty` at `address` shows `participant`; `filter` goes verbatim into the request.
    ///
    /// # Errors
    /// [`ClientError`], for the first page that fails.
    pub async fn catalog(
        &self,
        participant: &ParticipantId,
        counterparty: &ParticipantId,
        address: &str,
        filter: Option<&Value>,
    ) -> Result<PeerCatalog, ClientError> {
        let base = address.trim_end_matches('/');
        let speaker = Speaker { participant, counterparty, base, trace: None };
        let mut message = json!({"@context": [CONTEXT], "@type": "CatalogRequestMessage"});
        if let (Some(filter), Some(map)) = (filter, message.as_object_mut()) {
            map.insert("filter".to_owned(), if filter.is_array() { filter.clone() } else { json!([filter]) });
        }
        let mut catalog = PeerCatalog { participant: None, datasets: Vec::new(), complete: false };
        let mut url = format!("{base}/catalog/request");
        for _ in 0..MOST_PAGES {
            let answer = self.send(&speaker, Method::POST, url.clone(), Some(&message)).await?;
            let mut page = body(&answer, "Catalog")?;
            catalog.participant = catalog.participant.or(identifier(&page, "participantId").map(Into::into));
            let found = datasets(&mut page);
            let empty = found.is_empty();
            catalog.datasets.extend(found);
            match next_page(&url, &answer.headers) {
                // A page without anything on it ends even a peer's endless chain.
                Some(next) if !empty && next != url && catalog.datasets.len() < MOST_DATASETS => url = next,
                Some(_) if !empty => break,
                _ => {
                    catalog.complete = true;
                    break;
                }
            }
        }
        Ok(catalog)
    }

    /// One dataset that `counterparty` at `address` shows `participant`.
    ///
    /// # Errors
    /// [`ClientError`]; `Refused` with status 404 when there is none for us.
    pub async fn dataset(
        &self,
        participant: &ParticipantId,
        counterparty: &ParticipantId,
        address: &str,
        id: &DatasetId,
    ) -> Result<Value, ClientError> {
        let base = address.trim_end_matches('/');
        let speaker = Speaker { participant, counterparty, base, trace: None };
        let url = format!("{base}/catalog/datasets/{}", encoded(id.as_str()));
        let answer = self.send(&speaker, Method::GET, url, None).await?;
        let mut dataset = body(&answer, "Dataset")?;
        tidy(&mut dataset);
        Ok(dataset)
    }
}

fn body(answer: &Answer, wanted: &'static str) -> Result<Value, ClientError> {
    if !answer.status.is_success() {
        return Err(ClientError::Refused { status: answer.status.as_u16(), reasons: told(answer) });
    }
    read(answer, wanted).ok_or(ClientError::Garbage(wanted))
}

/// The datasets of a page, those of catalogues inside it included (one level).
fn datasets(page: &mut Value) -> Vec<Value> {
    let inner = list(page.get_mut("catalog").map(Value::take));
    let mut found = list(page.get_mut("dataset").map(Value::take));
    for mut catalog in inner {
        found.extend(list(catalog.get_mut("dataset").map(Value::take)));
    }
    found.retain(Value::is_object);
    found.iter_mut().for_each(tidy);
    found
}

/// `hasPolicy` and `distribution` as lists, whatever the peer wrote.
fn tidy(dataset: &mut Value) {
    let Some(map) = dataset.as_object_mut() else { return };
    for name in ["hasPolicy", "distribution"] {
        let values = list(map.remove(name));
        map.insert(name.to_owned(), Value::Array(values));
    }
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    }
}

/// The `next` link, as long as it stays at the same origin: the token we show must not follow it elsewhere.
fn next_page(from: &str, headers: &HeaderMap) -> Option<String> {
    let here = Url::parse(from).ok()?;
    let links = headers.get_all(header::LINK).iter().filter_map(|v| v.to_str().ok());
    let target = links.flat_map(|line| line.split(",<")).flat_map(|line| line.split(", <")).find_map(|link| {
        let (target, parameters) = link.trim().trim_start_matches('<').split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let (name, value) = parameter.trim().split_once('=').unwrap_or_default();
            let relations = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && relations.split_whitespace().any(|r| r.eq_ignore_ascii_case("next"))
        });
        is_next.then_some(target)
    })?;
    let next = here.join(target).ok()?;
    (next.origin() == here.origin()).then(|| next.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(header::LINK, link.parse().unwrap())]);
        next_page("https://peer.example/dsp/catalog/request", &headers)
    }

    #[test]
    fn the_next_link_is_followed_at_the_same_origin_only() {
        let expected = Some("https://peer.example/dsp/catalog/request?continuationToken=a".to_owned());
        assert_eq!(next(r#"<https://peer.example/dsp/catalog/request?continuationToken=a>; rel="next""#), expected);
        assert_eq!(next(r#"<?continuationToken=a>;rel=next"#), expected);
        assert_eq!(next(r#"<?x=1>; rel="previous", <?continuationToken=a>; title="a"; rel="next""#), expected);
        assert_eq!(next(r#"<https://evil.example/x>; rel="next""#), None);
        assert_eq!(next(r#"<http://peer.example/x>; rel="next""#), None);
        for none in [r#"<?a>; rel="prev""#, "garbage", "", "<?a", r#"<?a>; title="next""#] {
            assert_eq!(next(none), None, "{none}");
        }
    }

    #[test]
    fn datasets_are_lists_whatever_the_peer_wrote() {
        let mut page = json!({"dataset": {"@id": "a", "hasPolicy": {"@id": "o"}},
                              "catalog": [{"dataset": [{"@id": "b", "distribution": []}, "odd"]}]});
        assert_eq!(
            datasets(&mut page),
            [
                json!({"@id": "a", "hasPolicy": [{"@id": "o"}], "distribution": []}),
                json!({"@id": "b", "hasPolicy": [], "distribution": []})
            ]
        );
    }
}
