//! What stands before every commit: each event, audit record and entry becomes a record of its
//! tenant's log in the same transaction. The ends of the logs are held in memory; a commit that failed
//! is noticed by its head, and they are read again.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Instant,
};

use iq_domain::{Clock, TenantId, Timestamp};
use iq_evidence::{
    CHECKPOINT_RECORDS, Chain, Checkpoint, Draft, Field, Frontier, Hash, Head, Id, LogId, Note,
    Origin, SigningKey, is_checkpoint_due, kind, text_hash,
};
use iq_secrets::{MasterKey, random_bytes};
use iq_store::{
    Connection, StoreError, Transaction,
    evidence::{self, Entry, Epoch, LogKey, NewRecord, Source, StoredCheckpoint},
    evidence_keys::{self, StoredHandover},
    incident_heads, tenants,
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::keys;

/// The stream of events and entries.
pub(crate) const EVIDENCE: u8 = 1;
/// The stream of audit records.
pub(crate) const AUDIT: u8 = 2;

/// Signed notes by their log, made in one transaction.
pub(crate) type Signed = Vec<(LogKey, String)>;

pub(crate) struct Sealer {
    pub(crate) appliance: Id,
    pub(crate) machine: Option<Hash>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) master_key: Arc<MasterKey>,
    /// Rows of a source in one transaction: all, but for what an older program left.
    pub(crate) most: AtomicU32,
    /// Rung when a checkpoint is due by its number of records.
    pub(crate) due: Notify,
    /// Rung when an incident has been opened, resolved or closed.
    pub(crate) incident: Notify,
    /// An incident was resolved or closed since the last checkpoint that covers all.
    pub(crate) locked: AtomicBool,
    boot: Id,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_loaded: bool,
    logs: HashMap<(TenantId, u8), Log>,
    /// The last row of each source that is in the log.
    rows: [i64; 4],
    /// Events that stood in the store at the start without a record: they get none.
    left_out: HashSet<i64>,
    keys: HashMap<TenantId, Arc<SigningKey>>,
}

/// The end of a log.
pub(crate) struct Log {
    pub(crate) key: LogKey,
    pub(crate) id: LogId,
    tenant: String,
    chain: Chain,
    frontier: Frontier,
    /// Records that a checkpoint covers.
    covered: u64,
    /// Hash of that checkpoint's text.
    prev: Hash,
    /// When the first record after it arrived.
    open_since_ms: i64,
}

/// How far a log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) size: u64,
    pub(crate) covered: u64,
}

impl Sealer {
    pub(crate) fn new(
        appliance: Id,
        machine: Option<Hash>,
        clock: Arc<dyn Clock>,
        master_key: Arc<MasterKey>,
    ) -> Result<Self, iq_secrets::SecretsError> {
        Ok(Self {
            appliance,
            machine,
            clock,
            master_key,
            most: AtomicU32::new(u32::MAX),
            due: Notify::new(),
            incident: Notify::new(),
            locked: AtomicBool::new(false),
            boot: random_bytes()?,
            started: Instant::now(),
            state: Mutex::default(),
        })
    }

    /// These events are not recorded: this program did not write them.
    pub(super) fn leave_out(&self, rows: impl Iterator<Item = i64>) {
        self.state.lock().left_out.extend(rows);
    }

    /// Seals what the transaction holds and the log does not yet. Returns how many records were added.
    pub(crate) fn seal(&self, tx: &Transaction<'_>) -> Result<u64, StoreError> {
        let mut state = self.state.lock();
        let state = &mut *state;
        self.renew(state, tx)?;
        incident_heads::write_due_heads(tx)?;
        let most = self.most.load(Ordering::Relaxed);
        let mut added = 0;
        let after = state.rows[Source::Events as usize];
        evidence::next_recorded_events(tx, after, most, |row, event, payload| {
            if state.left_out.contains(&row) {
                state.rows[Source::Events as usize] = row;
                return Ok(());
            }
            let log = self.log(&mut state.logs, tx, event.tenant_id, EVIDENCE)?;
            log.append(
                self,
                tx,
                &Draft::event(event, payload),
                (Source::Events, Some(row)),
            )?;
            state.rows[Source::Events as usize] = row;
            added += 1;
            Ok(())
        })?;
        let after = state.rows[Source::Entries as usize];
        for (row, entry) in evidence::next_recorded_entries(tx, after, most)? {
            let log = self.log(&mut state.logs, tx, entry.tenant_id, EVIDENCE)?;
            let now = self.clock.now().0;
            log.append(
                self,
                tx,
                &draft_of(&entry, now),
                (Source::Entries, Some(row)),
            )?;
            state.rows[Source::Entries as usize] = row;
            added += 1;
            if entry.kind == "incident" && !incident_heads::is_head(&entry) {
                if is_locking(&entry) {
                    self.locked.store(true, Ordering::Relaxed);
                }
                self.incident.notify_one();
            }
        }
        let after = state.rows[Source::Audit as usize];
        evidence::next_recorded_audit(tx, after, most, |row, record, details| {
            let log = self.log(&mut state.logs, tx, record.tenant_id, AUDIT)?;
            log.append(
                self,
                tx,
                &Draft::audit(record, details),
                (Source::Audit, Some(row)),
            )?;
            state.rows[Source::Audit as usize] = row;
            added += 1;
            Ok(())
        })?;
        if state
            .logs
            .values()
            .any(|log| log.open() >= CHECKPOINT_RECORDS)
        {
            self.due.notify_one();
        }
        Ok(added)
    }

