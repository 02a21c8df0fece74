//! Which endpoint a path is: one table for both roles.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use crate::dsp::wire::{Family, MessageType};
use crate::model::ids::{DatasetId, Pid};
use crate::model::process::ProcessKind;

/// An endpoint of the protocol. The role is not in the path: the process knows its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The catalogue.
    CatalogRequest,
    /// One dataset.
    Dataset(DatasetId),
    /// The state of a process.
    Show(ProcessKind, Pid),
    /// A message: the first of a process when there is no pid.
    Receive(ProcessKind, Option<Pid>, MessageType),
}

impl Endpoint {
    pub(super) fn family(&self) -> Family {
        match self {
            Self::CatalogRequest | Self::Dataset(_) => Family::Catalog,
            Self::Show(kind, _) | Self::Receive(kind, ..) => (*kind).into(),
        }
    }

    /// Our pid in the path.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self {
            Self::Show(_, pid) | Self::Receive(_, Some(pid), _) => Some(pid.clone()),
            _ => None,
        }
    }
}

/// What a method and path lead to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Endpoint(Endpoint),
    /// There is such an endpoint, for this method.
    OtherMethod(&'static str),
    Nothing,
}

/// Finds the endpoint for the path after the versioned base. Empty segments do not count: some peers double or append slashes.
pub(super) fn find(method: &Method, rest: &str) -> Found {
    let segments: Vec<&str> = rest.split('/').filter(|s| !s.is_empty()).collect();
    let found = match segments.as_slice() {
        ["catalog", "request"] => Some(("POST", Endpoint::CatalogRequest)),
        ["catalog", "datasets", ..] => {
            // An identifier with unencoded slashes is everything that follows.
            let id = rest.split_once("/datasets/").map(|(_, id)| id.trim_end_matches('/')).filter(|id| !id.is_empty());
            id.and_then(decoded).map(|id| ("GET", Endpoint::Dataset(id.into())))
        }
        ["negotiations", inner @ ..] => negotiation(method, inner),
        ["transfers", inner @ ..] => transfer(method, inner),
        _ => None,
    };
    match found {
        None => Found::Nothing,
        Some((_, endpoint @ Endpoint::CatalogRequest)) if *method == Method::GET => Found::Endpoint(endpoint),
        Some((allowed, endpoint)) if method.as_str() == allowed => Found::Endpoint(endpoint),
        Some((allowed, _)) => Found::OtherMethod(allowed),
    }
}

fn negotiation(method: &Method, segments: &[&str]) -> Option<(&'static str, Endpoint)> {
    use MessageType as T;
    let (pid, message_type) = match segments {
        ["request"] if *method == Method::POST => (None, T::ContractRequest),
        ["offers"] if *method == Method::POST => (None, T::ContractOffer),
        [pid] => return Some(("GET", Endpoint::Show(ProcessKind::Negotiation, decoded(pid)?.into()))),
        [pid, "request"] => (Some(pid), T::ContractRequest),
        [pid, "offers"] => (Some(pid), T::ContractOffer),
        [pid, "events"] => (Some(pid), T::ContractEvent),
        [pid, "agreement"] => (Some(pid), T::ContractAgreement),
        [pid, "agreement", "verification"] => (Some(pid), T::ContractVerification),
        [pid, "termination"] => (Some(pid), T::ContractTermination),
        _ => return None,
    };
    receive(ProcessKind::Negotiation, pid, message_type)
}

fn transfer(method: &Method, segments: &[&str]) -> Option<(&'static str, Endpoint)> {
    use MessageType as T;
    let (pid, message_type) = match segments {
        ["request"] if *method == Method::POST => (None, T::TransferRequest),
        [pid] => return Some(("GET", Endpoint::Show(ProcessKind::Transfer, decoded(pid)?.into()))),
        [pid, "start"] => (Some(pid), T::TransferStart),
        [pid, "completion"] => (Some(pid), T::TransferCompletion),
        [pid, "suspension"] => (Some(pid), T::TransferSuspension),
        [pid, "termination"] => (Some(pid), T::TransferTermination),
        _ => return None,
    };
    receive(ProcessKind::Transfer, pid, message_type)
}

