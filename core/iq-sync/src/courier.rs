//! The same by hand: files for the hub, and what comes back from it.

use iq_config::FailPoint;
use iq_domain::{CodedError, TenantId};
use iq_secrets::seal_file;
use iq_store::{
    StoreError,
    sync::{self as rows, Cursor, Hub, Link, Way},
};
use iq_sync_proto::{
    Head, Line, MAX_BUNDLE, MAX_RECORDS, PublicKey, Signed, SigningKey,
    batch::{Run, pack},
    changes::Changes,
    courier::{MAX_BATCHES, Manifest, write},
    gap_code::Gap,
    receipt::{self, Receipt},
    receipt_text::{self, Slip},
};

use crate::{
    Sync, changes, figures, internal, keys, not_enrolled,
    tracks::{self, Log},
};

/// The smallest and the largest file, bytes.
const SMALLEST: usize = 2 << 20;
/// A file of receipts or of configuration is small.
const MAX_BACK: usize = 4 << 20;

/// Where a file begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportFrom {
    /// After the last receipt; after what was last written where nothing comes back.
    Due,
    /// After what was last written: the next of several files.
    Next,
    /// What a gap code names.
    Gap(String),
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its number.
    pub number: u64,
    /// Its bytes, encrypted to the hub.
    pub bytes: Vec<u8>,
    /// Records in it.
    pub records: u64,
    /// Records that are left for the next one.
    pub left: u64,
}

/// A run of one log that goes into a file.
struct Piece {
    log: Log,
    after: Head,
    upto: u64,
}

impl Sync {
    /// Writes the next file for the hub, at most so many bytes before it is encrypted.
    ///
    /// # Errors
    /// When records don't leave by files, nothing is to be written, or the gap code is none of ours.
    pub async fn export(
        &self,
        tenant: TenantId,
        from: ExportFrom,
        most: usize,
    ) -> Result<Exported, CodedError> {
        let _one = self.0.changing.lock().await;
        let (link, hub) = self.by_file(tenant).await?;
        figures::tell(&self.0, &link).await?;
        let key = keys::signing(&self.0.parts.master_key, &link)?;
        let (nonce, now) = (keys::random()?, self.0.now());
        let most = most.clamp(SMALLEST, MAX_BUNDLE - SMALLEST);
        let file = self.0.parts.store.read(move |conn| {
            let logs = tracks::allowed(conn, tenant, &link)?;
            let pieces = pieces(conn, tenant, logs, link.choice.way, &from)?;
            let manifest = Manifest {
                tenant: *tenant.0.as_bytes(),
                appliance: link.appliance,
                recipient: hub.recipient.clone(),
                number: link.bundle_no + 1,
                created_ms: now.0,
                nonce,
                ranges: Vec::new(),
                batches: Vec::new(),
            };
            fill(conn, pieces, manifest, &key, most)
        });
        let filled = file.await?;
        if filled.cursors.is_empty() {
            return Err(CodedError::conflict("sync.nothing_to_export"));
        }
        let (recipient, plain) = (filled.recipient, filled.plain);
        let bytes = tokio::task::spawn_blocking(move || seal_file(&recipient, &plain))
            .await
            .map_err(|_| internal())?
            .map_err(|_| CodedError::conflict("sync.hub_recipient_wrong"))?;
        FailPoint::BundleFilled.pass();
        let (number, cursors) = (filled.number, filled.cursors);
        self.0
            .parts
            .store
            .write(move |tx| {
                rows::update_bundle_no(tx, tenant, number)?;
                cursors
                    .iter()
                    .try_for_each(|cursor| rows::put_cursor(tx, tenant, cursor))
            })
            .await?;
        FailPoint::BundleNoted.pass();
        Ok(Exported {
            number,
            bytes,
            records: filled.records,
            left: filled.left,
        })
    }

