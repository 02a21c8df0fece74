//! The ground that sequences are played on: an ordinary configuration file, made from the sequences themselves.

use std::fmt::Write;

use super::sequence::Sequence;
use crate::subject::{Place, quoted, secret};

/// Participant id of the connector under test.
pub(crate) const SUBJECT: &str = "did:web:subject.example";
/// Its segment in public paths.
pub(crate) const SEGMENT: &str = "subject";
/// Dataset that the catalogue cases look for.
pub(crate) const CATALOGUED: &str = "CAT0101";

/// Who the peer is, what both say to be recognised, and how fast the connector under test acts.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// Participant id of the peer.
    pub(crate) peer: String,
    /// `Authorization` that the peer sends.
    pub(crate) says: String,
    /// `Authorization` that the peer expects.
    pub(crate) hears: String,
    /// Pause before each automatic step, milliseconds.
    pub(crate) delay_ms: u64,
    /// URL of the security server.
    pub(crate) security_server: String,
}

impl Ground {
    /// With tokens of its own.
    pub(crate) fn new(peer: &str, delay_ms: u64, security_server: &str) -> Self {
        let bearer = || format!("Bearer {}", secret());
        Self {
            peer: peer.to_owned(),
            says: bearer(),
            hears: bearer(),
            delay_ms,
            security_server: security_server.to_owned(),
        }
    }

    /// The configuration file.
    pub(super) fn toml<'a>(&self, place: &Place, sequences: impl Iterator<Item = &'a Sequence>) -> String {
        let mut toml = place.toml();
        let token = |authorization: &str| quoted(authorization.trim_start_matches("Bearer "));
        // Writing to a string does not fail.
        let _ = write!(
            toml,
            r#"
[security-server]
url = {security_server}

[[participant]]
name = "{SEGMENT}"
id = "{SUBJECT}"
client = "DEV/COM/1000/gateway"
services = ["DEV/GOV/2000/*"]

[identity]
kind = "token"

[[identity.peer]]
id = {peer}
token = {says}
send = {hears}

[[policy]]
id = "open"
policy = {{ permission = [{{ action = "use" }}] }}
"#,
            security_server = quoted(&self.security_server),
            peer = quoted(&self.peer),
            says = token(&self.says),
            hears = token(&self.hears),
        );
        asset(&mut toml, CATALOGUED, &format!("CD123:{CATALOGUED}:456"));
        for sequence in sequences {
            self.write_sequence(&mut toml, sequence);
        }
        toml
    }

    fn write_sequence(&self, toml: &mut String, sequence: &Sequence) {
        let (family, id) = (sequence.family, sequence.asset());
        let role = if family.provides() { "provider" } else { "consumer" };
        let _ = writeln!(toml, "\n# {}: {}", sequence.id(), sequence.title);
        if family.provides() {
            asset(toml, &id, &sequence.offer());
        }
        if !family.negotiates() {
            let _ = write!(
                toml,
                "\n[[agreement]]\nid = \"{id}\"\nrole = \"{role}\"\ncounterparty = {}\ndataset = \"{id}\"\npolicy = \"open\"\n",
                quoted(&self.peer)
            );
        }
        let (process, pattern) =
            if family.negotiates() { ("negotiation", "dataset") } else { ("transfer", "agreement") };
        for rule in sequence.rules {
            let visit = rule.visit.map(|n| format!("visit = {n}\n")).unwrap_or_default();
            let _ = write!(
                toml,
                "\n[[automation]]\nprocess = \"{process}\"\nrole = \"{role}\"\n{pattern} = \"{id}\"\nstate = \"{}\"\n{visit}delay-ms = {}\naction = \"{}\"\n",
                rule.state, self.delay_ms, rule.action
            );
        }
    }
}

fn asset(toml: &mut String, id: &str, offer: &str) {
    let _ = write!(
        toml,
        "\n[[asset]]\nid = \"{id}\"\nservice = \"DEV/GOV/2000/landregister/land\"\n\n[[offer]]\nid = \"{offer}\"\nassets = [\"{id}\"]\npolicy = \"open\"\n"
    );
}
