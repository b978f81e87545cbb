//! The file: schema, format check, connections, and the statements that more than one part needs.
//!
//! `chunk(id, blob)` holds the samples, `chunk_hour` the small facts about a chunk with its hourly
//! rollups, `chunk_minute` the minute rollups; all three share the key (signal, first time), so a
//! long trend never touches the samples' pages.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::error::HistorianError;
use crate::rollup::{self, HOUR, MINUTE};
use iq_chunk::block::Block;
use iq_chunk::{self as chunk, TIME_END, key};
use iq_domain::Timestamp;

/// Format of files written by this program.
pub(crate) const FORMAT: i64 = 1;
/// "OIQh": marks our files among SQLite's.
const APPLICATION_ID: i64 = 0x4f49_5168;
/// First release without the bug that could lose a commit racing a checkpoint.
const OLDEST_SQLITE: i32 = 3_051_003;
/// Small pages: chunks leave little room unused, and a commit of a small batch writes little.
pub(crate) const PAGE_SIZE: u64 = 1_024;

const SCHEMA: &str = "
CREATE TABLE journal (id INTEGER PRIMARY KEY, blob BLOB NOT NULL);
CREATE TABLE journal_damaged (id INTEGER PRIMARY KEY, blob BLOB NOT NULL);
CREATE TABLE chunk (id INTEGER PRIMARY KEY, blob BLOB NOT NULL);
CREATE TABLE chunk_hour (id INTEGER PRIMARY KEY, t1 INTEGER NOT NULL, n INTEGER NOT NULL, blob BLOB NOT NULL);
CREATE TABLE chunk_minute (id INTEGER PRIMARY KEY, blob BLOB NOT NULL);
CREATE TABLE side_chunk (
    signal_no INTEGER NOT NULL, t0 INTEGER NOT NULL, rev INTEGER NOT NULL,
    t1 INTEGER NOT NULL, n INTEGER NOT NULL, blob BLOB NOT NULL,
    PRIMARY KEY (signal_no, t0, rev)
) WITHOUT ROWID;
CREATE TABLE signal (
    no INTEGER PRIMARY KEY, mark INTEGER NOT NULL, sealed_to INTEGER,
    last BLOB, last_good BLOB, good_known INTEGER NOT NULL
);
";

/// Refuses a file of a newer format or of another program without writing to it.
fn inspect(path: &Path) -> Result<bool, HistorianError> {
    if !path.exists() || std::fs::metadata(path)?.len() == 0 {
        return Ok(false);
    }
    match look_into(path) {
        // Power went while the file was being made. What a reader may not take back, a writer does by
        // opening it, as the file's own program would whichever that is.
        Err(HistorianError::Sqlite(rusqlite::Error::SqliteFailure(cause, _)))
            if cause.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK =>
        {
            let conn = Connection::open(path)?;
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            drop(conn);
            look_into(path)
        }
        looked => looked,
    }
}

/// Whether the file is one of ours with its tables; `false` for one whose making was interrupted.
fn look_into(path: &Path) -> Result<bool, HistorianError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let read = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let application = read("PRAGMA application_id").map_err(|error| match &error {
        rusqlite::Error::SqliteFailure(cause, _)
            if cause.code == rusqlite::ErrorCode::NotADatabase =>
        {
            HistorianError::Foreign
        }
        _ => error.into(),
    })?;
    let found = read("PRAGMA user_version")?;
    if application != APPLICATION_ID {
        // A crash between creation and the first commit leaves a database without tables.
        let tables = read("SELECT count(*) FROM sqlite_schema")?;
        return if tables == 0 && found == 0 {
            Ok(false)
        } else {
            Err(HistorianError::Foreign)
        };
    }
    if found > FORMAT {
        return Err(HistorianError::Newer {
            found,
            supported: FORMAT,
        });
    }
    Ok(true)
}

/// Opens the writing connection, creating the file when there is none.
pub(crate) fn open(path: &Path, max_bytes: Option<u64>) -> Result<Connection, HistorianError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(HistorianError::OldSqlite(rusqlite::version()));
    }
    let exists = inspect(path)?;
    let mut conn = Connection::open(path)?;
    conn.busy_timeout(Duration::from_secs(10))?;
    if !exists {
        conn.execute_batch(&format!(
            "PRAGMA page_size = {PAGE_SIZE}; PRAGMA auto_vacuum = INCREMENTAL;"
        ))?;
    }
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
         PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;",
    )?;
    if let Some(bytes) = max_bytes {
        let pages = (bytes / PAGE_SIZE).max(64);
        conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    conn.set_prepared_statement_cache_capacity(64);
    if !exists {
        let tx = conn.transaction()?;
        tx.execute_batch(SCHEMA)?;
        tx.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
        ))?;
        tx.commit()?;
    }
    Ok(conn)
}

