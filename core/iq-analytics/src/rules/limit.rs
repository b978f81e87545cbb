//! Limit rules: LL / L / H / HH with delay, dead-band, and escalation from warning to critical.

use iq_domain::{AlertRule, Limits, Severity, Timestamp, sentence_number};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{RuleContext, RuleEdge, ms};
use crate::Regime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Side {
    Low,
    High,
}

/// A limit that is exceeded: the side and how far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Beyond {
    side: Side,
    severity: Severity,
    /// The limit that is exceeded.
    limit: f64,
    /// The limit where the alarm of this side begins.
    inner_limit: f64,
}

fn code(side: Side, severity: Severity) -> &'static str {
    match (side, severity) {
        (Side::High, Severity::Critical) => "alert.limit_high_high",
        (Side::High, _) => "alert.limit_high",
        (Side::Low, Severity::Critical) => "alert.limit_low_low",
        (Side::Low, _) => "alert.limit_low",
    }
}

/// Since when something is beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    side: Side,
    /// Beyond any limit of the side.
    since: Timestamp,
    /// Beyond the critical one.
    critical_since: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LimitState {
    /// Side and worst severity of the active alert. The severity only grows until the alert clears.
    active: Option<(Side, Severity)>,
    pending: Option<Pending>,
    clear_since: Option<Timestamp>,
    /// Last good value with what it exceeds, for delays that end without a new sample.
    last: Option<(f64, Option<Beyond>)>,
    /// Time of the last clearing: the next alert can't begin before it.
    cleared_at: Option<Timestamp>,
}

impl LimitState {
    pub(super) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    pub(super) fn resume(&mut self, code: &str, severity: Severity) {
        let side = if code.contains("low") {
            Side::Low
        } else {
            Side::High
        };
        self.active = Some((side, severity));
    }

    pub(super) fn step(
        &mut self,
        rule: &AlertRule,
        limits: &Limits,
        at: Timestamp,
        good: Option<f64>,
        ctx: &RuleContext<'_>,
    ) -> Vec<RuleEdge> {
        let Some(value) = good else {
            // A bad value neither confirms nor denies: what was being counted starts over.
            self.pending = None;
            self.clear_since = None;
            return Vec::new();
        };
        // Delays that ended between the samples end first, at their own time.
        let mut edges = self.pass_time(rule, at.plus_ms(-1), ctx);
        let beyond = exceeded(limits, value);
        self.last = Some((value, beyond));
        self.count_clear(rule, limits, at, value, beyond, ctx.regime);
        self.count_raise(at, beyond, ctx.regime);
        edges.extend(self.pass_time(rule, at, ctx));
        edges
    }

    /// Starts or stops the wait for the return to normal.
    fn count_clear(
        &mut self,
        rule: &AlertRule,
        limits: &Limits,
        at: Timestamp,
        value: f64,
        beyond: Option<Beyond>,
        regime: Regime,
    ) {
        let Some((side, _)) = self.active else {
            self.clear_since = None;
            return;
        };
        let is_beyond = beyond.is_some_and(|b| b.side == side);
        let is_held = match (side, inner(limits, side)) {
            (_, None) => false,
            // A standing machine has no flow and no pressure; that is no alarm.
            (Side::Low, Some(limit)) => regime != Regime::Stopped && value < limit + rule.deadband,
            (Side::High, Some(limit)) => value > limit - rule.deadband,
        };
        let stands = is_held || (is_beyond && regime != Regime::Stopped);
        self.clear_since = if stands {
            None
        } else {
            self.clear_since.or(Some(at))
        };
    }

    /// Starts, keeps or drops the wait for activation or escalation.
    fn count_raise(&mut self, at: Timestamp, beyond: Option<Beyond>, regime: Regime) {
        let Some(beyond) = beyond.filter(|_| regime.is_steady()) else {
            self.pending = None;
            return;
        };
        let before = self.pending.filter(|p| p.side == beyond.side);
        let is_critical = beyond.severity == Severity::Critical;
        self.pending = Some(Pending {
            side: beyond.side,
            since: before.map_or(at, |p| p.since),
            critical_since: is_critical
                .then(|| before.and_then(|p| p.critical_since).unwrap_or(at)),
        });
    }

