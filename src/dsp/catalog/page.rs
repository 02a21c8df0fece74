//! Cutting the catalogue into pages, and the opaque token that names a page.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::OfferedDataset;
use super::query::{Criterion, DatasetQuery, LARGEST_PAGE, NotUnderstood, Operator, Sort, values};

/// The longest token that is read.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// After this many datasets.
    Skip(usize),
    /// After this identifier: stays right when datasets come and go.
    After(String),
    /// So that the page ends before this identifier.
    Before(String),
}

/// One page of datasets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatasetPage {
    /// What is on it.
    pub datasets: Vec<OfferedDataset>,
    /// Where the next page begins, when there is one.
    pub next: Option<Start>,
    /// Where the previous page begins, when there is one.
    pub previous: Option<Start>,
}

impl DatasetQuery {
    /// Filters, sorts and cuts what a caller may see, given in the order of identifiers. Without a sort field no more is taken
    /// from the iterator than the page needs.
    pub fn page<I>(&self, visible: I) -> DatasetPage
    where
        I: IntoIterator<Item = OfferedDataset>,
    {
        let matching = visible.into_iter().filter(|dataset| self.matches(dataset));
        match (&self.sort, &self.start) {
            (Some(sort), start) => {
                let skipped = if let Start::Skip(n) = start { *n } else { 0 };
                let mut all: Vec<_> = matching.map(|d| (values(&d, &sort.field), d)).collect();
                all.sort_by(|(a, _), (b, _)| if sort.descending { b.cmp(a) } else { a.cmp(b) });
                self.counted(all.into_iter().map(|(_, d)| d), skipped, false)
            }
            (None, Start::Skip(n)) => self.counted(matching, *n, true),
            (None, Start::After(id)) => {
                let mut page = self.counted(matching.skip_while(|d| d.id.as_str() <= id.as_str()), 0, true);
                page.previous = first(&page).or_else(|| Some(Start::Before(format!("{id}\u{0}"))));
                page
            }
            (None, Start::Before(id)) => self.ending(matching.take_while(|d| d.id.as_str() < id.as_str())),
        }
    }

    fn counted(&self, datasets: impl Iterator<Item = OfferedDataset>, skipped: usize, keyed: bool) -> DatasetPage {
        let mut rest = datasets.skip(skipped);
        let mut page = DatasetPage { datasets: rest.by_ref().take(self.limit).collect(), ..DatasetPage::default() };
        if rest.next().is_some() {
            let after = skipped.saturating_add(self.limit);
            page.next = if keyed { last(&page) } else { Some(Start::Skip(after)) };
        }
        if skipped > 0 {
            let back = Some(Start::Skip(skipped.saturating_sub(self.limit)));
            page.previous = if keyed { first(&page).or(back) } else { back };
        }
        page
    }

    fn ending(&self, datasets: impl Iterator<Item = OfferedDataset>) -> DatasetPage {
        let mut kept: VecDeque<OfferedDataset> = VecDeque::new();
        let mut more = false;
        for dataset in datasets {
            if kept.len() == self.limit {
                kept.pop_front();
                more = true;
            }
            kept.push_back(dataset);
        }
        let mut page = DatasetPage { datasets: kept.into(), ..DatasetPage::default() };
        page.next = last(&page).or(Some(Start::Skip(0)));
        page.previous = if more { first(&page) } else { None };
        page
    }

    /// The token of the page of this query that begins at `start`; holds the whole query.
    #[must_use]
    pub fn token(&self, start: &Start) -> String {
        let place = match start {
            Start::Skip(n) => json!(["skip", n.to_string()]),
            Start::After(id) => json!(["after", id]),
            Start::Before(id) => json!(["before", id]),
        };
        let criteria: Vec<Value> =
            self.criteria.iter().map(|c| json!([c.left, c.operator.as_str(), c.right])).collect();
        let sort = self.sort.as_ref().map(|s| json!([s.field, s.descending]));
        URL_SAFE_NO_PAD.encode(json!([place, self.limit.to_string(), sort, criteria]).to_string())
    }

