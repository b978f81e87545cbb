//! Records of an incident that lie in earlier epochs. A file holds one log, and the record that binds
//! its table of contents is appended to that log; a closed epoch takes none, for the appliance it was
//! copied from may still write it. So they go along as documents: the exact bytes, their proofs and the
//! last checkpoint that fits, to be checked by the rules of the file.

use iq_domain::IncidentId;
use iq_evidence::{Hash, Note, Tree, hex, leaf_hash};
use iq_store::{
    Connection, StoreError,
    evidence::{self, Epoch, LogKey, StoredRecord},
};
use serde_json::json;

/// Bytes of a document; the whole file may have 256 MiB.
const MAX_BYTES: usize = 48 << 20;

/// What one earlier epoch holds of an incident.
pub(super) struct Earlier {
    pub(super) log: LogKey,
    epoch: Epoch,
    /// The last checkpoint whose root the leaves still make.
    checkpoint: Option<String>,
    /// The id of the row, the record, and the proof that the checkpoint covers it.
    pub(super) records: Vec<(String, StoredRecord, Option<Vec<Hash>>)>,
}

/// The earlier epochs that hold records of an incident, oldest first.
pub(super) fn list(
    conn: &Connection,
    log: LogKey,
    incident: IncidentId,
) -> Result<Vec<Earlier>, StoreError> {
    let mut found = Vec::new();
    for epoch in evidence::list_epochs(conn, log.tenant)? {
        let own = LogKey {
            epoch_no: epoch.epoch_no,
            ..log
        };
        if own == log {
            continue;
        }
        let records = evidence::list_incident_records(conn, own, incident)?;
        if records.is_empty() {
            continue;
        }
        let mut tree = Tree::default();
        for leaf in evidence::list_leaves(conn, own, 1)? {
            tree.push(leaf);
        }
        let checkpoints = evidence::list_checkpoints(conn, own, 0)?;
        let fitting = checkpoints.into_iter().rev().find_map(|row| {
            let (size, root) =
                Note::parse(&row.note).map(|note| (note.checkpoint.size, note.checkpoint.root))?;
            (tree.root(size) == Some(root)).then_some((size, row.note))
        });
        let (size, checkpoint) = fitting.map_or((0, None), |(size, note)| (size, Some(note)));
        let proved = records.into_iter().map(|(id, record)| {
            let is_whole = leaf_hash(&record.record) == record.leaf;
            let proof = tree.inclusion(record.seq.saturating_sub(1), size);
            (id, record, proof.filter(|_| is_whole))
        });
        found.push(Earlier {
            log: own,
            epoch,
            checkpoint,
            records: proved.collect(),
        });
    }
    Ok(found)
}

impl Earlier {
    /// Whether its document is small enough to go along.
    pub(super) fn fits(&self) -> bool {
        let bytes = self.records.iter().map(|(_, record, proof)| {
            // Hex digits, and the name and value of a payload that the record has as a hash alone.
            2 * record.record.len() + 70 * proof.as_ref().map_or(0, Vec::len) + 1_000
        });
        bytes.sum::<usize>() <= MAX_BYTES
    }

    /// File name of the document.
    pub(super) fn name(&self) -> String {
        format!("epoch-{}.json", self.epoch.epoch_no)
    }

    /// File name of a window's bytes.
    pub(super) fn window_name(&self, seq: u64) -> String {
        format!("epoch-{}-window-{seq}.bin", self.epoch.epoch_no)
    }

    /// The document: bytes as hex digits. `payload` gives salt and value of an event's payload where
    /// it may be shown.
    pub(super) fn document(
        &self,
        payload: impl Fn(&str, &StoredRecord) -> Option<([u8; 16], String)>,
    ) -> Vec<u8> {
        let records: Vec<serde_json::Value> = self
            .records
            .iter()
            .map(|(id, record, proof)| {
                let proof = proof.as_ref().map(|hashes| {
                    let hashes = hashes.iter().map(|hash| hex(hash));
                    hashes.collect::<Vec<_>>()
                });
                let shown = payload(id, record);
                let payload =
                    shown.map(|(salt, text)| json!({ "salt": hex(&salt), "value": text }));
                json!({
                    "seq": record.seq, "record": hex(&record.record), "proof": proof,
                    "payload": payload,
                })
            })
            .collect();
        json!({
            "tenant": hex(self.epoch.tenant_id.0.as_bytes()),
            "appliance": hex(&self.epoch.appliance), "epoch": hex(&self.epoch.epoch),
            "stream": self.log.stream, "checkpoint": self.checkpoint, "records": records,
        })
        .to_string()
        .into_bytes()
    }
}
