//! Settings of the historian.

use std::sync::Arc;
use std::time::Duration;

use iq_domain::{Clock, WallClock};

/// Settings of the historian; the defaults suit an appliance with 200 to 10,000 signals.
#[derive(Clone)]
pub struct HistorianConfig {
    /// Memory for the open buffers of all signals together; the fullest are sealed early beyond it.
    pub buffer_budget_bytes: usize,
    /// Samples per sealed chunk.
    pub chunk_samples: usize,
    /// How long a commit of fewer than `commit_min_samples` waits for company after the last one.
    pub commit_window: Duration,
    /// A batch of at least this many samples is committed at once.
    pub commit_min_samples: usize,
    /// Most samples of waiting batches that share one commit.
    pub commit_max_samples: usize,
    /// Bytes of unsealed batches in the journal beyond which slow signals are carried forward.
    pub journal_budget_bytes: u64,
    /// Compression level of the codec (0 to 12).
    pub compression_level: usize,
    /// Largest size of the file; `None` for as much as the volume has.
    pub max_file_bytes: Option<u64>,
    /// Where "now" comes from, for the state shown while the disk is full.
    pub clock: Arc<dyn Clock>,
}

impl Default for HistorianConfig {
    fn default() -> Self {
        Self {
            buffer_budget_bytes: 48 << 20,
            chunk_samples: 8_192,
            commit_window: Duration::from_millis(5),
            commit_min_samples: 64,
            commit_max_samples: 65_536,
            journal_budget_bytes: 64 << 20,
            compression_level: 8,
            max_file_bytes: None,
            clock: Arc::new(WallClock),
        }
    }
}

impl std::fmt::Debug for HistorianConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistorianConfig")
            .field("buffer_budget_bytes", &self.buffer_budget_bytes)
            .field("chunk_samples", &self.chunk_samples)
            .field("commit_window", &self.commit_window)
            .field("max_file_bytes", &self.max_file_bytes)
            .finish_non_exhaustive()
    }
}
