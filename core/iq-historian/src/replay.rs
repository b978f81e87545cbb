//! Opening: the journal's rows come back into memory.

use crate::error::HistorianError;
use crate::hot::{Hot, LastGood};
use crate::journal::{unpack, unpack_one};
use crate::writer::Writer;

impl Writer {
    /// Fills the memory from the table of signals and the journal.
    pub(crate) fn replay(&mut self, hot: &mut Hot) -> Result<(), HistorianError> {
        let mut statement = self
            .conn
            .prepare("SELECT no, mark, sealed_to, last, last_good, good_known FROM signal")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let signal = hot.entry(row.get(0)?);
            signal.mark = row.get(1)?;
            signal.sealed_to = row.get::<_, Option<i64>>(2)?.unwrap_or(i64::MIN);
            let sample = |blob: Option<Vec<u8>>| blob.and_then(|b| unpack_one(&b));
            signal.last = sample(row.get(3)?);
            signal.last_good = if row.get::<_, bool>(5)? {
                LastGood::Known(sample(row.get(4)?))
            } else {
                LastGood::Unknown
            };
        }
        drop(rows);
        drop(statement);
        let mut damaged = Vec::new();
        let mut statement = self
            .conn
            .prepare("SELECT id, blob FROM journal ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let blob = row.get_ref(1)?.as_blob().unwrap_or(&[]);
            self.next_id = id + 1;
            self.journal.push_back((id, blob.len() as u64));
            self.journal_bytes += blob.len() as u64;
            let Some(samples) = unpack(blob) else {
                damaged.push(id);
                continue;
            };
            for (signal_no, s) in samples {
                if hot.get(signal_no).is_none_or(|signal| signal.mark < id) {
                    hot.apply(signal_no, s.t, s.value.as_ref(), s.status, id);
                }
            }
        }
        drop(rows);
        drop(statement);
        let newest_mark: i64 =
            self.conn
                .query_row("SELECT coalesce(max(mark), 0) FROM signal", [], |r| {
                    r.get(0)
                })?;
        self.next_id = self.next_id.max(newest_mark + 1);
        self.set_damaged_aside(&damaged)
    }

    /// Journal rows that fail their checksum are kept for inspection, outside the replay.
    fn set_damaged_aside(&mut self, ids: &[i64]) -> Result<(), HistorianError> {
        if !ids.is_empty() {
            let tx = self.conn.transaction()?;
            for id in ids {
                tracing::error!(journal_row = id, "journal row is damaged and was set aside");
                tx.execute(
                    "INSERT OR REPLACE INTO journal_damaged SELECT id, blob FROM journal WHERE id = ?1",
                    [id],
                )?;
                tx.execute("DELETE FROM journal WHERE id = ?1", [id])?;
            }
            tx.commit()?;
            self.journal.retain(|(id, _)| !ids.contains(id));
        }
        let count: i64 = self
            .conn
            .query_row("SELECT count(*) FROM journal_damaged", [], |r| r.get(0))?;
        self.damaged_rows = count.unsigned_abs();
        Ok(())
    }
}
