//! When an incident opens, what joins it, and when it ends.

use std::collections::{BTreeMap, BTreeSet};

use iq_domain::{
    AssetId, EventCategory, EventRelation, IncidentId, IncidentType, IndustrialEvent, Severity,
    TimeRange, Timestamp, UnitId,
};
use serde_json::{Value as Json, json};

use crate::trip::says_trip;

/// Windows of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncidentConfig {
    /// How much before the trigger belongs to it.
    pub before_ms: i64,
    /// How long after its last event it stays open.
    pub after_ms: i64,
    /// Gap up to which a new trigger on the same asset or a direct neighbour joins it.
    pub join_gap_ms: i64,
    /// How near to an incident's own trigger one elsewhere in the unit belongs to it: a pump and its standby
    /// that stop one after the other have one story.
    pub unit_gap_ms: i64,
}

impl Default for IncidentConfig {
    fn default() -> Self {
        Self {
            before_ms: 6 * 3_600_000,
            after_ms: 3_600_000,
            join_gap_ms: 1_800_000,
            unit_gap_ms: 60_000,
        }
    }
}

/// How two assets stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// The same asset.
    Same,
    /// One feeds or drives the other.
    Direct,
    /// They stand in the same unit.
    SameUnit,
    /// Nobody has said where either stands: only what happens around the same moment connects them.
    Unplaced,
}

/// Who is connected to whom.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    units: BTreeMap<AssetId, UnitId>,
    unplaced: BTreeSet<AssetId>,
    direct: BTreeSet<(AssetId, AssetId)>,
}

impl Topology {
    /// Adds an asset with its unit.
    pub fn add_asset(&mut self, asset: AssetId, unit: UnitId) {
        self.units.insert(asset, unit);
    }

    /// Adds an asset of which nobody has said where it stands.
    pub fn add_unplaced(&mut self, asset: AssetId) {
        self.unplaced.insert(asset);
    }

    /// Adds a connection; its direction doesn't matter.
    pub fn connect(&mut self, a: AssetId, b: AssetId) {
        self.direct.insert((a.min(b), a.max(b)));
    }

    /// How two assets stand to each other.
    #[must_use]
    pub fn relation(&self, a: AssetId, b: AssetId) -> Option<Relation> {
        if a == b {
            return Some(Relation::Same);
        }
        if self.direct.contains(&(a.min(b), a.max(b))) {
            return Some(Relation::Direct);
        }
        if self.unplaced.contains(&a) && self.unplaced.contains(&b) {
            return Some(Relation::Unplaced);
        }
        let unit = self.units.get(&a)?;
        (self.units.get(&b) == Some(unit)).then_some(Relation::SameUnit)
    }
}

/// An incident that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenIncident {
    /// Id.
    pub id: IncidentId,
    /// The asset it started at.
    pub asset_id: AssetId,
    /// Type so far.
    pub incident_type: IncidentType,
    /// Severity so far.
    pub severity: Severity,
    /// Start of its window: what led to it belongs to it.
    pub started_at: Timestamp,
    /// When its trigger was. A trigger long before that is an incident of its own, although it lies in the
    /// window.
    pub triggered_at: Timestamp,
    /// Newest event in it.
    pub last_event_at: Timestamp,
    /// A critical alert of its asset is active: what its asset does belongs to it, however long the
    /// last event is ago.
    pub is_standing: bool,
}

/// What to do with an event.
#[derive(Clone, Debug, PartialEq)]
pub enum IncidentDecision {
    /// A new incident.
    Open {
        /// Type.
        incident_type: IncidentType,
        /// Severity.
        severity: Severity,
        /// Sentence code of the title.
        title_code: &'static str,
        /// Arguments of the title.
        title_params: Json,
        /// Events of the asset and its neighbours in this window belong to it from the start. Its
        /// beginning is the incident's `started_at`.
        window: TimeRange,
    },
    /// The trigger belongs to an open incident.
    Join {
        /// The incident.
        incident: IncidentId,
        /// How it belongs.
        relation: EventRelation,
        /// The incident's type becomes this (a critical alert that ended in a trip).
        upgrade: Option<IncidentType>,
        /// The incident's beginning becomes this: the trigger was before the one that arrived first.
        began: Option<Timestamp>,
    },
    /// No trigger, but part of the picture of these incidents.
    Attach {
        /// Incidents with the relation.
        links: Vec<(IncidentId, EventRelation)>,
    },
    /// Not related to any incident.
    Ignore,
}

