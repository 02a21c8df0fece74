//! A page of a list, as all commands ask for it and print it.

use anyhow::Result;
use serde_json::Value;

use super::api::{Connection, get, told};
use super::out::{say, shown};

/// Which page, and how it is printed.
#[derive(clap::Args)]
pub(super) struct Page {
    #[command(flatten)]
    connection: Connection,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// What comes after this key: `next` of the page before
    #[arg(long)]
    after: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Page {
    /// Prints the page of a list of the management API: of each entry these columns.
    pub(super) async fn print(&self, noun: &str, wanted: &[(&str, &Option<String>)], columns: &[&str]) -> Result<u8> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        for (name, value) in wanted.iter().chain(&[("after", &self.after)]) {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let page = get(&self.connection, &format!("/api/v1/{noun}?{}", query.finish())).await?;
        if self.json {
            say!("{page:#}");
            return Ok(0);
        }
        say!("{}", columns.join("\t"));
        for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            say!("{}", columns.iter().map(|column| cell(item, column)).collect::<Vec<_>>().join("\t"));
        }
        if let Some(next) = page.get("next").filter(|next| !next.is_null()) {
            say!("more: --after {}", next.as_str().map_or_else(|| next.to_string().into(), shown));
        }
        Ok(0)
    }
}

/// A property as it is printed; texts of a list with commas between.
fn cell(item: &Value, column: &str) -> String {
    match item.get(column) {
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).map(shown).collect::<Vec<_>>().join(",")
        }
        _ => told(item, column),
    }
}
