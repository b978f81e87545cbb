//! How each engine wants its SQL written. Pure text: nothing here talks to a server.
//!
//! Every cell is asked for as text, cut at the server: one decoder for four engines, and a single
//! giant cell can't travel.

use crate::config::DbType;

/// Longest cell a server sends, in characters.
pub(crate) const CELL_CHARS: usize = 1_000;

/// What a column holds, as far as reading it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A moment: the engine knows its offset.
    Zoned,
    /// A date and time of some wall clock.
    Local,
    /// A day.
    Day,
    /// A whole number.
    Integer,
    /// A number of fixed precision.
    Decimal,
    /// A binary floating-point number.
    Float,
    /// A truth value.
    Bool,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Anything else; read as the text the engine makes of it.
    Other,
}

impl Class {
    pub(crate) const fn is_time(self) -> bool {
        matches!(self, Self::Zoned | Self::Local | Self::Day)
    }

    pub(crate) const fn is_value(self) -> bool {
        matches!(
            self,
            Self::Integer | Self::Decimal | Self::Float | Self::Bool | Self::Text
        )
    }
}

/// A column as the engine describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The engine's own word for its type.
    pub(crate) source_type: String,
    pub(crate) class: Class,
}

/// A statement with its arguments, all of them texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) args: Vec<String>,
}

impl Statement {
    pub(crate) fn plain(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            args: Vec::new(),
        }
    }
}

/// The parts of a SELECT.
#[derive(Clone, Debug, Default)]
pub(crate) struct Select {
    /// `WITH …` or empty.
    pub(crate) with: String,
    pub(crate) is_distinct: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) from: String,
    pub(crate) conditions: Vec<String>,
    pub(crate) order: Vec<String>,
    pub(crate) limit: usize,
}

/// What differs between the engines.
pub(crate) trait Dialect: Send + Sync {
    /// An identifier that can only be read as an identifier.
    fn quote(&self, name: &str) -> String;
    /// The n-th argument, counted from one.
    fn argument(&self, n: usize) -> String;
    /// What a type name of this engine means.
    fn class(&self, source_type: &str) -> Class;
    /// An expression that gives a column as text.
    fn text(&self, quoted: &str, column: &Column) -> String;
    /// An argument (`YYYY-MM-DD HH:MM:SS.ffffff`, UTC for moments) in the column's own type.
    fn time(&self, argument: &str, column: &Column) -> String;
    /// A whole SELECT.
    fn select(&self, select: &Select) -> String;
    /// Tables and views: schema, name; optionally of one schema.
    fn tables(&self, schema: Option<&str>) -> Statement;
    /// What makes a fresh session safe, in order.
    fn set_up(&self, timeout_s: u32) -> Vec<String>;
    /// Opens a transaction that can't write, where the engine has one.
    fn begin(&self) -> Option<&'static str>;
    /// Most tags in one condition.
    fn max_tags(&self) -> usize {
        1_000
    }
    /// How a table function is renamed: some engines refuse `AS` before a table's alias.
    fn derived(&self, body: &str) -> String {
        format!("({body}) AS iq_source")
    }
}

/// The dialect of an engine.
pub(crate) fn dialect(db: DbType) -> &'static dyn Dialect {
    match db {
        DbType::Postgres => &Postgres,
        DbType::Mysql => &MySql,
        DbType::SqlServer => &SqlServer,
        DbType::Oracle => &Oracle,
    }
}

fn doubled(name: &str, open: char, close: char) -> String {
    let inner: String = name
        .chars()
        .flat_map(|c| std::iter::repeat_n(c, if c == close { 2 } else { 1 }))
        .filter(|c| *c != '\0')
        .collect();
    format!("{open}{inner}{close}")
}

fn assemble(select: &Select, top: &str, tail: &str) -> String {
    let mut sql = select.with.clone();
    sql.push_str("SELECT ");
    if select.is_distinct {
        sql.push_str("DISTINCT ");
    }
    sql.push_str(top);
    sql.push_str(&select.columns.join(", "));
    if !select.from.is_empty() {
        sql.push_str(" FROM ");
        sql.push_str(&select.from);
    }
    if !select.conditions.is_empty() {
        sql.push_str(" WHERE ");
        sql.push_str(&select.conditions.join(" AND "));
    }
    if !select.order.is_empty() {
        sql.push_str(" ORDER BY ");
        sql.push_str(&select.order.join(", "));
    }
    sql.push_str(tail);
    sql
}

/// PostgreSQL.
pub(crate) struct Postgres;

