//! Writing the log: what happened becomes the next record of the chain, with its personal values
//! behind salted hashes. The appliance keeps bytes and salt in the transaction of the row itself.

use iq_domain::{AuditRecord, EventCategory, IndustrialEvent, Severity};

use crate::{
    cbor::{MAX_INT, Value},
    record::{Head, Id, LogId, Origin, Record, personal_hash},
    tree::{Hash, leaf_hash, sha256},
};

/// A checkpoint is due after so many records,
pub const CHECKPOINT_RECORDS: u64 = 1_000;
/// or so long after the oldest record that none covers yet.
pub const CHECKPOINT_MS: i64 = 60_000;

/// A value of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// An integer.
    Int(i64),
    /// A text that is nobody's personal matter.
    Text(&'a str),
    /// An id.
    Id(Id),
    /// A hash of something kept elsewhere.
    Hash(Hash),
    /// Bytes that a verifier reads.
    Bytes(&'a [u8]),
    /// A personal value, or one that may hold some: only its salted hash is recorded.
    Personal(&'a str),
    /// None.
    Null,
}

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// Kind.
    pub kind: &'a str,
    /// Version of the body of this kind.
    pub schema_version: u32,
    /// When it happened by its source's clock, Unix milliseconds.
    pub event_ms: i64,
    /// When it arrived.
    pub received_ms: i64,
    /// The system that said it.
    pub source: &'a str,
    /// 0 good, 1 uncertain, 2 bad.
    pub quality: u8,
    /// Who did it, where a person did.
    pub actor: Option<&'a str>,
    /// Entries from 1.
    pub body: Vec<(i64, Field<'a>)>,
}

impl<'a> Draft<'a> {
    /// An event of the Black Box; `payload` is the text that is stored beside it.
    #[must_use]
    pub fn event(event: &'a IndustrialEvent, payload: &'a str) -> Self {
        let asset = event
            .asset_id
            .map_or(Field::Null, |id| Field::Id(*id.0.as_bytes()));
        Self {
            kind: "event",
            schema_version: 1,
            event_ms: event.event_time.0,
            received_ms: event.ingest_time.0,
            source: &event.source_system,
            quality: 0,
            actor: None,
            body: vec![
                (1, Field::Id(*event.id.0.as_bytes())),
                (2, asset),
                (3, Field::Text(&event.source_type)),
                (4, Field::Text(&event.source_id)),
                (5, Field::Text(severity(event.severity))),
                (6, Field::Text(category(event.event_category))),
                (7, Field::Text(&event.summary)),
                (8, Field::Personal(payload)),
                (9, Field::Int(event.time_offset_ms)),
                (10, Field::Int(event.time_uncertainty_ms)),
                (11, Field::Int(event.recorded_at.0)),
            ],
        }
    }

    /// A row of the audit log; `details` is the text that is stored beside it.
    #[must_use]
    pub fn audit(record: &'a AuditRecord, details: &'a str) -> Self {
        let address = record
            .address
            .as_deref()
            .map_or(Field::Null, Field::Personal);
        Self {
            kind: "audit",
            schema_version: 1,
            event_ms: record.at.0,
            received_ms: record.at.0,
            source: "optria",
            quality: 0,
            actor: Some(&record.actor),
            body: vec![
                (1, Field::Id(*record.id.0.as_bytes())),
                (2, Field::Text(&record.action)),
                (3, Field::Text(&record.object)),
                (4, Field::Text(&record.outcome)),
                (5, Field::Personal(details)),
                (6, address),
            ],
        }
    }
}

impl Draft<'_> {
    /// Whether a record says what this says. Without its salt, which can be erased by law, personal
    /// values can't be compared; nor can a record of another version of its kind.
    #[must_use]
    pub fn is_as_in(&self, record: &Record<'_>, salt: Option<&[u8; 16]>) -> bool {
        if record.kind == self.kind && record.schema_version != self.schema_version {
            return true;
        }
        let is_hash_of = |field: i64, value: &str, found: Option<Hash>| match salt {
            Some(salt) => found == Some(personal_hash(&field_salt(salt, field), value)),
            None => found.is_some(),
        };
        let is_actor = match self.actor {
            Some(name) => is_hash_of(0, name, record.actor),
            None => record.actor.is_none(),
        };
        let is_body = self.body.iter().all(|(key, field)| {
            let found = record.body(*key);
            match field {
                Field::Int(number) => found.and_then(Value::int) == Some(held(*number)),
                Field::Text(text) => found.and_then(Value::text) == Some(*text),
                Field::Id(id) => found.and_then(Value::fixed::<16>) == Some(*id),
                Field::Hash(hash) => found.and_then(Value::fixed::<32>) == Some(*hash),
                Field::Bytes(bytes) => found.and_then(Value::bytes) == Some(*bytes),
                Field::Personal(value) => {
                    is_hash_of(*key, value, found.and_then(Value::fixed::<32>))
                }
                Field::Null => found == Some(&Value::Null),
            }
        });
        self.kind == record.kind
            && held(self.event_ms) == record.event_ms
            && held(self.received_ms) == record.received_ms
            && self.source == record.source
            && self.quality == record.quality
            && self.body.len() == record.body.len()
            && is_actor
            && is_body
    }
}

/// A source may report any number; a record holds what every verifier can read.
fn held(number: i64) -> i64 {
    number.clamp(-MAX_INT, MAX_INT)
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn category(category: EventCategory) -> &'static str {
    match category {
        EventCategory::Sensor => "SENSOR",
        EventCategory::Alert => "ALERT",
        EventCategory::Maintenance => "MAINTENANCE",
        EventCategory::OperatorAction => "OPERATOR_ACTION",
        EventCategory::Optimisation => "OPTIMISATION",
        EventCategory::System => "SYSTEM",
    }
}

/// One kept salt serves a whole record: each field has its own, and showing one shows no other.
#[must_use]
pub fn field_salt(salt: &[u8; 16], field: i64) -> [u8; 16] {
    let hash = sha256(&[&salt[..], &field.to_be_bytes()].concat());
    let mut own = [0; 16];
    own.copy_from_slice(&hash[..16]);
    own
}

/// The end of a log, and what is the same for every record of this run.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Which log.
    pub log: LogId,
    /// This run of the appliance.
    pub boot: Id,
    /// Whether the tenant is a demo.
    pub origin: Origin,
    /// Its last record.
    pub head: Head,
}

