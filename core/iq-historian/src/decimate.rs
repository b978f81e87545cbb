//! Series for a chart: per pixel column the first, smallest, largest and last sample, and a mark where
//! quality was lost, so that neither a spike nor a gap disappears.

use iq_domain::{Point, Provenance, StatusCode, TimeRange, Timestamp, Value};

use crate::Historian;
use crate::error::HistorianError;
use crate::rollup::{HOUR, MINUTE, Roll};
use iq_chunk::block::Block;

/// Stored samples up to which a chart is drawn from the samples themselves.
const RAW_LIMIT: usize = 500_000;

/// A series reduced to the width of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Decimated {
    /// Points in the order of time. A point whose status is not good, or without a value, breaks the
    /// line.
    pub points: Vec<Point>,
    /// `Raw`: every point is a stored sample. `RolledUp`: from aggregates, times are those of the
    /// aggregate's start.
    pub provenance: Provenance,
}

/// One pixel column while it is filled; indexes into the samples or rollups.
#[derive(Default)]
struct Column {
    first: Option<usize>,
    min: Option<(f64, usize)>,
    max: Option<(f64, usize)>,
    last: Option<usize>,
    /// First sample that breaks the line; kept only where it follows or precedes a usable one.
    gap: Option<usize>,
}

impl Column {
    fn indexes(&self) -> Vec<usize> {
        let min = self.min.map(|m| m.1);
        let max = self.max.map(|m| m.1);
        let mut all: Vec<usize> = [self.first, min, max, self.last, self.gap]
            .into_iter()
            .flatten()
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn extremes(&mut self, low: f64, high: f64, i: usize) {
        if self.min.is_none_or(|(v, _)| low < v) {
            self.min = Some((low, i));
        }
        if self.max.is_none_or(|(v, _)| high > v) {
            self.max = Some((high, i));
        }
    }
}

/// The column of a moment.
fn column(range: TimeRange, width: usize, t: i64) -> usize {
    let offset = i128::from(t.saturating_sub(range.from.0).max(0));
    let column = offset * width as i128 / i128::from(range.length_ms().max(1));
    usize::try_from(column).unwrap_or(0).min(width - 1)
}

fn from_samples(block: &Block, range: TimeRange, width: usize) -> Vec<Point> {
    let point = |i: usize| block.sample(i).point();
    if block.len() <= width * 2 {
        return (0..block.len()).map(point).collect();
    }
    let mut points = Vec::with_capacity(width * 4);
    let (mut current, mut filling) = (usize::MAX, Column::default());
    let mut boundary = i64::MIN;
    for (i, t) in block.times().iter().copied().enumerate() {
        if t >= boundary {
            let at = column(range, width, t);
            if at != current {
                points.extend(
                    std::mem::take(&mut filling)
                        .indexes()
                        .into_iter()
                        .map(point),
                );
                current = at;
            }
            // First moment that may belong to the next column.
            let next = (at as i128 + 1) * i128::from(range.length_ms()) / width as i128;
            boundary = range
                .from
                .0
                .saturating_add(i64::try_from(next).unwrap_or(i64::MAX));
        }
        if let Some(number) = block.usable_number(i) {
            filling.extremes(number, number, i);
        } else if block.sample(i).is_usable() {
            // A text: first and last of the column are kept.
        } else {
            filling.gap.get_or_insert(i);
            continue;
        }
        filling.first.get_or_insert(i);
        filling.last = Some(i);
    }
    points.extend(filling.indexes().into_iter().map(point));
    points
}

fn from_rolls(rolls: &[Roll], range: TimeRange, width: usize) -> Vec<Point> {
    let mut points = Vec::with_capacity(width * 4);
    let (mut current, mut filling) = (usize::MAX, Column::default());
    for (i, roll) in rolls.iter().enumerate() {
        let at = column(range, width, roll.t);
        if at != current {
            emit(&std::mem::take(&mut filling), rolls, range, &mut points);
            current = at;
        }
        if roll.bad > 0 {
            filling.gap.get_or_insert(i);
        }
        if roll.n > 0 {
            filling.extremes(roll.min, roll.max, i);
            filling.first.get_or_insert(i);
            filling.last = Some(i);
        }
    }
    emit(&filling, rolls, range, &mut points);
    points
}

/// Writes the points of one column: several may stand at the start of the same aggregate.
fn emit(filled: &Column, rolls: &[Roll], range: TimeRange, points: &mut Vec<Point>) {
    let mut push = |t: i64, number: f64| {
        let value = Some(Value::Number(number));
        points.push(Point {
            t: Timestamp(t),
            value,
            status: StatusCode::GOOD,
        });
    };
    let (min, max) = (filled.min.map(|m| m.1), filled.max.map(|m| m.1));
    for i in filled.indexes() {
        let roll = &rolls[i];
        let t = roll.t.max(range.from.0);
        if filled.first == Some(i) {
            push(t, roll.first);
        }
        if min == Some(i) {
            push(t, roll.min);
        }
        if max == Some(i) {
            push(t, roll.max);
        }
        if filled.last == Some(i) {
            push(t, roll.last);
        }
    }
    if let Some(i) = filled.gap {
        let t = Timestamp(rolls[i].t.max(range.from.0));
        let at = points.partition_point(|p| p.t <= t);
        points.insert(
            at,
            Point {
                t,
                value: None,
                status: StatusCode::BAD,
            },
        );
    }
}

impl Historian {
    /// The series of a window for a chart `width_px` wide.
    ///
    /// # Errors
    /// When the width is zero, the file cannot be read or a chunk is damaged.
    pub fn decimate(
        &self,
        signal_no: u32,
        range: TimeRange,
        width_px: usize,
    ) -> Result<Decimated, HistorianError> {
        if width_px == 0 {
            return Err(HistorianError::Bucket);
        }
        let core = self.core();
        let per_column = range.length_ms() / width_px as i64;
        let unit = if per_column >= 4 * HOUR {
            HOUR
        } else if per_column >= 4 * MINUTE {
            MINUTE
        } else {
            0
        };
        let limit = if unit == 0 { usize::MAX } else { RAW_LIMIT };
        if let Some(block) = core.block_if_small(signal_no, range, limit)? {
            let points = from_samples(&block, range, width_px);
            return Ok(Decimated {
                points,
                provenance: Provenance::Raw,
            });
        }
        let rolls = core.rolls(signal_no, range, unit)?;
        let points = from_rolls(&rolls, range, width_px);
        Ok(Decimated {
            points,
            provenance: Provenance::RolledUp,
        })
    }
}
