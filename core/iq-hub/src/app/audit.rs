//! Reading the audit.

use iq_api_types::{HubAuditRow, Page};
use iq_domain::TenantId;

use crate::{failure::Answer, state::Hub, store::audit};

/// Of one tenant, by its own transaction.
pub(crate) async fn list_own(
    hub: &Hub,
    tenant: TenantId,
    page: (u32, u32),
) -> Answer<Page<HubAuditRow>> {
    let mut tx = hub.store.tenant(tenant).await?;
    Ok(audit::list(&mut tx, Some(tenant), page).await?)
}

/// Of all tenants, or one of them.
pub(crate) async fn list_all(
    hub: &Hub,
    tenant: Option<TenantId>,
    page: (u32, u32),
) -> Answer<Page<HubAuditRow>> {
    let mut tx = hub.store.platform().await?;
    Ok(audit::list(&mut tx, tenant, page).await?)
}
