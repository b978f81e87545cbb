//! The table of contents of an evidence file: which log, which incident, which records, what belongs
//! to them and what was left out. Its SHA-256 stands in the export record of the log, so that none of
//! it can be changed afterwards.

use crate::{
    cbor::{self, Value},
    record::{Id, LogId, RecordError, stream},
    tree::Hash,
};

/// The version of the manifest this crate writes and reads.
pub const MANIFEST_VERSION: i64 = 1;

/// A file names at most so many keys: each costs the check of a signature.
pub const MAX_KEYS: usize = 64;

/// What an evidence file holds; each field has the integer key that stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest<'a> {
    /// 2, 3, 4, 5: the log the records are of.
    pub log: LogId,
    /// 6: the incident.
    pub incident: Incident<'a>,
    /// 7: whether the tenant is a demo.
    pub is_demo: bool,
    /// 8: when the file was made by the appliance's clock, Unix milliseconds.
    pub created_ms: i64,
    /// 9: program and version.
    pub producer: &'a str,
    /// 10: sequence numbers of the records, ascending, without the export record.
    pub records: Vec<u64>,
    /// 11: sequence numbers of the window records, in the order of the windows.
    pub windows: Vec<u64>,
    /// 12: versions that the conclusions were drawn with.
    pub versions: Vec<Version<'a>>,
    /// 13: what was left out.
    pub omissions: Vec<Omission<'a>>,
    /// 14: documents made for people, in the order of the documents.
    pub documents: Vec<Document<'a>>,
    /// 15: personal fields shown in clear: sequence number and field.
    pub personal: Vec<(u64, i64)>,
    /// 16: keys, for information; trust never comes from here.
    pub keys: Vec<KeyNote<'a>>,
}

/// Which incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident<'a> {
    /// 1.
    pub id: Id,
    /// 2: as people call it ("INC-2026-0007").
    pub number: &'a str,
    /// 3: begin of its time window, Unix milliseconds.
    pub from_ms: i64,
    /// 4: end of its time window.
    pub to_ms: i64,
}

/// A version of a mapping, a rule pack or a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// "mapping", "rules", "model".
    pub what: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The record of the log that holds it, where one does.
    pub seq: Option<u64>,
}

/// Something that was left out, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Omission<'a> {
    /// A code ("raw_window", "personal_value").
    pub what: &'a str,
    /// A code ("erased", "too_large", "not_permitted").
    pub why: &'a str,
    /// How many.
    pub count: u64,
}

/// A document made for people from the records; the records are the evidence, not this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// File name.
    pub name: &'a str,
    /// Media type.
    pub media_type: &'a str,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Whether it was derived from the records.
    pub is_derived: bool,
}

/// A public key with what the appliance says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyNote<'a> {
    /// "appliance" or "cosigner".
    pub role: &'a str,
    /// Its name in signature lines.
    pub name: &'a str,
    /// The key.
    pub key: [u8; 32],
}

impl<'a> Manifest<'a> {
    /// The bytes whose SHA-256 the export record holds.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let incident = Value::map([
            (1, Value::Bytes(&self.incident.id)),
            (2, Value::Text(self.incident.number)),
            (3, Value::Int(self.incident.from_ms)),
            (4, Value::Int(self.incident.to_ms)),
        ]);
        let versions = self.versions.iter().map(|v| {
            let seq = v.seq.map_or(Value::Null, Value::count);
            row([
                Value::Text(v.what),
                Value::Text(v.name),
                Value::Text(v.version),
                seq,
            ])
        });
        let omissions = self.omissions.iter().map(|o| {
            row([
                Value::Text(o.what),
                Value::Text(o.why),
                Value::count(o.count),
            ])
        });
        let documents = self.documents.iter().map(|d| {
            row([
                Value::Text(d.name),
                Value::Text(d.media_type),
                Value::Bytes(&d.sha256),
                Value::Bool(d.is_derived),
            ])
        });
        let personal = self
            .personal
            .iter()
            .map(|(seq, field)| row([Value::count(*seq), Value::Int(*field)]));
        let keys = self.keys.iter().map(|k| {
            row([
                Value::Text(k.role),
                Value::Text(k.name),
                Value::Bytes(&k.key),
            ])
        });
        Value::map([
            (1, Value::Int(MANIFEST_VERSION)),
            (2, Value::Bytes(&self.log.tenant)),
            (3, Value::Bytes(&self.log.appliance)),
            (4, Value::Bytes(&self.log.epoch)),
            (5, Value::Int(i64::from(self.log.stream))),
            (6, incident),
            (7, Value::Bool(self.is_demo)),
            (8, Value::Int(self.created_ms)),
            (9, Value::Text(self.producer)),
            (10, self.records.iter().copied().map(Value::count).collect()),
            (11, self.windows.iter().copied().map(Value::count).collect()),
            (12, versions.collect()),
            (13, omissions.collect()),
            (14, documents.collect()),
            (15, personal.collect()),
            (16, keys.collect()),
        ])
        .encode()
    }

    /// Reads the bytes of a manifest.
    ///
    /// # Errors
    /// When they are not exactly one manifest of a known version in its canonical form.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let value = cbor::decode(bytes).map_err(RecordError::Cbor)?;
        match value.get(1).and_then(Value::int) {
            Some(MANIFEST_VERSION) => read(&value).ok_or(RecordError::Shape),
            Some(_) => Err(RecordError::Version),
            None => Err(RecordError::Shape),
        }
    }
}

