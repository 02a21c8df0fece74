//! The consent service, from the configuration.

use std::sync::Arc;

use crate::config::{Consent, ConsentDeclaration};
use crate::dataplane::{self, ConsentService, ConsentSettings, Consents, SubjectPlace};
use crate::xroad::client::XRoadClient;

/// Consents as the data plane asks for them.
pub(super) fn consents(configured: &Consent, client: &XRoadClient) -> Consents {
    let service = ConsentService::new(
        client.clone(),
        configured.service.clone(),
        configured.reporting_service.clone(),
        configured.timeout(),
    );
    let settings = ConsentSettings {
        bound: configured.cache(),
        client: configured.client.clone(),
        declarations: configured.declaration.iter().map(declaration).collect(),
    };
    Consents::new(Arc::new(service), settings)
}

fn declaration(configured: &ConsentDeclaration) -> dataplane::ConsentDeclaration {
    let places = (&configured.subject_path, &configured.subject_query, &configured.subject_pointer);
    let subject = match places {
        (Some(path), ..) => SubjectPlace::Path(path.clone()),
        (_, Some(parameter), _) => SubjectPlace::Query(parameter.clone()),
        (.., Some(pointer)) => SubjectPlace::Pointer(pointer.clone()),
        (None, None, None) => SubjectPlace::Declared,
    };
    dataplane::ConsentDeclaration { id: configured.id.clone(), assets: configured.assets.clone(), subject }
}
