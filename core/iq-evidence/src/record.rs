//! One record of the log: who wrote what and when, after which record before it. The stored bytes
//! are what is hashed, signed and checked; nothing is ever encoded a second time to be compared.

use crate::{
    cbor::{self, CborError, Value},
    tree::{Hash, leaf_hash, sha256},
};

/// A UUID as its sixteen bytes.
pub type Id = [u8; 16];

/// The version of the record this crate writes and reads.
pub const RECORD_VERSION: i64 = 1;

/// Kinds a verifier has to understand; all others are opaque to it.
pub mod kind {
    /// Body 1 is the SHA-256 of the manifest of an evidence file.
    pub const EXPORT: &str = "export";
    /// Body 1 is the SHA-256 of the canonical bytes of a frozen raw window.
    pub const WINDOW: &str = "window";
    /// Body 1 old key, 2 new key, 3 signature of the old, 4 signature of the new.
    pub const KEY_ROTATION: &str = "key_rotation";
}

/// Where what a record says comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The plant.
    Live,
    /// The demo plant.
    Demo,
}

/// Which log: one dense sequence per appliance, epoch and stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogId {
    /// Owner.
    pub tenant: Id,
    /// The appliance that writes.
    pub appliance: Id,
    /// New after an installation, a restore or a clone.
    pub epoch: Id,
    /// 1 evidence, 2 audit, 3 rollups, 4 work orders, 5 status, 6 pieces of series.
    pub stream: u8,
}

impl LogId {
    /// The first line of this log's checkpoints. The three short names are the first eight hex digits
    /// of the SHA-256 of each id: ids that were made in the same minute begin alike.
    #[must_use]
    pub fn origin(&self) -> String {
        let short = |id: &Id| hex(&sha256(id)[..4]);
        format!(
            "optria.iq/{}/{}/{}/{}",
            short(&self.tenant),
            short(&self.appliance),
            short(&self.epoch),
            self.stream
        )
    }
}

/// Lower-case hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A record as it is written; each field has the integer key that stands beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// 2, 3, 4, 5: the log.
    pub log: LogId,
    /// 6: from 1, without gaps.
    pub seq: u64,
    /// 7: leaf of the record before; zeros for the first.
    pub prev_leaf: Hash,
    /// 8: what it is ("event", "audit", "window" …).
    pub kind: &'a str,
    /// 9: version of the body of this kind.
    pub schema_version: u32,
    /// 10: when it happened by its source's clock, Unix milliseconds.
    pub event_ms: i64,
    /// 11: when it arrived, Unix milliseconds.
    pub received_ms: i64,
    /// 12: this run of the appliance.
    pub boot: Id,
    /// 13: microseconds since the start of this run; never goes back.
    pub mono_us: u64,
    /// 14: the system that said it.
    pub source: &'a str,
    /// 15: 0 good, 1 uncertain, 2 bad.
    pub quality: u8,
    /// 16: salted hash of who did it, where a person did; see [`personal_hash`].
    pub actor: Option<Hash>,
    /// 17, entry 0.
    pub origin: Origin,
    /// 17, entries from 1: by kind.
    pub body: Vec<(i64, Value<'a>)>,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Not the canonical encoding of anything.
    Cbor(CborError),
    /// A version this program does not know.
    Version,
    /// Not the fields of a record.
    Shape,
}

impl<'a> Record<'a> {
    /// The bytes that are stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let origin = Value::Int(i64::from(self.origin == Origin::Demo));
        let body = std::iter::once((0, origin)).chain(self.body.iter().cloned());
        Value::map([
            (1, Value::Int(RECORD_VERSION)),
            (2, Value::Bytes(&self.log.tenant)),
            (3, Value::Bytes(&self.log.appliance)),
            (4, Value::Bytes(&self.log.epoch)),
            (5, Value::Int(i64::from(self.log.stream))),
            (6, Value::count(self.seq)),
            (7, Value::Bytes(&self.prev_leaf)),
            (8, Value::Text(self.kind)),
            (9, Value::Int(i64::from(self.schema_version))),
            (10, Value::Int(self.event_ms)),
            (11, Value::Int(self.received_ms)),
            (12, Value::Bytes(&self.boot)),
            (13, Value::count(self.mono_us)),
            (14, Value::Text(self.source)),
            (15, Value::Int(i64::from(self.quality))),
            (
                16,
                self.actor
                    .as_ref()
                    .map_or(Value::Null, |hash| Value::Bytes(hash)),
            ),
            (17, Value::map(body)),
        ])
        .encode()
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// When they are not exactly one record of a known version in its canonical form.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let value = cbor::decode(bytes).map_err(RecordError::Cbor)?;
        // Before the shape: a later version may have other fields.
        match value.get(1).and_then(Value::int) {
            Some(RECORD_VERSION) => read(&value).ok_or(RecordError::Shape),
            Some(_) => Err(RecordError::Version),
            None => Err(RecordError::Shape),
        }
    }

    /// The entry of the body.
    #[must_use]
    pub fn body(&self, key: i64) -> Option<&Value<'a>> {
        self.body.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// The salted hash under a personal field: 0 is the actor, others are entries of the body.
    #[must_use]
    pub fn personal(&self, field: i64) -> Option<Hash> {
        match field {
            0 => self.actor,
            key => self.body(key).and_then(Value::fixed),
        }
    }
}

