//! Are the rows that people read those that were recorded? Lists, timelines and reports are made from
//! the tables; the log holds what stood there when it was written. Each record is held against its row.

use iq_blackbox::{ClockInfo, EventContext, events as blackbox_events};
use iq_domain::{CodedError, IncidentId, Timestamp};
use iq_evidence::{Draft, Record, cbor::Value, leaf_hash, sha256};
use iq_store::{
    Connection, Store, StoreError,
    events::insert_ignore_duplicate,
    evidence::{self, Entry, LogKey, StoredRecord},
    incident_heads,
};
use tracing::error;
use uuid::Uuid;

use super::{EvidenceTrouble, sealer::draft_of};

/// The newest records of a log that are held against their rows before the program starts.
pub(super) const NEWEST: u32 = 1_000;
/// Records of one read while the program runs.
pub(super) const PAGE: u32 = 1_000;
/// Rows that are named; whoever changed more is known by these.
pub(super) const MOST: usize = 20;

/// A row that is not what its record says.
#[derive(Clone, Debug)]
pub(super) struct Differing {
    pub(super) log: LogKey,
    pub(super) seq: u64,
    /// `event`, `audit`, `entry`, `incident`.
    what: &'static str,
    /// Its id, or its number where the record does not name it.
    row: String,
}

impl Differing {
    /// What it is, and which.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.what, self.row)
    }
}

/// What a part of a log was found to be.
pub(super) struct Compared {
    /// The number after the last record of the part.
    pub(super) next: u64,
    pub(super) differing: Vec<Differing>,
}

/// Holds at most `limit` records from `first` on against their rows; `is_deep` also reads the bytes of
/// frozen windows.
pub(super) fn compare(
    conn: &Connection,
    log: LogKey,
    (first, limit): (u64, u32),
    is_deep: bool,
) -> Result<Compared, StoreError> {
    let mut compared = Compared {
        next: first,
        differing: Vec::new(),
    };
    evidence::each_recorded(conn, log, first, limit, |source_row, stored| {
        compared.next = stored.seq + 1;
        if compared.differing.len() < MOST {
            let found = differing(conn, log, source_row, &stored, is_deep)?;
            compared.differing.extend(found);
        }
        Ok(())
    })?;
    Ok(compared)
}

/// The row of a record, if it is another than was recorded, or gone.
pub(super) fn differing(
    conn: &Connection,
    log: LogKey,
    source_row: Option<i64>,
    stored: &StoredRecord,
    is_deep: bool,
) -> Result<Option<Differing>, StoreError> {
    // A record that was changed itself is found by the walk along the log; it accuses no row.
    let decoded = Record::decode(&stored.record);
    let Some(record) = decoded
        .ok()
        .filter(|_| leaf_hash(&stored.record) == stored.leaf)
    else {
        return Ok(None);
    };
    let salt = stored.salt.as_ref();
    let id = record.body(1).and_then(Value::fixed::<16>);
    let id = id.map_or_else(String::new, |id| Uuid::from_bytes(id).to_string());
    let (what, row, is_same) = match record.kind {
        "event" => {
            let found = evidence::get_recorded_event(conn, log.tenant, &id)?;
            let is_same = found.is_some_and(|(event, payload)| {
                Draft::event(&event, &payload).is_as_in(&record, salt)
            });
            ("event", id, is_same)
        }
        "audit" => {
            let found = evidence::get_recorded_audit(conn, log.tenant, &id)?;
            let is_same = found
                .is_some_and(|(row, details)| Draft::audit(&row, &details).is_as_in(&record, salt));
            ("audit", id, is_same)
        }
        _ => {
            // What the log says of itself has no row.
            let Some(source_row) = source_row else {
                return Ok(None);
            };
            let found = evidence::get_recorded_entry(conn, log.tenant, source_row)?;
            let is_same = match &found {
                // Where a trigger wrote the row, the moment stands in the record alone.
                Some(entry) if draft_of(entry, record.event_ms).is_as_in(&record, salt) => {
                    !is_deep
                        || entry.kind != "window"
                        || evidence::get_window(conn, log.tenant, &entry.id)?
                            .is_some_and(|bytes| entry.hash == Some(sha256(&bytes)))
                }
                _ => false,
            };
            match found {
                // A head stands for the row of its incident, and for which events it has.
                Some(head) if is_same && incident_heads::is_head(&head) => {
                    let is_same = incident_heads::is_head_current(conn, log.tenant, &head)?;
                    ("incident", number_of(&head), is_same)
                }
                found => {
                    let row = found.map_or_else(|| source_row.to_string(), |entry| entry.id);
                    ("entry", row, is_same)
                }
            }
        }
    };
    Ok((!is_same).then_some(Differing {
        log,
        seq: stored.seq,
        what,
        row,
    }))
}

/// What people call the incident of a head.
fn number_of(head: &Entry) -> String {
    let said: serde_json::Value = serde_json::from_str(&head.detail).unwrap_or_default();
    let number = said["number"].as_str();
    number.map_or_else(|| head.incident_id.to_string(), str::to_owned)
}

/// The first of some records whose row is another than was recorded.
pub(super) fn first_differing<'a>(
    conn: &Connection,
    log: LogKey,
    records: impl Iterator<Item = &'a StoredRecord>,
) -> Result<Option<Differing>, StoreError> {
    for stored in records {
        let row = evidence::get_source_row(conn, log, stored.seq)?;
        let found = differing(conn, log, row, stored, true)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// An event that an incident names and the store no longer has. Which record it had is not known from
/// here; the check in the background names it.
pub(super) fn lost(
    conn: &Connection,
    log: LogKey,
    incident: IncidentId,
) -> Result<Option<Differing>, StoreError> {
    let lost = evidence::get_lost_event(conn, log.tenant, incident)?;
    Ok(lost.map(|row| Differing {
        log,
        seq: 0,
        what: "event",
        row,
    }))
}

/// Says so in the Black Box. The log itself is whole and goes on: it still says what was recorded.
pub(super) fn report(
    store: &Store,
    found: &Differing,
    now: Timestamp,
) -> Result<EvidenceTrouble, CodedError> {
    let tenant = found.log.tenant;
    let context = EventContext {
        tenant_id: tenant,
        now,
        clock: ClockInfo::default(),
    };
    let record = (found.log.epoch_no, found.log.stream, found.seq);
    let event = blackbox_events::evidence_row_altered(&context, found.what, &found.row, record);
    error!(
        what = found.what,
        row = found.row,
        seq = found.seq,
        "A stored row is not what was recorded of it."
    );
    store.write_blocking(move |tx| insert_ignore_duplicate(tx, tenant, &event).map(drop))?;
    Ok(EvidenceTrouble {
        stream: Some(found.log.stream),
        seq: Some(found.seq),
        row: Some(found.name()),
        ..EvidenceTrouble::of("row_altered", now)
    })
}
