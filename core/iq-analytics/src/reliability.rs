//! How often items fail and how long they are away: failures, operating hours, MTBF with its interval,
//! mean times of repair and of standing, availability. Sums come first and figures are made of them, so
//! that a family or a site is more than the mean of its items.
//!
//! *MTBF* is operating hours by failures (ISO 14224, annex C). Its two-sided 90 % interval is that of a
//! constant rate over a fixed time: 2T/χ²(0.95; 2r + 2) to 2T/χ²(0.05; 2r) (IEC 60605-4; Poisson
//! counts). Without a failure there is no MTBF and no upper end, only the lower one:
//! 2T/χ²(0.95; 2) = T/2.996. *Availability*: inherent MTBF/(MTBF + MTTR) knows active repair alone,
//! operational is the share of the time in service in which the item did not stand for a failure or for
//! planned work.

use iq_domain::{TimeRange, Timestamp};

use crate::num::chi2_quantile;

/// How sure the interval of an MTBF is.
pub const CONFIDENCE: f64 = 0.9;
/// Hours below which nothing is said.
pub const MIN_HOURS: f64 = 168.0;
/// Failures below which an MTBF is called few.
pub const FEW: u32 = 3;
/// Share of the time for which it must be known whether an item ran, so that its running hours count.
pub const MIN_OBSERVED: f64 = 0.8;
/// Reports of one breakdown come in within this time.
pub const SAME_FAILURE_MS: i64 = 24 * 3_600_000;

const HOUR_MS: f64 = 3_600_000.0;

/// How long a failure kept an item from its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// It could go on.
    Not,
    /// Until then; the end of the period where it stands still.
    Until(Timestamp),
    /// It stood, and nobody wrote how long.
    Unknown,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it began.
    pub at: Timestamp,
    /// How long the item stood.
    pub down: Down,
    /// When it was worked on.
    pub repairs: Vec<TimeRange>,
}

/// What is known of one item.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The part of the period in which it was in service and its failures would be known.
    pub watched: TimeRange,
    /// Hours it ran in that time, and for which share of it that is known; absent where nothing tells.
    pub ran: Option<(f64, f64)>,
    /// Its failures; several reports of one are put together here.
    pub failures: Vec<Failure>,
    /// When it stood for other work.
    pub planned: Vec<TimeRange>,
}

/// What operating hours are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Hours in which it was seen to run.
    Running,
    /// Hours in service in which it is not known to have stood.
    Calendar,
    /// Some items this, some that.
    Mixed,
}

/// Sums over one item or several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Items.
    pub items: u32,
    /// Failures that began in the period.
    pub failures: u32,
    /// Operating hours.
    pub operating_h: f64,
    /// Hours in service.
    pub service_h: f64,
    /// Hours it stood for failures.
    pub down_h: f64,
    /// Hours it stood for other work, beyond those.
    pub planned_h: f64,
    /// Failures that stopped it and whose end is known.
    pub stops: u32,
    /// The hours of those.
    pub stops_h: f64,
    /// Failures that stopped it for nobody knows how long.
    pub open_ended: u32,
    /// Failures whose repair is known.
    pub repairs: u32,
    /// The hours of those.
    pub repairs_h: f64,
    /// Items of which running hours count.
    pub by_running: u32,
}

/// Why a figure is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// Nothing failed: there is a lower bound only.
    NoFailure,
    /// Fewer than [`MIN_HOURS`].
    FewHours,
    /// No failure says when it was repaired.
    NoRepair,
    /// No failure that is known to have stopped anything.
    NoStop,
    /// Some failures stopped it for nobody knows how long.
    OpenEnded,
}

/// Mean time between failures, in hours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mtbf {
    /// Operating hours by failures.
    pub hours: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// It rests on fewer than [`FEW`] failures.
    pub is_few: bool,
}

/// A mean and how many it is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// Hours.
    pub hours: f64,
    /// Of so many.
    pub of: u32,
}

/// The figures of one item or of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// What they are made of.
    pub tally: Tally,
    /// What its operating hours are; absent without items.
    pub basis: Option<Basis>,
    /// Mean time between failures.
    pub mtbf: Result<Mtbf, Unsupported>,
    /// What the MTBF is at least, also without a failure.
    pub mtbf_at_least: Option<f64>,
    /// Mean active repair.
    pub mttr: Result<Mean, Unsupported>,
    /// Mean down time of a failure.
    pub mdt: Result<Mean, Unsupported>,
    /// Inherent availability, 0–1.
    pub inherent: Result<f64, Unsupported>,
    /// Operational availability, 0–1.
    pub operational: Result<f64, Unsupported>,
}

#[allow(clippy::cast_precision_loss, reason = "hours of a machine's life")]
fn hours(ms: i64) -> f64 {
    ms.max(0) as f64 / HOUR_MS
}

fn clip(range: TimeRange, to: TimeRange) -> Option<TimeRange> {
    TimeRange::new(range.from.max(to.from), range.to.min(to.to)).filter(|r| r.from < r.to)
}

/// The same time, each moment once.
fn union(mut ranges: Vec<TimeRange>) -> Vec<TimeRange> {
    ranges.sort_by_key(|range| range.from);
    let mut found: Vec<TimeRange> = Vec::new();
    for range in ranges {
        match found.last_mut() {
            Some(last) if range.from <= last.to => last.to = last.to.max(range.to),
            _ => found.push(range),
        }
    }
    found
}

fn length_h(ranges: &[TimeRange]) -> f64 {
    ranges.iter().map(|range| hours(range.length_ms())).sum()
}