/// The type of incident an event triggers.
#[must_use]
pub fn trigger_of(event: &IndustrialEvent) -> Option<IncidentType> {
    if event.severity != Severity::Critical || event.asset_id.is_none() {
        return None;
    }
    match (event.source_type.as_str(), event.event_category) {
        ("alert", EventCategory::Alert) if is_trip(event) => Some(IncidentType::Trip),
        ("alert", EventCategory::Alert) => Some(IncidentType::CriticalAlert),
        // A critical report of another system, or of maintenance.
        ("failure", _) | (_, EventCategory::Maintenance) => Some(IncidentType::Failure),
        _ => None,
    }
}

/// An alert on a trip signal.
const TRIP_ALERT: &str = "event.alert_activated.trip";

/// What alarms of other systems are called: rows of journals, conditions of a control system, event frames.
const ALARMS: [&str; 3] = ["alarm_journal", "condition", "event_frame"];

/// The type of incident an event triggers when the past is looked through: what triggers one at the
/// moment it happens, and critical alarms and trips of other systems, whenever they were read.
#[must_use]
pub fn past_trigger_of(event: &IndustrialEvent) -> Option<IncidentType> {
    trigger_of(event).or_else(|| {
        if is_trip(event) {
            Some(IncidentType::Trip)
        } else {
            let is_critical = is_alarm_from(event, Severity::Critical);
            is_critical.then_some(IncidentType::CriticalAlert)
        }
    })
}

/// Whether an event says that protection stopped its asset: an alert on its trip signal, or an alarm of
/// another system that says so in words. Many a journal gives its trips no higher priority than its alarms, or
/// names none; what was acknowledged or went is no trip.
#[must_use]
pub fn is_trip(event: &IndustrialEvent) -> bool {
    if event.source_type == "alert" {
        return event.summary == TRIP_ALERT && event.asset_id.is_some();
    }
    let text = event.payload["params"]["text"].as_str().unwrap_or_default();
    is_alarm_from(event, Severity::Warning) && says_trip(text)
}

/// Whether an event is an alarm another system raised, at least this grave.
fn is_alarm_from(event: &IndustrialEvent, least: Severity) -> bool {
    ALARMS.contains(&event.source_type.as_str())
        && event.event_category == EventCategory::Alert
        && event.severity >= least
        && event.asset_id.is_some()
        && !matches!(phase_of(event), Some("cleared" | "acknowledged"))
}

fn phase_of(event: &IndustrialEvent) -> Option<&str> {
    event.payload["detail"]["phase"].as_str()
}

/// How grave the incident is that an event opens or upgrades: a stop by protection is critical, whatever
/// priority its journal gave it.
#[must_use]
pub fn gravity_of(event: &IndustrialEvent) -> Severity {
    if is_trip(event) {
        Severity::Critical
    } else {
        event.severity
    }
}

/// The type of incident an event triggers as it arrives. A critical alarm or trip of another system counts while it
/// is news; read late, from a journal or after a pause, it is the past, and for the past there is detection.
#[must_use]
pub fn live_trigger_of(event: &IndustrialEvent, config: &IncidentConfig) -> Option<IncidentType> {
    let age = event.ingest_time.since_ms(event.event_time);
    if age.abs() <= config.join_gap_ms {
        past_trigger_of(event)
    } else {
        trigger_of(event)
    }
}

/// Whether an event at `at` is near enough to an incident.
fn is_near(incident: &OpenIncident, at: Timestamp, gap_ms: i64) -> bool {
    at >= incident.started_at && at.since_ms(incident.last_event_at) <= gap_ms
}

/// Whether a critical alert keeps an incident of this very asset going.
fn stands_for(incident: &OpenIncident, asset: AssetId, at: Timestamp) -> bool {
    incident.is_standing && incident.asset_id == asset && at >= incident.started_at
}

