//! What a courier file holds once it is opened: a signed manifest, then batches as they would travel
//! over the network. The file itself is this, encrypted to the hub with age; the manifest inside names
//! the recipient, so that nobody can pass on what was meant for another.

use iq_domain::cbor::Value;

use crate::{
    Hash, Id, MAX_BUNDLE, MAX_MESSAGE,
    batch::{Envelope, Opened, Refusal},
    sign::{PublicKey, Signed, SigningKey, sha256},
    wire::{self, Line, Malformed},
};

/// What is signed: this tag, a zero byte, the manifest.
pub const TAG: &str = "optria-bundle-v1";
/// The first bytes of an opened file.
pub const MAGIC: &[u8; 8] = b"OQB1\r\n\x1a\n";
/// Batches of one file.
pub const MAX_BATCHES: usize = 65_536;

/// What a file says it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The tenant as the appliance's records name it.
    pub tenant: Id,
    /// The appliance.
    pub appliance: Id,
    /// For whom: the age recipient.
    pub recipient: String,
    /// Number of the file, from 1; each export goes on counting.
    pub number: u64,
    /// When it was made, Unix milliseconds; shown, never decided on.
    pub created_ms: i64,
    /// Random.
    pub nonce: Id,
    /// First and last record, by log.
    pub ranges: Vec<(Line, u64, u64)>,
    /// SHA-256 of each batch's bytes, in order.
    pub batches: Vec<Hash>,
}

impl Manifest {
    fn encode(&self) -> Vec<u8> {
        let ranges = self.ranges.iter().map(|(line, first, last)| {
            Value::Array(vec![
                Value::Bytes(&line.epoch),
                Value::Int(i64::from(line.stream)),
                Value::count(*first),
                Value::count(*last),
            ])
        });
        Value::map([
            (1, Value::Bytes(&self.tenant)),
            (2, Value::Bytes(&self.appliance)),
            (3, Value::Text(&self.recipient)),
            (4, Value::count(self.number)),
            (5, Value::Int(self.created_ms)),
            (6, Value::Bytes(&self.nonce)),
            (7, ranges.collect()),
            (
                8,
                self.batches.iter().map(|hash| Value::Bytes(hash)).collect(),
            ),
        ])
        .encode()
    }

    fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let value = wire::value(message)?;
        let [
            tenant,
            appliance,
            recipient,
            number,
            created,
            nonce,
            ranges,
            batches,
        ] = wire::fields(&value)?;
        let range = |value: &Value<'_>| {
            let [epoch, stream, first, last] = value.cells().ok_or(Malformed)?;
            let line = Line {
                epoch: wire::bytes(epoch)?,
                stream: wire::stream_number(stream)?,
            };
            Ok((line, wire::number(first)?, wire::number(last)?))
        };
        Ok(Self {
            tenant: wire::bytes(tenant)?,
            appliance: wire::bytes(appliance)?,
            recipient: wire::text(recipient, 128)?,
            number: wire::number(number)?,
            created_ms: wire::number(created)?,
            nonce: wire::bytes(nonce)?,
            ranges: wire::items(ranges, MAX_BATCHES)?
                .iter()
                .map(range)
                .collect::<Result<_, _>>()?,
            batches: wire::items(batches, MAX_BATCHES)?
                .iter()
                .map(wire::bytes)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The bytes of a file before they are encrypted. `manifest.batches` is filled in from the batches.
#[must_use]
pub fn write(mut manifest: Manifest, batches: &[Vec<u8>], key: &SigningKey) -> Vec<u8> {
    manifest.batches = batches.iter().map(|batch| sha256(batch)).collect();
    let signed = Signed::new(TAG, manifest.encode(), key).encode();
    let mut out = MAGIC.to_vec();
    for part in std::iter::once(&signed).chain(batches) {
        // No part comes near four gigabytes: batches have a limit, and so has their number.
        out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

/// A file that was decrypted: the manifest can be read, nothing is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle<'a> {
    /// What it says it holds.
    pub manifest: Manifest,
    signed: Signed,
    batches: Vec<&'a [u8]>,
}

impl<'a> Bundle<'a> {
    /// Reads the bytes of a decrypted file.
    ///
    /// # Errors
    /// When they are none, or beyond a limit.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_BUNDLE {
            return Err(Refusal::TooLarge);
        }
        let mut rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or(Malformed)?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Malformed)?;
            let (part, after) = after.split_at_checked(length).ok_or(Malformed)?;
            if parts.len() > MAX_BATCHES {
                return Err(Refusal::TooLarge);
            }
            parts.push(part);
            rest = after;
        }
        let (first, batches) = parts.split_first().ok_or(Malformed)?;
        let signed = Signed::decode(first)?;
        Ok(Self {
            manifest: Manifest::decode(&signed.message)?,
            signed,
            batches: batches.to_vec(),
        })
    }

    /// The batches as they would arrive over the network, if the whole file is the appliance's and was
    /// made for this recipient.
    ///
    /// # Errors
    /// `Signature` when it is another's or for another; `Malformed` when a batch is missing, changed or
    /// too many.
    pub fn verify(&self, key: PublicKey, recipient: &str) -> Result<&[&'a [u8]], Refusal> {
        if !self.signed.is_by(TAG, key) || self.manifest.recipient != recipient {
            return Err(Refusal::Signature);
        }
        let is_whole = self.batches.len() == self.manifest.batches.len()
            && self
                .batches
                .iter()
                .zip(&self.manifest.batches)
                .all(|(batch, hash)| batch.len() <= MAX_MESSAGE && sha256(batch) == *hash);
        if is_whole {
            Ok(&self.batches)
        } else {
            Err(Refusal::Malformed)
        }
    }

    /// Opens one of its batches; it must be of the manifest's appliance.
    ///
    /// # Errors
    /// As [`Envelope::open`].
    pub fn open_batch(&self, batch: &[u8], key: PublicKey) -> Result<Opened, Refusal> {
        let opened = Envelope::decode(batch)?.open(key)?;
        let is_ours = opened.header.tenant == self.manifest.tenant
            && opened.header.appliance == self.manifest.appliance;
        if is_ours {
            Ok(opened)
        } else {
            Err(Refusal::Signature)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        batch::{Run, pack},
        testkit::{KEY, LINE, log_of},
        wire::Head,
    };

    fn file() -> Vec<u8> {
        let log = log_of(4);
        let run = Run {
            tenant: [1; 16],
            appliance: [2; 16],
            line: LINE,
            after: Head::EMPTY,
            records: &log,
        };
        let batch = pack(run, &KEY()).unwrap().unwrap().bytes;
        let manifest = Manifest {
            tenant: [1; 16],
            appliance: [2; 16],
            recipient: "age1hub".to_owned(),
            number: 3,
            created_ms: 5,
            nonce: [6; 16],
            ranges: vec![(LINE, 1, 4)],
            batches: Vec::new(),
        };
        write(manifest, &[batch.clone(), batch], &KEY())
    }

    #[test]
    fn is_whole_signed_and_for_one_hub() {
        let bytes = file();
        let bundle = Bundle::decode(&bytes).unwrap();
        assert_eq!(bundle.manifest.number, 3);
        let key = KEY().public();
        let batches = bundle.verify(key, "age1hub").unwrap();
        assert_eq!(batches.len(), 2);
        assert_eq!(bundle.open_batch(batches[0], key).unwrap().records.len(), 4);
        assert_eq!(bundle.verify(key, "age1other"), Err(Refusal::Signature));
        let other = SigningKey::from_seed(&[77; 32]).public();
        assert_eq!(bundle.verify(other, "age1hub"), Err(Refusal::Signature));
    }

    #[test]
    fn every_bit_and_every_cut_matters() {
        let bytes = file();
        let is_good = |bytes: &[u8]| {
            Bundle::decode(bytes)
                .is_ok_and(|bundle| bundle.verify(KEY().public(), "age1hub").is_ok())
        };
        assert!(is_good(&bytes));
        for at in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[at / 8] ^= 1 << (at % 8);
            assert!(!is_good(&other), "bit {at}");
        }
        for length in 0..bytes.len() {
            assert!(!is_good(&bytes[..length]), "cut at {length}");
        }
    }
}
