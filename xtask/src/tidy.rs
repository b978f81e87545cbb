//! `cargo xtask tidy`: the rules of the house that no compiler checks. Each rule is a function from
//! files to findings, with a test that shows it finds what it is for.

mod bans;
mod codes;
mod files;
mod keys;
mod licences;
mod links;
mod migrations;
mod sentences;
mod sizes;
mod styles;
mod words;

use anyhow::{Result, bail};

use crate::{floors, locales, shell::root};

/// A file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the top, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// Checks every rule and prints all findings.
pub(crate) fn tidy(arguments: Result<()>) -> Result<()> {
    arguments?;
    let sources = files::tracked()?;
    let packages = licences::of_all_packages()?;
    let (ar, en) = (locales::merged("ar")?, locales::merged("en")?);
    let rules: [(&str, Vec<String>); 14] = [
        ("floors", floors::violations(&floors::crates()?)),
        ("size budget", sizes::over_budget(&sources)),
        ("opening comments", sizes::without_opening(&sources)),
        ("translations", sentences::differences(&ar, &en)),
        ("error codes", codes::untranslated(&sources, &ar, &en)),
        ("keys of the pages", keys::missing(&sources, &ar, &en)),
        (
            "words of the pages",
            keys::missing_words(&sources, &ar, &en),
        ),
        ("sentences of the pages", keys::unused(&sources, &en)),
        ("logical styles", styles::physical(&sources)),
        ("words", words::forbidden(&sources)),
        (
            "links of the documents",
            [
                links::dead(&sources, &|path| root().join(path).exists()),
                links::unlisted(&sources),
                links::unproved(&sources),
            ]
            .concat(),
        ),
        ("migrations", migrations::destructive(&sources)),
        ("licences", licences::refused(&packages)),
        ("packages", bans::refused(&packages)),
    ];
    let mut total = 0;
    for (rule, findings) in &rules {
        println!(
            "   {rule}: {}",
            if findings.is_empty() { "ok" } else { "NOT ok" }
        );
        findings
            .iter()
            .for_each(|finding| println!("      {finding}"));
        total += findings.len();
    }
    bans::advisories()?;
    if total > 0 {
        bail!("tidy found {total} things");
    }
    Ok(())
}

/// Whether a file is a test, so that rules for what ships pass it by.
pub(crate) fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/')
        .any(|part| matches!(part, "tests" | "test" | "e2e" | "benches"))
        || name == "tests.rs"
        || name.contains(".test.")
        || name.contains(".spec.")
}

/// The Rust text without its inline test module, which by custom comes last.
pub(crate) fn without_tests(text: &str) -> &str {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    &text[..end]
}