    /// Whether any checkpoint is due.
    pub(crate) fn is_due(&self) -> bool {
        let now = self.clock.now().0;
        self.state.lock().logs.values().any(|log| log.is_due(now))
    }

    /// Signs the logs whose checkpoint is due, or all that have grown. The notes go to the file after
    /// the commit.
    pub(crate) fn sign(&self, tx: &Transaction<'_>, is_forced: bool) -> Result<Signed, StoreError> {
        let mut state = self.state.lock();
        let state = &mut *state;
        self.renew(state, tx)?;
        let now = self.clock.now();
        let mut notes = Vec::new();
        for log in state.logs.values_mut() {
            let is_due = log.is_due(now.0) || is_forced;
            let Some(root) = log.frontier.root().filter(|_| is_due && log.open() > 0) else {
                continue;
            };
            let tenant = log.key.tenant;
            let key = match state.keys.get(&tenant) {
                Some(key) => Arc::clone(key),
                None => {
                    let key = Arc::new(keys::current(tx, tenant, &self.master_key, now)?);
                    state.keys.insert(tenant, Arc::clone(&key));
                    key
                }
            };
            let checkpoint = Checkpoint {
                origin: log.id.origin(),
                size: log.frontier.size(),
                root,
                prev: log.prev,
                at_ms: now.0.unsigned_abs(),
                boot: self.boot,
            };
            let note = checkpoint.sign(&key);
            let row = StoredCheckpoint {
                size: checkpoint.size,
                at: now,
                note: note.clone(),
                frontier: log.frontier.to_bytes(),
            };
            evidence::create_checkpoint(tx, log.key, &row)?;
            log.covered = checkpoint.size;
            log.prev = text_hash(&checkpoint);
            notes.push((log.key, note));
        }
        Ok(notes)
    }

