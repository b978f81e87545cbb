//! How good a model is on a window it was not learned from, and whether a candidate may replace the one
//! in force.

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    History, WEEK_MS,
    replay::{Agreement, Episode, Step, episodes, replay},
};
use crate::multi::{MultiModel, MultiState, Sample};

/// An alarm this long before a failure or less found it.
pub const LEAD_MS: i64 = 14 * 24 * 3_600_000;

/// Size of the departures a model is probed with, in usual deviations of the signal.
const PROBE: f64 = 4.0;
/// Rows a probe lasts, and the usual rows before it.
const PROBE_ROWS: usize = 12;
const WARM_ROWS: usize = 20;
/// Moments of the window at which each signal is probed.
const PROBES: usize = 4;

/// Share of judged rows a candidate may lose, and of probes it may miss more.
const TOLERANCE: f64 = 0.05;

/// What became of one known failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// The failure.
    pub at: Timestamp,
    /// The first alarm before it, within [`LEAD_MS`]; none: missed.
    pub alarm_at: Option<Timestamp>,
}

/// Figures of a model on a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Start of the window.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// The limit.
    pub limit: f64,
    /// Rows in which the machine ran.
    pub rows: u32,
    /// Share of them that were judged; the others lie outside experience or lack inputs.
    pub judged: f64,
    /// Alarms where nothing was known to be wrong.
    pub false_alarms: u32,
    /// The same per week of judged rows.
    pub false_per_week: f64,
    /// Known failures in the window.
    pub failures: u32,
    /// Those of them that an alarm came before.
    pub found: u32,
    /// Share of small made departures (four usual deviations of one signal) that were noticed.
    pub noticed: f64,
}

/// A model on a window, beside the one in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The candidate.
    pub candidate: Trial,
    /// The model in force; none for the first.
    pub current: Option<Trial>,
    /// What the candidate does worse; empty: it may replace the other.
    pub worse: Vec<Worse>,
}

/// What a candidate does worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// It judges fewer rows.
    Judged,
    /// It makes more false alarms, and more than the budget allows.
    FalseAlarms,
    /// It misses a failure that the other found.
    Missed,
    /// It notices fewer departures.
    Noticed,
    /// It knows less than a day of running.
    Thin,
}

/// What became of each known failure in the window of the steps.
#[must_use]
pub fn foreseen(failures: &[Timestamp], alarms: &[Episode]) -> Vec<Foreseen> {
    failures
        .iter()
        .map(|at| {
            let first = at.plus_ms(-LEAD_MS);
            let before = alarms.iter().find(|e| e.from <= *at && e.to >= first);
            Foreseen {
                at: *at,
                alarm_at: before.map(|e| e.from.max(first)),
            }
        })
        .collect()
}

/// Alarms that no known failure follows.
#[must_use]
pub fn false_alarms(failures: &[Timestamp], alarms: &[Episode]) -> usize {
    let explains = |e: &&Episode| {
        let near = |at: &Timestamp| e.from <= *at && e.to >= at.plus_ms(-LEAD_MS);
        !e.is_suspect && !failures.iter().any(near)
    };
    alarms.iter().filter(explains).count()
}

