//! Oracle Database. The driver blocks, so each step runs on a thread of its own; it ends there by
//! its own call time-out when nobody waits for it any more.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use iq_connector::ExposeSecret;
use iq_domain::CodedError;
use oracledb::{Config, Connection, ToDbValue};

use crate::{
    config::{SslMode, Target},
    dialect::{Column, Dialect, Oracle, Statement},
    error::{about, oracle_code, server_said, tls},
    session::{CONNECT_TIMEOUT, Caps, Collector, Powers, QUERY_TIMEOUT_S, Rows, Session},
};

/// A session with an Oracle database.
pub(super) struct OracleSession {
    connection: Arc<Mutex<Connection>>,
    target: Target,
}

/// The address as the driver wants it. TLS has a port of its own there, so nothing is negotiated:
/// every mode but "disable" is TLS, and the driver always checks the certificate.
fn connect_string(target: &Target) -> String {
    let scheme = match target.ssl_mode {
        SslMode::Disable => "tcp",
        _ => "tcps",
    };
    let host = if target.host.contains(':') {
        format!("[{}]", target.host)
    } else {
        target.host.clone()
    };
    format!("{scheme}://{host}:{}/{}", target.port, target.database)
}

/// A folder with the configured authority in the form of a wallet; it is removed when dropped.
struct Wallet(PathBuf);

impl Wallet {
    fn make(target: &Target) -> std::io::Result<Option<Self>> {
        let Some(pem) = &target.tls_ca else {
            return Ok(None);
        };
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = target
            .scratch_dir
            .join(format!("wallet-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let wallet = Self(folder);
        std::fs::write(wallet.0.join("ewallet.pem"), pem)?;
        Ok(Some(wallet))
    }
}

impl Drop for Wallet {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "a working folder stays behind");
        }
    }
}

/// The number in "ORA-01017: …".
fn ora_number(words: &str) -> Option<u32> {
    let digits = words.split("ORA-").nth(1)?;
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn from_driver(target: &Target, error: &oracledb::Error) -> CodedError {
    use oracledb::ErrorKind;
    let words = error.to_string();
    match error.kind() {
        ErrorKind::CallTimeoutExceeded => about(target, "sql.timeout"),
        ErrorKind::InvalidServiceName(..) | ErrorKind::InvalidSid(..) => {
            server_said(target, "sql.database_unknown", &words)
        }
        ErrorKind::TlsOperation
        | ErrorKind::PemFileOperation
        | ErrorKind::WalletUnreadable(_)
        | ErrorKind::WalletPasswordMissingOrInvalid(..) => tls(target, &words),
        ErrorKind::ServerVersionNotSupported => about(target, "sql.server_too_old"),
        ErrorKind::DeadConnection | ErrorKind::NotConnected | ErrorKind::StreamOperation => {
            about(target, "sql.connection_lost").with("detail", words)
        }
        _ => match ora_number(&words) {
            Some(number) => server_said(target, oracle_code(number), &words),
            None => about(target, "sql.failed").with("detail", words),
        },
    }
}

impl OracleSession {
    pub(super) async fn open(target: &Target) -> Result<Self, CodedError> {
        let wanted = target.clone();
        let opened = tokio::task::spawn_blocking(move || connect(&wanted))
            .await
            .map_err(|e| about(target, "sql.failed").with("detail", e))??;
        Ok(Self {
            connection: Arc::new(Mutex::new(opened)),
            target: target.clone(),
        })
    }

    /// Runs a step on a thread that may block.
    async fn step<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Target) -> Result<T, CodedError> + Send + 'static,
    ) -> Result<T, CodedError> {
        let (connection, target) = (self.connection.clone(), self.target.clone());
        let done = tokio::task::spawn_blocking(move || match connection.lock() {
            Ok(connection) => work(&connection, &target),
            Err(_) => Err(about(&target, "sql.connection_lost").with("detail", "broken off")),
        });
        done.await
            .map_err(|e| about(&self.target, "sql.failed").with("detail", e))?
    }
}

fn connect(target: &Target) -> Result<Connection, CodedError> {
    let failed = |e: oracledb::Error| from_driver(target, &e);
    let wallet = Wallet::make(target).map_err(|e| tls(target, &e.to_string()))?;
    let mut config = Config::default()
        .set_credentials(&target.username, target.password.expose_secret())
        .set_transport_connect_timeout(Some(CONNECT_TIMEOUT))
        .set_stmtcachesize(0)
        .set_connect_string(&connect_string(target))
        .map_err(failed)?;
    if let Some(Wallet(folder)) = &wallet {
        config = config.set_wallet_location(folder.to_string_lossy().into_owned());
    }
    let connection = oracledb::connect(config).map_err(failed)?;
    let limit = Duration::from_secs(u64::from(QUERY_TIMEOUT_S));
    connection.set_call_timeout(Some(limit)).map_err(failed)?;
    for statement in Oracle.set_up(QUERY_TIMEOUT_S) {
        connection.execute(&statement, &[]).map_err(failed)?;
    }
    Ok(connection)
}

