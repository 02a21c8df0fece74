//! Calls that need the data subject's consent, looked up over X-Road with the sample consent service behind the double.

use conformance::double::SampleConsent;
use sliproad::dataplane::{ConsentDeclaration, ConsentService, ConsentSettings, Rate, SubjectPlace};

use super::*;

const PERSONS: &str = "DEV:GOV:2000:population:persons";
const MARI: &str = "60001019906";
const JUKU: &str = "39602235224";
const REFERENCE: &str = "91e9844d-3b5e-4df8-9254-42316b1607b6";

/// The answer is waited for long enough for a loaded machine, and short enough for a test of one that never comes.
fn asking_every_time(client: &XRoadClient) -> Consents {
    consents(client, Duration::ZERO, Duration::from_secs(20))
}

fn remembering(client: &XRoadClient) -> Consents {
    consents(client, Duration::from_secs(3600), Duration::from_secs(20))
}

fn impatient(client: &XRoadClient) -> Consents {
    consents(client, Duration::ZERO, Duration::from_millis(100))
}

fn consents(client: &XRoadClient, bound: Duration, patience: Duration) -> Consents {
    let service = |code: &str| format!("DEV/GOV/3000/consent/{code}").parse().unwrap();
    let validator = ConsentService::new(client.clone(), service("consent"), Some(service("reporting")), patience);
    let declaration = ConsentDeclaration {
        id: "SD_PERSONS".to_owned(),
        assets: vec!["DEV:GOV:2000:population:*".to_owned()],
        subject: SubjectPlace::Path("/persons/{subject}/**".to_owned()),
    };
    let echo = ConsentDeclaration {
        id: "SD_ECHO".to_owned(),
        assets: vec![ECHO.to_owned()],
        subject: SubjectPlace::Pointer("/query/personalCode".to_owned()),
    };
    let declarations = vec![echo, declaration];
    Consents::new(Arc::new(validator), ConsentSettings { bound, client: None, declarations })
}

fn given() -> SampleConsent {
    SampleConsent {
        provider: "DEV/GOV/2000/population".to_owned(),
        client: "DEV/COM/1000/gateway".to_owned(),
        subject: MARI.to_owned(),
        declaration: "SD_PERSONS".to_owned(),
        expires: "2999-12-31T23:59:59.999999Z".to_owned(),
        approved: true,
    }
}

fn with_consent(more: &[Value]) -> Value {
    let mut all = vec![json!({"leftOperand": "xroad:consent", "operator": "eq", "rightOperand": "granted"})];
    all.extend_from_slice(more);
    json!(all)
}

struct Desk {
    road: Road,
    granted: Granted,
}

impl Desk {
    async fn open(make: fn(&XRoadClient) -> Consents) -> Self {
        let road = Road::with(DataPlaneSettings::default(), Registry::built_in(), Some(make)).await;
        road.double.consents().put(REFERENCE, given());
        let granted = road.grant(PERSONS, with_consent(&[])).await;
        Self { road, granted }
    }

    async fn ask(&self, person: &str, shown: &str) -> Answer {
        let target = format!("{}/persons/{person}/residence", self.granted.path);
        let headers = format!("authorization: Bearer {}\r\n{shown}", self.granted.token);
        self.road.raw("GET", &target, &headers, "").await
    }

    /// As the holder of the consent would.
    async fn ask_rightly(&self) -> Answer {
        self.ask(MARI, &shown(MARI)).await
    }

    /// The calls that came to the register.
    fn served(&self) -> Vec<Value> {
        let all = self.road.double.requests();
        all.into_iter().filter(|r| r["target"].as_str().unwrap().contains("/population/")).collect()
    }

