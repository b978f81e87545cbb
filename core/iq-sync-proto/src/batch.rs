//! Batches: consecutive records of one log, exactly as they are stored, under a signed header.

use std::io::Read;

use iq_domain::cbor::{self, Value};

use crate::{
    Hash, Id, MAX_MESSAGE, MAX_PACKED, MAX_RAW, MAX_RECORDS,
    sign::{PublicKey, Signed, SigningKey, leaf_hash, sha256},
    wire::{self, Head, Line, Malformed},
};

/// What is signed: this tag, a zero byte, the header.
pub const TAG: &str = "optria-batch-v1";
/// The version of the header.
const VERSION: i64 = 1;
/// Fast and small enough: events shrink to a thirtieth.
const LEVEL: i32 = 1;

/// Which records a batch holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// 2: the tenant as the records name it.
    pub tenant: Id,
    /// 3: the appliance.
    pub appliance: Id,
    /// 4, 5: epoch and stream.
    pub line: Line,
    /// 6: number of the first record.
    pub first: u64,
    /// 7: of the last.
    pub last: u64,
    /// 8: leaf of the record before the first; zeros before number 1.
    pub prev_hash: Hash,
    /// 9: leaf of the last record.
    pub end_hash: Hash,
    /// 10: the newest version among the records.
    pub schema: u32,
    /// 11: bytes of the body.
    pub len_raw: u64,
    /// 12: SHA-256 of the body as it travels, compressed: checked before anything is unpacked.
    pub body_hash: Hash,
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        Value::map([
            (1, Value::Int(VERSION)),
            (2, Value::Bytes(&self.tenant)),
            (3, Value::Bytes(&self.appliance)),
            (4, Value::Bytes(&self.line.epoch)),
            (5, Value::Int(i64::from(self.line.stream))),
            (6, Value::count(self.first)),
            (7, Value::count(self.last)),
            (8, Value::Bytes(&self.prev_hash)),
            (9, Value::Bytes(&self.end_hash)),
            (10, Value::Int(i64::from(self.schema))),
            (11, Value::count(self.len_raw)),
            (12, Value::Bytes(&self.body_hash)),
        ])
        .encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let value = wire::value(bytes)?;
        let [
            version,
            tenant,
            appliance,
            epoch,
            stream,
            first,
            last,
            prev,
            end,
            schema,
            raw,
            body,
        ] = wire::fields(&value)?;
        if version.int() != Some(VERSION) {
            return Err(Malformed);
        }
        let header = Self {
            tenant: wire::bytes(tenant)?,
            appliance: wire::bytes(appliance)?,
            line: Line {
                epoch: wire::bytes(epoch)?,
                stream: wire::stream_number(stream)?,
            },
            first: wire::number(first)?,
            last: wire::number(last)?,
            prev_hash: wire::bytes(prev)?,
            end_hash: wire::bytes(end)?,
            schema: wire::number(schema)?,
            len_raw: wire::number(raw)?,
            body_hash: wire::bytes(body)?,
        };
        let is_range = header.first >= 1 && header.last >= header.first;
        let begins_right = (header.first == 1) == (header.prev_hash == Head::EMPTY.hash);
        if is_range && begins_right {
            Ok(header)
        } else {
            Err(Malformed)
        }
    }

    /// How many records.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// Records that follow each other, and where they begin.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The tenant as the records name it.
    pub tenant: Id,
    /// The appliance.
    pub appliance: Id,
    /// Their log.
    pub line: Line,
    /// The record before the first.
    pub after: Head,
    /// The records.
    pub records: &'a [Vec<u8>],
}

/// A batch as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// What it holds.
    pub header: Header,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The next record is larger than any batch may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Its number.
    pub seq: u64,
}