/// The figures of a model with a limit on a window.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "numbers of rows")]
pub fn trial(
    model: &MultiModel,
    limit: f64,
    history: &History,
    (from, to): (Timestamp, Timestamp),
) -> Trial {
    let steps = replay(model, history, (from, to));
    let alarms = episodes(&steps, limit);
    let failures: Vec<Timestamp> = history
        .failures
        .iter()
        .filter(|at| from <= **at && **at < to)
        .copied()
        .collect();
    let rows = steps.iter().filter(|s| !s.is_stopped).count();
    let judged = steps.iter().filter(|s| s.anomaly.is_some()).count();
    let found = foreseen(&failures, &alarms);
    let wrong = false_alarms(&failures, &alarms);
    let weeks = judged as f64 * history.row_ms as f64 / WEEK_MS as f64;
    Trial {
        from,
        to,
        limit,
        rows: count(rows),
        judged: judged as f64 / rows.max(1) as f64,
        false_alarms: count(wrong),
        false_per_week: if weeks > 0.0 {
            wrong as f64 / weeks
        } else {
            0.0
        },
        failures: count(failures.len()),
        found: count(found.iter().filter(|f| f.alarm_at.is_some()).count()),
        noticed: noticed(model, limit, history, (from, to), &steps),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Share of made departures that raise an alarm: each signal alone, up and down, at several moments.
#[allow(clippy::cast_precision_loss, reason = "numbers of probes")]
fn noticed(
    model: &MultiModel,
    limit: f64,
    history: &History,
    (from, to): (Timestamp, Timestamp),
    steps: &[Step],
) -> f64 {
    let rows = history.between(from, to);
    let spreads = history.spreads(rows);
    let length = WARM_ROWS + PROBE_ROWS;
    // Only where the machine ran and was quiet throughout.
    let is_calm = |start: usize| {
        steps.get(start..start + length).is_some_and(|part| {
            part.iter()
                .all(|s| s.anomaly.is_some_and(|a| a <= limit) && !s.is_suspect)
        })
    };
    let calm: Vec<usize> = (0..rows.len().saturating_sub(length))
        .step_by(PROBE_ROWS)
        .filter(|start| is_calm(*start))
        .collect();
    let starts: Vec<usize> = (0..PROBES)
        .filter_map(|k| calm.get(k * calm.len() / PROBES).copied())
        .collect();
    let places = history.places(&model.card.inputs);
    let (mut made, mut seen) = (0_u32, 0_u32);
    for (own, place) in places.iter().enumerate() {
        let Some(place) = place else { continue };
        for (k, start) in starts.iter().enumerate() {
            let sign = if k % 2 == 0 { PROBE } else { -PROBE };
            let part = &rows[*start..*start + length];
            made += 1;
            seen += u32::from(probe(
                model,
                limit,
                part,
                &places,
                (own, sign * spreads[*place]),
            ));
        }
    }
    if made == 0 {
        0.0
    } else {
        f64::from(seen) / f64::from(made)
    }
}

fn probe(
    model: &MultiModel,
    limit: f64,
    rows: &[Sample],
    places: &[Option<usize>],
    (own, off): (usize, f64),
) -> bool {
    let (mut state, mut agreement) = (MultiState::default(), Agreement::default());
    rows.iter().enumerate().any(|(i, sample)| {
        let value = |p: &Option<usize>| p.and_then(|p| sample.values.get(p).copied());
        let mut row: Vec<f64> = places
            .iter()
            .map(|p| value(p).unwrap_or(f64::NAN))
            .collect();
        if i >= WARM_ROWS {
            row[own] += off;
        }
        let score = model.score(&mut state, &row);
        score.is_ok_and(|s| agreement.take(s.anomaly) > limit && i >= WARM_ROWS)
    })
}

impl Comparison {
    /// Sets a candidate beside the model in force. Each keeps the limit it has; `per_week` is the budget
    /// of false alarms that both may use up.
    #[must_use]
    pub fn of(candidate: Trial, current: Option<Trial>, per_week: f64) -> Self {
        let mut worse = Vec::new();
        if let Some(now) = &current {
            if candidate.judged < now.judged - TOLERANCE {
                worse.push(Worse::Judged);
            }
            if candidate.false_alarms > now.false_alarms && candidate.false_per_week > per_week {
                worse.push(Worse::FalseAlarms);
            }
            if candidate.found < now.found {
                worse.push(Worse::Missed);
            }
            if candidate.noticed < now.noticed - TOLERANCE {
                worse.push(Worse::Noticed);
            }
        }
        Self {
            candidate,
            current,
            worse,
        }
    }

    /// Whether the candidate may replace the model in force.
    #[must_use]
    pub fn is_not_worse(&self) -> bool {
        self.worse.is_empty()
    }
}
