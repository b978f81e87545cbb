//! Evaluates one alert rule on the samples of its signal. All delays are counted on the source's
//! clock, so that a replay raises the same alerts at the same times.

mod limit;
#[cfg(test)]
mod tests;
mod watch;

use iq_domain::{AlertRule, Point, RuleCondition, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use self::{limit::LimitState, watch::WatchState};
use crate::Regime;

/// What the evaluator can't know from rule and sample.
#[derive(Clone, Copy, Debug)]
pub struct RuleContext<'a> {
    /// Time of arrival (for [`RuleState::tick`]: the present).
    pub now: Timestamp,
    /// What the machine is doing at the sample's time.
    pub regime: Regime,
    /// Unit of the signal, for the sentence.
    pub unit: &'a str,
}

/// Something that happened to the alert of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleEdge {
    /// The condition held for its delay: the alert is raised.
    Activated {
        /// Source time.
        at: Timestamp,
        /// How bad.
        severity: Severity,
        /// Sentence code (`alert.*`).
        code: &'static str,
        /// Arguments of the sentence.
        params: Json,
    },
    /// The active alert became worse.
    Escalated {
        /// Source time.
        at: Timestamp,
        /// New severity.
        severity: Severity,
        /// Sentence code.
        code: &'static str,
        /// Arguments of the sentence.
        params: Json,
    },
    /// The condition was gone for its delay.
    Cleared {
        /// Source time.
        at: Timestamp,
    },
}

/// The memory of one rule. A few dozen bytes; may be stored and taken up again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleState {
    clock: SourceClock,
    last_good_at: Option<Timestamp>,
    limit: LimitState,
    watch: WatchState,
}

impl RuleState {
    /// A state for a rule whose alert is active already, for a start with stored alerts.
    #[must_use]
    pub fn resume(rule: &AlertRule, code: &str, severity: Severity, at: Timestamp) -> Self {
        let mut state = Self::default();
        state.clock.last = Some((at, at));
        match rule.condition {
            RuleCondition::Limit { .. } => state.limit.resume(code, severity),
            _ => state.watch.resume(),
        }
        state
    }

    /// Whether an alert of this rule is active.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.limit.is_active() || self.watch.is_active()
    }

    /// Takes one sample. A sample that is not newer than the last one changes nothing: late data
    /// belong to history, an alarm belongs to the present.
    pub fn step(
        &mut self,
        rule: &AlertRule,
        point: &Point,
        ctx: &RuleContext<'_>,
    ) -> Vec<RuleEdge> {
        if !rule.is_enabled || !self.clock.accept(point.t, ctx.now) {
            return Vec::new();
        }
        let number = point.value.as_ref().and_then(iq_domain::Value::as_f64);
        let good = number.filter(|v| point.status.is_good() && v.is_finite());
        let has_good_value =
            point.status.is_good() && point.value.is_some() && number.is_none_or(f64::is_finite);
        if has_good_value {
            self.last_good_at = Some(point.t);
        }
        let at = point.t;
        match &rule.condition {
            RuleCondition::Limit { limits } => self.limit.step(rule, limits, at, good, ctx),
            RuleCondition::Trip { tripped_value } => {
                // Exact: states are small whole numbers, not measurements.
                let state = good.map(|v| (v - tripped_value).abs() < 1e-9);
                self.watch.trip(rule, at, state)
            }
            RuleCondition::Rate {
                max_per_minute,
                severity,
            } => self
                .watch
                .rate(rule, *max_per_minute, *severity, at, good, ctx),
            RuleCondition::FlatLine { for_s, severity } => {
                self.watch.flat_line(rule, *for_s, *severity, at, good, ctx)
            }
            RuleCondition::Stale { for_s, severity } => self.watch.stale(
                rule,
                *for_s,
                *severity,
                at,
                self.last_good_at,
                has_good_value,
            ),
        }
    }

    /// Lets time pass without a sample: completes delays and finds silence.
    pub fn tick(&mut self, rule: &AlertRule, ctx: &RuleContext<'_>) -> Vec<RuleEdge> {
        if !rule.is_enabled {
            return Vec::new();
        }
        let at = self.clock.source_now(ctx.now);
        match &rule.condition {
            RuleCondition::Limit { .. } => self.limit.pass_time(rule, at, ctx),
            RuleCondition::Stale { for_s, severity } => {
                if self.last_good_at.is_none() {
                    // Silence is counted from when somebody began to listen.
                    self.clock.last.get_or_insert((ctx.now, ctx.now));
                    self.last_good_at = self.clock.last.map(|(t, _)| t);
                }
                self.watch
                    .stale(rule, *for_s, *severity, at, self.last_good_at, false)
            }
            _ => self.watch.pass_time(rule, at),
        }
    }
}

/// Maps the present onto the source's clock: the last sample's time plus what passed since it arrived.
/// A source whose clock is minutes off then still gets the delays it was promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct SourceClock {
    /// (source time, arrival) of the newest sample.
    last: Option<(Timestamp, Timestamp)>,
}

impl SourceClock {
    fn accept(&mut self, t: Timestamp, now: Timestamp) -> bool {
        if self.last.is_some_and(|(last, _)| t <= last) {
            return false;
        }
        self.last = Some((t, now));
        true
    }

    fn source_now(&self, now: Timestamp) -> Timestamp {
        match self.last {
            Some((t, arrived)) => t.plus_ms(now.since_ms(arrived).max(0)),
            None => now,
        }
    }
}

fn ms(seconds: u32) -> i64 {
    i64::from(seconds) * 1000
}
