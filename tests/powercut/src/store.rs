//! The store through a power cut: events, audit, incidents with their notes, a setting that is written
//! over, and the evidence log with its checkpoints in the second file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use anyhow::{Result, ensure};
use iq_domain::{
    Asset, AssetId, AuditId, AuditRecord, Clock, Criticality, EventCategory, EventId,
    EventRelation, Incident, IncidentId, IncidentNote, IncidentStatus, IncidentType,
    IndustrialEvent, ManualClock, Names, NoteId, Severity, Site, SiteId, Tenant, TenantId,
    Timestamp, Unit, UnitId,
};
use iq_evidence::history::read_history;
use iq_runtime::{Evidence, EvidenceParts, open_store};
use iq_secrets::{MasterKey, SecretString};
use iq_store::{
    Connection, Page, Store, StoreError, assets, audit, events, incidents, settings, sites,
    tenants, units,
};
use serde_json::{Value, json};

use crate::{log::Recording, search::Scenario};

mod chain;

const T0: Timestamp = Timestamp(1_790_000_000_000);
const SETTING: &str = "powercut";
const CHECKPOINTS: &str = "checkpoints";
/// The step that is made after the power came back.
const AFTERWARDS: usize = 1_000_002;

/// The work: so many steps on a store that is made first.
#[derive(Clone, Debug)]
pub struct Work {
    steps: usize,
    plant: Plant,
}

#[derive(Clone, Copy, Debug)]
struct Plant {
    tenant: TenantId,
    asset: AssetId,
}

/// What a step does; the number decides, so that a check knows it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The store is made.
    Make,
    /// The plant is entered.
    Enter,
    /// The program ends and starts again.
    Restart,
    /// The evidence log is signed.
    Sign,
    /// Three writes arrive at once.
    Group,
    /// One transaction of many rows.
    Rows,
}

const fn kind(step: usize) -> Kind {
    match step {
        0 => Kind::Make,
        1 => Kind::Enter,
        _ if step.is_multiple_of(14) => Kind::Restart,
        _ if step.is_multiple_of(5) => Kind::Sign,
        _ if step % 6 == 3 => Kind::Group,
        _ => Kind::Rows,
    }
}

/// An event of a step: its name and what it says. Some are longer than a page.
fn event_of(step: usize, number: usize) -> (String, Value) {
    let text = "صوت غير معتاد ".repeat(step * 37 % 200);
    let name = format!("event-{step}-{number}");
    (
        name,
        json!({ "step": step, "number": number, "text": text }),
    )
}

fn events_of(step: usize) -> usize {
    match kind(step) {
        Kind::Group => 3,
        Kind::Rows => 1 + step % 4,
        _ => 0,
    }
}

/// Whether a step opens an incident, or ends the one of the step before.
fn opens(step: usize) -> bool {
    kind(step) == Kind::Rows && step.is_multiple_of(2)
}

fn ends(step: usize) -> bool {
    kind(step) == Kind::Rows && step > 0 && opens(step - 1)
}

impl Work {
    /// Work of so many steps.
    #[must_use]
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            plant: Plant {
                tenant: TenantId::new(),
                asset: AssetId::new(),
            },
        }
    }
}

fn open(folder: &Path) -> Result<(Store, Evidence)> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(T0));
    let key = SecretString::new("a long and random text of a test");
    Ok(open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance: [7; 16],
        machine: None,
        clock,
        master_key: Arc::new(MasterKey::from_text(&key)),
    })?)
}

impl Scenario for Work {
    fn appended(&self) -> &[&'static str] {
        &[CHECKPOINTS]
    }

    fn work(&self, folder: &Path, recording: &Recording) -> Result<()> {
        recording.begun(0);
        let (mut store, mut evidence) = open(folder)?;
        recording.done(0);
        for step in 1..self.steps {
            recording.begun(step);
            match kind(step) {
                Kind::Make => {}
                Kind::Restart => {
                    store.close();
                    drop((store, evidence));
                    (store, evidence) = open(folder)?;
                }
                Kind::Sign => evidence.sign_now(&store)?,
                _ => self.plant.write(&store, step)?,
            }
            recording.done(step);
        }
        recording.begun(self.steps);
        store.close();
        recording.done(self.steps);
        Ok(())
    }

