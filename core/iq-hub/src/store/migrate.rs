//! Migrations: `migrations/hub/NNNN_what.sql`, each once, in order, in a transaction of its own, run
//! by the role that owns the tables. Steps only add; an older program refuses a newer schema.

use iq_config::Database;
use iq_domain::{Clock, CodedError, ErrorKind};
use sqlx::{Connection, PgConnection, Row};

use super::StoreError;

/// All steps.
const STEPS: &[(i32, &str, &str)] = &[
    (
        1,
        "directory",
        include_str!("../../../../migrations/hub/0001_directory.sql"),
    ),
    (
        2,
        "sync",
        include_str!("../../../../migrations/hub/0002_sync.sql"),
    ),
    (
        3,
        "headquarters",
        include_str!("../../../../migrations/hub/0003_headquarters.sql"),
    ),
    (
        4,
        "figures",
        include_str!("../../../../migrations/hub/0004_figures.sql"),
    ),
    (
        5,
        "sso",
        include_str!("../../../../migrations/hub/0005_sso.sql"),
    ),
    (
        6,
        "raw",
        include_str!("../../../../migrations/hub/0006_raw.sql"),
    ),
    (
        7,
        "series_kept",
        include_str!("../../../../migrations/hub/0007_series_kept.sql"),
    ),
    (
        8,
        "sign_in_rules",
        include_str!("../../../../migrations/hub/0008_sign_in_rules.sql"),
    ),
    (
        9,
        "appliance_limits",
        include_str!("../../../../migrations/hub/0009_appliance_limits.sql"),
    ),
    (
        10,
        "courier",
        include_str!("../../../../migrations/hub/0010_courier.sql"),
    ),
];

/// Two programs must not migrate at once; any number will do, as long as it is always this one.
const MIGRATION_LOCK: i64 = 0x6f70_7472_6961;

/// What is known of the steps: no tenant's data, so its policy lets everybody read.
const LEDGER: &str = "
CREATE TABLE IF NOT EXISTS migrations (
  step integer PRIMARY KEY, name text NOT NULL, applied_at_ms bigint NOT NULL);
ALTER TABLE migrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE migrations FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_policies WHERE tablename = 'migrations') THEN
    CREATE POLICY steps ON migrations USING (true);
  END IF;
END $$;
";

/// Brings a database up to date; returns the steps it took.
///
/// # Errors
/// When the database can't be reached, the role may not create tables, or the schema is newer.
pub async fn migrate(
    database: &Database,
    clock: &dyn Clock,
) -> Result<Vec<&'static str>, CodedError> {
    let mut connection = PgConnection::connect(database.url.expose())
        .await
        .map_err(StoreError::from)
        .map_err(logged)?;
    if !may_make_tables(&mut connection).await.map_err(logged)? {
        return Err(CodedError::new(
            ErrorKind::Forbidden,
            "hub.migrate_not_owner",
        ));
    }
    let taken = steps(&mut connection, clock).await.map_err(logged)?;
    connection.close().await.map_err(StoreError::from)?;
    Ok(taken)
}

fn logged(error: StoreError) -> CodedError {
    tracing::error!(%error, "The migration failed.");
    error.into()
}

/// The serving role may not: whoever migrates with its address is told so by name.
async fn may_make_tables(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let sql = "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may";
    let row = sqlx::query(sql).fetch_one(connection).await?;
    Ok(row.try_get("may")?)
}

async fn steps(
    connection: &mut PgConnection,
    clock: &dyn Clock,
) -> Result<Vec<&'static str>, StoreError> {
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *connection)
        .await?;
    sqlx::raw_sql(LEDGER).execute(&mut *connection).await?;
    let done = applied(connection).await?;
    let mut taken = Vec::new();
    for (step, name, sql) in STEPS.iter().filter(|(step, ..)| *step > done) {
        let mut tx = connection.begin().await?;
        sqlx::raw_sql(*sql).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO migrations (step, name, applied_at_ms) VALUES ($1, $2, $3)")
            .bind(step)
            .bind(name)
            .bind(clock.now().0)
            .execute(&mut *tx)
            .await?;
        // The role is made by the first step.
        sqlx::raw_sql("GRANT SELECT ON migrations TO optria_hub")
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        taken.push(*name);
    }
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *connection)
        .await?;
    Ok(taken)
}

async fn applied(connection: &mut PgConnection) -> Result<i32, StoreError> {
    let row = sqlx::query("SELECT coalesce(max(step), 0) AS step FROM migrations")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get("step")?)
}

/// Refuses a schema that is not this program's.
pub(super) async fn check_version(connection: &mut PgConnection) -> Result<(), CodedError> {
    let known = STEPS.last().map_or(0, |(step, ..)| *step);
    // Without the table nothing was ever migrated here.
    let found = applied(connection).await.unwrap_or(0);
    let code = match found.cmp(&known) {
        std::cmp::Ordering::Equal => return Ok(()),
        std::cmp::Ordering::Less => "hub.schema_older",
        std::cmp::Ordering::Greater => "hub.schema_newer",
    };
    Err(schema(code).with("found", found).with("known", known))
}

fn schema(code: &'static str) -> CodedError {
    CodedError::new(ErrorKind::Unavailable, code)
}
