//! Databases at one moment, while others go on writing to them. Both moments are taken before either is
//! copied, and taken again when the store has learnt of a new signal in between: samples that nobody
//! could place would otherwise lie in the copy under a number that is given away again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, backup::Backup};

use crate::{BackupError, DATABASES};

/// Attempts at moments that agree; a store that learns of signals all the time still gets a backup.
const ATTEMPTS: usize = 20;

/// A database held at a moment.
pub(crate) struct Snapshot {
    pub(crate) name: &'static str,
    path: PathBuf,
    conn: Connection,
}

/// The databases of a folder, each held at its moment.
pub(crate) fn take(folder: &Path) -> Result<Vec<Snapshot>, BackupError> {
    let mut attempt = 1;
    loop {
        let taken: Vec<Snapshot> = DATABASES
            .into_iter()
            .filter(|name| folder.join(name).is_file())
            .map(|name| Snapshot::take(name, folder.join(name)))
            .collect::<Result<_, _>>()?;
        let Some(store) = taken.first() else {
            return Ok(taken);
        };
        let now = Snapshot::take(store.name, store.path.clone())?;
        if attempt == ATTEMPTS || store.signals()? == now.signals()? {
            return Ok(taken);
        }
        attempt += 1;
    }
}

pub(crate) fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::from_secs(10))?;
    conn.pragma_update(None, "trusted_schema", false)?;
    Ok(conn)
}

impl Snapshot {
    fn take(name: &'static str, path: PathBuf) -> Result<Self, BackupError> {
        let taken = read_only(&path).and_then(|conn| {
            conn.execute_batch("BEGIN")?;
            // The moment is that of the first read.
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            Ok(conn)
        });
        Ok(Self {
            conn: taken.map_err(BackupError::database(&path))?,
            name,
            path,
        })
    }

    /// The greatest number of a signal; none in a database without them.
    fn signals(&self) -> Result<Option<i64>, BackupError> {
        let known = self.conn.table_exists(None, "signals");
        let known = known.map_err(BackupError::database(&self.path))?;
        if !known {
            return Ok(None);
        }
        let sql = "SELECT max(signal_no) FROM signals";
        let found = self.conn.query_row(sql, [], |row| row.get(0));
        found.map_err(BackupError::database(&self.path))
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> Result<u64, BackupError> {
        let pragma = |name| -> rusqlite::Result<i64> {
            self.conn.pragma_query_value(None, name, |row| row.get(0))
        };
        let size = pragma("page_count").and_then(|count| Ok(count * pragma("page_size")?));
        let size = size.map_err(BackupError::database(&self.path))?;
        Ok(u64::try_from(size).unwrap_or(0))
    }

    /// Rows of each table.
    pub(crate) fn rows(&self) -> Result<BTreeMap<String, u64>, BackupError> {
        rows(&self.conn).map_err(BackupError::database(&self.path))
    }

    /// Copies it to a new file.
    pub(crate) fn copy_to(&self, target: &Path) -> Result<(), BackupError> {
        let copied = Connection::open(target).and_then(|mut copy| {
            // The copy is thrown away unless all of it arrives.
            copy.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;")?;
            let run = Backup::new(&self.conn, &mut copy)?;
            let pages = run.run_to_completion(4_096, Duration::ZERO, None);
            drop(run);
            pages?;
            copy.close().map_err(|(_, error)| error)
        });
        copied.map_err(BackupError::database(target))
    }
}

/// Rows of each table of a database.
pub(crate) fn rows(conn: &Connection) -> rusqlite::Result<BTreeMap<String, u64>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
    let mut list = conn.prepare(sql)?;
    let tables = list.query_map([], |row| row.get::<_, String>(0))?;
    let mut rows = BTreeMap::new();
    for table in tables {
        let table = table?;
        let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
        let count: i64 = conn.query_row(&sql, [], |row| row.get(0))?;
        rows.insert(table, u64::try_from(count).unwrap_or(0));
    }
    Ok(rows)
}
