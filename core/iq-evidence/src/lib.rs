//! Evidence: records of a log that only grows, Merkle trees over them, signed checkpoints, the file
//! that carries an incident out of the plant, and its verification as a function from bytes to a
//! verdict. Everything here is bytes in, bytes out: where the log is kept, what the time is and where
//! random bytes come from is for others.

pub mod build;
pub mod bundle;

mod chain;
pub mod history;
mod keys;
pub mod manifest;
mod note;
mod record;
mod tree;
mod verdict;
mod verify;
pub mod window;

pub use iq_domain::cbor;

pub use chain::{
    CHECKPOINT_MS, CHECKPOINT_RECORDS, Chain, Draft, Field, Link, field_salt, is_checkpoint_due,
};
pub use keys::{
    PublicKey, SignatureKind, SigningKey, TrustStore, TrustSyntaxError, TrustedKey, rotation,
    rotation_message,
};
pub use note::{Checkpoint, Note, SignatureLine, add_cosignature, text_hash};
pub use record::{
    Head, Id, LogId, Origin, RECORD_VERSION, Record, RecordError, hex, kind, personal_hash,
};
pub use tree::{Frontier, Hash, Tree, is_consistent, is_included, leaf_hash, sha256};
pub use verdict::{Facts, Outcome, Place, Reason, Verdict};
pub use verify::verify;
