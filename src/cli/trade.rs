//! `sliproad catalog`, `negotiate`, `fetch`, `show`: what an operator does with peers.
#![expect(clippy::print_stderr, reason = "commands speak to who called them")]

use std::io::Write as _;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::api::{Connection, field, get, http, post, told, wait};
use super::list::Page;
use super::out::{say, shown};

/// Which peer.
#[derive(clap::Args, Clone)]
struct Peer {
    #[command(flatten)]
    connection: Connection,
    /// The peer's participant id
    #[arg(long)]
    counterparty: String,
    /// The peer's versioned Dataspace Protocol base URL
    #[arg(long)]
    address: String,
    /// Which of our participants speaks, when there are several
    #[arg(long)]
    participant: Option<String>,
}

/// Show a peer's catalogue.
#[derive(clap::Args)]
pub(super) struct Catalog {
    #[command(flatten)]
    peer: Peer,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Negotiate a contract.
#[derive(clap::Args)]
pub(super) struct Negotiate {
    #[command(flatten)]
    peer: Peer,
    /// The dataset's id
    #[arg(long)]
    dataset: String,
    /// The offer's id, when the dataset has several
    #[arg(long)]
    offer: Option<String>,
    /// Print the negotiation as JSON
    #[arg(long)]
    json: bool,
}

/// Call a peer's dataset.
#[derive(clap::Args)]
pub(super) struct Fetch {
    #[command(flatten)]
    peer: Peer,
    /// The dataset's id
    #[arg(long)]
    dataset: String,
    /// Use this agreement instead of negotiating one
    #[arg(long)]
    agreement: Option<String>,
    /// HTTP method
    #[arg(long, default_value = "GET")]
    method: http::Method,
    /// Body to send
    #[arg(long)]
    data: Option<String>,
    /// Content type of the body
    #[arg(long, default_value = "application/json")]
    content_type: String,
    /// A header to send, such as `sliproad-purpose: urn:research`; may come more than once
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Path and query below the dataset's endpoint, such as /parcels?municipality=Tartu
    path: String,
}

/// List things, or take a step by hand.
#[derive(clap::Subcommand)]
pub(super) enum Show {
    /// Negotiations
    Negotiations(Page),
    /// Transfers
    Transfers(Page),
    /// Agreements
    Agreements(Page),
    /// Exchanges
    Exchanges(Page),
    /// Take a step of a negotiation or transfer: accept, agree, verify, finalize, start, suspend, complete, terminate, ...
    Act {
        #[command(flatten)]
        connection: Connection,
        /// `negotiations` or `transfers`
        noun: String,
        /// Its pid
        pid: String,
        /// The step
        action: String,
        /// Why, for suspend and terminate
        #[arg(long)]
        reason: Option<String>,
    },
}

impl Peer {
    fn body(&self, more: Value) -> Value {
        let mut body = json!({"counterparty": self.counterparty, "address": self.address});
        if let (Some(map), Value::Object(more)) = (body.as_object_mut(), more) {
            map.extend(more);
            if let Some(participant) = &self.participant {
                map.insert("participant".to_owned(), json!(participant));
            }
        }
        body
    }

    async fn catalogue(&self) -> Result<Value> {
        post(&self.connection, "/api/v1/catalog/request", &self.body(json!({}))).await
    }