    /// The query that a token holds.
    ///
    /// # Errors
    /// When the token was not made by [`DatasetQuery::token`].
    pub fn from_token(token: &str) -> Result<Self, NotUnderstood> {
        let wrong = || NotUnderstood("the continuation token is not one of ours; begin again without one".to_owned());
        if token.len() > LONGEST_TOKEN {
            return Err(wrong());
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
        let value = crate::model::json::parse(&bytes, 8).map_err(|_| wrong())?;
        read_token(&value).ok_or_else(wrong)
    }
}

fn read_token(value: &Value) -> Option<DatasetQuery> {
    let place = value.get(0)?;
    let named = place.get(1)?.as_str()?.to_owned();
    let start = match place.get(0)?.as_str()? {
        "skip" => Start::Skip(named.parse().ok()?),
        "after" => Start::After(named),
        "before" => Start::Before(named),
        _ => return None,
    };
    let limit = value.get(1)?.as_str()?.parse::<usize>().ok()?.clamp(1, LARGEST_PAGE);
    let sort = match value.get(2)? {
        Value::Null => None,
        sort => Some(Sort { field: sort.get(0)?.as_str()?.to_owned(), descending: sort.get(1)?.as_bool()? }),
    };
    let criteria = value.get(3)?.as_array()?.iter().map(read_criterion).collect::<Option<Vec<_>>>()?;
    Some(DatasetQuery { criteria, sort, start, limit })
}

fn read_criterion(value: &Value) -> Option<Criterion> {
    let right = value.get(2)?.as_array()?.iter().map(|r| r.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    Some(Criterion {
        left: value.get(0)?.as_str()?.to_owned(),
        operator: Operator::parse(value.get(1)?.as_str()?)?,
        right,
    })
}

fn first(page: &DatasetPage) -> Option<Start> {
    page.datasets.first().map(|d| Start::Before(d.id.to_string()))
}

fn last(page: &DatasetPage) -> Option<Start> {
    page.datasets.last().map(|d| Start::After(d.id.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Map;

    fn datasets(ids: &[String]) -> Vec<OfferedDataset> {
        ids.iter()
            .map(|id| OfferedDataset {
                id: id.as_str().into(),
                properties: Map::from_iter([("dct:title".to_owned(), json!(id.chars().rev().collect::<String>()))]),
                offers: vec![json!({})],
                formats: vec!["HttpData-PULL".to_owned()],
            })
            .collect()
    }

    fn ids(page: &DatasetPage) -> Vec<String> {
        page.datasets.iter().map(|d| d.id.to_string()).collect()
    }

    /// Follows `next` through tokens to the end, then `previous` back to the beginning.
    fn walk(all: &[String], mut query: DatasetQuery) -> (Vec<String>, Vec<String>) {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        let mut page = query.page(datasets(all));
        loop {
            there.extend(ids(&page));
            let Some(next) = page.next.clone() else { break };
            query = DatasetQuery::from_token(&query.token(&next)).unwrap();
            page = query.page(datasets(all));
        }
        loop {
            back.splice(0..0, ids(&page));
            let Some(previous) = page.previous.clone() else { break };
            query = DatasetQuery::from_token(&query.token(&previous)).unwrap();
            page = query.page(datasets(all));
        }
        (there, back)
    }

    proptest! {
        #[test]
        fn pages_hold_every_dataset_once_in_both_directions(
            set in prop::collection::btree_set("[a-c]{1,4}", 0..40), limit in 1_usize..7, sorted in any::<bool>()
        ) {
            let all: Vec<String> = set.into_iter().collect();
            let sort = sorted.then(|| Sort { field: "title".to_owned(), descending: true });
            let query = DatasetQuery { limit, sort, ..DatasetQuery::default() };
            let (there, back) = walk(&all, query);
            let mut expected = all.clone();
            if sorted {
                expected.sort_by_key(|id| std::cmp::Reverse(id.chars().rev().collect::<String>()));
            }
            prop_assert_eq!(&there, &expected);
            prop_assert_eq!(&back, &expected);
        }

        #[test]
        fn no_token_makes_trouble(token in "[A-Za-z0-9_-]{0,60}") {
            let _ = DatasetQuery::from_token(&token);
        }
    }

    #[test]
    fn a_page_stays_right_when_a_dataset_before_it_is_withdrawn() {
        let all: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let query = DatasetQuery { limit: 2, ..DatasetQuery::default() };
        let next = query.page(datasets(&all)).next.unwrap();
        let second = DatasetQuery { start: next, ..query };
        assert_eq!(ids(&second.page(datasets(&all[1..]))), ["c", "d"]);
    }

    #[test]
    fn only_what_the_page_needs_is_taken() {
        let mut taken = 0;
        let endless = (0..).map(|n| datasets(&[format!("{n:05}")]).remove(0)).inspect(|_| taken += 1);
        let page = DatasetQuery { limit: 3, ..DatasetQuery::default() }.page(endless);
        assert_eq!((page.datasets.len(), taken), (3, 4));
    }

    #[test]
    fn foreign_tokens_are_refused() {
        let made_up = URL_SAFE_NO_PAD.encode(r#"[["skip","x"],"1",null,[]]"#);
        for token in ["", "!!", "e30", made_up.as_str(), &"A".repeat(LONGEST_TOKEN + 1)] {
            assert!(DatasetQuery::from_token(token).is_err(), "{token:.20}");
        }
        let query = DatasetQuery {
            criteria: vec![Criterion { left: "id".into(), operator: Operator::Like, right: vec!["%".into()] }],
            sort: Some(Sort { field: "title".into(), descending: false }),
            ..DatasetQuery::default()
        };
        assert_eq!(DatasetQuery::from_token(&query.token(&Start::Skip(0))).unwrap(), query);
    }
}
