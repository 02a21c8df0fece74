//! Where a call names the person whose consent it needs: a consent of one may not open the data of another.

use crate::xroad::path::AssetPath;

/// Where a call names the data subject that the consumer shows in its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectPlace {
    /// In the path: segments, of which one is `{subject}`; `*` stands for any one, `**` at the end for any number.
    Path(String),
    /// In a parameter of the query, which comes once.
    Query(String),
    /// In the JSON body, by its JSON Pointer (RFC 6901).
    Pointer(String),
    /// In the header only: the service must compare for itself.
    Declared,
}

impl SubjectPlace {
    /// Whether a call names this data subject, and no other.
    pub(super) fn is_named(&self, (path, in_body): (&AssetPath, Option<&str>), subject: &str) -> bool {
        match self {
            Self::Pointer(_) => in_body == Some(subject),
            Self::Path(pattern) => in_path(pattern, path.decoded(), subject),
            Self::Query(name) => {
                let query = url::form_urlencoded::parse(path.query().unwrap_or_default().as_bytes());
                let mut named = query.filter(|(key, _)| key == name).map(|(_, value)| value);
                named.next().is_some_and(|value| value == subject) && named.next().is_none()
            }
            Self::Declared => true,
        }
    }
}

fn in_path(pattern: &str, path: &str, subject: &str) -> bool {
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let fits = match (wanted, segments.next()) {
            ("**", segment) => return segment.is_some(),
            ("{subject}", segment) => segment == Some(subject),
            ("*", Some(segment)) => !segment.is_empty(),
            (wanted, segment) => segment == Some(wanted),
        };
        if !fits {
            return false;
        }
    }
    segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_its_subject_where_the_declaration_says() {
        let named =
            |place: &SubjectPlace, path: &str| place.is_named((&AssetPath::parse(path).unwrap(), Some("8")), "7");
        let path = SubjectPlace::Path("/persons/{subject}/**".to_owned());
        assert!(named(&path, "/persons/7/residence"));
        for other in ["/persons/8/residence", "/persons/7", "/persons/8/7", "/x/7/a"] {
            assert!(!named(&path, other), "{other}");
        }
        let path = SubjectPlace::Path("/*/{subject}".to_owned());
        assert!(named(&path, "/persons/7") && !named(&path, "/persons/7/a") && !named(&path, "/persons/77"));
        let (pointer, path) = (SubjectPlace::Pointer("/code".to_owned()), AssetPath::parse("/7").unwrap());
        let in_body = |named: Option<&str>| pointer.is_named((&path, named), "7");
        assert!(in_body(Some("7")) && !in_body(Some("8")) && !in_body(None));
        let query = SubjectPlace::Query("code".to_owned());
        assert!(named(&query, "/persons?a=1&code=7") && named(&query, "/?c%6Fde=%37"));
        for other in ["/persons", "/?code=8", "/?code=7&code=8", "/?code=7&c%6fde=8", "/?Code=7"] {
            assert!(!named(&query, other), "{other}");
        }
    }
}
