//! Keys: one trait for whoever holds a private key, one type for its public half.
//!
//! Elliptic-curve P-256 only, which every profile we speak accepts (`ES256`, RFC 7518 §3.4).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::JoseError;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::{Jwk, KeyPair};
use josekit::jws::alg::ecdsa::{EcdsaJwsSigner, EcdsaJwsVerifier};
use josekit::jws::{ES256, ES384, EdDSA, JwsSigner, JwsVerifier, PS256, RS256};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const P_256: &str = "elliptic-curve P-256 key";
const LARGEST_KEY_FILE: u64 = 16 * 1024;

/// Holds a private key and signs with it; a file now, a hardware module or a vault behind the same trait.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// The `ES256` signature over `message`: `R || S`, 64 bytes (RFC 7518 §3.4).
    ///
    /// # Errors
    /// When the key cannot be used now.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// Why a key cannot be had or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key's file cannot be read or made.
    #[error("the key file {0} cannot be used: {1}")]
    File(PathBuf, std::io::Error),
    /// Others may read the private key.
    #[error(
        "the key file {0} can be read by others; run chmod 600 on it, and replace the key if it may have been seen"
    )]
    Exposed(PathBuf),
    /// The file or the JWK holds no key of the kind wanted.
    #[error("{0} holds no {1}")]
    Unusable(String, &'static str),
    /// The algorithm is not one that signatures of others are accepted by.
    #[error("its algorithm is none of ES256, ES384, EdDSA (Ed25519), PS256 and RS256")]
    Algorithm,
    /// The holder of the key did not sign.
    #[error("the key could not sign: {0}")]
    Signing(String),
}

/// The public half of a P-256 key; its id is its RFC 7638 thumbprint.
#[derive(Clone)]
pub struct PublicKey {
    x: String,
    y: String,
    thumbprint: String,
    verifier: EcdsaJwsVerifier,
}

impl PublicKey {
    /// Reads a public JWK (RFC 7517): `kty` EC, `crv` P-256, a point on the curve. Private members and others are ignored.
    ///
    /// # Errors
    /// `Unusable` for anything else.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let unusable = || KeyError::Unusable("the JWK".to_owned(), P_256);
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("kty") != Some("EC") || text("crv") != Some("P-256") {
            return Err(unusable());
        }
        let coordinate = |name: &str| {
            let value = text(name).filter(|v| v.len() == 43).ok_or_else(unusable)?;
            let bytes = URL_SAFE_NO_PAD.decode(value).map_err(|_| unusable())?;
            if bytes.len() == 32 { Ok(value.to_owned()) } else { Err(unusable()) }
        };
        Self::from_point(coordinate("x")?, coordinate("y")?)
    }

    fn from_point(x: String, y: String) -> Result<Self, KeyError> {
        let unusable = |_| KeyError::Unusable("the JWK".to_owned(), P_256);
        let mut jwk = Jwk::new("EC");
        jwk.set_curve("P-256");
        jwk.set_parameter("x", Some(json!(x))).map_err(unusable)?;
        jwk.set_parameter("y", Some(json!(y))).map_err(unusable)?;
        let verifier = ES256.verifier_from_jwk(&jwk).map_err(unusable)?;
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
        Ok(Self { x, y, thumbprint, verifier })
    }

    /// The public JWK with `kid`, `alg` and `use`.
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y, "kid": self.thumbprint, "alg": "ES256", "use": "sig"})
    }

    /// The RFC 7638 thumbprint (SHA-256, base64url), used as `kid`.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether `signature` (`R || S`) over `message` was made with the private half.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == 64 && self.verifier.verify(message, signature).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.thumbprint == other.thumbprint
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.thumbprint).finish()
    }
}

/// The public half of somebody else's key, for checking what it signed by one algorithm.
pub struct VerificationKey(Box<dyn JwsVerifier>);

