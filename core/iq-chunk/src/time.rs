//! Times of a chunk: a constant step costs nothing, a jittering step costs its jitter, anything else
//! goes through `pco` as it is.

use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use super::wire::{Reader, pack, put_int, put_uint, unpack};

const CONSTANT: u8 = 0;
const GRID: u8 = 1;
const PLAIN: u8 = 2;

/// Encodes ascending times; the first is known to the reader.
pub(crate) fn encode(times: &[i64], level: usize, out: &mut Vec<u8>) -> Option<()> {
    let first = *times.first()?;
    let step = times.get(1).map_or(0, |second| second - first);
    if times.windows(2).all(|pair| pair[1] - pair[0] == step) {
        out.push(CONSTANT);
        put_int(out, step);
        return Some(());
    }
    if let Some(grid) = Grid::of(times) {
        out.push(GRID);
        return grid.write(level, out);
    }
    out.push(PLAIN);
    let config = ChunkConfig::default().with_compression_level(level);
    pack(times, &config, out)
}

/// Reads `n` times, the first of which is `first`.
pub(crate) fn decode(reader: &mut Reader<'_>, first: i64, n: usize) -> Option<Vec<i64>> {
    match reader.byte()? {
        CONSTANT => {
            let step = reader.int()?;
            let mut t = first;
            let mut times = Vec::with_capacity(n);
            for _ in 0..n {
                times.push(t);
                t = t.wrapping_add(step);
            }
            Some(times)
        }
        GRID => Grid::read(reader, first, n),
        PLAIN => unpack(reader, n),
        _ => None,
    }
}

/// Times as slots of a regular step plus a small residual; slots that are skipped or doubled are
/// exceptions.
struct Grid {
    step: i64,
    low: i64,
    jumps: Vec<(usize, i64)>,
    residuals: Vec<u16>,
}

impl Grid {
    fn of(times: &[i64]) -> Option<Self> {
        if times.len() < 16 {
            return None;
        }
        let mut deltas: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let middle = deltas.len() / 2;
        let median = *deltas.select_nth_unstable(middle).1;
        let mut tried = [0; 4];
        let mut best: Option<Self> = None;
        for (i, unit) in [1_000, 100, 10, 1].into_iter().enumerate() {
            let step = (median + unit / 2) / unit * unit;
            // Rounding away more than a sixteenth of the median is no longer the same step.
            if step <= 0 || tried.contains(&step) || (step - median).abs() > median / 16 + 1 {
                continue;
            }
            tried[i] = step;
            if let Some(grid) = Self::with_step(times, step)
                && best
                    .as_ref()
                    .is_none_or(|b| grid.jumps.len() < b.jumps.len())
            {
                best = Some(grid);
            }
        }
        best
    }

    fn with_step(times: &[i64], step: i64) -> Option<Self> {
        let first = times[0];
        let mut residuals = Vec::with_capacity(times.len());
        let mut jumps = Vec::new();
        let mut slot = -1_i64;
        // The first sample's own jitter would shift every slot: anchor on the step's multiples.
        let anchor = first.div_euclid(step) * step;
        let base = if (first - anchor) * 2 > step {
            first
        } else {
            anchor
        };
        for (i, t) in times.iter().enumerate() {
            let offset = t - base;
            let mut at = (slot + 1).max(0);
            let off = offset - at * step;
            if off * 2 > step + step / 2 || off * 2 < -step {
                at = offset.div_euclid(step);
                if at != slot + 1 {
                    jumps.push((i, at - slot));
                }
            }
            slot = at;
            residuals.push(offset - at * step);
            if jumps.len() > times.len() / 16 {
                return None;
            }
        }
        let low = residuals.iter().copied().min()?;
        let residuals = residuals
            .into_iter()
            .map(|r| u16::try_from(r - low).ok())
            .collect::<Option<Vec<u16>>>()?;
        Some(Self {
            step,
            low: low + base - first,
            jumps,
            residuals,
        })
    }

