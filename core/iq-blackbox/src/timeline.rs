//! The timeline of an incident: its events in order, in lanes by category, with how sure the order is.

use std::collections::BTreeMap;

use iq_domain::{
    EventCategory, EventRelation, Incident, IndustrialEvent, OrderConfidence, Severity, Timestamp,
};

use crate::order;

/// One event on the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index in the slice that was given.
    pub index: usize,
    /// Place in the whole order, from 0.
    pub order: usize,
    /// Time corrected by the known clock offset.
    pub at: Timestamp,
    /// Earliest and latest it can have been.
    pub interval: (i64, i64),
    /// How sure it is that it follows the event before it.
    pub confidence: OrderConfidence,
    /// Events with the same number are a chain of ties: each can't be told apart from another of them.
    pub group: usize,
    /// First and last place in the whole order it can have, from 0; the same for one whose place is certain.
    pub places: (usize, usize),
    /// Milliseconds from the trigger; negative before it.
    pub from_trigger_ms: i64,
    /// How it belongs to the incident.
    pub relation: EventRelation,
    /// Severity.
    pub severity: Severity,
}

/// A lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Category.
    pub category: EventCategory,
    /// Its events in order.
    pub entries: Vec<Entry>,
}

/// The whole picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Lanes that have events, in the fixed order of the categories.
    pub lanes: Vec<Lane>,
    /// All events in order.
    pub entries: Vec<Entry>,
    /// Start and end of what is shown.
    pub range: (Timestamp, Timestamp),
    /// Index of the trigger, if it is among the events.
    pub trigger: Option<usize>,
    /// Index of the first event that was not normal on the incident's own asset: where an
    /// investigation begins.
    pub first_abnormal: Option<usize>,
    /// Time between that and the trigger.
    pub lead_ms: Option<i64>,
    /// How many events can't be ordered with certainty.
    pub ambiguous: usize,
}

/// Builds the timeline of an incident.
#[must_use]
pub fn timeline(incident: &Incident, events: &[(IndustrialEvent, EventRelation)]) -> Timeline {
    let plain: Vec<&IndustrialEvent> = events.iter().map(|(e, _)| e).collect();
    let ordered = order(&plain);
    let corrected = |e: &IndustrialEvent| e.event_time.plus_ms(e.time_offset_ms.saturating_neg());
    let trigger = ordered
        .iter()
        .map(|o| o.index)
        .find(|&i| events[i].1 == EventRelation::Trigger);
    let zero = trigger.map_or(incident.started_at, |i| corrected(&events[i].0));
    let entries: Vec<Entry> = ordered
        .iter()
        .enumerate()
        .map(|(place, o)| {
            let (event, relation) = &events[o.index];
            let at = corrected(event);
            Entry {
                index: o.index,
                order: place,
                at,
                interval: event.interval(),
                confidence: o.confidence,
                group: o.group,
                places: o.places,
                from_trigger_ms: at.since_ms(zero),
                relation: *relation,
                severity: event.severity,
            }
        })
        .collect();
    let first = entries.iter().find(|e| {
        e.severity >= Severity::Warning
            && e.relation != EventRelation::Neighbour
            && events[e.index].0.event_category != EventCategory::OperatorAction
    });
    let mut lanes: BTreeMap<EventCategory, Vec<Entry>> = BTreeMap::new();
    for entry in &entries {
        lanes
            .entry(events[entry.index].0.event_category)
            .or_default()
            .push(*entry);
    }
    let last = entries
        .iter()
        .map(|e| e.at)
        .max()
        .unwrap_or(incident.started_at);
    let start = entries
        .iter()
        .map(|e| e.at)
        .min()
        .unwrap_or(incident.started_at);
    Timeline {
        trigger,
        first_abnormal: first.map(|e| e.index),
        lead_ms: trigger.and(first).map(|e| -e.from_trigger_ms),
        ambiguous: entries
            .iter()
            .filter(|e| e.confidence == OrderConfidence::Ambiguous)
            .count(),
        range: (
            start.min(incident.started_at),
            incident.ended_at.unwrap_or(last).max(last),
        ),
        lanes: lanes
            .into_iter()
            .map(|(category, entries)| Lane { category, entries })
            .collect(),
        entries,
    }
}

#[cfg(test)]
mod tests {
    use iq_domain::{AssetId, EventId, IncidentId, IncidentStatus, IncidentType, TenantId};

    use super::*;

    fn incident(started: i64) -> Incident {
        Incident {
            id: IncidentId::new(),
            tenant_id: TenantId::new(),
            number: "INC-2026-0001".into(),
            asset_id: AssetId::new(),
            incident_type: IncidentType::Trip,
            severity: Severity::Critical,
            title_code: "incident.trip".into(),
            title_params: serde_json::json!({}),
            status: IncidentStatus::Open,
            assignee: None,
            started_at: Timestamp(started),
            ended_at: None,
            created_at: Timestamp(started),
        }
    }

    fn event(at: i64, offset: i64, category: EventCategory, severity: Severity) -> IndustrialEvent {
        IndustrialEvent {
            id: EventId::new(),
            tenant_id: TenantId::new(),
            asset_id: None,
            source_system: format!("s{offset}"),
            source_type: "x".into(),
            source_id: at.to_string(),
            event_time: Timestamp(at),
            ingest_time: Timestamp(at),
            recorded_at: Timestamp(at),
            time_offset_ms: offset,
            time_uncertainty_ms: 100,
            severity,
            event_category: category,
            summary: "event.trip".into(),
            payload: serde_json::Value::Null,
        }
    }

    #[test]
    fn lanes_keep_the_order_and_count_from_the_trigger() {
        use EventCategory::{Alert, OperatorAction, Sensor, System};
        let events = [
            (
                event(10_000, 0, System, Severity::Critical),
                EventRelation::Trigger,
            ),
            (
                event(4_000, 0, Alert, Severity::Warning),
                EventRelation::SameAsset,
            ),
            // Stamped 2 s late by a clock that is known to run 9 s ahead.
            (
                event(12_000, 9_000, Sensor, Severity::Warning),
                EventRelation::SameAsset,
            ),
            (
                event(2_000, 0, OperatorAction, Severity::Warning),
                EventRelation::SameAsset,
            ),
            (
                event(1_000, 0, Alert, Severity::Critical),
                EventRelation::Neighbour,
            ),
        ];
        let line = timeline(&incident(500), &events);
        let order: Vec<_> = line.entries.iter().map(|e| e.index).collect();
        assert_eq!(order, [4, 3, 2, 1, 0]);
        assert_eq!(line.trigger, Some(0));
        assert_eq!(line.first_abnormal, Some(2), "the sensor moved first");
        assert_eq!(line.lead_ms, Some(7_000));
        assert_eq!(line.entries[2].at, Timestamp(3_000));
        assert_eq!(line.entries[4].from_trigger_ms, 0);
        let lanes: Vec<_> = line
            .lanes
            .iter()
            .map(|l| (l.category, l.entries.len()))
            .collect();
        assert_eq!(
            lanes,
            [(Sensor, 1), (Alert, 2), (OperatorAction, 1), (System, 1)]
        );
        assert_eq!(line.range, (Timestamp(500), Timestamp(10_000)));
        assert_eq!(line.ambiguous, 0);
    }

    #[test]
    fn an_incident_without_events_has_an_empty_line() {
        let line = timeline(&incident(500), &[]);
        assert!(line.entries.is_empty() && line.lanes.is_empty());
        assert_eq!((line.trigger, line.lead_ms), (None, None));
    }
}
