//! One commit: what goes into its transaction, and what it changes in memory once it is durable.

use rusqlite::{Transaction, TransactionBehavior, params};

use crate::AppendReport;
use crate::error::HistorianError;
use crate::hot::{Applied, Frozen, LastGood};
use crate::journal::{Packer, Row, pack_one};
use crate::seal::Sealed;
use crate::store;
use crate::writer::{Batch, Core, Writer};
use iq_chunk::TIME_END;
use iq_chunk::block::Sample;

/// Samples per journal row.
const ROW_SAMPLES: usize = 65_536;
/// Journal rows that must have become free before they are deleted: few deletes, few page writes.
const TRIM_ROWS: usize = 16;
/// What a transaction wrote, to be applied to the memory once it is durable.
pub(crate) struct Written {
    batch_id: i64,
    carried: Vec<(u32, i64)>,
    journal: Vec<(i64, u64)>,
    trimmed_below: i64,
    pages: u64,
}

impl Core {
    pub(crate) fn write(
        &self,
        writer: &mut Writer,
        batches: &[Batch],
        sealed: &[Sealed],
    ) -> Result<Written, HistorianError> {
        let overdue = self.overdue(writer);
        let Writer {
            conn,
            next_id,
            journal,
            ..
        } = &mut *writer;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut out = Journaler {
            tx: &tx,
            next_id: *next_id,
            rows: Vec::new(),
        };
        let mut pages = 1;
        let mut carry: Vec<u32> = overdue;
        for seal in sealed {
            pages += self.write_seal(&tx, seal)?;
            if seal.frozen.carries {
                carry.push(seal.signal_no);
            }
        }
        let carried = self.write_carried(&mut out, &carry)?;
        let batch_id = self.write_batches(&mut out, batches)?;
        let rows = out.rows;
        let mut trimmed_below = 0;
        if !sealed.is_empty() || !carried.is_empty() {
            let keep = self.low_water(sealed, &carried, &rows, batch_id);
            let free = journal.iter().take_while(|(id, _)| *id < keep).count();
            if free >= TRIM_ROWS || self.sealer.is_flushing() {
                tx.prepare_cached("DELETE FROM journal WHERE id < ?1")?
                    .execute([keep])?;
                trimmed_below = keep;
                pages += 4;
            }
        }
        pages += rows
            .iter()
            .map(|(_, bytes)| 1 + bytes / store::PAGE_SIZE)
            .sum::<u64>();
        if sealed.is_empty() {
            tx.commit()?;
        } else {
            let gate = self.gate.write();
            tx.commit()?;
            let mut hot = self.hot.write();
            for seal in sealed {
                hot.stored(seal.signal_no, seal.frozen.seal);
            }
            drop(hot);
            drop(gate);
        }
        Ok(Written {
            batch_id,
            carried,
            journal: rows,
            trimmed_below,
            pages,
        })
    }

    fn write_seal(&self, tx: &Transaction<'_>, seal: &Sealed) -> Result<u64, HistorianError> {
        let signal_no = seal.signal_no;
        let mut pages = 2;
        for part in &seal.main {
            store::insert_main(tx, signal_no, part)?;
            pages += 3 + part.blob.len() as u64 / store::PAGE_SIZE;
        }
        for part in &seal.late {
            if store::overlaps(tx, signal_no, part.t0, part.t1)? {
                store::insert_side(tx, signal_no, part)?;
            } else {
                store::insert_main(tx, signal_no, part)?;
            }
            pages += 3 + part.blob.len() as u64 / store::PAGE_SIZE;
        }
        let hot = self.hot.read();
        let Some(signal) = hot.get(signal_no) else {
            return Ok(pages);
        };
        let last = signal.last.as_ref().map(pack_one);
        let (good, known) = match &signal.last_good {
            LastGood::Known(good) => (good.as_ref().map(pack_one), true),
            LastGood::Unknown => (None, false),
        };
        drop(hot);
        let sealed_to = seal.main.iter().map(|part| part.t1).max();
        tx.prepare_cached(
            "INSERT INTO signal (no, mark, sealed_to, last, last_good, good_known)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (no) DO UPDATE SET mark = excluded.mark,
               sealed_to = coalesce(excluded.sealed_to, sealed_to),
               last = excluded.last, last_good = excluded.last_good,
               good_known = excluded.good_known",
        )?
        .execute(params![
            signal_no,
            seal.frozen.mark,
            sealed_to,
            last,
            good,
            known
        ])?;
        Ok(pages)
    }

