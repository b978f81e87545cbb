//! Microsoft SQL Server.

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use futures::StreamExt;
use iq_connector::ExposeSecret;
use iq_domain::CodedError;
use tiberius::{AuthMethod, Client, ColumnType, Config, EncryptionLevel, QueryItem, ToSql};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::{
    config::{SslMode, Target},
    dialect::{Column, Dialect, SqlServer, Statement},
    error::{about, server_said, sqlserver_code, tls, upstream},
    session::{CONNECT_TIMEOUT, Caps, Collector, Powers, QUERY_TIMEOUT_S, Rows, Session, tls::ca},
};

/// A session with a SQL Server.
pub(super) struct SqlServerSession {
    client: Client<Compat<TcpStream>>,
    target: Target,
}

fn config(target: &Target) -> Config {
    let mut config = Config::new();
    config.host(&target.host);
    config.port(target.port);
    config.database(&target.database);
    config.application_name("optria-iq");
    config.authentication(AuthMethod::sql_server(
        &target.username,
        target.password.expose_secret(),
    ));
    config.readonly(true);
    // A server that answers "encryption not supported" would otherwise stall for ever.
    config.handshake_timeout(Some(CONNECT_TIMEOUT));
    config.command_timeout(Some(Duration::from_secs(u64::from(QUERY_TIMEOUT_S))));
    config.lossy_utf16_decoding(true);
    match target.ssl_mode {
        SslMode::Disable => config.encryption(EncryptionLevel::NotSupported),
        SslMode::Prefer => {
            config.encryption(EncryptionLevel::On);
            config.trust_cert();
        }
        SslMode::Require => {
            config.encryption(EncryptionLevel::Required);
            config.trust_cert();
        }
        // The driver always compares the host name; the stricter check stands for both.
        SslMode::VerifyCa | SslMode::VerifyFull => {
            config.encryption(EncryptionLevel::Required);
            if let Some(pem) = ca(target) {
                config.trust_cert_ca_bundle(pem);
            }
        }
    }
    config
}

fn from_driver(target: &Target, error: &tiberius::error::Error) -> CodedError {
    use tiberius::error::Error;
    match error {
        Error::Server(said) => server_said(target, sqlserver_code(said.code()), said.message()),
        Error::Tls(words) => tls(target, words),
        Error::Io { kind, message } => {
            if *kind == std::io::ErrorKind::TimedOut {
                return about(target, "sql.timeout");
            }
            if message.contains("certificate") || message.contains("tls") {
                return tls(target, message);
            }
            about(target, "sql.connection_lost").with("detail", message)
        }
        Error::Protocol(words) if words.contains("encryption") => tls(target, words),
        Error::Protocol(words) => upstream("test.protocol_unexpected")
            .with("address", target.address())
            .with("protocol", target.db.name())
            .with("detail", words),
        Error::Routing { .. } => about(target, "sql.failed").with("detail", error),
        other => about(target, "sql.data_unreadable").with("detail", other),
    }
}

impl SqlServerSession {
    pub(super) async fn open(
        target: &Target,
        addresses: &[SocketAddr],
    ) -> Result<Self, CodedError> {
        let lost = |e: std::io::Error| about(target, "sql.connection_lost").with("detail", e);
        let stream = TcpStream::connect(addresses).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        let client = Client::connect(config(target), stream.compat_write())
            .await
            .map_err(|e| from_driver(target, &e))?;
        let mut session = Self {
            client,
            target: target.clone(),
        };
        for statement in SqlServer.set_up(QUERY_TIMEOUT_S) {
            session.run(&statement).await?;
        }
        Ok(session)
    }

    /// A statement of our own.
    async fn run(&mut self, statement: &str) -> Result<(), CodedError> {
        let answer = self.client.simple_query(statement).await;
        let answer = answer.map_err(|e| from_driver(&self.target, &e))?;
        answer
            .into_results()
            .await
            .map(drop)
            .map_err(|e| from_driver(&self.target, &e))
    }

    async fn fetch(&mut self, statement: &Statement, caps: Caps) -> Result<Rows, CodedError> {
        let args: Vec<&dyn ToSql> = statement.args.iter().map(|a| a as &dyn ToSql).collect();
        let mut collector = Collector::new(caps);
        let mut stream = self
            .client
            .query(statement.sql.as_str(), &args)
            .await
            .map_err(|e| from_driver(&self.target, &e))?;
        while let Some(item) = stream.next().await {
            let QueryItem::Row(row) = item.map_err(|e| from_driver(&self.target, &e))? else {
                continue;
            };
            let mut cells = Vec::with_capacity(row.len());
            for n in 0..row.len() {
                let text: Option<&str> =
                    row.try_get(n).map_err(|e| from_driver(&self.target, &e))?;
                cells.push(text.map(str::to_owned));
            }
            if !collector.take(&self.target, cells)? {
                break;
            }
        }
        Ok(collector.into_rows())
    }
}

