//! Bringing a store to this program's schema: forward only, one numbered file per step, and a copy of
//! a filled store before its first step.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use iq_domain::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use crate::{StoreError, open};

/// One step; its position in the list plus one is its number.
pub(crate) struct Migration {
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(Migration {
            name: $name,
            sql: include_str!(concat!("../../../migrations/local/", $name, ".sql")),
        }),+]
    };
}

pub(crate) const MIGRATIONS: &[Migration] = migrations![
    "0001_plant",
    "0002_integrations",
    "0003_alerts",
    "0004_black_box",
    "0005_identity",
    "0006_operations",
    "0007_maintenance",
    "0008_integrations",
    "0009_imports",
    "0010_mapping",
    "0011_root_causes",
    "0012_authorities",
    "0013_incident_care",
    "0014_evidence",
    "0015_optimisation",
    "0016_people",
    "0017_known_then",
    "0018_sync",
    "0019_asset_models",
    "0020_sign_in",
    "0021_courier",
    "0022_incident_heads",
    "0023_webhooks",
    "0024_event_corrections",
    "0025_work_order_certificates",
    "0026_raw",
    "0027_outages_and_parts",
    "0028_evidence_handovers",
    "0029_visits",
];

/// The table that says what was applied, when and by which program.
const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number     INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    program    TEXT    NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";

const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The number of the last step this file has seen.
///
/// # Errors
/// When the file can't be read.
pub fn schema_version(conn: &Connection) -> Result<u32, StoreError> {
    Ok(conn.query_row(
        "SELECT COALESCE(MAX(number), 0) FROM schema_migrations",
        [],
        |row| row.get(0),
    )?)
}

/// Version of the program that took the last step.
///
/// # Errors
/// When the file can't be read.
pub fn schema_program(conn: &Connection) -> Result<String, StoreError> {
    let sql = "SELECT program FROM schema_migrations ORDER BY number DESC LIMIT 1";
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

/// The copies beside a store that were made before an upgrade, the newest schema first.
///
/// # Errors
/// When the folder can't be read.
pub fn copies_before_upgrades(path: &Path) -> Result<Vec<(u32, PathBuf)>, StoreError> {
    let begin = format!("{}.schema-", path.file_name().unwrap_or_default().display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path.parent().unwrap_or(Path::new(".")))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name
            .strip_prefix(&begin)
            .and_then(|rest| rest.strip_suffix(".bak"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

fn latest() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("a handful of migrations")
}

/// Refuses a file this program must not touch, without opening it for writing.
pub(crate) fn inspect(path: &Path) -> Result<(), StoreError> {
    let Some(header) = read_header(path)? else {
        return Ok(());
    };
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (schema, application, schema_changes) = (number(60), number(68), number(40));
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(StoreError::NotOurs(path.display().to_string()));
    }
    // A file that never had a table is our own, of a creation that was interrupted.
    let is_ours = i64::from(application) == i64::from(open::APPLICATION_ID);
    if !is_ours && (schema, schema_changes) != (0, 0) {
        return Err(StoreError::NotOurs(path.display().to_string()));
    }
    if schema > latest() {
        return Err(newer(schema, program_that_wrote(path)));
    }
    Ok(())
}

fn read_header(path: &Path) -> Result<Option<[u8; 100]>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut header = [0; 100];
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    file.read_exact(&mut header)
        .map_err(|_| StoreError::NotOurs(path.display().to_string()))?;
    Ok(Some(header))
}

/// The program's version as the newer store noted it; `immutable` keeps SQLite from creating files.
fn program_that_wrote(path: &Path) -> Option<String> {
    let uri = format!(
        "file:{}?immutable=1",
        path.to_str()?.replace('%', "%25").replace('?', "%3f")
    );
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri, flags).ok()?;
    let sql = "SELECT program FROM schema_migrations ORDER BY number DESC LIMIT 1";
    conn.query_row(sql, [], |row| row.get(0)).ok()
}

fn newer(schema: u32, program: Option<String>) -> StoreError {
    let found = program.unwrap_or_else(|| "?".to_owned());
    StoreError::Newer {
        found: format!("{found} (schema {schema})"),
        have: format!("{PROGRAM} (schema {})", latest()),
    }
}

/// Applies what is missing. Returns the copy made beforehand, if one was needed.
pub(crate) fn run(
    conn: &mut Connection,
    path: &Path,
    now: Timestamp,
) -> Result<Option<PathBuf>, StoreError> {
    let schema: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if schema > latest() {
        return Err(newer(schema, None));
    }
    if schema > 0 {
        compare_ledger(conn)?;
    }
    if schema == latest() {
        return Ok(None);
    }
    at("compared");
    let copy = if schema > 0 {
        Some(copy_before(conn, path, schema)?)
    } else {
        None
    };
    upgrade(conn, schema, MIGRATIONS, now)?;
    at("committed");
    // The version must be readable in the main file, where an older program looks for it.
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    at("moved");
    Ok(copy)
}

