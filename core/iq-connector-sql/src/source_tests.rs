//! The SELECTs as each engine gets them.

use super::*;
use crate::config::DbType;

fn column(db: DbType, name: &str, source_type: &str) -> Column {
    Column {
        name: name.into(),
        source_type: source_type.into(),
        class: dialect(db).class(source_type),
    }
}

fn source(db: DbType, time: &str, tag: &str, value: &str) -> Source {
    Source {
        dialect: dialect(db),
        origin: Origin {
            with: String::new(),
            from: format!("{}.{}", dialect(db).quote("plant"), dialect(db).quote("h")),
            columns: Vec::new(),
        },
        time: column(db, "ts", time),
        tag: Some(column(db, "tag", tag)),
        values: vec![column(db, "v", value)],
        quality: None,
    }
}

#[test]
fn every_engine_gets_its_own_words_and_no_value_in_the_text() {
    let hostile = "x' OR '1'='1";
    for (db, time, tag, value, expected) in [
        (
            DbType::Postgres,
            "TIMESTAMPTZ",
            "TEXT",
            "FLOAT8",
            "SELECT \"ts\"::text, left(\"tag\"::text, 1000), \"v\"::text FROM \"plant\".\"h\" WHERE \"ts\" >= $1::timestamptz AND \"ts\" < $2::timestamptz AND \"tag\" IN ($3, $4) ORDER BY \"ts\" LIMIT 7",
        ),
        (
            DbType::Mysql,
            "DATETIME",
            "VARCHAR",
            "DOUBLE",
            "SELECT LEFT(CAST(`ts` AS CHAR CHARACTER SET utf8mb4), 1000), LEFT(CAST(`tag` AS CHAR CHARACTER SET utf8mb4), 1000), CAST((`v` + 0e0) AS CHAR) FROM `plant`.`h` WHERE `ts` >= CAST(? AS DATETIME(6)) AND `ts` < CAST(? AS DATETIME(6)) AND `tag` IN (?, ?) ORDER BY `ts` LIMIT 7",
        ),
        (
            DbType::SqlServer,
            "datetime2",
            "nvarchar",
            "float",
            "SELECT TOP (7) CONVERT(nvarchar(40), [ts], 121), CONVERT(nvarchar(1000), [tag]), CONVERT(nvarchar(60), [v], 3) FROM [plant].[h] WHERE [ts] >= CAST(@P1 AS datetime2) AND [ts] < CAST(@P2 AS datetime2) AND [tag] IN (@P3, @P4) ORDER BY [ts]",
        ),
        (
            DbType::Oracle,
            "TIMESTAMP(6)",
            "VARCHAR2(100)",
            "NUMBER",
            "SELECT * FROM (SELECT TO_CHAR(\"ts\", 'YYYY-MM-DD HH24:MI:SS.FF6') AS C0, SUBSTR(\"tag\", 1, 1000) AS C1, TO_CHAR(\"v\") AS C2 FROM \"plant\".\"h\" WHERE \"ts\" >= TO_TIMESTAMP(:1, 'YYYY-MM-DD HH24:MI:SS.FF6') AND \"ts\" < TO_TIMESTAMP(:2, 'YYYY-MM-DD HH24:MI:SS.FF6') AND \"tag\" IN (:3, :4) ORDER BY \"ts\") WHERE ROWNUM <= 7",
        ),
    ] {
        let statement = source(db, time, tag, value)
            .stretch("from", Some("to"), &["a", hostile], 7)
            .unwrap();
        assert_eq!(statement.sql, expected);
        assert_eq!(statement.args, ["from", "to", "a", hostile]);
    }
}

#[test]
fn oracle_compares_each_kind_of_time_in_its_own_type() {
    for (time, expected) in [
        (
            "DATE",
            "CAST(TO_TIMESTAMP(:1, 'YYYY-MM-DD HH24:MI:SS.FF6') AS DATE)",
        ),
        (
            "TIMESTAMP(6) WITH TIME ZONE",
            "FROM_TZ(TO_TIMESTAMP(:1, 'YYYY-MM-DD HH24:MI:SS.FF6'), 'UTC')",
        ),
    ] {
        let statement = source(DbType::Oracle, time, "VARCHAR2(9)", "NUMBER")
            .stretch("from", None, &["a"], 1)
            .unwrap();
        assert!(
            statement.sql.contains(&format!("\"ts\" >= {expected}")),
            "{}",
            statement.sql
        );
    }
    assert_eq!(
        source(DbType::Oracle, "DATE", "VARCHAR2(9)", "NUMBER")
            .oldest()
            .sql,
        "SELECT * FROM (SELECT TO_CHAR(MIN(\"ts\"), 'YYYY-MM-DD HH24:MI:SS') AS C0 FROM \"plant\".\"h\" WHERE \"ts\" >= CAST(TO_TIMESTAMP(:1, 'YYYY-MM-DD HH24:MI:SS.FF6') AS DATE)) WHERE ROWNUM <= 1"
    );
}

#[test]
fn names_can_not_leave_their_quotation_marks() {
    for (db, name, quoted) in [
        (
            DbType::Postgres,
            "a\"; DROP TABLE t; --",
            "\"a\"\"; DROP TABLE t; --\"",
        ),
        (
            DbType::Mysql,
            "a`; DROP TABLE t; --",
            "`a``; DROP TABLE t; --`",
        ),
        (
            DbType::SqlServer,
            "a]; DROP TABLE t; --",
            "[a]]; DROP TABLE t; --]",
        ),
        (
            DbType::Oracle,
            "a\"; DROP TABLE t; --",
            "\"a; DROP TABLE t; --\"",
        ),
        (DbType::Postgres, "a\0b", "\"ab\""),
    ] {
        assert_eq!(dialect(db).quote(name), quoted);
    }
}

#[test]
fn tags_that_are_numbers_are_written_down_and_nothing_else_is() {
    let source = source(DbType::Postgres, "TIMESTAMP", "INT8", "FLOAT8");
    let statement = source
        .stretch("from", None, &["7", "8 OR 1=1", "-9"], 1)
        .unwrap();
    assert!(
        statement.sql.contains("\"tag\" IN (7, -9)"),
        "{}",
        statement.sql
    );
    assert_eq!(statement.args, ["from"]);
    assert_eq!(source.stretch("from", None, &["x"], 1), None);
}

fn target(schema: Option<&str>) -> Target {
    Target {
        schema: schema.map(str::to_owned),
        ..Target::example()
    }
}

#[test]
fn a_table_is_one_of_the_catalogue_or_it_is_not_read() {
    let table = |schema: &str, name: &str| Table {
        schema: schema.into(),
        name: name.into(),
    };
    let known = [
        table("public", "h"),
        table("plant", "h"),
        table("a", "x"),
        table("b", "x"),
        table("a", "Mixed"),
    ];
    let find = |wanted: &str| {
        find_table(&known, wanted, &target(None)).map(|t| (t.schema.as_str(), t.name.as_str()))
    };
    assert_eq!(find("h"), Ok(("public", "h")));
    assert_eq!(find("plant.h"), Ok(("plant", "h")));
    assert_eq!(find("mixed"), Ok(("a", "Mixed")));
    assert_eq!(find("x").unwrap_err().code, "sql.table_ambiguous");
    assert_eq!(
        find("h; DROP TABLE h").unwrap_err().code,
        "sql.table_unknown"
    );
    assert_eq!(find("h\" --").unwrap_err().code, "sql.table_unknown");
}
