//! Models of assets as they travel.

use iq_analytics::{
    lab::{self, BackTest, Comparison, Step, Trial},
    rul::wear::METHOD,
};
use iq_api_types::{
    AssetLife, AssetModelPage, BackTestAlarm, BackTestFailure, BackTestPoint, FailureChance,
    HindsightGroup, Job, ModelBackTest, ModelComparison, ModelHindsight, ModelInput, ModelLimit,
    ModelRegime, ModelTrial, ModelVersion, ModelVersionState, RegimeSignal, RemainingLife,
    SignalDeparture, StatusMessage,
};
use iq_domain::{AssetId, Message, Timestamp};
use iq_locale::Language;
use iq_runtime::{BackTestOf, FamilyHindsight, Life, comparison_of, model_of};
use iq_store::asset_models::{AssetModelRow, ModelState};

use crate::texts;

/// Stretches that a chart can show apart.
const POINTS: usize = 600;
const WEEK_MS: f64 = 7.0 * 24.0 * 3_600_000.0;

/// The number of the version in force.
pub(crate) fn in_force(rows: &[AssetModelRow]) -> Option<u32> {
    let row = rows.iter().find(|r| r.state == ModelState::Promoted);
    row.map(|r| r.version)
}

pub(crate) fn page(
    language: Language,
    asset_id: AssetId,
    rows: &[AssetModelRow],
    life: &Life,
    (training, next_training_at): (Option<Job>, Option<Timestamp>),
) -> AssetModelPage {
    // Only the newest attempt says something about now.
    let last = rows.first().filter(|r| r.withheld.is_some());
    AssetModelPage {
        asset_id,
        in_force: in_force(rows),
        versions: rows.iter().filter_map(version).collect(),
        withheld: last
            .and_then(|r| r.withheld.as_ref())
            .map(|m| texts::status(language, m)),
        withheld_at: last.map(|r| r.created_at),
        training,
        next_training_at,
        life: life_of(language, life),
    }
}

/// A version; one without a model, or that this program can't read, is not shown.
fn version(row: &AssetModelRow) -> Option<ModelVersion> {
    let state = match row.state {
        ModelState::Candidate => ModelVersionState::Candidate,
        ModelState::Promoted => ModelVersionState::Promoted,
        ModelState::Retired => ModelVersionState::Retired,
        ModelState::Withheld => return None,
    };
    let model = model_of(row).ok()?;
    let (multi, card) = (&model.multi, &model.multi.card);
    let telling = |mode: &iq_analytics::Mode| -> Vec<RegimeSignal> {
        multi
            .operating()
            .iter()
            .zip(mode.center.iter().zip(&mode.width))
            .filter_map(|(place, (center, width))| {
                Some(RegimeSignal {
                    metric: card.inputs.get(*place)?.clone(),
                    center: *center,
                    width: *width,
                })
            })
            .collect()
    };
    Some(ModelVersion {
        version: row.version,
        state,
        method: card.method.clone(),
        code: card.code.clone(),
        seed: card.seed,
        inputs: model
            .coverage
            .iter()
            .map(|c| ModelInput {
                metric: c.metric.clone(),
                filled: c.filled,
                is_used: c.is_used,
            })
            .collect(),
        rows: card.rows,
        left_out: card.left_out,
        window_from: model.window.from,
        window_to: model.window.to,
        learned_from: card.from,
        learned_to: card.to,
        row_ms: model.row_ms,
        alarm_limit: row.alarm_limit.unwrap_or(1.0),
        alarms_per_week: row.alarms_per_week,
        curve: model
            .curve
            .points
            .iter()
            .map(|p| ModelLimit {
                limit: p.limit,
                alarms: p.alarms,
            })
            .collect(),
        curve_weeks: model.curve.weeks,
        regimes: multi
            .modes
            .modes
            .iter()
            .map(|mode| ModelRegime {
                share: mode.share,
                signals: telling(mode),
            })
            .collect(),
        comparison: comparison_of(row)
            .as_ref()
            .map(|found| comparison(found, model.row_ms, row.alarms_per_week)),
        is_demo: row.is_demo,
        created_by: row.created_by.clone(),
        created_at: row.created_at,
        promoted_by: row.promoted_by.clone(),
        promoted_at: row.promoted_at,
    })
}

