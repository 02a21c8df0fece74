//! `sliproad credentials`: credentials that consumers have shown.
#![expect(clippy::print_stdout, reason = "commands speak to who called them")]

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::api::{Connection, delete, field, get, post};
use super::misuse;

/// Take in credentials that consumers have shown, and see how they stand.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List credentials with how they stand
    List(List),
    /// Take in a credential: it is checked with its issuer first
    Add(Add),
    /// Look the issuer and the status of a credential up now
    Check(One),
    /// Hold a credential no longer
    Remove(One),
}

/// A page of credentials.
#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    connection: Connection,
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
            Self::List(list) => list.run().await,
            Self::Add(add) => add.run().await,
            Self::Check(one) => {
                let checked = post(&one.connection, &format!("{}/check", path(&one.id)), &json!({})).await?;
                told(&checked, one.json);
                Ok(0)
            }
            Self::Remove(one) => {
                delete(&one.connection, &path(&one.id)).await?;
                let removed = json!({"id": one.id, "standing": "removed"});
                told(&removed, one.json);
                Ok(0)
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<u8> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        if let Some(after) = &self.after {
            query.append_pair("after", after);
        }
        let page = get(&self.connection, &format!("/api/v1/credentials?{}", query.finish())).await?;
        if self.json {
            println!("{page:#}");
            return Ok(0);
        }
        println!("id\tstanding\ttypes\tcounterparty\tissuer\tchecked");
        for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            let types = item.get("types").and_then(Value::as_array).into_iter().flatten();
            let types = types.filter_map(Value::as_str).collect::<Vec<_>>().join(",");
            let [id, standing, counterparty, issuer, checked] =
                ["id", "standing", "counterparty", "issuer", "checked"].map(|name| field(item, name));
            println!("{id}\t{standing}\t{types}\t{counterparty}\t{issuer}\t{checked}");
        }
        if let Some(next) = page.get("next").and_then(Value::as_str) {
            println!("more: --after {next}");
        }
        Ok(0)
    }
}

impl Add {
    async fn run(self) -> Result<u8> {
        let credential = std::fs::read_to_string(&self.file)
            .map_err(|error| misuse(format!("{} cannot be read: {error}", self.file.display())))?;
        let body = json!({"counterparty": self.counterparty, "credential": credential.trim()});
        let taken = post(&self.connection, "/api/v1/credentials", &body).await?;
        told(&taken, self.json);
        Ok(0)
    }
}

fn path(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/api/v1/credentials/{id}")
}

fn told(credential: &Value, json: bool) {
    if json {
        println!("{credential:#}");
    } else {
        println!("{} {}", field(credential, "id"), field(credential, "standing"));
    }
}
