//! What a person is told about the protection of the log.

use iq_domain::{CodedError, ErrorKind, TenantId, Timestamp};
use iq_evidence::{Note, PublicKey, hex};
use iq_store::{evidence, evidence_keys};

use super::{
    keys,
    sealer::{AUDIT, EVIDENCE, Reach},
};
use crate::Runtime;

/// Something that was found wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceTrouble {
    /// `cut`, `altered`, `restored`, `moved`, `row_altered`, `row_added`.
    pub reason: String,
    /// Which stream.
    pub stream: Option<u8>,
    /// Records the file of checkpoints knows of.
    pub had: Option<u64>,
    /// Records there are.
    pub has: Option<u64>,
    /// The first wrong record.
    pub seq: Option<u64>,
    /// The first wrong entry of the file.
    pub entry: Option<u64>,
    /// The stored row that is not what its record says, or has none: `event`, `audit`, `entry`, `incident` or `note`,
    /// and which.
    pub row: Option<String>,
    /// When the checkpoint was signed that no longer fits.
    pub signed_at: Option<Timestamp>,
    /// When it was found.
    pub found_at: Timestamp,
}

impl EvidenceTrouble {
    pub(super) fn of(reason: &str, found_at: Timestamp) -> Self {
        Self {
            reason: reason.to_owned(),
            stream: None,
            had: None,
            has: None,
            seq: None,
            entry: None,
            row: None,
            signed_at: None,
            found_at,
        }
    }
}

/// How well a tenant's log is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceStatus {
    /// Name of the epoch in force, as hex digits; none before the first record.
    pub epoch: Option<String>,
    /// Its number.
    pub epoch_no: i64,
    /// Why it was begun.
    pub epoch_reason: String,
    /// When.
    pub epoch_opened_at: Option<Timestamp>,
    /// Root of the last checkpoint, as hex digits.
    pub root: Option<String>,
    /// Records of events and incidents.
    pub records: u64,
    /// Of them under a signed checkpoint.
    pub protected: u64,
    /// When that checkpoint was made.
    pub protected_at: Option<Timestamp>,
    /// Audit records in their own log, and how many of them are under a checkpoint.
    pub audit: (u64, u64),
    /// Fingerprint of the key that signs, once there is one.
    pub key: Option<String>,
    /// The tenant is a demo: its key is on nobody's list.
    pub is_demo: bool,
    /// What was found wrong since the start.
    pub troubles: Vec<EvidenceTrouble>,
}

/// A public key for the list of a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceKey {
    /// The key, 32 bytes.
    pub public: [u8; 32],
    /// What two people compare by voice.
    pub fingerprint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Signs now.
    pub is_current: bool,
}

impl Runtime {
    /// How well a tenant's log is protected.
    pub async fn evidence_status(&self, tenant: TenantId) -> Result<EvidenceStatus, CodedError> {
        let keeper = &self.0.evidence.0;
        let found = keeper.sealer.reach(tenant, EVIDENCE);
        let audit = keeper
            .sealer
            .reach(tenant, AUDIT)
            .map(|(_, _, reach)| reach);
        let log = found.map(|(key, _, _)| key);
        let (epoch, last, keys) = self
            .store()
            .read(move |conn| {
                let last = match log {
                    Some(log) => evidence::get_checkpoint(conn, log)?,
                    None => None,
                };
                let epoch = evidence::get_epoch(conn, tenant)?;
                Ok((epoch, last, keys::public(conn, tenant)?))
            })
            .await?;
        let reach = found.map_or(Reach::default(), |(_, _, reach)| reach);
        let audit = audit.unwrap_or_default();
        let troubles = keeper.troubles.lock();
        let troubles = troubles.iter().filter(|(of, _)| *of == tenant);
        Ok(EvidenceStatus {
            epoch_no: epoch.as_ref().map_or(0, |e| e.epoch_no),
            epoch_reason: epoch.as_ref().map_or(String::new(), |e| e.reason.clone()),
            epoch_opened_at: epoch.as_ref().map(|e| e.opened_at),
            epoch: epoch.map(|e| hex(&e.epoch)),
            root: last
                .as_ref()
                .and_then(|c| Note::parse(&c.note))
                .map(|note| hex(&note.checkpoint.root)),
            records: reach.size,
            protected: reach.covered,
            protected_at: last.map(|c| c.at),
            audit: (audit.size, audit.covered),
            key: keys.last().map(|key| key.fingerprint()),
            is_demo: self.tenant(tenant)?.tenant.is_demo,
            troubles: troubles.map(|(_, trouble)| trouble.clone()).collect(),
        })
    }

    /// The public keys of a tenant, for the list of whoever verifies; the last one signs.
    pub async fn evidence_keys(&self, tenant: TenantId) -> Result<Vec<EvidenceKey>, CodedError> {
        let rows = self
            .store()
            .read(move |conn| evidence_keys::list_keys(conn, tenant))
            .await?;
        let last = rows.len();
        let keys = rows.iter().enumerate().filter_map(|(at, row)| {
            Some(EvidenceKey {
                public: row.public,
                fingerprint: PublicKey::from_bytes(&row.public)?.fingerprint(),
                created_at: row.created_at,
                is_current: at + 1 == last,
            })
        });
        Ok(keys.collect())
    }

    /// Puts a new signing key into force and signs with it. The log says so, signed by both keys:
    /// whoever trusts the old one trusts the new one.
    pub async fn replace_evidence_key(&self, tenant: TenantId) -> Result<EvidenceKey, CodedError> {
        let evidence = self.0.evidence.clone();
        self.store()
            .write(move |tx| evidence.0.sealer.replace_key(tx, tenant))
            .await?;
        self.0.evidence.checkpoint(self.store(), true).await?;
        let keys = self.evidence_keys(tenant).await?;
        let current = keys.into_iter().find(|key| key.is_current);
        current.ok_or(CodedError::new(ErrorKind::Internal, "internal.error"))
    }

    /// Id of the appliance, as it stands in records.
    #[must_use]
    pub fn appliance(&self) -> [u8; 16] {
        self.0.evidence.0.sealer.appliance
    }
}
