//! The Tennessee Eastman data: at the first alarm that lasts, the 52 columns are ranked by how likely
//! the disturbance entered there. Answer sets are those of the data's README, frozen; the reference is
//! the normal training set d00 alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
};

use anyhow::{Context, Result, bail};
use iq_analytics::{MoverConfig, Reference, Track, rank_movers};

/// Columns of the set.
const COLUMNS: usize = 52;
/// Row at which the fault of a test file begins; rows are three minutes apart.
const FAULT_ROW: usize = 160;
/// Alarms in a row that count.
const IN_A_ROW: usize = 6;
/// Largest file that is read.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Faults with an answer: columns of the README, counted from 1.
const ANSWERS: [(u32, &[usize]); 9] = [
    (1, &[1, 4, 23, 25, 29, 31, 44, 45]),
    (2, &[10, 24, 30, 47]),
    (4, &[9, 21, 51]),
    (5, &[11, 22, 52]),
    (6, &[1, 44]),
    (7, &[4, 45]),
    (8, &[1, 4, 23, 24, 25, 29, 30, 31, 44, 45]),
    (10, &[18, 19, 50]),
    (12, &[11, 22, 52]),
];

/// The flow sheet: where each column is measured, and what feeds what.
const PLACES: [(&str, &[usize]); 12] = [
    ("feed A", &[1, 44]),
    ("feed D", &[2, 42]),
    ("feed E", &[3, 43]),
    ("feed A+C", &[4, 45]),
    ("reactor feed", &[6, 23, 24, 25, 26, 27, 28]),
    ("reactor", &[7, 8, 9, 21, 51]),
    ("condenser", &[22, 52]),
    ("separator", &[11, 12, 13, 14, 48]),
    ("compressor", &[5, 20, 46]),
    ("purge", &[10, 29, 30, 31, 32, 33, 34, 35, 36, 47]),
    ("stripper", &[15, 16, 17, 18, 19, 49, 50]),
    ("product", &[37, 38, 39, 40, 41]),
];
const FEEDS: [(&str, &str); 13] = [
    ("feed A", "reactor feed"),
    ("feed D", "reactor feed"),
    ("feed E", "reactor feed"),
    ("feed A+C", "stripper"),
    ("stripper", "reactor feed"),
    ("compressor", "reactor feed"),
    ("reactor feed", "reactor"),
    ("reactor", "condenser"),
    ("condenser", "separator"),
    ("separator", "compressor"),
    ("separator", "purge"),
    ("separator", "stripper"),
    ("stripper", "product"),
];

type Rows = Vec<Vec<f64>>;

fn load(folder: &Path, name: &str) -> Result<Rows> {
    let path = folder.join(format!("{name}.dat.gz"));
    let file = std::fs::File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .take(MAX_BYTES)
        .read_to_string(&mut text)?;
    let rows: Rows = text
        .lines()
        .map(|line| {
            line.split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()
        })
        .collect::<Result<_, _>>()?;
    // d00 is stored the other way round.
    let rows = if rows.len() == COLUMNS {
        (0..rows[0].len())
            .map(|i| rows.iter().map(|column| column[i]).collect())
            .collect()
    } else {
        rows
    };
    if rows.iter().any(|row| row.len() != COLUMNS) {
        bail!("{name} has no {COLUMNS} columns");
    }
    Ok(rows)
}

fn tracks(normal: &Rows, window: &Rows) -> Vec<Track> {
    let column = |rows: &Rows, k: usize| rows.iter().map(|row| Some(row[k])).collect();
    (0..COLUMNS)
        .map(|k| Track {
            reference: column(normal, k),
            window: column(window, k),
            node: PLACES
                .iter()
                .position(|(_, columns)| columns.contains(&(k + 1)))
                .unwrap_or(PLACES.len()),
        })
        .collect()
}

fn upstream() -> BTreeMap<usize, BTreeSet<usize>> {
    let place = |name: &str| PLACES.iter().position(|(n, _)| *n == name);
    let mut graph: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (from, to) in FEEDS {
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            graph.entry(to).or_default().insert(from);
        }
    }
    graph
}

/// How unusual each row is: deviations and residuals, each over its limit.
struct Detector<'a> {
    reference: &'a Reference,
    limits: (f64, f64),
}

