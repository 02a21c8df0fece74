//! `sliproad policy explain`.

use serde_json::Value;

use crate::cli::api::{Connection, field, get, get_text, told};
use crate::cli::out::{lines, say, shown_lines};
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
        Format::Report => lines(&get_text(connection, &format!("{told}&format=turtle")).await?),
        Format::ReportJson => say!("{:#}", get(connection, &format!("{told}&format=report")).await?),
        Format::Json => say!("{:#}", get(connection, &told).await?),
        Format::Text => {
            let decided = get(connection, &format!("/api/v1/decisions/{exchange}")).await?;
            if reader != Reader::Public {
                head(&decided);
            }
            match get(connection, &told).await {
                Ok(told) => lines(&shown_lines(&field(&told, "text"))),
                // A call that was refused before its policy was looked at has its code, and no more.
                Err(_) if reader == Reader::Operator => clauses(&decided),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(0)
}

fn head(told_of: &Value) {
    let (decision, request) = (part(told_of, "decision"), part(told_of, "request"));
    say!("{} {}", told(&request, "method"), told(&request, "path"));
    say!("{} ({}) under {}", told(&decision, "effect"), told(&decision, "code"), told(told_of, "agreement"));
}

fn clauses(told_of: &Value) {
    for clause in part(told_of, "decision").get("clauses").and_then(Value::as_array).into_iter().flatten() {
        say!("  {} [{}]: {}", told(clause, "clause"), told(clause, "state"), told(clause, "reason"));
    }
}

fn part(told_of: &Value, name: &str) -> Value {
    told_of.get(name).cloned().unwrap_or_default()
}
