//! Webhooks: what goes out to a system that only listens, over http and https, what happens when it does
//! not take it, and what a person sees of that.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use iq_domain::{Clock as _, Incident, IncidentId};
use iq_store::incidents;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{Client, NOW, Plant, TestApp};

const SECRET: &str = "a secret of both sides";

/// What a request carried.
#[derive(Clone, Debug)]
struct Taken {
    path: String,
    headers: HashMap<String, String>,
    body: String,
}

impl Taken {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// How a sink answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Says(&'static str),
    /// Never.
    Hangs,
    /// A success with a body that has no end.
    Floods,
}

const TAKES: Mood = Mood::Says("204 No Content\r\n");
const BUSY: Mood = Mood::Says("500 Busy\r\n");

/// A system that is told what happened.
#[derive(Clone)]
struct Sink {
    port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Sink {
    async fn open(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self {
            port: listener.local_addr().unwrap().port(),
            taken: Arc::default(),
            mood: Arc::new(Mutex::new(TAKES)),
        };
        let kept = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sink, tls) = (kept.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => sink.serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                sink.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        sink
    }

    /// One request per connection.
    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut bytes = Vec::new();
        let (head, length) = loop {
            let mut part = [0; 4_096];
            match stream.read(&mut part).await {
                Ok(n) if n > 0 => bytes.extend_from_slice(&part[..n]),
                _ => return,
            }
            if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    let is_it = name.eq_ignore_ascii_case("content-length");
                    is_it.then(|| value.parse::<usize>().unwrap())
                });
                break (head, end + 4 + length.unwrap_or(0));
            }
        };
        while bytes.len() < length {
            let mut part = [0; 4_096];
            match stream.read(&mut part).await {
                Ok(n) if n > 0 => bytes.extend_from_slice(&part[..n]),
                _ => return,
            }
        }
        let pairs = head.lines().skip(1).filter_map(|l| l.split_once(": "));
        self.taken.lock().unwrap().push(Taken {
            path: head.split(' ').nth(1).unwrap().to_owned(),
            headers: pairs
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: String::from_utf8(bytes[head.len() + 4..].to_vec()).unwrap(),
        });
        let mood = *self.mood.lock().unwrap();
        let sent = match mood {
            Mood::Hangs => std::future::pending().await,
            Mood::Says(status) => {
                let answer = format!("HTTP/1.1 {status}Content-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await
            }
            Mood::Floods => {
                let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                let mut sent = stream.write_all(head).await;
                while sent.is_ok() {
                    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
                    sent = stream.write_all(chunk.as_bytes()).await;
                }
                sent
            }
        };
        // A caller that hung up is no failure of this test.
        drop(sent);
        drop(stream.shutdown().await);
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    fn is_now(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks/optria", self.port)
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < end, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn target(url: &str) -> Value {
    json!({ "name": "Control room", "url": url, "secret": SECRET, "is_enabled": true,
            "accept_plain_http": url.starts_with("http:"),
            "kinds": ["assignment", "overdue", "critical_incident"] })
}

async fn entered(admin: &Client, input: Value) -> String {
    let made = admin.post("/api/webhooks", input).await.expect_status(201);
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn seen(admin: &Client, id: &str) -> Value {
    let path = format!("/api/webhooks/{id}");
    admin.get(&path).await.expect_status(200).json()
}

/// A work order for the plant's technician, who has no account.
async fn assigned(app: &TestApp, plant: &Plant, title: &str, due_at: Option<i64>) -> Value {
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let body = json!({ "kind": "order", "title": title, "priority": "high", "due_at": due_at,
                       "asset_id": plant.asset, "technician_id": plant.technician });
    let made = planner.post("/api/work-orders", body).await;
    made.expect_status(201).json()
}

/// A critical incident of now, like the one that the plant had before.
async fn opened(app: &TestApp, plant: &Plant) -> IncidentId {
    let (tenant, old, now) = (plant.tenant, plant.incident, app.clock.now());
    let write = app.runtime.store().write(move |tx| {
        let old = incidents::get_incident(tx, tenant, old)?.unwrap();
        let incident = Incident {
            id: IncidentId::new(),
            number: "INC-2026-0002".to_owned(),
            started_at: now.plus_ms(-1_000),
            created_at: now,
            ..old
        };
        incidents::create_incident(tx, tenant, &incident)?;
        Ok(incident.id)
    });
    write.await.unwrap()
}

/// The signature as the guide tells a receiving system to make it.
fn signature_of(taken: &Taken) -> String {
    use std::io::Write as _;
    let mut openssl = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = openssl.stdin.take().unwrap();
    write!(
        pipe,
        "{}.{}",
        taken.headers["x-optria-timestamp"], taken.body
    )
    .unwrap();
    drop(pipe);
    let said = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    format!("v1={}", said.trim().rsplit(' ').next().unwrap())
}

#[tokio::test]
async fn a_target_is_told_of_each_kind_once_and_can_check_who_says_so() {
    let sink = Sink::open(None).await;
    let (app, plant, other) = TestApp::with_plants().await;
    let address = [("OPTRIA_PUBLIC_URL", "https://optria.plant.example/x")];
    let app = app.restarted_with(&address).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let id = entered(&admin, target(&sink.url())).await;
    // What another tenant does is no business of this target.
    assigned(&app, &other, "Elsewhere", Some(NOW.0 + 1_000)).await;
    let order = assigned(&app, &plant, "Replace the seal", Some(NOW.0 + 1_000)).await;
    until("the assignment", async || sink.taken().len() == 1).await;
    app.clock.advance_ms(2_000);
    let incident = opened(&app, &plant).await;
    for _ in 0..3 {
        app.runtime.tell_what_is_due().await.unwrap();
    }
    until("what is due", async || seen(&admin, &id).await["sent"] == 3).await;
    let all = sink.taken();
    let of = |kind: &str| {
        let mut found = all.iter().filter(|t| t.json()["type"] == kind);
        let one = found.next().unwrap_or_else(|| panic!("{kind}: {all:?}"));
        assert!(found.next().is_none(), "{kind} twice: {all:?}");
        one.clone()
    };
    let (told, late, critical) = (of("assignment"), of("overdue"), of("critical_incident"));
    let body = told.json();
    assert_eq!(body["tenant"]["id"], plant.tenant.to_string());
    assert_eq!(body["object"]["id"], order["id"]);
    assert_eq!(body["params"]["title"], "Replace the seal");
    let link = body["link"].as_str().unwrap();
    assert!(
        link.starts_with("https://optria.plant.example/work-orders?order="),
        "{link}"
    );
    assert!(
        body["text"]["ar"].as_str().unwrap().contains("أُسند"),
        "{body}"
    );
    assert_eq!(late.json()["object"], body["object"]);
    assert_eq!(critical.json()["object"]["id"], incident.to_string());
    assert_eq!(
        critical.json()["time"],
        "2026-09-21T14:13:21.000Z",
        "when it began"
    );
    for taken in &all {
        assert_eq!(taken.path, "/hooks/optria");
        assert_eq!(taken.headers["content-type"], "application/json");
        assert_eq!(taken.headers["x-optria-id"], taken.json()["id"]);
        assert_eq!(taken.headers["x-optria-signature"], signature_of(taken));
        assert!(
            !taken.body.contains("Sara"),
            "nobody is named: {}",
            taken.body
        );
    }
    let shown = seen(&admin, &id).await;
    assert_eq!(
        (&shown["state"], &shown["failed"]),
        (&json!("ok"), &json!(0))
    );
    assert_eq!(shown["newest"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_under_the_same_id_also_after_a_restart() {
    let sink = Sink::open(None).await;
    sink.is_now(BUSY);
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let id = entered(&admin, target(&sink.url())).await;
    assigned(&app, &plant, "Replace the seal", None).await;
    until("one attempt", async || {
        seen(&admin, &id).await["last"]["attempts"] == 1
    })
    .await;
    let waiting = seen(&admin, &id).await;
    assert_eq!(waiting["state"], "waiting", "{waiting}");
    assert_eq!(waiting["last"]["error"]["code"], "webhooks.later");
    assert_eq!(waiting["last"]["next_at"], NOW.0 + 60_000);
    drop(admin);
    sink.is_now(TAKES);
    let app = app.restarted().await;
    app.clock.advance_ms(61_000);
    // Something else wakes the sender: nobody has to wait for its own look.
    assigned(&app, &plant, "Wake", None).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    until("both", async || seen(&admin, &id).await["sent"] == 2).await;
    let all = sink.taken();
    let ids: Vec<_> = all.iter().map(|t| &t.headers["x-optria-id"]).collect();
    assert_eq!((all.len(), ids[0]), (3, ids[1]), "{all:?}");
    assert_eq!(all[0].body, all[1].body, "the same message");
    assert_ne!(
        all[0].headers["x-optria-signature"], all[1].headers["x-optria-signature"],
        "signed anew at its own time"
    );
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn what_was_under_way_when_the_program_stopped_goes_out_again_under_the_same_id() {
    let sink = Sink::open(None).await;
    sink.is_now(Mood::Hangs);
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let id = entered(&admin, target(&sink.url())).await;
    assigned(&app, &plant, "Replace the seal", None).await;
    until("the request", async || sink.taken().len() == 1).await;
    drop(admin);
    sink.is_now(TAKES);
    // Nobody wrote down that it was tried: for the store it never began.
    let app = app.restarted().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    until("taken", async || seen(&admin, &id).await["sent"] == 1).await;
    let all = sink.taken();
    let ids: Vec<_> = all.iter().map(|t| &t.headers["x-optria-id"]).collect();
    assert_eq!((all.len(), ids[0]), (2, ids[1]), "{all:?}");
    assert_eq!(all[0].body, all[1].body);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_flood_is_not_read() {
    let (sink, elsewhere) = (Sink::open(None).await, Sink::open(None).await);
    let to = format!("302 Found\r\nLocation: {}\r\n", elsewhere.url());
    sink.is_now(Mood::Says(to.leak()));
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let id = entered(&admin, target(&sink.url())).await;
    assigned(&app, &plant, "Replace the seal", None).await;
    until("an attempt", async || {
        seen(&admin, &id).await["last"]["error"]["code"] == "http.redirected"
    })
    .await;
    assert!(elsewhere.taken().is_empty());
    sink.is_now(Mood::Floods);
    assigned(&app, &plant, "Another", None).await;
    until("taken", async || seen(&admin, &id).await["sent"] == 1).await;
}

#[tokio::test]
async fn a_target_that_never_answers_keeps_no_other_waiting() {
    let (silent, sink) = (Sink::open(None).await, Sink::open(None).await);
    silent.is_now(Mood::Hangs);
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let mut first = target(&silent.url());
    first["name"] = json!("A silent one");
    let mute = entered(&admin, first).await;
    let id = entered(&admin, target(&sink.url())).await;
    let begun = Instant::now();
    assigned(&app, &plant, "Replace the seal", None).await;
    until("the other", async || seen(&admin, &id).await["sent"] == 1).await;
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
    until("the end of the wait", async || {
        seen(&admin, &mute).await["last"]["error"]["code"] == "http.timeout"
    })
    .await;
}

#[tokio::test]
async fn what_was_given_up_is_shown_and_sent_again_on_request() {
    let sink = Sink::open(None).await;
    sink.is_now(Mood::Says("403 No\r\n"));
    let (app, plant, _) = TestApp::with_plants().await;
    let day = [("OPTRIA_SESSION_IDLE", "1d"), ("OPTRIA_SESSION_MAX", "7d")];
    let app = app.restarted_with(&day).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let id = entered(&admin, target(&sink.url())).await;
    assigned(&app, &plant, "Replace the seal", None).await;
    for attempt in 1..=7 {
        until("an attempt", async || {
            seen(&admin, &id).await["last"]["attempts"] == attempt
        })
        .await;
        app.clock.advance_ms(12 * 3_600_000);
        // A change of the target wakes the sender.
        let mut same = target(&sink.url());
        same["secret"] = json!("***");
        admin
            .put(&format!("/api/webhooks/{id}"), same)
            .await
            .expect_status(200);
    }
    let over = seen(&admin, &id).await;
    assert_eq!(
        (&over["state"], &over["failed"]),
        (&json!("failed"), &json!(1))
    );
    assert_eq!(over["last"]["error"]["code"], "webhooks.not_admitted");
    assert_eq!(over["last"]["next_at"], Value::Null);
    sink.is_now(TAKES);
    let again = admin
        .post(&format!("/api/webhooks/{id}/retry"), json!({}))
        .await
        .expect_status(200);
    assert_eq!(again.json()["failed"], 0);
    until("it is taken", async || {
        seen(&admin, &id).await["state"] == "ok"
    })
    .await;
    let all = sink.taken();
    let ids: std::collections::HashSet<_> = all
        .iter()
        .map(|t| t.headers["x-optria-id"].clone())
        .collect();
    assert_eq!((all.len(), ids.len()), (8, 1));
}

#[tokio::test]
async fn a_target_that_is_off_gets_nothing_and_later_not_the_past() {
    let sink = Sink::open(None).await;
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let mut input = target(&sink.url());
    input["is_enabled"] = json!(false);
    input["kinds"] = json!(["overdue"]);
    let id = entered(&admin, input.clone()).await;
    assigned(&app, &plant, "Late", Some(NOW.0 - 1_000)).await;
    app.runtime.tell_what_is_due().await.unwrap();
    let path = format!("/api/webhooks/{id}");
    (input["is_enabled"], input["secret"]) = (json!(true), json!("***"));
    app.clock.advance_ms(1_000);
    let on = admin.put(&path, input.clone()).await.expect_status(200);
    assert_eq!(on.json()["state"], "idle");
    app.runtime.tell_what_is_due().await.unwrap();
    // A kind that is added later begins then, too; the other one goes on.
    input["kinds"] = json!(["overdue", "critical_incident"]);
    admin.put(&path, input.clone()).await.expect_status(200);
    assigned(&app, &plant, "Later", Some(NOW.0 + 2_000)).await;
    app.clock.advance_ms(5_000);
    app.runtime.tell_what_is_due().await.unwrap();
    until("what is new", async || seen(&admin, &id).await["sent"] == 1).await;
    let all = sink.taken();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].json()["params"]["title"], "Later");
    // What waits while it is off does not go out.
    sink.is_now(BUSY);
    assigned(&app, &plant, "Much later", Some(NOW.0 + 6_500)).await;
    app.clock.advance_ms(1_000);
    app.runtime.tell_what_is_due().await.unwrap();
    until("an attempt", async || {
        seen(&admin, &id).await["queued"] == 1 && sink.taken().len() == 2
    })
    .await;
    sink.is_now(TAKES);
    input["is_enabled"] = json!(false);
    let off = admin.put(&path, input.clone()).await.expect_status(200);
    assert_eq!(off.json()["state"], "off");
    app.clock.advance_ms(61_000);
    let second = Sink::open(None).await;
    let witness = entered(&admin, target(&second.url())).await;
    assigned(&app, &plant, "Wake", None).await;
    until("the other", async || {
        seen(&admin, &witness).await["sent"] == 1
    })
    .await;
    assert_eq!(sink.taken().len(), 2);
    admin.delete(&path).await.expect_status(204);
    admin.get(&path).await.expect_code(404, "request.not_found");
}

/// A certificate for this machine that nobody else issued, and what serves with it.
fn certificate() -> (String, TlsAcceptor) {
    let names = vec!["127.0.0.1".to_owned()];
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(names).unwrap();
    let made = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.der().clone()], key)
        .unwrap();
    (made.pem(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn a_test_goes_step_by_step_over_https_with_a_certificate_of_the_house() {
    let (pem, acceptor) = certificate();
    let sink = Sink::open(Some(acceptor)).await;
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let mut input = target(&format!("https://127.0.0.1:{}/in", sink.port));
    let id = entered(&admin, input.clone()).await;
    let (path, test) = (
        format!("/api/webhooks/{id}"),
        format!("/api/webhooks/{id}/test"),
    );
    let tested = async || admin.post(&test, json!({})).await.expect_status(200).json();
    let untrusted = tested().await;
    let last = untrusted["stages"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["key"], &last["message"]["code"]),
        (&json!("tls"), &json!("http.tls_untrusted"))
    );
    (input["tls_ca"], input["secret"]) = (json!(pem), json!("***"));
    admin.put(&path, input.clone()).await.expect_status(200);
    let report = tested().await;
    let keys: Vec<_> = report["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["key"].clone())
        .collect();
    assert_eq!(report["success"], true, "{report}");
    assert_eq!(
        json!(keys),
        json!(["settings", "dns", "tcp", "tls", "send"])
    );
    let taken = sink.taken().remove(0);
    assert_eq!(
        (taken.json()["type"].clone(), taken.path.as_str()),
        (json!("test"), "/in")
    );
    assert_eq!(taken.headers["x-optria-signature"], signature_of(&taken));
    // The same way for what really happens.
    assigned(&app, &plant, "Replace the seal", None).await;
    until("the assignment", async || {
        seen(&admin, &id).await["sent"] == 1
    })
    .await;
    sink.is_now(Mood::Says("404 What\r\n"));
    let refused = tested().await;
    assert_eq!(
        refused["stages"][4]["message"]["code"],
        "webhooks.not_found_there"
    );
    assert_eq!(refused["success"], false);
}

/// A target that can be entered, but for one field.
fn with(field: &str, value: Value) -> Value {
    let mut input = target("https://hooks.plant.example/optria");
    input[field] = value;
    input
}

fn off() -> Value {
    with("is_enabled", json!(false))
}

#[tokio::test]
async fn a_form_that_can_not_be_right_is_refused_and_ten_targets_are_enough() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    for (field, value, code) in [
        ("name", json!(" "), "request.text_empty"),
        ("kinds", json!([]), "webhooks.kinds_missing"),
        ("secret", json!("short"), "webhooks.secret_short"),
        ("secret", json!("***"), "webhooks.secret_missing"),
        ("secret", Value::Null, "webhooks.secret_missing"),
        ("url", json!("ftp://x/"), "http.url_invalid"),
        ("url", json!("https://u:p@x/"), "http.url_invalid"),
        ("url", json!("https://x/?key=1"), "http.url_invalid"),
        ("url", json!("http://x/"), "webhooks.plain_refused"),
        (
            "url",
            json!("https://169.254.169.254/"),
            "http.address_refused",
        ),
        ("tls_ca", json!("no certificate"), "http.ca_unreadable"),
    ] {
        let refused = admin.post("/api/webhooks", with(field, value)).await;
        refused.expect_field(field, code);
    }
    let unknown = with("kinds", json!(["job_failed"]));
    let unknown = admin.post("/api/webhooks", unknown).await;
    unknown.expect_status(422);
    let all = admin.get("/api/webhooks").await.json();
    assert_eq!(all.as_array().unwrap().len(), 1, "the fixture's: {all}");
    for _ in 1..10 {
        entered(&admin, off()).await;
    }
    let many = admin.post("/api/webhooks", off()).await;
    many.expect_code(409, "webhooks.too_many");
}

#[tokio::test]
async fn targets_are_the_administrators_and_of_one_tenant() {
    let (app, plant, other) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let id = entered(&admin, off()).await;
    for (role, status) in [
        ("viewer", 403),
        ("engineer", 403),
        ("optimizer", 403),
        ("owner", 200),
    ] {
        let client = app.signed_in(&plant.user(role)).await;
        client.get("/api/webhooks").await.expect_status(status);
    }
    let stranger = app.signed_in(&other.user("admin")).await;
    for (method, path) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("POST", "/retry"),
    ] {
        let path = format!("/api/webhooks/{id}{path}");
        let method = method.parse().unwrap();
        let reply = stranger.call(method, &path, None).await;
        reply.expect_code(404, "request.not_found");
    }
    let path = format!("/api/webhooks/{id}");
    let changed = stranger.put(&path, off()).await;
    changed.expect_code(404, "request.not_found");
}

#[tokio::test]
async fn the_secret_is_kept_under_seal_and_never_comes_back() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let made = admin.post("/api/webhooks", off()).await.expect_status(201);
    assert_eq!(made.json()["secret"], "***");
    admin
        .post("/api/webhooks", with("secret", json!("too short")))
        .await
        .expect_field("secret", "webhooks.secret_short");
    let audit = admin.get("/api/audit?limit=500").await;
    let audit = audit.expect_status(200).text();
    assert!(audit.contains("hooks.plant.example"), "{audit}");
    for hidden in [SECRET, "too short"] {
        assert!(!audit.contains(hidden) && !made.text().contains(hidden));
    }
    drop(admin);
    let folder = app.stopped().await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let mut parts = bytes.windows(SECRET.len());
            let is_there = parts.any(|w| w == SECRET.as_bytes());
            assert!(!is_there, "the secret in {}", entry.file_name().display());
        }
    }
}