impl Dialect for Postgres {
    fn quote(&self, name: &str) -> String {
        doubled(name, '"', '"')
    }

    fn argument(&self, n: usize) -> String {
        format!("${n}")
    }

    fn class(&self, source_type: &str) -> Class {
        match source_type.to_uppercase().as_str() {
            "TIMESTAMPTZ" => Class::Zoned,
            "TIMESTAMP" => Class::Local,
            "DATE" => Class::Day,
            "INT2" | "INT4" | "INT8" | "OID" => Class::Integer,
            "NUMERIC" => Class::Decimal,
            "FLOAT4" | "FLOAT8" => Class::Float,
            "BOOL" => Class::Bool,
            "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "BPCHAR" | "CITEXT" => Class::Text,
            "BYTEA" => Class::Bytes,
            _ => Class::Other,
        }
    }

    fn text(&self, quoted: &str, column: &Column) -> String {
        match column.class {
            Class::Bytes => "NULL::text".to_owned(),
            Class::Decimal | Class::Text | Class::Other => {
                format!("left({quoted}::text, {CELL_CHARS})")
            }
            _ => format!("{quoted}::text"),
        }
    }

    fn time(&self, argument: &str, column: &Column) -> String {
        match column.class {
            // A moment's argument is UTC, and so is the session.
            Class::Zoned => format!("{argument}::timestamptz"),
            Class::Day => format!("{argument}::timestamp::date"),
            _ => format!("{argument}::timestamp"),
        }
    }

    fn select(&self, select: &Select) -> String {
        assemble(select, "", &format!(" LIMIT {}", select.limit))
    }

    fn tables(&self, schema: Option<&str>) -> Statement {
        // The catalogue itself, not information_schema: materialised views are there as well.
        let mut sql = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r','v','m','p','f') \
             AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' \
             AND pg_catalog.has_table_privilege(c.oid, 'SELECT')"
            .to_owned();
        let args = schema.map(str::to_owned).into_iter().collect::<Vec<_>>();
        if !args.is_empty() {
            sql.push_str(" AND n.nspname = $1");
        }
        sql.push_str(" ORDER BY 1, 2");
        Statement { sql, args }
    }

    fn set_up(&self, timeout_s: u32) -> Vec<String> {
        vec![
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY".to_owned(),
            format!("SET statement_timeout = {}", u64::from(timeout_s) * 1_000),
            "SET lock_timeout = 3000".to_owned(),
            "SET idle_in_transaction_session_timeout = 60000".to_owned(),
            "SET TimeZone = 'UTC'".to_owned(),
            "SET DateStyle = 'ISO, YMD'".to_owned(),
            "SET extra_float_digits = 1".to_owned(),
            "SET standard_conforming_strings = on".to_owned(),
        ]
    }

    fn begin(&self) -> Option<&'static str> {
        Some("BEGIN TRANSACTION READ ONLY")
    }

    fn max_tags(&self) -> usize {
        5_000
    }
}

/// MySQL and MariaDB.
pub(crate) struct MySql;

impl Dialect for MySql {
    fn quote(&self, name: &str) -> String {
        doubled(name, '`', '`')
    }

    fn argument(&self, _n: usize) -> String {
        "?".to_owned()
    }

    fn class(&self, source_type: &str) -> Class {
        let name = source_type.to_uppercase();
        match name.split(['(', ' ']).next().unwrap_or_default() {
            "TIMESTAMP" => Class::Zoned,
            "DATETIME" => Class::Local,
            "DATE" => Class::Day,
            "BOOLEAN" => Class::Bool,
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "YEAR" | "BIT" => {
                Class::Integer
            }
            "DECIMAL" => Class::Decimal,
            "FLOAT" | "DOUBLE" => Class::Float,
            "VARCHAR" | "CHAR" | "TEXT" | "TINYTEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM"
            | "SET" => Class::Text,
            "BLOB" | "TINYBLOB" | "MEDIUMBLOB" | "LONGBLOB" | "BINARY" | "VARBINARY"
            | "GEOMETRY" => Class::Bytes,
            _ => Class::Other,
        }
    }

    fn text(&self, quoted: &str, column: &Column) -> String {
        match column.class {
            Class::Bytes => "CAST(NULL AS CHAR)".to_owned(),
            // A single-precision number prints six digits only, a BIT prints bytes: as numbers first.
            Class::Float => format!("CAST(({quoted} + 0e0) AS CHAR)"),
            Class::Integer => format!("CAST(({quoted} + 0) AS CHAR)"),
            _ => format!("LEFT(CAST({quoted} AS CHAR CHARACTER SET utf8mb4), {CELL_CHARS})"),
        }
    }

