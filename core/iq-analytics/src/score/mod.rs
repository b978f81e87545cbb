//! Anomaly and health of one asset, with what they are made of. A score that can't be supported is
//! withheld with the reason; it is never guessed.

mod points;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use iq_domain::{
    Assessment, AssessmentId, AssetId, Contributor, ContributorKind, FamilyTemplate, Limits,
    Severity, StatusCode, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::points::{Evidence, anomaly_of, combine, evidence};
use crate::{Baseline, Regime};

/// Name and version of the method.
const MODEL: &str = "robust-baseline/1";

/// How a score is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreConfig {
    /// Of the last `of` readings …
    pub of: usize,
    /// … so many must agree before a deviation counts.
    pub persist: usize,
    /// Smallest share of fresh, good inputs.
    pub min_coverage: f64,
    /// Buckets a baseline needs, for the reason shown.
    pub min_buckets: u32,
    /// A value that arrives without change counts as a new reading after this time.
    pub reread_ms: i64,
}

impl Default for ScoreConfig {
    fn default() -> Self {
        Self {
            of: 4,
            persist: 3,
            min_coverage: 0.6,
            min_buckets: 30,
            reread_ms: 60_000,
        }
    }
}

/// One mapped signal.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalInput {
    /// Metric key.
    pub metric: String,
    /// Last value.
    pub value: Option<f64>,
    /// Its source time.
    pub at: Option<Timestamp>,
    /// Its status.
    pub status: StatusCode,
    /// Age up to which it counts as fresh.
    pub fresh_for_ms: i64,
    /// What is usual, if known.
    pub baseline: Option<Baseline>,
    /// Usable history buckets there are while no baseline is known.
    pub history_buckets: u32,
    /// Limits in force.
    pub limits: Limits,
}

/// An alert that is active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAlert {
    /// The metric it is about.
    pub metric: Option<String>,
    /// How bad.
    pub severity: Severity,
}

/// What the trained model of an asset says of its newest rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Method, version and training window.
    pub name: String,
    /// What it says, or why it says nothing.
    pub answer: Result<Judged, crate::Withheld>,
}

/// How far a machine is from what its model learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Anomaly 0–100, 50 at the limit of alarms.
    pub level: f64,
    /// Each input with the deviation that the others don't explain, signed, in its own deviations.
    pub signals: Vec<(String, f64)>,
}

/// What is known of an asset beside its signals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Age as a share of the usual life of its family, where both are known.
    pub life_used: Option<f64>,
    /// Reported malfunctions that wait.
    pub open_defects: u32,
    /// Those of them that stop it, or are most urgent.
    pub urgent_defects: u32,
}

/// Everything an assessment is made from.
#[derive(Clone, Debug)]
pub struct AssessInput<'a> {
    /// Id of the new assessment.
    pub id: AssessmentId,
    /// Owner.
    pub tenant_id: TenantId,
    /// The asset.
    pub asset_id: AssetId,
    /// Template of its family; without one every metric has a small weight.
    pub template: Option<&'a FamilyTemplate>,
    /// Its mapped signals (those without a number, such as states and texts, may be left out).
    pub signals: &'a [SignalInput],
    /// What the machine is doing.
    pub regime: Regime,
    /// Active alerts.
    pub open_alerts: &'a [OpenAlert],
    /// What its trained model says; without one the baselines of single signals speak.
    pub verdict: Option<&'a Verdict>,
    /// Age and defects.
    pub standing: Standing,
    /// The moment the assessment stands for.
    pub now: Timestamp,
}

/// The last readings of an asset's metrics, so that one spike doesn't move the score.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreMemory {
    readings: BTreeMap<String, VecDeque<Reading>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    at: Timestamp,
    taken_at: Timestamp,
    value: f64,
}

/// The band the last readings agree on: at least `persist` of them lie at or above `low`, and at least
/// as many at or below `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Agreed {
    low: f64,
    high: f64,
}

impl ScoreMemory {
    /// Forgets everything, after a stop or maintenance.
    pub fn clear(&mut self) {
        self.readings.clear();
    }

