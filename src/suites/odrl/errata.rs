//! What the sets have wrong, or keep outside their files: data, each line with its reason.

/// SolidLab's cases of which only activation and attempt are compared.
pub(super) const SOLIDLAB_WITHOUT_PREMISES: [(&str, &str); 1] = [(
    "solidlab-065",
    "the expected report names three premise reports that the file does not contain, and two wrong parts of the conjunction",
)];

/// Spellings of one party in the W3C draft's examples: the request's and the policy's.
pub(super) const W3C_SAME_PARTY: (&str, &str) = ("http://example.com/party/billie1", "http://example.com/party/billie");

/// What the draft's table has where one report says that a condition's activation is "Satisfied" (C11).
pub(super) const W3C_ACTIVATION: (&str, &str) = ("Active", "a condition is active or inactive; only constraints are satisfied");
