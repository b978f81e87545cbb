//! The board every model writes its true values to, one place per tag.

use crate::catalogue::catalogue;

/// True values by tag.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub(crate) values: Vec<f64>,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            values: vec![f64::NAN; catalogue().tags.len()],
        }
    }

    /// Writes a value.
    pub(crate) fn put(&mut self, asset: &str, metric: &str, value: f64) {
        let tag = catalogue()
            .tag_of(asset, metric)
            .expect("models only name points of the catalogue, a test writes every one");
        self.values[tag] = value;
    }

    /// The value last written.
    pub(crate) fn get(&self, asset: &str, metric: &str) -> f64 {
        catalogue()
            .tag_of(asset, metric)
            .map_or(f64::NAN, |tag| self.values[tag])
    }
}
