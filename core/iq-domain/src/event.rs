//! Canonical industrial events: appended, never edited, de-duplicated by source id.

use serde::{Deserialize, Serialize};

use crate::{AssetId, EventId, Severity, TenantId, Timestamp};

/// Category of an event; a lane of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventCategory {
    /// A signal left its baseline or returned.
    Sensor,
    /// An alert was raised, acknowledged or cleared.
    Alert,
    /// Work on the machine.
    Maintenance,
    /// A person acted.
    OperatorAction,
    /// A plan was made or published.
    Optimisation,
    /// Trips, connector and program events.
    System,
}

/// What happened to an alarm; each is an event of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmPhase {
    /// It became active.
    Activated,
    /// A person saw it.
    Acknowledged,
    /// It returned to normal.
    Cleared,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct IndustrialEvent {
    /// Id.
    pub id: EventId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The asset, where there is one.
    pub asset_id: Option<AssetId>,
    /// Which system said it ("optria", the integration's name).
    pub source_system: String,
    /// What kind of record it was there ("alert", "trip", "user_action", "connector").
    pub source_type: String,
    /// Its id there; unique per tenant and source system.
    pub source_id: String,
    /// When it happened by the source's clock.
    pub event_time: Timestamp,
    /// When it arrived here.
    pub ingest_time: Timestamp,
    /// When it was committed.
    pub recorded_at: Timestamp,
    /// Known offset of the source's clock (source − UTC).
    pub time_offset_ms: i64,
    /// Uncertainty of `event_time` after correction, one side.
    pub time_uncertainty_ms: i64,
    /// Severity.
    pub severity: Severity,
    /// Category.
    pub event_category: EventCategory,
    /// Sentence code ("event.alert_activated"); the sentence is made in the reader's language.
    pub summary: String,
    /// Original payload and the arguments of the sentence, as JSON.
    pub payload: serde_json::Value,
}

impl IndustrialEvent {
    /// The interval of UTC the event surely lies in (DOMAIN: I = t − o ± u).
    #[must_use]
    pub fn interval(&self) -> (i64, i64) {
        let t = self.event_time.0 - self.time_offset_ms;
        (t - self.time_uncertainty_ms, t + self.time_uncertainty_ms)
    }
}

/// How sure the order of an event with its predecessor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderConfidence {
    /// The intervals don't touch.
    Certain,
    /// They overlap by less than a fifth of the shorter.
    Probable,
    /// The order can't be told from the clocks.
    Ambiguous,
}
