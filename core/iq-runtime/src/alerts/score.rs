//! What an alert about the score of an asset says. When one is raised is decided in `models`.

use iq_blackbox::events;
use iq_domain::{
    Alert, AlertId, AlertRecord, AlertState, AssetId, Severity, Timestamp, sentence_number,
};
use iq_store::{
    Page, StoreError, Transaction,
    alerts::{self, AlertFilter},
};
use serde_json::json;

use super::{Changed, Work};

/// What an alert about a score says.
pub(crate) const SCORE_STANDS: &str = "alert.anomaly";

/// A score that stands over the limit of its model.
#[derive(Clone, Debug)]
pub(crate) struct StandingScore {
    /// The asset.
    pub(crate) asset_id: AssetId,
    /// Since when.
    pub(crate) at: Timestamp,
    /// The score, 0–100; 50 is the limit.
    pub(crate) level: f64,
    /// Signals that departed most, with their signed deviation.
    pub(crate) signals: Vec<(String, f64)>,
    /// The model.
    pub(crate) model: String,
    /// How long a row of it is: so exact is the time.
    pub(crate) row_ms: i64,
}

/// "vibration_de +4.1, flow -2.2": metric and deviation, as the sentence's argument.
fn named(signals: &[(String, f64)]) -> String {
    let one = |(metric, off): &(String, f64)| format!("{metric} {off:+.1}");
    signals.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl Work {
    pub(super) fn score_stands(
        &self,
        tx: &Transaction<'_>,
        score: &StandingScore,
    ) -> Result<Changed, StoreError> {
        use AlertState::{ActiveAcknowledged, ActiveUnacknowledged};
        let filter = AlertFilter {
            states: vec![ActiveUnacknowledged, ActiveAcknowledged],
            asset_ids: vec![score.asset_id],
            ..AlertFilter::default()
        };
        let mut changed = Changed::default();
        let open = alerts::list_alerts(tx, self.id(), &filter, Page::MAX)?.rows;
        if open.iter().any(|alert| alert.code == SCORE_STANDS) {
            return Ok(changed);
        }
        let mut alert = Alert {
            id: AlertId::new(),
            tenant_id: self.id(),
            asset_id: score.asset_id,
            signal_id: None,
            rule_id: None,
            severity: Severity::Warning,
            state: ActiveUnacknowledged,
            code: SCORE_STANDS.to_owned(),
            params: json!({
                "score": sentence_number(score.level),
                "departures": named(&score.signals),
                "model": score.model,
            }),
            activated_at: score.at,
            acknowledged_at: None,
            acknowledged_by: None,
            comment: None,
            cleared_at: None,
            incident_id: None,
            record: AlertRecord {
                raised_at: Some(self.context.now),
                ..AlertRecord::default()
            },
        };
        let event = events::alert_activated(&self.context, &alert);
        alert.incident_id = self.append(tx, &event, &mut changed)?.flatten();
        alerts::create_alert(tx, self.id(), &alert)?;
        changed.alerts.push(alert);
        Ok(changed)
    }

    pub(super) fn score_settled(
        &self,
        tx: &Transaction<'_>,
        alert: AlertId,
        at: Timestamp,
    ) -> Result<Changed, StoreError> {
        let mut changed = Changed::default();
        let alert = alerts::get_alert(tx, self.id(), alert)?;
        if let Some(alert) = alert.filter(|alert| alert.cleared_at.is_none()) {
            self.clear_alert(tx, alert, at, &mut changed)?;
        }
        Ok(changed)
    }
}