    /// Signals whose unsealed samples hold the journal above its budget; the larger ones are frozen
    /// here, the smaller ones are returned to be written again at the journal's end.
    fn overdue(&self, writer: &Writer) -> Vec<u32> {
        if writer.journal_bytes <= self.config.journal_budget_bytes {
            return Vec::new();
        }
        let mut over = writer.journal_bytes - self.config.journal_budget_bytes / 2;
        let limit = writer.journal.iter().find(|(_, bytes)| {
            over = over.saturating_sub(*bytes);
            over == 0
        });
        let Some((limit, _)) = limit else {
            return Vec::new();
        };
        let old: Vec<(u32, usize)> = self
            .hot
            .read()
            .iter()
            .filter(|(_, s)| s.open_first.min(s.late_first) < *limit)
            .map(|(no, s)| (no, s.open.len() + s.late.len()))
            .collect();
        let (full, slow): (Vec<_>, Vec<_>) = old
            .into_iter()
            .partition(|(_, n)| *n >= self.config.chunk_samples / 8);
        let mark = writer.next_id - 1;
        self.freeze(full.into_iter().map(|(no, _)| no), mark);
        slow.into_iter().map(|(no, _)| no).collect()
    }

    /// Hands signals to the sealer.
    pub(crate) fn freeze(&self, signals: impl Iterator<Item = u32>, mark: i64) {
        let mut tasks: Vec<(u32, Frozen)> = Vec::new();
        let mut hot = self.hot.write();
        for signal_no in signals {
            tasks.extend(
                hot.freeze(signal_no, mark)
                    .map(|frozen| (signal_no, frozen)),
            );
        }
        drop(hot);
        self.sealer.push(tasks);
    }

    fn write_carried(
        &self,
        out: &mut Journaler<'_, '_>,
        signals: &[u32],
    ) -> Result<Vec<(u32, i64)>, HistorianError> {
        if signals.is_empty() {
            return Ok(Vec::new());
        }
        let hot = self.hot.read();
        let mut carried = Vec::with_capacity(signals.len());
        let mut packer = Packer::new();
        for signal_no in signals {
            let Some(signal) = hot.get(*signal_no) else {
                continue;
            };
            for block in [&signal.open, &signal.late] {
                for i in 0..block.len() {
                    let s: Sample = block.sample(i);
                    packer.push(*signal_no, s.t, s.value.as_ref(), s.status);
                }
            }
            carried.push((*signal_no, out.next_id));
            if packer.count >= ROW_SAMPLES {
                out.write(std::mem::replace(&mut packer, Packer::new()))?;
            }
        }
        out.write(packer)?;
        Ok(carried)
    }

    /// Writes the batches and returns the first journal row used.
    fn write_batches(
        &self,
        out: &mut Journaler<'_, '_>,
        batches: &[Batch],
    ) -> Result<i64, HistorianError> {
        let first = out.next_id;
        let mut packer = Packer::new();
        for row in batches.iter().flat_map(|batch| &batch.rows) {
            if !storable(row) {
                continue;
            }
            packer.push(row.signal_no, row.t.0, row.value.as_ref(), row.status.0);
            if packer.count >= ROW_SAMPLES {
                out.write(std::mem::replace(&mut packer, Packer::new()))?;
            }
        }
        out.write(packer)?;
        Ok(first)
    }

