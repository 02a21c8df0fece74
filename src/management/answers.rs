//! What the API answers, as the OpenAPI document tells it. A test holds every field of real answers against these types.
#![expect(dead_code, reason = "only their schemas are used, but for the process, which answers are made of")]

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::ids::{AgreementId, DatasetId, ParticipantId, Pid};
use crate::model::message::Reasons;
use crate::model::negotiation::Role;
use crate::model::obligation;
use crate::model::time::Timestamp;

/// A negotiation or transfer; tokens are shown by the endpoint operation only.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Process<'a> {
    pub(super) pid: &'a Pid,
    /// The counterparty's pid, once known.
    pub(super) peer_pid: Option<&'a Pid>,
    /// `negotiation` or `transfer`.
    pub(super) kind: &'a str,
    pub(super) role: Role,
    pub(super) state: &'a str,
    /// Which of the participants served here is party to it.
    pub(super) participant: &'a ParticipantId,
    pub(super) counterparty: &'a ParticipantId,
    /// Where our messages go.
    pub(super) peer_address: &'a str,
    pub(super) dataset: &'a DatasetId,
    pub(super) agreement_id: Option<&'a AgreementId>,
    /// Of a transfer, such as `HttpData-PULL`.
    pub(super) format: Option<&'a str>,
    /// Of a negotiation: the offer on the table.
    pub(super) offer: Option<&'a Value>,
    /// Whether it waits for a person.
    pub(super) held: bool,
    /// Why it is not continued by itself.
    pub(super) objection: Option<&'a Reasons>,
    /// The clauses of the policy that refused, each with operand, operator, what is required and what was observed.
    #[schemars(with = "Option<Vec<serde_json::Map<String, Value>>>")]
    pub(super) refusal: Option<&'a Value>,
    /// Why it was suspended or ended.
    pub(super) reasons: Option<&'a Reasons>,
    /// The last failure to deliver a message.
    pub(super) delivery_failure: Option<&'a str>,
    pub(super) trace_id: Option<String>,
    #[schemars(with = "String")]
    pub(super) created: Timestamp,
    #[schemars(with = "String")]
    pub(super) updated: Timestamp,
    /// Where it has been, oldest first; shown with one process, not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<HistoryEntry>>")]
    pub(super) history: Option<Value>,
}

/// One past transition.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct HistoryEntry {
    state: String,
    /// `consumer` or `provider`.
    changed_by: String,
    event: String,
    at: String,
}

#[derive(JsonSchema)]
pub(super) struct Health {
    /// `up`; `ready`, `starting` or `draining`.
    status: String,
    version: Option<String>,
}

/// Where and with what a consumer calls.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Endpoint {
    endpoint: String,
    authorization: Option<String>,
    auth_type: Option<String>,
}

#[derive(JsonSchema)]
pub(super) struct Participant {
    id: ParticipantId,
    /// Its segment in public paths.
    name: String,
    /// Its versioned Dataspace Protocol base.
    dsp: String,
    base: String,
}

#[derive(JsonSchema)]
pub(super) struct PolicyEntry {
    id: String,
    /// ODRL, as it was put.
    policy: Value,
}

#[derive(JsonSchema)]
pub(super) struct Asset {
    id: DatasetId,
    service: Option<String>,
    title: Option<String>,
    description: Option<String>,
    version: Option<String>,
    keywords: Vec<String>,
    license: Option<String>,
    themes: Vec<String>,
    purpose: Value,
    /// Whether the security server has it.
    listed: bool,
    /// `METHOD /path`.
    operations: Vec<String>,
}

#[derive(JsonSchema)]
pub(super) struct Counterparty {
    /// Its id, or a pattern.
    id: String,
    /// By left operand, each a list.
    facts: Map<String, Value>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeerCatalog {
    participant_id: Option<String>,
    /// Whether all pages were read.
    complete: bool,
    dataset: Vec<Value>,
}

/// An obligation; with its history where it is shown alone.
#[derive(JsonSchema)]
pub(super) struct Obligation {
    #[serde(flatten)]
    obligation: obligation::Obligation,
    /// Where it stands, in one sentence, in the language that is accepted.
    stands: String,
    history: Option<Vec<obligation::ObligationEntry>>,
}

/// One evidence record of an exchange; `schemas/evidence-record.schema.json` says more of its parts.
#[derive(JsonSchema)]
pub(super) struct Exchange {
    /// The record's number.
    sequence: u64,
    recorded: String,
    hash: String,
    /// `opening`, `completion` or the whole.
    kind: String,
    exchange: String,
    opening: Option<u64>,
    participant: ParticipantId,
    counterparty: ParticipantId,
    agreement: String,
    transfer: String,
    dataset: String,
    /// SHA-256 of the agreement's policy.
    policy: Option<String>,
    decision: Map<String, Value>,
    request: Map<String, Value>,
    response: Option<Map<String, Value>>,
    outcome: Value,
    times: Map<String, Value>,
    trace: Option<String>,
}

/// All records of one exchange.
#[derive(JsonSchema)]
pub(super) struct ExchangeRecords {
    exchange: String,
    records: Vec<Exchange>,
}

#[derive(JsonSchema)]
pub(super) struct Decision {
    exchange: String,
    agreement: String,
    policy: Option<String>,
    decision: Map<String, Value>,
    request: Map<String, Value>,
}

#[derive(JsonSchema)]
pub(super) struct Explanation {
    exchange: String,
    agreement: String,
    /// What was decided then: `permit` or `refuse`.
    recorded: String,
    explanation: Map<String, Value>,
    /// The same for people.
    text: String,
}

/// A problem (RFC 9457).
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    /// Stable, such as `asset.unknown`.
    code: String,
    /// What happened and what to do about it.
    detail: String,
    trace_id: Option<String>,
    /// The parts that are wrong, where there are several.
    invalid: Option<Vec<Value>>,
}
