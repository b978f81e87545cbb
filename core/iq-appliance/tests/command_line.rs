//! The command line as a person meets it: its manual, its completions, and the verdict on a package.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{
    fs::{self, File},
    path::Path,
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