/// Packs as many of the records, from the first, as one batch may hold; none of none.
///
/// # Errors
/// When not even the first fits.
pub fn pack(run: Run<'_>, key: &SigningKey) -> Result<Option<Packed>, TooLarge> {
    let mut count = fitting(run.records);
    if run.records.is_empty() {
        return Ok(None);
    }
    loop {
        if count == 0 {
            return Err(TooLarge {
                seq: run.after.seq + 1,
            });
        }
        let records = &run.records[..count];
        let raw: Vec<u8> = records
            .iter()
            .map(|record| Value::Bytes(record))
            .collect::<Value>()
            .encode();
        // The level is a constant that the library knows; what it can't do is as if it were too large.
        match zstd::bulk::compress(&raw, LEVEL) {
            Ok(body) if body.len() <= MAX_PACKED && raw.len() <= MAX_RAW => {
                return Ok(Some(sealed(run, records, raw.len(), &body, key)));
            }
            _ => count /= 2,
        }
    }
}

/// How many records stay below the limits before they are compressed.
fn fitting(records: &[Vec<u8>]) -> usize {
    let mut room = MAX_RAW;
    records
        .iter()
        .take(MAX_RECORDS)
        .take_while(|record| {
            // Five bytes hold the length of any record that fits, five more that of the list.
            let taken = room.checked_sub(record.len() + 5).filter(|left| *left >= 5);
            room = taken.unwrap_or_default();
            taken.is_some()
        })
        .count()
}

fn sealed(run: Run<'_>, records: &[Vec<u8>], raw: usize, body: &[u8], key: &SigningKey) -> Packed {
    let end_hash = records
        .last()
        .map_or(run.after.hash, |last| leaf_hash(last));
    let header = Header {
        tenant: run.tenant,
        appliance: run.appliance,
        line: run.line,
        first: run.after.seq + 1,
        last: run.after.seq + records.len() as u64,
        prev_hash: run.after.hash,
        end_hash,
        schema: records
            .iter()
            .filter_map(|record| version(record))
            .max()
            .unwrap_or(0),
        len_raw: raw as u64,
        body_hash: sha256(body),
    };
    let signed = Signed::new(TAG, header.encode(), key);
    let bytes = Value::map([
        (1, Value::Bytes(&signed.message)),
        (2, Value::Bytes(&signed.signature)),
        (3, Value::Bytes(body)),
    ])
    .encode();
    Packed { header, bytes }
}

/// Why a batch is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a batch, or one whose records are not what its header says.
    Malformed,
    /// Not signed by the key.
    Signature,
    /// Beyond a limit.
    TooLarge,
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// A batch as it arrived: the header can be read, nothing is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// What it says it holds.
    pub header: Header,
    signed: Signed,
    body: &'a [u8],
}

/// A batch that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What it holds.
    pub header: Header,
    /// The records, exactly as the appliance stores them.
    pub records: Vec<Vec<u8>>,
    /// Their leaves.
    pub leaves: Vec<Hash>,
    /// Numbers of records of a version this program does not know. They are kept like all others and
    /// looked into by a later version; nothing waits for them.
    pub unreadable: Vec<u64>,
}

impl<'a> Envelope<'a> {
    /// Reads the bytes of a request.
    ///
    /// # Errors
    /// When they are too many, or no batch.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Refusal::TooLarge);
        }
        let value = wire::value(bytes)?;
        let [header, signature, body] = wire::fields(&value)?;
        let signed = Signed {
            message: header.bytes().ok_or(Malformed)?.to_vec(),
            signature: wire::bytes(signature)?,
        };
        Ok(Self {
            header: Header::decode(&signed.message)?,
            signed,
            body: body.bytes().ok_or(Malformed)?,
        })
    }

    /// Verifies with the appliance's key and unpacks: signature, hash of the body, limits, then every
    /// record's own word on which log it is of, which number it has and which record it follows.
    ///
    /// # Errors
    /// The first thing that is not right.
    pub fn open(self, key: PublicKey) -> Result<Opened, Refusal> {
        if !self.signed.is_by(TAG, key) {
            return Err(Refusal::Signature);
        }
        if sha256(self.body) != self.header.body_hash {
            return Err(Refusal::Malformed);
        }
        if self.header.count() > MAX_RECORDS as u64
            || self.header.len_raw > MAX_RAW as u64
            || self.body.len() > MAX_PACKED
        {
            return Err(Refusal::TooLarge);
        }
        let raw = unpack(self.body, self.header.len_raw)?;
        let value = wire::value(&raw)?;
        let records: Vec<Vec<u8>> = wire::items(&value, MAX_RECORDS)?
            .iter()
            .map(|item| item.bytes().map(<[u8]>::to_vec).ok_or(Malformed))
            .collect::<Result<_, _>>()?;
        let leaves: Vec<Hash> = records.iter().map(|record| leaf_hash(record)).collect();
        if records.len() as u64 != self.header.count()
            || leaves.last() != Some(&self.header.end_hash)
        {
            return Err(Refusal::Malformed);
        }
        let unreadable = check_links(&self.header, &records, &leaves)?;
        Ok(Opened {
            header: self.header,
            records,
            leaves,
            unreadable,
        })
    }
}

