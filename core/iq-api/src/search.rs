//! Words a person searches events for, in the language the person reads: sentences, names of assets and
//! of metrics are not in the store's rows, so it is said here which rows they would occur in.

use std::collections::BTreeSet;

use iq_domain::Names;
use iq_locale::{Language, keys, pattern};
use iq_runtime::TenantIndex;
use iq_store::events::SearchWord;

use crate::texts;

/// More words than this are a pasted text.
const MAX_WORDS: usize = 8;
/// Names of one word; more would match nearly everything.
const MAX_NAMES: usize = 2_000;

/// The words of a query; all of them have to be found.
pub(crate) fn words(language: Language, plant: &TenantIndex, query: &str) -> Vec<SearchWord> {
    query
        .split_whitespace()
        .take(MAX_WORDS)
        .map(|word| SearchWord {
            text: word.to_owned(),
            summaries: summaries(language, word),
            asset_ids: plant
                .assets
                .values()
                .filter(|e| is_named(word, &e.asset.code, &e.asset.names))
                .map(|e| e.asset.id)
                .take(MAX_NAMES)
                .collect(),
            keys: named_keys(language, plant, word),
        })
        .collect()
}

fn is_named(word: &str, code: &str, names: &Names) -> bool {
    texts::matches(word, &[code, &names.en, &names.ar])
}

/// Codes of the events whose sentence has the word in its fixed part.
fn summaries(language: Language, word: &str) -> Vec<String> {
    keys(language, "sentence")
        .into_iter()
        .filter(|code| code.starts_with("event."))
        .filter(|code| {
            pattern(language, "sentence", code).is_some_and(|p| texts::matches(word, &[&fixed(p)]))
        })
        .map(str::to_owned)
        .collect()
}

/// A pattern without its `{arguments}`.
fn fixed(pattern: &str) -> String {
    let mut depth = 0_u32;
    pattern
        .chars()
        .filter(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect()
}

/// Keys of metrics and actions whose name has the word.
fn named_keys(language: Language, plant: &TenantIndex, word: &str) -> Vec<String> {
    let actions = keys(language, "action").into_iter().filter(|key| {
        pattern(language, "action", key).is_some_and(|name| texts::matches(word, &[name]))
    });
    let families = plant.signals.values().filter_map(|s| {
        let family = &plant.assets.get(&s.signal.asset_id)?.asset.family;
        Some((family.as_str(), s.signal.metric.as_str()))
    });
    let metrics: BTreeSet<(&str, &str)> = families.collect();
    let named = metrics
        .into_iter()
        .filter(|(family, metric)| {
            let names = texts::metric_names(family, metric);
            texts::matches(word, &[language.name(&names)])
        })
        .map(|(_, metric)| metric);
    let found: BTreeSet<&str> = actions.chain(named).collect();
    found
        .into_iter()
        .take(MAX_NAMES)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_sentences_by_their_words_in_the_language_of_the_reader() {
        let english = summaries(Language::En, "Baseline");
        assert!(
            english.contains(&"event.signal_left_baseline.rise".to_owned()),
            "{english:?}"
        );
        assert!(summaries(Language::Ar, "Baseline").is_empty());
        // An argument's name is not a word of the sentence.
        assert!(summaries(Language::En, "first_out").is_empty());
        assert_eq!(fixed("{asset} started."), " started.");
    }
}