impl VerificationKey {
    /// Reads a public JWK (RFC 7517) for `algorithm` (RFC 7518 §3.1, RFC 8037): `ES256`, `ES384`, `EdDSA` over Ed25519, `PS256` or
    /// `RS256` with 2048 bits at least. A `use`, `key_ops` or `alg` in the JWK that says otherwise is heeded.
    ///
    /// # Errors
    /// `Algorithm` for other algorithms, `Unusable` when the key is of another kind.
    pub fn from_jwk(jwk: &Value, algorithm: &str) -> Result<Self, KeyError> {
        let unusable = |_| KeyError::Unusable("the JWK".to_owned(), "key for the algorithm named");
        let members = jwk.as_object().cloned().unwrap_or_default();
        let jwk = Jwk::from_map(members).map_err(unusable)?;
        let verifier: Result<Box<dyn JwsVerifier>, JoseError> = match algorithm {
            "ES256" => ES256.verifier_from_jwk(&jwk).map(|v| Box::new(v) as _),
            "ES384" => ES384.verifier_from_jwk(&jwk).map(|v| Box::new(v) as _),
            "EdDSA" if jwk.curve() == Some("Ed25519") => EdDSA.verifier_from_jwk(&jwk).map(|v| Box::new(v) as _),
            "PS256" => PS256.verifier_from_jwk(&jwk).map(|v| Box::new(v) as _),
            "RS256" => RS256.verifier_from_jwk(&jwk).map(|v| Box::new(v) as _),
            _ => return Err(KeyError::Algorithm),
        };
        verifier.map(Self).map_err(unusable)
    }

    /// Whether `signature`, in the form of JWS, over `message` was made with the private half.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(message, signature).is_ok()
    }
}

/// A private key in a PEM file (PKCS #8) that only its owner may read.
pub struct FileSigner {
    public: PublicKey,
    signer: EcdsaJwsSigner,
}

impl FileSigner {
    /// Reads the key in `path`; makes one there, mode 0600, when there is none. Blocks: to be called at start.
    ///
    /// # Errors
    /// [`KeyError`]; `Exposed` when group or others may read the file.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        match File::open(path) {
            Ok(file) => Self::read(path, file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                create(path).map_err(|e| KeyError::File(path.to_owned(), e))?;
                Self::open(path)
            }
            Err(e) => Err(KeyError::File(path.to_owned(), e)),
        }
    }

    /// Reads the key in `path`. Blocks: to be called at start.
    ///
    /// # Errors
    /// As [`FileSigner::open_or_create`], and when there is no file.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let file = File::open(path).map_err(|e| KeyError::File(path.to_owned(), e))?;
        Self::read(path, file)
    }

    fn read(path: &Path, file: File) -> Result<Self, KeyError> {
        let failed = |e| KeyError::File(path.to_owned(), e);
        if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Exposed(path.to_owned()));
        }
        let mut pem = Vec::new();
        file.take(LARGEST_KEY_FILE).read_to_end(&mut pem).map_err(failed)?;
        let unusable = || KeyError::Unusable(path.display().to_string(), P_256);
        let pair = EcKeyPair::from_pem(&pem, Some(EcCurve::P256)).map_err(|_| unusable())?;
        let public = PublicKey::from_jwk(&json!(pair.to_jwk_public_key().as_ref())).map_err(|_| unusable())?;
        let signer = ES256.signer_from_pem(&pem).map_err(|_| unusable())?;
        Ok(Self { public, signer })
    }
}

#[async_trait]
impl Signer for FileSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signer.sign(message).map_err(|e| KeyError::Signing(e.to_string()))
    }
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSigner").field("public", &self.public).finish_non_exhaustive()
    }
}

