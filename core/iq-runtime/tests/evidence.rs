//! The evidence log of a real store: what is recorded is in it, what leaves the house verifies, and
//! whoever cuts, changes or copies it is noticed.
#![allow(clippy::unwrap_used)]

use std::{collections::HashMap, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iq_config::{Config, Inputs, Overrides};
use iq_connector::{ConnectorRegistry, OwnIdentity};
use iq_domain::{
    Asset, AssetId, Clock, Criticality, EventCategory, EventId, EventRelation, Incident,
    IncidentId, IncidentStatus, IncidentType, IndustrialEvent, Integration, IntegrationId,
    IntegrationStatus, ManualClock, Names, Severity, SignalId, SignalKind, Site, SiteId,
    StatusCode, Tenant, TenantId, Timestamp, Unit, UnitId, Value,
};
use iq_evidence::{Outcome, Place, Reason, TrustStore, history::read_history, verify};
use iq_historian::{Historian, HistorianConfig, Row};
use iq_runtime::{
    EvidenceFile, EvidenceParts, Runtime, RuntimeParts, open_store,
    root_cause::{KeptAnalysis, KeptMover, KeptVerdict},
};
use iq_secrets::MasterKey;
use iq_store::{
    Connection, assets, audit, events, evidence, incidents, integrations, mappings,
    root_causes::{self, RootCauseRow},
    signals,
    signals::NewSignal,
    sites, tenants, units,
};

const T0: Timestamp = Timestamp(1_790_000_000_000);
const APPLIANCE: [u8; 16] = [7; 16];

struct World {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    tenant: TenantId,
    asset: AssetId,
    is_demo: bool,
}

impl World {
    async fn new(is_demo: bool) -> (Self, Runtime) {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::at(T0)),
            tenant: TenantId::new(),
            asset: AssetId::new(),
            is_demo,
        };
        let runtime = world.start(APPLIANCE).await;
        world.furnish(&runtime).await;
        runtime.stop().await;
        drop(runtime);
        let runtime = world.start(APPLIANCE).await;
        (world, runtime)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    async fn start(&self, appliance: [u8; 16]) -> Runtime {
        start(self.folder.path(), Arc::clone(&self.clock), appliance).await
    }

    async fn furnish(&self, runtime: &Runtime) {
        let (tenant, asset, is_demo) = (self.tenant, self.asset, self.is_demo);
        let (site, unit) = (SiteId::new(), UnitId::new());
        let names = || Names {
            en: "Ras Tanura".to_owned(),
            ar: "رأس تنورة".to_owned(),
        };
        runtime
            .store()
            .write(move |tx| {
                let row = Tenant {
                    id: tenant,
                    names: names(),
                    is_demo,
                    created_at: T0,
                };
                tenants::create_tenant(tx, &row)?;
                let row = Site {
                    id: site,
                    tenant_id: tenant,
                    code: "RAS".to_owned(),
                    names: names(),
                    time_zone: "Asia/Riyadh".to_owned(),
                };
                sites::create_site(tx, tenant, &row)?;
                let row = Unit {
                    id: unit,
                    tenant_id: tenant,
                    site_id: site,
                    code: "U1".to_owned(),
                    names: names(),
                };
                units::create_unit(tx, tenant, &row)?;
                let row = Asset {
                    id: asset,
                    tenant_id: tenant,
                    unit_id: unit,
                    code: "P-101A".to_owned(),
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
                assets::create_asset(tx, tenant, &row)?;
                let row = NewSignal {
                    id: SignalId::new(),
                    asset_id: asset,
                    metric: "vibration".to_owned(),
                    unit: "mm/s".to_owned(),
                    kind: SignalKind::Measured,
                };
                signals::create_signal(tx, tenant, &row).map(drop)
            })
            .await
            .unwrap();
    }

    fn event(&self, n: i64) -> IndustrialEvent {
        IndustrialEvent {
            id: EventId::new(),
            tenant_id: self.tenant,
            asset_id: Some(self.asset),
            source_system: "DCS".to_owned(),
            source_type: "alarm".to_owned(),
            source_id: n.to_string(),
            event_time: T0.plus_ms(n),
            ingest_time: T0.plus_ms(n),
            recorded_at: T0.plus_ms(n),
            time_offset_ms: 0,
            time_uncertainty_ms: 0,
            severity: Severity::Warning,
            event_category: EventCategory::Alert,
            summary: "event.trip".to_owned(),
            payload: serde_json::json!({ "value": 7.1, "n": n, "third": 1.0 / 3.0 }),
        }
    }

    async fn events(&self, runtime: &Runtime, numbers: std::ops::Range<i64>) -> Vec<EventId> {
        let rows: Vec<_> = numbers.map(|n| self.event(n)).collect();
        let (tenant, ids) = (self.tenant, rows.iter().map(|e| e.id).collect());
        runtime
            .store()
            .write(move |tx| {
                for row in &rows {
                    assert!(events::insert_ignore_duplicate(tx, tenant, row)?);
                }
                Ok(())
            })
            .await
            .unwrap();
        ids
    }

    /// A sample a second, the first five minutes before the beginning of the incident.
    async fn samples(&self, runtime: &Runtime, numbers: std::ops::Range<i64>) {
        let plant = runtime.tenant(self.tenant).unwrap();
        let number = plant.signals.values().next().unwrap().signal.signal_no;
        let rows = numbers.map(|n| Row {
            signal_no: number,
            t: T0.plus_ms(n * 1_000 - 300_000),
            value: Some(Value::Number(
                4.0 + f64::from(i16::try_from(n).unwrap()) / 100.0,
            )),
            status: StatusCode::GOOD,
        });
        runtime.historian().append(rows.collect()).await.unwrap();
    }

    /// What a person does with the incident.
    async fn moves(&self, runtime: &Runtime, incident: IncidentId, to: IncidentStatus) {
        let (tenant, now) = (self.tenant, self.clock.now());
        runtime
            .store()
            .write(move |tx| {
                let mut incident = incidents::get_incident(tx, tenant, incident)?.unwrap();
                incident.status = to;
                let is_over = matches!(to, IncidentStatus::Resolved | IncidentStatus::Closed);
                incident.ended_at = is_over.then_some(now);
                incidents::update_incident(tx, tenant, &incident)
            })
            .await
            .unwrap();
    }

    /// Samples, events and an incident over them.
    async fn incident(&self, runtime: &Runtime) -> IncidentId {
        self.samples(runtime, 0..600).await;
        let ids = self.events(runtime, 0..5).await;
        self.clock.set(T0.plus_ms(600_000));
        let (tenant, id, asset) = (self.tenant, IncidentId::new(), self.asset);
        let incident = Incident {
            id,
            tenant_id: tenant,
            number: "INC-2026-0001".to_owned(),
            asset_id: asset,
            incident_type: IncidentType::Trip,
            severity: Severity::Critical,
            title_code: "incident.trip".to_owned(),
            title_params: serde_json::json!({ "asset": "P-101A" }),
            status: IncidentStatus::Open,
            assignee: None,
            started_at: T0,
            ended_at: None,
            created_at: T0,
        };
        runtime
            .store()
            .write(move |tx| {
                incidents::create_incident(tx, tenant, &incident)?;
                for event in ids {
                    let trigger = EventRelation::Trigger;
                    incidents::create_incident_event(tx, tenant, id, event, trigger)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        id
    }

    /// The list of a reader who got the keys by another way.
    async fn trust(&self, runtime: &Runtime) -> TrustStore {
        let keys = runtime.evidence_keys(self.tenant).await.unwrap();
        let appliance = iq_evidence::hex(&APPLIANCE);
        let lines: String = keys
            .iter()
            .map(|key| {
                let key = STANDARD.encode(key.public);
                format!("appliance {} {appliance} {key}\n", self.tenant)
            })
            .collect();
        TrustStore::parse(&lines).unwrap()
    }

    /// What somebody with the file in his hands can do and the program can not.
    fn forge(&self, act: impl FnOnce(&Connection)) {
        forge(self.folder.path(), act);
    }
}

fn forge(folder: &Path, act: impl FnOnce(&Connection)) {
    let conn = Connection::open(folder.join("optria.db")).unwrap();
    let off = "DROP TRIGGER IF EXISTS evidence_log_keep_delete; DROP TRIGGER IF EXISTS evidence_log_keep_update;";
    conn.execute_batch(off).unwrap();
    act(&conn);
}

fn cut_after(conn: &Connection, seq: u64) {
    let sql = format!("DELETE FROM evidence_log WHERE stream = 1 AND seq > {seq}");
    assert!(conn.execute(&sql, []).unwrap() > 0);
}

async fn start(folder: &Path, clock: Arc<ManualClock>, appliance: [u8; 16]) -> Runtime {
    let clock: Arc<dyn Clock> = clock;
    let config = Config::load(&Inputs {
        overrides: Overrides::new().set("OPTRIA_DISK_RESERVE_MB", Some("0".to_owned())),
        environment: &|_| None,
        default_data_dir: folder.to_owned(),
    });
    let master_key = Arc::new(MasterKey::load_or_create(&folder.join("master.key")).unwrap());
    let (store, evidence) = open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance,
        machine: None,
        clock: Arc::clone(&clock),
        master_key: Arc::clone(&master_key),
    })
    .unwrap();
    Runtime::start(RuntimeParts {
        store,
        evidence,
        historian: Historian::open(&folder.join("historian.db"), HistorianConfig::default())
            .unwrap(),
        config: Arc::new(config.unwrap()),
        clock,
        master_key,
        connectors: ConnectorRegistry::new(),
        identity: Arc::new(OwnIdentity {
            application_uri: "urn:test".to_owned(),
            certificate_der: Vec::new(),
            certificate_path: folder.join("own.der"),
            private_key_path: folder.join("own.pem"),
            scratch_dir: folder.to_owned(),
        }),
        plant: None,
    })
    .await
    .unwrap()
}

async fn close(runtime: Runtime) {
    runtime.stop().await;
    runtime.store().close();
    drop(runtime);
}

#[tokio::test]
async fn an_incident_leaves_the_house_as_a_file_that_verifies_and_says_where_it_was_changed() {
    let (world, runtime) = World::new(false).await;
    let incident = world.incident(&runtime).await;
    let file: EvidenceFile = runtime
        .export_evidence(world.tenant, incident)
        .await
        .unwrap();
    assert_eq!(file.name, "INC-2026-0001.oqe");
    assert_eq!(file.windows, 1);
    // Five events, the incident and its head, its window, the freeze, and the record of the export.
    assert_eq!((file.records, file.omitted.len()), (10, 0), "{file:?}");
    let trust = world.trust(&runtime).await;
    let verdict = verify(&file.bytes, &trust);
    assert_eq!(verdict.reason, Reason::ApplianceOnly, "{verdict:?}");
    assert_eq!(verdict.outcome().exit_code(), 1);
    assert!(!verdict.facts.is_demo);
    let nobody = verify(&file.bytes, &TrustStore::default());
    assert_eq!(nobody.outcome(), Outcome::UnknownKey);
    // One byte of a value, deep inside of the frozen window.
    let needle = (T0.0 + 42_000).to_be_bytes();
    let at = file
        .bytes
        .windows(8)
        .position(|part| part == needle)
        .unwrap();
    let mut changed = file.bytes.clone();
    changed[at + 9] ^= 1;
    let verdict = verify(&changed, &trust);
    assert_eq!(
        (verdict.reason, verdict.place),
        (Reason::Window, Place::Window(1))
    );
    assert_eq!(verdict.outcome().exit_code(), 2);
    // Closing freezes what came since; a second export holds both windows.
    let tenant = world.tenant;
    world.samples(&runtime, 600..700).await;
    world.clock.set(T0.plus_ms(700_000));
    world
        .moves(&runtime, incident, IncidentStatus::Closed)
        .await;
    let again = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(again.windows, 2);
    assert_eq!(verify(&again.bytes, &trust).outcome().exit_code(), 1);
    close(runtime).await;
}

#[tokio::test]
async fn who_trusts_the_old_key_trusts_the_one_that_took_over_also_in_a_later_epoch() {
    let (world, runtime) = World::new(false).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    runtime.export_evidence(tenant, incident).await.unwrap();
    let old = world.trust(&runtime).await;
    let before = runtime.evidence_keys(tenant).await.unwrap();
    assert_eq!(before.len(), 1);
    for _ in 0..2 {
        let new = runtime.replace_evidence_key(tenant).await.unwrap();
        assert!(new.is_current && before.iter().all(|key| key.public != new.public));
    }
    let trusted = |file: &EvidenceFile| verify(&file.bytes, &old).outcome();
    let file = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(trusted(&file), Outcome::SignedOnly);
    // The files of before are not touched by it, and somebody who knows none of the keys trusts none.
    assert_eq!(
        verify(&file.bytes, &TrustStore::default()).outcome(),
        Outcome::UnknownKey
    );
    let status = runtime.evidence_status(tenant).await.unwrap();
    assert!(status.troubles.is_empty(), "{:?}", status.troubles);
    close(runtime).await;
    // A log that was cut goes on in another epoch, and says there again who took over.
    world.forge(|conn| cut_after(conn, 3));
    let runtime = world.start(APPLIANCE).await;
    let status = runtime.evidence_status(tenant).await.unwrap();
    assert_eq!((status.epoch_no, status.epoch_reason.as_str()), (2, "cut"));
    let file = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(trusted(&file), Outcome::SignedOnly);
    close(runtime).await;
}

/// Begin and end of the samples in each window of a file, in seconds of the incident, and their number.
fn frozen(file: &EvidenceFile) -> Vec<(i64, i64, usize)> {
    let bundle = iq_evidence::bundle::Bundle::decode(&file.bytes).unwrap();
    let windows = bundle.windows.iter().map(|bytes| {
        let window = iq_evidence::cbor::decode(bytes).unwrap();
        let rows = window.get(7).and_then(|rows| rows.bytes()).unwrap();
        let at = |row: &[u8]| i64::from_be_bytes(row[..8].try_into().unwrap());
        let seconds = |row: &[u8]| (at(row) - T0.0) / 1_000;
        let last = &rows[rows.len() - 17..];
        (seconds(rows), seconds(last), rows.len() / 17)
    });
    windows.collect()
}

#[tokio::test]
async fn an_open_incident_leaves_with_its_samples_up_to_now_and_none_of_them_twice() {
    let (world, runtime) = World::new(false).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    let first = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(frozen(&first), [(-300, 299, 600)]);
    // It is still open: nothing but the export asks for what came after the trip.
    world.samples(&runtime, 600..1_100).await;
    world.clock.set(T0.plus_ms(900_000));
    let second = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(frozen(&second), [(-300, 299, 600), (300, 799, 500)]);
    // Whoever changes his mind freezes nothing again.
    for status in [
        IncidentStatus::Resolved,
        IncidentStatus::Open,
        IncidentStatus::Closed,
    ] {
        world.moves(&runtime, incident, status).await;
    }
    let third = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(frozen(&third), frozen(&second));
    let verdict = verify(&third.bytes, &world.trust(&runtime).await);
    assert_eq!(verdict.outcome(), Outcome::SignedOnly, "{verdict:?}");
    // Samples that arrive late are frozen with all the others.
    world.moves(&runtime, incident, IncidentStatus::Open).await;
    world.samples(&runtime, -60..0).await;
    world.clock.set(T0.plus_ms(901_000));
    let late = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(frozen(&late).last(), Some(&(-360, 799, 1_160)));
    assert!(late.omitted.is_empty(), "{:?}", late.omitted);
    // What lies beyond the longest window is named.
    world.clock.set(T0.plus_ms(13 * 3_600_000));
    let long = runtime.export_evidence(tenant, incident).await.unwrap();
    let mut left = long.omitted.iter();
    assert!(left.any(|o| (o.what.as_str(), o.why.as_str()) == ("raw_window", "later")));
    close(runtime).await;
}

#[tokio::test]
async fn a_closed_incident_is_under_a_checkpoint_without_waiting_for_its_minute() {
    let (world, runtime) = World::new(false).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    // An export signs all there is. From here on the clock stands still: nothing is due by itself.
    runtime.export_evidence(tenant, incident).await.unwrap();
    let before = runtime.evidence_status(tenant).await.unwrap();
    assert_eq!(before.records, before.protected);
    runtime
        .store()
        .write(move |tx| {
            let mut incident = incidents::get_incident(tx, tenant, incident)?.unwrap();
            incident.status = IncidentStatus::Closed;
            incident.ended_at = Some(T0.plus_ms(120_000));
            incidents::update_incident(tx, tenant, &incident)
        })
        .await
        .unwrap();
    let covered = async {
        loop {
            let now = runtime.evidence_status(tenant).await.unwrap();
            if now.records > before.records && now.protected == now.records {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, covered).await.unwrap();
    close(runtime).await;
}

#[tokio::test]
async fn the_chain_goes_on_over_restarts_and_audit_has_its_own() {
    let (world, runtime) = World::new(false).await;
    world.events(&runtime, 0..1_500).await;
    let tenant = world.tenant;
    runtime
        .store()
        .write(move |tx| {
            let row = iq_domain::AuditRecord {
                id: iq_domain::AuditId::new(),
                tenant_id: tenant,
                at: T0,
                actor: "fatima".to_owned(),
                action: "alerts.acknowledge".to_owned(),
                object: "alert".to_owned(),
                outcome: "success".to_owned(),
                details: serde_json::json!({}),
                address: None,
            };
            audit::append_audit(tx, tenant, &row)
        })
        .await
        .unwrap();
    let before = runtime.evidence_status(tenant).await.unwrap();
    assert_eq!(
        before.records, 1_501,
        "the opening of the epoch and the events"
    );
    assert_eq!(before.audit.0, 2);
    close(runtime).await;
    let runtime = world.start(APPLIANCE).await;
    let after = runtime.evidence_status(tenant).await.unwrap();
    assert_eq!(
        (after.records, after.protected),
        (1_501, 1_501),
        "{after:?}"
    );
    assert_eq!((&after.epoch, after.epoch_no), (&before.epoch, 1));
    assert!(after.troubles.is_empty(), "{after:?}");
    world.events(&runtime, 1_500..1_510).await;
    let open = runtime.evidence_status(tenant).await.unwrap();
    assert_eq!((open.records, open.protected), (1_511, 1_501));
    close(runtime).await;
    let notes = read_history(&std::fs::read(world.path("checkpoints")).unwrap()).unwrap();
    let last = notes.notes.iter().map(|n| n.checkpoint.size).max();
    assert_eq!(last, Some(1_511));
}

#[tokio::test]
async fn a_write_that_failed_leaves_no_record_and_no_hole() {
    let (world, runtime) = World::new(false).await;
    world.events(&runtime, 0..3).await;
    let (tenant, row) = (world.tenant, world.event(77));
    let refused = runtime
        .store()
        .write(move |tx| {
            events::insert_ignore_duplicate(tx, tenant, &row)?;
            Err::<(), _>(iq_domain::CodedError::conflict("test.refused").into())
        })
        .await;
    assert!(refused.is_err());
    world.events(&runtime, 3..5).await;
    let log = evidence::LogKey {
        tenant,
        epoch_no: 1,
        stream: 1,
    };
    let mut numbers = Vec::new();
    runtime
        .store()
        .read_blocking(|conn| {
            evidence::each_record(conn, log, 1, 100, |row| {
                numbers.push(row.seq);
                Ok(())
            })
        })
        .unwrap();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    close(runtime).await;
}

#[tokio::test]
async fn a_log_that_was_cut_is_noticed_and_goes_on_in_a_new_epoch() {
    let (world, runtime) = World::new(false).await;
    world.events(&runtime, 0..20).await;
    close(runtime).await;
    world.forge(|conn| cut_after(conn, 15));
    let runtime = world.start(APPLIANCE).await;
    let status = runtime.evidence_status(world.tenant).await.unwrap();
    let [trouble] = &status.troubles[..] else {
        panic!("{status:?}")
    };
    assert_eq!(trouble.reason, "cut");
    assert_eq!((trouble.had, trouble.has), (Some(21), Some(15)));
    assert_eq!((status.epoch_no, status.epoch_reason.as_str()), (2, "cut"));
    let (tenant, filter) = (
        world.tenant,
        events::EventFilter {
            source_type: Some("evidence".to_owned()),
            ..events::EventFilter::default()
        },
    );
    let told = runtime
        .store()
        .read_blocking(|conn| events::list_events(conn, tenant, &filter, iq_store::Page::MAX))
        .unwrap();
    assert_eq!(told.total, 1);
    assert_eq!(told.rows[0].summary, "event.evidence.cut");
    // What was cut off is recorded once more, from the rows that are still there.
    assert_eq!(
        status.records, 8,
        "the opening, six events, the finding: {status:?}"
    );
    close(runtime).await;
    let runtime = world.start(APPLIANCE).await;
    let status = runtime.evidence_status(tenant).await.unwrap();
    assert!(status.troubles.is_empty(), "{status:?}");
    assert_eq!(status.epoch_no, 2);
    close(runtime).await;
}

#[tokio::test]
async fn records_removed_before_any_checkpoint_are_an_unprotected_range() {
    let (world, runtime) = World::new(false).await;
    world.events(&runtime, 0..5).await;
    runtime.stop().await;
    world.events(&runtime, 5..10).await;
    let status = runtime.evidence_status(world.tenant).await.unwrap();
    assert_eq!((status.records, status.protected), (11, 6), "{status:?}");
    // A copy without a last checkpoint, as a kill leaves it.
    let copy = tempfile::tempdir().unwrap();
    for name in [
        "optria.db",
        "optria.db-wal",
        "historian.db",
        "checkpoints",
        "master.key",
    ] {
        std::fs::copy(world.path(name), copy.path().join(name)).unwrap();
    }
    forge(copy.path(), |conn| cut_after(conn, 8));
    let cut = start(copy.path(), Arc::clone(&world.clock), APPLIANCE).await;
    let status = cut.evidence_status(world.tenant).await.unwrap();
    // The log itself can't tell: that is why the status names the records that no checkpoint covers. The rows
    // are still there, and none of them has a record.
    let reasons: Vec<&str> = status.troubles.iter().map(|t| &*t.reason).collect();
    assert_eq!(reasons, ["row_added"; 3], "{status:?}");
    // Eight that were left, and three that say what was found.
    assert_eq!(
        (status.epoch_no, status.records, status.protected),
        (1, 11, 11)
    );
    close(cut).await;
    close(runtime).await;
}

#[tokio::test]
async fn one_changed_byte_of_a_record_is_found_after_the_start() {
    let (world, runtime) = World::new(false).await;
    world.events(&runtime, 0..20).await;
    close(runtime).await;
    world.forge(|conn| {
        let of = "WHERE stream = 1 AND seq = 9";
        let read = format!("SELECT record FROM evidence_log {of}");
        let mut record: Vec<u8> = conn.query_row(&read, [], |r| r.get(0)).unwrap();
        *record.last_mut().unwrap() ^= 1;
        let write = format!("UPDATE evidence_log SET record = ? {of}");
        assert_eq!(conn.execute(&write, [record]).unwrap(), 1);
    });
    let runtime = world.start(APPLIANCE).await;
    let status = loop {
        let status = runtime.evidence_status(world.tenant).await.unwrap();
        if !status.troubles.is_empty() {
            break status;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(status.troubles[0].reason, "altered");
    assert_eq!(status.troubles[0].seq, Some(9));
    close(runtime).await;
}

/// What was told about the log in the Black Box.
fn told(runtime: &Runtime, tenant: TenantId) -> Vec<IndustrialEvent> {
    let filter = events::EventFilter {
        source_type: Some("evidence".to_owned()),
        ..events::EventFilter::default()
    };
    runtime
        .store()
        .read_blocking(|conn| events::list_events(conn, tenant, &filter, iq_store::Page::MAX))
        .unwrap()
        .rows
}

#[tokio::test]
async fn an_event_that_was_edited_is_told_at_the_start_and_its_incident_does_not_leave_the_house() {
    let (world, runtime) = World::new(false).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    runtime.export_evidence(tenant, incident).await.unwrap();
    close(runtime).await;
    let mut id = String::new();
    world.forge(|conn| {
        let sql = "DROP TRIGGER industrial_events_keep_update;
                   UPDATE industrial_events SET event_time = event_time - 600000
                   WHERE source_system = 'DCS' AND source_id = '2'";
        conn.execute_batch(sql).unwrap();
        let sql =
            "SELECT id FROM industrial_events WHERE source_system = 'DCS' AND source_id = '2'";
        id = conn.query_row(sql, [], |r| r.get(0)).unwrap();
    });
    // A second start says it again, and records it no second time.
    for _ in 0..2 {
        let runtime = world.start(APPLIANCE).await;
        let status = runtime.evidence_status(tenant).await.unwrap();
        let [trouble] = &status.troubles[..] else {
            panic!("{status:?}")
        };
        assert_eq!(trouble.reason, "row_altered");
        assert_eq!(trouble.row, Some(format!("event {id}")));
        assert_eq!(status.epoch_no, 1, "the log is whole and goes on");
        let told = told(&runtime, tenant);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].summary, "event.evidence.row_altered.event");
        assert_eq!(told[0].severity, Severity::Critical);
        assert_eq!(told[0].payload["params"]["row"], serde_json::json!(id));
        let refused = runtime.export_evidence(tenant, incident).await.unwrap_err();
        assert_eq!(refused.code, "evidence.row_altered");
        close(runtime).await;
    }
}

/// What an incident's row and list of events are held against: edits that the records of its events don't show.
#[tokio::test]
async fn an_incident_that_was_edited_or_lost_an_event_is_told_and_does_not_leave_the_house() {
    for edit in [
        "UPDATE incidents SET severity = 'info'",
        "UPDATE incidents SET started_at = started_at + 60000, title_code = 'incident.failure'",
        "UPDATE incidents SET status = 'closed'",
        "DELETE FROM incident_events WHERE event_id = (SELECT MIN(event_id) FROM incident_events)",
        "UPDATE incident_events SET relation = 'neighbour'",
        "UPDATE incident_events SET left_by = 'x'
         WHERE event_id = (SELECT MIN(event_id) FROM incident_events)",
        "DELETE FROM incident_events; DELETE FROM incidents",
    ] {
        let (world, runtime) = World::new(false).await;
        let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
        runtime.export_evidence(tenant, incident).await.unwrap();
        world
            .moves(&runtime, incident, IncidentStatus::Investigating)
            .await;
        // What the program does itself is told by nobody.
        runtime.export_evidence(tenant, incident).await.unwrap();
        close(runtime).await;
        let runtime = world.start(APPLIANCE).await;
        let status = runtime.evidence_status(tenant).await.unwrap();
        assert_eq!(status.troubles, [], "{edit}");
        close(runtime).await;
        world.forge(|conn| conn.execute_batch(edit).unwrap());
        let runtime = world.start(APPLIANCE).await;
        let status = runtime.evidence_status(tenant).await.unwrap();
        let [trouble] = &status.troubles[..] else {
            panic!("{edit}: {status:?}")
        };
        assert_eq!(trouble.reason, "row_altered", "{edit}");
        assert_eq!(
            trouble.row.as_deref(),
            Some("incident INC-2026-0001"),
            "{edit}"
        );
        let told = told(&runtime, tenant);
        assert_eq!(told[0].summary, "event.evidence.row_altered.incident");
        let refused = runtime.export_evidence(tenant, incident).await.unwrap_err();
        let expected = match edit.contains("FROM incidents") {
            true => "incidents.not_found",
            false => "evidence.row_altered",
        };
        assert_eq!(refused.code, expected, "{edit}");
        close(runtime).await;
    }
}

/// Puts rows in behind the program's back: a copy of an event, or another note.
const COPIED: &str =
    "INSERT INTO industrial_events SELECT tenant_id, '0199a0a0-0000-7000-8000-000000000001',
    asset_id, source_system, source_type, 'forged', event_time + 1, ingest_time, recorded_at,
    time_offset_ms, time_uncertainty_ms, severity, event_category, summary, payload
    FROM industrial_events WHERE source_system = 'DCS' AND source_id = '2'";

#[tokio::test]
async fn an_event_that_was_put_in_is_told_at_each_start_and_gets_no_record() {
    let (world, runtime) = World::new(false).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    runtime.export_evidence(tenant, incident).await.unwrap();
    close(runtime).await;
    world.forge(|conn| conn.execute_batch(COPIED).unwrap());
    let row = format!(
        "event 0199a0a0-0000-7000-8000-000000000001 {}",
        T0.plus_ms(3)
    );
    for start in 0..3 {
        let runtime = world.start(APPLIANCE).await;
        let status = runtime.evidence_status(tenant).await.unwrap();
        let [trouble] = &status.troubles[..] else {
            panic!("{start}: {status:?}")
        };
        assert_eq!(trouble.reason, "row_added");
        assert_eq!(trouble.row.as_ref(), Some(&row));
        let told = told(&runtime, tenant);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].summary, "event.evidence.row_added.event");
        let unrecorded: u32 = runtime
            .store()
            .read_blocking(move |conn| {
                let all = (0, i64::MAX);
                let found = evidence::list_unrecorded_events(conn, tenant, all)?;
                Ok(u32::try_from(found.len()).unwrap())
            })
            .unwrap();
        assert_eq!(unrecorded, 1, "what follows is recorded, the row is not");
        let refused = runtime.export_evidence(tenant, incident).await.unwrap_err();
        assert_eq!(refused.code, "evidence.row_added");
        world.events(&runtime, 10 + start..11 + start).await;
        close(runtime).await;
    }
}

/// A person writes a note.
async fn noted(runtime: &Runtime, (tenant, incident): (TenantId, IncidentId), at: Timestamp) {
    let note = iq_domain::IncidentNote {
        id: iq_domain::NoteId::new(),
        tenant_id: tenant,
        incident_id: incident,
        author: "fatima".to_owned(),
        text: "The valve was open.".to_owned(),
        at,
    };
    runtime
        .store()
        .write(move |tx| incidents::create_incident_note(tx, tenant, &note))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_note_that_was_put_in_is_told_however_the_incident_goes_on() {
    let (world, runtime) = World::new(false).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    let at = T0.plus_ms(650_000);
    noted(&runtime, (tenant, incident), at).await;
    close(runtime).await;
    let put_in = "INSERT INTO incident_notes SELECT tenant_id, 'x', incident_id, author, text,
                  at + 1 FROM incident_notes";
    world.forge(|conn| conn.execute_batch(put_in).unwrap());
    let forged = format!("note INC-2026-0001 {}", at.plus_ms(1));
    for start in 1..=3 {
        let runtime = world.start(APPLIANCE).await;
        let status = runtime.evidence_status(tenant).await.unwrap();
        let [trouble] = &status.troubles[..] else {
            panic!("{start}: {status:?}")
        };
        assert_eq!(trouble.reason, "row_added", "{start}");
        assert_eq!(trouble.row.as_ref(), Some(&forged), "{start}");
        // Another note, and a change of the incident: each has a new head written.
        noted(&runtime, (tenant, incident), at.plus_ms(1_000 * start)).await;
        runtime
            .store()
            .write(move |tx| {
                let found = incidents::get_incident(tx, tenant, incident)?;
                let changed = Incident {
                    title_params: serde_json::json!({ "asset": start }),
                    ..found.unwrap()
                };
                incidents::update_incident(tx, tenant, &changed)
            })
            .await
            .unwrap();
        close(runtime).await;
    }
    // Without it all is as recorded: the heads name every note that the program wrote.
    world.forge(|conn| {
        let off = "DROP TRIGGER incident_notes_keep_delete;
                   DELETE FROM incident_notes WHERE id = 'x';";
        conn.execute_batch(off).unwrap();
    });
    let runtime = world.start(APPLIANCE).await;
    let status = runtime.evidence_status(tenant).await.unwrap();
    assert!(status.troubles.is_empty(), "{status:?}");
    close(runtime).await;
}

#[tokio::test]
async fn an_event_that_says_it_is_older_than_the_log_is_told_once_a_log_was_signed() {
    let (world, runtime) = World::new(false).await;
    let tenant = world.tenant;
    // As an older program left it: all that the log holds was recorded before the log began.
    world.events(&runtime, -20..-19).await;
    close(runtime).await;
    close(world.start(APPLIANCE).await).await;
    let put_in = COPIED.replace("source_id = '2'", "source_id = '-20'");
    world.forge(|conn| conn.execute_batch(&put_in).unwrap());
    let runtime = world.start(APPLIANCE).await;
    let status = runtime.evidence_status(tenant).await.unwrap();
    let [trouble] = &status.troubles[..] else {
        panic!("{status:?}")
    };
    assert_eq!(trouble.reason, "row_added");
    let row = format!(
        "event 0199a0a0-0000-7000-8000-000000000001 {}",
        T0.plus_ms(-19)
    );
    assert_eq!(trouble.row, Some(row));
    close(runtime).await;
}

#[tokio::test]
async fn a_note_that_was_edited_removed_or_put_in_is_told_with_its_moment() {
    let at = T0.plus_ms(650_000);
    for (edit, reason, moment) in [
        (
            "UPDATE incident_notes SET text = 'closed'",
            "row_altered",
            at,
        ),
        (
            "UPDATE incident_notes SET author = 'omar'",
            "row_altered",
            at,
        ),
        ("DELETE FROM incident_notes", "row_altered", at),
        (
            "INSERT INTO incident_notes SELECT tenant_id, 'x', incident_id, author, text, at + 1
             FROM incident_notes",
            "row_added",
            at.plus_ms(1),
        ),
    ] {
        let (world, runtime) = World::new(false).await;
        let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
        noted(&runtime, (tenant, incident), at).await;
        runtime.export_evidence(tenant, incident).await.unwrap();
        close(runtime).await;
        world.forge(|conn| {
            let off = "DROP TRIGGER incident_notes_keep_update;
                       DROP TRIGGER incident_notes_keep_delete;";
            conn.execute_batch(off).unwrap();
            conn.execute_batch(edit).unwrap();
        });
        let runtime = world.start(APPLIANCE).await;
        let status = runtime.evidence_status(tenant).await.unwrap();
        let [trouble] = &status.troubles[..] else {
            panic!("{edit}: {status:?}")
        };
        assert_eq!(trouble.reason, reason, "{edit}");
        assert_eq!(trouble.row, Some(format!("note INC-2026-0001 {moment}")));
        let told = told(&runtime, tenant);
        assert_eq!(told[0].summary, format!("event.evidence.{reason}.note"));
        let refused = runtime.export_evidence(tenant, incident).await.unwrap_err();
        assert_eq!(refused.code, format!("evidence.{reason}"), "{edit}");
        close(runtime).await;
    }
}

#[tokio::test]
async fn rows_of_long_ago_of_the_audit_and_of_frozen_windows_are_held_against_the_log_in_time() {
    let (world, runtime) = World::new(false).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    runtime.export_evidence(tenant, incident).await.unwrap();
    world.events(&runtime, 100..1_600).await;
    runtime
        .store()
        .write(move |tx| {
            let row = iq_domain::AuditRecord {
                id: iq_domain::AuditId::new(),
                tenant_id: tenant,
                at: T0,
                actor: "fatima".to_owned(),
                action: "alerts.acknowledge".to_owned(),
                object: "alert".to_owned(),
                outcome: "success".to_owned(),
                details: serde_json::json!({}),
                address: None,
            };
            audit::append_audit(tx, tenant, &row)
        })
        .await
        .unwrap();
    close(runtime).await;
    world.forge(|conn| {
        let sql = "DROP TRIGGER industrial_events_keep_update; DROP TRIGGER audit_keep_update;
                   DROP TRIGGER industrial_events_keep_delete;
                   DROP TRIGGER evidence_windows_keep_update;
                   UPDATE industrial_events SET payload = '{\"value\":1}' WHERE source_id = '100';
                   DELETE FROM industrial_events WHERE source_id = '101';
                   UPDATE audit SET actor = 'omar' WHERE action = 'alerts.acknowledge';
                   UPDATE evidence_windows SET bytes = zeroblob(40)";
        conn.execute_batch(sql).unwrap();
    });
    let runtime = world.start(APPLIANCE).await;
    let found = async {
        loop {
            let status = runtime.evidence_status(tenant).await.unwrap();
            if status.troubles.len() >= 4 {
                break status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    let status = tokio::time::timeout(limit, found).await.unwrap();
    let mut kinds: Vec<&str> = status
        .troubles
        .iter()
        .inspect(|trouble| assert_eq!(trouble.reason, "row_altered"))
        .filter_map(|trouble| trouble.row.as_deref()?.split(' ').next())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["audit", "entry", "event", "event"], "{status:?}");
    assert_eq!(told(&runtime, tenant).len(), 4);
    let refused = runtime.export_evidence(tenant, incident).await.unwrap_err();
    assert_eq!(refused.code, "evidence.row_altered");
    close(runtime).await;
}

#[tokio::test]
async fn a_store_on_another_appliance_and_one_without_its_file_begin_an_epoch() {
    let (world, runtime) = World::new(false).await;
    world.events(&runtime, 0..3).await;
    close(runtime).await;
    let runtime = world.start([8; 16]).await;
    let status = runtime.evidence_status(world.tenant).await.unwrap();
    assert_eq!(status.epoch_reason, "moved");
    world.events(&runtime, 3..5).await;
    close(runtime).await;
    let runtime = world.start([8; 16]).await;
    world.events(&runtime, 5..6).await;
    close(runtime).await;
    std::fs::remove_file(world.path("checkpoints")).unwrap();
    let runtime = world.start([8; 16]).await;
    let status = runtime.evidence_status(world.tenant).await.unwrap();
    assert_eq!(
        (status.epoch_no, status.epoch_reason.as_str()),
        (3, "restored")
    );
    close(runtime).await;
}

/// Bytes from hex digits.
fn bytes_of(digits: &serde_json::Value) -> Vec<u8> {
    let digits = digits.as_str().unwrap();
    let pairs = (0..digits.len() / 2).map(|at| &digits[2 * at..2 * at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[tokio::test]
async fn an_incident_of_an_earlier_epoch_keeps_its_records_with_their_proofs() {
    let (world, runtime) = World::new(false).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    runtime.export_evidence(tenant, incident).await.unwrap();
    close(runtime).await;
    let runtime = world.start([8; 16]).await;
    let file = runtime.export_evidence(tenant, incident).await.unwrap();
    let left = |what: &str, why: &str| {
        let found = file.omitted.iter().find(|o| o.what == what && o.why == why);
        found.map_or(0, |o| o.count)
    };
    // Five events, the incident, its head, the freeze and the export; the window is counted apart.
    assert_eq!(left("record", "other_epoch"), 9, "{:?}", file.omitted);
    assert_eq!(left("raw_window", "other_epoch"), 1);
    let nobody = verify(&file.bytes, &TrustStore::default());
    assert_eq!(nobody.outcome(), Outcome::UnknownKey, "{nobody:?}");
    let bundle = iq_evidence::bundle::Bundle::decode(&file.bytes).unwrap();
    let enclosed = bundle.documents.iter().find_map(|bytes| {
        let found: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        found.get("checkpoint").is_some().then_some(found)
    });
    let enclosed = enclosed.unwrap();
    assert_eq!(bytes_of(&enclosed["appliance"]), APPLIANCE);
    let note = iq_evidence::Note::parse(enclosed["checkpoint"].as_str().unwrap()).unwrap();
    let keys = runtime.evidence_keys(tenant).await.unwrap();
    let key = iq_evidence::PublicKey::from_bytes(&keys[0].public).unwrap();
    let log = iq_evidence::SignatureKind::Log;
    assert!(
        note.lines
            .iter()
            .any(|line| line.is_by(&key, log, &note.text))
    );
    let records = enclosed["records"].as_array().unwrap();
    assert_eq!(records.len(), 10);
    for record in records {
        let seq = record["seq"].as_u64().unwrap();
        let proof: Vec<[u8; 32]> = record["proof"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hash| bytes_of(hash).try_into().unwrap())
            .collect();
        let leaf = iq_evidence::leaf_hash(&bytes_of(&record["record"]));
        let (size, root) = (note.checkpoint.size, note.checkpoint.root);
        assert!(iq_evidence::is_included(
            &leaf,
            seq - 1,
            size,
            &proof,
            &root
        ));
    }
    // The samples are there as well, by the hash in their record.
    let window = records
        .iter()
        .map(|record| bytes_of(&record["record"]))
        .find_map(|bytes| {
            let record = iq_evidence::Record::decode(&bytes).ok()?;
            (record.kind == "window").then(|| record.personal(1))?
        });
    let mut documents = bundle.documents.iter();
    assert!(documents.any(|bytes| Some(iq_evidence::sha256(bytes)) == window));
    close(runtime).await;
}

#[tokio::test]
async fn a_demo_tenant_signs_with_a_key_of_its_own_and_says_so() {
    let (world, runtime) = World::new(true).await;
    let incident = world.incident(&runtime).await;
    let file = runtime
        .export_evidence(world.tenant, incident)
        .await
        .unwrap();
    let verdict = verify(&file.bytes, &world.trust(&runtime).await);
    assert!(verdict.facts.is_demo);
    assert_eq!(verdict.outcome().exit_code(), 1);
    close(runtime).await;
}

#[tokio::test]
async fn what_a_demo_source_delivered_is_refused_in_the_evidence_of_a_plant() {
    let (world, runtime) = World::new(false).await;
    let (tenant, asset) = (world.tenant, world.asset);
    let plant = runtime.tenant(tenant).unwrap();
    let signal = plant.signals.values().next().unwrap().signal.clone();
    runtime
        .store()
        .write(move |tx| {
            let integration = Integration {
                id: IntegrationId::new(),
                tenant_id: tenant,
                kind: "opcua".to_owned(),
                name: "Demo plant".to_owned(),
                config: serde_json::json!({}),
                is_enabled: false,
                is_demo_origin: true,
                status: IntegrationStatus::Inactive,
                status_code: None,
                status_params: serde_json::json!({}),
                status_at: None,
                last_value_at: None,
                created_at: T0,
            };
            integrations::create_integration(tx, tenant, &integration)?;
            let mapping = iq_domain::SignalMapping {
                id: iq_domain::MappingId::new(),
                tenant_id: tenant,
                integration_id: integration.id,
                external_tag: "P-101A.VIB".to_owned(),
                asset_id: asset,
                metric_name: "vibration".to_owned(),
                signal_id: signal.id,
                unit: "mm/s".to_owned(),
                scaling_factor: 1.0,
                offset_value: 0.0,
                metadata_json: "{}".to_owned(),
                is_active: true,
            };
            mappings::create_mapping(tx, tenant, &mapping)
        })
        .await
        .unwrap();
    close(runtime).await;
    let runtime = world.start(APPLIANCE).await;
    let incident = world.incident(&runtime).await;
    let refused = runtime.export_evidence(tenant, incident).await.unwrap_err();
    assert_eq!(refused.code, "evidence.demo_source");
    let entries = runtime
        .store()
        .read_blocking(|conn| evidence::list_entries(conn, tenant, incident))
        .unwrap();
    let kinds: HashMap<&str, usize> = entries.iter().fold(HashMap::new(), |mut found, entry| {
        *found.entry(entry.kind.as_str()).or_default() += 1;
        found
    });
    assert_eq!(kinds.get("window"), None, "{entries:?}");
    close(runtime).await;
}

/// Prints what sealing costs: the same events into a store with and without its log.
#[tokio::test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "a measurement")]
async fn a_hundred_thousand_events() {
    let (world, runtime) = World::new(false).await;
    let plain = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let bare = iq_store::Store::open(plain.path().join("optria.db"), clock).unwrap();
    let tenant = world.tenant;
    for (name, store) in [("plain", bare), ("sealed", runtime.store().clone())] {
        let groups: Vec<Vec<_>> = (0..200)
            .map(|group| (0..500).map(|n| world.event(group * 500 + n)).collect())
            .collect();
        let started = std::time::Instant::now();
        for rows in groups {
            store
                .write(move |tx| {
                    for row in &rows {
                        events::insert_ignore_duplicate(tx, tenant, row)?;
                    }
                    Ok(())
                })
                .await
                .unwrap();
        }
        println!("100,000 events, {name}: {:?}", started.elapsed());
    }
    close(runtime).await;
}

/// A root cause whose only evidence is a sample of long before the incident.
async fn cites(runtime: &Runtime, world: &World, incident: IncidentId, at: Timestamp) {
    let tenant = world.tenant;
    let plant = runtime.tenant(tenant).unwrap();
    let signal = plant.signals.values().next().unwrap().signal.clone();
    let mover = KeptMover {
        signal: signal.id,
        asset: signal.asset_id,
        metric: signal.metric,
        unit: signal.unit,
        onset_at: at,
        value: 1.0,
        usual: 1.0,
        effect: 7.0,
        score: 1.0,
        distance: Some(0),
    };
    let kept = KeptAnalysis {
        verdict: KeptVerdict::Unsettled,
        explanation: Vec::new(),
        hypotheses: Vec::new(),
        movers: vec![mover],
        packs: Vec::new(),
        window_from: at,
        window_to: T0,
        samples_read: 1,
        samples_refused: 0,
    };
    let row = RootCauseRow {
        tenant_id: tenant,
        incident_id: incident,
        version: 0,
        inputs_hash: "0".repeat(64),
        computed_at: T0,
        result: serde_json::to_value(kept).unwrap(),
    };
    runtime
        .store()
        .write(move |tx| root_causes::append_root_cause(tx, tenant, row))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_the_cause_cites_from_before_the_incident_is_in_its_file_once() {
    let (world, runtime) = World::new(false).await;
    world.samples(&runtime, -7_200..-6_800).await;
    let (tenant, incident) = (world.tenant, world.incident(&runtime).await);
    let first = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(frozen(&first), [(-300, 299, 600)]);
    cites(&runtime, &world, incident, T0.plus_ms(-7_300_000)).await;
    let second = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(frozen(&second), [(-300, 299, 600), (-7_360, -7_241, 120)]);
    let mut left = second.omitted.iter();
    assert!(left.any(|o| (o.what.as_str(), o.why.as_str()) == ("raw_window", "usual")));
    let third = runtime.export_evidence(tenant, incident).await.unwrap();
    assert_eq!(frozen(&third), frozen(&second), "none of it twice");
    let verdict = verify(&third.bytes, &world.trust(&runtime).await);
    assert_eq!(verdict.outcome(), Outcome::SignedOnly, "{verdict:?}");
    close(runtime).await;
}