fn row<'a, const N: usize>(cells: [Value<'a>; N]) -> Value<'a> {
    Value::Array(cells.into())
}

fn list<'a, T>(value: &Value<'a>, read: impl Fn(&Value<'a>) -> Option<T>) -> Option<Vec<T>> {
    value.items()?.iter().map(read).collect()
}

fn sequence(value: &Value<'_>) -> Option<u64> {
    value.natural().filter(|seq| *seq > 0)
}

fn read<'a>(value: &Value<'a>) -> Option<Manifest<'a>> {
    let fields = value.dense(1, 16)?;
    let field = |key: usize| fields[key - 1];
    let incident = field(6).dense(1, 4)?;
    let records = list(field(10), sequence)?;
    let keys = field(16).items()?;
    if !records.is_sorted_by(|a, b| a < b) || keys.len() > MAX_KEYS {
        return None;
    }
    Some(Manifest {
        log: LogId {
            tenant: field(2).fixed()?,
            appliance: field(3).fixed()?,
            epoch: field(4).fixed()?,
            stream: stream(field(5))?,
        },
        incident: Incident {
            id: incident[0].fixed()?,
            number: incident[1].text()?,
            from_ms: incident[2].int()?,
            to_ms: incident[3].int()?,
        },
        is_demo: boolean(field(7))?,
        created_ms: field(8).int()?,
        producer: field(9).text()?,
        records,
        windows: list(field(11), sequence)?,
        versions: list(field(12), version)?,
        omissions: list(field(13), omission)?,
        documents: list(field(14), document)?,
        personal: list(field(15), |value| {
            let [seq, field] = value.cells()?;
            Some((sequence(seq)?, field.int().filter(|field| *field >= 0)?))
        })?,
        keys: list(field(16), |value| {
            let [role, name, key] = value.cells()?;
            Some(KeyNote {
                role: role.text()?,
                name: name.text()?,
                key: key.fixed()?,
            })
        })?,
    })
}

fn version<'a>(value: &Value<'a>) -> Option<Version<'a>> {
    let [what, name, version, seq] = value.cells()?;
    Some(Version {
        what: what.text()?,
        name: name.text()?,
        version: version.text()?,
        seq: match seq {
            Value::Null => None,
            seq => Some(sequence(seq)?),
        },
    })
}

fn omission<'a>(value: &Value<'a>) -> Option<Omission<'a>> {
    let [what, why, count] = value.cells()?;
    Some(Omission {
        what: what.text()?,
        why: why.text()?,
        count: count.natural()?,
    })
}

fn document<'a>(value: &Value<'a>) -> Option<Document<'a>> {
    let [name, media_type, sha256, is_derived] = value.cells()?;
    Some(Document {
        name: name.text()?,
        media_type: media_type.text()?,
        sha256: sha256.fixed()?,
        is_derived: boolean(is_derived)?,
    })
}

fn boolean(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(is_true) => Some(*is_true),
        _ => None,
    }
}
