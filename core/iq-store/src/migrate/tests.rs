//! Old, new, foreign and damaged files.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use iq_domain::ManualClock;

use super::*;
use crate::Store;

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(
        path,
        Arc::new(ManualClock::at(Timestamp(1_790_000_000_000))),
    )
}

/// A store as a program with only the first `steps` migrations left it.
fn older(path: &Path, steps: usize) -> Connection {
    let mut conn = open::writer(path).unwrap();
    upgrade(&mut conn, 0, &MIGRATIONS[..steps], Timestamp(1)).unwrap();
    conn
}

fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let name = |e: &std::fs::DirEntry| e.file_name().into_string().unwrap();
    entries
        .map(|e| (name(&e), std::fs::read(e.path()).unwrap()))
        .collect()
}

/// The number of rows and a digest of the contents of every table, without the ledger.
fn contents(conn: &Connection) -> BTreeMap<String, Content> {
    contents_of(conn, &BTreeMap::new())
}

/// Rows, the columns that were read, and a digest of both.
type Content = (i64, Vec<String>, String);

/// Where a table is among `known`, only the columns it had then: a later step may add some.
fn contents_of(conn: &Connection, known: &BTreeMap<String, Content>) -> BTreeMap<String, Content> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN
               ('schema_migrations', 'write_probe') ORDER BY name";
    let mut statement = conn.prepare(sql).unwrap();
    let tables = statement.query_map([], |r| r.get::<_, String>(0)).unwrap();
    let mut found = BTreeMap::new();
    for table in tables.map(Result::unwrap) {
        let columns = known.get(&table).map_or_else(
            || columns_of(conn, &table),
            |(_, columns, _)| columns.clone(),
        );
        let sql = format!("SELECT {} FROM {table}", columns.join(", "));
        let mut rows = conn.prepare(&sql).unwrap();
        let lines: Vec<String> = rows
            .query_map([], |r| {
                let values = (0..columns.len()).map(|i| r.get::<_, rusqlite::types::Value>(i));
                Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let digest = digest(&lines.join("\n"));
        found.insert(table, (lines.len() as i64, columns, digest));
    }
    found
}

fn columns_of(conn: &Connection, table: &str) -> Vec<String> {
    let rows = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
    rows.column_names()
        .iter()
        .map(|c| format!("\"{c}\""))
        .collect()
}

const PLANT_ROWS: &str = "
    INSERT INTO tenants VALUES ('t', 'Plant', 'مصنع', 0, 1);
    INSERT INTO sites VALUES ('t', 's', 'RAS', 'Ras Tanura', 'رأس تنورة', 'Asia/Riyadh');
    INSERT INTO units VALUES ('t', 'u', 's', 'U100', 'Crude', 'الخام');
    INSERT INTO assets VALUES ('t', 'a', 'u', 'P-1', 'Pump', 'مضخة', 'centrifugal_pump', 'high',
        NULL, NULL, NULL, '[]', '[]', '', NULL, NULL);
    INSERT INTO signal_numbers VALUES ('t', 0, 'g');
    INSERT INTO signals VALUES ('t', 'g', 'a', 'pressure', 'bar', 'measured', 0);";

/// The step that brought work orders, and rows of that time.
const MAINTENANCE_STEP: usize = 7;
const WORK_ORDER_COLUMNS: usize = 35;
const MAINTENANCE_ROWS: &str = "
    INSERT INTO integrations VALUES ('t', 'i', 'sap_pm', 'SAP', '{}', 1, 0, 'active', NULL, '{}',
        NULL, NULL, 1);
    INSERT INTO work_orders VALUES ('t', 'w', 'OIQ-00000001', NULL, NULL, 'order', NULL, 'محمل',
        '', NULL, 'high', 'draft', '', 'a', 'settled', '10002345', NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, 1, 1, 'alert', NULL, NULL, NULL, 'null', 'demo', 1, 1, 1);
    INSERT INTO technical_objects VALUES ('t', 'o', 'i', 'equipment', '010002345', '10002345',
        'Pump', 'HALL', 'HALL', NULL, NULL, 1, NULL, '{}', 'a', 'settled', 'person', '[]', 'demo',
        1, 1);
    INSERT INTO work_order_outbox VALUES ('t', 'x', 'w', 'i', 'sending', '{}', '{}', 'demo', 'u',
        NULL, NULL, NULL, 1, 1, 0, 0, 1, 1, NULL, '{}', NULL, NULL, NULL, 1, 1, NULL);";

#[test]
fn a_new_store_gets_all_steps_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optria.db");
    for _ in 0..2 {
        let store = open(&path).unwrap();
        assert_eq!(store.copy_before_migration(), None);
        let sql = "SELECT group_concat(name) FROM schema_migrations ORDER BY number";
        let applied: String = store
            .read_blocking(|c| Ok(c.query_row(sql, [], |r| r.get(0))?))
            .unwrap();
        let names: Vec<_> = MIGRATIONS.iter().map(|m| m.name).collect();
        assert_eq!(applied, names.join(","));
    }
}