    async fn assert_refused(&self, answer: &Answer, status: u16, code: &str, observed: Option<&str>) {
        let problem = answer.json();
        assert_eq!((answer.status, problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(problem["because"][0]["operand"], "xroad:consent", "{problem}");
        println!("{code}: {}", problem["detail"].as_str().unwrap());
        assert!(!problem.to_string().contains(REFERENCE), "{problem}");
        let record = self.road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
        let clauses: Value = serde_json::from_str(record.decision.clauses.as_json()).unwrap();
        assert_eq!((&*record.decision.code, clauses[0]["observed"].as_str()), (code, observed), "{clauses}");
        assert!(record.times.forwarded.is_none());
    }
}

fn shown(subject: &str) -> String {
    format!("sliproad-consent: {REFERENCE}\r\nsliproad-consent-subject: {subject}\r\n")
}

#[tokio::test]
async fn a_call_with_consent_passes_and_its_release_is_reported() {
    let desk = Desk::open(asking_every_time).await;
    let answer = desk.ask_rightly().await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["personalCode"], MARI);
    let served = desk.served();
    assert_eq!(served.len(), 1);
    assert!(!served[0].to_string().to_lowercase().contains("sliproad-consent"), "{}", served[0]);
    let reported = desk.road.double.consents().reported(1).await;
    assert_eq!(reported[0]["consentReference"], REFERENCE);
    let released = Timestamp::parse(reported[0]["transmissionTimestamp"].as_str().unwrap()).unwrap();
    let record = desk.road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
    assert!(released >= record.times.forwarded.unwrap());
    assert_eq!(json!(record)["decision"]["facts"]["xroad:consent"], "granted");
    let directory = desk.road.close().await;
    let log = std::fs::read_to_string(directory.path().join("evidence/records-00000000000000000001.jsonl")).unwrap();
    assert!(!log.contains(REFERENCE) && log.contains("granted"), "{log}");
}

#[tokio::test]
async fn a_release_of_some_fields_under_a_consent_is_reported_too() {
    let desk = Desk::open(asking_every_time).await;
    let some = json!({"leftOperand": "xroad:fields", "operator": "isAnyOf", "rightOperand": ["/personalCode"]});
    let granted = desk.road.grant(PERSONS, with_consent(&[some])).await;
    let target = format!("{}/persons/{MARI}/residence", granted.path);
    let headers = format!("authorization: Bearer {}\r\n{}", granted.token, shown(MARI));
    let answer = desk.road.raw("GET", &target, &headers, "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"personalCode": MARI})));
    let reported = desk.road.double.consents().reported(1).await;
    assert_eq!(reported[0]["consentReference"], REFERENCE);
    desk.road.close().await;
}

#[tokio::test]
async fn without_a_consent_in_force_for_this_call_nothing_passes() {
    let desk = Desk::open(asking_every_time).await;
    let consents = desk.road.double.consents();
    desk.assert_refused(&desk.ask(MARI, "").await, 403, "consent.missing", None).await;
    // A consent of one person opens neither the data of another nor, in another's name, her own.
    for (person, subject) in [(JUKU, MARI), (MARI, JUKU), (JUKU, JUKU)] {
        let answer = desk.ask(person, &shown(subject)).await;
        desk.assert_refused(&answer, 403, "consent.mismatch", Some("refused")).await;
    }
    consents.put(REFERENCE, SampleConsent { client: "DEV/COM/1000/other".to_owned(), ..given() });
    desk.assert_refused(&desk.ask_rightly().await, 403, "consent.mismatch", Some("refused")).await;
    consents.put(REFERENCE, SampleConsent { declaration: "SD_TAXES".to_owned(), ..given() });
    desk.assert_refused(&desk.ask_rightly().await, 403, "consent.mismatch", Some("refused")).await;
    consents.put(REFERENCE, SampleConsent { approved: false, ..given() });
    desk.assert_refused(&desk.ask_rightly().await, 403, "consent.refused", Some("refused")).await;
    consents.put(REFERENCE, SampleConsent { provider: "DEV/GOV/2000/echo".to_owned(), ..given() });
    desk.assert_refused(&desk.ask_rightly().await, 403, "consent.refused", Some("refused")).await;
    consents.put(REFERENCE, SampleConsent { expires: "2020-01-01T00:00:00Z".to_owned(), ..given() });
    desk.assert_refused(&desk.ask_rightly().await, 403, "consent.refused", Some("refused")).await;
    let answer = desk.ask(MARI, "sliproad-consent: a b\r\nsliproad-consent-subject: c\r\n").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("consent.malformed")));
    assert_eq!(desk.served(), Vec::<Value>::new());
    desk.road.close().await;
}

#[tokio::test]
async fn a_withdrawn_consent_holds_for_the_bound_at_most() {
    let desk = Desk::open(asking_every_time).await;
    assert_eq!(desk.ask_rightly().await.status, 200);
    desk.road.double.consents().withdraw(REFERENCE);
    desk.assert_refused(&desk.ask_rightly().await, 403, "consent.refused", Some("refused")).await;
    desk.road.close().await;

    let desk = Desk::open(remembering).await;
    for _ in 0..3 {
        assert_eq!(desk.ask_rightly().await.status, 200);
    }
    assert_eq!(desk.road.double.consents().asked(), 1, "asked once within the bound");
    let answer = desk.ask(JUKU, &shown(JUKU)).await;
    desk.assert_refused(&answer, 403, "consent.mismatch", Some("refused")).await;
    desk.road.close().await;
}

