//! The upgrade of a kept, filled store is killed at every step it names and at instants all over its
//! duration, and so is a program that starts on one. Whatever the moment: the store is of the old schema
//! or of the new one, every row is there, the copy from before is whole, the next start finishes the
//! upgrade, and `optria rollback` leads back.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use iq_historian::{Historian, HistorianConfig};
use iq_store::Connection;
use support::{Appliance, Contents, contents, done, kept, kept_stores, optria, said};

/// Kills at instants, beside those at named steps.
const INSTANTS: u32 = 90;
/// Kills of a whole program that starts.
const STARTS: u32 = 8;

/// What every upgrade goes through, in its order.
const STEPS: [&str; 12] = [
    "compared",
    "copied",
    "copy flushed",
    "copy named",
    "copy kept",
    "begun",
    "counted",
    "changed",
    "applied",
    "looked at",
    "committed",
    "moved",
];

/// A kept store as a release left it, and what an upgrade that nobody disturbs makes of it.
struct Kept {
    /// Holds the folders.
    root: tempfile::TempDir,
    schema: u32,
    rows: Contents,
    old: Shape,
    new: Shape,
    samples: u64,
}

/// Schema number and every table, index and trigger of a store.
#[derive(Debug, PartialEq, Eq)]
struct Shape(u32, Vec<String>);

impl Shape {
    fn of(conn: &Connection) -> Self {
        let sql = "SELECT name || ':' || COALESCE(sql, '') FROM sqlite_schema ORDER BY name";
        let mut list = conn.prepare(sql).unwrap();
        let found = list.query_map([], |row| row.get(0)).unwrap();
        let mut names: Vec<String> = found.map(Result::unwrap).collect();
        // How many steps the ledger knows is what the number in the header must say as well.
        let user: u32 = conn
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        names.push(format!("user_version:{user}"));
        Self(iq_store::schema_version(conn).unwrap(), names)
    }
}

fn store_of(data: &Path) -> PathBuf {
    data.join("optria.db")
}

fn copy_of(data: &Path, schema: u32) -> PathBuf {
    data.join(format!("optria.db.schema-{schema:04}.bak"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn samples(data: &Path) -> u64 {
    let config = HistorianConfig::default();
    let historian = Historian::open(&data.join("historian.db"), config).unwrap();
    historian.stats().unwrap().samples
}

impl Kept {
    fn unpacked(file: &Path) -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("kept");
        let (_, key) = kept();
        let place = text(&data);
        done(&[
            "restore",
            text(file),
            "--data-dir",
            place,
            "--key-file",
            &key,
        ]);
        let conn = Connection::open(store_of(&data)).unwrap();
        let (schema, rows) = (
            iq_store::schema_version(&conn).unwrap(),
            contents(&conn, None),
        );
        let old = Shape::of(&conn);
        drop(conn);
        let mut kept = Self {
            samples: samples(&data),
            root,
            schema,
            rows,
            new: Shape(0, Vec::new()),
            old,
        };
        let upgraded = kept.fresh();
        Target::start(&upgraded, None).finish();
        kept.new = Shape::of(&Connection::open(store_of(&upgraded)).unwrap());
        kept
    }

    /// A folder as the release left it.
    fn fresh(&self) -> PathBuf {
        let data = self.root.path().join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data).unwrap();
        }
        copy_folder(&self.root.path().join("kept"), &data);
        data
    }

    /// The store is of the old schema or of the new one, with every row. Says whether it is the new one.
    fn look(&self, data: &Path, when: &str) -> bool {
        self.look_with(data, when, |conn| self.kept(conn, when))
    }

    /// As [`Kept::look`], with another look at the rows of the store.
    fn look_with(&self, data: &Path, when: &str, rows: impl Fn(&Connection)) -> bool {
        let conn = Connection::open(store_of(data)).unwrap();
        let shape = Shape::of(&conn);
        let is_new = shape == self.new;
        assert!(is_new || shape == self.old, "{when}: between: {shape:?}");
        rows(&conn);
        let copy = copy_of(data, self.schema);
        assert!(copy.exists() || !is_new, "{when}: there is no way back");
        if copy.exists() {
            let conn = Connection::open(copy).unwrap();
            assert_eq!(Shape::of(&conn), self.old, "{when}: the copy");
            self.whole(&conn, when);
        }
        is_new
    }

    /// Every row, as it was; what began to work on the new store adds its own.
    fn kept(&self, conn: &Connection, when: &str) {
        sound(conn, when);
        let found = contents(conn, Some(&self.rows));
        for (table, (_, rows)) in &self.rows {
            let has: BTreeSet<&String> = found[table].1.iter().collect();
            let lost = rows.iter().find(|row| !has.contains(row));
            assert_eq!(lost, None, "{when}: a row of {table}");
        }
    }

    /// Every row as it was, and no other.
    fn whole(&self, conn: &Connection, when: &str) {
        sound(conn, when);
        let found = contents(conn, Some(&self.rows));
        for (table, rows) in &self.rows {
            assert!(found.get(table) == Some(rows), "{when}: {table} changed");
        }
    }

    /// No row is gone; a program at work changes some and adds others.
    fn complete(&self, conn: &Connection, when: &str) {
        sound(conn, when);
        let found = contents(conn, Some(&self.rows));
        for (table, (_, rows)) in &self.rows {
            let has = found[table].1.len();
            assert!(
                has >= rows.len(),
                "{when}: {table}: {has} of {}",
                rows.len()
            );
        }
    }

    /// After a kill: what is found, what the next start makes of it where it is given one, and the way back.
    fn judge(&self, data: &Path, when: &str, starts_again: bool) -> bool {
        let is_new = self.look(data, when);
        let found = if starts_again {
            Target::start(data, None).finish();
            let again = format!("{when}, started again");
            assert!(self.look(data, &again), "{again}: it stays old");
            true
        } else {
            is_new
        };
        let back = optria(&["rollback", "--data-dir", text(data)]);
        let answer = said(&back);
        assert_eq!(back.status.success(), found, "{when}: {answer}");
        if !found {
            assert!(
                answer.contains("backup.nothing_to_roll_back"),
                "{when}: {answer}"
            );
        }
        let back = format!("{when}, the way back");
        let whole = |conn: &Connection| self.whole(conn, &back);
        assert!(!self.look_with(data, &back, whole), "{back}: it stays new");
        is_new
    }
}

