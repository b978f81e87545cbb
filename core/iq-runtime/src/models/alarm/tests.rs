//! A pump with two days of history and a model in force, minute by minute on a clock that the test moves.

use std::{sync::Arc, time::Duration};

use iq_config::{Config, Inputs, Overrides};
use iq_connector::{ConnectorRegistry, OwnIdentity};
use iq_domain::{
    AlertState, Asset, AssetId, Clock as _, Criticality, Integration, IntegrationId,
    IntegrationStatus, ManualClock, Names, Severity, Site, SiteId, StatusCode, Tenant, Unit,
    UnitId, UserId, Value, WorkOrderKind, WorkOrderPriority, WorkOrderStatus,
};
use iq_historian::{Historian, HistorianConfig, Row};
use iq_mapping::MappingDraft;
use iq_secrets::MasterKey;
use iq_store::{
    Page,
    asset_models::{self, ModelState},
    assets, integrations, sites, tenants, units, work_orders,
};
use serde_json::json;
use tokio::sync::{oneshot, watch};

use super::*;
use crate::{
    EvidenceParts, NewMapping, Runtime, RuntimeParts,
    maintenance::{Actor, NewWorkOrder, PlanChange},
    open_store,
    scoring::{ScoreNow, ScoreStep},
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
const T0: Timestamp = Timestamp(1_790_000_040_000);

struct Rig {
    runtime: Runtime,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    tenant: TenantId,
    asset: AssetId,
}

fn names(text: &str) -> Names {
    Names {
        en: text.to_owned(),
        ar: text.to_owned(),
    }
}

async fn open(folder: &std::path::Path, clock: &Arc<ManualClock>) -> Runtime {
    let config = Config::load(&Inputs {
        overrides: Overrides::new().set("OPTRIA_DISK_RESERVE_MB", Some("0".to_owned())),
        environment: &|_| None,
        default_data_dir: folder.to_owned(),
    });
    let master_key = Arc::new(MasterKey::load_or_create(&folder.join("master.key")).unwrap());
    let (store, evidence) = open_store(EvidenceParts {
        folder: folder.to_owned(),
        appliance: [7; 16],
        machine: None,
        clock: Arc::clone(clock) as Arc<dyn iq_domain::Clock>,
        master_key: Arc::clone(&master_key),
    })
    .unwrap();
    let historian = Historian::open(&folder.join("historian.db"), HistorianConfig::default());
    let parts = RuntimeParts {
        store,
        evidence,
        historian: historian.unwrap(),
        config: Arc::new(config.unwrap()),
        clock: Arc::clone(clock) as Arc<dyn iq_domain::Clock>,
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
    };
    Runtime::start(parts).await.unwrap()
}

async fn fill(runtime: &Runtime) -> (TenantId, AssetId) {
    let (tenant, asset) = (TenantId::new(), AssetId::new());
    let (site, unit, integration) = (SiteId::new(), UnitId::new(), IntegrationId::new());
    let write = move |tx: &iq_store::Transaction<'_>| {
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
        let row = Asset {
            id: asset,
            tenant_id: tenant,
            unit_id: unit,
            code: "P-1".to_owned(),
            names: names("Pump"),
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
        let row = Integration {
            id: integration,
            tenant_id: tenant,
            kind: "desk".to_owned(),
            name: "Desk".to_owned(),
            config: json!({}),
            is_enabled: false,
            is_demo_origin: false,
            status: IntegrationStatus::Inactive,
            status_code: None,
            status_params: json!({}),
            status_at: None,
            last_value_at: None,
            created_at: T0,
        };
        integrations::create_integration(tx, tenant, &row)
    };
    runtime.store().write(write).await.unwrap();
    runtime.plant_changed(tenant).await.unwrap();
    map(runtime, tenant, asset, integration).await;
    (tenant, asset)
}

async fn map(runtime: &Runtime, tenant: TenantId, asset: AssetId, integration: IntegrationId) {
    let mapping = |tag: &str, metric: &str| NewMapping {
        draft: MappingDraft {
            integration_id: integration,
            external_tag: tag.to_owned(),
            asset_id: asset,
            metric_name: metric.to_owned(),
            unit: "mm/s".to_owned(),
            scaling_factor: 1.0,
            offset_value: 0.0,
            metadata_json: "{}".to_owned(),
            is_active: true,
        },
        limits: None,
    };
    let new = vec![
        mapping("T1", "vibration_de"),
        mapping("T2", "vibration_nde"),
    ];
    runtime.create_mappings(tenant, new).await.unwrap();
}

impl Rig {
    /// A pump whose model keeps a budget of `per_week` false alarms.
    async fn new(per_week: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(T0.plus_ms(-2 * DAY)));
        let runtime = open(folder.path(), &clock).await;
        let (tenant, asset) = fill(&runtime).await;
        let rig = Self {
            runtime,
            clock,
            folder,
            tenant,
            asset,
        };
        rig.values(2_880, 0.0).await;
        let started = rig.runtime.start_training(tenant, Some(asset), "test");
        started.await.unwrap();
        wait_for("a model is in force", async || {
            rig.models().contains(&asset)
        })
        .await;
        let changed = rig.runtime.set_alarm_budget(tenant, asset, per_week).await;
        assert_eq!(changed.unwrap().state, ModelState::Promoted);
        rig
    }

    /// Assets with a model in force.
    fn models(&self) -> Vec<AssetId> {
        let models = self.runtime.0.scores.models.read();
        models.keys().copied().collect()
    }

    /// A value each minute from now on; one vibration is larger by `off`. The clock goes with them.
    async fn values(&self, minutes: i64, off: f64) {
        let index = self.runtime.tenant(self.tenant).unwrap();
        let number = |metric: &str| {
            let mut all = index.signals.values();
            let found = all.find(|s| s.signal.metric == metric);
            found.unwrap().signal.signal_no
        };
        let (de, nde) = (number("vibration_de"), number("vibration_nde"));
        let begin = self.clock.now();
        let rows = (0..minutes).flat_map(|n| {
            let t = begin.plus_ms(n * MINUTE + 1_000);
            let minute = t.0 / MINUTE;
            let swing = (minute as f64 / 37.0).sin() * 0.3;
            let noise = |k: i64| ((minute * 7_919 + k * 104_729) % 997) as f64 / 997.0 - 0.5;
            let row = |signal_no, value: f64| Row {
                signal_no,
                t,
                value: Some(Value::Number(value)),
                status: StatusCode::GOOD,
            };
            [
                row(de, 2.0 + swing + 0.1 * noise(1) + off),
                row(nde, 1.5 + 0.8 * swing + 0.1 * noise(2)),
            ]
        });
        let rows = rows.collect();
        self.runtime.historian().append(rows).await.unwrap();
        self.clock.set(begin.plus_ms(minutes * MINUTE));
    }

    /// Minutes go by, and the scorer looks every few of them.
    async fn pass(&self, minutes: i64, off: f64) {
        for _ in 0..minutes / 4 {
            self.values(4, off).await;
            self.score().await;
        }
    }

    async fn score(&self) {
        let (progress, _seen) = watch::channel((0, 0));
        let (done, answer) = oneshot::channel();
        let request = ScoreNow {
            tenant: self.tenant,
            step: ScoreStep::Scores,
            progress,
            done,
        };
        let sent = self.runtime.0.score_now.send(request).await;
        assert!(sent.is_ok());
        answer.await.unwrap().unwrap();
    }

    /// The alerts of the score, oldest first.
    async fn alerts(&self) -> Vec<Alert> {
        let all = alerts_of_score(&self.runtime.0, self.tenant, self.asset, Timestamp(0));
        let mut all = all.await.unwrap();
        all.reverse();
        all
    }

    async fn restarted(self) -> Self {
        self.runtime.stop().await;
        let Self {
            runtime,
            clock,
            folder,
            tenant,
            asset,
        } = self;
        drop(runtime);
        let runtime = open(folder.path(), &clock).await;
        Self {
            runtime,
            clock,
            folder,
            tenant,
            asset,
        }
    }

    /// Somebody begins to work on the pump; with `end`, and ends.
    async fn work(&self, from: Timestamp, end: Option<Timestamp>) {
        let new = NewWorkOrder {
            asset_id: Some(self.asset),
            kind: WorkOrderKind::Notification,
            title: "Align".to_owned(),
            description: String::new(),
            priority: WorkOrderPriority::Medium,
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
            plan: PlanChange::default(),
        };
        let author = Actor {
            user_id: UserId::new(),
            username: "sara".to_owned(),
        };
        let made = self.runtime.create_work_order(self.tenant, new, author);
        let mut order = made.await.unwrap();
        order.status = WorkOrderStatus::InProgress;
        (order.actual_start, order.actual_end) = (Some(from), end);
        let tenant = self.tenant;
        let write = move |tx: &iq_store::Transaction<'_>| {
            work_orders::update_work_order(tx, tenant, &order)
        };
        self.runtime.store().write(write).await.unwrap();
    }
}

