use serde_json::json;

use super::*;
use crate::engine::{NOT_YET, OfferVerdict, Offers};
use crate::model::agreement::Agreement;
use crate::model::negotiation::Role;
use crate::model::time::Timestamp;
use crate::model::xroad::{Operation, ServiceKind};
use crate::policy::Reported;

const CONSUMER: &str = "did:web:consumer.example";
const STRANGER: &str = "did:web:stranger.example";

fn provider() -> ParticipantId {
    "did:web:provider.example".into()
}

fn consumer() -> ParticipantId {
    CONSUMER.into()
}

fn stranger() -> ParticipantId {
    STRANGER.into()
}

fn register() -> ClientId {
    "DEV/GOV/2000/landregister".parse().unwrap()
}

fn found(code: &str, title: &str) -> DiscoveredService {
    let operation = |text: &str| Operation { endpoint: text.parse().unwrap(), summary: None };
    DiscoveredService {
        service: register().service(code, None).unwrap(),
        kind: ServiceKind::OpenApi,
        title: Some(title.to_owned()),
        description: None,
        version: Some("1".into()),
        operations: vec![operation("GET /parcels/{id}"), operation("DELETE /parcels/{id}")],
    }
}

fn catalog() -> Catalog {
    let publisher = Publisher {
        participant: provider(),
        services: vec!["DEV/GOV/2000/*".into()],
        client: Some("DEV/GOV/2000/gateway".parse().unwrap()),
        client_for: vec![("*partner*".into(), "DEV/GOV/2000/partners".parse().unwrap())],
    };
    let catalog =
        Catalog::new(vec![publisher], Registry::built_in(), |_| Vec::new(), Clock::standing(Timestamp::from_millis(0)));
    catalog.put_policy("open", &json!({"permission": [{"action": "use"}]})).unwrap();
    let known = |who: &str| json!({"leftOperand": "recipient", "operator": "eq", "rightOperand": who});
    catalog.put_policy("known", &json!({"permission": {"action": "use", "constraint": known(CONSUMER)}})).unwrap();
    let counted = json!({"leftOperand": "count", "operator": "lteq", "rightOperand": 3});
    catalog.put_policy("thrice", &json!({"permission": [{"action": "use", "constraint": [counted]}]})).unwrap();
    catalog
}

fn offer(id: &str, assets: &[&str], policy: &str, access: Option<&str>) -> OfferDefinition {
    OfferDefinition {
        id: id.into(),
        participant: None,
        assets: assets.iter().map(ToString::to_string).collect(),
        policy: policy.to_owned(),
        access_policy: access.map(str::to_owned),
    }
}

fn asset(id: &str, service: &str) -> AssetDefinition {
    let service = service.parse().unwrap();
    AssetDefinition { id: id.into(), service, metadata: Metadata::default(), endpoints: Vec::new() }
}

fn seen(catalog: &Catalog, caller: &ParticipantId) -> Vec<String> {
    catalog.sight(&provider(), caller).datasets().map(|view| view.dataset.id.to_string()).collect()
}

fn view(catalog: &Catalog, caller: &ParticipantId, id: &str) -> Option<DatasetView> {
    catalog.sight(&provider(), caller).dataset(&id.into())
}

#[test]
fn a_service_found_becomes_a_dataset_once_it_is_offered() {
    let catalog = catalog();
    catalog.refresh(&provider(), &[register()], vec![found("land", "Land register")]);
    assert!(seen(&catalog, &consumer()).is_empty());
    catalog.put_offer(offer("land", &["DEV:GOV:2000:*"], "open", None)).unwrap();
    assert_eq!(seen(&catalog, &consumer()), ["DEV:GOV:2000:landregister:land"]);
    let view = view(&catalog, &consumer(), "DEV:GOV:2000:landregister:land").unwrap();
    assert_eq!(view.dataset.title.as_deref(), Some("Land register"));
    assert_eq!(view.dataset.operations.len(), 2);
    let policy =
        json!({"@id": "land:DEV:GOV:2000:landregister:land", "@type": "Offer", "permission": [{"action": "use"}]});
    assert_eq!(view.offers[0].policy, policy);
    assert!(catalog.sight(&stranger(), &consumer()).datasets().next().is_none());
}

