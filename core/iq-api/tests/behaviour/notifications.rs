//! What users are told, in the program and by mail to a server that only listens.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::support::{Client, NOW, Plant, TestApp};

/// The account of the engineer gets an address and a technician.
async fn with_account(app: &TestApp, plant: &Plant) {
    let admin = app.signed_in(&plant.user("admin")).await;
    let all = admin.get("/api/tenant-users").await.json();
    let name = plant.user("engineer");
    let found = all
        .as_array()
        .unwrap()
        .iter()
        .find(|u| u["username"] == *name);
    let id = found.unwrap()["id"].as_str().unwrap().to_owned();
    let user = json!({ "username": name, "name": "Sara", "role": "engineer",
                       "email": "sara@plant.example" });
    admin
        .put(&format!("/api/tenant-users/{id}"), user)
        .await
        .expect_status(200);
    let person = json!({ "code": "T-1", "names": { "en": "Sara", "ar": "سارة" },
                         "site_id": plant.site, "username": name });
    let path = format!("/api/technicians/{}", plant.technician);
    admin.put(&path, person).await.expect_status(200);
}

async fn assigned(client: &Client, plant: &Plant, title: &str, due_at: Option<i64>) -> Value {
    let body = json!({ "kind": "order", "title": title, "priority": "high", "due_at": due_at,
                       "asset_id": plant.asset, "technician_id": plant.technician });
    client
        .post("/api/work-orders", body)
        .await
        .expect_status(201)
        .json()
}

async fn told(client: &Client) -> Vec<(String, String)> {
    let page = client
        .get("/api/notifications")
        .await
        .expect_status(200)
        .json();
    let line = |n: &Value| {
        (
            n["kind"].as_str().unwrap().to_owned(),
            n["message"].as_str().unwrap().to_owned(),
        )
    };
    page["items"].as_array().unwrap().iter().map(line).collect()
}

fn of(all: &[(String, String)], kind: &str) -> usize {
    all.iter().filter(|(k, _)| k == kind).count()
}

#[tokio::test]
async fn who_is_given_work_is_told_once_in_their_language_and_nobody_else() {
    let (app, plant, _) = TestApp::with_plants().await;
    with_account(&app, &plant).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let order = assigned(&planner, &plant, "Replace the seal", None).await;
    let reference = order["reference"].as_str().unwrap();
    let mut engineer = app.signed_in(&plant.user("engineer")).await;
    let page = engineer.get("/api/notifications").await.json();
    assert_eq!(
        (&page["unread"], &page["total"]),
        (&json!(1), &json!(1)),
        "{page}"
    );
    let first = page["items"][0].clone();
    assert!(
        first["message"].as_str().unwrap().contains(reference),
        "{first}"
    );
    assert_eq!(
        first["link"],
        format!("/work-orders?order={}", order["id"].as_str().unwrap())
    );
    engineer.language = "ar";
    let arabic = told(&engineer).await;
    assert!(arabic[0].1.starts_with("أُسند إليك"), "{arabic:?}");
    assert!(told(&planner).await.is_empty());
    // Somebody else's notification can't be read away.
    let ids = json!({ "ids": [first["id"]] });
    planner
        .post("/api/notifications/read", ids.clone())
        .await
        .expect_status(200);
    let still = engineer.get("/api/notifications?unread=true").await.json();
    assert_eq!(still["total"], 1);
    let left = engineer
        .post("/api/notifications/read", ids)
        .await
        .expect_status(200);
    assert_eq!(left.json()["unread"], 0);
    assert_eq!(
        engineer.get("/api/notifications?unread=true").await.json()["total"],
        0
    );
}

#[tokio::test]
async fn what_is_due_is_told_once_also_after_a_restart() {
    let (app, plant, _) = TestApp::with_plants().await;
    with_account(&app, &plant).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    assigned(&planner, &plant, "Late", Some(NOW.0 - 1_000)).await;
    app.runtime.tell_what_is_due().await.unwrap();
    app.runtime.tell_what_is_due().await.unwrap();
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let all = told(&engineer).await;
    assert_eq!(
        (of(&all, "assignment"), of(&all, "overdue")),
        (1, 1),
        "{all:?}"
    );
    assert_eq!(
        of(&all, "critical_incident"),
        1,
        "the one of the fixture: {all:?}"
    );
    // Who may not work on incidents is not called.
    let viewer = app.signed_in(&plant.user("viewer")).await;
    assert!(told(&viewer).await.is_empty());
    // The fixture's technician has a certificate that has just ended: planners renew it.
    let other = app.signed_in("optimizer@south").await;
    let seen = told(&other).await;
    assert_eq!(of(&seen, "certificate_expiring"), 1, "{seen:?}");
    let before = all.len();
    drop((planner, engineer, viewer, other));
    let app = app.restarted().await;
    app.runtime.tell_what_is_due().await.unwrap();
    let engineer = app.signed_in(&plant.user("engineer")).await;
    assert_eq!(
        told(&engineer).await.len(),
        before,
        "told again after a restart"
    );
}

