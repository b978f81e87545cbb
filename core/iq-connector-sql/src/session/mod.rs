//! One session with a database server, whatever its engine: describe a SELECT, run one bounded
//! SELECT in a transaction that can't write, close.

mod mysql;
#[cfg(feature = "oracle")]
mod oracle;
mod postgres;
mod sqlserver;
mod tls;

use std::time::Duration;

use async_trait::async_trait;
use iq_connector::CancellationToken;
use iq_domain::CodedError;

use crate::{
    address::look_up,
    config::{DbType, Target},
    dialect::{Column, Statement},
    error::about,
};

/// Time a server has for a handshake.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time a server has for one query; beyond it, it ends the query itself.
pub(crate) const QUERY_TIMEOUT_S: u32 = 20;

/// Time after which we stop waiting for a server that did not end the query itself.
const GIVE_UP: Duration = Duration::from_secs(QUERY_TIMEOUT_S as u64 + 4);

/// Time for ending a query on the server after we lost interest in it.
const KILL_TIMEOUT: Duration = Duration::from_secs(3);

/// How much one query may bring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl Caps {
    pub(crate) const fn rows(rows: usize) -> Self {
        Self {
            rows,
            bytes: 64 << 20,
        }
    }
}

/// Rows as texts.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// Collects rows within their caps.
pub(crate) struct Collector {
    rows: Rows,
    bytes: usize,
    caps: Caps,
}

impl Collector {
    pub(crate) fn new(caps: Caps) -> Self {
        Self {
            rows: Vec::new(),
            bytes: 0,
            caps,
        }
    }

    /// Takes a row; false when no more are wanted.
    pub(crate) fn take(
        &mut self,
        target: &Target,
        row: Vec<Option<String>>,
    ) -> Result<bool, CodedError> {
        let size: usize = row.iter().flatten().map(String::len).sum();
        self.bytes += size + 24 * row.len();
        if self.bytes > self.caps.bytes {
            return Err(about(target, "sql.too_much_data").with("max", self.caps.bytes >> 20));
        }
        self.rows.push(row);
        Ok(self.rows.len() < self.caps.rows)
    }

    pub(crate) fn into_rows(self) -> Rows {
        self.rows
    }
}

/// What a login may do beyond reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Powers {
    /// An administrator's right, in the engine's words; such a login is refused.
    pub(crate) administrator: Option<String>,
    /// A right to change data, in the engine's words; it is reported.
    pub(crate) can_write: Option<String>,
}

/// One session.
#[async_trait]
pub(crate) trait Session: Send {
    /// The columns a SELECT would have. Nothing is executed where the engine can tell without.
    async fn describe(&mut self, sql: &str) -> Result<Vec<Column>, CodedError>;

    /// Runs one SELECT in a transaction that can't write and is always rolled back.
    async fn rows(&mut self, statement: &Statement, caps: Caps) -> Result<Rows, CodedError>;

    /// What the login may do beyond reading.
    async fn powers(&mut self) -> Result<Powers, CodedError>;

    /// How to end, from another session, the query this one runs.
    fn kill_order(&self) -> Option<String>;

    /// Ends the session in good form.
    async fn close(self: Box<Self>);
}

/// Opens a session, made safe.
pub(crate) async fn open(
    target: &Target,
    cancel: &CancellationToken,
) -> Result<Box<dyn Session>, CodedError> {
    let opening = async {
        let addresses = look_up(target).await?;
        let session: Box<dyn Session> = match target.db {
            DbType::Postgres => Box::new(postgres::PostgresSession::open(target).await?),
            DbType::Mysql => Box::new(mysql::MySqlSession::open(target).await?),
            DbType::SqlServer => {
                Box::new(sqlserver::SqlServerSession::open(target, &addresses).await?)
            }
            DbType::Oracle => open_oracle(target).await?,
        };
        Ok(session)
    };
    tokio::select! {
        opened = tokio::time::timeout(CONNECT_TIMEOUT, opening) => {
            opened.map_err(|_| about(target, "sql.timeout"))?
        }
        () = cancel.cancelled() => Err(cancelled()),
    }
}