    /// Puts a new key into force for a tenant's logs: the log of its events says so, signed by the old
    /// key and the new one.
    pub(super) fn replace_key(
        &self,
        tx: &Transaction<'_>,
        tenant: TenantId,
    ) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let state = &mut *state;
        self.renew(state, tx)?;
        let log = self.log(&mut state.logs, tx, tenant, EVIDENCE)?;
        let (appliance, now) = (log.id.appliance, self.clock.now());
        let new = keys::replace(tx, tenant, &appliance, &self.master_key, now)?;
        log.say_handover(self, tx, new.key_no, new.signatures)?;
        state.keys.insert(tenant, Arc::new(new.key));
        Ok(())
    }

    /// How far a tenant's log has come, and which it is.
    pub(crate) fn reach(&self, tenant: TenantId, stream: u8) -> Option<(LogKey, LogId, Reach)> {
        let state = self.state.lock();
        let log = state.logs.get(&(tenant, stream))?;
        let reach = Reach {
            size: log.frontier.size(),
            covered: log.covered,
        };
        Some((log.key, log.id, reach))
    }

    /// Reads the ends of the logs again when they are not those in memory: at the start, after a
    /// commit that failed, and when an epoch has begun.
    fn renew(&self, state: &mut State, tx: &Connection) -> Result<(), StoreError> {
        let mut is_right = state.is_loaded;
        for log in state.logs.values() {
            is_right &= log.is_as_in(tx)?;
        }
        if is_right {
            return Ok(());
        }
        state.logs.clear();
        state.keys.clear();
        state.rows = [0; 4];
        for tenant in tenants::list_tenants(tx)? {
            for source in [Source::Events, Source::Entries, Source::Audit] {
                let last = evidence::get_last_source_row(tx, tenant.id, source)?;
                let row = &mut state.rows[source as usize];
                *row = last.max(*row);
            }
            if let Some(epoch) = evidence::get_epoch(tx, tenant.id)? {
                for stream in [EVIDENCE, AUDIT] {
                    let log = self.load(tx, &epoch, stream, tenant.is_demo)?;
                    if log.frontier.size() > 0 {
                        state.logs.insert((tenant.id, stream), log);
                    }
                }
            }
        }
        state.is_loaded = true;
        Ok(())
    }

    fn log<'a>(
        &self,
        logs: &'a mut HashMap<(TenantId, u8), Log>,
        tx: &Connection,
        tenant: TenantId,
        stream: u8,
    ) -> Result<&'a mut Log, StoreError> {
        use std::collections::hash_map::Entry::{Occupied, Vacant};
        match logs.entry((tenant, stream)) {
            Occupied(log) => Ok(log.into_mut()),
            Vacant(place) => Ok(place.insert(self.begin(tx, tenant, stream)?)),
        }
    }

    /// The log of a tenant that is not in memory: its first record says which epoch it is of, and
    /// where the one before had ended.
    fn begin(&self, tx: &Connection, tenant: TenantId, stream: u8) -> Result<Log, StoreError> {
        let is_demo = tenants::get_tenant(tx, tenant)?.is_some_and(|t| t.is_demo);
        let epoch = match evidence::get_epoch(tx, tenant)? {
            Some(epoch) => epoch,
            None => new_epoch(tx, tenant, "installation", self.installation())?,
        };
        let mut log = self.load(tx, &epoch, stream, is_demo)?;
        if log.frontier.size() == 0 {
            let before = evidence::list_epochs(tx, tenant)?
                .into_iter()
                .rfind(|e| e.epoch_no < epoch.epoch_no);
            let mut body = vec![(1, Field::Text(&epoch.reason))];
            if let Some(before) = before {
                let key = LogKey {
                    epoch_no: before.epoch_no,
                    ..log.key
                };
                let (size, leaf) = evidence::get_head(tx, key)?.unwrap_or_default();
                body.push((2, Field::Id(before.epoch)));
                body.push((3, Field::Int(i64::try_from(size).unwrap_or(i64::MAX))));
                body.push((4, Field::Hash(leaf)));
            }
            let draft = own("epoch_open", epoch.opened_at.0, body);
            log.append(self, tx, &draft, (Source::Log, None))?;
            if stream == EVIDENCE {
                self.repeat_handovers(tx, &mut log, &epoch)?;
            }
        }
        Ok(log)
    }

    /// What earlier epochs of the same installation said of its keys.
    fn repeat_handovers(
        &self,
        tx: &Connection,
        log: &mut Log,
        epoch: &Epoch,
    ) -> Result<(), StoreError> {
        let mut epochs = evidence::list_epochs(tx, epoch.tenant_id)?;
        epochs.retain(|e| e.appliance == epoch.appliance);
        let said = evidence_keys::list_handovers(tx, epoch.tenant_id)?;
        let said: BTreeMap<i64, [u8; 128]> = said
            .into_iter()
            .filter(|s| epochs.iter().any(|e| e.epoch_no == s.epoch_no))
            .map(|s| (s.key_no, s.signatures))
            .collect();
        for (key_no, signatures) in said {
            log.say_handover(self, tx, key_no, signatures)?;
        }
        Ok(())
    }

    fn load(
        &self,
        tx: &Connection,
        epoch: &Epoch,
        stream: u8,
        is_demo: bool,
    ) -> Result<Log, StoreError> {
        let tenant = epoch.tenant_id;
        let key = LogKey {
            tenant,
            epoch_no: epoch.epoch_no,
            stream,
        };
        let id = log_id(epoch, stream);
        let last = evidence::get_checkpoint(tx, key)?;
        let known = last.and_then(|last| {
            let frontier = Frontier::from_bytes(last.size, &last.frontier)?;
            Some((frontier, text_hash(&Note::parse(&last.note)?.checkpoint)))
        });
        let (mut frontier, prev) = known.unwrap_or_default();
        let covered = frontier.size();
        for leaf in evidence::list_leaves(tx, key, covered + 1)? {
            frontier.push(leaf);
        }
        let (_, leaf) = evidence::get_head(tx, key)?.unwrap_or_default();
        let head = Head {
            size: frontier.size(),
            leaf,
        };
        Ok(Log {
            key,
            id,
            tenant: tenant.to_string(),
            chain: Chain {
                log: id,
                boot: self.boot,
                origin: if is_demo { Origin::Demo } else { Origin::Live },
                head,
            },
            frontier,
            covered,
            prev,
            open_since_ms: self.clock.now().0,
        })
    }

    /// Who writes, and when it is.
    pub(super) fn installation(&self) -> Installation {
        Installation {
            appliance: self.appliance,
            machine: self.machine,
            now: self.clock.now(),
        }
    }

    fn mono_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Who begins an epoch.
#[derive(Clone, Copy)]
pub(super) struct Installation {
    appliance: Id,
    machine: Option<Hash>,
    now: Timestamp,
}

