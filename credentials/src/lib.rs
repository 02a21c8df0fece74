//! Keys, tokens, decentralised identifiers and credentials.