    fn write(&self, level: usize, out: &mut Vec<u8>) -> Option<()> {
        put_int(out, self.step);
        put_int(out, self.low);
        put_uint(out, self.jumps.len() as u64);
        let mut before = 0;
        for (index, slots) in &self.jumps {
            put_uint(out, (index - before) as u64);
            put_int(out, *slots);
            before = *index;
        }
        let config = ChunkConfig::default()
            .with_compression_level(level)
            .with_mode_spec(ModeSpec::Classic)
            .with_delta_spec(delta_for(&self.residuals));
        pack(&self.residuals, &config, out)
    }

    fn read(reader: &mut Reader<'_>, first: i64, n: usize) -> Option<Vec<i64>> {
        let (step, low) = (reader.int()?, reader.int()?);
        let count = reader.count()?;
        let mut jumps = Vec::with_capacity(count);
        let mut index = 0;
        for _ in 0..count {
            index += reader.count()?;
            jumps.push((index, reader.int()?));
        }
        let residuals: Vec<u16> = unpack(reader, n)?;
        let mut jumps = jumps.into_iter().peekable();
        let mut line = first.wrapping_add(low).wrapping_sub(step);
        let mut times = Vec::with_capacity(n);
        let mut next_jump = jumps.peek().map_or(usize::MAX, |j| j.0);
        for (i, residual) in residuals.iter().enumerate() {
            let slots = if i == next_jump {
                let (_, slots) = jumps.next()?;
                next_jump = jumps.peek().map_or(usize::MAX, |j| j.0);
                slots
            } else {
                1
            };
            line = line.wrapping_add(step.wrapping_mul(slots));
            times.push(line.wrapping_add(i64::from(*residual)));
        }
        Some(times)
    }
}

/// Independent jitter gets dearer by differencing, a slow drift gets cheaper: compare the spreads.
fn delta_for(residuals: &[u16]) -> DeltaSpec {
    let n = residuals.len().max(1) as i64;
    let mean = residuals.iter().map(|r| i64::from(*r)).sum::<i64>() / n;
    let spread: i64 = residuals.iter().map(|r| (i64::from(*r) - mean).abs()).sum();
    let steps: i64 = residuals
        .windows(2)
        .map(|p| (i64::from(p[1]) - i64::from(p[0])).abs())
        .sum();
    if steps < spread {
        DeltaSpec::TryConsecutive(1)
    } else {
        DeltaSpec::NoOp
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(times: &[i64]) -> usize {
        let mut out = Vec::new();
        encode(times, 8, &mut out).unwrap();
        let mut reader = Reader::new(&out);
        assert_eq!(
            decode(&mut reader, times[0], times.len()).as_deref(),
            Some(times)
        );
        assert!(reader.is_empty());
        out.len()
    }

    #[test]
    fn a_constant_step_costs_a_few_bytes() {
        let times: Vec<i64> = (0..8_192).map(|i| 1_700_000_000_000 + i * 1_000).collect();
        assert!(round_trip(&times) < 8);
    }

    #[test]
    fn jitter_with_gaps_costs_no_more_than_its_entropy() {
        let mut t = 1_700_000_000_000_i64;
        let mut state = 7_u64;
        let times: Vec<i64> = (0..8_192)
            .map(|i| {
                t += if i % 1_000 == 999 { 30_000 } else { 1_000 };
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                t + (state >> 33) as i64 % 50
            })
            .collect();
        // 50 equally likely values are 5.64 bits.
        assert!(round_trip(&times) < 8_192 * 6 / 8, "{}", round_trip(&times));
    }

    proptest! {
        #[test]
        fn any_ascending_times_come_back(
            first in 0_i64..1 << 43,
            deltas in prop::collection::vec(prop_oneof![Just(1_000_i64), 1_i64..3_000, 1_i64..10_000_000], 0..300),
            jitter in prop::collection::vec(0_i64..400, 300),
            regular in any::<bool>(),
        ) {
            let mut t = first;
            let mut times = vec![t];
            for (d, j) in deltas.iter().zip(&jitter) {
                t += if regular { 1_000 } else { *d };
                times.push(if regular { t + j } else { t });
            }
            round_trip(&times);
        }
    }
}
