//! Values of each column as a place among its cuts: what histograms are made of.

/// Rows by columns, as bins.
pub(super) struct Binned {
    /// By column, then by row.
    columns: Vec<Vec<u8>>,
    /// Upper ends of all bins but the last, by column.
    cuts: Vec<Vec<f64>>,
}

impl Binned {
    /// Cuts every column at its quantiles into at most `bins` (at most 256) bins.
    pub(super) fn of(rows: &[&[f64]], bins: usize) -> Self {
        let width = rows.first().map_or(0, |r| r.len());
        let cuts: Vec<Vec<f64>> = (0..width)
            .map(|j| cut(rows.iter().map(|r| r[j]), bins.clamp(2, 256)))
            .collect();
        let columns = cuts
            .iter()
            .enumerate()
            .map(|(j, cuts)| rows.iter().map(|r| place(cuts, r[j])).collect())
            .collect();
        Self { columns, cuts }
    }

    pub(super) fn column(&self, j: usize) -> &[u8] {
        &self.columns[j]
    }

    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Bins of the widest column.
    pub(super) fn most(&self) -> usize {
        self.cuts.iter().map(Vec::len).max().unwrap_or(0) + 1
    }

    /// The value up to which a row lies in the bins up to this one.
    pub(super) fn cut_at(&self, j: usize, bin: usize) -> f64 {
        self.cuts[j].get(bin).copied().unwrap_or(f64::MAX)
    }
}

/// The bin of a value; a missing one lies in the first.
#[allow(clippy::cast_possible_truncation)]
fn place(cuts: &[f64], value: f64) -> u8 {
    cuts.partition_point(|c| value > *c) as u8
}

fn cut(values: impl Iterator<Item = f64>, bins: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut cuts: Vec<f64> = (1..bins)
        .filter_map(|b| {
            let value = *sorted.get(b * sorted.len() / bins)?;
            let below = sorted.partition_point(|v| *v < value).checked_sub(1)?;
            Some(f64::midpoint(sorted[below], value))
        })
        .collect();
    // Columns of few values change where no quantile lies.
    let mut distinct = sorted;
    distinct.dedup();
    if distinct.len() <= bins {
        cuts = distinct
            .windows(2)
            .map(|w| f64::midpoint(w[0], w[1]))
            .collect();
    }
    cuts.dedup();
    cuts
}
