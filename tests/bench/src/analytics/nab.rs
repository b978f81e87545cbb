//! The Numenta Anomaly Benchmark: streams of one signal. The first 15 % of a file, at most 750 rows, are
//! probation; one threshold for all files, the one with the best raw score of the profile, as its own
//! scoreboard does.

use std::path::Path;

use anyhow::{Context, Result};
use iq_analytics::{
    ModesConfig, MultiConfig, MultiModel, MultiState, Sample, Training, num::quantile,
};
use iq_domain::Timestamp;

use super::{
    Options, read,
    report::{heading, line},
    windows::{PROFILES, Profile, Raw, streaming},
};

/// Files of the whole set.
const WHOLE: usize = 58;

/// One stream: how unusual each row after probation is, and the windows.
struct Stream {
    scores: Vec<(f64, f64)>,
    windows: Vec<(f64, f64)>,
}

fn load(folder: &Path, path: &Path, labels: &serde_json::Value) -> Result<Option<Stream>> {
    let name = path
        .strip_prefix(folder.join("data"))?
        .to_string_lossy()
        .trim_end_matches(".gz")
        .to_owned();
    let Some(windows) = labels.get(&name).and_then(|w| w.as_array()) else {
        return Ok(None);
    };
    let text = read::text(path)?;
    let mut rows: Vec<(f64, f64)> = Vec::new();
    for line in text.lines().skip(1).filter(|l| !l.is_empty()) {
        let (stamp, value) = line.split_once(',').context("two columns")?;
        rows.push((
            read::seconds(stamp).context("a time")?,
            value.trim().parse()?,
        ));
    }
    let place = |w: &serde_json::Value| {
        let at = w.as_str().and_then(read::seconds)?;
        Some(
            rows.iter()
                .position(|(t, _)| *t >= at)
                .unwrap_or(rows.len()) as f64,
        )
    };
    let windows = windows
        .iter()
        .filter_map(|w| Some((place(w.get(0)?)?, place(w.get(1)?)?)))
        .collect();
    let values: Vec<f64> = rows.iter().map(|(_, v)| *v).collect();
    Ok(Some(Stream {
        scores: scores(&values),
        windows,
    }))
}

/// Value and its change as two signals of one machine.
fn scores(values: &[f64]) -> Vec<(f64, f64)> {
    let probation = (values.len() * 15 / 100).min(750);
    let inputs = ["value".to_owned(), "change".to_owned()];
    let samples: Vec<Sample> = (0..values.len())
        .zip(0i64..)
        .map(|(i, t)| Sample {
            at: Timestamp(t),
            values: vec![values[i], values[i] - values[i.saturating_sub(1)]],
        })
        .collect();
    let config = MultiConfig {
        follow: 0.005,
        max_drift: 20.0,
        modes: ModesConfig::default(),
        ..MultiConfig::default()
    };
    let training = Training {
        inputs: &inputs,
        samples: &samples[..probation],
        excluded: &[],
        operating: &[],
    };
    let Ok(mut model) = MultiModel::learn(&training, &config) else {
        return Vec::new();
    };
    let mut state = MultiState::default();
    let mut out = Vec::new();
    for (row, sample) in samples.iter().enumerate() {
        let Ok(score) = model.score(&mut state, &sample.values) else {
            continue;
        };
        model.follow(&sample.values, &score, false);
        if row >= probation {
            out.push((row as f64, score.anomaly));
        }
    }
    out
}

/// Rows at which the score rises above the threshold: one detection per crossing.
fn detections(stream: &Stream, threshold: f64) -> Vec<f64> {
    let above = |i: usize| stream.scores[i].1 > threshold;
    (0..stream.scores.len())
        .filter(|i| above(*i) && (*i == 0 || !above(i - 1)))
        .map(|i| stream.scores[i].0)
        .collect()
}

fn best(streams: &[Stream], p: Profile) -> Raw {
    let all: Vec<f64> = streams
        .iter()
        .flat_map(|s| s.scores.iter().map(|(_, v)| *v))
        .collect();
    (0..400)
        .map(|k| quantile(&all, 1.0 - 0.3 * (f64::from(k) / 400.0).powi(3)))
        .map(|t| {
            streams
                .iter()
                .map(|s| streaming(&s.windows, &detections(s, t), p))
                .fold(Raw::default(), Raw::plus)
        })
        .max_by(|a, b| a.score.total_cmp(&b.score))
        .unwrap_or_default()
}

pub(super) fn run(_: &Options, folder: &Path) -> Result<()> {
    let labels: serde_json::Value =
        serde_json::from_str(&read::text(&folder.join("labels/combined_windows.json"))?)?;
    let mut streams = Vec::new();
    for path in read::csv_files(&folder.join("data"))? {
        streams.extend(load(folder, &path, &labels)?);
    }
    heading("NAB", &format!("{} of {WHOLE} streams", streams.len()));
    let of = |f: &dyn Fn(Profile) -> Raw| {
        let scores: Vec<String> = PROFILES
            .iter()
            .map(|p| format!("{} {:.1}", p.name, f(*p).normalised()))
            .collect();
        scores.join("   ")
    };
    line("ours", &of(&|p| best(&streams, p)));
    let always = |p| {
        let every = |s: &Stream| s.scores.iter().map(|(row, _)| *row).collect::<Vec<_>>();
        streams
            .iter()
            .map(|s| streaming(&s.windows, &every(s), p))
            .fold(Raw::default(), Raw::plus)
    };
    line("trivial: always alarm", &of(&always));
    line(
        "trivial: never alarm",
        "standard 0.0   low FP 0.0   low FN 0.0",
    );
    line(
        "published best (whole set, ARTime)",
        "standard 74.9   low FP 65.1   low FN 80.4",
    );
    Ok(())
}