/// Unpacks exactly as many bytes as were announced; a body that holds more is never read to its end.
fn unpack(body: &[u8], len_raw: u64) -> Result<Vec<u8>, Refusal> {
    let decoder = zstd::stream::read::Decoder::new(body).map_err(|_| Refusal::Malformed)?;
    let mut raw = Vec::new();
    let read = decoder.take(len_raw + 1).read_to_end(&mut raw);
    match read {
        Ok(read) if read as u64 == len_raw => Ok(raw),
        Ok(read) if read as u64 > len_raw => Err(Refusal::TooLarge),
        _ => Err(Refusal::Malformed),
    }
}

/// The version of a record, if it is one.
fn version(record: &[u8]) -> Option<u32> {
    let value = cbor::decode(record).ok()?;
    u32::try_from(value.get(1)?.int()?).ok()
}

fn check_links(
    header: &Header,
    records: &[Vec<u8>],
    leaves: &[Hash],
) -> Result<Vec<u64>, Malformed> {
    let mut unreadable = Vec::new();
    let mut prev = &header.prev_hash;
    for ((record, leaf), seq) in records.iter().zip(leaves).zip(header.first..) {
        match cbor::decode(record) {
            Ok(value) if value.get(1).and_then(Value::int) == Some(1) => {
                let is =
                    |key: i64, wanted: &[u8]| value.get(key).and_then(Value::bytes) == Some(wanted);
                let number = |key: i64| value.get(key).and_then(Value::natural);
                let is_linked = is(2, &header.tenant)
                    && is(3, &header.appliance)
                    && is(4, &header.line.epoch)
                    && number(5) == Some(u64::from(header.line.stream))
                    && number(6) == Some(seq)
                    && is(7, prev);
                if !is_linked {
                    return Err(Malformed);
                }
            }
            _ => unreadable.push(seq),
        }
        prev = leaf;
    }
    Ok(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{KEY, LINE, log_of, record};

    fn packed(records: &[Vec<u8>], after: Head) -> Packed {
        let run = Run {
            tenant: [1; 16],
            appliance: [2; 16],
            line: LINE,
            after,
            records,
        };
        pack(run, &KEY()).unwrap().unwrap()
    }

    fn open(bytes: &[u8]) -> Result<Opened, Refusal> {
        Envelope::decode(bytes)?.open(KEY().public())
    }

    #[test]
    fn holds_the_records_as_they_are_stored() {
        let log = log_of(10);
        let batch = packed(&log, Head::EMPTY);
        let opened = open(&batch.bytes).unwrap();
        assert_eq!(opened.records, log);
        assert_eq!(opened.header, batch.header);
        assert_eq!((batch.header.first, batch.header.last), (1, 10));
        assert_eq!(batch.header.end_hash, leaf_hash(&log[9]));
        assert!(opened.unreadable.is_empty());
        let after = Head {
            seq: 4,
            hash: leaf_hash(&log[3]),
        };
        let tail = open(&packed(&log[4..], after).bytes).unwrap();
        assert_eq!((tail.header.first, tail.header.prev_hash), (5, after.hash));
    }

    /// The bytes others rely on: a change here is a new version of the protocol.
    #[test]
    fn golden() {
        let batch = packed(&log_of(2), Head::EMPTY);
        let header = Envelope::decode(&batch.bytes).unwrap().signed.message;
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let (one, two, three) = ("01".repeat(16), "02".repeat(16), "03".repeat(16));
        let zeros = "00".repeat(32);
        let begin = format!("ac01010250{one}0350{two}0450{three}05010601070208 5820{zeros}095820");
        assert!(
            hex(&header).starts_with(&begin.replace(' ', "")),
            "{}",
            hex(&header)
        );
        assert_eq!(
            hex(&sha256(&batch.bytes)),
            "016677b39bf58c4561c58a2852a7c402c7772f455e522a6d2a3fcac3ca04ceae"
        );
        assert_eq!(
            (MAX_RECORDS, MAX_PACKED, MAX_RAW),
            (5_000, 1_048_576, 8_388_608)
        );
        assert_eq!(TAG, "optria-batch-v1");
    }

    #[test]
    fn every_bit_matters() {
        let batch = packed(&log_of(3), Head::EMPTY);
        for at in 0..batch.bytes.len() * 8 {
            let mut other = batch.bytes.clone();
            other[at / 8] ^= 1 << (at % 8);
            assert!(open(&other).is_err(), "bit {at}");
        }
        assert_eq!(
            Envelope::decode(&batch.bytes)
                .unwrap()
                .open(SigningKey::from_seed(&[99; 32]).public()),
            Err(Refusal::Signature)
        );
    }

    #[test]
    fn records_of_another_log_are_refused_and_newer_ones_kept() {
        let mut log = log_of(3);
        log[1] = record(2, [9; 32], 1);
        assert_eq!(
            open(&packed(&log, Head::EMPTY).bytes),
            Err(Refusal::Malformed)
        );
        let mut log = log_of(3);
        log[1] = b"from a later program".to_vec();
        log[2] = record(3, leaf_hash(&log[1]), 1);
        let opened = open(&packed(&log, Head::EMPTY).bytes).unwrap();
        assert_eq!(opened.unreadable, [2]);
    }

    #[test]
    fn limits_cut_and_refuse() {
        let long = log_of(5_003);
        assert_eq!(packed(&long, Head::EMPTY).header.last, 5_000);
        // What does not shrink fills a batch by its compressed size.
        let noise: Vec<Vec<u8>> = (0..40_u64).map(|n| noise(n, 100_000)).collect();
        let batch = packed(&noise, Head::EMPTY);
        assert!(
            (5..=10).contains(&batch.header.last),
            "{}",
            batch.header.last
        );
        assert!(batch.bytes.len() <= MAX_MESSAGE);
        let run = Run {
            tenant: [1; 16],
            appliance: [2; 16],
            line: LINE,
            after: Head {
                seq: 7,
                hash: [1; 32],
            },
            records: &[vec![0; MAX_RAW]],
        };
        assert_eq!(pack(run, &KEY()), Err(TooLarge { seq: 8 }));
        assert_eq!(open(&vec![0; MAX_MESSAGE + 1]), Err(Refusal::TooLarge));
    }

    #[test]
    fn a_body_that_swells_is_cut_short() {
        let log = log_of(1);
        let mut header = packed(&log, Head::EMPTY).header;
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        assert!(bomb.len() < MAX_PACKED);
        header.body_hash = sha256(&bomb);
        let signed = Signed::new(TAG, header.encode(), &KEY());
        let bytes = Value::map([
            (1, Value::Bytes(&signed.message)),
            (2, Value::Bytes(&signed.signature)),
            (3, Value::Bytes(&bomb)),
        ])
        .encode();
        assert_eq!(open(&bytes), Err(Refusal::TooLarge));
    }

    fn noise(seed: u64, len: u64) -> Vec<u8> {
        (0..len / 32)
            .flat_map(|n| sha256(&[seed.to_be_bytes(), n.to_be_bytes()].concat()))
            .collect()
    }
}
