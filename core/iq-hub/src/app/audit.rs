//! Reading the audit.

use iq_api_types::{HubAuditRow, Page};
use iq_domain::{TenantId, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    failure::Answer,
    state::Hub,
    store::audit::{self, Wanted},
};

/// `?from=&to=&actor=&q=`
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
pub(crate) struct AuditFilter {
    /// At or after, UTC milliseconds.
    from: Option<i64>,
    /// Before, UTC milliseconds.
    to: Option<i64>,
    /// Part of who did it.
    #[serde(default)]
    actor: String,
    /// Part of actor, action, object, outcome, details or address.
    #[serde(default)]
    q: String,
}

fn wanted(tenant: Option<TenantId>, filter: AuditFilter) -> Wanted {
    // Postgres knows no NUL in a text, and nothing holds one.
    let plain = |text: String| text.replace('\0', "\u{fffd}");
    Wanted {
        tenant,
        from: filter.from.map(Timestamp),
        to: filter.to.map(Timestamp),
        actor: plain(filter.actor),
        text: plain(filter.q),
    }
}

/// Of one tenant, by its own transaction.
pub(crate) async fn list_own(
    hub: &Hub,
    tenant: TenantId,
    filter: AuditFilter,
    page: (u32, u32),
) -> Answer<Page<HubAuditRow>> {
    let mut tx = hub.store.tenant(tenant).await?;
    Ok(audit::list(&mut tx, &wanted(Some(tenant), filter), page).await?)
}

/// Of all tenants, or one of them.
pub(crate) async fn list_all(
    hub: &Hub,
    tenant: Option<TenantId>,
    filter: AuditFilter,
    page: (u32, u32),
) -> Answer<Page<HubAuditRow>> {
    let mut tx = hub.store.platform().await?;
    Ok(audit::list(&mut tx, &wanted(tenant, filter), page).await?)
}
