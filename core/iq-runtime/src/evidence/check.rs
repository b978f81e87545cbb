//! Is the log what it was? At the start its end is compared with the file of checkpoints; after the
//! start all records are gone through. Either finding ends the epoch: the log goes on in a new one,
//! whose first record names where the old had ended, and nothing is deleted. A row that is not what its
//! record says is told as well; the log is whole then, and its epoch goes on.

use std::{collections::HashMap, sync::Arc};

use iq_blackbox::{ClockInfo, EventContext, events as blackbox_events};
use iq_domain::{CodedError, TenantId, Timestamp};
use iq_evidence::{
    Checkpoint, Frontier, Note, PublicKey, Record, SignatureKind, leaf_hash, text_hash,
};
use iq_store::{
    Connection, Store, StoreError,
    events::insert_ignore_duplicate,
    evidence::{self, Epoch, LogKey, StoredCheckpoint},
    tenants,
};
use tracing::error;

use super::{
    EvidenceTrouble,
    file::Found,
    keys, rows,
    sealer::{AUDIT, EVIDENCE, Sealer, log_id, new_epoch},
};
use crate::Inner;

/// Records read at a time.
const PAGE: u32 = 5_000;

#[derive(Default)]
pub(super) struct Checked {
    /// Notes that the store has and the file has not.
    pub(super) missing: Vec<String>,
    pub(super) troubles: Vec<(TenantId, EvidenceTrouble)>,
}

/// The last note of each log in the file.
type Last<'a> = HashMap<&'a str, &'a Note>;

pub(super) fn at_start(
    sealer: &Sealer,
    store: &Store,
    found: &Found,
    is_restored: bool,
) -> Result<Checked, CodedError> {
    let mut last: Last<'_> = HashMap::new();
    for note in &found.notes {
        last.insert(&note.checkpoint.origin, note);
    }
    let is_empty = found.notes.is_empty();
    let mut checked = Checked::default();
    let epochs = store.read_blocking(|conn| {
        let tenants = tenants::list_tenants(conn)?;
        let epochs = tenants.iter().map(|t| evidence::get_epoch(conn, t.id));
        Ok(epochs
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect::<Vec<_>>())
    })?;
    let mut ends = Vec::new();
    for epoch in epochs {
        let now = sealer.clock.now();
        let trouble = store.read_blocking(|conn| {
            let mut trouble = None;
            if epoch.appliance != sealer.appliance || is_other(epoch.machine, sealer.machine) {
                trouble = Some(EvidenceTrouble::of("moved", now));
            } else if let Some(at) = found.broken_at {
                trouble = Some(EvidenceTrouble {
                    entry: Some(at as u64),
                    ..EvidenceTrouble::of("altered", now)
                });
            }
            for stream in [EVIDENCE, AUDIT] {
                let log = Log {
                    epoch: &epoch,
                    stream,
                    now,
                };
                let origin = log_id(&epoch, stream).origin();
                let note = last.get(origin.as_str()).copied();
                let (lost, missing) = log.compare(conn, note, is_empty)?;
                checked.missing.extend(missing);
                trouble = trouble.or(lost);
            }
            // Two files of an earlier moment fit each other, and records that follow from here are others
            // than those which followed then: a restored log never goes on as if nothing had been.
            let is_explained = |t: &EvidenceTrouble| matches!(t.reason.as_str(), "cut" | "moved");
            if is_restored && trouble.as_ref().is_none_or(is_explained) {
                trouble = Some(EvidenceTrouble {
                    reason: "restored".to_owned(),
                    ..trouble.unwrap_or_else(|| EvidenceTrouble::of("restored", now))
                });
            }
            Ok(trouble)
        })?;
        ends.push((epoch, trouble));
    }
    tell(sealer, store, ends, &mut checked)?;
    Ok(checked)
}

