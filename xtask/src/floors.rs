//! The floors of the house: which crate may use which. The table is written once, here;
//! docs/ARCHITECTURE.md explains it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::{capture, cargo};

/// Pure crates: data in, data out. They may use iq-domain only.
const PURE: &[&str] = &[
    "iq-mapping",
    "iq-analytics",
    "iq-blackbox",
    "iq-twin",
    "iq-optimiser",
    "iq-report",
    "iq-evidence",
    "iq-chunk",
    "iq-release",
    "iq-sync-proto",
];

/// Support crates in their order: each may use those before it.
const SUPPORT: &[&str] = &[
    "iq-locale",
    "iq-secrets",
    "iq-config",
    "iq-http",
    "iq-listen",
    "iq-connector",
    "iq-auth",
    "iq-api-types",
];

/// Crates that talk to the outside; never to each other.
const IO: &[&str] = &[
    "iq-connector-opcua",
    "iq-connector-pi",
    "iq-connector-sql",
    "iq-connector-eam",
    "iq-connector-file",
    "iq-store",
    "iq-historian",
    "iq-oidc",
    "iq-backup",
];

/// The flow: anything below, and these of their own floor.
const FLOW: &[(&str, &[&str])] = &[
    ("iq-runtime", &[]),
    ("iq-sync", &[]),
    ("iq-api", &["iq-runtime", "iq-sync"]),
];

/// Hub: its own queries and routes, and never the appliance's.
const HUB_NEVER: &[&str] = &[
    "iq-api",
    "iq-runtime",
    "iq-store",
    "iq-historian",
    "iq-sync",
];

/// Beside the line: the demo plant, the test kit, the power cuts, the benches, tests across crates, the
/// maker of packages, this tool.
const BESIDE: &[&str] = &[
    "iq-plant",
    "iq-testkit",
    "iq-powercut",
    "iq-bench",
    "iq-tests",
    "iq-dist",
    "xtask",
];

/// What a pure crate must not pull in: a runtime, a database, the network.
const IMPURE: &[&str] = &[
    "async-opcua",
    "axum",
    "fs4",
    "hyper",
    "reqwest",
    "rusqlite",
    "sqlx",
    "tempfile",
    "tokio",
    "tokio-util",
    "tower-http",
];

/// A crate with the crates it uses in what it ships (tests apart).
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) uses: BTreeSet<String>,
}

