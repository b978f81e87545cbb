//! The Oracle connector against a server scripted after Oracle's documented shapes: lists with
//! `hasMore` and `offset`, a page smaller than asked for, both notations of errors.

#[path = "../../../tests/peers/eam_rig.rs"]
mod eam_rig;
mod stub;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use anyhow::{Context, Result};
use eam_rig::{Reading, context, draft, loopback, with};
use iq_connector::{Connector, PushError, StageKey, conformance};
use iq_connector_eam::EamConnector;
use iq_domain::{ObjectKind, SourceRecord, WorkOrderKind, WorkOrderStatus};
use serde_json::{Value, json};
use stub::fusion::fusion;

const READING: Duration = Duration::from_secs(60);

fn sending(port: u16) -> Value {
    with(
        loopback(port),
        json!({"username": "reader", "password": "classified", "plant_code": "M1",
            "work_order_sync_mode": "push_and_sync", "history_days": 3_650}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_conforms_to_the_contract() -> Result<()> {
    let (stub, _) = fusion().await?;
    let connector = EamConnector::oracle_eam();
    let ctx = context(&connector, &sending(stub.port), BTreeMap::new())?;
    conformance::check_maintenance(&connector, &ctx, &draft(WorkOrderKind::Order, "OPQ-1001"))
        .await;
    let rows = connector.sample_rows(&ctx, 10).await?;
    assert_eq!((rows.rows.len(), rows.has_more), (10, true));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_once_though_pages_are_smaller_than_asked_for() -> Result<()> {
    let (stub, orders) = fusion().await?;
    let connector = EamConnector::oracle_eam();
    let ctx = context(&connector, &sending(stub.port), BTreeMap::new())?;
    let mut reading = Reading::start(&connector, ctx);
    let sets = ["equipment", "work_orders"];
    reading
        .until(READING, |r| sets.iter().all(|s| r.is_complete(s)))
        .await?;
    let found = reading.numbers(WorkOrderKind::Order);
    let once: HashSet<&str> = found.iter().copied().collect();
    assert_eq!((found.len(), once.len()), (120, 120));
    assert_eq!(reading.objects(ObjectKind::Equipment).len(), 40);
    let in_use = reading
        .records
        .iter()
        .filter(|r| matches!(r, SourceRecord::TechnicalObject(o) if o.is_active));
    assert_eq!(in_use.count(), 39);

    let before = reading.records.len();
    orders.lock().expect("not poisoned")[5]["WorkOrderSystemStatusCode"] = json!("ORA_COMPLETED");
    orders.lock().expect("not poisoned")[5]["LastUpdateDate"] = json!("2026-10-30T08:00:00+00:00");
    reading.until(READING, |r| r.records.len() > before).await?;
    let is_it = matches!(&reading.records[before], SourceRecord::WorkOrder(o)
        if o.number == "WO-0005" && o.status == WorkOrderStatus::Completed);
    assert!(is_it, "{:?}", &reading.records[before..]);
    assert!(reading.stop().await < Duration::from_secs(5));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_come_in_the_words_of_oracle() -> Result<()> {
    let (stub, orders) = fusion().await?;
    let connector = EamConnector::oracle_eam();
    let ctx = context(&connector, &sending(stub.port), BTreeMap::new())?;
    let maintenance = connector.maintenance().context("it takes work orders")?;
    let mut unknown = draft(WorkOrderKind::Order, "OPQ-2");
    unknown.equipment_number = Some("UNKNOWN".into());
    let mut untyped = draft(WorkOrderKind::Order, "OPQ-3");
    untyped.order_type = Some("NONE".into());
    for (draft, words) in [
        (unknown, "The asset number UNKNOWN is invalid"),
        (untyped, "The work order type NONE is invalid"),
    ] {
        let plan = maintenance.plan(&ctx, &draft)?;
        let Err(PushError::Refused(error)) = maintenance.push(&ctx, &plan).await else {
            panic!("it is refused")
        };
        assert!(error.params["words"].contains(words), "{error}");
    }
    assert_eq!(orders.lock().expect("not poisoned").len(), 120);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_fails_at_the_sign_in_with_a_wrong_password() -> Result<()> {
    let (stub, _) = fusion().await?;
    let connector = EamConnector::oracle_eam();
    let wrong = with(sending(stub.port), json!({"password": "guess"}));
    let report = connector
        .test(&context(&connector, &wrong, BTreeMap::new())?, &|_| ())
        .await;
    conformance::check_report(&report);
    assert_eq!(report.message.code, "auth.bad_credentials");
    let failed = report
        .stages
        .iter()
        .find(|s| s.remedy.is_some())
        .context("a failed stage")?;
    assert_eq!(failed.key, StageKey::Session);
    assert!(!format!("{report:?}").contains("guess"));
    Ok(())
}
