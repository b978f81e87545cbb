//! The command line as a person meets it: its manual, its completions, and the verdict on a package.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use minisign::KeyPair;

fn optria(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_optria"))
        .args(args)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_command_of_the_help_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        optria(&["man", folder.path().to_str().unwrap()])
            .status
            .success()
    );
    let help = said(&optria(&["--help"]));
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.contains(&"verify-package"), "{help}");
    for command in commands {
        let page = folder.path().join(format!("optria-{command}.1"));
        assert!(page.is_file(), "{command} has no page");
    }
}

#[test]
fn shells_learn_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = optria(&["completions", shell]);
        assert!(said(&output).contains("verify-package"), "{shell}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_refused_and_not_made() {
    let root = tempfile::tempdir().unwrap();
    let nowhere = root.path().join("typing-error");
    let folder = nowhere.to_str().unwrap();
    for command in [
        vec!["user", "reset-password", "admin"],
        vec!["bundle", "export"],
        vec!["backup"],
        vec!["backup", "--show-key"],
        vec!["rollback"],
    ] {
        let output = optria(&[command.as_slice(), &["--data-dir", folder]].concat());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(
            said(&output).contains("[data.none]"),
            "{command:?}: {}",
            said(&output)
        );
        assert!(!nowhere.exists(), "{command:?} made the folder");
    }
}

#[test]
fn a_wrong_user_is_named_in_the_language_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let clock = Arc::new(iq_domain::WallClock);
    drop(iq_store::Store::open(root.path().join("optria.db"), clock).unwrap());
    let folder = root.path().to_str().unwrap();
    for (language, words) in [
        ("en", "There is no user nobody"),
        ("ar", "لا يوجد المستخدم nobody"),
    ] {
        let args = ["--lang", language, "user", "reset-password", "nobody"];
        let output = optria(&[args.as_slice(), &["--data-dir", folder]].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
}

#[test]
fn a_filter_that_is_none_and_an_identity_that_is_damaged_stop_the_start_with_a_remedy() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().to_str().unwrap();
    let serve = ["serve", "--port", "0", "--data-dir", folder];
    fs::write(
        root.path().join("optria.toml"),
        "optria_log = \"info,,==\"\n",
    )
    .unwrap();
    let output = optria(&serve);
    assert!(!output.status.success());
    assert!(said(&output).contains("OPTRIA_LOG"), "{}", said(&output));

    fs::remove_file(root.path().join("optria.toml")).unwrap();
    fs::write(root.path().join("appliance.id"), "no id").unwrap();
    let output = optria(&serve);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("[data.identity_damaged]"),
        "{}",
        said(&output)
    );
    let kept = fs::read_to_string(root.path().join("appliance.id")).unwrap();
    assert_eq!(kept, "no id");
}

/// The files of a folder with their length.
fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.path(), entry.metadata().unwrap().len()))
        .collect()
}

#[test]
fn a_folder_whose_store_is_gone_is_not_begun_anew() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().to_str().unwrap();
    fs::write(root.path().join("historian.db"), "samples").unwrap();
    File::create(root.path().join("appliance.lock")).unwrap();
    let serve = ["serve", "--port", "0", "--data-dir", folder];
    for (language, words) in [("en", "is missing or empty"), ("ar", "مفقود أو فارغ")] {
        let before = files(root.path());
        let output = optria(&[["--lang", language].as_slice(), &serve].concat());
        assert_eq!(output.status.code(), Some(1));
        let said = said(&output);
        assert!(
            said.contains("[data.store_lost]") && said.contains(words),
            "{said}"
        );
        assert_eq!(files(root.path()), before, "nothing was made");
        File::create(root.path().join("optria.db")).unwrap();
    }
    // Nor is a store made by a command that then finds nothing in it.
    let reset = ["user", "reset-password", "admin", "--data-dir", folder];
    for command in [reset.as_slice(), &["rules", "list", "--data-dir", folder]] {
        assert_eq!(optria(command).status.code(), Some(1), "{command:?}");
    }
    let store = fs::metadata(root.path().join("optria.db")).unwrap();
    assert_eq!(store.len(), 0);
}

#[test]
fn a_start_that_finds_folder_or_port_taken_says_so_with_the_remedy() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = optria(&["serve", "--port", &port, "--data-dir", folder]);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("[serve.port_taken]"),
        "{}",
        said(&output)
    );

    let lock = File::create(root.path().join("appliance.lock")).unwrap();
    lock.lock().unwrap();
    let output = optria(&["serve", "--port", "0", "--data-dir", folder]);
    assert!(!output.status.success());
    assert!(said(&output).contains("[data.in_use]"), "{}", said(&output));
}

#[test]
fn a_name_that_is_none_and_one_that_a_certificate_lacks_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().to_str().unwrap();
    let tls = |rest: &[&str]| optria(&[["tls"].as_slice(), rest, &["--data-dir", folder]].concat());
    let refused = tls(&["request", "--name", "http://optria.plant/"]);
    assert!(
        said(&refused).contains("[tls.name_wrong]"),
        "{}",
        said(&refused)
    );
    let made = tls(&["renew", "--name", "optria.plant"]);
    assert!(made.status.success(), "{}", said(&made));
    let pair = ["tls/own.crt", "tls/own.pem"].map(|file| root.path().join(file));
    let [certificate, key] = [&pair[0], &pair[1]].map(|path| path.to_str().unwrap());
    let held = tls(&["check", certificate, key, "--name", "optria.plant:8090"]);
    assert!(held.status.success(), "{}", said(&held));
    let lacking = tls(&["check", certificate, key, "--name", "other.plant"]);
    assert!(
        said(&lacking).contains("[tls.name_missing]"),
        "{}",
        said(&lacking)
    );
}

