//! The steps of a test that a person asked for: it stops at the first one that fails, and says which.

use std::time::Duration;

use iq_domain::CodedError;

/// A step of a test.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Which, by a word of its kind of test; the last one of a good test is "send".
    pub key: &'static str,
    /// How long it took.
    pub ms: u64,
    /// What went wrong.
    pub error: Option<CodedError>,
}

/// The steps so far.
#[derive(Default)]
pub(crate) struct Stages(Vec<Stage>);

impl Stages {
    /// Writes a step down; answers whether it went well.
    pub(crate) fn step(
        &mut self,
        key: &'static str,
        took: Duration,
        result: Result<(), CodedError>,
    ) -> bool {
        let is_fine = result.is_ok();
        self.0.push(Stage {
            key,
            ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            error: result.err(),
        });
        is_fine
    }

    pub(crate) fn done(self) -> Vec<Stage> {
        self.0
    }
}
