//! A model walks through a history: what it would have said, row by row, and the alarms that come of it.

use std::collections::VecDeque;

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::{History, WEEK_MS};
use crate::multi::{MultiModel, MultiScore, MultiState};

/// Of the last rows so many …
const OF: usize = 4;
/// … must agree before a departure counts: one odd row is no alarm.
const PERSIST: usize = 3;
/// Usual rows after which an alarm is over.
pub(super) const QUIET_ROWS: u32 = 15;
/// Signals named beside a row.
const NAMED: usize = 3;

/// What the last rows agree on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agreement {
    last: VecDeque<f64>,
}

impl Agreement {
    /// Takes the anomaly of the next row; gives the one that at least three of the last four reach, 0
    /// before there are three.
    pub fn take(&mut self, anomaly: f64) -> f64 {
        self.last.push_back(anomaly);
        if self.last.len() > OF {
            self.last.pop_front();
        }
        let mut sorted: Vec<f64> = self.last.iter().copied().collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        sorted.get(PERSIST - 1).copied().unwrap_or(0.0)
    }

    /// Forgets everything, after a stop.
    pub fn clear(&mut self) {
        self.last.clear();
    }
}

/// What a model said at a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The row's time.
    pub at: Timestamp,
    /// What the last rows agree on, 1 at the model's own limit; none where nothing is judged.
    pub anomaly: Option<f64>,
    /// The regime.
    pub regime: Option<usize>,
    /// Inputs that depart most, by position, with their signed deviation.
    pub named: Vec<(usize, f64)>,
    /// The machine stood or was worked on.
    pub is_stopped: bool,
    /// A critical alert was active, or a failure came.
    pub is_suspect: bool,
}

/// A stretch beyond the limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// First row beyond.
    pub from: Timestamp,
    /// Last row beyond.
    pub to: Timestamp,
    /// Largest anomaly.
    pub peak: f64,
    /// Inputs that depart most then, by position, with their signed deviation.
    pub named: Vec<(usize, f64)>,
    /// It lies in a time of critical alerts or before a failure.
    pub is_suspect: bool,
}

/// Inputs that depart most, largest first.
#[must_use]
pub fn named(score: &MultiScore) -> Vec<(usize, f64)> {
    let mut all: Vec<(usize, f64)> = score.contributions.iter().copied().enumerate().collect();
    all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
    all.truncate(NAMED);
    all
}

/// Walks through the rows of a window in time.
#[must_use]
pub fn replay(
    model: &MultiModel,
    history: &History,
    (from, to): (Timestamp, Timestamp),
) -> Vec<Step> {
    let places = history.places(&model.card.inputs);
    let (mut state, mut agreement) = (MultiState::default(), Agreement::default());
    let mut before: Option<Timestamp> = None;
    history
        .between(from, to)
        .iter()
        .map(|sample| {
            let is_stopped = history.is_stopped(sample.at);
            let has_gap =
                before.is_some_and(|b| sample.at.since_ms(b) > history.row_ms.saturating_mul(60));
            before = Some(sample.at);
            if is_stopped || has_gap {
                state.clear();
                agreement.clear();
            }
            let mut step = Step {
                at: sample.at,
                anomaly: None,
                regime: None,
                named: Vec::new(),
                is_stopped,
                is_suspect: history.is_suspect(sample.at),
            };
            if is_stopped {
                return step;
            }
            let row: Vec<f64> = places
                .iter()
                .map(|p| {
                    p.and_then(|p| sample.values.get(p).copied())
                        .unwrap_or(f64::NAN)
                })
                .collect();
            if let Ok(score) = model.score(&mut state, &row) {
                step.anomaly = Some(agreement.take(score.anomaly));
                step.regime = Some(score.regime);
                step.named = named(&score);
            }
            step
        })
        .collect()
}

/// Stretches beyond a limit; usual or unjudged rows in between end one after a while.
#[must_use]
pub fn episodes(steps: &[Step], limit: f64) -> Vec<Episode> {
    let mut found: Vec<Episode> = Vec::new();
    let mut quiet = u32::MAX;
    for step in steps {
        let Some(anomaly) = step.anomaly.filter(|a| *a > limit) else {
            quiet = quiet.saturating_add(1);
            continue;
        };
        match found.last_mut().filter(|_| quiet < QUIET_ROWS) {
            Some(open) => {
                open.to = step.at;
                open.is_suspect |= step.is_suspect;
                if anomaly > open.peak {
                    open.peak = anomaly;
                    open.named.clone_from(&step.named);
                }
            }
            None => found.push(Episode {
                from: step.at,
                to: step.at,
                peak: anomaly,
                named: step.named.clone(),
                is_suspect: step.is_suspect,
            }),
        }
        quiet = 0;
    }
    found
}

/// One point of how many alarms a limit makes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitPoint {
    /// The limit, 1 at the model's own.
    pub limit: f64,
    /// Alarms it makes in the window.
    pub alarms: u32,
}

/// How many alarms each limit makes in a window in which nothing was known to be wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LimitCurve {
    /// Weeks in which the machine was judged.
    pub weeks: f64,
    /// Rising limits; the last makes no alarm.
    pub points: Vec<LimitPoint>,
}

/// The lowest limit, and how much one is larger than the one before.
const LEAST: f64 = 0.7;
const GROWTH: f64 = 1.05;
/// Limits that are tried: the largest is some fifteen thousand times the lowest.
const MOST_POINTS: usize = 200;

impl LimitCurve {
    /// Counts the alarms of each limit.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of some weeks")]
    pub fn of(steps: &[Step], row_ms: i64) -> Self {
        let judged = steps.iter().filter(|s| s.anomaly.is_some()).count();
        let mut curve = Self {
            weeks: judged as f64 * row_ms as f64 / WEEK_MS as f64,
            points: Vec::new(),
        };
        let mut limit = LEAST;
        while curve.points.len() < MOST_POINTS {
            let all = episodes(steps, limit);
            let alarms = all.iter().filter(|e| !e.is_suspect).count();
            let alarms = u32::try_from(alarms).unwrap_or(u32::MAX);
            curve.points.push(LimitPoint { limit, alarms });
            if alarms == 0 && limit >= 1.0 {
                break;
            }
            limit *= GROWTH;
        }
        curve
    }

    /// The lowest limit that keeps the budget. A window too short to show the alarms of a budget allows
    /// none, and then no limit is below the model's own.
    #[must_use]
    pub fn limit_at(&self, per_week: f64) -> f64 {
        let allowed = (per_week * self.weeks).floor().max(0.0);
        let least = if allowed < 1.0 { 1.0 } else { LEAST };
        self.points
            .iter()
            .find(|p| p.limit >= least && f64::from(p.alarms) <= allowed)
            .or(self.points.last())
            .map_or(1.0, |p| p.limit.max(least))
    }

    /// Alarms per week a limit made.
    #[must_use]
    pub fn per_week(&self, limit: f64) -> f64 {
        let at = self.points.iter().rev().find(|p| p.limit <= limit);
        let alarms = at.or(self.points.first()).map_or(0, |p| p.alarms);
        if self.weeks > 0.0 {
            f64::from(alarms) / self.weeks
        } else {
            0.0
        }
    }
}
