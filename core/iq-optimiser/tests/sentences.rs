//! Every code this crate states has its sentence in both languages.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{collections::BTreeSet, fs, path::Path};

use iq_locale::Language;

fn codes(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes(&path, into);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let is_checker = path.parent().is_some_and(|p| p.ends_with("check"));
        for (literal, before) in literals(&text) {
            let prefixes = ["assumption.", "conflict.", "reason."];
            if prefixes.iter().any(|p| literal.starts_with(p)) {
                into.insert(literal.to_owned());
            } else if is_checker && (before.ends_with("wrong(") || before.ends_with("of(")) {
                into.insert(format!("violation.{literal}"));
            }
        }
    }
}

/// Text literals with what stands before them.
fn literals(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices('"').filter_map(|(at, _)| {
        let literal = text[at + 1..].split('"').next()?;
        let is_code = literal
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.');
        (is_code && !literal.is_empty()).then_some((literal, text[..at].trim_end()))
    })
}

#[test]
fn every_code_has_its_sentence_in_both_languages() {
    let mut found = BTreeSet::new();
    codes(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    assert!(found.len() > 45, "{}", found.len());
    for code in found {
        for language in [Language::Ar, Language::En] {
            assert!(
                iq_locale::pattern(language, "optimiser", &code).is_some(),
                "{code}"
            );
        }
    }
}
