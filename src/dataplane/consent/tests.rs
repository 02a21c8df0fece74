use std::sync::Mutex;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// A validator that says what it is told to, and counts how often it is asked.
#[derive(Default)]
struct Told {
    answer: Mutex<Option<Consent>>,
    asked: Mutex<usize>,
}

#[async_trait]
impl ConsentValidator for Told {
    async fn validate(&self, _: &ClientId, _: &ConsentReference) -> Result<Option<Consent>, ConsentUnavailable> {
        *self.asked.lock().unwrap() += 1;
        Ok(self.answer.lock().unwrap().clone())
    }

    async fn report(&self, _: &ClientId, _: &ConsentReference, _: Timestamp) -> Result<(), ConsentUnavailable> {
        Ok(())
    }
}

fn given() -> Consent {
    Consent {
        client: " DEV/COM/1/app".to_owned(),
        subject: "60001019906".to_owned(),
        declaration: "SD".to_owned(),
        expires: NOW.plus_millis(90_000),
    }
}

struct Desk {
    told: Arc<Told>,
    clause: ConsentClause,
    clock: Clock,
}

impl Desk {
    fn open(bound: u64) -> Self {
        let told = Arc::new(Told { answer: Mutex::new(Some(given())), ..Told::default() });
        let declaration =
            ConsentDeclaration { id: "SD".to_owned(), assets: vec!["*".to_owned()], subject: SubjectPlace::Declared };
        let bound = Duration::from_secs(bound);
        let settings = ConsentSettings { bound, client: None, declarations: vec![declaration.clone()] };
        let policy = serde_json::json!({"permission": [{"action": "use", "constraint": [
            {"leftOperand": "xroad:consent", "operator": "eq", "rightOperand": "granted"}]}]});
        let policy = crate::policy::Policy::parse(&policy).unwrap();
        let policy = crate::policy::compile(&policy, &crate::policy::Registry::built_in()).unwrap();
        let consents = Arc::new(Consents::new(Arc::clone(&told) as Arc<dyn ConsentValidator>, settings));
        let clause = ConsentClause {
            place: policy.place(OPERAND).unwrap(),
            consents,
            provider: "DEV/GOV/2/register".parse().unwrap(),
            client: "DEV/COM/1/app".parse().unwrap(),
            declaration,
        };
        Self { told, clause, clock: Clock::standing(NOW) }
    }

    async fn code(&self, subject: &str) -> Option<String> {
        let reference = ConsentReference::parse("ref-1").unwrap();
        let shown = Shown { reference, subject: subject.into() };
        let path = AssetPath::parse("/").unwrap();
        match self.clause.look_up(Some(&shown), (&path, None), &self.clock).await {
            Found::Granted(_) => None,
            Found::Refused(refusal) | Found::Unknown(refusal) => Some(refusal.code.to_string()),
        }
    }

    fn asked(&self) -> usize {
        *self.told.asked.lock().unwrap()
    }
}

#[tokio::test]
async fn a_consent_is_remembered_for_the_bound_and_never_past_its_end() {
    let desk = Desk::open(60);
    assert_eq!(desk.code("60001019906").await, None);
    *desk.told.answer.lock().unwrap() = None;
    desk.clock.advance(59_999);
    assert_eq!((desk.code("60001019906").await, desk.asked()), (None, 1));
    desk.clock.advance(1);
    assert_eq!((desk.code("60001019906").await.as_deref(), desk.asked()), (Some("consent.refused"), 2));
    *desk.told.answer.lock().unwrap() = Some(given());
    assert_eq!((desk.code("60001019906").await, desk.asked()), (None, 3));
    desk.clock.advance(30_000);
    assert_eq!((desk.code("60001019906").await.as_deref(), desk.asked()), (Some("consent.refused"), 4));
}

#[tokio::test]
async fn without_a_bound_every_call_asks() {
    let desk = Desk::open(0);
    for asked in 1..=3 {
        assert_eq!((desk.code("60001019906").await, desk.asked()), (None, asked));
    }
}

#[tokio::test]
async fn the_provider_compares_client_subject_and_service_for_itself() {
    let desk = Desk::open(60);
    assert_eq!(desk.code("60001019907").await.as_deref(), Some("consent.mismatch"));
    for change in [|c: &mut Consent| c.client = "DEV/COM/1/other".into(), |c: &mut Consent| c.declaration.push('2')] {
        let desk = Desk::open(60);
        change(desk.told.answer.lock().unwrap().as_mut().unwrap());
        assert_eq!(desk.code("60001019906").await.as_deref(), Some("consent.mismatch"));
    }
}

#[test]
fn a_call_names_its_subject_where_the_declaration_says() {
    let named = |place: &SubjectPlace, path: &str| place.is_named((&AssetPath::parse(path).unwrap(), Some("8")), "7");
    let path = SubjectPlace::Path("/persons/{subject}/**".to_owned());
    assert!(named(&path, "/persons/7/residence"));
    for other in ["/persons/8/residence", "/persons/7", "/persons/8/7", "/x/7/a"] {
        assert!(!named(&path, other), "{other}");
    }
    let path = SubjectPlace::Path("/*/{subject}".to_owned());
    assert!(named(&path, "/persons/7") && !named(&path, "/persons/7/a") && !named(&path, "/persons/77"));
    let (pointer, path) = (SubjectPlace::Pointer("/code".to_owned()), AssetPath::parse("/7").unwrap());
    let in_body = |named: Option<&str>| pointer.is_named((&path, named), "7");
    assert!(in_body(Some("7")) && !in_body(Some("8")) && !in_body(None));
    let query = SubjectPlace::Query("code".to_owned());
    assert!(named(&query, "/persons?a=1&code=7") && named(&query, "/?c%6Fde=%37"));
    for other in ["/persons", "/?code=8", "/?code=7&code=8", "/?code=7&c%6fde=8", "/?Code=7"] {
        assert!(!named(&query, other), "{other}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_and_nothing_of_it_is_printed() {
    let read = |pairs: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), http::HeaderValue::from_static(value));
        }
        shown(&headers).map(|shown| shown.is_some()).map_err(|refusal| refusal.code.to_string())
    };
    let (reference, subject) = (("sliproad-consent", "r-1"), ("sliproad-consent-subject", "60001019906"));
    assert_eq!(read(&[reference, subject]), Ok(true));
    assert_eq!(read(&[subject]), Ok(false));
    assert_eq!(read(&[]), Ok(false));
    let malformed = Err("consent.malformed".to_owned());
    assert_eq!(read(&[reference, reference, subject]), malformed);
    assert_eq!(read(&[("sliproad-consent", "a&b=c"), subject]), malformed);
    assert_eq!(read(&[reference, ("sliproad-consent-subject", "a b")]), malformed);
    assert!(!format!("{:?}", ConsentReference::parse("r-1").unwrap()).contains("r-1"));
}