/// Says what was found of each tenant's log, and of the rows it is held against.
fn tell(
    sealer: &Sealer,
    store: &Store,
    ends: Vec<(Epoch, Option<EvidenceTrouble>)>,
    checked: &mut Checked,
) -> Result<(), CodedError> {
    // Before anything is written: what is written next would record the rows that are told here.
    let mut unrecorded = Vec::new();
    for (epoch, trouble) in &ends {
        unrecorded.push(store.read_blocking(|conn| {
            let log = evidence_log(epoch);
            rows::newest_unrecorded(conn, log, trouble.is_none())
        })?);
    }
    for found in &unrecorded {
        sealer.leave_out(found.iter().map(|row| row.source_row));
    }
    for ((epoch, trouble), unrecorded) in ends.into_iter().zip(unrecorded) {
        let (tenant, now) = (epoch.tenant_id, sealer.clock.now());
        if let Some(trouble) = trouble {
            report(sealer, store, tenant, &trouble)?;
            checked.troubles.push((tenant, trouble));
        }
        let told = newest_rows(store, &epoch, now)?;
        let told = told.into_iter().map(|trouble| (tenant, trouble));
        checked.troubles.extend(told);
        for row in unrecorded.iter().take(rows::MOST) {
            let trouble = rows::report(store, row, now)?;
            checked.troubles.push((tenant, trouble));
        }
    }
    Ok(())
}

/// The log of a tenant's events.
fn evidence_log(epoch: &Epoch) -> LogKey {
    LogKey {
        tenant: epoch.tenant_id,
        epoch_no: epoch.epoch_no,
        stream: EVIDENCE,
    }
}

/// Holds the newest records against their rows; the others follow when the program runs.
fn newest_rows(
    store: &Store,
    epoch: &Epoch,
    now: Timestamp,
) -> Result<Vec<EvidenceTrouble>, CodedError> {
    let found = store.read_blocking(|conn| {
        let mut found = Vec::new();
        for stream in [EVIDENCE, AUDIT] {
            let log = Log { epoch, stream, now }.key();
            let (head, _) = evidence::get_head(conn, log)?.unwrap_or_default();
            let first = head.saturating_sub(u64::from(rows::NEWEST)) + 1;
            let part = (first, rows::NEWEST);
            found.extend(rows::compare(conn, log, part, false)?.differing);
        }
        Ok(found)
    })?;
    let told = found.iter().map(|row| rows::report(store, row, now));
    told.collect()
}

/// Both are known and differ.
fn is_other(was: Option<[u8; 32]>, is: Option<[u8; 32]>) -> bool {
    was.zip(is).is_some_and(|(was, is)| was != is)
}

struct Log<'a> {
    epoch: &'a Epoch,
    stream: u8,
    now: Timestamp,
}

