//! An answer as it is kept: no language, no clock, everything a screen needs to lead back to samples.

use std::collections::{BTreeMap, BTreeSet};

use iq_analytics::{MoverConfig, Reference, Track, rank_movers};
use iq_blackbox::rca::{
    self, Case, Finding, Grade, Hypothesis, Pack, RUN_STATES, RcaConfig, RuleText, Said, Side,
    Trace, Verdict,
};
use iq_domain::{AssetId, EventId, Message, SignalId, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

use super::Gathered;

/// A row of the common grid of the first movers.
const ROW_MS: i64 = 60_000;
/// Rows after the first change at which the movers are ranked.
const AFTER_ROWS: usize = 10;
/// What a mover has to have changed by, of its usual value: less is within what an instrument may be off.
const LEAST_CHANGE: f64 = 0.005;
/// Movers that are kept.
const MAX_MOVERS: usize = 12;
/// Samples of a finding.
const MAX_SAMPLES: usize = 8;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptVerdict {
    /// One stands out.
    Named,
    /// Several are as good.
    Unsettled,
    /// No rule explains it.
    Unexplained,
    /// Too little data.
    NotEnoughData,
}

/// A sample behind a finding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptSample {
    /// Signal.
    pub signal: SignalId,
    /// Source time.
    pub t: Timestamp,
    /// Value.
    pub value: f64,
}

/// An item of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptFinding {
    /// Place in the pack.
    pub key: String,
    /// "for", "against", "not_seen" or "missing".
    pub side: String,
    /// Weight.
    pub weight: u8,
    /// As written.
    pub condition: String,
    /// What was found.
    pub said: Message,
    /// Samples.
    pub samples: Vec<KeptSample>,
    /// Events.
    pub events: Vec<EventId>,
}

/// A possible cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptHypothesis {
    /// The rule as it stood in the pack.
    pub rule: RuleText,
    /// Asset.
    pub asset: AssetId,
    /// The signal a rule about instruments was tried on.
    #[serde(default)]
    pub signal: Option<SignalId>,
    /// Confidence.
    pub confidence: f64,
    /// "likely", "possible" or "unlikely".
    pub grade: String,
    /// Why.
    pub reason: Message,
    /// Coverage.
    pub coverage: f64,
    /// Evidence.
    pub findings: Vec<KeptFinding>,
}

/// A signal that moved first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptMover {
    /// Signal.
    pub signal: SignalId,
    /// Asset.
    pub asset: AssetId,
    /// Metric.
    pub metric: String,
    /// Unit.
    pub unit: String,
    /// When its level changed.
    pub onset_at: Timestamp,
    /// The sample that began it.
    pub value: f64,
    /// Usual value.
    pub usual: f64,
    /// Largest lasting change in usual deviations, signed.
    pub effect: f64,
    /// Relative to the first.
    pub score: f64,
    /// Steps along the flow.
    pub distance: Option<i32>,
}

/// Which pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPack {
    /// Id.
    pub id: String,
    /// Version.
    pub version: u32,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptAnalysis {
    /// Verdict.
    pub verdict: KeptVerdict,
    /// One explanation.
    pub explanation: Vec<Message>,
    /// Best first.
    pub hypotheses: Vec<KeptHypothesis>,
    /// The likeliest origin first.
    pub movers: Vec<KeptMover>,
    /// Packs that fit an asset of the case.
    pub packs: Vec<KeptPack>,
    /// Window that was looked at, up to the first stop.
    pub window_from: Timestamp,
    /// Its end.
    pub window_to: Timestamp,
    /// Raw samples that were read.
    pub samples_read: u64,
    /// Points that were refused.
    pub samples_refused: u64,
}

pub(super) fn message(said: &Said) -> Message {
    Message {
        code: said.code.to_owned(),
        params: said.params.clone(),
    }
}

