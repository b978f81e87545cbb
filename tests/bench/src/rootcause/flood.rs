//! Alarm floods from the Tennessee Eastman data: limits at three deviations of d00 with a dead band of
//! half a deviation on every column. Each alarm is an event of the one unit; the incident rules of the
//! Black Box say what belongs together. A column that stays six rows beyond its critical limit of six
//! deviations is a critical alert; the rest are warnings.

use iq_blackbox::{IncidentConfig, IncidentDecision, OpenIncident, Topology, decide, incident_end};
use iq_domain::{
    AssetId, EventCategory, EventId, IncidentId, IndustrialEvent, Severity, TenantId, Timestamp,
    UnitId,
};
use uuid::Uuid;

type Rows = Vec<Vec<f64>>;

/// Between two rows.
const ROW_MS: i64 = 3 * 60_000;
/// Limits in deviations, and rows a critical one must last.
const LIMIT: f64 = 3.0;
const DEAD_BAND: f64 = 0.5;
const CRITICAL: f64 = 6.0;
const LASTING: u32 = 6;
/// Row at which the fault of a test file begins.
const FAULT_ROW: usize = 160;

struct AlarmEvent {
    row: usize,
    column: usize,
    critical: bool,
}

/// Alarms of a file, and the rows in which a critical one stands.
struct Alarms {
    events: Vec<AlarmEvent>,
    standing: Vec<bool>,
}

fn alarms(normal: &Rows, rows: &Rows) -> Alarms {
    let n = normal.len() as f64;
    let mut found = Vec::new();
    let mut standing = vec![false; rows.len()];
    for column in 0..normal[0].len() {
        let mean = normal.iter().map(|r| r[column]).sum::<f64>() / n;
        let square = normal
            .iter()
            .map(|r| (r[column] - mean).powi(2))
            .sum::<f64>()
            / n;
        let sd = square.sqrt().max(1e-9);
        let (mut on, mut beyond, mut raised) = (false, 0, false);
        for (row, values) in rows.iter().enumerate() {
            let z = (values[column] - mean).abs() / sd;
            if !on && z > LIMIT {
                on = true;
                found.push(AlarmEvent {
                    row,
                    column,
                    critical: false,
                });
            } else if on && z < LIMIT - DEAD_BAND {
                (on, raised) = (false, false);
            }
            beyond = if z > CRITICAL { beyond + 1 } else { 0 };
            if beyond == LASTING && !raised {
                raised = true;
                found.push(AlarmEvent {
                    row,
                    column,
                    critical: true,
                });
            }
            standing[row] |= raised;
        }
    }
    found.sort_by_key(|a| (a.row, a.column));
    Alarms {
        events: found,
        standing,
    }
}

fn event(alarm: &AlarmEvent, asset: AssetId) -> IndustrialEvent {
    let at = Timestamp(alarm.row as i64 * ROW_MS);
    let phase = if alarm.critical {
        "escalated"
    } else {
        "activated"
    };
    IndustrialEvent {
        id: EventId(Uuid::from_u128(
            (alarm.row * 1_000 + alarm.column * 2) as u128,
        )),
        tenant_id: TenantId(Uuid::nil()),
        asset_id: Some(asset),
        source_system: "tep".into(),
        source_type: "alert".into(),
        source_id: format!("{}:{}:{phase}", alarm.row, alarm.column),
        event_time: at,
        ingest_time: at,
        recorded_at: at,
        time_offset_ms: 0,
        time_uncertainty_ms: 0,
        severity: if alarm.critical {
            Severity::Critical
        } else {
            Severity::Warning
        },
        event_category: EventCategory::Alert,
        summary: format!("event.alert_{phase}.limit_high_high"),
        payload: serde_json::json!({}),
    }
}

/// Events after the fault, those of them in the largest incident, and the number of incidents.
fn group(alarms: &Alarms) -> (usize, usize, usize) {
    let found = &alarms.events;
    let config = IncidentConfig::default();
    let (asset, unit) = (AssetId(Uuid::from_u128(1)), UnitId(Uuid::from_u128(2)));
    let mut topology = Topology::default();
    topology.add_asset(asset, unit);
    // An incident, its members, and whether it is open.
    let mut incidents: Vec<(OpenIncident, usize, bool)> = Vec::new();
    let mut ended_to = 0;
    for (n, alarm) in found.iter().enumerate() {
        let event = event(alarm, asset);
        // The job that ends incidents runs once per row.
        for row in ended_to..alarm.row {
            let now = Timestamp(row as i64 * ROW_MS);
            for (incident, _, is_open) in &mut incidents {
                *is_open &= incident_end(incident, alarms.standing[row], now, &config).is_none();
            }
        }
        ended_to = alarm.row;
        let open: Vec<OpenIncident> = incidents
            .iter()
            .filter(|(.., is_open)| *is_open)
            .map(|(i, ..)| OpenIncident {
                is_standing: alarms.standing[alarm.row],
                ..*i
            })
            .collect();
        let mut join = |id: IncidentId| {
            if let Some((incident, members, _)) = incidents.iter_mut().find(|(i, ..)| i.id == id) {
                incident.last_event_at = event.event_time;
                *members += usize::from(alarm.row >= FAULT_ROW);
            }
        };
        match decide(&event, "TEP", &open, &topology, &config) {
            IncidentDecision::Join { incident, .. } => join(incident),
            IncidentDecision::Attach { links } => links.into_iter().for_each(|(id, _)| join(id)),
            IncidentDecision::Open {
                incident_type,
                severity,
                window,
                ..
            } => {
                let before = found[..=n]
                    .iter()
                    .filter(|a| a.row >= FAULT_ROW && a.row as i64 * ROW_MS >= window.from.0)
                    .count();
                let id = IncidentId(Uuid::from_u128(n as u128 + 1));
                let opened = OpenIncident {
                    id,
                    asset_id: asset,
                    incident_type,
                    severity,
                    started_at: window.from,
                    triggered_at: event.event_time,
                    last_event_at: event.event_time,
                    is_standing: false,
                };
                incidents.push((opened, before, true));
            }
            IncidentDecision::Ignore => {}
        }
    }
    let all = found.iter().filter(|a| a.row >= FAULT_ROW).count();
    let most = incidents.iter().map(|(_, n, _)| *n).max().unwrap_or(0);
    (all, most, incidents.len())
}

pub(super) fn run(normal: &Rows, quiet: &Rows, faults: &[(u32, &Rows)]) {
    println!("\nalarm floods (limits 3 sd, dead band 0.5 sd; critical: 6 sd for 6 rows)");
    let (mut events, mut grouped) = (0, 0);
    for (fault, rows) in faults {
        let (all, most, incidents) = group(&alarms(normal, rows));
        println!(
            "IDV {fault:>2}: {all:>5} events, {:>5.1} % in one incident, {incidents} incidents",
            100.0 * most as f64 / all.max(1) as f64
        );
        events += all;
        grouped += most;
    }
    println!(
        "all: {events} events, {:.2} % in one incident",
        100.0 * grouped as f64 / events.max(1) as f64
    );
    println!(
        "false incidents in d00_te: {}",
        group(&alarms(normal, quiet)).2
    );
}
