//! Licences of everything that is linked. `deny.toml` holds the same list for `cargo deny`; this rule
//! needs no other tool and reads the list from there.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::{capture, cargo, root};

/// A package that is linked.
pub(crate) struct Package {
    pub(crate) name: String,
    /// What its licence allows.
    pub(crate) expression: Option<String>,
    /// Where it comes from; none for a package of the workspace.
    pub(crate) source: Option<String>,
}

/// Every package of the lock file that may be built on this kind of machine.
pub(crate) fn of_all_packages() -> Result<Vec<Package>> {
    let text = capture(cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is no JSON")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    Ok(packages
        .iter()
        .map(|package| Package {
            name: package["name"].as_str().unwrap_or_default().to_owned(),
            expression: package["license"].as_str().map(str::to_owned),
            source: package["source"].as_str().map(str::to_owned),
        })
        .collect())
}

/// Packages under a licence that `deny.toml` does not allow.
pub(crate) fn refused(packages: &[Package]) -> Vec<String> {
    match std::fs::read_to_string(root().join("deny.toml")) {
        Ok(rules) => refused_by(&Rules::read(&rules), packages),
        Err(error) => vec![format!("deny.toml can't be read: {error}")],
    }
}

#[derive(Debug, Default)]
struct Rules {
    allow: Vec<String>,
    /// Crate and the one licence it may have beyond the list.
    exceptions: Vec<(String, String)>,
}

impl Rules {
    /// Reads the lines `"Licence",` of `allow = [` and `{ crate = "x", allow = ["Y"] }`.
    fn read(text: &str) -> Self {
        let mut rules = Self::default();
        let mut in_allow = false;
        for line in text.lines().map(str::trim) {
            let quoted: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            if line.starts_with("allow = [") {
                in_allow = true;
            } else if line.starts_with(']') {
                in_allow = false;
            } else if in_allow && line.starts_with('"') {
                rules
                    .allow
                    .extend(quoted.first().map(|licence| (*licence).to_owned()));
            } else if line.starts_with("{ crate =")
                && let [krate, licences @ ..] = quoted.as_slice()
            {
                rules.exceptions.extend(
                    licences
                        .iter()
                        .map(|l| ((*krate).to_owned(), (*l).to_owned())),
                );
            }
        }
        rules
    }

    fn allows(&self, krate: &str, licence: &str) -> bool {
        self.allow.iter().any(|allowed| allowed == licence)
            || self
                .exceptions
                .iter()
                .any(|(name, l)| name == krate && l == licence)
    }
}

fn refused_by(rules: &Rules, packages: &[Package]) -> Vec<String> {
    packages
        .iter()
        .filter_map(|package| match &package.expression {
            None => Some(format!("{} names no licence", package.name)),
            Some(expression) if satisfied(expression, &|l| rules.allows(&package.name, l)) => None,
            Some(expression) => Some(format!(
                "{} is under `{expression}`, which deny.toml does not allow",
                package.name
            )),
        })
        .collect()
}

/// Whether an SPDX expression can be met. `AND` binds tighter than `OR`; `/` is the old `OR`.
fn satisfied(expression: &str, allows: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&tokens, &mut at, allows) && at == tokens.len()
}

fn any_of(tokens: &[&str], at: &mut usize, allows: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all_of(tokens, at, allows);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(tokens, at, allows);
    }
    met
}

fn all_of(tokens: &[&str], at: &mut usize, allows: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(tokens, at, allows);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(tokens, at, allows);
    }
    met
}

fn one(tokens: &[&str], at: &mut usize, allows: &dyn Fn(&str) -> bool) -> bool {
    let Some(token) = tokens.get(*at) else {
        return false;
    };
    *at += 1;
    if *token == "(" {
        let met = any_of(tokens, at, allows);
        *at += 1;
        return met;
    }
    // `X WITH exception` grants more than X alone; it is looked up as written.
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allows(token) || allows(&format!("{token} WITH {exception}"));
    }
    allows(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_expressions() {
        let allows = |l: &str| matches!(l, "MIT" | "Apache-2.0");
        for expression in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(GPL-3.0 OR MIT) AND Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(satisfied(expression, &allows), "{expression}");
        }
        for expression in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR GPL-3.0) AND GPL-3.0",
            "",
        ] {
            assert!(!satisfied(expression, &allows), "{expression}");
        }
    }

    #[test]
    fn an_exception_serves_one_crate_only() {
        let rules = Rules::read(
            "allow = [\n  \"MIT\",\n]\nexceptions = [\n  { crate = \"a\", allow = [\"MPL-2.0\"] },\n]\n",
        );
        let package = |name: &str, licence: Option<&str>| Package {
            name: name.to_owned(),
            expression: licence.map(str::to_owned),
            source: None,
        };
        let found = refused_by(
            &rules,
            &[
                package("a", Some("MPL-2.0")),
                package("b", Some("MPL-2.0")),
                package("c", Some("MIT")),
                package("d", None),
            ],
        );
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
