//! Rollups of a chunk, per minute and per hour: count, smallest, largest, sum, first and last of the
//! good, finite samples, and how many samples were not. They are a function of the chunk alone, and
//! all of them merge, so sealed, hot and late data combine exactly.

use iq_domain::{Bucket, Timestamp};

use iq_chunk::block::Block;
use iq_chunk::value::POWERS;
use iq_chunk::wire::{Reader, put_column, put_int, put_uint, take_column, unzigzag, zigzag};
use iq_chunk::{checked, checksum};

/// Length of a fine rollup.
pub(crate) const MINUTE: i64 = 60_000;
/// Length of a coarse rollup.
pub(crate) const HOUR: i64 = 3_600_000;

const SINGLE: u8 = 0x10;
const DOUBLE: u8 = 0x11;
/// Added to scaled integers so that they are never negative.
const OFFSET: i64 = 1 << 40;

/// One rollup; without good samples the numbers mean nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Roll {
    /// Start, in milliseconds.
    pub(crate) t: i64,
    /// Good, finite samples.
    pub(crate) n: u64,
    /// Other samples.
    pub(crate) bad: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    pub(crate) first: f64,
    pub(crate) last: f64,
}

impl Roll {
    pub(crate) const fn empty(t: i64) -> Self {
        Self {
            t,
            n: 0,
            bad: 0,
            min: 0.0,
            max: 0.0,
            sum: 0.0,
            first: 0.0,
            last: 0.0,
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, number: f64) {
        // One zero: aggregates do not tell the negative zero from the positive.
        let number = number + 0.0;
        if self.n == 0 {
            *self = Self {
                n: 1,
                min: number,
                max: number,
                sum: number,
                first: number,
                last: number,
                ..*self
            };
            return;
        }
        self.n += 1;
        self.min = if number < self.min { number } else { self.min };
        self.max = if number > self.max { number } else { self.max };
        self.sum += number;
        self.last = number;
    }

    /// Adds a rollup of later samples.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.bad += later.bad;
        if later.n == 0 {
            return;
        }
        if self.n == 0 {
            *self = Self {
                t: self.t,
                bad: self.bad,
                ..*later
            };
            return;
        }
        self.n += later.n;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum += later.sum;
        self.last = later.last;
    }

    pub(crate) const fn bucket(&self) -> Bucket {
        Bucket {
            t: Timestamp(self.t),
            count: self.n,
            min: self.min,
            max: self.max,
            sum: self.sum,
            first: self.first,
            last: self.last,
        }
    }
}

/// Collects rollups of one length from samples and finer rollups given in the order of time.
pub(crate) struct Collector {
    length: i64,
    next: i64,
    pub(crate) rolls: Vec<Roll>,
}

impl Collector {
    pub(crate) const fn new(length: i64) -> Self {
        Self {
            length,
            next: i64::MIN,
            rolls: Vec::new(),
        }
    }

    #[inline]
    fn at(&mut self, t: i64) -> &mut Roll {
        if t >= self.next || self.rolls.is_empty() {
            let start = t.div_euclid(self.length) * self.length;
            self.next = start.saturating_add(self.length);
            self.rolls.push(Roll::empty(start));
        }
        let last = self.rolls.len() - 1;
        &mut self.rolls[last]
    }

    pub(crate) fn samples(&mut self, block: &Block, span: std::ops::Range<usize>) {
        let times = block.times();
        let mut i = span.start;
        while i < span.end {
            self.at(times[i]);
            let next = self.next;
            let end = i + times[i..span.end].partition_point(|t| *t < next);
            let roll = self.at(times[i]);
            if block.statuses().is_empty() && block.classes().is_empty() {
                for number in &block.numbers()[i..end] {
                    if number.is_finite() {
                        roll.add(*number)
                    } else {
                        roll.bad += 1
                    }
                }
            } else {
                for k in i..end {
                    match block.usable_number(k) {
                        Some(number) => roll.add(number),
                        None => roll.bad += 1,
                    }
                }
            }
            i = end;
        }
    }

    pub(crate) fn roll(&mut self, finer: &Roll) {
        self.at(finer.t).merge(finer);
    }
}

/// Rollups of a block per minute and per hour.
pub(crate) fn of(block: &Block) -> (Vec<Roll>, Vec<Roll>) {
    let mut minutes = Collector::new(MINUTE);
    minutes.samples(block, 0..block.len());
    let mut hours = Collector::new(HOUR);
    for minute in &minutes.rolls {
        hours.roll(minute);
    }
    (minutes.rolls, hours.rolls)
}

/// Maps a float to an integer that sorts the same way.
const fn ordered(bits: u64, sign: u64) -> u64 {
    if bits & sign == 0 {
        bits | sign
    } else {
        !bits & (sign | (sign - 1))
    }
}

const fn unordered(code: u64, sign: u64) -> u64 {
    if code & sign == 0 {
        !code & (sign | (sign - 1))
    } else {
        code & !sign
    }
}

/// How the numbers of one set of rollups map to integers that sort alike.
#[derive(Clone, Copy)]
enum Lattice {
    Decimal(u8),
    Single,
    Double,
}

