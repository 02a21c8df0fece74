//! Reading the request's `filter`: EDC's `QuerySpec`, which EDC sends with every request.

use serde_json::Value;

use super::page::Start;
use super::query::{Criterion, DatasetQuery, LARGEST_PAGE, NotUnderstood, Operator, Sort};

/// Criteria in one request at most.
const MOST_CRITERIA: usize = 32;

/// Values of one criterion at most.
const MOST_VALUES: usize = 256;

impl DatasetQuery {
    /// From the `filter` of a `CatalogRequestMessage`; an absent or empty one asks for everything.
    ///
    /// # Errors
    /// When anything in it is not understood.
    pub fn from_filter(filter: Option<&Value>) -> Result<Self, NotUnderstood> {
        let mut query = Self::default();
        let entries = match filter {
            None | Some(Value::Null) => &[],
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        for entry in entries {
            query.take_spec(entry)?;
        }
        Ok(query)
    }

    fn take_spec(&mut self, spec: &Value) -> Result<(), NotUnderstood> {
        let map = spec.as_object().ok_or_else(|| refuse("a filter is an object of type QuerySpec"))?;
        for (name, value) in map {
            match bare(name) {
                "@type" if is_type(value, "QuerySpec") => {}
                "@id" | "@context" => {}
                "limit" => self.limit = number(value, "limit")?.clamp(1, LARGEST_PAGE),
                "offset" => self.start = Start::Skip(number(value, "offset")?),
                "sortOrder" => {
                    let descending = match literal(value).and_then(Value::as_str) {
                        Some("ASC") => false,
                        Some("DESC") => true,
                        _ => return Err(refuse("sortOrder is ASC or DESC")),
                    };
                    self.sort_mut().descending = descending;
                }
                "sortField" => {
                    if let Some(field) = literal(value).filter(|v| !v.is_null()) {
                        let field = field.as_str().ok_or_else(|| refuse("sortField is a text"))?;
                        field.clone_into(&mut self.sort_mut().field);
                    }
                }
                "filterExpression" => self.take_criteria(value)?,
                _ => return Err(refuse(format!("the filter's {} is not understood", short(name)))),
            }
        }
        // EDC always sends an order, seldom a field; without a field it is that of identifiers.
        self.sort = self.sort.take().filter(|s| !s.field.is_empty() || s.descending);
        if let Some(sort) = self.sort.as_mut().filter(|s| s.field.is_empty()) {
            "id".clone_into(&mut sort.field);
        }
        Ok(())
    }

    fn sort_mut(&mut self) -> &mut Sort {
        self.sort.get_or_insert(Sort { field: String::new(), descending: false })
    }

    fn take_criteria(&mut self, value: &Value) -> Result<(), NotUnderstood> {
        let list = match value {
            Value::Null => &[],
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        for entry in list {
            self.criteria.push(criterion(entry)?);
        }
        if self.criteria.len() > MOST_CRITERIA {
            return Err(refuse(format!("a filter has at most {MOST_CRITERIA} criteria")));
        }
        Ok(())
    }
}

fn criterion(value: &Value) -> Result<Criterion, NotUnderstood> {
    let map = value.as_object().ok_or_else(|| refuse("a filterExpression is a list of Criterion objects"))?;
    let (mut left, mut operator, mut right) = (None, None, None);
    for (name, value) in map {
        match bare(name) {
            "@type" if is_type(value, "Criterion") => {}
            "@id" | "@context" => {}
            "operandLeft" => left = literal(value).and_then(Value::as_str).map(|t| t.trim_matches('\'').to_owned()),
            "operator" => operator = literal(value).and_then(Value::as_str),
            "operandRight" => right = Some(texts(value)?),
            _ => return Err(refuse(format!("a criterion's {} is not understood", short(name)))),
        }
    }
    let left = left.filter(|l| !l.is_empty()).ok_or_else(|| refuse("a criterion needs an operandLeft"))?;
    let operator = operator.ok_or_else(|| refuse("a criterion needs an operator"))?;
    let operator = Operator::parse(operator).ok_or_else(|| {
        let known: Vec<&str> = Operator::ALL.iter().map(|(spelling, _)| *spelling).collect();
        refuse(format!("the operator {} is not understood; use one of {}", short(operator), known.join(", ")))
    })?;
    let right = right.filter(|r| !r.is_empty() || operator == Operator::In);
    let right = right.ok_or_else(|| refuse("a criterion needs an operandRight"))?;
    Ok(Criterion { left, operator, right })
}

fn texts(value: &Value) -> Result<Vec<String>, NotUnderstood> {
    let one = |value: &Value| match literal(value) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other @ (Value::Number(_) | Value::Bool(_))) => Ok(other.to_string()),
        _ => Err(refuse("an operandRight is a text, a number, or a list of them")),
    };
    match value {
        Value::Array(list) if list.len() <= MOST_VALUES => list.iter().map(one).collect(),
        Value::Array(_) => Err(refuse(format!("an operandRight has at most {MOST_VALUES} values"))),
        single => Ok(vec![one(single)?]),
    }
}