/// A new record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub seq: u64,
    /// Its leaf.
    pub leaf: Hash,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Chain {
    /// Makes the next record and moves the end. `mono_us` is the time since the start of this run,
    /// `salt` sixteen random bytes that are kept beside the record.
    pub fn append(&mut self, draft: &Draft<'_>, mono_us: u64, salt: &[u8; 16]) -> Link {
        let hash = |field: i64, value: &str| personal_hash(&field_salt(salt, field), value);
        let hashes: Vec<(i64, Hash)> = draft
            .body
            .iter()
            .filter_map(|(key, field)| match field {
                Field::Personal(value) => Some((*key, hash(*key, value))),
                Field::Hash(value) => Some((*key, *value)),
                _ => None,
            })
            .collect();
        let hashed = |key: i64| hashes.iter().find(|(k, _)| *k == key).map(|(_, hash)| hash);
        let body = draft.body.iter().map(|(key, field)| {
            let value = match field {
                Field::Int(number) => Value::Int(held(*number)),
                Field::Text(text) => Value::Text(text),
                Field::Id(id) => Value::Bytes(id),
                Field::Bytes(bytes) => Value::Bytes(bytes),
                Field::Null => Value::Null,
                Field::Personal(_) | Field::Hash(_) => {
                    hashed(*key).map_or(Value::Null, |hash| Value::Bytes(hash))
                }
            };
            (*key, value)
        });
        let seq = self.head.size + 1;
        let bytes = Record {
            log: self.log,
            seq,
            prev_leaf: self.head.leaf,
            kind: draft.kind,
            schema_version: draft.schema_version,
            event_ms: held(draft.event_ms),
            received_ms: held(draft.received_ms),
            boot: self.boot,
            mono_us: mono_us.min(MAX_INT.unsigned_abs()),
            source: draft.source,
            quality: draft.quality,
            actor: draft.actor.map(|name| hash(0, name)),
            origin: self.origin,
            body: body.collect(),
        }
        .encode();
        let leaf = leaf_hash(&bytes);
        self.head = Head { size: seq, leaf };
        Link { seq, leaf, bytes }
    }
}

/// Whether a checkpoint is due: `size` records are in the log, the last checkpoint covers `covered`,
/// and the first record after it arrived at `open_since_ms`.
#[must_use]
pub fn is_checkpoint_due(size: u64, covered: u64, open_since_ms: i64, now_ms: i64) -> bool {
    let open = size.saturating_sub(covered);
    // A clock that was set back must not put it off.
    let waited = now_ms.saturating_sub(open_since_ms);
    open >= CHECKPOINT_RECORDS || (open > 0 && !(0..CHECKPOINT_MS).contains(&waited))
}

#[cfg(test)]
mod tests {
    use iq_domain::{AuditId, EventId, TenantId, Timestamp};

    use super::*;

    fn chain() -> Chain {
        Chain {
            log: LogId {
                tenant: [1; 16],
                appliance: [2; 16],
                epoch: [3; 16],
                stream: 1,
            },
            boot: [4; 16],
            origin: Origin::Live,
            head: Head::EMPTY,
        }
    }

    fn event(payload: &str) -> IndustrialEvent {
        IndustrialEvent {
            id: EventId::new(),
            tenant_id: TenantId::new(),
            asset_id: None,
            source_system: "DCS-1".to_owned(),
            source_type: "trip".to_owned(),
            source_id: "1".to_owned(),
            event_time: Timestamp(1_000),
            ingest_time: Timestamp(1_200),
            recorded_at: Timestamp(1_210),
            time_offset_ms: -3,
            time_uncertainty_ms: 40,
            severity: Severity::Critical,
            event_category: EventCategory::OperatorAction,
            summary: "event.trip".to_owned(),
            payload: payload.into(),
        }
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }

