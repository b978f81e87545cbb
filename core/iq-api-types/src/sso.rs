//! Identity providers of a tenant, and signing in through them.

use iq_domain::{GroupRole, IdentityProviderId, ProviderType, Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An identity provider. Its secret is never shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IdentityProvider {
    /// Id.
    pub id: IdentityProviderId,
    /// Type.
    pub provider_type: ProviderType,
    /// What its button says.
    pub display_name: String,
    /// Our id at the provider.
    pub client_id: String,
    /// `"***"` where a secret is kept.
    pub client_secret: Option<String>,
    /// Directory (tenant) id of Entra ID.
    pub tenant_id: Option<String>,
    /// Issuer, where the type does not give it.
    pub issuer_url: Option<String>,
    /// Organisation of Google.
    pub hosted_domain: Option<String>,
    /// Where the provider sends people back to; to be registered there.
    pub redirect_uri: String,
    /// Scopes besides `openid`.
    pub scopes: Vec<String>,
    /// Claim that lists groups.
    pub group_claim: String,
    /// Role by group; the highest counts.
    pub group_roles: Vec<GroupRole>,
    /// Role of who is in none of the groups; without one they stay out.
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

/// Create or change an identity provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityProviderInput {
    /// Type.
    pub provider_type: ProviderType,
    /// What its button says.
    pub display_name: String,
    /// Our id at the provider.
    pub client_id: String,
    /// The client's secret; `"***"` leaves it as it is, absent or empty takes it away.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Directory (tenant) id of Entra ID; a GUID.
    #[serde(default)]
    pub tenant_id: Option<String>,
    /// Issuer; needed for Okta, to the letter.
    #[serde(default)]
    pub issuer_url: Option<String>,
    /// Organisation of Google.
    #[serde(default)]
    pub hosted_domain: Option<String>,
    /// Scopes besides `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Claim that lists groups; `groups` if absent.
    #[serde(default)]
    pub group_claim: Option<String>,
    /// Role by group.
    #[serde(default)]
    pub group_roles: Vec<GroupRole>,
    /// Role of who is in none of the groups.
    #[serde(default)]
    pub default_role: Option<Role>,
    /// Certificates in PEM form trusted instead of the machine's list.
    #[serde(default)]
    pub tls_ca: Option<String>,
    /// Accepts that the way to the provider is not encrypted.
    #[serde(default)]
    pub accept_plain_http: bool,
    /// Its metadata, where the network does not reach them.
    #[serde(default)]
    pub pinned_metadata: Option<String>,
    /// Its keys, where the network does not reach them.
    #[serde(default)]
    pub pinned_keys: Option<String>,
    /// Offered at sign-in.
    #[serde(default)]
    pub is_enabled: bool,
}

/// How people of the tenant sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRules {
    /// Passwords are for emergencies alone: for administrators, with a reason, for an hour. In force
    /// while a provider is enabled.
    pub sso_only: bool,
}

/// Where to go for a test sign-in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SsoStart {
    /// The provider's address, to be opened in this browser.
    pub url: String,
}

/// A claim the provider sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PreviewClaim {
    /// Name.
    pub name: String,
    /// Value; lists and objects as JSON, cut where it is long.
    pub value: String,
    /// It came from the user info, not from the token.
    pub from_user_info: bool,
}

/// What the provider sent at the last test sign-in, and what it makes of the person here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClaimPreview {
    /// When.
    pub at: Timestamp,
    /// Claims by name; none where the sign-in failed before.
    pub claims: Vec<PreviewClaim>,
    /// Who vouches.
    pub issuer: Option<String>,
    /// The stable id of the person.
    pub subject: Option<String>,
    /// User name here.
    pub username: Option<String>,
    /// Shown name.
    pub name: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// The role it gives.
    pub role: Option<Role>,
    /// The group that gives it; absent for the default.
    pub role_group: Option<String>,
    /// Why nobody could sign in like this.
    pub problem: Option<crate::StatusMessage>,
}

/// The last test sign-in of the session, if there was one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LastPreview {
    /// What it showed.
    pub preview: Option<ClaimPreview>,
}

/// A provider on the page of signing in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignInProvider {
    /// Id.
    pub id: IdentityProviderId,
    /// Type.
    pub provider_type: ProviderType,
    /// What its button says.
    pub display_name: String,
    /// Name of the organisation, where this appliance has several.
    pub tenant: Option<iq_domain::Names>,
    /// Passwords of this organisation are for emergencies alone.
    pub sso_only: bool,
}

/// Why the last attempt of this browser failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SsoOutcome {
    /// The reason; absent where there was no attempt.
    pub problem: Option<crate::StatusMessage>,
}