#[test]
fn a_filled_store_of_every_earlier_version_keeps_its_rows_and_is_copied_first() {
    for steps in 1..MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("optria.db");
        let conn = older(&path, steps);
        conn.execute_batch(PLANT_ROWS).unwrap();
        if steps >= MAINTENANCE_STEP {
            // A later step adds columns behind those of that time.
            let then = columns_of(&conn, "work_orders")[..WORK_ORDER_COLUMNS].join(", ");
            let named = format!("INSERT INTO work_orders ({then}) VALUES");
            let rows = MAINTENANCE_ROWS.replace("INSERT INTO work_orders VALUES", &named);
            conn.execute_batch(&rows).unwrap();
        }
        let before = contents(&conn);
        assert!(before.values().any(|(rows, ..)| *rows > 0));
        drop(conn);
        let store = open(&path).unwrap();
        let after = store
            .read_blocking(|c| Ok(contents_of(c, &before)))
            .unwrap();
        for (table, content) in &before {
            assert_eq!(
                after.get(table),
                Some(content),
                "{table} after step {steps}"
            );
        }
        let copy = store.copy_before_migration().expect("a copy").to_owned();
        let copied = Connection::open(&copy).unwrap();
        assert_eq!(
            contents(&copied),
            before,
            "the copy before step {}",
            steps + 1
        );
        let version: usize = copied
            .pragma_query_value(None, "user_version", |r| r.get::<_, i64>(0))
            .unwrap() as usize;
        assert_eq!(version, steps);
    }
}

#[test]
fn an_incident_from_before_merging_keeps_its_events_and_stays_in_lists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optria.db");
    let step = MIGRATIONS
        .iter()
        .position(|m| m.name.ends_with("incident_care"));
    let conn = older(&path, step.unwrap());
    let id = |n: u8| format!("00000000-0000-7000-8000-0000000000{n:02}");
    let (tenant, incident, event) = (id(1), id(2), id(3));
    conn.execute_batch(&format!(
        "INSERT INTO industrial_events VALUES ('{tenant}', '{event}', NULL, 's', 't', 'x', 1, 1, 1,
             0, 0, 'critical', 'ALERT', 'event.test', '{{}}');
         INSERT INTO incidents VALUES ('{tenant}', '{incident}', 'INC-1', '{}', 'trip', 'critical',
             'incident.trip', '{{}}', 'open', NULL, 1, NULL, 1);
         INSERT INTO incident_events VALUES ('{tenant}', '{incident}', '{event}', 'trigger');",
        id(4)
    ))
    .unwrap();
    drop(conn);
    let store = open(&path).unwrap();
    let (tenant, incident) = (tenant.parse().unwrap(), incident.parse().unwrap());
    let (listed, events) = store
        .read_blocking(|c| {
            use crate::incidents;
            Ok((
                incidents::count_incidents(c, tenant, &Default::default())?,
                incidents::count_incident_events(c, tenant, incident)?,
            ))
        })
        .unwrap();
    assert_eq!((listed, events), (1, 1));
}

#[test]
fn visits_that_a_plan_wrote_before_know_the_job_they_go_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optria.db");
    let step = MIGRATIONS.iter().position(|m| m.name.ends_with("visits"));
    let conn = older(&path, step.unwrap());
    conn.execute_batch(PLANT_ROWS).unwrap();
    let order = |id: &str| {
        format!(
            "INSERT INTO work_orders (tenant_id, id, kind, title, description, status,
                 source_status, match_state, is_down, origin, payload, opened_at, changed_at,
                 recorded_at)
             VALUES ('t', '{id}', 'order', '', '', 'draft', '', 'settled', 0, 'manual', 'null',
                 1, 1, 1);"
        )
    };
    let rows: String = ["first", "second", "other"].map(order).concat();
    conn.execute_batch(&rows).unwrap();
    conn.execute_batch(
        "INSERT INTO optimization_scenarios VALUES ('t', 's', 'j', '', '', 'done', 1, 1, 1, '0',
             NULL, 0, '{}', '{}', '{}', 'p', 1, 1);
         INSERT INTO optimization_recommendations VALUES ('t', 'r', 's', 1, 'a', NULL,
             '{\"visit_orders\": [\"second\"]}', 'first', 'p', 1);",
    )
    .unwrap();
    drop(conn);
    let store = open(&path).unwrap();
    let sql = "SELECT group_concat(id || ' ' || visit_of) FROM work_orders
               WHERE visit_of IS NOT NULL";
    let known: String = store
        .read_blocking(|c| Ok(c.query_row(sql, [], |r| r.get(0))?))
        .unwrap();
    assert_eq!(known, "second first");
}

