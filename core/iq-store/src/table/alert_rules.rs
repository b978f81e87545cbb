//! Alert rules on signals.

use iq_domain::{AlertRule, AssetId, CodedError, RuleId, SignalId, TenantId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, asset_id, signal_id, metric, condition, on_delay_s, \
    off_delay_s, deadband, is_enabled, is_confirmed, source FROM alert_rules";

/// Which rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleFilter {
    /// Of this asset.
    pub asset_id: Option<AssetId>,
    /// Of this signal.
    pub signal_id: Option<SignalId>,
    /// Evaluated or not.
    pub is_enabled: Option<bool>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<AlertRule> {
    Ok(AlertRule {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        asset_id: row::id(r, "asset_id")?,
        signal_id: row::id(r, "signal_id")?,
        metric: r.get("metric")?,
        condition: row::json(r, "condition")?,
        on_delay_s: r.get("on_delay_s")?,
        off_delay_s: r.get("off_delay_s")?,
        deadband: r.get("deadband")?,
        is_enabled: r.get("is_enabled")?,
        is_confirmed: r.get("is_confirmed")?,
        source: r.get("source")?,
    })
}

fn write(
    conn: &Connection,
    tenant: TenantId,
    rule: &AlertRule,
    sql: &str,
) -> Result<(), StoreError> {
    row::same_tenant(tenant, rule.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            rule.id.to_string(),
            rule.asset_id.to_string(),
            rule.signal_id.to_string(),
            rule.metric,
            row::to_json(&rule.condition)?,
            rule.on_delay_s,
            rule.off_delay_s,
            rule.deadband,
            rule.is_enabled,
            rule.is_confirmed,
            rule.source
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("signals.not_found")))
}

/// Creates a rule.
pub fn create_alert_rule(
    conn: &Connection,
    tenant: TenantId,
    rule: &AlertRule,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO alert_rules (tenant_id, id, asset_id, signal_id, metric, condition,
               on_delay_s, off_delay_s, deadband, is_enabled, is_confirmed, source)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    write(conn, tenant, rule, sql)
}

/// The rule, if this tenant has it.
pub fn get_alert_rule(
    conn: &Connection,
    tenant: TenantId,
    id: RuleId,
) -> Result<Option<AlertRule>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The rules, by asset and metric.
pub fn list_alert_rules(
    conn: &Connection,
    tenant: TenantId,
    filter: &RuleFilter,
) -> Result<Vec<AlertRule>, StoreError> {
    Where::tenant(tenant)
        .maybe("asset_id = ?", filter.asset_id.map(|id| id.to_string()))
        .maybe("signal_id = ?", filter.signal_id.map(|id| id.to_string()))
        .maybe("is_enabled = ?", filter.is_enabled)
        .list(conn, SELECT, "asset_id, metric, id", read)
}

/// Changes a rule.
pub fn update_alert_rule(
    conn: &Connection,
    tenant: TenantId,
    rule: &AlertRule,
) -> Result<(), StoreError> {
    let sql = "UPDATE alert_rules SET asset_id = ?3, signal_id = ?4, metric = ?5, condition = ?6,
               on_delay_s = ?7, off_delay_s = ?8, deadband = ?9, is_enabled = ?10,
               is_confirmed = ?11, source = ?12 WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, rule, sql)
}

/// Deletes a rule; alerts it raised stay.
pub fn delete_alert_rule(
    conn: &Connection,
    tenant: TenantId,
    id: RuleId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM alert_rules WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
}
