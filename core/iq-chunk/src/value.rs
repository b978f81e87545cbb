//! Numbers of a chunk, bit for bit: runs for setpoints and flags, integers for decimal readings, `pco`
//! on 32 or 64 bit floats for the rest. NaN, infinities and the negative zero are exceptions beside it.

use pco::ChunkConfig;

use super::wire::{Reader, pack, put_uint, unpack};

const RUNS: u8 = 0;
const DECIMAL_32: u8 = 1;
const DECIMAL_64: u8 = 2;
const SINGLE: u8 = 3;
const DOUBLE: u8 = 4;
const BITS: u8 = 5;

/// Powers of ten that a decimal reading may be scaled by.
pub const POWERS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

/// Largest scaled integer: sums of a whole chunk of them stay exact.
const LARGEST: f64 = 1_099_511_627_776.0;

/// The integer `value * power` if dividing it gives the very same bits back.
#[inline]
pub fn scaled(value: f64, power: f64) -> Option<i64> {
    // Adding zero turns the negative zero, which no integer can stand for, into the positive one.
    let integer = (value * power).round_ties_even() + 0.0;
    (integer.abs() < LARGEST && (integer / power).to_bits() == value.to_bits())
        .then_some(integer as i64)
}

/// The smallest exponent at which every value is an integer, and these integers.
pub(crate) fn decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut exponent = 0;
    let mut checked = 0;
    // Cheap pass first: find the exponent, then build; most non-decimal data leaves after one value.
    while checked < values.len() {
        if scaled(values[checked], POWERS[exponent]).is_some() {
            checked += 1;
        } else {
            exponent += 1;
            if exponent == POWERS.len() {
                return None;
            }
        }
    }
    let power = POWERS[exponent];
    // A value fitting a small exponent may miss a larger one: the building pass checks again.
    let integers = values
        .iter()
        .map(|v| scaled(*v, power))
        .collect::<Option<Vec<i64>>>()?;
    Some((exponent as u8, integers))
}

/// The exponent at which all finite numbers are integers, if there is one.
pub fn exponent(values: &[f64]) -> Option<u8> {
    let finite: Vec<f64> = values
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .map(|v| v + 0.0)
        .collect();
    decimals(&finite).map(|(exponent, _)| exponent)
}

/// Encodes numbers.
pub(crate) fn encode(values: &[f64], level: usize, out: &mut Vec<u8>) -> Option<()> {
    let runs = 1 + values
        .windows(2)
        .filter(|p| p[0].to_bits() != p[1].to_bits())
        .count();
    if values.len() >= 16 && runs * 8 <= values.len() {
        out.push(RUNS);
        return encode_runs(values, runs, level, out);
    }
    encode_plain(values, level, out)
}

fn encode_runs(values: &[f64], runs: usize, level: usize, out: &mut Vec<u8>) -> Option<()> {
    let mut heads = Vec::with_capacity(runs);
    let mut lengths: Vec<u32> = Vec::with_capacity(runs);
    for value in values {
        match (heads.last(), lengths.last_mut()) {
            (Some(last), Some(length)) if f64::to_bits(*last) == value.to_bits() => *length += 1,
            _ => {
                heads.push(*value);
                lengths.push(1);
            }
        }
    }
    put_uint(out, heads.len() as u64);
    if lengths.len() < 64 {
        // Too few for the entropy coder's header; the last length follows from the count.
        for length in &lengths[..lengths.len() - 1] {
            put_uint(out, u64::from(*length));
        }
    } else {
        pack(
            &lengths,
            &ChunkConfig::default().with_compression_level(level),
            out,
        )?;
    }
    encode_plain(&heads, level, out)
}

fn encode_plain(values: &[f64], level: usize, out: &mut Vec<u8>) -> Option<()> {
    let config = ChunkConfig::default().with_compression_level(level);
    let odd = |v: &f64| !v.is_finite() || (*v == 0.0 && v.is_sign_negative());
    let exceptions = values.iter().filter(|v| odd(v)).count();
    if exceptions * 4 > values.len() || values.len() < 8 {
        out.push(BITS);
        return encode_bits(values, &config, out);
    }
    let mut smooth = Vec::new();
    let regular = if exceptions == 0 {
        values
    } else {
        let mut last = values.iter().copied().find(|v| !odd(v)).unwrap_or(0.0);
        smooth.extend(values.iter().map(|v| {
            if !odd(v) {
                last = *v;
            }
            last
        }));
        &smooth
    };
    let at = out.len();
    out.push(0);
    put_uint(out, exceptions as u64);
    let mut before = 0;
    for (i, value) in values.iter().enumerate().filter(|(_, v)| odd(v)) {
        put_uint(out, (i - before) as u64);
        out.extend_from_slice(&value.to_bits().to_le_bytes());
        before = i;
    }
    if let Some((exponent, integers)) = decimals(regular) {
        out.push(exponent);
        let narrow: Option<Vec<i32>> = integers.iter().map(|k| i32::try_from(*k).ok()).collect();
        out[at] = if narrow.is_some() {
            DECIMAL_32
        } else {
            DECIMAL_64
        };
        return match narrow {
            Some(narrow) => pack(&narrow, &config, out),
            None => pack(&integers, &config, out),
        };
    }
    if regular
        .iter()
        .all(|v| f64::from(*v as f32).to_bits() == v.to_bits())
    {
        out[at] = SINGLE;
        let singles: Vec<f32> = regular.iter().map(|v| *v as f32).collect();
        return pack(&singles, &config, out);
    }
    out[at] = DOUBLE;
    pack(regular, &config, out)
}