/// Decides what an event that arrives means for the incidents that are open. `asset_code` names the asset in a title.
#[must_use]
pub fn decide(
    event: &IndustrialEvent,
    asset_code: &str,
    open: &[OpenIncident],
    topology: &Topology,
    config: &IncidentConfig,
) -> IncidentDecision {
    let trigger = live_trigger_of(event, config);
    decide_as(event, trigger, asset_code, open, topology, config)
}

/// As [`decide`], where what the event triggers is known.
pub(crate) fn decide_as(
    event: &IndustrialEvent,
    trigger: Option<IncidentType>,
    asset_code: &str,
    open: &[OpenIncident],
    topology: &Topology,
    config: &IncidentConfig,
) -> IncidentDecision {
    let Some(asset) = event.asset_id else {
        return IncidentDecision::Ignore;
    };
    match trigger {
        Some(incident_type) => {
            let joined = best_match(event, asset, open, topology, config);
            joined.map_or_else(
                || opening(event, asset_code, incident_type, config),
                |(incident, relation)| IncidentDecision::Join {
                    incident: incident.id,
                    relation: if began(event, incident, relation).is_some() {
                        EventRelation::Trigger
                    } else {
                        to_event_relation(relation)
                    },
                    began: began(event, incident, relation),
                    // A neighbour's trip is its consequence or cause, not this machine's trip.
                    upgrade: (relation == Relation::Same
                        && incident_type == IncidentType::Trip
                        && incident.incident_type != IncidentType::Trip)
                        .then_some(incident_type),
                },
            )
        }
        None => {
            let links: Vec<_> = open
                .iter()
                .filter(|i| {
                    stands_for(i, asset, event.event_time)
                        || is_near(i, event.event_time, config.after_ms)
                })
                .filter_map(|i| {
                    let of = (i.asset_id, i.triggered_at);
                    Some((i.id, relation_of(event, of, topology, config)?))
                })
                .collect();
            if links.is_empty() {
                IncidentDecision::Ignore
            } else {
                IncidentDecision::Attach { links }
            }
        }
    }
}

/// Where the incident began after all, if a trigger of its own asset was before the one that opened it:
/// sources are not equally quick.
fn began(
    event: &IndustrialEvent,
    incident: &OpenIncident,
    relation: Relation,
) -> Option<Timestamp> {
    let is_earlier = relation == Relation::Same && event.event_time < incident.triggered_at;
    is_earlier.then_some(event.event_time)
}

/// The open incident a trigger belongs to: of the same asset, else of a direct neighbour, else of one in
/// the same unit whose trigger was a moment ago. Otherwise assets that merely share a unit get an incident
/// of their own.
fn best_match<'a>(
    event: &IndustrialEvent,
    asset: AssetId,
    open: &'a [OpenIncident],
    topology: &Topology,
    config: &IncidentConfig,
) -> Option<(&'a OpenIncident, Relation)> {
    let at = event.event_time;
    open.iter()
        .filter_map(|i| Some((i, topology.relation(i.asset_id, asset)?)))
        .filter(|(i, _)| at.since_ms(i.triggered_at) >= -config.join_gap_ms)
        .filter(|(i, relation)| match relation {
            Relation::Same => stands_for(i, asset, at) || is_near(i, at, config.after_ms),
            Relation::Direct => is_near(i, at, config.join_gap_ms),
            Relation::SameUnit | Relation::Unplaced => {
                at.since_ms(i.triggered_at).abs() <= config.unit_gap_ms
            }
        })
        .min_by_key(|(i, relation)| (*relation, std::cmp::Reverse(i.last_event_at), i.id))
}

/// What an incident of an asset is that is made of these events: the type the gravest trigger of the asset gives
/// it, with that trigger. A neighbour's trip is not this machine's; where nothing of its own triggers anything,
/// nothing says that the machine stopped.
#[must_use]
pub fn made_of<'a>(
    events: impl IntoIterator<Item = &'a IndustrialEvent>,
    asset: AssetId,
) -> (IncidentType, Option<&'a IndustrialEvent>) {
    let own = events.into_iter().filter(|e| e.asset_id == Some(asset));
    let triggers = own.filter_map(|event| Some((past_trigger_of(event)?, event)));
    let first = triggers
        .min_by_key(|(kind, event)| (*kind != IncidentType::Trip, event.event_time, event.id));
    first.map_or((IncidentType::CriticalAlert, None), |(kind, event)| {
        (kind, Some(event))
    })
}

