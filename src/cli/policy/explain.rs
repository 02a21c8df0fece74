//! `sliproad policy explain`.
#![expect(clippy::print_stdout, reason = "commands speak to who called them")]

use serde_json::Value;

use crate::cli::api::{Connection, field, get, get_text};
use crate::policy::Language;

/// How an explanation is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Format {
    /// A tree of sentences
    #[default]
    Text,
    /// The same as JSON
    Json,
    /// Compliance Report Model and W3C states, in Turtle
    Report,
    /// The same in JSON-LD
    ReportJson,
}

/// Who reads an explanation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Reader {
    /// Those who run this connector
    #[default]
    Operator,
    /// The other party of the agreement
    Counterparty,
    /// Anybody
    Public,
}

/// The languages that sentences can be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Spoken {
    /// English
    #[default]
    En,
    /// Estonian
    Et,
    /// Finnish
    Fi,
    /// Icelandic
    Is,
    /// Ukrainian
    Uk,
}

impl Spoken {
    const fn language(self) -> Language {
        match self {
            Self::En => Language::English,
            Self::Et => Language::Estonian,
            Self::Fi => Language::Finnish,
            Self::Is => Language::Icelandic,
            Self::Uk => Language::Ukrainian,
        }
    }
}

pub(super) async fn run(
    exchange: &str,
    connection: &Connection,
    format: Format,
    (reader, spoken): (Reader, Spoken),
) -> anyhow::Result<u8> {
    let audience = match reader {
        Reader::Operator => "operator",
        Reader::Counterparty => "counterparty",
        Reader::Public => "public",
    };
    let language = spoken.language().tag();
    let told = format!("/api/v1/decisions/{exchange}/explanation?audience={audience}&language={language}");
    match format {
        Format::Report => print!("{}", get_text(connection, &format!("{told}&format=turtle")).await?),
        Format::ReportJson => println!("{:#}", get(connection, &format!("{told}&format=report")).await?),
        Format::Json => println!("{:#}", get(connection, &told).await?),
        Format::Text => {
            let decided = get(connection, &format!("/api/v1/decisions/{exchange}")).await?;
            if reader != Reader::Public {
                head(&decided);
            }
            match get(connection, &told).await {
                Ok(told) => print!("{}", field(&told, "text")),
                // A call that was refused before its policy was looked at has its code, and no more.
                Err(_) if reader == Reader::Operator => clauses(&decided),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(0)
}

fn head(told: &Value) {
    let (decision, request) = (part(told, "decision"), part(told, "request"));
    println!("{} {}", field(&request, "method"), field(&request, "path"));
    println!("{} ({}) under {}", field(&decision, "effect"), field(&decision, "code"), field(told, "agreement"));
}

fn clauses(told: &Value) {
    for clause in part(told, "decision").get("clauses").and_then(Value::as_array).into_iter().flatten() {
        println!("  {} [{}]: {}", field(clause, "clause"), field(clause, "state"), field(clause, "reason"));
    }
}

fn part(told: &Value, name: &str) -> Value {
    told.get(name).cloned().unwrap_or_default()
}
