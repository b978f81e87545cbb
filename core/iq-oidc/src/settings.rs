//! A provider as it was typed: the row of it, and everything that is wrong with it.

use iq_api_types::IdentityProviderInput;
use iq_domain::{
    CodedError, IdentityProvider, IdentityProviderId, ProviderType, Role, TenantId, Timestamp,
    is_clean_line,
};
use serde_json::{Map, Value};

use crate::{are_certificates, check_settings};

/// Stands for a secret that is kept.
pub const MASK: &str = "***";
/// Largest pinned document or list of certificates.
const DOCUMENT_CHARS: usize = 64 * 1024;
const MAX_GROUPS: usize = 200;
const NAME_CHARS: usize = 120;

/// A field and what is wrong with it.
pub type Wrong = (&'static str, CodedError);

fn some(text: Option<String>) -> Option<String> {
    text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

/// The row of what was typed; `old` is the one it changes.
#[must_use]
pub fn row_of(
    tenant: TenantId,
    input: IdentityProviderInput,
    old: Option<&IdentityProvider>,
    now: Timestamp,
) -> IdentityProvider {
    let scopes = if input.scopes.is_empty() {
        ["profile", "email"].map(str::to_owned).to_vec()
    } else {
        input.scopes
    };
    IdentityProvider {
        id: old.map_or_else(IdentityProviderId::new, |p| p.id),
        tenant_id: tenant,
        provider_type: input.provider_type,
        display_name: input.display_name.trim().to_owned(),
        client_id: input.client_id.trim().to_owned(),
        has_secret: old.is_some_and(|p| p.has_secret),
        secret_version: old.map_or(0, |p| p.secret_version),
        directory_id: some(input.tenant_id),
        issuer_url: some(input.issuer_url),
        hosted_domain: some(input.hosted_domain),
        scopes,
        group_claim: some(input.group_claim).unwrap_or_else(|| "groups".to_owned()),
        group_roles: input.group_roles,
        default_role: input.default_role,
        tls_ca: some(input.tls_ca),
        accept_plain_http: input.accept_plain_http,
        pinned_metadata: some(input.pinned_metadata),
        pinned_keys: some(input.pinned_keys),
        is_enabled: input.is_enabled,
        created_at: old.map_or(now, |p| p.created_at),
        updated_at: now,
    }
}

/// Whether a secret that was given for the one is not for the other: it is for the address it was
/// given for and does not follow to another one.
#[must_use]
pub fn has_moved(old: &IdentityProvider, row: &IdentityProvider) -> bool {
    (&row.issuer_url, row.provider_type, &row.directory_id)
        != (&old.issuer_url, old.provider_type, &old.directory_id)
        || (!old.accept_plain_http && row.accept_plain_http)
        || row.pinned_metadata != old.pinned_metadata
}

/// Whether people of the one are not people of the other: who is known by it, to whom its tokens belong,
/// or what its word gives. Whoever came in before signs in again.
#[must_use]
pub fn vouches_otherwise(old: &IdentityProvider, row: &IdentityProvider) -> bool {
    let is_same_issuer = (old.provider_type, &old.issuer_url, &old.directory_id)
        == (row.provider_type, &row.issuer_url, &row.directory_id);
    let are_same_people =
        (&old.client_id, &old.hosted_domain) == (&row.client_id, &row.hosted_domain);
    let are_same_documents =
        (&old.pinned_metadata, &old.pinned_keys) == (&row.pinned_metadata, &row.pinned_keys);
    let are_same_roles = (&old.group_claim, &old.group_roles, old.default_role)
        == (&row.group_claim, &row.group_roles, row.default_role);
    !(is_same_issuer && are_same_people && are_same_documents && are_same_roles)
}

/// Everything that is wrong with a row, and with the secret that was typed beside it. What the roles
/// must be is the caller's to add.
#[must_use]
pub fn problems(row: &IdentityProvider, secret: &str, is_new: bool) -> Vec<Wrong> {
    let mut found = Vec::new();
    line(&mut found, "display_name", &row.display_name, NAME_CHARS);
    line(&mut found, "client_id", &row.client_id, 255);
    line(&mut found, "group_claim", &row.group_claim, 255);
    let optional = [
        ("hosted_domain", row.hosted_domain.as_deref(), 255),
        ("tenant_id", row.directory_id.as_deref(), 64),
        ("issuer_url", row.issuer_url.as_deref(), 500),
        (
            "client_secret",
            Some(secret).filter(|s| !s.is_empty()),
            1_000,
        ),
    ];
    for (field, text, max) in optional {
        if let Some(text) = text {
            line(&mut found, field, text, max);
        }
    }
    roles(&mut found, row);
    documents(&mut found, row);
    let is_scope = |scope: &String| {
        !scope.is_empty() && scope.len() <= 200 && scope.chars().all(|c| c.is_ascii_graphic())
    };
    let are_scopes = row.scopes.len() <= 20 && row.scopes.iter().all(is_scope);
    for (holds, field, code) in [
        (
            !is_new || secret != MASK,
            "client_secret",
            "sso.secret_again",
        ),
        (are_scopes, "scopes", "sso.scope_wrong"),
    ] {
        require(&mut found, holds, field, code);
    }
    if let Err(error) = check_settings(row) {
        let field = match error.code {
            "sso.directory_not_a_guid" => "tenant_id",
            _ => "issuer_url",
        };
        found.push((field, error));
    }
    found
}

fn require(found: &mut Vec<Wrong>, holds: bool, field: &'static str, code: &'static str) {
    if !holds {
        found.push((field, CodedError::invalid(code)));
    }
}

/// A line of text that is not empty and hides nothing.
fn line(found: &mut Vec<Wrong>, field: &'static str, text: &str, max: usize) {
    if is_clean_line(text, max) {
        return;
    }
    let wrong = if text.trim().is_empty() {
        CodedError::invalid("request.text_empty")
    } else if text.chars().count() > max {
        CodedError::invalid("request.text_too_long").with("max", max)
    } else {
        CodedError::invalid("request.text_hidden_characters")
    };
    found.push((field, wrong));
}

fn roles(found: &mut Vec<Wrong>, row: &IdentityProvider) {
    let is_given = |role: Role| role <= Role::TenantAdmin;
    for (holds, field, code) in [
        (
            row.default_role.is_none_or(is_given),
            "default_role",
            "sso.role_refused",
        ),
        (
            row.group_roles.iter().all(|rule| is_given(rule.role)),
            "group_roles",
            "sso.role_refused",
        ),
        (
            row.group_roles.len() <= MAX_GROUPS,
            "group_roles",
            "sso.too_many_groups",
        ),
        (
            row.provider_type != ProviderType::Google || !row.owns_role(),
            "group_roles",
            "sso.google_has_no_groups",
        ),
    ] {
        require(found, holds, field, code);
    }
    for rule in row.group_roles.iter().take(MAX_GROUPS) {
        line(found, "group_roles", &rule.group, 255);
    }
}

fn documents(found: &mut Vec<Wrong>, row: &IdentityProvider) {
    let pinned = [
        ("pinned_metadata", &row.pinned_metadata),
        ("pinned_keys", &row.pinned_keys),
    ];
    for (field, document) in pinned {
        let is_object = |text: &String| {
            text.len() <= DOCUMENT_CHARS && serde_json::from_str::<Map<String, Value>>(text).is_ok()
        };
        let holds = document.as_ref().is_none_or(is_object);
        require(found, holds, field, "sso.document_unreadable");
    }
    let is_list = |ca: &String| ca.len() <= DOCUMENT_CHARS && are_certificates(ca);
    let holds = row.tls_ca.as_ref().is_none_or(is_list);
    require(found, holds, "tls_ca", "http.ca_unreadable");
}