fn receive(kind: ProcessKind, pid: Option<&&str>, message_type: MessageType) -> Option<(&'static str, Endpoint)> {
    let pid = match pid {
        Some(pid) => Some(Pid::from(decoded(pid)?)),
        None => None,
    };
    Some(("POST", Endpoint::Receive(kind, pid, message_type)))
}

/// A segment as text; `None` when it is not UTF-8 or has control characters.
fn decoded(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.chars().any(char::is_control)).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn post(path: &str) -> Found {
        find(&Method::POST, path)
    }

    fn receives(kind: ProcessKind, pid: Option<&str>, message_type: MessageType) -> Found {
        Found::Endpoint(Endpoint::Receive(kind, pid.map(Pid::from), message_type))
    }

    #[test]
    fn every_endpoint_of_both_roles_is_found() {
        use MessageType as T;
        use ProcessKind::{Negotiation, Transfer};
        for (path, kind, pid, message_type) in [
            ("/negotiations/request", Negotiation, None, T::ContractRequest),
            ("/negotiations/offers", Negotiation, None, T::ContractOffer),
            ("/negotiations/p/request", Negotiation, Some("p"), T::ContractRequest),
            ("/negotiations/p/offers", Negotiation, Some("p"), T::ContractOffer),
            ("/negotiations/p/events", Negotiation, Some("p"), T::ContractEvent),
            ("/negotiations/p/agreement", Negotiation, Some("p"), T::ContractAgreement),
            ("/negotiations/p/agreement/verification", Negotiation, Some("p"), T::ContractVerification),
            ("/negotiations/p/termination", Negotiation, Some("p"), T::ContractTermination),
            ("/transfers/request", Transfer, None, T::TransferRequest),
            ("/transfers/p/start", Transfer, Some("p"), T::TransferStart),
            ("/transfers/p/completion", Transfer, Some("p"), T::TransferCompletion),
            ("/transfers/p/suspension", Transfer, Some("p"), T::TransferSuspension),
            ("/transfers/p/termination", Transfer, Some("p"), T::TransferTermination),
        ] {
            assert_eq!(post(path), receives(kind, pid, message_type), "{path}");
            assert_eq!(
                find(&Method::PUT, path),
                if pid.is_none() { Found::OtherMethod("GET") } else { Found::OtherMethod("POST") }
            );
        }
        for (path, kind) in [("/negotiations/p", Negotiation), ("/transfers/p", Transfer)] {
            assert_eq!(find(&Method::GET, path), Found::Endpoint(Endpoint::Show(kind, "p".into())));
        }
        assert_eq!(post("/catalog/request"), Found::Endpoint(Endpoint::CatalogRequest));
        assert_eq!(find(&Method::GET, "/catalog/datasets/a"), Found::Endpoint(Endpoint::Dataset("a".into())));
        assert_eq!(post("/catalog/datasets/a"), Found::OtherMethod("GET"));
    }

    #[test]
    fn doubled_and_trailing_slashes_and_encoded_pids_are_tolerated() {
        let expected = receives(ProcessKind::Negotiation, Some("urn:uuid:1"), MessageType::ContractEvent);
        assert_eq!(post("//negotiations//urn%3Auuid%3A1/events/"), expected);
        assert_eq!(post("/negotiations/urn:uuid:1/events"), expected);
        for path in ["/catalog/datasets/https%3A%2F%2Fx%2Fa", "//catalog/datasets/https://x/a/"] {
            assert_eq!(find(&Method::GET, path), Found::Endpoint(Endpoint::Dataset("https://x/a".into())), "{path}");
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in [
            "",
            "/",
            "/catalog",
            "/catalog/datasets",
            "/catalog/datasets/",
            "/negotiations",
            "/negotiations/p/x",
            "/negotiations/p/events/x",
            "/transfers/p/agreement",
            "/negotiations/%ff",
            "/transfers/a%00b/start",
        ] {
            assert_eq!(post(path), Found::Nothing, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_trouble(path in "[a-z/%0-9.]{0,40}") {
            let _ = (find(&Method::GET, &path), find(&Method::POST, &path));
        }
    }
}
