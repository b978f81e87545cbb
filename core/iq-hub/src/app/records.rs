//! Headquarters: a tenant's incidents and events as its plants sent them, and whether the hub's copy of
//! the log still is what was acknowledged.

use std::collections::BTreeMap;

use iq_api_types::{
    HubCheck, HubCheckFinding, HubCheckOutcome, HubCheckProblem, HubEvent, HubIncident,
    HubIncidentDetail, HubIncidentRecord, HubRecord, Page,
};
use iq_domain::{ApplianceId, EventId, IncidentId, TenantId, Timestamp, neutralise};
use iq_evidence::Record;
use iq_sync_proto::{Hash, Line, leaf_hash};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use uuid::Uuid;

use super::projection;
use crate::{
    failure::{Answer, Failure},
    state::Hub,
    store::{
        Tx,
        records::{self, Row, WantedEvents},
        sync::{self, Owner},
    },
};

/// Records that one check looks at; a second or so.
const MOST_HASHED: u64 = 100_000;
/// Records read at once.
const STEP: i64 = 2_000;

/// `?limit=&offset=&appliance=&status=&severity=`
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct IncidentFilter {
    /// Items per page, at most 200.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
    /// Of this plant only.
    appliance: Option<ApplianceId>,
    /// By what they became.
    status: Option<String>,
    /// Of this severity only.
    severity: Option<String>,
}

/// `?limit=&offset=&appliance=&severity=&category=&from=&to=`
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct EventFilter {
    /// Items per page, at most 200.
    limit: Option<u32>,
    /// Items to skip.
    offset: Option<u32>,
    /// Of this plant only.
    appliance: Option<ApplianceId>,
    /// Of this severity only.
    #[serde(default)]
    severity: String,
    /// Of this category only.
    #[serde(default)]
    category: String,
    /// From this moment on.
    from: Option<i64>,
    /// Before this moment.
    to: Option<i64>,
}

fn page_of(limit: Option<u32>, offset: Option<u32>) -> (u32, u32) {
    (limit.unwrap_or(50).clamp(1, 200), offset.unwrap_or(0))
}

/// A word of a record; what isn't there, or isn't text, is not made up.
fn word(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(|text| neutralise(text, 120))
}

fn id_of(value: &Value, key: &str) -> Option<Uuid> {
    Uuid::parse_str(value[key].as_str()?).ok()
}

fn is_demo(row: &Row) -> bool {
    row.body["origin"] == "demo"
}

