//! From the bytes of an evidence file to a verdict. The checks run in a fixed order, which
//! `docs/guides/evidence-format.md` gives, and the first that fails decides: first what can't be read,
//! then what was changed, then what is missing, then whose keys they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    bundle::{Bundle, BundleError, has_right_digest},
    cbor::{CborError, Value},
    keys::{PublicKey, SignatureKind, TrustStore, TrustedKey, rotation},
    manifest::Manifest,
    note::{Note, SignatureLine},
    record::{Origin, Record, RecordError, kind, personal_hash},
    tree::{Hash, is_consistent, is_included, leaf_hash, sha256},
    verdict::{Facts, Place, Reason, Verdict},
};

type Check = Result<(), (Reason, Place)>;

/// Checks a file against the keys that the caller trusts.
#[must_use]
pub fn verify(file: &[u8], trust: &TrustStore) -> Verdict {
    let mut facts = Facts::default();
    let (reason, place) = match parse(file, &mut facts) {
        Err(found) => found,
        Ok(parsed) => match judge(&parsed, file, trust, &mut facts) {
            Err(found) | Ok(found) => found,
        },
    };
    Verdict {
        reason,
        place,
        facts,
    }
}

/// A file that can be read, not yet believed.
struct Parsed<'a> {
    bundle: Bundle<'a>,
    manifest: Manifest<'a>,
    records: Vec<Record<'a>>,
    /// Where a record stands, by its number.
    places: BTreeMap<u64, usize>,
    checkpoint: Note,
    cosigned: Option<Note>,
}

impl<'a> Parsed<'a> {
    fn record(&self, seq: u64) -> Option<&Record<'a>> {
        self.places.get(&seq).map(|at| &self.records[*at])
    }

    /// The last record, if it is one that binds a manifest and is none of those listed in it.
    fn export(&self) -> Option<&Record<'a>> {
        self.records.last().filter(|record| {
            record.kind == kind::EXPORT && self.manifest.records.binary_search(&record.seq).is_err()
        })
    }

    fn notes(&self) -> impl Iterator<Item = (&Note, Place)> {
        let cosigned = self.cosigned.iter().map(|note| (note, Place::Cosigned));
        std::iter::once((&self.checkpoint, Place::Checkpoint)).chain(cosigned)
    }
}

fn broken(error: RecordError) -> Reason {
    match error {
        RecordError::Cbor(CborError::Truncated) => Reason::Truncated,
        RecordError::Cbor(CborError::NotCanonical) => Reason::NotCanonical,
        RecordError::Cbor(CborError::TrailingBytes) => Reason::TrailingBytes,
        RecordError::Cbor(CborError::Malformed) | RecordError::Shape => Reason::Broken,
        RecordError::Version => Reason::Version,
    }
}

fn counted(index: usize) -> u64 {
    index as u64 + 1
}

fn parse<'a>(file: &'a [u8], facts: &mut Facts) -> Result<Parsed<'a>, (Reason, Place)> {
    let bundle = Bundle::decode(file).map_err(|error| match error {
        BundleError::NotEvidence => (Reason::NotEvidence, Place::File),
        BundleError::TooLarge => (Reason::TooLarge, Place::File),
        BundleError::Content(error) => (broken(error), Place::File),
    })?;
    let manifest =
        Manifest::decode(bundle.manifest).map_err(|error| (broken(error), Place::Manifest))?;
    *facts = facts_of(&manifest);
    let mut records = Vec::new();
    for (at, entry) in bundle.records.iter().enumerate() {
        let record = Record::decode(entry.bytes);
        records.push(record.map_err(|error| (broken(error), Place::Entry(counted(at))))?);
    }
    facts.records = records.len() as u64;
    let checkpoint = Note::parse(bundle.checkpoint).ok_or((Reason::Broken, Place::Checkpoint))?;
    facts.size = checkpoint.checkpoint.size;
    facts.checkpoint_ms = checkpoint.checkpoint.at_ms;
    let cosigned = match &bundle.cosigned {
        None => None,
        Some((note, _)) => Some(Note::parse(note).ok_or((Reason::Broken, Place::Cosigned))?),
    };
    if bundle.windows.len() > manifest.windows.len() {
        return Err((
            Reason::Broken,
            Place::Window(counted(manifest.windows.len())),
        ));
    }
    if bundle.documents.len() > manifest.documents.len() {
        return Err((
            Reason::Broken,
            Place::Document(counted(manifest.documents.len())),
        ));
    }
    let places = records.iter().enumerate();
    Ok(Parsed {
        places: places.map(|(at, record)| (record.seq, at)).collect(),
        bundle,
        manifest,
        records,
        checkpoint,
        cosigned,
    })
}

