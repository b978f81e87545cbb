//! The hub's Postgres. Every statement runs in a transaction that is bound to one tenant, or to the
//! platform's reading of the directory, or to a tenant's code; the database enforces it
//! (docs/decisions/hub-isolation.md).

pub(crate) mod appliances;
pub(crate) mod audit;
pub(crate) mod figures;
pub(crate) mod identity_providers;
pub mod migrate;
pub(crate) mod platform_people;
pub(crate) mod raw;
pub(crate) mod records;
pub(crate) mod sessions;
pub(crate) mod sign_in_rules;
pub(crate) mod signing_keys;
pub(crate) mod sso;
pub(crate) mod sync;
pub(crate) mod tenants;
mod uid;
pub(crate) mod user_identities;
pub(crate) mod users;

use std::{str::FromStr, time::Duration};

use iq_config::Database;
use iq_domain::{CodedError, ErrorKind, TenantId};
use sqlx::{
    Acquire, PgConnection, Postgres, Row, Transaction,
    postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow},
};
use uuid::Uuid;

pub(crate) use uid::Uid;

/// The platform's own tenant, home of the platform owners.
pub const PLATFORM: TenantId = TenantId(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));

/// How long a request waits for a connection.
const CONNECTION_TURN: Duration = Duration::from_secs(10);

/// What can go wrong with the database. Its own words go to the log only.
#[derive(Debug)]
pub enum StoreError {
    /// It can't be reached, or closes.
    Unavailable(String),
    /// A key is taken; the constraint's name.
    Taken(String),
    /// A text holds what the database keeps in none: NUL.
    Unfit,
    /// Anything else is our fault.
    Internal(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(detail) => write!(f, "the database can't be used: {detail}"),
            Self::Taken(constraint) => write!(f, "{constraint} is taken"),
            Self::Unfit => f.write_str("a text can't be kept"),
            Self::Internal(detail) => f.write_str(detail),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut, Tls, WorkerCrashed};
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::Taken(database.constraint().unwrap_or_default().to_owned())
            }
            // A character that no text has here, as itself or inside JSON. Whoever sent it is told: it is
            // no fault of ours.
            sqlx::Error::Database(database)
                if matches!(database.code().as_deref(), Some("22021" | "22P05")) =>
            {
                Self::Unfit
            }
            // 57P01..03: the server stops or starts; 28: it lets nobody in by this name and password; 3D000: it
            // has no database of this name.
            sqlx::Error::Database(database)
                if database.code().is_some_and(|code| {
                    ["57P", "28", "3D000"]
                        .iter()
                        .any(|begin| code.starts_with(*begin))
                }) =>
            {
                Self::Unavailable(error.to_string())
            }
            Io(_) | Tls(_) | PoolClosed | PoolTimedOut | WorkerCrashed => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl From<StoreError> for CodedError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                Self::new(ErrorKind::Unavailable, "hub.database_unavailable")
            }
            StoreError::Taken(_) => Self::conflict("hub.taken"),
            StoreError::Unfit => Self::invalid("request.text_hidden_characters"),
            StoreError::Internal(_) => Self::new(ErrorKind::Internal, "internal.error"),
        }
    }
}

/// What a query of the store gives.
pub(crate) type Stored<T> = Result<T, StoreError>;

/// The pool. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: PgPool,
}

/// A name that is brought before there is a tenant.
pub(crate) enum Lookup<'a> {
    /// A tenant's code.
    Tenant(&'a str),
    /// The hash of an enrolment code.
    Code(&'a [u8; 32]),
    /// An appliance's id.
    Appliance(Uuid),
}

impl std::fmt::Display for Lookup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tenant(code) => write!(f, "tenant:{code}"),
            Self::Code(hash) => {
                f.write_str("code:")?;
                hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Appliance(id) => write!(f, "appliance:{id}"),
        }
    }
}

/// A transaction bound to a tenant, the platform's reading, or a name.
pub(crate) struct Tx {
    inner: Transaction<'static, Postgres>,
}

