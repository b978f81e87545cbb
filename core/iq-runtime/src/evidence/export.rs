//! The evidence file of an incident: its records with their proofs, its frozen windows, the versions
//! of what they were read with, and the list of what was left out and why.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use iq_blackbox::rca;
use iq_domain::{AssetId, CodedError, ErrorKind, Incident, IncidentId, IndustrialEvent, TenantId};
use iq_evidence::{
    Note, Origin, Record, Tree,
    build::{BuildError, Parts, assemble},
    bundle::Personal,
    field_salt, hex, kind,
    manifest::{self, Document, KeyNote, Manifest, Omission, Version},
    sha256,
};
use iq_store::{
    Connection, StoreError,
    evidence::{self, Entry, LogKey, StoredRecord},
    evidence_keys, incidents, root_causes,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    check,
    earlier::{self, Earlier},
    keys,
    rows::{self, Differing},
    sealer::EVIDENCE,
};
use crate::{Runtime, TenantIndex};

/// Windows of one file; the whole may have 256 MiB.
const MAX_WINDOWS: usize = 128 << 20;
/// Body entry of an event's payload.
const PAYLOAD: i64 = 8;
/// The document with the mappings.
const MAPPINGS: &str = "mappings.json";
/// What people did: their names stand in the payload, and stay in the house.
const ABOUT_PEOPLE: [&str; 2] = ["OPERATOR_ACTION", "MAINTENANCE"];

/// A file for whoever verifies.
#[derive(Clone, Debug)]
pub struct EvidenceFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Records in it.
    pub records: u64,
    /// Raw windows in it.
    pub windows: u64,
    /// What was left out.
    pub omitted: Vec<Omitted>,
}

/// What was left out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omitted {
    /// `raw_window`, `record`, `personal_value`.
    pub what: String,
    /// `too_large`, `demo_source`, `other_epoch`, `later`, `not_recorded`, `kept_back`, `erased`.
    pub why: String,
    /// How many.
    pub count: u64,
}

/// What the store holds for a file.
struct Held {
    records: Vec<(String, StoredRecord)>,
    /// What earlier epochs hold of the incident.
    earlier: Vec<Earlier>,
    events: Vec<IndustrialEvent>,
    /// Payloads as they are stored, by event.
    payloads: BTreeMap<String, String>,
    entries: Vec<Entry>,
    windows: BTreeMap<String, Vec<u8>>,
    analysis: Option<(u32, String)>,
    keys: Vec<iq_evidence::PublicKey>,
    /// A row that is not what was recorded of it.
    differing: Option<Differing>,
    left: BTreeMap<(&'static str, &'static str), u64>,
}

