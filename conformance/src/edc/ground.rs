//! The connector under test: an ordinary configuration in front of the simulated registers, with the development identity.

use crate::subject::{Place, quoted};

/// Participant id of the connector under test.
pub(super) const SUBJECT: &str = "did:web:subject.example";
/// The land register, offered under a policy with a constraint. Its operand is one value: EDC up to 0.15 takes an agreement with a
/// list of values for another policy than the one it asked for.
pub(super) const LAND: &str = "DEV:GOV:2000:landregister:land";
/// Another service, whose negotiations are refused.
pub(super) const WITHHELD: &str = "DEV:GOV:2000:echo:echo";

/// The configuration file.
pub(super) fn toml(place: &Place, security_server: &str) -> String {
    format!(
        r#"{}
[security-server]
url = {}

[[participant]]
name = "subject"
id = "{SUBJECT}"
client = "DEV/COM/1000/gateway"
services = ["DEV/GOV/2000/*"]

[identity]
kind = "development"

[[policy]]
id = "read-parcels"
policy = {{ permission = [{{ action = "use", constraint = [
    {{ leftOperand = "xroad:datapath", operator = "eq", rightOperand = "GET /parcels" }},
] }}] }}

[[offer]]
id = "parcels"
assets = ["{LAND}"]
policy = "read-parcels"

[[offer]]
id = "nothing"
assets = ["{WITHHELD}"]
policy = "read-parcels"

[[automation]]
process = "negotiation"
role = "provider"
dataset = "{WITHHELD}"
state = "REQUESTED"
action = "terminate"
"#,
        place.toml(),
        quoted(security_server)
    )
}

/// The versioned base of the connector under test.
pub(super) fn dsp(place: &Place) -> String {
    format!("{}/subject/dsp/2025-1", place.public())
}