#[test]
fn a_newer_store_is_refused_and_not_a_byte_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optria.db");
    drop(open(&path).unwrap());
    let newer_schema = latest() + 1;
    let conn = Connection::open(&path).unwrap();
    conn.execute(
        "INSERT INTO schema_migrations VALUES (?, 'later', '', '9.1.0', 1)",
        [newer_schema],
    )
    .unwrap();
    conn.pragma_update(None, "user_version", newer_schema)
        .unwrap();
    drop(conn);
    let before = bytes(folder.path());
    let error = open(&path).map(drop).unwrap_err();
    assert_eq!(bytes(folder.path()), before);
    let coded = iq_domain::CodedError::from(error);
    assert_eq!(coded.code, "store.newer");
    assert_eq!(
        coded.params["found"],
        format!("9.1.0 (schema {newer_schema})")
    );
    assert_eq!(
        coded.params["have"],
        format!("{PROGRAM} (schema {})", latest())
    );
}

#[test]
fn a_newer_version_still_in_the_write_ahead_log_is_refused_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optria.db");
    drop(open(&path).unwrap());
    // An open second connection keeps the log from being moved into the main file.
    let conn = open::writer(&path).unwrap();
    conn.pragma_update(None, "user_version", latest() + 1)
        .unwrap();
    assert!(inspect(&path).is_ok(), "the main file should not know yet");
    let error = open(&path).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    let sql = "SELECT COUNT(*) FROM schema_migrations";
    let applied: u32 = conn.query_row(sql, [], |r| r.get(0)).unwrap();
    assert_eq!(applied, latest());
}

#[test]
fn an_applied_step_that_reads_differently_now_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optria.db");
    drop(open(&path).unwrap());
    let conn = Connection::open(&path).unwrap();
    conn.execute(
        "UPDATE schema_migrations SET sha256 = 'x' WHERE number = 3",
        [],
    )
    .unwrap();
    drop(conn);
    assert!(matches!(open(&path), Err(StoreError::MigrationChanged(3))));
}

#[test]
fn an_upgrade_that_fails_or_loses_a_row_leaves_the_store_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optria.db");
    let mut conn = older(&path, 2);
    conn.execute_batch(PLANT_ROWS).unwrap();
    let step = |sql| Migration {
        name: "0001_step",
        sql,
    };
    let good = || step("CREATE TABLE half (tenant_id TEXT) STRICT;");
    for bad in [
        "CREATE TABLE sites (x TEXT) STRICT;",
        "DELETE FROM signals;",
        "PRAGMA defer_foreign_keys = ON; INSERT INTO sites VALUES ('none', 's', 'a', 'b', 'c', 'd');",
    ] {
        let steps = [good(), good(), good(), step(bad)];
        let refused = upgrade(&mut conn, 2, &steps, Timestamp(1));
        assert!(refused.is_err(), "{bad}");
        if bad.starts_with("DELETE") {
            assert!(matches!(refused, Err(StoreError::UpgradeFailed(_))));
        }
    }
    let rows: i64 = conn
        .query_row("SELECT count(*) FROM signals", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
    drop(conn);
    let store = open(&path).unwrap();
    let half: bool = store
        .read_blocking(|c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'half')";
            Ok(c.query_row(sql, [], |r| r.get(0))?)
        })
        .unwrap();
    assert!(!half);
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(
        &text,
        "a note that somebody put here, long enough to be a header ".repeat(4),
    )
    .unwrap();
    let short = folder.path().join("short.db");
    std::fs::write(&short, "short").unwrap();
    let foreign = folder.path().join("foreign.db");
    let conn = Connection::open(&foreign).unwrap();
    conn.execute_batch("CREATE TABLE theirs (x); PRAGMA user_version = 3;")
        .unwrap();
    drop(conn);
    let without_version = folder.path().join("plain.db");
    let conn = Connection::open(&without_version).unwrap();
    conn.execute_batch("CREATE TABLE theirs (x);").unwrap();
    drop(conn);
    let before = bytes(folder.path());
    for path in [text, short, foreign, without_version] {
        let refused = open(&path).map(drop);
        assert!(
            matches!(refused, Err(StoreError::NotOurs(_))),
            "{}",
            path.display()
        );
    }
    assert_eq!(bytes(folder.path()), before);
}

#[test]
fn a_creation_that_was_interrupted_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, bare) = (
        folder.path().join("empty.db"),
        folder.path().join("bare.db"),
    );
    std::fs::write(&empty, "").unwrap();
    drop(open::writer(&bare).unwrap());
    assert!(std::fs::metadata(&bare).unwrap().len() > 0);
    for path in [empty, bare] {
        open(&path).map(drop).unwrap();
    }
}

#[test]
fn the_list_names_every_file_of_the_folder_in_order() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/local");
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut files: Vec<_> = entries
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    files.sort();
    let listed: Vec<_> = MIGRATIONS
        .iter()
        .map(|m| format!("{}.sql", m.name))
        .collect();
    assert_eq!(files, listed);
    for (number, migration) in (1..).zip(MIGRATIONS) {
        assert!(
            migration.name.starts_with(&format!("{number:04}_")),
            "{}",
            migration.name
        );
    }
}
