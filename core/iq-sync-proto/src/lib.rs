//! What an appliance and its hub say to each other, as bytes: enrolment, hello, batches of the
//! evidence log, receipts, changes from above, and the files that carry the same by hand. And what
//! each side decides on what it hears, as functions without a network, a store or a clock.
//! `docs/guides/sync-protocol.md` is the contract.

pub mod batch;
pub mod changes;
pub mod courier;
pub mod down;
pub mod enrol;
pub mod figures;
pub mod gap_code;
pub mod hello;
pub mod hub;
pub mod outbox;
pub mod raw;
pub mod receipt;
pub mod receipt_text;
mod sign;
mod wire;

pub use sign::{KeyId, PublicKey, Signed, SigningKey, leaf_hash, sha256};
pub use wire::{Head, Line, Malformed};

/// A UUID, or sixteen random bytes.
pub type Id = [u8; 16];
/// SHA-256.
pub type Hash = [u8; 32];

/// The newest version of the protocol this crate speaks; 2 is 1 with the stream of pieces ([`raw`]).
pub const PROTO: u32 = 2;
/// The oldest.
pub const PROTO_OLDEST: u32 = 1;
/// The newest version of the records that it can look into; others travel all the same.
pub const SCHEMA: u32 = 1;
/// Records of one batch.
pub const MAX_RECORDS: usize = 5_000;
/// Bytes of a batch's compressed body.
pub const MAX_PACKED: usize = 1 << 20;
/// Bytes of a batch's body.
pub const MAX_RAW: usize = 8 << 20;
/// Bytes of any message as it stands in a request or an answer.
pub const MAX_MESSAGE: usize = MAX_PACKED + 4_096;
/// Bytes of a courier file.
pub const MAX_BUNDLE: usize = 512 << 20;
/// Logs one hello may speak of.
pub const MAX_LINES: usize = 256;
/// Marks of one receipt that still fits into a QR code.
pub const QR_MARKS: usize = 2;
/// How long an enrolment code is good for.
pub const CODE_LIFE_MS: i64 = 15 * 60 * 1_000;

/// Codes of the answers that a machine decides on; `docs/guides/sync-protocol.md` has their status.
pub mod code {
    /// 409: the batch begins after the next record; `expected` is the number wanted.
    pub const GAP: &str = "sync.gap";
    /// 409: the same number holds another record; `seq` is where.
    pub const FORK: &str = "sync.fork";
    /// 400: not a message of this protocol.
    pub const MALFORMED: &str = "sync.malformed";
    /// 401: the signature is not that of the appliance's key.
    pub const SIGNATURE: &str = "sync.signature";
    /// 401: the challenge is not, or no longer, good; say hello again.
    pub const CHALLENGE: &str = "sync.challenge";
    /// 403: the appliance was revoked.
    pub const REVOKED: &str = "sync.revoked";
    /// 404: no appliance of this id is enrolled.
    pub const UNKNOWN: &str = "sync.unknown_appliance";
    /// 403: the enrolment code is wrong, used, or too old.
    pub const ENROL_CODE: &str = "sync.code";
    /// 409: this appliance id is enrolled with another key.
    pub const ENROLLED: &str = "sync.already_enrolled";
    /// 422: a batch of a stream this hub does not know; nothing of it is stored.
    pub const STREAM: &str = "sync.stream";
    /// 426: no version of the protocol is common to both.
    pub const VERSION: &str = "sync.version";
    /// 413: more bytes than the limits allow.
    pub const TOO_LARGE: &str = "sync.too_large";
    /// 503: not now; `Retry-After` says when.
    pub const BUSY: &str = "sync.busy";
    /// 503: the organisation is suspended; `Retry-After` says when to ask again. Before this code there was
    /// `sync.busy`: who does not know it reads the status.
    pub const SUSPENDED: &str = "sync.suspended";
    /// 503: the hub holds as much of this appliance as it may; nothing of the batch is stored.
    pub const QUOTA: &str = "sync.quota";
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testkit;
