//! What the message formatter promises.

use super::*;
use crate::Language::{Ar, En};

fn params(pairs: &[(&str, &str)]) -> Params {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn puts_arguments_in_and_isolates_them_on_request() {
    let p = params(&[("host", "10.0.0.5")]);
    assert_eq!(format(En, "{host} answers", &p, false), "10.0.0.5 answers");
    assert_eq!(
        format(En, "{host} answers", &p, true),
        "\u{2068}10.0.0.5\u{2069} answers"
    );
    assert_eq!(format(En, "{port}", &p, false), "—");
}

#[test]
fn chooses_the_arabic_plural_after_cldr() {
    let pattern = "{n, plural, zero {لا إنذارات} one {إنذار واحد} two {إنذاران} few {# إنذارات} many {# إنذارًا} other {# إنذار}}";
    for (n, expected) in [
        ("0", "لا إنذارات"),
        ("1", "إنذار واحد"),
        ("2", "إنذاران"),
        ("3", "3 إنذارات"),
        ("10", "10 إنذارات"),
        ("11", "11 إنذارًا"),
        ("99", "99 إنذارًا"),
        ("100", "100 إنذار"),
        ("102", "102 إنذار"),
        ("103", "103 إنذارات"),
        ("1.5", "1.5 إنذار"),
    ] {
        assert_eq!(format(Ar, pattern, &params(&[("n", n)]), false), expected);
    }
}

#[test]
fn an_exact_branch_wins_over_the_category() {
    let pattern = "{n, plural, =0 {nothing} one {# row} other {# rows}}";
    assert_eq!(
        format(En, pattern, &params(&[("n", "0")]), false),
        "nothing"
    );
    assert_eq!(format(En, pattern, &params(&[("n", "1")]), false), "1 row");
    assert_eq!(format(En, pattern, &params(&[("n", "7")]), false), "7 rows");
}

#[test]
fn select_falls_back_to_other() {
    let pattern = "{mode, select, off {stopped {by}} other {running}}";
    let p = params(&[("mode", "off"), ("by", "ali")]);
    assert_eq!(format(En, pattern, &p, false), "stopped ali");
    assert_eq!(format(En, pattern, &Params::new(), false), "running");
}

#[test]
fn a_broken_pattern_is_reported_and_shown_as_it_stands() {
    for broken in ["{open", "a } b", "{n, plural, one {x}", "{n, date, short}"] {
        assert!(check(broken).is_err(), "{broken}");
        assert_eq!(format(En, broken, &Params::new(), false), broken);
    }
    let deep = format!("{}x{}", "{n, select, other {".repeat(20), "}}".repeat(20));
    assert!(check(&deep).is_err());
}

#[test]
fn lists_the_arguments_of_all_branches() {
    let names = arguments_of("{n, plural, one {{a}} other {# {b}}} {c}");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "n"]);
}