#[test]
fn what_the_operator_says_goes_before_what_the_document_says() {
    let catalog = catalog();
    catalog.refresh(&provider(), &[register()], vec![found("land", "Land register")]);
    let mut land = asset("ACN0101", "DEV/GOV/2000/landregister/land");
    land.metadata.title = Some("Parcels".into());
    land.endpoints = vec!["GET /parcels/*".parse().unwrap()];
    catalog.put_asset(land);
    catalog.put_offer(offer("o", &["*"], "open", None)).unwrap();
    assert_eq!(seen(&catalog, &consumer()), ["ACN0101"]);
    let dataset = catalog.known(&"ACN0101".into()).unwrap();
    assert_eq!(dataset.title.as_deref(), Some("Parcels"));
    assert_eq!(dataset.operations.iter().map(|o| o.endpoint.to_string()).collect::<Vec<_>>(), ["GET /parcels/{id}"]);
    let asset = catalog.asset(&provider(), &"ACN0101".into(), &consumer()).unwrap();
    let allows = |method, path| catalog.allows(&"ACN0101".into(), method, path);
    assert!(allows("GET", "/parcels/1") && !allows("DELETE", "/parcels/1"));
    assert!(!catalog.allows(&"no-such-dataset".into(), "GET", "/parcels/1"));
    assert_eq!(asset.client.as_str(), "DEV/GOV/2000/gateway");
    let partner = catalog.asset(&provider(), &"ACN0101".into(), &"did:web:partner.example".into()).unwrap();
    assert_eq!(partner.client.as_str(), "DEV/GOV/2000/partners");
    assert!(catalog.remove_asset(&"ACN0101".into()) && !catalog.remove_asset(&"ACN0101".into()));
    assert_eq!(seen(&catalog, &consumer()), ["DEV:GOV:2000:landregister:land"]);
}

#[test]
fn the_access_policy_decides_who_sees_an_offer() {
    let catalog = catalog();
    catalog.put_asset(asset("land", "DEV/GOV/2000/landregister/land"));
    catalog.put_offer(offer("closed", &["land"], "thrice", Some("known"))).unwrap();
    assert_eq!(seen(&catalog, &consumer()), ["land"]);
    assert!(seen(&catalog, &stranger()).is_empty());
    assert!(view(&catalog, &stranger(), "land").is_none());
    catalog.put_offer(offer("public", &["land"], "open", None)).unwrap();
    let offers = |caller| view(&catalog, &caller, "land").unwrap().offers.len();
    assert_eq!((offers(consumer()), offers(stranger())), (2, 1));
}

