//! What waits in memory while a person is away at an identity provider: the attempt, and afterwards
//! why it failed or what a test sign-in showed. A restart forgets all of it; people begin again.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use iq_auth::TokenHash;
use iq_domain::{CodedError, IdentityProviderId, SessionId, Timestamp};
use iq_oidc::{Attempt, Documents};
use parking_lot::Mutex;

use crate::sso_preview::Shown;

/// How long a person may be away.
pub(crate) const AWAY_MS: i64 = 10 * 60_000;
/// Documents are read again after this time.
const DOCUMENTS_MS: i64 = 3_600_000;
/// Things of a kind that are kept; more push out those that end first.
const MAX_KEPT: usize = 4_096;

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
        self.documents.0.lock().remove(&id);
    }
}

/// Things with an end, not more than a bound.
struct Kept<K, V>(Mutex<HashMap<K, (V, Timestamp)>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash + Copy, V> Kept<K, V> {
    fn put(&self, key: K, value: V, ends: Timestamp, now: Timestamp) {
        let mut kept = self.0.lock();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, (_, ends)| *ends > now);
        }
        if kept.len() >= MAX_KEPT {
            let first = kept.iter().min_by_key(|(_, (_, ends))| *ends);
            if let Some(key) = first.map(|(key, _)| *key) {
                kept.remove(&key);
            }
        }
        kept.insert(key, (value, ends));
    }

    fn take(&self, key: &K, now: Timestamp) -> Option<V> {
        let found = self.0.lock().remove(key);
        found.filter(|(_, ends)| now < *ends).map(|(v, _)| v)
    }

    fn get(&self, key: &K, now: Timestamp) -> Option<V>
    where
        V: Clone,
    {
        let kept = self.0.lock();
        kept.get(key)
            .filter(|(_, ends)| now < *ends)
            .map(|(v, _)| v.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn a_thing_is_taken_once_and_only_before_its_end() {
        let kept = Kept::default();
        kept.put(1, "one", NOW.plus_ms(10), NOW);
        assert_eq!(kept.take(&1, NOW.plus_ms(9)), Some("one"));
        assert_eq!(kept.take(&1, NOW), None);
        kept.put(2, "two", NOW.plus_ms(10), NOW);
        assert_eq!(kept.take(&2, NOW.plus_ms(10)), None);
    }

    #[test]
    fn a_flood_pushes_out_what_would_end_first() {
        let kept = Kept::default();
        for key in 0..=MAX_KEPT {
            let age = i64::try_from(key).unwrap();
            kept.put(key, key, NOW.plus_ms(1_000 + age), NOW);
        }
        assert_eq!(kept.0.lock().len(), MAX_KEPT);
        assert_eq!(kept.get(&0, NOW), None);
        assert_eq!(kept.get(&MAX_KEPT, NOW), Some(MAX_KEPT));
    }
}
