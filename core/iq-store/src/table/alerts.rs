//! Alerts: one row per activation, from raising to clearing. Each change also has an event of its own,
//! which is the record; the row is the summary.

use iq_domain::{
    Alert, AlertId, AlertRecord, AlertState, AssetId, CodedError, IncidentId, RuleId, Severity,
    SignalId, TenantId, Timestamp,
};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

const SELECT: &str = "SELECT tenant_id, id, asset_id, signal_id, rule_id, severity, state, code, \
    params, activated_at, acknowledged_at, acknowledged_by, comment, cleared_at, incident_id, \
    recorded_at, cleared_recorded_at, before_worse FROM alerts";

/// Which alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertFilter {
    /// In one of these states; empty for all.
    pub states: Vec<AlertState>,
    /// Of one of these severities; empty for all.
    pub severities: Vec<Severity>,
    /// Of one of these assets; empty for all.
    pub asset_ids: Vec<AssetId>,
    /// On this signal.
    pub signal_id: Option<SignalId>,
    /// Belonging to this incident.
    pub incident_id: Option<IncidentId>,
    /// Raised at or after.
    pub from: Option<Timestamp>,
    /// Raised before.
    pub to: Option<Timestamp>,
    /// Active at this moment: raised at or before it and not cleared until after it.
    pub active_at: Option<Timestamp>,
    /// Only what had been written down by then; with `active_at`, a clearing written down later did not
    /// end it yet.
    pub known_at: Option<Timestamp>,
}

fn read(r: &Row<'_>) -> rusqlite::Result<Alert> {
    Ok(Alert {
        id: row::id(r, "id")?,
        tenant_id: row::id(r, "tenant_id")?,
        asset_id: row::id(r, "asset_id")?,
        signal_id: row::id_opt(r, "signal_id")?,
        rule_id: row::id_opt(r, "rule_id")?,
        severity: row::word(r, "severity")?,
        state: row::word(r, "state")?,
        code: r.get("code")?,
        params: row::json(r, "params")?,
        activated_at: row::time(r, "activated_at")?,
        acknowledged_at: row::time_opt(r, "acknowledged_at")?,
        acknowledged_by: r.get("acknowledged_by")?,
        comment: r.get("comment")?,
        cleared_at: row::time_opt(r, "cleared_at")?,
        incident_id: row::id_opt(r, "incident_id")?,
        record: AlertRecord {
            raised_at: row::time_opt(r, "recorded_at")?,
            cleared_at: row::time_opt(r, "cleared_recorded_at")?,
            before: match r.get::<_, Option<String>>("before_worse")? {
                Some(_) => Some(row::json(r, "before_worse")?),
                None => None,
            },
        },
    })
}

fn write(conn: &Connection, tenant: TenantId, alert: &Alert, sql: &str) -> Result<(), StoreError> {
    row::same_tenant(tenant, alert.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            alert.id.to_string(),
            alert.asset_id.to_string(),
            alert.signal_id.map(|id| id.to_string()),
            alert.rule_id.map(|id| id.to_string()),
            row::to_word(&alert.severity)?,
            row::to_word(&alert.state)?,
            alert.code,
            row::to_json(&alert.params)?,
            alert.activated_at.0,
            alert.acknowledged_at.map(|t| t.0),
            alert.acknowledged_by,
            alert.comment,
            alert.cleared_at.map(|t| t.0),
            alert.incident_id.map(|id| id.to_string()),
            alert.record.raised_at.map(|t| t.0),
            alert.record.cleared_at.map(|t| t.0),
            alert.record.before.as_ref().map(row::to_json).transpose()?
        ],
    )
    .map_err(|e| e.or_taken(CodedError::conflict("alerts.exists")))
}

/// Creates an alert.
pub fn create_alert(conn: &Connection, tenant: TenantId, alert: &Alert) -> Result<(), StoreError> {
    let sql = "INSERT INTO alerts (tenant_id, id, asset_id, signal_id, rule_id, severity, state,
               code, params, activated_at, acknowledged_at, acknowledged_by, comment, cleared_at,
               incident_id, recorded_at, cleared_recorded_at, before_worse)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    write(conn, tenant, alert, sql)
}

/// The alert, if this tenant has it.
pub fn get_alert(
    conn: &Connection,
    tenant: TenantId,
    id: AlertId,
) -> Result<Option<Alert>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), id.to_string()],
        read,
    )
}

/// The newest alert of a rule that has not cleared, if there is one.
pub fn get_active_alert_of_rule(
    conn: &Connection,
    tenant: TenantId,
    rule: RuleId,
) -> Result<Option<Alert>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE tenant_id = ? AND rule_id = ? AND state <> 'cleared'
         AND cleared_at IS NULL ORDER BY activated_at DESC, id DESC LIMIT 1"
    );
    query::find(
        conn,
        &sql,
        params![tenant.to_string(), rule.to_string()],
        read,
    )
}

