//! What a configuration may say, and what is said about one that does not.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use secrecy::ExposeSecret;

use super::*;
use crate::model::negotiation::{NegotiationEvent, Role};

mod consents;
mod files;
mod shared;
mod words;

/// The dozen lines of the README.
const DOZEN: &str = r#"
[security-server]
url = "http://127.0.0.1:8080"

[identity]
kind = "development"

[[participant]]
name = "provider"
client = "DEV/COM/1000/gateway"
services = ["DEV/GOV/2000/*"]

[[policy]]
id = "open"
policy = { permission = [{ action = "use" }] }

[[offer]]
id = "everything"
assets = ["*"]
policy = "open"
"#;

fn said(text: &str) -> String {
    Config::from_toml(text).unwrap_err().to_string()
}

/// The lines of what is said about a configuration with these lines added to a good one.
fn said_with(more: &str) -> Vec<String> {
    said(&format!("{DOZEN}{more}")).lines().map(|l| l.trim_start_matches("config.toml:").to_owned()).collect()
}

#[test]
fn a_dozen_lines_make_a_provider() {
    let config = Config::from_toml(DOZEN).unwrap();
    let participant = config.participant_named("provider").unwrap();
    assert_eq!(participant.id.as_str(), "did:web:127.0.0.1%3A7080:provider");
    assert_eq!(config.public.base(config.public.listen), "http://127.0.0.1:7080");
    assert_eq!(config.management.listen.to_string(), "127.0.0.1:7081");
    assert_eq!(config.identity.kind, IdentityKind::Development);
    assert_eq!(config.security_server.unwrap().connection(), SecurityServerMode::Http);
    assert_eq!(config.policy[0].policy["permission"][0]["action"], "use");
}

#[test]
fn an_unknown_field_is_named_with_its_line_and_the_fields_there_are() {
    let said = said("[public]\nlisten = \"127.0.0.1:0\"\nbase-uri = \"https://x.example\"\n");
    assert_eq!(
        said,
        "config.toml:3: public.base-uri: unknown field `base-uri`, expected one of `listen`, `base-url`, `tls`, `limits`"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_what_was_expected() {
    assert_eq!(
        said("[drain]\nseconds = \"long\"\n"),
        "config.toml:2: drain.seconds: invalid type: string \"long\", expected u64"
    );
    assert_eq!(
        said("[[participant]]\nname = \"a\"\n\n[[participant]]\nname = \"b\"\nclient = \"DEV/COM\"\n"),
        "config.toml:6: participant[1].client: 2 codes in \"DEV/COM\": expected a client id INST/CLASS/CODE[/SUBSYSTEM]"
    );
}

#[test]
fn a_missing_field_is_named_with_the_line_of_its_table() {
    assert_eq!(said("\n[[offer]]\nid = \"a\"\n"), "config.toml:2: offer[0]: missing field `assets`");
}

#[test]
fn a_syntax_error_has_its_line() {
    let said = said("[public]\nlisten = \n");
    assert!(said.starts_with("config.toml:2: not TOML: "), "{said}");
}

#[test]
fn an_offer_must_name_what_exists_and_all_mistakes_are_reported() {
    let said = said_with(
        "[[offer]]\nid = \"everything\"\nassets = [\"DEV:COM:9:x:y\"]\npolicy = \"opne\"\nparticipant = \"nobody\"\n",
    );
    assert_eq!(
        said,
        [
            "22: offer[1].id: \"everything\" is taken by offer[0]",
            "23: offer[1].assets[0]: no [[asset]] has the id DEV:COM:9:x:y, and no participant publishes it",
            "24: offer[1].policy: there is no [[policy]] with id \"opne\"",
            "25: offer[1].participant: there is no [[participant]] with name \"nobody\"",
        ]
    );
}

#[test]
fn automation_keeps_to_the_state_tables() {
    let rule = |role: &str, state: &str, action: &str| {
        let role = if role.is_empty() { String::new() } else { format!("role = \"{role}\"\n") };
        format!("[[automation]]\nprocess = \"negotiation\"\n{role}state = \"{state}\"\naction = \"{action}\"\n")
    };
    assert_eq!(
        said_with(&rule("consumer", "REQUESTED", "agree")),
        ["25: automation[0].action: a consumer cannot agree in a negotiation in state REQUESTED"]
    );
    assert_eq!(
        said_with(&rule("", "FINALIZED", "hold")),
        ["24: automation[0].action: nobody can hold in a negotiation in state FINALIZED"]
    );
    let states = "REQUESTED, OFFERED, ACCEPTED, AGREED, VERIFIED, FINALIZED, TERMINATED";
    assert_eq!(
        said_with(&rule("provider", "STARTED", "agree")),
        [format!("24: automation[0].state: expected one of {states}")]
    );
    let config = Config::from_toml(&format!("{DOZEN}{}", rule("", "OFFERED", "counter"))).unwrap();
    let steps = config.automation[0].steps();
    assert_eq!(steps, [(Role::Consumer, AutomationStep::Negotiation(NegotiationEvent::Request))]);
}

#[test]
fn publishing_needs_a_client_and_a_security_server() {
    assert_eq!(
        said("[[participant]]\nname = \"p\"\nservices = [\"DEV/GOV/2000/*\"]\n").lines().collect::<Vec<_>>(),
        [
            "config.toml:1: participant[0].client: needed to call the services published",
            "config.toml:3: participant[0].services: publishing services needs a [security-server]",
        ]
    );
    assert_eq!(said(""), "config.toml: participant: expected at least one [[participant]] with a name");
}

#[test]
fn connection_settings_must_fit_together() {
    let said = said(
        "[security-server]\nurl = \"http://ss:8080\"\ncert-file = \"c.pem\"\nmode = \"mutual-tls\"\n[[participant]]\nname=\"p\"\n",
    );
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "config.toml:2: security-server.url: expected an https:// URL, as the mode says",
            "config.toml:3: security-server.cert-file: cert-file and key-file belong together; one of them is missing",
            "config.toml:1: security-server.ca-file: needed for https: the security server's TLS certificate (PEM), exported from \
             its admin pages",
        ]
    );
}

