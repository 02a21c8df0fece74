use std::sync::Mutex;

use async_trait::async_trait;

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