/// Reading connections, made on demand and kept.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

const KEPT_READERS: usize = 4;

impl Readers {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn take(&self) -> Result<Connection, HistorianError> {
        if let Some(conn) = self.idle.lock().pop() {
            return Ok(conn);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        conn.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4096;")?;
        conn.set_prepared_statement_cache_capacity(32);
        Ok(conn)
    }

    pub(crate) fn give_back(&self, conn: Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < KEPT_READERS {
            idle.push(conn);
        }
    }

    pub(crate) fn close(&self) {
        self.idle.lock().clear();
    }
}

/// A block in its stored form.
pub(crate) struct Encoded {
    pub(crate) t0: i64,
    pub(crate) t1: i64,
    pub(crate) n: usize,
    pub(crate) blob: Vec<u8>,
    pub(crate) hours: Vec<u8>,
    pub(crate) minutes: Vec<u8>,
}

/// Encodes a block in equal pieces of about `chunk_samples`.
pub(crate) fn encode(
    signal_no: u32,
    block: &Block,
    chunk_samples: usize,
    level: usize,
) -> Result<Vec<Encoded>, HistorianError> {
    let pieces = ((block.len() + chunk_samples / 2) / chunk_samples).max(1);
    let mut out = Vec::with_capacity(pieces);
    for i in 0..pieces {
        let span = block.len() * i / pieces..block.len() * (i + 1) / pieces;
        if span.is_empty() {
            continue;
        }
        if pieces == 1 {
            out.push(encode_one(signal_no, block, level)?);
        } else {
            out.push(encode_one(signal_no, &block.part(span), level)?);
        }
    }
    Ok(out)
}

fn encode_one(signal_no: u32, block: &Block, level: usize) -> Result<Encoded, HistorianError> {
    let (t0, t1) = block
        .first_time()
        .zip(block.last_time())
        .ok_or(HistorianError::Codec)?;
    let (minutes, hours) = rollup::of(block);
    let exponent = chunk::value::exponent(block.numbers());
    Ok(Encoded {
        t0,
        t1,
        n: block.len(),
        blob: chunk::encode(signal_no, block, level).ok_or(HistorianError::Codec)?,
        hours: rollup::encode(signal_no, t0, HOUR, &hours, exponent),
        minutes: rollup::encode(signal_no, t0, MINUTE, &minutes, exponent),
    })
}

/// Stores a chunk with its rollups.
pub(crate) fn insert_main(
    conn: &Connection,
    signal_no: u32,
    chunk: &Encoded,
) -> Result<(), HistorianError> {
    let id = key(signal_no, chunk.t0);
    conn.prepare_cached("INSERT INTO chunk (id, blob) VALUES (?1, ?2)")?
        .execute(params![id, chunk.blob])?;
    conn.prepare_cached("INSERT INTO chunk_hour (id, t1, n, blob) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, chunk.t1, chunk.n as i64, chunk.hours])?;
    conn.prepare_cached("INSERT INTO chunk_minute (id, blob) VALUES (?1, ?2)")?
        .execute(params![id, chunk.minutes])?;
    Ok(())
}

/// Removes a chunk with its rollups.
pub(crate) fn delete_main(conn: &Connection, id: i64) -> Result<(), HistorianError> {
    for table in ["chunk", "chunk_hour", "chunk_minute"] {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?
            .execute([id])?;
    }
    Ok(())
}

/// Stores late samples beside the chunks they overlap.
pub(crate) fn insert_side(
    conn: &Connection,
    signal_no: u32,
    chunk: &Encoded,
) -> Result<(), HistorianError> {
    conn.prepare_cached(
        "INSERT INTO side_chunk (signal_no, t0, rev, t1, n, blob)
         SELECT ?1, ?2, coalesce(max(rev), 0) + 1, ?3, ?4, ?5 FROM side_chunk WHERE signal_no = ?1",
    )?
    .execute(params![
        signal_no,
        chunk.t0,
        chunk.t1,
        chunk.n as i64,
        chunk.blob
    ])?;
    Ok(())
}

/// Whether any stored chunk of the signal overlaps `[t0, t1]`.
pub(crate) fn overlaps(
    conn: &Connection,
    signal_no: u32,
    t0: i64,
    t1: i64,
) -> Result<bool, HistorianError> {
    let before: Option<i64> = conn
        .prepare_cached(
            "SELECT t1 FROM chunk_hour WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([key(signal_no, 0), key(signal_no, t1)], |row| row.get(0))
        .optional()?;
    if before.is_some_and(|end| end >= t0) {
        return Ok(true);
    }
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM side_chunk WHERE signal_no = ?1 AND t0 <= ?3 AND t1 >= ?2)",
        )?
        .query_row(params![signal_no, t0, t1], |row| row.get(0))?)
}

