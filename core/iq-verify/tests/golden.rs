//! The committed evidence files: made anew they are the same bytes, and the program says of each what
//! the committed table says.
#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, process::Command};

use support::{Case, cases, golden, world::trust_lists};

const HEADER: &str = "file\ttrust\texit\treason\tpart\tn\twhat";

fn table(cases: &[Case]) -> String {
    let rows = cases.iter().map(|case| {
        let (exit, reason, part, n) = case.expected;
        let n = n.map(|n| n.to_string()).unwrap_or_default();
        format!(
            "{}.oqe\t{}\t{exit}\t{reason}\t{part}\t{n}\t{}",
            case.name, case.trust, case.what
        )
    });
    [HEADER.to_owned()]
        .into_iter()
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

/// Every committed file with its content as the generator makes it.
fn files() -> Vec<(String, Vec<u8>)> {
    let cases = cases();
    let mut files = vec![("expected.tsv".to_owned(), table(&cases).into_bytes())];
    for (name, text) in trust_lists() {
        files.push((format!("{name}.keys"), text.into_bytes()));
    }
    for case in cases {
        let name = format!("{}.oqe", case.name);
        if !files.iter().any(|(known, _)| *known == name) {
            files.push((name, case.file));
        }
    }
    files
}

#[test]
fn the_committed_files_are_frozen() {
    for (name, bytes) in files() {
        let committed = fs::read(golden().join(&name)).unwrap_or_default();
        assert!(committed == bytes, "{name} is not what it was");
    }
    let count = fs::read_dir(golden()).unwrap().count();
    assert_eq!(count, files().len(), "a file that nobody made");
}

#[test]
#[ignore = "writes the committed files; only for a new version of the format"]
fn write() {
    fs::create_dir_all(golden()).unwrap();
    for (name, bytes) in files() {
        fs::write(golden().join(name), bytes).unwrap();
    }
}

#[test]
fn the_program_says_what_the_table_says() {
    let committed = fs::read_to_string(golden().join("expected.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = committed
        .lines()
        .skip(1)
        .map(|l| l.split('\t').collect())
        .collect();
    assert!(rows.len() >= 50);
    for row in rows {
        let [file, trust, exit, reason, part, n, _] = row[..] else {
            panic!("{row:?}");
        };
        let output = Command::new(env!("CARGO_BIN_EXE_optria-verify"))
            .arg(golden().join(file))
            .arg("--trust")
            .arg(golden().join(format!("{trust}.keys")))
            .arg("--json")
            .output()
            .unwrap();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = said["n"]
            .as_u64()
            .map(|n| n.to_string())
            .unwrap_or_default();
        let got = (
            output.status.code().unwrap().to_string(),
            said["reason"].as_str().unwrap().to_owned(),
            said["part"].as_str().unwrap().to_owned(),
            number,
        );
        let wanted = (
            exit.to_owned(),
            reason.to_owned(),
            part.to_owned(),
            n.to_owned(),
        );
        assert_eq!(got, wanted, "{file} as {trust}");
        assert_eq!(said["exit"].to_string(), exit);
    }
}

#[test]
fn words_are_in_the_language_that_was_asked_for_and_otherwise_in_both() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_optria-verify"))
            .arg(golden().join("bad-32-report-edited.oqe"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stdout).unwrap()
    };
    let (arabic, english) = (run(&["--lang", "ar"]), run(&["--lang", "en"]));
    assert!(arabic.starts_with("الملف معدَّل") && arabic.contains("المستند رقم 1"));
    assert!(english.starts_with("Changed. Do not use") && english.contains("Document 1"));
    assert_eq!(run(&[]), format!("{arabic}\n{english}"));
}

#[test]
fn a_wrong_call_is_no_verdict() {
    let code = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_optria-verify"));
        program.args(arguments).output().unwrap().status.code()
    };
    let file = golden().join("good-01-cosigned.oqe");
    let file = file.to_str().unwrap();
    assert_eq!(code(&[]), Some(64));
    assert_eq!(code(&[file, file]), Some(64));
    assert_eq!(code(&[file, "--trust"]), Some(64));
    assert_eq!(code(&[file, "--trust", file]), Some(64));
    assert_eq!(code(&[file, "--lang", "fr"]), Some(64));
    assert_eq!(code(&["no such file"]), Some(66));
}

#[test]
fn a_file_that_is_not_there_is_told_in_the_readers_language() {
    for (language, says) in [("ar", "لا يوجد ملف"), ("en", "There is no file")] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_optria-verify"));
        let output = program
            .args(["no such file", "--lang", language])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says) && !said.contains("os error"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_unicode_is_a_name() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"p\xffmp.oqe"));
    fs::copy(golden().join("good-01-cosigned.oqe"), &path).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_optria-verify"))
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
}
