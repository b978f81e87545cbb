//! A made log, packed as an appliance packs it.

use anyhow::{Context, Result, anyhow};
use iq_evidence::{LogId, Origin, Record};
use iq_sync_proto::{
    Head, Line, MAX_RECORDS, SigningKey,
    batch::{Run, pack},
    enrol, leaf_hash,
};

pub(super) struct Plant {
    pub(super) line: Line,
    key: SigningKey,
}

pub(super) const TENANT: [u8; 16] = [7; 16];
pub(super) const APPLIANCE: [u8; 16] = [8; 16];

impl Plant {
    pub(super) fn new() -> Self {
        Self {
            line: Line {
                epoch: [1; 16],
                stream: 1,
            },
            key: SigningKey::from_seed(&[5; 32]),
        }
    }

    pub(super) fn next_epoch(&mut self) {
        self.line.epoch[0] += 1;
    }

    pub(super) fn enrolment(&self, code: &str) -> Result<Vec<u8>> {
        let request = enrol::Request {
            code: enrol::Code::parse(code).context("no code")?,
            tenant: TENANT,
            appliance: APPLIANCE,
            key: self.key.public().to_bytes(),
            recipient: String::new(),
            name: "bench".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(request.sign(&self.key).encode())
    }

    /// So many records in batches as large as they may be.
    pub(super) fn batches(&self, count: usize) -> Result<Vec<Vec<u8>>> {
        let mut batches = Vec::new();
        let mut after = Head::EMPTY;
        while after.seq < count as u64 {
            let left = count - usize::try_from(after.seq)?;
            let records = self.records(after, left.min(MAX_RECORDS));
            let run = Run {
                tenant: TENANT,
                appliance: APPLIANCE,
                line: self.line,
                after,
                records: &records,
            };
            let packed = pack(run, &self.key)
                .map_err(|large| anyhow!("{large:?}"))?
                .context("nothing to pack")?;
            after = Head {
                seq: packed.header.last,
                hash: packed.header.end_hash,
            };
            batches.push(packed.bytes);
        }
        Ok(batches)
    }

    fn records(&self, after: Head, count: usize) -> Vec<Vec<u8>> {
        let mut head = after;
        (0..count)
            .map(|_| {
                let at = 1_790_000_000_000 + i64::try_from(head.seq).unwrap_or(0) * 37;
                let record = Record {
                    log: LogId {
                        tenant: TENANT,
                        appliance: APPLIANCE,
                        epoch: self.line.epoch,
                        stream: self.line.stream,
                    },
                    seq: head.seq + 1,
                    prev_leaf: head.hash,
                    kind: "event",
                    schema_version: 1,
                    event_ms: at,
                    received_ms: at + 12,
                    boot: [1; 16],
                    mono_us: head.seq * 37_000,
                    source: "DCS-1",
                    quality: 0,
                    actor: None,
                    origin: Origin::Live,
                    body: Vec::new(),
                }
                .encode();
                head = Head {
                    seq: head.seq + 1,
                    hash: leaf_hash(&record),
                };
                record
            })
            .collect()
    }
}
