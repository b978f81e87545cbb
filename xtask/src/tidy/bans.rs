//! Packages that must not be linked, and places packages must not come from. `deny.toml` holds the list
//! for `cargo deny`; this rule reads it from there and needs no other tool. What only `cargo deny` knows
//! (advisories) is asked for where it is installed, and named as not checked where it is not.

use anyhow::Result;

use super::licences::Package;
use crate::shell::{cargo, is_on_path, root, run};

/// The one registry; packages of the workspace have no source at all.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Packages that `deny.toml` bans, and packages from elsewhere than the registry.
pub(crate) fn refused(packages: &[Package]) -> Vec<String> {
    match std::fs::read_to_string(root().join("deny.toml")) {
        Ok(rules) => refused_by(&banned(&rules), packages),
        Err(error) => vec![format!("deny.toml can't be read: {error}")],
    }
}

/// The crates of the lines `{ crate = "x", reason = "…" }`.
fn banned(rules: &str) -> Vec<String> {
    let lines = rules.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("{ crate =") && line.contains("reason ="))
        .filter_map(|line| line.split('"').nth(1).map(str::to_owned))
        .collect()
}

fn refused_by(banned: &[String], packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        if banned.contains(&package.name) {
            found.push(format!("{} is banned by deny.toml", package.name));
        }
        if let Some(source) = package.source.as_deref().filter(|s| *s != REGISTRY) {
            found.push(format!("{} comes from {source}", package.name));
        }
    }
    found
}

/// Known weaknesses of the packages, which only `cargo deny` can tell.
pub(crate) fn advisories() -> Result<()> {
    let reason = if !is_on_path("cargo-deny") {
        "cargo-deny is not installed (cargo install --locked cargo-deny)"
    } else if run(cargo().args(["deny", "fetch", "db"])).is_err() {
        // Without a network a list of yesterday would look like an answer of today.
        "the database of advisories can't be reached"
    } else {
        let check = ["deny", "check", "--disable-fetch", "advisories"];
        return run(cargo().args(check));
    };
    println!("   advisories: NOT CHECKED, {reason}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_banned_and_what_comes_from_elsewhere() {
        let rules = "exceptions = [\n  { crate = \"a\", allow = [\"MPL-2.0\"] },\n]\ndeny = [\n  { crate = \"b\", reason = \"one TLS stack\" },\n]";
        let package = |name: &str, source: Option<&str>| Package {
            name: name.to_owned(),
            expression: None,
            source: source.map(str::to_owned),
        };
        let packages = [
            package("a", Some(REGISTRY)),
            package("b", Some(REGISTRY)),
            package("c", Some("git+https://example.org/c")),
            package("d", None),
        ];
        let found = refused_by(&banned(rules), &packages);
        assert_eq!(
            found,
            [
                "b is banned by deny.toml",
                "c comes from git+https://example.org/c"
            ]
        );
    }

    #[test]
    fn the_committed_list_bans_a_second_tls_stack() {
        let rules = std::fs::read_to_string(root().join("deny.toml")).unwrap();
        assert!(banned(&rules).contains(&"openssl-sys".to_owned()));
    }
}
