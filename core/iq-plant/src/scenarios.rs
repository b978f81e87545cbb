//! The scripted scenarios with their ground truth, read from the embedded table. The truth is for
//! scoring a diagnosis; the plant itself never publishes it on a tag.

use std::sync::OnceLock;

use iq_domain::{Names, Timestamp};
use serde::Deserialize;

use crate::faults::FaultKind;

/// What a step of a scenario does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Action {
    /// Puts a fault on.
    Inject {
        /// Asset.
        asset: String,
        /// Fault.
        fault: FaultKind,
        /// Seconds of scenario time for the whole development.
        over_s: f64,
        /// Damage it stops at.
        #[serde(default = "full")]
        severity: f64,
        /// Metric of the instrument, for instrument faults.
        #[serde(default)]
        metric: Option<String>,
    },
    /// Warms the sea.
    WarmSea {
        /// By how much.
        kelvin: f64,
    },
    /// Lets the bus voltage dip.
    BusDip {
        /// For how long.
        seconds: f64,
    },
}

fn full() -> f64 {
    1.0
}

/// A step of a scenario.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    /// Seconds of scenario time after the start.
    pub at_s: f64,
    /// What happens.
    #[serde(flatten)]
    pub action: Action,
}

/// What really happened, for scoring.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// The asset at fault.
    pub asset: String,
    /// Failure mode of the rule packs ("CP-LUB").
    pub mode: String,
    /// First point that moved ("P-102A.bearing_temperature_de").
    pub first_mover: String,
    /// Expected order of findings, as `asset.metric` or event texts.
    pub expected_order: Vec<String>,
}

/// A scripted scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Id ("S1").
    pub id: String,
    /// Title.
    pub title: Names,
    /// Seconds of scenario time until the story is told.
    pub duration_s: f64,
    /// Weather stands still, so that the story repeats to the minute.
    pub still_weather: bool,
    /// What happens.
    pub steps: Vec<Step>,
    /// Ground truth.
    pub truth: Truth,
}

/// The scenarios, S1 first, variants last.
#[must_use]
pub fn scenarios() -> &'static [Scenario] {
    static SCENARIOS: OnceLock<Vec<Scenario>> = OnceLock::new();
    SCENARIOS.get_or_init(|| {
        serde_json::from_str(include_str!("../data/scenarios.json"))
            .expect("the embedded table is well-formed, a test reads it")
    })
}

/// The scenario with the given id.
#[must_use]
pub fn scenario(id: &str) -> Option<&'static Scenario> {
    scenarios().iter().find(|s| s.id.eq_ignore_ascii_case(id))
}

/// A scenario at work.
#[derive(Clone, Debug)]
pub(crate) struct RunningScenario {
    pub(crate) script: &'static Scenario,
    pub(crate) started: Timestamp,
    pub(crate) time_scale: f64,
    done: usize,
}

impl RunningScenario {
    pub(crate) fn new(script: &'static Scenario, started: Timestamp, time_scale: f64) -> Self {
        Self {
            script,
            started,
            time_scale,
            done: 0,
        }
    }

    /// Steps that have come due.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Action> {
        let elapsed = now.since_ms(self.started) as f64 / 1_000.0 * self.time_scale;
        let mut due = Vec::new();
        while let Some(step) = self.script.steps.get(self.done) {
            if step.at_s > elapsed {
                break;
            }
            due.push(step.action.clone());
            self.done += 1;
        }
        due
    }
}
