//! How long an asset still lasts: each signal that tells of its condition is followed to its limit on every
//! clock of rows; the one that gets there first is told. One that is beyond its limit already needs no drift to
//! be followed: it is told since when.

use iq_analytics::{Reached, Wear, WearConfig, Withheld, lab::History, reached, wear};
use iq_domain::{CodedError, Limits, Message, Timestamp};
use iq_historian::Historian;

use super::{
    gather::{CLOCKS, Plan, Source},
    say, withheld_message,
};

/// The remaining life of an asset: of its signal that reaches a limit first.
#[derive(Clone, Debug)]
pub struct RemainingLife {
    /// The signal.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// The limit.
    pub limit: f64,
    /// Whether it is reached from below.
    pub is_high: bool,
    /// Whether it is the critical limit; the warning limit where there is no critical one.
    pub is_critical: bool,
    /// Time between the rows it was followed on.
    pub row_ms: i64,
    /// When, and from what.
    pub wear: Wear,
    /// Since when it is beyond the limit already.
    pub reached_since: Option<Timestamp>,
}

/// A signal whose last row is older than this, and than four rows, is not said to be beyond its limit.
const SILENT_MS: i64 = 3_600_000;

/// A limit of a signal on one side.
#[derive(Clone, Copy)]
struct Limit {
    at: f64,
    is_high: bool,
    is_critical: bool,
}

/// A stay beyond a limit, as a remaining life: none.
fn none_left(found: &Reached) -> Wear {
    Wear {
        expected_h: 0.0,
        low_h: 0.0,
        high_h: Some(0.0),
        level: WearConfig::default().level,
        since: found.since,
        until: found.until,
        blocks: found.rows,
        usual: found.usual,
        now: found.now,
    }
}

fn limits_of(limits: &Limits) -> impl Iterator<Item = Limit> {
    let side = |critical: Option<f64>, warning: Option<f64>, is_high: bool| {
        let is_critical = critical.is_some();
        critical.or(warning).map(|at| Limit {
            at,
            is_high,
            is_critical,
        })
    };
    let high = side(limits.high_high, limits.high, true);
    let low = side(limits.low_low, limits.low, false);
    high.into_iter().chain(low)
}

/// The warning limits where there is a critical one beyond them.
fn warnings_of(limits: &Limits) -> impl Iterator<Item = Limit> {
    let side = |critical: Option<f64>, warning: Option<f64>, is_high: bool| {
        let at = critical.and(warning)?;
        Some(Limit {
            at,
            is_high,
            is_critical: false,
        })
    };
    let high = side(limits.high_high, limits.high, true);
    let low = side(limits.low_low, limits.low, false);
    high.into_iter().chain(low)
}

impl Plan {
    /// The signal that is beyond its limit for the longest, on the fastest clock it keeps up with.
    fn reached(
        &self,
        histories: &[(i64, History)],
        now: Timestamp,
        repaired: Option<Timestamp>,
        limits: impl Fn(&Source) -> Vec<Limit>,
    ) -> Option<RemainingLife> {
        let mut first: Option<RemainingLife> = None;
        for (place, source) in self.sources.iter().enumerate() {
            let rows_of = |(row_ms, history): &(i64, History)| {
                let mut rows = history.running(place);
                rows.retain(|(t, _)| repaired.is_none_or(|repaired| *t >= repaired));
                let is_heard = rows
                    .last()
                    .is_some_and(|(t, _)| now.since_ms(*t) <= SILENT_MS.max(4 * row_ms));
                (is_heard && rows.len() >= 4).then_some((*row_ms, rows))
            };
            let Some((row_ms, rows)) = histories.iter().find_map(rows_of) else {
                continue;
            };
            for limit in limits(source) {
                let Some(found) = reached(&rows, limit.at, limit.is_high) else {
                    continue;
                };
                if first.as_ref().is_none_or(|f| found.since < f.wear.since) {
                    first = Some(RemainingLife {
                        metric: source.metric.clone(),
                        unit: source.unit.clone(),
                        limit: limit.at,
                        is_high: limit.is_high,
                        is_critical: limit.is_critical,
                        row_ms,
                        wear: none_left(&found),
                        reached_since: Some(found.since),
                    });
                }
            }
        }
        first
    }