/// A stored chunk's facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRef {
    pub(crate) signal_no: u32,
    pub(crate) t0: i64,
    pub(crate) t1: i64,
    pub(crate) n: i64,
}

impl ChunkRef {
    pub(crate) const fn id(&self) -> i64 {
        key(self.signal_no, self.t0)
    }

    pub(crate) const fn damaged(&self) -> HistorianError {
        HistorianError::ChunkDamaged {
            signal_no: self.signal_no,
            t0: Timestamp(self.t0),
        }
    }

    fn with_blob<R>(
        &self,
        conn: &Connection,
        sql: &str,
        decode: impl FnOnce(&[u8]) -> Option<R>,
    ) -> Result<R, HistorianError> {
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query([self.id()])?;
        let row = rows.next()?.ok_or_else(|| self.damaged())?;
        let blob = row.get_ref(0)?.as_blob().map_err(|_| self.damaged())?;
        decode(blob).ok_or_else(|| self.damaged())
    }

    pub(crate) fn block(&self, conn: &Connection) -> Result<Block, HistorianError> {
        self.with_blob(conn, "SELECT blob FROM chunk WHERE id = ?1", |blob| {
            chunk::decode(self.signal_no, self.t0, blob)
        })
    }

    /// Its bytes as they are stored, if their checksum agrees.
    pub(crate) fn checked(&self, conn: &Connection) -> Result<Vec<u8>, HistorianError> {
        self.with_blob(conn, "SELECT blob FROM chunk WHERE id = ?1", |blob| {
            chunk::checked(self.signal_no, self.t0, blob).map(|_| blob.to_vec())
        })
    }

    pub(crate) fn hours(&self, conn: &Connection) -> Result<Vec<rollup::Roll>, HistorianError> {
        self.with_blob(conn, "SELECT blob FROM chunk_hour WHERE id = ?1", |blob| {
            rollup::decode(self.signal_no, self.t0, HOUR, blob)
        })
    }

    pub(crate) fn minutes(&self, conn: &Connection) -> Result<Vec<rollup::Roll>, HistorianError> {
        self.with_blob(
            conn,
            "SELECT blob FROM chunk_minute WHERE id = ?1",
            |blob| rollup::decode(self.signal_no, self.t0, MINUTE, blob),
        )
    }
}

/// The signal's chunks that overlap `[from, to)`, in the order of time; they never overlap each other.
pub(crate) fn mains(
    conn: &Connection,
    signal_no: u32,
    from: i64,
    to: i64,
) -> Result<Vec<ChunkRef>, HistorianError> {
    let (from, to) = (from.clamp(0, TIME_END - 1), to.clamp(0, TIME_END));
    let mut found = Vec::new();
    if from >= to {
        return Ok(found);
    }
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<ChunkRef> {
        let id: i64 = row.get(0)?;
        Ok(ChunkRef {
            signal_no,
            t0: id & (TIME_END - 1),
            t1: row.get(1)?,
            n: row.get(2)?,
        })
    };
    let before = conn
        .prepare_cached(
            "SELECT id, t1, n FROM chunk_hour WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([key(signal_no, 0), key(signal_no, from)], read)
        .optional()?;
    found.extend(before.filter(|chunk| chunk.t1 >= from));
    let mut statement = conn.prepare_cached(
        "SELECT id, t1, n FROM chunk_hour WHERE id >= ?1 AND id <= ?2 ORDER BY id",
    )?;
    for chunk in statement.query_map([key(signal_no, from), key(signal_no, to - 1)], read)? {
        found.push(chunk?);
    }
    Ok(found)
}

/// A side chunk: its first time and revision, and its samples.
pub(crate) struct Side {
    pub(crate) t0: i64,
    pub(crate) rev: i64,
    pub(crate) block: Block,
}

/// The signal's side chunks that overlap `[from, to)`, oldest revision first.
pub(crate) fn sides(
    conn: &Connection,
    signal_no: u32,
    from: i64,
    to: i64,
) -> Result<Vec<Side>, HistorianError> {
    let mut statement = conn.prepare_cached(
        "SELECT t0, rev, blob FROM side_chunk
         WHERE signal_no = ?1 AND t0 < ?3 AND t1 >= ?2 ORDER BY rev",
    )?;
    let mut rows = statement.query(params![signal_no, from, to])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (t0, rev) = (row.get(0)?, row.get(1)?);
        let damaged = || HistorianError::ChunkDamaged {
            signal_no,
            t0: Timestamp(t0),
        };
        let blob = row.get_ref(2)?.as_blob().map_err(|_| damaged())?;
        let block = chunk::decode(signal_no, t0, blob).ok_or_else(damaged)?;
        found.push(Side { t0, rev, block });
    }
    Ok(found)
}
