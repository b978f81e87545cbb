//! The hooks that run a text past the query check are for tests: nothing that is shipped may ask for
//! them, and a workspace build unites what its crates ask for.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folders of all crates.
fn crates() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found: Vec<PathBuf> = ["src-tauri", "tests", "tests/bench", "xtask"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    let core = fs::read_dir(root.join("core")).expect("the folder of the crates");
    found.extend(core.filter_map(|entry| Some(entry.ok()?.path())));
    found.retain(|folder| folder.join("Cargo.toml").is_file());
    found
}

#[test]
fn only_dependencies_of_tests_ask_for_the_hooks() {
    let crates = crates();
    assert!(crates.len() > 20, "{crates:?}");
    let mut asked = Vec::new();
    for folder in crates {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        let mut section = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let is_own = section == "[features]" && line == "test-hooks = []";
            if line.contains("test-hooks") && !is_own {
                asked.push(section.to_owned());
            }
        }
    }
    assert!(!asked.is_empty(), "the tests of the connector ask for them");
    let is_for_tests = |section: &String| section.starts_with("[dev-dependencies");
    assert!(asked.iter().all(is_for_tests), "{asked:?}");
}
