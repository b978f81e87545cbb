//! Choosing tags by a pattern. Matching takes time proportional to the tag: the expression has no
//! look-around and no back references, and what it compiles to is bounded.

use iq_domain::{CodedError, neutralise};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Longest pattern.
const MAX_PATTERN_CHARS: usize = 512;
/// Largest compiled expression.
const MAX_COMPILED_BYTES: usize = 512 * 1024;

/// How a pattern is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    /// `*`, `?`, `[abc]`, and `{asset}`, `{metric}` for parts with a meaning.
    Glob,
    /// A regular expression; groups named `asset` and `metric` are parts with a meaning.
    Regex,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct TagPattern(Regex);

/// The parts of a tag a pattern named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagParts {
    /// The asset's code.
    pub asset: Option<String>,
    /// The metric.
    pub metric: Option<String>,
}

impl TagPattern {
    /// Compiles a pattern. Letter case does not matter; a glob covers the whole tag.
    ///
    /// # Errors
    /// `mapping.pattern_empty`, `mapping.pattern_bad` or `mapping.pattern_large`.
    pub fn new(syntax: Syntax, text: &str) -> Result<Self, CodedError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(CodedError::invalid("mapping.pattern_empty"));
        }
        if text.chars().count() > MAX_PATTERN_CHARS {
            return Err(CodedError::invalid("mapping.pattern_large"));
        }
        let expression = match syntax {
            Syntax::Glob => of_glob(text)?,
            Syntax::Regex => text.to_owned(),
        };
        RegexBuilder::new(&expression)
            .case_insensitive(true)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .nest_limit(32)
            .build()
            .map(Self)
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => CodedError::invalid("mapping.pattern_large"),
                _ => bad(text),
            })
    }

    /// The named parts of a tag; `None` when it does not match.
    #[must_use]
    pub fn parts(&self, tag: &str) -> Option<TagParts> {
        let found = self.0.captures(tag)?;
        let part = |name: &str| {
            found
                .name(name)
                .map(|m| m.as_str().to_owned())
                .filter(|text| !text.is_empty())
        };
        Some(TagParts {
            asset: part("asset"),
            metric: part("metric"),
        })
    }
}

fn bad(near: &str) -> CodedError {
    CodedError::invalid("mapping.pattern_bad").with("near", neutralise(near, 40))
}

fn of_glob(text: &str) -> Result<String, CodedError> {
    let mut expression = String::from("^");
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = after;
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' => {
                let (class, tail) = after.split_once(']').ok_or_else(|| bad(after))?;
                push_class(&mut expression, class)?;
                rest = tail;
            }
            '{' => {
                let (name, tail) = after.split_once('}').ok_or_else(|| bad(after))?;
                expression.push_str(match name {
                    "asset" => "(?P<asset>.+?)",
                    "metric" => "(?P<metric>[\\p{L}\\p{N}_ .-]+?)",
                    _ => return Err(bad(name)),
                });
                rest = tail;
            }
            c => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    Ok(expression)
}

fn push_class(expression: &mut String, class: &str) -> Result<(), CodedError> {
    let (is_negated, letters) = match class.strip_prefix('!') {
        Some(letters) => (true, letters),
        None => (false, class),
    };
    if letters.is_empty() {
        return Err(bad("[]"));
    }
    expression.push_str(if is_negated { "[^" } else { "[" });
    let all: Vec<char> = letters.chars().collect();
    for (place, c) in all.iter().enumerate() {
        // A dash between two characters is a range; everything else is itself.
        let is_range = *c == '-' && place > 0 && place + 1 < all.len();
        if !is_range && !c.is_alphanumeric() {
            expression.push('\\');
        }
        expression.push(*c);
    }
    expression.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    fn glob(pattern: &str, tag: &str) -> bool {
        TagPattern::new(Syntax::Glob, pattern)
            .unwrap()
            .parts(tag)
            .is_some()
    }

    #[test]
    fn a_glob_covers_the_whole_tag() {
        for (pattern, tag) in [
            ("*-VT-*", "100-vt-10204A"),
            ("100-?T-102*", "100-PT-10201A"),
            ("P[12]0?[AB].*", "P102A.FLOW"),
            ("ns=2;s=*(1)", "ns=2;s=x(1)"),
            ("[!3]00*", "100-PT"),
            ("*الضغط*", "وحدة.الضغط.1"),
        ] {
            assert!(glob(pattern, tag), "{pattern} {tag}");
        }
        for (pattern, tag) in [("VT", "100-VT-1"), ("a.c", "abc"), ("[!1]00*", "100-PT")] {
            assert!(!glob(pattern, tag), "{pattern} {tag}");
        }
    }

    #[test]
    fn named_parts_come_out_of_globs_and_expressions() {
        for (syntax, pattern) in [
            (Syntax::Glob, "*/{asset}/{metric}"),
            (Syntax::Regex, r"/(?P<asset>[^/]+)/(?P<metric>\w+)$"),
        ] {
            let parts = TagPattern::new(syntax, pattern)
                .unwrap()
                .parts("RAS/U100/P-102A/vibration_de")
                .unwrap();
            assert_eq!(parts.metric.as_deref(), Some("vibration_de"));
            assert!(parts.asset.unwrap().ends_with("P-102A"));
        }
    }

    #[test]
    fn refuses_what_can_not_be_understood_or_grows_too_large() {
        let code = |syntax, text: &str| TagPattern::new(syntax, text).unwrap_err().code;
        assert_eq!(code(Syntax::Glob, "  "), "mapping.pattern_empty");
        assert_eq!(code(Syntax::Glob, "P[12"), "mapping.pattern_bad");
        assert_eq!(code(Syntax::Glob, "{site}*"), "mapping.pattern_bad");
        assert_eq!(code(Syntax::Regex, "(a"), "mapping.pattern_bad");
        assert_eq!(code(Syntax::Regex, r"(?=a)"), "mapping.pattern_bad");
        assert_eq!(
            code(Syntax::Regex, r"(\pL{1000}){1000}"),
            "mapping.pattern_large"
        );
        assert_eq!(
            code(Syntax::Regex, &"a".repeat(600)),
            "mapping.pattern_large"
        );
    }

    #[test]
    fn an_expression_that_explodes_elsewhere_stays_fast() {
        let pattern = TagPattern::new(Syntax::Regex, "^(a+)+$").unwrap();
        let tag = format!("{}b", "a".repeat(1_000));
        let start = Instant::now();
        assert!(pattern.parts(&tag).is_none());
        assert!(start.elapsed().as_millis() < 500);
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_an_error(text in "\\PC{0,40}", tag in "\\PC{0,40}") {
            for syntax in [Syntax::Glob, Syntax::Regex] {
                if let Ok(pattern) = TagPattern::new(syntax, &text) {
                    drop(pattern.parts(&tag));
                }
            }
        }
    }
}