    /// What is left of the asset's life, from its rows since it was last repaired. Disk work.
    pub(super) fn remaining(
        &self,
        historian: &Historian,
        now: Timestamp,
        repaired: Option<Timestamp>,
    ) -> Result<Result<RemainingLife, Message>, CodedError> {
        if let Some(refused) = self.refused() {
            return Ok(Err(refused));
        }
        let has_limit = |source: &Source| limits_of(&source.limits).next().is_some();
        if !self.sources.iter().any(has_limit) {
            return Ok(Err(say("models.withheld.no_limits")));
        }
        let mut histories = Vec::with_capacity(CLOCKS.len());
        for (row_ms, _) in CLOCKS {
            histories.push((row_ms, self.history(historian, row_ms, now)?));
        }
        let last_limits = |source: &Source| limits_of(&source.limits).collect::<Vec<_>>();
        if let Some(over) = self.reached(&histories, now, repaired, last_limits) {
            return Ok(Ok(over));
        }
        let mut first: Option<RemainingLife> = None;
        let mut why: Option<Withheld> = None;
        for (row_ms, history) in &histories {
            let sources = self.sources.iter().enumerate();
            for (place, source) in sources.filter(|(_, source)| has_limit(source)) {
                let rows = rows_since(history, place, repaired);
                for limit in limits_of(&source.limits) {
                    match wear(&rows, limit.at, &WearConfig::default()) {
                        Ok(found) => {
                            let is_first = first
                                .as_ref()
                                .is_none_or(|f| found.expected_h < f.wear.expected_h);
                            if is_first {
                                first = Some(RemainingLife {
                                    metric: source.metric.clone(),
                                    unit: source.unit.clone(),
                                    limit: limit.at,
                                    is_high: limit.is_high,
                                    is_critical: limit.is_critical,
                                    row_ms: *row_ms,
                                    wear: found,
                                    reached_since: None,
                                });
                            }
                        }
                        Err(other) => why = Some(nearer(why, other)),
                    }
                }
            }
        }
        // Nothing leads on to a critical limit, but a warning limit may be passed: that is no quiet signal.
        let first = first.or_else(|| {
            let warnings = |source: &Source| warnings_of(&source.limits).collect::<Vec<_>>();
            self.reached(&histories, now, repaired, warnings)
        });
        let why = why.unwrap_or(Withheld::NoTrend);
        Ok(first.ok_or_else(|| withheld(&why)))
    }
}

fn rows_since(
    history: &History,
    place: usize,
    repaired: Option<Timestamp>,
) -> Vec<(Timestamp, f64)> {
    let mut rows = history.running_as_now(place);
    if let Some(repaired) = repaired {
        rows.retain(|(t, _)| *t >= repaired);
    }
    rows
}

fn withheld(why: &Withheld) -> Message {
    let mut message = withheld_message(why);
    if matches!(why, Withheld::NotEnoughData { .. }) {
        // Points of a drift, not rows of a training.
        message.code = "models.withheld.short_history".to_owned();
    }
    message
}

/// The reason that stands nearer to an answer: most signals of most machines simply don't drift.
fn nearer(before: Option<Withheld>, other: Withheld) -> Withheld {
    let rank = |why: &Withheld| match why {
        Withheld::TooFar => (3, 0),
        Withheld::NoTrend => (2, 0),
        Withheld::NotEnoughData { have, .. } => (1, *have),
        _ => (0, 0),
    };
    match before {
        Some(before) if rank(&before) >= rank(&other) => before,
        _ => other,
    }
}