    #[test]
    fn records_link_to_each_other_and_hold_no_name() {
        let mut chain = chain();
        let happened = event("{\"actor\":\"Fatima\"}");
        let first = chain.append(
            &Draft::event(&happened, "{\"actor\":\"Fatima\"}"),
            5,
            &[9; 16],
        );
        let audited = AuditRecord {
            id: AuditId::new(),
            tenant_id: TenantId::new(),
            at: Timestamp(2_000),
            actor: "Fatima".to_owned(),
            action: "alerts.acknowledge".to_owned(),
            object: "alert 1".to_owned(),
            outcome: "success".to_owned(),
            details: serde_json::json!({ "to": "Ahmed" }),
            address: Some("10.0.0.7".to_owned()),
        };
        let second = chain.append(&Draft::audit(&audited, "{\"to\":\"Ahmed\"}"), 6, &[8; 16]);
        for name in ["Fatima", "Ahmed", "10.0.0.7"] {
            assert!(
                !holds(&first.bytes, name) && !holds(&second.bytes, name),
                "{name}"
            );
        }
        assert!(holds(&second.bytes, "alerts.acknowledge"));
        let record = Record::decode(&second.bytes).unwrap();
        assert_eq!((record.seq, record.prev_leaf), (2, first.leaf));
        assert_eq!((chain.head.size, chain.head.leaf), (2, second.leaf));
        for (field, value) in [(0, "Fatima"), (5, "{\"to\":\"Ahmed\"}"), (6, "10.0.0.7")] {
            let salt = field_salt(&[8; 16], field);
            assert_eq!(record.personal(field), Some(personal_hash(&salt, value)));
        }
        assert_ne!(field_salt(&[8; 16], 0), field_salt(&[8; 16], 5));
    }

    #[test]
    fn a_draft_is_as_in_its_record_until_any_field_changes() {
        let payload = "{\"value\":7.1}";
        let happened = event(payload);
        let salt = [9; 16];
        let link = chain().append(&Draft::event(&happened, payload), 5, &salt);
        let record = Record::decode(&link.bytes).unwrap();
        let is_same = |event: &IndustrialEvent, payload: &str| {
            Draft::event(event, payload).is_as_in(&record, Some(&salt))
        };
        assert!(is_same(&happened, payload));
        assert!(!is_same(&happened, "{}"));
        // An erased salt leaves nothing to compare a personal value with.
        assert!(Draft::event(&happened, "{}").is_as_in(&record, None));
        let changes: [fn(&mut IndustrialEvent); 12] = [
            |e| e.id = EventId::new(),
            |e| e.asset_id = Some(iq_domain::AssetId::new()),
            |e| e.source_system.push('!'),
            |e| e.source_type.push('!'),
            |e| e.source_id.push('!'),
            |e| e.event_time = Timestamp(999),
            |e| e.ingest_time = Timestamp(1_201),
            |e| e.recorded_at = Timestamp(1_211),
            |e| e.time_offset_ms = 3,
            |e| e.severity = Severity::Info,
            |e| e.event_category = EventCategory::System,
            |e| e.summary.clear(),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut other = happened.clone();
            change(&mut other);
            assert!(!is_same(&other, payload), "{at}");
            assert!(
                !Draft::event(&other, payload).is_as_in(&record, None),
                "{at}"
            );
        }
    }

    #[test]
    fn a_checkpoint_is_due_by_count_by_time_and_by_a_clock_that_went_back() {
        for (size, covered, since, now, is_due) in [
            (10, 10, 0, i64::MAX, false),
            (0, 0, 0, 0, false),
            (11, 10, 0, 59_999, false),
            (11, 10, 0, 60_000, true),
            (1_009, 10, 0, 1, false),
            (1_010, 10, 0, 1, true),
            (11, 10, 5_000, 4_999, true),
        ] {
            assert_eq!(
                is_checkpoint_due(size, covered, since, now),
                is_due,
                "{size} {now}"
            );
        }
    }

    /// Prints what a million records cost, without the disk.
    #[test]
    #[ignore = "a measurement"]
    #[allow(clippy::print_stdout, reason = "a measurement")]
    fn a_million_records() {
        let happened = event("{}");
        let payload = "{\"value\":7.1,\"limit\":4.5,\"unit\":\"mm/s\",\"metric\":\"vibration\"}";
        let draft = Draft::event(&happened, payload);
        let (mut chain, mut tree) = (chain(), crate::Tree::default());
        let started = std::time::Instant::now();
        let mut bytes = 0;
        for n in 0..1_000_000 {
            let link = chain.append(&draft, n, &[7; 16]);
            bytes += link.bytes.len();
            tree.push(link.leaf);
        }
        let written = started.elapsed();
        let root = tree.root(1_000_000);
        let proof = tree.inclusion(123_456, 1_000_000);
        println!(
            "1,000,000 records of {} bytes: {written:?}",
            bytes / 1_000_000
        );
        println!("then a root and a proof: {:?}", started.elapsed() - written);
        assert!(root.is_some() && proof.is_some());
    }
}
