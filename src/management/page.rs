//! Keyset pages: `after` is the key of the last entry of the page before.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// How many entries a page has when nothing is said, and at most.
const USUAL: u32 = 100;
const MOST: u32 = 500;

/// Which page is wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// 100 when absent, never more than 500.
    limit: Option<u32>,
}

impl PageQuery {
    /// The page of a list with parameters of its own.
    pub(super) fn new(after: Option<String>, limit: Option<u32>) -> Self {
        Self { after, limit }
    }

    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many to fetch: one more than the page holds, to know whether there is a next one.
    pub(super) fn fetch(&self) -> u32 {
        self.limit() + 1
    }

    fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL).clamp(1, MOST)
    }

    /// The page of what is at hand as a whole, in the order of `key`.
    pub(super) fn of<T>(&self, mut all: Vec<T>, key: impl Fn(&T) -> String, show: impl Fn(&T) -> Value) -> Value {
        all.sort_by_cached_key(&key);
        let after = self.after();
        let mut found: Vec<T> = all.into_iter().filter(|item| after.is_none_or(|after| *key(item) > *after)).collect();
        found.truncate(self.fetch() as usize);
        self.cut(found, key, show)
    }

    /// The page as JSON: `items`, and `next` when there are more.
    pub(super) fn cut<T>(&self, mut found: Vec<T>, key: impl Fn(&T) -> String, show: impl Fn(&T) -> Value) -> Value {
        let limit = self.limit() as usize;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = if more { found.last().map(key) } else { None };
        let items: Vec<Value> = found.iter().map(show).collect();
        match next {
            Some(next) => json!({"items": items, "next": next}),
            None => json!({ "items": items }),
        }
    }
}
