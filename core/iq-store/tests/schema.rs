//! The shape of a new store: as committed, tenant first everywhere, and closed to changes where
//! things are recorded.
#![allow(clippy::unwrap_used)]

mod support;

use iq_store::{ConstraintKind, StoreError};
use support::Fixture;

/// Tables without a tenant, with the reason.
const WITHOUT_TENANT: [(&str, &str); 3] = [
    ("schema_migrations", "about the file itself"),
    ("sign_in_attempts", "before a sign-in there is no tenant"),
    ("write_probe", "about the disk"),
];

/// Indexes that don't begin with the tenant, with the reason.
const OTHER_INDEXES: [(&str, &str); 5] = [
    ("api_tokens", "token_hash"),
    ("users", "username_key"),
    ("sessions", "token_hash"),
    ("sessions", "expires_at"),
    ("signal_numbers", "signal_no"),
];

#[test]
fn a_new_store_has_the_committed_schema() {
    let fixture = Fixture::new();
    let sql = "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL
               AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, tbl_name, name";
    let found: Vec<String> = fixture.read(|conn| {
        let mut statement = conn.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    });
    let found = format!("{}\n", found.join("\n\n"));
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/schema.sql");
    let committed = include_str!("schema.sql").replace("\r\n", "\n");
    if found != committed {
        std::fs::write(target, &found).unwrap();
        panic!("the schema differs from tests/schema.sql; compare it with {target}");
    }
}

#[test]
fn every_table_and_every_index_begins_with_the_tenant() {
    let fixture = Fixture::new();
    let list = |sql: &str, of: &str| -> Vec<String> {
        fixture.read(|conn| {
            let mut statement = conn.prepare(sql)?;
            let rows = statement.query_map([of], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    };
    let tables = list(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> ?",
        "",
    );
    assert!(tables.len() >= 25, "{tables:?}");
    for table in tables {
        let columns = list("SELECT name FROM pragma_table_info(?) ORDER BY cid", &table);
        if WITHOUT_TENANT.iter().any(|(name, _)| *name == table) {
            continue;
        }
        assert_eq!(columns[0], "tenant_id", "{table}");
        for index in list("SELECT name FROM pragma_index_list(?)", &table) {
            let first = list(
                "SELECT name FROM pragma_index_info(?) WHERE seqno = 0",
                &index,
            );
            let is_known = OTHER_INDEXES.contains(&(table.as_str(), first[0].as_str()));
            assert!(
                first[0] == "tenant_id" || is_known,
                "{table}.{index}: {first:?}"
            );
        }
    }
}

#[test]
fn what_is_recorded_can_not_be_changed_deleted_or_replaced() {
    let fixture = Fixture::new();
    fixture.filled();
    for (table, column) in [
        ("industrial_events", "summary"),
        ("incident_notes", "text"),
        ("audit", "actor"),
        ("signal_numbers", "signal_id"),
    ] {
        let kept: String = fixture.read(|conn| {
            Ok(conn.query_row(&format!("SELECT {column} FROM {table}"), [], |r| r.get(0))?)
        });
        for sql in [
            format!("UPDATE {table} SET {column} = 'forged'"),
            format!("DELETE FROM {table}"),
            format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
        ] {
            let text = sql.clone();
            let result = fixture.write(move |conn| Ok(conn.execute(&sql, [])?));
            let Err(error) = result else {
                panic!("{text} went through")
            };
            assert!(
                error.is_constraint(ConstraintKind::AppendOnly),
                "{text}: {error}"
            );
        }
        let still: String = fixture.read(|conn| {
            Ok(conn.query_row(&format!("SELECT {column} FROM {table}"), [], |r| r.get(0))?)
        });
        assert_eq!(still, kept, "{table}");
    }
}

#[test]
fn commits_are_synchronised_to_the_disk_and_references_are_checked() {
    let fixture = Fixture::new();
    let pragmas = |conn: &iq_store::Connection| -> Result<_, StoreError> {
        let number = |name: &str| conn.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
        let mode: String = conn.pragma_query_value(None, "journal_mode", |r| r.get(0))?;
        Ok((
            mode,
            number("synchronous")?,
            number("foreign_keys")?,
            number("recursive_triggers")?,
        ))
    };
    let found = fixture.write(move |conn| pragmas(conn)).unwrap();
    assert_eq!(found, ("wal".to_owned(), 2, 1, 1));
    let refused = fixture
        .store
        .read_blocking(|conn| Ok(conn.execute("UPDATE write_probe SET counter = 9", [])?));
    assert!(refused.is_err(), "a read connection wrote");
}