/// Several reports of one breakdown become one failure: those that come while the item stands, or
/// within a day of the first.
#[must_use]
pub fn put_together(mut reports: Vec<Failure>) -> Vec<Failure> {
    reports.sort_by_key(|failure| failure.at);
    let mut found: Vec<Failure> = Vec::new();
    for report in reports {
        let same = found.last_mut().filter(|last| {
            let stands = matches!(last.down, Down::Until(end) if report.at < end);
            stands || report.at.since_ms(last.at) < SAME_FAILURE_MS
        });
        let Some(first) = same else {
            found.push(report);
            continue;
        };
        first.down = match (first.down, report.down) {
            (Down::Until(a), Down::Until(b)) => Down::Until(a.max(b)),
            (Down::Until(end), _) | (_, Down::Until(end)) => Down::Until(end),
            (Down::Unknown, _) | (_, Down::Unknown) => Down::Unknown,
            (Down::Not, Down::Not) => Down::Not,
        };
        first.repairs.extend(report.repairs);
    }
    found
}

impl Tally {
    /// The sums of one item.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let watched = history.watched;
        let service_h = hours(watched.length_ms());
        let mut tally = Self {
            items: 1,
            service_h,
            ..Self::default()
        };
        let mut down = Vec::new();
        for failure in put_together(history.failures.clone()) {
            // One from before the period may still keep it from its work; it is counted where it began.
            if let Down::Until(end) = failure.down {
                let stood = TimeRange::new(failure.at, end.max(failure.at));
                down.extend(stood.and_then(|stood| clip(stood, watched)));
            }
            if !watched.contains(failure.at) {
                continue;
            }
            tally.failures += 1;
            match failure.down {
                Down::Not => {}
                Down::Unknown => tally.open_ended += 1,
                Down::Until(end) => {
                    tally.stops += 1;
                    tally.stops_h += hours(end.since_ms(failure.at));
                }
            }
            if !failure.repairs.is_empty() {
                tally.repairs += 1;
                tally.repairs_h += length_h(&union(failure.repairs));
            }
        }
        let down = union(down);
        tally.down_h = length_h(&down);
        let planned = history.planned.iter().filter_map(|r| clip(*r, watched));
        let stood_h = length_h(&union(down.into_iter().chain(planned).collect()));
        tally.planned_h = (stood_h - tally.down_h).max(0.0);
        match history.ran {
            Some((ran_h, observed)) if observed >= MIN_OBSERVED => {
                tally.operating_h = ran_h.clamp(0.0, service_h);
                tally.by_running = 1;
            }
            _ => tally.operating_h = (service_h - stood_h).max(0.0),
        }
        tally
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            items: self.items + other.items,
            failures: self.failures + other.failures,
            operating_h: self.operating_h + other.operating_h,
            service_h: self.service_h + other.service_h,
            down_h: self.down_h + other.down_h,
            planned_h: self.planned_h + other.planned_h,
            stops: self.stops + other.stops,
            stops_h: self.stops_h + other.stops_h,
            open_ended: self.open_ended + other.open_ended,
            repairs: self.repairs + other.repairs,
            repairs_h: self.repairs_h + other.repairs_h,
            by_running: self.by_running + other.by_running,
        }
    }

    /// What can be said of it.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let is_short = self.operating_h < MIN_HOURS;
        let mtbf = match self.failures {
            _ if is_short => Err(Unsupported::FewHours),
            0 => Err(Unsupported::NoFailure),
            failures => Ok(mtbf(self.operating_h, failures)),
        };
        let mean = |sum: f64, of: u32, otherwise| {
            (of > 0)
                .then(|| Mean {
                    hours: sum / f64::from(of),
                    of,
                })
                .ok_or(otherwise)
        };
        let mttr = mean(self.repairs_h, self.repairs, Unsupported::NoRepair);
        let inherent = mtbf.and_then(|between| {
            let repair = mttr?;
            Ok(between.hours / (between.hours + repair.hours))
        });
        let operational = if self.service_h < MIN_HOURS {
            Err(Unsupported::FewHours)
        } else if self.open_ended > 0 {
            Err(Unsupported::OpenEnded)
        } else {
            let stood = self.down_h + self.planned_h;
            Ok(((self.service_h - stood) / self.service_h).clamp(0.0, 1.0))
        };
        Figures {
            tally: *self,
            basis: self.basis(),
            mtbf,
            mtbf_at_least: (!is_short).then(|| lower(self.operating_h, self.failures)),
            mttr,
            mdt: mean(self.stops_h, self.stops, Unsupported::NoStop),
            inherent,
            operational,
        }
    }

    const fn basis(&self) -> Option<Basis> {
        match (self.items, self.by_running) {
            (0, _) => None,
            (_, 0) => Some(Basis::Calendar),
            (items, ran) if items == ran => Some(Basis::Running),
            _ => Some(Basis::Mixed),
        }
    }
}

/// Lower end of the interval after so many failures in so many hours.
fn lower(hours: f64, failures: u32) -> f64 {
    let sure = f64::midpoint(1.0, CONFIDENCE);
    2.0 * hours / chi2_quantile(2.0 * f64::from(failures) + 2.0, sure)
}

fn mtbf(hours: f64, failures: u32) -> Mtbf {
    let count = f64::from(failures);
    let sure = (1.0 - CONFIDENCE) / 2.0;
    Mtbf {
        hours: hours / count,
        low: lower(hours, failures),
        high: 2.0 * hours / chi2_quantile(2.0 * count, sure),
        is_few: failures < FEW,
    }
}
