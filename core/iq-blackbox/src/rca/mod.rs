//! Root cause: rule packs are tried on a case, every hypothesis shows what speaks for it, what speaks
//! against it and what is missing, and one explanation joins them with what the data alone say. Pure:
//! the same case and packs give the same answer.

mod case;
mod eval;
mod follow;
mod happened;
mod language;
mod order;
mod pack;
mod shape;
mod slow;
mod tell;

pub use case::{Case, CaseAsset, CaseEvent, RUN_STATES, Stops, Trace};
pub use eval::{EvidenceSample, Said};
pub use language::{Amount, Condition, Order, Signals, SyntaxError, Test, parse};
pub use pack::{
    ActionText, BUILT_IN_FILES, ConfuserText, MAX_PACK_BYTES, Pack, PackError, Rule, RuleKind,
    RuleText, Weighted, built_in, read_pack,
};
pub use slow::slow_changes;
pub use tell::explain;

use iq_domain::{AssetId, EventId, SignalId, Timestamp};

use eval::{Outcome, Place, evaluate};

/// How hypotheses are weighed. The logit is `ln(prior odds) + step·(Σ for − Σ against)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RcaConfig {
    /// Logit per unit of weight; a decisive item of 3 changes the odds by about fifteen.
    pub step: f64,
    /// Logit taken off per step of distance from the incident's asset.
    pub per_step: f64,
    /// Logit taken off an asset of the unit that is not connected.
    pub unconnected: f64,
    /// Weight against a machine whose upstream neighbour shows a likely fault that began no later.
    pub upstream: u8,
    /// How much later the upstream sign may be seen: slow instruments blur the order.
    pub blur_ms: i64,
    /// Confidence from which a hypothesis is likely.
    pub likely: f64,
    /// Coverage it needs for that.
    pub min_coverage: f64,
    /// Confidence from which it is possible.
    pub possible: f64,
    /// Usual deviations a signal must have moved that speaks for a machine's fault all by itself: the
    /// day and the weather move many a temperature by less.
    pub single_sign: f64,
    /// Lead in logit over the next cause that settles the question.
    pub lead: f64,
    /// Hypotheses that are told.
    pub keep: usize,
}

impl Default for RcaConfig {
    fn default() -> Self {
        Self {
            step: 0.9,
            per_step: 0.5,
            unconnected: 2.0,
            upstream: 3,
            blur_ms: 300_000,
            likely: 0.6,
            min_coverage: 0.6,
            possible: 0.25,
            single_sign: 15.0,
            lead: 0.2,
            keep: 8,
        }
    }
}

/// Which side a finding is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Speaks for it.
    For,
    /// Speaks against it.
    Against,
    /// A sign that was looked for and is not there.
    NotSeen,
    /// Could not be looked at, or only a person can.
    Missing,
}

/// One item of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its place in the pack ("for.1").
    pub key: String,
    /// Side.
    pub side: Side,
    /// Weight; 0 for what only a person can find.
    pub weight: u8,
    /// The condition as written.
    pub condition: String,
    /// What was found, or why it is missing.
    pub said: Said,
    /// When it began.
    pub at: Option<Timestamp>,
    /// Samples behind it.
    pub samples: Vec<EvidenceSample>,
    /// Events behind it.
    pub events: Vec<EventId>,
}

impl Finding {
    /// A strong sign for it. That something stayed as usual supports a suspicion, but is none; nor is work
    /// that was done.
    fn is_sign(&self) -> bool {
        let supports = ["rca.found.steady", "rca.found.event.maintenance"];
        self.side == Side::For && self.weight >= 2 && !supports.contains(&self.said.code)
    }

    /// A decisive sign that began so shortly before the stop that it can't be judged.
    fn is_cut_short(&self) -> bool {
        self.weight == DECISIVE && self.said.code == CUT_SHORT
    }
}

