//! A volume that is really full: people still come in and read, nothing is half-written, and writing
//! goes on by itself when there is space again.
#![cfg(target_os = "linux")]

use std::{
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use iq_api::{LOG_FOLDER, LogFiles, LogLimits};
use iq_domain::{AlarmPhase, EventCategory, Severity, SourceEvent, SourceRecord};
use serde_json::{Value, json};

use crate::support::{Client, NOW, TestApp, sample};

/// A mounted volume; gone with its owner.
struct Volume<'a>(&'a Path);

impl<'a> Volume<'a> {
    /// Says loudly that a test does not take place where volumes can't be mounted.
    fn mount(at: &'a Path, megabytes: u32) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(at)
            .output();
        let is_mounted = mount.is_ok_and(|mount| mount.status.success());
        if !is_mounted {
            let mut told = std::io::stderr();
            writeln!(
                told,
                "SKIPPED, NOT TESTED: this account may not mount a volume of limited size"
            )
            .unwrap();
        }
        is_mounted.then_some(Self(at))
    }
}

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

/// Writes until there is no byte left.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![1_u8; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_and_read_while_the_disk_is_full_and_writing_resumes_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let Some(volume) = Volume::mount(dir.path(), 16) else {
        return;
    };
    let (app, _, _) = TestApp::with_plants_in(tempfile::tempdir_in(dir.path()).unwrap()).await;
    let ballast = dir.path().join("ballast");
    fill(&ballast);

    let mut admin = app.client();
    // The first write finds out that the disk is full; this sign-in may be it.
    admin
        .sign_in("admin@north", crate::support::PASSWORD)
        .await
        .expect_status(200);
    admin.get("/api/assets").await.expect_status(200);
    admin.get("/api/twin").await.expect_status(200);
    let site = json!({ "code": "X", "names": { "en": "X", "ar": "" }, "time_zone": "UTC" });
    admin
        .post("/api/sites", site.clone())
        .await
        .expect_code(503, "store.disk_full");
    admin.get("/health/ready").await.expect_status(503);
    let mut guesser = app.client();
    let wrong = guesser.sign_in("admin@north", "not the password").await;
    assert!(!(200..300).contains(&wrong.status), "{}", wrong.status);

    std::fs::remove_file(&ballast).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while app.client().get("/health/ready").await.status != 200 {
        assert!(Instant::now() < end, "writing does not resume");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A session that could not be stored ends with the emergency.
    admin.get("/api/assets").await.expect_status(401);
    let admin = app.signed_in("admin@north").await;
    admin.post("/api/sites", site).await.expect_status(201);
    // Whoever reads the Black Box later learns that nothing could be recorded then.
    let told = || async {
        let events = admin.get("/api/blackbox/events?category=SYSTEM").await;
        let events = events.expect_status(200).json();
        let all = events["items"].as_array().unwrap().clone();
        all.into_iter().any(|e| e["source_type"] == "recorder")
    };
    while !told().await {
        assert!(Instant::now() < end, "the interruption is no event");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop((app, volume));
}

/// Waits until an answer is as wanted; fails loudly with the last one.
async fn until(what: &str, client: &Client, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = client.get(path).await.expect_status(200).json();
        if is_so(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "waited for {what}: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const RESERVE_MB: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn the_reserve_lets_people_work_on_a_full_disk_and_no_value_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let Some(volume) = Volume::mount(dir.path(), 64) else {
        return;
    };
    let folder = tempfile::tempdir_in(dir.path()).unwrap();
    let set = [("OPTRIA_DISK_RESERVE_MB", "8")];
    let (app, plant, _) = TestApp::with_plants_set(folder, &set).await;
    let mut owner = app.signed_in(&plant.user("owner")).await;
    let stands = |wanted: &'static str| move |d: &Value| d["disk_reserve"]["state"] == wanted;
    let about = "/api/diagnostics";
    let held = until("the reserve", &owner, about, stands("held")).await;
    assert_eq!(held["disk_reserve"]["bytes"], RESERVE_MB * 1_000_000);
    assert_eq!(held["disk_reserve"]["trouble"], Value::Null);
    let file = app.folder().join("disk.reserve");
    let size = || std::fs::metadata(&file).unwrap().len();
    assert_eq!(size(), RESERVE_MB * 1_000_000);

    // All but less than what the reserve is given up for; written in one go, or the ballast could take
    // the room that is given back meanwhile.
    let ballast = dir.path().join("ballast");
    let free = usize::try_from(fs4::available_space(dir.path()).unwrap()).unwrap();
    std::fs::write(&ballast, vec![1_u8; free - 200_000]).unwrap();
    let released = until("the release", &owner, about, stands("released")).await;
    assert_eq!(size(), 0);
    let trouble = released["disk_reserve"]["trouble"].clone();
    assert_eq!(trouble["code"], "disk.reserve_released");
    assert!(
        trouble["message"]
            .as_str()
            .unwrap()
            .contains("delete old backups")
    );
    owner.language = "ar";
    let arabic = owner.get(about).await.json()["disk_reserve"]["trouble"].clone();
    assert!(
        arabic["message"].as_str().unwrap().contains("يلزم حذف"),
        "{arabic}"
    );
    // A session of its own, stored as always; and what an administrator does is written down.
    let admin = app.signed_in(&plant.user("admin")).await;
    let ready = app.client().get("/health/ready").await.expect_status(200);
    assert_eq!(ready.json()["code"], "disk.reserve_released");
    let site = json!({ "code": "X", "names": { "en": "X", "ar": "" }, "time_zone": "UTC" });
    admin.post("/api/sites", site).await.expect_status(201);
    // Values would use the room up: they wait at their source.
    app.desk.push(vec![sample("T1", 42.0, NOW)]).await;
    let path = format!(
        "/api/signals/{}/series?from={}&width=900",
        plant.signal,
        NOW.0 - 60_000
    );
    let metrics = owner.get("/metrics").await.expect_status(200).text();
    assert!(
        metrics.contains("\noptria_disk_reserve_held 0\n"),
        "{metrics}"
    );
    let series = admin.get(&path).await.expect_status(200).json();
    assert_eq!(series["v"], json!([]), "{series}");

    std::fs::remove_file(&ballast).unwrap();
    until("the reserve again", &owner, about, stands("held")).await;
    assert_eq!(size(), RESERVE_MB * 1_000_000);
    until("the value", &admin, &path, |series| {
        series["v"] == json!([42.0])
    })
    .await;
    admin.get("/api/assets").await.expect_status(200);
    let ready = app.client().get("/health/ready").await.expect_status(200);
    assert_eq!(ready.json()["code"], Value::Null);
    let events = "/api/blackbox/events?category=SYSTEM";
    let told = until("both events", &admin, events, |events| {
        let all = events["items"].as_array().unwrap();
        all.iter().filter(|e| e["source_type"] == "disk").count() == 2
    });
    let told = told.await.to_string();
    assert!(
        told.contains("was released") && told.contains("is kept back"),
        "{told}"
    );
    drop((app, volume));
}

/// Takes all room but so many bytes; in one go, or a room that is given back meanwhile would go as well.
fn fill_but(path: &Path, left: usize) {
    let free = fs4::available_space(path.parent().unwrap()).unwrap();
    let size = usize::try_from(free).unwrap() - left;
    std::fs::write(path, vec![1_u8; size]).unwrap();
}

/// An alarm of a control system.
fn alarm(id: &str) -> SourceRecord {
    SourceRecord::Event(SourceEvent {
        source_id: id.to_owned(),
        source_type: "alarm".to_owned(),
        at: NOW.plus_ms(-1_000),
        category: EventCategory::System,
        severity: Severity::Critical,
        subject: Some(id.to_owned()),
        also: Vec::new(),
        phase: Some(AlarmPhase::Activated),
        summary: id.to_owned(),
        payload: json!({ "alarm": id }),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_recorded_from_half_of_the_reserve_and_wait_beyond_it() {
    let dir = tempfile::tempdir().unwrap();
    let Some(volume) = Volume::mount(dir.path(), 64) else {
        return;
    };
    let folder = tempfile::tempdir_in(dir.path()).unwrap();
    let set = [("OPTRIA_DISK_RESERVE_MB", "8")];
    let (app, plant, _) = TestApp::with_plants_set(folder, &set).await;
    let owner = app.signed_in(&plant.user("owner")).await;
    let admin = app.signed_in(&plant.user("admin")).await;
    let stands = |wanted: &'static str| move |d: &Value| d["disk_reserve"]["state"] == wanted;
    let about = "/api/diagnostics";
    until("the reserve", &owner, about, stands("held")).await;
    fill_but(&dir.path().join("ballast"), 200_000);
    until("the release", &owner, about, stands("released")).await;

    let events = "/api/blackbox/events";
    let holds = |id: &'static str| move |all: &Value| all.to_string().contains(id);
    app.desk.deliver(vec![alarm("ALARM-ONE")]).await;
    until("the first alarm", &admin, events, holds("ALARM-ONE")).await;

    // What is left of the room is for people.
    let more = dir.path().join("more");
    fill_but(&more, 3_000_000);
    tokio::time::sleep(Duration::from_secs(3)).await;
    app.desk.deliver(vec![alarm("ALARM-TWO")]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let seen = admin.get(events).await.expect_status(200).json();
    assert!(!holds("ALARM-TWO")(&seen), "{seen}");
    assert!(holds("ALARM-ONE")(&seen), "{seen}");
    app.signed_in(&plant.user("viewer")).await;

    std::fs::remove_file(&more).unwrap();
    until("the second alarm", &admin, events, holds("ALARM-TWO")).await;
    drop((app, volume));
}

async fn backed_up(client: &Client) -> Value {
    client
        .post("/api/backups", json!({}))
        .await
        .expect_status(202);
    until("the backup", client, "/api/backups", |status| {
        status["work"].is_null()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_backups_leaves_no_half_of_one_and_everything_else_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let Some(volume) = Volume::mount(dir.path(), 4) else {
        return;
    };
    let (app, plant, _) = TestApp::with_plants().await;
    std::fs::write(app.folder().join("appliance.id"), "07".repeat(16)).unwrap();
    let owner = app.signed_in(&plant.user("owner")).await;
    let settings = json!({
        "is_enabled": true, "folder": dir.path().display().to_string(),
        "cadence": { "every": "day", "minute": 60 }, "time_zone": "UTC", "keep_days": 7,
        "keep_months": 0,
    });
    let set = owner.put("/api/backups/settings", settings).await;
    set.expect_status(200);
    let ballast = dir.path().join("ballast");
    fill(&ballast);
    let status = backed_up(&owner).await;
    assert_eq!(status["last_error"]["code"], "backup.disk_full", "{status}");
    assert_eq!(status["backups"], json!([]));
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1, "only the ballast");
    app.client().get("/health/ready").await.expect_status(200);
    app.signed_in(&plant.user("admin")).await;

    std::fs::remove_file(&ballast).unwrap();
    let status = backed_up(&owner).await;
    assert_eq!(status["last_error"], Value::Null, "{status}");
    assert_eq!(status["backups"].as_array().unwrap().len(), 1);
    drop((app, volume));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_logs_loses_lines_and_nothing_else() {
    let (app, plant, _) = TestApp::with_plants().await;
    let folder = app.folder().join(LOG_FOLDER);
    std::fs::create_dir(&folder).unwrap();
    let Some(volume) = Volume::mount(&folder, 1) else {
        return;
    };
    let mut log = LogFiles::new();
    let limits = LogLimits {
        bytes: 10_000_000,
        files: 2,
        is_json: false,
    };
    log.open(app.folder(), limits);
    log.write_all(b"first\n").unwrap();
    let ballast = folder.join("ballast");
    fill(&ballast);
    // More than the rest of the block that the first line began.
    for _ in 0..100 {
        log.write_all(&[b'x'; 100]).unwrap();
    }
    let owner = app.signed_in(&plant.user("owner")).await;
    owner
        .get("/api/diagnostics/bundle")
        .await
        .expect_status(200);
    app.client().get("/health/ready").await.expect_status(200);

    std::fs::remove_file(&ballast).unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let text = || std::fs::read_to_string(folder.join("optria.log")).unwrap();
    while !text().contains("lines were lost: No space left") {
        assert!(
            Instant::now() < end,
            "no line says what was lost: {}",
            text()
        );
        log.write_all(b"again\n").unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(text().starts_with("first\n") && text().ends_with("again\n"));
    drop(log);
    drop(volume);
    drop(app);
}
