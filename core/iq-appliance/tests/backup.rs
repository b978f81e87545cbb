//! A backup of a running appliance, proved, taken to another machine, and refused where it is damaged.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use iq_domain::{AuditId, AuditRecord, Tenant, TenantId, Timestamp};
use iq_store::{Connection, audit, evidence, tenants};

fn optria(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_optria"))
        .args(args)
        .args(["--lang", "en"])
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(bytes).unwrap()
}

fn done(args: &[&str]) -> String {
    let output = optria(args);
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    said(&output)
}

/// A running appliance; killed when dropped.
struct Appliance(Child);

impl Appliance {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_optria"))
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines
            .map_while(Result::ok)
            .find(|line| line.starts_with("ready "));
        assert!(ready.is_some(), "it did not start");
        Self(child)
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn add_tenant(data: &Path) -> TenantId {
    let clock = std::sync::Arc::new(iq_domain::WallClock);
    let store = iq_store::Store::open(data.join("optria.db"), clock).unwrap();
    let tenant = Tenant {
        id: TenantId::new(),
        names: iq_domain::Names {
            ar: "محطة".to_owned(),
            en: "Plant".to_owned(),
        },
        is_demo: false,
        created_at: Timestamp(1_790_000_000_000),
    };
    let id = tenant.id;
    let record = AuditRecord {
        id: AuditId::new(),
        tenant_id: id,
        at: Timestamp(1_790_000_000_000),
        actor: "system".to_owned(),
        action: "users.create".to_owned(),
        object: "user 1".to_owned(),
        outcome: "success".to_owned(),
        details: serde_json::json!({}),
        address: None,
    };
    store
        .write_blocking(move |tx| {
            tenants::create_tenant(tx, &tenant)?;
            audit::append_audit(tx, id, &record)
        })
        .unwrap();
    id
}

fn epoch(data: &Path, tenant: TenantId) -> Option<(i64, String)> {
    let conn = Connection::open(data.join("optria.db")).unwrap();
    let epoch = evidence::get_epoch(&conn, tenant).unwrap();
    epoch.map(|epoch| (epoch.epoch_no, epoch.reason))
}

#[test]
fn a_backup_of_a_running_appliance_comes_back_on_another_machine() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (data, other, away) = (path("data"), path("other"), path("away"));
    drop(Appliance::start(data.as_ref()));
    let tenant = add_tenant(data.as_ref());
    let running = Appliance::start(data.as_ref());
    let text = done(&["backup", "--data-dir", &data, "--to", &away]);
    assert!(text.contains("Proved by restoring it"), "{text}");
    assert!(
        text.contains("Print it"),
        "the new key is spoken of: {text}"
    );
    let refused = optria(&["restore", "x", "--data-dir", &data]);
    assert!(
        said(&refused).contains("backup.running"),
        "{}",
        said(&refused)
    );
    drop(running);

    let file = std::fs::read_dir(&away).unwrap().next().unwrap().unwrap();
    let file = file.path().to_str().unwrap().to_owned();
    let key = path("paper.txt");
    let shown = done(&["backup", "--data-dir", &data, "--show-key"]);
    std::fs::write(&key, shown.to_lowercase()).unwrap();
    let without = optria(&["restore", &file, "--data-dir", &other]);
    assert!(
        said(&without).contains("backup.no_key"),
        "{}",
        said(&without)
    );
    done(&["verify", &file, "--key-file", &key, "--data-dir", &other]);

    done(&["restore", &file, "--data-dir", &other, "--key-file", &key]);
    let before = epoch(data.as_ref(), tenant);
    drop(Appliance::start(other.as_ref()));
    let after = epoch(other.as_ref(), tenant);
    // The tenant's log began with the backup's own epoch, and goes on in another one.
    assert_eq!(before.map(|(number, _)| number), Some(1));
    assert_eq!(after, Some((2, "restored".to_owned())));
    drop(Appliance::start(other.as_ref()));
    assert_eq!(epoch(other.as_ref(), tenant), after, "said once");

    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = path("damaged.backup");
    std::fs::write(&damaged, bytes).unwrap();
    for command in [
        vec!["verify", &damaged, "--key-file", &key],
        vec![
            "restore",
            &damaged,
            "--key-file",
            &key,
            "--data-dir",
            &other,
        ],
    ] {
        let refused = optria(&command);
        assert!(!refused.status.success());
        assert!(
            said(&refused).contains("backup.damaged"),
            "{}",
            said(&refused)
        );
    }
    drop(Appliance::start(other.as_ref()));
    assert_eq!(
        epoch(other.as_ref(), tenant),
        after,
        "what was there is still there"
    );
}

#[test]
fn a_passphrase_opens_it_too_and_a_short_one_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (data, away, words) = (path("data"), path("away"), path("words.txt"));
    drop(Appliance::start(data.as_ref()));
    let command = [
        "backup",
        "--data-dir",
        &data,
        "--to",
        &away,
        "--unproved",
        "--passphrase-file",
        &words,
    ];
    std::fs::write(&words, "short\n").unwrap();
    let refused = optria(&command);
    assert!(
        said(&refused).contains("backup.passphrase_short"),
        "{}",
        said(&refused)
    );
    std::fs::write(&words, "nine quiet turbines\n").unwrap();
    done(&command);
    let file = std::fs::read_dir(&away).unwrap().next().unwrap().unwrap();
    let file = file.path().to_str().unwrap().to_owned();
    done(&["verify", &file, "--passphrase-file", &words]);
    std::fs::write(&words, "nine quiet turbine\n").unwrap();
    let refused = optria(&["verify", &file, "--passphrase-file", &words]);
    assert!(
        said(&refused).contains("backup.wrong_key"),
        "{}",
        said(&refused)
    );
}