async fn wait_for(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Far beyond what is usual, and below every limit of the family.
const OFF: f64 = 1.5;

#[tokio::test]
async fn a_score_that_stands_over_its_limit_raises_one_warning_until_it_is_back() {
    let rig = Rig::new(1.0).await;
    rig.pass(20, 0.0).await;
    assert_eq!(rig.alerts().await, []);
    let began = rig.clock.now();
    rig.pass(20, OFF).await;
    let raised = rig.alerts().await;
    let [alert] = &raised[..] else {
        panic!("{raised:?}")
    };
    assert_eq!(
        (alert.severity, alert.state, alert.signal_id),
        (Severity::Warning, AlertState::ActiveUnacknowledged, None)
    );
    let late = alert.activated_at.since_ms(began) / MINUTE;
    assert!((1..=6).contains(&late), "after {late} minutes");
    let departures = alert.params["departures"].as_str().unwrap();
    // The two no longer fit together: both are named, each with its sign.
    assert!(departures.contains("vibration_de +"), "{departures}");
    assert!(departures.contains("vibration_nde -"), "{departures}");
    assert!(alert.params["score"].as_f64() > Some(50.0), "{alert:?}");

    let acknowledged = rig
        .runtime
        .acknowledge_alert(rig.tenant, alert.id, "sara", None);
    acknowledged.await.unwrap();
    // It goes on: neither a second alert nor one that forgets who acknowledged it.
    rig.pass(40, OFF).await;
    let still = rig.alerts().await;
    assert_eq!(
        (still.len(), still[0].state),
        (1, AlertState::ActiveAcknowledged)
    );
    let back = rig.clock.now();
    rig.pass(120, 0.0).await;
    let over = rig.alerts().await;
    assert_eq!((over.len(), over[0].state), (1, AlertState::Cleared));
    let after = over[0].cleared_at.unwrap().since_ms(back) / MINUTE;
    assert!((15..=115).contains(&after), "after {after} minutes");
    rig.runtime.stop().await;
}

#[tokio::test]
async fn no_more_is_told_than_the_budget_allows() {
    let rig = Rig::new(1.0).await;
    for _ in 0..2 {
        rig.pass(20, OFF).await;
        rig.pass(120, 0.0).await;
    }
    let told = rig.alerts().await;
    assert_eq!(told.len(), 1, "one a week: {told:?}");
    assert!(told[0].cleared_at.is_some());
    // The week is over: what stands then is told, as of then.
    rig.clock.set(told[0].activated_at.plus_ms(WEEK_MS - DAY));
    rig.pass(20, OFF).await;
    assert_eq!(rig.alerts().await.len(), 1);
    rig.clock
        .set(told[0].activated_at.plus_ms(WEEK_MS + MINUTE));
    let now = rig.clock.now();
    rig.pass(20, OFF).await;
    let after = rig.alerts().await;
    assert_eq!(after.len(), 2);
    assert!(after[1].activated_at >= now, "{after:?}");
    rig.runtime.stop().await;

    let rig = Rig::new(0.0).await;
    rig.pass(20, OFF).await;
    assert_eq!(rig.alerts().await, [], "none allowed, none told");
    rig.runtime.stop().await;
}

#[tokio::test]
async fn an_alert_that_a_failure_followed_was_true_and_uses_up_no_budget() {
    let rig = Rig::new(1.0).await;
    rig.pass(20, OFF).await;
    rig.pass(120, 0.0).await;
    assert_eq!(rig.alerts().await.len(), 1);
    let failed = rig.clock.now();
    rig.work(failed, Some(failed.plus_ms(MINUTE))).await;
    let tenant = rig.tenant;
    let report = move |tx: &iq_store::Transaction<'_>| {
        let all = work_orders::list_work_orders(tx, tenant, &Default::default(), Page::MAX)?;
        let mut order = all.rows[0].clone();
        order.malfunction_at = Some(failed);
        work_orders::update_work_order(tx, tenant, &order)
    };
    rig.runtime.store().write(report).await.unwrap();
    rig.pass(20, OFF).await;
    assert_eq!(rig.alerts().await.len(), 2);
    rig.runtime.stop().await;
}

