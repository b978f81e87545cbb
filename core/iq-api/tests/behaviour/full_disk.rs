//! A volume that is really full: people still come in and read, nothing is half-written, and writing
//! goes on by itself when there is space again.
#![cfg(target_os = "linux")]

use std::{
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::TestApp;

/// A mounted volume; gone with its owner.
struct Volume<'a>(&'a Path);

impl<'a> Volume<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(at)
            .output()
            .ok()?;
        mount.status.success().then_some(Self(at))
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
    let Some(volume) = Volume::mount(dir.path()) else {
        writeln!(
            std::io::stderr(),
            "SKIPPED, NOT TESTED: this account may not mount a volume of limited size"
        )
        .unwrap();
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