fn facts_of(manifest: &Manifest<'_>) -> Facts {
    Facts {
        is_demo: manifest.is_demo,
        log: Some((
            manifest.log.tenant,
            manifest.log.appliance,
            manifest.log.epoch,
        )),
        incident: manifest.incident.number.to_owned(),
        window_ms: Some((manifest.incident.from_ms, manifest.incident.to_ms)),
        omissions: manifest
            .omissions
            .iter()
            .map(|o| (o.what.to_owned(), o.why.to_owned(), o.count))
            .collect(),
        ..Facts::default()
    }
}

/// What was found changed, missing or unknown is an error; the answer is what holds.
fn judge(
    parsed: &Parsed<'_>,
    file: &[u8],
    trust: &TrustStore,
    facts: &mut Facts,
) -> Result<(Reason, Place), (Reason, Place)> {
    let origin = parsed.manifest.log.origin();
    for (note, place) in parsed.notes() {
        if note.checkpoint.origin != origin {
            return Err((Reason::WrongOrigin, place));
        }
    }
    let keys = Keys::of(parsed, trust)?;
    let mut signatures = Vec::new();
    for (note, place) in parsed.notes() {
        signatures.push((Signatures::check(note, place, &keys)?, place));
    }
    let first = &signatures[0].0;
    facts.signer = first
        .log_key
        .or(first.unknown_key)
        .map(|key| key.fingerprint());
    check_growth(parsed)?;
    check_manifest(parsed)?;
    check_records(parsed)?;
    check_attachments(parsed)?;
    check_personal(parsed)?;
    if !has_right_digest(file) {
        return Err((Reason::FileDigest, Place::File));
    }
    check_completeness(parsed)?;
    if let Some((_, place)) = signatures.iter().find(|(found, _)| !found.has_log_line) {
        return Err((Reason::NoSignature, *place));
    }
    if let Some((_, place)) = signatures.iter().find(|(found, _)| found.log_key.is_none()) {
        return Err((Reason::KeyUnknown, *place));
    }
    Ok(protection(parsed, &signatures, facts))
}