impl Log<'_> {
    fn key(&self) -> LogKey {
        LogKey {
            tenant: self.epoch.tenant_id,
            epoch_no: self.epoch.epoch_no,
            stream: self.stream,
        }
    }

    /// What is wrong with the end of a log, and which of its notes the file does not have.
    fn compare(
        &self,
        conn: &Connection,
        last: Option<&Note>,
        is_file_empty: bool,
    ) -> Result<(Option<EvidenceTrouble>, Vec<String>), StoreError> {
        let key = self.key();
        let (head, _) = evidence::get_head(conn, key)?.unwrap_or_default();
        let in_file = last.map_or(0, |note| note.checkpoint.size);
        let rows = evidence::list_checkpoints(conn, key, in_file)?;
        let missing: Vec<String> = rows.into_iter().map(|row| row.note).collect();
        let trouble = |reason| EvidenceTrouble {
            stream: Some(self.stream),
            has: Some(head),
            had: last.map(|note| note.checkpoint.size),
            signed_at: last
                .and_then(|note| i64::try_from(note.checkpoint.at_ms).ok())
                .map(Timestamp),
            ..EvidenceTrouble::of(reason, self.now)
        };
        if in_file > head {
            // The notes after the cut are those of the file; the store's are not to follow them.
            return Ok((Some(trouble("cut")), Vec::new()));
        }
        // A crash between commit and file loses one note; a whole file is not lost by accident.
        if is_file_empty && missing.len() > 1 {
            return Ok((Some(trouble("restored")), missing));
        }
        let before = evidence::list_checkpoints(conn, key, in_file.saturating_sub(1))?;
        let stored = before.iter().find(|row| row.size == in_file);
        let stored = stored.and_then(|row| Note::parse(&row.note));
        if let Some(note) = last
            && stored.is_none_or(|s| text_hash(&s.checkpoint) != text_hash(&note.checkpoint))
        {
            return Ok((Some(trouble("altered")), missing));
        }
        let broken = self.tail(conn)?;
        let found = broken.map(|seq| EvidenceTrouble {
            seq: Some(seq),
            ..trouble("altered")
        });
        Ok((found, missing))
    }

    /// The first wrong record after the last checkpoint, or that checkpoint's last record when its
    /// signature or its root is wrong.
    fn tail(&self, conn: &Connection) -> Result<Option<u64>, StoreError> {
        let key = self.key();
        let mut walk = Walk::default();
        if let Some(last) = evidence::get_checkpoint(conn, key)? {
            let keys = keys::public(conn, key.tenant)?;
            let frontier = Frontier::from_bytes(last.size, &last.frontier);
            match (signed(&last.note, &keys), frontier) {
                (Some(checkpoint), Some(frontier)) if frontier.root() == Some(checkpoint.root) => {
                    walk.frontier = frontier;
                    walk.leaf = None;
                }
                _ => return Ok(Some(last.size)),
            }
        }
        let mut broken = None;
        evidence::each_record(conn, key, walk.frontier.size() + 1, u32::MAX, |row| {
            if broken.is_none() && !walk.take(row.seq, &row.leaf, &row.record) {
                broken = Some(row.seq);
            }
            Ok(())
        })?;
        Ok(broken)
    }
}

/// The checkpoint of a note that one of the keys has signed.
fn signed(note: &str, keys: &[PublicKey]) -> Option<Checkpoint> {
    let note = Note::parse(note)?;
    let is_ours = note.lines.iter().any(|line| {
        line.name == note.checkpoint.origin
            && keys
                .iter()
                .any(|key| line.is_by(key, SignatureKind::Log, &note.text))
    });
    is_ours.then_some(note.checkpoint)
}

/// A walk along a log.
struct Walk {
    frontier: Frontier,
    /// Leaf of the record before; unknown where the walk begins in the middle.
    leaf: Option<[u8; 32]>,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            frontier: Frontier::default(),
            leaf: Some([0; 32]),
        }
    }
}

impl Walk {
    /// Whether the record is the next of the log and has the leaf that is kept beside it.
    fn take(&mut self, seq: u64, leaf: &[u8; 32], bytes: &[u8]) -> bool {
        let is_next = seq == self.frontier.size() + 1;
        let is_linked = Record::decode(bytes).is_ok_and(|record| {
            record.seq == seq && self.leaf.is_none_or(|leaf| record.prev_leaf == leaf)
        });
        let is_right = is_next && is_linked && leaf_hash(bytes) == *leaf;
        self.frontier.push(*leaf);
        self.leaf = Some(*leaf);
        is_right
    }

    /// Goes on for so many records; says which of them was the first wrong one.
    fn page(
        mut self,
        conn: &Connection,
        key: LogKey,
        checkpoints: &[StoredCheckpoint],
        most: u32,
    ) -> Result<(Self, Option<u64>), StoreError> {
        let mut broken = None;
        evidence::each_record(conn, key, self.frontier.size() + 1, most, |row| {
            if broken.is_none() && !self.take(row.seq, &row.leaf, &row.record) {
                broken = Some(row.seq);
            }
            let at = checkpoints.binary_search_by_key(&row.seq, |c| c.size);
            let note = at.ok().and_then(|at| Note::parse(&checkpoints[at].note));
            if broken.is_none()
                && note.is_some_and(|n| Some(n.checkpoint.root) != self.frontier.root())
            {
                broken = Some(row.seq);
            }
            Ok(())
        })?;
        Ok((self, broken))
    }
}

