//! The SQL connector against PostgreSQL: SCRAM, TLS with an authority of its own, every type and zone,
//! live rows and the past, and queries that want to do harm.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod sql_rig;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use iq_connector::{BrowseRequest, Connector, StageKey, StageStatus, StreamPhase, conformance};
use iq_connector_sql::hooks::{back_fill, run_unchecked};
use iq_domain::{Clock, StatusCode, Timestamp, Value as Sample};
use iq_testkit::Postgres;
use serde_json::{Value, json};
use sql_rig::{Rig, base, with};

/// One server for the tests that run at the same time; it ends with the last of them.
fn server() -> Result<Arc<Postgres>> {
    static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(server) = shared.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(Postgres::start()?);
    server.sql(SETUP)?;
    *shared = Arc::downgrade(&server);
    Ok(server)
}

const SETUP: &str = "
CREATE ROLE reader LOGIN PASSWORD 'read-only-7';
CREATE ROLE writer LOGIN PASSWORD 'read-only-7';
CREATE ROLE nosy LOGIN PASSWORD 'read-only-7';
CREATE TABLE history (ts timestamptz NOT NULL, tag text NOT NULL, value double precision, quality int);
CREATE INDEX ON history (tag, ts);
INSERT INTO history SELECT now() - (n || ' seconds')::interval, t, n, 192
  FROM generate_series(1, 100) n, (VALUES ('P-101.FLOW'), ('مضخة-١.ضغط')) v(t);
GRANT SELECT ON history TO reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON history TO writer;
CREATE SEQUENCE counter;
CREATE TABLE precious (id int PRIMARY KEY, note text);
INSERT INTO precious SELECT n, 'row ' || n FROM generate_series(1, 50) n;
ALTER TABLE precious OWNER TO writer;
ALTER SEQUENCE counter OWNER TO writer;
CREATE FUNCTION sneaky() RETURNS int LANGUAGE plpgsql VOLATILE AS $f$
  BEGIN INSERT INTO precious VALUES (1000, 'sneaky'); RETURN 1; END $f$;
CREATE FUNCTION sneaky_definer() RETURNS int LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $f$
  BEGIN DELETE FROM precious; RETURN 1; END $f$;
";

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_keeps_to_the_contract() -> Result<()> {
    let server = server()?;
    let rig = Rig::new()?;
    conformance::check_offline(&rig.connector);
    let ctx = rig.context(&base("postgres", server.port, &server.ca.ca_pem))?;
    conformance::check_live(&rig.connector, &ctx, "مضخة-١.ضغط").await;
    Ok(())
}