impl Lattice {
    /// `exponent` is that of all numbers of the chunk: sums are then integers as well.
    fn of(rolls: &[Roll], exponent: Option<u8>) -> Self {
        let numbers: Vec<f64> = rolls
            .iter()
            .filter(|r| r.n > 0)
            .flat_map(|r| [r.min, r.max, r.first, r.last])
            .collect();
        if let Some(e) = exponent
            && rolls
                .iter()
                .all(|r| (r.sum * POWERS[usize::from(e)]).abs() < 1e15)
        {
            return Self::Decimal(e);
        }
        if numbers
            .iter()
            .all(|v| f64::from(*v as f32).to_bits() == v.to_bits())
        {
            return Self::Single;
        }
        Self::Double
    }

    const fn code(self) -> u8 {
        match self {
            Self::Decimal(exponent) => exponent,
            Self::Single => SINGLE,
            Self::Double => DOUBLE,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        match code {
            SINGLE => Some(Self::Single),
            DOUBLE => Some(Self::Double),
            exponent => POWERS
                .get(usize::from(exponent))
                .map(|_| Self::Decimal(exponent)),
        }
    }

    fn to_integer(self, number: f64) -> u64 {
        match self {
            Self::Decimal(e) => {
                let scaled = (number * POWERS[usize::from(e)]).round_ties_even() as i64;
                (scaled + OFFSET) as u64
            }
            Self::Single => ordered(u64::from((number as f32).to_bits()), 1 << 31),
            Self::Double => ordered(number.to_bits(), 1 << 63),
        }
    }

    fn to_number(self, integer: u64) -> f64 {
        match self {
            Self::Decimal(e) => {
                (integer as i64).wrapping_sub(OFFSET) as f64 / POWERS[usize::from(e)]
            }
            Self::Single => f64::from(f32::from_bits(unordered(integer, 1 << 31) as u32)),
            Self::Double => f64::from_bits(unordered(integer, 1 << 63)),
        }
    }

    /// The sum as an integer: beside that of `n` times the middle for decimals, else its bits.
    fn sum_to_integer(self, roll: &Roll, min: u64, max: u64) -> u64 {
        match self {
            Self::Decimal(e) => {
                let sum = (roll.sum * POWERS[usize::from(e)]).round_ties_even() as i64;
                zigzag(sum - middle_sum(roll.n, min, max))
            }
            _ => roll.sum.to_bits(),
        }
    }

    fn sum_to_number(self, integer: u64, n: u64, min: u64, max: u64) -> f64 {
        match self {
            Self::Decimal(e) => {
                let sum = unzigzag(integer).wrapping_add(middle_sum(n, min, max));
                sum as f64 / POWERS[usize::from(e)]
            }
            _ => f64::from_bits(integer),
        }
    }
}

/// What the sum would be if the mean lay in the middle between the extremes.
const fn middle_sum(n: u64, min: u64, max: u64) -> i64 {
    let ends = (min as i64)
        .wrapping_add(max as i64)
        .wrapping_sub(2 * OFFSET);
    (n as i64).wrapping_mul(ends) >> 1
}

/// Encodes the rollups of the chunk of `signal_no` that starts at `t0`.
pub(crate) fn encode(
    signal_no: u32,
    t0: i64,
    length: i64,
    rolls: &[Roll],
    exponent: Option<u8>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(rolls.len() * 6 + 48);
    put_uint(&mut out, rolls.len() as u64);
    let units: Vec<i64> = rolls.iter().map(|r| r.t / length).collect();
    put_int(&mut out, units.first().copied().unwrap_or(0));
    let steps: Vec<u64> = units.windows(2).map(|p| (p[1] - p[0]) as u64).collect();
    put_column(&mut out, &steps);
    put_column(&mut out, &rolls.iter().map(|r| r.n).collect::<Vec<_>>());
    put_column(&mut out, &rolls.iter().map(|r| r.bad).collect::<Vec<_>>());
    let good: Vec<&Roll> = rolls.iter().filter(|r| r.n > 0).collect();
    if !good.is_empty() {
        put_numbers(&mut out, &good, Lattice::of(rolls, exponent));
    }
    let crc = checksum(signal_no, t0, &out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

fn put_numbers(out: &mut Vec<u8>, good: &[&Roll], lattice: Lattice) {
    out.push(lattice.code());
    let mins: Vec<u64> = good.iter().map(|r| lattice.to_integer(r.min)).collect();
    put_uint(out, mins[0]);
    let steps: Vec<u64> = mins
        .windows(2)
        .map(|p| zigzag(p[1].wrapping_sub(p[0]) as i64))
        .collect();
    put_column(out, &steps);
    let integers = |number: fn(&Roll) -> f64| -> Vec<u64> {
        good.iter().map(|r| lattice.to_integer(number(r))).collect()
    };
    let (maxs, lasts) = (integers(|r| r.max), integers(|r| r.last));
    for column in [&maxs, &lasts] {
        let above: Vec<u64> = column
            .iter()
            .zip(&mins)
            .map(|(value, min)| value - min)
            .collect();
        put_column(out, &above);
    }
    // A first sample lies near the last one before it.
    let before = mins.iter().take(1).chain(&lasts);
    let firsts: Vec<u64> = integers(|r| r.first)
        .iter()
        .zip(before)
        .map(|(first, before)| zigzag(first.wrapping_sub(*before) as i64))
        .collect();
    put_column(out, &firsts);
    let sums: Vec<u64> = good
        .iter()
        .zip(mins.iter().zip(&maxs))
        .map(|(r, (min, max))| lattice.sum_to_integer(r, *min, *max))
        .collect();
    put_column(out, &sums);
}

/// Decodes rollups; `None` when they are damaged.
pub(crate) fn decode(signal_no: u32, t0: i64, length: i64, blob: &[u8]) -> Option<Vec<Roll>> {
    let mut reader = Reader::new(checked(signal_no, t0, blob)?);
    let count = reader.count()?;
    let mut unit = reader.int()?;
    let steps = take_column(&mut reader, count.saturating_sub(1))?;
    let (ns, bads) = (
        take_column(&mut reader, count)?,
        take_column(&mut reader, count)?,
    );
    let mut rolls = Vec::with_capacity(count);
    for i in 0..count {
        if i > 0 {
            unit = unit.wrapping_add(steps[i - 1] as i64);
        }
        rolls.push(Roll {
            n: ns[i],
            bad: bads[i],
            ..Roll::empty(unit.wrapping_mul(length))
        });
    }
    let good = rolls.iter().filter(|r| r.n > 0).count();
    if good == 0 {
        return Some(rolls);
    }
    let lattice = Lattice::from_code(reader.byte()?)?;
    let mut min = reader.uint()?;
    let steps = take_column(&mut reader, good - 1)?;
    let [maxs, lasts, firsts, sums] = [(); 4]
        .map(|()| take_column(&mut reader, good))
        .into_iter()
        .collect::<Option<Vec<_>>>()?
        .try_into()
        .ok()?;
    let mut before = None;
    for (i, roll) in rolls.iter_mut().filter(|r| r.n > 0).enumerate() {
        if i > 0 {
            min = min.wrapping_add(unzigzag(steps[i - 1]) as u64);
        }
        let (max, last) = (min.wrapping_add(maxs[i]), min.wrapping_add(lasts[i]));
        let before = before.replace(last).unwrap_or(min);
        roll.min = lattice.to_number(min);
        roll.max = lattice.to_number(max);
        roll.first = lattice.to_number(before.wrapping_add(unzigzag(firsts[i]) as u64));
        roll.last = lattice.to_number(last);
        roll.sum = lattice.sum_to_number(sums[i], roll.n, min, max);
    }
    Some(rolls)
}

#[cfg(test)]
mod tests {
    use iq_domain::Value;
    use proptest::prelude::*;

    use super::*;
    use iq_chunk::block::Sample;
    use iq_chunk::value::exponent;

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            5 => (-5_000_i32..5_000).prop_map(|k| f64::from(k) / 100.0),
            1 => any::<f64>(),
        ]
    }

    proptest! {
        #[test]
        fn rollups_come_back_and_equal_the_raw_aggregation(
            decimal in any::<bool>(),
            numbers in prop::collection::vec((number(), 1_i64..90_000, any::<bool>()), 1..200),
        ) {
            let mut block = Block::default();
            let mut t = 1_600_000_000_000;
            for (number, step, good) in &numbers {
                t += step;
                let number = if decimal { (number % 50.0 * 100.0).round() / 100.0 } else { *number };
                let status = if *good { 0 } else { 0x8000_0000 };
                block.upsert(&Sample { t, value: Some(Value::Number(number)), status });
            }
            let (minutes, hours) = of(&block);
            let t0 = block.times()[0];
            let scale = exponent(block.numbers());
            for (length, rolls) in [(MINUTE, minutes), (HOUR, hours)] {
                let back = decode(3, t0, length, &encode(3, t0, length, &rolls, scale)).unwrap();
                prop_assert_eq!(rolls.len(), back.len());
                for (a, b) in rolls.iter().zip(&back) {
                    prop_assert_eq!((a.t, a.n, a.bad), (b.t, b.n, b.bad));
                    if a.n > 0 {
                        prop_assert_eq!(
                            [a.min, a.max, a.first, a.last].map(f64::to_bits),
                            [b.min, b.max, b.first, b.last].map(f64::to_bits)
                        );
                        let scale = a.sum.abs().max(1.0);
                        prop_assert!(a.sum == b.sum || (a.sum - b.sum).abs() <= scale * 1e-9
                            || (!a.sum.is_finite() && !b.sum.is_finite()));
                    }
                }
            }
        }
    }

    #[test]
    fn damaged_rollups_are_refused() {
        let mut roll = Roll::empty(0);
        roll.add(1.5);
        let mut blob = encode(3, 0, MINUTE, &[roll], Some(1));
        blob[3] ^= 1;
        assert_eq!(decode(3, 0, MINUTE, &blob), None);
    }
}
