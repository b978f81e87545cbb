//! For tests alone: the stored forms, read from bytes that none of ours wrote. A checksum that agrees is
//! put behind them, so that what it would catch is left to the decoder. The feature that brings this is
//! for tests only.

use iq_domain::Value;

use iq_chunk::{self as chunk, SIGNAL_END, TIME_END, block::Block};

use crate::rollup;

/// Reads a chunk and every sample of it; how many can be used.
#[must_use]
pub fn read_chunk(signal_no: u32, t0: i64, content: &[u8]) -> Option<usize> {
    let (signal_no, t0) = within(signal_no, t0);
    let block = chunk::decode(signal_no, t0, &sealed(signal_no, t0, content))?;
    let usable = (0..block.len()).filter(|i| block.sample(*i).is_usable());
    Some(usable.count())
}

/// Reads rollups of stretches of `length` milliseconds; how many there are.
#[must_use]
pub fn read_rollups(signal_no: u32, t0: i64, length: i64, content: &[u8]) -> Option<usize> {
    let (signal_no, t0) = within(signal_no, t0);
    rollup::decode(signal_no, t0, length, &sealed(signal_no, t0, content)).map(|rolls| rolls.len())
}

/// A chunk as it is stored, without its checksum: numbers, or with gaps and texts among them.
#[must_use]
pub fn made_chunk(is_mixed: bool) -> Vec<u8> {
    let mut block = Block::default();
    for i in 0..300_i64 {
        let value = match i % 5 {
            1 if is_mixed => None,
            2 if is_mixed => Some(Value::Text("running".into())),
            _ => Some(Value::Number(i as f64 * 0.25)),
        };
        block.put(i * 1_000, value.as_ref(), u32::from(i % 7 == 0) << 30);
    }
    let mut blob = chunk::encode(1, &block, 8).unwrap_or_default();
    blob.truncate(blob.len().saturating_sub(4));
    blob
}

/// Keys as a row can hold them.
fn within(signal_no: u32, t0: i64) -> (u32, i64) {
    (signal_no % SIGNAL_END, t0.rem_euclid(TIME_END))
}

fn sealed(signal_no: u32, t0: i64, content: &[u8]) -> Vec<u8> {
    let mut blob = content.to_vec();
    blob.extend_from_slice(&chunk::checksum(signal_no, t0, content).to_le_bytes());
    blob
}
