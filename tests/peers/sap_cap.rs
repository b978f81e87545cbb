//! The SAP connector against a system made with SAP's own application framework: real OData V2, pages
//! of 50 rows, the token for changes with its cookies, sign-in by password and by token.

#[path = "eam_rig.rs"]
mod eam_rig;

use std::{
    collections::{BTreeMap, HashSet},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use eam_rig::{Lossy, Reading, context, draft, loopback, with};
use iq_connector::{Connector, PushError, StageKey, StageStatus, StreamPhase, conformance};
use iq_connector_eam::EamConnector;
use iq_domain::{ObjectKind, SourceRecord, WorkOrderKind};
use iq_testkit::{Peer, node_project};
use iq_tests::peers_dir;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(240);
const READING: Duration = Duration::from_secs(60);

struct Sap {
    peer: Peer,
    port: u16,
    token_port: u16,
    _dir: tempfile::TempDir,
}

impl Sap {
    fn start() -> Result<Self> {
        let script = node_project(&peers_dir().join("cap"), "sap_system.cjs")?;
        let dir = tempfile::tempdir()?;
        let mut command = Command::new("node");
        command
            .arg(script)
            .arg(format!("--dir={}", dir.path().display()));
        let peer = Peer::start(command, "ready", PATIENCE)?;
        let line = peer.wait_for("ports", PATIENCE)?;
        let mut ports = line.split(' ').skip(1).map(str::parse::<u16>);
        let mut port = || -> Result<u16> { Ok(ports.next().context("a port")??) };
        let (port, token_port) = (port()?, port()?);
        Ok(Self {
            peer,
            port,
            token_port,
            _dir: dir,
        })
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        self.peer.say(line)?;
        self.peer.wait_for("did", READING)?;
        Ok(())
    }

    /// Notifications and orders there.
    fn count(&mut self) -> Result<(u32, u32)> {
        self.peer.say("count")?;
        let line = self.peer.wait_for("count", READING)?;
        let mut numbers = line.split(' ').skip(1).map(str::parse::<u32>);
        let mut next = || -> Result<u32> { Ok(numbers.next().context("a number")??) };
        Ok((next()?, next()?))
    }

    fn reading(&self) -> Value {
        let basic = json!({"username": "OPTRIA", "password": "classified", "plant_code": "1010",
            "sap_client": "100"});
        with(loopback(self.port), basic)
    }

    fn sending(&self) -> Value {
        with(
            self.reading(),
            json!({"work_order_sync_mode": "push_and_sync", "work_center": "MECH-R1"}),
        )
    }

    fn by_token(&self) -> Value {
        let client = json!({"auth_type": "OAuth2", "client_id": "optria", "client_secret": "top-secret",
            "token_url": format!("http://127.0.0.1:{}/oauth/token", self.token_port),
            "plant_code": "1010", "work_order_sync_mode": "push_and_sync"});
        with(loopback(self.port), client)
    }
}

fn sap() -> EamConnector {
    EamConnector::sap_pm()
}

fn fresh(written: &Value) -> Result<iq_connector::ConnectorContext> {
    context(&sap(), written, BTreeMap::new())
}

const SETS: [&str; 4] = [
    "functional_locations",
    "equipment",
    "notifications",
    "work_orders",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_conforms_to_the_contract_against_it() -> Result<()> {
    let system = Sap::start()?;
    let connector = sap();
    let ctx = fresh(&system.sending())?;
    conformance::check_maintenance(&connector, &ctx, &draft(WorkOrderKind::Order, "OPQ-1001"))
        .await;
    let ctx = fresh(&system.by_token())?;
    conformance::check_maintenance(
        &connector,
        &ctx,
        &draft(WorkOrderKind::Notification, "OPQ-1002"),
    )
    .await;
    let rows = connector.sample_rows(&ctx, 5).await?;
    assert_eq!(rows.rows.len(), 5);
    assert!(rows.has_more);
    assert_eq!(rows.columns[0].name, "MaintenanceOrder");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_once_page_by_page_and_then_only_what_changes() -> Result<()> {
    let mut system = Sap::start()?;
    let connector = sap();
    let mut reading = Reading::start(&connector, fresh(&system.reading())?);
    reading
        .until(READING, |r| SETS.iter().all(|set| r.is_complete(set)))
        .await?;
    for (found, wanted) in [
        (reading.objects(ObjectKind::FunctionalLocation), 12),
        (reading.objects(ObjectKind::Equipment), 110),
        (reading.numbers(WorkOrderKind::Notification), 60),
        (reading.numbers(WorkOrderKind::Order), 130),
    ] {
        let once: HashSet<&str> = found.iter().copied().collect();
        assert_eq!((found.len(), once.len()), (wanted, wanted));
    }
    let named = reading
        .records
        .iter()
        .any(|r| matches!(r, SourceRecord::TechnicalObject(o) if o.name == "وحدة التقطير"));
    assert!(named, "Arabic names arrive whole");

    let before = reading.records.len();
    system.tell("touch 000004000007")?;
    reading.until(READING, |r| r.records.len() > before).await?;
    let changed = &reading.records[before..];
    assert_eq!(changed.len(), 1, "{changed:?}");
    let is_it = matches!(&changed[0], SourceRecord::WorkOrder(o)
        if o.number == "000004000007" && o.title == "touched");
    assert!(is_it, "{changed:?}");
    let state = reading.state.borrow().clone();
    assert_eq!(state.phase, StreamPhase::Polling);
    assert!(
        state.clock_offset_ms.is_some_and(|ms| ms.abs() < 2_000),
        "{state:?}"
    );
    assert!(reading.stop().await < Duration::from_secs(5));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_was_broken_off_goes_on_where_it_stood() -> Result<()> {
    let system = Sap::start()?;
    let connector = sap();
    let mut first = Reading::start(&connector, fresh(&system.reading())?);
    first
        .until(READING, |r| r.objects(ObjectKind::Equipment).len() >= 50)
        .await?;
    assert!(!first.is_complete("equipment"), "it stands in the middle");
    let (cursors, records) = (first.cursors.clone(), first.records.clone());
    first.stop().await;

    let ctx = context(&connector, &system.reading(), cursors)?;
    let mut second = Reading::start(&connector, ctx);
    second
        .until(READING, |r| {
            ["equipment", "notifications", "work_orders"]
                .iter()
                .all(|set| r.is_complete(set))
        })
        .await?;
    let of = |records: &[SourceRecord]| -> HashSet<String> {
        let equipment = records.iter().filter_map(|r| match r {
            SourceRecord::TechnicalObject(o) if o.kind == ObjectKind::Equipment => {
                Some(o.number.clone())
            }
            _ => None,
        });
        equipment.collect()
    };
    let (early, late) = (of(&records), of(&second.records));
    assert_eq!(early.union(&late).count(), 110, "nothing is missing");
    assert_eq!(
        early.intersection(&late).count(),
        0,
        "nothing is read twice"
    );
    second.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_says_who_may_what_and_what_to_do() -> Result<()> {
    let system = Sap::start()?;
    let connector = sap();
    let test = |written: Value| {
        let connector = &connector;
        async move {
            let ctx = fresh(&written)?;
            let report = connector.test(&ctx, &|_| ()).await;
            conformance::check_report(&report);
            anyhow::Ok(report)
        }
    };
    let report = test(system.sending()).await?;
    assert!(report.success, "{:?}", report.message);
    let session = report
        .stages
        .iter()
        .find(|s| s.key == StageKey::Session)
        .unwrap();
    assert_eq!(session.message.code, "stage.eam_push_ready");
    let security = report
        .stages
        .iter()
        .find(|s| s.key == StageKey::Security)
        .unwrap();
    assert_eq!(
        security.status,
        StageStatus::Warning,
        "plain HTTP is said aloud"
    );
    assert!(
        report.message.params["value"].contains("Order 129"),
        "{:?}",
        report.message
    );

    for (change, code) in [
        (json!({"password": "wrong"}), "auth.bad_credentials"),
        (json!({"sap_client": "800"}), "auth.bad_credentials"),
        (json!({"plant_code": "0000"}), "test.no_value_read"),
        (
            json!({"base_url": format!("http://127.0.0.1:{}", system.token_port)}),
            "auth.bad_credentials",
        ),
    ] {
        let report = test(with(system.reading(), change)).await?;
        assert_eq!(report.message.code, code, "{:?}", report.stages);
    }
    let report = test(with(system.by_token(), json!({"client_secret": "wrong"}))).await?;
    assert_eq!(report.message.code, "eam.client_refused");
    assert!(!format!("{report:?}").contains("top-secret"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_unknown_and_the_search_finds_exactly_one() -> Result<()> {
    let mut system = Sap::start()?;
    let network = Lossy::start(system.port).await?;
    let connector = sap();
    let written = with(
        system.sending(),
        json!({"base_url": format!("http://127.0.0.1:{}", network.port)}),
    );
    let ctx = fresh(&written)?;
    let maintenance = connector.maintenance().context("it takes work orders")?;
    let before = system.count()?;
    for (kind, reference) in [
        (WorkOrderKind::Order, "OPQ-2001"),
        (WorkOrderKind::Notification, "OPQ-2002"),
    ] {
        let plan = maintenance.plan(&ctx, &draft(kind, reference))?;
        network.lose_creations(true);
        let outcome = maintenance.push(&ctx, &plan).await;
        network.lose_creations(false);
        let Err(PushError::Unknown(error)) = outcome else {
            panic!("a lost answer must not look like {outcome:?}")
        };
        assert_eq!(error.code, "eam.outcome_unknown");
        let found = maintenance.find_by_reference(&ctx, reference).await?;
        assert_eq!(found.len(), 1, "{found:?}");
    }
    assert_eq!(network.lost(), 2);
    assert_eq!(
        system.count()?,
        (before.0 + 1, before.1 + 1),
        "each is there once"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart_from_what_never_arrived() -> Result<()> {
    let mut system = Sap::start()?;
    let connector = sap();
    let ctx = fresh(&system.sending())?;
    let maintenance = connector.maintenance().context("it takes work orders")?;
    let before = system.count()?;

    let mut wrong = draft(WorkOrderKind::Order, "OPQ-3001");
    wrong.order_type = Some("PM99".into());
    let plan = maintenance.plan(&ctx, &wrong)?;
    let Err(PushError::Refused(error)) = maintenance.push(&ctx, &plan).await else {
        panic!("an unknown type is refused")
    };
    assert_eq!(error.code, "eam.refused");
    assert!(
        error.params["words"].contains("Order type PM99 does not exist"),
        "{error}"
    );

    let good = maintenance.plan(&ctx, &draft(WorkOrderKind::Order, "OPQ-3002"))?;
    let mut elsewhere = good.clone();
    elsewhere.path = "sap/opu/odata/sap/API_EQUIPMENT/Equipment".into();
    let mut changing = good.clone();
    changing.method = "PATCH".into();
    let mut nameless = good.clone();
    nameless.payload["AdditionalDeviceData"] = json!("");
    for plan in [elsewhere, changing, nameless] {
        let outcome = maintenance.push(&ctx, &plan).await;
        let is_kept =
            matches!(&outcome, Err(PushError::NotSent(e)) if e.code == "eam.plan_not_ours");
        assert!(is_kept, "{outcome:?}");
    }
    system.tell("busy 1")?;
    let outcome = maintenance.push(&ctx, &good).await;
    assert!(
        matches!(&outcome, Err(PushError::NotSent(e)) if e.code == "http.too_many_requests"),
        "{outcome:?}"
    );
    let read_only = fresh(&system.reading())?;
    let outcome = maintenance.push(&read_only, &good).await;
    assert!(
        matches!(&outcome, Err(PushError::NotSent(e)) if e.code == "eam.push_switched_off"),
        "{outcome:?}"
    );
    let nobody = fresh(&with(
        system.sending(),
        json!({"base_url": "http://127.0.0.1:1"}),
    ))?;
    let outcome = maintenance.push(&nobody, &good).await;
    assert!(
        matches!(&outcome, Err(PushError::NotSent(e)) if e.code == "http.tcp_refused"),
        "{outcome:?}"
    );
    assert_eq!(system.count()?, before, "nothing was created");

    system.tell("stale 1")?;
    let pushed = maintenance
        .push(&ctx, &good)
        .await
        .map_err(|e| anyhow::anyhow!("{e:?}"))?;
    assert_eq!(
        maintenance.find_by_reference(&ctx, "OPQ-3002").await?[0].number,
        pushed.number
    );
    system.tell("stale 9")?;
    let outcome = maintenance.push(&ctx, &good).await;
    assert!(
        matches!(&outcome, Err(PushError::NotSent(e)) if e.code == "eam.csrf_refused"),
        "{outcome:?}"
    );
    assert_eq!(system.count()?, (before.0, before.1 + 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_a_busy_system_and_renews_an_expired_token_by_itself() -> Result<()> {
    let mut system = Sap::start()?;
    let connector = sap();
    system.tell("busy 2")?;
    let mut reading = Reading::start(&connector, fresh(&system.by_token())?);
    let is_busy = |s: &iq_connector::StreamState| matches!(&s.phase, StreamPhase::Error(e) if e.code == "http.too_many_requests");
    reading.phase(READING, is_busy).await?;
    reading
        .until(READING, |r| SETS.iter().all(|set| r.is_complete(set)))
        .await?;
    system.tell("expire")?;
    let before = reading.records.len();
    system.tell("touch 000004000009")?;
    reading.until(READING, |r| r.records.len() > before).await?;
    assert_eq!(reading.state.borrow().phase, StreamPhase::Polling);
    reading.stop().await;
    Ok(())
}
