//! What the README shows must work as it stands there.

use std::path::Path;

use sliproad::config::Config;

fn blocks(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_configuration_in_the_readme_is_one() {
    let blocks = blocks("toml");
    assert!(blocks.len() >= 2);
    let folder = tempfile::tempdir().unwrap();
    for name in ["security-server.pem", "client.pem", "client.key", "consumer.token", "to-consumer.token"] {
        std::fs::write(folder.path().join(name), "a-secret-of-some-length").unwrap();
    }
    for text in blocks {
        let file = folder.path().join("provider.toml");
        std::fs::write(&file, &text).unwrap();
        Config::load(&file).unwrap_or_else(|e| panic!("{e}\n{text}"));
    }
}
