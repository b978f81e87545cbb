//! The first layer in front of a query of one's own: it is parsed in the words of its engine, must be
//! exactly one SELECT that changes and calls nothing outside, and is written anew from what was
//! understood. Comments, and whatever hides in them, never reach the server.

use std::ops::ControlFlow;

use iq_domain::CodedError;
use sqlparser::{
    ast::{
        BinaryOperator, Expr, Function, ObjectName, ObjectNamePart, Query, Select, SetExpr,
        Statement, TableFactor, Visit, Visitor,
    },
    dialect::{Dialect, MsSqlDialect, MySqlDialect, OracleDialect, PostgreSqlDialect},
    parser::{Parser, ParserOptions},
};

use crate::config::DbType;

/// Longest query taken.
const MAX_LENGTH: usize = 20_000;

/// Deepest nesting followed.
const MAX_DEPTH: usize = 40;

/// A query that passed, taken apart so that it can be put into another SELECT: common table
/// expressions first, then what they are used by. An order that limits nothing is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// `WITH …`, with a blank at the end, or empty.
    pub(crate) with: String,
    /// The SELECT itself.
    pub(crate) body: String,
}

fn dialect(db: DbType) -> Box<dyn Dialect> {
    match db {
        DbType::Postgres => Box::new(PostgreSqlDialect {}),
        DbType::Mysql => Box::new(MySqlDialect {}),
        DbType::SqlServer => Box::new(MsSqlDialect {}),
        DbType::Oracle => Box::new(OracleDialect {}),
    }
}

fn parse(db: DbType, text: &str) -> Result<Vec<Statement>, CodedError> {
    let dialect = dialect(db);
    // Literals are kept as they were written: unescaping one and writing it back would change it.
    let options = ParserOptions::new().with_unescape(false);
    Parser::new(&*dialect)
        .with_options(options)
        .with_recursion_limit(MAX_DEPTH)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|e| {
            CodedError::invalid("sql.query_unreadable")
                .with("engine", db.name())
                .with("detail", e)
        })
}

/// Checks a query of one's own.
pub(crate) fn check(db: DbType, text: &str) -> Result<Checked, CodedError> {
    if text.chars().count() > MAX_LENGTH {
        return Err(CodedError::invalid("connector.field_too_long")
            .with("field", "custom_query")
            .with("max", MAX_LENGTH));
    }
    let mut statements = parse(db, text)?;
    if statements.len() != 1 {
        return Err(CodedError::invalid("sql.query_not_single").with("count", statements.len()));
    }
    let Some(Statement::Query(query)) = statements.pop() else {
        return Err(CodedError::invalid("sql.query_not_select"));
    };
    if let ControlFlow::Break(found) = query.visit(&mut Inspector { db }) {
        return Err(CodedError::invalid("sql.query_forbidden").with("construct", found));
    }
    // What is sent must mean what was checked.
    let written = query.to_string();
    let again = parse(db, &written)?;
    if again != [Statement::Query(query.clone())] {
        return Err(CodedError::invalid("sql.query_unreadable")
            .with("engine", db.name())
            .with(
                "detail",
                "the query reads differently when it is written again",
            ));
    }
    Ok(split(*query))
}

fn split(mut query: Query) -> Checked {
    let with = query.with.take();
    let limits = query.limit_clause.is_some()
        || query.fetch.is_some()
        || matches!(&*query.body, SetExpr::Select(select) if select.top.is_some());
    if !limits {
        query.order_by = None;
    }
    Checked {
        with: with.map(|w| format!("{w} ")).unwrap_or_default(),
        body: query.to_string(),
    }
}

/// Walks through everything in a query and stops at what it may not contain.
struct Inspector {
    db: DbType,
}

fn refuse(what: impl Into<String>) -> ControlFlow<String> {
    ControlFlow::Break(what.into())
}

