//! The maintenance system as a stranger's HTTP client sees it: the token dance, filters, pages, versions
//! and the ways a create can go wrong.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

mod support;

use iq_plant::{
    Disturbance, PlantConfig, PlantHandle, PlantServer, WebService,
    sap::{SapConfig, equipment_number},
};
use serde_json::{Value, json};
use support::{Answer, agent, basic, send};
use tempfile::TempDir;

const ORDERS: &str = "/sap/opu/odata/sap/API_MAINTENANCEORDER";
const NOTES: &str = "/sap/opu/odata/sap/API_MAINTNOTIFICATION";
const EQUIPMENT: &str = "/sap/opu/odata/sap/API_EQUIPMENT/Equipment";
const PASSWORD: &str = "seven seas";

struct Rig {
    plant: PlantHandle,
    base: String,
    agent: ureq::Agent,
    dir: TempDir,
}

fn config() -> SapConfig {
    SapConfig {
        password: Some(PASSWORD.to_owned()),
        oauth: Some(("client".to_owned(), "secret".to_owned())),
        ..SapConfig::default()
    }
}

async fn rig_in(dir: TempDir, sap: SapConfig) -> Rig {
    let mut config = PlantConfig::new(dir.path()).on_free_ports();
    config.sap = Some(sap);
    let plant = PlantServer::start(config).await.unwrap();
    let link = plant.sap().unwrap().clone();
    Rig {
        base: link.base_url,
        agent: agent(link.web.ca_pem.as_deref()),
        plant,
        dir,
    }
}

async fn rig(sap: SapConfig) -> Rig {
    rig_in(tempfile::tempdir().unwrap(), sap).await
}

impl Rig {
    fn url(&self, path: &str) -> String {
        if path.starts_with("http") {
            return path.to_owned();
        }
        let encoded = path.replace(' ', "%20").replace('\'', "%27");
        format!("{}{encoded}", self.base)
    }