fn read<'a>(value: &Value<'a>) -> Option<Record<'a>> {
    let fields = value.dense(1, 17)?;
    let field = |key: usize| fields[key - 1];
    let Value::Map(body) = field(17) else {
        return None;
    };
    let ((0, origin), body) = body.split_first()? else {
        return None;
    };
    Some(Record {
        log: LogId {
            tenant: field(2).fixed()?,
            appliance: field(3).fixed()?,
            epoch: field(4).fixed()?,
            stream: stream(field(5))?,
        },
        seq: field(6).natural().filter(|seq| *seq > 0)?,
        prev_leaf: field(7).fixed()?,
        kind: field(8).text().filter(|kind| !kind.is_empty())?,
        schema_version: u32::try_from(field(9).int()?).ok()?,
        event_ms: field(10).int()?,
        received_ms: field(11).int()?,
        boot: field(12).fixed()?,
        mono_us: field(13).natural()?,
        source: field(14).text()?,
        quality: u8::try_from(field(15).int()?).ok().filter(|q| *q <= 2)?,
        actor: match field(16) {
            Value::Null => None,
            value => Some(value.fixed()?),
        },
        origin: match origin.int()? {
            0 => Origin::Live,
            1 => Origin::Demo,
            _ => return None,
        },
        body: body.to_vec(),
    })
}

/// The number of a stream.
pub(crate) fn stream(value: &Value<'_>) -> Option<u8> {
    let number = u8::try_from(value.int()?).ok()?;
    (1..=6).contains(&number).then_some(number)
}

/// What stands in a record instead of a personal value: SHA-256(salt ‖ value). Value and salt are
/// kept beside the log and can be erased; the record and every proof over it stay as they are.
#[must_use]
pub fn personal_hash(salt: &[u8; 16], value: &str) -> Hash {
    sha256(&[&salt[..], value.as_bytes()].concat())
}

/// The end of a log as far as the next record needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of records.
    pub size: u64,
    /// Leaf of the last, zeros for none.
    pub leaf: Hash,
}

impl Head {
    /// Of an empty log.
    pub const EMPTY: Self = Self {
        size: 0,
        leaf: [0; 32],
    };

    /// The head after these record bytes.
    #[must_use]
    pub fn after(self, record: &[u8]) -> Self {
        Self {
            size: self.size + 1,
            leaf: leaf_hash(record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record<'static> {
        Record {
            log: LogId {
                tenant: [1; 16],
                appliance: [2; 16],
                epoch: [3; 16],
                stream: 1,
            },
            seq: 7,
            prev_leaf: [4; 32],
            kind: "event",
            schema_version: 1,
            event_ms: 1_750_000_000_000,
            received_ms: 1_750_000_000_250,
            boot: [5; 16],
            mono_us: 12_345_678,
            source: "DCS",
            quality: 0,
            actor: Some(personal_hash(&[6; 16], "فاطمة")),
            origin: Origin::Live,
            body: vec![(1, Value::Text("trip")), (2, Value::Int(-3))],
        }
    }

    #[test]
    fn reads_what_it_wrote() {
        let bytes = record().encode();
        assert_eq!(Record::decode(&bytes), Ok(record()));
    }

    #[test]
    fn refuses_other_versions_fields_and_forms() {
        let bytes = record().encode();
        // a map of 17, key 1, value 1
        assert_eq!(bytes[..3], [0xb1, 1, 1]);
        for (version, error) in [(0, RecordError::Version), (2, RecordError::Version)] {
            let mut other = bytes.clone();
            other[2] = version;
            assert_eq!(Record::decode(&other), Err(error));
        }
        let long = [&[0xb8, 17], &bytes[1..]].concat();
        assert_eq!(
            Record::decode(&long),
            Err(RecordError::Cbor(CborError::NotCanonical))
        );
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(
            Record::decode(&longer),
            Err(RecordError::Cbor(CborError::TrailingBytes))
        );
        let first = Record { seq: 0, ..record() }.encode();
        assert_eq!(Record::decode(&first), Err(RecordError::Shape));
        for stream in [0, 7] {
            let log = LogId {
                stream,
                ..record().log
            };
            let bytes = Record { log, ..record() }.encode();
            assert_eq!(Record::decode(&bytes), Err(RecordError::Shape));
        }
    }

    #[test]
    fn every_bit_of_every_field_changes_the_leaf_or_the_reading() {
        let bytes = record().encode();
        for at in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[at / 8] ^= 1 << (at % 8);
            assert_ne!(leaf_hash(&other), leaf_hash(&bytes));
            assert_ne!(Record::decode(&other), Ok(record()));
        }
    }
}