fn fetch(
    connection: &Connection,
    target: &Target,
    statement: &Statement,
    caps: Caps,
) -> Result<Rows, CodedError> {
    let failed = |e: oracledb::Error| from_driver(target, &e);
    let args: Vec<&dyn ToDbValue> = statement.args.iter().map(|a| a as &dyn ToDbValue).collect();
    let cursor = connection.query(&statement.sql, &args).map_err(failed)?;
    let count = cursor.columns().len();
    let mut collector = Collector::new(caps);
    for row in cursor {
        let row = row.map_err(failed)?;
        let cells = (0..count)
            .map(|n| row.get::<Option<String>>(n))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        if !collector.take(target, cells)? {
            break;
        }
    }
    Ok(collector.into_rows())
}

#[async_trait]
impl Session for OracleSession {
    async fn describe(&mut self, sql: &str) -> Result<Vec<Column>, CodedError> {
        let sql = sql.to_owned();
        self.step(move |connection, target| {
            let cursor = connection
                .query(&sql, &[])
                .map_err(|e| from_driver(target, &e))?;
            let columns = cursor.columns().iter().map(|column| {
                let source_type = column.data_type();
                Column {
                    name: column.name().to_owned(),
                    class: Oracle.class(&source_type),
                    source_type,
                }
            });
            Ok(columns.collect())
        })
        .await
    }

    async fn rows(&mut self, statement: &Statement, caps: Caps) -> Result<Rows, CodedError> {
        let statement = statement.clone();
        self.step(move |connection, target| {
            let failed = |e: oracledb::Error| from_driver(target, &e);
            if let Some(begin) = Oracle.begin() {
                connection.execute(begin, &[]).map_err(failed)?;
            }
            let outcome = fetch(connection, target, &statement, caps);
            let ended = connection.rollback().map_err(failed);
            let rows = outcome?;
            ended?;
            Ok(rows)
        })
        .await
    }

    async fn powers(&mut self) -> Result<Powers, CodedError> {
        const ADMINISTRATOR: &str = "SELECT MAX(role) FROM session_roles \
             WHERE role IN ('DBA', 'SYSDBA', 'IMP_FULL_DATABASE', 'DATAPUMP_IMP_FULL_DATABASE')";
        const WRITER: &str = "SELECT MAX(privilege) FROM session_privs \
             WHERE privilege LIKE 'INSERT ANY%' OR privilege LIKE 'UPDATE ANY%' \
             OR privilege LIKE 'DELETE ANY%' OR privilege LIKE 'CREATE TABLE%' \
             OR privilege LIKE 'DROP ANY%' OR privilege LIKE 'ALTER ANY%' OR privilege = 'EXECUTE ANY PROCEDURE'";
        const OBJECTS: &str = "SELECT MAX(privilege || ' ON ' || table_name) FROM user_tab_privs \
             WHERE privilege IN ('INSERT', 'UPDATE', 'DELETE') AND grantee = USER";
        self.step(|connection, target| {
            let ask = |sql: &str| -> Result<Option<String>, CodedError> {
                let rows = fetch(connection, target, &Statement::plain(sql), Caps::rows(1))?;
                Ok(rows.into_iter().flatten().flatten().next())
            };
            let is_sys = target.username.eq_ignore_ascii_case("sys");
            let administrator = match is_sys {
                true => Some("SYS".to_owned()),
                false => ask(ADMINISTRATOR)?,
            };
            let can_write = match ask(WRITER)? {
                Some(right) => Some(right),
                None => ask(OBJECTS)?,
            };
            Ok(Powers {
                administrator,
                can_write,
            })
        })
        .await
    }

    fn kill_order(&self) -> Option<String> {
        // Ending another session's query needs an administrator; the call time-out does it.
        None
    }

    async fn close(self: Box<Self>) {
        let connection = self.connection.clone();
        let closing = tokio::task::spawn_blocking(move || {
            if let Ok(mut connection) = connection.lock()
                && let Err(error) = connection.close()
            {
                tracing::debug!(%error, "a session did not close in good form");
            }
        });
        drop(closing.await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_the_words_of_the_server() {
        assert_eq!(
            ora_number("ORA-01017: invalid username/password"),
            Some(1017)
        );
        assert_eq!(ora_number("DPY-6000: x (ORA-12660) y"), Some(12660));
        assert_eq!(ora_number("no number"), None);
    }
}