    async fn try_send(
        &self,
        method: &str,
        path: &str,
        extra: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let auth = basic("optria", PASSWORD);
        let mut headers = vec![
            ("Authorization", auth.as_str()),
            ("Accept", "application/json"),
        ];
        headers.extend_from_slice(extra);
        send(&self.agent, method, &self.url(path), &headers, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.try_send("GET", path, &[], "").await.unwrap()
    }

    async fn ok(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()["d"].clone()
    }

    /// Token and cookies of a fresh session.
    async fn session(&self) -> (String, String) {
        let fetch = [("X-CSRF-Token", "Fetch")];
        let path = format!("{ORDERS}/");
        let answer = self.try_send("GET", &path, &fetch, "").await.unwrap();
        let token = answer.headers["x-csrf-token"].to_str().unwrap().to_owned();
        let cookies: Vec<&str> = answer
            .headers
            .get_all("set-cookie")
            .iter()
            .map(|c| c.to_str().unwrap().split(';').next().unwrap())
            .collect();
        assert_eq!(cookies.len(), 2);
        (token, cookies.join("; "))
    }

    async fn change(
        &self,
        method: &str,
        path: &str,
        extra: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let (token, cookies) = self.session().await;
        let mut headers = vec![
            ("X-CSRF-Token", token.as_str()),
            ("Cookie", cookies.as_str()),
            ("Content-Type", "application/json"),
        ];
        headers.extend_from_slice(extra);
        self.try_send(method, path, &headers, &body.to_string())
            .await
            .unwrap()
    }
}

fn results(value: &Value) -> &Vec<Value> {
    value["results"].as_array().unwrap()
}

fn order() -> Value {
    json!({
        "MaintenanceOrderType": "PM01", "MaintenanceOrderDesc": "Check drive-end bearing",
        "MaintenancePlanningPlant": "1010", "Equipment": equipment_number("P-102A").unwrap(),
        "MaintPriority": "1", "MainWorkCenter": "MECH01", "AdditionalDeviceData": "IQ-0001",
        "MaintOrdBasicStartDateTime": "/Date(1795182000000+0000)/",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_equipment_with_padded_numbers_and_one_row_per_validity() {
    let rig = rig(config()).await;
    assert!(rig.base.starts_with("https://"));
    let all = rig
        .ok(&format!(
            "{EQUIPMENT}?$inlinecount=allpages&$select=Equipment,ValidityEndDate"
        ))
        .await;
    assert_eq!(all["__count"], "57");
    assert_eq!(results(&all).len(), 50);
    let rest = rig.ok(all["__next"].as_str().unwrap()).await;
    assert_eq!(results(&rest).len(), 7);
    assert!(rest["__next"].is_null());
    let row = &results(&all)[0];
    assert_eq!(row["Equipment"], "000000000010000001");
    assert!(row["EquipmentName"].is_null(), "not selected");
    let now = rig
        .ok(&format!(
            "{EQUIPMENT}?$filter=ValidityEndDate eq datetime'9999-12-31T00:00:00' and Equipment eq '{}'",
            equipment_number("BL-405").unwrap()
        ))
        .await;
    assert_eq!(results(&now).len(), 1);
    assert_eq!(
        results(&now)[0]["ValidityEndDate"],
        "/Date(253402214400000)/"
    );
    let uri = results(&now)[0]["__metadata"]["uri"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(rig.ok(&uri).await["FunctionalLocation"], "WAD-U400-BL405");
    let unpadded = rig
        .ok(&format!("{EQUIPMENT}?$filter=Equipment eq '10000001'"))
        .await;
    assert!(results(&unpadded).is_empty());
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_orders_by_their_last_change_in_pages_without_gap_or_repeat() {
    let mut small = config();
    small.page_size = 20;
    let rig = rig(small).await;
    let mut next = Some(format!(
        "{ORDERS}/MaintenanceOrder?$filter=LastChangeDateTime gt datetimeoffset'2020-01-01T00:00:00Z'&$orderby=LastChangeDateTime asc&$top=70&$inlinecount=allpages"
    ));
    let mut seen = Vec::new();
    let mut last = 0_i64;
    while let Some(url) = next {
        let page = rig.ok(&url).await;
        assert!(page["__count"].as_str().unwrap().parse::<usize>().unwrap() > 100);
        for row in results(&page) {
            let text = row["LastChangeDateTime"].as_str().unwrap();
            let ms = text
                .strip_prefix("/Date(")
                .unwrap()
                .strip_suffix("+0000)/")
                .unwrap();
            let ms: i64 = ms.parse().unwrap();
            assert!(ms >= last);
            last = ms;
            assert_eq!(row["MaintenanceOrder"].as_str().unwrap().len(), 12);
            seen.push(row["MaintenanceOrder"].to_string());
        }
        next = page["__next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), 70);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 70);
    for wrong in [
        "$filter=SystemStatusText eq 'REL'",
        "$filter=LastChangeDateTime gt datetime'2026-01-01T00:00:00'",
        "$orderby=UserStatusText",
        "$filter=NoSuchField eq '1'",
        "$top=many",
    ] {
        let answer = rig.get(&format!("{ORDERS}/MaintenanceOrder?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.json()["error"]["message"]["value"].is_string());
    }
    let versioned = rig
        .get(&format!("{ORDERS};v=0002/MaintenanceOrder?$top=1"))
        .await;
    assert_eq!(versioned.status, 200);
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_atom_to_those_who_do_not_ask_for_json() {
    let rig = rig(config()).await;
    let auth = basic("OPTRIA", PASSWORD);
    let url = rig.url(&format!("{ORDERS}/MaintenanceOrder?$top=1"));
    let plain = send(&rig.agent, "GET", &url, &[("Authorization", &auth)], "")
        .await
        .unwrap();
    assert!(plain.text.starts_with("<?xml"), "{}", plain.text);
    let stranger = send(&rig.agent, "GET", &url, &[], "").await.unwrap();
    assert_eq!(stranger.status, 401);
    assert!(stranger.headers.contains_key("www-authenticate"));
    let other = rig
        .get(&format!("{ORDERS}/MaintenanceOrder?$top=1&sap-client=200"))
        .await;
    assert_eq!(other.status, 401);
    let metadata = rig.get(&format!("{ORDERS}/$metadata")).await;
    assert!(metadata.text.contains("Name=\"SystemStatusText\""));
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_an_order_only_with_token_and_cookies_and_keeps_it_over_a_restart() {
    let rig = rig(config()).await;
    let path = format!("{ORDERS}/MaintenanceOrder");
    let body = order().to_string();
    let (token, cookies) = rig.session().await;
    for headers in [
        vec![],
        vec![("X-CSRF-Token", token.as_str())],
        vec![("Cookie", cookies.as_str())],
        vec![("X-CSRF-Token", "stale"), ("Cookie", cookies.as_str())],
    ] {
        let refused = rig.try_send("POST", &path, &headers, &body).await.unwrap();
        assert_eq!(refused.status, 403, "{headers:?}");
        assert_eq!(refused.headers["x-csrf-token"], "Required");
        assert_eq!(refused.text, "CSRF token validation failed");
    }
    let made = rig.change("POST", &path, &[], &order()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let row = made.json()["d"].clone();
    let number = row["MaintenanceOrder"].as_str().unwrap().to_owned();
    assert!(location.ends_with(&format!("MaintenanceOrder('{number}')")));
    assert_eq!(row["FunctionalLocation"], "RAS-U100-P102A");
    assert_eq!(row["SystemStatusText"], "CRTD MANC NMAT PRC");
    let with = rig
        .ok(&format!("{location}?$expand=to_MaintenanceOrderOperation"))
        .await;
    let operations = results(&with["to_MaintenanceOrderOperation"]);
    assert_eq!(operations[0]["MaintenanceOrderOperation"], "0010");
    let dir = rig.dir;
    rig.plant.stop().await;
    let again = rig_in(dir, config()).await;
    let kept = again.ok(&format!("{path}('{number}')")).await;
    assert_eq!(kept["AdditionalDeviceData"], "IQ-0001");
    let second = again.change("POST", &path, &[], &order()).await;
    assert_ne!(second.json()["d"]["MaintenanceOrder"], number);
    again.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_orders_the_way_the_original_does() {
    let rig = rig(config()).await;
    let path = format!("{ORDERS}/MaintenanceOrder");
    for (name, value) in [
        ("MaintenanceOrderType", json!("ZZ99")),
        ("MaintenanceOrderType", Value::Null),
        ("MaintenanceOrderDesc", json!("x".repeat(41))),
        ("Equipment", json!("10000004")),
        ("Equipment", json!("000000000010009999")),
        ("SystemStatusText", json!("REL")),
        ("MaintenanceOrder", json!("000000000001")),
        ("Nonsense", json!("1")),
        ("MaintOrdBasicStartDateTime", json!("tomorrow")),
    ] {
        let mut body = order();
        body[name] = value.clone();
        let refused = rig.change("POST", &path, &[], &body).await;
        assert_eq!(refused.status, 400, "{name} {value}: {}", refused.text);
        assert!(refused.json()["error"]["code"].is_string());
    }
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_need_the_present_version_and_actions_move_an_order_on() {
    let rig = rig(config()).await;
    let made = rig
        .change("POST", &format!("{ORDERS}/MaintenanceOrder"), &[], &order())
        .await;
    let number = made.json()["d"]["MaintenanceOrder"]
        .as_str()
        .unwrap()
        .to_owned();
    let one = format!("{ORDERS}/MaintenanceOrder('{number}')");
    let version = rig.get(&one).await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let title = json!({ "MaintenanceOrderDesc": "Renew bearing" });
    assert_eq!(rig.change("PATCH", &one, &[], &title).await.status, 428);
    let fits = [("If-Match", version.as_str())];
    assert_eq!(rig.change("PATCH", &one, &fits, &title).await.status, 204);
    assert_eq!(rig.change("PATCH", &one, &fits, &title).await.status, 412);
    let merge = [("If-Match", "*"), ("X-HTTP-Method", "MERGE")];
    assert_eq!(rig.change("POST", &one, &merge, &title).await.status, 204);
    let phase = json!({ "MaintOrdProcessPhaseCode": "60" });
    assert_eq!(
        rig.change("PATCH", &one, &[("If-Match", "*")], &phase)
            .await
            .status,
        400
    );
    rig.plant
        .disturb(WebService::Sap, Disturbance::Changed, 1, None);
    let version = rig.get(&one).await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let fits = [("If-Match", version.as_str())];
    assert_eq!(rig.change("PATCH", &one, &fits, &title).await.status, 412);
    for (action, status) in [
        ("SetMaintOrdToTechCompleted", 400),
        ("ReleaseMaintenanceOrder", 200),
        ("SetMaintOrdToTechCompleted", 200),
        ("SetMaintOrderStatusToClosed", 200),
        ("ReleaseMaintenanceOrder", 400),
    ] {
        let url = format!("{ORDERS}/{action}?MaintenanceOrder='{number}'");
        let answer = rig.change("POST", &url, &[], &json!({})).await;
        assert_eq!(answer.status, status, "{action}: {}", answer.text);
    }
    assert_eq!(rig.ok(&one).await["SystemStatusText"], "CLSD CNF TECO");
    assert_eq!(
        rig.change("DELETE", &one, &[], &json!({})).await.status,
        405
    );
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_leads_to_an_order() {
    let rig = rig(config()).await;
    let body = json!({
        "NotificationType": "M2", "NotificationText": "Bearing runs hot",
        "TechnicalObject": equipment_number("P-102A").unwrap(),
        "TechObjIsEquipOrFuncnlLoc": "EAMS_EQUI", "MaintenanceObjectIsDown": true,
        "MalfunctionStartDate": "2026-11-19T00:00:00", "MalfunctionStartTime": "PT03H12M00S",
    });
    let made = rig
        .change(
            "POST",
            &format!("{NOTES}/MaintenanceNotification"),
            &[],
            &body,
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let note = made.json()["d"].clone();
    assert_eq!(note["MalfunctionStartTime"], "PT03H12M00S");
    assert_eq!(note["MalfunctionStartDate"], "/Date(1795046400000)/");
    let number = note["MaintenanceNotification"].as_str().unwrap().to_owned();
    let mut with = order();
    with["MaintenanceNotification"] = json!(number);
    with["to_MaintenanceOrderLongText"] = json!([{ "TextObjectType": "KOPF", "Language": "EN", "MaintenanceOrderLongText": "Oiler was shut." }]);
    let made = rig
        .change("POST", &format!("{ORDERS}/MaintenanceOrder"), &[], &with)
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let order = made.json()["d"]["MaintenanceOrder"].clone();
    let after = rig
        .ok(&format!("{NOTES}/MaintenanceNotification('{number}')"))
        .await;
    assert_eq!(
        (&after["MaintenanceOrder"], &after["NotifProcessingPhase"]),
        (&order, &json!("3"))
    );
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loses_replies_ends_sessions_and_breaks_on_order() {
    let rig = rig(config()).await;
    let path = format!("{ORDERS}/MaintenanceOrder");
    let count = async || -> usize {
        let url = format!("{path}/$count?$filter=AdditionalDeviceData eq 'IQ-0001'");
        rig.get(&url).await.text.parse().unwrap()
    };
    let (token, cookies) = rig.session().await;
    let headers = [
        ("X-CSRF-Token", token.as_str()),
        ("Cookie", cookies.as_str()),
    ];
    let body = order().to_string();
    rig.plant.disturb(
        WebService::Sap,
        Disturbance::LostReply,
        1,
        Some("MaintenanceOrder"),
    );
    let lost = rig.try_send("POST", &path, &headers, &body).await;
    assert!(lost.is_err(), "the reply is lost");
    assert_eq!(count().await, 1, "but the order was made");
    rig.plant
        .disturb(WebService::Sap, Disturbance::StaleToken, 1, None);
    let stale = rig.try_send("POST", &path, &headers, &body).await.unwrap();
    assert_eq!((stale.status, count().await), (403, 1));
    let made = rig.change("POST", &path, &[], &order()).await;
    assert_eq!((made.status, count().await), (201, 2));
    rig.plant
        .disturb(WebService::Sap, Disturbance::InternalError, 1, None);
    let broken = rig.get(&path).await;
    assert_eq!(broken.status, 500);
    assert_eq!(broken.json()["error"]["code"], "SY/530");
    rig.plant
        .disturb(WebService::Sap, Disturbance::ForeignNext, 1, None);
    let next = rig.ok(&path).await["__next"].to_string();
    assert!(next.contains("elsewhere.example"));
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hands_out_oauth_tokens_that_end() {
    let mut short = config();
    short.token_seconds = 1;
    let rig = rig(short).await;
    let url = rig.plant.sap().unwrap().token_url.clone();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let wrong = basic("client", "guess");
    let answer = send(
        &rig.agent,
        "POST",
        &url,
        &[("Authorization", &wrong), form],
        "grant_type=client_credentials",
    )
    .await;
    assert_eq!(answer.unwrap().status, 401);
    let right = basic("client", "secret");
    let answer = send(
        &rig.agent,
        "POST",
        &url,
        &[("Authorization", &right), form],
        "grant_type=client_credentials",
    )
    .await;
    let answer = answer.unwrap().json();
    assert_eq!(answer["expires_in"], 1);
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let list = rig.url(&format!("{ORDERS}/MaintenanceOrder?$top=1&$format=json"));
    let get = async || {
        let answer = send(&rig.agent, "GET", &list, &[("Authorization", &bearer)], "").await;
        answer.unwrap().status
    };
    assert_eq!(get().await, 200);
    let ended = async {
        while get().await != 401 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let limit = std::time::Duration::from_secs(10);
    tokio::time::timeout(limit, ended)
        .await
        .expect("the token ends");
    rig.plant.stop().await;
}