/// Written beside and linked into place, so that a crash leaves no half key, and of several that start at once the first one's key
/// stands.
fn create(path: &Path) -> std::io::Result<()> {
    let pair = EcKeyPair::generate(EcCurve::P256).map_err(std::io::Error::other)?;
    let moment = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let beside = path.with_extension(format!("new-{}-{moment}", std::process::id()));
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(&pair.to_pem_private_key())?;
    file.sync_all()?;
    let made = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match made {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::now;

    fn signer() -> (tempfile::TempDir, FileSigner) {
        let directory = tempfile::tempdir().unwrap();
        let signer = FileSigner::open_or_create(&directory.path().join("key.pem")).unwrap();
        (directory, signer)
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let (directory, first) = signer();
        let path = directory.path().join("key.pem");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = FileSigner::open_or_create(&path).unwrap();
        assert_eq!(first.public_key(), again.public_key());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(FileSigner::open(&path), Err(KeyError::Exposed(_))));
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .unwrap()
            .write_all(b"not a key")
            .unwrap();
        assert!(matches!(FileSigner::open_or_create(&path), Err(KeyError::Unusable(..))));
        assert_eq!(fs::read(&path).unwrap(), b"not a key");
    }

    #[test]
    fn a_signature_fits_its_key_and_message_only() {
        let ((_one, ours), (_two, other)) = (signer(), signer());
        let mut signature = now(ours.sign(b"message")).unwrap();
        let public = PublicKey::from_jwk(&ours.public_key().to_jwk()).unwrap();
        assert!(public.verifies(b"message", &signature));
        assert!(!public.verifies(b"massage", &signature));
        assert!(!other.public_key().verifies(b"message", &signature));
        signature.push(0);
        assert!(!public.verifies(b"message", &signature));
    }

    #[test]
    fn the_thumbprint_is_computed_as_rfc_7638_says() {
        let (_directory, signer) = signer();
        let jwk = signer.public_key().to_jwk();
        let reference: ssi::JWK = serde_json::from_value(jwk).unwrap();
        assert_eq!(reference.thumbprint().unwrap(), signer.public_key().thumbprint());
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let (_directory, signer) = signer();
        let mut jwk = signer.public_key().to_jwk();
        jwk["y"] = jwk["x"].clone();
        assert!(PublicKey::from_jwk(&jwk).is_err());
    }

    #[test]
    fn keys_of_others_check_by_the_algorithm_named_and_no_other() {
        use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
        use josekit::jwk::alg::rsa::RsaKeyPair;
        let (ec, ed) = (EcKeyPair::generate(EcCurve::P384).unwrap(), EdKeyPair::generate(EdCurve::Ed25519).unwrap());
        let rsa = RsaKeyPair::generate(2048).unwrap();
        let cases: [(&str, Value, Box<dyn JwsSigner>); 4] = [
            (
                "ES384",
                json!(ec.to_jwk_public_key().as_ref()),
                Box::new(ES384.signer_from_jwk(&ec.to_jwk_key_pair()).unwrap()),
            ),
            (
                "EdDSA",
                json!(ed.to_jwk_public_key().as_ref()),
                Box::new(EdDSA.signer_from_jwk(&ed.to_jwk_key_pair()).unwrap()),
            ),
            (
                "PS256",
                json!(rsa.to_jwk_public_key().as_ref()),
                Box::new(PS256.signer_from_jwk(&rsa.to_jwk_key_pair()).unwrap()),
            ),
            (
                "RS256",
                json!(rsa.to_jwk_public_key().as_ref()),
                Box::new(RS256.signer_from_jwk(&rsa.to_jwk_key_pair()).unwrap()),
            ),
        ];
        for (algorithm, jwk, signer) in cases {
            let signature = signer.sign(b"message").unwrap();
            let key = VerificationKey::from_jwk(&jwk, algorithm).unwrap();
            assert!(key.verifies(b"message", &signature) && !key.verifies(b"massage", &signature), "{algorithm}");
            let others = ["ES256", "ES384", "EdDSA", "PS256", "RS256", "HS256", "none"];
            let mistaken = others.iter().filter(|other| **other != algorithm).any(|other| {
                VerificationKey::from_jwk(&jwk, other).is_ok_and(|key| key.verifies(b"message", &signature))
            });
            assert!(!mistaken, "{algorithm}");
        }
        let small = RsaKeyPair::generate(1024).unwrap();
        assert!(VerificationKey::from_jwk(&json!(small.to_jwk_public_key().as_ref()), "PS256").is_err());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let (directory, signer) = signer();
        let pem = fs::read_to_string(directory.path().join("key.pem")).unwrap();
        let secret = pem.lines().nth(1).unwrap();
        assert!(!format!("{signer:?}").contains(secret));
    }
}