impl Runtime {
    /// Makes the evidence file of an incident and records that it was made.
    ///
    /// # Errors
    /// `incidents.not_found`; `evidence.demo_source` where a plant's incident comes from a demo;
    /// `evidence.not_protected` where the log does not hold it yet; `evidence.altered` where a record
    /// can't be read any more; `evidence.row_altered` where a row is not what was recorded of it;
    /// `evidence.row_added` where one was put in that no log holds.
    #[allow(
        clippy::too_many_lines,
        reason = "the table of contents, field by field"
    )]
    pub async fn export_evidence(
        &self,
        tenant: TenantId,
        incident: IncidentId,
    ) -> Result<EvidenceFile, CodedError> {
        let plant = self.tenant(tenant)?;
        let found = self
            .store()
            .read(move |conn| incidents::get_incident(conn, tenant, incident))
            .await?;
        let incident = found.ok_or(CodedError::not_found("incidents.not_found"))?;
        let demo = demo_fed(&plant);
        if demo.assets.contains(&incident.asset_id) {
            return Err(CodedError::conflict("evidence.demo_source"));
        }
        super::freeze::of_tenant(&self.0, tenant).await?;
        super::freeze::up_to_now(&self.0, tenant, incident.id).await?;
        let (log, id, _) = self
            .0
            .evidence
            .0
            .sealer
            .reach(tenant, EVIDENCE)
            .ok_or(CodedError::conflict("evidence.not_protected"))?;
        let mut held = self.held(log, &incident).await?;
        // A file with the row would accuse itself, one with the record would hide what people were shown.
        if let Some(row) = held.differing.take() {
            let refused = CodedError::conflict(row.refusal()).with("row", row.name());
            if row.seq > 0 || row.is_added {
                check::tell_row(&self.0, row).await?;
            }
            return Err(refused);
        }
        held.leave_out(&demo);
        let now = self.0.clock.now();
        if super::freeze::is_longer(&incident, now) {
            held.left.insert(("raw_window", "later"), 1);
        }
        // What was usual is a figure over hours that no window holds.
        if held.analysis.is_some() {
            held.left.insert(("raw_window", "usual"), 1);
        }
        let documents = documents(&plant, &held);
        let versions = versions(&plant, &incident, &documents, &self.0.packs.packs);
        let shown = held.shown()?;
        let own_name = id.origin();
        let left: Vec<((&str, &str), u64)> = held.left.iter().map(|(k, n)| (*k, *n)).collect();
        let window_seqs: Vec<u64> = held.window_records().map(|(_, r)| r.seq).collect();
        let manifest = Manifest {
            log: id,
            incident: manifest::Incident {
                id: *incident.id.0.as_bytes(),
                number: &incident.number,
                from_ms: incident.started_at.0,
                to_ms: incident
                    .ended_at
                    .unwrap_or(now)
                    .0
                    .max(incident.started_at.0),
            },
            is_demo: plant.tenant.is_demo,
            created_ms: now.0,
            producer: concat!("optria ", env!("CARGO_PKG_VERSION")),
            records: held.records.iter().map(|(_, r)| r.seq).collect(),
            windows: window_seqs.clone(),
            versions: versions
                .iter()
                .map(|(what, name, version)| Version {
                    what,
                    name,
                    version,
                    seq: None,
                })
                .collect(),
            omissions: left
                .iter()
                .map(|((what, why), count)| Omission {
                    what,
                    why,
                    count: *count,
                })
                .collect(),
            documents: documents
                .iter()
                .map(|paper| Document {
                    name: &paper.name,
                    media_type: paper.media_type,
                    sha256: sha256(&paper.bytes),
                    is_derived: paper.is_derived,
                })
                .collect(),
            personal: shown.iter().map(|s| (s.0, PAYLOAD)).collect(),
            keys: held
                .keys
                .iter()
                .rev()
                .take(manifest::MAX_KEYS)
                .map(|key| KeyNote {
                    role: "appliance",
                    name: &own_name,
                    key: key.to_bytes(),
                })
                .collect(),
        }
        .encode();
        let (note, export, tree) = self.bind(log, &incident, &manifest).await?;
        let mut records: Vec<&[u8]> = held.records.iter().map(|(_, r)| &r.record[..]).collect();
        records.push(&export);
        let windows: Vec<&[u8]> = held
            .window_records()
            .filter_map(|(id, _)| held.windows.get(id).map(Vec::as_slice))
            .collect();
        let bytes = assemble(&Parts {
            manifest: &manifest,
            records,
            tree: &tree,
            checkpoint: &note,
            cosigned: None,
            windows,
            personal: shown
                .iter()
                .map(|(seq, salt, value)| Personal {
                    seq: *seq,
                    field: PAYLOAD,
                    salt: *salt,
                    value,
                })
                .collect(),
            documents: documents.iter().map(|paper| &paper.bytes[..]).collect(),
        })
        .map_err(refused)?;
        Ok(EvidenceFile {
            name: format!("{}.oqe", incident.number),
            bytes,
            records: held.records.len() as u64 + 1,
            windows: window_seqs.len() as u64,
            omitted: left
                .into_iter()
                .map(|((what, why), count)| Omitted {
                    what: what.to_owned(),
                    why: why.to_owned(),
                    count,
                })
                .collect(),
        })
    }

    async fn held(&self, log: LogKey, incident: &Incident) -> Result<Held, CodedError> {
        let (tenant, id) = (log.tenant, incident.id);
        let (incident, now) = (incident.clone(), self.0.clock.now());
        let held = self
            .store()
            .read(move |conn| {
                let entries = evidence::list_entries(conn, tenant, id)?;
                let mut left = BTreeMap::new();
                let mut windows = BTreeMap::new();
                let mut size = 0;
                for entry in entries.iter().filter(|e| e.kind == "window") {
                    let Some(bytes) = evidence::get_window(conn, tenant, &entry.id)? else {
                        continue;
                    };
                    size += bytes.len();
                    if size > MAX_WINDOWS {
                        *left.entry(("raw_window", "too_large")).or_default() += 1;
                    } else {
                        windows.insert(entry.id.clone(), bytes);
                    }
                }
                let analysis = root_causes::get_last_root_cause(conn, tenant, id)?;
                let mut records = evidence::list_incident_records(conn, log, id)?;
                let earlier = earlier::list(conn, log, id)?;
                let of_now = records.iter().map(|(_, stored)| stored);
                let mut differing = rows::first_differing(conn, log, of_now)?;
                for epoch in &earlier {
                    let of_then = epoch.records.iter().map(|(_, stored, _)| stored);
                    if differing.is_none() {
                        differing = rows::first_differing(conn, epoch.log, of_then)?;
                    }
                }
                // An event that is gone has no row through which its record would be reached.
                if differing.is_none() {
                    differing = rows::lost(conn, log, id)?;
                }
                if differing.is_none() {
                    differing = rows::added_to(conn, log, &incident, now)?;
                }
                // A row that can't be read any more is told as what it is.
                let events = match differing {
                    Some(_) => Vec::new(),
                    None => incidents::list_incident_events(conn, tenant, id)?,
                };
                records.extend(handovers(conn, log)?);
                records.sort_by_key(|(_, stored)| stored.seq);
                Ok(Held {
                    records,
                    earlier,
                    events: events.into_iter().map(|(event, _)| event).collect(),
                    payloads: evidence::list_incident_payloads(conn, tenant, id)?
                        .into_iter()
                        .collect(),
                    entries,
                    windows,
                    analysis: analysis.map(|row| (row.version, row.result.to_string())),
                    keys: keys::public(conn, tenant)?,
                    differing,
                    left,
                })
            })
            .await?;
        Ok(held)
    }

    /// Records the manifest in the log, signs the log, and gives the checkpoint, the record and the
    /// tree under that checkpoint.
    async fn bind(
        &self,
        log: LogKey,
        incident: &Incident,
        manifest: &[u8],
    ) -> Result<(String, Vec<u8>, Tree), CodedError> {
        let tenant = log.tenant;
        let entry = Entry {
            tenant_id: tenant,
            id: format!("export {}", Uuid::now_v7()),
            kind: kind::EXPORT.to_owned(),
            incident_id: incident.id,
            at: Some(self.0.clock.now()),
            hash: Some(sha256(manifest)),
            detail: json!({ "number": incident.number }).to_string(),
        };
        let (id, name) = (incident.id, entry.id.clone());
        self.store()
            .write(move |tx| evidence::create_entry(tx, tenant, &entry))
            .await?;
        self.0.evidence.checkpoint(self.store(), true).await?;
        self.store()
            .read(move |conn| {
                let not_yet = || CodedError::conflict("evidence.not_protected");
                let records = evidence::list_incident_records(conn, log, id)?;
                let export = records.into_iter().find(|(of, _)| *of == name);
                let (_, export) = export.ok_or_else(not_yet)?;
                let checkpoint = evidence::get_checkpoint(conn, log)?.ok_or_else(not_yet)?;
                let mut tree = Tree::default();
                for leaf in evidence::list_leaves(conn, log, 1)? {
                    tree.push(leaf);
                }
                Ok((checkpoint.note, export.record, tree))
            })
            .await
            .map_err(CodedError::from)
            .and_then(|(note, export, tree)| {
                // A log whose leaves no longer make the signed root would give a file that accuses itself.
                let root = Note::parse(&note).map(|n| (n.checkpoint.size, n.checkpoint.root));
                match root {
                    Some((size, root)) if tree.root(size) == Some(root) => Ok((note, export, tree)),
                    _ => Err(CodedError::conflict("evidence.altered")),
                }
            })
    }
}

