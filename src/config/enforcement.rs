//! `[enforcement]`: how duties are read, and what happens to transfers whose agreement does not permit them any more.

use schemars::JsonSchema;
use serde::Deserialize;

/// `[enforcement]`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Enforcement {
    /// What happens to a transfer when its agreement will not permit it again: its time is over, or an obligation was not met.
    pub on_violation: ViolationAction,
    /// When the duties of permissions are due, where the policy does not say.
    pub duties: DutyReading,
}

/// What happens to a transfer whose agreement does not permit it any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ViolationAction {
    /// It is suspended; the operator may start it again.
    #[default]
    Suspend,
    /// It is terminated.
    Terminate,
}

/// When the duties of permissions are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DutyReading {
    /// Before the permission is used.
    #[default]
    PreCondition,
    /// As the action tells: payment before, a log entry with each use, deletion after.
    ByAction,
    /// At any time.
    Eventual,
}