/// How sure, in words; surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Supported, with enough of its evidence looked at and a decisive item among it.
    Likely,
    /// Supported in part.
    Possible,
    /// Little speaks for it.
    Unlikely,
}

/// A possible cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis<'p> {
    /// The rule.
    pub rule: &'p Rule,
    /// Its pack.
    pub pack: &'p Pack,
    /// The asset.
    pub asset: AssetId,
    /// The signal, for an instrument.
    pub signal: Option<SignalId>,
    /// Log odds.
    pub logit: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// Share of its evidence, by weight, that could be looked at.
    pub coverage: f64,
    /// Whether one signal alone speaks for it, which moved hardly further than usual.
    pub is_faint: bool,
    /// Whether one signal alone speaks for it, at no multiple of what is usual, and more of its signs were
    /// looked for and not seen.
    pub is_alone: bool,
    /// In words.
    pub grade: Grade,
    /// Why.
    pub reason: Said,
    /// Evidence, for first, each by weight.
    pub findings: Vec<Finding>,
}

impl Hypothesis<'_> {
    /// When the first sign of it was seen.
    #[must_use]
    pub fn first_sign(&self) -> Option<Timestamp> {
        self.side(Side::For).filter_map(|f| f.at).min()
    }

    /// Findings of one side.
    pub fn side(&self, side: Side) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.side == side)
    }

    /// Whether nothing speaks for it but what the stop cut short, and nothing settles it the other way.
    fn is_only_cut_short(&self) -> bool {
        let is_ruled_out = self.side(Side::Against).any(|f| f.weight == DECISIVE);
        self.side(Side::For).next().is_none()
            && !is_ruled_out
            && self.findings.iter().any(Finding::is_cut_short)
    }

    fn has_decisive(&self) -> bool {
        self.side(Side::For).any(|f| f.weight == DECISIVE)
    }
}

/// What an analysis ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first hypothesis stands out.
    Named,
    /// Several are about as good.
    Unsettled,
    /// No rule explains what was seen.
    Unexplained,
    /// Too little was there to look at.
    NotEnoughData,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis<'p> {
    /// Verdict.
    pub verdict: Verdict,
    /// Best first.
    pub hypotheses: Vec<Hypothesis<'p>>,
}

/// What is said of a sign the stop cut short.
const CUT_SHORT: &str = "rca.missing.cut_short";

/// Weight of a sign that can settle a case.
const DECISIVE: u8 = 3;

/// Tries every fitting rule of the packs on every asset of the case.
#[must_use]
pub fn analyse<'p>(case: &Case, packs: &'p [Pack], config: &RcaConfig) -> Analysis<'p> {
    let mut found = Vec::new();
    for asset in &case.assets {
        for pack in packs.iter().filter(|p| p.fits(&asset.family)) {
            for rule in &pack.rules {
                match rule.text.kind {
                    RuleKind::Machine => {
                        found.extend(weigh(case, pack, rule, asset.id, None, config));
                    }
                    // A common cause is no matter of one asset.
                    RuleKind::CommonCause if asset.id == case.asset => {
                        found.extend(weigh(case, pack, rule, asset.id, None, config));
                    }
                    RuleKind::CommonCause => {}
                    RuleKind::Instrument => {
                        let fits = |t: &&Trace| t.is_measured() && rule.text.is_about(&t.metric);
                        for trace in case.traces_of(asset.id).filter(fits) {
                            let this = Some(trace);
                            found.extend(weigh(case, pack, rule, asset.id, this, config));
                        }
                    }
                }
            }
        }
    }
    propagate(case, &mut found, config);
    contradict(&mut found, config);
    // A cause whose decisive evidence is missing does not come before one that is supported, whatever
    // its odds.
    found.sort_by(|a, b| {
        a.grade
            .cmp(&b.grade)
            .then_with(|| b.logit.total_cmp(&a.logit))
            .then_with(|| a.first_sign().cmp(&b.first_sign()))
            .then_with(|| a.rule.text.id.cmp(&b.rule.text.id))
            .then_with(|| a.asset.cmp(&b.asset))
    });
    let verdict = verdict(case, &found, config);
    found.truncate(config.keep);
    Analysis {
        verdict,
        hypotheses: found,
    }
}