/// What is changed in a good configuration, and the code and stage a test must then end with.
fn failures(other_ca: &str, closed_port: u16) -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (
            json!({"password": "wrong"}),
            "auth.bad_credentials",
            "session",
        ),
        (
            json!({"username": "nobody-here"}),
            "auth.bad_credentials",
            "session",
        ),
        (
            json!({"database_name": "nowhere"}),
            "sql.database_unknown",
            "session",
        ),
        (
            json!({"username": "admin", "password": "admin-for-tests"}),
            "sql.login_too_powerful",
            "session",
        ),
        (json!({"tls_ca": other_ca}), "sql.tls_untrusted", "security"),
        (
            json!({"host": "localhost"}),
            "sql.tls_name_mismatch",
            "security",
        ),
        (json!({"tls_ca": null}), "sql.tls_untrusted", "security"),
        (
            json!({"host": "localhost.invalid"}),
            "test.dns_failed",
            "dns",
        ),
        (json!({"port": closed_port}), "test.tcp_refused", "tcp"),
        (json!({"db_type": "mysql"}), "sql.no_greeting", "hello"),
        (
            json!({"db_type": "sqlserver"}),
            "test.protocol_unexpected",
            "hello",
        ),
        (
            json!({"table_name": "nothing"}),
            "sql.table_unknown",
            "read",
        ),
        (
            json!({"table_name": "precious"}),
            "sql.table_unknown",
            "read",
        ),
        (
            json!({"timestamp_column": "when"}),
            "sql.column_unknown",
            "read",
        ),
        (
            json!({"timestamp_column": "value"}),
            "sql.time_column_type",
            "read",
        ),
        (json!({"username": "nosy"}), "sql.table_unknown", "read"),
        (
            json!({"password": null}),
            "connector.field_required",
            "config",
        ),
        (
            json!({"data_mode": "custom_query", "custom_query": "SELECT ts, tag, value FROM history; DROP TABLE history"}),
            "sql.query_not_single",
            "config",
        ),
        (
            json!({"data_mode": "custom_query", "custom_query": "SELECT ts, tag, value FROM nowhere"}),
            "sql.table_unknown",
            "read",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_of_a_test_has_its_stage_and_its_code() -> Result<()> {
    let server = server()?;
    let rig = Rig::new()?;
    let good = base("postgres", server.port, &server.ca.ca_pem);
    let other_ca = iq_testkit::TestCa::new(&["localhost"])?.ca_pem;
    let closed_port = iq_testkit::free_port()?;
    for (changes, code, stage) in failures(&other_ca, closed_port) {
        let found = rig.failure(&with(&good, changes.clone())).await?;
        assert_eq!(found, (code.to_owned(), stage.to_owned()), "{changes}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_can_write_and_an_unverified_connection_are_warned_about() -> Result<()> {
    let server = server()?;
    let rig = Rig::new()?;
    let good = base("postgres", server.port, &server.ca.ca_pem);
    let status = |report: &iq_connector::TestReport, key: StageKey| {
        let stage = report.stages.iter().find(|s| s.key == key);
        stage.map(|s| (s.status, s.message.code.clone()))
    };
    let report = rig.test(&good).await?;
    assert!(report.success);
    assert_eq!(
        status(&report, StageKey::Session),
        Some((StageStatus::Ok, "stage.session_ok".into()))
    );
    let report = rig
        .test(&with(&good, json!({"username": "writer"})))
        .await?;
    assert!(report.success);
    assert_eq!(
        status(&report, StageKey::Session),
        Some((StageStatus::Warning, "stage.sql_login_can_write".into()))
    );
    let other_name = json!({"ssl_mode": "verify_ca", "host": "localhost"});
    let report = rig.test(&with(&good, other_name)).await?;
    assert!(report.success, "{:?}", report.message);
    for mode in ["disable", "prefer", "require"] {
        let report = rig.test(&with(&good, json!({"ssl_mode": mode}))).await?;
        assert!(report.success, "{mode}: {:?}", report.message);
        let security = status(&report, StageKey::Security);
        assert_eq!(security.map(|s| s.0), Some(StageStatus::Warning), "{mode}");
    }
    Ok(())
}

/// Everything a query could have changed.
fn fingerprint(server: &Postgres) -> Result<String> {
    server.sql(
        "SELECT md5(string_agg(p::text, ';' ORDER BY id)) FROM precious p;
         SELECT md5(string_agg(h::text, ';' ORDER BY ts, tag)) FROM history h;
         SELECT last_value, is_called FROM counter;
         SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema';
         SELECT count(*) FROM pg_largeobject_metadata;
         SELECT count(*) FROM pg_roles; SELECT count(*) FROM pg_proc;
         SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';
         SELECT rolname, rolsuper FROM pg_roles ORDER BY 1;
         SELECT setting FROM pg_settings WHERE name = 'default_transaction_read_only';",
    )
}

const HOSTILE: &[&str] = &[
    "DELETE FROM precious",
    "DROP TABLE precious",
    "TRUNCATE precious",
    "UPDATE precious SET note = 'x'",
    "INSERT INTO precious VALUES (99, 'x')",
    "INSERT INTO precious VALUES (99, 'x') RETURNING id",
    "ALTER TABLE precious ADD x int",
    "CREATE TABLE loot (a int)",
    "CREATE TEMP TABLE loot (a int)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE loot",
    "ALTER ROLE writer SUPERUSER",
    "GRANT ALL ON precious TO PUBLIC",
    "COMMENT ON TABLE precious IS 'x'",
    "SELECT * INTO loot FROM precious",
    "WITH x AS (DELETE FROM precious RETURNING id) SELECT * FROM x",
    "WITH x AS (UPDATE precious SET note = 'x' RETURNING id) SELECT * FROM x",
    "WITH x AS (INSERT INTO precious VALUES (98, 'x') RETURNING id) SELECT * FROM x",
    "SELECT 1; DELETE FROM precious",
    "SELECT 1; COMMIT; DELETE FROM precious",
    "SELECT 1) q; COMMIT; DELETE FROM precious; SELECT * FROM (SELECT 1",
    "SELECT 1) q LIMIT 1; DROP TABLE precious; --",
    "COMMIT; DELETE FROM precious",
    "COMMIT",
    "ROLLBACK",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET default_transaction_read_only = off",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('default_transaction_read_only', 'off', false)",
    "SELECT nextval('counter')",
    "SELECT setval('counter', 1000)",
    "SELECT sneaky()",
    "SELECT sneaky_definer()",
    "SELECT id, sneaky() FROM precious",
    "SELECT * FROM precious FOR UPDATE",
    "SELECT * FROM precious FOR SHARE",
    "LOCK TABLE precious",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_notify('a', 'b')",
    "NOTIFY a",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "COPY precious TO '/dev/shm/loot'",
    "COPY precious FROM PROGRAM 'echo 1'",
    "COPY precious TO PROGRAM 'cat'",
    "DO $$ BEGIN DELETE FROM precious; END $$",
    "CALL sneaky()",
    "EXPLAIN ANALYZE DELETE FROM precious",
    "PREPARE p AS DELETE FROM precious",
    "EXECUTE p",
    "VACUUM precious",
    "REINDEX TABLE precious",
    "REFRESH MATERIALIZED VIEW precious",
    "SELECT query_to_xml('DELETE FROM precious', true, true, '')",
    "SELECT repeat('x', 90000000)",
    "SELECT string_agg(repeat('x', 1000000), '') FROM generate_series(1, 90)",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_queries_are_refused_by_the_check_and_harmless_without_it() -> Result<()> {
    // Its own server: what other tests make would look like loot.
    let server = Postgres::start()?;
    server.sql(SETUP)?;
    let rig = Rig::new()?;
    // The owner of the tables: everything that protects them here is ours.
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
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
        if !text.contains("sneaky") && !text.contains("repeat(") {
            let code = refused.as_ref().err().map(|e| e.code);
            assert!(
                code.is_some_and(|c| c.starts_with("sql.query_")),
                "{text}: {refused:?}"
            );
        }
        for is_wrapped in [true, false] {
            // Whether the server refuses it or answers: nothing may have changed.
            drop(run_unchecked(&ctx, text, is_wrapped).await);
        }
        assert_eq!(fingerprint(&server)?, before, "{text} changed something");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_giant_cell_is_cut_at_the_server_and_a_flood_of_rows_is_bounded() -> Result<()> {
    let server = server()?;
    let rig = Rig::new()?;
    let query = |text: &str| {
        let changes = json!({"data_mode": "custom_query", "custom_query": text});
        rig.context(&with(
            &base("postgres", server.port, &server.ca.ca_pem),
            changes,
        ))
    };
    let giant = query("SELECT now() AS ts, 'a' AS tag, repeat('x', 50000000) AS value")?;
    let rows = rig.connector.sample_rows(&giant, 5).await?;
    let cell = rows.rows[0][2].as_str().unwrap_or_default().len();
    assert_eq!(cell, 1_000);
    let flood = query("SELECT now() AS ts, 'a' AS tag, generate_series(1, 2000000000) AS value")?;
    let rows = rig.connector.sample_rows(&flood, usize::MAX).await?;
    assert_eq!((rows.rows.len(), rows.has_more), (100, true));
    let endless = query(
        "SELECT now() AS ts, 'a' AS tag, count(*) AS value FROM generate_series(1, 100000000000) n",
    )?;
    let error = rig.connector.sample_rows(&endless, 5).await.err();
    assert_eq!(error.map(|e| e.code), Some("sql.query_too_slow"));
    Ok(())
}

/// A table with names and values of every kind, and the configuration to read it.
fn odd_table(server: &Postgres, schema: &str) -> Result<Value> {
    server.sql(&format!(
        "CREATE SCHEMA \"{schema}\";
         CREATE TABLE \"{schema}\".\"Mess\"\"werte\" (\"Zeit punkt\" timestamp, \"Tag\" varchar(50), n numeric,
           f real, b boolean, t text, q text, raw bytea, j jsonb);
         INSERT INTO \"{schema}\".\"Mess\"\"werte\" VALUES
           ('2026-03-01 12:00:00', 'A', 12.5, 0.1, true, 'RUN', 'good', '\\xff', '{{\"a\":1}}'),
           ('2026-03-01 12:00:01', 'B', 'NaN', 'Infinity', false, 'تعمل', 'bad', NULL, NULL),
           ('2026-03-01 12:00:02', 'A', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
           ('2026-03-01 12:00:03', 'C', 1e200 * 1e200, 1, true, E'a\\u202eb', '?', NULL, NULL),
           ('infinity', 'D', 1, 1, true, '', '', NULL, NULL);
         GRANT USAGE ON SCHEMA \"{schema}\" TO reader; GRANT SELECT ON \"{schema}\".\"Mess\"\"werte\" TO reader;",
    ))?;
    Ok(with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"table_name": format!("{schema}.Mess\"werte"), "timestamp_column": "zeit punkt", "tag_column": "Tag",
               "value_column": "n", "quality_column": "q", "time_zone": "Asia/Riyadh"}),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_columns_tags_and_rows_are_shown_as_they_are() -> Result<()> {
    let server = server()?;
    let config = odd_table(&server, "Werk 7")?;
    let rig = Rig::new()?;
    let ctx = rig.context(&config)?;
    let tables = rig.connector.choices(&ctx, "table_name").await?;
    assert!(
        tables.iter().any(|c| c.value == "Werk 7.Mess\"werte"),
        "{tables:?}"
    );
    assert!(
        !tables.iter().any(|c| c.value.contains("precious")),
        "a table it may not read"
    );
    let times = rig.connector.choices(&ctx, "timestamp_column").await?;
    assert_eq!(times.len(), 1);
    assert_eq!(
        (times[0].value.as_str(), times[0].detail.as_deref()),
        ("Zeit punkt", Some("TIMESTAMP"))
    );

    let sample = rig.connector.sample_rows(&ctx, 100).await?;
    let kinds = serde_json::to_value(&sample.columns)?;
    assert_eq!(kinds[0]["role"], "timestamp");
    assert_eq!(
        (&kinds[1]["role"], &kinds[1]["kind"]),
        (&json!("tag"), &json!("text"))
    );
    assert_eq!(
        (&kinds[2]["role"], &kinds[2]["kind"]),
        (&json!("value"), &json!("number"))
    );
    assert_eq!(
        (&kinds[4]["kind"], &kinds[6]["role"]),
        (&json!("bool"), &json!("quality"))
    );
    assert_eq!(sample.rows[0][2], json!(12.5));
    assert_eq!(sample.rows[0][4], json!(true));
    assert_eq!(sample.rows[1][5], json!("تعمل"));
    assert_eq!(
        sample.rows[3][5],
        json!("a\u{FFFD}b"),
        "an override of the direction is neutralised"
    );
    assert_eq!(sample.tags, ["A", "B", "C"]);
    let codes: Vec<&str> = sample.problems.iter().map(|p| p.code).collect();
    assert!(codes.contains(&"sql.time_out_of_range"), "{codes:?}");
    assert!(codes.contains(&"sql.number_too_large"), "{codes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_kind_are_read_or_bad_and_never_wrong() -> Result<()> {
    let server = server()?;
    let config = odd_table(&server, "Werk 8")?;
    let rig = Rig::new()?;
    let ctx = rig.context(&config)?;
    let tags = ["A", "B", "C", "nope"].map(str::to_owned);
    let values = rig.connector.preview(&ctx, &tags).await?;
    assert_eq!(
        (values[0].value.clone(), values[0].status.is_good()),
        (None, false)
    );
    assert_eq!(
        values[0].source_time.map(|t| t.to_string()).as_deref(),
        Some("2026-03-01T09:00:02.000Z")
    );
    assert!(matches!(values[1].value, Some(Sample::Number(n)) if n.is_nan()));
    assert_eq!(values[1].status, StatusCode::BAD);
    assert_eq!(
        (values[2].value.clone(), values[2].status.is_good()),
        (None, false)
    );
    assert!(!values[3].status.is_good());

    let wide = with(
        &config,
        json!({"tag_column": null, "value_column": "f, b,t", "quality_column": null}),
    );
    let page = rig
        .connector
        .browse(
            &rig.context(&wide)?,
            BrowseRequest {
                limit: 10,
                ..Default::default()
            },
        )
        .await?;
    let names: Vec<&str> = page.items.iter().map(|i| i.id.as_str()).collect();
    assert_eq!(names, ["f", "b", "t"]);
    let values = rig
        .connector
        .preview(&rig.context(&wide)?, &["f".to_owned(), "b".to_owned()])
        .await?;
    assert_eq!(values[1].value, Some(Sample::Bool(true)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_listed_in_pages_and_found_by_search() -> Result<()> {
    let server = server()?;
    server.sql(
        "CREATE TABLE many (ts timestamptz, tag text, value int);
         INSERT INTO many SELECT now(), 'T-' || lpad(n::text, 5, '0'), n FROM generate_series(1, 1234) n;
         GRANT SELECT ON many TO reader;",
    )?;
    let rig = Rig::new()?;
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"table_name": "public.many"}),
    );
    let ctx = rig.context(&config)?;
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let request = BrowseRequest {
            limit: 500,
            cursor,
            ..Default::default()
        };
        let page = rig.connector.browse(&ctx, request).await?;
        names.extend(page.items.into_iter().map(|i| i.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 1_234);
    assert_eq!(
        (names[0].as_str(), names[1_233].as_str()),
        ("T-00001", "T-01234")
    );
    let request = BrowseRequest {
        limit: 500,
        search: Some("t-0123".into()),
        ..Default::default()
    };
    let found = rig.connector.browse(&ctx, request).await?.items;
    assert_eq!(found.len(), 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn new_and_late_rows_come_once_and_a_restart_goes_on_where_it_stood() -> Result<()> {
    let server = server()?;
    server.sql(
        "CREATE TABLE flow (ts timestamptz NOT NULL, tag text NOT NULL, value float8);
         INSERT INTO flow SELECT now() - (n || ' minutes')::interval, t, n
           FROM generate_series(20, 1400, 20) n, (VALUES ('a'), ('b')) v(t);
         GRANT SELECT ON flow TO reader;",
    )?;
    let mut rig = Rig::new()?;
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"table_name": "flow"}),
    );
    let mut stream = rig.stream(&config, &["a"])?;
    stream
        .until("the past of a", |got| got.cursors.contains_key("tag/a"))
        .await?;
    assert_eq!(stream.got.values("a").len(), 70);
    assert!(stream.got.live.is_empty(), "the past is not live");
    stream
        .until("the position of the present", |got| {
            got.cursors.contains_key("live")
        })
        .await?;

    server.sql("INSERT INTO flow VALUES (now(), 'a', 1000), (now(), 'b', 1000)")?;
    stream.until("a new row", |got| got.live.len() == 1).await?;
    // Late by one minute: within the overlap; another value of a time already read; a repeat.
    server.sql("INSERT INTO flow VALUES (now() - interval '1 minute', 'a', 1001)")?;
    stream
        .until("a late row", |got| got.live.len() == 2)
        .await?;

    let tags = ["a", "b"].map(Arc::<str>::from).to_vec();
    stream.tags.send(Arc::new(tags))?;
    stream
        .until("the past of b", |got| got.cursors.contains_key("tag/b"))
        .await?;
    stream
        .until_state("no back-fill", |s| s.back_fill.is_none())
        .await?;
    let got = stream.stop().await?;
    // A row of now may come as live and in the past; the others come once.
    assert_eq!(got.values("a").len(), 72, "{:?}", got.values("a"));
    let b: std::collections::BTreeSet<_> = got.values("b").into_iter().collect();
    assert_eq!(b.len(), 71);

    // Rows arrive while nobody reads; a restart brings them, and nothing older again.
    server.sql("INSERT INTO flow VALUES (now(), 'a', 1002)")?;
    rig.cursors = got.cursors;
    let mut stream = rig.stream(&config, &["a", "b"])?;
    stream
        .until("the row between", |got| {
            got.live
                .iter()
                .any(|s| s.value == Some(Sample::Number(1002.0)))
        })
        .await?;
    let got = stream.stop().await?;
    assert!(got.past.is_empty(), "{:?}", got.past);
    assert!(
        got.live.len() <= 5,
        "only the overlap is read again: {}",
        got.live.len()
    );
    Ok(())
}

/// A clock that runs a minute ahead each time it is looked at, as if everything took a minute.
struct Racing(AtomicI64);

impl Clock for Racing {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(60_000, Ordering::Relaxed))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_missed_between_the_past_and_the_present_however_long_the_start_takes()
-> Result<()> {
    let server = server()?;
    server.sql(
        "CREATE TABLE slow_start (ts timestamptz NOT NULL, tag text NOT NULL, value float8);
         INSERT INTO slow_start SELECT '2026-03-01 00:00:00Z'::timestamptz + (n || ' seconds')::interval, 'a', n
           FROM generate_series(-7200, 7200, 10) n;
         GRANT SELECT ON slow_start TO reader;",
    )?;
    let mut rig = Rig::new()?;
    // 2026-03-01T00:00:00Z
    rig.clock = Arc::new(Racing(AtomicI64::new(1_772_323_200_000)));
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"table_name": "slow_start", "sync_mode": "full"}),
    );
    let mut stream = rig.stream(&config, &["a"])?;
    stream
        .until("past and present", |got| {
            got.cursors.contains_key("tag/a") && got.cursors.contains_key("live")
        })
        .await?;
    let got = stream.stop().await?;
    let found: BTreeSet<_> = got.values("a").into_iter().collect();
    assert_eq!(found.len(), 1_441);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_mapped_again_gets_what_it_missed_also_after_a_restart() -> Result<()> {
    let server = server()?;
    server.sql(
        "CREATE TABLE pause (ts timestamptz NOT NULL, tag text NOT NULL, value float8);
         INSERT INTO pause SELECT now() - interval '1 minute', t, 1 FROM (VALUES ('a'), ('b')) v(t);
         GRANT SELECT ON pause TO reader;",
    )?;
    let mut rig = Rig::new()?;
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"table_name": "pause", "overlap_s": 0}),
    );
    let tags = |names: &[&str]| Arc::new(names.iter().map(|n| Arc::from(*n)).collect::<Vec<_>>());
    let has = |got: &sql_rig::Got, value: f64| {
        let mut all = got.past.iter().chain(&got.live);
        all.any(|s| s.value == Some(Sample::Number(value)))
    };
    let mut stream = rig.stream(&config, &["a", "b"])?;
    stream
        .until("the past", |got| got.cursors.contains_key("tag/b"))
        .await?;
    stream.tags.send(tags(&["a"]))?;
    stream
        .until("b is left", |got| got.cursors["tag/b"]["left"].is_i64())
        .await?;
    server.sql("INSERT INTO pause VALUES (now(), 'b', 2)")?;
    server.sql("INSERT INTO pause VALUES (now(), 'a', 3)")?;
    stream.until("a goes on", |got| has(got, 3.0)).await?;
    stream.tags.send(tags(&["a", "b"]))?;
    stream.until("what b missed", |got| has(got, 2.0)).await?;
    stream.tags.send(tags(&["a"]))?;
    stream
        .until("b is left again", |got| {
            got.cursors["tag/b"]["left"].is_i64()
        })
        .await?;
    server.sql("INSERT INTO pause VALUES (now(), 'b', 4)")?;
    server.sql("INSERT INTO pause VALUES (now(), 'a', 5)")?;
    stream.until("a goes on again", |got| has(got, 5.0)).await?;
    rig.cursors = stream.stop().await?.cursors;
    let mut stream = rig.stream(&config, &["a", "b"])?;
    stream.until("what b missed", |got| has(got, 4.0)).await?;
    stream
        .until("b is no longer left", |got| {
            got.cursors
                .get("tag/b")
                .is_some_and(|c| c["left"].is_null())
        })
        .await?;
    let got = stream.stop().await?;
    assert!(!has(&got, 2.0), "what was read is not read again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_joins_has_the_rows_that_were_new_before_it_came() -> Result<()> {
    let server = server()?;
    server.sql(
        "CREATE TABLE wide (ts timestamptz NOT NULL, flow float8, pressure float8);
         INSERT INTO wide VALUES (now() - interval '30 minutes', 1, 10);
         GRANT SELECT ON wide TO reader;",
    )?;
    let rig = Rig::new()?;
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"table_name": "wide", "tag_column": null, "value_column": "flow, pressure"}),
    );
    let mut stream = rig.stream(&config, &["flow"])?;
    stream
        .until("the past", |got| got.cursors.contains_key("tag/flow"))
        .await?;
    server.sql("INSERT INTO wide VALUES (now(), 2, 20)")?;
    stream.until("a new row", |got| got.live.len() == 1).await?;
    stream
        .tags
        .send(Arc::new(vec!["flow".into(), "pressure".into()]))?;
    stream
        .until("the past of the column", |got| {
            got.cursors.contains_key("tag/pressure")
        })
        .await?;
    let got = stream.stop().await?;
    assert_eq!(
        got.values("pressure").len(),
        2,
        "{:?}",
        got.values("pressure")
    );
    assert_eq!(got.values("flow").len(), 2, "nothing comes twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_ones_own_with_a_common_table_expression_streams() -> Result<()> {
    let server = server()?;
    server.sql(
        "CREATE TABLE raw_rows (at bigint, point int, v numeric);
         INSERT INTO raw_rows SELECT (extract(epoch FROM now()) * 1000)::bigint - n * 1000, 7, n FROM generate_series(1, 500) n;
         GRANT SELECT ON raw_rows TO reader;",
    )?;
    let rig = Rig::new()?;
    let query = "WITH r AS (SELECT to_timestamp(at / 1000.0) AS ts, point, v FROM raw_rows) \
                 SELECT ts, point AS tag, v AS value FROM r ORDER BY ts DESC -- newest first";
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"data_mode": "custom_query", "custom_query": query, "table_name": null}),
    );
    let report = rig.test(&config).await?;
    assert!(report.success, "{:?}", report.message);
    let mut stream = rig.stream(&config, &["7", "not a number"])?;
    stream
        .until("the past", |got| got.cursors.contains_key("tag/7"))
        .await?;
    let problems = stream.state.borrow().problems.clone();
    assert!(
        problems.iter().any(|p| p.error.code == "sql.tag_unknown"),
        "{problems:?}"
    );
    let got = stream.stop().await?;
    let found: std::collections::BTreeSet<_> = got.values("7").into_iter().collect();
    assert_eq!(found.len(), 500);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_query_is_ended_on_the_server_when_it_is_no_longer_wanted() -> Result<()> {
    let server = server()?;
    let rig = Rig::new()?;
    let query = "SELECT now() AS ts, 'a' AS tag, count(*) AS value FROM generate_series(1, 100000000000) n WHERE n % 7 = 3";
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"data_mode": "custom_query", "custom_query": query}),
    );
    let stream = rig.stream(&config, &["a"])?;
    let running = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active' AND query LIKE '%100000000000%'";
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while server.sql(running)? == "0" {
        assert!(std::time::Instant::now() < deadline, "the query never ran");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stream.stop().await?;
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while server.sql(running)? != "0" {
        assert!(std::time::Instant::now() < deadline, "the query still runs");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_is_found_again_and_no_row_is_missing() -> Result<()> {
    let mut server = Postgres::start()?;
    server.sql(SETUP)?;
    let rig = Rig::new()?;
    let config = base("postgres", server.port, &server.ca.ca_pem);
    let mut stream = rig.stream(&config, &["P-101.FLOW"])?;
    stream
        .until("the past", |got| got.cursors.contains_key("tag/P-101.FLOW"))
        .await?;
    server.stop();
    stream
        .until_state("an error", |s| matches!(s.phase, StreamPhase::Error(_)))
        .await?;
    server.restart()?;
    server.sql("INSERT INTO history VALUES (now(), 'P-101.FLOW', 4711, 192)")?;
    stream
        .until("the row after the restart", |got| {
            got.live
                .iter()
                .any(|s| s.value == Some(Sample::Number(4711.0)))
        })
        .await?;
    stream
        .until_state("polling", |s| s.phase == StreamPhase::Polling)
        .await?;
    stream.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_rows_of_the_past_come_whole() -> Result<()> {
    let server = Postgres::start()?;
    let tags = server.history(40, 5_000)?;
    let rig = Rig::new()?;
    let config = with(
        &base("postgres", server.port, &server.ca.ca_pem),
        json!({"sync_mode": "last_24h"}),
    );
    let tags: Vec<Arc<str>> = tags.into_iter().map(Arc::from).collect();
    let filled = back_fill(&rig.connector, rig.context(&config)?, tags).await?;
    assert_eq!(filled.samples, 200_000);
    Ok(())
}
