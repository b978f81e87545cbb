//! Every sentence the pages ask for by a literal key exists in both languages, and every list of words
//! (`word('state', …)`) has some. Keys put together at run time are found by the browser tests, where a
//! missing sentence shows itself in brackets. And every sentence of the pages is asked for somewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, is_test};
use crate::locales::Sentences;

/// Keys without a sentence, each with one place that asks for it.
pub(crate) fn missing(sources: &[Source], ar: &Sentences, en: &Sentences) -> Vec<String> {
    let has = |side: &Sentences, key: &str| side.get("ui").is_some_and(|ui| ui.contains_key(key));
    asked(sources)
        .into_iter()
        .filter(|(key, _)| !has(ar, key) || !has(en, key))
        .map(|(key, path)| format!("`{key}` ({path}) lacks ui.{key} in a language"))
        .collect()
}

/// Lists of words that the pages ask for and no language has, each with one place that asks for it.
pub(crate) fn missing_words(sources: &[Source], ar: &Sentences, en: &Sentences) -> Vec<String> {
    let has = |side: &Sentences, list: &str| {
        let prefix = format!("enum.{list}.");
        side.get("ui")
            .is_some_and(|ui| ui.keys().any(|key| key.starts_with(&prefix)))
    };
    let asked = calls(sources, "word(").filter_map(|(call, path)| {
        let list = call.strip_prefix('\'')?.split('\'').next()?;
        Some((list, path))
    });
    let lacking: BTreeMap<&str, &str> = asked
        .filter(|(list, _)| !has(ar, list) || !has(en, list))
        .collect();
    lacking
        .into_iter()
        .map(|(list, path)| {
            format!("`word('{list}', …)` ({path}) lacks ui.enum.{list}.… in a language")
        })
        .collect()
}

/// Sentences of the pages that nothing asks for: their key stands nowhere as a whole, and no template
/// (`` `field.${name}` ``) begins like it.
pub(crate) fn unused(sources: &[Source], en: &Sentences) -> Vec<String> {
    let code = sources.iter().filter(|source| {
        (source.path.starts_with("ui/src/") || source.path.ends_with(".rs"))
            && !source.path.starts_with("xtask/")
            && !is_test(&source.path)
    });
    let (mut whole, mut beginnings) = (BTreeSet::new(), BTreeSet::new());
    for source in code {
        whole.extend(source.text.split(['\'', '"', '`']).filter(|x| is_key(x)));
        // `field.${name}` on a page, "field.{name}" in Rust.
        beginnings.extend(source.text.split(['`', '"']).filter_map(beginning));
    }
    let keys = en.get("ui").into_iter().flat_map(BTreeMap::keys);
    keys.filter(|key| is_key(key) && !whole.contains(key.as_str()))
        .filter(|key| !beginnings.iter().any(|b| key.starts_with(b)))
        .map(|key| format!("ui.{key} is asked for by nothing: delete it in both languages"))
        .collect()
}

fn is_key(text: &str) -> bool {
    text.contains('.')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// What stands before the first value of a template, where it names an area of keys.
fn beginning(template: &str) -> Option<&str> {
    let (start, _) = template.split_once('{')?;
    let start = start.strip_suffix('$').unwrap_or(start);
    is_key(start).then_some(start)
}

fn asked(sources: &[Source]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (call, path) in calls(sources, "t(") {
        for key in keys_of(call) {
            found
                .entry(key.to_owned())
                .or_insert_with(|| path.to_owned());
        }
    }
    found
}

/// What follows each call of a function on a page, with the page.
fn calls<'a>(sources: &'a [Source], name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let pages = sources.iter().filter(|source| {
        source.path.starts_with("ui/src/")
            && (source.path.ends_with(".tsx") || source.path.ends_with(".ts"))
            && !is_test(&source.path)
    });
    pages.flat_map(move |source| {
        let text = source.text.as_str();
        text.match_indices(name).filter_map(move |(at, _)| {
            let before = text[..at].chars().next_back();
            let is_other =
                before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'));
            (!is_other).then(|| (&text[at + name.len()..], source.path.as_str()))
        })
    })
}

/// The literals of the first argument: one, or the branches of a choice.
fn keys_of(call: &str) -> Vec<&str> {
    let argument = call.split([',', ')', '`', '\n']).next().unwrap_or_default();
    // What is compared with (`kind === 'a' ? …`) is no key.
    let chosen = argument
        .split_once('?')
        .map_or(argument, |(_, chosen)| chosen);
    chosen
        .split('\'')
        .skip(1)
        .step_by(2)
        .filter(|key| {
            key.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
        })
        .filter(|key| !key.is_empty() && !key.ends_with('.'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> usize {
        let ui = BTreeMap::from([("page.users".to_owned(), "x".to_owned())]);
        let side = Sentences::from([("ui".to_owned(), ui)]);
        let source = Source {
            path: "ui/src/a.tsx".to_owned(),
            text: text.to_owned(),
        };
        missing(&[source], &side, &side).len()
    }

    #[test]
    fn finds_keys_without_a_sentence() {
        assert_eq!(check("{t('page.gone')}"), 1);
        assert_eq!(check("{t('page.users')}"), 0);
        assert_eq!(
            check("t(kind === 'x' ? 'page.gone' : 'page.lost', { n })"),
            2
        );
    }

    #[test]
    fn finds_a_list_of_words_that_no_language_has() {
        let ui = BTreeMap::from([("enum.state.open".to_owned(), "x".to_owned())]);
        let side = Sentences::from([("ui".to_owned(), ui)]);
        let source = Source {
            path: "ui/src/a.tsx".to_owned(),
            text: "word('state', x); word('stat', y); pass.word('gone')".to_owned(),
        };
        let found = missing_words(&[source], &side, &side);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("'stat'"));
    }

    #[test]
    fn finds_sentences_nothing_asks_for() {
        let keys = [
            "imports.column.row",
            "page.users",
            "page.gone",
            "enum.state.open",
            "nav.count.work-orders",
        ];
        let ui = keys.map(|key| (key.to_owned(), "x".to_owned())).into();
        let side = Sentences::from([("ui".to_owned(), ui)]);
        let source = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let sources = [
            source("ui/src/a.tsx", "t('page.users'); t(`enum.state.${x[`y`]}`)"),
            source(
                "core/a/src/b.rs",
                r#"say("nav.count.work-orders"); format!("imports.column.{x}")"#,
            ),
            source("ui/test/a.test.ts", "t('page.gone')"),
        ];
        let found = unused(&sources, &side);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("ui.page.gone "));
    }

    #[test]
    fn leaves_other_calls_alone() {
        assert_eq!(
            check("split('page.gone'); x.set('page.gone'); t(`page.${x}`)"),
            0
        );
    }
}
