//! A backup of a running appliance, proved, taken to another machine, and refused where it is damaged.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

mod support;

use std::{path::Path, process::Command};

use iq_domain::{AuditId, AuditRecord, Tenant, TenantId, Timestamp};
use iq_store::{Connection, audit, evidence, tenants};
use support::{Appliance, contents, done, kept, kept_stores, optria, said};

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
    let file = std::fs::read_dir(&away).unwrap().next().unwrap().unwrap();
    let file = file.path().to_str().unwrap().to_owned();
    let refused = optria(&["restore", &file, "--data-dir", &data]);
    assert!(
        said(&refused).contains("backup.running"),
        "{}",
        said(&refused)
    );
    drop(running);

    let key = path("paper.txt");
    let shown = done(&["backup", "--data-dir", &data, "--show-key"]);
    std::fs::write(&key, shown.to_lowercase()).unwrap();
    let without = optria(&["restore", &file, "--data-dir", &other]);
    assert!(
        said(&without).contains("backup.no_key"),
        "{}",
        said(&without)
    );
    assert!(!Path::new(&other).exists(), "nothing to open it with");
    done(&["verify", &file, "--key-file", &key, "--data-dir", &other]);

    done(&["restore", &file, "--data-dir", &other, "--key-file", &key]);
    // Backed up before its first start, it is as good as the one it came from.
    let again = path("again");
    done(&["backup", "--data-dir", &other, "--to", &again]);
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
fn an_appliance_whose_identity_file_is_gone_stays_the_same_one() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    drop(Appliance::start(&data));
    let tenant = add_tenant(&data);
    drop(Appliance::start(&data));
    let (file, before) = (data.join("appliance.id"), epoch(&data, tenant));
    let id = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    drop(Appliance::start(&data));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), id);
    assert_eq!(epoch(&data, tenant), before, "the log goes on");
    assert!(before.is_some());
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

#[test]
fn the_kept_store_of_every_release_comes_to_this_version_and_back() {
    let (_, key) = kept();
    for file in kept_stores() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        let (file, place) = (file.to_str().unwrap(), data.to_str().unwrap());
        done(&["verify", file, "--key-file", &key]);
        done(&["restore", file, "--data-dir", place, "--key-file", &key]);
        let path = data.join("optria.db");
        let conn = Connection::open(&path).unwrap();
        let schema = iq_store::schema_version(&conn).unwrap();
        let before = contents(&conn, None);
        drop(conn);
        assert!(before.values().filter(|(_, rows)| !rows.is_empty()).count() > 20);
        let clock = std::sync::Arc::new(iq_domain::WallClock);
        let store = iq_store::Store::open(&path, clock).unwrap();
        let after = store
            .read_blocking(|conn| Ok(contents(conn, Some(&before))))
            .unwrap();
        let is_upgraded = store.copy_before_migration().is_some();
        drop(store);
        for (table, content) in &before {
            assert!(
                after.get(table) == Some(content),
                "{table} of {file} changed"
            );
        }
        let back = optria(&["rollback", "--data-dir", place]);
        if is_upgraded {
            assert!(back.status.success(), "{}", said(&back));
            let conn = Connection::open(&path).unwrap();
            assert_eq!(iq_store::schema_version(&conn).unwrap(), schema);
            assert!(contents(&conn, None) == before, "the way back of {file}");
        } else {
            assert!(
                said(&back).contains("backup.nothing_to_roll_back"),
                "{}",
                said(&back)
            );
        }
    }
}

#[test]
fn a_rollback_puts_the_copy_from_before_an_upgrade_back() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let place = data.to_str().unwrap();
    drop(Appliance::start(&data));
    add_tenant(&data);
    // As an upgrade from the step before would have left it.
    let path = data.join("optria.db");
    let conn = Connection::open(&path).unwrap();
    let schema = iq_store::schema_version(&conn).unwrap();
    let copy = data.join(format!("optria.db.schema-{:04}.bak", schema - 1));
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    drop(conn);
    let older = Connection::open(&copy).unwrap();
    let last =
        "DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)";
    older.execute(last, []).unwrap();
    drop(older);
    let running = Appliance::start(&data);
    let refused = optria(&["rollback", "--data-dir", place]);
    assert!(
        said(&refused).contains("backup.running"),
        "{}",
        said(&refused)
    );
    drop(running);
    let text = done(&["rollback", "--data-dir", place]);
    assert!(text.contains("Install that version"), "{text}");
    let conn = Connection::open(&path).unwrap();
    assert_eq!(iq_store::schema_version(&conn).unwrap(), schema - 1);
    let old = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let old: Vec<_> = old
        .filter(|path| path.join("optria.db").is_file())
        .collect();
    assert_eq!(old.len(), 1, "what was there stays beside it: {old:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_target_or_temporary_folder_is_said_leaves_nothing_and_harms_nothing() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (data, away, small, key) = (path("data"), path("away"), path("small"), path("key.txt"));
    drop(Appliance::start(data.as_ref()));
    done(&["backup", "--data-dir", &data, "--to", &away]);
    std::fs::write(&key, done(&["backup", "--data-dir", &data, "--show-key"])).unwrap();
    let file = std::fs::read_dir(&away).unwrap().next().unwrap().unwrap();
    let file = file.path().to_str().unwrap().to_owned();
    std::fs::create_dir(&small).unwrap();
    let Some(volume) = support::Volume::mount(small.as_ref(), 8) else {
        return;
    };
    let ballast = Path::new(&small).join("ballast");
    support::fill(&ballast);

    let full = optria(&["backup", "--data-dir", &data, "--to", &small]);
    assert!(said(&full).contains("backup.disk_full"), "{}", said(&full));
    assert!(!full.status.success() && !said(&full).contains("panicked"));
    // Another machine has no data folder to prove it in.
    let nowhere = path("nowhere");
    let verify = ["verify", &file, "--key-file", &key, "--data-dir", &nowhere];
    let proved = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_optria"))
            .args(words)
            .args(["--lang", "en"])
            .env("TMPDIR", &small)
            .output()
            .unwrap()
    };
    let full = proved(&verify);
    assert!(said(&full).contains("backup.no_room"), "{}", said(&full));
    assert!(!full.status.success() && !said(&full).contains("panicked"));
    let log = Path::new(&small).join("logs.zip");
    std::fs::create_dir_all(Path::new(&data).join("logs")).unwrap();
    std::fs::write(
        Path::new(&data).join("logs/optria.log"),
        "line\n".repeat(99),
    )
    .unwrap();
    let full = optria(&["logs", "export", log.to_str().unwrap(), "--data-dir", &data]);
    assert!(!full.status.success() && !said(&full).contains("panicked"));
    std::fs::remove_file(&log).unwrap();
    let left: Vec<_> = std::fs::read_dir(&small).unwrap().collect();
    assert_eq!(left.len(), 1, "only the ballast: {left:?}");

    std::fs::remove_file(&ballast).unwrap();
    done(&["backup", "--data-dir", &data, "--to", &small]);
    done(&["verify", &file, "--key-file", &key, "--data-dir", &data]);
    drop(volume);
}
