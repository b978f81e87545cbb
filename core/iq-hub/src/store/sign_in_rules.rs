//! How the people of a tenant sign in: through its providers alone, and who may come with a password then.

use iq_domain::{TenantId, Timestamp, UserId};

use super::{Stored, Tx, Uid, flag, get};

/// The rules of a tenant; passwords are an ordinary way in while there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) sso_only: bool,
    /// The one account with a password for an emergency.
    pub(crate) emergency_user: Option<UserId>,
}

pub(crate) async fn get_rules(tx: &mut Tx, tenant: TenantId) -> Stored<Rules> {
    let row = sqlx::query("SELECT * FROM sign_in_rules WHERE tenant_id = $1")
        .bind(Uid(tenant.0))
        .fetch_optional(tx.on())
        .await?;
    let Some(row) = row else {
        return Ok(Rules::default());
    };
    Ok(Rules {
        sso_only: flag(&row, "sso_only")?,
        emergency_user: get::<Option<Uid>>(&row, "emergency_user")?.map(|uid| UserId(uid.0)),
    })
}

/// The rules as they are in force: without a provider that is enabled there is no other way in.
pub(crate) async fn in_force(tx: &mut Tx, tenant: TenantId) -> Stored<Rules> {
    let rules = get_rules(tx, tenant).await?;
    if rules.sso_only && !has_provider(tx, tenant).await? {
        return Ok(Rules::default());
    }
    Ok(rules)
}

/// Whether people can come in through a provider.
pub(crate) async fn has_provider(tx: &mut Tx, tenant: TenantId) -> Stored<bool> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM identity_providers WHERE tenant_id = $1 AND is_enabled) AS has",
    )
    .bind(Uid(tenant.0))
    .fetch_one(tx.on())
    .await?;
    flag(&row, "has")
}

pub(crate) async fn put_rules(
    tx: &mut Tx,
    tenant: TenantId,
    rules: Rules,
    now: Timestamp,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO sign_in_rules (tenant_id, sso_only, emergency_user, changed_at_ms)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id) DO UPDATE SET sso_only = EXCLUDED.sso_only,
           emergency_user = EXCLUDED.emergency_user, changed_at_ms = EXCLUDED.changed_at_ms",
    )
    .bind(Uid(tenant.0))
    .bind(rules.sso_only)
    .bind(rules.emergency_user.map(|id| Uid(id.0)))
    .bind(now.0)
    .execute(tx.on())
    .await?;
    Ok(())
}
