//! Hello: before anything is sent, both sides say where their logs end, and each shows the other that
//! it is alive now. The appliance's report on itself travels with it, so that a hub knows how a plant
//! fares even when the tenant lets nothing else leave it.

use iq_domain::cbor::Value;

use crate::{
    Id, MAX_LINES,
    sign::{PublicKey, Signed, SigningKey},
    wire::{self, Head, Line, Malformed},
};

/// Of the request.
pub const REQUEST_TAG: &str = "optria-hello-v1";
/// Of the answer.
pub const ANSWER_TAG: &str = "optria-welcome-v1";
/// Of a request without a body of its own.
pub const PROOF_TAG: &str = "optria-request-v1";
/// The header with the appliance's id, 32 hex digits.
pub const APPLIANCE_HEADER: &str = "optria-appliance";
/// The header with the challenge of the last hello, in hex digits.
pub const CHALLENGE_HEADER: &str = "optria-challenge";
/// The header with the signature, 128 hex digits.
pub const SIGNATURE_HEADER: &str = "optria-signature";
/// Bytes of a challenge at most; what is in them is the hub's own matter.
pub const MAX_CHALLENGE: usize = 128;

/// How the appliance fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Its clock, Unix milliseconds.
    pub now_ms: i64,
    /// Records that no receipt covers.
    pub backlog: u64,
    /// When the oldest of them was received, Unix milliseconds.
    pub oldest_unsent_ms: Option<i64>,
    /// Bytes free where the store is; `None` where the system does not say.
    pub disk_free: Option<u64>,
    /// Sources that deliver.
    pub sources_well: u32,
    /// Sources that are meant to deliver and don't.
    pub sources_failing: u32,
    /// What leaves the plant: 1 status, 2 + incidents and events, 3 + rollups, 4 + raw.
    pub level: u8,
    /// The last change from above that is applied.
    pub changes_rev: u64,
}

/// Whether of so many records, the oldest of which came in then, some should have left; all moments by the
/// appliance's clock. Records of an age that nobody told should have.
#[must_use]
pub fn is_behind(backlog: u64, oldest_unsent_ms: Option<i64>, now_ms: i64) -> bool {
    backlog > 0 && oldest_unsent_ms.is_none_or(|at| now_ms.saturating_sub(at) >= BEHIND_AFTER_MS)
}

/// A record younger than this is on its way and is no backlog: hellos are said between batches.
pub const BEHIND_AFTER_MS: i64 = 2 * 60_000;

impl Status {
    /// Whether records wait that should have left.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        is_behind(self.backlog, self.oldest_unsent_ms, self.now_ms)
    }

    fn value(&self) -> Value<'_> {
        Value::map([
            (1, Value::Text(&self.version)),
            (2, Value::Int(self.now_ms)),
            (3, Value::count(self.backlog)),
            (4, self.oldest_unsent_ms.map_or(Value::Null, Value::Int)),
            (5, self.disk_free.map_or(Value::Null, Value::count)),
            (6, Value::Int(i64::from(self.sources_well))),
            (7, Value::Int(i64::from(self.sources_failing))),
            (8, Value::Int(i64::from(self.level))),
            (9, Value::count(self.changes_rev)),
        ])
    }

    fn read(value: &Value<'_>) -> Result<Self, Malformed> {
        let [
            version,
            now,
            backlog,
            oldest,
            disk,
            well,
            failing,
            level,
            rev,
        ] = wire::fields(value)?;
        Ok(Self {
            version: wire::text(version, 64)?,
            now_ms: wire::number(now)?,
            backlog: wire::number(backlog)?,
            oldest_unsent_ms: wire::optional(oldest, wire::number)?,
            disk_free: wire::optional(disk, wire::number)?,
            sources_well: wire::number(well)?,
            sources_failing: wire::number(failing)?,
            level: wire::number(level)?,
            changes_rev: wire::number(rev)?,
        })
    }
}