#[test]
fn an_offer_that_could_never_permit_the_caller_is_not_shown() {
    let catalog = catalog();
    let atom = |left: &str, operator: &str, right: &str| json!({"leftOperand": left, "operator": operator, "rightOperand": right});
    let claim = atom("spatial", "eq", "FI");
    let later = atom("dateTime", "gteq", "2030-01-01T00:00:00Z");
    let over = atom("dateTime", "lt", "1960-01-01T00:00:00Z");
    let call = atom("count", "lteq", "3");
    let mine = atom("recipient", "eq", CONSUMER);
    let duty = json!([{"action": "compensate"}]);
    for (name, constraints, stranger_sees, consumer_sees) in [
        ("mine", json!([mine, call]), false, true),
        ("mine or claimed", json!([{"or": [mine, claim]}]), true, true),
        ("mine and claimed", json!([mine, claim]), false, true),
        ("some day", json!([later]), true, true),
        ("some day for me", json!([later, mine]), false, true),
        ("no more", json!([over]), false, false),
        (
            "not me",
            json!([{"leftOperand": "recipient", "operator": "isNoneOf", "rightOperand": [CONSUMER]}]),
            true,
            false,
        ),
    ] {
        let policy = json!({"permission": [{"action": "use", "constraint": constraints, "duty": duty}]});
        catalog.put_policy("p", &policy).unwrap();
        catalog.put_asset(asset("land", "DEV/GOV/2000/landregister/land"));
        catalog.put_offer(offer("o", &["land"], "p", None)).unwrap();
        let sees = |caller: ParticipantId| view(&catalog, &caller, "land").is_some();
        assert_eq!((sees(stranger()), sees(consumer())), (stranger_sees, consumer_sees), "{name}");
        assert_eq!(seen(&catalog, &stranger()).is_empty(), !stranger_sees, "{name}");
    }
    let barred = json!({"conflict": "prohibit", "permission": [{"action": "use"}],
        "prohibition": [{"action": "use", "constraint": [mine]}]});
    catalog.put_policy("p", &barred).unwrap();
    assert_eq!((seen(&catalog, &stranger()).len(), seen(&catalog, &consumer()).len()), (1, 0));
}

#[test]
fn an_access_policy_may_tell_datasets_apart() {
    let catalog = catalog();
    let only = json!({"permission": [{"action": "use", "target": "a"}]});
    catalog.put_policy("only-a", &only).unwrap();
    catalog.put_asset(asset("a", "DEV/GOV/2000/landregister/land"));
    catalog.put_asset(asset("b", "DEV/GOV/2000/landregister/land"));
    catalog.put_offer(offer("o", &["*"], "open", Some("only-a"))).unwrap();
    assert_eq!(seen(&catalog, &consumer()), ["a"]);
}

#[test]
fn a_withdrawn_service_leaves_the_catalogue_and_stays_known() {
    let catalog = catalog();
    let id: DatasetId = "DEV:GOV:2000:landregister:land".into();
    let land = || found("land", "Land register");
    assert_eq!(catalog.refresh(&provider(), &[register()], vec![land()]).added, [land().service]);
    catalog.put_offer(offer("o", &["*"], "open", None)).unwrap();
    assert!(catalog.refresh(&provider(), &[register()], vec![land()]).is_empty());
    assert!(catalog.refresh(&provider(), &[], Vec::new()).is_empty(), "a server that could not be read says nothing");
    assert_eq!(catalog.refresh(&provider(), &[register()], vec![found("land", "Land")]).changed, [land().service]);
    assert_eq!(catalog.refresh(&provider(), &[register()], Vec::new()).withdrawn, [land().service]);
    assert!(seen(&catalog, &consumer()).is_empty());
    assert_eq!(catalog.known(&id).unwrap().title.as_deref(), Some("Land"));
    assert!(!catalog.asset(&provider(), &id, &consumer()).unwrap().listed);
    assert_eq!(catalog.refresh(&provider(), &[register()], vec![land()]).added, [land().service]);
    assert_eq!(seen(&catalog, &consumer()), [id.to_string()]);
}

