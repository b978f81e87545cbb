//! Makes an evidence file of the parts that the appliance kept. Refuses what a verifier would not
//! accept, first of all records of the demo plant in the evidence of a real tenant.

use crate::{
    bundle::{Bundle, Entry, Personal},
    manifest::Manifest,
    note::Note,
    record::{Origin, Record, kind},
    tree::{Tree, sha256},
};

/// What a file is made of.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// Bytes of the manifest; its SHA-256 is in the export record.
    pub manifest: &'a [u8],
    /// Stored bytes of the records that the manifest lists, and of the export record as the last.
    pub records: Vec<&'a [u8]>,
    /// All leaves of the log, at least up to the checkpoint.
    pub tree: &'a Tree,
    /// A checkpoint made after the export record.
    pub checkpoint: &'a str,
    /// The newest checkpoint that somebody else has cosigned, if it is not that one.
    pub cosigned: Option<&'a str>,
    /// Canonical bytes of the windows, in the order of the manifest.
    pub windows: Vec<&'a [u8]>,
    /// Personal values that the manifest lists.
    pub personal: Vec<Personal<'a>>,
    /// Documents, in the order of the manifest.
    pub documents: Vec<&'a [u8]>,
}

/// Why no file was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The manifest can't be read.
    Manifest,
    /// The record at this place, from 1, can't be read.
    Record(usize),
    /// The record with this number says the demo plant in the evidence of a real tenant, or the
    /// other way round.
    Origin(u64),
    /// The record with this number is of another log.
    Foreign(u64),
    /// The records are not those of the manifest with its export record after them.
    Records,
    /// A checkpoint can't be read or doesn't reach the last record.
    Checkpoint,
}

/// The bytes of the file.
///
/// # Errors
/// The first part that doesn't fit.
pub fn assemble(parts: &Parts<'_>) -> Result<Vec<u8>, BuildError> {
    let manifest = Manifest::decode(parts.manifest).map_err(|_| BuildError::Manifest)?;
    let note = Note::parse(parts.checkpoint).ok_or(BuildError::Checkpoint)?;
    let size = note.checkpoint.size;
    let origin = if manifest.is_demo {
        Origin::Demo
    } else {
        Origin::Live
    };
    let mut entries = Vec::new();
    let mut seqs = Vec::new();
    let mut last_kind = "";
    for (at, bytes) in parts.records.iter().enumerate() {
        let record = Record::decode(bytes).map_err(|_| BuildError::Record(at + 1))?;
        if record.origin != origin {
            return Err(BuildError::Origin(record.seq));
        }
        if record.log != manifest.log {
            return Err(BuildError::Foreign(record.seq));
        }
        let proof = parts.tree.inclusion(record.seq - 1, size);
        entries.push(Entry {
            bytes,
            proof: proof.ok_or(BuildError::Checkpoint)?,
        });
        seqs.push(record.seq);
        last_kind = record.kind;
        if record.kind == kind::EXPORT && at + 1 == parts.records.len() {
            let hash = record.body(1).and_then(crate::cbor::Value::fixed);
            if hash != Some(sha256(parts.manifest)) {
                return Err(BuildError::Manifest);
            }
        }
    }
    let is_complete = seqs.split_last().is_some_and(|(export, listed)| {
        listed == manifest.records
            && listed.last().is_none_or(|last| last < export)
            && last_kind == kind::EXPORT
    });
    let are_counted = parts.windows.len() == manifest.windows.len()
        && parts.documents.len() == manifest.documents.len()
        && parts.personal.len() == manifest.personal.len();
    if !is_complete || !are_counted {
        return Err(BuildError::Records);
    }
    let cosigned = parts
        .cosigned
        .map(|text| {
            let old = Note::parse(text)?.checkpoint.size;
            Some((text, parts.tree.consistency(old, size)?))
        })
        .map(|found| found.ok_or(BuildError::Checkpoint))
        .transpose()?;
    let bundle = Bundle {
        manifest: parts.manifest,
        records: entries,
        checkpoint: parts.checkpoint,
        cosigned,
        windows: parts.windows.clone(),
        personal: parts.personal.clone(),
        documents: parts.documents.clone(),
    };
    Ok(bundle.encode())
}
