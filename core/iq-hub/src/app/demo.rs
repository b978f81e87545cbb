//! What a demo tenant shows: an appliance that was never there and a day of its log, sent the way any
//! appliance sends: packed, signed, applied, read. Every record says that it is of a demo plant.

use iq_domain::{ApplianceId, CodedError, TenantId, Timestamp};
use iq_evidence::{LogId, Origin, Record, cbor::Value};
use iq_secrets::random_bytes;
use iq_sync_proto::{
    Head, Line, SigningKey,
    batch::{Run, pack},
    figures::{AssetFigure, Figure, Kind, KpiFigure, PlanFigure, ReliabilityFigure, STREAM},
    leaf_hash,
};
use serde_json::json;

use super::sync;
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::appliances::{self, Appliance},
};

const HOUR_MS: i64 = 3_600_000;
/// Events of the day.
const EVENTS: i64 = 96;
/// Severity, category and code of the sentence, over and over.
const STORY: [(&str, &str, &str); 4] = [
    ("info", "ALERT", "event.alert_cleared.limit_high"),
    ("warning", "ALERT", "event.alert_activated.limit_high"),
    ("info", "OPERATOR_ACTION", "event.user_action"),
    ("critical", "ALERT", "event.alert_escalated.limit_high_high"),
];
/// After which event, which of the two incidents, and what became of it.
const INCIDENTS: [(i64, usize, &str); 4] = [
    (31, 0, "open"),
    (35, 0, "investigating"),
    (60, 0, "resolved"),
    (87, 1, "open"),
];

/// Enrols a demo appliance in a demo tenant and sends its day.
pub(crate) async fn fill(hub: &Hub, tenant_id: TenantId) -> Answer<()> {
    let now = hub.now();
    let id = ApplianceId::new();
    // The key is thrown away with this function: nobody can ever speak for this appliance again.
    let seed: [u8; 32] = random_bytes().map_err(CodedError::from)?;
    let key = SigningKey::from_seed(&seed);
    let appliance = Appliance {
        tenant_id,
        id,
        name: "Demo plant".to_owned(),
        public_key: key.public().to_bytes().to_vec(),
        record_tenant: tenant_id.0,
        recipient: String::new(),
        is_demo: true,
        enrolled_at: now,
        revoked_at: None,
        last_contact_at: Some(now),
        last_receipt_at: None,
        last_file_at: None,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        backlog: None,
        oldest_unsent_at: None,
        clock_offset_ms: None,
        disk_free_bytes: None,
        status: json!({"integrations": {"active": 4, "error": 0}}),
        stored_bytes: 0,
        epochs: 0,
    };
    let mut tx = hub.store.tenant(tenant_id).await?;
    appliances::create(&mut tx, &appliance).await?;
    tx.commit().await?;
    let line = Line {
        epoch: random_bytes().map_err(CodedError::from)?,
        stream: 1,
    };
    let (tenant, appliance) = (*tenant_id.0.as_bytes(), *id.0.as_bytes());
    let log = LogId {
        tenant,
        appliance,
        epoch: line.epoch,
        stream: line.stream,
    };
    let told = LogId {
        stream: STREAM,
        ..log
    };
    for (log, records) in [(log, day(log, now)), (told, figures(told, now))] {
        let run = Run {
            tenant,
            appliance,
            line: Line {
                epoch: log.epoch,
                stream: log.stream,
            },
            after: Head::EMPTY,
            records: &records,
        };
        let packed = pack(run, &key)
            .ok()
            .flatten()
            .ok_or_else(Failure::internal)?;
        sync::batch(hub, &packed.bytes).await?;
    }
    Ok(())
}

/// Code, names, family, status and health of an asset.
type DemoAsset = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<f64>,
);

/// The demo plant's assets.
const ASSETS: [DemoAsset; 4] = [
    (
        "P-101A",
        "Feed pump A",
        "مضخة التغذية أ",
        "centrifugal_pump",
        "critical",
        Some(41.0),
    ),
    (
        "P-101B",
        "Feed pump B",
        "مضخة التغذية ب",
        "centrifugal_pump",
        "normal",
        Some(96.0),
    ),
    (
        "K-201",
        "Gas compressor",
        "ضاغط الغاز",
        "centrifugal_compressor",
        "warning",
        Some(72.5),
    ),
    (
        "E-305",
        "Product cooler",
        "مبرد المنتج",
        "heat_exchanger",
        "unknown",
        None,
    ),
];