#[tokio::test]
async fn whoever_cannot_be_asked_has_not_consented() {
    let desk = Desk::open(impatient).await;
    desk.road.double.consents().hang(true);
    let answer = desk.ask_rightly().await;
    desk.assert_refused(&answer, 503, "consent.unreachable", None).await;
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    desk.road.double.consents().hang(false);
    desk.road.double.set_trouble(Trouble { provider_down: true, ..Trouble::default() });
    desk.assert_refused(&desk.ask_rightly().await, 503, "consent.unreachable", None).await;
    assert_eq!(desk.served(), Vec::<Value>::new());
    desk.road.close().await;
}

#[tokio::test]
async fn nobody_is_asked_about_a_person_unless_that_alone_is_missing() {
    let desk = Desk::open(asking_every_time).await;
    let research = json!({"leftOperand": "purpose", "operator": "eq", "rightOperand": "urn:research"});
    let both = desk.road.grant(PERSONS, with_consent(std::slice::from_ref(&research))).await;
    let target = format!("{}/persons/{MARI}/residence", both.path);
    let headers = format!("authorization: Bearer {}\r\n{}", both.token, shown(MARI));
    let answer = desk.road.raw("GET", &target, &headers, "").await;
    assert_eq!(answer.json()["because"][0]["operand"], "purpose", "{}", answer.json());
    assert_eq!(answer.json()["code"], "policy.refused");
    let record = desk.road.evidence.record(answer.exchange()).await.unwrap().remove(0).exchange;
    let facts = json!(record)["decision"]["facts"].clone();
    assert!(facts.is_object() && facts.get("xroad:consent").is_none(), "what was not looked up is no fact: {facts}");
    let either = json!([{"or": [with_consent(&[])[0], research]}]);
    let either = desk.road.grant(PERSONS, either).await;
    let target = format!("{}/persons/{MARI}/residence", either.path);
    let headers = format!("authorization: Bearer {}\r\nsliproad-purpose: urn:research\r\n", either.token);
    assert_eq!(desk.road.raw("GET", &target, &headers, "").await.status, 200);
    assert_eq!(desk.road.double.consents().asked(), 0);
    desk.road.close().await;
}

#[tokio::test]
async fn a_policy_that_asks_for_consent_opens_no_transfer_where_nobody_can_be_asked() {
    let rules = json!({"permission": [{"action": "use", "constraint": with_consent(&[])}]});
    let road = Road::open().await;
    let refused = road.opened_under(PERSONS, rules.clone()).await.unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("policy.not-evaluable"), "{refused:?}");
    road.close().await;
    let road = Road::with(DataPlaneSettings::default(), Registry::built_in(), Some(asking_every_time)).await;
    let refused = road.opened_under(LAND, rules).await.unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("policy.not-evaluable"), "no declaration covers it: {refused:?}");
    road.close().await;
}

#[tokio::test]
async fn the_body_may_name_the_data_subject() {
    let desk = Desk::open(asking_every_time).await;
    let provider = "DEV/GOV/2000/echo".to_owned();
    let consent = SampleConsent { provider, declaration: "SD_ECHO".to_owned(), ..given() };
    desk.road.double.consents().put(REFERENCE, consent);
    let granted = desk.road.grant(ECHO, with_consent(&[])).await;
    let ask = async |body: &str| {
        let kind = "content-type: application/json\r\n";
        let headers = format!("authorization: Bearer {}\r\n{kind}{}", granted.token, shown(MARI));
        desk.road.raw("POST", &format!("{}/ask", granted.path), &headers, body).await
    };
    let body = format!("{{\"query\": {{\"personalCode\": \"{MARI}\"}}}}");
    let answer = ask(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json()["bodySha256"], hex::encode(sha2::Sha256::digest(&body)));
    let twice = format!("{{\"query\": {{\"personalCode\": \"{JUKU}\", \"personalCode\": \"{MARI}\"}}}}");
    for body in [body.replace(MARI, JUKU), twice, "{}".to_owned(), String::new()] {
        let answer = ask(&body).await;
        desk.assert_refused(&answer, 403, "consent.mismatch", Some("refused")).await;
    }
    desk.road.close().await;
}

#[tokio::test]
async fn asking_about_persons_is_bounded_by_the_rate() {
    let rate = Some(Rate { per_second: 1, burst: 2 });
    let settings = DataPlaneSettings { rate, ..DataPlaneSettings::default() };
    let road = Road::with(settings, Registry::built_in(), Some(asking_every_time)).await;
    let granted = road.grant(PERSONS, with_consent(&[])).await;
    let target = format!("{}/persons/{MARI}/residence", granted.path);
    let headers = format!("authorization: Bearer {}\r\n{}", granted.token, shown(MARI));
    let mut refused = 0;
    loop {
        let answer = road.raw("GET", &target, &headers, "").await;
        refused += 1;
        if answer.status == 429 {
            break;
        }
        assert_eq!(answer.json()["code"], "consent.refused");
        assert!(refused < 1000, "the rate bounds nothing");
    }
    road.close().await;
}
