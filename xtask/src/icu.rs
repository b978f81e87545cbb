//! The part of ICU MessageFormat that the sentences use: `{name}`, `{name, number}` and
//! `{name, plural|select, branch {…} …}`. Enough to compare two languages, not to format.

use std::collections::{BTreeMap, BTreeSet};

/// What a sentence takes: each argument with its kind, and the branches of each choice.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Argument name to kind (`text`, `number`, `plural`, `select`, …).
    pub(crate) arguments: BTreeMap<String, String>,
    /// Per plural: its argument and its branches.
    pub(crate) plurals: Vec<(String, BTreeSet<String>)>,
}

/// Reads a sentence.
pub(crate) fn shape(text: &str) -> Result<Shape, String> {
    let mut parser = Parser {
        rest: text,
        shape: Shape::default(),
    };
    parser.sentence(false)?;
    if parser.rest.is_empty() {
        Ok(parser.shape)
    } else {
        Err("a `}` too many".to_owned())
    }
}

struct Parser<'a> {
    rest: &'a str,
    shape: Shape,
}

impl Parser<'_> {
    /// Text with arguments up to its end, or, inside a branch, up to the closing bracket.
    fn sentence(&mut self, inside: bool) -> Result<(), String> {
        loop {
            let Some(at) = self.rest.find(['{', '}', '\'']) else {
                self.rest = "";
                return if inside {
                    Err("a branch is not closed".to_owned())
                } else {
                    Ok(())
                };
            };
            let found = self.rest.as_bytes()[at];
            match found {
                b'{' => {
                    self.rest = &self.rest[at + 1..];
                    self.argument()?;
                }
                b'}' => {
                    self.rest = &self.rest[at..];
                    return Ok(());
                }
                _ => self.quoted(at + 1),
            }
        }
    }

    /// `'{'` is a literal bracket; any other apostrophe is itself.
    fn quoted(&mut self, after: usize) {
        self.rest = &self.rest[after..];
        if self.rest.starts_with(['{', '}']) {
            let end = self.rest.find('\'').map_or(self.rest.len(), |end| end + 1);
            self.rest = &self.rest[end..];
        }
    }

    fn argument(&mut self) -> Result<(), String> {
        let name = self.word(&[',', '}'])?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("`{name}` is no argument name"));
        }
        if self.take('}') {
            return self.note(name, "text");
        }
        self.take(',');
        let kind = self.word(&[',', '}'])?;
        self.note(name.clone(), &kind)?;
        if self.take('}') {
            return Ok(());
        }
        self.take(',');
        if !matches!(kind.as_str(), "plural" | "select" | "selectordinal") {
            self.word(&['}'])?;
            self.take('}');
            return Ok(());
        }
        let branches = self.branches()?;
        if !branches.contains("other") {
            return Err(format!("the choice on `{name}` has no branch `other`"));
        }
        if kind == "plural" {
            self.shape.plurals.push((name, branches));
        }
        Ok(())
    }

    fn branches(&mut self) -> Result<BTreeSet<String>, String> {
        let mut branches = BTreeSet::new();
        loop {
            self.rest = self.rest.trim_start();
            if self.take('}') {
                return Ok(branches);
            }
            let branch = self.word(&['{'])?;
            if !branches.insert(branch.clone()) {
                return Err(format!("the branch `{branch}` stands twice"));
            }
            self.take('{');
            self.sentence(true)?;
            if !self.take('}') {
                return Err(format!("the branch `{branch}` is not closed"));
            }
        }
    }

    fn note(&mut self, name: String, kind: &str) -> Result<(), String> {
        match self.shape.arguments.get(&name) {
            // `{n}` beside `{n, plural, …}` only prints it once more.
            Some(known) if known == kind || kind == "text" => {}
            Some(known) if known != "text" => {
                return Err(format!("`{name}` is {known} here and {kind} there"));
            }
            _ => {
                self.shape.arguments.insert(name, kind.to_owned());
            }
        }
        Ok(())
    }

    fn word(&mut self, ends: &[char]) -> Result<String, String> {
        let end = self
            .rest
            .find(ends)
            .ok_or_else(|| "a bracket is not closed".to_owned())?;
        let word = self.rest[..end].trim().to_owned();
        self.rest = &self.rest[end..];
        Ok(word)
    }

    fn take(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Vec<(String, String)> {
        shape(text).unwrap().arguments.into_iter().collect()
    }

    #[test]
    fn finds_arguments_inside_branches() {
        let text =
            "{n, plural, one {1 row of {file}} other {# rows of {file}}} at {t, time, short}";
        let expected = [("file", "text"), ("n", "plural"), ("t", "time")];
        assert_eq!(
            arguments(text),
            expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        let plurals = shape(text).unwrap().plurals;
        assert_eq!(
            plurals[0].1,
            BTreeSet::from(["one".to_owned(), "other".to_owned()])
        );
    }

    #[test]
    fn knows_apostrophes_from_quotes() {
        assert_eq!(
            arguments("the server's {a}"),
            [("a".to_owned(), "text".to_owned())]
        );
        assert!(arguments("'{a}' is literal").is_empty());
    }

    #[test]
    fn refuses_broken_sentences() {
        for text in [
            "{",
            "}",
            "{a",
            "{a, plural, one {x}}",
            "{n, plural, other {x}",
            "{a b}",
            "{}",
        ] {
            assert!(shape(text).is_err(), "{text}");
        }
    }
}
