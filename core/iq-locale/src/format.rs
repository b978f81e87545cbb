//! The part of ICU MessageFormat the catalogue uses: `{name}`, `{n, number}`, `{n, plural, …}` with
//! `#`, and `{x, select, …}`. The interface reads the same catalogue with the same rules.

use std::{collections::BTreeSet, fmt};

use crate::{Language, Params, plural};

/// How deep branches may nest; the catalogue is ours, the bound guards against a slip.
const MAX_DEPTH: usize = 8;

/// A pattern that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageSyntaxError(&'static str);

impl fmt::Display for MessageSyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for MessageSyntaxError {}

enum Node<'a> {
    Text(&'a str),
    Count,
    Argument(&'a str),
    Choice {
        name: &'a str,
        is_plural: bool,
        branches: Vec<(&'a str, Vec<Node<'a>>)>,
    },
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn message(
        &mut self,
        in_plural: bool,
        depth: usize,
    ) -> Result<Vec<Node<'a>>, MessageSyntaxError> {
        if depth > MAX_DEPTH {
            return Err(MessageSyntaxError("branches nest too deeply"));
        }
        let mut nodes = Vec::new();
        loop {
            let rest = self.rest();
            let end = rest
                .find(|c| c == '{' || c == '}' || (in_plural && c == '#'))
                .unwrap_or(rest.len());
            if end > 0 {
                nodes.push(Node::Text(&rest[..end]));
                self.at += end;
            }
            match self.rest().chars().next() {
                None if depth == 0 => return Ok(nodes),
                None => return Err(MessageSyntaxError("a branch is not closed")),
                Some('}') if depth > 0 => return Ok(nodes),
                Some('}') => return Err(MessageSyntaxError("a closing brace too many")),
                Some('#') => {
                    self.at += 1;
                    nodes.push(Node::Count);
                }
                Some(_) => nodes.push(self.argument(depth)?),
            }
        }
    }

    /// Reads up to one of `stops`, which is left in place.
    fn until(&mut self, stops: &[char]) -> Result<&'a str, MessageSyntaxError> {
        let rest = self.rest();
        let end = rest
            .find(stops)
            .ok_or(MessageSyntaxError("a brace is not closed"))?;
        self.at += end;
        Ok(rest[..end].trim())
    }

    fn is_at(&self, c: char) -> bool {
        self.rest().starts_with(c)
    }

    fn argument(&mut self, depth: usize) -> Result<Node<'a>, MessageSyntaxError> {
        self.at += 1;
        let name = self.until(&[',', '}'])?;
        if self.is_at('}') {
            self.at += 1;
            return Ok(Node::Argument(name));
        }
        self.at += 1;
        let kind = self.until(&[',', '}'])?;
        if self.is_at('}') {
            self.at += 1;
            return Ok(Node::Argument(name));
        }
        let is_plural = match kind {
            "plural" => true,
            "select" => false,
            _ => return Err(MessageSyntaxError("an unknown kind of argument")),
        };
        self.at += 1;
        let mut branches = Vec::new();
        loop {
            let key = self.until(&['{', '}'])?;
            if self.is_at('}') {
                self.at += 1;
                return Ok(Node::Choice {
                    name,
                    is_plural,
                    branches,
                });
            }
            self.at += 1;
            branches.push((key, self.message(is_plural, depth + 1)?));
            self.at += 1;
        }
    }
}

fn parse(source: &str) -> Result<Vec<Node<'_>>, MessageSyntaxError> {
    Reader { source, at: 0 }.message(false, 0)
}

/// Whether a pattern can be read.
pub fn check(pattern: &str) -> Result<(), MessageSyntaxError> {
    parse(pattern).map(drop)
}

/// The names of the arguments a pattern uses.
#[must_use]
pub fn arguments_of(pattern: &str) -> BTreeSet<String> {
    fn walk(nodes: &[Node<'_>], names: &mut BTreeSet<String>) {
        for node in nodes {
            match node {
                Node::Text(_) | Node::Count => {}
                Node::Argument(name) => {
                    names.insert((*name).to_owned());
                }
                Node::Choice { name, branches, .. } => {
                    names.insert((*name).to_owned());
                    branches.iter().for_each(|(_, nodes)| walk(nodes, names));
                }
            }
        }
    }
    let mut names = BTreeSet::new();
    if let Ok(nodes) = parse(pattern) {
        walk(&nodes, &mut names);
    }
    names
}

/// Formats a pattern. An argument nobody gave reads "—"; a pattern that can't be read is shown as it
/// stands, because a broken sentence still says more than none.
pub(crate) fn format(language: Language, pattern: &str, params: &Params, isolated: bool) -> String {
    let Ok(nodes) = parse(pattern) else {
        return pattern.to_owned();
    };
    let mut out = String::with_capacity(pattern.len() + 32);
    let writer = Writer {
        language,
        params,
        isolated,
    };
    writer.write(&nodes, "", &mut out);
    out
}

struct Writer<'a> {
    language: Language,
    params: &'a Params,
    isolated: bool,
}

impl Writer<'_> {
    fn write(&self, nodes: &[Node<'_>], count: &str, out: &mut String) {
        for node in nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Count => out.push_str(count),
                Node::Argument(name) => self.argument(name, out),
                Node::Choice {
                    name,
                    is_plural,
                    branches,
                } => {
                    let value = self.params.get(*name).map_or("", String::as_str);
                    let exact = format!("={value}");
                    let keys = if *is_plural {
                        [exact.as_str(), plural::category(self.language, value)]
                    } else {
                        [value, "other"]
                    };
                    let branch = keys
                        .into_iter()
                        .chain(["other"])
                        .find_map(|key| branches.iter().find(|(k, _)| *k == key));
                    if let Some((_, nodes)) = branch {
                        self.write(nodes, value, out);
                    }
                }
            }
        }
    }

    fn argument(&self, name: &str, out: &mut String) {
        match self.params.get(name) {
            None => out.push('—'),
            Some(value) if self.isolated && !value.is_empty() => {
                out.push('\u{2068}');
                out.push_str(value);
                out.push('\u{2069}');
            }
            Some(value) => out.push_str(value),
        }
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