    /// Takes what the hub sent back, receipts or a configuration: files of age say what they are in their
    /// first line, receipts as text in their first letters. Says which, and how many logs moved or changes
    /// were in it.
    ///
    /// # Errors
    /// As the two.
    pub async fn import(
        &self,
        tenant: TenantId,
        bytes: Vec<u8>,
    ) -> Result<(&'static str, u64), CodedError> {
        if bytes.starts_with(b"age-encryption.org/") {
            let count = self.import_config(tenant, bytes).await?;
            Ok(("configuration", count as u64))
        } else {
            let moved = self.import_receipts(tenant, &bytes).await?;
            Ok(("receipts", u64::from(moved)))
        }
    }

    /// Takes receipts: a `.oqr` file. Says how many logs moved.
    async fn import_receipts(&self, tenant: TenantId, bytes: &[u8]) -> Result<u32, CodedError> {
        let _one = self.0.changing.lock().await;
        let link = self.link(tenant).await?;
        let hub = hub_key(&link)?;
        let mut marks: Vec<(Line, Head)> = Vec::new();
        for signed in receipts_of(bytes)? {
            let opened = Receipt::open(&signed, hub, tenant.0.as_bytes(), &link.appliance);
            let opened = opened.ok_or(CodedError::invalid("sync.receipt_foreign"))?;
            marks.extend(opened.marks);
        }
        // The furthest word on each log: files are read in any order.
        marks.sort_by_key(|(line, head)| (*line, std::cmp::Reverse(head.seq)));
        marks.dedup_by_key(|(line, _)| *line);
        let now = self.0.now();
        let heard = self
            .0
            .parts
            .store
            .write(move |tx| {
                let logs = tracks::allowed(tx, tenant, &link)?;
                let heard = tracks::hear(tx, tenant, &logs, &marks, (now, false))?;
                FailPoint::ReceiptsRead.pass();
                Ok(heard)
            })
            .await?;
        Ok(heard.moved)
    }

    /// Takes a `.oqc` file: changes from above, sealed to this appliance. Says how many there were.
    async fn import_config(&self, tenant: TenantId, bytes: Vec<u8>) -> Result<usize, CodedError> {
        let _one = self.0.changing.lock().await;
        let link = self.link(tenant).await?;
        let hub = hub_key(&link)?;
        let key = keys::file_key(&self.0.parts.master_key, tenant);
        let unreadable = || CodedError::invalid("sync.file_unreadable");
        let plain = tokio::task::spawn_blocking(move || key.open(&bytes, MAX_BACK))
            .await
            .map_err(|_| internal())?
            .map_err(|_| unreadable())?;
        let signed = Signed::decode(&plain).map_err(|_| unreadable())?;
        let opened = Changes::open(&signed, hub, tenant.0.as_bytes(), &link.appliance)
            .map_err(|_| CodedError::invalid("sync.answer_untrusted"))?;
        let (count, now) = (opened.changes.len(), self.0.now());
        let is_applied = self
            .0
            .parts
            .store
            .write(move |tx| changes::apply_now(tx, tenant, &opened, now))
            .await?;
        if is_applied {
            Ok(count)
        } else {
            Err(CodedError::conflict("sync.changes_stale"))
        }
    }

    async fn by_file(&self, tenant: TenantId) -> Result<(Link, Hub), CodedError> {
        let link = self.link(tenant).await?;
        let hub = link.hub.clone().ok_or_else(not_enrolled)?;
        if !link.choice.way.is_by_file() {
            return Err(CodedError::conflict("sync.not_by_file"));
        }
        Ok((link, hub))
    }
}

fn hub_key(link: &Link) -> Result<PublicKey, CodedError> {
    let hub = link.hub.as_ref().ok_or_else(not_enrolled)?;
    PublicKey::from_bytes(&hub.key).ok_or_else(not_enrolled)
}