/// The keys a signature may be of.
struct Keys<'a> {
    /// Trusted ones of this appliance, and those that took over from them.
    log: Vec<PublicKey>,
    /// Trusted witnesses.
    cosigners: Vec<(&'a str, PublicKey)>,
    /// Keys that the file names: good enough to find a signature wrong, never to find it right.
    named_log: Vec<PublicKey>,
    named_cosigners: Vec<(&'a str, PublicKey)>,
}

impl<'a> Keys<'a> {
    fn of(parsed: &'a Parsed<'_>, trust: &'a TrustStore) -> Result<Self, (Reason, Place)> {
        let mut keys = Self {
            log: Vec::new(),
            cosigners: Vec::new(),
            named_log: Vec::new(),
            named_cosigners: Vec::new(),
        };
        let ours = (parsed.manifest.log.tenant, parsed.manifest.log.appliance);
        for trusted in &trust.0 {
            match trusted {
                TrustedKey::Appliance {
                    tenant,
                    appliance,
                    key,
                } if (*tenant, *appliance) == ours => keys.log.push(*key),
                TrustedKey::Appliance { .. } => {}
                TrustedKey::Cosigner { name, key } => keys.cosigners.push((name, *key)),
            }
        }
        for note in &parsed.manifest.keys {
            let Some(key) = PublicKey::from_bytes(&note.key) else {
                continue;
            };
            match note.role {
                "appliance" => keys.named_log.push(key),
                "cosigner" => keys.named_cosigners.push((note.name, key)),
                _ => {}
            }
        }
        for record in parsed
            .records
            .iter()
            .filter(|r| r.kind == kind::KEY_ROTATION)
        {
            let (old, new) =
                rotation(record).ok_or((Reason::Rotation, Place::Record(record.seq)))?;
            if keys.log.contains(&old) {
                keys.log.push(new);
            }
        }
        Ok(keys)
    }
}

/// What the signature lines of a note come to.
#[derive(Default)]
struct Signatures {
    has_log_line: bool,
    log_key: Option<PublicKey>,
    unknown_key: Option<PublicKey>,
    cosigners: Vec<String>,
    has_unknown_cosigner: bool,
}

impl Signatures {
    fn check(note: &Note, place: Place, keys: &Keys<'_>) -> Result<Self, (Reason, Place)> {
        let mut found = Self::default();
        for line in &note.lines {
            if line.name == note.checkpoint.origin {
                found.has_log_line = true;
                let all = keys.log.iter().chain(&keys.named_log);
                match signer(note, line, SignatureKind::Log, all) {
                    Signer::NotListed => {}
                    Signer::Wrong => return Err((Reason::Signature, place)),
                    Signer::Is(key) if keys.log.contains(&key) => {
                        found.log_key = found.log_key.or(Some(key));
                    }
                    Signer::Is(key) => found.unknown_key = found.unknown_key.or(Some(key)),
                }
                continue;
            }
            let named = |list: &[(&str, PublicKey)]| -> Vec<PublicKey> {
                let own = list.iter().filter(|(name, _)| *name == line.name);
                own.map(|(_, key)| *key).collect()
            };
            let (trusted, others) = (named(&keys.cosigners), named(&keys.named_cosigners));
            let all = trusted.iter().chain(&others);
            match signer(note, line, SignatureKind::Cosignature, all) {
                Signer::Wrong => return Err((Reason::Cosignature, place)),
                Signer::Is(key) if trusted.contains(&key) => {
                    found.cosigners.push(line.name.clone())
                }
                Signer::Is(_) | Signer::NotListed => found.has_unknown_cosigner = true,
            }
        }
        Ok(found)
    }
}

enum Signer {
    Is(PublicKey),
    Wrong,
    NotListed,
}

fn signer<'k>(
    note: &Note,
    line: &SignatureLine,
    kind: SignatureKind,
    keys: impl Iterator<Item = &'k PublicKey>,
) -> Signer {
    let mut answer = Signer::NotListed;
    for key in keys.filter(|key| key.id(&line.name, kind) == line.key_id) {
        if line.is_by(key, kind, &note.text) {
            return Signer::Is(*key);
        }
        answer = Signer::Wrong;
    }
    answer
}

/// The log is what a witness has seen before, continued.
fn check_growth(parsed: &Parsed<'_>) -> Check {
    let (Some(old), Some((_, proof))) = (&parsed.cosigned, &parsed.bundle.cosigned) else {
        return Ok(());
    };
    let (old, new) = (&old.checkpoint, &parsed.checkpoint.checkpoint);
    if old.size > new.size {
        return Err((Reason::SmallerSize, Place::Cosigned));
    }
    if is_consistent((old.size, &old.root), (new.size, &new.root), proof) {
        Ok(())
    } else {
        Err((Reason::Inconsistent, Place::Cosigned))
    }
}

fn check_manifest(parsed: &Parsed<'_>) -> Check {
    let Some(export) = parsed.export() else {
        return Ok(());
    };
    if export.body(1).and_then(Value::fixed) == Some(sha256(parsed.bundle.manifest)) {
        Ok(())
    } else {
        Err((Reason::Manifest, Place::Manifest))
    }
}

fn check_records(parsed: &Parsed<'_>) -> Check {
    let ours = &parsed.manifest.log;
    let checkpoint = &parsed.checkpoint.checkpoint;
    let export = parsed.export().map(|record| record.seq);
    let mut before: Option<(u64, Hash)> = None;
    for (record, entry) in parsed.records.iter().zip(&parsed.bundle.records) {
        let seq = record.seq;
        let leaf = leaf_hash(entry.bytes);
        let is_listed = parsed.manifest.records.binary_search(&seq).is_ok() || export == Some(seq);
        let is_linked = match before {
            Some((last, last_leaf)) if last + 1 == seq => record.prev_leaf == last_leaf,
            _ => seq > 1 || record.prev_leaf == [0; 32],
        };
        let wrong = [
            (record.log.tenant != ours.tenant, Reason::ForeignTenant),
            (
                record.log.appliance != ours.appliance,
                Reason::ForeignAppliance,
            ),
            (record.log.epoch != ours.epoch, Reason::ForeignEpoch),
            (record.log.stream != ours.stream, Reason::ForeignStream),
            (
                before.is_some_and(|(last, _)| last == seq),
                Reason::Duplicate,
            ),
            (before.is_some_and(|(last, _)| last > seq), Reason::Order),
            (!is_listed, Reason::Unlisted),
            (
                (record.origin == Origin::Demo) != parsed.manifest.is_demo,
                Reason::OriginMismatch,
            ),
            (seq > checkpoint.size, Reason::BeyondCheckpoint),
            (
                !is_included(
                    &leaf,
                    seq - 1,
                    checkpoint.size,
                    &entry.proof,
                    &checkpoint.root,
                ),
                Reason::NotInLog,
            ),
            (!is_linked, Reason::Chain),
        ];
        if let Some((_, reason)) = wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
            return Err((reason, Place::Record(seq)));
        }
        before = Some((seq, leaf));
    }
    Ok(())
}

