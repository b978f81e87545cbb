//! The SAP connector against the demo plant's maintenance system, which was written from the published
//! field lists without looking at the client: over TLS, through every disturbance, and no order twice.

#[path = "eam_rig.rs"]
mod eam_rig;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use anyhow::{Context, Result};
use eam_rig::{Reading, context, draft, with};
use iq_connector::{Connector, ConnectorContext, PushError, StageKey, StreamPhase, conformance};
use iq_connector_eam::EamConnector;
use iq_domain::{ObjectKind, WorkOrderDraft, WorkOrderKind};
use iq_plant::{
    Disturbance, PlantConfig, PlantHandle, PlantServer, WebService,
    sap::{CLIENT, SapConfig, SapLink, equipment_number},
};
use serde_json::{Value, json};

const READING: Duration = Duration::from_secs(90);

struct Sap {
    plant: PlantHandle,
    link: SapLink,
    _dir: tempfile::TempDir,
}

impl Sap {
    async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut config = PlantConfig::new(dir.path()).on_free_ports();
        config.sap = Some(SapConfig {
            password: Some("seven seas".to_owned()),
            oauth: Some(("client".to_owned(), "a secret".to_owned())),
            ..SapConfig::default()
        });
        let plant = PlantServer::start(config).await?;
        let link = plant.sap().context("it was asked for")?.clone();
        Ok(Self {
            plant,
            link,
            _dir: dir,
        })
    }

    fn sending(&self) -> Value {
        json!({
            "base_url": self.link.base_url, "tls_ca": self.link.web.ca_pem, "sap_client": CLIENT,
            "username": "OPTRIA", "password": "seven seas", "plant_code": "1010",
            "work_order_sync_mode": "push_and_sync", "sync_interval_s": 10, "history_days": 3_650,
        })
    }

    fn by_token(&self) -> Value {
        let client = json!({"auth_type": "OAuth2", "client_id": "client", "client_secret": "a secret",
            "token_url": self.link.token_url});
        let mut written = with(self.sending(), client);
        if let Some(all) = written.as_object_mut() {
            all.remove("username");
            all.remove("password");
        }
        written
    }

    fn disturb(&self, kind: Disturbance, path: &str) {
        self.plant.disturb(WebService::Sap, kind, 1, Some(path));
    }
}

fn fresh(written: &Value) -> Result<ConnectorContext> {
    context(&EamConnector::sap_pm(), written, BTreeMap::new())
}

/// A draft about an asset the plant has.
fn about_pump(kind: WorkOrderKind, reference: &str) -> WorkOrderDraft {
    WorkOrderDraft {
        equipment_number: equipment_number("P-102A"),
        ..draft(kind, reference)
    }
}

