//! What a caller asks of the catalogue: criteria, order, place and size of the page.

use super::OfferedDataset;
use super::page::Start;

/// Datasets on a page when the caller does not say.
pub const USUAL_PAGE: usize = 100;

/// Datasets on a page at most.
pub const LARGEST_PAGE: usize = 500;

/// A filter that is not understood (HTTP 400 with a `CatalogError`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotUnderstood(pub String);

/// One request to the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetQuery {
    /// All must hold.
    pub criteria: Vec<Criterion>,
    /// The order, when not that of identifiers.
    pub sort: Option<Sort>,
    /// Where the page begins.
    pub start: Start,
    /// How many datasets it holds at most.
    pub limit: usize,
}

impl Default for DatasetQuery {
    fn default() -> Self {
        Self { criteria: Vec::new(), sort: None, start: Start::Skip(0), limit: USUAL_PAGE }
    }
}

impl DatasetQuery {
    /// Whether a dataset satisfies every criterion.
    #[must_use]
    pub fn matches(&self, dataset: &OfferedDataset) -> bool {
        self.criteria.iter().all(|criterion| criterion.holds(dataset))
    }
}

/// The order of a property's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// `id`, or a property by its whole or local name.
    pub field: String,
    /// Greatest first.
    pub descending: bool,
}

/// A condition on the identifier or a property, as EDC's `Criterion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// `id`, or a property by its whole or local name.
    pub left: String,
    /// How to compare.
    pub operator: Operator,
    /// With what; one value except for `in`.
    pub right: Vec<String>,
}

/// How a criterion compares texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `in`
    In,
    /// `like`: `%` is any text, `_` any character.
    Like,
    /// `ilike`: as `like`, whatever the case.
    LikeAnyCase,
    /// `contains`: a list has the value, or a text has it as a part.
    Contains,
}

impl Operator {
    /// Every operator with its spelling.
    pub const ALL: [(&'static str, Self); 6] = [
        ("=", Self::Equal),
        ("!=", Self::NotEqual),
        ("in", Self::In),
        ("like", Self::Like),
        ("ilike", Self::LikeAnyCase),
        ("contains", Self::Contains),
    ];

    /// The operator of that spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(text)).map(|(_, operator)| operator)
    }

    /// Its spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, operator)| *operator == self).map_or("=", |(spelling, _)| spelling)
    }
}

impl Criterion {
    /// Whether it holds for a dataset; a property that is not there satisfies `!=` only.
    #[must_use]
    pub fn holds(&self, dataset: &OfferedDataset) -> bool {
        let values = values(dataset, &self.left);
        let any = |test: fn(&str, &str) -> bool| {
            values.iter().any(|value| self.right.iter().any(|wanted| test(value, wanted)))
        };
        match self.operator {
            Operator::Equal | Operator::In => any(|value, wanted| value == wanted),
            Operator::NotEqual => !any(|value, wanted| value == wanted),
            Operator::Like => any(like),
            Operator::LikeAnyCase => any(|value, wanted| like(&value.to_lowercase(), &wanted.to_lowercase())),
            Operator::Contains => any(|value, wanted| value.contains(wanted)),
        }
    }
}

/// The texts of a property, or of the identifier.
pub(super) fn values(dataset: &OfferedDataset, field: &str) -> Vec<String> {
    let wanted = local_name(field);
    if matches!(wanted, "id" | "@id") {
        return vec![dataset.id.to_string()];
    }
    let whole = dataset.properties.get(field);
    let found =
        whole.or_else(|| dataset.properties.iter().find(|(name, _)| local_name(name) == wanted).map(|(_, v)| v));
    match found {
        None => Vec::new(),
        Some(serde_json::Value::Array(list)) => list.iter().map(text).collect(),
        Some(one) => vec![text(one)],
    }
}

fn text(value: &serde_json::Value) -> String {
    let inner = value.get("@value").or_else(|| value.get("@id")).unwrap_or(value);
    inner.as_str().map_or_else(|| inner.to_string(), str::to_owned)
}

/// The part of a name after its vocabulary: `title` of `dct:title` and of `http://purl.org/dc/terms/title`.
fn local_name(name: &str) -> &str {
    name.trim_matches('\'').rsplit(['/', '#', ':']).next().unwrap_or(name)
}

/// SQL's LIKE without escapes; linear, as the last `%` is the only place to return to.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p, mut back) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '_' || Some(c) == text.get(t) => {
                t += 1;
                p += 1;
            }
            _ => {
                let Some((after, from)) = back else { return false };
                back = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    fn dataset(properties: &serde_json::Value) -> OfferedDataset {
        let properties: Map<_, _> = properties.as_object().unwrap().clone();
        OfferedDataset { id: "EE:GOV:1:land:register".into(), properties, offers: Vec::new(), formats: Vec::new() }
    }

    fn holds(left: &str, operator: &str, right: &[&str]) -> bool {
        let dataset = dataset(&json!({"dct:title": "Land register", "dcat:keyword": ["land", "parcels"],
                                     "dct:publisher": {"@id": "did:web:x"}}));
        let criterion = Criterion {
            left: left.to_owned(),
            operator: Operator::parse(operator).unwrap(),
            right: right.iter().map(|r| (*r).to_owned()).collect(),
        };
        criterion.holds(&dataset)
    }

    #[test]
    fn the_identifier_is_compared_under_all_of_its_names() {
        for name in ["id", "@id", "https://w3id.org/edc/v0.0.1/ns/id", "edc:id"] {
            assert!(holds(name, "=", &["EE:GOV:1:land:register"]), "{name}");
            assert!(!holds(name, "=", &["EE:GOV:1:land"]), "{name}");
        }
        assert!(holds("id", "in", &["other", "EE:GOV:1:land:register"]));
        assert!(holds("id", "!=", &["other"]));
    }

    #[test]
    fn properties_are_found_by_whole_and_local_name() {
        assert!(holds("http://purl.org/dc/terms/title", "=", &["Land register"]));
        assert!(holds("dct:title", "like", &["Land%"]));
        assert!(holds("title", "ilike", &["%REG_ster"]));
        assert!(!holds("title", "like", &["%REG_ster"]));
        assert!(holds("keyword", "contains", &["parcels"]));
        assert!(holds("publisher", "=", &["did:web:x"]));
        assert!(!holds("nothing", "=", &["x"]));
        assert!(holds("nothing", "!=", &["x"]));
    }

    #[test]
    fn a_pattern_of_many_wildcards_ends_quickly() {
        assert!(!like(&"a".repeat(5_000), &format!("{}b", "%a".repeat(500))));
        assert!(like("", "%") && like("", "") && !like("", "_") && like("abc", "a%%c"));
    }
}
