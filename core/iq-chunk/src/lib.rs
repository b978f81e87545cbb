//! Samples of a signal as one piece of bytes: what the historian stores and what leaves for a hub. One
//! blob per chunk with a checksum that also covers the signal and the first time, so that a flipped bit
//! or a misplaced row is noticed, never returned.

pub mod block;
mod status;
mod text;
mod time;
pub mod value;
pub mod wire;

use block::{Block, NONE, NUMBER, TEXT};
use wire::{MAX_SAMPLES, Reader, put_uint};

const VERSION: u8 = 1;
/// Chunk kinds: only numbers, only texts, or classes given as runs.
const NUMBERS: u8 = 0;
const TEXTS: u8 = 1;
const MIXED: u8 = 2;

/// Bits of a chunk's key that hold its first time.
pub const TIME_BITS: u32 = 44;
/// First moment after the times a key can hold (in the year 2527).
pub const TIME_END: i64 = 1 << TIME_BITS;
/// First signal number that is too large.
pub const SIGNAL_END: u32 = 1 << 19;

/// The key of a chunk: clustered by signal, then time.
#[must_use]
pub const fn key(signal_no: u32, t0: i64) -> i64 {
    ((signal_no as i64) << TIME_BITS) | t0
}

/// Encodes a block; `None` for one that is empty.
#[must_use]
pub fn encode(signal_no: u32, block: &Block, level: usize) -> Option<Vec<u8>> {
    let n = block.len();
    let classes = block.classes();
    let kind = if classes.is_empty() || classes.iter().all(|c| *c == NUMBER) {
        NUMBERS
    } else if classes.iter().all(|c| *c >= TEXT) {
        TEXTS
    } else {
        MIXED
    };
    let mut out = Vec::with_capacity(n + 64);
    out.push(VERSION);
    out.push(kind);
    put_uint(&mut out, n as u64);
    time::encode(block.times(), level, &mut out)?;
    status::encode(block.statuses(), n, &mut out);
    if kind == MIXED {
        let runs: Vec<u32> = classes.iter().map(|c| (*c).min(TEXT)).collect();
        status::encode(&runs, n, &mut out);
    }
    match kind {
        NUMBERS => value::encode(block.numbers(), level, &mut out)?,
        _ => {
            let numbers: Vec<f64> = (0..n)
                .filter(|i| classes[*i] == NUMBER)
                .map(|i| block.numbers()[i])
                .collect();
            put_uint(&mut out, numbers.len() as u64);
            if !numbers.is_empty() {
                value::encode(&numbers, level, &mut out)?;
            }
            let indexes: Vec<u32> = classes
                .iter()
                .filter(|c| **c >= TEXT)
                .map(|c| c - TEXT)
                .collect();
            text::encode(&indexes, block.dictionary(), &mut out);
        }
    }
    let crc = checksum(signal_no, *block.times().first()?, &out);
    out.extend_from_slice(&crc.to_le_bytes());
    Some(out)
}

/// Decodes a chunk of `signal_no` that starts at `t0`; `None` when it is damaged.
#[must_use]
pub fn decode(signal_no: u32, t0: i64, blob: &[u8]) -> Option<Block> {
    let body = checked(signal_no, t0, blob)?;
    let mut reader = Reader::new(body);
    if reader.byte()? != VERSION {
        return None;
    }
    let kind = reader.byte()?;
    let n = reader.count().filter(|n| (1..=MAX_SAMPLES).contains(n))?;
    let times = time::decode(&mut reader, t0, n)?;
    let statuses = status::decode(&mut reader, n)?;
    let mut classes = match kind {
        NUMBERS => Vec::new(),
        TEXTS => vec![TEXT; n],
        MIXED => status::decode(&mut reader, n)?,
        _ => return None,
    };
    if kind == NUMBERS {
        let numbers = value::decode(&mut reader, n)?;
        return Some(Block::from_parts(
            times,
            numbers,
            statuses,
            classes,
            Vec::new(),
        ));
    }
    if classes.is_empty() {
        classes = vec![NUMBER; n];
    }
    let count = reader.count()?;
    let packed = if count == 0 {
        Vec::new()
    } else {
        value::decode(&mut reader, count)?
    };
    let texts = classes.iter().filter(|c| **c == TEXT).count();
    let (indexes, dictionary) = text::decode(&mut reader, texts)?;
    let (mut packed, mut indexes) = (packed.into_iter(), indexes.into_iter());
    let mut numbers = vec![0.0; n];
    for (class, number) in classes.iter_mut().zip(&mut numbers) {
        match *class {
            NUMBER => *number = packed.next()?,
            NONE => {}
            _ => *class = TEXT + indexes.next()?,
        }
    }
    Some(Block::from_parts(
        times, numbers, statuses, classes, dictionary,
    ))
}

/// CRC-32 over the identity of the row and its bytes.
#[must_use]
pub fn checksum(signal_no: u32, t0: i64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&key(signal_no, t0).to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// The bytes before the checksum, if it agrees.
#[must_use]
pub fn checked(signal_no: u32, t0: i64, blob: &[u8]) -> Option<&[u8]> {
    let (body, crc) = blob.split_at_checked(blob.len().checked_sub(4)?)?;
    let stored = u32::from_le_bytes(crc.try_into().ok()?);
    (stored == checksum(signal_no, t0, body)).then_some(body)
}

#[cfg(test)]
mod tests {
    use iq_domain::Value;

    use super::*;
    use crate::block::Sample;

    fn block() -> Block {
        let mut block = Block::default();
        for i in 0..500_i64 {
            let value = match i % 7 {
                0 => None,
                1 => Some(Value::Text(
                    if i % 2 == 0 { "running" } else { "يعمل" }.into(),
                )),
                2 => Some(Value::Number(f64::NAN)),
                _ => Some(Value::Number(i as f64 / 10.0)),
            };
            block.upsert(&Sample {
                t: 1_000 + i * 10,
                value,
                status: (i as u32 % 5) << 28,
            });
        }
        block
    }

    #[test]
    fn mixed_texts_numbers_and_missing_values_come_back() {
        let block = block();
        let blob = encode(7, &block, 8).unwrap();
        let back = decode(7, 1_000, &blob).unwrap();
        for i in 0..block.len() {
            assert!(block.sample(i).same(&back.sample(i)), "sample {i}");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let blob = encode(7, &block(), 8).unwrap();
        for at in 0..blob.len() {
            let mut damaged = blob.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(decode(7, 1_000, &damaged).is_none(), "byte {at}");
        }
        assert!(decode(8, 1_000, &blob).is_none(), "another signal's row");
        assert!(decode(7, 1_001, &blob).is_none(), "another time");
        assert!(
            decode(7, 1_000, &blob[..blob.len() - 1]).is_none(),
            "cut off"
        );
        assert!(decode(7, 1_000, &[]).is_none(), "empty");
    }
}