/// What the log says of its keys: whoever trusts an older one learns from it which sign now.
fn handovers(conn: &Connection, log: LogKey) -> Result<Vec<(String, StoredRecord)>, StoreError> {
    let mut found = Vec::new();
    for said in evidence_keys::list_handovers(conn, log.tenant)? {
        if said.epoch_no == log.epoch_no {
            evidence::each_record(conn, log, said.seq, 1, |stored| {
                found.push((format!("key {}", said.key_no), stored));
                Ok(())
            })?;
        }
    }
    Ok(found)
}

/// What a plant's evidence may not hold; a demo tenant's may.
struct DemoFed {
    assets: HashSet<AssetId>,
    systems: HashSet<String>,
}

fn demo_fed(plant: &TenantIndex) -> DemoFed {
    let mut demo = DemoFed {
        assets: HashSet::new(),
        systems: HashSet::new(),
    };
    if plant.tenant.is_demo {
        return demo;
    }
    let sources = plant.integrations.values().filter(|i| i.is_demo_origin);
    demo.systems.extend(sources.map(|i| i.name.clone()));
    demo.assets
        .extend(plant.signals.values().filter_map(|entry| {
            let source = entry.mapping.as_ref()?.mapping.integration_id;
            let is_demo = plant.integrations.get(&source)?.is_demo_origin;
            is_demo.then_some(entry.signal.asset_id)
        }));
    demo
}