/// Judges a case.
#[must_use]
pub fn judge(gathered: &Gathered, packs: &[Pack]) -> KeptAnalysis {
    let case = &gathered.case;
    let analysis = rca::analyse(case, packs, &RcaConfig::default());
    let movers = movers(case, gathered.reference);
    let moved: Vec<_> = movers.iter().map(|m| m.signal).collect();
    let explanation = rca::explain(case, &analysis, &moved);
    KeptAnalysis {
        verdict: match analysis.verdict {
            Verdict::Named => KeptVerdict::Named,
            Verdict::Unsettled => KeptVerdict::Unsettled,
            Verdict::Unexplained => KeptVerdict::Unexplained,
            Verdict::NotEnoughData => KeptVerdict::NotEnoughData,
        },
        explanation: explanation.iter().map(message).collect(),
        hypotheses: analysis.hypotheses.iter().map(hypothesis).collect(),
        movers,
        packs: packs
            .iter()
            .filter(|p| case.assets.iter().any(|a| p.fits(&a.family)))
            .map(|p| KeptPack {
                id: p.id.clone(),
                version: p.version,
            })
            .collect(),
        window_from: case.window.from,
        window_to: case.window.to,
        samples_read: gathered.samples_read,
        samples_refused: gathered.samples_refused,
    }
}

fn hypothesis(h: &Hypothesis<'_>) -> KeptHypothesis {
    KeptHypothesis {
        rule: h.rule.text.clone(),
        asset: h.asset,
        signal: h.signal,
        confidence: h.confidence,
        grade: match h.grade {
            Grade::Likely => "likely",
            Grade::Possible => "possible",
            Grade::Unlikely => "unlikely",
        }
        .to_owned(),
        reason: message(&h.reason),
        coverage: h.coverage,
        findings: h.findings.iter().map(finding).collect(),
    }
}

fn finding(f: &Finding) -> KeptFinding {
    KeptFinding {
        key: f.key.clone(),
        side: match f.side {
            Side::For => "for",
            Side::Against => "against",
            Side::NotSeen => "not_seen",
            Side::Missing => "missing",
        }
        .to_owned(),
        weight: f.weight,
        condition: f.condition.clone(),
        said: message(&f.said),
        samples: f
            .samples
            .iter()
            .take(MAX_SAMPLES)
            .map(|s| KeptSample {
                signal: s.signal,
                t: s.t,
                value: s.value,
            })
            .collect(),
        events: f.events.clone(),
    }
}

/// The last raw sample of each minute; a minute without one stays empty.
fn rows(trace: &Trace, range: TimeRange) -> Vec<Option<f64>> {
    let count = usize::try_from(range.to.since_ms(range.from).max(0) / ROW_MS).unwrap_or(0);
    let mut rows = vec![None; count];
    for (t, value) in trace.points.within(range) {
        let row = usize::try_from(t.since_ms(range.from) / ROW_MS).unwrap_or(usize::MAX);
        if let Some(cell) = rows.get_mut(row) {
            *cell = Some(*value);
        }
    }
    rows
}

/// When the incident's own asset began to change, else those beside it, else any: what drifted a little
/// somewhere else hours before is no beginning.
fn began_at(case: &Case, traces: &[&Trace]) -> Option<Timestamp> {
    let steps = |t: &Trace| case.asset(t.asset).and_then(|a| a.distance).map(i32::abs);
    let earliest = |near: i32| {
        let near = traces
            .iter()
            .filter(|t| steps(t).is_some_and(|s| s <= near));
        near.filter_map(|t| t.shift.map(|s| s.at)).min()
    };
    let any = || traces.iter().filter_map(|t| t.shift.map(|s| s.at)).min();
    earliest(0).or_else(|| earliest(1)).or_else(any)
}

/// How long before the first of the last seconds' changes a lasting one still belongs to the same story.
const SAME_STORY_MS: i64 = 30 * 60_000;

/// Share of the strongest movement from which one of the last seconds may be where it began: a bearing that got
/// two degrees cooler beside a flow that swings through is no origin.
const STRONG: f64 = 0.2;

