//! Canaries: secrets entered through every secret field of every connector kind, and a look for them
//! everywhere they must not be: the log at its finest level, all answers and errors, diagnostics, the
//! support bundle, the files of the store, exports.
//!
//! The sources are a server that answers every request with what it was sent, so that a connector that
//! repeats a source's words would repeat the secret.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use iq_connector::{Connector, is_secret, properties};
use iq_connector_eam::EamConnector;
use iq_connector_file::{FileConnector, NoUploads};
use iq_connector_opcua::OpcUaConnector;
use iq_connector_pi::PiConnector;
use iq_connector_sql::SqlConnector;
use iq_mapping::MappingDraft;
use iq_runtime::NewMapping;
use serde_json::{Value, json};
use support::{Client, NOW, Plant, TestApp};

/// Integrations per secret field; together they carry more than 32 canaries.
const ROUNDS: usize = 4;

const USER: &str = "reader";

/// The kind that takes no secret: the test says so when it gets a field for one.
const WITHOUT_SECRETS: [&str; 1] = ["file"];

/// What the appliance is built with beyond the kind for files, which every test appliance has.
fn connectors() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(OpcUaConnector::new()),
        Arc::new(PiConnector::new()),
        Arc::new(EamConnector::sap_pm()),
        Arc::new(EamConnector::oracle_eam()),
        Arc::new(SqlConnector::new()),
    ]
}

/// Answers whatever comes with 401 and everything it was sent, credentials included.
fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                drop(stream.set_read_timeout(Some(Duration::from_millis(500))));
                let mut sent = vec![0; 65_536];
                let n = stream.read(&mut sent).unwrap_or(0);
                let body = json!({ "Errors": [String::from_utf8_lossy(&sent[..n])] }).to_string();
                let head = format!(
                    "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                // A caller that hung up is no failure of this test.
                drop(stream.write_all(head.as_bytes()));
                drop(stream.write_all(body.as_bytes()));
            });
        }
    });
    address
}

/// A configuration under which the field is asked for.
fn config_for(kind: &str, field: &str, to: SocketAddr) -> Value {
    let http = format!("http://{to}");
    let sign_in = match field {
        "token" => "Token",
        "client_secret" => "OAuth2",
        _ => "Basic",
    };
    let mut config = match kind {
        "opcua" => json!({
            "endpoint_url": format!("opc.tcp://{to}"),
            "security_mode": "SignAndEncrypt", "security_policy": "Basic256Sha256",
            "auth_type": if field == "private_key" { "Certificate" } else { "UsernamePassword" },
        }),
        "pi" => json!({
            "pi_webapi_url": format!("{http}/piwebapi"), "auth_type": sign_in,
            "allow_plain_http": "Yes", "plain_http_reason": "a test",
        }),
        "sql" => json!({
            "db_type": "postgres", "host": to.ip().to_string(), "port": to.port(),
            "database_name": "plant", "ssl_mode": "disable", "data_mode": "raw_table",
            "table_name": "history", "timestamp_column": "t", "tag_column": "tag",
            "value_column": "v",
        }),
        _ => json!({
            "base_url": http, "auth_type": sign_in, "allow_plain_http": true,
            "plain_http_reason": "a test",
        }),
    };
    match field {
        "password" => config["username"] = json!(USER),
        "client_secret" => {
            config["client_id"] = json!("client");
            config["token_url"] = json!(format!("{http}/token"));
        }
        _ => {}
    }
    config
}

/// The forms in which a secret would be found: as it is, and as HTTP carries it.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let basic = STANDARD.encode(format!("{USER}:{canary}"));
    // The end of the encoding depends on what follows; its middle does not.
    let middle = &basic[12..basic.len() - 4];
    vec![
        canary.as_bytes().to_vec(),
        STANDARD.encode(canary).into_bytes(),
        middle.as_bytes().to_vec(),
        canary
            .bytes()
            .flat_map(|b| format!("{b:02x}").into_bytes())
            .collect(),
    ]
}

/// What was looked through, and what was found.
#[derive(Default)]
struct Search {
    canaries: Vec<String>,
    places: BTreeSet<String>,
    hits: Vec<String>,
}

impl Search {
    fn look(&mut self, place: &str, bytes: &[u8]) {
        self.places.insert(place.to_owned());
        for canary in &self.canaries {
            for form in forms(canary) {
                if bytes.windows(form.len()).any(|w| w == form) {
                    self.hits.push(format!("{canary} in {place}"));
                }
            }
        }
    }
}

