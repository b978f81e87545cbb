//! Rules that watch how a signal behaves rather than how high it is: rate, flat line, silence, trip.

use std::collections::VecDeque;

use iq_domain::{AlertRule, Severity, Timestamp, sentence_number};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{RuleContext, RuleEdge, ms};

/// A rate is taken over this window, and not before half of it is filled: between two neighbouring
/// samples noise looks like a landslide.
const RATE_WINDOW_MS: i64 = 60_000;
/// Points kept for a rate; a faster signal is thinned.
const RATE_POINTS: usize = 64;
/// Equal values that must have arrived before a reading counts as frozen.
const FLAT_SAMPLES: u32 = 5;

/// What an alert will say when its delay ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pending {
    since: Timestamp,
    severity: Severity,
    code: String,
    params: Json,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct WatchState {
    is_active: bool,
    pending: Option<Pending>,
    clear_since: Option<Timestamp>,
    recent: VecDeque<(Timestamp, f64)>,
    /// Value, since when, and how often it came.
    flat: Option<(f64, Timestamp, u32)>,
}

const CODES: [&str; 4] = ["alert.rate", "alert.flat_line", "alert.stale", "alert.trip"];

impl WatchState {
    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    pub(super) fn resume(&mut self) {
        self.is_active = true;
    }

    /// `state`: tripped, not tripped, or not known from this sample.
    pub(super) fn trip(
        &mut self,
        rule: &AlertRule,
        at: Timestamp,
        state: Option<bool>,
    ) -> Vec<RuleEdge> {
        let mut edges = self.pass_time(rule, at.plus_ms(-1));
        match state {
            Some(true) => self.raise(
                at,
                Severity::Critical,
                CODES[3],
                || json!({ "metric": rule.metric }),
            ),
            Some(false) => self.calm(at),
            None => {}
        }
        edges.extend(self.pass_time(rule, at));
        edges
    }

    pub(super) fn rate(
        &mut self,
        rule: &AlertRule,
        max: f64,
        severity: Severity,
        at: Timestamp,
        good: Option<f64>,
        ctx: &RuleContext<'_>,
    ) -> Vec<RuleEdge> {
        let mut edges = self.pass_time(rule, at.plus_ms(-1));
        let Some(value) = good else { return edges };
        while self
            .recent
            .front()
            .is_some_and(|(t, _)| at.since_ms(*t) > RATE_WINDOW_MS)
        {
            self.recent.pop_front();
        }
        let spacing = RATE_WINDOW_MS / i64::try_from(RATE_POINTS).unwrap_or(i64::MAX);
        let rate = self.recent.front().and_then(|(t, v)| {
            let dt = at.since_ms(*t);
            #[allow(clippy::cast_precision_loss)]
            (dt >= RATE_WINDOW_MS / 2).then(|| (value - v) / (dt as f64 / 60_000.0))
        });
        if self
            .recent
            .back()
            .is_none_or(|(t, _)| at.since_ms(*t) >= spacing)
        {
            self.recent.push_back((at, value));
        }
        match rate {
            Some(rate) if rate.abs() > max && ctx.regime.is_steady() => {
                self.raise(at, severity, CODES[0], || {
                    json!({ "metric": rule.metric, "unit": ctx.unit, "value": sentence_number(value),
                            "rate": sentence_number(rate), "limit": sentence_number(max) })
                });
            }
            Some(rate) if rate.abs() > max - rule.deadband && self.is_active => {
                self.clear_since = None;
            }
            _ => self.calm(at),
        }
        edges.extend(self.pass_time(rule, at));
        edges
    }

    pub(super) fn flat_line(
        &mut self,
        rule: &AlertRule,
        for_s: u32,
        severity: Severity,
        at: Timestamp,
        good: Option<f64>,
        ctx: &RuleContext<'_>,
    ) -> Vec<RuleEdge> {
        let mut edges = self.pass_time(rule, at.plus_ms(-1));
        let Some(value) = good else { return edges };
        let (since, count) = match self.flat {
            Some((v, since, count)) if (value - v).abs() <= rule.deadband => {
                self.flat = Some((v, since, count.saturating_add(1)));
                (since, count.saturating_add(1))
            }
            _ => {
                self.flat = Some((value, at, 1));
                (at, 1)
            }
        };
        let is_flat = at.since_ms(since) >= ms(for_s) && count >= FLAT_SAMPLES;
        // A standing machine has every right to flat readings.
        if is_flat && ctx.regime.is_steady() {
            self.raise(at, severity, CODES[1], || {
                json!({ "metric": rule.metric, "unit": ctx.unit, "value": sentence_number(value),
                        "minutes": at.since_ms(since) / 60_000 })
            });
        } else if count == 1 || !ctx.regime.is_steady() {
            self.calm(at);
        }
        edges.extend(self.pass_time(rule, at));
        edges
    }

    pub(super) fn stale(
        &mut self,
        rule: &AlertRule,
        for_s: u32,
        severity: Severity,
        at: Timestamp,
        last_good: Option<Timestamp>,
        is_good_now: bool,
    ) -> Vec<RuleEdge> {
        let mut edges = self.pass_time(rule, at.plus_ms(-1));
        let Some(last_good) = last_good else {
            return edges;
        };
        let due = last_good.plus_ms(ms(for_s));
        if is_good_now {
            self.calm(at);
        } else if due <= at {
            self.clear_since = None;
            // The moment the silence became too long, not the moment somebody looked.
            self.raise(due, severity, CODES[2], || {
                json!({ "metric": rule.metric, "minutes": for_s / 60,
                        "last_good": last_good.millis() })
            });
        }
        edges.extend(self.pass_time(rule, at));
        edges
    }

    fn raise(
        &mut self,
        at: Timestamp,
        severity: Severity,
        code: &'static str,
        params: impl FnOnce() -> Json,
    ) {
        self.clear_since = None;
        if self.is_active {
            return;
        }
        let since = self.pending.as_ref().map_or(at, |p| p.since);
        let code = code.to_owned();
        self.pending = Some(Pending {
            since,
            severity,
            code,
            params: params(),
        });
    }

    fn calm(&mut self, at: Timestamp) {
        self.pending = None;
        if self.is_active {
            self.clear_since.get_or_insert(at);
        }
    }

    /// Lets the delays run to `at`.
    pub(super) fn pass_time(&mut self, rule: &AlertRule, at: Timestamp) -> Vec<RuleEdge> {
        let end = |since: Timestamp, delay_s: u32| {
            let end = since.plus_ms(ms(delay_s));
            (end <= at).then_some(end)
        };
        let mut edges = Vec::new();
        if let Some(cleared) = self
            .clear_since
            .and_then(|since| end(since, rule.off_delay_s))
        {
            self.clear_since = None;
            self.is_active = false;
            edges.push(RuleEdge::Cleared { at: cleared });
        }
        if let Some(raised) = self
            .pending
            .as_ref()
            .and_then(|p| end(p.since, rule.on_delay_s))
            && let Some(pending) = self.pending.take()
            && let Some(code) = CODES.into_iter().find(|c| *c == pending.code)
        {
            self.is_active = true;
            edges.push(RuleEdge::Activated {
                at: raised,
                severity: pending.severity,
                code,
                params: pending.params,
            });
        }
        edges
    }
}
