//! What a life so far looks like at each of its rows: for every signal, in deviations of its regime, the
//! level over three spans, how far it has come since the start, how fast it moved lately and how
//! restless it is; and the age. Only rows up to the one described are looked at.

use crate::multi::average_spans;

/// Spans of the levels, in rows.
pub(super) const SPANS: [u32; 3] = [5, 15, 40];
/// Rows that make the start.
const START: usize = 20;
/// Rows over which the recent move and the restlessness are taken.
const RECENT: usize = 30;

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
            let before = i.saturating_sub(RECENT);
            let mut row: Vec<f64> = levels
                .iter()
                .flat_map(|level| level[i].iter().copied())
                .collect();
            row.extend(
                levels[1][i]
                    .iter()
                    .zip(&start)
                    .map(|(now, first)| now - first),
            );
            row.extend(
                levels[0][i]
                    .iter()
                    .zip(&levels[0][before])
                    .map(|(now, then)| now - then),
            );
            let recent = &z[(i + 1).saturating_sub(RECENT)..=i];
            row.extend((0..width).map(|j| {
                let n = recent.len() as f64;
                let mean = recent.iter().map(|r| r[j]).sum::<f64>() / n;
                (recent.iter().map(|r| (r[j] - mean).powi(2)).sum::<f64>() / n).sqrt()
            }));
            row.push(i as f64 + 1.0);
            row
        })
        .collect()
}
