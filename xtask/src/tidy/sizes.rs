//! Small files with a purpose: a hard limit on their length, and an opening comment in each.

use super::{Source, is_test, without_tests};

const LIMIT: usize = 800;

/// Source files over the limit, the longest first. Tests and generated code are apart.
pub(crate) fn over_budget(sources: &[Source]) -> Vec<String> {
    let mut found: Vec<(usize, &str)> = sources
        .iter()
        .filter(|source| {
            [".rs", ".ts", ".tsx", ".css"]
                .iter()
                .any(|ending| source.path.ends_with(ending))
        })
        .filter(|source| !is_test(&source.path) && !source.path.ends_with("schema.d.ts"))
        .map(|source| {
            (
                without_tests(&source.text).lines().count(),
                source.path.as_str(),
            )
        })
        .filter(|(lines, _)| *lines > LIMIT)
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
        .into_iter()
        .map(|(lines, path)| format!("{path} has {lines} lines; the limit is {LIMIT}: find a seam"))
        .collect()
}

/// Rust files that do not open by saying what they are for.
pub(crate) fn without_opening(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.path.ends_with(".rs"))
        .filter(|source| {
            let opening = source.text.lines().next().unwrap_or_default();
            opening
                .strip_prefix("//!")
                .is_none_or(|says| says.trim().len() < 10)
        })
        .map(|source| format!("{} does not open with `//! what it is for`", source.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn finds_long_files_but_not_their_tests() {
        let long = "x\n".repeat(LIMIT + 1);
        let tested = format!("x\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let found = over_budget(&[
            source("core/a/src/b.rs", &long),
            source("ui/src/Page.tsx", &long),
            source("core/a/src/fits.rs", &"x\n".repeat(LIMIT)),
            source("core/a/src/tested.rs", &tested),
            source("core/a/tests/b.rs", &long),
            source("ui/src/api/schema.d.ts", &long),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn finds_files_that_do_not_say_what_they_are_for() {
        let found = without_opening(&[
            source("a.rs", "//! Reads the plant's tags.\n"),
            source("b.rs", "use std::fs;\n"),
            source("c.rs", "//! Tags\n"),
            source("d.rs", ""),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
