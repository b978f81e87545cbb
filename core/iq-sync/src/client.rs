//! One call after another to the hub: what is said, and what its answers mean.

use std::time::Duration;

use iq_domain::{CodedError, ErrorKind};
use iq_http::{Budget, HttpClient, HttpOptions, Request, Response};
use iq_store::sync::{Hub, Link};
use iq_sync_proto::{
    PublicKey, Signed, SigningKey, changes, code, hello, outbox::Trouble, receipt::Receipt,
};
use serde::Deserialize;

/// Longest exchange that carries no batch.
const SHORT: Duration = Duration::from_secs(30);
/// The slowest line that is still worth a batch: 64 kbit/s.
const SLOWEST_BYTES_PER_SECOND: u64 = 8_000;
const CBOR: &str = "application/cbor";

/// Why something did not go through.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) trouble: Trouble,
    pub(crate) error: CodedError,
    pub(crate) wished: Option<Duration>,
}

impl Failure {
    pub(crate) fn unreachable(error: CodedError) -> Self {
        Self {
            trouble: Trouble::Unreachable,
            error,
            wished: None,
        }
    }

    pub(crate) fn refused(code: &'static str) -> Self {
        Self {
            trouble: Trouble::Refused,
            error: CodedError::new(ErrorKind::Upstream, code),
            wished: None,
        }
    }

    /// Whether the hub's mark has to be asked for: it wants other records than those sent.
    pub(crate) fn asks_for_hello(&self) -> bool {
        matches!(self.error.code, code::GAP | code::FORK | code::CHALLENGE)
    }
}

/// What is wrong here and not with the hub.
impl From<CodedError> for Failure {
    fn from(error: CodedError) -> Self {
        Self {
            trouble: Trouble::Refused,
            error,
            wished: None,
        }
    }
}

/// The HTTP client of a link.
pub(crate) fn http(
    hub_url: &str,
    allow_plain_http: bool,
    tls_ca: Option<&str>,
) -> Result<HttpClient, CodedError> {
    HttpClient::new(HttpOptions {
        allow_plain_http,
        tls_ca: tls_ca.map(str::to_owned),
        total_timeout: SHORT,
        max_body: iq_sync_proto::MAX_MESSAGE,
        budget: Budget::new(50.0),
        ..HttpOptions::new(hub_url)
    })
}

/// A hub that was enrolled with.
pub(crate) struct Client {
    pub(crate) http: HttpClient,
    pub(crate) key: SigningKey,
    pub(crate) hub_key: PublicKey,
    tenant: [u8; 16],
    appliance: [u8; 16],
}

impl Client {
    pub(crate) fn new(link: &Link, hub: &Hub, key: SigningKey) -> Result<Self, CodedError> {
        Ok(Self {
            http: http(&link.hub_url, link.allow_plain_http, link.tls_ca.as_deref())?,
            key,
            hub_key: PublicKey::from_bytes(&hub.key)
                .ok_or(CodedError::conflict("sync.answer_untrusted"))?,
            tenant: *link.tenant_id.0.as_bytes(),
            appliance: link.appliance,
        })
    }

    pub(crate) async fn hello(&self, hello: &hello::Hello) -> Result<hello::Welcome, Failure> {
        let signed = hello.sign(&self.key).encode();
        let answer = post(&self.http, "sync/v1/hello", signed).await?;
        hello::Welcome::open(&answer, self.hub_key, hello).map_err(|_| untrusted())
    }

    pub(crate) async fn batch(&self, bytes: Vec<u8>) -> Result<Receipt, Failure> {
        let answer = post(&self.http, "sync/v1/batch", bytes).await?;
        Receipt::open(&answer, self.hub_key, &self.tenant, &self.appliance).ok_or_else(untrusted)
    }

    pub(crate) async fn changes(
        &self,
        after: u64,
        challenge: &[u8],
    ) -> Result<changes::Changes, Failure> {
        let target = format!("GET /sync/v1/changes?after={after}");
        let proof = hello::proof_message(challenge, &target);
        let signature = self.key.sign(hello::PROOF_TAG, &proof);
        let request = Request::get("sync/v1/changes")
            .query("after", after.to_string())
            .header(hello::APPLIANCE_HEADER, hex(&self.appliance))
            .header(hello::CHALLENGE_HEADER, hex(challenge))
            .header(hello::SIGNATURE_HEADER, hex(&signature));
        let answer = exchange(&self.http, request).await?;
        changes::Changes::open(&answer, self.hub_key, &self.tenant, &self.appliance)
            .map_err(|_| untrusted())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn untrusted() -> Failure {
    Failure::refused("sync.answer_untrusted")
}

/// Posts a message; the answer is a signed one, not verified yet.
pub(crate) async fn post(
    http: &HttpClient,
    target: &str,
    bytes: Vec<u8>,
) -> Result<Signed, Failure> {
    let slow = Duration::from_secs(bytes.len() as u64 / SLOWEST_BYTES_PER_SECOND);
    let request = Request::post(target).body(CBOR, bytes).total(SHORT + slow);
    exchange(http, request).await
}

async fn exchange(http: &HttpClient, request: Request) -> Result<Signed, Failure> {
    let response = http.send(request).await.map_err(Failure::unreachable)?;
    if response.is_success() {
        return Signed::decode(&response.body).map_err(|_| untrusted());
    }
    Err(refusal(&response))
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
}

/// What an answer that is no success means. Only codes of the protocol are believed to be the hub's;
/// anything else may come from whatever stands between.
fn refusal(response: &Response) -> Failure {
    const KNOWN: [&str; 15] = [
        code::GAP,
        code::FORK,
        code::MALFORMED,
        code::SIGNATURE,
        code::CHALLENGE,
        code::REVOKED,
        code::UNKNOWN,
        code::ENROL_CODE,
        code::ENROLLED,
        code::STREAM,
        code::VERSION,
        code::TOO_LARGE,
        code::BUSY,
        code::SUSPENDED,
        code::QUOTA,
    ];
    let said = response.json::<Refusal>().ok();
    let known = said.and_then(|said| KNOWN.into_iter().find(|known| *known == said.code));
    let is_busy = matches!(response.status, 429 | 502..=504);
    let mut failure = match known {
        Some(known) if known != code::BUSY => Failure::refused(known),
        _ if is_busy || known.is_some() => {
            Failure::unreachable(CodedError::new(ErrorKind::Upstream, code::BUSY))
        }
        _ => Failure::from(response.error()),
    };
    failure.wished = response.retry_after();
    failure
}
