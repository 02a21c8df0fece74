//! The arrows of ARCHITECTURE.md: who may use whom. A wrong `use crate::…` fails here, with the file and line.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room under `src/` and the rooms that it may name; a room may always name itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("env", &["model"]),
    ("policy", &["model"]),
    ("store", &["model", "policy"]),
    ("evidence", &["env", "model"]),
    ("engine", &["env", "model", "policy", "store"]),
    ("net", &[]),
    ("schemas", &[]),
    ("suites", &["model", "policy"]),
    ("identity", &["model", "net"]),
    ("xroad", &["model", "net"]),
    ("dsp", &["engine", "env", "identity", "model", "net", "schemas"]),
    ("catalog", &["env", "model", "policy", "store", "engine"]),
    ("dataplane", &["engine", "env", "evidence", "model", "net", "policy", "store", "xroad"]),
    ("telemetry", &[]),
    ("trust", &["env", "model", "net"]),
    ("config", &["model", "policy"]),
    (
        "management",
        &[
            "catalog",
            "config",
            "dataplane",
            "dsp",
            "engine",
            "env",
            "evidence",
            "identity",
            "model",
            "net",
            "policy",
            "store",
            "telemetry",
            "trust",
            "xroad",
        ],
    ),
];

/// Words that rooms without I/O may not contain.
const NO_IO: &[(&str, &[&str])] = &[
    ("model", &["tokio::", "axum::", "sqlx::", "reqwest::", "hyper::", "std::fs", "std::net"]),
    ("policy", &["tokio::", "axum::", "sqlx::", "reqwest::", "hyper::", "std::fs", "std::net"]),
];

#[test]
fn rooms_name_only_rooms_they_may_use() {
    let mut wrong = Vec::new();
    for (file, room, text) in sources() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else { continue };
        for (number, line) in text.lines().enumerate() {
            for used in rooms_named(line) {
                if used != room && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{}:{}: {room} may not use {used}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_has_its_arrows_drawn() {
    let free = ["app", "cli", "demo", "lib", "main", "ui"];
    let mut undrawn: Vec<String> = sources()
        .into_iter()
        .map(|(_, room, _)| room)
        .filter(|room| !free.contains(&room.as_str()) && !ARROWS.iter().any(|(name, _)| name == room))
        .collect();
    undrawn.dedup();
    assert!(undrawn.is_empty(), "rooms without arrows in tests/it/layers.rs: {undrawn:?}");
}

#[test]
fn the_pure_rooms_do_no_io() {
    let mut wrong = Vec::new();
    for (file, room, text) in sources() {
        let Some((_, words)) = NO_IO.iter().find(|(name, _)| *name == room) else { continue };
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in words.iter().filter(|w| code.contains(**w)) {
                wrong.push(format!("{}:{}: {room} names {word}", file.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "I/O in a pure room:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_credentials_package_sees_josekit_and_ssi() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let conformance = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/Cargo.toml")).unwrap();
    for crate_name in ["josekit", "ssi"] {
        for text in [&manifest, &conformance] {
            assert!(!text.lines().any(|l| l.starts_with(crate_name)), "{crate_name} belongs to credentials/ only");
        }
    }
}

/// All files under `src/` with the room they belong to, without their tests.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let inside = path.strip_prefix(&root).unwrap().to_owned();
                let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
                let room = first.trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).unwrap();
                let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
                found.insert(inside, (room, product));
            }
        }
    }
    assert!(found.len() > 10, "the sources were not found");
    found.into_iter().map(|(file, (room, text))| (file, room, text)).collect()
}

/// The rooms that a line of code names as `crate::room`.
fn rooms_named(line: &str) -> Vec<String> {
    let code = if line.trim_start().starts_with("//") { "" } else { line };
    code.split("crate::")
        .skip(1)
        .filter_map(|rest| {
            let room: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            (!room.is_empty() && room.chars().next().is_some_and(char::is_lowercase)).then_some(room)
        })
        .collect()
}
