//! `sliproad infringements`: what was done against agreements.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::api::{Connection, post, told};
use super::list::Page;
use super::out::say;

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
    page: Page,
    /// Of this agreement only
    #[arg(long)]
    agreement: Option<String>,
    /// In this state only: open, healed or withdrawn
    #[arg(long)]
    state: Option<String>,
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
        let wanted = [("agreement", &self.agreement), ("state", &self.state)];
        let columns = ["id", "state", "clause", "infringed", "reported", "counterparty", "agreement"];
        self.page.print("infringements", &wanted, &columns).await
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
        say!("{infringement:#}");
    } else {
        say!("{} is {}", told(infringement, "id"), told(infringement, "state"));
    }
}