/// A fault travels with the flow: where a likely fault upstream showed first, the machine below it is
/// more likely its victim.
fn propagate(case: &Case, found: &mut [Hypothesis<'_>], config: &RcaConfig) {
    let sources: Vec<(i32, Timestamp, String)> = found
        .iter()
        .filter(|h| h.grade == Grade::Likely && h.rule.text.kind == RuleKind::Machine)
        .filter_map(|h| {
            let asset = case.asset(h.asset)?;
            Some((asset.distance?, h.first_sign()?, asset.code.clone()))
        })
        .collect();
    for h in found.iter_mut() {
        let place = case.asset(h.asset).and_then(|a| a.distance);
        let (Some(place), Some(sign)) = (place, h.first_sign()) else {
            continue;
        };
        // The nearest step upstream only: the further away, the more likely a coincidence.
        let source = sources.iter().find(|(distance, at, _)| {
            *distance == place - 1 && at.since_ms(sign) <= config.blur_ms
        });
        if let Some((_, at, code)) = source.filter(|_| h.rule.text.kind == RuleKind::Machine) {
            h.logit -= config.step * f64::from(config.upstream);
            h.confidence = 1.0 / (1.0 + (-h.logit).exp());
            h.findings.push(Finding {
                key: "upstream".to_owned(),
                side: Side::Against,
                weight: config.upstream,
                condition: String::new(),
                said: Said::new("rca.found.upstream")
                    .with("asset", code)
                    .with("minutes", (sign.since_ms(*at) / 60_000).max(0)),
                at: Some(*at),
                samples: Vec::new(),
                events: Vec::new(),
            });
            h.findings
                .sort_by_key(|f| (f.side, std::cmp::Reverse(f.weight)));
            grade(h, config);
        }
    }
}

/// A cause with a decisive sign against it is not named while another explains as much with nothing against it.
fn contradict(found: &mut [Hypothesis<'_>], config: &RcaConfig) {
    let sum = |h: &Hypothesis<'_>, side| h.side(side).map(|f| u32::from(f.weight)).sum::<u32>();
    let clean: Vec<(String, u32)> = found
        .iter()
        .filter(|h| h.rule.text.kind == RuleKind::Machine && sum(h, Side::Against) == 0)
        .map(|h| (h.rule.text.id.clone(), sum(h, Side::For)))
        .collect();
    for h in found.iter_mut() {
        let is_refuted = h.side(Side::Against).any(|f| f.weight == DECISIVE);
        let own = sum(h, Side::For);
        let has_better = |(id, weight): &(String, u32)| *id != h.rule.text.id && *weight >= own;
        if is_refuted && h.grade == Grade::Likely && clean.iter().any(has_better) {
            h.confidence = h.confidence.min(config.likely - 0.01);
            h.grade = Grade::Possible;
            h.reason = Said {
                code: "rca.reason.refuted",
                ..h.reason.clone()
            };
        }
    }
}

fn verdict(case: &Case, found: &[Hypothesis<'_>], config: &RcaConfig) -> Verdict {
    if case.traces.iter().all(|t| t.usual.is_none()) {
        return Verdict::NotEnoughData;
    }
    let Some(first) = found.first().filter(|h| h.grade == Grade::Likely) else {
        let some = found.iter().any(|h| h.grade != Grade::Unlikely);
        return if some {
            Verdict::Unsettled
        } else {
            Verdict::Unexplained
        };
    };
    let rival = found[1..]
        .iter()
        .find(|h| h.rule.text.id != first.rule.text.id && h.grade == Grade::Likely);
    match rival {
        Some(rival) if first.logit - rival.logit < config.lead => Verdict::Unsettled,
        _ => Verdict::Named,
    }
}

/// What the items of a rule came to on one asset.
struct Gathered {
    findings: Vec<Finding>,
    /// Weight of what could speak for it.
    defined: f64,
    /// Weight of that of it which could be looked at.
    available: f64,
    /// Weight seen for it less weight seen against it.
    sum: f64,
}

impl Gathered {
    fn coverage(&self) -> f64 {
        if self.defined > 0.0 {
            self.available / self.defined
        } else {
            0.0
        }
    }
}

/// Looks up every item of a rule.
fn gather(place: Place<'_>, rule: &Rule) -> Gathered {
    let mut findings = Vec::new();
    let (mut defined, mut available, mut sum) = (0.0, 0.0, 0.0);
    for (side, list) in [(Side::For, &rule.supports), (Side::Against, &rule.against)] {
        let name = if side == Side::For { "for" } else { "against" };
        for (n, item) in list.iter().enumerate() {
            let weight = f64::from(item.weight);
            let outcome = evaluate(place, &item.condition);
            if side == Side::For {
                let is_missing = matches!(outcome, Outcome::Missing(_));
                defined += weight;
                available += if is_missing { 0.0 } else { weight };
            }
            let finding = |side, said, at, samples, events| Finding {
                key: format!("{name}.{}", n + 1),
                side,
                weight: item.weight,
                condition: item.text.clone(),
                said,
                at,
                samples,
                events,
            };
            match outcome {
                Outcome::Seen(seen) => {
                    sum += if side == Side::For { weight } else { -weight };
                    findings.push(finding(side, seen.said, seen.at, seen.samples, seen.events));
                }
                Outcome::Missing(said) if side == Side::For => {
                    findings.push(finding(Side::Missing, said, None, Vec::new(), Vec::new()));
                }
                Outcome::CutShort(said, samples) if side == Side::For => {
                    findings.push(finding(Side::Missing, said, None, samples, Vec::new()));
                }
                Outcome::NotSeen if side == Side::For => {
                    let said = Said::new("rca.not_seen");
                    findings.push(finding(Side::NotSeen, said, None, Vec::new(), Vec::new()));
                }
                Outcome::Missing(_) | Outcome::CutShort(..) | Outcome::NotSeen => {}
            }
        }
    }
    Gathered {
        findings,
        defined,
        available,
        sum,
    }
}

/// A rule weighed on one asset; `None` when no sign of at least strong weight speaks for it.
fn weigh<'p>(
    case: &Case,
    pack: &'p Pack,
    rule: &'p Rule,
    asset: AssetId,
    this: Option<&Trace>,
    config: &RcaConfig,
) -> Option<Hypothesis<'p>> {
    let gathered = gather(Place { case, asset, this }, rule);
    let coverage = gathered.coverage();
    let (mut findings, sum) = (gathered.findings, gathered.sum);
    // What the stop cut short is told of the machine that stopped, so that nobody thinks it was not looked for.
    let is_cut = |f: &Finding| asset == case.asset && f.is_cut_short();
    if !findings.iter().any(|f| f.is_sign() || is_cut(f)) {
        return None;
    }
    findings.sort_by_key(|f| (f.side, std::cmp::Reverse(f.weight)));
    let is_machine = rule.text.kind == RuleKind::Machine;
    let only = only_sign(case, &findings).filter(|_| is_machine);
    let is_faint = only.is_some_and(|trace| is_faint(trace, config.single_sign));
    let is_alone = only.is_some_and(|trace| !is_multiple(trace)) && is_outweighed(&findings);
    let prior = rule.text.prior.clamp(1e-4, 1.0 - 1e-4);
    let far = case
        .asset(asset)
        .and_then(|a| a.distance)
        .map_or(config.unconnected, |d| f64::from(d.abs()) * config.per_step);
    let logit = (prior / (1.0 - prior)).ln() + config.step * sum - far;
    let plain = 1.0 / (1.0 + (-logit).exp());
    let mut hypothesis = Hypothesis {
        rule,
        pack,
        asset,
        signal: this.map(|t| t.signal),
        logit,
        confidence: plain,
        coverage,
        is_faint,
        is_alone,
        grade: Grade::Unlikely,
        reason: Said::new("rca.reason.weighed"),
        findings,
    };
    grade(&mut hypothesis, config);
    Some(hypothesis)
}

/// The one signal that is all that speaks for a cause, if it is one.
fn only_sign<'c>(case: &'c Case, findings: &[Finding]) -> Option<&'c Trace> {
    let signs = findings
        .iter()
        .filter(|f| f.side == Side::For && f.said.code != "rca.found.steady");
    let mut only: Option<&Trace> = None;
    for sign in signs {
        // None of an event, or of several machines.
        let sample = sign.samples.first()?;
        let trace = case.traces.iter().find(|t| t.signal == sample.signal)?;
        if only.is_some_and(|known| known.signal != trace.signal) {
            return None;
        }
        only = Some(trace);
    }
    only
}