impl<'a> Detector<'a> {
    /// Limits from d00 alone: the 99.5 % quantile of each of the two statistics, each part of d00
    /// judged by a reference that was learned without it, so that the limits hold for new data.
    fn new(reference: &'a Reference, normal: &Rows, config: &MoverConfig) -> Option<Self> {
        let parts = 5;
        let size = normal.len() / parts;
        let mut seen = (Vec::new(), Vec::new());
        for part in 0..parts {
            let out = part * size..(part + 1) * size;
            let rest: Rows = normal
                .iter()
                .enumerate()
                .filter(|(i, _)| !out.contains(i))
                .map(|(_, row)| row.clone())
                .collect();
            let learned = Reference::learn(&tracks(&rest, &rest), config)?;
            for row in &normal[out] {
                let (z, r) = learned.unusual(row.iter().map(|v| Some(*v)));
                seen.0.push(z);
                seen.1.push(r);
            }
        }
        let quantile = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[(values.len() as f64 * 0.995) as usize]
        };
        Some(Self {
            reference,
            limits: (quantile(seen.0), quantile(seen.1)),
        })
    }

    fn is_alarm(&self, row: &[f64]) -> bool {
        let (z, r) = self.reference.unusual(row.iter().map(|v| Some(*v)));
        z > self.limits.0 || r > self.limits.1
    }

    /// Row at which the alarm has lasted.
    fn first(&self, rows: &Rows, from: usize) -> Option<usize> {
        let mut run = 0;
        (from..rows.len()).find(|i| {
            run = if self.is_alarm(&rows[*i]) { run + 1 } else { 0 };
            run == IN_A_ROW
        })
    }
}

#[derive(Default)]
struct Score {
    hits: [u32; 3],
    reciprocal: f64,
    faults: u32,
    lines: Vec<String>,
}

impl Score {
    fn add(&mut self, fault: u32, ranked: Option<(usize, Vec<usize>)>, answers: &[usize]) {
        self.faults += 1;
        let Some((row, order)) = ranked else {
            self.lines.push(format!("IDV {fault:>2}: not detected"));
            return;
        };
        let rank = 1 + order
            .iter()
            .position(|c| answers.contains(c))
            .unwrap_or(COLUMNS);
        for (hit, most) in self.hits.iter_mut().zip([1, 3, 5]) {
            *hit += u32::from(rank <= most);
        }
        self.reciprocal += 1.0 / rank as f64;
        self.lines.push(format!(
            "IDV {fault:>2}: delay {:>3} min, rank {rank}, first {:?}",
            (row - FAULT_ROW) * 3,
            &order[..4]
        ));
    }

    fn print(&self, name: &str) {
        let n = self.faults;
        println!(
            "{name:<34} Hit@1 {:>2}/{n}  Hit@3 {:>2}/{n}  Hit@5 {:>2}/{n}  MRR {:.3}",
            self.hits[0],
            self.hits[1],
            self.hits[2],
            self.reciprocal / f64::from(n.max(1))
        );
    }
}

/// Columns by falling score, counted from 1.
fn order_by(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (1..=scores.len()).collect();
    order.sort_by(|a, b| scores[b - 1].total_cmp(&scores[a - 1]));
    order
}

struct Moments(Vec<(f64, f64)>);

impl Moments {
    fn of(rows: &Rows) -> Self {
        let n = rows.len() as f64;
        Self(
            (0..COLUMNS)
                .map(|k| {
                    let mean = rows.iter().map(|r| r[k]).sum::<f64>() / n;
                    let var = rows.iter().map(|r| (r[k] - mean).powi(2)).sum::<f64>() / n;
                    (mean, var.sqrt().max(1e-9))
                })
                .collect(),
        )
    }

    fn z(&self, row: &[f64], k: usize) -> f64 {
        (row[k] - self.0[k].0) / self.0[k].1
    }

    /// Mean deviation over the six rows that end at `at`.
    fn mean_z(&self, rows: &Rows, at: usize) -> Vec<usize> {
        let span = &rows[at + 1 - IN_A_ROW..=at];
        let score = |k| span.iter().map(|r| self.z(r, k).abs()).sum::<f64>();
        order_by(&(0..COLUMNS).map(score).collect::<Vec<_>>())
    }

