//! Figures about the historian for status pages and benches.

use crate::error::HistorianError;
use crate::{Historian, HistorianState};

/// Figures about the historian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorianStats {
    /// Signals with samples.
    pub signals: u64,
    /// Samples stored and in memory. Overwriting samples count until they are compacted.
    pub samples: u64,
    /// Bytes of the file with its write-ahead log.
    pub bytes: u64,
    /// Samples in memory, not yet sealed.
    pub hot_samples: u64,
    /// Bytes of batches in the journal.
    pub journal_bytes: u64,
    /// Journal rows that failed their checksum at opening and were set aside.
    pub damaged_journal_rows: u64,
    /// Whether it takes samples.
    pub state: HistorianState,
}

impl Historian {
    /// Whether it takes samples.
    #[must_use]
    pub fn state(&self) -> HistorianState {
        *self.core().state.lock()
    }

    /// Figures about the historian.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stats(&self) -> Result<HistorianStats, HistorianError> {
        let core = self.core();
        let (journal_bytes, damaged_journal_rows) = {
            let writer = core.writer.lock();
            (writer.journal_bytes, writer.damaged_rows)
        };
        let (signals, hot_samples) = {
            let hot = core.hot.read();
            let count = hot.iter().filter(|(_, s)| s.last.is_some()).count();
            let samples: usize = hot
                .iter()
                .flat_map(|(_, s)| s.layers())
                .map(iq_chunk::block::Block::len)
                .sum();
            (count as u64, samples as u64)
        };
        let conn = core.readers.take()?;
        let stored: i64 = conn.query_row(
            "SELECT coalesce((SELECT sum(n) FROM chunk_hour), 0)
                  + coalesce((SELECT sum(n) FROM side_chunk), 0)",
            [],
            |row| row.get(0),
        )?;
        core.readers.give_back(conn);
        let mut wal = core.path.as_os_str().to_owned();
        wal.push("-wal");
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |m| m.len());
        Ok(HistorianStats {
            signals,
            samples: stored.unsigned_abs() + hot_samples,
            bytes: size(&core.path) + size(std::path::Path::new(&wal)),
            hot_samples,
            journal_bytes,
            damaged_journal_rows,
            state: self.state(),
        })
    }
}
