//! Three verifiers that share no code say the same of every file: this program, the page's script and
//! the small one in Python.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, path::PathBuf, process::Command};

use iq_evidence::{TrustStore, sha256, verify};
use serde_json::Value;
use support::{cases, golden, repository, world::trust_lists};

/// A sequence that is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 += 1;
        let hash = sha256(&self.0.to_be_bytes());
        let number = u64::from_be_bytes(hash[..8].try_into().unwrap());
        usize::try_from(number % sides as u64).unwrap()
    }
}

/// The file with some bytes changed, left out, put in or repeated; half of them with a digest that fits.
fn mutated(file: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut other = file.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(other.len());
        match dice.roll(5) {
            0 | 1 => other[at] ^= 1 << dice.roll(8),
            2 => other[at] = u8::try_from(dice.roll(256)).unwrap(),
            3 => drop(other.remove(at)),
            _ => other.insert(at, other[at]),
        }
    }
    if dice.roll(2) == 0 {
        let end = other.len() - 32;
        let digest = sha256(&other[..end]);
        other[end..].copy_from_slice(&digest);
    }
    other
}

fn lines(program: &mut Command) -> Vec<Value> {
    let output = program.output().expect("python3 and node are on the path");
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        !answers.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    answers
}

/// All that the JSON says once the file holds, and the verdict otherwise: a file that does not hold is
/// read only up to the place where that shows.
fn compared(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if ![0, 1, 5].contains(&answer["exit"].as_i64().unwrap())
        && let Some(fields) = answer.as_object_mut()
    {
        fields
            .retain(|name, _| ["exit", "verdict", "reason", "part", "n"].contains(&name.as_str()));
    }
    answer
}

fn check(trust: &str, files: &[PathBuf]) {
    let keys = golden().join(format!("{trust}.keys"));
    let ours = Command::new(env!("CARGO_BIN_EXE_optria-verify"));
    let program = ours.get_program().to_owned();
    let python = lines(
        Command::new("python3")
            .arg(repository().join("tests/evidence/verify.py"))
            .arg("--trust")
            .arg(&keys)
            .args(files),
    );
    let page = lines(
        Command::new("node")
            .arg(repository().join("tests/evidence/page.mjs"))
            .arg(repository().join("core/iq-verify/page/verify.js"))
            .arg(&keys)
            .args(files),
    );
    assert_eq!((python.len(), page.len()), (files.len(), files.len()));
    for (at, file) in files.iter().enumerate() {
        let own = lines(
            Command::new(&program)
                .arg(file)
                .arg("--trust")
                .arg(&keys)
                .arg("--json"),
        );
        let shown = file.display();
        assert_eq!(compared(&own[0]), compared(&python[at]), "{shown}: Python");
        assert_eq!(compared(&own[0]), compared(&page[at]), "{shown}: page");
    }
}

#[test]
fn of_every_committed_file_as_every_reader() {
    let mut files: Vec<PathBuf> = fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "oqe"))
        .collect();
    files.sort();
    for (trust, _) in trust_lists() {
        check(trust, &files);
    }
}

#[test]
fn of_files_that_chance_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(0);
    let mut files = Vec::new();
    for (number, case) in cases().iter().enumerate() {
        for round in 0..8 {
            let path = folder.path().join(format!("{number}-{round}.oqe"));
            fs::write(&path, mutated(&case.file, &mut dice)).unwrap();
            files.push(path);
        }
    }
    // Chance must reach more than the first check.
    let trust = TrustStore::parse(&trust_lists()[0].1).unwrap();
    let reasons = |path: &PathBuf| verify(&fs::read(path).unwrap(), &trust).reason.word();
    let mut found: Vec<&str> = files.iter().map(reasons).collect();
    found.sort_unstable();
    found.dedup();
    assert!(found.len() > 10, "{found:?}");
    check("reader", &files);
}