/// The engine's own name of a type, as far as the wire tells it.
fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Bit | ColumnType::Bitn => "bit",
        ColumnType::Int1 => "tinyint",
        ColumnType::Int2 => "smallint",
        ColumnType::Int4 | ColumnType::Intn => "int",
        ColumnType::Int8 => "bigint",
        ColumnType::Float4 => "real",
        ColumnType::Float8 | ColumnType::Floatn => "float",
        ColumnType::Money | ColumnType::Money4 => "money",
        ColumnType::Decimaln | ColumnType::Numericn => "decimal",
        ColumnType::Datetime | ColumnType::Datetimen => "datetime",
        ColumnType::Datetime4 => "smalldatetime",
        ColumnType::Datetime2 => "datetime2",
        ColumnType::DatetimeOffsetn => "datetimeoffset",
        ColumnType::Daten => "date",
        ColumnType::Timen => "time",
        ColumnType::Guid => "uniqueidentifier",
        ColumnType::NVarchar | ColumnType::BigVarChar => "nvarchar",
        ColumnType::NChar | ColumnType::BigChar => "nchar",
        ColumnType::Text | ColumnType::NText => "ntext",
        ColumnType::BigVarBin | ColumnType::BigBinary | ColumnType::Image => "varbinary",
        ColumnType::Xml => "xml",
        _ => "other",
    }
}

#[async_trait]
impl Session for SqlServerSession {
    async fn describe(&mut self, sql: &str) -> Result<Vec<Column>, CodedError> {
        let mut stream = self
            .client
            .query(sql, &[])
            .await
            .map_err(|e| from_driver(&self.target, &e))?;
        let columns = stream
            .columns()
            .await
            .map_err(|e| from_driver(&self.target, &e))?
            .unwrap_or_default();
        let found = columns
            .iter()
            .map(|column| {
                let source_type = type_name(column.column_type()).to_owned();
                Column {
                    name: column.name().to_owned(),
                    class: SqlServer.class(&source_type),
                    source_type,
                }
            })
            .collect();
        stream
            .into_results()
            .await
            .map_err(|e| from_driver(&self.target, &e))?;
        Ok(found)
    }

    async fn rows(&mut self, statement: &Statement, caps: Caps) -> Result<Rows, CodedError> {
        if let Some(begin) = SqlServer.begin() {
            self.run(begin).await?;
        }
        let outcome = self.fetch(statement, caps).await;
        let ended = self.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await;
        let rows = outcome?;
        ended?;
        Ok(rows)
    }

    async fn powers(&mut self) -> Result<Powers, CodedError> {
        const ASK: &str = "SELECT CONVERT(nvarchar(60), CASE \
             WHEN IS_SRVROLEMEMBER('sysadmin') = 1 THEN 'sysadmin' \
             WHEN HAS_PERMS_BY_NAME(NULL, NULL, 'CONTROL SERVER') = 1 THEN 'CONTROL SERVER' \
             END), CONVERT(nvarchar(60), CASE \
             WHEN IS_MEMBER('db_owner') = 1 THEN 'db_owner' \
             WHEN IS_MEMBER('db_datawriter') = 1 THEN 'db_datawriter' \
             WHEN HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'INSERT') = 1 THEN 'INSERT' \
             WHEN HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UPDATE') = 1 THEN 'UPDATE' \
             WHEN HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'DELETE') = 1 THEN 'DELETE' \
             WHEN HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CREATE TABLE') = 1 THEN 'CREATE TABLE' \
             END)";
        let rows = self.fetch(&Statement::plain(ASK), Caps::rows(1)).await?;
        let mut cells = rows.into_iter().flatten();
        Ok(Powers {
            administrator: cells.next().flatten(),
            can_write: cells.next().flatten(),
        })
    }

    fn kill_order(&self) -> Option<String> {
        // Ending another session's query needs an administrator; the server ends it with the
        // connection.
        None
    }

    async fn close(self: Box<Self>) {
        drop(self.client.close().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::is_too_slow;

    #[test]
    fn a_query_that_ran_into_its_limit_is_known_as_too_slow() {
        let error = tiberius::error::Error::Io {
            kind: std::io::ErrorKind::TimedOut,
            message: "timed out".into(),
        };
        assert!(is_too_slow(&from_driver(&Target::example(), &error)));
        let lost = tiberius::error::Error::Io {
            kind: std::io::ErrorKind::BrokenPipe,
            message: "gone".into(),
        };
        assert!(!is_too_slow(&from_driver(&Target::example(), &lost)));
    }
}