#[test]
fn a_backup_without_its_beginning_is_refused_as_a_backup() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("empty.backup");
    let key = root.path().join("key");
    fs::write(&file, "").unwrap();
    fs::write(&key, "x").unwrap();
    let [file, key] = [&file, &key].map(|path| path.to_str().unwrap());
    for command in [
        vec!["verify", file, "--key-file", key],
        vec!["verify", "--key-file", key, file],
    ] {
        let output = optria(&command);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("[backup."), "{}", said(&output));
    }
}

#[test]
fn a_backup_that_is_not_there_is_told_before_its_key_and_makes_no_folder() {
    let root = tempfile::tempdir().unwrap();
    let [file, folder] = ["gone.backup", "data"].map(|name| root.path().join(name));
    for command in ["restore", "verify"] {
        let output = optria(&[
            command,
            file.to_str().unwrap(),
            "--data-dir",
            folder.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = said(&output);
        assert!(said.contains("[backup.not_found]"), "{command}: {said}");
        assert!(!folder.exists(), "{command} made the folder");
    }
}

/// Signs `package` as `version` and puts the signature beside it.
fn sign(package: &Path, by: &KeyPair, version: &str) {
    let arch = std::env::consts::ARCH;
    let comment =
        format!("optria-release-1 name=optria-server version={version} arch={arch} format=deb");
    let file = File::open(package).unwrap();
    let signature = minisign::sign(None, &by.sk, file, Some(&comment), None).unwrap();
    fs::write(
        package.with_extension("deb.minisig"),
        signature.into_string(),
    )
    .unwrap();
}

#[test]
fn a_package_is_judged_by_the_pinned_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (
        KeyPair::generate_unencrypted_keypair().unwrap(),
        KeyPair::generate_unencrypted_keypair().unwrap(),
    );
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::write(keys.join("1.pub"), ours.pk.to_box().unwrap().into_string()).unwrap();
    let package = folder.path().join("new.deb");
    fs::write(&package, "bytes").unwrap();
    let judge = |language: &str| {
        let [package, keys] = [&package, &keys].map(|path| path.to_str().unwrap());
        let args = [
            "--lang",
            language,
            "verify-package",
            package,
            "--keys",
            keys,
        ];
        optria(&args)
    };

    assert!(
        said(&judge("en")).contains("[release.unreadable]"),
        "without a signature"
    );
    sign(&package, &ours, "999.0.0");
    for language in ["en", "ar"] {
        let good = judge(language);
        assert!(good.status.success(), "{}", said(&good));
        assert!(said(&good).contains("999.0.0"));
    }
    sign(&package, &theirs, "999.0.0");
    assert!(said(&judge("ar")).contains("[release.foreign_key]"));
    sign(&package, &ours, "0.0.1");
    assert!(said(&judge("en")).contains("[release.older]"));
    sign(&package, &ours, "999.0.0");
    fs::write(&package, "byte").unwrap();
    let damaged = judge("en");
    assert!(said(&damaged).contains("[release.damaged]"));
    assert!(!damaged.status.success());
}

/// The pump's pack of the program under another version.
fn pump_pack(version: u32) -> String {
    let file = include_str!("../../iq-blackbox/packs/centrifugal_pump.json");
    let mut pack: serde_json::Value = serde_json::from_str(file).unwrap();
    pack["version"] = version.into();
    pack.to_string()
}

#[test]
fn a_rule_pack_of_the_plants_own_is_put_in_force_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let at = data.to_str().unwrap();
    let file = folder.path().join("mine.json");
    fs::write(&file, pump_pack(977)).unwrap();
    let file = file.to_str().unwrap();
    // A folder typed wrong is no new one.
    let refused = optria(&["rules", "enable", file, "--data-dir", at]);
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("rules.no_data"),
        "{}",
        said(&refused)
    );
    assert!(!data.exists());
    fs::create_dir(&data).unwrap();
    let clock: Arc<dyn iq_domain::Clock> = Arc::new(iq_domain::WallClock);
    iq_store::Store::open(data.join("optria.db"), clock)
        .unwrap()
        .close();

    let listed = || said(&optria(&["rules", "list", "--data-dir", at]));
    assert!(!listed().contains("977*"));
    let done = optria(&["rules", "enable", file, "--data-dir", at]);
    assert!(done.status.success(), "{}", said(&done));
    assert!(listed().contains("centrifugal_pump 977*"), "{}", listed());
    let wrong = folder.path().join("wrong.json");
    fs::write(&wrong, pump_pack(0)).unwrap();
    let refused = optria(&["rules", "enable", wrong.to_str().unwrap(), "--data-dir", at]);
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("pack.version"),
        "{}",
        said(&refused)
    );
    assert!(
        listed().contains("centrifugal_pump 977*"),
        "nothing changed"
    );

    let taken = [
        "--lang",
        "ar",
        "rules",
        "disable",
        "centrifugal_pump",
        "--data-dir",
        at,
    ];
    let taken = optria(&taken);
    assert!(taken.status.success(), "{}", said(&taken));
    assert!(said(&taken).contains("سُحبت"), "{}", said(&taken));
    assert!(!listed().contains("977"));
    let again = optria(&["rules", "disable", "centrifugal_pump", "--data-dir", at]);
    assert!(said(&again).contains("rules.not_own"), "{}", said(&again));
}
