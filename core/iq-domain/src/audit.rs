//! A row of the audit log: who changed what.

use crate::{AuditId, TenantId, Timestamp};

/// One audited action.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// Id.
    pub id: AuditId,
    /// Tenant it happened in.
    pub tenant_id: TenantId,
    /// When.
    pub at: Timestamp,
    /// User name, "system" for the program itself.
    pub actor: String,
    /// Permission-style verb ("integrations.create").
    pub action: String,
    /// Kind and id of the object ("integration 0190…").
    pub object: String,
    /// Outcome: "success" or an error code.
    pub outcome: String,
    /// Details without secrets, as JSON.
    pub details: serde_json::Value,
    /// Remote address, if it came over HTTP.
    pub address: Option<String>,
}