/// Goes through all records of the epochs in force, and through the rows of all epochs.
pub(super) async fn whole(inner: Arc<Inner>) {
    let tenants: Vec<TenantId> = inner.index.load().tenants.keys().copied().collect();
    for tenant in tenants {
        for stream in [EVIDENCE, AUDIT] {
            let Some((key, ..)) = inner.evidence.0.sealer.reach(tenant, stream) else {
                continue;
            };
            // As far as the store has it: what the sealer has in hand may not be committed yet.
            let head = inner
                .store
                .read(move |conn| evidence::get_head(conn, key))
                .await;
            let size = match head {
                Ok(head) => head.unwrap_or_default().0,
                Err(error) => {
                    error!(%error, "The end of the evidence log could not be read.");
                    continue;
                }
            };
            match walk(&inner, key, size).await {
                Ok(None) => {}
                Ok(Some(seq)) => {
                    let now = inner.clock.now();
                    let trouble = EvidenceTrouble {
                        stream: Some(stream),
                        seq: Some(seq),
                        has: Some(size),
                        ..EvidenceTrouble::of("altered", now)
                    };
                    let done = found(&inner, tenant, trouble).await;
                    if let Err(error) = done {
                        error!(%error, "An altered evidence log could not be reported.");
                    }
                }
                Err(error) => error!(%error, "The evidence log could not be gone through."),
            }
        }
        if let Err(error) = all_rows(&inner, tenant).await {
            error!(%error, "The rows could not be held against the evidence log.");
        }
    }
}

/// Holds all records of a tenant against their rows, the newest epoch first, a part at a time.
async fn all_rows(inner: &Arc<Inner>, tenant: TenantId) -> Result<(), CodedError> {
    let epochs = inner
        .store
        .read(move |conn| evidence::list_epochs(conn, tenant))
        .await?;
    let mut told = 0;
    for epoch in epochs.iter().rev() {
        for stream in [EVIDENCE, AUDIT] {
            let log = LogKey {
                tenant,
                epoch_no: epoch.epoch_no,
                stream,
            };
            let mut first = 1;
            while told < rows::MOST && !inner.cancel.is_cancelled() {
                let part = (first, rows::PAGE);
                let compared = inner
                    .store
                    .read(move |conn| rows::compare(conn, log, part, true))
                    .await?;
                told += compared.differing.len();
                for row in compared.differing {
                    tell_row(inner, row).await?;
                }
                if compared.next == first {
                    break;
                }
                first = compared.next;
            }
        }
    }
    match epochs.last() {
        Some(epoch) => all_unrecorded(inner, evidence_log(epoch)).await,
        None => Ok(()),
    }
}

/// Goes through all events of a tenant that no log holds, a part of the store at a time.
async fn all_unrecorded(inner: &Arc<Inner>, log: LogKey) -> Result<(), CodedError> {
    let (mut after, mut told) = (0, 0);
    while told < rows::MOST && !inner.cancel.is_cancelled() {
        let (last, found) = inner
            .store
            .read(move |conn| {
                let last = evidence::get_event_row_after(conn, after, rows::PAGE)?;
                let part = (after, last.unwrap_or(i64::MAX));
                Ok((last, rows::unrecorded(conn, log, part)?))
            })
            .await?;
        for row in found.into_iter().take(rows::MOST - told) {
            told += 1;
            tell_row(inner, row).await?;
        }
        let Some(last) = last else {
            break;
        };
        after = last;
    }
    Ok(())
}

