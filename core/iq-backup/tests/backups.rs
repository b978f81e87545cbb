//! A backup made while others write, opened again, and refused in every damaged form.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use iq_backup::{
    BackupError, BackupKey, Manifest, Opener, Request, RestoredMark, Stage, check, finish_pending,
    has_pending, inspect, make, unpack, withdraw_pending,
};
use iq_secrets::SecretString;
use rusqlite::Connection;
use support::{APPLIANCE, Folder, NOW, generation, open};

fn key(folder: &Folder) -> Opener {
    Opener::Key(folder.key.clone())
}

fn restored(file: &Path, opener: &Opener) -> Result<(tempfile::TempDir, Manifest), BackupError> {
    let back = tempfile::tempdir().unwrap();
    let (_, manifest) = unpack(file, opener, back.path())?;
    check(back.path(), &manifest)?;
    Ok((back, manifest))
}

#[test]
fn what_comes_back_is_what_was_saved() {
    let folder = Folder::filled(1);
    std::fs::write(folder.data().join("appliance.lock"), "held").unwrap();
    std::fs::write(folder.data().join("optria.db.schema-0001.bak"), "old").unwrap();
    std::fs::write(folder.data().join(iq_backup::RESERVE), "room").unwrap();
    // Backups that were made into the folder itself.
    for place in ["", "pki"] {
        let earlier = "optria-01234567-2026-09-21T141320Z.backup";
        std::fs::write(folder.data().join(place).join(earlier), "earlier").unwrap();
    }
    let made = folder.make();
    let (back, manifest) = restored(&made.path, &key(&folder)).unwrap();
    assert_eq!(generation(back.path()), Some(1));
    let names: Vec<&str> = manifest
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "checkpoints",
            "master.key",
            "pki/trusted/a.der",
            "optria.db",
            "historian.db"
        ]
    );
    let text = std::fs::read(&made.path).unwrap();
    let holds = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
    assert!(!holds(b"of 1 and some length") && !holds(b"master.key of"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for path in [&made.path, &back.path().join("master.key")] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_thousand_damaged_backups_are_refused() {
    let folder = Folder::filled(1);
    let made = folder.make();
    let whole = std::fs::read(&made.path).unwrap();
    let target = folder.root.path().join("damaged.backup");
    let mut random = 0x5eed_u64;
    let mut below = |limit: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % limit
    };
    for number in 0..1_000 {
        let mut bytes = whole.clone();
        // Half of them in the beginning, where mark, header and wrapped keys are.
        let reach = if number % 2 == 0 { bytes.len() } else { 700 };
        let at = below(reach);
        match number % 5 {
            0 | 1 => bytes[at] ^= 1 << below(8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, bytes[at].wrapping_add(1)),
            _ => {
                let end = (at + 1 + below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
        std::fs::write(&target, &bytes).unwrap();
        let refused = restored(&target, &key(&folder));
        assert!(refused.is_err(), "damage {number} at {at} was accepted");
    }
    // Whole frames taken away, doubled, swapped; something after the end.
    let header = u32::from_be_bytes(whole[16..20].try_into().unwrap()) as usize;
    let mut frames = Vec::new();
    let mut rest = &whole[20 + header..];
    while !rest.is_empty() {
        let length = 4 + u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        frames.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    assert!(frames.len() > 2, "{} frames", frames.len());
    let mut without_last = frames.clone();
    without_last.pop();
    let mut without_first = frames.clone();
    without_first.remove(0);
    let mut swapped = frames.clone();
    swapped.swap(0, 1);
    let mut doubled = frames.clone();
    doubled.insert(1, frames[0].clone());
    let mut longer = frames.clone();
    longer.push(vec![0]);
    for changed in [without_last, without_first, swapped, doubled, longer] {
        let bytes = [whole[..20 + header].to_vec(), changed.concat()].concat();
        std::fs::write(&target, bytes).unwrap();
        let refused = restored(&target, &key(&folder));
        assert!(matches!(refused, Err(BackupError::Damaged(_))));
    }
}

#[test]
fn it_opens_with_its_key_or_its_passphrase_and_with_nothing_else() {
    let folder = Folder::filled(1);
    let passphrase = SecretString::from("nine quiet turbines");
    let made = make(&Request {
        data: folder.data(),
        into: &folder.root.path().join("out"),
        now: NOW,
        program: "0.1.0",
        appliance: APPLIANCE,
        key: &folder.key,
        passphrase: Some(&passphrase),
    })
    .unwrap();
    let header = inspect(&made.path).unwrap();
    assert_eq!(header.key_id(), Some(folder.key.id().as_str()));
    assert!(header.has_passphrase());
    let other = BackupKey::load_or_create(&folder.root.path().join("other.key")).unwrap();
    let typed = BackupKey::from_text(&folder.key.text().expose().to_lowercase()).unwrap();
    assert!(restored(&made.path, &Opener::Key(typed)).is_ok());
    assert!(restored(&made.path, &Opener::Passphrase(passphrase)).is_ok());
    for wrong in [
        Opener::Key(other),
        Opener::Passphrase(SecretString::from("nine quiet turbine")),
    ] {
        let refused = restored(&made.path, &wrong);
        assert!(matches!(refused, Err(BackupError::WrongKey)));
    }
}

#[test]
fn a_store_that_is_written_to_is_copied_at_one_moment() {
    let folder = Folder::filled(1);
    let path = folder.data().join("optria.db");
    let conn = open(&path);
    conn.execute_batch("CREATE TABLE pair (half INTEGER, number INTEGER)")
        .unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let conn = Connection::open(&path).unwrap();
            conn.busy_timeout(std::time::Duration::from_secs(10))
                .unwrap();
            for number in 0_i64.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let tx = conn.unchecked_transaction().unwrap();
                for half in 0..2 {
                    tx.execute("INSERT INTO pair VALUES (?, ?)", (half, number))
                        .unwrap();
                }
                tx.commit().unwrap();
            }
        });
        let mut counts = Vec::new();
        for _ in 0..10 {
            let made = folder.make();
            let (back, _) = restored(&made.path, &key(&folder)).unwrap();
            let conn = open(&back.path().join("optria.db"));
            let sql = "SELECT sum(half = 0), sum(half = 1) FROM pair";
            let halves: (Option<i64>, Option<i64>) = conn
                .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            assert_eq!(halves.0, halves.1, "a transaction was torn");
            counts.push(halves.0);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(counts[9] > counts[0], "nothing was written meanwhile");
    });
}

fn mark() -> RestoredMark {
    RestoredMark {
        source: "a backup".to_owned(),
        made_at: NOW,
        restored_at: NOW,
    }
}

#[test]
fn a_restore_replaces_everything_and_keeps_the_old_beside_it() {
    let folder = Folder::filled(1);
    let made = folder.make();
    folder.become_generation(2);
    std::fs::write(folder.data().join("added.later"), "x").unwrap();
    std::fs::write(folder.data().join(iq_backup::RESERVE), "room").unwrap();
    let stage = Stage::begin(folder.data()).unwrap();
    unpack(&made.path, &key(&folder), stage.folder()).unwrap();
    stage.commit(&mark(), None).unwrap();
    assert_eq!(generation(folder.data()), Some(2), "nothing is done yet");
    assert!(has_pending(folder.data()));
    let aside = finish_pending(folder.data()).unwrap().unwrap();
    assert_eq!(generation(folder.data()), Some(1));
    assert_eq!(generation(&aside), Some(2));
    assert!(!folder.data().join("added.later").exists());
    assert!(
        folder.data().join(iq_backup::RESERVE).exists(),
        "room on the disk is no data"
    );
    assert_eq!(RestoredMark::read(folder.data()), Some(mark()));
    assert!(finish_pending(folder.data()).unwrap().is_none());
}

#[test]
fn a_restore_that_is_withdrawn_or_never_decided_leaves_no_trace() {
    let folder = Folder::filled(1);
    let made = folder.make();
    folder.become_generation(2);
    for is_decided in [true, false] {
        let stage = Stage::begin(folder.data()).unwrap();
        unpack(&made.path, &key(&folder), stage.folder()).unwrap();
        if is_decided {
            stage.commit(&mark(), None).unwrap();
        }
        assert_eq!(withdraw_pending(folder.data()).unwrap(), is_decided);
        assert!(finish_pending(folder.data()).unwrap().is_none());
        assert_eq!(generation(folder.data()), Some(2));
        assert!(!folder.data().join(".restore").exists());
    }
}

#[test]
fn one_database_can_be_replaced_alone_with_its_journals() {
    let folder = Folder::filled(1);
    let made = folder.make();
    folder.become_generation(2);
    let open_one = open(&folder.data().join("optria.db"));
    assert!(folder.data().join("optria.db-wal").exists());
    let back = tempfile::tempdir().unwrap();
    unpack(&made.path, &key(&folder), back.path()).unwrap();
    let stage = Stage::begin(folder.data()).unwrap();
    std::fs::copy(
        back.path().join("optria.db"),
        stage.folder().join("optria.db"),
    )
    .unwrap();
    stage
        .commit(&mark(), Some(vec!["optria.db".to_owned()]))
        .unwrap();
    let aside = finish_pending(folder.data()).unwrap().unwrap();
    drop(open_one);
    assert!(aside.join("optria.db").is_file() && !aside.join("historian.db").exists());
    assert_eq!(generation(folder.data()), None, "one of each, as asked for");
}
