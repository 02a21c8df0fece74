//! OVAL's validation cases: documents that are ODRL, or are not.

use std::path::Path;

use super::{Suite, Told, files, json, refused, stem};
use crate::policy::Policy;

pub(super) fn play(folder: &Path, suite: &mut Suite<'_>) -> Result<(), String> {
    for file in files(folder, ".jsonld")? {
        let kind = file.parent().map(stem).unwrap_or_default();
        let valid = !kind.starts_with("invalid");
        let title = kind.replace('_', " ");
        suite.case(&format!("oval-{title}-{}", stem(&file)).replace(' ', "-"), &title, || {
            match (Policy::parse(&json(&file)?), valid) {
                (Ok(_), true) | (Err(_), false) => Ok(Told::Agrees),
                (Err(invalid), true) => Err(refused(&invalid)),
                (Ok(_), false) => Err("it was taken for ODRL".to_owned()),
            }
        });
    }
    Ok(())
}
