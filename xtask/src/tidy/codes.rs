//! Every error code in the Rust code has its sentence in both languages.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, is_test, without_tests};
use crate::locales::Sentences;

/// What stands before a code; the first text literal behind it, within one expression, is the code.
const MAKERS: &[&str] = &["CodedError::", "ApiError::", "coded("];

/// How far behind its maker a code may stand.
const REACH: usize = 160;

/// Codes without a sentence, each with one place that uses it.
pub(crate) fn untranslated(sources: &[Source], ar: &Sentences, en: &Sentences) -> Vec<String> {
    let has = |side: &Sentences, code: &str| {
        side.get("errors")
            .and_then(|errors| errors.get(code))
            .is_some()
    };
    codes(sources)
        .into_iter()
        .filter(|(code, _)| !has(ar, code) || !has(en, code))
        .map(|(code, path)| format!("`{code}` ({path}) lacks errors.{code} in a language"))
        .collect()
}

fn codes(sources: &[Source]) -> BTreeMap<String, String> {
    let ours: Vec<&Source> = sources
        .iter()
        .filter(|s| s.path.ends_with(".rs") && s.path.starts_with("core/") && !is_test(&s.path))
        .collect();
    let mut found = BTreeMap::new();
    for source in &ours {
        let text = without_tests(&source.text);
        let home = crate_of(&source.path);
        let local = ours.iter().filter(|other| crate_of(&other.path) == home);
        let mut makers: BTreeSet<String> = MAKERS.iter().map(|maker| (*maker).to_owned()).collect();
        makers.extend(local.flat_map(|other| functions_taking_a_code(without_tests(&other.text))));
        for maker in &makers {
            for (at, _) in text.match_indices(maker.as_str()) {
                if let Some(code) = code_behind(&text[at + maker.len()..]) {
                    found
                        .entry(code.to_owned())
                        .or_insert_with(|| source.path.clone());
                }
            }
        }
    }
    found
}

/// `core/iq-api` of `core/iq-api/src/users.rs`.
fn crate_of(path: &str) -> &str {
    path.match_indices('/')
        .nth(1)
        .map_or(path, |(at, _)| &path[..at])
}

/// A crate's own short cuts: functions with a parameter `code: &'static str`.
fn functions_taking_a_code(text: &str) -> Vec<String> {
    text.match_indices("fn ")
        .filter_map(|(at, _)| {
            let signature = text[at + 3..].split(['{', ';']).next()?;
            let (name, parameters) = signature.split_once('(')?;
            parameters
                .contains("code: &'static str")
                .then(|| format!("{name}("))
        })
        .filter(|maker| {
            maker
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_(".contains(c))
        })
        .collect()
}

fn code_behind(text: &str) -> Option<&str> {
    let mut end = text.len().min(REACH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // Only within the call itself: a literal after its end belongs to something else.
    let call = text[..end].split([';', ')']).next()?;
    let literal = call.split('"').nth(1)?;
    is_code(literal).then_some(literal)
}

fn is_code(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.split_once('.')
        .is_some_and(|(area, reason)| is_word(area) && reason.split('.').all(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        let known = |code: &str| {
            Sentences::from([(
                "errors".to_owned(),
                BTreeMap::from([(code.to_owned(), "x".to_owned())]),
            )])
        };
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        untranslated(
            &[source],
            &known("mapping.duplicate"),
            &known("mapping.duplicate"),
        )
    }

    #[test]
    fn finds_codes_without_a_sentence() {
        let path = "core/a/src/b.rs";
        assert_eq!(
            check(path, r#"CodedError::invalid("mapping.unknown_unit")"#).len(),
            1
        );
        assert_eq!(
            check(
                path,
                "CodedError::new(\n  ErrorKind::Conflict,\n  \"a.b\",\n)"
            )
            .len(),
            1
        );
        assert!(
            check(
                path,
                r#"CodedError::conflict("mapping.duplicate").with("tag", x)"#
            )
            .is_empty()
        );
    }

    #[test]
    fn follows_a_crates_own_short_cuts() {
        let text = "fn lost(host: &str, code: &'static str) -> CodedError { x }\n\
                    fn f() { lost(host, \"opcua.session_lost\") }";
        assert_eq!(check("core/a/src/b.rs", text).len(), 1);
    }

    #[test]
    fn leaves_other_literals_and_tests_alone() {
        assert!(check("core/a/src/b.rs", r#"CodedError::from(e); call("x.y")"#).is_empty());
        assert!(
            check(
                "core/a/src/b.rs",
                r#"fn f() -> Result<(), CodedError> { g("x.y") }"#
            )
            .is_empty()
        );
        assert!(check("core/a/tests/b.rs", r#"CodedError::invalid("x.y")"#).is_empty());
        let inline = "#[cfg(test)]\nmod tests {\nCodedError::invalid(\"x.y\")";
        assert!(check("core/a/src/b.rs", inline).is_empty());
    }
}
