//! Tenant users and the audit log.

use iq_domain::{ApiTokenId, AuthSource, Role, Timestamp, UserId};

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
    /// The identity provider that vouches for the user, by its name here.
    pub provider: Option<String>,
    /// Fields the provider decides: `name`, `email`, `role`. They can't be changed here.
    pub owned_by_provider: Vec<String>,
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

/// Change the own profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileInput {
    /// Shown name.
    pub name: String,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
}

/// A token of a program, without the token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenRow {
    /// Id.
    pub id: ApiTokenId,
    /// What it is for.
    pub name: String,
    /// What it may.
    pub permissions: Vec<String>,
    /// Creation.
    pub created_at: Timestamp,
    /// Ends at.
    pub expires_at: Timestamp,
    /// It has ended.
    pub is_expired: bool,
    /// Last request, to a minute.
    pub last_used_at: Option<Timestamp>,
    /// Address of that request.
    pub last_used_by: Option<String>,
}

/// The tokens of the caller, and what a token of theirs may hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokens {
    /// Tokens, newest first.
    pub tokens: Vec<ApiTokenRow>,
    /// Permissions that can be chosen.
    pub permissions: Vec<String>,
}

/// Create a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTokenInput {
    /// What it is for.
    pub name: String,
    /// What it may: some of the own permissions.
    pub permissions: Vec<String>,
    /// Days until it ends, 1 to 365.
    pub days: u32,
}

/// A token just made, shown once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiToken {
    /// The token's row.
    pub row: ApiTokenRow,
    /// For the header `Authorization: Bearer …`.
    pub token: String,
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
