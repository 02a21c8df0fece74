//! `sliproad credentials`: credentials that consumers have shown.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::api::{Connection, delete, post, told};
use super::list::Page;
use super::misuse;
use super::out::say;

/// Take in credentials that consumers have shown, and see how they stand.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List credentials with how they stand
    List(Page),
    /// Take in a credential: it is checked with its issuer first
    Add(Add),
    /// Look the issuer and the status of a credential up now
    Check(One),
    /// Hold a credential no longer
    Remove(One),
}

/// A credential to take in.
#[derive(clap::Args)]
pub(super) struct Add {
    #[command(flatten)]
    connection: Connection,
    /// The file with the credential: a signed JWT in compact form
    file: PathBuf,
    /// Whose it is: the participant id
    #[arg(long)]
    counterparty: String,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// A credential that is held.
#[derive(clap::Args)]
pub(super) struct One {
    #[command(flatten)]
    connection: Connection,
    /// The credential's id here
    id: String,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) async fn run(self) -> Result<u8> {
        match self {
            Self::List(page) => {
                let columns = ["id", "standing", "types", "counterparty", "issuer", "checked"];
                page.print("credentials", &[], &columns).await
            }
            Self::Add(add) => add.run().await,
            Self::Check(one) => {
                let checked = post(&one.connection, &format!("{}/check", path(&one.id)), &json!({})).await?;
                print(&checked, one.json);
                Ok(0)
            }
            Self::Remove(one) => {
                delete(&one.connection, &path(&one.id)).await?;
                let removed = json!({"id": one.id, "standing": "removed"});
                print(&removed, one.json);
                Ok(0)
            }
        }
    }
}

impl Add {
    async fn run(self) -> Result<u8> {
        let credential = std::fs::read_to_string(&self.file)
            .map_err(|error| misuse(format!("{} cannot be read: {error}", self.file.display())))?;
        let body = json!({"counterparty": self.counterparty, "credential": credential.trim()});
        let taken = post(&self.connection, "/api/v1/credentials", &body).await?;
        print(&taken, self.json);
        Ok(0)
    }
}

fn path(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/api/v1/credentials/{id}")
}

fn print(credential: &Value, json: bool) {
    if json {
        say!("{credential:#}");
    } else {
        say!("{} {}", told(credential, "id"), told(credential, "standing"));
    }
}
