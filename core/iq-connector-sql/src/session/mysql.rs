//! MySQL and MariaDB.

use async_trait::async_trait;
use futures::StreamExt;
use iq_connector::ExposeSecret;
use iq_domain::CodedError;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, Row, SqlSafeStr,
    Statement as _, TypeInfo,
    mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode},
};

use crate::{
    config::{SslMode, Target},
    dialect::{Column, Dialect, MySql, Statement},
    error::from_sqlx,
    session::{Caps, Collector, Powers, QUERY_TIMEOUT_S, Rows, Session, tls::ca},
};

/// A session with a MySQL or MariaDB server.
pub(super) struct MySqlSession {
    connection: MySqlConnection,
    target: Target,
    process: Option<u64>,
}

fn options(target: &Target) -> MySqlConnectOptions {
    let mode = match target.ssl_mode {
        SslMode::Disable => MySqlSslMode::Disabled,
        SslMode::Prefer => MySqlSslMode::Preferred,
        SslMode::Require => MySqlSslMode::Required,
        SslMode::VerifyCa => MySqlSslMode::VerifyCa,
        SslMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    let options = MySqlConnectOptions::new()
        .host(&target.host)
        .port(target.port)
        .database(&target.database)
        .username(&target.username)
        .password(target.password.expose_secret())
        .charset("utf8mb4")
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .statement_cache_capacity(0)
        .ssl_mode(mode)
        .disable_statement_logging();
    match ca(target) {
        Some(pem) => options.ssl_ca_from_pem(pem),
        None => options,
    }
}

async fn connect(target: &Target) -> Result<MySqlConnection, CodedError> {
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

impl MySqlSession {
    pub(super) async fn open(target: &Target) -> Result<Self, CodedError> {
        let mut session = Self {
            connection: connect(target).await?,
            target: target.clone(),
            process: None,
        };
        for statement in MySql.set_up(QUERY_TIMEOUT_S) {
            session.run(&statement).await?;
        }
        let about = "SELECT CAST(CONNECTION_ID() AS CHAR), CAST(VERSION() AS CHAR)";
        let row = session
            .fetch(&Statement::plain(about), Caps::rows(1))
            .await?;
        let mut cells = row.into_iter().flatten().flatten();
        session.process = cells.next().and_then(|id| id.parse().ok());
        let is_mariadb = cells
            .next()
            .is_some_and(|version| version.contains("MariaDB"));
        let limit = if is_mariadb {
            format!("SET SESSION max_statement_time = {QUERY_TIMEOUT_S}")
        } else {
            format!(
                "SET SESSION max_execution_time = {}",
                u64::from(QUERY_TIMEOUT_S) * 1_000
            )
        };
        session.run(&limit).await?;
        Ok(session)
    }

    async fn run(&mut self, statement: &str) -> Result<(), CodedError> {
        // These are our own words; several of them can't be prepared.
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(|e| from_sqlx(&self.target, &e))
    }

    /// One prepared statement: a second one behind a semicolon is refused by the server.
    async fn fetch(&mut self, statement: &Statement, caps: Caps) -> Result<Rows, CodedError> {
        let mut query = sqlx::query(AssertSqlSafe(statement.sql.clone())).persistent(false);
        for argument in &statement.args {
            query = query.bind(argument.as_str());
        }
        let mut collector = Collector::new(caps);
        let mut rows = self.connection.fetch(query);
        while let Some(row) = rows.next().await {
            let row = row.map_err(|e| from_sqlx(&self.target, &e))?;
            let mut cells = Vec::with_capacity(row.len());
            for n in 0..row.len() {
                // Not every text of a server is valid UTF-8; what is not becomes a replacement mark.
                let bytes = row
                    .try_get_unchecked::<Option<Vec<u8>>, _>(n)
                    .map_err(|e| from_sqlx(&self.target, &e))?;
                cells.push(bytes.map(|b| String::from_utf8_lossy(&b).into_owned()));
            }
            if !collector.take(&self.target, cells)? {
                break;
            }
        }
        drop(rows);
        Ok(collector.into_rows())
    }
}

#[async_trait]
impl Session for MySqlSession {
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
                    class: MySql.class(&source_type),
                    source_type,
                }
            })
            .collect())
    }

    async fn rows(&mut self, statement: &Statement, caps: Caps) -> Result<Rows, CodedError> {
        if let Some(begin) = MySql.begin() {
            self.run(begin).await?;
        }
        let outcome = self.fetch(statement, caps).await;
        let ended = self.run("ROLLBACK").await;
        let rows = outcome?;
        ended?;
        Ok(rows)
    }

    async fn powers(&mut self) -> Result<Powers, CodedError> {
        let grants = sqlx::raw_sql("SHOW GRANTS")
            .fetch_all(&mut self.connection)
            .await
            .map_err(|e| from_sqlx(&self.target, &e))?;
        let mut powers = Powers::default();
        for grant in grants {
            let line: String = grant
                .try_get_unchecked(0)
                .map_err(|e| from_sqlx(&self.target, &e))?;
            judge_grant(&line, &mut powers);
        }
        Ok(powers)
    }

    fn kill_order(&self) -> Option<String> {
        self.process.map(|process| format!("KILL QUERY {process}"))
    }

    async fn close(self: Box<Self>) {
        drop(self.connection.close().await);
    }
}