/// What the appliance says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The oldest version of the protocol it speaks.
    pub proto_min: u32,
    /// The newest.
    pub proto_max: u32,
    /// The newest version of the records it writes.
    pub schema_max: u32,
    /// The tenant as its records name it.
    pub tenant: Id,
    /// The appliance.
    pub appliance: Id,
    /// Random; the answer repeats it.
    pub nonce: Id,
    /// Where each of its logs ends.
    pub heads: Vec<(Line, Head)>,
    /// How it fares.
    pub status: Status,
}

impl Hello {
    /// Signed by the appliance.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Signed {
        let heads = self
            .heads
            .iter()
            .map(|(line, head)| wire::mark_value(line, head));
        let message = Value::map([
            (1, Value::Int(i64::from(self.proto_min))),
            (2, Value::Int(i64::from(self.proto_max))),
            (3, Value::Int(i64::from(self.schema_max))),
            (4, Value::Bytes(&self.tenant)),
            (5, Value::Bytes(&self.appliance)),
            (6, Value::Bytes(&self.nonce)),
            (7, heads.collect()),
            (8, self.status.value()),
        ]);
        Signed::new(REQUEST_TAG, message.encode(), key)
    }

    /// What a message says, before its signature is checked: the id tells whose key to take.
    ///
    /// # Errors
    /// When it is no hello.
    pub fn peek(signed: &Signed) -> Result<Self, Malformed> {
        let value = wire::value(&signed.message)?;
        let [min, max, schema, tenant, appliance, nonce, heads, status] = wire::fields(&value)?;
        Ok(Self {
            proto_min: wire::number(min)?,
            proto_max: wire::number(max)?,
            schema_max: wire::number(schema)?,
            tenant: wire::bytes(tenant)?,
            appliance: wire::bytes(appliance)?,
            nonce: wire::bytes(nonce)?,
            heads: wire::marks(heads, MAX_LINES)?,
            status: Status::read(status)?,
        })
    }
}

/// What the hub answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The version of the protocol to speak.
    pub proto: u32,
    /// The newest version of the records it looks into; newer ones are held and looked into later.
    pub schema_max: u32,
    /// The tenant as the appliance's records name it.
    pub tenant: Id,
    /// The appliance.
    pub appliance: Id,
    /// The nonce of the hello.
    pub nonce: Id,
    /// The hub's clock, Unix milliseconds.
    pub at_ms: i64,
    /// To be signed with requests that have no body; good for some minutes.
    pub challenge: Vec<u8>,
    /// The last record it holds of every log of this appliance, also of those not asked about.
    pub acked: Vec<(Line, Head)>,
    /// The newest change for this tenant.
    pub changes_rev: u64,
}

impl Welcome {
    /// Signed by the hub.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Signed {
        let acked = self
            .acked
            .iter()
            .map(|(line, head)| wire::mark_value(line, head));
        let message = Value::map([
            (1, Value::Int(i64::from(self.proto))),
            (2, Value::Int(i64::from(self.schema_max))),
            (3, Value::Bytes(&self.tenant)),
            (4, Value::Bytes(&self.appliance)),
            (5, Value::Bytes(&self.nonce)),
            (6, Value::Int(self.at_ms)),
            (7, Value::Bytes(&self.challenge)),
            (8, acked.collect()),
            (9, Value::count(self.changes_rev)),
        ]);
        Signed::new(ANSWER_TAG, message.encode(), key)
    }

    /// The answer to this hello, if the hub's key signed it.
    ///
    /// # Errors
    /// When it is not.
    pub fn open(signed: &Signed, hub: PublicKey, hello: &Hello) -> Result<Self, Malformed> {
        let value = wire::value(&signed.message)?;
        let [
            proto,
            schema,
            tenant,
            appliance,
            nonce,
            at,
            challenge,
            acked,
            rev,
        ] = wire::fields(&value)?;
        let welcome = Self {
            proto: wire::number(proto)?,
            schema_max: wire::number(schema)?,
            tenant: wire::bytes(tenant)?,
            appliance: wire::bytes(appliance)?,
            nonce: wire::bytes(nonce)?,
            at_ms: wire::number(at)?,
            challenge: challenge
                .bytes()
                .filter(|bytes| bytes.len() <= MAX_CHALLENGE)
                .ok_or(Malformed)?
                .to_vec(),
            acked: wire::marks(acked, MAX_LINES)?,
            changes_rev: wire::number(rev)?,
        };
        let is_answer = welcome.nonce == hello.nonce
            && welcome.tenant == hello.tenant
            && welcome.appliance == hello.appliance
            && (hello.proto_min..=hello.proto_max).contains(&welcome.proto);
        if is_answer && signed.is_by(ANSWER_TAG, hub) {
            Ok(welcome)
        } else {
            Err(Malformed)
        }
    }
}