/// Begins an epoch of a tenant's logs.
pub(super) fn new_epoch(
    tx: &Connection,
    tenant: TenantId,
    reason: &str,
    by: Installation,
) -> Result<Epoch, StoreError> {
    let last = evidence::get_epoch(tx, tenant)?.map_or(0, |e| e.epoch_no);
    let epoch = Epoch {
        tenant_id: tenant,
        epoch_no: last + 1,
        epoch: random()?,
        appliance: by.appliance,
        machine: by.machine,
        reason: reason.to_owned(),
        opened_at: by.now,
    };
    evidence::create_epoch(tx, tenant, &epoch)?;
    Ok(epoch)
}

/// The log of an epoch and a stream.
pub(crate) fn log_id(epoch: &Epoch, stream: u8) -> LogId {
    LogId {
        tenant: *epoch.tenant_id.0.as_bytes(),
        appliance: epoch.appliance,
        epoch: epoch.epoch,
        stream,
    }
}

impl Log {
    fn open(&self) -> u64 {
        self.frontier.size() - self.covered
    }

    fn is_due(&self, now_ms: i64) -> bool {
        let size = self.frontier.size();
        is_checkpoint_due(size, self.covered, self.open_since_ms, now_ms)
    }

    fn is_as_in(&self, tx: &Connection) -> Result<bool, StoreError> {
        let head = evidence::get_head(tx, self.key)?.unwrap_or_default();
        let covered = evidence::get_checkpoint(tx, self.key)?.map_or(0, |c| c.size);
        let newest = evidence::get_epoch(tx, self.key.tenant)?.map(|e| e.epoch_no);
        let ours = self.chain.head;
        Ok(head == (ours.size, ours.leaf)
            && covered == self.covered
            && newest == Some(self.key.epoch_no))
    }

    /// Says that a key takes over from the one before it; kept beside the log, so that it is found.
    fn say_handover(
        &mut self,
        sealer: &Sealer,
        tx: &Connection,
        key_no: i64,
        signatures: [u8; 128],
    ) -> Result<(), StoreError> {
        let keys = evidence_keys::list_keys(tx, self.key.tenant)?;
        let public = |no: i64| {
            keys.iter()
                .find(|key| key.key_no == no)
                .map(|key| key.public)
        };
        let (Some(old), Some(new)) = (public(key_no - 1), public(key_no)) else {
            return Ok(());
        };
        let body = vec![
            (1, Field::Bytes(&old)),
            (2, Field::Bytes(&new)),
            (3, Field::Bytes(&signatures[..64])),
            (4, Field::Bytes(&signatures[64..])),
        ];
        let draft = own(kind::KEY_ROTATION, sealer.clock.now().0, body);
        self.append(sealer, tx, &draft, (Source::Log, None))?;
        let said = StoredHandover {
            epoch_no: self.key.epoch_no,
            key_no,
            seq: self.chain.head.size,
            signatures,
        };
        evidence_keys::create_handover(tx, self.key.tenant, &said)
    }

    fn append(
        &mut self,
        sealer: &Sealer,
        tx: &Connection,
        draft: &Draft<'_>,
        (source, source_row): (Source, Option<i64>),
    ) -> Result<(), StoreError> {
        if self.open() == 0 {
            self.open_since_ms = sealer.clock.now().0;
        }
        let salt = random()?;
        let link = self.chain.append(draft, sealer.mono_us(), &salt);
        self.frontier.push(link.leaf);
        let new = NewRecord {
            seq: link.seq,
            source,
            source_row,
            leaf: &link.leaf,
            record: &link.bytes,
            salt: &salt,
        };
        evidence::append_record(tx, &self.tenant, self.key, &new)
    }
}

/// Random bytes; without them nothing is sealed, and therefore nothing is kept.
fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    random_bytes().map_err(|error| StoreError::Coded(error.into()))
}

fn own<'a>(kind: &'a str, at: i64, body: Vec<(i64, Field<'a>)>) -> Draft<'a> {
    Draft {
        kind,
        schema_version: 1,
        event_ms: at,
        received_ms: at,
        source: "optria",
        quality: 0,
        actor: None,
        body,
    }
}

/// Whether an entry says that work on an incident ended.
fn is_locking(entry: &Entry) -> bool {
    let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
    matches!(detail["status"].as_str(), Some("resolved" | "closed"))
}

/// Entry 1 is the hash, where there is one, else the incident; entry 3 its details as JSON.
pub(super) fn draft_of(entry: &Entry, now: i64) -> Draft<'_> {
    let incident = Field::Id(*entry.incident_id.0.as_bytes());
    let first = entry.hash.map_or_else(|| incident.clone(), Field::Hash);
    let body = vec![(1, first), (2, incident), (3, Field::Text(&entry.detail))];
    own(&entry.kind, entry.at.map_or(now, |t| t.0), body)
}
