//! What a demo tenant shows: an appliance that was never there and a day of its log, sent the way any
//! appliance sends: packed, signed, applied, read. Every record says that it is of a demo plant.

use iq_domain::{ApplianceId, CodedError, TenantId, Timestamp};
use iq_evidence::{LogId, Origin, Record, cbor::Value};
use iq_secrets::random_bytes;
use iq_sync_proto::{
    Head, Line, SigningKey,
    batch::{Run, pack},
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
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        backlog: None,
        oldest_unsent_at: None,
        clock_offset_ms: None,
        disk_free_bytes: None,
        status: json!({"integrations": {"active": 4, "error": 0}}),
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
    let records = day(log, now);
    let run = Run {
        tenant,
        appliance,
        line,
        after: Head::EMPTY,
        records: &records,
    };
    let packed = pack(run, &key)
        .ok()
        .flatten()
        .ok_or_else(Failure::internal)?;
    sync::batch(hub, &packed.bytes).await.map(drop)
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