/// What moved on the incident's own asset shortly before its stop, the strong ones first, of them the earliest:
/// too little of it is left for a rank by residuals.
fn brief_movers(case: &Case, traces: &[&Trace]) -> Vec<KeptMover> {
    let own = || traces.iter().filter(|t| t.asset == case.asset);
    let Some(first) = own().filter_map(|t| t.cut_short.map(|s| s.at)).min() else {
        return Vec::new();
    };
    let since = first.plus_ms(-SAME_STORY_MS);
    let mut kept: Vec<KeptMover> = own()
        .filter_map(|trace| {
            let lasting = trace.shift.filter(|shift| shift.at >= since);
            let (change, usual) = (lasting.or(trace.cut_short)?, trace.usual?);
            let by = (change.level - usual.center).abs();
            (by >= usual.center.abs() * LEAST_CHANGE).then(|| KeptMover {
                signal: trace.signal,
                asset: trace.asset,
                metric: trace.metric.clone(),
                unit: trace.unit.clone(),
                onset_at: change.at,
                value: change.value,
                usual: usual.center,
                effect: change.effect,
                score: change.effect.abs(),
                distance: case.asset(trace.asset).and_then(|a| a.distance),
            })
        })
        .collect();
    let strongest = kept.iter().map(|m| m.score).fold(1e-9, f64::max);
    for mover in &mut kept {
        mover.score /= strongest;
    }
    kept.sort_by(|a, b| {
        let is_weak = |m: &KeptMover| m.score < STRONG;
        let order = is_weak(a)
            .cmp(&is_weak(b))
            .then(a.onset_at.cmp(&b.onset_at));
        order.then(b.score.total_cmp(&a.score))
    });
    kept.truncate(MAX_MOVERS);
    kept
}

/// The signals whose level changed, the likeliest origin first. What changed long before the beginning is
/// another story: the day's set-points and levels.
fn movers(case: &Case, reference: TimeRange) -> Vec<KeptMover> {
    let config = MoverConfig::default();
    // That a machine stopped is what happened, not where it began.
    let traces: Vec<&Trace> = case
        .traces
        .iter()
        .filter(|t| t.usual.is_some() && !RUN_STATES.contains(&t.metric.as_str()))
        .collect();
    // Where the asset itself left its usual values by more in its last seconds than in all the time before, it
    // began there: what the day did before has no word in it.
    let own = || traces.iter().filter(|t| t.asset == case.asset);
    let most = |effects: &mut dyn Iterator<Item = f64>| effects.fold(0.0, f64::max);
    let lasting = most(&mut own().filter_map(|t| t.shift.map(|s| s.effect.abs())));
    let brief = most(&mut own().filter_map(|t| t.cut_short.map(|s| s.effect.abs())));
    if brief > lasting {
        let movers = brief_movers(case, &traces);
        if !movers.is_empty() {
            return movers;
        }
    }
    let Some(first) = began_at(case, &traces) else {
        return Vec::new();
    };
    let nodes: BTreeMap<AssetId, usize> = case
        .assets
        .iter()
        .enumerate()
        .map(|(i, a)| (a.id, i))
        .collect();
    let tracks: Vec<Track> = traces
        .iter()
        .map(|t| Track {
            reference: rows(t, reference),
            window: rows(t, case.window),
            node: nodes.get(&t.asset).copied().unwrap_or(usize::MAX),
        })
        .collect();
    let Some(learned) = Reference::learn(&tracks, &config) else {
        return Vec::new();
    };
    let at = usize::try_from(first.since_ms(case.window.from) / ROW_MS).unwrap_or(0) + AFTER_ROWS;
    let ranked = rank_movers(&tracks, &learned, &upstream(case), at, &config);
    let earliest = first.plus_ms(-i64::try_from(config.look_back).unwrap_or(0) * ROW_MS);
    let mut kept: Vec<KeptMover> = ranked
        .iter()
        .filter_map(|m| {
            let trace = traces[m.track];
            let (shift, usual) = (trace.shift?, trace.usual?);
            let change = (shift.level - usual.center).abs();
            let is_of_it = shift.at >= earliest;
            let is_large = change >= usual.center.abs() * LEAST_CHANGE;
            (is_of_it && is_large).then(|| KeptMover {
                signal: trace.signal,
                asset: trace.asset,
                metric: trace.metric.clone(),
                unit: trace.unit.clone(),
                onset_at: shift.at,
                value: shift.value,
                usual: usual.center,
                effect: shift.effect,
                score: m.score,
                distance: case.asset(trace.asset).and_then(|a| a.distance),
            })
        })
        .take(MAX_MOVERS)
        .collect();
    let best = kept.first().map_or(1.0, |m| m.score.max(1e-9));
    for mover in &mut kept {
        mover.score /= best;
    }
    kept
}

/// Assets one step further upstream, by their distance from the incident's asset.
fn upstream(case: &Case) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut graph: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (to, below) in case.assets.iter().enumerate() {
        for (from, above) in case.assets.iter().enumerate() {
            if let (Some(a), Some(b)) = (above.distance, below.distance)
                && a + 1 == b
            {
                graph.entry(to).or_default().insert(from);
            }
        }
    }
    graph
}