    /// The column that first stood beyond three deviations for three rows.
    fn first_out(&self, rows: &Rows, at: usize) -> Vec<usize> {
        let score = |k| {
            let from = at.saturating_sub(100);
            let out = (from..at.saturating_sub(1))
                .find(|i| (0..3).all(|d| self.z(&rows[i + d], k).abs() > 3.0));
            let last = self.z(&rows[at], k).abs() * 1e-3;
            out.map_or(-1e6, |i| -(i as f64)) + last
        };
        order_by(&(0..COLUMNS).map(score).collect::<Vec<_>>())
    }
}

fn ours(
    normal: &Rows,
    rows: &Rows,
    reference: &Reference,
    at: usize,
    config: &MoverConfig,
) -> Vec<usize> {
    rank_movers(&tracks(normal, rows), reference, &upstream(), at, config)
        .iter()
        .map(|m| m.track + 1)
        .collect()
}

pub(super) fn run(folder: &Path) -> Result<()> {
    let normal = load(folder, "d00")?;
    let quiet = load(folder, "d00_te")?;
    let config = MoverConfig::default();
    let learned = tracks(&normal, &quiet);
    let reference = Reference::learn(&learned, &config).context("d00 teaches nothing")?;
    let detector = Detector::new(&reference, &normal, &config).context("d00 teaches no limits")?;
    let moments = Moments::of(&normal);
    println!("{config:?}\nreference d00; limits from d00 (99.5 % of two statistics, five-fold)");
    let alarms = quiet.iter().filter(|row| detector.is_alarm(row)).count();
    println!(
        "false alarms in d00_te {:.1} %, lasting {}",
        100.0 * alarms as f64 / quiet.len() as f64,
        detector
            .first(&quiet, 0)
            .map_or("never".to_owned(), |row| format!("first at row {row}"))
    );
    let (mut own, mut mean, mut first) = (Score::default(), Score::default(), Score::default());
    let mut cases = Vec::new();
    let mut skipped = Vec::new();
    for (fault, answers) in ANSWERS {
        let Ok(rows) = load(folder, &format!("d{fault:02}_te")) else {
            skipped.push(fault);
            continue;
        };
        let at = detector.first(&rows, FAULT_ROW);
        own.add(
            fault,
            at.map(|at| (at, ours(&normal, &rows, &reference, at, &config))),
            answers,
        );
        mean.add(fault, at.map(|at| (at, moments.mean_z(&rows, at))), answers);
        first.add(
            fault,
            at.map(|at| (at, moments.first_out(&rows, at))),
            answers,
        );
        cases.push((fault, answers, rows, at));
    }
    for line in &own.lines {
        println!("{line}");
    }
    if !skipped.is_empty() {
        println!("not in the folder: {skipped:?}");
    }
    println!();
    own.print("own movement, onset, topology");
    mean.print("baseline: mean z");
    first.print("baseline: first out");
    println!("\nhow it depends on the parameters (one changed at a time)");
    for (name, changed) in variants() {
        let Some(reference) = Reference::learn(&learned, &changed) else {
            continue;
        };
        let mut score = Score::default();
        for (fault, answers, rows, at) in &cases {
            let ranked = at.map(|at| (at, ours(&normal, rows, &reference, at, &changed)));
            score.add(*fault, ranked, answers);
        }
        score.print(&name);
    }
    super::flood::run(
        &normal,
        &quiet,
        &cases.iter().map(|c| (c.0, &c.2)).collect::<Vec<_>>(),
    );
    Ok(())
}

fn variants() -> Vec<(String, MoverConfig)> {
    let base = MoverConfig::default();
    let mut all = Vec::new();
    for ridge in [0.005, 0.01, 0.02, 0.05, 0.1, 0.2] {
        all.push((format!("ridge {ridge}"), MoverConfig { ridge, ..base }));
    }
    for explained in [0.3, 0.7, 1.0] {
        all.push((
            format!("explained {explained}"),
            MoverConfig { explained, ..base },
        ));
    }
    for leave_z in [2.0, 4.0] {
        all.push((
            format!("leave_z {leave_z}"),
            MoverConfig { leave_z, ..base },
        ));
    }
    for lag in [0, 4] {
        all.push((format!("lag {lag}"), MoverConfig { lag, ..base }));
    }
    all
}
