//! Are the rows that people read those that were recorded? Lists, timelines and reports are made from
//! the tables; the log holds what stood there when it was written. Each record is held against its row, and
//! each event must have a record: one without was put in behind the program's back.

use iq_blackbox::{ClockInfo, EventContext, events as blackbox_events};
use iq_domain::{CodedError, Incident, IncidentId, TenantId, Timestamp};
use iq_evidence::{Draft, Record, cbor::Value, leaf_hash, sha256};
use iq_store::{
    Connection, Store, StoreError,
    events::insert_ignore_duplicate,
    evidence::{self, Entry, Epoch, LogKey, StoredRecord, UnrecordedEvent},
    incident_heads::{self, HeadDifference},
};
use tracing::error;
use uuid::Uuid;

use super::{
    EvidenceTrouble,
    sealer::{AUDIT, EVIDENCE, draft_of},
};

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
    /// `event`, `audit`, `entry`, `incident`, `note`.
    what: &'static str,
    /// Its id, or its number where the record does not name it.
    row: String,
    /// When it says it was.
    at: Option<Timestamp>,
    /// The program did not write it; there is no record of it.
    pub(super) is_added: bool,
    /// Where it stands, if it is an event that no log holds.
    pub(super) source_row: i64,
}

impl Differing {
    /// What it is, and which.
    pub(super) fn name(&self) -> String {
        match self.at {
            Some(at) => format!("{} {} {at}", self.what, self.row),
            None => format!("{} {}", self.what, self.row),
        }
    }

    /// The code of a file that is not made because of it.
    pub(super) fn refusal(&self) -> &'static str {
        if self.is_added {
            "evidence.row_added"
        } else {
            "evidence.row_altered"
        }
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
                // A head stands for the row of its incident, and for which events and notes it has.
                Some(head) if is_same && incident_heads::is_head(&head) => {
                    let found = incident_heads::head_difference(conn, log.tenant, &head)?;
                    return Ok(found.map(|what| of_head(log, stored.seq, &head, what)));
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
        at: None,
        is_added: false,
        source_row: 0,
    }))
}

/// What is not as a head says.
fn of_head(log: LogKey, seq: u64, head: &Entry, found: HeadDifference) -> Differing {
    let (what, at) = match found {
        HeadDifference::Incident => ("incident", None),
        HeadDifference::NoteAltered(at) | HeadDifference::NoteAdded(at) => ("note", Some(at)),
    };
    Differing {
        log,
        seq,
        what,
        row: number_of(head),
        at,
        is_added: matches!(found, HeadDifference::NoteAdded(_)),
        source_row: 0,
    }
}

/// Events of a tenant within a part of the store that no log holds.
pub(super) fn unrecorded(
    conn: &Connection,
    log: LogKey,
    part: (i64, i64),
) -> Result<Vec<Differing>, StoreError> {
    let found = evidence::list_unrecorded_events(conn, log.tenant, part)?;
    Ok(found.into_iter().map(|event| added(log, event)).collect())
}

fn added(log: LogKey, event: UnrecordedEvent) -> Differing {
    Differing {
        log,
        seq: 0,
        what: "event",
        row: event.id,
        at: Some(event.event_time),
        is_added: true,
        source_row: event.row,
    }
}

/// The newest events that no log holds, before the program writes anything. `is_whole`: the end of the log
/// is as it was left, so that what stands after the last event it holds was not written by this program,
/// unless an older one left it and recording that was broken off: no log of the tenant was signed since then, for
/// one is signed only after all was recorded that an older program left. When an event says it was recorded proves
/// nothing.
pub(super) fn newest_unrecorded(
    conn: &Connection,
    log: LogKey,
    is_whole: bool,
) -> Result<Vec<Differing>, StoreError> {
    let last = evidence::get_last_recorded_event(conn)?;
    let epochs = evidence::list_epochs(conn, log.tenant)?;
    let begun = epochs.first().map_or(Timestamp(0), |epoch| epoch.opened_at);
    let row = last.map_or(0, |(row, _)| row);
    let is_broken_off = last.is_none_or(|(_, recorded_at)| recorded_at < begun)
        && !is_any_signed(conn, log.tenant, &epochs)?;
    let is_left_by_older =
        |event: &UnrecordedEvent| event.row > row && is_broken_off && event.recorded_at < begun;
    let to = if is_whole { i64::MAX } else { row };
    let from = row.saturating_sub(i64::from(NEWEST)).max(0);
    let found = evidence::list_unrecorded_events(conn, log.tenant, (from, to))?;
    let found = found.into_iter().filter(|event| !is_left_by_older(event));
    Ok(found.map(|event| added(log, event)).collect())
}

/// Whether a checkpoint of a log was ever signed.
fn is_any_signed(
    conn: &Connection,
    tenant: TenantId,
    epochs: &[Epoch],
) -> Result<bool, StoreError> {
    for epoch in epochs {
        for stream in [EVIDENCE, AUDIT] {
            let log = LogKey {
                tenant,
                epoch_no: epoch.epoch_no,
                stream,
            };
            if evidence::get_checkpoint(conn, log)?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// An event that an incident has, or that stands at its asset while it lasted, and that no log holds.
pub(super) fn added_to(
    conn: &Connection,
    log: LogKey,
    incident: &Incident,
    now: Timestamp,
) -> Result<Option<Differing>, StoreError> {
    let lasted = (incident.started_at, incident.ended_at.unwrap_or(now));
    let of = (incident.id, incident.asset_id);
    let found = evidence::get_unrecorded_event(conn, log.tenant, of, lasted)?;
    Ok(found.map(|event| added(log, event)))
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
        at: None,
        is_added: false,
        source_row: 0,
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
    let row = (found.what, found.row.as_str(), found.at);
    let (reason, event) = if found.is_added {
        let event = blackbox_events::evidence_row_added(&context, row);
        ("row_added", event)
    } else {
        let event = blackbox_events::evidence_row_altered(&context, row, record);
        ("row_altered", event)
    };
    error!(
        reason,
        row = found.name(),
        seq = found.seq,
        "A stored row is not what was recorded of it, or there is no record of it."
    );
    store.write_blocking(move |tx| insert_ignore_duplicate(tx, tenant, &event).map(drop))?;
    Ok(EvidenceTrouble {
        stream: Some(found.log.stream),
        seq: (found.seq > 0).then_some(found.seq),
        row: Some(found.name()),
        ..EvidenceTrouble::of(reason, now)
    })
}
