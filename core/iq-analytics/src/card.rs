//! What a model is and where it came from: enough to train it again and get the same bytes.

use iq_domain::Timestamp;
use serde::{Deserialize, Serialize};

/// The label a trained model carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Method and version of its formulas ("multivariate/1").
    pub method: String,
    /// Version of the program that trained it.
    pub code: String,
    /// Seed of everything random in the training.
    pub seed: u64,
    /// Inputs in their order.
    pub inputs: Vec<String>,
    /// Rows that were used.
    pub rows: u32,
    /// Rows that were left out: masked, incomplete or unlike the rest.
    pub left_out: u32,
    /// Start of the training window.
    pub from: Timestamp,
    /// End of the training window.
    pub to: Timestamp,
}

impl ModelCard {
    /// A card of this build.
    #[must_use]
    pub fn new(method: &str, seed: u64, inputs: &[String]) -> Self {
        Self {
            method: method.to_owned(),
            code: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            inputs: inputs.to_vec(),
            rows: 0,
            left_out: 0,
            from: Timestamp(0),
            to: Timestamp(0),
        }
    }
}

/// Why a model could not be made or gives no answer. The codes are stable; sentences are made of them
/// and the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Withheld {
    /// Too few usable rows.
    NotEnoughData {
        /// There are so many.
        have: u32,
        /// So many are needed.
        need: u32,
    },
    /// Too few failures to learn from.
    NotEnoughFailures {
        /// There are so many.
        have: u32,
        /// So many are needed.
        need: u32,
    },
    /// The machine runs as it never ran in training.
    OutsideExperience,
    /// The degradation does not go one way yet.
    NoTrend,
    /// What would be reached lies too far ahead for what was seen so far.
    TooFar,
    /// Rows of different width, or nothing that varies.
    BadInput,
}
