//! The evidence file: a first line that says what it is, one CBOR map, and the SHA-256 of both
//! against damage on the way. `docs/guides/evidence-format.md` describes it for strangers.

use crate::{
    cbor::{self, Value},
    record::RecordError,
    tree::{Hash, sha256},
};

/// The first line of every evidence file.
pub const MAGIC: &[u8] = b"optria-evidence/1\n";
/// Files larger than this are refused before they are read.
pub const MAX_FILE: usize = 256 << 20;
const DIGEST: usize = 32;

/// The parts of a file; each field has the integer key that stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle<'a> {
    /// 1: bytes of the manifest.
    pub manifest: &'a [u8],
    /// 2: records in ascending order, the export record last.
    pub records: Vec<Entry<'a>>,
    /// 3: the checkpoint that the inclusion proofs lead to.
    pub checkpoint: &'a str,
    /// 4: an earlier checkpoint with cosignatures, and the proof that the log only grew since.
    pub cosigned: Option<(&'a str, Vec<Hash>)>,
    /// 5: canonical bytes of the frozen raw windows.
    pub windows: Vec<&'a [u8]>,
    /// 6: personal values that are shown in clear.
    pub personal: Vec<Personal<'a>>,
    /// 7: documents made for people.
    pub documents: Vec<&'a [u8]>,
}

/// A record with its proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its bytes as they are stored in the log.
    pub bytes: &'a [u8],
    /// From its leaf to the root.
    pub proof: Vec<Hash>,
}

/// A personal value with the salt that makes its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Personal<'a> {
    /// Which record.
    pub seq: u64,
    /// Which field of it: 0 is the actor, others are entries of the body.
    pub field: i64,
    /// Sixteen random bytes.
    pub salt: [u8; 16],
    /// The value.
    pub value: &'a str,
}

/// Why bytes are not an evidence file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// They begin differently.
    NotEvidence,
    /// More than [`MAX_FILE`].
    TooLarge,
    /// They begin well.
    Content(RecordError),
}

impl<'a> Bundle<'a> {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let records = self
            .records
            .iter()
            .map(|entry| Value::Array(vec![Value::Bytes(entry.bytes), hashes(&entry.proof)]));
        let cosigned = self.cosigned.as_ref().map_or(Value::Null, |(note, proof)| {
            Value::Array(vec![Value::Text(note), hashes(proof)])
        });
        let personal = self.personal.iter().map(|personal| {
            Value::Array(vec![
                Value::count(personal.seq),
                Value::Int(personal.field),
                Value::Bytes(&personal.salt),
                Value::Text(personal.value),
            ])
        });
        let content = Value::map([
            (1, Value::Bytes(self.manifest)),
            (2, records.collect()),
            (3, Value::Text(self.checkpoint)),
            (4, cosigned),
            (5, self.windows.iter().map(|w| Value::Bytes(w)).collect()),
            (6, personal.collect()),
            (7, self.documents.iter().map(|d| Value::Bytes(d)).collect()),
        ]);
        let mut file = [MAGIC, &content.encode()].concat();
        let digest = sha256(&file);
        file.extend_from_slice(&digest);
        file
    }

    /// Reads a file. Whether its digest is right is asked with [`has_right_digest`]: what a file
    /// with a wrong one says is still worth looking at.
    ///
    /// # Errors
    /// When the bytes are not a file of this version.
    pub fn decode(file: &'a [u8]) -> Result<Self, BundleError> {
        if file.len() > MAX_FILE {
            return Err(BundleError::TooLarge);
        }
        let rest = file.strip_prefix(MAGIC).ok_or(BundleError::NotEvidence)?;
        let content = &rest[..rest.len().saturating_sub(DIGEST)];
        let value = cbor::decode(content)
            .map_err(|error| BundleError::Content(RecordError::Cbor(error)))?;
        read(&value).ok_or(BundleError::Content(RecordError::Shape))
    }
}

/// Whether the last 32 bytes are the SHA-256 of those before.
#[must_use]
pub fn has_right_digest(file: &[u8]) -> bool {
    file.split_last_chunk::<DIGEST>()
        .is_some_and(|(content, digest)| sha256(content) == *digest)
}

fn hashes(proof: &[Hash]) -> Value<'_> {
    proof.iter().map(|hash| Value::Bytes(hash)).collect()
}

fn proof(value: &Value<'_>) -> Option<Vec<Hash>> {
    value.items()?.iter().map(Value::fixed).collect()
}

fn read<'a>(value: &Value<'a>) -> Option<Bundle<'a>> {
    let fields = value.dense(1, 7)?;
    let each = |key: usize| Some(fields[key - 1].items()?.iter());
    Some(Bundle {
        manifest: fields[0].bytes()?,
        records: each(2)?
            .map(|value| {
                let [bytes, path] = value.cells()?;
                Some(Entry {
                    bytes: bytes.bytes()?,
                    proof: proof(path)?,
                })
            })
            .collect::<Option<_>>()?,
        checkpoint: fields[2].text()?,
        cosigned: match fields[3] {
            Value::Null => None,
            value => {
                let [note, path] = value.cells()?;
                Some((note.text()?, proof(path)?))
            }
        },
        windows: each(5)?.map(Value::bytes).collect::<Option<_>>()?,
        personal: each(6)?.map(personal).collect::<Option<_>>()?,
        documents: each(7)?.map(Value::bytes).collect::<Option<_>>()?,
    })
}

fn personal<'a>(value: &Value<'a>) -> Option<Personal<'a>> {
    let [seq, field, salt, value] = value.cells()?;
    Some(Personal {
        seq: seq.natural().filter(|seq| *seq > 0)?,
        field: field.int().filter(|field| *field >= 0)?,
        salt: salt.fixed()?,
        value: value.text()?,
    })
}
