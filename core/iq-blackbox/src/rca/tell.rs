//! One explanation of rules and data together, sentence by sentence: codes with arguments, so that it
//! is the same in every language.

use iq_domain::{AssetId, Shift, SignalId};

use super::{Analysis, Case, Grade, Hypothesis, RcaConfig, RuleKind, Said, Side, Trace, Verdict};

/// A change that came this much before that of the likeliest origin is worth a word.
const EARLIER_MS: i64 = 60_000;
/// Machines with a stop of their own that are told of.
const MAX_APART: usize = 2;

/// Joins an analysis with the signals that changed, as the data alone rank them: the likeliest origin first.
#[must_use]
pub fn explain(case: &Case, analysis: &Analysis<'_>, movers: &[SignalId]) -> Vec<Said> {
    let mut said = Vec::new();
    let moved: Vec<&Trace> = movers
        .iter()
        .filter_map(|id| case.traces.iter().find(|t| t.signal == *id))
        .collect();
    let mover = moved.first().copied();
    let moved = by_the_data(case, &moved);
    // A cause that is named comes first; without one the data alone have the first word.
    if analysis.verdict != Verdict::Named {
        said.extend(moved.clone());
    }
    let best = analysis.hypotheses.first();
    match (analysis.verdict, best) {
        (Verdict::NotEnoughData, _) => said.push(Said::new("rca.explain.no_data")),
        (Verdict::Unexplained, _) | (_, None) => said.push(Said::new(if mover.is_some() {
            "rca.explain.unexplained"
        } else {
            "rca.explain.nothing_moved"
        })),
        (Verdict::Named, Some(h)) => {
            named(case, h, &mut said);
            said.extend(moved);
            agreement(case, h, mover.map(|t| t.asset), &mut said);
        }
        (Verdict::Unsettled, Some(h)) => {
            // The same rule on a neighbour is no other cause.
            let ids = analysis.hypotheses.iter().map(|r| &r.rule.text.id);
            let rival = ids.skip(1).find(|id| **id != h.rule.text.id);
            said.push(match rival.filter(|_| h.grade == Grade::Likely) {
                Some(rival) => about(case, h, "rca.explain.unsettled").with("other", rival),
                // Below the threshold nothing is named, and the reason is told.
                None => {
                    let least = (RcaConfig::default().likely * 100.0).round();
                    about(case, h, "rca.explain.not_named").number("least", least)
                }
            });
        }
    }
    if let Some(h) = best.filter(|_| analysis.verdict != Verdict::NotEnoughData) {
        let missing = h.side(Side::Missing).count() + h.rule.text.ask.len();
        if missing > 0 {
            said.push(Said::new("rca.explain.missing").with("count", missing));
        }
    }
    if analysis.verdict != Verdict::Named {
        let cut = analysis.hypotheses.iter().find(|h| h.is_only_cut_short());
        said.extend(cut.map(|h| about(case, h, "rca.explain.cut_short")));
    }
    said.extend(apart(case));
    said
}

/// Machines that had stopped before for a reason of their own: theirs is no evidence from then on.
fn apart(case: &Case) -> impl Iterator<Item = Said> {
    let to = case.window.to;
    let stops = case.stops.apart.iter().filter(move |(_, at)| *at < to);
    stops.take(MAX_APART).map(move |(asset, at)| {
        Said::new("rca.explain.apart")
            .with("asset", code_of(case, *asset))
            .with("minutes", to.since_ms(*at) / 60_000)
    })
}

/// Where it likely began by the data alone, and what changed before that: the likeliest origin is not always
/// the earliest change.
fn by_the_data(case: &Case, movers: &[&Trace]) -> Vec<Said> {
    let Some((origin, shift)) = movers.first().and_then(|t| Some((t, change_of(t)?))) else {
        return Vec::new();
    };
    let minutes = |at| case.window.to.since_ms(at) / 60_000;
    let code = if shift.effect > 0.0 {
        "rca.explain.origin_rose"
    } else {
        "rca.explain.origin_fell"
    };
    let mut said = vec![
        Said::new(code)
            .with("metric", &origin.metric)
            .with("unit", &origin.unit)
            .with("asset", code_of(case, origin.asset))
            .number("value", shift.level)
            .number("usual", origin.usual.map_or(f64::NAN, |u| u.center))
            .with("minutes", minutes(shift.at)),
    ];
    let earliest = movers
        .iter()
        .filter_map(|t| Some((change_of(t)?.at, t)))
        .min_by_key(|(at, _)| *at);
    if let Some((at, trace)) = earliest.filter(|(at, _)| shift.at.since_ms(*at) >= EARLIER_MS) {
        said.push(
            Said::new("rca.explain.earliest")
                .with("metric", &trace.metric)
                .with("asset", code_of(case, trace.asset))
                .with("minutes", minutes(at)),
        );
    }
    said
}

fn change_of(trace: &Trace) -> Option<Shift> {
    trace.shift.or(trace.cut_short)
}

fn named(case: &Case, h: &Hypothesis<'_>, said: &mut Vec<Said>) {
    let code = match h.rule.text.kind {
        RuleKind::Machine => "rca.explain.named",
        RuleKind::Instrument => "rca.explain.instrument",
        RuleKind::CommonCause => "rca.explain.common",
    };
    said.push(about(case, h, code));
    said.extend(
        h.side(Side::For)
            .max_by_key(|f| f.weight)
            .map(|f| f.said.clone()),
    );
}

/// Whether rules and data point at the same machine, and what speaks against the cause.
fn agreement(case: &Case, h: &Hypothesis<'_>, mover: Option<AssetId>, said: &mut Vec<Said>) {
    if let Some(mover) = mover.filter(|_| h.rule.text.kind != RuleKind::CommonCause) {
        let code = if mover == h.asset {
            "rca.explain.agree"
        } else {
            "rca.explain.differ"
        };
        said.push(Said::new(code).with("asset", code_of(case, mover)));
    }
    said.extend(
        h.side(Side::Against)
            .max_by_key(|f| f.weight)
            .map(|f| Said::new("rca.explain.against").with("condition", &f.condition)),
    );
}

fn about(case: &Case, h: &Hypothesis<'_>, key: &'static str) -> Said {
    Said::new(key)
        .with("mode", &h.rule.text.id)
        .with("asset", code_of(case, h.asset))
        .number("percent", (h.confidence * 100.0).round())
}

fn code_of(case: &Case, asset: AssetId) -> String {
    case.asset(asset)
        .map_or_else(String::new, |a| a.code.clone())
}