    /// Lets the delays run to `at` on the source's clock.
    pub(super) fn pass_time(
        &mut self,
        rule: &AlertRule,
        at: Timestamp,
        ctx: &RuleContext<'_>,
    ) -> Vec<RuleEdge> {
        self.follow_regime(at, ctx.regime);
        let mut edges = Vec::new();
        if self.active.is_some()
            && let Some(cleared) = due(self.clear_since, rule.off_delay_s, at)
        {
            self.active = None;
            self.clear_since = None;
            self.cleared_at = Some(cleared);
            edges.push(RuleEdge::Cleared { at: cleared });
        }
        let Some(pending) = self.pending else {
            return edges;
        };
        let Some((value, Some(beyond))) = self.last else {
            return edges;
        };
        let side = pending.side;
        let critical_at = due(pending.critical_since, rule.on_delay_s, at);
        if self.active.is_none() {
            let Some(raised) = due(Some(pending.since), rule.on_delay_s, at) else {
                return edges;
            };
            let raised = self
                .cleared_at
                .map_or(raised, |cleared| cleared.max(raised));
            // Only a value that jumped beyond both limits at once is critical from the start.
            let (severity, limit) = if critical_at.is_some_and(|c| c <= raised) {
                (Severity::Critical, beyond.limit)
            } else {
                (Severity::Warning, beyond.inner_limit)
            };
            self.active = Some((side, severity));
            let params = params(rule, ctx, value, limit);
            edges.push(RuleEdge::Activated {
                at: raised,
                severity,
                code: code(side, severity),
                params,
            });
        }
        if let (Some(at), Some((active, Severity::Warning))) = (critical_at, self.active)
            && active == side
        {
            let severity = Severity::Critical;
            self.active = Some((side, severity));
            let params = params(rule, ctx, value, beyond.limit);
            edges.push(RuleEdge::Escalated {
                at,
                severity,
                code: code(side, severity),
                params,
            });
        }
        edges
    }

    /// A stop or start of the machine counts at once, even when this signal sends nothing new.
    fn follow_regime(&mut self, at: Timestamp, regime: Regime) {
        if !regime.is_steady() {
            self.pending = None;
        }
        if regime == Regime::Stopped && matches!(self.active, Some((Side::Low, _))) {
            self.clear_since.get_or_insert(at);
        }
    }
}

/// The end of a delay that began at `since`, if it lies at or before `at`.
fn due(since: Option<Timestamp>, delay_s: u32, at: Timestamp) -> Option<Timestamp> {
    let end = since?.plus_ms(ms(delay_s));
    (end <= at).then_some(end)
}

/// The limit that begins the alarm of a side.
fn inner(limits: &Limits, side: Side) -> Option<f64> {
    match side {
        Side::Low => limits.low.or(limits.low_low),
        Side::High => limits.high.or(limits.high_high),
    }
}

fn exceeded(limits: &Limits, value: f64) -> Option<Beyond> {
    let high = |limit: Option<f64>| limit.filter(|l| value > *l);
    let low = |limit: Option<f64>| limit.filter(|l| value < *l);
    let found = if let Some(l) = high(limits.high_high) {
        (Side::High, Severity::Critical, l)
    } else if let Some(l) = low(limits.low_low) {
        (Side::Low, Severity::Critical, l)
    } else if let Some(l) = high(limits.high) {
        (Side::High, Severity::Warning, l)
    } else {
        (Side::Low, Severity::Warning, low(limits.low)?)
    };
    let (side, severity, limit) = found;
    Some(Beyond {
        side,
        severity,
        limit,
        inner_limit: inner(limits, side).unwrap_or(limit),
    })
}

fn params(rule: &AlertRule, ctx: &RuleContext<'_>, value: f64, limit: f64) -> Json {
    json!({ "metric": rule.metric, "unit": ctx.unit, "value": sentence_number(value), "limit": sentence_number(limit) })
}
