//! The plain alternative: one SQLite row per sample, as well as that can be done.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::data::{Data, START, TAGS};
use super::{Answers, Queries};

pub(crate) struct RowStore {
    conn: Connection,
}

impl RowStore {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let conn = Connection::open(path)?;
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -262144;
             PRAGMA mmap_size = 2147483648;
             CREATE TABLE IF NOT EXISTS sample (tag INTEGER, ts INTEGER, v REAL, q INTEGER,
               PRIMARY KEY (tag, ts)) WITHOUT ROWID;",
        )?;
        Ok(Self { conn })
    }

    /// Stores a part in one transaction.
    pub(crate) fn commit(
        &mut self,
        data: &Data,
        span: std::ops::Range<usize>,
    ) -> rusqlite::Result<()> {
        let tx = self.conn.transaction()?;
        {
            let mut insert = tx.prepare_cached("INSERT INTO sample VALUES (?1, ?2, ?3, ?4)")?;
            for i in span {
                let (t, v) = (data.times[i], data.values[i]);
                insert.execute(params![data.tags[i], t, v, data.statuses[i]])?;
            }
        }
        tx.commit()
    }

    pub(crate) fn checkpoint(&self) -> rusqlite::Result<()> {
        self.conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    pub(crate) fn queries(&self, seconds: usize, rounds: usize) -> rusqlite::Result<Queries> {
        let end = START + seconds as i64 * 1_000;
        let mut times: [Vec<Duration>; 4] = Default::default();
        let mut answers = Answers::default();
        for _ in 0..rounds {
            answers = Answers::default();
            let clock = Instant::now();
            let mut last = self
                .conn
                .prepare_cached("SELECT v FROM sample WHERE tag = ?1 ORDER BY ts DESC LIMIT 1")?;
            for tag in 0..TAGS {
                answers.a += last.query_row([tag], |row| row.get::<_, f64>(0))?;
            }
            times[0].push(clock.elapsed());
            let clock = Instant::now();
            let mut minutes = self.conn.prepare_cached(
                "SELECT min(v), max(v), avg(v) FROM sample
                 WHERE tag = 7 AND ts >= ?1 AND ts < ?2 AND q = 0 GROUP BY ts / 60000",
            )?;
            let mut rows = minutes.query([START, end])?;
            while let Some(row) = rows.next()? {
                answers.b +=
                    row.get::<_, f64>(0)? + row.get::<_, f64>(1)? + row.get::<_, f64>(2)?;
            }
            times[1].push(clock.elapsed());
            let clock = Instant::now();
            let mut raw = self.conn.prepare_cached(
                "SELECT ts, v FROM sample WHERE tag = ?1 AND ts >= ?2 AND ts < ?3",
            )?;
            for tag in super::RAW_TAGS {
                let (from, to) = super::raw_window(seconds);
                let mut rows = raw.query([i64::from(tag), from, to])?;
                while let Some(row) = rows.next()? {
                    answers.c += row.get::<_, f64>(1)?;
                    answers.c_count += u64::from(row.get::<_, i64>(0)? > 0);
                }
            }
            times[2].push(clock.elapsed());
            let clock = Instant::now();
            let mut hours = self.conn.prepare_cached(
                "SELECT avg(v) FROM sample WHERE q = 0 GROUP BY tag, ts / 3600000",
            )?;
            let mut rows = hours.query([])?;
            while let Some(row) = rows.next()? {
                answers.d += row.get::<_, f64>(0)?;
                answers.d_count += 1;
            }
            times[3].push(clock.elapsed());
        }
        Ok(Queries::new(times, answers))
    }
}