impl Store {
    /// Opens a pool of at most `connections`.
    ///
    /// # Errors
    /// When the address can't be read or the database not be reached.
    pub async fn open(database: &Database, connections: u32) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(database.url.expose())
            // The parser's words repeat the address, password and all.
            .map_err(|_| StoreError::Internal(format!("{} can't be read", database.source)))?
            .application_name("optria-hub");
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CONNECTION_TURN)
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    /// A transaction that sees and writes this tenant's rows and no others.
    pub(crate) async fn tenant(&self, tenant: TenantId) -> Stored<Tx> {
        self.bound(&tenant.to_string(), "", "").await
    }

    /// A transaction that reads the directory of all tenants and writes nothing.
    pub(crate) async fn platform(&self) -> Stored<Tx> {
        self.bound("", "on", "").await
    }

    /// A transaction that sees the one row of this name.
    pub(crate) async fn lookup(&self, name: &Lookup<'_>) -> Stored<Tx> {
        self.bound("", "", &name.to_string()).await
    }

    /// All three settings every time, and only for this transaction: a pooled connection must not
    /// carry anything over.
    async fn bound(&self, tenant: &str, platform: &str, lookup: &str) -> Stored<Tx> {
        let mut inner = self.pool.begin().await?;
        sqlx::query(
            "SELECT set_config('app.tenant', $1, true), set_config('app.platform', $2, true),
                    set_config('app.lookup', $3, true), set_config('synchronous_commit', 'on', true)",
        )
        .bind(tenant)
        .bind(platform)
        .bind(lookup)
        .execute(&mut *inner)
        .await?;
        Ok(Tx { inner })
    }

    /// Whether the database answers.
    pub(crate) async fn is_alive(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Refuses a role that row-level security would not bind, and a schema this program does not know.
    ///
    /// # Errors
    /// `hub.role_too_powerful` with the reason, `hub.schema_older`, `hub.schema_newer`.
    pub async fn check_before_serving(&self) -> Result<(), CodedError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::from)?;
        let connection = connection.acquire().await.map_err(StoreError::from)?;
        refuse_powerful_role(connection).await?;
        migrate::check_version(connection).await
    }

    /// Closes the pool.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn refuse_powerful_role(connection: &mut PgConnection) -> Result<(), CodedError> {
    let row = sqlx::query(
        "SELECT current_user::text AS role,
                bool_or(r.rolsuper) AS is_super, bool_or(r.rolbypassrls) AS bypasses,
                (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm')
                    AND pg_has_role(current_user, c.relowner, 'MEMBER')) AS owned
         FROM pg_roles r WHERE pg_has_role(current_user, r.oid, 'MEMBER')",
    )
    .fetch_one(connection)
    .await
    .map_err(StoreError::from)?;
    let reason = if flag(&row, "is_super")? {
        "SUPERUSER"
    } else if flag(&row, "bypasses")? {
        "BYPASSRLS"
    } else if number(&row, "owned")? > 0 {
        "OWNER"
    } else {
        return Ok(());
    };
    Err(
        CodedError::new(ErrorKind::Forbidden, "hub.role_too_powerful")
            .with("role", text(&row, "role")?)
            .with("reason", reason),
    )
}

impl Tx {
    /// The connection, for one statement.
    pub(crate) fn on(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    pub(crate) async fn commit(self) -> Stored<()> {
        Ok(self.inner.commit().await?)
    }
}

fn get<'r, T>(row: &'r PgRow, column: &str) -> Stored<T>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    Ok(row.try_get(column)?)
}

fn text(row: &PgRow, column: &str) -> Stored<String> {
    get(row, column)
}

fn flag(row: &PgRow, column: &str) -> Stored<bool> {
    get(row, column)
}

fn number(row: &PgRow, column: &str) -> Stored<i64> {
    get(row, column)
}

fn id(row: &PgRow, column: &str) -> Stored<Uuid> {
    get::<Uid>(row, column).map(|uid| uid.0)
}

fn time(row: &PgRow, column: &str) -> Stored<iq_domain::Timestamp> {
    number(row, column).map(iq_domain::Timestamp)
}

fn time_or_none(row: &PgRow, column: &str) -> Stored<Option<iq_domain::Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(iq_domain::Timestamp))
}

/// A count as answers carry it.
fn count(row: &PgRow, column: &str) -> Stored<u64> {
    Ok(u64::try_from(number(row, column)?).unwrap_or(0))
}

/// A word of the database as one of ours; the checks of the tables allow no other.
fn word<T: FromStr>(row: &PgRow, column: &str) -> Stored<T> {
    let found = text(row, column)?;
    found
        .parse()
        .map_err(|_| StoreError::Internal(format!("{column} holds {found}")))
}

/// JSON kept in a column that was selected as text.
fn json(row: &PgRow, column: &str) -> Stored<serde_json::Value> {
    serde_json::from_str(&text(row, column)?)
        .map_err(|error| StoreError::Internal(format!("{column}: {error}")))
}