    fn check(&self, folder: &Path, done: Option<usize>, begun: Option<usize>) -> Result<()> {
        let (store, evidence) = open(folder)?;
        whole(&store)?;
        let owed = Owed {
            // The farewell at the end leaves all as it is.
            done: done.unwrap_or(0).min(self.steps - 1),
            begun: begun.unwrap_or(0).min(self.steps - 1),
        };
        let found = store.read_blocking(|conn| self.plant.found(conn))?;
        owed.compare(&found)?;
        let tenants = store.read_blocking(tenants::list_tenants)?;
        ensure!(
            !tenants.is_empty() || owed.done < 1,
            "the plant is not there"
        );
        if tenants.is_empty() {
            // The power went while the store was made; it goes on from there.
            self.plant.write(&store, 1)?;
        }
        store.read_blocking(|conn| {
            chain::check(conn, self.plant.tenant).map_err(|e| StoreError::Internal(e.to_string()))
        })?;
        // It works as before, also after the next start.
        self.plant.write(&store, AFTERWARDS)?;
        evidence.sign_now(&store)?;
        store.close();
        drop((store, evidence));
        let (store, _) = open(folder)?;
        let found = store.read_blocking(|conn| self.plant.found(conn))?;
        let is_there = |number| found.events.contains_key(&event_of(AFTERWARDS, number).0);
        ensure!(
            (0..events_of(AFTERWARDS)).all(is_there),
            "a later write is gone"
        );
        store.read_blocking(|conn| {
            chain::check(conn, self.plant.tenant).map_err(|e| StoreError::Internal(e.to_string()))
        })?;
        let file = std::fs::read(folder.join(CHECKPOINTS))?;
        let history = read_history(&file).map_err(|e| anyhow::anyhow!("{CHECKPOINTS}: {e:?}"))?;
        ensure!(history.length == file.len(), "{CHECKPOINTS} has a torn end");
        Ok(())
    }
}

/// What SQLite itself says of the file.
fn whole(store: &Store) -> Result<()> {
    let (word, orphans) = store.read_blocking(|conn| {
        let word: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        let orphans = conn.prepare("PRAGMA foreign_key_check")?.exists([])?;
        Ok((word, orphans))
    })?;
    ensure!(word == "ok", "integrity_check: {word}");
    ensure!(!orphans, "a row without its parent");
    Ok(())
}

impl Plant {
    fn write(self, store: &Store, step: usize) -> Result<()> {
        match kind(step) {
            Kind::Enter => store.write_blocking(move |tx| self.enter(tx))?,
            Kind::Group => std::thread::scope(|scope| {
                let writers: Vec<_> = (0..3)
                    .map(|number| {
                        scope.spawn(move || {
                            store.write_blocking(move |tx| self.event(tx, step, number).map(drop))
                        })
                    })
                    .collect();
                writers
                    .into_iter()
                    .try_for_each(|writer| writer.join().unwrap_or(Err(StoreError::Closed)))
            })?,
            _ => store.write_blocking(move |tx| self.rows(tx, step))?,
        }
        Ok(())
    }

