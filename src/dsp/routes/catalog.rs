//! The catalogue and its datasets, for one caller.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::answer::{Refusal, json};
use super::process::json_body;
use super::{DspState, Visit};
use crate::dsp::catalog::{DatasetQuery, Start, catalog_to_json, dataset_to_json};
use crate::dsp::participants::Participant;
use crate::dsp::wire::{MessageType, read};
use crate::model::ids::DatasetId;

/// The query parameter that names a page.
const TOKEN: &str = "continuationToken";

/// One page of the catalogue. A continuation token holds the whole query and goes before the body's filter; with one, the page
/// may also be fetched with GET.
pub(super) async fn request(state: &DspState, visit: &Visit<'_>, request: Request) -> Result<Response, Refusal> {
    let token = request.uri().query().and_then(token_in);
    let query = match (request.method() == Method::GET, token) {
        (true, None) => {
            let sentence = format!("ask with POST and a CatalogRequestMessage; GET is for links with a {TOKEN}");
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "endpoint.method", sentence));
        }
        (true, Some(token)) => DatasetQuery::from_token(&token)?,
        (false, token) => {
            let message = read(&json_body(state, request).await?, MessageType::CatalogRequest)?;
            match token {
                Some(token) => DatasetQuery::from_token(&token)?,
                None => DatasetQuery::from_filter(message.get("filter"))?,
            }
        }
    };
    let participant = visit.participant;
    let page = state.catalog.datasets(&participant.id, &visit.caller.participant_id, &query).await?;
    let links = [(page.next, "next"), (page.previous, "previous")];
    let mut response = json(StatusCode::OK, &catalog_to_json(participant, page.datasets));
    for (start, relation) in links {
        if let Some(value) = start.and_then(|start| link(participant, &query, &start, relation)) {
            response.headers_mut().append(header::LINK, value);
        }
    }
    Ok(response)
}

/// One dataset.
pub(super) async fn dataset(state: &DspState, visit: &Visit<'_>, id: &DatasetId) -> Result<Response, Refusal> {
    let participant = visit.participant;
    let found = state.catalog.dataset(&participant.id, &visit.caller.participant_id, id).await?;
    match found.and_then(|dataset| dataset_to_json(participant, dataset)) {
        Some(body) => Ok(json(StatusCode::OK, &body)),
        None => {
            let sentence = "there is no such dataset, or it is not offered to you";
            Err(Refusal::new(StatusCode::NOT_FOUND, "dataset.not-found", sentence))
        }
    }
}

fn link(participant: &Participant, query: &DatasetQuery, start: &Start, relation: &str) -> Option<HeaderValue> {
    let (base, token) = (participant.dsp_base(), query.token(start));
    HeaderValue::from_str(&format!("<{base}/catalog/request?{TOKEN}={token}>; rel=\"{relation}\"")).ok()
}

fn token_in(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(TOKEN)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}