#[tokio::test]
async fn what_a_user_does_not_want_is_not_shown() {
    let (app, plant, _) = TestApp::with_plants().await;
    with_account(&app, &plant).await;
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let choices = engineer.get("/api/notifications/choices").await.json();
    assert_eq!(choices["choices"].as_array().unwrap().len(), 6);
    let none = json!({ "choices": [{ "kind": "assignment", "in_app": false, "by_mail": false }] });
    let kept = engineer
        .put("/api/notifications/choices", none)
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        kept["choices"][0],
        json!({ "kind": "assignment", "in_app": false, "by_mail": false })
    );
    let planner = app.signed_in(&plant.user("optimizer")).await;
    assigned(&planner, &plant, "Quiet", None).await;
    let all = told(&engineer).await;
    assert_eq!(of(&all, "assignment"), 0, "{all:?}");
}

/// A mail server that takes what it gets, or says no in the way it is told to.
#[derive(Clone)]
struct Sink {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<&'static str>>,
}

impl Sink {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self {
            port: listener.local_addr().unwrap().port(),
            mails: Arc::default(),
            answer: Arc::new(Mutex::new("250 taken")),
        };
        let kept = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(kept.clone().serve(stream));
            }
        });
        sink
    }

    async fn serve(self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        if write.write_all(b"220 sink\r\n").await.is_err() {
            return;
        }
        let (mut mail, mut in_data) = (String::new(), false);
        while let Ok(Some(line)) = lines.next_line().await {
            let reply = if in_data {
                if line != "." {
                    mail.push_str(&line);
                    mail.push('\n');
                    continue;
                }
                in_data = false;
                let answer = *self.answer.lock().unwrap();
                if answer.starts_with("250") {
                    self.mails.lock().unwrap().push(std::mem::take(&mut mail));
                }
                answer
            } else if line.starts_with("EHLO") {
                "250 sink"
            } else if line.starts_with("DATA") {
                in_data = true;
                "354 go on"
            } else if line.starts_with("QUIT") {
                "221 bye"
            } else {
                "250 ok"
            };
            if write
                .write_all(format!("{reply}\r\n").as_bytes())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    fn taken(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < end, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The text of a mail, whatever its transfer encoding.
fn text(mail: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (head, body) = mail.split_once("\n\n").unwrap();
    if head.to_lowercase().contains("base64") {
        let bytes = STANDARD.decode(body.replace(['\n', '\r'], "")).unwrap();
        String::from_utf8(bytes).unwrap()
    } else {
        body.replace("=\n", "").replace("=3D", "=")
    }
}

#[tokio::test]
async fn mail_goes_out_in_the_language_of_its_reader_and_waits_while_the_server_is_busy() {
    let sink = Sink::open().await;
    let url = format!("smtp://127.0.0.1:{}?from=optria@plant.example", sink.port);
    let (app, plant, _) = TestApp::with_plants().await;
    let app = app.restarted_with(&[("SMTP_URL", &url)]).await;
    with_account(&app, &plant).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let order = assigned(&planner, &plant, "Replace the seal", None).await;
    let reference = order["reference"].as_str().unwrap();
    until("the mail", async || !sink.taken().is_empty()).await;
    let mail = sink.taken().remove(0);
    assert!(
        mail.contains("sara@plant.example") && mail.contains("optria@plant.example"),
        "{mail}"
    );
    let said = text(&mail);
    assert!(
        said.contains("أُسند إليك أمر العمل") && said.contains(reference),
        "{said}"
    );
    for line in ["الأصل: P-1", "الموقع: S1", "الاستحقاق: 20"] {
        assert!(said.contains(line), "{line} not in {said}");
    }
    let status = async || admin.get("/api/mail").await.expect_status(200).json();
    until("it stands as sent", async || status().await["sent"] == 1).await;
    // English from now on, and a server that is busy for a while.
    let engineer = app.signed_in(&plant.user("engineer")).await;
    let english = json!({ "language": "en", "theme": "auto", "digits": "latn",
                          "calendar": "gregory", "time_zone": "site" });
    engineer
        .put("/api/settings", english)
        .await
        .expect_status(200);
    *sink.answer.lock().unwrap() = "451 busy";
    assigned(&planner, &plant, "Check the coupling", None).await;
    until("it waits", async || {
        status().await["newest"][0]["attempts"] == 1
    })
    .await;
    let waiting = status().await["newest"][0].clone();
    assert_eq!(waiting["state"], "queued");
    assert_eq!(waiting["error"]["code"], "mail.later");
    *sink.answer.lock().unwrap() = "250 taken";
    app.clock.advance_ms(61_000);
    assigned(&planner, &plant, "Ring the bell", None).await;
    until("both went out", async || status().await["sent"] == 3).await;
    assert!(
        sink.taken()
            .iter()
            .any(|m| text(m).contains("was assigned to you: Check the coupling"))
    );
    let leaked = format!(
        "{}{}",
        status().await,
        app.runtime.mail_status().server.unwrap()
    );
    assert!(!leaked.contains("from="), "{leaked}");
}

#[tokio::test]
async fn a_mail_that_waits_survives_a_restart() {
    let sink = Sink::open().await;
    let url = format!("smtp://127.0.0.1:{}", sink.port);
    *sink.answer.lock().unwrap() = "451 busy";
    let (app, plant, _) = TestApp::with_plants().await;
    let app = app.restarted_with(&[("SMTP_URL", &url)]).await;
    with_account(&app, &plant).await;
    let planner = app.signed_in(&plant.user("optimizer")).await;
    assigned(&planner, &plant, "Replace the seal", None).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    until("one attempt", async || {
        admin.get("/api/mail").await.json()["newest"][0]["attempts"] == 1
    })
    .await;
    *sink.answer.lock().unwrap() = "250 taken";
    drop((planner, admin));
    let app = app.restarted_with(&[("SMTP_URL", &url)]).await;
    app.clock.advance_ms(61_000);
    let planner = app.signed_in(&plant.user("optimizer")).await;
    assigned(&planner, &plant, "Wake", None).await;
    until("both", async || sink.taken().len() == 2).await;
}

#[tokio::test]
async fn a_test_mail_says_at_which_step_it_stopped() {
    let (app, plant, _) = TestApp::with_plants().await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let body = json!({ "address": "ops@plant.example" });
    let off = admin
        .post("/api/mail/test", body.clone())
        .await
        .expect_status(200)
        .json();
    assert_eq!(off["success"], false);
    assert_eq!(off["stages"][0]["message"]["code"], "mail.off");
    admin
        .post("/api/mail/test", json!({}))
        .await
        .expect_field("address", "mail.no_address");
    admin
        .post("/api/mail/test", json!({ "address": "nobody" }))
        .await
        .expect_field("address", "mail.address_wrong");
    let sink = Sink::open().await;
    let url = format!("smtp://127.0.0.1:{}", sink.port);
    drop(admin);
    let app = app.restarted_with(&[("SMTP_URL", &url)]).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let sent = admin
        .post("/api/mail/test", body.clone())
        .await
        .expect_status(200)
        .json();
    let keys: Vec<_> = sent["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["key"])
        .collect();
    assert_eq!((&sent["success"], keys.len()), (&json!(true), 4), "{sent}");
    assert_eq!(sink.taken().len(), 1);
    *sink.answer.lock().unwrap() = "550 never";
    let refused = admin.post("/api/mail/test", body.clone()).await.json();
    assert_eq!(
        refused["stages"][3]["message"]["code"], "mail.refused",
        "{refused}"
    );
    // Nobody listens there.
    let closed = {
        TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    };
    drop(admin);
    let app = app
        .restarted_with(&[("SMTP_URL", &format!("smtp://127.0.0.1:{closed}"))])
        .await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let gone = admin.post("/api/mail/test", body).await.json();
    assert_eq!(
        gone["stages"][1]["message"]["code"], "mail.unreachable",
        "{gone}"
    );
    let planner = app.signed_in(&plant.user("optimizer")).await;
    planner.get("/api/mail").await.expect_status(403);
}

/// Backups go into a folder in whose place a file stands, or no longer.
fn block(folder: &std::path::Path, is_blocked: bool) {
    if is_blocked {
        std::fs::remove_dir_all(folder).unwrap();
        std::fs::write(folder, "in the way").unwrap();
    } else {
        std::fs::remove_file(folder).unwrap();
    }
}

#[allow(clippy::too_many_lines, reason = "one story in its order")]
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_backup_that_fails_is_told_in_both_languages_until_one_is_good() {
    const HOUR: i64 = 3_600_000;
    let sink = Sink::open().await;
    let url = format!("smtp://127.0.0.1:{}?from=optria@plant.example", sink.port);
    let (app, plant, _) = TestApp::with_plants().await;
    let set = [
        ("SMTP_URL", url.as_str()),
        ("OPTRIA_SESSION_IDLE", "1d"),
        ("OPTRIA_SESSION_MAX", "7d"),
    ];
    let app = app.restarted_with(&set).await;
    std::fs::write(app.folder().join("appliance.id"), "07".repeat(16)).unwrap();
    let owner = app.signed_in(&plant.user("owner")).await;
    let mut admin = app.signed_in(&plant.user("admin")).await;
    let all = admin.get("/api/tenant-users").await.json();
    let (name, people) = (plant.user("admin"), all.as_array().unwrap());
    let found = people.iter().find(|u| u["username"] == *name).unwrap();
    let user = json!({ "username": name, "name": "Huda", "role": "tenant_admin",
                       "email": "huda@plant.example" });
    let path = format!("/api/tenant-users/{}", found["id"].as_str().unwrap());
    admin.put(&path, user).await.expect_status(200);
    let away = app.folder().join("away");
    let settings = json!({
        "is_enabled": true, "folder": away.display().to_string(),
        "cadence": { "every": "hours", "hours": 1 }, "time_zone": "UTC", "keep_days": 7,
        "keep_months": 0,
    });
    let set = owner.put("/api/backups/settings", settings).await;
    set.expect_status(200);
    let last = async || owner.get("/api/backups").await.expect_status(200).json();
    // What the clock starts, and what is told of it. The task that looks by itself may be quicker.
    let hour = async |ends: &str| {
        let before = last().await["last_at"].clone();
        app.clock.advance_ms(HOUR);
        app.runtime.back_up_if_due().await.unwrap();
        until(ends, async || {
            let now = last().await;
            now["work"].is_null() && now["last_at"] != before
        })
        .await;
        app.runtime.tell_what_is_due().await.unwrap();
    };
    until("the plan", async || !last().await["next_at"].is_null()).await;

    block(&away, true);
    hour("a failed backup").await;
    hour("another one").await;
    assert!(last().await["last_error"]["code"].is_string());
    let of_backups = async |client: &Client| {
        let all = told(client).await;
        let all = all.into_iter().filter(|(kind, _)| kind == "backup_failed");
        all.map(|(_, message)| message).collect::<Vec<_>>()
    };
    let said = of_backups(&admin).await;
    assert_eq!(said.len(), 1, "once a day: {said:?}");
    assert!(
        said[0].starts_with("No good backup of the appliance was made. "),
        "{said:?}"
    );
    assert!(said[0].contains("away"), "it says why: {said:?}");
    admin.language = "ar";
    let arabic = of_backups(&admin).await;
    assert!(
        arabic[0].starts_with("لم تُنشأ نسخة احتياطية سليمة"),
        "{arabic:?}"
    );
    assert_eq!(of_backups(&owner).await.len(), 1);
    let viewer = app.signed_in(&plant.user("viewer")).await;
    assert!(of_backups(&viewer).await.is_empty());
    until("the mail", async || !sink.taken().is_empty()).await;
    let mail = sink.taken().remove(0);
    assert!(mail.contains("huda@plant.example"), "{mail}");
    assert!(
        text(&mail).contains("لم تُنشأ نسخة احتياطية سليمة"),
        "{}",
        text(&mail)
    );
    let english = json!({ "language": "en", "theme": "auto", "digits": "latn",
                          "calendar": "gregory", "time_zone": "site" });
    admin.put("/api/settings", english).await.expect_status(200);
    // A day later it is told again: nobody gets used to a silence.
    app.clock.advance_ms(23 * HOUR);
    hour("the backup of another day").await;
    assert_eq!(of_backups(&owner).await.len(), 2);
    until("an English mail", async || {
        let all = sink.taken();
        all.iter().any(|mail| text(mail).contains("No good backup"))
    })
    .await;

    block(&away, false);
    hour("a good backup").await;
    // Nobody was here for a day.
    let mut admin = app.signed_in(&plant.user("admin")).await;
    let status = last().await;
    assert_eq!(status["last_error"], Value::Null, "{status}");
    admin.language = "en";
    let page = admin.get("/api/notifications?unread=true").await.json();
    let unread = page["items"].as_array().unwrap().iter();
    let unread: Vec<_> = unread.filter(|n| n["kind"] == "backup_failed").collect();
    assert_eq!(unread.len(), 1, "{page}");
    assert_eq!(
        unread[0]["message"],
        "There is a good backup of the appliance again"
    );
    until("the good news", async || {
        let all = sink.taken();
        all.iter()
            .any(|mail| text(mail).contains("a good backup of the appliance again"))
    })
    .await;
    hour("another good one").await;
    assert_eq!(
        of_backups(&admin).await.len(),
        3,
        "a good one after a good one is no news"
    );
}
