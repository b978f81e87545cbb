//! Alerts and their rules.

use iq_domain::{
    AlertId, AlertState, AssetId, IncidentId, RuleCondition, RuleId, Severity, SignalId, Timestamp,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Id.
    pub id: AlertId,
    /// Asset.
    pub asset_id: AssetId,
    /// Its code.
    pub asset_code: String,
    /// Its names.
    pub asset_names: iq_domain::Names,
    /// Signal.
    pub signal_id: Option<SignalId>,
    /// Metric key.
    pub metric: Option<String>,
    /// Unit symbol.
    pub unit: Option<String>,
    /// Severity.
    pub severity: Severity,
    /// State (as of T when asked).
    pub state: AlertState,
    /// Sentence code.
    pub code: String,
    /// Sentence in the caller's language.
    pub message: String,
    /// Its arguments.
    pub params: serde_json::Value,
    /// Source time of activation.
    pub activated_at: Timestamp,
    /// Acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// By whom.
    pub acknowledged_by: Option<String>,
    /// Comment.
    pub comment: Option<String>,
    /// Returned to normal.
    pub cleared_at: Option<Timestamp>,
    /// Incident.
    pub incident_id: Option<IncidentId>,
}

/// Acknowledgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// What the person did or saw.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertRule {
    /// Id.
    pub id: RuleId,
    /// Asset.
    pub asset_id: AssetId,
    /// Signal.
    pub signal_id: SignalId,
    /// Metric key.
    pub metric: String,
    /// Unit of the numbers.
    pub unit: String,
    /// Condition.
    pub condition: RuleCondition,
    /// Delay before it is raised.
    pub on_delay_s: u32,
    /// Delay before it clears.
    pub off_delay_s: u32,
    /// Retreat before it clears.
    pub deadband: f64,
    /// Evaluated.
    pub is_enabled: bool,
    /// Confirmed by an engineer.
    pub is_confirmed: bool,
    /// Where the numbers come from.
    pub source: String,
}

/// Create or change a rule; saving confirms its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRuleInput {
    /// Signal.
    pub signal_id: SignalId,
    /// Condition.
    pub condition: RuleCondition,
    /// Delay before it is raised.
    pub on_delay_s: u32,
    /// Delay before it clears.
    pub off_delay_s: u32,
    /// Retreat before it clears.
    pub deadband: f64,
    /// Evaluated.
    #[serde(default = "super::yes")]
    pub is_enabled: bool,
    /// Where the numbers come from.
    #[serde(default)]
    pub source: String,
}
