//! The PI-compatible endpoint as a stranger's HTTP client sees it: what such clients get wrong is
//! checked here on the wire.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

mod support;

use std::time::Duration;

use iq_domain::{Clock, WallClock};
use iq_plant::{
    Disturbance, PlantConfig, PlantHandle, PlantServer, WebConfig, WebService,
    pi::{PiConfig, point_name},
};
use serde_json::{Value, json};
use support::{Answer, agent, basic, send};
use tempfile::TempDir;

const USER: &str = "reader";
const PASSWORD: &str = "right horse";

struct Rig {
    plant: PlantHandle,
    base: String,
    agent: ureq::Agent,
    _dir: TempDir,
}

async fn rig(pi: PiConfig, start_ago: Duration) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let mut config = PlantConfig::new(dir.path()).on_free_ports();
    config.pi = Some(pi);
    config.start_ago = start_ago;
    config.catch_up = 2_000.0;
    let plant = PlantServer::start(config).await.unwrap();
    let link = plant.pi().unwrap().clone();
    let agent = agent(link.web.ca_pem.as_deref());
    Rig {
        base: link.base_url,
        plant,
        agent,
        _dir: dir,
    }
}

fn config() -> PiConfig {
    PiConfig {
        user: USER.to_owned(),
        password: Some(PASSWORD.to_owned()),
        bearer: Some("a-long-token".to_owned()),
        ..PiConfig::default()
    }
}

