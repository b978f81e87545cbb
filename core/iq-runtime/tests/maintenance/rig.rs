//! A plant with three pumps and a maintenance system that the test plays.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use iq_config::{Config, Inputs, Overrides};
use iq_connector::{
    Batch, BatchSink, BrowsePage, BrowseRequest, Capabilities, Connector, ConnectorContext,
    ConnectorRegistry, ConnectorSpec, MaintenanceSystem, OwnIdentity, Progress, RunningConnector,
    StreamPhase, StreamState, TagSet, TestReport,
};
use iq_domain::*;
use iq_historian::{Historian, HistorianConfig};
use iq_runtime::{
    EvidenceParts, Runtime, RuntimeParts,
    maintenance::{Actor, NewWorkOrder, PushTarget},
    open_store,
};
use iq_secrets::MasterKey;
use iq_store::{
    Page, assets, events, incidents, integrations,
    outbox::{self, OutboxFilter, OutboxRow},
    sites, technical_objects, tenants, units,
    work_orders::{self, WorkOrder, WorkOrderFilter},
};
use serde_json::json;
use tokio::sync::watch;

pub const T0: Timestamp = Timestamp(1_790_000_000_000);

/// The source: delivers what the test hands over, and takes work orders as `system` does.
#[derive(Clone)]
pub struct Source {
    pub system: Arc<dyn MaintenanceSystem>,
    sink: Arc<Mutex<Option<BatchSink>>>,
}

impl Source {
    pub fn new(system: Arc<dyn MaintenanceSystem>) -> Self {
        Self {
            system,
            sink: Arc::default(),
        }
    }
}

#[async_trait::async_trait]
impl Connector for Source {
    fn spec(&self) -> ConnectorSpec {
        ConnectorSpec {
            kind: "cmms",
            name_key: "cmms",
            description_key: "cmms",
            schema: json!({ "type": "object", "properties": {
                "asset_mapping_mode": { "type": "string" },
                "work_order_sync_mode": { "type": "string" },
            } }),
            capabilities: Capabilities {
                maintenance: true,
                external_db: true,
                ..Capabilities::default()
            },
        }
    }

    async fn test(&self, _: &ConnectorContext, _: Progress<'_>) -> TestReport {
        unreachable!("not part of these tests")
    }

    async fn browse(
        &self,
        _: &ConnectorContext,
        _: BrowseRequest,
    ) -> Result<BrowsePage, CodedError> {
        unreachable!("not part of these tests")
    }

    async fn preview(
        &self,
        _: &ConnectorContext,
        _: &[String],
    ) -> Result<Vec<RawSample>, CodedError> {
        unreachable!("not part of these tests")
    }

    fn maintenance(&self) -> Option<Arc<dyn MaintenanceSystem>> {
        Some(Arc::clone(&self.system))
    }

    fn start(&self, ctx: ConnectorContext, _: TagSet, sink: BatchSink) -> RunningConnector {
        *self.sink.lock().unwrap() = Some(sink);
        let polling = StreamState {
            phase: StreamPhase::Polling,
            ..StreamState::starting(ctx.clock.now())
        };
        let (state, seen) = watch::channel(polling);
        let (cancel, held) = (ctx.cancel.clone(), Arc::clone(&self.sink));
        let task = tokio::spawn(async move {
            let _state = state;
            ctx.cancel.cancelled().await;
            *held.lock().unwrap() = None;
        });
        RunningConnector::new(seen, cancel, task)
    }
}

/// What the store holds for a test, found again after a restart.
#[derive(Clone, Copy)]
pub struct Ids {
    pub tenant: TenantId,
    pub integration: IntegrationId,
    pub pumps: [AssetId; 3],
}

pub struct Rig {
    pub runtime: Runtime,
    pub source: Source,
    pub ids: Ids,
}