fn number(value: &Value, name: &str) -> Result<usize, NotUnderstood> {
    let number = literal(value).and_then(|v| match v {
        Value::Number(n) => n.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    number
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| refuse(format!("{name} is a number that is not negative")))
}

/// A value without its JSON-LD wrapping.
fn literal(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(map) => map.get("@value").or_else(|| map.get("@id")),
        Value::Array(list) if list.len() == 1 => literal(list.first()?),
        other => Some(other),
    }
}

fn is_type(value: &Value, wanted: &str) -> bool {
    literal(value).and_then(Value::as_str).is_some_and(|t| bare(t) == wanted)
}

fn bare(name: &str) -> &str {
    name.strip_prefix("https://w3id.org/edc/v0.0.1/ns/").or_else(|| name.strip_prefix("edc:")).unwrap_or(name)
}

fn refuse(sentence: impl Into<String>) -> NotUnderstood {
    NotUnderstood(sentence.into())
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_edc_sends_with_every_request_asks_for_everything() {
        let recorded =
            json!([{"@type": "QuerySpec", "limit": 50, "offset": 0, "sortOrder": "ASC", "filterExpression": []}]);
        let query = DatasetQuery::from_filter(Some(&recorded)).unwrap();
        assert_eq!(query, DatasetQuery { limit: 50, ..DatasetQuery::default() });
        assert_eq!(DatasetQuery::from_filter(Some(&json!([]))).unwrap(), DatasetQuery::default());
        assert_eq!(DatasetQuery::from_filter(None).unwrap(), DatasetQuery::default());
    }

    #[test]
    fn a_full_query_is_understood_in_every_spelling() {
        let ns = "https://w3id.org/edc/v0.0.1/ns/";
        let filter = json!([{"@type": format!("{ns}QuerySpec"), "edc:limit": {"@value": 7}, "offset": "14",
            "sortOrder": "DESC", "sortField": "dct:title", (format!("{ns}filterExpression")): {
                "@type": "Criterion", "operandLeft": format!("{ns}id"), "operator": "in", "operandRight": ["a", {"@value": 2}]}}]);
        let query = DatasetQuery::from_filter(Some(&filter)).unwrap();
        assert_eq!((query.limit, &query.start), (7, &Start::Skip(14)));
        assert_eq!(query.sort, Some(Sort { field: "dct:title".into(), descending: true }));
        let criterion = &query.criteria[0];
        assert_eq!((criterion.operator, criterion.right.clone()), (Operator::In, vec!["a".to_owned(), "2".to_owned()]));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_the_reason() {
        for (filter, told) in [
            (json!(["text"]), "QuerySpec"),
            (json!([{"@type": "SparqlQuery"}]), "@type"),
            (json!([{"query": "x"}]), "query"),
            (json!([{"limit": -1}]), "limit"),
            (json!([{"offset": 1.5}]), "offset"),
            (json!([{"sortOrder": "UP"}]), "sortOrder"),
            (json!([{"filterExpression": [{"operandLeft": "id", "operator": "~", "operandRight": "x"}]}]), "="),
            (json!([{"filterExpression": [{"operandLeft": "id", "operator": "="}]}]), "operandRight"),
            (json!([{"filterExpression": [{"operator": "=", "operandRight": "x"}]}]), "operandLeft"),
            (
                json!([{"filterExpression": [{"operandLeft": "id", "operator": "=", "operandRight": {}}]}]),
                "operandRight",
            ),
            (
                json!([{"filterExpression": vec![json!({"operandLeft": "a", "operator": "=", "operandRight": 1}); 33]}]),
                "32",
            ),
        ] {
            let refusal = DatasetQuery::from_filter(Some(&filter)).unwrap_err();
            assert!(refusal.0.contains(told), "{filter}: {refusal}");
        }
    }
}
