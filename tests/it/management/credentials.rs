//! Claims that credentials show: an issuer on loopback with its DID document and status list, a consumer that holds its credential.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use ::credentials::{Did, FileSigner, Signer as _, document};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::{Compression, write::GzEncoder};

use super::*;

pub(crate) const CONSUMER: &str = "did:web:consumer.example";

/// How the issuer is, as a number that its handlers read.
const WELL: u8 = 0;
const HAS_REVOKED: u8 = 1;
const GIVES_NO_ANSWER: u8 = 2;
const HAS_ANOTHER_KEY: u8 = 3;
const LISTS_WITH_ANOTHER_KEY: u8 = 4;

#[derive(Clone)]
pub(crate) struct Issuer(Arc<Inner>);

struct Inner {
    did: Did,
    base: String,
    signer: FileSigner,
    another: FileSigner,
    how: AtomicU8,
}

impl Issuer {
    pub(crate) async fn open(folder: &Path) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let key = |name: &str| FileSigner::open_or_create(&folder.join(name)).unwrap();
        let issuer = Self(Arc::new(Inner {
            did: Did::parse(&format!("did:web:127.0.0.1%3A{port}")).unwrap(),
            base: format!("http://127.0.0.1:{port}"),
            signer: key("issuer.pem"),
            another: key("another.pem"),
            how: AtomicU8::new(WELL),
        }));
        let routes = Router::new()
            .route("/.well-known/did.json", get(async |State(issuer): State<Self>| issuer.document()))
            .route("/status/1", get(async |State(issuer): State<Self>| issuer.status_list().await))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        issuer
    }

    fn is_now(&self, how: u8) {
        self.0.how.store(how, Ordering::SeqCst);
    }

    fn how(&self) -> u8 {
        self.0.how.load(Ordering::SeqCst)
    }

    fn document(&self) -> (StatusCode, String) {
        let key = if self.how() == HAS_ANOTHER_KEY { &self.0.another } else { &self.0.signer };
        let status = if self.how() == GIVES_NO_ANSWER { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
        (status, document(&self.0.did, &[key.public_key().clone()], &[]).unwrap().to_string())
    }

    async fn status_list(&self) -> (StatusCode, String) {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        let mut bits = vec![0; 16 * 1024];
        // The entry of the credential is number 5.
        bits[0] = if self.how() == HAS_REVOKED { 0b0000_0100 } else { 0 };
        packed.write_all(&bits).unwrap();
        let encoded = format!("u{}", URL_SAFE_NO_PAD.encode(packed.finish().unwrap()));
        let url = format!("{}/status/1", self.0.base);
        let list = json!({
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "id": url,
            "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "issuer": self.0.did.as_str(),
            "credentialSubject": {"id": format!("{url}#list"), "type": "BitstringStatusList",
                                  "statusPurpose": "revocation", "encodedList": encoded},
        });
        let status = if self.how() == GIVES_NO_ANSWER { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
        let key = if self.how() == LISTS_WITH_ANOTHER_KEY { &self.0.another } else { &self.0.signer };
        (status, self.sign_with(key, &list).await)
    }

    pub(crate) async fn membership(&self, holder: &str) -> String {
        let credential = json!({
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "type": ["VerifiableCredential", "MembershipCredential"],
            "issuer": self.0.did.as_str(),
            "validFrom": "2026-01-01T00:00:00Z",
            "credentialSubject": {"id": holder, "type": "gx:LegalParticipant", "level": "gold",
                                  "gx:legalAddress": {"gx:countryCode": "EE"}},
            "credentialStatus": {"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "5",
                                 "statusListCredential": format!("{}/status/1", self.0.base)},
        });
        self.sign(&credential).await
    }

    async fn sign(&self, payload: &Value) -> String {
        self.sign_with(&self.0.signer, payload).await
    }

    async fn sign_with(&self, signer: &FileSigner, payload: &Value) -> String {
        let key = signer.public_key().thumbprint();
        let header = json!({"alg": "ES256", "typ": "vc+jwt", "kid": format!("{}#{key}", self.0.did)});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(payload));
        let signature = signer.sign(signed.as_bytes()).await.unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Three offers: one for members, one by an operand of the operator's own, one in the words of Gaia-X.
pub(crate) fn believing(issuer: &Issuer, max_age: u32) -> String {
    let did = &issuer.0.did;
    let offer = |name: &str, constraint: &str| {
        format!(
            "[[policy]]\nid = \"{name}\"\npolicy = {{ permission = [{{ action = \"use\", {constraint} }}] }}\n\
             [[asset]]\nid = \"{name}\"\nservice = \"DEV/GOV/2000/landregister/land\"\n\
             [[offer]]\nid = \"{name}\"\nassets = [\"{name}\"]\npolicy = \"{name}\"\n"
        )
    };
    let members = "constraint = [{ leftOperand = \"cx-policy:Membership\", operator = \"eq\", rightOperand = \"active\" }, \
                   { leftOperand = \"spatial\", operator = \"eq\", rightOperand = \"EE\" }]";
    let gold = "constraint = [{ leftOperand = \"ex:level\", operator = \"eq\", rightOperand = \"gold\" }]";
    let gaia_x = "\"ovc:constraint\" = [{ \"ovc:leftOperand\" = \"$.credentialSubject.gx:legalAddress.gx:countryCode\", \
                  operator = \"odrl:anyOf\", rightOperand = [\"EE\", \"FI\"], \"ovc:credentialSubjectType\" = \"gx:LegalParticipant\" }]";
    format!(
        "[[operand]]\nname = \"ex:level\"\ntype = \"text\"\nclaim = \"MembershipCredential.level\"\n\
         [[credential]]\ntype = \"MembershipCredential\"\nissuers = [\"{did}\"]\nmax-age-seconds = {max_age}\n\
         facts = {{ \"cx-policy:Membership\" = \"active\" }}\n\
         claims = {{ spatial = \"gx:legalAddress.gx:countryCode\" }}\n{}{}{}",
        offer("for-members", members),
        offer("for-gold", gold),
        offer("in-words-of-gaia-x", gaia_x),
    )
}

struct Held {
    office: Office,
    issuer: Issuer,
    id: String,
}

/// A provider that has taken the consumer's credential in.
async fn held(max_age: u32) -> Held {
    let keys = tempfile::tempdir().unwrap();
    let issuer = Issuer::open(keys.path()).await;
    let office = Office::open(&believing(&issuer, max_age)).await;
    let shown = json!({"counterparty": CONSUMER, "credential": issuer.membership(CONSUMER).await});
    let taken = send(&office.road.provider, "POST", "/api/v1/credentials", Some(&shown), &[]).await;
    assert_eq!((taken.status, taken.body["standing"].as_str()), (201, Some("holds")), "{}", taken.body);
    let id = taken.body["id"].as_str().unwrap().to_owned();
    Held { office, issuer, id }
}

impl Held {
    async fn transfer(&self, offer: &str) -> story::StartedTransfer {
        let agreement = story::negotiate(&self.office.road, offer).await.unwrap();
        story::start_transfer(&self.office.road, &agreement).await.unwrap()
    }

    async fn standing(&self) -> String {
        let path = format!("/api/v1/credentials/{}", self.id);
        let shown = send(&self.office.road.provider, "GET", &path, None, &[]).await.body;
        shown["standing"].as_str().unwrap().to_owned()
    }

    /// Asks until the credential stands like that.
    async fn until(&self, standing: &str) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while self.standing().await != standing {
            assert!(tokio::time::Instant::now() < deadline, "it never came to be {standing}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn who_shows_a_credential_may_agree_and_call_until_it_is_revoked() {
    let keys = tempfile::tempdir().unwrap();
    let issuer = Issuer::open(keys.path()).await;
    let office = Office::open(&believing(&issuer, 300)).await;
    let refused = story::negotiate(&office.road, "for-members").await;
    assert!(refused.is_err(), "nobody knows anything of the consumer");

    let file = keys.path().join("membership.jwt");
    std::fs::write(&file, issuer.membership(CONSUMER).await).unwrap();
    let config = office.road.provider.config.to_str().unwrap().to_owned();
    let add = ["credentials", "add", file.to_str().unwrap(), "--counterparty", CONSUMER, "--config", &config];
    let added = command(&add).await;
    assert_eq!(added.status.code(), Some(0), "{}", said(&added));
    assert!(said(&added).contains("holds"), "{}", said(&added));
    let id = said(&added).split_whitespace().next().unwrap().to_owned();
    for offer in ["for-members", "for-gold", "in-words-of-gaia-x"] {
        let agreement = story::negotiate(&office.road, offer).await.unwrap();
        let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
        let answer = story::call(&transfer, "/parcels").await.unwrap();
        assert_eq!(answer.status, 200, "{offer}");
    }
    let agreement = story::negotiate(&office.road, "for-members").await.unwrap();
    let transfer = story::start_transfer(&office.road, &agreement).await.unwrap();
    issuer.is_now(HAS_REVOKED);
    let checked = command(&["credentials", "check", &id, "--config", &config]).await;
    assert!(said(&checked).contains("revoked"), "{}", said(&checked));
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 403);
    let told = office.road.consumer.management.wait("transfers", &transfer.consumer_pid, "SUSPENDED").await.unwrap();
    assert!(told.to_string().contains("Membership"), "{told}");
    assert!(story::negotiate(&office.road, "for-gold").await.is_err());

    let listed = command(&["credentials", "list", "--config", &config]).await;
    assert!(said(&listed).contains("MembershipCredential"), "{}", said(&listed));
    let removed = command(&["credentials", "remove", &id, "--config", &config]).await;
    assert_eq!(removed.status.code(), Some(0), "{}", said(&removed));
    let removed = command(&["credentials", "remove", &id, "--config", &config]).await;
    assert!(said(&removed).contains("credential.unknown"), "{}", said(&removed));
    office.close().await;
}

#[tokio::test]
async fn a_revocation_is_noticed_without_anybody_asking() {
    let held = held(2).await;
    let transfer = held.transfer("for-members").await;
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    held.issuer.is_now(HAS_REVOKED);
    let api = &held.office.road.consumer.management;
    let told = api.wait("transfers", &transfer.consumer_pid, "SUSPENDED").await.unwrap();
    assert!(told.to_string().contains("Membership"), "{told}");
    assert_eq!(held.standing().await, "revoked");
    held.office.close().await;
}

#[tokio::test]
async fn what_cannot_be_looked_up_again_refuses_calls_until_it_can_and_suspends_nothing() {
    let held = held(2).await;
    let transfer = held.transfer("for-gold").await;
    held.issuer.is_now(GIVES_NO_ANSWER);
    held.until("unverified").await;
    let refused = story::call(&transfer, "/parcels").await.unwrap();
    assert_eq!((refused.status, refused.body["code"].as_str()), (403, Some("policy.refused")), "{}", refused.body);
    held.issuer.is_now(WELL);
    held.until("holds").await;
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200, "the transfer is still started");
    held.office.close().await;
}

#[tokio::test]
async fn a_key_that_its_issuer_withdrew_makes_its_credentials_void() {
    let held = held(300).await;
    let provider = &held.office.road.provider;
    let document = send(provider, "GET", "/openapi.json", None, &[]).await.body;
    let listed = send(provider, "GET", "/api/v1/credentials", None, &[]).await.body;
    conforms(&document, "/api/v1/credentials", &listed);
    assert_eq!(listed["items"][0]["id"], held.id.as_str());
    let one = send(provider, "GET", &format!("/api/v1/credentials/{}", held.id), None, &[]).await.body;
    conforms(&document, "/api/v1/credentials/{id}", &one);
    held.issuer.is_now(HAS_ANOTHER_KEY);
    let path = format!("/api/v1/credentials/{}/check", held.id);
    let checked = send(&held.office.road.provider, "POST", &path, None, &[]).await;
    assert_eq!((checked.status, checked.body["standing"].as_str()), (200, Some("keyWithdrawn")), "{}", checked.body);
    held.office.close().await;
}

#[tokio::test]
async fn a_credential_is_held_over_a_restart_also_when_its_issuer_cannot_be_asked_just_then() {
    let mut held = held(300).await;
    let transfer = held.transfer("for-members").await;
    held.issuer.is_now(GIVES_NO_ANSWER);
    held.office.road.provider.kill().await.unwrap();
    held.office.road.provider.start_again().await.unwrap();
    assert_eq!(held.standing().await, "holds");
    assert_eq!(story::call(&transfer, "/parcels").await.unwrap().status, 200);
    held.office.close().await;
}

#[tokio::test]
async fn what_is_not_believed_is_not_taken_in() {
    let keys = tempfile::tempdir().unwrap();
    let (issuer, stranger) = (Issuer::open(keys.path()).await, Issuer::open(keys.path()).await);
    let office = Office::open(&believing(&issuer, 300)).await;
    let genuine = issuer.membership(CONSUMER).await;
    let mut forged = genuine.clone();
    forged.replace_range(genuine.len() - 10..genuine.len() - 9, if genuine.ends_with('A') { "B" } else { "A" });
    let of_another = issuer.membership("did:web:other.example").await;
    for (credential, status, code) in [
        (stranger.membership(CONSUMER).await, 422, "credential.not-trusted"),
        (forged, 422, "credential.refused"),
        (of_another, 422, "credential.refused"),
        ("a.b.c".to_owned(), 422, "credential.refused"),
    ] {
        let shown = json!({"counterparty": CONSUMER, "credential": credential});
        let answer = send(&office.road.provider, "POST", "/api/v1/credentials", Some(&shown), &[]).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{}", answer.body);
    }
    issuer.is_now(GIVES_NO_ANSWER);
    let shown = json!({"counterparty": CONSUMER, "credential": genuine});
    let answer = send(&office.road.provider, "POST", "/api/v1/credentials", Some(&shown), &[]).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("credential.unreachable")), "{}", answer.body);
    assert!(story::negotiate(&office.road, "for-gold").await.is_err());
    office.close().await;
}

#[tokio::test]
async fn a_status_list_under_a_foreign_key_says_nothing_of_the_credential() {
    let held = held(300).await;
    held.issuer.is_now(LISTS_WITH_ANOTHER_KEY);
    let path = format!("/api/v1/credentials/{}/check", held.id);
    let checked = send(&held.office.road.provider, "POST", &path, None, &[]).await;
    assert_eq!((checked.status, checked.body["code"].as_str()), (422, Some("credential.refused")), "{}", checked.body);
    assert_eq!(held.standing().await, "holds", "until its last look-up is too old");
    held.office.close().await;
}
