//! What the historian answers with: points that say where they come from.

use serde::{Deserialize, Serialize};

use crate::{StatusCode, Timestamp, Value};

/// How a returned point came about. Root-cause analysis accepts raw points only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// As stored.
    Raw,
    /// Computed between two raw points.
    Interpolated,
    /// Aggregated over a bucket.
    RolledUp,
}

/// One point of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Source time.
    pub t: Timestamp,
    /// The value; `None` where the source sent none.
    pub value: Option<Value>,
    /// Status code.
    pub status: StatusCode,
}

/// One bucket of an aggregated series; only good, finite samples count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Start of the bucket.
    pub t: Timestamp,
    /// Number of good, finite samples.
    pub count: u64,
    /// Smallest of them.
    pub min: f64,
    /// Largest of them.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// The first of them in time.
    pub first: f64,
    /// The last of them in time.
    pub last: f64,
}

impl Bucket {
    /// Arithmetic mean of the good samples; `None` for an empty bucket.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// Raw, good, finite samples in order of time: the only points a root-cause analysis reads. The type
/// can't be made from interpolated or rolled-up points, so a computed value never becomes evidence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawPoints {
    points: Vec<(Timestamp, f64)>,
    refused: u64,
}

impl RawPoints {
    /// Keeps what is raw and good; the rest is counted, never used. Texts are left out silently.
    #[must_use]
    pub fn take(points: impl IntoIterator<Item = (Point, Provenance)>) -> Self {
        let mut kept = Self::default();
        for (point, provenance) in points {
            let value = point.value.as_ref().and_then(Value::as_f64);
            match value.filter(|v| v.is_finite()) {
                Some(v) if provenance == Provenance::Raw && point.status.is_good() => {
                    kept.points.push((point.t, v));
                }
                _ => kept.refused += 1,
            }
        }
        kept.points.sort_by_key(|(t, _)| *t);
        // The same moment twice keeps the last, as the history does.
        kept.points.reverse();
        kept.points.dedup_by_key(|(t, _)| *t);
        kept.points.reverse();
        kept
    }

    /// The samples, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[(Timestamp, f64)] {
        &self.points
    }

    /// How many points were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Leaves out what is as late as `end`, or later.
    pub fn end_at(&mut self, end: Timestamp) {
        self.points
            .truncate(self.points.partition_point(|(t, _)| *t < end));
    }

    /// The samples of a window.
    #[must_use]
    pub fn within(&self, range: crate::TimeRange) -> &[(Timestamp, f64)] {
        let from = self.points.partition_point(|(t, _)| *t < range.from);
        let to = self.points.partition_point(|(t, _)| *t < range.to);
        self.points.get(from..to).unwrap_or(&[])
    }
}

/// What was usual for a signal before anything happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// Median.
    pub center: f64,
    /// Robust standard deviation, slow changes included.
    pub sigma: f64,
    /// Deviation within half a minute's to half an hour's samples ([`fast_noise`]), slow changes left out.
    pub noise: f64,
    /// Samples behind it.
    pub samples: u32,
}

/// Samples of a block of [`fast_noise`].
const NOISE_BLOCK: usize = 30;

/// How much a signal varies within thirty samples: the median over blocks of the standard deviation from
/// the block's own straight line. An oscillation shows in it, a slow change does not.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn fast_noise(points: &[(Timestamp, f64)]) -> f64 {
    let mut blocks: Vec<f64> = points
        .chunks(NOISE_BLOCK)
        .filter(|block| block.len() * 2 > NOISE_BLOCK || points.len() < NOISE_BLOCK)
        .map(|block| {
            let n = block.len() as f64;
            let mean = block.iter().map(|(_, v)| v).sum::<f64>() / n;
            let middle = (n - 1.0) / 2.0;
            let (up, along) =
                block
                    .iter()
                    .enumerate()
                    .fold((0.0, 0.0), |(up, along), (i, (_, v))| {
                        let x = i as f64 - middle;
                        (up + x * (v - mean), along + x * x)
                    });
            let slope = if along > 0.0 { up / along } else { 0.0 };
            let off = |i: usize, v: f64| v - mean - slope * (i as f64 - middle);
            let square = block
                .iter()
                .enumerate()
                .map(|(i, (_, v))| off(i, *v).powi(2));
            (square.sum::<f64>() / n).sqrt()
        })
        .collect();
    blocks.sort_by(f64::total_cmp);
    blocks.get(blocks.len() / 2).copied().unwrap_or(0.0)
}

/// When the level of a signal changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// First sample of the change.
    pub at: Timestamp,
    /// Value of that sample.
    pub value: f64,
    /// Level at the end of the window.
    pub level: f64,
    /// Largest lasting change, in usual deviations; positive is a rise.
    pub effect: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_bad_and_empty_points_are_never_evidence() {
        let point = |t: i64, value: f64, status| Point {
            t: Timestamp(t),
            value: Some(Value::Number(value)),
            status,
        };
        let good = StatusCode::GOOD;
        let taken = RawPoints::take([
            (point(3, 3.0, good), Provenance::Raw),
            (point(1, 1.0, good), Provenance::Raw),
            (point(2, 2.0, good), Provenance::Interpolated),
            (point(4, 4.0, good), Provenance::RolledUp),
            (point(5, 5.0, StatusCode::BAD), Provenance::Raw),
            (point(6, f64::NAN, good), Provenance::Raw),
            (point(3, 3.5, good), Provenance::Raw),
        ]);
        assert_eq!(taken.as_slice(), [(Timestamp(1), 1.0), (Timestamp(3), 3.5)]);
        assert_eq!(taken.refused(), 4);
    }

    #[test]
    fn noise_shows_a_swing_and_leaves_out_a_slow_change() {
        let series = |f: fn(f64) -> f64| -> Vec<(Timestamp, f64)> {
            (0_u8..240)
                .map(|i| (Timestamp(i64::from(i) * 1_000), f(f64::from(i))))
                .collect()
        };
        assert!(fast_noise(&series(|x| 3.0 * x)) < 1e-9);
        let swing = fast_noise(&series(|x| 3.0 * x + x.sin()));
        assert!((swing - 0.707).abs() < 0.05, "{swing}");
        assert!(fast_noise(&[]) < 1e-9);
    }
}
