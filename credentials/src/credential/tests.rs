use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::now;
use crate::{FileSigner, Signer, document};

const ISSUER: &str = "did:web:authority.example";
const HOLDER: &str = "did:web:consumer.example";

struct Issuer {
    did: Did,
    signer: FileSigner,
}

impl Issuer {
    fn new(did: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let signer = FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap();
        Self { did: Did::parse(did).unwrap(), signer }
    }

    fn key_id(&self) -> String {
        format!("{}#{}", self.did, self.signer.public_key().thumbprint())
    }

    fn document(&self) -> Vec<u8> {
        document(&self.did, &[self.signer.public_key().clone()], &[]).unwrap().to_string().into_bytes()
    }

    fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": self.key_id()})
    }

    fn sign(&self, payload: &Value) -> String {
        self.sign_as(&self.header(), payload)
    }

    fn sign_as(&self, header: &Value, payload: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = now(self.signer.sign(signed.as_bytes())).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn v1() -> Value {
    json!({
        "iss": ISSUER, "sub": HOLDER, "jti": "urn:uuid:1", "nbf": 1_800_000_000, "exp": 1_900_000_000,
        "vc": {
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": ["VerifiableCredential", "MembershipCredential"],
            "issuanceDate": "2027-01-15T08:00:05Z",
            "credentialSubject": {"memberOf": "space"},
        },
    })
}

fn v2() -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": "urn:uuid:1",
        "type": ["VerifiableCredential", "MembershipCredential"],
        "issuer": {"id": ISSUER, "name": "Authority"},
        "validFrom": "2027-01-15T08:00:00Z",
        "validUntil": "2030-03-17T17:46:40+02:00",
        "credentialSubject": {"id": HOLDER, "memberOf": "space"},
        "credentialStatus": {"type": "BitstringStatusListEntry", "statusPurpose": "revocation",
                             "statusListIndex": "9", "statusListCredential": "https://authority.example/status/1"},
    })
}

fn with(mut payload: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    payload.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    payload
}

fn verified(issuer: &Issuer, compact: &str) -> Result<Credential, CredentialError> {
    SignedCredential::read(compact)?.verify(&issuer.document())
}

#[test]
fn a_credential_of_either_data_model_says_who_what_and_how_long() {
    let issuer = Issuer::new(ISSUER);
    let first = verified(&issuer, &issuer.sign(&v1())).unwrap();
    assert_eq!((first.valid_from, first.valid_until), (Some(1_800_000_005), Some(1_900_000_000)));
    let second = verified(&issuer, &issuer.sign(&v2())).unwrap();
    assert_eq!((second.valid_from, second.valid_until), (Some(1_800_000_000), Some(1_900_000_000 - 7200)));
    for credential in [first, second] {
        assert!(credential.is_about(HOLDER) && !credential.is_about(ISSUER));
        assert_eq!(credential.types, ["MembershipCredential"]);
        assert_eq!(credential.document["credentialSubject"], json!({"id": HOLDER, "memberOf": "space"}));
        assert_eq!(credential.id.as_deref(), Some("urn:uuid:1"));
    }
}

#[test]
fn what_a_credential_says_twice_it_must_say_alike() {
    let issuer = Issuer::new(ISSUER);
    let wrong = [
        with(v1(), "/vc/issuer", json!("did:web:other.example")),
        with(v1(), "/vc/id", json!("urn:uuid:2")),
        with(v1(), "/vc/credentialSubject/id", json!("did:web:other.example")),
        with(v1(), "/vc/credentialSubject", json!([{"id": HOLDER}, {"id": "did:web:other.example"}])),
        with(v2(), "/iss", json!("did:web:other.example")),
        with(v2(), "/sub", json!("did:web:other.example")),
        with(v2(), "/vc", json!({"type": "VerifiableCredential"})),
    ];
    for payload in wrong {
        let refused = verified(&issuer, &issuer.sign(&payload));
        assert!(matches!(refused, Err(CredentialError::Model(_))), "{payload}: {refused:?}");
    }
}

#[test]
fn what_is_no_credential_is_refused() {
    let issuer = Issuer::new(ISSUER);
    let wrong = [
        json!([]),
        json!({"iss": ISSUER, "sub": HOLDER}),
        with(v2(), "/type", json!("MembershipCredential")),
        with(v2(), "/@context", json!(["https://www.w3.org/ns/did/v1"])),
        with(v2(), "/issuer", json!("https://authority.example")),
        with(v2(), "/issuer", json!(null)),
        with(v2(), "/credentialSubject", json!([])),
        with(v2(), "/credentialSubject", json!("did:web:consumer.example")),
        with(v2(), "/credentialSubject", json!({"memberOf": "space"})),
        with(v2(), "/validFrom", json!("yesterday")),
        with(v1(), "/exp", json!("1900000000")),
        with(v2(), "/credentialStatus", json!({"type": "CredentialStatusList2017"})),
        with(v2(), "/credentialStatus/statusSize", json!(2)),
        with(v2(), "/credentialStatus/statusListIndex", json!("-1")),
        with(v2(), "/credentialStatus", json!(vec![json!({}); 9])),
    ];
    for payload in wrong {
        assert!(verified(&issuer, &issuer.sign(&payload)).is_err(), "{payload}");
    }
    let large = with(v2(), "/name", json!("x".repeat(LONGEST_CREDENTIAL)));
    assert!(matches!(SignedCredential::read(&issuer.sign(&large)), Err(CredentialError::Malformed)));
}