/// The log of this process at its finest level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        iq_api::LogTee(std::io::sink()).write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_entered_in_any_field_is_found_anywhere() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let (app, plant, _) = TestApp::with_plants_and(connectors()).await;
    let owner = app.signed_in(&plant.user("owner")).await;
    let mut search = Search::default();
    let entered = enter_everything(&owner, &mut search).await;
    assert!(search.canaries.len() >= 32, "{}", search.canaries.len());
    for (kind, stored) in &entered {
        assert!(
            *stored >= ROUNDS,
            "only {stored} secrets of {kind} were stored"
        );
    }
    enter_where_no_secret_belongs(&owner, &mut search).await;
    ask_everything(&owner, &mut search).await;
    look_into_the_exports(&app, &plant, &owner, &mut search).await;
    look_into_the_bundle(&owner, &mut search).await;
    let folder = app.stopped().await;
    for entry in std::fs::read_dir(folder.path())
        .unwrap()
        .map(Result::unwrap)
    {
        // The key seals them; what it seals is what is looked for.
        if entry.path().is_file() && entry.file_name() != "master.key" {
            let bytes = std::fs::read(entry.path()).unwrap();
            search.look(&format!("file {}", entry.file_name().display()), &bytes);
        }
    }
    let lines = log.0.lock().unwrap().clone();
    assert!(lines.len() > 10_000, "the log is at its finest level");
    search.look("log", &lines);
    assert!(search.places.len() > 20, "{:?}", search.places);
    assert!(search.hits.is_empty(), "{:#?}", search.hits);
}

/// Enters a canary in every secret field of every kind, several times: saved, tested, tried unsaved,
/// changed, and in places where it does not belong. Answers how many of each kind were stored.
async fn enter_everything(owner: &Client, search: &mut Search) -> BTreeMap<&'static str, usize> {
    let address = echo_server();
    let mut stored = BTreeMap::new();
    for connector in connectors() {
        let spec = connector.spec();
        let fields: Vec<String> = properties(&spec.schema)
            .filter(|(_, p)| is_secret(p))
            .map(|(name, _)| name.to_owned())
            .collect();
        assert!(!fields.is_empty(), "{} has no secret field", spec.kind);
        for field in fields {
            for round in 0..ROUNDS {
                let canary = format!("Cnry-{}-{field}-{round}-x7Qz", spec.kind);
                search.canaries.push(canary.clone());
                let mut config = config_for(spec.kind, &field, address);
                config[&field] = json!(canary);
                let name = format!("{} {field} {round}", spec.kind);
                let body = json!({
                    "kind": spec.kind, "name": name, "config": config, "is_enabled": round == 0,
                });
                let made = owner.post("/api/integrations/", body.clone()).await;
                search.look("create", &made.bytes);
                let id = made.json()["id"].as_str().map(str::to_owned);
                if made.status == 201 && made.json()["config"][&field] == "***" {
                    *stored.entry(spec.kind).or_default() += 1;
                }
                if round == 1 {
                    try_unsaved(owner, search, spec.kind, &field, &body).await;
                }
                let Some(id) = id else { continue };
                if round == 2 {
                    let path = format!("/api/integrations/{id}");
                    let changed = owner.put(&path, body).await;
                    search.look("update", &changed.bytes);
                }
                if round < 2 {
                    let path = format!("/api/integrations/{id}/test");
                    search.look("test", &owner.post(&path, json!({})).await.bytes);
                }
            }
        }
    }
    stored
}

/// The kinds that have no secret field: a secret entered there is refused, and repeated nowhere.
async fn enter_where_no_secret_belongs(owner: &Client, search: &mut Search) {
    let file = FileConnector::new("inbox".into(), Arc::new(NoUploads));
    let mut kinds = BTreeSet::new();
    for connector in connectors().iter().map(|c| c.spec()).chain([file.spec()]) {
        if !properties(&connector.schema).any(|(_, p)| is_secret(p)) {
            kinds.insert(connector.kind);
        }
    }
    assert_eq!(kinds, BTreeSet::from(WITHOUT_SECRETS));
    for kind in kinds {
        let canary = format!("Cnry-{kind}-none-0-x7Qz");
        search.canaries.push(canary.clone());
        for config in [
            json!({ "password": canary }),
            json!({ "poll_interval_s": canary }),
            json!({ "time_zone": { "password": canary } }),
        ] {
            let body = json!({ "kind": kind, "name": "wrong", "config": config });
            let refused = owner.post("/api/integrations/", body.clone()).await;
            assert!(refused.status >= 400, "{}", refused.text());
            search.look("refused file", &refused.bytes);
            let tried = owner.post("/api/integrations/test", body).await;
            search.look("draft test of a file", &tried.bytes);
        }
    }
}

