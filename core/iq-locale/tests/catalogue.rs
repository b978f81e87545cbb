//! The catalogue itself: both languages say the same things with the same arguments.

use iq_locale::{Language, arguments_of, check, keys, pattern, sections};

#[test]
fn every_sentence_exists_in_both_languages_with_the_same_arguments() {
    assert_eq!(sections(Language::Ar), sections(Language::En));
    for section in sections(Language::En) {
        let (arabic, english) = (keys(Language::Ar, section), keys(Language::En, section));
        let missing: Vec<_> = english.iter().filter(|k| !arabic.contains(k)).collect();
        assert!(missing.is_empty(), "no Arabic for {section}: {missing:?}");
        let missing: Vec<_> = arabic.iter().filter(|k| !english.contains(k)).collect();
        assert!(missing.is_empty(), "no English for {section}: {missing:?}");
        for key in english {
            let [a, e] = [Language::Ar, Language::En].map(|l| pattern(l, section, key));
            let (a, e) = (a.expect("listed above"), e.expect("listed above"));
            assert_eq!(check(a), Ok(()), "Arabic {section}.{key}");
            assert_eq!(check(e), Ok(()), "English {section}.{key}");
            assert_eq!(arguments_of(a), arguments_of(e), "{section}.{key}");
        }
    }
}
