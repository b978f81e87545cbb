//! Every sentence the pages ask for by a literal key exists in both languages. Keys put together at
//! run time are found by the browser tests, where a missing sentence shows itself in brackets.

use std::collections::BTreeMap;

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

fn asked(sources: &[Source]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let pages = sources.iter().filter(|source| {
        source.path.starts_with("ui/src/")
            && (source.path.ends_with(".tsx") || source.path.ends_with(".ts"))
            && !is_test(&source.path)
    });
    for source in pages {
        for (at, _) in source.text.match_indices("t(") {
            let before = source.text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.')) {
                continue;
            }
            for key in keys_of(&source.text[at + 2..]) {
                found
                    .entry(key.to_owned())
                    .or_insert_with(|| source.path.clone());
            }
        }
    }
    found
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
    fn leaves_other_calls_alone() {
        assert_eq!(
            check("split('page.gone'); x.set('page.gone'); t(`page.${x}`)"),
            0
        );
    }
}