/// What the demo plant tells: its assets, its week, its newest plan.
fn figures(log: LogId, now: Timestamp) -> Vec<Vec<u8>> {
    let mut records: Vec<Vec<u8>> = Vec::new();
    for (code, name, name_ar, family, status, health) in ASSETS {
        let said = AssetFigure {
            code: code.to_owned(),
            name: name.to_owned(),
            name_ar: name_ar.to_owned(),
            family: family.to_owned(),
            criticality: "high".to_owned(),
            site: "DEMO".to_owned(),
            unit: "U100".to_owned(),
            status: status.to_owned(),
            connectivity: if health.is_some() { "demo" } else { "none" }.to_owned(),
            health,
            coverage: health.map(|_| 0.9),
            scored_at: health.map(|_| now.0 - HOUR_MS),
            data_at: health.map(|_| now.0 - HOUR_MS / 60),
            alerts: u32::from(status == "critical"),
            reliability: health.map(|_| failures(now, u64::from(status != "normal"))),
            ..AssetFigure::default()
        };
        let key = uuid::Uuid::now_v7().to_string();
        let told = Figure::new(Kind::Asset, key, now.0, &said);
        tell(&mut records, log, &told);
    }
    let midnight = now.0 - now.0.rem_euclid(24 * HOUR_MS);
    for (days, alarms) in [31_u64, 26, 29, 44, 38, 52].into_iter().enumerate().rev() {
        let days = i64::try_from(days).unwrap_or(0);
        let from = midnight - days * 24 * HOUR_MS;
        let to = (from + 24 * HOUR_MS).min(now.0);
        let said = KpiFigure {
            period: "day".to_owned(),
            from,
            to,
            alarms,
            standing: 3,
            open_incidents: 1,
            health: Some(69.8),
            health_coverage: 0.75,
            critical: 1,
            warning: 1,
            normal: 1,
            unknown: 1,
            orders_open: 7,
            orders_overdue: 2,
            reliability: Some(failures(now, 3)),
            ..KpiFigure::default()
        };
        let told = Figure::new(Kind::Kpi, format!("day {from}"), to, &said);
        tell(&mut records, log, &told);
    }
    let said = PlanFigure {
        id: uuid::Uuid::now_v7().to_string(),
        name: "Demo".to_owned(),
        as_of: now.0 - 12 * HOUR_MS,
        made_at: now.0 - 11 * HOUR_MS,
        published_at: now.0 - 10 * HOUR_MS,
        work: 40,
        advised: 12,
        published: 9,
        currency: Some("SAR".to_owned()),
        cost: Some(184_000.0),
        risk_before: Some(920_000.0),
        risk_after: Some(310_000.0),
    };
    let told = Figure::new(Kind::Plan, "newest".to_owned(), said.published_at, &said);
    tell(&mut records, log, &told);
    records
}

/// The year of the demo plant: so many failures.
fn failures(now: Timestamp, count: u64) -> ReliabilityFigure {
    let is_any = count > 0;
    ReliabilityFigure {
        from: now.0 - 365 * 24 * HOUR_MS,
        to: now.0,
        failures: count,
        operating_h: 7_900.0,
        mtbf_h: (count == 3)
            .then_some(2_633.3)
            .or((count == 1).then_some(7_900.0)),
        mtbf_low_h: Some(match count {
            0 => 2_637.1,
            1 => 1_665.3,
            _ => 1_018.9,
        }),
        mtbf_high_h: (count == 3)
            .then_some(9_661.3)
            .or((count == 1).then_some(154_016.1)),
        mttr_h: is_any.then_some(14.0),
        mdt_h: is_any.then_some(22.5),
        inherent: (count == 3)
            .then_some(0.9947)
            .or((count == 1).then_some(0.9982)),
        operational: Some(if is_any { 0.9923 } else { 1.0 }),
    }
}

fn tell(records: &mut Vec<Vec<u8>>, log: LogId, told: &Figure) {
    let body = vec![(1, Value::Text(&told.key)), (2, Value::Text(&told.body))];
    push(records, log, (told.at_ms, told.kind.as_str()), body);
}

/// A day of events before `now`, a quarter of an hour apart, each after the one before, and what became
/// of two incidents among them.
fn day(log: LogId, now: Timestamp) -> Vec<Vec<u8>> {
    let incidents = [uuid::Uuid::now_v7(), uuid::Uuid::now_v7()];
    let asset = uuid::Uuid::now_v7();
    let mut records: Vec<Vec<u8>> = Vec::new();
    for n in 0..EVENTS {
        let at = now.0 - 24 * HOUR_MS + n * HOUR_MS / 4;
        let (severity, category, code) = STORY[usize::try_from(n).unwrap_or(0) % STORY.len()];
        let source_id = format!("demo-{n}");
        let event = uuid::Uuid::now_v7();
        let body = vec![
            (1, Value::Bytes(event.as_bytes())),
            (2, Value::Bytes(asset.as_bytes())),
            (3, Value::Text("demo")),
            (4, Value::Text(&source_id)),
            (5, Value::Text(severity)),
            (6, Value::Text(category)),
            (7, Value::Text(code)),
        ];
        push(&mut records, log, (at, "event"), body);
        for (_, which, status) in INCIDENTS.iter().filter(|(after, ..)| *after == n) {
            let id = incidents[*which];
            let detail = json!({
                "number": format!("DEMO-{}", which + 1), "status": status, "severity": "critical",
                "type": "critical_alert", "asset_id": asset.to_string(),
                "started_at": now.0 - 24 * HOUR_MS + INCIDENTS[3 * which].0 * HOUR_MS / 4,
                "ended_at": (*status == "resolved").then_some(at),
            })
            .to_string();
            let body = vec![
                (1, Value::Bytes(id.as_bytes())),
                (2, Value::Bytes(id.as_bytes())),
                (3, Value::Text(&detail)),
            ];
            push(&mut records, log, (at + 1_000, "incident"), body);
        }
    }
    records
}

/// Adds a record after the last one.
fn push(
    records: &mut Vec<Vec<u8>>,
    log: LogId,
    (at, kind): (i64, &str),
    body: Vec<(i64, Value<'_>)>,
) {
    let seq = records.len() as u64 + 1;
    let record = Record {
        log,
        seq,
        prev_leaf: records.last().map_or([0; 32], |last| leaf_hash(last)),
        kind,
        schema_version: 1,
        event_ms: at,
        received_ms: at + 400,
        boot: log.epoch,
        mono_us: seq * 900_000_000,
        source: "demo",
        quality: 0,
        actor: None,
        origin: Origin::Demo,
        body,
    };
    let bytes = record.encode();
    records.push(bytes);
}