#[test]
fn peers_must_be_told_apart() {
    let peer = |id: &str, token: &str| format!("[[identity.peer]]\nid = \"did:web:{id}\"\ntoken = \"{token}\"\n");
    let said = said_with(&format!("{}{}", peer("a", "the-same"), peer("b", "the-same")));
    assert_eq!(said, ["26: identity.peer[1].token: another peer has the same token; callers could not be told apart"]);
    assert!(!said[0].contains("the-same"), "no secret in an error");
}

#[test]
fn secrets_come_from_files_and_are_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "hush-hush-1\n").unwrap();
    let file = folder.path().join("sliproad.toml");
    let peer = "[[identity.peer]]\nid = \"did:web:a\"\ntoken-file = \"token\"\nsend = \"hush-2\"\n";
    fs::write(&file, format!("{DOZEN}{peer}")).unwrap();
    let config = load::load(&file, []).unwrap();
    assert_eq!(config.identity.peer[0].token.as_ref().unwrap().expose_secret(), "hush-hush-1");
    assert!(!format!("{config:?}").contains("hush"));
    assert_eq!(config.store.path, folder.path().join("sliproad-store"));

    fs::remove_file(folder.path().join("token")).unwrap();
    let said = load::load(&file, []).unwrap_err().to_string();
    assert!(said.starts_with(&format!("{}:23: identity.peer[0].token-file: ", file.display())), "{said}");
}

#[test]
fn a_policy_may_stand_in_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sliproad.toml");
    fs::write(&file, format!("{DOZEN}[[policy]]\nid = \"strict\"\nfile = \"strict.json\"\n")).unwrap();
    fs::write(folder.path().join("strict.json"), r#"{"prohibition": [{"action": "use"}]}"#).unwrap();
    let config = load::load(&file, []).unwrap();
    assert_eq!(config.policy[1].policy["prohibition"][0]["action"], "use");
    fs::write(folder.path().join("strict.json"), "{").unwrap();
    assert!(load::load(&file, []).unwrap_err().to_string().contains("policy[1].file: "));
}