    fn enter(self, tx: &Connection) -> Result<(), StoreError> {
        let tenant_id = self.tenant;
        let (site, unit) = (SiteId::new(), UnitId::new());
        let names = || Names {
            en: "Plant".to_owned(),
            ar: "محطة".to_owned(),
        };
        let tenant = Tenant {
            id: tenant_id,
            names: names(),
            is_demo: false,
            created_at: T0,
        };
        tenants::create_tenant(tx, &tenant)?;
        let row = Site {
            id: site,
            tenant_id,
            code: "S".to_owned(),
            names: names(),
            time_zone: "Asia/Riyadh".to_owned(),
        };
        sites::create_site(tx, tenant_id, &row)?;
        let row = Unit {
            id: unit,
            tenant_id,
            site_id: site,
            code: "U".to_owned(),
            names: names(),
        };
        units::create_unit(tx, tenant_id, &row)?;
        let row = Asset {
            id: self.asset,
            tenant_id,
            unit_id: unit,
            code: "P-1".to_owned(),
            names: names(),
            family: "centrifugal_pump".to_owned(),
            criticality: Criticality::High,
            equipment_number: None,
            functional_location: None,
            parent_id: None,
            upstream: Vec::new(),
            downstream: Vec::new(),
            note: String::new(),
            effective_from: None,
            effective_to: None,
        };
        assets::create_asset(tx, tenant_id, &row)
    }

    fn event(self, tx: &Connection, step: usize, number: usize) -> Result<EventId, StoreError> {
        let (source_id, payload) = event_of(step, number);
        let at = T0.plus_ms(i64::try_from(step).unwrap_or(0) * 1_000);
        let event = IndustrialEvent {
            id: EventId::new(),
            tenant_id: self.tenant,
            asset_id: Some(self.asset),
            source_system: "optria".to_owned(),
            source_type: "alert".to_owned(),
            source_id,
            event_time: at,
            ingest_time: at,
            recorded_at: at,
            time_offset_ms: 0,
            time_uncertainty_ms: 0,
            severity: Severity::Critical,
            event_category: EventCategory::Alert,
            summary: "event.alert_activated".to_owned(),
            payload,
        };
        events::insert_ignore_duplicate(tx, self.tenant, &event)?;
        Ok(event.id)
    }

    fn rows(self, tx: &Connection, step: usize) -> Result<(), StoreError> {
        let tenant = self.tenant;
        let mut first = None;
        for number in 0..events_of(step) {
            let id = self.event(tx, step, number)?;
            first = first.or(Some(id));
        }
        let record = AuditRecord {
            id: AuditId::new(),
            tenant_id: tenant,
            at: T0,
            actor: "admin".to_owned(),
            action: "settings.change".to_owned(),
            object: format!("step {step}"),
            outcome: "success".to_owned(),
            details: json!({ "step": step }),
            address: None,
        };
        audit::append_audit(tx, tenant, &record)?;
        settings::put_tenant_setting(tx, tenant, SETTING, &json!(step))?;
        if opens(step) {
            self.open_incident(tx, step, first)?;
        }
        if ends(step) {
            let number = format!("INC-{}", step - 1);
            if let Some(mut incident) = incidents::get_incident_by_number(tx, tenant, &number)? {
                incident.status = IncidentStatus::Resolved;
                incident.ended_at = Some(T0.plus_ms(9_000_000));
                incidents::update_incident(tx, tenant, &incident)?;
            }
        }
        Ok(())
    }

    fn open_incident(
        self,
        tx: &Connection,
        step: usize,
        event: Option<EventId>,
    ) -> Result<(), StoreError> {
        let incident = Incident {
            id: IncidentId::new(),
            tenant_id: self.tenant,
            number: format!("INC-{step}"),
            asset_id: self.asset,
            incident_type: IncidentType::Trip,
            severity: Severity::Critical,
            title_code: "incident.trip".to_owned(),
            title_params: json!({ "asset": "P-1" }),
            status: IncidentStatus::Open,
            assignee: None,
            started_at: T0,
            ended_at: None,
            created_at: T0,
        };
        incidents::create_incident(tx, self.tenant, &incident)?;
        if let Some(event) = event {
            let (tenant, id) = (self.tenant, incident.id);
            incidents::create_incident_event(tx, tenant, id, event, EventRelation::Trigger)?;
        }
        let note = IncidentNote {
            id: NoteId::new(),
            tenant_id: self.tenant,
            incident_id: incident.id,
            author: "admin".to_owned(),
            text: format!("note {step}"),
            at: T0,
        };
        incidents::create_incident_note(tx, self.tenant, &note)
    }

