//! What waits in memory while a person is away at an identity provider: the attempt, and afterwards
//! why it failed or what a test sign-in showed. A restart forgets all of it; people begin again.

use std::sync::Arc;

use iq_auth::TokenHash;
use iq_domain::{CodedError, IdentityProviderId, SessionId, Timestamp};
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
    documents: Kept<IdentityProviderId, Arc<Documents>>,
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

    /// The documents of a provider, if they were read within the hour.
    pub(crate) fn documents(
        &self,
        id: IdentityProviderId,
        now: Timestamp,
    ) -> Option<Arc<Documents>> {
        self.documents.get(&id, now)
    }

    /// Keeps the documents of a provider.
    pub(crate) fn put_documents(
        &self,
        id: IdentityProviderId,
        documents: Arc<Documents>,
        now: Timestamp,
    ) {
        self.documents
            .put(id, documents, now.plus_ms(DOCUMENTS_MS), now);
    }

    /// Its settings changed.
    pub(crate) fn forget_documents(&self, id: IdentityProviderId) {
        self.documents.forget(&id);
    }
}