/// A secret in trials, in the wrong field, and in bodies that can't be read.
async fn try_unsaved(owner: &Client, search: &mut Search, kind: &str, field: &str, body: &Value) {
    let tried = owner.post("/api/integrations/test", body.clone()).await;
    search.look("draft test", &tried.bytes);
    let rows = owner
        .post("/api/integrations/sample-rows", body.clone())
        .await;
    search.look("draft rows", &rows.bytes);
    let asked = json!({ "kind": kind, "config": body["config"], "field": "table_name" });
    search.look(
        "choices",
        &owner.post("/api/integrations/choices", asked).await.bytes,
    );
    let secret = body["config"][field].clone();
    for wrong in [
        json!({ "kind": kind, "name": "wrong", "config": { "no_such_field": secret } }),
        json!({ "kind": kind, "name": "wrong", "config": { field: [secret] } }),
        json!({ "kind": kind, "name": "wrong", "config": { field: { "a": secret } } }),
        json!({ "kind": kind, "name": "wrong", "config": {}, "no_such_member": secret }),
        json!({ "kind": kind, "name": "wrong", "config": { field: 7, "b": secret } }),
    ] {
        let refused = owner.post("/api/integrations/", wrong).await;
        assert!(refused.status >= 400, "{}", refused.text());
        search.look("refused", &refused.bytes);
    }
    let torn = format!("{{\"kind\":\"{kind}\",\"config\":{{\"{field}\":{secret}");
    let refused = owner
        .send(Method::POST, "/api/integrations/", "application/json", torn)
        .await;
    search.look("torn body", &refused.bytes);
}

/// Every answer that is about integrations, and every list and export a tenant has.
async fn ask_everything(owner: &Client, search: &mut Search) {
    let all = owner.get("/api/integrations/").await.expect_status(200);
    search.look("list", &all.bytes);
    let ids: Vec<(String, String)> = all
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|i| (text(&i["id"]), text(&i["kind"])))
        .collect();
    let mut seen = BTreeSet::new();
    for (id, kind) in &ids {
        for path in ["", "/log", "/certificates", "/deletion"] {
            let reply = owner.get(&format!("/api/integrations/{id}{path}")).await;
            search.look(&format!("integration{path}"), &reply.bytes);
        }
        // The slow ones once per kind.
        if !seen.insert(kind.clone()) {
            continue;
        }
        let browse = owner.get(&format!("/api/integrations/{id}/browse")).await;
        search.look("browse", &browse.bytes);
        for (path, body) in [
            ("doctor", json!({})),
            ("preview", json!({ "tags": ["T"] })),
            ("sample-rows", json!({})),
            ("duplicate", json!({})),
            ("enable", json!({})),
            ("disable", json!({})),
        ] {
            let reply = owner
                .post(&format!("/api/integrations/{id}/{path}"), body)
                .await;
            search.look(path, &reply.bytes);
        }
    }
    search.look("run", &owner.post("/api/jobs", json!({})).await.bytes);
    for path in [
        "/api/integrations/types",
        "/api/integrations/defaults",
        "/api/integrations/own-certificate",
        "/api/integrations/mappings",
        "/api/integrations/onboarding/progress",
        "/api/audit?limit=500",
        "/api/jobs",
        "/api/overview",
        "/api/twin",
        "/api/blackbox/events?limit=500",
        "/api/alerts",
        "/api/diagnostics",
        "/internal/config/status",
    ] {
        let reply = owner.get(path).await.expect_status(200);
        search.look(path, &reply.bytes);
    }
}

