//! The program as a person starts it, and what stands in a store.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use iq_store::Connection;

pub(crate) fn optria(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_optria"))
        .args(args)
        .args(["--lang", "en"])
        .output()
        .unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn done(args: &[&str]) -> String {
    let output = optria(args);
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    said(&output)
}

/// A running appliance; killed when dropped.
pub(crate) struct Appliance(Child);

impl Appliance {
    pub(crate) fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_optria"))
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data)
            .env("OPTRIA_DISK_RESERVE_MB", "0")
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

/// The folder of the stores that were kept of each release, and the file with their key.
pub(crate) fn kept() -> (PathBuf, String) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/stores");
    (folder.into(), format!("{folder}/key.txt"))
}

/// The kept stores, the oldest first.
pub(crate) fn kept_stores() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(kept().0).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "backup"));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// By table, its columns and its rows in order.
pub(crate) type Contents = BTreeMap<String, (Vec<String>, Vec<String>)>;

/// Rows of each table, in order, with the columns that it has or had. The log of evidence grows whenever
/// a store is opened, and is no part of it.
pub(crate) fn contents(conn: &Connection, known: Option<&Contents>) -> Contents {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
               AND name NOT IN ('schema_migrations', 'write_probe') AND name NOT LIKE 'evidence!_%' ESCAPE '!'";
    let mut list = conn.prepare(sql).unwrap();
    let tables = list.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut found = Contents::new();
    for table in tables.map(Result::unwrap) {
        let columns = match known {
            Some(known) => match known.get(&table) {
                Some((columns, _)) => columns.clone(),
                None => continue,
            },
            None => {
                let all = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
                all.column_names()
                    .iter()
                    .map(|c| format!("\"{c}\""))
                    .collect()
            }
        };
        let quoted: Vec<String> = columns.iter().map(|c| format!("quote({c})")).collect();
        let sql = format!("SELECT {} FROM {table}", quoted.join(" || ',' || "));
        let mut rows = conn.prepare(&sql).unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        let mut rows: Vec<String> = rows.map(Result::unwrap).collect();
        rows.sort();
        found.insert(table, (columns, rows));
    }
    found
}

/// A mounted volume of limited size; gone with its owner.
pub(crate) struct Volume(PathBuf);

impl Volume {
    /// Says loudly that a test does not take place where volumes can't be mounted.
    pub(crate) fn mount(at: &Path, megabytes: u32) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(at)
            .output();
        let is_mounted = mount.is_ok_and(|mount| mount.status.success());
        if !is_mounted {
            let skipped =
                "SKIPPED, NOT TESTED: this account may not mount a volume of limited size";
            let mut told = std::io::stderr();
            writeln!(told, "{skipped}").unwrap();
        }
        is_mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Writes until there is no byte left.
pub(crate) fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![1_u8; size]).is_ok() {}
    }
}
