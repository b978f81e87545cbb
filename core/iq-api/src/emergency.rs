//! Signing in while the disk is full. A session is a row, and no row can be written then; but a person
//! who comes to look must be able to read. Such a session lives in memory, only for as long as the
//! store takes no writes, and at most half an hour. Failed attempts can't be counted either, so every
//! attempt waits its turn.

use std::{collections::HashMap, time::Duration};

use iq_auth::TokenHash;
use iq_domain::Timestamp;
use iq_store::{HealthState, Store, sessions::Session};
use parking_lot::Mutex;

/// Sessions at once; more people than that don't come to a machine whose disk is full.
const MAX_SESSIONS: usize = 16;

const LIFE_MS: i64 = 30 * 60_000;

/// Between two attempts, of whomever.
const PAUSE: Duration = Duration::from_secs(1);

/// The sessions, and the queue of attempts.
#[derive(Default)]
pub(crate) struct Emergency {
    sessions: Mutex<HashMap<TokenHash, Session>>,
    turn: tokio::sync::Mutex<()>,
}

fn takes_no_writes(store: &Store) -> bool {
    matches!(store.health().state, HealthState::WritesFail(_))
}

impl Emergency {
    /// Lets attempts through one by one while the store takes no writes.
    pub(crate) async fn wait_turn(&self, store: &Store) {
        if takes_no_writes(store) {
            let _turn = self.turn.lock().await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Keeps a session that could not be stored; false when there are too many.
    pub(crate) fn keep(&self, hash: TokenHash, mut session: Session, now: Timestamp) -> bool {
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, s| s.is_valid(now));
        if sessions.len() >= MAX_SESSIONS {
            return false;
        }
        session.expires_at = session.expires_at.min(now.plus_ms(LIFE_MS));
        sessions.insert(hash, session);
        true
    }

    /// The session behind a token. They all end when the store takes writes again.
    pub(crate) fn find(&self, hash: &TokenHash, store: &Store, now: Timestamp) -> Option<Session> {
        let mut sessions = self.sessions.lock();
        if sessions.is_empty() {
            return None;
        }
        if !takes_no_writes(store) {
            sessions.clear();
        }
        sessions.get(hash).filter(|s| s.is_valid(now)).cloned()
    }

    /// Ends a session; false when it is none of these.
    pub(crate) fn end(&self, hash: &TokenHash) -> bool {
        self.sessions.lock().remove(hash).is_some()
    }
}