    fn take(
        &mut self,
        metric: &str,
        at: Timestamp,
        value: f64,
        now: Timestamp,
        config: &ScoreConfig,
    ) -> Agreed {
        let ring = self.readings.entry(metric.to_owned()).or_default();
        let is_new = ring
            .back()
            .is_none_or(|last| last.at != at || now.since_ms(last.taken_at) >= config.reread_ms);
        if is_new {
            ring.push_back(Reading {
                at,
                taken_at: now,
                value,
            });
        }
        while ring.len() > config.of.max(1) {
            ring.pop_front();
        }
        let mut sorted: Vec<f64> = ring.iter().map(|r| r.value).collect();
        sorted.sort_by(f64::total_cmp);
        // With fewer readings than needed all of them have to agree.
        let k = config.persist.clamp(1, sorted.len().max(1));
        Agreed {
            low: sorted
                .get(sorted.len().saturating_sub(k))
                .copied()
                .unwrap_or(value),
            high: sorted.get(k - 1).copied().unwrap_or(value),
        }
    }
}

/// What the usable inputs say together.
struct Gathered {
    evidence: Vec<Evidence>,
    coverage: f64,
    input_age_ms: Option<i64>,
    expected: usize,
    /// Weighted inputs, and those of them with a baseline.
    weighted: usize,
    with_baseline: usize,
    most_history: u32,
    trained: Option<(Timestamp, Timestamp)>,
}

/// Assesses an asset.
#[must_use]
pub fn assess(
    input: &AssessInput<'_>,
    memory: &mut ScoreMemory,
    config: &ScoreConfig,
) -> Assessment {
    if !input.regime.is_steady() {
        memory.clear();
    }
    let gathered = gather(input, memory, config);
    let mut contributors = if input.regime.is_steady() {
        gathered
            .evidence
            .iter()
            .flat_map(Evidence::contributors)
            .collect()
    } else {
        Vec::new()
    };
    add_alerts(&mut contributors, input.open_alerts);
    contributors.extend(points::standing(input.standing));
    contributors.sort_by(|a: &Contributor, b| {
        b.points
            .total_cmp(&a.points)
            .then_with(|| a.metric.cmp(&b.metric))
            .then_with(|| (a.kind as u8).cmp(&(b.kind as u8)))
    });
    let withheld = reason(input, &gathered, config);
    let lost: f64 = contributors.iter().map(|c| c.points).sum();
    let health = (100.0 - lost).clamp(0.0, 100.0);
    let anomaly = match judged(input) {
        Some(judged) => judged.level.clamp(0.0, 100.0),
        None => combine(gathered.evidence.iter().map(Evidence::anomaly_share)),
    };
    let (health, anomaly) = match &withheld {
        None => (Some(health), Some(anomaly)),
        // Where nothing is known to be usual, a limit is a limit all the same.
        Some(w) if w.is_history && lost > 0.0 => (Some(health), None),
        Some(_) => (None, None),
    };
    Assessment {
        id: input.id,
        tenant_id: input.tenant_id,
        asset_id: input.asset_id,
        at: input.now,
        health,
        anomaly,
        coverage: gathered.coverage,
        input_age_ms: gathered.input_age_ms,
        contributors,
        model: match (judged(input), input.verdict) {
            (Some(_), Some(verdict)) => verdict.name.clone(),
            _ => model_name(gathered.trained),
        },
        withheld_code: withheld.as_ref().map(|w| w.code.to_owned()),
        withheld_params: withheld.map_or_else(|| json!({}), |w| w.params),
    }
}

fn gather(input: &AssessInput<'_>, memory: &mut ScoreMemory, config: &ScoreConfig) -> Gathered {
    let weight = |metric: &str| weight_of(input.template, metric);
    let expected: Vec<&SignalInput> = input
        .signals
        .iter()
        .filter(|s| weight(&s.metric) > 0.0)
        .collect();
    let mut out = Gathered {
        evidence: Vec::new(),
        coverage: 0.0,
        input_age_ms: None,
        expected: expected.len(),
        weighted: 0,
        with_baseline: 0,
        most_history: 0,
        trained: None,
    };
    for signal in &expected {
        out.most_history = out.most_history.max(signal.history_buckets);
        let Some((value, at)) = usable(signal, input.now) else {
            let weight = weight(&signal.metric);
            out.evidence
                .extend(judged(input).and_then(|j| points::held(signal, weight, j)));
            continue;
        };
        let age = input.now.since_ms(at).max(0);
        out.input_age_ms = Some(out.input_age_ms.map_or(age, |oldest| oldest.max(age)));
        out.weighted += 1;
        let agreed = memory.take(&signal.metric, at, value, input.now, config);
        if let Some(b) = &signal.baseline {
            out.with_baseline += 1;
            let (from, to) = out.trained.unwrap_or((b.from, b.to));
            out.trained = Some((from.min(b.from), to.max(b.to)));
        }
        let weight = weight(&signal.metric);
        out.evidence
            .push(evidence(signal, value, agreed, weight, judged(input)));
    }
    out.coverage = share(out.weighted, out.expected);
    out
}

