//! `sliproad obligations`: what agreements ask to be done.

use anyhow::Result;
use serde_json::json;

use super::api::{Connection, field, post, told};
use super::list::Page;
use super::out::say;

/// List what agreements ask to be done, or confirm that it was done.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List obligations, oldest first
    List(List),
    /// Confirm that an obligation was performed
    Confirm(Confirm),
}

/// A page of obligations.
#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    page: Page,
    /// Of this agreement only
    #[arg(long)]
    agreement: Option<String>,
    /// In this state only: open, waiting, keeping, fulfilled, overdue, escalated, infringed or lifted
    #[arg(long)]
    state: Option<String>,
}

/// A confirmation.
#[derive(clap::Args)]
pub(super) struct Confirm {
    #[command(flatten)]
    connection: Connection,
    /// The obligation's id
    id: String,
    /// When it was done, such as 2026-11-24T10:00:00Z; just now when absent
    #[arg(long)]
    performed: Option<String>,
    /// What there is to say of it, such as where the receipt is
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
            Self::Confirm(confirm) => confirm.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<u8> {
        let wanted = [("agreement", &self.agreement), ("state", &self.state)];
        let columns = ["id", "state", "actions", "notBefore", "deadline", "performed", "counterparty", "agreement"];
        self.page.print("obligations", &wanted, &columns).await
    }
}

impl Confirm {
    async fn run(self) -> Result<u8> {
        let mut body = json!({});
        if let Some(map) = body.as_object_mut() {
            for (name, value) in [("performed", self.performed), ("note", self.note)] {
                map.extend(value.map(|value| (name.to_owned(), json!(value))));
            }
        }
        let id: String = url::form_urlencoded::byte_serialize(self.id.as_bytes()).collect();
        let confirmed = post(&self.connection, &format!("/api/v1/obligations/{id}/confirm"), &body).await?;
        if self.json {
            say!("{confirmed:#}");
        } else {
            say!("{} is {}", told(&confirmed, "id"), told(&confirmed, "state"));
            // What is confirmed and still stands open has more to be said of it.
            if field(&confirmed, "state") != "fulfilled" {
                say!("  {}", told(&confirmed, "stands"));
            }
        }
        Ok(0)
    }
}
