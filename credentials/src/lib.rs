//! Keys, tokens, decentralised identifiers and credentials.
//!
//! The only package that sees josekit and ssi; neither shows in its public surface. Signatures are checked against one strict
//! profile ([`jws`]), keys sit behind one trait ([`Signer`]).

mod credential;
mod did;
pub mod jws;
mod keys;
#[cfg(test)]
mod testing;
mod token;

pub use credential::{
    Credential, CredentialError, LONGEST_CREDENTIAL, SignedCredential, StatusEntry, StatusError, StatusList,
    StatusPurpose,
};
pub use did::{Did, DidError, Service, assertion_jwk, document};
pub use keys::{FileSigner, KeyError, PublicKey, Signer, VerificationKey};
pub use token::{AccessToken, TokenError, TokenProfile};