impl Rig {
    async fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        send(&self.agent, method, url, headers, body)
            .await
            .unwrap_or_else(|e| panic!("{method} {url}: {e}"))
    }

    async fn get(&self, path: &str) -> Answer {
        let auth = basic(USER, PASSWORD);
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        self.send("GET", &url, &[("Authorization", &auth)], "")
            .await
    }

    async fn ok(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    async fn web_id(&self, asset: &str, metric: &str) -> String {
        let name = point_name(asset, metric).unwrap();
        let path = format!("/points?path=%5C%5CWAHA-PI%5C{name}");
        self.ok(&path).await["WebId"].as_str().unwrap().to_owned()
    }

    /// Waits until plant time has met the clock.
    async fn caught_up(&self) {
        let wait = async {
            while WallClock.now().since_ms(self.plant.plant_time()) > 3_000 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .expect("the plant meets the clock");
    }
}

fn items(value: &Value) -> &Vec<Value> {
    value["Items"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn challenges_strangers_and_admits_every_documented_form_of_a_caller() {
    let mut wanted = config();
    wanted.challenges = vec!["Negotiate".to_owned()];
    let rig = rig(wanted, Duration::ZERO).await;
    assert!(rig.base.starts_with("https://"));
    let home = format!("{}/", rig.base);
    let stranger = rig.send("GET", &home, &[], "").await;
    assert_eq!(stranger.status, 401);
    let offered: Vec<_> = stranger
        .headers
        .get_all("www-authenticate")
        .iter()
        .collect();
    assert_eq!(offered, ["Negotiate", "Basic realm=\"WAHA-PI\"", "Bearer"]);
    for (auth, status) in [
        (basic(USER, PASSWORD), 200),
        (basic(&format!(r"WAHA\{USER}"), PASSWORD), 200),
        (basic(&format!("{USER}@waha.example"), PASSWORD), 200),
        (basic(USER, "wrong"), 401),
        ("Bearer a-long-token".to_owned(), 200),
        ("Bearer another".to_owned(), 401),
    ] {
        let answer = rig
            .send("GET", &home, &[("Authorization", &auth)], "")
            .await;
        assert_eq!(answer.status, status, "{auth}");
    }
    assert!(rig.ok("/").await["Links"]["DataServers"].is_string());
    assert_eq!(rig.ok("/system/userinfo").await["IsAuthenticated"], true);
    assert_eq!(rig.get("/system/status").await.status, 403);
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_through_all_points_by_the_links_and_by_start_index() {
    let rig = rig(config(), Duration::ZERO).await;
    let servers = rig.ok("/dataservers").await;
    let id = items(&servers)[0]["WebId"].as_str().unwrap().to_owned();
    let mut next = Some(format!("/dataservers/{id}/points?maxCount=100"));
    let mut names = Vec::new();
    while let Some(url) = next {
        let page = rig.ok(&url).await;
        names.extend(items(&page).iter().map(|p| p["Name"].to_string()));
        next = page["Links"]["Next"].as_str().map(str::to_owned);
    }
    assert_eq!(names.len(), 428);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 428);
    let last = rig
        .ok(&format!(
            "/dataservers/{id}/points?startIndex=400&maxCount=100"
        ))
        .await;
    assert_eq!(items(&last).len(), 28);
    assert!(last["Links"]["Next"].is_null() && last["Links"]["Previous"].is_string());
    let beyond = rig
        .get(&format!("/dataservers/{id}/points?maxCount=1001"))
        .await;
    assert_eq!(beyond.status, 400);
    let found = rig
        .ok(&format!(
            "/points/search?dataServerWebId={id}&query=Tag:=ras:100VT102*%20AND%20PointType:=Float32"
        ))
        .await;
    assert_eq!(items(&found).len(), 8);
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn walks_the_asset_tree_down_to_a_value() {
    let rig = rig(config(), Duration::ZERO).await;
    let servers = rig.ok("/assetservers").await;
    let id = items(&servers)[0]["WebId"].as_str().unwrap();
    let databases = rig.ok(&format!("/assetservers/{id}/assetdatabases")).await;
    let id = items(&databases)[0]["WebId"].as_str().unwrap();
    let sites = rig.ok(&format!("/assetdatabases/{id}/elements")).await;
    assert_eq!(items(&sites).len(), 2);
    let all = rig
        .ok(&format!(
            "/assetdatabases/{id}/elements?searchFullHierarchy=true&nameFilter=K-2*"
        ))
        .await;
    assert_eq!(items(&all).len(), 2);
    let id = items(&all)[0]["WebId"].as_str().unwrap();
    let attributes = rig.ok(&format!("/elements/{id}/attributes")).await;
    let pressure = items(&attributes)
        .iter()
        .find(|a| a["Name"] == "Discharge Pressure")
        .unwrap();
    assert_eq!(pressure["DefaultUnitsName"], "bar");
    let id = pressure["WebId"].as_str().unwrap();
    let value = rig.ok(&format!("/streams/{id}/value")).await;
    let number = value["Value"].as_f64().unwrap();
    assert!((20.0..50.0).contains(&number), "{value}");
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn has_the_played_past_and_pages_through_it_by_time() {
    let rig = rig(config(), Duration::from_secs(2 * 3_600)).await;
    rig.caught_up().await;
    let id = rig.web_id("P-102A", "discharge_pressure").await;
    let whole = rig
        .ok(&format!(
            "/streams/{id}/recorded?startTime=*-3h&maxCount=150000"
        ))
        .await;
    let whole: Vec<&str> = items(&whole)
        .iter()
        .map(|i| i["Timestamp"].as_str().unwrap())
        .collect();
    assert!(whole.len() > 20, "{}", whole.len());
    let first = &rig
        .ok(&format!("/streams/{id}/recorded?startTime=*-3h"))
        .await["Items"][0];
    assert_eq!(first["Value"]["Name"], "Pt Created");
    assert_eq!(
        (&first["Value"]["IsSystem"], &first["Good"]),
        (&json!(true), &json!(false))
    );
    // Without a next link: by the last time, the edge comes twice.
    let mut seen: Vec<String> = Vec::new();
    let mut from = "*-3h".to_owned();
    let end = whole[whole.len() - 1];
    loop {
        let page = rig
            .ok(&format!(
                "/streams/{id}/recorded?startTime={from}&endTime={end}&maxCount=6"
            ))
            .await;
        let times = items(&page)
            .iter()
            .map(|i| i["Timestamp"].as_str().unwrap());
        let fresh: Vec<String> = times.filter(|t| *t != from).map(str::to_owned).collect();
        if fresh.is_empty() {
            break;
        }
        from.clone_from(&fresh[fresh.len() - 1]);
        seen.extend(fresh);
    }
    // Whatever was only the snapshot in the first answer may have been thinned away since.
    assert!(
        seen.len() + 2 > whole.len(),
        "{} {}",
        seen.len(),
        whole.len()
    );
    assert_eq!(seen[..whole.len() - 2], whole[..whole.len() - 2]);
    let digits = whole[10].rsplit('.').next().unwrap();
    assert!(digits.len() > 5, "below the millisecond: {}", whole[10]);
    let back = rig
        .ok(&format!(
            "/streams/{id}/recorded?startTime={end}&endTime=*-3h&maxCount=3"
        ))
        .await;
    let times: Vec<&str> = items(&back)
        .iter()
        .map(|i| i["Timestamp"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interpolates_plots_and_answers_an_empty_range_with_an_empty_list() {
    let rig = rig(config(), Duration::from_secs(3_600)).await;
    rig.caught_up().await;
    let id = rig.web_id("K-202", "lube_oil_pressure").await;
    let empty = rig
        .ok(&format!(
            "/streams/{id}/recorded?startTime=*-9d&endTime=*-8d"
        ))
        .await;
    assert!(items(&empty).is_empty());
    let outside = rig
        .ok(&format!(
            "/streams/{id}/recorded?startTime=*-20m&endTime=*-19m&boundaryType=Outside"
        ))
        .await;
    assert!(items(&outside).len() >= 2);
    let line = rig
        .ok(&format!(
            "/streams/{id}/interpolated?startTime=*-50m&endTime=*-10m&interval=10m"
        ))
        .await;
    assert_eq!(items(&line).len(), 5);
    assert!(items(&line).iter().all(|i| i["Good"] == true));
    let plot = rig
        .ok(&format!(
            "/streams/{id}/plot?startTime=*-50m&endTime=*-10m&intervals=10"
        ))
        .await;
    // At most five values stand for an interval; one in which nothing was archived has none.
    assert!((1..=50).contains(&items(&plot).len()), "{plot}");
    let refused = rig
        .get(&format!("/streams/{id}/recorded?maxCount=150001"))
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["Errors"][0],
        "Parameter (maxCount) is greater than the maximum allowed (150000)."
    );
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_states_as_objects_and_text_as_text() {
    let rig = rig(config(), Duration::ZERO).await;
    let run = rig.web_id("P-102A", "run_status").await;
    let temperature = rig.web_id("P-102A", "bearing_temperature_de").await;
    let set = rig
        .ok(&format!(
            "/streamsets/value?webId={run}&webId={temperature}&selectedFields=Items.Name;Items.Value.Value;Items.Value.Good"
        ))
        .await;
    assert_eq!(
        items(&set)[0]["Value"]["Value"],
        json!({ "Name": "Running", "Value": 1, "IsSystem": false })
    );
    assert!(items(&set)[1]["Value"]["Value"].is_number());
    assert!(items(&set)[1]["Value"]["Timestamp"].is_null());
    let unknown = rig.get("/streamsets/value?webId=F1DPnothing").await;
    assert_eq!(unknown.status, 404);
    let malformed = rig.get("/streamsets/value?webId=P-102A").await;
    assert_eq!(malformed.status, 400);
    let first_out = rig
        .ok("/points?path=%5C%5CWAHA-PI%5CRAS:P102A.FIRSTOUT")
        .await;
    let id = first_out["WebId"].as_str().unwrap();
    assert_eq!(rig.ok(&format!("/streams/{id}/value")).await["Value"], "");
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_needs_the_header_and_feeds_children_from_their_parents() {
    let rig = rig(config(), Duration::ZERO).await;
    let body = json!({
        "servers": { "Method": "GET", "Resource": format!("{}/dataservers", rig.base) },
        "points": {
            "Method": "GET", "ParentIds": ["servers"],
            "Parameters": ["$.servers.Content.Items[0].WebId"],
            "Resource": format!("{}/dataservers/{{0}}/points?nameFilter=RAS:100VT*&maxCount=3", rig.base),
        },
        "values": {
            "Method": "GET", "ParentIds": ["points"],
            "Parameters": ["$.points.Content.Items[*].WebId"],
            "RequestTemplate": { "Resource": format!("{}/streams/{{0}}/value", rig.base) },
        },
        "lost": { "Method": "GET", "Resource": format!("{}/points/F1DPnone", rig.base) },
        "orphan": { "Method": "GET", "ParentIds": ["lost"], "Resource": format!("{}/system", rig.base) },
    })
    .to_string();
    let url = format!("{}/batch", rig.base);
    let auth = basic(USER, PASSWORD);
    let mut headers = vec![
        ("Authorization", auth.as_str()),
        ("Content-Type", "application/json"),
    ];
    let forged = rig.send("POST", &url, &headers, &body).await;
    assert_eq!(forged.status, 400);
    assert!(forged.text.contains("X-Requested-With"));
    headers.push(("X-Requested-With", "XMLHttpRequest"));
    let answer = rig.send("POST", &url, &headers, &body).await;
    assert_eq!(answer.status, 207, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["values"]["Content"]["Total"], 3);
    assert!(answer["values"]["Content"]["Items"][2]["Content"]["Value"].is_number());
    assert_eq!(answer["lost"]["Status"], 404);
    assert_eq!(answer["orphan"]["Status"], 400);
    let large = "x".repeat(4 * 1024 * 1024 + 1);
    assert_eq!(rig.send("POST", &url, &headers, &large).await.status, 413);
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_the_rate_of_a_caller() {
    let mut wanted = config();
    wanted.requests_per_second = 5;
    wanted.web.tls = false;
    let rig = rig(wanted, Duration::ZERO).await;
    let mut refused = 0;
    for _ in 0..12 {
        refused += usize::from(rig.get("/system").await.status == 429);
    }
    assert!(refused >= 2, "{refused}");
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_wrong_on_order() {
    let mut wanted = config();
    wanted.web = WebConfig {
        port: 0,
        tls: false,
    };
    let rig = rig(wanted, Duration::ZERO).await;
    let id = rig.web_id("P-102A", "flow").await;
    let recorded = format!("/streams/{id}/recorded?startTime=*-1h");
    let order = |kind| rig.plant.disturb(WebService::Pi, kind, 1, Some("recorded"));
    order(Disturbance::WebException);
    assert_eq!(rig.ok(&recorded).await["WebException"]["StatusCode"], 502);
    assert!(rig.ok(&recorded).await["WebException"].is_null());
    order(Disturbance::Html);
    let html = rig.get(&recorded).await;
    assert_eq!(
        (html.status, html.text.starts_with("<!DOCTYPE")),
        (502, true)
    );
    order(Disturbance::TooLarge);
    assert_eq!(rig.get(&recorded).await.status, 413);
    order(Disturbance::Unauthorized);
    assert_eq!(rig.get(&recorded).await.status, 401);
    order(Disturbance::Garbage);
    assert!(serde_json::from_str::<Value>(&rig.get(&recorded).await.text).is_err());
    order(Disturbance::Cut);
    assert!(rig.get(&recorded).await.text.starts_with("broken"));
    order(Disturbance::ItemErrors);
    let set = rig.ok(&format!("/streamsets/recorded?webId={id}")).await;
    assert!(items(&set)[0]["Errors"][0]["Message"].is_array());
    rig.plant
        .disturb(WebService::Pi, Disturbance::ForeignNext, 1, Some("points"));
    let servers = rig.ok("/dataservers").await;
    let server = items(&servers)[0]["WebId"].as_str().unwrap();
    let page = rig
        .ok(&format!("/dataservers/{server}/points?maxCount=5"))
        .await;
    assert!(
        page["Links"]["Next"]
            .as_str()
            .unwrap()
            .contains("elsewhere.example")
    );
    rig.plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_sends_initial_values_then_changes_and_heartbeats() {
    use futures::StreamExt as _;
    use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};
    let mut wanted = config();
    wanted.web.tls = false;
    let rig = rig(wanted, Duration::ZERO).await;
    let flow = rig.web_id("P-102A", "flow").await;
    let idle = rig.web_id("P-102A", "run_status").await;
    let address = rig.plant.pi().unwrap().web.address;
    let base = rig.base.replacen("http", "ws", 1);
    let open = |url: String, auth: Option<String>| async move {
        let mut request = url.into_client_request().unwrap();
        if let Some(auth) = auth {
            request
                .headers_mut()
                .insert("Authorization", auth.parse().unwrap());
        }
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await
    };
    let url = format!(
        "{base}/streamsets/channel?webId={flow}&webId={idle}&includeInitialValues=true&heartbeatRate=2"
    );
    assert!(open(url.clone(), None).await.is_err(), "no credentials");
    let (mut socket, _) = open(url, Some(basic(USER, PASSWORD))).await.unwrap();
    let mut next = async || {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
        match message.expect("a message").unwrap().unwrap() {
            Message::Text(text) => serde_json::from_str::<Value>(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let first = next().await;
    assert_eq!(items(&first).len(), 2);
    assert_eq!(items(&first)[0]["WebId"], flow);
    let (mut changed, mut empty) = (false, false);
    while !(changed && empty) {
        let message = next().await;
        empty |= items(&message).is_empty();
        changed |= items(&message)
            .iter()
            .any(|i| i["Name"].as_str().unwrap().contains("FT"));
        if changed && !empty {
            // Only a quiet stream shows the heartbeat: it comes between two changes.
            rig.plant.with_plant(|p| p.set_scan_floor_s(0.0));
            let url = format!("{base}/streams/{idle}/channel?heartbeatRate=2");
            let (mut quiet, _) = open(url, Some(basic(USER, PASSWORD))).await.unwrap();
            let message = tokio::time::timeout(Duration::from_secs(20), quiet.next()).await;
            let Message::Text(text) = message.expect("a heartbeat").unwrap().unwrap() else {
                panic!("no text");
            };
            let message: Value = serde_json::from_str(&text).unwrap();
            empty = items(&message).is_empty();
            assert!(empty);
        }
    }
    rig.plant.stop().await;
}
