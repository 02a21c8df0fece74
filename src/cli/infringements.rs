//! `sliproad infringements`: what was done against agreements.
#![expect(clippy::print_stdout, reason = "commands speak to who called them")]

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::api::{Connection, field, get, post};

/// Report that an agreement was infringed, list such reports, or take one back.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List infringements, oldest first
    List(List),
    /// Report that a prohibition of an agreement was infringed, or a duty to keep something up
    Report(Report),
    /// Take a report back that was made by mistake
    Withdraw(Withdraw),
}

/// A page of infringements.
#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    connection: Connection,
    /// Of this agreement only
    #[arg(long)]
    agreement: Option<String>,
    /// In this state only: open, healed or withdrawn
    #[arg(long)]
    state: Option<String>,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// What comes after this id: `next` of the page before
    #[arg(long)]
    after: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// A report.
#[derive(clap::Args)]
pub(super) struct Report {
    #[command(flatten)]
    connection: Connection,
    /// The agreement's id
    agreement: String,
    /// JSON Pointer of what was infringed, in the agreement's policy, such as /prohibition/0
    clause: String,
    /// When it happened, such as 2026-11-24T10:00:00Z; just now when absent
    #[arg(long)]
    infringed: Option<String>,
    /// What there is to say of it, such as how it became known
    #[arg(long)]
    note: Option<String>,
    /// Which copy of the agreement, where both sides are kept here: provider or consumer
    #[arg(long)]
    role: Option<String>,
    /// Whose copy of the agreement, where several participants keep one: id or name
    #[arg(long)]
    participant: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// A report to be taken back.
#[derive(clap::Args)]
pub(super) struct Withdraw {
    #[command(flatten)]
    connection: Connection,
    /// The infringement's id
    id: String,
    /// Why
    #[arg(long)]
    note: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) async fn run(self) -> Result<u8> {
        match self {
            Self::List(list) => list.run().await,
            Self::Report(report) => report.run().await,
            Self::Withdraw(withdraw) => withdraw.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<u8> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        for (name, value) in [("agreement", &self.agreement), ("state", &self.state), ("after", &self.after)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let page = get(&self.connection, &format!("/api/v1/infringements?{}", query.finish())).await?;
        if self.json {
            println!("{page:#}");
            return Ok(0);
        }
        println!("id\tstate\tclause\tinfringed\treported\tcounterparty\tagreement");
        for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            let shown = ["id", "state", "clause", "infringed", "reported", "counterparty", "agreement"];
            println!("{}", shown.map(|name| field(item, name)).join("\t"));
        }
        if let Some(next) = page.get("next").and_then(Value::as_str) {
            println!("more: --after {next}");
        }
        Ok(0)
    }
}

impl Report {
    async fn run(self) -> Result<u8> {
        let mut body = given([
            ("infringed", self.infringed),
            ("note", self.note),
            ("role", self.role),
            ("participant", self.participant),
        ]);
        body.insert("agreement".to_owned(), json!(self.agreement));
        body.insert("clause".to_owned(), json!(self.clause));
        let reported = post(&self.connection, "/api/v1/infringements", &Value::Object(body)).await?;
        print(&reported, self.json);
        Ok(0)
    }
}

impl Withdraw {
    async fn run(self) -> Result<u8> {
        let id: String = url::form_urlencoded::byte_serialize(self.id.as_bytes()).collect();
        let body = Value::Object(given([("note", self.note)]));
        let withdrawn = post(&self.connection, &format!("/api/v1/infringements/{id}/withdraw"), &body).await?;
        print(&withdrawn, self.json);
        Ok(0)
    }
}

fn given<const N: usize>(values: [(&str, Option<String>); N]) -> Map<String, Value> {
    values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect()
}

fn print(infringement: &Value, as_json: bool) {
    if as_json {
        println!("{infringement:#}");
    } else {
        println!("{} is {}", field(infringement, "id"), field(infringement, "state"));
    }
}
