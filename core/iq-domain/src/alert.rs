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
    /// When its parts were written down, and what it said before it became worse.
    pub record: AlertRecord,
}

/// When we learned of what an alert says. A source that was cut off tells of the past later.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertRecord {
    /// When the activation was written down; absent: when it happened.
    pub raised_at: Option<Timestamp>,
    /// When the clearing was written down; absent: when it happened.
    pub cleared_at: Option<Timestamp>,
    /// What it said before it became worse.
    pub before: Option<BeforeWorse>,
}

/// An alert as it was raised, before it became worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeforeWorse {
    /// Severity then.
    pub severity: Severity,
    /// Sentence code then.
    pub code: String,
    /// Arguments of that sentence.
    pub params: serde_json::Value,
    /// Source time of the change for the worse.
    pub until: Timestamp,
    /// When that change was written down.
    pub recorded_at: Timestamp,
}

impl Alert {
    /// The alert as it stood at `at`; with `known_at`, as far as that had been written down by then.
    /// `None`: there was none, or nobody knew of it.
    #[must_use]
    pub fn as_of(mut self, at: Timestamp, known_at: Option<Timestamp>) -> Option<Self> {
        let was_known = |recorded: Timestamp| known_at.is_none_or(|known| recorded <= known);
        if self.activated_at > at || !was_known(self.record.raised_at.unwrap_or(self.activated_at))
        {
            return None;
        }
        if let Some(before) = &self.record.before
            && (before.until > at || !was_known(before.recorded_at))
        {
            self.severity = before.severity;
            self.code.clone_from(&before.code);
            self.params.clone_from(&before.params);
        }
        let recorded = self.record.cleared_at;
        self.cleared_at = self
            .cleared_at
            .filter(|t| *t <= at && was_known(recorded.unwrap_or(*t)));
        self.acknowledged_at = self.acknowledged_at.filter(|t| *t <= at && was_known(*t));
        if self.acknowledged_at.is_none() {
            self.acknowledged_by = None;
            self.comment = None;
        }
        self.state = match (self.cleared_at, self.acknowledged_at) {
            (None, None) => AlertState::ActiveUnacknowledged,
            (None, Some(_)) => AlertState::ActiveAcknowledged,
            (Some(_), None) => AlertState::ClearedUnacknowledged,
            (Some(_), Some(_)) => AlertState::Cleared,
        };
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Raised at 100 and written down at 500, worse at 200 (written 600), cleared at 300 (written 700).
    fn late() -> Alert {
        Alert {
            id: AlertId::new(),
            tenant_id: TenantId::new(),
            asset_id: AssetId::new(),
            signal_id: None,
            rule_id: None,
            severity: Severity::Critical,
            state: AlertState::Cleared,
            code: "alert.limit_high_high".into(),
            params: serde_json::json!({}),
            activated_at: Timestamp(100),
            acknowledged_at: Some(Timestamp(800)),
            acknowledged_by: Some("a".into()),
            comment: Some("seen".into()),
            cleared_at: Some(Timestamp(300)),
            incident_id: None,
            record: AlertRecord {
                raised_at: Some(Timestamp(500)),
                cleared_at: Some(Timestamp(700)),
                before: Some(BeforeWorse {
                    severity: Severity::Warning,
                    code: "alert.limit_high".into(),
                    params: serde_json::json!({}),
                    until: Timestamp(200),
                    recorded_at: Timestamp(600),
                }),
            },
        }
    }

    #[test]
    fn a_late_alert_is_seen_by_its_own_times_and_known_by_the_times_of_its_record() {
        let seen = |at: i64, known: Option<i64>| {
            let alert = late().as_of(Timestamp(at), known.map(Timestamp))?;
            Some((alert.severity, alert.state))
        };
        use AlertState::{ActiveUnacknowledged, Cleared, ClearedUnacknowledged};
        use Severity::{Critical, Warning};
        assert_eq!(seen(99, None), None);
        assert_eq!(seen(150, None), Some((Warning, ActiveUnacknowledged)));
        assert_eq!(seen(250, None), Some((Critical, ActiveUnacknowledged)));
        assert_eq!(seen(400, None), Some((Critical, ClearedUnacknowledged)));
        assert_eq!(seen(900, None), Some((Critical, Cleared)));
        assert_eq!(seen(400, Some(400)), None);
        assert_eq!(seen(550, Some(550)), Some((Warning, ActiveUnacknowledged)));
        assert_eq!(seen(650, Some(650)), Some((Critical, ActiveUnacknowledged)));
        assert_eq!(
            seen(750, Some(750)),
            Some((Critical, ClearedUnacknowledged))
        );
        assert_eq!(seen(250, Some(750)), Some((Critical, ActiveUnacknowledged)));
    }

    #[test]
    fn who_acknowledged_is_hidden_before_it_happened() {
        let before = late().as_of(Timestamp(700), None).unwrap();
        assert_eq!((before.acknowledged_by, before.comment), (None, None));
        let after = late().as_of(Timestamp(800), None).unwrap();
        assert_eq!(after.acknowledged_by.as_deref(), Some("a"));
    }
}
