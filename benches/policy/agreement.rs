//! Agreements as they are met, with the calls that they permit.

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};
use sliproad::model::time::Timestamp;
use sliproad::policy::{Compiled, Phase, Policy, Registry, World, compile};

/// When the calls are made: 2026-11-19.
pub(crate) const NOW: i64 = 1_795_000_000_000;

/// Left operand, operator, right operands, and what a call tells of it (nothing for the time).
type Constraint = (&'static str, &'static str, &'static [&'static str], &'static str);

/// A permission with constraints.
pub(crate) struct Agreement(&'static [Constraint]);

/// Path, period, purpose, count.
pub(crate) const FIVE: Agreement = Agreement(ALL.split_at(5).0);
/// The same and fifteen more.
pub(crate) const TWENTY: Agreement = Agreement(ALL);

const ALL: &[Constraint] = &[
    ("xroad:datapath", "isAnyOf", &["GET /parcels", "GET /parcels/**"], "GET /parcels/78401:101:0001"),
    ("dateTime", "gteq", &["2026-01-01T00:00:00Z"], ""),
    ("dateTime", "lt", &["2030-01-01T00:00:00Z"], ""),
    (
        "purpose",
        "isAnyOf",
        &["urn:purpose:tax", "urn:purpose:planning", "urn:purpose:research"],
        "urn:purpose:planning",
    ),
    ("count", "lteq", &["1000000"], "4711"),
    ("spatial", "isAnyOf", &["EE", "FI", "IS"], "FI"),
    ("recipient", "eq", &["did:web:consumer.example"], "did:web:consumer.example"),
    ("xroad:clientId", "isAnyOf", &["EE/GOV/70000000/a", "EE/GOV/70000000/b"], "EE/GOV/70000000/b"),
    ("xroad:globalGroupMember", "isAnyOf", &["authorities", "universities"], "universities"),
    ("industry", "isNoneOf", &["urn:nace:K64", "urn:nace:K65"], "urn:nace:O84"),
    ("product", "neq", &["urn:product:resale"], "urn:product:internal"),
    ("language", "isAnyOf", &["et", "fi", "en"], "et"),
    ("deliveryChannel", "eq", &["urn:channel:xroad"], "urn:channel:xroad"),
    ("media", "isAnyOf", &["urn:media:online", "urn:media:print"], "urn:media:online"),
    ("fileFormat", "isAnyOf", &["application/json", "text/csv"], "application/json"),
    ("virtualLocation", "eq", &["https://consumer.example/"], "https://consumer.example/"),
    ("percentage", "lteq", &["50"], "12.5"),
    ("absoluteSize", "lteq", &["1000000"], "17000"),
    ("version", "eq", &["2.1"], "2.1"),
    ("resolution", "gteq", &["10"], "25"),
];

impl Agreement {
    /// As ODRL.
    pub(crate) fn policy(&self) -> Value {
        self.policy_of("did:web:consumer.example", "urn:agreement", 0)
    }

    /// An agreement with this consumer, on one of many offers: no two limit the count alike.
    fn policy_of(&self, consumer: &str, id: &str, offer: usize) -> Value {
        let constraints: Vec<Value> = self
            .0
            .iter()
            .map(|(left, operator, right, _)| match right {
                _ if *left == "count" => {
                    json!({"leftOperand": left, "operator": operator, "rightOperand": 1_000_000 + offer})
                }
                [one] => json!({"leftOperand": left, "operator": operator, "rightOperand": one}),
                many => json!({"leftOperand": left, "operator": operator, "rightOperand": many}),
            })
            .collect();
        json!({
            "@type": "Agreement", "@id": id, "target": "DEV:GOV:1:s:land", "assigner": "did:web:agency",
            "assignee": consumer, "permission": [{"action": "use", "constraint": constraints}],
        })
    }

    pub(crate) fn compiled(&self) -> Result<Compiled> {
        compiled(&self.policy())
    }

    /// One of many agreements on some offers, each with another consumer.
    pub(crate) fn compiled_for(&self, number: usize, offers: usize) -> Result<(Compiled, World)> {
        let consumer = format!("did:web:consumer-{number}.example");
        let compiled = compiled(&self.policy_of(&consumer, &format!("urn:agreement:{number}"), number % offers))?;
        Ok((compiled, World { assignee: Some(consumer), ..self.world() }))
    }

    /// What a call tells: left operand and value.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().map(|(left, _, _, told)| (*left, *told)).filter(|(_, told)| !told.is_empty())
    }

    /// What is the same for every call.
    pub(crate) fn world(&self) -> World {
        World {
            phase: Phase::Exchange,
            now: Timestamp::from_millis(NOW),
            action: "use".into(),
            target: Some("DEV:GOV:1:s:land".to_owned()),
            assigner: Some("did:web:agency".to_owned()),
            assignee: Some("did:web:consumer.example".to_owned()),
            ..World::default()
        }
    }
}

fn compiled(policy: &Value) -> Result<Compiled> {
    let policy = Policy::parse(policy).map_err(|e| anyhow!("{e:?}")).context("the policy cannot be read")?;
    compile(&policy, &Registry::default()).map_err(|e| anyhow!("{e:?}")).context("the policy cannot be compiled")
}