const SETS: [&str; 4] = [
    "functional_locations",
    "equipment",
    "notifications",
    "work_orders",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_conforms_to_the_contract_against_it() -> Result<()> {
    let system = Sap::start().await?;
    let connector = EamConnector::sap_pm();
    let order = about_pump(WorkOrderKind::Order, "OPQ-1001");
    conformance::check_maintenance(&connector, &fresh(&system.sending())?, &order).await;
    let notification = about_pump(WorkOrderKind::Notification, "OPQ-1002");
    conformance::check_maintenance(&connector, &fresh(&system.by_token())?, &notification).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_our_authority_gets_no_password() -> Result<()> {
    let system = Sap::start().await?;
    let mut written = system.sending();
    written["tls_ca"] = Value::Null;
    let report = EamConnector::sap_pm()
        .test(&fresh(&written)?, &|_| ())
        .await;
    conformance::check_report(&report);
    assert_eq!(report.message.code, "http.tls_untrusted");
    let failed = report.stages.iter().find(|s| s.remedy.is_some());
    assert_eq!(failed.map(|s| s.key), Some(StageKey::Security));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_through_every_disturbance_and_nothing_twice() -> Result<()> {
    let system = Sap::start().await?;
    let connector = EamConnector::sap_pm();
    let mut calm = Reading::start(&connector, fresh(&system.sending())?);
    calm.until(READING, |r| SETS.iter().all(|s| r.is_complete(s)))
        .await?;
    for kind in [
        Disturbance::Html,
        Disturbance::InternalError,
        Disturbance::Cut,
        Disturbance::Garbage,
        Disturbance::ForeignNext,
        Disturbance::Unauthorized,
    ] {
        system.disturb(kind, "MaintenanceNotification");
    }
    // A token that is refused once is renewed; a password would wait, so that no account is locked.
    let mut rough = Reading::start(&connector, fresh(&system.by_token())?);
    rough
        .until(READING, |r| SETS.iter().all(|s| r.is_complete(s)))
        .await?;
    let all = |r: &Reading| -> [Vec<String>; 4] {
        [
            r.objects(ObjectKind::FunctionalLocation),
            r.objects(ObjectKind::Equipment),
            r.numbers(WorkOrderKind::Notification),
            r.numbers(WorkOrderKind::Order),
        ]
        .map(|numbers| {
            let mut owned: Vec<String> = numbers.into_iter().map(str::to_owned).collect();
            owned.sort();
            owned
        })
    };
    let found = all(&calm);
    for numbers in &found {
        let once: HashSet<&String> = numbers.iter().collect();
        assert!(
            numbers.len() > 5 && once.len() == numbers.len(),
            "{numbers:?}"
        );
    }
    assert_eq!(all(&rough), found);
    assert!(
        found[1]
            .iter()
            .any(|n| equipment_number("P-102A").is_some_and(|p| p == *n))
    );
    assert_eq!(rough.state.borrow().phase, StreamPhase::Polling);
    // A quiet system that answers is no silent one, though nothing is new.
    calm.phase(READING, |s| s.last_answer_at > s.last_value_at)
        .await?;
    calm.stop().await;
    rough.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_is_found_again_and_a_stale_token_renewed() -> Result<()> {
    let system = Sap::start().await?;
    let connector = EamConnector::sap_pm();
    let ctx = fresh(&system.sending())?;
    let maintenance = connector.maintenance().context("it takes work orders")?;
    for (kind, path, reference) in [
        (
            WorkOrderKind::Notification,
            "API_MAINTNOTIFICATION/MaintenanceNotification",
            "OPQ-2001",
        ),
        (
            WorkOrderKind::Order,
            "API_MAINTENANCEORDER/MaintenanceOrder",
            "OPQ-2002",
        ),
    ] {
        let plan = maintenance.plan(&ctx, &about_pump(kind, reference))?;
        system.disturb(Disturbance::LostReply, path);
        let outcome = maintenance.push(&ctx, &plan).await;
        let is_unknown =
            matches!(&outcome, Err(PushError::Unknown(e)) if e.code == "eam.outcome_unknown");
        assert!(is_unknown, "{outcome:?}");
        let found = maintenance.find_by_reference(&ctx, reference).await?;
        assert_eq!(found.len(), 1, "{found:?}");
    }
    let plan = maintenance.plan(&ctx, &about_pump(WorkOrderKind::Order, "OPQ-2003"))?;
    system.disturb(
        Disturbance::StaleToken,
        "API_MAINTENANCEORDER/MaintenanceOrder",
    );
    let pushed = maintenance
        .push(&ctx, &plan)
        .await
        .map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let found = maintenance.find_by_reference(&ctx, "OPQ-2003").await?;
    assert_eq!((found.len(), &found[0].number), (1, &pushed.number));

    let mut unknown = about_pump(WorkOrderKind::Order, "OPQ-2004");
    unknown.equipment_number = Some("000000000099999999".into());
    let plan = maintenance.plan(&ctx, &unknown)?;
    let outcome = maintenance.push(&ctx, &plan).await;
    assert!(
        matches!(&outcome, Err(PushError::Refused(e)) if e.code == "eam.refused"),
        "{outcome:?}"
    );
    assert!(
        maintenance
            .find_by_reference(&ctx, "OPQ-2004")
            .await?
            .is_empty()
    );
    Ok(())
}
