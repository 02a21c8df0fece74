//! One decision from two documents: what `sliproad policy decide` does, without its files.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::compile::{Compiled, compile};
use super::explain::Because;
use super::residual::Residual;
use super::value::{date_time, instant};
use super::vocabulary::{Registry, canonical};
use super::world::{DutyPerformed, Fact, History, Infringed, PastCall, Phase, World};
use super::{Invalid, Policy};
use crate::model::time::Timestamp;

mod json;

pub use json::read_json;

/// The outcome of `sliproad policy decide`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentDecision {
    /// `permit` or `refuse`.
    pub decision: &'static str,
    /// Why the policy may not be published here.
    pub invalid: Vec<Invalid>,
    /// The clauses that decided.
    pub because: Vec<Because>,
    /// What would have to be different to be permitted, for each permission that is about the request.
    pub residual: Vec<Residual>,
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
    let policy = read_json("the policy", policy)?;
    let world = World::read(&read_json("the world", world)?)?;
    let compiled = match Policy::parse(&policy).and_then(|policy| Compiled::tolerant(&policy, registry)) {
        Ok(compiled) => compiled,
        Err(invalid) => {
            return Ok(DocumentDecision { decision: "refuse", invalid, because: Vec::new(), residual: Vec::new() });
        }
    };
    let decision = compiled.decide(&world);
    let said = if decision.permit { "permit" } else { "refuse" };
    let residual = compiled.residuals(&world);
    Ok(DocumentDecision { decision: said, invalid: Vec::new(), because: decision.because, residual })
}

impl Compiled {
    /// Reads and compiles a policy.
    ///
    /// # Errors
    /// As [`Policy::parse`] and [`compile`].
    pub fn read(policy: &Value, registry: &Registry) -> Result<Self, Vec<Invalid>> {
        compile(&Policy::parse(policy)?, registry)
    }
}

impl World {
    /// Reads a world as `sliproad policy decide` takes it.
    ///
    /// # Errors
    /// A sentence naming the part that is missing or malformed.
    pub fn read(world: &Value) -> Result<Self, String> {
        let Value::Object(map) = world else { return Err("a world is a JSON object".to_owned()) };
        let phase = text(map, "phase")?.ok_or("the world needs a phase: catalog, negotiation, transfer or exchange")?;
        let none = Map::new();
        let request = object(map, "request")?.unwrap_or(&none);
        let mut out = Self {
            now: time(map, "now", date_time)?.ok_or("the world needs now, as an xsd:dateTime")?,
            phase: Phase::parse(phase)
                .ok_or_else(|| format!("{phase} is not a phase: catalog, negotiation, transfer or exchange"))?,
            action: canonical(text(request, "action")?.unwrap_or("use")),
            target: text(request, "target")?.map(str::to_owned),
            assigner: text(request, "assigner")?.map(str::to_owned),
            assignee: text(request, "assignee")?.map(str::to_owned),
            member_of: pairs(map, "memberOf", "member", "collection")?,
            broader: pairs(map, "broader", "narrower", "broader")?,
            ..Self::default()
        };
        out.facts = read_facts(map)?;
        out.read_duties(map)?;
        out.history = read_history(map)?;
        for report in list(map, "infringements")? {
            let none = Map::new();
            let report = report.as_object().unwrap_or(&none);
            let id = text(report, "id")?.ok_or("an infringement needs the id of what was infringed")?.to_owned();
            let at = time(report, "infringed", instant)?.ok_or("an infringement needs the time when it happened")?;
            out.infringed.push(Infringed { id, at });
        }
        Ok(out)
    }

    fn read_duties(&mut self, map: &Map<String, Value>) -> Result<(), String> {
        for duty in list(map, "duties")? {
            let none = Map::new();
            let duty = duty.as_object().unwrap_or(&none);
            let id = text(duty, "id")?.ok_or("a duty needs an id")?.to_owned();
            match (time(duty, "performed", instant)?, time(duty, "violated", instant)?) {
                (Some(at), _) => self.duties.push(DutyPerformed { id, at }),
                (None, Some(_)) => self.violated.push(id),
                (None, None) => return Err("a duty needs the time when it was performed".to_owned()),
            }
        }
        Ok(())
    }
}

fn read_facts(map: &Map<String, Value>) -> Result<BTreeMap<String, Fact>, String> {
    let none = Map::new();
    let mut facts = BTreeMap::new();
    for (operand, value) in object(map, "facts")?.unwrap_or(&none) {
        let fact = Fact::from_json(value);
        let fact = fact.ok_or_else(|| format!("the fact {operand} is not a value or a list of values"))?;
        if facts.insert(canonical(operand), fact).is_some() {
            return Err(format!("the fact {operand} is given twice, in two spellings"));
        }
    }
    Ok(facts)
}

/// The calls before; no `history` says that nobody knows of any, an empty one that there were none.
fn read_history(map: &Map<String, Value>) -> Result<Option<History>, String> {
    if matches!(map.get("history"), None | Some(Value::Null)) {
        return Ok(None);
    }
    let none = Map::new();
    let call = |call: &Value| {
        let call = call.as_object().ok_or("a call of the history is an object")?;
        let request = object(call, "request")?.unwrap_or(&none);
        Ok::<PastCall, String>(PastCall {
            at: time(call, "at", instant)?.ok_or("a call of the history needs at, the time when it was made")?,
            action: text(request, "action")?.map(canonical),
            target: text(request, "target")?.map(str::to_owned),
            assigner: text(request, "assigner")?.map(str::to_owned),
            assignee: text(request, "assignee")?.map(str::to_owned),
            facts: read_facts(call)?,
        })
    };
    let calls = list(map, "history")?.iter().map(call).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(History::Calls(calls)))
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key} is text")),
    }
}

fn time(map: &Map<String, Value>, key: &str, read: fn(&str) -> Option<Timestamp>) -> Result<Option<Timestamp>, String> {
    let Some(text) = text(map, key)? else { return Ok(None) };
    read(text).map(Some).ok_or_else(|| format!("{key} is not an xsd:dateTime: {text}"))
}

fn object<'a>(map: &'a Map<String, Value>, key: &str) -> Result<Option<&'a Map<String, Value>>, String> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(_) => Err(format!("{key} is an object")),
    }
}

fn list<'a>(map: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(format!("{key} is a list")),
    }
}

fn pairs(map: &Map<String, Value>, key: &str, one: &str, other: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |pair: &Value| {
        let side = |name: &str| pair.get(name).and_then(Value::as_str).map(str::to_owned);
        side(one).zip(side(other)).ok_or_else(|| format!("an entry of {key} needs {one} and {other}"))
    };
    list(map, key)?.iter().map(pair).collect()
}