    fn found(self, conn: &Connection) -> Result<Found, StoreError> {
        let tenant = self.tenant;
        let all = events::EventFilter::default();
        let listed = events::list_events(conn, tenant, &all, Page::MAX)?.rows;
        let rows = listed.len();
        let all = audit::AuditFilter::default();
        let audited = audit::list_audit(conn, tenant, &all, Page::MAX)?.rows;
        let all = incidents::IncidentFilter::default();
        let mut opened = BTreeMap::new();
        for incident in incidents::list_incidents(conn, tenant, &all, Page::MAX)?.rows {
            let notes = incidents::list_incident_notes(conn, tenant, incident.id)?;
            let events = incidents::count_incident_events(conn, tenant, incident.id)?;
            let is_whole = notes.len() == 1 && events == 1;
            let is_resolved = incident.status == IncidentStatus::Resolved;
            opened.insert(incident.number, (is_whole, is_resolved));
        }
        Ok(Found {
            events: listed
                .into_iter()
                .map(|e| (e.source_id, e.payload))
                .collect(),
            rows,
            audit: audited.iter().map(|a| a.object.clone()).collect(),
            audit_rows: audited.len(),
            incidents: opened,
            setting: settings::get_tenant_setting(conn, tenant, SETTING)?,
        })
    }
}

/// What is in the store.
struct Found {
    events: BTreeMap<String, Value>,
    rows: usize,
    audit: BTreeSet<String>,
    audit_rows: usize,
    /// By number: whether its event and its note are there, whether it is resolved.
    incidents: BTreeMap<String, (bool, bool)>,
    setting: Option<Value>,
}

/// What must be there: every step up to `done`, all or nothing of `begun`.
struct Owed {
    done: usize,
    begun: usize,
}

impl Owed {
    fn compare(&self, found: &Found) -> Result<()> {
        ensure!(found.rows == found.events.len(), "an event is there twice");
        ensure!(
            found.audit_rows == found.audit.len(),
            "an audit record is there twice"
        );
        let (mut events, mut audited, mut opened, mut last) = (0, 0, 0, None);
        for step in 0..=self.begun {
            let names: Vec<_> = (0..events_of(step)).map(|n| event_of(step, n)).collect();
            let there = names
                .iter()
                .filter(|(name, _)| found.events.contains_key(name));
            let there = there.count();
            for (name, payload) in &names {
                let stored = found.events.get(name);
                ensure!(
                    stored.is_none_or(|p| p == payload),
                    "{name} says something else"
                );
            }
            events += there;
            let is_owed = step <= self.done;
            let is_all = there == names.len();
            ensure!(
                is_all || !is_owed,
                "step {step} was acknowledged and is gone"
            );
            if kind(step) != Kind::Rows {
                continue;
            }
            ensure!(is_all || there == 0, "step {step} is there in part");
            let is_there = there > 0;
            let is_audited = found.audit.contains(&format!("step {step}"));
            ensure!(
                is_audited == is_there,
                "step {step} and its audit record differ"
            );
            audited += usize::from(is_audited);
            let incident = found.incidents.get(&format!("INC-{step}"));
            ensure!(
                incident.is_some() == (is_there && opens(step)),
                "step {step} and its incident differ"
            );
            opened += usize::from(incident.is_some());
            ensure!(
                incident.is_none_or(|i| i.0),
                "the incident of step {step} is there in part"
            );
            if ends(step) {
                let before = found.incidents.get(&format!("INC-{}", step - 1));
                ensure!(
                    before.is_some_and(|i| i.1) == is_there,
                    "step {step} and the end of its incident differ"
                );
            }
            if is_there {
                last = Some(json!(step));
            }
        }
        ensure!(
            events == found.rows,
            "{} events, {events} known",
            found.rows
        );
        ensure!(audited == found.audit_rows, "audit records nobody wrote");
        ensure!(opened == found.incidents.len(), "incidents nobody opened");
        ensure!(
            found.setting == last,
            "the setting is {:?}, not {last:?}",
            found.setting
        );
        Ok(())
    }
}
