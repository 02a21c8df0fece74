//! Values that credentials show: Gaia-X names its left operands by a place in a credential (`ovc:leftOperand`, a JSONPath from the
//! credential's root, with `ovc:credentialSubjectType`).

use serde_json::Value;
use serde_json_path::JsonPath;

use super::parse::text;
use super::world::World;

const LONGEST: usize = 512;

/// The place that an operand's registered name (`ovc:TYPE$.PATH`) tells; `None` when it is none.
fn place(operand: &str) -> Option<(&str, JsonPath)> {
    let place = operand.strip_prefix("ovc:")?;
    let (kind, path) = place.split_at(place.find('$')?);
    if path.len() > LONGEST {
        return None;
    }
    let read = JsonPath::parse(path).or_else(|_| JsonPath::parse(&quoted(path)));
    read.ok().map(|path| (kind, path))
}

/// Whether an operand's name tells a place in a credential.
pub(super) fn is_place(operand: &str) -> bool {
    place(operand).is_some()
}

/// Names with a prefix, which are met in practice although RFC 9535 §2.5.1.1 wants them quoted.
fn quoted(path: &str) -> String {
    let mut segments = path.split('.');
    let mut out = segments.next().unwrap_or_default().to_owned();
    for segment in segments {
        let (name, rest) = segment.split_at(segment.find('[').unwrap_or(segment.len()));
        let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '*');
        if plain {
            out.push('.');
            out.push_str(name);
        } else {
            out.push_str(&format!("[{}]", Value::from(name)));
        }
        out.push_str(rest);
    }
    out
}

/// The values at the place that an operand names, in all credentials whose subject is of the type named; `None` when no credential
/// has any.
pub(super) fn by_credentials(world: &World, operand: &str) -> Option<Vec<String>> {
    if world.credentials.is_empty() {
        return None;
    }
    let (kind, path) = place(operand)?;
    let mut values: Vec<String> = Vec::new();
    for credential in world.credentials.iter().filter(|credential| is_about(credential, kind)) {
        let found = path.query(credential).all().into_iter();
        let scalars =
            found.flat_map(|value| value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice));
        values.extend(scalars.filter(|value| !value.is_object()).filter_map(text));
    }
    values.sort_unstable();
    values.dedup();
    (!values.is_empty()).then_some(values)
}

fn is_about(credential: &Value, kind: &str) -> bool {
    let subjects = credential.get("credentialSubject");
    let subjects = subjects.map(|said| said.as_array().map_or_else(|| std::slice::from_ref(said), Vec::as_slice));
    kind.is_empty() || subjects.unwrap_or_default().iter().chain([credential]).any(|one| is_of(one, kind))
}

fn is_of(one: &Value, kind: &str) -> bool {
    let named = one.get("type").or_else(|| one.get("@type"));
    match named {
        Some(Value::Array(all)) => all.iter().any(|name| name == kind),
        Some(name) => name == kind,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    fn seen(operand: &str) -> Option<Vec<String>> {
        let credential = json!({
            "type": ["VerifiableCredential"],
            "credentialSubject": {"type": "gx:LegalParticipant", "gx:legalAddress": {"gx:country": ["FR", "BE"]}, "size": 3},
        });
        by_credentials(&World { credentials: vec![Arc::new(credential)], ..World::default() }, operand)
    }

    #[test]
    fn a_place_in_a_credential_has_values_for_subjects_of_its_type() {
        let path = "$.credentialSubject.gx:legalAddress.gx:country";
        let both = Some(vec!["BE".to_owned(), "FR".to_owned()]);
        assert_eq!(seen(&format!("ovc:gx:LegalParticipant{path}")), both);
        assert_eq!(seen(&format!("ovc:{path}")), both);
        assert_eq!(seen("ovc:$.credentialSubject['gx:legalAddress']['gx:country'][0]"), Some(vec!["FR".to_owned()]));
        assert_eq!(seen("ovc:$.credentialSubject.size"), Some(vec!["3".to_owned()]));
        assert_eq!(seen(&format!("ovc:gx:NaturalPerson{path}")), None);
        assert_eq!(seen("ovc:$.credentialSubject.other"), None);
        assert_eq!(seen("ovc:$.credentialSubject"), None, "an object is no value");
    }

    #[test]
    fn what_is_no_path_names_no_place() {
        for operand in ["ovc:", "ovc:gx:LegalParticipant", "ovc:$.a[", "spatial", "ovc:$.a..["] {
            assert!(!is_place(operand), "{operand}");
        }
    }
}