#[tokio::test]
async fn nothing_is_raised_while_the_machine_is_worked_on() {
    let rig = Rig::new(50.0).await;
    rig.pass(20, 0.0).await;
    rig.work(rig.clock.now(), None).await;
    rig.pass(60, OFF).await;
    assert_eq!(rig.alerts().await, []);
    // The work ends: what was seen during it is forgotten, what is seen after it counts.
    let tenant = rig.tenant;
    let end = rig.clock.now();
    let finish = move |tx: &iq_store::Transaction<'_>| {
        let all = work_orders::list_work_orders(tx, tenant, &Default::default(), Page::MAX)?;
        let mut order = all.rows[0].clone();
        order.actual_end = Some(end);
        work_orders::update_work_order(tx, tenant, &order)
    };
    rig.runtime.store().write(finish).await.unwrap();
    rig.pass(20, 0.0).await;
    assert_eq!(rig.alerts().await, []);
    rig.pass(20, OFF).await;
    let after = rig.alerts().await;
    assert_eq!(after.len(), 1);
    assert!(after[0].activated_at > end, "{after:?}");
    rig.runtime.stop().await;
}

#[tokio::test]
async fn a_model_of_a_demonstration_never_speaks_in_a_plant_of_ones_own() {
    let rig = Rig::new(50.0).await;
    let (tenant, asset) = (rig.tenant, rig.asset);
    let read =
        move |conn: &iq_store::Connection| asset_models::get_promoted_model(conn, tenant, asset);
    let mut row = rig.runtime.store().read(read).await.unwrap().unwrap();
    row.is_demo = true;
    super::super::live::follow(&rig.runtime.0, &row);
    rig.pass(40, OFF).await;
    assert_eq!(rig.alerts().await, []);
    row.is_demo = false;
    super::super::live::follow(&rig.runtime.0, &row);
    rig.pass(20, OFF).await;
    assert_eq!(
        rig.alerts().await.len(),
        1,
        "it was the demonstration alone"
    );
    rig.runtime.stop().await;
}