    /// Negotiates an offer on a dataset to its end.
    async fn negotiate(&self, dataset: &str, offer: Option<&str>) -> Result<Value> {
        let catalogue = self.catalogue().await?;
        let found = entries(&catalogue, "dataset").into_iter().find(|d| field(d, "@id") == dataset);
        let found = found.with_context(|| format!("{} does not offer {dataset} to us", self.counterparty))?;
        let mut offers = entries(&found, "hasPolicy").into_iter();
        let chosen = match offer {
            Some(id) => offers.find(|o| field(o, "@id") == id),
            None => offers.next(),
        };
        let mut chosen = chosen.context("the dataset has no such offer")?;
        if let Some(map) = chosen.as_object_mut() {
            map.insert("target".to_owned(), json!(dataset));
        }
        let begun = post(&self.connection, "/api/v1/negotiations", &self.body(json!({ "offer": chosen }))).await?;
        wait(&self.connection, "negotiations", &field(&begun, "pid"), "FINALIZED,TERMINATED").await
    }
}

impl Catalog {
    pub(super) async fn run(self) -> Result<u8> {
        let catalogue = self.peer.catalogue().await?;
        if self.json {
            say!("{catalogue:#}");
            return Ok(0);
        }
        say!("{}", told(&catalogue, "participantId"));
        for dataset in entries(&catalogue, "dataset") {
            let title = ["dct:title", "title", "name"].iter().map(|n| told(&dataset, n)).find(|t| t != "-");
            say!("  {}  {}", told(&dataset, "@id"), title.unwrap_or_default());
            for offer in entries(&dataset, "hasPolicy") {
                say!("      offer {}", told(&offer, "@id"));
            }
        }
        Ok(0)
    }
}

impl Negotiate {
    pub(super) async fn run(self) -> Result<u8> {
        let done = self.peer.negotiate(&self.dataset, self.offer.as_deref()).await?;
        let agreed = field(&done, "state") == "FINALIZED";
        if self.json {
            say!("{done:#}");
        } else if agreed {
            say!("{}", told(&done, "agreementId"));
        } else {
            eprintln!("{}", shown(&ended(&done)));
        }
        Ok(u8::from(!agreed))
    }
}

impl Fetch {
    pub(super) async fn run(self) -> Result<u8> {
        let connection = &self.peer.connection;
        let agreement = match self.agreement.clone() {
            Some(agreement) => agreement,
            None => {
                let done = self.peer.negotiate(&self.dataset, None).await?;
                if field(&done, "state") != "FINALIZED" {
                    bail!("{}", ended(&done));
                }
                eprintln!("agreement {}", told(&done, "agreementId"));
                field(&done, "agreementId")
            }
        };
        let request = json!({"agreementId": agreement, "format": "HttpData-PULL"});
        let begun = post(connection, "/api/v1/transfers", &request).await?;
        let pid = field(&begun, "pid");
        let started = wait(connection, "transfers", &pid, "STARTED,TERMINATED").await?;
        if field(&started, "state") != "STARTED" {
            bail!("{}", ended(&started));
        }
        eprintln!("transfer {}", shown(&pid));
        let endpoint = get(connection, &format!("/api/v1/transfers/{pid}/endpoint")).await?;
        self.call(&endpoint).await
    }

    /// Calls the endpoint and passes the answer on to standard output; a refusal goes to standard error.
    async fn call(&self, endpoint: &Value) -> Result<u8> {
        let url = format!("{}{}", field(endpoint, "endpoint").trim_end_matches('/'), self.path);
        let token = field(endpoint, "authorization");
        let authorization = if field(endpoint, "authType") == "raw" { token } else { format!("Bearer {token}") };
        let mut request = http()?.request(self.method.clone(), url).header("authorization", authorization);
        if let Some(data) = &self.data {
            request = request.header("content-type", &self.content_type).body(data.clone());
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.context("the provider's data plane does not answer")?;
        let status = answer.status();
        let refused = answer.headers().get("content-type").is_some_and(|t| t.as_bytes() == b"application/problem+json");
        if refused {
            let problem: Value = answer.json().await.unwrap_or_default();
            eprintln!("{status}: {} ({})", told(&problem, "detail"), told(&problem, "code"));
            return Ok(1);
        }
        let mut pieces = answer.bytes_stream();
        let mut out = std::io::stdout().lock();
        while let Some(piece) = pieces.next().await {
            out.write_all(&piece.context("the answer broke off")?)?;
        }
        out.flush()?;
        Ok(u8::from(!status.is_success()))
    }
}

impl Show {
    pub(super) async fn run(self) -> Result<u8> {
        let (noun, page, columns) = match self {
            Self::Negotiations(page) => {
                ("negotiations", page, &["pid", "role", "state", "counterparty", "dataset", "agreementId"][..])
            }
            Self::Transfers(page) => {
                ("transfers", page, &["pid", "role", "state", "counterparty", "dataset", "agreementId"][..])
            }
            Self::Agreements(page) => {
                ("agreements", page, &["id", "role", "counterparty", "dataset", "signed", "live"][..])
            }
            Self::Exchanges(page) => ("exchanges", page, &["exchange", "counterparty", "dataset", "outcome"][..]),
            Self::Act { connection, noun, pid, action, reason } => {
                let body = json!({"action": action, "reason": reason});
                let process = post(&connection, &format!("/api/v1/{noun}/{pid}/actions"), &body).await?;
                say!("{} is {}", told(&process, "pid"), told(&process, "state"));
                return Ok(0);
            }
        };
        page.print(noun, &[], columns).await
    }
}

fn header(text: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("it is not NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| "its name is not one of a header")?;
    let value = value.trim().parse().map_err(|_| "its value is not one of a header")?;
    Ok((name, value))
}

fn entries(value: &Value, name: &str) -> Vec<Value> {
    value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn ended(process: &Value) -> String {
    let reasons = process.get("reasons").cloned().unwrap_or_default();
    let sentences: Vec<String> =
        entries(&reasons, "reason").iter().filter_map(|r| r.as_str().map(str::to_owned)).collect();
    let failure = field(process, "deliveryFailure");
    let why = if sentences.is_empty() { failure } else { sentences.join("; ") };
    format!("{} ended as {}: {} ({})", field(process, "pid"), field(process, "state"), why, field(&reasons, "code"))
}
