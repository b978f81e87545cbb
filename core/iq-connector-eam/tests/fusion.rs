//! The Oracle connector against a server scripted after Oracle's documented shapes: lists with
//! `hasMore` and `offset`, a page smaller than asked for, both notations of errors.

#[path = "../../../tests/peers/eam_rig.rs"]
mod eam_rig;
mod stub;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result};
use eam_rig::{Reading, context, draft, loopback, with};
use iq_connector::{Connector, PushError, StageKey, conformance};
use iq_connector_eam::EamConnector;
use iq_domain::{ObjectKind, SourceRecord, WorkOrderKind, WorkOrderStatus};
use serde_json::{Value, json};
use stub::{Asked, Stub, Told};

const READING: Duration = Duration::from_secs(60);
/// The server hands out no more rows than this, whatever is asked.
const CAP: usize = 25;
const ROOT: &str = "/fscmRestApi/resources/11.13.18.05/";

type Rows = Arc<Mutex<Vec<Value>>>;

fn order(n: usize) -> Value {
    json!({
        "WorkOrderId": 300_100_000_000_i64 + i64::try_from(n).unwrap_or_default(),
        "WorkOrderNumber": format!("WO-{n:04}"), "WorkOrderDescription": format!("Order {n}"),
        "OrganizationCode": "M1", "WorkOrderType": "CORRECTIVE", "AssetNumber": format!("P-{n}"),
        "WorkOrderPriority": 2, "WorkOrderStatusCode": "ORA_RELEASED",
        "WorkOrderSystemStatusCode": "ORA_RELEASED",
        // More rows of one second than a page holds.
        "LastUpdateDate": format!("2026-10-{:02}T08:00:00+00:00", if (10..60).contains(&n) { 10 } else { 1 + n % 28 }),
        "PlannedStartDate": "2026-11-01T08:00:00+00:00",
    })
}

fn asset(n: usize) -> Value {
    json!({
        "AssetId": 500 + n, "AssetNumber": format!("P-{n}"), "Description": format!("Pump {n}"),
        "OperatingOrganizationCode": "M1", "LastUpdateDate": "2026-10-01T08:00:00+00:00",
        "ActiveEndDate": if n == 3 { json!("2026-10-02T00:00:00+00:00") } else { Value::Null },
    })
}

/// Whether a row fulfils a condition of the query language.
fn fulfils(row: &Value, condition: &str) -> bool {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let plain = |value: &str| value.trim().trim_matches('\'').to_owned();
    if let Some((name, value)) = condition.split_once(" >= ") {
        // The notation of the query has milliseconds; the rows have none.
        return text(name.trim()) >= plain(value).replace(".000", "");
    }
    if let Some((name, value)) = condition.split_once(" > ") {
        return row[name.trim()].as_i64() > value.trim().parse().ok();
    }
    if let Some((name, value)) = condition.split_once(" LIKE ") {
        return text(name.trim()).ends_with(plain(value).trim_start_matches('%'));
    }
    let (name, value) = condition.split_once('=').expect("a known condition");
    text(name.trim()) == plain(value)
}

fn list(rows: &[Value], asked: &Asked) -> Told {
    let query = |name: &str| asked.query.get(name).cloned().unwrap_or_default();
    let q = query("q");
    let conditions: Vec<&str> = q.split(" and ").filter(|c| !c.is_empty()).collect();
    let mut found: Vec<&Value> = rows
        .iter()
        .filter(|r| conditions.iter().all(|c| fulfils(r, c)))
        .collect();
    let order = query("orderBy");
    let is_descending = order.ends_with(":desc");
    let names: Vec<&str> = order
        .split(',')
        .filter_map(|o| o.split(':').next())
        .collect();
    found.sort_by_key(|r| names.iter().map(|n| r[*n].to_string()).collect::<Vec<_>>());
    if is_descending {
        found.reverse();
    }
    let number = |name: &str, otherwise: usize| query(name).parse().unwrap_or(otherwise);
    let (offset, limit) = (number("offset", 0), number("limit", CAP).min(CAP));
    let page: Vec<&&Value> = found.iter().skip(offset).take(limit).collect();
    Told::json(
        200,
        &json!({
            "items": page, "count": page.len(), "hasMore": offset + page.len() < found.len(),
            "limit": limit, "offset": offset, "links": [{"rel": "self", "href": "https://elsewhere.example"}],
        }),
    )
}

fn create(rows: &Rows, asked: &Asked) -> Told {
    let mut row: Value = serde_json::from_slice(&asked.body).expect("a document");
    if row["AssetNumber"] == "UNKNOWN" {
        return Told::text(
            400,
            "text/plain",
            "WIE-2901244 The asset number UNKNOWN is invalid.",
        );
    }
    if row["WorkOrderType"] == "NONE" {
        return Told::text(400, "application/vnd.oracle.adf.error+json", &json!({
            "title": "Bad Request", "status": "400", "o:errorDetails": [
                {"detail": "The work order type NONE is invalid.", "o:errorCode": "WIE-2900001"}],
        }).to_string());
    }
    let mut rows = rows.lock().expect("no test panics while holding it");
    row["WorkOrderId"] = json!(900_000 + rows.len());
    row["WorkOrderNumber"] = json!(format!("NEW-{}", rows.len()));
    row["LastUpdateDate"] = json!("2026-10-28T09:00:00+00:00");
    row["links"] = json!([{"rel": "self", "href": "https://elsewhere.example",
        "properties": {"changeIndicator": "ACED0005"}}]);
    rows.push(row.clone());
    Told::json(201, &row)
}

async fn fusion() -> Result<(Stub, Rows)> {
    let orders: Rows = Arc::new(Mutex::new((0..120).map(order).collect()));
    let assets: Vec<Value> = (0..40).map(asset).collect();
    let kept = orders.clone();
    let stub = Stub::start(move |asked| {
        // "reader:classified"
        if asked.headers.get("authorization").map(String::as_str)
            != Some("Basic cmVhZGVyOmNsYXNzaWZpZWQ=")
        {
            return Told::text(401, "text/plain", "")
                .with("WWW-Authenticate", "Basic realm=\"Oracle\"");
        }
        match (asked.method.as_str(), asked.path.strip_prefix(ROOT)) {
            ("GET", Some("maintenanceWorkOrders")) => {
                list(&kept.lock().expect("not poisoned"), asked)
            }
            ("GET", Some("installedBaseAssets")) => list(&assets, asked),
            ("POST", Some("maintenanceWorkOrders")) => create(&kept, asked),
            _ => Told::text(404, "text/plain", "no such resource"),
        }
    })
    .await?;
    Ok((stub, orders))
}

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
