//! The version document (DSP 2025-1, Common Requirements §Exposure of versions).

use serde_json::{Value, json};

use super::{BASE_PATH, VERSION};
use crate::dsp::participants::Participant;

/// Path of the version document below a participant's base, and below the common root.
pub const VERSION_PATH: &str = "/.well-known/dspace-version";

/// The document of some participants; `path` begins at the root that the document is fetched from.
///
/// Below a participant's own base the path is the same for each; at the common root it begins with the participant's segment.
#[must_use]
pub fn version_document<'a>(participants: impl Iterator<Item = &'a Participant>, at_root: bool) -> Value {
    let versions: Vec<Value> = participants
        .map(|participant| {
            let path = if at_root { format!("/{}{BASE_PATH}", participant.segment) } else { BASE_PATH.to_owned() };
            let mut entry = json!({"version": VERSION, "path": path, "binding": "HTTPS", "serviceId": participant.id});
            if participant.id.as_str().starts_with("did:web:")
                && let Some(map) = entry.as_object_mut()
            {
                map.insert("identifierType".to_owned(), json!("did:web"));
            }
            entry
        })
        .collect();
    json!({"protocolVersions": versions})
}
