//! The logs of a tenant as the outbox sees them, and the cursors that say how far the hub holds them.

use iq_config::FailPoint;
use iq_domain::{TenantId, Timestamp};
use iq_store::{
    Connection, StoreError,
    evidence::{self, Epoch, LogKey},
    sync::{self as rows, Cursor, Link},
};
use iq_sync_proto::{
    Head, Line, MAX_RAW,
    figures::STREAM,
    outbox::{self, Standing, Track},
};

/// A log with what the store knows about it.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) key: LogKey,
    pub(crate) track: Track,
    pub(crate) cursor: Cursor,
}

/// The logs that may leave, oldest epoch first. Those an earlier installation wrote under another id
/// are not this appliance's to send.
pub(crate) fn allowed(
    conn: &Connection,
    tenant: TenantId,
    link: &Link,
) -> Result<Vec<Log>, StoreError> {
    let streams: &[u8] = match (link.choice.level, link.choice.includes_audit) {
        (0..=1, _) => &[],
        (2, false) => &[1],
        (2, true) => &[1, 2],
        (_, false) => &[1, STREAM],
        (_, true) => &[1, 2, STREAM],
    };
    let cursors = rows::list_cursors(conn, tenant)?;
    let mut logs = Vec::new();
    for epoch in evidence::list_epochs(conn, tenant)? {
        if epoch.appliance != link.appliance {
            continue;
        }
        for stream in streams {
            logs.push(log(conn, tenant, &epoch, *stream, &cursors)?);
        }
    }
    Ok(logs)
}

fn log(
    conn: &Connection,
    tenant: TenantId,
    epoch: &Epoch,
    stream: u8,
    cursors: &[Cursor],
) -> Result<Log, StoreError> {
    let key = LogKey {
        tenant,
        epoch_no: epoch.epoch_no,
        stream,
    };
    let (seq, hash) = evidence::get_head(conn, key)?.unwrap_or_default();
    let cursor = cursors
        .iter()
        .find(|c| c.epoch_no == epoch.epoch_no && c.stream == stream)
        .cloned()
        .unwrap_or(Cursor {
            epoch_no: epoch.epoch_no,
            stream,
            acked_seq: 0,
            acked_hash: [0; 32],
            acked_at: None,
            written_seq: 0,
            forked_at: None,
            fork_seen: None,
        });
    let track = Track {
        line: Line {
            epoch: epoch.epoch,
            stream,
        },
        head: Head { seq, hash },
        acked: Head {
            seq: cursor.acked_seq,
            hash: cursor.acked_hash,
        },
        is_forked: cursor.forked_at.is_some(),
    };
    Ok(Log { key, track, cursor })
}

/// The records after a place, as many as one batch may hold before it is packed.
pub(crate) fn records_after(
    conn: &Connection,
    key: LogKey,
    after: u64,
    upto: u64,
    most: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let wanted = usize::try_from(upto.saturating_sub(after)).unwrap_or(usize::MAX);
    let limit = u32::try_from(most.min(wanted)).unwrap_or(u32::MAX);
    let (mut records, mut room) = (Vec::new(), MAX_RAW);
    evidence::each_record(conn, key, after + 1, limit, |row| {
        // One that is too large alone is handed on, so that it is named.
        if records.is_empty() || row.record.len() <= room {
            room = room.saturating_sub(row.record.len());
            records.push(row.record);
        } else {
            room = 0;
        }
        Ok(())
    })?;
    Ok(records)
}

/// What the hub's signed word did to the cursors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Logs whose cursor moved.
    pub(crate) moved: u32,
    /// A log of the newest epoch was found to be a fork now.
    pub(crate) is_forked: bool,
}

/// Takes the hub's word on logs. A receipt never moves a cursor back; a welcome may, for a hub that was
/// restored. A fork closes the log and, where it is the newest epoch, begins another that names it. The
/// moment is kept where the word confirms records that none before it did.
pub(crate) fn hear(
    conn: &Connection,
    tenant: TenantId,
    logs: &[Log],
    marks: &[(Line, Head)],
    (now, may_go_back): (Timestamp, bool),
) -> Result<Heard, StoreError> {
    let (mut heard, mut confirms_more) = (Heard::default(), false);
    let newest = evidence::get_epoch(conn, tenant)?;
    for log in logs {
        let hub = marks
            .iter()
            .find(|(line, _)| *line == log.track.line)
            .map(|(_, head)| *head);
        if hub.is_none() && !may_go_back {
            continue;
        }
        let leaf = match hub {
            Some(head) if head.seq > 0 => {
                let place = (log.key.epoch_no, log.key.stream, head.seq);
                rows::get_leaf(conn, tenant, place)?
            }
            _ => None,
        };
        let mut cursor = log.cursor.clone();
        match outbox::compare(log.track.head, hub, leaf) {
            Standing::At(head) => {
                if head.seq < cursor.acked_seq && !may_go_back {
                    continue;
                }
                if cursor.acked_seq == head.seq && cursor.forked_at.is_none() {
                    continue;
                }
                confirms_more |= head.seq > cursor.acked_seq;
                (cursor.acked_seq, cursor.acked_hash) = (head.seq, head.hash);
                cursor.acked_at = Some(now);
                cursor.forked_at = None;
                heard.moved += 1;
            }
            Standing::Fork if cursor.forked_at.is_some() => continue,
            Standing::Fork => {
                cursor.forked_at = Some(now);
                let newest = newest.as_ref().filter(|n| n.epoch_no == log.key.epoch_no);
                if let Some(newest) = newest.filter(|_| !heard.is_forked) {
                    begin_epoch(conn, tenant, newest, now)?;
                    heard.is_forked = true;
                }
            }
        }
        rows::put_cursor(conn, tenant, &cursor)?;
    }
    // A word that confirms nothing new is no receipt: who greets each other may still send nothing.
    if confirms_more {
        rows::update_last_receipt(conn, tenant, now)?;
    }
    Ok(heard)
}

/// The hub holds another history under this epoch: the log goes on under a new one, whose first record
/// names this one and where it ended.
fn begin_epoch(
    conn: &Connection,
    tenant: TenantId,
    newest: &Epoch,
    now: Timestamp,
) -> Result<(), StoreError> {
    let name = iq_secrets::random_bytes().map_err(|error| StoreError::Coded(error.into()))?;
    let epoch = Epoch {
        epoch_no: newest.epoch_no + 1,
        epoch: name,
        reason: "moved".to_owned(),
        opened_at: now,
        ..newest.clone()
    };
    evidence::create_epoch(conn, tenant, &epoch)?;
    FailPoint::EpochBegun.pass();
    Ok(())
}
