//! Bytes of a chunk: bounded reading, variable-length integers, bit-packed columns and the bridge to
//! `pco`. Everything that reads returns `None` on short or senseless input; the caller calls the
//! chunk damaged.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};

/// Most samples one chunk may claim to hold; a limit against senseless allocations.
pub const MAX_SAMPLES: usize = 1 << 22;

/// Appends a LEB128 integer.
#[inline]
pub fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer, small magnitudes first.
#[inline]
pub fn put_int(out: &mut Vec<u8>, value: i64) {
    put_uint(out, zigzag(value));
}

/// Appends a length-prefixed byte string.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Signed integers as unsigned ones, small magnitudes first.
#[inline]
#[must_use]
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// And back.
#[inline]
#[must_use]
pub const fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// A reader that never runs past its end.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A byte.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// So many bytes.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }

    /// A LEB128 integer.
    #[inline]
    pub fn uint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A signed integer.
    #[inline]
    pub fn int(&mut self) -> Option<i64> {
        self.uint().map(unzigzag)
    }

    /// A count that must not exceed what a chunk can hold.
    pub fn count(&mut self) -> Option<usize> {
        usize::try_from(self.uint()?)
            .ok()
            .filter(|n| *n <= MAX_SAMPLES)
    }

    /// A length-prefixed byte string.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let n = usize::try_from(self.uint()?).ok()?;
        self.take(n)
    }

    /// Bytes of a fixed number.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

/// Compresses numbers with `pco`; `None` only if the library refuses, which it does for no input of
/// ours.
pub fn pack<T: Number>(numbers: &[T], config: &ChunkConfig, out: &mut Vec<u8>) -> Option<()> {
    if numbers.is_empty() {
        put_uint(out, 0);
        return Some(());
    }
    let file = FileCompressor::default();
    let mut chunk = file.chunk_compressor(numbers, config).ok()?;
    let mut bytes = file.write_header(Vec::with_capacity(numbers.len())).ok()?;
    bytes = chunk.write_meta(bytes).ok()?;
    bytes = chunk.write_page(0, bytes).ok()?;
    put_bytes(out, &bytes);
    Some(())
}

/// Reads back `n` numbers written by [`pack`].
pub fn unpack<T: Number + Default>(reader: &mut Reader<'_>, n: usize) -> Option<Vec<T>> {
    let bytes = reader.bytes()?;
    if n == 0 {
        return Some(Vec::new());
    }
    let (file, rest) = FileDecompressor::new(bytes).ok()?;
    let (mut chunk, rest) = file.chunk_decompressor::<T, _>(rest).ok()?;
    let mut numbers = vec![T::default(); n];
    let progress = chunk
        .page_decompressor(rest, n)
        .ok()?
        .read(&mut numbers)
        .ok()?;
    (progress.finished && progress.n_processed == n).then_some(numbers)
}

/// Appends integers as (smallest, bit width, packed differences, exceptions): for columns too short for
/// `pco`. The few values that do not fit the cheapest width keep their upper bits as exceptions.
pub fn put_column(out: &mut Vec<u8>, column: &[u64]) {
    let low = column.iter().copied().min().unwrap_or(0);
    let width = cheapest_width(column, low);
    let mask = if width == 0 {
        0
    } else {
        u64::MAX >> (64 - width)
    };
    put_uint(out, low);
    out.push(width as u8);
    let (mut pending, mut used) = (0_u128, 0_u32);
    for value in column {
        pending |= u128::from((value - low) & mask) << used;
        used += width;
        while used >= 8 {
            out.push(pending as u8);
            pending >>= 8;
            used -= 8;
        }
    }
    if used > 0 {
        out.push(pending as u8);
    }
    let large = |value: &&u64| **value - low > mask;
    put_uint(out, column.iter().filter(large).count() as u64);
    let mut before = 0;
    for (i, value) in column.iter().enumerate().filter(|(_, value)| large(value)) {
        put_uint(out, (i - before) as u64);
        put_uint(out, (value - low) >> width);
        before = i;
    }
}

/// The bit width at which packed values and exceptions together are smallest.
fn cheapest_width(column: &[u64], low: u64) -> u32 {
    let mut by_width = [0_u64; 65];
    for value in column {
        by_width[(64 - (value - low).leading_zeros()) as usize] += 1;
    }
    let cost = |width: usize| {
        let exceptions: u64 = (width + 1..=64)
            .map(|bits| by_width[bits] * (8 + 8 * (bits - width).div_ceil(7) as u64))
            .sum();
        (column.len() * width) as u64 + exceptions
    };
    (0..=64_usize)
        .min_by_key(|width| cost(*width))
        .unwrap_or(64) as u32
}

/// Reads back a column of `n` integers.
pub fn take_column(reader: &mut Reader<'_>, n: usize) -> Option<Vec<u64>> {
    let low = reader.uint()?;
    let width = u32::from(reader.byte()?);
    if width > 64 {
        return None;
    }
    let bytes = reader.take((n * width as usize).div_ceil(8))?;
    let mut column = Vec::with_capacity(n);
    if width == 0 {
        column.resize(n, 0);
    } else {
        let mask = u64::MAX >> (64 - width);
        let (mut pending, mut held, mut next) = (0_u128, 0_u32, bytes.iter());
        for _ in 0..n {
            while held < width {
                pending |= u128::from(*next.next()?) << held;
                held += 8;
            }
            column.push(pending as u64 & mask);
            pending >>= width;
            held -= width;
        }
    }
    let mut index = 0_usize;
    for _ in 0..reader.count()? {
        index = index.checked_add(reader.count()?)?;
        let high = reader.uint()?.checked_shl(width)?;
        *column.get_mut(index)? |= high;
    }
    column
        .iter_mut()
        .for_each(|value| *value = value.wrapping_add(low));
    Some(column)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_and_columns_come_back(values in prop::collection::vec(any::<u64>(), 0..200), shift in 0_u32..64) {
            let values: Vec<u64> = values.into_iter().map(|v| v >> shift).collect();
            let mut out = Vec::new();
            for v in &values {
                put_uint(&mut out, *v);
                put_int(&mut out, *v as i64);
            }
            put_column(&mut out, &values);
            let mut reader = Reader::new(&out);
            for v in &values {
                prop_assert_eq!(reader.uint(), Some(*v));
                prop_assert_eq!(reader.int(), Some(*v as i64));
            }
            prop_assert_eq!(take_column(&mut reader, values.len()), Some(values));
            prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn short_input_is_refused_not_read_past() {
        assert_eq!(Reader::new(&[0x80]).uint(), None);
        assert_eq!(Reader::new(&[5, 1, 2]).bytes(), None);
        assert_eq!(take_column(&mut Reader::new(&[0, 64, 1]), 1), None);
        assert_eq!(unpack::<u32>(&mut Reader::new(&[3, 1, 2, 3]), 7), None);
    }
}