    /// First journal row that must stay once this transaction is durable.
    fn low_water(
        &self,
        sealed: &[Sealed],
        carried: &[(u32, i64)],
        rows: &[(i64, u64)],
        batch_id: i64,
    ) -> i64 {
        let seals: std::collections::HashSet<u64> = sealed.iter().map(|s| s.frozen.seal).collect();
        let carried: std::collections::HashMap<u32, i64> = carried.iter().copied().collect();
        let hot = self.hot.read();
        let mut low = rows.first().map_or(batch_id, |(id, _)| *id);
        for (signal_no, signal) in hot.iter() {
            let first = match carried.get(&signal_no) {
                // Its buffers are in this transaction; what is being sealed is not.
                Some(id) => signal
                    .frozen
                    .iter()
                    .filter(|f| !seals.contains(&f.seal))
                    .map(|f| f.first_id)
                    .fold(*id, i64::min),
                None => signal.first_id(&|seal| seals.contains(&seal)),
            };
            low = low.min(first);
        }
        low
    }

    pub(crate) fn after_commit(&self, writer: &mut Writer, batches: Vec<Batch>, written: &Written) {
        for (id, bytes) in &written.journal {
            writer.journal.push_back((*id, *bytes));
            writer.journal_bytes += bytes;
            writer.next_id = id + 1;
        }
        while let Some((id, bytes)) = writer.journal.front().copied()
            && id < written.trimmed_below
        {
            writer.journal.pop_front();
            writer.journal_bytes -= bytes;
        }
        writer.pages_since_checkpoint += written.pages;
        let mark = writer.next_id - 1;
        let mut due = Vec::new();
        let mut answers = Vec::with_capacity(batches.len());
        let mut hot = self.hot.write();
        for (signal_no, id) in &written.carried {
            if let Some(signal) = hot.get_mut(*signal_no) {
                signal.open_first = if signal.open.is_empty() {
                    i64::MAX
                } else {
                    *id
                };
                signal.late_first = if signal.late.is_empty() {
                    i64::MAX
                } else {
                    *id
                };
            }
        }
        for batch in batches {
            let mut report = AppendReport::default();
            for row in &batch.rows {
                if !storable(row) {
                    report.refused += 1;
                    continue;
                }
                let (t, value) = (row.t.0, row.value.as_ref());
                let (applied, is_due) =
                    hot.apply(row.signal_no, t, value, row.status.0, written.batch_id);
                match applied {
                    Applied::Added => report.added += 1,
                    Applied::Replaced => report.replaced += 1,
                    Applied::Late => report.late += 1,
                }
                if is_due && due.last() != Some(&row.signal_no) {
                    due.push(row.signal_no);
                }
            }
            answers.push((batch, report));
        }
        due.sort_unstable();
        due.dedup();
        due.extend(hot.over_budget(self.config.buffer_budget_bytes));
        drop(hot);
        if !due.is_empty() {
            self.freeze(due.into_iter(), mark);
        }
        for (batch, report) in answers {
            batch.reply.send(Ok(report));
        }
    }
}

/// Whether a key can hold the row's time; anything else is counted as refused, so that one absurd
/// time stamp does not block the batch behind it.
fn storable(row: &Row) -> bool {
    (0..TIME_END).contains(&row.t.0)
}

/// Writes journal rows with ascending ids.
struct Journaler<'t, 'c> {
    tx: &'t Transaction<'c>,
    next_id: i64,
    rows: Vec<(i64, u64)>,
}

impl Journaler<'_, '_> {
    fn write(&mut self, packer: Packer) -> Result<(), HistorianError> {
        if packer.count == 0 {
            return Ok(());
        }
        let blob = packer.finish();
        self.tx
            .prepare_cached("INSERT INTO journal (id, blob) VALUES (?1, ?2)")?
            .execute(params![self.next_id, blob])?;
        self.rows.push((self.next_id, blob.len() as u64));
        self.next_id += 1;
        Ok(())
    }
}