#[tokio::test]
async fn a_restart_neither_repeats_an_alert_nor_forgets_one() {
    let rig = Rig::new(50.0).await;
    rig.pass(20, OFF).await;
    let before = rig.alerts().await;
    assert_eq!(before.len(), 1);
    let rig = rig.restarted().await;
    rig.score().await;
    assert_eq!(rig.alerts().await, before, "it stands as it stood");
    rig.pass(20, 0.0).await;
    rig.pass(120, 0.0).await;
    let cleared = rig.alerts().await;
    assert_eq!((cleared.len(), cleared[0].cleared_at.is_some()), (1, true));
    // The rows of the alarm are read once more.
    let rig = rig.restarted().await;
    rig.score().await;
    rig.pass(8, 0.0).await;
    assert_eq!(rig.alerts().await, cleared);
    rig.runtime.stop().await;
}

#[test]
fn a_budget_below_one_a_week_is_counted_over_as_many_weeks() {
    assert_eq!(budget(1.0), Some((WEEK_MS, 1)));
    assert_eq!(budget(3.9), Some((WEEK_MS, 3)));
    assert_eq!(budget(0.5), Some((2 * WEEK_MS, 1)));
    assert_eq!(budget(0.001), Some((52 * WEEK_MS, 1)));
    assert_eq!(budget(0.0), None);
}
