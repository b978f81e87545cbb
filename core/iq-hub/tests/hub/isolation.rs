//! The attack matrix on row-level security, and the catalogue that must stay as it is.

use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row};

use crate::rig::Rig;

const A: &str = "0197a000-0000-7000-8000-00000000000a";
const B: &str = "0197a000-0000-7000-8000-00000000000b";
const USER_B: &str = "0197a000-0000-7000-8000-0000000000b1";

/// Everything in the schema that would let one tenant meet another; nothing when all is well.
const CATALOGUE: &str = "
SELECT 'row security: ' || c.relname AS finding FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
UNION ALL
SELECT 'no policy: ' || c.relname FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
UNION ALL
SELECT 'policy without the tenant: ' || c.relname || '.' || p.polname
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  WHERE c.relname <> 'migrations' AND p.polname = 'own_tenant' AND (p.polcmd <> '*'
    OR pg_get_expr(p.polqual, p.polrelid) NOT LIKE '%tenant_id = (NULLIF(current_setting(''app.tenant''%'
    OR pg_get_expr(p.polwithcheck, p.polrelid) NOT LIKE '%tenant_id = (NULLIF(current_setting(''app.tenant''%')
UNION ALL
SELECT 'a second policy that writes: ' || c.relname || '.' || p.polname
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  WHERE c.relname <> 'migrations' AND p.polname <> 'own_tenant' AND p.polcmd <> 'r'
    -- A restrictive one only narrows.
    AND p.polpermissive
UNION ALL
SELECT 'key: ' || c.relname || '.' || i.relname
  FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
  WHERE c.relnamespace = 'public'::regnamespace AND x.indisunique AND c.relname <> 'migrations'
    AND coalesce((SELECT a.attname FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum = x.indkey[0]), '') <> 'tenant_id'
UNION ALL
SELECT 'no primary key: ' || c.relname FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary)
UNION ALL
SELECT 'foreign key: ' || c.relname || '.' || k.conname
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace
    AND (SELECT a.attname FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum = k.conkey[1]) <> 'tenant_id'
UNION ALL
SELECT 'view or materialised view: ' || c.relname FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND (c.relkind = 'm' OR (c.relkind = 'v'
    AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)))
UNION ALL
SELECT 'definer function: ' || p.proname FROM pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
UNION ALL
SELECT 'grant: ' || g.table_name || ' ' || g.privilege_type FROM information_schema.table_privileges g
  WHERE g.table_schema = 'public' AND g.grantee IN ('optria_hub', 'PUBLIC')
    AND g.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')
UNION ALL
SELECT 'may edit: ' || g.table_name || ' ' || g.privilege_type FROM information_schema.table_privileges g
  WHERE g.table_schema = 'public' AND g.grantee = 'optria_hub'
    AND g.table_name IN ('audit', 'changes', 'signing_keys', 'sync_log', 'migrations')
    AND g.privilege_type IN ('UPDATE', 'DELETE')
UNION ALL
SELECT 'may edit: raw_log UPDATE' WHERE has_any_column_privilege('optria_hub', 'raw_log', 'UPDATE')
UNION ALL
SELECT 'series of any age may go: raw_log' WHERE NOT EXISTS (SELECT FROM pg_policy p
  WHERE p.polrelid = 'raw_log'::regclass AND p.polcmd = 'd' AND NOT p.polpermissive)
ORDER BY 1";