/// Few or mostly odd numbers, as their bits.
fn encode_bits(values: &[f64], config: &ChunkConfig, out: &mut Vec<u8>) -> Option<()> {
    if values.len() < 8 {
        for value in values {
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        return Some(());
    }
    let bits: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
    pack(&bits, config, out)
}

/// Reads `n` numbers.
pub(crate) fn decode(reader: &mut Reader<'_>, n: usize) -> Option<Vec<f64>> {
    let mode = reader.byte()?;
    if mode != RUNS {
        return decode_plain(mode, reader, n);
    }
    let runs = reader.count()?;
    if runs == 0 || runs > n {
        return None;
    }
    let lengths: Vec<u32> = if runs < 64 {
        let mut lengths = Vec::with_capacity(runs);
        let mut left = n;
        for _ in 1..runs {
            let length = reader.count()?;
            left = left.checked_sub(length)?;
            lengths.push(u32::try_from(length).ok()?);
        }
        lengths.push(u32::try_from(left).ok()?);
        lengths
    } else {
        unpack(reader, runs)?
    };
    if lengths.iter().map(|l| *l as usize).sum::<usize>() != n {
        return None;
    }
    let mode = reader.byte()?;
    let heads = decode_plain(mode, reader, runs)?;
    let mut values = Vec::with_capacity(n);
    for (head, length) in heads.into_iter().zip(lengths) {
        values.resize(values.len() + length as usize, head);
    }
    Some(values)
}

fn decode_plain(mode: u8, reader: &mut Reader<'_>, n: usize) -> Option<Vec<f64>> {
    if mode == BITS {
        if n < 8 {
            return (0..n)
                .map(|_| reader.array().map(f64::from_le_bytes))
                .collect();
        }
        return Some(
            unpack::<u64>(reader, n)?
                .into_iter()
                .map(f64::from_bits)
                .collect(),
        );
    }
    let count = reader.count()?;
    let mut exceptions = Vec::with_capacity(count.min(n));
    let mut index = 0;
    for _ in 0..count {
        index += reader.count()?;
        exceptions.push((index, f64::from_le_bytes(reader.array()?)));
    }
    let mut values: Vec<f64> = match mode {
        DECIMAL_32 => {
            let power = *POWERS.get(usize::from(reader.byte()?))?;
            unpack::<i32>(reader, n)?
                .into_iter()
                .map(|k| f64::from(k) / power)
                .collect()
        }
        DECIMAL_64 => {
            let power = *POWERS.get(usize::from(reader.byte()?))?;
            unpack::<i64>(reader, n)?
                .into_iter()
                .map(|k| k as f64 / power)
                .collect()
        }
        SINGLE => unpack::<f32>(reader, n)?
            .into_iter()
            .map(f64::from)
            .collect(),
        DOUBLE => unpack::<f64>(reader, n)?,
        _ => return None,
    };
    for (index, value) in exceptions {
        *values.get_mut(index)? = value;
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(values: &[f64]) -> usize {
        let mut out = Vec::new();
        encode(values, 8, &mut out).unwrap();
        let mut reader = Reader::new(&out);
        let back = decode(&mut reader, values.len()).unwrap();
        assert!(reader.is_empty());
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
        out.len()
    }

    #[test]
    fn decimal_readings_with_a_few_nans_stay_small() {
        let mut values: Vec<f64> = (0..8_192)
            .map(|i| f64::from(2_000 + i % 40) / 100.0)
            .collect();
        let clean = round_trip(&values);
        values[77] = f64::from_bits(0x7ff8_dead_beef_0001);
        values[78] = f64::NEG_INFINITY;
        values[9] = -0.0;
        assert!(round_trip(&values) < clean + 64);
        assert!(clean < 8_192);
    }

    #[test]
    fn a_setpoint_costs_a_few_bytes() {
        assert!(round_trip(&[73.25; 8_192]) < 24);
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (-100_000_i32..100_000).prop_map(|k| f64::from(k) / 100.0),
            2 => any::<f32>().prop_map(f64::from),
            1 => any::<u64>().prop_map(f64::from_bits),
            1 => Just(f64::NAN),
            1 => Just(-0.0),
        ]
    }

    proptest! {
        #[test]
        fn any_bits_come_back(mixed in prop::collection::vec(number(), 1..200)) {
            round_trip(&mixed);
        }

        #[test]
        fn one_kind_of_numbers_comes_back(values in prop_oneof![
            prop::collection::vec((-9_000_000_i64..9_000_000_000_000).prop_map(|k| k as f64 / 1e3), 1..100),
            prop::collection::vec(any::<f32>().prop_map(f64::from), 1..100),
            prop::collection::vec(any::<f64>(), 1..100),
            prop::collection::vec(prop_oneof![50 => Just(1.0), 1 => Just(0.0)], 1..3_000),
        ]) {
            round_trip(&values);
        }
    }
}
