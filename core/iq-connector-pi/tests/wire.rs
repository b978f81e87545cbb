//! The connector against a scripted server: what real servers, their administrators and the proxies
//! before them do, one trap at a time.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use iq_connector::{
    Batch, CancellationToken, Connector, ConnectorContext, OwnIdentity, Purpose, StageStatus,
    StreamPhase, StreamState,
    conformance::{MemoryTrust, check_offline, check_report},
    resolve_effective, split_config,
};
use iq_connector_pi::PiConnector;
use iq_domain::{IntegrationId, RawSample, TenantId, Timestamp, Value as Measured, WallClock};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

const TAG: &str = r"\\SRV\TAG";
const LIMIT: Duration = Duration::from_secs(40);

/// A request as the script sees it.
struct Asked {
    method: Method,
    /// Below the base, without slashes around.
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Value,
}

impl Asked {
    fn get(&self, name: &str) -> String {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.clone()).unwrap_or_default()
    }
}

type Script = Arc<dyn Fn(&Asked) -> Option<(u16, Value)> + Send + Sync>;

struct Server {
    url: String,
    log: Arc<Mutex<Vec<String>>>,
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let hex: String = [bytes.next(), bytes.next()]
                .iter()
                .flatten()
                .map(|b| char::from(*b))
                .collect();
            out.push(u8::from_str_radix(&hex, 16).unwrap());
        } else {
            out.push(b);
        }
    }
    String::from_utf8(out).unwrap()
}

/// What a healthy small server answers.
fn healthy(asked: &Asked) -> (u16, Value) {
    let point = |n: usize| {
        let name = if n == 0 {
            "TAG".to_owned()
        } else {
            format!("TAG{n}")
        };
        json!({"WebId": format!("P{n}"), "Name": name, "Path": format!(r"\\SRV\{name}"), "PointType": "Float64"})
    };
    let now = json!({"Timestamp": "2026-01-01T00:00:00.0000000Z", "Value": 1.5, "Good": true});
    let path = asked.path.as_str();
    let body = match path {
        "" => json!({"Links": {"DataServers": "x", "System": "y"}}),
        "system/userinfo" => json!({"Name": "PLANT\\reader", "IsAuthenticated": true}),
        "dataservers" => {
            json!({"Items": [{"WebId": "S1", "Path": r"\\SRV", "Name": "SRV", "IsConnected": true}]})
        }
        "assetservers" => json!({"Items": []}),
        "dataservers/S1/points" => json!({"Items": [point(0)]}),
        "points" => {
            let path = asked.get("path");
            let digits: String = path.chars().skip_while(|c| !c.is_ascii_digit()).collect();
            point(digits.parse().unwrap_or(0))
        }
        "streamsets/value" => {
            let ids = asked.query.iter().filter(|(n, _)| n == "webId");
            let items: Vec<Value> = ids
                .map(|(_, id)| json!({"WebId": id, "Value": now}))
                .collect();
            json!({"Items": items})
        }
        _ if path.ends_with("/value") => now,
        _ if path.ends_with("/recorded") => json!({"Items": []}),
        _ => return (404, json!({"Message": "no route"})),
    };
    (200, body)
}

async fn serve(script: Script) -> Server {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&log);
    let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        let (script, noted) = (Arc::clone(&script), Arc::clone(&noted));
        async move {
            let query = uri.query().unwrap_or_default().split('&');
            let asked = Asked {
                path: uri
                    .path()
                    .trim_start_matches("/piwebapi")
                    .trim_matches('/')
                    .to_owned(),
                query: query
                    .filter_map(|p| p.split_once('='))
                    .map(|(n, v)| (decode(n), decode(v)))
                    .collect(),
                method,
                headers,
                body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            };
            noted
                .lock()
                .unwrap()
                .push(format!("{} {}", asked.method, asked.path));
            let (status, body) = script(&asked).unwrap_or_else(|| healthy(&asked));
            let status = StatusCode::from_u16(status).unwrap();
            let response: Response = match body {
                Value::String(text) => (status, text).into_response(),
                body => (status, axum::Json(body)).into_response(),
            };
            response
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Server {
        url: format!("http://127.0.0.1:{port}/piwebapi"),
        log,
    }
}

fn context(server: &Server, cursors: BTreeMap<String, Value>) -> ConnectorContext {
    let connector = PiConnector::new();
    let written = json!({
        "pi_webapi_url": server.url, "username": "PLANT\\reader", "password": "classified",
        "polling_interval_ms": 1_000,
    });
    let schema = connector.spec().schema;
    let (public, secrets) = split_config(&schema, &written, &BTreeMap::new()).unwrap();
    connector.validate(&public).unwrap();
    let effective = resolve_effective(&schema, &public, &secrets, &|_| None);
    ConnectorContext {
        tenant_id: TenantId::new(),
        integration_id: IntegrationId::new(),
        name: "test".into(),
        config: effective.config,
        secrets: Arc::new(effective.secrets),
        cursors: Arc::new(cursors),
        trust: Arc::new(MemoryTrust::default()),
        identity: Arc::new(OwnIdentity {
            application_uri: "urn:test".into(),
            certificate_der: Vec::new(),
            certificate_path: "none".into(),
            private_key_path: "none".into(),
            scratch_dir: "none".into(),
        }),
        clock: Arc::new(WallClock),
        cancel: CancellationToken::new(),
    }
}

