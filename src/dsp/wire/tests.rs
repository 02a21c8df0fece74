//! The wire against the official schemas and examples (test data beside the project, never part of it), and against what EDC and
//! hostile peers send.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::{Registry, Validator};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dsp::catalog::{OfferedDataset, catalog_to_json, dataset_to_json};
use crate::dsp::participants::Participant;
use crate::model::message::{DataAddress, NegotiationBody, NegotiationMessage, Reasons, TransferBody, TransferMessage};
use crate::model::negotiation::{NegotiationState, Role};
use crate::model::process::{Process, ProcessDetail, ProcessState};
use crate::model::time::Timestamp;
use crate::model::transfer::TransferState;

/// The official schemas and examples, or `None` with a printed reason where they are not at hand.
fn official() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/spec/dsp");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the official schemas are not at {}", folder.display());
    None
}

fn json_files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The official validator of one schema; the missing slash in three references is put in.
fn official_validator(root: &Path, folder: &str, name: &str) -> Validator {
    let mut builder = Registry::new();
    for folder in ["catalog", "common", "negotiation", "transfer"] {
        for (_, text) in json_files(&root.join(folder)) {
            let schema: Value = serde_json::from_str(&text.replace("json#definitions/", "json#/definitions/")).unwrap();
            let id = schema["$id"].as_str().unwrap().to_owned();
            builder = builder.add(id, schema).unwrap();
        }
    }
    let registry = builder.prepare().unwrap();
    let id = format!("https://w3id.org/dspace/2025/1/{folder}/{name}.json");
    jsonschema::options().offline().with_registry(&registry).build(&json!({ "$ref": id })).unwrap()
}

fn assert_official(root: &Path, folder: &str, name: &str, body: &Value) {
    let validator = official_validator(root, folder, name);
    let errors: Vec<String> = validator.iter_errors(body).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{body:#}");
}

const ALL: [MessageType; 12] = [
    MessageType::CatalogRequest,
    MessageType::ContractRequest,
    MessageType::ContractOffer,
    MessageType::ContractAgreement,
    MessageType::ContractVerification,
    MessageType::ContractEvent,
    MessageType::ContractTermination,
    MessageType::TransferRequest,
    MessageType::TransferStart,
    MessageType::TransferCompletion,
    MessageType::TransferSuspension,
    MessageType::TransferTermination,
];

/// The official examples of messages that peers send us.
fn examples() -> Vec<(MessageType, Value)> {
    let Some(root) = official() else { return Vec::new() };
    let mut found = Vec::new();
    for folder in ["catalog", "negotiation", "transfer"] {
        for (_, text) in json_files(&root.join(folder).join("example")) {
            let body: Value = serde_json::from_str(&text).unwrap();
            let of_type = ALL.into_iter().find(|t| body["@type"] == t.as_str());
            found.extend(of_type.map(|message_type| (message_type, body)));
        }
    }
    assert!(found.len() >= 14, "only {} examples", found.len());
    found
}

fn taken(message_type: MessageType, body: &Value) -> Result<(), Malformed> {
    let value = read(body.to_string().as_bytes(), message_type)?;
    match message_type {
        MessageType::CatalogRequest => Ok(()),
        t if t.as_str().starts_with("Contract") => negotiation_from_json(t, value).map(|_| ()),
        t => transfer_from_json(t, &value).map(|_| ()),
    }
}

#[test]
fn every_official_example_is_taken_in() {
    for (message_type, body) in examples() {
        assert_eq!(taken(message_type, &body), Ok(()), "{}", message_type.as_str());
    }
}

#[test]
fn an_example_without_a_required_part_is_refused_as_the_official_schema_refuses_it() {
    let Some(root) = official() else { return };
    let schema = |t: MessageType| {
        let folder = match t {
            MessageType::CatalogRequest => "catalog",
            t if t.as_str().starts_with("Contract") => "negotiation",
            _ => "transfer",
        };
        let kebab = t.as_str().chars().fold(String::new(), |mut name, c| {
            if c.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.extend(c.to_lowercase());
            name
        });
        official_validator(&root, folder, &format!("{kebab}-schema"))
    };
    let mut compared = 0;
    for (message_type, body) in examples() {
        let theirs = schema(message_type);
        for place in places(&body) {
            let mut broken = body.clone();
            let (parent, name) = place.rsplit_once('/').unwrap();
            let Some(map) = broken.pointer_mut(parent).unwrap().as_object_mut() else { continue };
            map.remove(name);
            if !theirs.is_valid(&broken) {
                assert!(taken(message_type, &broken).is_err(), "{} without {place}", message_type.as_str());
                compared += 1;
            }
        }
    }
    assert!(compared > 80, "only {compared} broken messages");
}

/// Pointers to everything in a document; none of the examples has a slash or tilde in a name.
fn places(value: &Value) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    inner
        .into_iter()
        .flat_map(|(name, v)| {
            let below = places(v).into_iter().map(|p| format!("/{name}{p}")).collect::<Vec<_>>();
            std::iter::once(format!("/{name}")).chain(below)
        })
        .collect()
}

