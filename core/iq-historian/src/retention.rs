//! Retention: what is older than a limit goes, windows that incidents have pinned stay.

use iq_domain::{TimeRange, Timestamp};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::Historian;
use crate::error::HistorianError;
use crate::hot::LastGood;
use crate::store::{self, ChunkRef};
use crate::writer::{Core, Writer};
use iq_chunk::TIME_END;
use iq_chunk::block::Block;

/// Most freed pages handed back to the file system in one go.
const VACUUM_PAGES: u32 = 16_384;

/// What is kept of a signal's past: pinned windows before `limit`, everything from it on.
struct Keep<'a> {
    limit: i64,
    pins: &'a [TimeRange],
}

impl Keep<'_> {
    fn keeps(&self, t: i64) -> bool {
        t >= self.limit || self.pins.iter().any(|pin| pin.contains(Timestamp(t)))
    }

    fn keeps_all(&self, t0: i64, t1: i64) -> bool {
        t0 >= self.limit || self.pins.iter().any(|p| p.from.0 <= t0 && t1 < p.to.0)
    }

    fn keeps_none(&self, t0: i64, t1: i64) -> bool {
        t1 < self.limit && !self.pins.iter().any(|p| p.from.0 <= t1 && t0 < p.to.0)
    }

    fn part(&self, block: &Block) -> Block {
        let mut kept = Block::default();
        let mut start = 0;
        let times = block.times();
        while start < times.len() {
            let keep = self.keeps(times[start]);
            let run = times[start..]
                .iter()
                .take_while(|t| self.keeps(**t) == keep)
                .count();
            if keep {
                kept.extend(block, start..start + run);
            }
            start += run;
        }
        kept
    }
}

impl Historian {
    /// Removes the samples of a signal before `older_than` that no pinned window holds, and returns how
    /// many stored samples that were. Damaged chunks go when they lie wholly before the limit.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn retain(
        &self,
        signal_no: u32,
        older_than: Timestamp,
        pins: &[TimeRange],
    ) -> Result<u64, HistorianError> {
        let core = self.core();
        let _one_at_a_time = core.maintenance.lock();
        let limit = older_than.0.clamp(0, TIME_END);
        let keep = Keep { limit, pins };
        let in_memory = core.hot.read().get(signal_no).is_some_and(|s| {
            s.layers()
                .any(|b| b.first_time().is_some_and(|t| t < limit))
        });
        let mut writer = core.writer.lock();
        let flush = |writer: &mut Writer| match in_memory {
            true => core.flush(writer, &mut std::iter::once(signal_no)),
            false => Ok(()),
        };
        let flushed = flush(&mut writer);
        let mut removed = core.remove(&mut writer, signal_no, &keep)?;
        match flushed {
            Ok(()) => {}
            // On a full disk the removal makes the room that sealing needs.
            Err(HistorianError::DiskFull) => {
                flush(&mut writer)?;
                removed += core.remove(&mut writer, signal_no, &keep)?;
            }
            Err(error) => return Err(error),
        }
        if removed > 0 {
            core.refresh_last(&mut writer, signal_no, &keep)?;
            let mut vacuum = writer
                .conn
                .prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(removed)
    }
}

impl Core {
    fn remove(
        &self,
        writer: &mut Writer,
        signal_no: u32,
        keep: &Keep<'_>,
    ) -> Result<u64, HistorianError> {
        let tx = writer
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut removed = 0;
        for chunk in store::mains(&tx, signal_no, 0, keep.limit)? {
            removed += self.remove_main(&tx, &chunk, keep)?;
        }
        removed += self.remove_sides(&tx, signal_no, keep)?;
        tx.commit()?;
        Ok(removed)
    }

    fn remove_main(
        &self,
        tx: &Connection,
        chunk: &ChunkRef,
        keep: &Keep<'_>,
    ) -> Result<u64, HistorianError> {
        if keep.keeps_all(chunk.t0, chunk.t1) {
            return Ok(0);
        }
        if keep.keeps_none(chunk.t0, chunk.t1) {
            store::delete_main(tx, chunk.id())?;
            return Ok(chunk.n.unsigned_abs());
        }
        let block = match chunk.block(tx) {
            Ok(block) => block,
            // What cannot be read cannot be cut; it stays until all of it is too old.
            Err(HistorianError::ChunkDamaged { .. }) => return Ok(0),
            Err(error) => return Err(error),
        };
        let kept = keep.part(&block);
        if kept.len() == block.len() {
            return Ok(0);
        }
        store::delete_main(tx, chunk.id())?;
        if !kept.is_empty() {
            let config = &self.config;
            for part in store::encode(
                chunk.signal_no,
                &kept,
                config.chunk_samples,
                config.compression_level,
            )? {
                store::insert_main(tx, chunk.signal_no, &part)?;
            }
        }
        Ok((block.len() - kept.len()) as u64)
    }

    fn remove_sides(
        &self,
        tx: &Connection,
        signal_no: u32,
        keep: &Keep<'_>,
    ) -> Result<u64, HistorianError> {
        let mut removed = 0;
        for side in store::sides(tx, signal_no, 0, keep.limit)? {
            let kept = keep.part(&side.block);
            if kept.len() == side.block.len() {
                continue;
            }
            removed += (side.block.len() - kept.len()) as u64;
            tx.execute(
                "DELETE FROM side_chunk WHERE signal_no = ?1 AND t0 = ?2 AND rev = ?3",
                params![signal_no, side.t0, side.rev],
            )?;
            if kept.is_empty() {
                continue;
            }
            let level = self.config.compression_level;
            for part in store::encode(signal_no, &kept, usize::MAX / 2, level)? {
                // Its revision says which samples it overrides, so it must not change.
                tx.execute(
                    "INSERT INTO side_chunk (signal_no, t0, rev, t1, n, blob)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        signal_no,
                        part.t0,
                        side.rev,
                        part.t1,
                        part.n as i64,
                        part.blob
                    ],
                )?;
            }
        }
        Ok(removed)
    }

    /// The last values must not outlive the samples they came from.
    fn refresh_last(
        &self,
        writer: &mut Writer,
        signal_no: u32,
        keep: &Keep<'_>,
    ) -> Result<(), HistorianError> {
        let (last, good) = {
            let mut hot = self.hot.write();
            let Some(signal) = hot.get_mut(signal_no) else {
                return Ok(());
            };
            // A search for the last good value may have met what is gone now.
            signal.version += 1;
            let good = match &signal.last_good {
                LastGood::Known(Some(good)) => Some(good.t),
                _ => None,
            };
            (signal.last.as_ref().map(|s| s.t), good)
        };
        let gone = |t: Option<i64>| t.is_some_and(|t| !keep.keeps(t));
        if !gone(last) && !gone(good) {
            return Ok(());
        }
        let newest = self.sample_at(signal_no, TIME_END - 1)?;
        let mut hot = self.hot.write();
        let Some(signal) = hot.get_mut(signal_no) else {
            return Ok(());
        };
        signal.last = newest;
        if gone(good) {
            signal.last_good = LastGood::Unknown;
        }
        let last = signal.last.as_ref().map(crate::journal::pack_one);
        let known = signal.last_good != LastGood::Unknown;
        drop(hot);
        writer.conn.execute(
            "UPDATE signal SET last = ?2, good_known = ?3 AND good_known,
               last_good = CASE WHEN ?3 THEN last_good END WHERE no = ?1",
            params![signal_no, last, known],
        )?;
        Ok(())
    }
}