/// All crates of the workspace, as cargo sees them.
pub(crate) fn crates() -> Result<Vec<Crate>> {
    let text = capture(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    read(&text)
}

fn read(metadata: &str) -> Result<Vec<Crate>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata is no JSON")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    Ok(packages
        .iter()
        .map(|package| Crate {
            name: text(&package["name"]),
            uses: package["dependencies"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect(),
        })
        .collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Every arrow that goes the wrong way, as a sentence.
pub(crate) fn violations(crates: &[Crate]) -> Vec<String> {
    let allowed = table();
    let ours: BTreeSet<&str> = crates.iter().map(|c| c.name.as_str()).collect();
    let mut found = Vec::new();
    for krate in crates {
        let name = krate.name.as_str();
        if name != "iq-desktop" && krate.uses.iter().any(|used| used.starts_with("tauri")) {
            found.push(format!(
                "{name} uses Tauri; only iq-desktop knows the shell"
            ));
        }
        if PURE.contains(&name) {
            found.extend(
                krate
                    .uses
                    .iter()
                    .filter(|used| IMPURE.contains(&used.as_str()))
                    .map(|used| format!("{name} is pure and may not use {used}")),
            );
        }
        let Some(may) = allowed.get(name) else {
            found.push(format!(
                "{name} has no floor; enter it in xtask/src/floors.rs"
            ));
            continue;
        };
        found.extend(
            krate
                .uses
                .iter()
                .filter(|used| ours.contains(used.as_str()) && !may.contains(used.as_str()))
                .map(|used| {
                    format!("{name} may not use {used} (see floors in docs/ARCHITECTURE.md)")
                }),
        );
    }
    found
}

/// Crate to the crates it may use.
fn table() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut table = BTreeMap::from([("iq-domain", BTreeSet::new())]);
    let domain = BTreeSet::from(["iq-domain"]);
    table.extend(PURE.iter().map(|name| (*name, domain.clone())));
    let mut left = domain.clone();
    for name in SUPPORT {
        table.insert(name, left.clone());
        left.insert(name);
    }
    table.extend(IO.iter().map(|name| (*name, left.clone())));
    // The rows of a file name their units, and the catalogue of units is written once.
    let mut file = left.clone();
    file.insert("iq-mapping");
    table.insert("iq-connector-file", file);
    // What it stores is read at the hub too, by whoever knows the form and no database.
    let mut historian = left.clone();
    historian.insert("iq-chunk");
    table.insert("iq-historian", historian);
    let mut below = left.clone();
    below.extend(PURE.iter().chain(IO));
    for (name, beside) in FLOW {
        let mut may = below.clone();
        may.extend(*beside);
        table.insert(name, may);
    }
    let mut host = below.clone();
    host.extend(FLOW.iter().map(|(name, _)| *name));
    let mut hub = host.clone();
    hub.retain(|name| !HUB_NEVER.contains(name) && !name.starts_with("iq-connector-"));
    table.insert("iq-hub", hub);
    let mut appliance = host.clone();
    // The demo's plant; the appliance meets it through a connector like any other source.
    appliance.insert("iq-plant");
    // Its verdicts, as a command of its own.
    appliance.insert("iq-verify");
    table.insert("iq-appliance", appliance);
    table.insert(
        "iq-desktop",
        BTreeSet::from(["iq-domain", "iq-locale", "iq-config"]),
    );
    table.insert(
        "iq-verify",
        BTreeSet::from(["iq-domain", "iq-locale", "iq-evidence"]),
    );
    table.insert("iq-plant", BTreeSet::from(["iq-domain"]));
    let mut anything = host;
    anything.extend(["iq-plant", "iq-appliance", "iq-hub", "iq-testkit"]);
    for name in BESIDE
        .iter()
        .filter(|name| **name != "iq-plant" && **name != "xtask")
    {
        table.insert(name, anything.clone());
    }
    table.insert("xtask", BTreeSet::new());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arrows: &[(&str, &str)]) -> Vec<String> {
        let mut crates: BTreeMap<&str, Crate> = BTreeMap::new();
        for (from, to) in arrows {
            crates
                .entry(from)
                .or_default()
                .uses
                .insert((*to).to_owned());
            if to.starts_with("iq-") {
                crates.entry(to).or_default();
            }
        }
        let crates: Vec<Crate> = crates
            .into_iter()
            .map(|(name, c)| Crate {
                name: name.to_owned(),
                ..c
            })
            .collect();
        violations(&crates)
            .into_iter()
            .filter(|v| !v.contains("has no floor"))
            .collect()
    }

    #[test]
    fn accepts_arrows_that_point_down() {
        let found = check(&[
            ("iq-appliance", "iq-api"),
            ("iq-appliance", "iq-plant"),
            ("iq-api", "iq-runtime"),
            ("iq-runtime", "iq-store"),
            ("iq-connector-opcua", "iq-connector"),
            ("iq-connector-file", "iq-mapping"),
            ("iq-connector", "iq-config"),
            ("iq-config", "iq-secrets"),
            ("iq-twin", "iq-domain"),
            ("iq-twin", "serde"),
            ("iq-desktop", "tauri"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn refuses_each_arrow_against_the_floors() {
        for (from, to) in [
            ("iq-domain", "iq-config"),
            ("iq-twin", "iq-mapping"),
            ("iq-analytics", "tokio"),
            ("iq-secrets", "iq-config"),
            ("iq-connector-opcua", "iq-historian"),
            ("iq-connector-opcua", "iq-mapping"),
            ("iq-store", "iq-analytics"),
            ("iq-runtime", "iq-api"),
            ("iq-sync", "iq-runtime"),
            ("iq-hub", "iq-store"),
            ("iq-hub", "iq-connector-opcua"),
            ("iq-desktop", "iq-appliance"),
            ("iq-api", "iq-plant"),
            ("iq-appliance", "iq-testkit"),
            ("iq-appliance", "tauri"),
        ] {
            assert_eq!(check(&[(from, to)]).len(), 1, "{from} → {to}");
        }
    }

    #[test]
    fn refuses_a_crate_without_a_floor() {
        let stranger = Crate {
            name: "iq-common".to_owned(),
            ..Crate::default()
        };
        assert_eq!(violations(&[stranger]).len(), 1);
    }

    #[test]
    fn test_only_uses_are_no_arrows() {
        let metadata = r#"{"packages":[{"name":"iq-twin","dependencies":[
            {"name":"iq-testkit","kind":"dev"},{"name":"iq-domain","kind":null}]}]}"#;
        let crates = read(metadata).unwrap();
        assert_eq!(crates[0].uses, BTreeSet::from(["iq-domain".to_owned()]));
    }
}