#[tokio::test]
async fn before_the_first_look_nothing_is_said_to_be_missing() {
    let catalog = catalog();
    catalog.put_offer(offer("o", &["*"], "open", None)).unwrap();
    catalog.await_services(&provider());
    let asked = json!({"@id": "o:DEV:GOV:2000:landregister:land", "target": "DEV:GOV:2000:landregister:land"});
    let agreement = agreed(json!({"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}));
    assert!(catalog.sight(&provider(), &consumer()).is_awaited());
    assert_eq!(verdict(&catalog, &consumer(), asked.clone()).await.unwrap_err(), NOT_YET);
    let began = catalog.may_transfer(&agreement, Reported::default()).await.unwrap_err();
    assert_eq!(began.reasons.code.as_deref(), Some(NOT_YET));
    // What the operator describes is there before anybody could look.
    catalog.put_asset(asset("land", "DEV/GOV/2000/landregister/land"));
    assert!(matches!(verdict(&catalog, &consumer(), json!({"@id": "o:land"})).await, Ok(OfferVerdict::Ours(_))));
    catalog.refresh(&provider(), &[register()], Vec::new());
    assert!(!catalog.sight(&provider(), &consumer()).is_awaited());
    assert_eq!(verdict(&catalog, &consumer(), asked).await.unwrap_err(), "offer.unknown");
    let began = catalog.may_transfer(&agreement, Reported::default()).await.unwrap_err();
    assert_eq!(began.reasons.code.as_deref(), Some("dataset.withdrawn"));
}

#[test]
fn what_was_found_is_taken_up_after_a_restart_as_it_was_last_seen() {
    let before = catalog();
    before.refresh(&provider(), &[register()], vec![found("land", "Land register"), found("gone", "Gone")]);
    before.refresh(&provider(), &[register()], vec![found("land", "Land register")]);
    let kept = serde_json::to_string(&before.found(&provider()).unwrap()).unwrap();
    let after = catalog();
    after.put_offer(offer("o", &["*"], "open", None)).unwrap();
    after.await_services(&provider());
    after.recall(&provider(), serde_json::from_str(&kept).unwrap());
    assert!(!after.is_awaited(&provider()));
    assert_eq!(after.all(), before.all());
    assert_eq!(seen(&after, &consumer()), ["DEV:GOV:2000:landregister:land"]);
    assert!(after.refresh(&provider(), &[register()], vec![found("land", "Land register")]).is_empty());
    assert_eq!(after.refresh(&provider(), &[register()], Vec::new()).withdrawn, [found("land", "").service]);
    // The stranger publishes nothing, so that nothing of it comes back.
    after.recall(&stranger(), serde_json::from_str(&kept).unwrap());
    assert!(after.found(&stranger()).unwrap().providers().is_empty());
}

#[test]
fn an_asset_whose_service_is_known_to_be_missing_is_not_offered() {
    let catalog = catalog();
    catalog.put_asset(asset("land", "DEV/GOV/2000/landregister/land"));
    catalog.put_offer(offer("o", &["land"], "open", None)).unwrap();
    assert_eq!(seen(&catalog, &consumer()), ["land"]);
    catalog.refresh(&provider(), &[register()], Vec::new());
    assert!(seen(&catalog, &consumer()).is_empty());
}

#[test]
fn offers_have_the_ids_that_were_configured() {
    let catalog = catalog();
    for id in ["ACN0101", "ACN0102"] {
        catalog.put_asset(asset(id, "DEV/GOV/2000/landregister/land"));
    }
    catalog.put_offer(offer("CD123:{dataset}:456", &["ACN*"], "open", None)).unwrap();
    catalog.put_offer(offer("single", &["ACN0101"], "open", None)).unwrap();
    catalog.put_offer(offer("several", &["ACN0101", "ACN0102"], "open", None)).unwrap();
    let offers = view(&catalog, &consumer(), "ACN0101").unwrap().offers;
    let ids: Vec<&str> = offers.iter().map(|o| o.id.as_str()).collect();
    assert_eq!(ids, ["CD123:ACN0101:456", "several:ACN0101", "single"]);
}

#[test]
fn what_cannot_be_published_is_refused_with_its_place() {
    let catalog = catalog();
    let unknown = json!({"permission": [{"action": "use", "constraint": [
        {"leftOperand": "moonPhase", "operator": "eq", "rightOperand": "full"}]}]});
    let refused = catalog.put_policy("moon", &unknown).unwrap_err();
    assert!(refused.to_string().contains("/permission/0/constraint/0"), "{refused}");
    let refused = catalog.put_offer(offer("o", &["*"], "moon", None)).unwrap_err();
    assert!(matches!(refused, CatalogError::NoPolicy { .. }));
    assert!(matches!(catalog.put_offer(offer("o", &[], "open", None)), Err(CatalogError::Offer { .. })));
    let foreign = OfferDefinition { participant: Some(stranger()), ..offer("o", &["*"], "open", None) };
    assert!(matches!(catalog.put_offer(foreign), Err(CatalogError::Offer { .. })));
    catalog.put_offer(offer("o", &["*"], "open", None)).unwrap();
    assert!(matches!(catalog.remove_policy("open"), Err(CatalogError::PolicyInUse { .. })));
    assert!(catalog.remove_offer(&"o".into()));
    assert_eq!(catalog.remove_policy("open"), Ok(true));
    assert_eq!(catalog.policies().len(), 2);
}

async fn verdict(catalog: &Catalog, caller: &ParticipantId, offer: serde_json::Value) -> Result<OfferVerdict, String> {
    catalog.judge(&provider(), caller, &offer).await.map_err(|reasons| reasons.code.unwrap())
}

#[tokio::test]
async fn an_offer_is_judged_by_its_id_and_its_rules() {
    let catalog = catalog();
    catalog.put_asset(asset("land", "DEV/GOV/2000/landregister/land"));
    catalog.put_offer(offer("o", &["land"], "thrice", None)).unwrap();
    let rules = view(&catalog, &consumer(), "land").unwrap().offers[0].policy.clone();
    let mut asked = rules.clone();
    asked["target"] = json!("land");
    let Ok(OfferVerdict::Ours(accepted)) = verdict(&catalog, &consumer(), asked.clone()).await else { panic!() };
    assert_eq!((accepted.dataset, accepted.policy["assigner"].as_str()), ("land".into(), Some(provider().as_str())));
    let bare = json!({"@id": "o", "@type": "Offer", "target": "land"});
    assert!(matches!(verdict(&catalog, &consumer(), bare).await, Ok(OfferVerdict::Ours(_))));
    assert!(matches!(verdict(&catalog, &consumer(), rules).await, Ok(OfferVerdict::Ours(_))));
    asked["permission"][0]["constraint"] = json!([]);
    assert!(matches!(verdict(&catalog, &consumer(), asked).await, Ok(OfferVerdict::Differs(_))));
    for unknown in [json!({"@id": "x", "target": "land"}), json!({"@id": "o", "target": "x"})] {
        assert_eq!(verdict(&catalog, &consumer(), unknown).await.unwrap_err(), "offer.unknown");
    }
    assert_eq!(verdict(&catalog, &consumer(), json!({"target": "land"})).await.unwrap_err(), "offer.no-id");
}

#[tokio::test]
async fn a_purpose_that_calls_will_declare_keeps_nobody_from_an_agreement() {
    let catalog = catalog();
    let research = json!({"leftOperand": "purpose", "operator": "eq", "rightOperand": "urn:purpose:research"});
    catalog.put_policy("research", &json!({"permission": [{"action": "use", "constraint": [research]}]})).unwrap();
    catalog.put_asset(asset("land", "DEV/GOV/2000/landregister/land"));
    catalog.put_offer(offer("o", &["land"], "research", Some("research"))).unwrap();
    let asked = json!({"@id": "o", "target": "land"});
    assert!(matches!(verdict(&catalog, &consumer(), asked.clone()).await, Ok(OfferVerdict::Ours(_))));
    // What is vouched for counts, and another purpose than the agreed one never becomes it.
    let trade = Attestation {
        counterparty: CONSUMER.to_owned(),
        facts: vec![("purpose".to_owned(), "urn:purpose:trade".into())],
    };
    catalog.attest(vec![trade]);
    assert_eq!(verdict(&catalog, &consumer(), asked).await.unwrap_err(), "offer.unknown");
}

#[tokio::test]
async fn a_caller_that_the_policy_refuses_is_told_why_and_one_that_may_not_see_it_is_told_nothing() {
    let catalog = catalog();
    catalog.put_asset(asset("land", "DEV/GOV/2000/landregister/land"));
    catalog.put_offer(offer("o", &["land"], "known", None)).unwrap();
    let asked = json!({"@id": "o", "target": "land"});
    let Ok(OfferVerdict::Refused(_, refusal)) = verdict(&catalog, &stranger(), asked.clone()).await else { panic!() };
    let told = refusal.reasons.reason.join(" ");
    assert!(!told.is_empty() && !told.contains(CONSUMER), "{told}");
    let clause = refusal.because.first().unwrap();
    let known = (clause.operand.as_str(), clause.required.as_str(), clause.observed.as_deref());
    assert_eq!(known, ("recipient", CONSUMER, Some(stranger().as_str())), "the operator sees everything");
    catalog.put_offer(offer("o", &["land"], "open", Some("known"))).unwrap();
    assert_eq!(verdict(&catalog, &stranger(), asked).await.unwrap_err(), "offer.unknown");
}

fn agreed(constraint: serde_json::Value) -> Agreement {
    Agreement {
        id: "a1".into(),
        role: Role::Provider,
        participant: provider(),
        counterparty: consumer(),
        dataset: "DEV:GOV:2000:landregister:land".into(),
        policy: json!({"@id": "a1", "@type": "Agreement", "target": "DEV:GOV:2000:landregister:land", "assigner": provider(),
            "assignee": CONSUMER, "permission": [{"action": "use", "constraint": [constraint]}]}),
        negotiation: None,
        peer_address: None,
        signed: Timestamp::from_millis(0),
        live: true,
    }
}

#[tokio::test]
async fn a_transfer_begins_only_on_a_policy_that_permits_it_and_a_service_that_is_there() {
    let catalog = catalog();
    catalog.refresh(&provider(), &[register()], vec![found("land", "Land register")]);
    let code =
        |result: Result<(), crate::engine::PolicyRefusal>| result.map_err(|refusal| refusal.reasons.code.unwrap());
    let counted = agreed(json!({"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}));
    let over = agreed(json!({"leftOperand": "dateTime", "operator": "lt", "rightOperand": "1969-01-01T00:00:00Z"}));
    let strange = agreed(json!({"leftOperand": "moonPhase", "operator": "eq", "rightOperand": "full"}));
    assert_eq!(code(catalog.may_transfer(&counted, Reported::default()).await), Ok(()));
    assert_eq!(code(catalog.may_transfer(&over, Reported::default()).await), Err("transfer.refused".into()));
    assert_eq!(code(catalog.may_transfer(&strange, Reported::default()).await), Err("policy.unknown".into()));
    catalog.refresh(&provider(), &[register()], Vec::new());
    assert_eq!(code(catalog.may_transfer(&counted, Reported::default()).await), Err("dataset.withdrawn".into()));
}

#[test]
fn a_dataset_is_described_in_dcat() {
    let catalog = catalog();
    let mut land = asset("land", "DEV/GOV/2000/landregister/land");
    land.metadata = Metadata {
        title: Some("Parcels".into()),
        keywords: vec!["land".into()],
        license: Some("https://creativecommons.org/licenses/by/4.0/".into()),
        ..Metadata::default()
    };
    catalog.put_asset(land);
    catalog.refresh(&provider(), &[register()], vec![found("land", "Land register")]);
    let properties = serde_json::Value::Object(catalog.known(&"land".into()).unwrap().properties());
    let expected = json!({
        "dct:title": "Parcels", "dcat:keyword": ["land"], "dcat:version": "1",
        "dct:license": {"@id": "https://creativecommons.org/licenses/by/4.0/"},
        "https://w3id.org/xroad/ns/service": "DEV/GOV/2000/landregister/land",
        "https://w3id.org/xroad/ns/endpoint": ["GET /parcels/{id}", "DELETE /parcels/{id}"],
    });
    assert_eq!(properties, expected);
}

#[test]
fn what_one_participant_does_not_look_for_is_not_withdrawn_for_another() {
    let catalog = catalog();
    catalog.put_offer(offer("o", &["*"], "open", None)).unwrap();
    catalog.refresh(&provider(), &[register()], vec![found("land", "Land register")]);
    assert!(catalog.refresh(&stranger(), &[register()], Vec::new()).is_empty());
    assert_eq!(seen(&catalog, &consumer()).len(), 1);
}

#[test]
fn what_the_operator_vouches_for_opens_offers_to_those_it_is_said_of_only() {
    let catalog = catalog();
    catalog.put_asset(asset("a", "DEV/GOV/2000/landregister/land"));
    let member = json!({"permission": [{"action": "use", "constraint": [
        {"leftOperand": "xroad:globalGroupMember", "operator": "isAnyOf", "rightOperand": ["authorities"]},
        {"leftOperand": "spatial", "operator": "eq", "rightOperand": "FI"},
    ]}]});
    catalog.put_policy("authorities", &member).unwrap();
    catalog.put_offer(offer("o", &["a"], "authorities", Some("authorities"))).unwrap();
    assert_eq!(seen(&catalog, &consumer()), Vec::<String>::new());
    let said = |counterparty: &str| Attestation {
        counterparty: counterparty.into(),
        facts: vec![
            ("xroad:globalGroupMember".into(), vec!["others".to_owned(), "authorities".to_owned()].into()),
            ("spatial".into(), "FI".into()),
            ("recipient".into(), "did:web:forged".into()),
        ],
    };
    catalog.attest(vec![said("did:web:somebody-else")]);
    assert_eq!(seen(&catalog, &consumer()), Vec::<String>::new());
    catalog.attest(vec![said(consumer().as_str())]);
    assert_eq!(seen(&catalog, &consumer()), ["a"]);
    let world = catalog.world(Phase::Exchange, &provider(), &consumer());
    assert_eq!(world.facts["recipient"].values(), [consumer().to_string()]);
}

#[test]
fn the_groups_that_the_operator_tells_of_are_all_that_a_consumer_has() {
    let catalog = catalog();
    let groups = vec!["g".to_owned(), "h".to_owned()].into();
    catalog.attest(vec![Attestation {
        counterparty: CONSUMER.into(),
        facts: vec![("xroad:globalGroupMember".into(), groups)],
    }]);
    let permits = |who: &ParticipantId, rule: serde_json::Value, prohibited: bool| {
        let policy = if prohibited {
            json!({"conflict": "prohibit", "permission": [{"action": "use"}], "prohibition": [rule]})
        } else {
            json!({"permission": [rule]})
        };
        let policy = crate::policy::Compiled::read(&policy, catalog.registry()).unwrap();
        policy.decide(&catalog.world(Phase::Exchange, &provider(), who)).permit
    };
    let of = |operator: &str, group: &str| {
        json!({"action": "use", "constraint": [
            {"leftOperand": "xroad:globalGroupMember", "operator": operator, "rightOperand": group}]})
    };
    let party = |uid: &str| json!({"action": "use", "assignee": {"@type": "PartyCollection", "uid": uid}});
    for (rule, holds) in [
        (of("eq", "g"), true),
        (of("eq", "q"), false),
        (of("neq", "q"), true),
        (party("urn:other"), false),
        (party("h"), true),
    ] {
        assert_eq!(permits(&consumer(), rule.clone(), false), holds, "{rule}");
        assert_eq!(permits(&consumer(), rule.clone(), true), !holds, "{rule}");
        // Of whom nothing is told, nothing is known.
        assert!(!permits(&stranger(), rule.clone(), false) && !permits(&stranger(), rule, true));
    }
}
