//! A server scripted after Oracle's documented shapes: lists with `hasMore` and `offset`, a page smaller
//! than asked for, both notations of errors.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use serde_json::{Value, json};

use super::{Asked, Stub, Told};

/// The server hands out no more rows than this, whatever is asked.
const CAP: usize = 25;
/// Where its resources lie.
pub const ROOT: &str = "/fscmRestApi/resources/11.13.18.05/";

/// The orders it holds.
pub type Rows = Arc<Mutex<Vec<Value>>>;

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

/// A server with 120 orders and 40 assets, and its orders.
pub async fn fusion() -> Result<(Stub, Rows)> {
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
