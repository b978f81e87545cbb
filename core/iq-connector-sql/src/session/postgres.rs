//! PostgreSQL.

use async_trait::async_trait;
use futures::StreamExt;
use iq_connector::ExposeSecret;
use iq_domain::CodedError;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, Row, SqlSafeStr,
    Statement as _, TypeInfo,
    postgres::{PgConnectOptions, PgConnection, PgSslMode},
};

use crate::{
    config::{SslMode, Target},
    dialect::{Column, Dialect, Postgres, Statement},
    error::from_sqlx,
    session::{Caps, Collector, Powers, QUERY_TIMEOUT_S, Rows, Session, tls::ca},
};

/// A session with a PostgreSQL server.
pub(super) struct PostgresSession {
    connection: PgConnection,
    target: Target,
    process: Option<i32>,
}

fn options(target: &Target) -> PgConnectOptions {
    let mode = match target.ssl_mode {
        SslMode::Disable => PgSslMode::Disable,
        SslMode::Prefer => PgSslMode::Prefer,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa => PgSslMode::VerifyCa,
        SslMode::VerifyFull => PgSslMode::VerifyFull,
    };
    let options = PgConnectOptions::new_without_pgpass()
        .host(&target.host)
        .port(target.port)
        .database(&target.database)
        .username(&target.username)
        .password(target.password.expose_secret())
        .application_name("optria-iq")
        // Queries of one's own differ each time; a cache would only grow.
        .statement_cache_capacity(0)
        .ssl_mode(mode)
        .disable_statement_logging();
    match ca(target) {
        Some(pem) => options.ssl_root_cert_from_pem(pem),
        None => options,
    }
}

async fn connect(target: &Target) -> Result<PgConnection, CodedError> {
    options(target)
        .connect()
        .await
        .map_err(|e| from_sqlx(target, &e))
}

/// Runs an administrative statement on a session of its own.
pub(super) async fn order(target: &Target, order: &str) -> Result<(), CodedError> {
    let mut connection = connect(target).await?;
    let done = sqlx::raw_sql(AssertSqlSafe(order.to_owned()))
        .execute(&mut connection)
        .await
        .map_err(|e| from_sqlx(target, &e));
    drop(connection.close().await);
    done.map(drop)
}

impl PostgresSession {
    pub(super) async fn open(target: &Target) -> Result<Self, CodedError> {
        let mut session = Self {
            connection: connect(target).await?,
            target: target.clone(),
            process: None,
        };
        for statement in Postgres.set_up(QUERY_TIMEOUT_S) {
            session.run(&statement).await?;
        }
        let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut session.connection)
            .await
            .map_err(|e| from_sqlx(target, &e))?;
        session.process = Some(process);
        Ok(session)
    }

    /// A statement of our own, without arguments.
    async fn run(&mut self, statement: &str) -> Result<(), CodedError> {
        sqlx::query(AssertSqlSafe(statement.to_owned()))
            .persistent(false)
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(|e| from_sqlx(&self.target, &e))
    }

    /// One statement by the extended protocol: a second one behind a semicolon is refused by the
    /// server.
    async fn fetch(&mut self, statement: &Statement, caps: Caps) -> Result<Rows, CodedError> {
        let mut query = sqlx::query(AssertSqlSafe(statement.sql.clone())).persistent(false);
        for argument in &statement.args {
            query = query.bind(argument.as_str());
        }
        let mut collector = Collector::new(caps);
        let mut rows = self.connection.fetch(query);
        while let Some(row) = rows.next().await {
            let row = row.map_err(|e| from_sqlx(&self.target, &e))?;
            let cells = (0..row.len())
                .map(|n| row.try_get_unchecked::<Option<String>, _>(n))
                .collect::<Result<_, _>>()
                .map_err(|e| from_sqlx(&self.target, &e))?;
            if !collector.take(&self.target, cells)? {
                break;
            }
        }
        drop(rows);
        Ok(collector.into_rows())
    }
}

#[async_trait]
impl Session for PostgresSession {
    async fn describe(&mut self, sql: &str) -> Result<Vec<Column>, CodedError> {
        let prepared = (&mut self.connection)
            .prepare(AssertSqlSafe(sql.to_owned()).into_sql_str())
            .await
            .map_err(|e| from_sqlx(&self.target, &e))?;
        Ok(prepared
            .columns()
            .iter()
            .map(|column| {
                let source_type = column.type_info().name().to_owned();
                Column {
                    name: column.name().to_owned(),
                    class: Postgres.class(&source_type),
                    source_type,
                }
            })
            .collect())
    }

    async fn rows(&mut self, statement: &Statement, caps: Caps) -> Result<Rows, CodedError> {
        if let Some(begin) = Postgres.begin() {
            self.run(begin).await?;
        }
        let outcome = self.fetch(statement, caps).await;
        let ended = self.run("ROLLBACK").await;
        let rows = outcome?;
        ended?;
        Ok(rows)
    }

    async fn powers(&mut self) -> Result<Powers, CodedError> {
        // Rights count through every role the login can take on.
        const ADMINISTRATOR: &str = "SELECT CASE WHEN r.rolsuper THEN 'SUPERUSER' \
             WHEN r.rolbypassrls THEN 'BYPASSRLS' ELSE r.rolname END::text \
             FROM pg_catalog.pg_roles r \
             WHERE (r.rolsuper OR r.rolbypassrls OR r.rolname IN \
               ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')) \
             AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER') LIMIT 1";
        const WRITER: &str = "SELECT n.nspname::text || '.' || c.relname::text \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname <> 'information_schema' \
             AND n.nspname NOT LIKE 'pg\\_%' \
             AND pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') \
             UNION ALL SELECT 'CREATE ON SCHEMA ' || n.nspname::text FROM pg_catalog.pg_namespace n \
             WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
             AND pg_catalog.has_schema_privilege(n.oid, 'CREATE') LIMIT 1";
        let one = Caps::rows(1);
        let first = |rows: Rows| {
            rows.into_iter()
                .next()
                .and_then(|row| row.into_iter().next()?)
        };
        Ok(Powers {
            administrator: first(self.rows(&Statement::plain(ADMINISTRATOR), one).await?),
            can_write: first(self.rows(&Statement::plain(WRITER), one).await?),
        })
    }

    fn kill_order(&self) -> Option<String> {
        self.process
            .map(|process| format!("SELECT pg_cancel_backend({process})"))
    }

    async fn close(self: Box<Self>) {
        drop(self.connection.close().await);
    }
}