async fn findings(connection: &mut PgConnection) -> Result<Vec<String>> {
    let rows = sqlx::query(CATALOGUE).fetch_all(connection).await?;
    Ok(rows
        .iter()
        .map(|row| row.get::<String, _>("finding"))
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_has_nothing_that_lets_tenants_meet() -> Result<()> {
    let rig = Rig::new().await?;
    let pool = rig.pool_of_one("hub_owner", "owner-7").await?;
    let mut connection = pool.acquire().await?;
    assert_eq!(findings(&mut connection).await?, Vec::<String>::new());
    // Each kind of slip is found: without this the query above could be blind.
    for (slip, expected) in [
        (
            "CREATE TABLE x (tenant_id uuid PRIMARY KEY)",
            "row security: x",
        ),
        (
            "CREATE TABLE x (tenant_id uuid PRIMARY KEY)",
            "no policy: x",
        ),
        (
            "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
            "row security: users",
        ),
        ("CREATE UNIQUE INDEX x ON users (user_id)", "key: users.x"),
        (
            "CREATE UNIQUE INDEX x ON users (lower(username))",
            "key: users.x",
        ),
        ("CREATE TABLE x (tenant_id uuid)", "no primary key: x"),
        (
            "CREATE UNIQUE INDEX y ON appliances (appliance_id);
             CREATE TABLE x (tenant_id uuid, a uuid REFERENCES appliances (appliance_id))",
            "foreign key: x.x_a_fkey",
        ),
        (
            "CREATE MATERIALIZED VIEW x AS SELECT 1",
            "view or materialised view: x",
        ),
        (
            "CREATE VIEW x AS SELECT * FROM users",
            "view or materialised view: x",
        ),
        (
            "CREATE FUNCTION x() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "definer function: x",
        ),
        (
            "GRANT TRUNCATE ON users TO optria_hub",
            "grant: users TRUNCATE",
        ),
        (
            "GRANT UPDATE ON audit TO optria_hub",
            "may edit: audit UPDATE",
        ),
        (
            "GRANT UPDATE ON raw_log TO optria_hub",
            "may edit: raw_log UPDATE",
        ),
        (
            "DROP POLICY past_its_time ON raw_log",
            "series of any age may go: raw_log",
        ),
        (
            "CREATE POLICY x ON users USING (true)",
            "a second policy that writes: users.x",
        ),
        (
            "DROP POLICY own_tenant ON users; CREATE POLICY own_tenant ON users USING (true)",
            "policy without the tenant: users.own_tenant",
        ),
    ] {
        let mut tx = connection.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(slip)).execute(&mut *tx).await?;
        let found = findings(&mut tx).await?;
        assert!(found.iter().any(|f| f == expected), "{slip}: {found:?}");
        tx.rollback().await?;
    }
    Ok(())
}

/// Two tenants with a user and an appliance each, made as the serving role.
async fn two_tenants(pool: &PgPool) -> Result<()> {
    for (tenant, code, user) in [
        (A, "a", "0197a000-0000-7000-8000-0000000000a1"),
        (B, "b", USER_B),
    ] {
        let code = format!("{code}{code}");
        let mut tx = bound(pool, tenant).await?;
        for statement in [
            format!(
                "INSERT INTO tenants (tenant_id, code, name_en, name_ar, kind, created_at_ms)
                 VALUES ('{tenant}', '{code}', 'n', 'n', 'customer', 0)"
            ),
            format!(
                "INSERT INTO users (tenant_id, user_id, username, name, role, auth_source, created_at_ms)
                 VALUES ('{tenant}', '{user}', 'u', 'n', 'viewer', 'local', 0)"
            ),
            format!(
                "INSERT INTO user_credentials (tenant_id, user_id, password_hash)
                 VALUES ('{tenant}', '{user}', 'canary-of-{code}')"
            ),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn bound(pool: &PgPool, tenant: &str) -> Result<sqlx::Transaction<'static, sqlx::Postgres>> {
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT set_config('app.tenant', $1, true)")
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

async fn count(connection: &mut PgConnection, sql: &str) -> Result<i64, sqlx::Error> {
    let row = sqlx::query(AssertSqlSafe(format!("SELECT count(*) FROM {sql}")))
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}

/// The message a statement fails with.
async fn refused(connection: &mut PgConnection, sql: &str) -> String {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await;
    match done {
        Ok(done) => format!("accepted, {} rows", done.rows_affected()),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anything_without_a_tenant_not_even_after_somebody_else() -> Result<()> {
    let rig = Rig::new().await?;
    let pool = rig.pool_of_one("optria_hub", "hub-7").await?;
    two_tenants(&pool).await?;
    let mut fresh = rig
        .pool_of_one("optria_hub", "hub-7")
        .await?
        .acquire()
        .await?;
    assert_eq!(count(&mut fresh, "users").await?, 0, "never set");
    // The one connection has served A and B: what they set is gone, and '' is no error.
    let mut reused = pool.acquire().await?;
    assert_eq!(count(&mut reused, "users").await?, 0, "set before");
    drop(reused);
    let mut tx = bound(&pool, A).await?;
    assert_eq!(count(&mut tx, "users").await?, 1);
    tx.rollback().await?;
    let mut reused = pool.acquire().await?;
    assert_eq!(count(&mut reused, "users").await?, 0, "after a rollback");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_reaches_no_row_of_another_by_any_statement() -> Result<()> {
    let rig = Rig::new().await?;
    let pool = rig.pool_of_one("optria_hub", "hub-7").await?;
    two_tenants(&pool).await?;
    let mut tx = bound(&pool, A).await?;
    for table in ["tenants", "users", "user_credentials"] {
        assert_eq!(count(&mut tx, table).await?, 1, "{table}");
        let other = format!("{table} WHERE tenant_id = '{B}'");
        assert_eq!(count(&mut tx, &other).await?, 0, "{table}");
    }
    // A condition with a side effect runs on own rows only: no division by another's zero.
    assert_eq!(
        count(
            &mut tx,
            "users WHERE 1 / (CASE WHEN tenant_id::text LIKE '%b' THEN 0 ELSE 1 END) = 1"
        )
        .await?,
        1
    );
    for silent in [
        format!("UPDATE users SET name = 'x' WHERE tenant_id = '{B}'"),
        format!("UPDATE user_credentials SET password_hash = 'x' WHERE user_id = '{USER_B}'"),
        format!("DELETE FROM sessions WHERE tenant_id = '{B}'"),
    ] {
        assert_eq!(
            refused(&mut tx, &silent).await,
            "accepted, 0 rows",
            "{silent}"
        );
    }
    tx.rollback().await?;
    for (attack, words) in [
        (
            format!(
                "INSERT INTO users (tenant_id, user_id, username, name, role, auth_source, created_at_ms)
                 VALUES ('{B}', gen_random_uuid(), 'v', 'n', 'viewer', 'local', 0)"
            ),
            "violates row-level security policy",
        ),
        (
            format!("UPDATE users SET tenant_id = '{B}'"),
            "violates row-level security policy",
        ),
        // B's user as a reference of A's row: the key is composite, so there is no such user.
        (
            format!(
                "INSERT INTO sessions (tenant_id, session_id, user_id, token_hash, created_at_ms,
                   last_seen_at_ms, expires_at_ms)
                 VALUES ('{A}', gen_random_uuid(), '{USER_B}', decode(repeat('00', 32), 'hex'), 0, 0, 0)"
            ),
            "violates foreign key constraint",
        ),
        ("TRUNCATE users CASCADE".to_owned(), "permission denied"),
        ("DROP TABLE audit".to_owned(), "must be owner"),
        ("ALTER TABLE users DISABLE ROW LEVEL SECURITY".to_owned(), "must be owner"),
        ("CREATE POLICY x ON users USING (true)".to_owned(), "must be owner"),
        ("UPDATE audit SET actor = 'x'".to_owned(), "permission denied"),
        ("DELETE FROM audit".to_owned(), "permission denied"),
        ("SET ROLE hub_owner".to_owned(), "permission denied"),
        ("CREATE TABLE loot AS SELECT * FROM users".to_owned(), "permission denied"),
        // Nobody becomes platform owner in a customer's tenant, whatever a program does.
        (
            "UPDATE users SET role = 'platform_owner'".to_owned(),
            "violates check constraint",
        ),
    ] {
        let mut tx = bound(&pool, A).await?;
        let said = refused(&mut tx, &attack).await;
        assert!(said.contains(words), "{attack}: {said}");
        tx.rollback().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_another_tenant_has_is_free_and_tells_nothing() -> Result<()> {
    let rig = Rig::new().await?;
    let pool = rig.pool_of_one("optria_hub", "hub-7").await?;
    two_tenants(&pool).await?;
    let mut tx = bound(&pool, A).await?;
    // Were the key not tenant-first, DO NOTHING would drop A's row without a word.
    let insert = format!(
        "INSERT INTO users (tenant_id, user_id, username, name, role, auth_source, created_at_ms)
         VALUES ('{A}', '{USER_B}', 'v', 'n', 'viewer', 'local', 0) ON CONFLICT DO NOTHING"
    );
    assert_eq!(refused(&mut tx, &insert).await, "accepted, 1 rows");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn even_the_owner_of_the_tables_is_bound_and_views_follow() -> Result<()> {
    let rig = Rig::new().await?;
    let pool = rig.pool_of_one("optria_hub", "hub-7").await?;
    two_tenants(&pool).await?;
    let owner = rig.pool_of_one("hub_owner", "owner-7").await?;
    let mut connection = owner.acquire().await?;
    assert_eq!(count(&mut connection, "users").await?, 0, "no tenant");
    drop(connection);
    let mut tx = bound(&owner, A).await?;
    assert_eq!(count(&mut tx, "users").await?, 1);
    sqlx::raw_sql("CREATE VIEW everybody AS SELECT * FROM users")
        .execute(&mut *tx)
        .await?;
    sqlx::raw_sql(
        "CREATE FUNCTION everybody_too() RETURNS bigint LANGUAGE sql SECURITY DEFINER
         AS 'SELECT count(*) FROM users'",
    )
    .execute(&mut *tx)
    .await?;
    assert_eq!(count(&mut tx, "everybody").await?, 1);
    assert_eq!(
        count(&mut tx, "everybody WHERE everybody_too() = 1").await?,
        1
    );
    tx.rollback().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_reads_the_directory_and_nothing_else() -> Result<()> {
    let rig = Rig::new().await?;
    let pool = rig.pool_of_one("optria_hub", "hub-7").await?;
    two_tenants(&pool).await?;
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT set_config('app.platform', 'on', true)")
        .execute(&mut *tx)
        .await?;
    assert_eq!(count(&mut tx, "users").await?, 2);
    let tables = sqlx::query(
        "SELECT relname::text AS name FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    )
    .fetch_all(&mut *tx)
    .await?;
    // The directory, and what every table of the schema must be if it is not: closed.
    let open: Vec<String> = sqlx::query(
        "SELECT tablename::text AS name FROM pg_policies
         WHERE policyname = 'platform_reads' AND cmd = 'SELECT' ORDER BY 1",
    )
    .fetch_all(&mut *tx)
    .await?
    .iter()
    .map(|row| row.get("name"))
    .collect();
    assert_eq!(open, ["appliances", "audit", "tenants", "users"]);
    for table in &tables {
        let name: String = table.get("name");
        if !open.contains(&name) && name != "migrations" {
            assert_eq!(count(&mut tx, &name).await?, 0, "{name}");
        }
    }
    let said = refused(&mut tx, "UPDATE users SET name = 'x'").await;
    assert_eq!(said, "accepted, 0 rows");
    tx.rollback().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_opens_one_row_to_be_read() -> Result<()> {
    let rig = Rig::new().await?;
    let pool = rig.pool_of_one("optria_hub", "hub-7").await?;
    two_tenants(&pool).await?;
    for (lookup, seen) in [("tenant:aa", 1), ("tenant:zz", 0), ("tenant:%", 0), ("", 0)] {
        let mut tx = pool.begin().await?;
        sqlx::query("SELECT set_config('app.lookup', $1, true)")
            .bind(lookup)
            .execute(&mut *tx)
            .await?;
        assert_eq!(count(&mut tx, "tenants").await?, seen, "{lookup}");
        assert_eq!(count(&mut tx, "users").await?, 0, "{lookup}");
        let said = refused(&mut tx, "UPDATE tenants SET name_en = 'x'").await;
        assert_eq!(said, "accepted, 0 rows", "{lookup}");
        tx.rollback().await?;
    }
    Ok(())
}

/// The settings may be set in one place of the program, and only for a transaction.
#[test]
fn only_the_store_binds_a_transaction_and_never_a_session() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut folders = vec![std::path::PathBuf::from(root)];
    let mut places = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains(", false)\""), "{}", path.display());
            assert!(!text.contains("SET app."), "{}", path.display());
            // sqlx takes no text put together at run time unless it is asserted to be safe.
            assert!(!text.contains("AssertSqlSafe"), "{}", path.display());
            if text.contains("set_config(") {
                assert_eq!(
                    text.matches("set_config(").count(),
                    text.matches(", true)").count(),
                    "{}",
                    path.display()
                );
                places.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    places.sort();
    assert_eq!(places, ["store/mod.rs", "store/raw.rs", "store/tenants.rs"]);
}