/// Runs a stream until `is_done`; hands back the batches and the last state.
async fn stream(
    server: &Server,
    tags: &[&str],
    cursors: BTreeMap<String, Value>,
    is_done: impl Fn(&StreamState, &[Batch]) -> bool,
) -> (Vec<Batch>, StreamState) {
    let tags: Vec<Arc<str>> = tags.iter().map(|t| Arc::from(*t)).collect();
    let (_keep, tag_set) = watch::channel(Arc::new(tags));
    let (sink, mut receiver) = mpsc::channel(16);
    let running = PiConnector::new().start(context(server, cursors), tag_set, sink);
    let mut state = running.state.clone();
    let mut batches = Vec::new();
    let work = async {
        loop {
            let now = state.borrow_and_update().clone();
            if is_done(&now, &batches) {
                return now;
            }
            tokio::select! {
                Some(batch) = receiver.recv() => batches.push(batch),
                _ = state.changed() => {}
            }
        }
    };
    let reached = tokio::time::timeout(LIMIT, work).await;
    let last = running.state.borrow().clone();
    running.stop().await;
    let Ok(reached) = reached else {
        panic!("not within {LIMIT:?}: {last:?}; {} batches", batches.len());
    };
    (batches, reached)
}

fn samples(batches: &[Batch]) -> impl Iterator<Item = &RawSample> {
    batches.iter().flat_map(|b| &b.samples)
}

#[test]
fn the_self_description_is_complete() {
    check_offline(&PiConnector::new());
}

#[tokio::test]
async fn the_test_passes_only_after_a_value_was_read() {
    let silent = |asked: &Asked| {
        let nothing = json!({"Timestamp": "2026-01-01T00:00:00Z", "Good": false, "Value": {"Name": "No Data", "Value": 248, "IsSystem": true}});
        match asked.path.as_str() {
            "streamsets/value" => {
                Some((200, json!({"Items": [{"WebId": "P0", "Value": nothing}]})))
            }
            _ => None,
        }
    };
    let scripts: [(Script, &str); 6] = [
        (Arc::new(|_| None), "test.passed"),
        (Arc::new(silent), "test.no_value_read"),
        (
            Arc::new(|a| (a.path == "dataservers").then(|| (200, json!({"Items": []})))),
            "pi.no_servers",
        ),
        (
            Arc::new(|a| (a.path == "dataservers/S1/points").then(|| (200, json!({"Items": []})))),
            "pi.no_points",
        ),
        (
            Arc::new(|a| (a.path.is_empty()).then(|| (200, json!({"hello": 1})))),
            "test.protocol_unexpected",
        ),
        (
            Arc::new(|a| (a.path.is_empty()).then(|| (200, json!("<html>sign in</html>")))),
            "http.body_is_html",
        ),
    ];
    for (script, expected) in scripts {
        let server = serve(script).await;
        let ctx = context(&server, BTreeMap::new());
        let report = PiConnector::new().test(&ctx, &|_| ()).await;
        check_report(&report);
        assert_eq!(report.message.code, expected);
        assert_eq!(report.success, expected == "test.passed");
        assert!(!format!("{report:?}").contains("classified"));
        let password_sent = report
            .stages
            .iter()
            .filter(|s| s.status == StageStatus::Ok)
            .count();
        assert!(password_sent >= 3);
    }
}