/// The newest version both sides speak.
#[must_use]
pub fn common_version(ours: (u32, u32), theirs: (u32, u32)) -> Option<u32> {
    let newest = ours.1.min(theirs.1);
    (newest >= ours.0.max(theirs.0)).then_some(newest)
}

/// What the signature of a request without a body is over: the challenge and, as one text, method and
/// path with query ("GET /sync/v1/changes?after=7").
#[must_use]
pub fn proof_message(challenge: &[u8], target: &str) -> Vec<u8> {
    Value::map([(1, Value::Bytes(challenge)), (2, Value::Text(target))]).encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        let line = Line {
            epoch: [3; 16],
            stream: 1,
        };
        Hello {
            proto_min: 1,
            proto_max: 2,
            schema_max: 1,
            tenant: [1; 16],
            appliance: [2; 16],
            nonce: [7; 16],
            heads: vec![(
                line,
                Head {
                    seq: 4,
                    hash: [4; 32],
                },
            )],
            status: Status {
                version: "0.1.0".to_owned(),
                oldest_unsent_ms: Some(-5),
                ..Status::default()
            },
        }
    }

    #[test]
    fn the_answer_belongs_to_this_hello_of_this_appliance() {
        let (ours, hubs) = (
            SigningKey::from_seed(&[1; 32]),
            SigningKey::from_seed(&[2; 32]),
        );
        let signed = hello().sign(&ours);
        assert_eq!(Hello::peek(&signed), Ok(hello()));
        assert!(signed.is_by(REQUEST_TAG, ours.public()));
        assert!(!signed.is_by(ANSWER_TAG, ours.public()));
        let welcome = Welcome {
            proto: 1,
            schema_max: 1,
            tenant: [1; 16],
            appliance: [2; 16],
            nonce: [7; 16],
            at_ms: 9,
            challenge: vec![1; 48],
            acked: hello().heads,
            changes_rev: 12,
        };
        let open = |welcome: &Welcome, key: &SigningKey| {
            Welcome::open(&welcome.sign(key), hubs.public(), &hello())
        };
        assert_eq!(open(&welcome, &hubs), Ok(welcome.clone()));
        assert_eq!(open(&welcome, &ours), Err(Malformed));
        for other in [
            Welcome {
                nonce: [8; 16],
                ..welcome.clone()
            },
            Welcome {
                tenant: [8; 16],
                ..welcome.clone()
            },
            Welcome {
                appliance: [8; 16],
                ..welcome.clone()
            },
            Welcome {
                proto: 3,
                ..welcome.clone()
            },
            Welcome {
                challenge: vec![0; 129],
                ..welcome.clone()
            },
        ] {
            assert_eq!(open(&other, &hubs), Err(Malformed));
        }
    }

    #[test]
    fn the_newest_common_version_is_spoken() {
        assert_eq!(common_version((1, 3), (2, 5)), Some(3));
        assert_eq!(common_version((1, 1), (1, 1)), Some(1));
        assert_eq!(common_version((1, 1), (2, 3)), None);
    }
}