impl Visitor for Inspector {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        if !query.locks.is_empty() {
            return refuse("FOR UPDATE / FOR SHARE");
        }
        if query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some() {
            return refuse("FOR XML / FOR JSON / SETTINGS / FORMAT");
        }
        if !query.pipe_operators.is_empty() {
            return refuse("|>");
        }
        match &*query.body {
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                refuse("INSERT / UPDATE / DELETE / MERGE")
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        if select.into.is_some() {
            return refuse("INTO");
        }
        if !select.optimizer_hints.is_empty() {
            return refuse("/*+ … */");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<String> {
        // Only what stands inside the query comes by here.
        let text = statement.to_string();
        refuse(text.split_whitespace().next().unwrap_or("statement"))
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<String> {
        // server.database.schema.table reads from, or writes to, another machine.
        if relation.0.len() > 3 {
            return refuse(relation.to_string());
        }
        // A plant may well call a table "copy"; only what reaches outside counts here.
        let reaches_out = relation.0.iter().any(|part| {
            let text = lower(&part.to_string());
            let bare = text.trim_matches(|c| matches!(c, '"' | '[' | ']' | '`'));
            match self.db {
                DbType::Postgres => bare.starts_with("pg_") && !HARMLESS_PG.contains(&bare),
                DbType::Oracle => bare.contains('@') || bare == "sys",
                DbType::Mysql | DbType::SqlServer => false,
            }
        });
        if reaches_out {
            return refuse(relation.to_string());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<String> {
        match table {
            TableFactor::Table {
                name,
                args,
                with_hints,
                ..
            } => {
                if let Some(hint) = with_hints.iter().find(|hint| !is_harmless_hint(hint)) {
                    return refuse(hint.to_string());
                }
                if args.is_some() {
                    return self.name(name);
                }
                ControlFlow::Continue(())
            }
            TableFactor::Function { name, .. } => self.name(name),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        match expr {
            Expr::Function(Function { name, .. }) => self.name(name),
            Expr::CompoundIdentifier(parts) => {
                let is_sequence = parts.last().is_some_and(|p| {
                    p.quote_style.is_none()
                        && matches!(lower(&p.value).as_str(), "nextval" | "currval")
                });
                let package = parts.first().is_some_and(|p| {
                    self.db == DbType::Oracle && denied(self.db, &lower(&p.value))
                });
                let setting = parts.first().is_some_and(|p| p.value.starts_with("@@"));
                if is_sequence || package || setting {
                    refuse(expr.to_string())
                } else {
                    ControlFlow::Continue(())
                }
            }
            // A bare package call without brackets reads like a column.
            Expr::Identifier(ident) if ident.quote_style.is_none() => {
                let name = lower(&ident.value);
                if name.starts_with("@@") || matches!(name.as_str(), "nextval") {
                    refuse(name)
                } else {
                    ControlFlow::Continue(())
                }
            }
            Expr::BinaryOp {
                op: BinaryOperator::Assignment,
                ..
            } => refuse(":="),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Inspector {
    /// Looks at every part of a name: `utl_http.request` is refused for its package.
    fn name(&self, name: &ObjectName) -> ControlFlow<String> {
        for part in &name.0 {
            let text = match part {
                ObjectNamePart::Identifier(ident) => lower(&ident.value),
                ObjectNamePart::Function(function) => lower(&function.name.value),
            };
            if denied(self.db, &text) {
                return refuse(name.to_string());
            }
        }
        ControlFlow::Continue(())
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

fn is_harmless_hint(hint: &Expr) -> bool {
    let text = lower(&hint.to_string());
    matches!(
        text.as_str(),
        "nolock" | "readuncommitted" | "readcommitted" | "readpast" | "noexpand" | "nowait"
    ) || text.starts_with("index")
}

/// Beginnings of names that reach outside the tables, whatever the engine.
const PREFIXES: &[&str] = &[
    "dblink",
    "lo_",
    "xp_",
    "sp_",
    "fn_",
    "dbms_",
    "dm_os_",
    "utl_",
    "owa_",
    "apex_",
    "http_",
    "sys_exec",
    "sys_eval",
    "sys_get",
    "sys_set",
    "openrowset",
    "postgres_fdw",
];

/// Names that write, wait, lock, end sessions, read files, or run text as a query.
const NAMES: &[&str] = &[
    "benchmark",
    "bfilename",
    "copy",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "database_to_xmlschema",
    "get_lock",
    "htf",
    "htp",
    "http",
    "httpuritype",
    "kill",
    "last_insert_id",
    "lastval",
    "load_file",
    "master_gtid_wait",
    "master_pos_wait",
    "nextval",
    "notify",
    "opendatasource",
    "openquery",
    "openrowset",
    "openxml",
    "ordsys",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "release_all_locks",
    "release_lock",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "schema_to_xmlschema",
    "set_config",
    "setval",
    "sleep",
    "source_pos_wait",
    "sys_dburigen",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "table_to_xmlschema",
    "ts_rewrite",
    "ts_stat",
    "uritype",
    "wait_for_executed_gtid_set",
    "wait_until_sql_thread_after_gtids",
    "waitfor",
    "xdburitype",
    "xmltype",
    "ctxsys",
    "mdsys",
    "txid_current",
];

/// PostgreSQL's own administrative functions all begin with `pg_`; these few only look.
const HARMLESS_PG: [&str; 5] = [
    "pg_typeof",
    "pg_catalog",
    "pg_class",
    "pg_tables",
    "pg_size_pretty",
];

fn denied(db: DbType, name: &str) -> bool {
    if db == DbType::Postgres && name.starts_with("pg_") && !HARMLESS_PG.contains(&name) {
        return true;
    }
    if db == DbType::Oracle && matches!(name, "sys") {
        return true;
    }
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
