//! The SQL connector against a mock of SQL Server's protocol: signing in, the catalogue, sample rows, a
//! login that may do too much, the server's own errors, and a server that does not answer. The mock
//! runs no SQL and knows no time types, so reading a value with its time stays unproven here.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod sql_rig;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use iq_connector::Connector;
use mssql_mock_tds::{
    ColumnDefinition, ColumnValue, MockTdsServer, QueryResponse, Row, SqlDataType, TerminalError,
};
use serde_json::{Value, json};
use sql_rig::{Rig, base, with};

/// Upper-case text that stands in one statement only: the question for the login's rights, and the one
/// for the tables.
const RIGHTS: &str = "IS_SRVROLEMEMBER";
const TABLES: &str = "ORDER BY 1, 2";
/// The question for a table's columns, and the one for its rows: the tag is converted to text.
const COLUMNS: &str = "1 = 0";
const ROWS: &str = "[TAG])";

/// Rows of two texts; the mock can't say NULL in a column of text.
fn texts(rows: &[[&str; 2]]) -> QueryResponse {
    let columns = ["A", "B"].map(|name| ColumnDefinition::new(name, SqlDataType::NVarChar));
    let cell = |text: &&str| ColumnValue::NVarChar((*text).to_owned());
    let rows = rows
        .iter()
        .map(|row| Row::new(row.iter().map(cell).collect()));
    QueryResponse::new(columns.to_vec(), rows.collect())
}

/// A mock that gives these answers.
async fn serve(answers: Vec<(&str, QueryResponse)>) -> Result<u16> {
    let server = MockTdsServer::new("127.0.0.1:0").await?;
    let port = server.local_addr().port();
    let registry = server.query_registry();
    let mut registry = registry.lock().await;
    for (text, answer) in answers {
        registry.register(text, answer);
    }
    drop(registry);
    tokio::spawn(server.run());
    Ok(port)
}

fn config(port: u16) -> Value {
    with(
        &base("sqlserver", port, ""),
        json!({"ssl_mode": "disable", "tls_ca": null}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_listed_with_their_schemas_and_in_arabic() -> Result<()> {
    let tables = texts(&[["dbo", "History"], ["مصنع", "قراءات المضخات"]]);
    let port = serve(vec![(TABLES, tables)]).await?;
    let rig = Rig::new()?;
    let ctx = rig.context(&config(port))?;
    let found = rig.connector.choices(&ctx, "table_name").await?;
    let names: Vec<&str> = found.iter().map(|c| c.value.as_str()).collect();
    assert_eq!(names, ["dbo.History", "مصنع.قراءات المضخات"]);
    Ok(())
}

/// A table whose times are texts, as the mock has no other.
async fn history() -> Result<u16> {
    use SqlDataType::{BigInt, NVarChar};
    let columns = [("TS", NVarChar), ("TAG", NVarChar), ("VALUE", BigInt)]
        .map(|(name, kind)| ColumnDefinition::new(name, kind));
    let names = columns.to_vec();
    let cells = ["2026-01-31 10:00:00", "مضخة-١.ضغط", "42"];
    let row = Row::new(cells.map(|c| ColumnValue::NVarChar(c.to_owned())).to_vec());
    let shown = ["TS", "TAG", "VALUE"].map(|name| ColumnDefinition::new(name, NVarChar));
    serve(vec![
        (TABLES, texts(&[["dbo", "HISTORY"]])),
        (COLUMNS, QueryResponse::new(names, Vec::new())),
        (ROWS, QueryResponse::new(shown.to_vec(), vec![row])),
    ])
    .await
}

fn of_history(port: u16) -> Value {
    with(
        &config(port),
        json!({
            "table_name": "HISTORY", "timestamp_column": "TS", "tag_column": "TAG",
            "value_column": "VALUE",
        }),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn sample_rows_are_shown_with_their_types_and_what_can_not_be_read() -> Result<()> {
    let rig = Rig::new()?;
    let ctx = rig.context(&of_history(history().await?))?;
    let sample = rig.connector.sample_rows(&ctx, 10).await?;
    let columns: Vec<(&str, &str)> = sample
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.source_type.as_str()))
        .collect();
    assert_eq!(
        columns,
        [("TS", "nvarchar"), ("TAG", "nvarchar"), ("VALUE", "bigint")]
    );
    assert_eq!(sample.rows.len(), 1);
    assert_eq!(sample.rows[0][1], json!("مضخة-١.ضغط"));
    let problem = sample.problems.first().map(|p| (&*p.field, p.code));
    assert_eq!(problem, Some(("timestamp_column", "sql.time_column_type")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_before_the_value_passes_and_the_failed_one_names_its_reason() -> Result<()> {
    let rig = Rig::new()?;
    let report = rig.test(&of_history(history().await?)).await?;
    let stages: Vec<Value> = report
        .stages
        .iter()
        .map(|s| json!([s.key, s.status]))
        .collect();
    assert_eq!(
        json!(stages),
        json!([
            ["config", "ok"],
            ["dns", "ok"],
            ["tcp", "ok"],
            ["hello", "ok"],
            ["security", "warning"],
            ["session", "ok"],
            ["read", "failed"]
        ])
    );
    assert_eq!(report.message.code, "sql.time_column_type");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_refused_and_a_missing_tls_is_named() -> Result<()> {
    let port = serve(vec![(RIGHTS, texts(&[["sysadmin", "db_owner"]]))]).await?;
    let rig = Rig::new()?;
    assert_eq!(
        rig.failure(&config(port)).await?,
        ("sql.login_too_powerful".into(), "session".into())
    );
    let (code, stage) = rig
        .failure(&with(&config(port), json!({"ssl_mode": "verify_full"})))
        .await?;
    assert_eq!(
        (code.as_str(), stage.as_str()),
        ("sql.tls_not_offered", "security")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_errors_have_our_codes() -> Result<()> {
    for (number, code) in [
        (229, "sql.permission_denied"),
        (208, "sql.table_unknown"),
        (1222, "sql.locked"),
        (40_613, "sql.server_unavailable"),
        (59_999, "sql.failed"),
    ] {
        let error = QueryResponse::error_only(TerminalError::new(number, 14, "no \u{202e}entry"));
        let port = serve(vec![(TABLES, error)]).await?;
        let rig = Rig::new()?;
        let ctx = rig.context(&config(port))?;
        let refused = rig.connector.choices(&ctx, "table_name").await.err();
        let refused = refused.ok_or_else(|| anyhow::anyhow!("{number} passes"))?;
        assert_eq!(refused.code, code);
        assert!(!refused.to_string().contains('\u{202e}'));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_left_when_asked_to_stop() -> Result<()> {
    let slow = texts(&[["dbo", "t"]]).with_delay(Duration::from_secs(60));
    let port = serve(vec![(TABLES, slow)]).await?;
    let rig = Arc::new(Rig::new()?);
    let ctx = rig.context(&config(port))?;
    let cancel = ctx.cancel.clone();
    let asking = {
        let rig = rig.clone();
        tokio::spawn(async move { rig.connector.choices(&ctx, "table_name").await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    let started = Instant::now();
    cancel.cancel();
    let answer = asking.await?;
    assert_eq!(answer.err().map(|e| e.code), Some("connector.cancelled"));
    assert!(started.elapsed() < Duration::from_secs(5));
    Ok(())
}