fn offer(id: &str) -> Value {
    json!({"@id": id, "@type": "Offer", "target": "EE:GOV:1:land:register", "assigner": "did:web:p",
           "permission": [{"action": "use", "constraint": [
               {"or": [{"leftOperand": "purpose", "operator": "eq", "rightOperand": "https://x/research"},
                       {"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}]}]}]})
}

fn agreement() -> Value {
    let mut agreement = offer("urn:uuid:a");
    for (name, value) in [("@type", "Agreement"), ("assignee", "did:web:c"), ("timestamp", "2026-11-23T10:00:00.000Z")]
    {
        agreement[name] = json!(value);
    }
    agreement
}

fn pids() -> (Option<Pid>, Option<Pid>) {
    (Some("urn:uuid:c".into()), Some("urn:uuid:p".into()))
}

fn reasons() -> Reasons {
    Reasons::new("policy.refused", "the purpose is not allowed")
}

fn negotiation_messages() -> Vec<(&'static str, NegotiationMessage)> {
    let (consumer_pid, provider_pid) = pids();
    let callback = || Some("https://us.example/p/dsp/2025-1".to_owned());
    let message =
        |body| NegotiationMessage { consumer_pid: consumer_pid.clone(), provider_pid: provider_pid.clone(), body };
    let mut first_request = message(NegotiationBody::Request { offer: offer("o"), callback: callback() });
    first_request.provider_pid = None;
    let mut first_offer = message(NegotiationBody::Offer { offer: offer("o"), callback: callback() });
    first_offer.consumer_pid = None;
    vec![
        ("contract-request-message-schema", first_request),
        ("contract-request-message-schema", message(NegotiationBody::Request { offer: offer("o"), callback: None })),
        ("contract-offer-message-schema", first_offer),
        ("contract-offer-message-schema", message(NegotiationBody::Offer { offer: offer("o"), callback: None })),
        ("contract-agreement-message-schema", message(NegotiationBody::Agreement { agreement: agreement() })),
        ("contract-agreement-verification-message-schema", message(NegotiationBody::Verification)),
        ("contract-negotiation-event-message-schema", message(NegotiationBody::Accepted)),
        ("contract-negotiation-event-message-schema", message(NegotiationBody::Finalized)),
        ("contract-negotiation-termination-message-schema", message(NegotiationBody::Termination(reasons()))),
        ("contract-negotiation-termination-message-schema", message(NegotiationBody::Termination(Reasons::default()))),
    ]
}

fn address() -> DataAddress {
    DataAddress {
        endpoint: "https://us.example/p/data/1".to_owned(),
        endpoint_type: "https://w3id.org/idsa/v4.1/HTTP".to_owned(),
        authorization: Some("token".to_owned()),
        auth_type: Some("bearer".to_owned()),
    }
}

fn transfer_messages() -> Vec<(&'static str, TransferMessage)> {
    let (consumer_pid, provider_pid) = pids();
    let message =
        |body| TransferMessage { consumer_pid: consumer_pid.clone(), provider_pid: provider_pid.clone(), body };
    let mut request = message(TransferBody::Request {
        agreement: "urn:uuid:a".into(),
        format: "HttpData-PULL".to_owned(),
        callback: "https://us.example/p/dsp/2025-1".to_owned(),
        push: false,
    });
    request.provider_pid = None;
    vec![
        ("transfer-request-message-schema", request),
        ("transfer-start-message-schema", message(TransferBody::Start { address: Some(address()) })),
        ("transfer-start-message-schema", message(TransferBody::Start { address: None })),
        ("transfer-completion-message-schema", message(TransferBody::Completion)),
        ("transfer-suspension-message-schema", message(TransferBody::Suspension(reasons()))),
        ("transfer-termination-message-schema", message(TransferBody::Termination(Reasons::default()))),
    ]
}

#[test]
fn every_message_we_send_fits_the_official_schema() {
    let Some(root) = official() else { return };
    for (schema, message) in negotiation_messages() {
        assert_official(&root, "negotiation", schema, &negotiation_to_json(&message));
    }
    for (schema, message) in transfer_messages() {
        assert_official(&root, "transfer", schema, &transfer_to_json(&message));
    }
}

fn process(state: ProcessState, peer_pid: Option<Pid>) -> Process {
    Process {
        pid: "urn:uuid:p".into(),
        peer_pid,
        role: Role::Provider,
        participant: "did:web:p".into(),
        counterparty: "did:web:c".into(),
        peer_address: String::new(),
        state,
        dataset: "d".into(),
        agreement: None,
        detail: ProcessDetail::default(),
        version: 0,
        created: Timestamp::from_millis(0),
        updated: Timestamp::from_millis(0),
        delivery_failure: None,
    }
}

#[test]
fn processes_in_every_state_and_all_errors_fit_the_official_schemas() {
    let Some(root) = official() else { return };
    for peer in [Some(Pid::from("urn:uuid:c")), None] {
        for state in NegotiationState::ALL {
            let shown = process_to_json(&process(ProcessState::Negotiation(state), peer.clone()));
            assert_official(&root, "negotiation", "contract-negotiation-schema", &shown);
        }
        for state in TransferState::ALL {
            let shown = process_to_json(&process(ProcessState::Transfer(state), peer.clone()));
            assert_official(&root, "transfer", "transfer-process-schema", &shown);
        }
        let pids = (peer.as_ref(), None);
        for reasons in [reasons(), Reasons::default()] {
            let error = |family| error_to_json(family, pids, &reasons);
            assert_official(&root, "catalog", "catalog-error-schema", &error(Family::Catalog));
            assert_official(&root, "negotiation", "contract-negotiation-error-schema", &error(Family::Negotiation));
            assert_official(&root, "transfer", "transfer-error-schema", &error(Family::Transfer));
        }
    }
}

#[test]
fn the_catalogue_datasets_and_version_documents_fit_the_official_schemas() {
    let Some(root) = official() else { return };
    let participant = Participant::new("https://us.example/", "land", "did:web:us.example:land".into());
    let dataset = OfferedDataset {
        id: "EE:GOV:1:land:register".into(),
        properties: serde_json::Map::from_iter([("dct:title".to_owned(), json!("Land register"))]),
        offers: vec![offer("offer-1")],
        formats: vec!["HttpData-PULL".to_owned(), "Xrd-PULL".to_owned()],
    };
    let bare = OfferedDataset { offers: Vec::new(), ..dataset.clone() };
    for datasets in [vec![], vec![dataset.clone(), bare.clone()], vec![bare.clone()]] {
        assert_official(&root, "catalog", "catalog-schema", &catalog_to_json(&participant, datasets));
    }
    assert_official(&root, "catalog", "dataset-schema", &dataset_to_json(&participant, dataset).unwrap());
    assert_eq!(dataset_to_json(&participant, bare), None);

    let at_root = version_document(std::iter::once(&participant), true);
    assert_official(&root, "common", "protocol-version-schema", &at_root);
    assert_eq!(at_root["protocolVersions"][0]["path"], "/land/dsp/2025-1");
    let own = version_document(std::iter::once(&participant), false);
    assert_eq!(own["protocolVersions"][0]["path"], "/dsp/2025-1");
}

#[test]
fn what_we_send_is_what_we_would_take_in() {
    for (_, message) in negotiation_messages() {
        let body = negotiation_to_json(&message);
        let message_type = ALL.into_iter().find(|t| body["@type"] == t.as_str()).unwrap();
        let back = negotiation_from_json(message_type, read(body.to_string().as_bytes(), message_type).unwrap());
        assert_eq!(back.unwrap(), message);
    }
    for (_, message) in transfer_messages() {
        let body = transfer_to_json(&message);
        let message_type = ALL.into_iter().find(|t| body["@type"] == t.as_str()).unwrap();
        let back = transfer_from_json(message_type, &read(body.to_string().as_bytes(), message_type).unwrap());
        assert_eq!(back.unwrap(), message);
    }
}

fn dsp(message_type: &str, more: &Value) -> Value {
    let mut body = json!({"@context": [CONTEXT, "https://w3id.org/edc/dspace/v0.0.1"], "@type": message_type,
                          "@id": "f0e1", "consumerPid": "c", "providerPid": "p"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn edc_start(properties: &Value) -> DataAddress {
    let body = dsp(
        "TransferStartMessage",
        &json!({"dataAddress": {"@type": "DataAddress",
        "endpointType": "https://w3id.org/idsa/v4.1/HTTP", "endpointProperties": properties}}),
    );
    let message = transfer_from_json(
        MessageType::TransferStart,
        &read(body.to_string().as_bytes(), MessageType::TransferStart).unwrap(),
    );
    let TransferBody::Start { address: Some(address) } = message.unwrap().body else { panic!("no address") };
    address
}

#[test]
fn edcs_start_message_gives_endpoint_and_raw_token() {
    let property = |name: &str, value: &str| json!({"@type": "EndpointProperty", "name": format!("https://w3id.org/edc/v0.0.1/ns/{name}"), "value": value});
    let address = edc_start(&json!([
        property("endpointType", "https://w3id.org/idsa/v4.1/HTTP"),
        property("endpoint", "http://edc:8185/public"),
        property("authType", "bearer"),
        property("authorization", "ey.x.y"),
    ]));
    assert_eq!(address.endpoint, "http://edc:8185/public");
    assert_eq!(address.authorization.as_deref(), Some("ey.x.y"));
    assert_eq!(address.auth_type.as_deref(), Some(RAW_TOKEN), "EDC wants its token without a scheme");
}

#[test]
fn an_address_without_properties_or_with_the_protocols_own_names_is_read_too() {
    assert_eq!(edc_start(&json!([])).authorization, None);
    let own = |name: &str, value: &str| json!({"@type": "EndpointProperty", "name": name, "value": value});
    let address = edc_start(&json!([own("authorization", "Bearer abc"), own("authType", "bearer")]));
    assert_eq!(address.authorization.as_deref(), Some("abc"));
    assert_eq!(address.auth_type.as_deref(), Some("bearer"));
}

#[test]
fn our_address_is_understood_by_peers_of_both_spellings() {
    let written = data_address_to_json(&address());
    let names: Vec<&str> =
        written["endpointProperties"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    for name in ["endpoint", "endpointType", "authType", "authorization"] {
        assert!(names.contains(&format!("https://w3id.org/edc/v0.0.1/ns/{name}").as_str()), "{name}");
    }
    assert!(names.contains(&"authorization") && names.contains(&"authType"));
    assert_eq!(written["endpoint"], "https://us.example/p/data/1");
    assert_eq!(data_address_from_json(&written), address());
}

#[test]
fn the_kits_and_edcs_liberties_are_tolerated() {
    let empty_lists = json!({"@id": "o", "@type": "Offer", "target": "d", "assignee": {"@id": "a"}, "obligation": [],
        "prohibition": [], "permission": [{"action": "use", "constraint": []}]});
    let numbers = json!({"@id": "o", "@type": "Offer", "target": "d", "permission": [{"action": "use", "constraint": [
        {"leftOperand": "count", "operator": "lteq", "rightOperand": 3}]}]});
    for (message_type, body) in [
        (MessageType::ContractRequest, json!({"offer": empty_lists})),
        (MessageType::ContractOffer, json!({"offer": numbers})),
        (MessageType::ContractTermination, json!({"code": "1", "reason": [{"message": "no"}]})),
        (MessageType::ContractTermination, json!({})),
        (MessageType::TransferSuspension, json!({"reason": [], "code": 7})),
        (MessageType::TransferTermination, json!({"reason": "plain"})),
        (MessageType::TransferStart, json!({"unknown": {"deep": [1, 2]}})),
    ] {
        assert_eq!(taken(message_type, &dsp(message_type.as_str(), &body)), Ok(()), "{}", message_type.as_str());
    }
}

#[test]
fn reasons_of_any_form_become_text() {
    let body = json!({"code": 7, "reason": ["a", {"message": "b"}, {"@value": "c"}, 4, {"x": 1, "y": 2}]});
    let reasons = reasons_from_json(&body);
    assert_eq!(reasons.code.as_deref(), Some("7"));
    assert_eq!(reasons.reason, ["a", "b", "c", "4", r#"{"x":1,"y":2}"#]);
    assert_eq!(reasons_from_json(&json!({"reason": vec!["x"; 500]})).reason.len(), 16);
    assert_eq!(reasons_from_json(&json!({"reason": "ä".repeat(5_000)})).reason[0].chars().count(), 2_000);
}

#[test]
fn a_push_address_beside_a_pull_format_does_not_make_it_a_push() {
    let push = |format: &str| {
        let body = json!({"@context": [CONTEXT], "@type": "TransferRequestMessage", "consumerPid": "c",
            "agreementId": "a", "format": format, "callbackAddress": "https://c.example/cb//",
            "dataAddress": {"@type": "DataAddress", "endpointType": "HttpProxy"}});
        let message = transfer_from_json(MessageType::TransferRequest, &body).unwrap();
        let TransferBody::Request { push, callback, .. } = message.body else { panic!("no request") };
        assert_eq!(callback, "https://c.example/cb", "what is handed on has no trailing slash");
        push
    };
    assert!(!push("HttpData-PULL"));
    assert!(push("HttpData-PUSH") && push("example:HTTP_PUSH"));
}

#[test]
fn refusals_say_what_is_wrong() {
    let told = |message_type, body: &str| read(body.as_bytes(), message_type).unwrap_err();
    let event = MessageType::ContractEvent;
    assert_eq!(told(event, "{").code, "message.not-json");
    assert_eq!(told(event, "[]").code, "message.not-json");
    assert_eq!(told(event, &"[".repeat(100_000)).code, "message.not-json");
    assert_eq!(told(event, r#"{"@type": "ContractNegotiationEventMessage"}"#).code, "message.no-context");

    let mut body = dsp("ContractNegotiationEventMessage", &json!({"eventType": "AGREED"}));
    let refused = told(event, &body.to_string());
    assert_eq!(refused.code, "message.invalid");
    assert!(refused.sentence.starts_with("/eventType: "), "{}", refused.sentence);
    assert_eq!((refused.consumer_pid, refused.provider_pid), (Some("c".into()), Some("p".into())));
    assert_eq!(told(MessageType::ContractOffer, &body.to_string()).code, "message.wrong-type");

    for context in
        [json!([]), json!(["https://w3id.org/dspace/2024/1/context.json"]), json!(CONTEXT), json!([{}, CONTEXT])]
    {
        body["@context"] = context;
        assert_eq!(told(event, &body.to_string()).code, "message.invalid");
    }
}

#[test]
fn callback_addresses_that_cannot_be_called_are_refused() {
    for bad in ["not a url", "ftp://x/y", "/relative", "https://u:p@x/", "https://x/?q=1", "https://x/#f", "http:///"] {
        let body = json!({"@context": [CONTEXT], "@type": "ContractRequestMessage", "consumerPid": "c",
                          "offer": offer("o"), "callbackAddress": bad});
        let refusal = taken(MessageType::ContractRequest, &body).unwrap_err();
        assert_eq!(refusal.code, "message.callback", "{bad}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z@:/{}]{0,12}".prop_map(Value::from),
        Just(json!("Offer")),
        Just(json!([CONTEXT])),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(@id|@type|offer|permission|reason|code|dataAddress|[a-z]{1,3})", inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_a_message_is_taken_or_refused(
        kind in 0_usize..12, name in "(offer|agreement|reason|code|dataAddress|filter|callbackAddress|consumerPid|@context)",
        value in any_json()
    ) {
        let message_type = ALL[kind];
        let mut body = dsp(message_type.as_str(), &json!({"eventType": "ACCEPTED", "offer": offer("o")}));
        body[name.as_str()] = value.clone();
        let _ = taken(message_type, &body);
        let _ = (reasons_from_json(&body), data_address_from_json(&value));
    }
}