#[tokio::test]
async fn values_keep_their_shape_their_time_and_their_quality() {
    let items = json!([
        {"Timestamp": "2026-01-01T00:00:00.1234567Z", "Value": {"Name": "OPEN", "Value": 1, "IsSystem": false}, "Good": true},
        {"Timestamp": "2026-01-01T00:00:01Z", "Value": {"Name": "I/O Timeout", "Value": 246, "IsSystem": true}, "Good": false},
        {"Timestamp": "2026-01-01T00:00:02Z", "Value": "Infinity", "Good": true, "Questionable": true},
        {"Timestamp": "2026-01-01T00:00:03Z", "Value": true, "Good": true},
        {"Timestamp": "2026-01-01T00:00:04Z", "Value": 0.0, "Good": true, "Errors": [{"FieldName": "Value", "Message": ["lost"]}]},
    ]);
    let server = serve(Arc::new(move |asked| {
        let is_past = asked.get("startTime").as_str() < "2026-01-01T00:00:01";
        (asked.path.ends_with("/recorded") && is_past).then(|| (200, json!({"Items": items})))
    }))
    .await;
    let cursors = BTreeMap::from([(
        TAG.to_owned(),
        json!({"t": "2025-12-31T23:00:00.0000000Z", "n": 0}),
    )]);
    let (batches, _) = stream(&server, &[TAG], cursors, |s, b| {
        s.back_fill.is_none() && !b.is_empty() && s.items == 1
    })
    .await;
    // A look at the present may come between: it brings its position alone.
    let is_past = |b: &Batch| b.samples.is_empty() || b.purpose == Purpose::BackFill;
    assert!(batches.iter().all(is_past));
    let got: Vec<_> = samples(&batches)
        .map(|s| {
            (
                s.source_time.unwrap().millis() - 1_767_225_600_000,
                s.value.clone(),
                s.status.0,
            )
        })
        .collect();
    assert_eq!(
        got,
        [
            (123, Some(Measured::Text("OPEN".into())), 0),
            (
                1_000,
                Some(Measured::Text("I/O Timeout".into())),
                0x800A_0000
            ),
            (2_000, Some(Measured::Number(f64::INFINITY)), 0x4000_0000),
            (3_000, Some(Measured::Bool(true)), 0),
            (4_000, None, 0x8000_0000),
        ]
    );
    assert_eq!(batches.last().unwrap().cursors[0].name, TAG);
}

#[tokio::test]
async fn values_without_a_readable_time_are_named_and_the_tag_does_not_count_as_failed() {
    let server = serve(Arc::new(|asked| {
        let items = json!([
            {"Timestamp": "soon", "Value": 1, "Good": true},
            {"Value": 2, "Good": true},
            {"Timestamp": "2026-01-01T00:00:03Z", "Value": 3, "Good": true},
        ]);
        (asked.path.ends_with("/recorded")).then(|| (200, json!({"Items": items})))
    }))
    .await;
    let cursors = BTreeMap::from([(
        TAG.to_owned(),
        json!({"t": "2025-12-31T23:00:00.0000000Z", "n": 0}),
    )]);
    let (batches, state) = stream(&server, &[TAG], cursors, |s, b| {
        s.items == 1 && !s.problems.is_empty() && samples(b).count() > 0
    })
    .await;
    assert_eq!(samples(&batches).count(), 1);
    let problem = &state.problems[0];
    assert_eq!(
        (&*problem.tag, problem.error.code),
        (TAG, "pi.time_unreadable")
    );
    assert_eq!(
        (problem.error.params["count"].as_str(), state.failed_items),
        ("2", 0)
    );
}

#[tokio::test]
async fn batches_carry_the_header_and_are_given_up_where_they_are_forbidden() {
    for forbidden in [false, true] {
        let bad = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&bad);
        let server = serve(Arc::new(move |asked| {
            if asked.path != "batch" {
                return None;
            }
            if !asked.headers.contains_key("x-requested-with") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            if forbidden {
                return Some((403, json!({"Errors": ["no batches"]})));
            }
            let parts = asked.body.as_object().unwrap().iter().map(|(id, one)| {
                let url = one["Resource"].as_str().unwrap();
                let (path, query) = url.split_once('?').unwrap_or((url, ""));
                let inner = Asked {
                    method: Method::GET,
                    path: path.split_once("/piwebapi/").unwrap().1.to_owned(),
                    query: query
                        .split('&')
                        .filter_map(|p| p.split_once('='))
                        .map(|(n, v)| (decode(n), decode(v)))
                        .collect(),
                    headers: HeaderMap::new(),
                    body: Value::Null,
                };
                let (status, content) = healthy(&inner);
                (
                    id.clone(),
                    json!({"Status": status, "Headers": {}, "Content": content}),
                )
            });
            Some((207, Value::Object(parts.collect())))
        }))
        .await;
        let tags: Vec<String> = (0..30).map(|n| format!(r"\\SRV\TAG{n}")).collect();
        let ctx = context(&server, BTreeMap::new());
        let preview = PiConnector::new().preview(&ctx, &tags).await.unwrap();
        assert!(
            preview
                .iter()
                .all(|s| s.value.is_some() && s.status.is_good())
        );
        assert_eq!(bad.load(Ordering::Relaxed), 0);
        let log = server.log.lock().unwrap();
        let batches = log.iter().filter(|l| *l == "POST batch").count();
        let lookups = log.iter().filter(|l| *l == "GET points").count();
        assert_eq!(
            (batches > 0, lookups),
            (true, if forbidden { 30 } else { 0 })
        );
        if forbidden {
            assert_eq!(batches, 1, "a refused batch is not tried again");
        }
    }
}

