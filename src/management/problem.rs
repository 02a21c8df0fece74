//! Errors as RFC 9457 problems.

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::traced::Told;
use crate::engine::EngineError;
use crate::evidence::EvidenceError;
use crate::net::problem::Problem;
use crate::policy::read_json;
use crate::store::StoreError;

/// What went wrong with a request to the API.
pub(super) struct ApiError(Box<Problem>);

/// The outcome of an operation.
pub(super) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(status, code, detail)))
    }

    pub(super) fn bad(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, &format!("{what}.unknown"), format!("there is no such {what}"))
    }

    pub(super) fn with(self, name: &str, value: serde_json::Value) -> Self {
        Self(Box::new(self.0.with(name, value)))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut answer = Response::default();
        *answer.status_mut() = self.0.status;
        answer.extensions_mut().insert(Told(self.0));
        answer
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store.unavailable", error.to_string())
    }
}

impl From<EvidenceError> for ApiError {
    fn from(error: EvidenceError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "evidence.unavailable", error.to_string())
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound(what) => Self::not_found(what),
            EngineError::Refused { code, sentence, process } => {
                // What is wrong with the request itself stays wrong in any state.
                let malformed = ["offer.malformed", "infringement.clause"].contains(&code);
                let status = if malformed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::CONFLICT };
                let refusal = Self::new(status, code, sentence);
                match process {
                    Some(process) => refusal.with("state", process.state.as_str().into()),
                    None => refusal,
                }
            }
            EngineError::Store(error) => error.into(),
        }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "request.malformed", rejection.body_text())
    }
}

/// A JSON body; what cannot be read is a problem.
pub(super) struct Body<T>(pub(super) T);

impl<S, T> FromRequest<S> for Body<T>
where
    S: Send + Sync,
    T: serde::de::DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let whole = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(whole, state).await.map_err(JsonRejection::from)?;
        let again = Request::from_parts(parts, HttpBody::from(bytes.clone()));
        let axum::Json(value) = axum::Json::<T>::from_request(again, state).await?;
        // Two readers of a repeated key may see two policies.
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        read_json("the body", text).map_err(|sentence| ApiError::bad("request.malformed", sentence))?;
        Ok(Self(value))
    }
}

/// Query parameters; what cannot be read is a problem.
pub(super) struct Parameters<T>(pub(super) T);

impl<S, T> FromRequestParts<S> for Parameters<T>
where
    S: Send + Sync,
    T: serde::de::DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|q| Self(q.0)).map_err(|e| ApiError::bad("request.query", e.body_text()))
    }
}

/// Lets a request pass whose path can be decoded, before anything is taken out of it.
pub(super) async fn ask_for_text(request: Request, next: Next) -> Response {
    match percent_decode_str(request.uri().path()).decode_utf8() {
        Ok(_) => next.run(request).await,
        Err(_) => {
            ApiError::bad("request.path", "the path is not UTF-8 once its percent signs are decoded").into_response()
        }
    }
}

/// Whatever has no route.
pub(super) async fn unknown_path() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "path.unknown", "there is no such path; see /openapi.json")
}

/// A path of ours with a method that it does not have.
pub(super) async fn unknown_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method.unknown", "the path has no such method; see /openapi.json")
}