/// What the model says, where it says something.
fn judged<'a>(input: &AssessInput<'a>) -> Option<&'a Judged> {
    input.verdict.and_then(|v| v.answer.as_ref().ok())
}

/// Weight of a metric nobody wrote a template for: it counts, but little.
const CUSTOM_WEIGHT: f64 = 0.2;

fn weight_of(template: Option<&FamilyTemplate>, metric: &str) -> f64 {
    template
        .and_then(|t| t.metrics.iter().find(|m| m.metric == metric))
        .map_or(CUSTOM_WEIGHT, |m| m.health_weight)
}

/// A value that may be used: good, finite and fresh. A faulty sensor lowers coverage, not health.
fn usable(signal: &SignalInput, now: Timestamp) -> Option<(f64, Timestamp)> {
    let value = signal
        .value
        .filter(|v| v.is_finite() && signal.status.is_good())?;
    let at = signal.at?;
    (now.since_ms(at) <= signal.fresh_for_ms).then_some((value, at))
}

fn add_alerts(contributors: &mut Vec<Contributor>, alerts: &[OpenAlert]) {
    for alert in alerts {
        let points = match alert.severity {
            Severity::Critical => 40.0,
            Severity::Warning => 15.0,
            Severity::Info => 0.0,
        };
        let same = alert.metric.as_ref().and_then(|metric| {
            let is_it =
                |c: &&mut Contributor| c.metric == *metric && c.kind != ContributorKind::Drift;
            contributors.iter_mut().find(is_it)
        });
        match same {
            // The alert and the deviation are one thing; it costs once.
            Some(known) => known.points = known.points.max(points),
            None if points > 0.0 => contributors.push(Contributor {
                kind: ContributorKind::Alert,
                metric: alert
                    .metric
                    .clone()
                    .unwrap_or_else(|| "open_alert".to_owned()),
                value: None,
                baseline: None,
                z: None,
                points,
            }),
            None => {}
        }
    }
}

struct Withheld {
    code: &'static str,
    params: serde_json::Value,
    is_history: bool,
}

fn reason(input: &AssessInput<'_>, g: &Gathered, config: &ScoreConfig) -> Option<Withheld> {
    let withheld = |code, params| {
        Some(Withheld {
            code,
            params,
            is_history: false,
        })
    };
    match input.regime {
        Regime::Stopped => return withheld("score.not_running", json!({})),
        Regime::Settling => {
            let settle = input.template.map_or(0, |t| t.settle_s) / 60;
            return withheld("score.settling", json!({ "need": settle }));
        }
        Regime::Unknown | Regime::Steady => {}
    }
    if g.expected == 0 {
        return withheld("score.no_inputs", json!({}));
    }
    if g.coverage < config.min_coverage {
        let percent = |share: f64| (share * 100.0).floor();
        return withheld(
            "score.low_coverage",
            json!({ "have": percent(g.coverage), "need": percent(config.min_coverage) }),
        );
    }
    let says = input.verdict.map(|v| &v.answer);
    if let Some(Err(crate::Withheld::OutsideExperience)) = says {
        return Some(Withheld {
            code: "score.outside_experience",
            params: json!({}),
            is_history: true,
        });
    }
    if matches!(says, Some(Ok(_))) {
        return None;
    }
    if share(g.with_baseline, g.weighted) < config.min_coverage {
        return Some(Withheld {
            code: "score.not_enough_history",
            params: json!({ "have": g.most_history.min(config.min_buckets), "need": config.min_buckets }),
            is_history: true,
        });
    }
    None
}

#[allow(clippy::cast_precision_loss)]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn model_name(trained: Option<(Timestamp, Timestamp)>) -> String {
    match trained {
        Some((from, to)) => format!("{MODEL} {from}/{to}"),
        None => MODEL.to_owned(),
    }
}

/// Anomaly 0–100 of one deviation, for a live value beside the score.
#[must_use]
pub fn anomaly_of_z(z: f64) -> f64 {
    anomaly_of(z) * 100.0
}
