//! Texts of a chunk: a dictionary of the distinct ones, then runs of indexes into it.

use std::sync::Arc;

use super::status;
use super::wire::{Reader, put_bytes, put_uint};

/// Encodes the texts at the given dictionary indexes.
pub(crate) fn encode(indexes: &[u32], dictionary: &[Arc<str>], out: &mut Vec<u8>) {
    put_uint(out, dictionary.len() as u64);
    for text in dictionary {
        put_bytes(out, text.as_bytes());
    }
    status::encode(indexes, indexes.len(), out);
}

/// Reads `n` indexes and the dictionary they point into.
pub(crate) fn decode(reader: &mut Reader<'_>, n: usize) -> Option<(Vec<u32>, Vec<Arc<str>>)> {
    let count = reader.count()?;
    let mut dictionary = Vec::with_capacity(count.min(1_024));
    for _ in 0..count {
        dictionary.push(Arc::from(std::str::from_utf8(reader.bytes()?).ok()?));
    }
    let mut indexes = status::decode(reader, n)?;
    if indexes.is_empty() {
        indexes = vec![0; n];
    }
    indexes
        .iter()
        .all(|i| (*i as usize) < count)
        .then_some((indexes, dictionary))
}