fn filtered(tenant: TenantId, filter: &AlertFilter) -> Result<Where, StoreError> {
    let words = |states: &[AlertState]| states.iter().map(row::to_word).collect::<Result<_, _>>();
    let severities = filter
        .severities
        .iter()
        .map(row::to_word)
        .collect::<Result<_, _>>()?;
    let mut wanted = Where::tenant(tenant);
    wanted
        .any("state", words(&filter.states)?)
        .any("severity", severities)
        .any(
            "asset_id",
            filter.asset_ids.iter().map(ToString::to_string).collect(),
        )
        .maybe("signal_id = ?", filter.signal_id.map(|id| id.to_string()))
        .maybe(
            "incident_id = ?",
            filter.incident_id.map(|id| id.to_string()),
        )
        .within("activated_at", filter.from, filter.to)
        .maybe("activated_at <= ?", filter.active_at.map(|t| t.0))
        .maybe(
            "COALESCE(recorded_at, activated_at) <= ?",
            filter.known_at.map(|t| t.0),
        );
    if let Some(at) = filter.active_at {
        let known = filter.known_at.map_or(i64::MAX, |t| t.0);
        wanted.and(
            "cleared_at IS NULL OR cleared_at > ? OR COALESCE(cleared_recorded_at, cleared_at) > ?",
            [at.0.into(), known.into()],
        );
    }
    Ok(wanted)
}

/// A page of alerts, newest activation first.
pub fn list_alerts(
    conn: &Connection,
    tenant: TenantId,
    filter: &AlertFilter,
    page: Page,
) -> Result<Paged<Alert>, StoreError> {
    let order = (SELECT, "activated_at DESC, id DESC");
    filtered(tenant, filter)?.page(conn, "alerts", order, page, read)
}

/// All alerts active at a moment, of every asset, newest first, each as it stood then; with `known_at`,
/// as far as it had been written down by then.
pub fn list_alerts_active_at(
    conn: &Connection,
    tenant: TenantId,
    at: Timestamp,
    known_at: Option<Timestamp>,
) -> Result<Vec<Alert>, StoreError> {
    let filter = AlertFilter {
        active_at: Some(at),
        known_at,
        ..AlertFilter::default()
    };
    let rows = filtered(tenant, &filter)?.list(conn, SELECT, "activated_at DESC, id DESC", read)?;
    Ok(rows
        .into_iter()
        .filter_map(|alert| alert.as_of(at, known_at))
        .collect())
}

/// All alerts that are not over: active, or cleared and still to be acknowledged.
pub fn list_open_alerts(conn: &Connection, tenant: TenantId) -> Result<Vec<Alert>, StoreError> {
    Where::tenant(tenant).and("state <> 'cleared'", []).list(
        conn,
        SELECT,
        "activated_at DESC, id DESC",
        read,
    )
}

/// Assets with a critical alert that stands.
pub fn list_critical_assets(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<AssetId>, StoreError> {
    let sql = "SELECT DISTINCT asset_id FROM alerts WHERE tenant_id = ? AND state <> 'cleared'
               AND cleared_at IS NULL AND severity = 'critical'";
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_map(params![tenant.to_string()], |r| row::id(r, "asset_id"))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Since when a tenant's values are watched: since its first source, or an alert found in the past.
pub fn get_watched_since(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT min(t) FROM (
                 SELECT min(activated_at) AS t FROM alerts WHERE tenant_id = ?1
                 UNION ALL SELECT min(created_at) FROM integrations WHERE tenant_id = ?1)";
    let mut statement = conn.prepare_cached(sql)?;
    let first: Option<i64> = statement.query_row([tenant.to_string()], |r| r.get(0))?;
    Ok(first.map(Timestamp))
}

/// How many alerts match.
pub fn count_alerts(
    conn: &Connection,
    tenant: TenantId,
    filter: &AlertFilter,
) -> Result<u64, StoreError> {
    filtered(tenant, filter)?.count(conn, "alerts")
}

/// Changes an alert.
pub fn update_alert(conn: &Connection, tenant: TenantId, alert: &Alert) -> Result<(), StoreError> {
    let sql = "UPDATE alerts SET asset_id = ?3, signal_id = ?4, rule_id = ?5, severity = ?6,
               state = ?7, code = ?8, params = ?9, activated_at = ?10, acknowledged_at = ?11,
               acknowledged_by = ?12, comment = ?13, cleared_at = ?14, incident_id = ?15,
               recorded_at = ?16, cleared_recorded_at = ?17, before_worse = ?18
               WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, alert, sql)
}
