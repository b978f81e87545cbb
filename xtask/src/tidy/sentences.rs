//! Both languages say the same: same keys, same arguments, and all six Arabic plural forms.

use std::collections::BTreeSet;

use crate::{
    icu::{self, Shape},
    locales::Sentences,
};

const ARABIC_FORMS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// Where the two languages differ in more than their words.
pub(crate) fn differences(ar: &Sentences, en: &Sentences) -> Vec<String> {
    let mut found = Vec::new();
    let sections: BTreeSet<&String> = ar.keys().chain(en.keys()).collect();
    for section in sections {
        let keys: BTreeSet<&String> = [ar, en]
            .iter()
            .filter_map(|side| side.get(section))
            .flat_map(|s| s.keys())
            .collect();
        for key in keys {
            let name = format!("{section} · {key}");
            match (text(ar, section, key), text(en, section, key)) {
                (Some(ar), Some(en)) => found.extend(compare(&name, ar, en)),
                (None, _) => found.push(format!("{name} has no Arabic sentence")),
                (_, None) => found.push(format!("{name} has no English sentence")),
            }
        }
    }
    found
}

fn text<'a>(side: &'a Sentences, section: &str, key: &str) -> Option<&'a str> {
    side.get(section)?
        .get(key)
        .map(String::as_str)
        .filter(|text| !text.trim().is_empty())
}

fn compare(name: &str, ar: &str, en: &str) -> Vec<String> {
    let read = |language: &str, text: &str| {
        icu::shape(text).map_err(|problem| format!("{name} ({language}): {problem}"))
    };
    let (ar, en) = match (read("ar", ar), read("en", en)) {
        (Ok(ar), Ok(en)) => (ar, en),
        (ar, en) => return [ar.err(), en.err()].into_iter().flatten().collect(),
    };
    let mut found = Vec::new();
    if !same_arguments(&ar, &en) {
        found.push(format!(
            "{name}: arguments differ, {:?} in Arabic and {:?} in English",
            ar.arguments, en.arguments
        ));
    }
    for (argument, branches) in &ar.plurals {
        let missing: Vec<&str> = ARABIC_FORMS
            .into_iter()
            .filter(|form| !branches.contains(*form))
            .collect();
        if !missing.is_empty() {
            found.push(format!(
                "{name}: the Arabic plural on `{argument}` lacks {missing:?}"
            ));
        }
    }
    found
}

/// The same names; kinds may differ only where one language needs a plural and the other does not.
fn same_arguments(ar: &Shape, en: &Shape) -> bool {
    let loose = |kind: &str| matches!(kind, "plural" | "text" | "number");
    ar.arguments.len() == en.arguments.len()
        && ar.arguments.iter().all(|(name, kind)| {
            en.arguments
                .get(name)
                .is_some_and(|other| other == kind || loose(kind) && loose(other))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ar: &str, en: &str) -> Vec<String> {
        let side = |text: &str| {
            let mut side = Sentences::new();
            if !text.is_empty() {
                side.entry("errors".to_owned())
                    .or_default()
                    .insert("a.b".to_owned(), text.to_owned());
            }
            side
        };
        differences(&side(ar), &side(en))
    }

    #[test]
    fn accepts_sentences_that_agree() {
        let six = "{n, plural, zero {لا} one {أ} two {ب} few {#} many {#} other {#}} {x}";
        assert!(check(six, "{n, plural, one {a} other {#}} {x}").is_empty());
        assert!(
            check(
                "{n, plural, zero {لا} one {أ} two {ب} few {#} many {#} other {#}}",
                "{n}"
            )
            .is_empty()
        );
    }

    #[test]
    fn finds_a_missing_language() {
        assert_eq!(check("", "here").len(), 1);
        assert_eq!(check("هنا", " ").len(), 1);
    }

    #[test]
    fn finds_differing_arguments() {
        assert_eq!(check("{host}", "{server}").len(), 1);
        assert_eq!(check("{t}", "{t, date, short}").len(), 1);
    }

    #[test]
    fn finds_an_arabic_plural_that_is_only_english() {
        assert_eq!(
            check(
                "{n, plural, one {أ} other {#}}",
                "{n, plural, one {a} other {#}}"
            )
            .len(),
            1
        );
    }

    #[test]
    fn finds_a_broken_sentence() {
        assert_eq!(check("{a", "{a}").len(), 1);
    }
}