#[cfg(feature = "oracle")]
async fn open_oracle(target: &Target) -> Result<Box<dyn Session>, CodedError> {
    Ok(Box::new(oracle::OracleSession::open(target).await?))
}

#[cfg(not(feature = "oracle"))]
async fn open_oracle(target: &Target) -> Result<Box<dyn Session>, CodedError> {
    Err(about(target, "sql.oracle_not_built_in"))
}

pub(crate) fn cancelled() -> CodedError {
    CodedError::invalid("connector.cancelled")
}

/// A session on loan: it watches the clock and the wish to stop, and ends what the server still
/// works on when nobody waits for it any more.
pub(crate) struct Link {
    session: Box<dyn Session>,
    target: Target,
    cancel: CancellationToken,
}

impl Link {
    /// Opens a session and refuses a login that may do too much.
    pub(crate) async fn open(
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<(Self, Powers), CodedError> {
        let session = open(target, cancel).await?;
        let mut link = Self {
            session,
            target: target.clone(),
            cancel: cancel.clone(),
        };
        let powers = link.powers().await?;
        if let Some(right) = &powers.administrator {
            let refused = about(target, "sql.login_too_powerful")
                .with("user", &target.username)
                .with("right", right);
            link.close().await;
            return Err(refused);
        }
        Ok((link, powers))
    }

    /// Another task's wish to stop counts from now on.
    pub(crate) fn obey(&mut self, cancel: &CancellationToken) {
        self.cancel = cancel.clone();
    }

    async fn powers(&mut self) -> Result<Powers, CodedError> {
        let work = self.session.powers();
        watched(&self.target, &self.cancel, work).await
    }

    pub(crate) async fn describe(&mut self, sql: &str) -> Result<Vec<Column>, CodedError> {
        let kill = self.session.kill_order();
        let work = self.session.describe(sql);
        let outcome = watched(&self.target, &self.cancel, work).await;
        end_if_left(&self.target, outcome, kill).await
    }

    pub(crate) async fn rows(
        &mut self,
        statement: &Statement,
        caps: Caps,
    ) -> Result<Rows, CodedError> {
        let kill = self.session.kill_order();
        let work = self.session.rows(statement, caps);
        let outcome = watched(&self.target, &self.cancel, work).await;
        end_if_left(&self.target, outcome, kill).await
    }

    pub(crate) async fn close(self) {
        // A server that does not take its leave is left standing.
        drop(tokio::time::timeout(Duration::from_secs(2), self.session.close()).await);
    }
}

async fn end_if_left<T>(
    target: &Target,
    outcome: Result<T, CodedError>,
    kill: Option<String>,
) -> Result<T, CodedError> {
    if let Err(error) = &outcome
        && matches!(error.code, "connector.cancelled" | "sql.timeout")
        && let Some(order) = kill
    {
        end_query(target, &order).await;
    }
    outcome
}

async fn watched<T>(
    target: &Target,
    cancel: &CancellationToken,
    work: impl Future<Output = Result<T, CodedError>>,
) -> Result<T, CodedError> {
    tokio::select! {
        done = tokio::time::timeout(GIVE_UP, work) => {
            done.unwrap_or_else(|_| Err(about(target, "sql.timeout")))
        }
        () = cancel.cancelled() => Err(cancelled()),
    }
}

/// Ends a query through a short second session; without success the server's own time limit does it.
async fn end_query(target: &Target, order: &str) {
    let ending = async {
        look_up(target).await?;
        match target.db {
            DbType::Postgres => postgres::order(target, order).await,
            DbType::Mysql => mysql::order(target, order).await,
            DbType::SqlServer | DbType::Oracle => Ok(()),
        }
    };
    match tokio::time::timeout(KILL_TIMEOUT, ending).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a query could not be ended on the server"),
        Err(_) => tracing::debug!("no time to end a query on the server"),
    }
}
