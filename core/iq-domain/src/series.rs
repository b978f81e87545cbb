//! What the historian answers with: points that say where they come from.

use serde::{Deserialize, Serialize};

use crate::{StatusCode, Timestamp, Value};

/// How a returned point came about. Root-cause analysis accepts raw points only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// As stored.
    Raw,
    /// Computed between two raw points.
    Interpolated,
    /// Aggregated over a bucket.
    RolledUp,
}

/// One point of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Source time.
    pub t: Timestamp,
    /// The value; `None` where the source sent none.
    pub value: Option<Value>,
    /// Status code.
    pub status: StatusCode,
}

/// One bucket of an aggregated series; only good, finite samples count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Start of the bucket.
    pub t: Timestamp,
    /// Number of good, finite samples.
    pub count: u64,
    /// Smallest of them.
    pub min: f64,
    /// Largest of them.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// The first of them in time.
    pub first: f64,
    /// The last of them in time.
    pub last: f64,
}

impl Bucket {
    /// Arithmetic mean of the good samples; `None` for an empty bucket.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