    fn time(&self, argument: &str, column: &Column) -> String {
        match column.class {
            Class::Day => format!("CAST({argument} AS DATE)"),
            _ => format!("CAST({argument} AS DATETIME(6))"),
        }
    }

    fn select(&self, select: &Select) -> String {
        assemble(select, "", &format!(" LIMIT {}", select.limit))
    }

    fn tables(&self, schema: Option<&str>) -> Statement {
        let wanted = if schema.is_some() { "?" } else { "DATABASE()" };
        Statement {
            sql: format!(
                "SELECT CAST(table_schema AS CHAR), CAST(table_name AS CHAR) \
                 FROM information_schema.tables WHERE table_schema = {wanted} ORDER BY 1, 2"
            ),
            args: schema.map(str::to_owned).into_iter().collect(),
        }
    }

    fn set_up(&self, timeout_s: u32) -> Vec<String> {
        // The time limit differs between MySQL and MariaDB; the session sets it once it knows which.
        vec![
            "SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'".to_owned(),
            "SET SESSION time_zone = '+00:00'".to_owned(),
            "SET SESSION lock_wait_timeout = 3".to_owned(),
            "SET SESSION innodb_lock_wait_timeout = 3".to_owned(),
            format!("SET SESSION net_write_timeout = {}", timeout_s.max(10)),
            "SET SESSION TRANSACTION READ ONLY".to_owned(),
        ]
    }

    fn begin(&self) -> Option<&'static str> {
        Some("START TRANSACTION READ ONLY")
    }

    fn max_tags(&self) -> usize {
        5_000
    }
}

/// Microsoft SQL Server.
pub(crate) struct SqlServer;

impl Dialect for SqlServer {
    fn quote(&self, name: &str) -> String {
        doubled(name, '[', ']')
    }

    fn argument(&self, n: usize) -> String {
        format!("@P{n}")
    }

    fn class(&self, source_type: &str) -> Class {
        match source_type.to_lowercase().as_str() {
            "datetimeoffset" => Class::Zoned,
            "datetime" | "datetime2" | "smalldatetime" => Class::Local,
            "date" => Class::Day,
            "tinyint" | "smallint" | "int" | "bigint" => Class::Integer,
            "decimal" | "numeric" | "money" | "smallmoney" => Class::Decimal,
            "float" | "real" => Class::Float,
            "bit" => Class::Bool,
            "varchar" | "nvarchar" | "char" | "nchar" | "text" | "ntext" | "uniqueidentifier" => {
                Class::Text
            }
            "varbinary" | "binary" | "image" => Class::Bytes,
            _ => Class::Other,
        }
    }

    fn text(&self, quoted: &str, column: &Column) -> String {
        match column.class {
            Class::Bytes => "CAST(NULL AS nvarchar(1))".to_owned(),
            Class::Zoned => format!("CONVERT(nvarchar(40), SWITCHOFFSET({quoted}, '+00:00'), 121)"),
            Class::Local | Class::Day => format!("CONVERT(nvarchar(40), {quoted}, 121)"),
            Class::Float => format!("CONVERT(nvarchar(60), {quoted}, 3)"),
            // Money prints two digits unless told otherwise; the style means nothing to the rest.
            Class::Decimal => format!("CONVERT(nvarchar(60), {quoted}, 2)"),
            _ => format!("CONVERT(nvarchar({CELL_CHARS}), {quoted})"),
        }
    }

    fn time(&self, argument: &str, column: &Column) -> String {
        let exact = format!("CAST({argument} AS datetime2)");
        match column.source_type.as_str() {
            "datetimeoffset" => format!("TODATETIMEOFFSET({exact}, '+00:00')"),
            "datetime2" => exact,
            other => format!("CAST({exact} AS {other})"),
        }
    }

    fn select(&self, select: &Select) -> String {
        assemble(select, &format!("TOP ({}) ", select.limit), "")
    }

    fn tables(&self, schema: Option<&str>) -> Statement {
        let mut sql = "SELECT CONVERT(nvarchar(128), s.name), CONVERT(nvarchar(128), o.name) \
             FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id \
             WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0"
            .to_owned();
        if schema.is_some() {
            sql.push_str(" AND s.name = @P1");
        }
        sql.push_str(" ORDER BY 1, 2");
        Statement {
            sql,
            args: schema.map(str::to_owned).into_iter().collect(),
        }
    }

