//! Step 3: the strict path rule. What is called lies inside the asset, and its path has one reading only.

use http::Method;
use http::uri::Uri;

use super::assets::Assets;
use super::refusal::Refusal;
use crate::model::ids::DatasetId;
use crate::xroad::path::{AssetPath, origin_form};

/// What follows the asset's own place in a request's target, as it came.
///
/// # Errors
/// 400 for a target that is not in origin form; 403 for another transfer's place than the token's.
pub(super) fn below<'a>(target: &'a Uri, prefix: &str) -> Result<&'a str, Refusal> {
    let target = origin_form(target).map_err(|e| Refusal::bad_request(e.code(), e.to_string()))?;
    let rest = target.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    rest.ok_or_else(|| {
        Refusal::forbidden("token.other-transfer", "the token opens another transfer's endpoint than the one called")
    })
}

/// Checks that path and query can be let through.
///
/// # Errors
/// 400 with the first reason not to.
pub(super) fn check(raw: &str) -> Result<AssetPath, Refusal> {
    AssetPath::parse(raw).map_err(|e| Refusal::bad_request(e.code(), e.to_string()))
}

/// Checks that the operator offers this endpoint of the dataset, whatever the agreement says.
///
/// # Errors
/// 403.
pub(super) fn check_offered(
    assets: &dyn Assets,
    dataset: &DatasetId,
    method: &Method,
    path: &AssetPath,
) -> Result<(), Refusal> {
    if assets.allows(dataset, method.as_str(), path.decoded()) {
        return Ok(());
    }
    let sentence = format!("{method} {} is not among the endpoints offered of {dataset}", path.decoded());
    Err(Refusal::forbidden("endpoint.not-offered", sentence))
}

/// Checks that the method is one that X-Road carries; TRACE would show headers to the caller that are not the caller's.
///
/// # Errors
/// 405, or 400 for a body that X-Road would not deliver.
pub(super) fn check_method(method: &Method, empty: bool) -> Result<(), Refusal> {
    match *method {
        Method::POST | Method::PUT | Method::PATCH => Ok(()),
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS if empty => Ok(()),
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS => Err(Refusal::bad_request(
            "request.body-not-delivered",
            format!("X-Road does not deliver a body with {method}; send none, or use POST, PUT or PATCH"),
        )),
        _ => Err(Refusal::new(
            http::StatusCode::METHOD_NOT_ALLOWED,
            "request.method",
            "use one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        )),
    }
}
