//! Processes that back up and restore are killed at a hundred moments each: a backup is there whole or
//! not at all, and the folder holds the old or the new, never a part of each.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use iq_backup::{Opener, check, finish_pending, list, unpack};
use support::{Folder, generation};

const KILLS: u32 = 100;

/// Runs the target and kills it after its first turn and a part of the next, so that the kills fall all
/// over the work.
fn kill(what: &str, folder: &Folder, other: &Path, turn_of: u32) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_backup-kill-target"))
        .args([what.as_ref(), folder.data().as_os_str(), other.as_os_str()])
        .arg(folder.root.path().join("kept.key"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begun = std::time::Instant::now();
    lines.next().unwrap().unwrap();
    let turn = begun.elapsed();
    std::thread::sleep(
        turn.mul_f64(f64::from(turn_of) / f64::from(KILLS))
            .max(Duration::from_micros(50)),
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_backup_killed_a_hundred_times_is_whole_or_absent() {
    let folder = Folder::filled(1);
    let into = folder.root.path().join("out");
    for turn in 0..KILLS {
        kill("backup", &folder, &into, turn);
        let opener = Opener::Key(folder.key.clone());
        for kept in list(&into, support::APPLIANCE).unwrap() {
            let back = tempfile::tempdir().unwrap();
            let (_, manifest) = unpack(&kept.path, &opener, back.path()).unwrap();
            check(back.path(), &manifest).unwrap();
            std::fs::remove_file(&kept.path).unwrap();
        }
    }
    // What was left lying is cleared by the next one.
    folder.make();
    let left: Vec<_> = std::fs::read_dir(folder.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_restore_killed_a_hundred_times_leaves_the_old_or_the_new() {
    let folder = Folder::filled(1);
    let made = folder.make();
    let mut seen = [0; 2];
    for turn in 0..KILLS {
        folder.become_generation(2);
        kill("restore", &folder, &made.path, turn);
        // Whoever opens the folder next.
        finish_pending(folder.data()).unwrap();
        let found = generation(folder.data());
        assert!(found.is_some(), "kill {turn} left a part of each");
        seen[usize::try_from(found.unwrap() - 1).unwrap()] += 1;
        folder.clear_aside();
    }
    assert!(seen[0] > 0, "no kill came after a restore: {seen:?}");
}