/// The title of an incident, as a code with its arguments. `asset_code` names the asset in it.
#[must_use]
pub fn title_of(
    incident_type: IncidentType,
    trigger: Option<&IndustrialEvent>,
    asset_code: &str,
) -> (&'static str, Json) {
    let metric = trigger.and_then(|event| event.payload["params"]["metric"].as_str());
    match (incident_type, metric) {
        (IncidentType::Trip, _) => ("incident.trip", json!({ "asset": asset_code })),
        (IncidentType::CriticalAlert, Some(metric)) => (
            "incident.critical_alert",
            json!({ "asset": asset_code, "metric": metric }),
        ),
        (IncidentType::CriticalAlert, None) => (
            "incident.critical_alert_plain",
            json!({ "asset": asset_code }),
        ),
        (IncidentType::Failure, _) => {
            let source = trigger.map_or("", |event| event.source_system.as_str());
            (
                "incident.failure",
                json!({ "asset": asset_code, "source": source }),
            )
        }
    }
}

fn opening(
    event: &IndustrialEvent,
    asset_code: &str,
    incident_type: IncidentType,
    config: &IncidentConfig,
) -> IncidentDecision {
    let (title_code, title_params) = title_of(incident_type, Some(event), asset_code);
    IncidentDecision::Open {
        incident_type,
        severity: gravity_of(event),
        title_code,
        title_params,
        window: TimeRange {
            from: event.event_time.plus_ms(-config.before_ms),
            to: event.event_time.plus_ms(config.after_ms),
        },
    }
}

fn to_event_relation(relation: Relation) -> EventRelation {
    match relation {
        Relation::Same => EventRelation::SameAsset,
        Relation::Direct | Relation::SameUnit | Relation::Unplaced => EventRelation::Neighbour,
    }
}

/// Whether somebody worked on the Black Box itself: who reads an incident, writes a note or takes it on does nothing
/// to the machine.
fn is_about_the_record(event: &IndustrialEvent) -> bool {
    let action = event.payload["params"]["action"].as_str().unwrap_or("");
    let is_of_record = ["blackbox.", "incidents."]
        .iter()
        .any(|area| action.starts_with(area));
    event.source_type == "user_action" && is_of_record
}

/// How an event belongs to an incident of an asset with its trigger at a moment; `None` when it doesn't. The
/// same asset brings everything, a direct neighbour what changed, the rest of the unit what is abnormal, and
/// what nobody has placed what is abnormal around the trigger.
#[must_use]
pub fn relation_of(
    event: &IndustrialEvent,
    (incident_asset, triggered_at): (AssetId, Timestamp),
    topology: &Topology,
    config: &IncidentConfig,
) -> Option<EventRelation> {
    if is_about_the_record(event) {
        return None;
    }
    let relation = topology.relation(incident_asset, event.asset_id?)?;
    let is_abnormal = event.severity >= Severity::Warning;
    let is_change = matches!(
        event.event_category,
        EventCategory::OperatorAction | EventCategory::Maintenance | EventCategory::System
    );
    let belongs = match relation {
        Relation::Same => true,
        Relation::Direct => is_abnormal || is_change,
        Relation::SameUnit => is_abnormal,
        Relation::Unplaced => {
            let apart = event.event_time.since_ms(triggered_at).abs();
            is_abnormal && apart <= config.join_gap_ms
        }
    };
    belongs.then(|| to_event_relation(relation))
}

/// When an incident is over: no critical alert of its assets is active and nothing happened for the
/// configured time. Gives the end of its window.
#[must_use]
pub fn incident_end(
    incident: &OpenIncident,
    has_active_critical: bool,
    now: Timestamp,
    config: &IncidentConfig,
) -> Option<Timestamp> {
    let end = incident.last_event_at.plus_ms(config.after_ms);
    (!has_active_critical && end <= now).then_some(end)
}

#[cfg(test)]
mod tests;