impl Held {
    /// Takes out what may not or can not be in the file, and counts it.
    fn leave_out(&mut self, demo: &DemoFed) {
        let of_demo: BTreeSet<String> = self
            .events
            .iter()
            .filter(|e| {
                demo.systems.contains(&e.source_system)
                    || e.asset_id.is_some_and(|id| demo.assets.contains(&id))
            })
            .map(|e| e.id.to_string())
            .collect();
        let is_window = |id: &str| id.starts_with("window ");
        let windows = &self.windows;
        let is_refused = |id: &str, record: &StoredRecord| {
            of_demo.contains(id)
                || (is_window(id) && !windows.contains_key(id))
                || (!demo.systems.is_empty()
                    && Record::decode(&record.record).is_ok_and(|r| r.origin == Origin::Demo))
        };
        self.records.retain(|(id, record)| !is_refused(id, record));
        let mut too_large = 0;
        self.earlier.retain_mut(|epoch| {
            epoch
                .records
                .retain(|(id, record, _)| !is_refused(id, record));
            let fits = epoch.fits();
            too_large += if fits { 0 } else { epoch.records.len() as u64 };
            fits && !epoch.records.is_empty()
        });
        let mut count = |what, why, n: u64| {
            if n > 0 {
                *self.left.entry((what, why)).or_default() += n;
            }
        };
        count("record", "demo_source", of_demo.len() as u64);
        // What lies in earlier epochs goes along as documents; the verifier's word is not about those.
        count("record", "too_large", too_large);
        let then = self.earlier.iter().flat_map(|epoch| &epoch.records);
        let (frozen, others): (Vec<&str>, Vec<&str>) = then
            .map(|(id, ..)| id.as_str())
            .partition(|id| is_window(id));
        count("raw_window", "other_epoch", frozen.len() as u64);
        count("record", "other_epoch", others.len() as u64);
        let here = self.records.iter().map(|(id, _)| id.as_str());
        let known: HashSet<&str> = here.chain(others).collect();
        let nowhere = self
            .events
            .iter()
            .map(|e| e.id.to_string())
            .filter(|id| !known.contains(id.as_str()) && !of_demo.contains(id))
            .count() as u64;
        // Those of an epoch that was too large have been counted.
        count("record", "not_recorded", nowhere.saturating_sub(too_large));
        // The last freeze saw everything there was.
        let last = self.entries.iter().rfind(|e| e.kind == "freeze");
        let said = last.and_then(|e| serde_json::from_str::<serde_json::Value>(&e.detail).ok());
        if let Some(said) = said {
            for why in ["too_large", "demo_source"] {
                count("raw_window", why, said[why].as_u64().unwrap_or(0));
            }
        }
    }

    fn window_records(&self) -> impl Iterator<Item = (&str, &StoredRecord)> {
        let records = self
            .records
            .iter()
            .map(|(id, record)| (id.as_str(), record));
        records.filter(|(id, _)| self.windows.contains_key(*id))
    }

    /// Documents with what earlier epochs hold: records with their proofs, and bytes of windows.
    fn of_earlier_epochs(&self) -> Vec<Paper> {
        let mut papers = Vec::new();
        for epoch in &self.earlier {
            let bytes = epoch.document(|id, stored| {
                let payload = self.payloads.get(id)?;
                let record = Record::decode(&stored.record).ok()?;
                let category = record.body(6)?.text()?;
                let salt = field_salt(&stored.salt?, PAYLOAD);
                (!ABOUT_PEOPLE.contains(&category)).then(|| (salt, payload.clone()))
            });
            papers.push(Paper::json(epoch.name(), bytes, false));
            for (id, record, _) in &epoch.records {
                papers.extend(self.windows.get(id).map(|bytes| Paper {
                    name: epoch.window_name(record.seq),
                    media_type: "application/octet-stream",
                    bytes: bytes.clone(),
                    is_derived: false,
                }));
            }
        }
        papers
    }

