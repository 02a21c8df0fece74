//! What the README shows must work as it stands there.

use std::path::Path;
use std::time::Duration;

use conformance::double::{Double, DoubleConfig};
use sliproad::config::Config;
use sliproad::demo::processes::free_port;

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
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let secret = "a-secret-of-some-length".to_owned();
    let database = "postgres://sliproad@127.0.0.1/sliproad".to_owned();
    for (name, text) in [
        ("security-server.pem", &certificate),
        ("client.pem", &certificate),
        ("client.key", &key),
        ("consumer.token", &secret),
        ("to-consumer.token", &secret),
        ("postgres-url", &database),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for text in blocks {
        let file = folder.path().join("provider.toml");
        std::fs::write(&file, &text).unwrap();
        Config::load(&file).unwrap_or_else(|e| panic!("{e}\n{text}"));
    }
}

/// Surface 5 of the fixed ones: a foreign connector is pointed at a provider that a dozen lines describe.
#[tokio::test]
async fn the_short_configuration_serves_whoever_says_its_name_as_edc_does() {
    let double = Double::start(DoubleConfig::sample()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (public, management) = (free_port().unwrap(), free_port().unwrap());
    let text = blocks("toml").into_iter().find(|text| text.contains("kind = \"development\"")).unwrap();
    let short = text.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(short <= 20, "{short} lines");
    let text = text.replace("127.0.0.1:7080", &format!("127.0.0.1:{public}"));
    let text = text.replace("http://127.0.0.1:8080", &double.url());
    let here =
        format!("management = {{ listen = \"127.0.0.1:{management}\" }}\nstore = {{ path = \"store\" }}\n{text}");
    std::fs::write(folder.path().join("provider.toml"), here).unwrap();
    let mut provider = tokio::process::Command::new(env!("CARGO_BIN_EXE_sliproad"))
        .args(["serve", "--config", "provider.toml"])
        .current_dir(folder.path())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = sliproad::demo::client::local_http().unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let ready = format!("http://127.0.0.1:{management}/ready");
    while !client.get(&ready).send().await.is_ok_and(|answer| answer.status() == 200) {
        assert!(tokio::time::Instant::now() < deadline && provider.try_wait().unwrap().is_none(), "it is not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ask = serde_json::json!({"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@type": "CatalogRequestMessage", "filter": [{"@type": "QuerySpec", "limit": 50, "offset": 0}]});
    let url = format!("http://127.0.0.1:{public}/provider/dsp/2025-1/catalog/request");
    let spoken = client.post(&url).header("authorization", r#"{"clientId":"consumer","region":"eu","audience":"x"}"#);
    let catalogue: serde_json::Value = spoken.json(&ask).send().await.unwrap().json().await.unwrap();
    assert_eq!(catalogue["dataset"].as_array().map(Vec::len), Some(4), "{catalogue}");
    assert_eq!(client.post(&url).json(&ask).send().await.unwrap().status(), 401, "nobody is believed who says nothing");
    provider.kill().await.unwrap();
    double.stop().await;
}
