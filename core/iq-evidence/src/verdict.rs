//! What a verifier answers: how much the file can be relied on, the first reason, and where.

use crate::record::Id;

/// How much a file can be relied on; the number is the exit code of every verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All records stand under a checkpoint that a trusted witness has cosigned.
    Cosigned = 0,
    /// Everything fits and the appliance has signed it; whoever holds the appliance's key could
    /// have written it differently.
    SignedOnly = 1,
    /// Something was changed.
    Tampered = 2,
    /// Something is missing.
    Incomplete = 3,
    /// No evidence file of this version.
    Malformed = 4,
    /// Everything fits, but the key is not one the verifier trusts.
    UnknownKey = 5,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        self as u8
    }

    /// The word for it in every verifier's JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cosigned => "cosigned",
            Self::SignedOnly => "signed_only",
            Self::Tampered => "tampered",
            Self::Incomplete => "incomplete",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $outcome:ident;)*) => {
        /// The first reason for an outcome, in the order of the checks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word for it in every verifier's JSON and in the catalogue of sentences.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it leads to.
            #[must_use]
            pub fn outcome(self) -> Outcome {
                match self { $(Self::$name => Outcome::$outcome,)* }
            }
        }
    };
}

reasons! {
    /// The first line is another.
    NotEvidence = "not_evidence", Malformed;
    /// Larger than a verifier reads.
    TooLarge = "too_large", Malformed;
    /// Ends in the middle.
    Truncated = "truncated", Malformed;
    /// Could be written in another way.
    NotCanonical = "not_canonical", Malformed;
    /// Not the fields or forms of this format.
    Broken = "malformed", Malformed;
    /// Bytes follow where none may.
    TrailingBytes = "trailing_bytes", Malformed;
    /// A version this verifier does not know.
    Version = "version", Malformed;

    /// A checkpoint of another log.
    WrongOrigin = "wrong_origin", Tampered;
    /// A change of keys that the old or the new key has not signed.
    Rotation = "rotation", Tampered;
    /// The appliance's signature does not fit the checkpoint.
    Signature = "signature", Tampered;
    /// A witness's signature does not fit the checkpoint.
    Cosignature = "cosignature", Tampered;
    /// The log is shorter than what a witness has already seen.
    SmallerSize = "smaller_size", Tampered;
    /// The log is not the one a witness has seen, continued.
    Inconsistent = "inconsistent", Tampered;
    /// The table of contents is not the one the log names.
    Manifest = "manifest", Tampered;
    /// A record of another tenant.
    ForeignTenant = "foreign_tenant", Tampered;
    /// A record of another appliance.
    ForeignAppliance = "foreign_appliance", Tampered;
    /// A record of another epoch.
    ForeignEpoch = "foreign_epoch", Tampered;
    /// A record of another stream.
    ForeignStream = "foreign_stream", Tampered;
    /// A record twice.
    Duplicate = "duplicate", Tampered;
    /// Records in another order.
    Order = "order", Tampered;
    /// A record that the table of contents does not name.
    Unlisted = "unlisted", Tampered;
    /// A demo record among real ones, or the other way round.
    OriginMismatch = "origin_mismatch", Tampered;
    /// A record after the end of the log.
    BeyondCheckpoint = "beyond_checkpoint", Tampered;
    /// A record that is not under the root.
    NotInLog = "not_in_log", Tampered;
    /// A record that names another one before it.
    Chain = "chain", Tampered;
    /// Raw samples that are not those of the record.
    Window = "window", Tampered;
    /// A document that is not the one of the table of contents.
    Document = "document", Tampered;
    /// A personal value that the table of contents does not name.
    PersonalUnlisted = "personal_unlisted", Tampered;
    /// A personal value that does not give the hash in the record.
    Personal = "personal", Tampered;
    /// Damage that no other check explains.
    FileDigest = "file_digest", Tampered;

    /// A record that the table of contents names.
    RecordMissing = "record_missing", Incomplete;
    /// The record that binds the table of contents.
    ExportMissing = "export_missing", Incomplete;
    /// Raw samples that the table of contents names.
    WindowMissing = "window_missing", Incomplete;
    /// A document that the table of contents names.
    DocumentMissing = "document_missing", Incomplete;
    /// A personal value that the table of contents names.
    PersonalMissing = "personal_missing", Incomplete;
    /// No signature of the appliance.
    NoSignature = "no_signature", Incomplete;

    /// Signed by a key that the verifier does not trust.
    KeyUnknown = "key_unknown", UnknownKey;

    /// Nobody else has signed.
    ApplianceOnly = "appliance_only", SignedOnly;
    /// Somebody else has signed, but nobody the verifier trusts.
    CosignerUnknown = "cosigner_unknown", SignedOnly;
    /// A trusted witness has signed, but not yet all of it.
    UnprotectedRange = "unprotected_range", SignedOnly;

    /// Nothing to object.
    Verified = "verified", Cosigned;
}

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// The table of contents.
    Manifest,
    /// The n-th entry of the records, from 1, whose number could not be read.
    Entry(u64),
    /// The record with this number in the log.
    Record(u64),
    /// The checkpoint of the file.
    Checkpoint,
    /// The earlier checkpoint with cosignatures.
    Cosigned,
    /// The n-th raw window, from 1.
    Window(u64),
    /// The n-th document, from 1.
    Document(u64),
}

impl Place {
    /// The word for it in every verifier's JSON, and its number.
    #[must_use]
    pub fn parts(self) -> (&'static str, Option<u64>) {
        match self {
            Self::File => ("file", None),
            Self::Manifest => ("manifest", None),
            Self::Entry(n) => ("entry", Some(n)),
            Self::Record(n) => ("record", Some(n)),
            Self::Checkpoint => ("checkpoint", None),
            Self::Cosigned => ("cosigned", None),
            Self::Window(n) => ("window", Some(n)),
            Self::Document(n) => ("document", Some(n)),
        }
    }
}

/// What the file says about itself, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The tenant is a demo.
    pub is_demo: bool,
    /// Owner, appliance and epoch.
    pub log: Option<(Id, Id, Id)>,
    /// The incident's number.
    pub incident: String,
    /// The incident's time window, Unix milliseconds.
    pub window_ms: Option<(i64, i64)>,
    /// Records in the file.
    pub records: u64,
    /// Records in the log at the checkpoint.
    pub size: u64,
    /// When the checkpoint was made by the appliance's clock, Unix milliseconds.
    pub checkpoint_ms: u64,
    /// Records up to this one stand under a checkpoint that a trusted witness has cosigned.
    pub protected_to: Option<u64>,
    /// Fingerprint of the appliance's key, trusted or not.
    pub signer: Option<String>,
    /// Names of the trusted witnesses.
    pub cosigners: Vec<String>,
    /// What was left out: what, why, how many.
    pub omissions: Vec<(String, String, u64)>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The first reason; the outcome follows from it.
    pub reason: Reason,
    /// Where.
    pub place: Place,
    /// What the file says.
    pub facts: Facts,
}

impl Verdict {
    /// How much the file can be relied on.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.reason.outcome()
    }
}
