//! Alert rules and alert states after ISA-18.2. Activation, acknowledgement and clearing are separate
//! events; the alert row is their summary.

use serde::{Deserialize, Serialize};

use crate::{AlertId, AssetId, IncidentId, Limits, RuleId, SignalId, TenantId, Timestamp};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Info,
    /// Needs attention.
    Warning,
    /// Needs action now.
    Critical,
}

/// What a rule looks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleCondition {
    /// Value beyond one of the limits.
    Limit {
        /// The limits; at least one is set.
        limits: Limits,
    },
    /// Change per minute beyond a bound.
    Rate {
        /// Largest allowed rise or fall per minute.
        max_per_minute: f64,
        /// Severity when exceeded.
        severity: Severity,
    },
    /// No change at all for a while although values keep arriving.
    FlatLine {
        /// How long.
        for_s: u32,
        /// Severity.
        severity: Severity,
    },
    /// No good value for a while.
    Stale {
        /// How long.
        for_s: u32,
        /// Severity.
        severity: Severity,
    },
    /// Protection trip: a two-state signal turned to its tripped state.
    Trip {
        /// The number that means "tripped".
        tripped_value: f64,
    },
}

/// An alert rule on one signal.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    /// Id.
    pub id: RuleId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The asset.
    pub asset_id: AssetId,
    /// The signal.
    pub signal_id: SignalId,
    /// Metric key of the signal, for texts.
    pub metric: String,
    /// Condition.
    pub condition: RuleCondition,
    /// The condition must hold this long before the alert is raised.
    pub on_delay_s: u32,
    /// The condition must be gone this long before the alert clears.
    pub off_delay_s: u32,
    /// The value must retreat this far behind the limit before the alert clears.
    pub deadband: f64,
    /// Whether it is evaluated.
    pub is_enabled: bool,
    /// Whether an engineer confirmed the numbers; a template default is not confirmed.
    pub is_confirmed: bool,
    /// Where the numbers come from ("ISO 10816-7 category I").
    pub source: String,
}

/// State of an alert after ISA-18.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Active, nobody acknowledged it (B).
    ActiveUnacknowledged,
    /// Active and acknowledged (C).
    ActiveAcknowledged,
    /// Returned to normal, not yet acknowledged (D).
    ClearedUnacknowledged,
    /// Over (A).
    Cleared,
}

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Id.
    pub id: AlertId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The asset.
    pub asset_id: AssetId,
    /// The signal, if it is about one.
    pub signal_id: Option<SignalId>,
    /// The rule that raised it.
    pub rule_id: Option<RuleId>,
    /// Severity now.
    pub severity: Severity,
    /// State.
    pub state: AlertState,
    /// Sentence code ("alert.limit_high").
    pub code: String,
    /// Arguments of the sentence as JSON.
    pub params: serde_json::Value,
    /// Source time of the activation.
    pub activated_at: Timestamp,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// By whom (user name).
    pub acknowledged_by: Option<String>,
    /// What the person wrote.
    pub comment: Option<String>,
    /// Source time of the return to normal.
    pub cleared_at: Option<Timestamp>,
    /// The incident it belongs to.
    pub incident_id: Option<IncidentId>,
}