pub async fn open(
    folder: &Path,
    clock: Arc<dyn Clock>,
    source: &Source,
    external_db: bool,
) -> Runtime {
    let flag = if external_db { "true" } else { "false" };
    let config = Config::load(&Inputs {
        overrides: Overrides::new().set("OPTRIA_DISK_RESERVE_MB", Some("0".to_owned())),
        environment: &|name| (name == "EXTERNAL_DB_ENABLE").then(|| flag.into()),
        default_data_dir: folder.to_owned(),
    });
    let master_key = Arc::new(MasterKey::load_or_create(&folder.join("master.key")).unwrap());
    let (store, evidence) = open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance: [7; 16],
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
        connectors: ConnectorRegistry::new().with(Arc::new(source.clone())),
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

fn names(text: &str) -> Names {
    Names {
        en: text.to_owned(),
        ar: String::new(),
    }
}

/// Numbers under which the maintenance system knows the pumps: the last two share one.
const PUMPS: [(&str, &str, &str); 3] = [
    ("P-1", "10002345", "RAS-U100-P1"),
    ("P-2", "20", "RAS-U100-P2"),
    ("P-3", "20", "RAS-U100-P3"),
];

fn pump(tenant: TenantId, unit: UnitId, id: AssetId, n: usize) -> Asset {
    let (code, equipment, location) = PUMPS[n];
    Asset {
        id,
        tenant_id: tenant,
        unit_id: unit,
        code: code.to_owned(),
        names: names("Pump"),
        family: "centrifugal_pump".to_owned(),
        criticality: Criticality::High,
        equipment_number: Some(equipment.to_owned()),
        functional_location: Some(location.to_owned()),
        parent_id: None,
        upstream: Vec::new(),
        downstream: Vec::new(),
        note: String::new(),
        effective_from: None,
        effective_to: None,
    }
}

/// A tenant with its plant and its connection to the maintenance system.
pub async fn fill(runtime: &Runtime) -> Ids {
    let ids = Ids {
        tenant: TenantId::new(),
        integration: IntegrationId::new(),
        pumps: [AssetId::new(), AssetId::new(), AssetId::new()],
    };
    let (tenant, site, unit) = (ids.tenant, SiteId::new(), UnitId::new());
    runtime
        .store()
        .write(move |tx| {
            let row = Tenant {
                id: tenant,
                names: names("T"),
                is_demo: false,
                created_at: T0,
            };
            tenants::create_tenant(tx, &row)?;
            let row = Site {
                id: site,
                tenant_id: tenant,
                code: "S".to_owned(),
                names: names("S"),
                time_zone: "UTC".to_owned(),
            };
            sites::create_site(tx, tenant, &row)?;
            let row = Unit {
                id: unit,
                tenant_id: tenant,
                site_id: site,
                code: "U".to_owned(),
                names: names("U"),
            };
            units::create_unit(tx, tenant, &row)?;
            for (n, id) in ids.pumps.into_iter().enumerate() {
                assets::create_asset(tx, tenant, &pump(tenant, unit, id, n))?;
            }
            let row = Integration {
                id: ids.integration,
                tenant_id: tenant,
                kind: "cmms".to_owned(),
                name: "SAP PM".to_owned(),
                config: json!({ "work_order_sync_mode": "push_and_sync" }),
                is_enabled: true,
                is_demo_origin: false,
                status: IntegrationStatus::Inactive,
                status_code: None,
                status_params: json!({}),
                status_at: None,
                last_value_at: None,
                created_at: T0,
            };
            integrations::create_integration(tx, tenant, &row)
        })
        .await
        .unwrap();
    runtime.plant_changed(tenant).await.unwrap();
    runtime
        .set_integration_enabled(tenant, ids.integration, true)
        .await
        .unwrap();
    ids
}

impl Rig {
    pub async fn new(
        folder: &Path,
        clock: Arc<dyn Clock>,
        system: Arc<dyn MaintenanceSystem>,
    ) -> Self {
        let source = Source::new(system);
        let runtime = open(folder, clock, &source, true).await;
        let ids = fill(&runtime).await;
        Self {
            runtime,
            source,
            ids,
        }
    }

    /// Delivers records and waits until they are stored.
    pub async fn deliver(&self, records: Vec<SourceRecord>) {
        let mark = format!("deliver-{}", uuid::Uuid::now_v7());
        let sink = self.source.sink.lock().unwrap().clone().expect("it runs");
        let batch = Batch {
            records,
            cursors: vec![iq_connector::CursorMark {
                name: "at".to_owned(),
                position: json!(mark),
            }],
            ..Batch::default()
        };
        sink.send(batch).await.unwrap();
        let (tenant, integration) = (self.ids.tenant, self.ids.integration);
        wait_for("the batch is stored", async || {
            let position = self
                .runtime
                .store()
                .read(move |c| integrations::get_cursor(c, tenant, integration, "at"))
                .await
                .unwrap();
            position.is_some_and(|p| p.contains(&mark))
        })
        .await;
    }

    pub async fn work_orders(&self) -> Vec<WorkOrder> {
        let tenant = self.ids.tenant;
        self.runtime
            .store()
            .read(move |c| {
                work_orders::list_work_orders(c, tenant, &WorkOrderFilter::default(), Page::MAX)
            })
            .await
            .unwrap()
            .rows
    }

    /// The work order its system has under that number.
    pub async fn numbered(&self, number: &str) -> WorkOrder {
        let all = self.work_orders().await;
        let mut found = all
            .into_iter()
            .filter(|o| o.number.as_deref() == Some(number));
        let one = found.next().unwrap_or_else(|| panic!("no {number}"));
        assert_eq!(found.count(), 0, "{number} is there twice");
        one
    }

    pub async fn objects(&self) -> Vec<technical_objects::TechnicalObject> {
        let tenant = self.ids.tenant;
        self.runtime
            .store()
            .read(move |c| {
                let all = technical_objects::ObjectFilter::default();
                technical_objects::list_technical_objects(c, tenant, &all, Page::MAX)
            })
            .await
            .unwrap()
            .rows
    }

    /// Maintenance events, oldest first.
    pub async fn events(&self) -> Vec<IndustrialEvent> {
        let tenant = self.ids.tenant;
        self.runtime
            .store()
            .read(move |c| {
                let filter = events::EventFilter {
                    categories: vec![EventCategory::Maintenance],
                    is_ascending: true,
                    ..events::EventFilter::default()
                };
                events::list_events(c, tenant, &filter, Page::MAX)
            })
            .await
            .unwrap()
            .rows
    }

    /// Another connection to the same kind of system.
    pub async fn second_connection(
        &self,
        name: &str,
        change: impl FnOnce(&mut Integration) + Send + 'static,
    ) -> IntegrationId {
        let (tenant, first) = (self.ids.tenant, self.ids.integration);
        let (id, name) = (IntegrationId::new(), name.to_owned());
        self.runtime
            .store()
            .write(move |tx| {
                let mut row = integrations::get_integration(tx, tenant, first)?.unwrap();
                (row.id, row.name) = (id, name);
                change(&mut row);
                integrations::create_integration(tx, tenant, &row)
            })
            .await
            .unwrap();
        self.runtime.plant_changed(tenant).await.unwrap();
        id
    }

    /// An incident of an asset.
    pub async fn incident(&self, asset: AssetId) -> IncidentId {
        let incident = Incident {
            id: IncidentId::new(),
            tenant_id: self.ids.tenant,
            number: "INC-2026-0001".to_owned(),
            asset_id: asset,
            incident_type: IncidentType::CriticalAlert,
            severity: Severity::Critical,
            title_code: "incident.critical_alert_plain".to_owned(),
            title_params: json!({ "asset": "P-1" }),
            status: IncidentStatus::Open,
            assignee: None,
            started_at: T0,
            ended_at: None,
            created_at: T0,
        };
        let (tenant, id) = (self.ids.tenant, incident.id);
        self.runtime
            .store()
            .write(move |tx| incidents::create_incident(tx, tenant, &incident))
            .await
            .unwrap();
        id
    }

    pub async fn outbox(&self) -> Vec<OutboxRow> {
        outbox_of(&self.runtime, self.ids.tenant).await
    }

    /// A work order of ours for the first pump.
    pub async fn write(&self, title: &str) -> WorkOrder {
        write(&self.runtime, &self.ids, title).await
    }

    pub fn target(&self) -> PushTarget {
        PushTarget {
            integration_id: self.ids.integration,
            kind: WorkOrderKind::Notification,
        }
    }

    /// Writes one, hands it in and approves it.
    pub async fn approved(&self, title: &str) -> (WorkOrder, OutboxRow) {
        approved(&self.runtime, &self.ids, title).await
    }
}

pub async fn outbox_of(runtime: &Runtime, tenant: TenantId) -> Vec<OutboxRow> {
    runtime
        .store()
        .read(move |c| outbox::list_outbox_rows(c, tenant, &OutboxFilter::default(), 10_000))
        .await
        .unwrap()
}

pub async fn write(runtime: &Runtime, ids: &Ids, title: &str) -> WorkOrder {
    let new = NewWorkOrder {
        asset_id: Some(ids.pumps[0]),
        kind: WorkOrderKind::Notification,
        title: title.to_owned(),
        description: String::new(),
        priority: WorkOrderPriority::High,
        order_type: None,
        planned_start: None,
        planned_end: None,
        malfunction_at: None,
        is_down: false,
        alert_id: None,
        incident_id: None,
        recommendation_id: None,
        visit_of: None,
        recommendation: None,
        plan: iq_runtime::maintenance::PlanChange::default(),
    };
    let author = person("author");
    runtime
        .create_work_order(ids.tenant, new, author)
        .await
        .unwrap()
}

pub async fn approved(runtime: &Runtime, ids: &Ids, title: &str) -> (WorkOrder, OutboxRow) {
    let order = write(runtime, ids, title).await;
    let target = PushTarget {
        integration_id: ids.integration,
        kind: WorkOrderKind::Notification,
    };
    let row = runtime
        .push_work_order(ids.tenant, order.id, target, person("author"))
        .await
        .unwrap();
    let row = runtime
        .approve_push(ids.tenant, row.id, row.changed_at, person("approver"))
        .await
        .unwrap();
    (order, row)
}

/// The same name is the same person.
pub fn person(name: &str) -> Actor {
    Actor {
        user_id: UserId(uuid::Uuid::new_v5(
            &uuid::Uuid::NAMESPACE_OID,
            name.as_bytes(),
        )),
        username: name.to_owned(),
    }
}

/// Waits until it holds.
pub async fn wait_for(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(Instant::now() < end, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A small generator: the same seed, the same test.
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}
