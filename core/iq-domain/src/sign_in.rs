//! Signing in otherwise than with a password of our own: identity providers and tokens of programs.

use serde::{Deserialize, Serialize};

use crate::{ApiTokenId, IdentityProviderId, Permission, Role, TenantId, Timestamp, UserId};

/// Whose product an identity provider is; each has its own habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProviderType {
    /// Microsoft Entra ID.
    AzureAd,
    /// Okta, and every other provider that keeps to OpenID Connect.
    Okta,
    /// Google Workspace.
    Google,
}

/// People of a group get a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// The group as the claim names it: a name or an id.
    pub group: String,
    /// The role; never platform_owner.
    pub role: Role,
}

/// An identity provider of a tenant, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Id.
    pub id: IdentityProviderId,
    /// Tenant; who signs in here belongs to it.
    pub tenant_id: TenantId,
    /// Type.
    pub provider_type: ProviderType,
    /// What the button says.
    pub display_name: String,
    /// Our id at the provider.
    pub client_id: String,
    /// A secret is kept.
    pub has_secret: bool,
    /// Version the secret is sealed under; grows with every change.
    pub secret_version: u32,
    /// Directory (tenant) of Entra ID.
    pub directory_id: Option<String>,
    /// Issuer, where the type does not give it.
    pub issuer_url: Option<String>,
    /// Organisation of Google.
    pub hosted_domain: Option<String>,
    /// Scopes besides `openid`.
    pub scopes: Vec<String>,
    /// Claim that lists groups.
    pub group_claim: String,
    /// Role by group.
    pub group_roles: Vec<GroupRole>,
    /// Role of who is in none of these groups; without one they stay out.
    pub default_role: Option<Role>,
    /// Certificates in PEM form trusted instead of the machine's list.
    pub tls_ca: Option<String>,
    /// A person accepted that the way to the provider is not encrypted.
    pub accept_plain_http: bool,
    /// Its metadata, where the network does not reach them.
    pub pinned_metadata: Option<String>,
    /// Its keys, where the network does not reach them.
    pub pinned_keys: Option<String>,
    /// Offered at sign-in.
    pub is_enabled: bool,
    /// Creation.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

impl IdentityProvider {
    /// Whether the provider decides the role at every sign-in.
    #[must_use]
    pub fn owns_role(&self) -> bool {
        !self.group_roles.is_empty()
    }
}

/// Whom a provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserIdentity {
    /// Who issued the subject.
    pub issuer: String,
    /// The person's stable id there.
    pub subject: String,
    /// The user here.
    pub user_id: UserId,
    /// The provider that made the user.
    pub provider_id: IdentityProviderId,
    /// First sign-in.
    pub created_at: Timestamp,
}

/// A token of a program; it may what it names and its user may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Id.
    pub id: ApiTokenId,
    /// Tenant of the user.
    pub tenant_id: TenantId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is for.
    pub name: String,
    /// What it may, by the permissions' names. A name that is no permission any more allows nothing.
    pub permissions: Vec<String>,
    /// Creation.
    pub created_at: Timestamp,
    /// Ends at.
    pub expires_at: Timestamp,
    /// Last request, to a minute.
    pub last_used_at: Option<Timestamp>,
    /// Address of that request.
    pub last_used_by: Option<String>,
    /// Ended early at.
    pub revoked_at: Option<Timestamp>,
}

impl ApiToken {
    /// Whether it names the permission.
    #[must_use]
    pub fn names(&self, permission: Permission) -> bool {
        permission.may_be_lent() && self.permissions.iter().any(|p| p == permission.as_str())
    }
}

impl Permission {
    /// Whether a program may hold it. Who may sign in, and as whom, stays with people.
    #[must_use]
    pub const fn may_be_lent(self) -> bool {
        !matches!(
            self,
            Self::OwnProfile | Self::UsersWrite | Self::IdentityProvidersWrite
        )
    }
}
