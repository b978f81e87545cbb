//! What a life so far looks like at each of its rows: for every signal, in deviations of its regime, the
//! level over two spans, how far it has come since the start, and the straight line through the last
//! rows: where it ends and how steep it is; and the age. Only rows up to the one described are looked at.

use crate::multi::average_spans;

/// Spans of the levels, in rows.
const SPANS: [u32; 2] = [15, 40];
/// Rows that make the start.
const START: usize = 20;
/// Rows the lines are drawn through.
const LINES: [usize; 2] = [40, 80];
/// Shrinks the slope of a line through few rows, in squared rows.
const SHRINK: f64 = 60.0;

/// Features of each row of a life, in order.
#[allow(clippy::cast_precision_loss)]
pub(super) fn features(z: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let width = z.first().map_or(0, Vec::len);
    let levels = average_spans(z, &SPANS);
    let mut start = vec![0.0; width];
    (0..z.len())
        .map(|i| {
            if i < START {
                for (s, v) in start.iter_mut().zip(&z[i]) {
                    *s += (v - *s) / (i + 1) as f64;
                }
            }
            let mut row: Vec<f64> = levels
                .iter()
                .flat_map(|level| level[i].iter().copied())
                .collect();
            row.extend(
                levels[0][i]
                    .iter()
                    .zip(&start)
                    .map(|(now, first)| now - first),
            );
            for rows in LINES {
                let recent = &z[(i + 1).saturating_sub(rows)..=i];
                for j in 0..width {
                    row.extend(line(recent, j));
                }
            }
            row.push(i as f64 + 1.0);
            row
        })
        .collect()
}

/// End and slope of the line of least squares through a signal's rows, the slope shrunk to 0 where there
/// are few.
#[allow(clippy::cast_precision_loss)]
fn line(rows: &[Vec<f64>], j: usize) -> [f64; 2] {
    let n = rows.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let (mut sum, mut tilt) = (0.0, 0.0);
    for (t, row) in rows.iter().enumerate() {
        sum += row[j];
        tilt += (t as f64 - middle) * row[j];
    }
    let spread = n * (n * n - 1.0) / 12.0;
    let slope = tilt / (spread + SHRINK);
    [sum / n + slope * middle, slope]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_ends_where_it_is_and_rises_as_it_does() {
        let ramp: Vec<Vec<f64>> = (0..100).map(|i| vec![f64::from(i) * 0.5]).collect();
        let last = features(&ramp)[99].clone();
        // Two levels, the way since the start, end and slope of two lines, the age.
        assert_eq!(last.len(), 8);
        assert!(
            (last[3] - 49.5).abs() < 0.3 && (last[4] - 0.5).abs() < 0.01,
            "{last:?}"
        );
        assert!(
            (last[5] - 49.5).abs() < 0.1 && (last[6] - 0.5).abs() < 0.001,
            "{last:?}"
        );
        assert_eq!(last[7], 100.0);
        // Nothing after a row changes what is said of it.
        assert_eq!(features(&ramp[..30])[29], features(&ramp)[29]);
    }
}
