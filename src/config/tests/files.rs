//! What stands beside the configuration must be there and fit.

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    /// With two certificates, each with its key.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in ["one", "two"] {
            let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
            folder.write(&format!("{name}.pem"), &made.cert.pem());
            folder.write(&format!("{name}.key"), &made.signing_key.serialize_pem());
        }
        folder.write("garbage.pem", "nothing of that kind");
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// What is said about the good configuration with these lines before it.
    fn said(&self, more: &str) -> Vec<String> {
        let file = self.path("sliproad.toml");
        fs::write(&file, format!("{more}\n{DOZEN}")).unwrap();
        let Err(error) = load::load(&file, []) else { return Vec::new() };
        let here = |text: &str| text.replace(&format!("{}/", self.0.path().display()), "");
        here(&error.to_string()).lines().map(str::to_owned).collect()
    }
}

#[test]
fn certificates_and_keys_must_be_there_and_fit() {
    let folder = Folder::new();
    let tls = |cert: &str, key: &str| format!("[public.tls]\ncert-file = \"{cert}\"\nkey-file = \"{key}\"\n");
    assert_eq!(folder.said(&tls("one.pem", "one.key")), Vec::<String>::new());
    let said = folder.said(&tls("gone.pem", "garbage.pem"));
    assert!(said[0].starts_with("sliproad.toml:2: public.tls.cert-file: gone.pem cannot be read: "), "{said:?}");
    assert_eq!(said[1], "sliproad.toml:3: public.tls.key-file: garbage.pem holds no private key; expected PEM");
    let said = folder.said(&tls("one.pem", "two.key"));
    assert!(said[0].starts_with("sliproad.toml:3: public.tls.key-file: two.key and one.pem do not fit: "), "{said:?}");
    let said = folder.said("[outbound]\nca-file = \"garbage.pem\"\n");
    let expected = "garbage.pem holds no certificate that can be read; expected PEM";
    assert_eq!(said, [format!("sliproad.toml:2: outbound.ca-file: {expected}")]);
}

#[test]
fn a_security_server_on_https_is_not_trusted_unseen() {
    let folder = Folder::new();
    let server = |more: &str| {
        let file = folder.path("sliproad.toml");
        let text = DOZEN.replace("url = \"http://127.0.0.1:8080\"", &format!("url = \"https://ss.example\"\n{more}"));
        fs::write(&file, text).unwrap();
        load::load(&file, []).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(server("ca-file = \"one.pem\""), Ok(()));
    assert_eq!(server("ca-file = \"one.pem\"\ncert-file = \"two.pem\"\nkey-file = \"two.key\""), Ok(()));
    assert!(server("").unwrap_err().contains(":2: security-server.ca-file: needed for https"));
    let unfit = server("ca-file = \"one.pem\"\ncert-file = \"two.pem\"\nkey-file = \"one.key\"").unwrap_err();
    assert!(unfit.contains(":6: security-server.key-file: "), "{unfit}");
}

#[test]
fn what_may_not_be_published_is_found_at_its_clause() {
    let inline = "[[policy]]\nid = \"moody\"\n[[policy.policy.permission]]\naction = \"use\"\n\
                  constraint = [\n  { leftOperand = \"mood\", operator = \"eq\", rightOperand = \"good\" },\n]\n";
    let said = said_with(inline);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("26: policy[1].policy.permission[0].constraint[0]"), "{said:?}");
    assert!(said[0].contains("mood"), "{said:?}");
    let folder = Folder::new();
    folder.write("strict.json", r#"{"permission": [{"action": "teleport"}]}"#);
    let said = folder.said("[[policy]]\nid = \"strict\"\nfile = \"strict.json\"\n");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("sliproad.toml:3: policy[0].file: strict.json: /permission/0/action: "), "{said:?}");
}

#[test]
fn secrets_that_are_easily_guessed_are_refused() {
    let said = said_with("[management]\napi-key = \"1234567\"\n");
    assert_eq!(said, ["22: management.api-key: expected 8 characters or more"]);
    let said = said_with("[[identity.peer]]\nid = \"did:web:a\"\ntoken = \"Bearer 1234567\"\n");
    assert_eq!(said, ["23: identity.peer[0].token: expected 8 characters or more"]);
}

#[test]
fn an_empty_file_beside_the_store_is_no_key() {
    let folder = Folder::new();
    fs::create_dir(folder.path("sliproad-store")).unwrap();
    folder.write("sliproad-store/management-api-key", "\n");
    let said = folder.said("");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("management.api-key: sliproad-store/management-api-key has fewer than 8"), "{said:?}");
    let mut config = Config::from_toml(DOZEN).unwrap();
    config.store.path = folder.path("sliproad-store");
    assert!(config.management_key().is_err());
    folder.write("sliproad-store/pseudonym-key", "");
    assert!(config.pseudonym_key().is_err());
}

#[test]
fn a_management_api_that_others_can_reach_is_warned_of() {
    assert_eq!(Config::from_toml(DOZEN).unwrap().warnings(), Vec::<String>::new());
    let open = Config::from_toml(&format!("management = {{ listen = \"0.0.0.0:7081\" }}\n{DOZEN}")).unwrap();
    assert!(open.warnings()[0].contains("plain http"));
}
