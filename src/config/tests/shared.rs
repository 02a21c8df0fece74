//! The database that replicas share.

use super::*;

/// The good configuration over a database whose URL file says this; what is said of it, without the folder's name.
fn over(url: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sliproad.toml");
    fs::write(folder.path().join("postgres-url"), url).unwrap();
    fs::write(&file, format!("[store]\npostgres-url-file = \"postgres-url\"\nkeys-path = \"keys\"\n{DOZEN}")).unwrap();
    load::load(&file, []).map_err(|error| error.to_string())
}

#[test]
fn the_url_of_a_shared_database_comes_from_a_file_and_is_never_printed() {
    let config = over("postgres://sliproad:hush-hush@db.example/sliproad\n").unwrap();
    let url = config.store.postgres_url.as_ref().unwrap().expose_secret();
    assert_eq!(url, "postgres://sliproad:hush-hush@db.example/sliproad");
    assert!(!format!("{config:?}").contains("hush"));
    assert!(config.store.keys().ends_with("keys") && config.store.keys().is_absolute(), "beside the file");
    assert_eq!(config.warnings(), Vec::<String>::new());
    assert_eq!(Config::from_toml(DOZEN).unwrap().store.keys(), Path::new("sliproad-store"), "beside the store");
}

#[test]
fn a_url_in_the_configuration_itself_is_no_setting() {
    let said = Config::from_toml(&format!("[store]\npostgres-url = \"postgres://a:hush@b/c\"\n{DOZEN}")).unwrap_err();
    assert!(said.to_string().contains("store.postgres-url"), "{said}");
    assert!(!said.to_string().contains("hush"), "{said}");
}

#[test]
fn a_url_that_cannot_be_used_is_refused_without_telling_it() {
    for (url, expected) in [
        ("hush", "expected a URL such as postgres://user:password@host/database"),
        ("mysql://sliproad:hush@db.example/x", "expected a URL that begins with postgres://"),
        ("postgres://db.example/x?passwort=hush", "of parameters the URL may have application_name, "),
        ("", "is empty"),
    ] {
        let said = over(url).unwrap_err();
        assert!(said.contains(":2: store.postgres-url-file: ") && said.contains(expected), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}

#[test]
fn who_can_be_listened_in_on_is_warned() {
    for (url, warned) in [
        ("postgres://s:hush@db.example/x?sslmode=prefer", true),
        ("postgres://s:hush@db.example/x?sslmode=verify-full&sslrootcert=ca.pem", false),
        ("postgres://s:hush@127.0.0.1/x?sslmode=disable", false),
        ("postgres://s:hush@[::1]/x?sslmode=disable", false),
        ("postgres://s:hush@localhost/x?sslmode=disable&host=/run/postgresql", false),
        ("postgres://s:hush@localhost/x?sslmode=disable&host=db.example", true),
    ] {
        let warnings = over(url).unwrap().warnings();
        assert_eq!(warnings.len(), usize::from(warned), "{url}: {warnings:?}");
        assert!(!warnings.concat().contains("hush"), "{warnings:?}");
    }
}