fn sound(conn: &Connection, when: &str) {
    let word: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(word, "ok", "{when}");
}

/// The process that is killed.
struct Target {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Target {
    fn start(data: &Path, stop_at: Option<usize>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_upgrade-kill-target"))
            .arg(data)
            .args(stop_at.map(|step| step.to_string()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut target = Self { child, lines };
        assert_eq!(target.line(), "begun");
        target
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Says how long it took.
    fn finish(mut self) -> Duration {
        let begun = Instant::now();
        assert_eq!(self.line(), "done");
        let took = begun.elapsed();
        assert!(self.child.wait().unwrap().success());
        took
    }
}

/// Waits for an instant closer than a thread that sleeps is woken.
fn reach(instant: Instant) {
    while Instant::now() < instant {
        std::thread::yield_now();
    }
}

/// The newest of the kept stores that this version still has to upgrade.
fn to_be_upgraded() -> Kept {
    let mut all = kept_stores()
        .into_iter()
        .rev()
        .map(|file| Kept::unpacked(&file));
    all.find(|kept| kept.old != kept.new).unwrap()
}

#[test]
fn an_upgrade_killed_a_hundred_times_leaves_the_old_or_the_new_and_a_way_back() {
    let kept = to_be_upgraded();
    let (mut kills, mut seen) = (0, [0; 2]);
    let mut judge = |data: &Path, when: &str| {
        // Every other one is taken back as it lies there.
        let is_new = kept.judge(data, when, kills % 2 == 0);
        seen[usize::from(is_new)] += 1;
        kills += 1;
    };

    let mut steps = BTreeSet::new();
    for number in 0.. {
        let data = kept.fresh();
        let mut target = Target::start(&data, Some(number));
        let step = target.line();
        if step == "done" {
            target.child.wait().unwrap();
            break;
        }
        target.kill();
        judge(&data, &format!("killed at the step {step:?}"));
        steps.insert(step);
    }
    assert_eq!(steps, STEPS.map(str::to_owned).into(), "the steps it names");

    let took = (0..3).map(|_| Target::start(&kept.fresh(), None).finish());
    let took = took.max().unwrap();
    for turn in 0..INSTANTS {
        let data = kept.fresh();
        let target = Target::start(&data, None);
        reach(Instant::now() + took * turn / INSTANTS);
        target.kill();
        judge(
            &data,
            &format!("killed at instant {turn} of {INSTANTS} in {took:?}"),
        );
    }
    assert!(kills >= 100, "{kills}");
    assert!(
        seen[0] > 0 && seen[1] > 0,
        "on both sides of the commit: {seen:?}"
    );
}

#[test]
fn a_program_killed_while_it_starts_on_an_older_store_loses_nothing() {
    let kept = to_be_upgraded();
    let data = kept.fresh();
    let begun = Instant::now();
    drop(Appliance::start(&data));
    let took = begun.elapsed();
    for turn in 0..STARTS {
        let data = kept.fresh();
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_optria"))
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(&data)
            .env("OPTRIA_DISK_RESERVE_MB", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        reach(begun + took * (turn + 1) / STARTS);
        child.kill().unwrap();
        child.wait().unwrap();
        let when = format!("killed {turn} of {STARTS} into its start of {took:?}");
        let rows = |conn: &Connection| kept.complete(conn, &when);
        kept.look_with(&data, &when, rows);
        // It starts, with everything it had.
        drop(Appliance::start(&data));
        assert!(kept.look_with(&data, &when, rows), "{when}: it stays old");
        assert!(samples(&data) >= kept.samples, "{when}: samples are gone");
    }
}
