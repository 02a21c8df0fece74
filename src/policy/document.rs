//! One decision from two documents: what `sliproad policy decide` does, without its files.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::compile::compile;
use super::decide::Because;
use super::vocabulary::Registry;
use super::world::{DutyPerformed, Fact, Phase, World};
use super::{Invalid, Policy};
use crate::model::time::Timestamp;

/// The outcome of `sliproad policy decide`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentDecision {
    /// `permit` or `refuse`.
    pub decision: &'static str,
    /// Why the policy may not be published here.
    pub invalid: Vec<Invalid>,
    /// The clauses that decided.
    pub because: Vec<Because>,
}

impl DocumentDecision {
    /// 0 permit, 1 refuse, 2 the policy may not be published here.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.invalid.is_empty(), self.decision) {
            (false, _) => 2,
            (true, "permit") => 0,
            (true, _) => 1,
        }
    }
}

/// Decides one policy in one world, both as JSON text.
///
/// # Errors
/// A sentence saying what cannot be read: no JSON, repeated keys, a missing or malformed part of the world.
pub fn decide_document(policy: &str, world: &str, registry: &Registry) -> Result<DocumentDecision, String> {
    let policy = read("the policy", policy)?;
    let world = read_world(&read("the world", world)?)?;
    let refused = |invalid| DocumentDecision { decision: "refuse", invalid, because: Vec::new() };
    let compiled = match Policy::parse(&policy).and_then(|policy| compile(&policy, registry)) {
        Ok(compiled) => compiled,
        Err(invalid) => return Ok(refused(invalid)),
    };
    let decision = compiled.decide(&world);
    Ok(DocumentDecision {
        decision: if decision.permit { "permit" } else { "refuse" },
        invalid: Vec::new(),
        because: decision.because,
    })
}

fn read(what: &str, text: &str) -> Result<Value, String> {
    serde_json::from_str::<NoRepeats>(text).map_err(|e| format!("{what} cannot be read: {e}"))?;
    serde_json::from_str(text).map_err(|e| format!("{what} cannot be read: {e}"))
}

fn read_world(world: &Value) -> Result<World, String> {
    let text = |at: &str| world.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let now = text("/now").ok_or("the world needs now, as an xsd:dateTime")?;
    let phase = text("/phase").ok_or("the world needs a phase: catalog, negotiation, transfer or exchange")?;
    let mut out = World {
        now: Timestamp::parse(&now).map_err(|e| format!("now is not an xsd:dateTime with a zone: {e}"))?,
        phase: Phase::parse(&phase)
            .ok_or_else(|| format!("{phase} is not a phase: catalog, negotiation, transfer or exchange"))?,
        action: super::vocabulary::local(&text("/request/action").unwrap_or_else(|| "use".to_owned())).to_owned(),
        target: text("/request/target"),
        assigner: text("/request/assigner"),
        assignee: text("/request/assignee"),
        ..World::default()
    };
    for (operand, value) in world.get("facts").and_then(Value::as_object).into_iter().flatten() {
        let fact = Fact::from_json(value).filter(|_| !value.is_object());
        out.know(operand, fact.ok_or_else(|| format!("the fact {operand} is not a value or a list of values"))?);
    }
    for duty in list(world, "duties")? {
        let (Some(id), Some(at)) =
            (duty.get("id").and_then(Value::as_str), duty.get("performed").and_then(Value::as_str))
        else {
            return Err("a duty needs id and performed".to_owned());
        };
        let at = Timestamp::parse(at).map_err(|e| format!("performed is not an xsd:dateTime with a zone: {e}"))?;
        out.duties.push(DutyPerformed { id: id.to_owned(), at });
    }
    out.member_of = pairs(world, "memberOf", "member", "collection")?;
    out.broader = pairs(world, "broader", "narrower", "broader")?;
    Ok(out)
}

fn list<'a>(world: &'a Value, name: &str) -> Result<&'a [Value], String> {
    match world.get(name) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("{name} is a list")),
    }
}

fn pairs(world: &Value, name: &str, one: &str, other: &str) -> Result<Vec<(String, String)>, String> {
    list(world, name)?
        .iter()
        .map(|pair| {
            let text = |key: &str| pair.get(key).and_then(Value::as_str).map(str::to_owned);
            text(one).zip(text(other)).ok_or_else(|| format!("an entry of {name} needs {one} and {other}"))
        })
        .collect()
}

/// JSON in which no object repeats a key: two readers of a repeated key may see two policies.
struct NoRepeats;

impl<'de> Deserialize<'de> for NoRepeats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NoRepeats)
    }
}

impl<'de> Visitor<'de> for NoRepeats {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<NoRepeats>()?;
            if let Some(repeated) = seen.replace(key) {
                return Err(serde::de::Error::custom(format!("the key {repeated} is repeated")));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<NoRepeats>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}
