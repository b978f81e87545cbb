//! Tenant users and the audit log.

use iq_domain::{AuthSource, Role, Timestamp, UserId};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user of the tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantUser {
    /// Id.
    pub id: UserId,
    /// Sign-in name.
    pub username: String,
    /// E-mail.
    pub email: Option<String>,
    /// Shown name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
    /// Local or SSO.
    pub auth_source: AuthSource,
    /// Temporary password not yet changed.
    pub must_change_password: bool,
    /// Last sign-in.
    pub last_sign_in_at: Option<Timestamp>,
    /// Creation.
    pub created_at: Timestamp,
}

/// Create or change a user. `username` can't change later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantUserInput {
    /// Sign-in name.
    pub username: String,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Shown name.
    pub name: String,
    /// Role; never above the caller's own.
    pub role: Role,
    /// May sign in.
    #[serde(default = "super::yes")]
    pub is_active: bool,
}

/// The user with the temporary password, shown once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreatedUser {
    /// The user.
    pub user: TenantUser,
    /// Must be changed at first sign-in.
    pub temporary_password: String,
}

/// One audited action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What, as a permission-style verb.
    pub action: String,
    /// On what.
    pub object: String,
    /// `success` or an error code.
    pub outcome: String,
    /// Details without secrets.
    pub details: serde_json::Value,
    /// Remote address.
    pub address: Option<String>,
}
