//! Rebuilds the plant in memory after a change and tells those who work from it.

use std::sync::Arc;

use iq_domain::{CodedError, TenantId};
use iq_store::{
    Connection, StoreError, alert_rules, all_rows, assets, integrations, mappings, signals, sites,
    tenants, units,
};

use crate::{Inner, PlantIndex, Runtime, TenantIndex, flow::FlowMessage, index::TenantRows};

impl Runtime {
    /// To be called after sites, units, assets or mappings of a tenant have changed.
    pub async fn plant_changed(&self, tenant: TenantId) -> Result<(), CodedError> {
        self.0.reload(tenant).await?;
        self.0.supervisor.update_tags(&self.0, tenant).await;
        Ok(())
    }

    /// To be called after alert rules of a tenant have changed.
    pub async fn rules_changed(&self, tenant: TenantId) -> Result<(), CodedError> {
        self.0.reload(tenant).await?;
        // A closed channel means the program is closing.
        drop(
            self.0
                .flow
                .send(FlowMessage::RulesChanged { tenant_id: tenant })
                .await,
        );
        Ok(())
    }
}

impl TenantIndex {
    /// Reads the plants of all tenants from a store that nobody serves.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn read_all(conn: &Connection) -> Result<Vec<Self>, StoreError> {
        let all = tenants::list_tenants(conn)?;
        let rows = all
            .into_iter()
            .map(|t| rows_of(conn, t.id))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().flatten().map(Self::build).collect())
    }
}

impl Inner {
    /// Reads all tenants.
    pub(crate) async fn reload_all(&self) -> Result<(), CodedError> {
        let rows = self
            .store
            .read(|conn| {
                let all = tenants::list_tenants(conn)?;
                all.into_iter()
                    .map(|t| rows_of(conn, t.id))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let tenants = rows
            .into_iter()
            .flatten()
            .map(|rows| (rows.tenant.id, Arc::new(TenantIndex::build(rows))))
            .collect();
        self.index.replace(PlantIndex { tenants });
        Ok(())
    }

    /// Reads one tenant again.
    pub(crate) async fn reload(&self, tenant: TenantId) -> Result<(), CodedError> {
        // Two changes at once must not put an older reading over a newer one.
        let _turn = self.reloading.lock().await;
        let rows = self.store.read(move |conn| rows_of(conn, tenant)).await?;
        let mut tenants = self.index.load().tenants.clone();
        match rows {
            Some(rows) => tenants.insert(tenant, Arc::new(TenantIndex::build(rows))),
            None => tenants.remove(&tenant),
        };
        self.index.replace(PlantIndex { tenants });
        Ok(())
    }
}

fn rows_of(conn: &Connection, id: TenantId) -> Result<Option<TenantRows>, StoreError> {
    let Some(tenant) = tenants::get_tenant(conn, id)? else {
        return Ok(None);
    };
    Ok(Some(TenantRows {
        tenant,
        sites: sites::list_sites(conn, id)?,
        units: units::list_units(conn, id, None)?,
        assets: all_rows(|page| assets::list_assets(conn, id, &Default::default(), page))?,
        signals: signals::list_signals(conn, id, None)?,
        integrations: integrations::list_integrations(conn, id)?,
        mappings: all_rows(|page| mappings::list_mappings(conn, id, &Default::default(), page))?,
        rules: alert_rules::list_alert_rules(conn, id, &Default::default())?,
    }))
}