fn check_attachments(parsed: &Parsed<'_>) -> Check {
    for (at, (bytes, seq)) in parsed
        .bundle
        .windows
        .iter()
        .zip(&parsed.manifest.windows)
        .enumerate()
    {
        let Some(record) = parsed.record(*seq) else {
            continue;
        };
        let bound = record.body(1).and_then(Value::fixed);
        if record.kind != kind::WINDOW || bound != Some(sha256(bytes)) {
            return Err((Reason::Window, Place::Window(counted(at))));
        }
    }
    let documents = parsed
        .bundle
        .documents
        .iter()
        .zip(&parsed.manifest.documents);
    for (at, (bytes, document)) in documents.enumerate() {
        if document.sha256 != sha256(bytes) {
            return Err((Reason::Document, Place::Document(counted(at))));
        }
    }
    Ok(())
}

fn check_personal(parsed: &Parsed<'_>) -> Check {
    let listed: BTreeSet<&(u64, i64)> = parsed.manifest.personal.iter().collect();
    for personal in &parsed.bundle.personal {
        let place = Place::Record(personal.seq);
        if !listed.contains(&(personal.seq, personal.field)) {
            return Err((Reason::PersonalUnlisted, place));
        }
        let hash = personal_hash(&personal.salt, personal.value);
        let record = parsed.record(personal.seq);
        if record.is_some_and(|record| record.personal(personal.field) != Some(hash)) {
            return Err((Reason::Personal, place));
        }
    }
    Ok(())
}

fn check_completeness(parsed: &Parsed<'_>) -> Check {
    let listed = parsed
        .manifest
        .records
        .iter()
        .chain(&parsed.manifest.windows);
    for seq in listed {
        if !parsed.places.contains_key(seq) {
            return Err((Reason::RecordMissing, Place::Record(*seq)));
        }
    }
    if parsed.export().is_none() {
        return Err((Reason::ExportMissing, Place::File));
    }
    let (windows, documents) = (parsed.bundle.windows.len(), parsed.bundle.documents.len());
    if windows < parsed.manifest.windows.len() {
        return Err((Reason::WindowMissing, Place::Window(counted(windows))));
    }
    if documents < parsed.manifest.documents.len() {
        return Err((Reason::DocumentMissing, Place::Document(counted(documents))));
    }
    let shown = parsed.bundle.personal.iter();
    let shown: BTreeSet<(u64, i64)> = shown.map(|p| (p.seq, p.field)).collect();
    for (seq, field) in &parsed.manifest.personal {
        if !shown.contains(&(*seq, *field)) {
            return Err((Reason::PersonalMissing, Place::Record(*seq)));
        }
    }
    Ok(())
}

/// How far somebody else vouches for the log.
fn protection(
    parsed: &Parsed<'_>,
    signatures: &[(Signatures, Place)],
    facts: &mut Facts,
) -> (Reason, Place) {
    for ((note, _), (found, _)) in parsed.notes().zip(signatures) {
        if !found.cosigners.is_empty() {
            facts.protected_to = facts.protected_to.max(Some(note.checkpoint.size));
        }
        for name in &found.cosigners {
            if !facts.cosigners.contains(name) {
                facts.cosigners.push(name.clone());
            }
        }
    }
    let Some(protected_to) = facts.protected_to else {
        let is_unknown = signatures
            .iter()
            .any(|(found, _)| found.has_unknown_cosigner);
        let reason = if is_unknown {
            Reason::CosignerUnknown
        } else {
            Reason::ApplianceOnly
        };
        return (reason, Place::Checkpoint);
    };
    match parsed
        .records
        .iter()
        .find(|record| record.seq > protected_to)
    {
        Some(record) => (Reason::UnprotectedRange, Place::Record(record.seq)),
        None => (Reason::Verified, Place::File),
    }
}
