//! How an alarm system behaves, after ANSI/ISA-18.2-2016 and IEC 62682: rates, floods, chattering and
//! stale alarms, bad actors, first-outs and times to acknowledge, over one period.
//!
//! Averages mislead (ISA-18.2 says so itself), so every rate stands beside its distribution.

mod flood;
mod habits;
mod journal;
mod kpi;
mod load;

use iq_domain::{AssetId, Severity, TimeRange, Timestamp};

pub use flood::Flood;
pub use habits::{Chattering, Fleeting, Response, Stale};
pub use journal::{JournalRow, activations};
pub use kpi::{Kpi, Measure, Standing, kpis};
pub use load::{BadActor, Load};

/// One activation of one alarm, with what followed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Which alarm: the same for each of its activations (a rule, or a tag with its condition).
    pub alarm: String,
    /// The asset, if known.
    pub asset_id: Option<AssetId>,
    /// Priority.
    pub severity: Severity,
    /// Source time of the activation.
    pub activated_at: Timestamp,
    /// One-sided uncertainty of that time.
    pub uncertainty_ms: i64,
    /// When a person acknowledged it.
    pub acknowledged_at: Option<Timestamp>,
    /// When it returned to normal.
    pub cleared_at: Option<Timestamp>,
}

/// The numbers behind the definitions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmConfig {
    /// Length of the window that a flood is told by.
    pub flood_window_ms: i64,
    /// A flood starts above so many activations in the window.
    pub flood_above: usize,
    /// It ends when the window holds fewer than this.
    pub flood_ends_below: usize,
    /// So many activations of one alarm within a minute are chattering.
    pub chatter_count: usize,
    /// An activation shorter than this that nobody acknowledged while it stood is fleeting.
    pub fleeting_below_ms: i64,
    /// So many fleeting activations on one day are worth a line.
    pub fleeting_per_day: usize,
    /// Active longer than this is stale.
    pub stale_after_ms: i64,
    /// Time to answer per priority: critical, warning, info.
    pub answer_within_ms: [i64; 3],
    /// Lines of a list of the worst.
    pub top: usize,
}

impl Default for AlarmConfig {
    /// The defaults of ISA-18.2 and IEC 62682 where they give one, else common practice.
    fn default() -> Self {
        Self {
            flood_window_ms: 600_000,
            flood_above: 10,
            flood_ends_below: 5,
            chatter_count: 3,
            fleeting_below_ms: 10_000,
            fleeting_per_day: 5,
            stale_after_ms: 86_400_000,
            answer_within_ms: [180_000, 600_000, 1_800_000],
            top: 10,
        }
    }
}

/// The report of a period.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmReport {
    /// The period. Activations outside it count only as alarms that were still active in it.
    pub period: TimeRange,
    /// Activations in the period: what the store holds, none left out.
    pub activations: usize,
    /// Rates and their distribution.
    pub load: Load,
    /// Floods by time.
    pub floods: Vec<Flood>,
    /// Chattering alarms, worst first.
    pub chattering: Vec<Chattering>,
    /// Fleeting alarms, worst first.
    pub fleeting: Vec<Fleeting>,
    /// Alarms active longer than a day in the period, longest first.
    pub stale: Vec<Stale>,
    /// Alarms active at the end of the period.
    pub standing: usize,
    /// The alarms that make most of the load, most first.
    pub bad_actors: Vec<BadActor>,
    /// Times to acknowledge per priority: critical, warning, info.
    pub responses: [Response; 3],
}

/// Looks at the activations of a period. `activations` may be in any order and may hold older ones.
#[must_use]
pub fn analyse_alarms(
    activations: &[Activation],
    period: TimeRange,
    config: &AlarmConfig,
) -> AlarmReport {
    let mut inside: Vec<&Activation> = activations
        .iter()
        .filter(|a| period.contains(a.activated_at))
        .collect();
    inside.sort_by(|a, b| {
        a.activated_at
            .cmp(&b.activated_at)
            .then_with(|| a.alarm.cmp(&b.alarm))
    });
    let floods = flood::floods(&inside, period, config);
    let load = load::load(&inside, period, &floods, config);
    AlarmReport {
        period,
        activations: inside.len(),
        bad_actors: load::bad_actors(&inside, config.top),
        load,
        floods,
        chattering: habits::chattering(&inside, config),
        fleeting: habits::fleeting(&inside, period, config),
        stale: habits::stale(activations, period, config),
        standing: activations
            .iter()
            .filter(|a| is_active_at(a, period.to))
            .count(),
        responses: habits::responses(&inside, period, config),
    }
}

fn is_active_at(activation: &Activation, t: Timestamp) -> bool {
    activation.activated_at < t && activation.cleared_at.is_none_or(|end| end >= t)
}

#[cfg(test)]
mod tests;
