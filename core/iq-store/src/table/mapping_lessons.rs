//! What people taught the tag matcher: which feature of a tag was confirmed or rejected for which
//! target, counted.

use iq_domain::{TenantId, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, query::Where};

const SELECT: &str = "SELECT feature, target, confirmed, rejected FROM mapping_lessons";

/// A lesson with its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingLesson {
    /// What a tag has.
    pub feature: String,
    /// What it was taken for.
    pub target: String,
    /// How often a person agreed.
    pub confirmed: u32,
    /// How often a person refused.
    pub rejected: u32,
}

fn read(r: &Row<'_>) -> rusqlite::Result<MappingLesson> {
    Ok(MappingLesson {
        feature: r.get("feature")?,
        target: r.get("target")?,
        confirmed: r.get("confirmed")?,
        rejected: r.get("rejected")?,
    })
}

/// Adds the counts of a lesson to what is known.
pub fn add_mapping_lesson(
    conn: &Connection,
    tenant: TenantId,
    lesson: &MappingLesson,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO mapping_lessons (tenant_id, feature, target, confirmed, rejected, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT (tenant_id, feature, target) DO UPDATE SET
               confirmed = confirmed + ?4, rejected = rejected + ?5, at = ?6";
    query::change_one(
        conn,
        sql,
        params![
            tenant.to_string(),
            lesson.feature,
            lesson.target,
            lesson.confirmed,
            lesson.rejected,
            at.0
        ],
    )
}

/// All lessons of a tenant.
pub fn list_mapping_lessons(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<MappingLesson>, StoreError> {
    Where::tenant(tenant).list(conn, SELECT, "feature, target", read)
}

/// Forgets all but the lessons that were used last; returns how many went.
pub fn delete_old_mapping_lessons(
    conn: &Connection,
    tenant: TenantId,
    keep: u32,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM mapping_lessons WHERE tenant_id = ?1 AND (feature, target) IN (
                   SELECT feature, target FROM mapping_lessons WHERE tenant_id = ?1
                   ORDER BY at DESC, feature, target LIMIT -1 OFFSET ?2)";
    query::change(conn, sql, params![tenant.to_string(), keep])
}
