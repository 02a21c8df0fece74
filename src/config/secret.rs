//! Secrets and policies that stand in files of their own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use secrecy::SecretString;
use serde_json::Value;

use super::Config;
use super::check::SHORTEST_SECRET;
use super::problem::{Field, Findings, at};

const MANAGEMENT_KEY: &str = "management-api-key";
const LARGEST_SECRET: u64 = 64 * 1024;
const LARGEST_POLICY: u64 = 1024 * 1024;

impl Config {
    /// The key of the management API: as configured, or else the one kept with the other keys, which is made (mode 0600) when there is
    /// none yet.
    ///
    /// # Errors
    /// When the key's file can be neither read nor made.
    pub fn management_key(&self) -> io::Result<SecretString> {
        match &self.management.api_key {
            Some(key) => Ok(key.clone()),
            None => kept_key(self.store.keys(), MANAGEMENT_KEY),
        }
    }

    /// The key of pseudonyms, kept with the other keys and made (mode 0600) when there is none yet. Without it nobody can make the same
    /// pseudonym of a value again, so it belongs into backups.
    ///
    /// # Errors
    /// When its file can be neither read nor made.
    pub fn pseudonym_key(&self) -> io::Result<SecretString> {
        kept_key(self.store.keys(), "pseudonym-key")
    }
}

/// The management key that is kept with the others, if there is one.
///
/// # Errors
/// When it cannot be read or is too short to be one.
pub(super) fn kept_management_key(directory: &Path) -> io::Result<Option<SecretString>> {
    read_kept(&directory.join(MANAGEMENT_KEY))
}

fn read_kept(path: &Path) -> io::Result<Option<SecretString>> {
    let told = |e: io::Error| io::Error::new(e.kind(), format!("{} cannot be read: {e}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(told(e)),
    };
    let mut text = String::new();
    file.take(LARGEST_SECRET).read_to_string(&mut text).map_err(told)?;
    let text = text.trim_end();
    // An empty key would be shown by everybody.
    if text.chars().count() < SHORTEST_SECRET {
        let sentence = format!(
            "{} has fewer than {SHORTEST_SECRET} characters; write the key again, or remove the file to have one made",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, sentence));
    }
    Ok(Some(SecretString::from(text.to_owned())))
}

fn kept_key(directory: &Path, name: &str) -> io::Result<SecretString> {
    let path = directory.join(name);
    match read_kept(&path)? {
        Some(key) => Ok(key),
        None => {
            let key = hex::encode(rand::random::<[u8; 32]>());
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let beside = path.with_extension(format!("new-{:08x}", rand::random::<u32>()));
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(key.as_bytes())?;
            file.sync_all()?;
            // Replicas that share the directory may start at once: the first one's key is everybody's.
            let made = std::fs::hard_link(&beside, &path);
            std::fs::remove_file(&beside)?;
            match made {
                Ok(()) => Ok(SecretString::from(key)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => kept_key(directory, name),
                Err(e) => Err(e),
            }
        }
    }
}

/// Reads what stands in files of its own.
pub(super) fn read_files(config: &mut Config, findings: &mut Findings<'_>) {
    let management = &mut config.management;
    one(&mut management.api_key, management.api_key_file.as_deref(), at("management"), "api-key", findings);
    let store = &mut config.store;
    one(&mut store.postgres_url, store.postgres_url_file.as_deref(), at("store"), "postgres-url", findings);
    for (n, peer) in config.identity.peer.iter_mut().enumerate() {
        let place = at("identity.peer").index(n);
        one(&mut peer.token, peer.token_file.as_deref(), place.clone(), "token", findings);
        one(&mut peer.send, peer.send_file.as_deref(), place, "send", findings);
    }
    for (n, policy) in config.policy.iter_mut().enumerate() {
        let Some(file) = &policy.file else { continue };
        let field = at("policy").index(n).key("file");
        if !policy.policy.is_null() {
            findings.add(&field, "set either policy or file, not both");
            continue;
        }
        match limited(file, LARGEST_POLICY).map(|text| serde_json::from_str::<Value>(&text)) {
            Ok(Ok(value)) if value.is_object() => policy.policy = value,
            Ok(Ok(_)) => findings.add(&field, format!("{} holds no JSON object", file.display())),
            Ok(Err(e)) => findings.add(&field, format!("{} is not JSON: {e}", file.display())),
            Err(e) => findings.add(&field, format!("{} cannot be read: {e}", file.display())),
        }
    }
}

fn one(value: &mut Option<SecretString>, file: Option<&Path>, section: Field, name: &str, findings: &mut Findings<'_>) {
    use secrecy::ExposeSecret;
    if value.as_ref().is_some_and(|v| v.expose_secret().trim().is_empty()) {
        findings.add(&section.clone().key(name), "the secret is empty");
    }
    let Some(file) = file else { return };
    let field = section.key(&format!("{name}-file"));
    if value.is_some() {
        findings.add(&field, format!("set either {name} or {name}-file, not both"));
        return;
    }
    match limited(file, LARGEST_SECRET) {
        Ok(text) if text.trim().is_empty() => findings.add(&field, format!("{} is empty", file.display())),
        Ok(text) => *value = Some(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())),
        Err(e) => findings.add(&field, format!("{} cannot be read: {e}", file.display())),
    }
}

fn limited(file: &Path, largest: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(largest + 1).read_to_string(&mut text)?;
    if text.len() as u64 > largest {
        return Err(io::Error::other(format!("it has more than {largest} bytes")));
    }
    Ok(text)
}