fn comparison(found: &Comparison, row_ms: i64, per_week: f64) -> ModelComparison {
    let word = |worse: &lab::Worse| match worse {
        lab::Worse::Judged => "judged",
        lab::Worse::FalseAlarms => "false_alarms",
        lab::Worse::Missed => "missed",
        lab::Worse::Noticed => "noticed",
        lab::Worse::Thin => "thin",
    };
    ModelComparison {
        candidate: trial(&found.candidate, row_ms, per_week),
        current: found.current.as_ref().map(|t| trial(t, row_ms, per_week)),
        worse: found.worse.iter().map(|w| word(w).to_owned()).collect(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of a row")]
fn trial(found: &Trial, row_ms: i64, per_week: f64) -> ModelTrial {
    let weeks = f64::from(found.rows) * found.judged * row_ms as f64 / WEEK_MS;
    ModelTrial {
        from: found.from,
        to: found.to,
        limit: found.limit,
        rows: found.rows,
        judged: found.judged,
        false_alarms: found.false_alarms,
        false_per_week: lab::rate(found.false_alarms, weeks, per_week),
        judged_weeks: weeks,
        failures: found.failures,
        found: found.found,
        noticed: found.noticed,
    }
}

fn withheld(language: Language, why: Option<&Message>) -> Option<StatusMessage> {
    why.map(|message| texts::status(language, message))
}

fn remaining_of(life: &iq_runtime::RemainingLife) -> RemainingLife {
    RemainingLife {
        expected_h: life.wear.expected_h,
        low_h: life.wear.low_h,
        high_h: life.wear.high_h,
        level: life.wear.level,
        metric: life.metric.clone(),
        unit: life.unit.clone(),
        limit: life.limit,
        is_high: life.is_high,
        is_critical: life.is_critical,
        usual: life.wear.usual,
        now: life.wear.now,
        since: life.wear.since,
        until: life.wear.until,
        reached_since: life.reached_since,
        points: life.wear.blocks,
        row_ms: life.row_ms,
        method: METHOD.to_owned(),
    }
}

fn life_of(language: Language, life: &Life) -> AssetLife {
    let chance = life.chance.as_ref();
    AssetLife {
        horizon_h: life.horizon_h,
        age_h: life.age_h,
        health: life.health,
        chance: chance.ok().map(|found| FailureChance {
            p: found.chance.p,
            low: found.chance.low,
            high: found.chance.high,
            base: found.chance.base,
            own_failures: found.own_failures,
            own_exposures: found.own_exposures,
            scale_h: found.scale_h.0,
            scale_low_h: found.scale_h.1,
            scale_high_h: found.scale_h.2,
        }),
        chance_withheld: withheld(language, chance.err()),
        remaining: life.remaining.as_ref().ok().map(remaining_of),
        remaining_withheld: withheld(language, life.remaining.as_ref().err()),
    }
}

pub(crate) fn hindsight(language: Language, found: FamilyHindsight) -> ModelHindsight {
    let drawn = found.result.as_ref().ok();
    ModelHindsight {
        horizon_h: found.horizon_h,
        is_demo: found.is_demo,
        assets: found.assets,
        forecasts: found.forecasts,
        failures: found.failures,
        with_health: found.with_health,
        from: found.moments.map(|(from, _)| from),
        to: found.moments.map(|(_, to)| to),
        predicted: drawn.map(|r| r.predicted),
        observed: drawn.map(|r| r.observed),
        brier: drawn.map(|r| r.brier),
        brier_base: drawn.map(|r| r.brier_base),
        groups: drawn
            .into_iter()
            .flat_map(|r| &r.groups)
            .map(|row| HindsightGroup {
                from: row.from,
                to: row.to,
                count: row.count,
                predicted: row.predicted,
                observed: row.observed,
                observed_low: row.observed_low,
                observed_high: row.observed_high,
            })
            .collect(),
        withheld: withheld(language, found.result.as_ref().err()),
        family: found.family,
    }
}

pub(crate) fn back_test(found: &BackTestOf) -> ModelBackTest {
    let BackTest {
        steps,
        alarms,
        failures,
        false_alarms,
        weeks,
    } = &found.result;
    let signals = |named: &[(usize, f64)]| -> Vec<SignalDeparture> {
        let of = |(place, deviation): &(usize, f64)| {
            Some(SignalDeparture {
                metric: found.inputs.get(*place)?.clone(),
                deviation: *deviation,
            })
        };
        named.iter().filter_map(of).collect()
    };
    let size = steps.len().div_ceil(POINTS).max(1);
    let points = steps.chunks(size).filter_map(|part| {
        let first = part.first()?;
        let most = part.iter().filter(|s| s.anomaly.is_some()).max_by(|a, b| {
            a.anomaly
                .partial_cmp(&b.anomaly)
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        Some(BackTestPoint {
            at: first.at,
            anomaly: most.and_then(|s| s.anomaly),
            regime: most
                .and_then(|s| s.regime)
                .and_then(|r| u32::try_from(r).ok()),
            is_stopped: part.iter().all(|s: &Step| s.is_stopped),
            signals: most.map(|s| signals(&s.named)).unwrap_or_default(),
        })
    });
    let caught = failures.iter().filter(|f| f.alarm_at.is_some()).count();
    ModelBackTest {
        version: found.version,
        limit: found.limit,
        points: points.collect(),
        alarms: alarms
            .iter()
            .map(|a| BackTestAlarm {
                from: a.from,
                to: a.to,
                peak: a.peak,
                is_suspect: a.is_suspect,
                signals: signals(&a.named),
            })
            .collect(),
        failures: failures
            .iter()
            .map(|f| BackTestFailure {
                at: f.at,
                alarm_at: f.alarm_at,
            })
            .collect(),
        found: u32::try_from(caught).unwrap_or(u32::MAX),
        false_alarms: *false_alarms,
        false_per_week: lab::rate(*false_alarms, *weeks, found.alarms_per_week),
        judged_weeks: *weeks,
    }
}