/// Says in the log how far an upgrade has come. Whoever stops the process there must find the store of
/// the old schema or of the new one; the test of the killed upgrade does so at each of them.
fn at(step: &'static str) {
    tracing::trace!(step, "The upgrade goes on.");
}

/// All missing steps and the look at what they made of the store, in one transaction: whatever happens,
/// the store is of the old schema or of the new one.
fn upgrade(
    conn: &mut Connection,
    schema: u32,
    migrations: &[Migration],
    now: Timestamp,
) -> Result<(), StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    at("begun");
    let before = rows(&tx)?;
    at("counted");
    for (number, migration) in (1..).zip(migrations).skip(schema as usize) {
        apply(&tx, number, migration, now)?;
        at("applied");
    }
    if schema > 0 {
        look_at(&tx, &before)?;
    }
    at("looked at");
    tx.commit()?;
    tracing::info!(
        from = schema,
        to = migrations.len(),
        "The store was brought to this version."
    );
    Ok(())
}

/// Rows of each table.
fn rows(conn: &Connection) -> Result<BTreeMap<String, i64>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
    let mut list = conn.prepare(sql)?;
    let names: Vec<String> = list
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut rows = BTreeMap::new();
    for name in names {
        let sql = format!("SELECT count(*) FROM \"{name}\"");
        let count = conn.query_row(&sql, [], |row| row.get(0))?;
        rows.insert(name, count);
    }
    Ok(rows)
}

/// Refuses an upgrade that lost a row, left one without what it refers to, or damaged the file.
fn look_at(conn: &Connection, before: &BTreeMap<String, i64>) -> Result<(), StoreError> {
    let after = rows(conn)?;
    for (table, had) in before {
        let has = after.get(table).copied().unwrap_or(0);
        if has < *had {
            return Err(StoreError::UpgradeFailed(format!(
                "{table}: {has} of {had} rows"
            )));
        }
    }
    let mut orphans = conn.prepare("PRAGMA foreign_key_check")?;
    if let Some(row) = orphans.query([])?.next()? {
        let table: String = row.get(0)?;
        return Err(StoreError::UpgradeFailed(format!(
            "{table}: a row without its parent"
        )));
    }
    let word: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if word != "ok" {
        return Err(StoreError::UpgradeFailed(word));
    }
    Ok(())
}

fn apply(
    tx: &Connection,
    number: u32,
    migration: &Migration,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.pragma_update(None, "application_id", open::APPLICATION_ID)?;
    tx.execute_batch(LEDGER)?;
    tx.execute_batch(migration.sql)?;
    at("changed");
    let sql = "INSERT INTO schema_migrations (number, name, sha256, program, applied_at)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.execute(
        sql,
        params![
            number,
            migration.name,
            digest(migration.sql),
            PROGRAM,
            now.0
        ],
    )?;
    tx.pragma_update(None, "user_version", number)?;
    Ok(())
}

/// An applied step that reads differently now means two programs disagree about what is stored.
fn compare_ledger(conn: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT sha256 FROM schema_migrations WHERE number = ?1";
    let schema: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, migration) in (1..=schema).zip(MIGRATIONS) {
        let kept: Option<String> = conn.query_row(sql, [number], |row| row.get(0)).optional()?;
        if kept.as_deref() != Some(digest(migration.sql).as_str()) {
            return Err(StoreError::MigrationChanged(number));
        }
    }
    Ok(())
}

fn copy_before(conn: &Connection, path: &Path, schema: u32) -> Result<PathBuf, StoreError> {
    let with_suffix = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let copy = with_suffix(&format!(".schema-{schema:04}.bak"));
    let partial = with_suffix(".bak.partial");
    if partial.exists() {
        std::fs::remove_file(&partial)?;
    }
    let target = partial.to_str().ok_or_else(|| {
        StoreError::Internal("the path of the store is not valid Unicode".to_owned())
    })?;
    conn.execute("VACUUM INTO ?1", [target])?;
    at("copied");
    File::open(&partial)?.sync_all()?;
    at("copy flushed");
    std::fs::rename(&partial, &copy)?;
    at("copy named");
    // Before the first step: the way back must not depend on what the disk still had to do.
    sync_folder(path)?;
    at("copy kept");
    tracing::info!(schema, "A copy of the store was made before its migration.");
    Ok(copy)
}

/// Makes a new name beside the store survive a power cut.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    Ok(File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// SHA-256 of the text with line ends as in the repository, so that a checkout on Windows agrees.
fn digest(sql: &str) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(sql.replace("\r\n", "\n")) {
        write!(hex, "{byte:02x}").expect("writing to a String");
    }
    hex
}

#[cfg(test)]
mod tests;
