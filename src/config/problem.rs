//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_path_to_error::Segment;
use toml::de::{DeTable, DeValue};

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.file, .problems))]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// All that was found, at least one.
    pub problems: Vec<Problem>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, from 1; absent when the mistake is not in the file.
    pub line: Option<usize>,
    /// The environment variable that the value came from.
    pub variable: Option<String>,
    /// The field, such as `offer[0].policy`; empty for the file as a whole.
    pub field: String,
    /// What is wrong and what was expected.
    pub message: String,
}

fn lines(file: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|p| {
            let place = match (&p.variable, p.line) {
                (Some(variable), _) => format!("environment variable {variable}"),
                (None, Some(line)) => format!("{}:{line}", file.display()),
                (None, None) => file.display().to_string(),
            };
            if p.field.is_empty() {
                format!("{place}: {}", p.message)
            } else {
                format!("{place}: {}: {}", p.field, p.message)
            }
        })
        .collect();
    lines.join("\n")
}

/// Where a value stands: `offer[0].policy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Field {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    pub(super) fn key(mut self, key: &str) -> Self {
        self.0.push(Step::Key(key.to_owned()));
        self
    }

    pub(super) fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// What a JSON Pointer (RFC 6901) leads to from here.
    pub(super) fn pointer(self, pointer: &str) -> Self {
        pointer.split('/').skip(1).fold(self, |field, step| match step.parse() {
            Ok(index) => field.index(index),
            Err(_) => field.key(&step.replace("~1", "/").replace("~0", "~")),
        })
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    fn is_at_or_below(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// A field from keys joined by dots: `at("public.listen")`.
pub(super) fn at(path: &str) -> Field {
    path.split('.').fold(Field::default(), Field::key)
}

impl From<&serde_path_to_error::Path> for Field {
    fn from(path: &serde_path_to_error::Path) -> Self {
        let steps = path.iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        Self(steps.collect())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if n == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Collects problems and finds their places.
pub(super) struct Findings<'t> {
    file: PathBuf,
    text: &'t str,
    document: DeTable<'t>,
    overlaid: Vec<(Field, String)>,
    problems: Vec<Problem>,
}

impl<'t> Findings<'t> {
    /// Over a file's text; a syntax error is the first and only problem.
    pub(super) fn new(file: &Path, text: &'t str) -> Result<Self, ConfigError> {
        match DeTable::parse(text) {
            Ok(document) => Ok(Self {
                file: file.to_owned(),
                text,
                document: document.into_inner(),
                overlaid: Vec::new(),
                problems: Vec::new(),
            }),
            Err(error) => {
                let line = error.span().map(|span| line_of(text, span.start));
                Err(alone(file, line, format!("not TOML: {}", error.message())))
            }
        }
    }

    /// Remembers that a field's value came from an environment variable.
    pub(super) fn overlaid(&mut self, field: Field, variable: String) {
        self.overlaid.push((field, variable));
    }

    pub(super) fn add(&mut self, field: &Field, message: impl Into<String>) {
        let variable = self.overlaid.iter().find(|(f, _)| field.is_at_or_below(f)).map(|(_, name)| name.clone());
        self.problems.push(Problem {
            line: if variable.is_some() { None } else { self.line(field) },
            variable,
            field: field.to_string(),
            message: message.into(),
        });
    }

    /// The error with all problems, when there is one.
    pub(super) fn outcome(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError { file: self.file, problems: self.problems }) }
    }

    /// The error with all problems; to be called when there is one.
    pub(super) fn into_error(self) -> ConfigError {
        ConfigError { file: self.file, problems: self.problems }
    }

    /// The line of the field, or of the closest thing around it that the file has.
    fn line(&self, field: &Field) -> Option<usize> {
        let mut steps = field.steps().iter();
        let Some(Step::Key(first)) = steps.next() else { return None };
        let (key, mut value) = self.document.get_key_value(first.as_str())?;
        let mut start = if value.get_ref().is_array() { value.span().start } else { key.span().start };
        for step in steps {
            let next = match (step, value.get_ref()) {
                (Step::Key(key), DeValue::Table(table)) => {
                    table.get_key_value(key.as_str()).map(|(k, v)| (k.span().start, v))
                }
                (Step::Index(index), DeValue::Array(list)) => list.get(*index).map(|v| (v.span().start, v)),
                _ => None,
            };
            let Some((at, inner)) = next else { break };
            (start, value) = (at, inner);
        }
        Some(line_of(self.text, start))
    }
}

/// An error with one problem that has no field.
pub(super) fn alone(file: &Path, line: Option<usize>, message: String) -> ConfigError {
    ConfigError {
        file: file.to_owned(),
        problems: vec![Problem { line, variable: None, field: String::new(), message }],
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}