#[tokio::test]
async fn a_lower_limit_of_the_server_is_learned() {
    let server = serve(Arc::new(|asked| {
        let count: usize = asked.get("maxCount").parse().unwrap_or(0);
        let text = "Parameter (maxCount) is greater than the maximum allowed (100).";
        let is_beyond = asked.path.ends_with("/recorded") && count > 100;
        if is_beyond {
            return Some((400, json!({"Errors": [text]})));
        }
        if !asked.path.ends_with("/recorded") {
            return None;
        }
        // 250 values, one a minute, given out in pages.
        let start = asked.get("startTime");
        let values =
            (0..250).map(|n| format!("2026-01-01T{:02}:{:02}:00.0000000Z", n / 60, n % 60));
        let page: Vec<Value> = values
            .filter(|t| *t >= start)
            .take(count)
            .map(|t| json!({"Timestamp": t, "Value": 1, "Good": true}))
            .collect();
        Some((200, json!({"Items": page})))
    }))
    .await;
    let cursors = BTreeMap::from([(
        TAG.to_owned(),
        json!({"t": "2025-12-31T23:00:00.0000000Z", "n": 0}),
    )]);
    let (batches, _) = stream(&server, &[TAG], cursors, |s, b| {
        s.back_fill.is_none() && s.items == 1 && samples(b).count() >= 250
    })
    .await;
    let mut times: Vec<Timestamp> = samples(&batches).filter_map(|s| s.source_time).collect();
    assert_eq!(times.len(), 250);
    times.dedup();
    assert_eq!(times.len(), 250, "no value twice");
}

#[tokio::test]
async fn one_tag_whose_values_can_not_be_read_is_named_and_the_others_flow() {
    let server = serve(Arc::new(|asked| {
        if asked.path == "batch" {
            // The poison of one part makes the whole no document.
            return Some((
                207,
                json!("{\"0\": {\"Status\": 200, \"Content\": {\"Items\": [NaN]}}}"),
            ));
        }
        let ids: Vec<&str> = asked
            .query
            .iter()
            .filter(|(n, _)| n == "webId")
            .map(|(_, v)| v.as_str())
            .collect();
        let is_poisoned = asked.path == "streams/P2/recorded" || ids.contains(&"P2");
        let is_recorded = asked.path.ends_with("/recorded");
        match (is_recorded, is_poisoned) {
            (false, _) => None,
            (true, true) => Some((200, json!("{\"Items\": [{\"Value\": NaN}]}"))),
            (true, false) => {
                let value = json!({"Timestamp": "2026-01-01T00:00:00Z", "Value": 1, "Good": true});
                let one = json!({"Items": [value]});
                let set: Vec<Value> = ids
                    .iter()
                    .map(|id| json!({"WebId": id, "Items": [value]}))
                    .collect();
                Some((
                    200,
                    if ids.is_empty() {
                        one
                    } else {
                        json!({"Items": set})
                    },
                ))
            }
        }
    }))
    .await;
    let names: Vec<String> = (1..=30).map(|n| format!(r"\\SRV\TAG{n}")).collect();
    let tags: Vec<&str> = names.iter().map(String::as_str).collect();
    let cursor = json!({"t": "2025-12-31T23:00:00.0000000Z", "n": 0});
    let cursors = names.iter().map(|n| (n.clone(), cursor.clone())).collect();
    let (_, state) = stream(&server, &tags, cursors, |s, b| {
        s.failed_items == 1 && samples(b).count() == 29
    })
    .await;
    let problem = &state.problems[0];
    assert_eq!(
        (&*problem.tag, problem.error.code),
        (r"\\SRV\TAG2", "http.json_invalid")
    );
    assert_eq!(state.connects, 1);
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks_and_nothing_is_an_error() {
    let busy = Arc::new(AtomicUsize::new(2));
    let left = Arc::clone(&busy);
    let server = serve(Arc::new(move |asked| {
        let is_due = asked.path.ends_with("/recorded")
            && left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                .is_ok();
        is_due.then(|| (429, json!({"Errors": ["slow down"]})))
    }))
    .await;
    let (_, state) = stream(&server, &[TAG], BTreeMap::new(), |s, _| {
        s.phase == StreamPhase::Polling
            && busy.load(Ordering::Relaxed) == 0
            && s.back_fill.is_none()
    })
    .await;
    assert_eq!(state.connects, 1, "{state:?}");
    assert!(state.load.requests_per_s <= 10.0);
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again_and_again() {
    let server = serve(Arc::new(|_| Some((401, json!({"Message": "denied"}))))).await;
    let (_, state) = stream(&server, &[TAG], BTreeMap::new(), |s, _| {
        matches!(s.phase, StreamPhase::Error(_))
    })
    .await;
    assert!(matches!(state.phase, StreamPhase::Error(e) if e.code == "http.unauthorized"));
    assert_eq!(server.log.lock().unwrap().len(), 1);
}