/// What an incident became, as its record has it in entry 3.
fn detail_of(row: &Row) -> Value {
    let text = row.body["3"].as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

/// Whether a record is the head of an incident: its row with the list of its events.
fn is_head(row: &Row) -> bool {
    row.kind == "incident" && detail_of(row)["events"].is_u64()
}

/// `None` when the record names no incident.
fn incident_of(row: &Row) -> Option<HubIncident> {
    let detail = detail_of(row);
    Some(HubIncident {
        appliance_id: row.appliance,
        appliance: row.appliance_name.clone(),
        id: IncidentId(id_of(&row.body, "2")?),
        number: word(&detail, "number"),
        status: word(&detail, "status"),
        severity: word(&detail, "severity"),
        incident_type: word(&detail, "type"),
        asset_id: word(&detail, "asset_id"),
        started_at: detail["started_at"].as_i64().map(Timestamp),
        ended_at: detail["ended_at"].as_i64().map(Timestamp),
        changed_at: row.at,
        is_demo: is_demo(row),
    })
}

pub(crate) async fn list_incidents(
    hub: &Hub,
    tenant: TenantId,
    filter: &IncidentFilter,
) -> Answer<Page<HubIncident>> {
    let mut tx = hub.store.tenant(tenant).await?;
    let rows = records::list_incidents(&mut tx, tenant).await?;
    let is = |wanted: &Option<String>, found: &Option<String>| {
        wanted.as_deref().is_none_or(|w| w.is_empty()) || wanted == found
    };
    let found: Vec<HubIncident> = rows
        .iter()
        .filter_map(incident_of)
        .filter(|incident| {
            filter.appliance.is_none_or(|a| a == incident.appliance_id)
                && is(&filter.status, &incident.status)
                && is(&filter.severity, &incident.severity)
        })
        .collect();
    let (limit, offset) = page_of(filter.limit, filter.offset);
    let total = found.len() as u64;
    let items = found.into_iter().skip(offset as usize).take(limit as usize);
    Ok(Page::new(items.collect(), total, u64::from(offset)))
}

pub(crate) async fn get_incident(
    hub: &Hub,
    owner: Owner,
    id: IncidentId,
) -> Answer<HubIncidentDetail> {
    let mut tx = hub.store.tenant(owner.0).await?;
    let rows = records::list_about(&mut tx, owner, id).await?;
    let newest = rows.iter().rev().find(|row| row.kind == "incident");
    let incident = newest
        .and_then(incident_of)
        .ok_or_else(Failure::not_found)?;
    let record = |row: &Row| HubIncidentRecord {
        kind: row.kind.clone(),
        at: row.at,
        status: (row.kind == "incident")
            .then(|| word(&detail_of(row), "status"))
            .flatten(),
        epoch: hex(&row.line),
        stream: row.line.stream,
        seq: row.seq,
    };
    Ok(HubIncidentDetail {
        incident,
        // A head says what the incident is, and is no step of its history.
        records: rows
            .iter()
            .filter(|row| !is_head(row))
            .map(record)
            .collect(),
    })
}

fn hex(line: &Line) -> String {
    iq_evidence::hex(&line.epoch)
}

pub(crate) async fn list_events(
    hub: &Hub,
    tenant: TenantId,
    filter: &EventFilter,
) -> Answer<Page<HubEvent>> {
    let wanted = WantedEvents {
        appliance: filter.appliance,
        severity: &filter.severity,
        category: &filter.category,
        from: filter.from.unwrap_or(i64::MIN),
        to: filter.to.unwrap_or(i64::MAX),
    };
    let page = page_of(filter.limit, filter.offset);
    let mut tx = hub.store.tenant(tenant).await?;
    let (rows, total) = records::list_events(&mut tx, tenant, &wanted, page).await?;
    let items = rows.iter().map(event_of).collect();
    Ok(Page::new(items, total, u64::from(page.1)))
}

fn event_of(row: &Row) -> HubEvent {
    HubEvent {
        appliance_id: row.appliance,
        appliance: row.appliance_name.clone(),
        id: id_of(&row.body, "1").map(EventId),
        at: row.at,
        asset_id: id_of(&row.body, "2").map(|id| id.to_string()),
        source: row.source.clone(),
        severity: word(&row.body, "5"),
        category: word(&row.body, "6"),
        code: word(&row.body, "7"),
        is_demo: is_demo(row),
        seq: row.seq,
    }
}

pub(crate) async fn list_raw(
    hub: &Hub,
    tenant: TenantId,
    page: (u32, u32),
) -> Answer<Vec<HubRecord>> {
    let mut tx = hub.store.tenant(tenant).await?;
    Ok(records::list_raw(&mut tx, tenant, page).await?)
}

/// Checks the records about an incident: from its first one on, every record of its logs is hashed and
/// linked to the one before, up to the head that the hub acknowledged. Each leaf covers all before it,
/// so that a change anywhere between would show. What the pages show is made again from the records.
pub(crate) async fn check(hub: &Hub, owner: Owner, id: IncidentId) -> Answer<HubCheck> {
    let mut tx = hub.store.tenant(owner.0).await?;
    let about = records::list_about(&mut tx, owner, id).await?;
    if about.is_empty() {
        return Err(Failure::not_found());
    }
    let mut logs: BTreeMap<(Hash16, u8), BTreeMap<u64, &Row>> = BTreeMap::new();
    for row in &about {
        let log = logs.entry((row.line.epoch, row.line.stream)).or_default();
        log.insert(row.seq, row);
    }
    let mut walk = Walk::default();
    for ((epoch, stream), shown) in logs {
        walk.log(&mut tx, owner, &Line { epoch, stream }, &shown)
            .await?;
    }
    let outcome = if !walk.problems.is_empty() {
        HubCheckOutcome::Damaged
    } else if walk.is_cut {
        HubCheckOutcome::Unfinished
    } else {
        HubCheckOutcome::Intact
    };
    Ok(HubCheck {
        outcome,
        // As many as the page lists.
        records: about.iter().filter(|row| !is_head(row)).count() as u64,
        hashed: walk.hashed,
        problems: walk.problems,
        at: hub.now(),
    })
}

type Hash16 = [u8; 16];

/// A check on its way.
#[derive(Default)]
struct Walk {
    hashed: u64,
    is_cut: bool,
    problems: Vec<HubCheckProblem>,
}

impl Walk {
    fn note(&mut self, line: &Line, finding: HubCheckFinding, seq: u64) {
        self.problems.push(HubCheckProblem {
            finding,
            epoch: hex(line),
            stream: line.stream,
            seq,
        });
    }

    /// One log, from the first record shown to the head; ends at the first that does not fit.
    async fn log(
        &mut self,
        tx: &mut Tx,
        owner: Owner,
        line: &Line,
        shown: &BTreeMap<u64, &Row>,
    ) -> Answer<()> {
        let head = records::get_head(tx, owner, line).await?;
        let mut next = shown.keys().next().copied().unwrap_or(1);
        let mut before = match next {
            0 | 1 => Some([0; 32]),
            first => sync::get_leaf(tx, owner, line, first - 1).await?,
        };
        while next <= head.seq {
            if self.hashed >= MOST_HASHED {
                self.is_cut = true;
                return Ok(());
            }
            let found = records::list_received(tx, owner, line, (next, head.seq, STEP)).await?;
            if found.is_empty() {
                self.note(line, HubCheckFinding::Missing, next);
                return Ok(());
            }
            for received in found {
                let leaf = leaf_hash(&received.record);
                let problem = if received.seq != next {
                    Some((HubCheckFinding::Missing, next))
                } else if leaf != received.leaf {
                    Some((HubCheckFinding::Altered, next))
                } else if !follows(&received.record, before) {
                    Some((HubCheckFinding::Unlinked, next))
                } else {
                    None
                };
                if let Some((finding, seq)) = problem {
                    self.note(line, finding, seq);
                    return Ok(());
                }
                if let Some(row) = shown.get(&next)
                    && !is_as_shown(&received.record, row)
                {
                    self.note(line, HubCheckFinding::ShownDiffers, next);
                }
                (before, next) = (Some(leaf), next + 1);
                self.hashed += 1;
            }
        }
        if before != Some(head.hash) {
            self.note(line, HubCheckFinding::Head, head.seq);
        }
        Ok(())
    }
}

/// Whether a record names the leaf before it. One of a newer version can't be asked; the record after
/// it names its leaf.
fn follows(record: &[u8], before: Option<Hash>) -> bool {
    Record::decode(record).map_or(true, |record| Some(record.prev_leaf) == before)
}

fn is_as_shown(record: &[u8], row: &Row) -> bool {
    let seq = i64::try_from(row.seq).unwrap_or(i64::MAX);
    projection::read(seq, record).is_ok_and(|again| {
        again.kind == row.kind
            && again.event_ms == row.at.0
            && again.source == row.source
            && again.body == row.body
    })
}