    /// Payloads that are shown in clear: number, salt, value. Counts those that are not.
    fn shown(&mut self) -> Result<Vec<(u64, [u8; 16], String)>, CodedError> {
        let mut shown = Vec::new();
        let (mut kept_back, mut erased) = (0, 0);
        for (id, stored) in &self.records {
            let Some(payload) = self.payloads.get(id) else {
                continue;
            };
            let record = Record::decode(&stored.record)
                .map_err(|_| CodedError::conflict("evidence.altered").with("seq", stored.seq))?;
            let category = record.body(6).and_then(|value| value.text());
            if category.is_none_or(|category| ABOUT_PEOPLE.contains(&category)) {
                kept_back += 1;
            } else if let Some(salt) = stored.salt {
                shown.push((stored.seq, field_salt(&salt, PAYLOAD), payload.clone()));
            } else {
                erased += 1;
            }
        }
        for (why, n) in [("kept_back", kept_back), ("erased", erased)] {
            if n > 0 {
                self.left.insert(("personal_value", why), n);
            }
        }
        Ok(shown)
    }
}

/// A document of the file.
struct Paper {
    name: String,
    media_type: &'static str,
    bytes: Vec<u8>,
    /// Made from the records.
    is_derived: bool,
}

impl Paper {
    fn json(name: impl Into<String>, bytes: Vec<u8>, is_derived: bool) -> Self {
        Self {
            name: name.into(),
            media_type: "application/json",
            bytes,
            is_derived,
        }
    }
}

/// The mappings behind the windows, and the analysis as it stands.
fn documents(plant: &TenantIndex, held: &Held) -> Vec<Paper> {
    let wanted: HashSet<(String, String)> = held
        .entries
        .iter()
        .filter(|e| held.windows.contains_key(&e.id))
        .filter_map(|e| serde_json::from_str::<serde_json::Value>(&e.detail).ok())
        .map(|d| {
            let text = |key: &str| d[key].as_str().unwrap_or_default().to_owned();
            (text("asset"), text("metric"))
        })
        .collect();
    let mut mappings: Vec<serde_json::Value> = plant
        .signals
        .values()
        .filter_map(|entry| {
            let mapping = &entry.mapping.as_ref()?.mapping;
            let code = &plant.assets.get(&entry.signal.asset_id)?.asset.code;
            wanted
                .contains(&(code.clone(), entry.signal.metric.clone()))
                .then(|| {
                    json!({
                        "asset": code, "metric": entry.signal.metric, "unit": entry.signal.unit,
                        "tag": mapping.external_tag, "source_unit": mapping.unit,
                        "scaling_factor": mapping.scaling_factor, "offset": mapping.offset_value,
                    })
                })
        })
        .collect();
    mappings.sort_by_key(ToString::to_string);
    let mut documents = Vec::new();
    if !mappings.is_empty() {
        let text = serde_json::Value::Array(mappings).to_string();
        documents.push(Paper::json(MAPPINGS, text.into_bytes(), false));
    }
    if let Some((_, result)) = &held.analysis {
        let bytes = result.clone().into_bytes();
        documents.push(Paper::json("root_cause.json", bytes, true));
    }
    documents.extend(held.of_earlier_epochs());
    documents
}

/// What the conclusions were drawn with. Mappings have no number of their own: theirs is a digest.
fn versions(
    plant: &TenantIndex,
    incident: &Incident,
    documents: &[Paper],
    packs: &[rca::Pack],
) -> Vec<(&'static str, String, String)> {
    let mut versions = Vec::new();
    for paper in documents.iter().filter(|paper| paper.name == MAPPINGS) {
        let digest = hex(&sha256(&paper.bytes)[..8]);
        versions.push(("mapping", paper.name.clone(), digest));
    }
    let family = plant
        .assets
        .get(&incident.asset_id)
        .map(|e| e.asset.family.clone());
    for pack in packs
        .iter()
        .filter(|p| family.as_ref().is_some_and(|f| p.fits(f)))
    {
        versions.push(("rules", pack.id.clone(), pack.version.to_string()));
    }
    versions
}

fn refused(error: BuildError) -> CodedError {
    match error {
        BuildError::Origin(_) => CodedError::conflict("evidence.demo_source"),
        BuildError::Record(at) => CodedError::conflict("evidence.altered").with("seq", at),
        BuildError::Foreign(seq) => CodedError::conflict("evidence.altered").with("seq", seq),
        BuildError::Checkpoint => CodedError::conflict("evidence.not_protected"),
        BuildError::Manifest | BuildError::Records => {
            CodedError::new(ErrorKind::Internal, "internal.error")
        }
    }
}