/// Says that a row is not what was recorded of it; once in a run.
pub(super) async fn tell_row(inner: &Arc<Inner>, row: rows::Differing) -> Result<(), CodedError> {
    let (tenant, name) = (row.log.tenant, row.name());
    let (store, now) = (inner.store.clone(), inner.clock.now());
    let is_known = |troubles: &[(TenantId, EvidenceTrouble)]| {
        let mut troubles = troubles.iter();
        troubles.any(|(of, trouble)| *of == tenant && trouble.row.as_ref() == Some(&name))
    };
    if is_known(&inner.evidence.0.troubles.lock()) {
        return Ok(());
    }
    let trouble = tokio::task::spawn_blocking(move || rows::report(&store, &row, now))
        .await
        .map_err(|_| CodedError::new(iq_domain::ErrorKind::Internal, "internal.error"))??;
    let mut troubles = inner.evidence.0.troubles.lock();
    if !is_known(&troubles) {
        troubles.push((tenant, trouble));
    }
    Ok(())
}

async fn found(
    inner: &Arc<Inner>,
    tenant: TenantId,
    trouble: EvidenceTrouble,
) -> Result<(), CodedError> {
    let (evidence, store) = (inner.evidence.clone(), inner.store.clone());
    let told = trouble.clone();
    tokio::task::spawn_blocking(move || report(&evidence.0.sealer, &store, tenant, &told))
        .await
        .map_err(|_| CodedError::new(iq_domain::ErrorKind::Internal, "internal.error"))??;
    inner.evidence.0.troubles.lock().push((tenant, trouble));
    Ok(())
}

/// The first wrong record of the first `size`.
async fn walk(inner: &Inner, key: LogKey, size: u64) -> Result<Option<u64>, CodedError> {
    let checkpoints = inner
        .store
        .read(move |conn| evidence::list_checkpoints(conn, key, 0))
        .await?;
    let mut walk = Walk::default();
    while walk.frontier.size() < size && !inner.cancel.is_cancelled() {
        let first = walk.frontier.size() + 1;
        let known = checkpoints.clone();
        let (back, broken) = inner
            .store
            .read(move |conn| walk.page(conn, key, &known, PAGE))
            .await?;
        if broken.is_some() {
            return Ok(broken);
        }
        walk = back;
        if walk.frontier.size() < first {
            // Fewer records than a moment ago.
            return Ok(Some(first));
        }
    }
    Ok(None)
}

/// The first wrong record of each log of a store that nobody writes to: of which tenant, and its number.
pub(super) fn wrong_records(store: &Store) -> Result<Vec<(TenantId, u64)>, CodedError> {
    let found = store.read_blocking(|conn| {
        let mut wrong = Vec::new();
        for tenant in tenants::list_tenants(conn)? {
            let Some(epoch) = evidence::get_epoch(conn, tenant.id)? else {
                continue;
            };
            for stream in [EVIDENCE, AUDIT] {
                let key = LogKey {
                    tenant: tenant.id,
                    epoch_no: epoch.epoch_no,
                    stream,
                };
                let known = evidence::list_checkpoints(conn, key, 0)?;
                let (walk, broken) = Walk::default().page(conn, key, &known, u32::MAX)?;
                let (head, _) = evidence::get_head(conn, key)?.unwrap_or_default();
                let missing = (walk.frontier.size() < head).then(|| walk.frontier.size() + 1);
                wrong.extend(broken.or(missing).map(|seq| (tenant.id, seq)));
            }
        }
        Ok(wrong)
    });
    Ok(found?)
}

/// Ends the epoch and says so in the Black Box.
fn report(
    sealer: &Sealer,
    store: &Store,
    tenant: TenantId,
    trouble: &EvidenceTrouble,
) -> Result<(), CodedError> {
    let context = EventContext {
        tenant_id: tenant,
        now: trouble.found_at,
        clock: ClockInfo::default(),
    };
    let event = blackbox_events::evidence_broken(
        &context,
        &trouble.reason,
        (trouble.had, trouble.has, trouble.seq),
    );
    error!(reason = trouble.reason, had = ?trouble.had, has = ?trouble.has, seq = ?trouble.seq,
        "The evidence log is not as it was left; a new epoch begins.");
    let (reason, by) = (trouble.reason.clone(), sealer.installation());
    store.write_blocking(move |tx| {
        new_epoch(tx, tenant, &reason, by)?;
        insert_ignore_duplicate(tx, tenant, &event).map(drop)
    })?;
    Ok(())
}
