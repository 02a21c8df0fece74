//! What the sets have wrong, or keep outside their files: data, each line with its reason.

/// SolidLab's cases of which only activation and attempt are compared.
pub(super) const SOLIDLAB_WITHOUT_PREMISES: [(&str, &str); 1] = [(
    "solidlab-065",
    "the expected report names three premise reports that the file does not contain, and two wrong parts of the conjunction",
)];

/// Spellings of one party in the W3C draft's examples: the request's and the policy's.
pub(super) const W3C_SAME_PARTY: (&str, &str) = ("http://example.com/party/billie1", "http://example.com/party/billie");

/// What the draft's table has where one report says that a condition's activation is "Satisfied" (C11).
pub(super) const W3C_ACTIVATION: (&str, &str) =
    ("Active", "a condition is active or inactive; only constraints are satisfied");

/// Entries of the conflict benchmark whose verdict the policy file does not decide.
pub(super) const CONFLICT_UNDECIDED: [(&str, &str); 6] = [
    ("ODRL621-1", "the point that lies outside the box stands in the prover's file only"),
    ("ODRL623-1", "the point that lies outside the box stands in the prover's file only"),
    ("ODRL816-1", "the anchors of the two periods are an extension of the benchmark; ODRL's timeInterval has none"),
    ("ODRL818-1", "the anchors of the two periods are an extension of the benchmark; ODRL's timeInterval has none"),
    ("ODRL871-1", "the anchors of the two periods are an extension of the benchmark; ODRL's timeInterval has none"),
    (
        "ODRL869-1",
        "the verdict is that of a wrong reading, which the entry is there to expose; ODRL870-1 has the right one",
    ),
];

/// Executions that the benchmark describes in comments of its files: what was measured.
pub(super) const CONFLICT_EXECUTIONS: [(&str, &[(&str, &str)]); 4] = [
    ("ODRL837-1", &[("elapsedTime", "P8D"), ("meteredTime", "P5D")]),
    ("ODRL838-1", &[("elapsedTime", "P8D"), ("meteredTime", "P7D")]),
    ("ODRL839-1", &[("elapsedTime", "P13D"), ("meteredTime", "P5D")]),
    ("ODRL840-1", &[("meteredTime", "P9D")]),
];

/// Why an entry of the conflict benchmark asks nothing of a policy engine.
pub(super) fn conflict_out_of_scope(family: &str, verdict: &str) -> &'static str {
    match (family.split('/').next().unwrap_or_default(), verdict) {
        ("KGConstraints", _) => {
            "the verdict follows from the benchmark's knowledge graph, which its policy files do not carry"
        }
        (_, "Unknown") => {
            "the verdict is about a constraint that one policy lacks; nothing conflicts, and nothing refuses"
        }
        (_, "CounterSatisfiable" | "Satisfiable" | "Unsatisfiable" | "") => {
            "a property of the benchmark's theory, not of the policy file"
        }
        (_, "Permit" | "Deny") => "the request stands in the prover's file only",
        _ => "a property of the benchmark's verdict algebra, not of the policy file",
    }
}