#[test]
fn a_signature_counts_only_under_a_key_of_the_very_issuer() {
    let (issuer, other) = (Issuer::new(ISSUER), Issuer::new("did:web:other.example"));
    // Signed by another one who names its own key, an issuer's key that is not its own, or none.
    let foreign = other.sign(&v2());
    assert!(matches!(SignedCredential::read(&foreign), Err(CredentialError::ForeignKey)));
    let forged = other.sign_as(&issuer.header(), &v2());
    assert!(matches!(verified(&issuer, &forged), Err(CredentialError::Forged)));
    let nameless = issuer.sign_as(&json!({"alg": "ES256"}), &v2());
    assert!(matches!(verified(&issuer, &nameless), Err(CredentialError::ForeignKey)));
    let other_document = SignedCredential::read(&issuer.sign(&v2())).unwrap().verify(&other.document());
    assert!(matches!(other_document, Err(CredentialError::Did(DidError::Document(_)))));
}

#[test]
fn a_header_cannot_choose_how_it_is_checked() {
    let issuer = Issuer::new(ISSUER);
    for (name, value) in
        [("alg", json!("none")), ("alg", json!("HS256")), ("alg", json!("ES384")), ("typ", json!("at+jwt"))]
    {
        let header = with(json!({"h": issuer.header()}), &format!("/h/{name}"), value)["h"].clone();
        assert!(verified(&issuer, &issuer.sign_as(&header, &v2())).is_err(), "{header}");
    }
    let critical = with(json!({"h": issuer.header()}), "/h/crit", json!(["b64"]))["h"].clone();
    assert!(matches!(verified(&issuer, &issuer.sign_as(&critical, &v2())), Err(CredentialError::Header)));
    let short = json!({"alg": "ES256", "kid": format!("#{}", issuer.signer.public_key().thumbprint())});
    assert!(verified(&issuer, &issuer.sign_as(&short, &v2())).is_ok(), "typ may be left out, kid be relative");
}

fn packed(bits: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bits).unwrap();
    URL_SAFE_NO_PAD.encode(encoder.finish().unwrap())
}

fn list(purpose: &str, encoded: &str) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": "https://authority.example/status/1",
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": ISSUER,
        "credentialSubject": {"id": "https://authority.example/status/1#list", "type": "BitstringStatusList",
                              "statusPurpose": purpose, "encodedList": encoded},
    })
}

fn opened(issuer: &Issuer, payload: &Value) -> Result<StatusList, StatusError> {
    let entry = verified(issuer, &issuer.sign(&v2())).unwrap().status.remove(0);
    StatusList::of(&verified(issuer, &issuer.sign(payload)).unwrap(), &entry, &issuer.did, 1_800_000_000)
}

#[test]
fn the_bit_of_a_credential_tells_whether_it_was_revoked() {
    let issuer = Issuer::new(ISSUER);
    let entry = |index| StatusEntry { purpose: StatusPurpose::Revocation, index, list: String::new() };
    // Bit 9 is the second one of the second byte, counted from the left.
    for encoded in [format!("u{}", packed(&[0, 0b0100_0000])), packed(&[0, 0b0100_0000])] {
        let list = opened(&issuer, &list("revocation", &encoded)).unwrap();
        let set: Vec<usize> = (0..16).filter(|index| entry(*index).is_set(&list).unwrap()).collect();
        assert_eq!(set, [9]);
        assert_eq!(entry(16).is_set(&list), Err(StatusError::Outside));
    }
}

#[test]
fn a_list_that_says_nothing_of_the_credential_is_refused() {
    let (issuer, encoded) = (Issuer::new(ISSUER), packed(&[0; 16]));
    let good = list("revocation", &encoded);
    for (pointer, value, error) in [
        ("/credentialSubject/statusPurpose", json!("suspension"), StatusError::Foreign),
        ("/id", json!("https://authority.example/status/2"), StatusError::Foreign),
        ("/validUntil", json!("2027-01-15T08:00:00Z"), StatusError::OutOfDate),
        ("/validFrom", json!("2027-01-15T08:00:01Z"), StatusError::OutOfDate),
        ("/type", json!(["VerifiableCredential"]), StatusError::NoList),
        ("/credentialSubject/encodedList", json!("not gzip"), StatusError::NoList),
        ("/credentialSubject/encodedList", json!(packed(&vec![0; 3 * 1024 * 1024])), StatusError::NoList),
    ] {
        assert_eq!(opened(&issuer, &with(good.clone(), pointer, value)).unwrap_err(), error, "{pointer}");
    }
    let entry =
        StatusEntry { purpose: StatusPurpose::Revocation, index: 0, list: "https://authority.example/status/1".into() };
    let genuine = verified(&issuer, &issuer.sign(&good)).unwrap();
    let foreign = StatusList::of(&genuine, &entry, &Did::parse("did:web:other.example").unwrap(), 1_800_000_000);
    assert_eq!(foreign.unwrap_err(), StatusError::Foreign);
}

proptest! {
    #[test]
    fn nothing_that_is_sent_makes_it_panic(text in "[A-Za-z0-9_.-]{0,80}", payload in ".{0,60}") {
        let _ = SignedCredential::read(&text);
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let _ = SignedCredential::read(&format!("{}.{}.AA", encode(r#"{"alg":"ES256"}"#), encode(&payload)));
    }

    #[test]
    fn a_changed_byte_is_noticed(at in 0_usize..600, to in 0_u8..64) {
        let issuer = Issuer::new(ISSUER);
        let compact = issuer.sign(&v2());
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut changed = compact.clone().into_bytes();
        let place = at % changed.len();
        if changed[place] != b'.' && changed[place] != alphabet[usize::from(to)] && place + 1 < changed.len() {
            changed[place] = alphabet[usize::from(to)];
            prop_assert!(verified(&issuer, &String::from_utf8(changed).unwrap()).is_err());
        }
    }
}
