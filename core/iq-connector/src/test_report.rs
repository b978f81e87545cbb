//! The staged connection test. It is passed only when a value was read.

use iq_domain::{Message, RawSample};
use serde::{Deserialize, Serialize};

/// The stages of a test in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKey {
    /// The configuration is complete and consistent.
    Config,
    /// The host name became an address.
    Dns,
    /// A connection to the port was opened.
    Tcp,
    /// The protocol answered.
    Hello,
    /// Certificates and security settings fit.
    Security,
    /// A session was opened and the user accepted.
    Session,
    /// A value was read.
    Read,
}

/// How a stage went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// Fine.
    Ok,
    /// Passed, but something should be changed (a login that can write, a clock that is off).
    Warning,
    /// Failed; the following stages are skipped.
    Failed,
    /// Not tried because an earlier stage failed.
    Skipped,
}

/// What a person can do about a failed stage; the UI turns it into a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Correct the configuration.
    EditConfig,
    /// Compare the server's fingerprint and trust it.
    TrustServer,
    /// Export our certificate and have the server's administrator trust it.
    ExportOwnCertificate,
    /// Change something on the server or in the network.
    AskServerOwner,
}

/// One stage with its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestStage {
    /// Which.
    pub key: StageKey,
    /// Outcome.
    pub status: StageStatus,
    /// How long it took.
    pub ms: u64,
    /// What happened: an `errors` code when failed, a `stage` code else.
    pub message: Message,
    /// What can be done.
    pub remedy: Option<Remedy>,
}

/// The answer of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestReport {
    /// True only when a value was read.
    pub success: bool,
    /// The sentence for the whole.
    pub message: Message,
    /// All stages, in order; skipped ones included.
    pub stages: Vec<TestStage>,
    /// The value that was read.
    pub sample: Option<RawSample>,
}
