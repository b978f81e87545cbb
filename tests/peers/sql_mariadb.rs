//! The SQL connector against MariaDB: TLS with an authority of its own, Arabic names, zero dates, wall
//! clocks, and queries that want to do harm.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod sql_rig;

use std::sync::{Arc, Mutex, Weak};

use anyhow::Result;
use iq_connector::{Connector, StageKey, StageStatus, conformance};
use iq_connector_sql::hooks::run_unchecked;
use iq_domain::{StatusCode, Timestamp, Value as Sample};
use iq_testkit::MariaDb;
use serde_json::json;
use sql_rig::{Rig, base, with};

/// One server for the tests that run at the same time; it ends with the last of them.
fn server() -> Result<Arc<MariaDb>> {
    static SHARED: Mutex<Weak<MariaDb>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(server) = shared.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(MariaDb::start()?);
    server.sql(SETUP)?;
    *shared = Arc::downgrade(&server);
    Ok(server)
}

const SETUP: &str = "
CREATE TABLE history (ts TIMESTAMP(3) NOT NULL, tag VARCHAR(100) NOT NULL, value DOUBLE, KEY (tag, ts));
INSERT INTO history SELECT UTC_TIMESTAMP(3) - INTERVAL seq SECOND, 'P-101.FLOW', seq FROM seq_1_to_100;
INSERT INTO history SELECT UTC_TIMESTAMP(3) - INTERVAL seq SECOND, 'مضخة-١.ضغط', seq FROM seq_1_to_100;
CREATE TABLE precious (id INT PRIMARY KEY, note VARCHAR(50));
INSERT INTO precious SELECT seq, CONCAT('row ', seq) FROM seq_1_to_50;
CREATE TABLE precious_too (id INT PRIMARY KEY, note VARCHAR(50)) ENGINE = Aria;
INSERT INTO precious_too SELECT seq, CONCAT('row ', seq) FROM seq_1_to_50;
CREATE SEQUENCE counter;
CREATE FUNCTION sneaky() RETURNS INT MODIFIES SQL DATA RETURN (SELECT COUNT(*) FROM precious);
CREATE USER 'reader'@'127.0.0.1' IDENTIFIED BY 'read-only-7';
GRANT SELECT ON plant.history TO 'reader'@'127.0.0.1';
CREATE USER 'writer'@'127.0.0.1' IDENTIFIED BY 'read-only-7';
GRANT ALL PRIVILEGES ON plant.* TO 'writer'@'127.0.0.1';
CREATE USER 'filer'@'127.0.0.1' IDENTIFIED BY 'read-only-7';
GRANT SELECT, FILE ON *.* TO 'filer'@'127.0.0.1';
";

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_keeps_to_the_contract() -> Result<()> {
    let server = server()?;
    let rig = Rig::new()?;
    let ctx = rig.context(&base("mysql", server.port, &server.ca.ca_pem))?;
    conformance::check_live(&rig.connector, &ctx, "مضخة-١.ضغط").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_of_a_test_has_its_stage_and_its_code() -> Result<()> {
    let server = server()?;
    let rig = Rig::new()?;
    let good = base("mysql", server.port, &server.ca.ca_pem);
    let other_ca = iq_testkit::TestCa::new(&["localhost"])?.ca_pem;
    for (changes, code, stage) in [
        (
            json!({"password": "wrong"}),
            "auth.bad_credentials",
            "session",
        ),
        (
            json!({"database_name": "nowhere"}),
            "sql.permission_denied",
            "session",
        ),
        (
            json!({"username": "admin", "password": "admin-for-tests"}),
            "sql.login_too_powerful",
            "session",
        ),
        (
            json!({"username": "filer"}),
            "sql.login_too_powerful",
            "session",
        ),
        (json!({"tls_ca": other_ca}), "sql.tls_untrusted", "security"),
        (
            json!({"db_type": "postgres"}),
            "test.protocol_unexpected",
            "hello",
        ),
        (
            json!({"table_name": "precious"}),
            "sql.table_unknown",
            "read",
        ),
        (json!({"tag_column": "point"}), "sql.column_unknown", "read"),
    ] {
        let found = rig.failure(&with(&good, changes.clone())).await?;
        assert_eq!(found, (code.to_owned(), stage.to_owned()), "{changes}");
    }
    let report = rig
        .test(&with(&good, json!({"username": "writer"})))
        .await?;
    let session = report.stages.iter().find(|s| s.key == StageKey::Session);
    assert_eq!(session.map(|s| s.status), Some(StageStatus::Warning));
    assert!(report.success);
    Ok(())
}

/// Everything a query could have changed.
fn fingerprint(server: &MariaDb) -> Result<String> {
    server.sql(
        "SELECT GROUP_CONCAT(id, note ORDER BY id) FROM precious;
         SELECT GROUP_CONCAT(id, note ORDER BY id) FROM precious_too;
         SELECT COUNT(*), SUM(value) FROM history;
         SELECT next_not_cached_value FROM counter;
         SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'plant' ORDER BY 1;
         SELECT routine_name FROM information_schema.routines WHERE routine_schema = 'plant' ORDER BY 1;
         SELECT COUNT(*) FROM mysql.user; SELECT @@global.read_only, @@global.general_log, @@global.max_statement_time;",
    )
}

const HOSTILE: &[&str] = &[
    "DELETE FROM precious",
    "DELETE FROM precious_too",
    "DROP TABLE precious",
    "TRUNCATE TABLE precious_too",
    "UPDATE precious SET note = 'x'",
    "UPDATE precious_too SET note = 'x'",
    "INSERT INTO precious VALUES (99, 'x')",
    "INSERT INTO precious_too VALUES (99, 'x')",
    "INSERT INTO precious_too SELECT id + 1000, note FROM precious_too",
    "REPLACE INTO precious VALUES (1, 'x')",
    "ALTER TABLE precious ADD x INT",
    "CREATE TABLE loot (a INT)",
    "CREATE TABLE loot SELECT * FROM precious",
    "CREATE FUNCTION f() RETURNS INT RETURN 1",
    "CREATE USER loot",
    "GRANT ALL ON plant.* TO PUBLIC",
    "RENAME TABLE precious TO loot",
    "SELECT * FROM precious INTO OUTFILE '/dev/shm/loot'",
    "SELECT * FROM precious INTO DUMPFILE '/dev/shm/loot'",
    "SELECT LOAD_FILE('/etc/passwd')",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE precious",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE precious",
    "SELECT 1; DELETE FROM precious",
    "SELECT 1; COMMIT; DELETE FROM precious",
    "SELECT 1) q; COMMIT; DELETE FROM precious; SELECT * FROM (SELECT 1",
    "COMMIT; DELETE FROM precious",
    "COMMIT",
    "COMMIT AND CHAIN",
    "ROLLBACK",
    "START TRANSACTION READ WRITE",
    "SET TRANSACTION READ WRITE",
    "SET SESSION TRANSACTION READ WRITE",
    "SET GLOBAL read_only = 1",
    "SET GLOBAL general_log = 1",
    "SET STATEMENT max_statement_time = 0 FOR SELECT 1",
    "SELECT NEXTVAL(counter)",
    "SELECT NEXT VALUE FOR counter",
    "SELECT SETVAL(counter, 1000)",
    "SELECT GET_LOCK('x', 0)",
    "SELECT * FROM precious FOR UPDATE",
    "SELECT * FROM precious LOCK IN SHARE MODE",
    "LOCK TABLES precious WRITE",
    "FLUSH TABLES",
    "HANDLER precious OPEN",
    "DO RELEASE_ALL_LOCKS()",
    "CALL nothing()",
    "ANALYZE TABLE precious",
    "OPTIMIZE TABLE precious",
    "REPAIR TABLE precious_too",
    "PREPARE p FROM 'DELETE FROM precious'",
    "EXECUTE IMMEDIATE 'DELETE FROM precious'",
    "BEGIN NOT ATOMIC DELETE FROM precious; END",
    "ANALYZE FORMAT=JSON DELETE FROM precious",
    "WITH x AS (SELECT 1) DELETE FROM precious",
    "SELECT 1 /*! INTO OUTFILE '/dev/shm/loot2' */",
    "SHUTDOWN",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_queries_are_refused_by_the_check_and_harmless_without_it() -> Result<()> {
    // Its own server: what other tests make would look like loot.
    let server = MariaDb::start()?;
    server.sql(SETUP)?;
    let rig = Rig::new()?;
    // It may do everything to these tables: what protects them here is ours.
    let config = with(
        &base("mysql", server.port, &server.ca.ca_pem),
        json!({"username": "writer"}),
    );
    let before = fingerprint(&server)?;
    let ctx = rig.context(&config)?;
    for text in HOSTILE {
        let written = with(
            &config,
            json!({"data_mode": "custom_query", "custom_query": text}),
        );
        let refused = rig.connector.sample_rows(&rig.context(&written)?, 5).await;
        if !text.contains("/*!") {
            let code = refused.as_ref().err().map(|e| e.code);
            assert!(
                code.is_some_and(|c| c.starts_with("sql.query_")),
                "{text}: {refused:?}"
            );
        }
        // Put where a query of one's own is put; whatever the server answers, nothing may change.
        drop(run_unchecked(&ctx, text, true).await);
        assert_eq!(fingerprint(&server)?, before, "{text} changed something");
        // Bare, a definition of data ends any transaction, and MariaDB lets it: there the query check
        // and the rights of the login stand alone.
        let defines = [
            "CREATE", "DROP", "ALTER", "TRUNCATE", "RENAME", "EXECUTE", "SET ", "START", "BEGIN",
        ];
        if !defines.iter().any(|word| text.starts_with(word)) {
            drop(run_unchecked(&ctx, text, false).await);
            assert_eq!(
                fingerprint(&server)?,
                before,
                "bare: {text} changed something"
            );
        }
    }
    for file in ["/dev/shm/loot", "/dev/shm/loot2"] {
        assert!(!std::path::Path::new(file).exists(), "{file} was written");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_dates_states_and_every_kind_of_number_are_read_or_named() -> Result<()> {
    let server = server()?;
    server.sql(
        "SET sql_mode = '';
         CREATE TABLE kinds (ts DATETIME(6) NOT NULL, tag VARCHAR(20) CHARACTER SET utf8mb3, d DECIMAL(65,10), f FLOAT,
           u BIGINT UNSIGNED, b BOOLEAN, bits BIT(4), e ENUM('RUN', 'متوقفة'), raw BLOB, y YEAR);
         INSERT INTO kinds VALUES
           ('2026-03-01 12:00:00.123456', 'A', 12.5, 0.1, 18446744073709551615, 1, b'101', 'RUN', x'ff', 2026),
           ('2026-03-01 12:00:01', 'B', -1, -2.5, 0, 0, b'0', 'متوقفة', NULL, NULL),
           ('0000-00-00 00:00:00', 'C', 1, 1, 1, 1, b'1', 'RUN', NULL, NULL),
           ('2026-03-01 12:00:02', 'A', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
         GRANT SELECT ON plant.kinds TO 'reader'@'127.0.0.1';",
    )?;
    let rig = Rig::new()?;
    let config = with(
        &base("mysql", server.port, &server.ca.ca_pem),
        json!({"table_name": "kinds", "tag_column": null, "value_column": null, "time_zone": "Asia/Riyadh"}),
    );
    let ctx = rig.context(&config)?;
    let sample = rig.connector.sample_rows(&ctx, 10).await?;
    let codes: Vec<&str> = sample.problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["sql.time_zero"]);
    let names = ["d", "f", "u", "b", "bits", "e", "raw"].map(str::to_owned);
    let values = rig.connector.preview(&ctx, &names).await?;
    let shown: Vec<Option<Sample>> = values.iter().map(|s| s.value.clone()).collect();
    let number = |n| Some(Sample::Number(n));
    assert_eq!(shown[0], number(-1.0));
    assert_eq!(shown[1], number(-2.5));
    assert_eq!(shown[3], Some(Sample::Bool(false)));
    assert_eq!(shown[5], Some(Sample::Text("متوقفة".into())));
    assert_eq!(shown[6], None, "bytes are no value");
    assert_eq!(
        values[0].source_time.map(|t| t.to_string()).as_deref(),
        Some("2026-03-01T09:00:01.000Z")
    );
    assert_eq!(values[0].status, StatusCode::GOOD);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_is_put_back_loses_no_row_and_doubts_the_hour() -> Result<()> {
    let server = server()?;
    // Egypt, 31 October 2025, 00:00 → 23:00: the hour from 23:00 on 30 October comes twice.
    server.sql(
        "CREATE TABLE clock_back (ts DATETIME NOT NULL, tag VARCHAR(20), value DOUBLE);
         INSERT INTO clock_back SELECT '2025-10-30 22:00:00' + INTERVAL seq MINUTE, 'a', seq FROM seq_0_to_119;
         INSERT INTO clock_back SELECT '2025-10-30 23:00:00' + INTERVAL seq MINUTE, 'a', 1000 + seq FROM seq_0_to_59;
         GRANT SELECT ON plant.clock_back TO 'reader'@'127.0.0.1';",
    )?;
    // Half past eleven, the second time: 21:30 UTC.
    let now = Timestamp(1_761_859_800_000);
    assert_eq!(now.to_string(), "2025-10-30T21:30:00.000Z");
    let rig = Rig::new()?.at(now);
    let config = with(
        &base("mysql", server.port, &server.ca.ca_pem),
        json!({"table_name": "clock_back", "time_zone": "Africa/Cairo"}),
    );
    let mut stream = rig.stream(&config, &["a"])?;
    stream
        .until("the past", |got| got.cursors.contains_key("tag/a"))
        .await?;
    let problems = stream.state.borrow().problems.clone();
    assert!(
        problems.iter().any(|p| p.error.code == "sql.time_twice"),
        "{problems:?}"
    );
    let got = stream.stop().await?;
    let values: std::collections::BTreeSet<String> = got
        .values("a")
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    assert_eq!(values.len(), 180, "every row was delivered");
    let doubtful = got
        .past
        .iter()
        .chain(&got.live)
        .filter(|s| !s.status.is_good());
    assert!(
        doubtful.count() >= 120,
        "the hour that came twice is in doubt"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn live_rows_flow_and_a_restart_goes_on_where_it_stood() -> Result<()> {
    let server = server()?;
    server.sql(
        "CREATE TABLE flow (ts TIMESTAMP(3) NOT NULL, tag VARCHAR(20), value DOUBLE, KEY (tag, ts));
         SET time_zone = '+00:00';
         INSERT INTO flow SELECT UTC_TIMESTAMP(3) - INTERVAL seq * 10 MINUTE, 'a', seq FROM seq_1_to_100;
         GRANT SELECT ON plant.flow TO 'reader'@'127.0.0.1';",
    )?;
    let mut rig = Rig::new()?;
    let config = with(
        &base("mysql", server.port, &server.ca.ca_pem),
        json!({"table_name": "flow"}),
    );
    let mut stream = rig.stream(&config, &["a"])?;
    stream
        .until("the past", |got| got.cursors.contains_key("tag/a"))
        .await?;
    assert_eq!(stream.got.values("a").len(), 100);
    server
        .sql("SET time_zone = '+00:00'; INSERT INTO flow VALUES (UTC_TIMESTAMP(3), 'a', 4711)")?;
    stream.until("a new row", |got| got.live.len() == 1).await?;
    let got = stream.stop().await?;
    rig.cursors = got.cursors;
    server
        .sql("SET time_zone = '+00:00'; INSERT INTO flow VALUES (UTC_TIMESTAMP(3), 'a', 4712)")?;
    let mut stream = rig.stream(&config, &["a"])?;
    stream
        .until("the row between", |got| {
            got.live
                .iter()
                .any(|s| s.value == Some(Sample::Number(4712.0)))
        })
        .await?;
    let got = stream.stop().await?;
    assert!(
        got.past.is_empty() && got.live.len() <= 2,
        "nothing older comes again"
    );
    Ok(())
}
