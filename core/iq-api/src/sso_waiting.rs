//! What waits in memory while a person is away at an identity provider: the attempt, and afterwards
//! why it failed or what a test sign-in showed. A restart forgets all of it; people begin again.

use std::sync::Arc;

use iq_auth::TokenHash;
use iq_domain::{CodedError, IdentityProvider, IdentityProviderId, SessionId, Timestamp};
use iq_oidc::{AWAY_MS, Attempt, DOCUMENTS_MS, Documents, Kept, Shown};

/// What an attempt is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// Signing in; then on to this page.
    SignIn { next: String },
    /// Showing an administrator what the provider sends. The session is the one that asked.
    Preview { session: SessionId },
}

/// A person on the way.
pub(crate) struct Away {
    pub(crate) provider: IdentityProviderId,
    pub(crate) attempt: Attempt,
    /// Hash of the cookie of the browser that began.
    pub(crate) browser: TokenHash,
    pub(crate) purpose: Purpose,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Waiting {
    away: Kept<TokenHash, Away>,
    outcomes: Kept<TokenHash, CodedError>,
    shown: Kept<(SessionId, IdentityProviderId), Shown>,
    documents: Kept<IdentityProviderId, (Arc<IdentityProvider>, Arc<Documents>)>,
}

impl Waiting {
    /// Keeps an attempt under the hash of its state.
    pub(crate) fn begin(&self, state: TokenHash, away: Away, now: Timestamp) {
        self.away.put(state, away, now.plus_ms(AWAY_MS), now);
    }

    /// The attempt of a state, once: whatever comes of it, the state is used up.
    pub(crate) fn take(&self, state: &TokenHash, now: Timestamp) -> Option<Away> {
        self.away.take(state, now)
    }

    /// Keeps why the attempt of a browser failed.
    pub(crate) fn failed(&self, browser: TokenHash, error: CodedError, now: Timestamp) {
        self.outcomes.put(browser, error, now.plus_ms(AWAY_MS), now);
    }

    /// Why the last attempt of a browser failed.
    pub(crate) fn outcome(&self, browser: &TokenHash, now: Timestamp) -> Option<CodedError> {
        self.outcomes.get(browser, now)
    }

    /// Keeps what a test sign-in showed to the session that asked.
    pub(crate) fn show(&self, key: (SessionId, IdentityProviderId), shown: Shown, now: Timestamp) {
        self.shown.put(key, shown, now.plus_ms(AWAY_MS), now);
    }

    /// What the last test sign-in of a session showed.
    pub(crate) fn shown(
        &self,
        key: &(SessionId, IdentityProviderId),
        now: Timestamp,
    ) -> Option<Shown> {
        self.shown.get(key, now)
    }

    /// The documents of a provider as it is set up, if they were read within the hour.
    pub(crate) fn documents(
        &self,
        provider: &IdentityProvider,
        now: Timestamp,
    ) -> Option<Arc<Documents>> {
        let (of, documents) = self.documents.get(&provider.id, now)?;
        (*of == *provider).then_some(documents)
    }

    /// Keeps the documents of a provider, for as long as it is set up so. A sign-in that was on its way when the
    /// settings changed may still bring those of before: nobody is given them.
    pub(crate) fn put_documents(
        &self,
        provider: &IdentityProvider,
        documents: Arc<Documents>,
        now: Timestamp,
    ) {
        let kept = (Arc::new(provider.clone()), documents);
        self.documents
            .put(provider.id, kept, now.plus_ms(DOCUMENTS_MS), now);
    }

    /// Its settings changed.
    pub(crate) fn forget_documents(&self, id: IdentityProviderId) {
        self.documents.forget(&id);
    }
}

#[cfg(test)]
mod tests {
    use iq_domain::{ProviderType, TenantId};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn provider() -> IdentityProvider {
        IdentityProvider {
            id: IdentityProviderId::new(),
            tenant_id: TenantId::new(),
            provider_type: ProviderType::Okta,
            display_name: "Company".to_owned(),
            client_id: "optria".to_owned(),
            has_secret: false,
            secret_version: 0,
            directory_id: None,
            issuer_url: Some("https://id.company.example".to_owned()),
            hosted_domain: None,
            scopes: Vec::new(),
            group_claim: "groups".to_owned(),
            group_roles: Vec::new(),
            default_role: None,
            tls_ca: None,
            accept_plain_http: false,
            pinned_metadata: None,
            pinned_keys: None,
            is_enabled: true,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn documents(issuer: &str) -> Result<Arc<Documents>, serde_json::Error> {
        Ok(Arc::new(Documents {
            metadata: serde_json::from_value(json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/keys"),
            }))?,
            keys: serde_json::from_value(json!({ "keys": [] }))?,
        }))
    }

    #[test]
    fn documents_serve_a_provider_only_as_it_was_set_up_when_they_were_read() {
        let waiting = Waiting::default();
        let old = provider();
        // In the same millisecond: times tell no versions apart.
        let new = IdentityProvider {
            issuer_url: Some("https://other.company.example".to_owned()),
            ..old.clone()
        };
        let of_old = documents("https://id.company.example").unwrap();
        let of_new = documents("https://other.company.example").unwrap();
        waiting.put_documents(&old, Arc::clone(&of_old), NOW);
        assert!(waiting.documents(&old, NOW).is_some());
        assert!(waiting.documents(&new, NOW).is_none());
        waiting.forget_documents(old.id);
        // A sign-in that began before the change brings what it read, once the new settings are in force.
        waiting.put_documents(&new, of_new, NOW);
        waiting.put_documents(&old, of_old, NOW);
        assert!(waiting.documents(&new, NOW).is_none());
    }
}