/// Whether a signal moved by less than `limit` deviations, and not to a multiple of what is usual.
fn is_faint(trace: &Trace, limit: f64) -> bool {
    let is_small = trace.shift.is_some_and(|s| s.effect.abs() < limit);
    is_small && !is_multiple(trace)
}

/// Whether more was looked for and not seen than was seen.
fn is_outweighed(findings: &[Finding]) -> bool {
    let sum = |side| -> u32 {
        let of = findings.iter().filter(|f| f.side == side);
        of.map(|f| u32::from(f.weight)).sum()
    };
    sum(Side::NotSeen) > sum(Side::For)
}

/// Whether a signal stands at twice what is usual or more: no day and no weather does that. Where zero is
/// usual, a multiple means nothing.
fn is_multiple(trace: &Trace) -> bool {
    let Some((shift, usual)) = trace.shift.zip(trace.usual.as_ref()) else {
        return false;
    };
    usual.center.abs() > 3.0 * usual.sigma && shift.level / usual.center >= 2.0
}

/// Confidence is capped by what could be looked at, and by whether anything decisive was seen.
fn grade(h: &mut Hypothesis<'_>, config: &RcaConfig) {
    let sum = |side| h.side(side).map(|f| u32::from(f.weight)).sum::<u32>();
    let (plus, minus, not_seen) = (sum(Side::For), sum(Side::Against), sum(Side::NotSeen));
    let code = if h.coverage < config.min_coverage {
        h.confidence = h.confidence.min(config.likely - 0.01);
        "rca.reason.coverage"
    } else if !h.has_decisive() {
        h.confidence = h.confidence.min(config.likely - 0.01);
        "rca.reason.nothing_decisive"
    } else if h.is_faint {
        h.confidence = h.confidence.min(config.likely - 0.01);
        "rca.reason.faint"
    } else if h.is_alone {
        h.confidence = h.confidence.min(config.likely - 0.01);
        "rca.reason.alone"
    } else if minus > 0 {
        "rca.reason.contradicted"
    } else {
        "rca.reason.weighed"
    };
    let short = h.side(Side::Missing).filter(|f| f.said.code == CUT_SHORT);
    let short = short.map(|f| u32::from(f.weight)).sum::<u32>();
    h.reason = Said::new(code)
        .with("short", short)
        .with("for", plus)
        .with("against", minus)
        .with("not_seen", not_seen)
        .number("coverage", (h.coverage * 100.0).round());
    h.grade = if h.confidence >= config.likely {
        Grade::Likely
    } else if h.confidence >= config.possible {
        Grade::Possible
    } else {
        Grade::Unlikely
    };
}

#[cfg(test)]
mod signs;
#[cfg(test)]
mod tests;
