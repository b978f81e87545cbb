//! What a user prefers and what a tenant has set. The allowed words are the API's business.

use iq_domain::{CodedError, TenantId, UserId};
use rusqlite::{Connection, params};

use crate::{StoreError, query, row};

/// How a user wants to see the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSettings {
    /// "ar" or "en".
    pub language: String,
    /// "system", "light" or "dark".
    pub theme: String,
    /// "latn" or "arab".
    pub digits: String,
    /// "gregory" or "islamic-umalqura".
    pub calendar: String,
}

impl Default for UserSettings {
    fn default() -> Self {
        Self {
            language: "ar".to_owned(),
            theme: "system".to_owned(),
            digits: "latn".to_owned(),
            calendar: "gregory".to_owned(),
        }
    }
}

/// The user's settings, or the defaults.
pub fn get_user_settings(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
) -> Result<UserSettings, StoreError> {
    let sql = "SELECT language, theme, digits, calendar FROM user_settings
               WHERE tenant_id = ? AND user_id = ?";
    let args = params![tenant.to_string(), user.to_string()];
    let found = query::find(conn, sql, args, |r| {
        Ok(UserSettings {
            language: r.get("language")?,
            theme: r.get("theme")?,
            digits: r.get("digits")?,
            calendar: r.get("calendar")?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// Keeps the user's settings.
pub fn put_user_settings(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    settings: &UserSettings,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO user_settings (tenant_id, user_id, language, theme, digits, calendar)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO UPDATE SET language = ?3, theme = ?4, digits = ?5, calendar = ?6";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            user.to_string(),
            settings.language,
            settings.theme,
            settings.digits,
            settings.calendar
        ],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("users.not_found")))
}

/// A setting of the tenant.
pub fn get_tenant_setting(
    conn: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<Option<serde_json::Value>, StoreError> {
    let sql = "SELECT value FROM tenant_settings WHERE tenant_id = ? AND name = ?";
    query::find(conn, sql, params![tenant.to_string(), name], |r| {
        row::json(r, "value")
    })
}

/// All settings of the tenant, by name.
pub fn list_tenant_settings(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
    query::Where::tenant(tenant).list(
        conn,
        "SELECT name, value FROM tenant_settings",
        "name",
        |r| Ok((r.get("name")?, row::json(r, "value")?)),
    )
}

/// Keeps a setting of the tenant.
pub fn put_tenant_setting(
    conn: &Connection,
    tenant: TenantId,
    name: &str,
    value: &serde_json::Value,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO tenant_settings (tenant_id, name, value) VALUES (?1, ?2, ?3)
               ON CONFLICT DO UPDATE SET value = ?3";
    query::change_one(
        conn,
        sql,
        params![tenant.to_string(), name, row::to_json(value)?],
    )
    .map_err(|e| e.or_reference(CodedError::not_found("tenants.not_found")))
}

/// Forgets a setting of the tenant; says whether there was one.
pub fn delete_tenant_setting(
    conn: &Connection,
    tenant: TenantId,
    name: &str,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM tenant_settings WHERE tenant_id = ? AND name = ?";
    Ok(query::change(conn, sql, params![tenant.to_string(), name])? > 0)
}