    fn set_up(&self, _timeout_s: u32) -> Vec<String> {
        vec![
            "SET LOCK_TIMEOUT 3000".to_owned(),
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            "SET QUOTED_IDENTIFIER ON".to_owned(),
            "SET DATEFORMAT ymd".to_owned(),
            "SET IMPLICIT_TRANSACTIONS OFF".to_owned(),
        ]
    }

    /// There is no read-only transaction; one that is always rolled back is the next best.
    fn begin(&self) -> Option<&'static str> {
        Some("BEGIN TRANSACTION")
    }
}

/// Oracle Database.
pub(crate) struct Oracle;

impl Dialect for Oracle {
    fn quote(&self, name: &str) -> String {
        // There is no escape for a quotation mark; a name with one can't exist.
        doubled(&name.replace('"', ""), '"', '"')
    }

    fn argument(&self, n: usize) -> String {
        format!(":{n}")
    }

    fn class(&self, source_type: &str) -> Class {
        let name = source_type.to_uppercase();
        if name.starts_with("TIMESTAMP") {
            return if name.contains("TIME ZONE") {
                Class::Zoned
            } else {
                Class::Local
            };
        }
        match name.split(['(', ' ']).next().unwrap_or_default() {
            // A DATE of Oracle has a time of day.
            "DATE" => Class::Local,
            "NUMBER" => Class::Decimal,
            "BINARY_FLOAT" | "BINARY_DOUBLE" | "FLOAT" => Class::Float,
            "BOOLEAN" => Class::Bool,
            "VARCHAR2" | "NVARCHAR2" | "VARCHAR" | "CHAR" | "NCHAR" => Class::Text,
            "CLOB" | "NCLOB" => Class::Other,
            _ => Class::Bytes,
        }
    }

    fn text(&self, quoted: &str, column: &Column) -> String {
        const PATTERN: &str = "'YYYY-MM-DD HH24:MI:SS.FF6'";
        match column.class {
            Class::Bytes => "CAST(NULL AS VARCHAR2(1))".to_owned(),
            Class::Zoned => format!("TO_CHAR(SYS_EXTRACT_UTC({quoted}), {PATTERN})"),
            Class::Local if column.source_type.eq_ignore_ascii_case("DATE") => {
                format!("TO_CHAR({quoted}, 'YYYY-MM-DD HH24:MI:SS')")
            }
            Class::Local => format!("TO_CHAR({quoted}, {PATTERN})"),
            Class::Other => format!("TO_CHAR(SUBSTR({quoted}, 1, {CELL_CHARS}))"),
            Class::Text => format!("SUBSTR({quoted}, 1, {CELL_CHARS})"),
            _ => format!("TO_CHAR({quoted})"),
        }
    }

    fn time(&self, argument: &str, column: &Column) -> String {
        let exact = format!("TO_TIMESTAMP({argument}, 'YYYY-MM-DD HH24:MI:SS.FF6')");
        match column.class {
            Class::Zoned => format!("FROM_TZ({exact}, 'UTC')"),
            _ if column.source_type.eq_ignore_ascii_case("DATE") => {
                format!("CAST({exact} AS DATE)")
            }
            _ => exact,
        }
    }

    fn select(&self, select: &Select) -> String {
        // Works from 11g on; FETCH FIRST needs 12c.
        let aliased = Select {
            with: String::new(),
            columns: select
                .columns
                .iter()
                .enumerate()
                .map(|(n, column)| match column.as_str() {
                    "*" => "iq_source.*".to_owned(),
                    column => format!("{column} AS C{n}"),
                })
                .collect(),
            ..select.clone()
        };
        format!(
            "{}SELECT * FROM ({}) WHERE ROWNUM <= {}",
            select.with,
            assemble(&aliased, "", ""),
            select.limit
        )
    }

    fn tables(&self, schema: Option<&str>) -> Statement {
        let owner = if schema.is_some() {
            ":1"
        } else {
            "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
        };
        let args: Vec<String> = schema.map(str::to_owned).into_iter().collect();
        Statement {
            sql: format!(
                "SELECT owner, object_name FROM all_objects \
                 WHERE object_type IN ('TABLE', 'VIEW', 'MATERIALIZED VIEW') AND owner = {owner} \
                 ORDER BY 1, 2"
            ),
            args,
        }
    }

    fn set_up(&self, _timeout_s: u32) -> Vec<String> {
        vec![
            "ALTER SESSION SET TIME_ZONE = '+00:00'".to_owned(),
            "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'".to_owned(),
        ]
    }

    fn begin(&self) -> Option<&'static str> {
        Some("SET TRANSACTION READ ONLY")
    }

    fn derived(&self, body: &str) -> String {
        format!("({body}) iq_source")
    }
}