fn pieces(
    conn: &iq_store::Connection,
    tenant: TenantId,
    logs: Vec<Log>,
    way: Way,
    from: &ExportFrom,
) -> Result<Vec<Piece>, StoreError> {
    let gap = match from {
        ExportFrom::Gap(text) => {
            Some(Gap::parse(text).ok_or(CodedError::invalid("sync.gap_code_wrong"))?)
        }
        _ => None,
    };
    let mut pieces = Vec::new();
    for log in logs {
        let line = log.track.line;
        let is_next = way == Way::OneWay || *from == ExportFrom::Next;
        let (after, upto) = match gap {
            Some(gap) if gap.is_of(line) => (gap.first - 1, gap.last().min(log.track.head.seq)),
            Some(_) => continue,
            None if log.track.is_forked => continue,
            None if is_next => {
                let written = log.cursor.written_seq.max(log.cursor.acked_seq);
                (written, log.track.head.seq)
            }
            None => (log.track.acked.seq, log.track.head.seq),
        };
        if upto <= after {
            continue;
        }
        let place = (log.key.epoch_no, log.key.stream, after);
        let hash = match after {
            0 => Some([0; 32]),
            _ => rows::get_leaf(conn, tenant, place)?,
        };
        // A record before it that is not here: there is nothing to go on from.
        let Some(hash) = hash else { continue };
        let after = Head { seq: after, hash };
        pieces.push(Piece { log, after, upto });
    }
    if gap.is_some() && pieces.is_empty() {
        return Err(CodedError::invalid("sync.gap_code_wrong").into());
    }
    Ok(pieces)
}

struct Filled {
    number: u64,
    recipient: String,
    plain: Vec<u8>,
    records: u64,
    left: u64,
    cursors: Vec<Cursor>,
}

fn fill(
    conn: &iq_store::Connection,
    pieces: Vec<Piece>,
    mut manifest: Manifest,
    key: &SigningKey,
    most: usize,
) -> Result<Filled, StoreError> {
    let (mut batches, mut cursors) = (Vec::new(), Vec::new());
    let (mut room, mut records, mut left) = (most, 0, 0);
    for piece in pieces {
        let mut after = piece.after;
        while after.seq < piece.upto && room > 0 && batches.len() < MAX_BATCHES {
            let found =
                tracks::records_after(conn, piece.log.key, after.seq, piece.upto, MAX_RECORDS)?;
            let run = Run {
                tenant: manifest.tenant,
                appliance: manifest.appliance,
                line: piece.log.track.line,
                after,
                records: &found,
            };
            let packed = pack(run, key).map_err(|large| {
                StoreError::from(
                    CodedError::conflict("sync.record_too_large").with("seq", large.seq),
                )
            })?;
            let Some(packed) = packed else { break };
            room = room.saturating_sub(packed.bytes.len());
            after = Head {
                seq: packed.header.last,
                hash: packed.header.end_hash,
            };
            batches.push(packed.bytes);
        }
        left += piece.upto - after.seq;
        if after.seq > piece.after.seq {
            let line = piece.log.track.line;
            manifest.ranges.push((line, piece.after.seq + 1, after.seq));
            records += after.seq - piece.after.seq;
            let written_seq = piece.log.cursor.written_seq.max(after.seq);
            cursors.push(Cursor {
                written_seq,
                ..piece.log.cursor
            });
        }
    }
    Ok(Filled {
        number: manifest.number,
        recipient: manifest.recipient.clone(),
        plain: write(manifest, &batches, key),
        records,
        left,
        cursors,
    })
}

impl Exported {
    /// The name of the file: the appliance and the number.
    #[must_use]
    pub fn file_name(&self, appliance: &[u8; 16]) -> String {
        let short = &crate::client::hex(appliance)[..8];
        format!("optria-{short}-{:06}.oqb", self.number)
    }
}

/// The receipts of a `.oqr` file, of a QR code, or of a text that was pasted.
fn receipts_of(bytes: &[u8]) -> Result<Vec<Signed>, CodedError> {
    let unreadable = || CodedError::invalid("sync.file_unreadable");
    if bytes.len() > MAX_BACK {
        return Err(unreadable());
    }
    if !receipt_text::is_text(bytes) {
        return receipt::decode_file(bytes).map_err(|_| unreadable());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
    receipt_text::decode(text).map_err(|slip| match slip {
        Slip::Damaged => CodedError::invalid("sync.receipt_damaged"),
        Slip::Other => unreadable(),
    })
}
