//! Run lengths: status codes and value classes change rarely, so a chunk holds them as runs.

use super::wire::{Reader, put_uint};

/// Encodes a column of `n` values as runs; an absent column means `n` zeros.
pub(crate) fn encode(column: &[u32], n: usize, out: &mut Vec<u8>) {
    let mut runs: Vec<(u32, u64)> = Vec::new();
    for value in column {
        match runs.last_mut() {
            Some((last, length)) if last == value => *length += 1,
            _ => runs.push((*value, 1)),
        }
    }
    if column.is_empty() && n > 0 {
        runs.push((0, n as u64));
    }
    put_uint(out, runs.len() as u64);
    // The last run's length follows from `n`.
    let last = runs.len().saturating_sub(1);
    for (i, (value, length)) in runs.into_iter().enumerate() {
        put_uint(out, u64::from(value));
        if i < last {
            put_uint(out, length);
        }
    }
}

/// Reads `n` values; an empty vector stands for `n` zeros.
pub(crate) fn decode(reader: &mut Reader<'_>, n: usize) -> Option<Vec<u32>> {
    let runs = reader.count()?;
    let mut column = Vec::new();
    for i in 0..runs {
        let value = u32::try_from(reader.uint()?).ok()?;
        if runs == 1 && value == 0 {
            return Some(Vec::new());
        }
        let left = n.checked_sub(column.len())?;
        let length = if i + 1 == runs { left } else { reader.count()? };
        if length == 0 || length > left {
            return None;
        }
        if column.capacity() == 0 {
            column.reserve_exact(n);
        }
        column.resize(column.len() + length, value);
    }
    (column.len() == n).then_some(column)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_column_comes_back(column in prop::collection::vec(prop_oneof![Just(0_u32), Just(0x8000_0000), any::<u32>()], 0..100)) {
            let mut out = Vec::new();
            encode(&column, column.len(), &mut out);
            let back = decode(&mut Reader::new(&out), column.len()).unwrap();
            if back.is_empty() {
                prop_assert!(column.iter().all(|v| *v == 0));
            } else {
                prop_assert_eq!(back, column);
            }
        }
    }

    #[test]
    fn runs_longer_than_the_chunk_are_refused() {
        let mut out = Vec::new();
        encode(&[1, 1, 1, 2], 4, &mut out);
        assert_eq!(decode(&mut Reader::new(&out), 2), None);
    }
}