#[test]
fn the_environment_lies_over_the_file() {
    let environment = |pairs: &[(&str, &str)]| -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sliproad.toml");
    fs::write(&file, DOZEN).unwrap();
    let config = load::load(
        &file,
        environment(&[
            ("SLIPROAD__DRAIN__SECONDS", "7"),
            ("SLIPROAD__LOG__FORMAT", "json"),
            ("SLIPROAD__MANAGEMENT__API_KEY", "12345678"),
            ("SLIPROAD__OUTBOUND__ALLOW_HTTP", "true"),
            ("SLIPROAD__PARTICIPANT__0__CLIENT", "DEV/COM/1000/other"),
            ("SLIPROAD__PARTICIPANT__0__SERVICES", "[\"DEV/GOV/3000/*\"]"),
            ("SLIPROAD__PUBLIC__BASE_URL", "https://agency.example/x"),
            ("SLIPROAD_OTHER", "ignored"),
        ]),
    )
    .unwrap();
    assert_eq!((config.drain.seconds, config.log.format, config.outbound.allow_http), (7, LogFormat::Json, true));
    assert_eq!(config.management.api_key.unwrap().expose_secret(), "12345678");
    assert_eq!(config.participant[0].client.as_ref().unwrap().as_str(), "DEV/COM/1000/other");
    assert_eq!(config.participant[0].services, ["DEV/GOV/3000/*"]);
    assert_eq!(config.participant[0].id.as_str(), "did:web:agency.example:x:provider");

    let wrong = environment(&[("SLIPROAD__DRAIN__SECONDS", "soon"), ("SLIPROAD__PUBLIK__LISTEN", "x")]);
    assert_eq!(
        load::load(&file, wrong).unwrap_err().to_string(),
        "environment variable SLIPROAD__DRAIN__SECONDS: drain.seconds: expected a whole number\n\
         environment variable SLIPROAD__PUBLIK__LISTEN: publik.listen: there is no such setting"
    );
    let wrong = environment(&[("SLIPROAD__PARTICIPANT__0__NAME", "Not A Name")]);
    let said = load::load(&file, wrong).unwrap_err().to_string();
    assert!(said.starts_with("environment variable SLIPROAD__PARTICIPANT__0__NAME: participant[0].name: "), "{said}");
}

#[test]
fn the_management_key_is_made_once_and_only_its_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::from_toml(DOZEN).unwrap();
    config.store.path = folder.path().join("store");
    let key = config.management_key().unwrap();
    assert_eq!(config.management_key().unwrap().expose_secret(), key.expose_secret());
    assert_eq!(key.expose_secret().len(), 64);
    let mode = fs::metadata(config.store.path.join("management-api-key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_committed_schema_is_the_one_generated() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/config.schema.json");
    let generated = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &generated).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == generated, "stale: run UPDATE_SCHEMAS=1 cargo test --lib config::");
}

#[test]
fn the_schema_admits_what_the_program_admits() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let as_json = |text: &str| serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
    assert!(validator.is_valid(&as_json(DOZEN)));
    assert!(!validator.is_valid(&as_json("[public]\nbase-uri = \"x\"\n")));
    assert!(!validator.is_valid(&as_json("[drain]\nseconds = \"long\"\n")));
}

#[test]
fn a_consumer_may_be_called_for_as_another_client() {
    let more = "[[participant.client-for]]\ncounterparty = \"did:web:*.fi\"\nclient = \"DEV/COM/1000/nordic\"\n";
    let text = DOZEN.replace("[[policy]]", &format!("{more}[[policy]]"));
    let participant = Config::from_toml(&text).unwrap().participant.remove(0);
    assert_eq!(participant.client_for(&"did:web:a.fi".into()).unwrap().as_str(), "DEV/COM/1000/nordic");
    assert_eq!(participant.client_for(&"did:web:a.ee".into()).unwrap().as_str(), "DEV/COM/1000/gateway");
}
