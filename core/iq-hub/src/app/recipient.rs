//! Whom courier files are sealed to: the hub's age recipient, made from its sealing key, so that every
//! instance has the same one and opens what was sealed to any.

use iq_secrets::FileKey;

use crate::state::Hub;

/// What opens courier files.
pub(super) fn key(hub: &Hub) -> FileKey {
    FileKey::from_bytes(&hub.seal.derive("courier recipient"))
}

/// `age1…`
pub(super) fn address(hub: &Hub) -> String {
    key(hub).recipient()
}