/// Every file a person can take away, with a mapping of one integration of each kind in them.
async fn look_into_the_exports(app: &TestApp, plant: &Plant, owner: &Client, search: &mut Search) {
    let all = owner.get("/api/integrations/").await.json();
    let mut by_kind = BTreeMap::new();
    for integration in all.as_array().unwrap() {
        by_kind.insert(text(&integration["kind"]), text(&integration["id"]));
    }
    let metrics = [
        ("flow", "m3/h"),
        ("process_temperature", "degC"),
        ("density", "kg/m3"),
        ("motor_current", "A"),
        ("seal_pot_pressure", "bar"),
    ];
    let kinds: Vec<&'static str> = connectors().iter().map(|c| c.spec().kind).collect();
    for (kind, (metric_name, unit)) in kinds.iter().zip(metrics) {
        let draft = MappingDraft {
            integration_id: by_kind[*kind].parse().unwrap(),
            external_tag: format!("TAG-{kind}"),
            asset_id: plant.asset,
            metric_name: metric_name.to_owned(),
            unit: unit.to_owned(),
            scaling_factor: 1.0,
            offset_value: 0.0,
            metadata_json: "{}".to_owned(),
            is_active: true,
        };
        let new = vec![NewMapping {
            draft,
            limits: None,
        }];
        let made = app.runtime.create_mappings(plant.tenant, new).await;
        made.unwrap();
    }
    let path = "/api/integrations/mappings/export?format=";
    let csv = owner.get(&format!("{path}csv")).await.expect_status(200);
    for kind in kinds {
        assert!(csv.text().contains(&format!("TAG-{kind}")), "{kind}");
    }
    search.look("mappings.csv", &csv.bytes);
    let sheet = owner.get(&format!("{path}xlsx")).await.expect_status(200);
    let parts = look_into_the_archive("mappings.xlsx", sheet.bytes, search);
    assert!(parts.iter().any(|p| p.contains("sheet1")), "{parts:?}");
    let path = format!(
        "/api/signals/{}/series.csv?from={}",
        plant.signal,
        NOW.plus_ms(-3_600_000).millis()
    );
    search.look(
        "series.csv",
        &owner.get(&path).await.expect_status(200).bytes,
    );
    for what in ["", "/timeline"] {
        let path = format!("/api/blackbox/incidents/{}{what}", plant.incident);
        let reply = owner.get(&path).await.expect_status(200);
        search.look(&format!("incident{what}"), &reply.bytes);
    }
    look_into_the_black_box(owner, search).await;
    look_into_rejected_rows(plant, owner, search).await;
}

/// The events and incidents as each kind of file; what was entered, tested and refused is among them.
async fn look_into_the_black_box(owner: &Client, search: &mut Search) {
    for what in ["events", "incidents"] {
        let path = format!("/api/blackbox/{what}/export?format=");
        let csv = owner.get(&format!("{path}csv")).await.expect_status(200);
        assert!(csv.text().lines().count() > 1, "{what}: {}", csv.text());
        search.look(&format!("{what}.csv"), &csv.bytes);
        let json = owner.get(&format!("{path}json")).await.expect_status(200);
        search.look(&format!("{what}.json"), &json.bytes);
        let sheet = owner.get(&format!("{path}xlsx")).await.expect_status(200);
        look_into_the_archive(&format!("{what}.xlsx"), sheet.bytes, search);
    }
}

/// A file with a row that can't be read, and the file its rejected rows come in.
async fn look_into_rejected_rows(plant: &Plant, owner: &Client, search: &mut Search) {
    let path = format!("/api/imports?integration_id={}&name=a.csv", plant.files);
    let rows = format!("Time,Tag,Value\n{NOW},FT-1,12-75\n{NOW},FT-2,1.5\n");
    let sent = owner.send(Method::POST, &path, "application/octet-stream", rows);
    let made = sent.await.expect_status(201).json();
    let path = format!("/api/imports/{}", text(&made["id"]));
    let waiting = async {
        while owner.get(&path).await.json()["state"] == "scanning" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    assert!(in_time.is_ok(), "the file is still being looked through");
    search.look("import", &owner.get(&path).await.bytes);
    let rejected = owner.get(&format!("{path}/rejected.csv")).await;
    let rejected = rejected.expect_status(200);
    assert!(rejected.text().contains("12-75"), "{}", rejected.text());
    search.look("rejected.csv", &rejected.bytes);
}

/// Every part of an archive; answers their names.
fn look_into_the_archive(what: &str, bytes: Vec<u8>, search: &mut Search) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut names = Vec::new();
    for n in 0..archive.len() {
        let mut file = archive.by_index(n).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        names.push(file.name().to_owned());
        search.look(&format!("{what} {}", file.name()), &bytes);
    }
    names
}

async fn look_into_the_bundle(owner: &Client, search: &mut Search) {
    let bundle = owner
        .get("/api/diagnostics/bundle")
        .await
        .expect_status(200);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bundle.bytes)).unwrap();
    let mut names = Vec::new();
    for n in 0..archive.len() {
        let mut file = archive.by_index(n).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        names.push(file.name().to_owned());
        if file.name() == "log.txt" {
            assert!(bytes.len() > 1_000, "the bundle holds the log");
        }
        search.look(&format!("bundle {}", file.name()), &bytes);
    }
    for wanted in [
        "about.json",
        "config.json",
        "actions.json",
        "jobs.json",
        "log.txt",
    ] {
        assert!(names.iter().any(|n| n == wanted), "{wanted} in {names:?}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