/// What one line of `SHOW GRANTS` lets the login do.
fn judge_grant(line: &str, powers: &mut Powers) {
    const ADMINISTRATOR: [&str; 12] = [
        "ALL PRIVILEGES",
        "SUPER",
        "FILE",
        "SHUTDOWN",
        "RELOAD",
        "CREATE USER",
        "CREATE ROLE",
        "DROP ROLE",
        "SYSTEM_USER",
        "SYSTEM_VARIABLES_ADMIN",
        "SET_USER_ID",
        "READ_ONLY ADMIN",
    ];
    const WRITER: [&str; 12] = [
        "ALL PRIVILEGES",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "DROP",
        "ALTER",
        "INDEX",
        "TRIGGER",
        "EVENT",
        "REFERENCES",
        "CREATE ROUTINE",
    ];
    let Some((rights, object)) = line
        .strip_prefix("GRANT ")
        .and_then(|rest| rest.split_once(" ON "))
    else {
        return;
    };
    let object = object.split(" TO ").next().unwrap_or_default();
    for right in rights.split(',').map(str::trim) {
        // Rights on single columns read "INSERT (a, b)".
        let right = right.split(" (").next().unwrap_or_default();
        if object == "*.*" && ADMINISTRATOR.contains(&right) {
            powers.administrator.get_or_insert_with(|| right.to_owned());
        }
        if WRITER.contains(&right) {
            powers
                .can_write
                .get_or_insert_with(|| format!("{right} ON {object}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_tell_administrators_writers_and_readers_apart() {
        let judge = |line: &str| {
            let mut powers = Powers::default();
            judge_grant(line, &mut powers);
            (powers.administrator.is_some(), powers.can_write.is_some())
        };
        for (line, administrator, writer) in [
            (
                "GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION",
                true,
                true,
            ),
            ("GRANT SELECT, FILE ON *.* TO `x`@`%`", true, false),
            (
                "GRANT USAGE ON *.* TO `x`@`%` IDENTIFIED BY PASSWORD '*AB'",
                false,
                false,
            ),
            ("GRANT SELECT ON `plant`.* TO `x`@`%`", false, false),
            (
                "GRANT SELECT, INSERT (a, b) ON `plant`.`t` TO `x`@`%`",
                false,
                true,
            ),
            ("GRANT ALL PRIVILEGES ON `plant`.* TO `x`@`%`", false, true),
        ] {
            assert_eq!(judge(line), (administrator, writer), "{line}");
        }
    }
}
