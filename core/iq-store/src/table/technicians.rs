//! Technicians of a tenant.

use iq_domain::{CodedError, SiteId, Technician, TechnicianId, TenantId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};

use crate::{Page, Paged, StoreError, query, query::Where, row};

/// A technician as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct TechnicianRow {
    /// The person.
    pub technician: Technician,
    /// Personnel number, unique in the tenant.
    pub code: String,
    /// The account of the person, if there is one: it is told about assignments.
    pub user_id: Option<UserId>,
    /// Remark.
    pub note: String,
    /// Last change.
    pub changed_at: Timestamp,
}

/// Which technicians.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TechnicianFilter {
    /// Of this site.
    pub site_id: Option<SiteId>,
    /// With this skill.
    pub skill: Option<String>,
    /// Whether work may be given to them.
    pub is_active: Option<bool>,
    /// Occurs in personnel number, names, skills or certificates.
    pub text: Option<String>,
}

const SELECT: &str = "SELECT tenant_id, id, code, name, name_ar, site_id, user_id, skills, \
    certificates, shifts, absences, hourly_cost, is_active, note, changed_at FROM technicians";

fn read(r: &Row<'_>) -> rusqlite::Result<TechnicianRow> {
    Ok(TechnicianRow {
        technician: Technician {
            id: row::id(r, "id")?,
            tenant_id: row::id(r, "tenant_id")?,
            site_id: row::id(r, "site_id")?,
            names: row::names(r)?,
            skills: row::json(r, "skills")?,
            certificates: row::json(r, "certificates")?,
            shifts: row::json(r, "shifts")?,
            absences: row::json(r, "absences")?,
            hourly_cost: r.get("hourly_cost")?,
            is_active: r.get("is_active")?,
        },
        code: r.get("code")?,
        user_id: row::id_opt(r, "user_id")?,
        note: r.get("note")?,
        changed_at: row::time(r, "changed_at")?,
    })
}

fn write(
    conn: &Connection,
    tenant: TenantId,
    t: &TechnicianRow,
    sql: &str,
) -> Result<(), StoreError> {
    let person = &t.technician;
    row::same_tenant(tenant, person.tenant_id)?;
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            person.id.to_string(),
            t.code,
            person.names.en,
            person.names.ar,
            person.site_id.to_string(),
            t.user_id.map(|id| id.to_string()),
            row::to_json(&person.skills)?,
            row::to_json(&person.certificates)?,
            row::to_json(&person.shifts)?,
            row::to_json(&person.absences)?,
            person.hourly_cost,
            person.is_active,
            t.note,
            t.changed_at.0
        ],
    )
    .map_err(|e| {
        e.or_reference(CodedError::not_found("sites.not_found"))
            .or_taken(CodedError::conflict("technicians.code_taken").with("code", &t.code))
    })
}

/// Creates a technician.
pub fn create_technician(
    conn: &Connection,
    tenant: TenantId,
    technician: &TechnicianRow,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO technicians (tenant_id, id, code, name, name_ar, site_id, user_id,
               skills, certificates, shifts, absences, hourly_cost, is_active, note, changed_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    write(conn, tenant, technician, sql)
}

/// Changes a technician.
pub fn update_technician(
    conn: &Connection,
    tenant: TenantId,
    technician: &TechnicianRow,
) -> Result<(), StoreError> {
    let sql = "UPDATE technicians SET code = ?3, name = ?4, name_ar = ?5, site_id = ?6,
               user_id = ?7, skills = ?8, certificates = ?9, shifts = ?10, absences = ?11,
               hourly_cost = ?12, is_active = ?13, note = ?14, changed_at = ?15
               WHERE tenant_id = ?1 AND id = ?2";
    write(conn, tenant, technician, sql)
}

/// Deletes a technician no work order names.
pub fn delete_technician(
    conn: &Connection,
    tenant: TenantId,
    id: TechnicianId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM technicians WHERE tenant_id = ? AND id = ?";
    query::change_one(conn, sql, params![tenant.to_string(), id.to_string()])
        .map_err(|e| e.or_reference(CodedError::conflict("technicians.in_use")))
}

/// The technician, if this tenant has it.
pub fn get_technician(
    conn: &Connection,
    tenant: TenantId,
    id: TechnicianId,
) -> Result<Option<TechnicianRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND id = ?");
    let args = params![tenant.to_string(), id.to_string()];
    query::find(conn, &sql, args, read)
}

/// A page of technicians, by personnel number.
pub fn list_technicians(
    conn: &Connection,
    tenant: TenantId,
    filter: &TechnicianFilter,
    page: Page,
) -> Result<Paged<TechnicianRow>, StoreError> {
    let mut wanted = Where::tenant(tenant);
    wanted
        .maybe("site_id = ?", filter.site_id.map(|id| id.to_string()))
        .maybe(
            "EXISTS (SELECT 1 FROM json_each(skills) WHERE value = ?)",
            filter.skill.clone(),
        )
        .maybe("is_active = ?", filter.is_active)
        .contains(
            &["code", "name", "name_ar", "skills", "certificates", "note"],
            filter.text.as_deref(),
        );
    wanted.page(conn, "technicians", (SELECT, "code"), page, read)
}

/// The technician an account belongs to.
pub fn get_technician_by_user(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
) -> Result<Option<TechnicianRow>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant_id = ? AND user_id = ?");
    let args = params![tenant.to_string(), user.to_string()];
    query::find(conn, &sql, args, read)
}
