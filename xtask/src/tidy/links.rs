//! Links between the documents, and to their pictures, lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::Source;

/// Relative links whose target `exists` denies.
pub(crate) fn dead(sources: &[Source], exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".md")) {
        let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
        for target in targets(&source.text) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !exists(&flat(&folder.join(path))) {
                found.push(format!(
                    "{} links to {target}, which is not there",
                    source.path
                ));
            }
        }
    }
    found
}

/// Decisions that the list of decisions does not name.
pub(crate) fn unlisted(sources: &[Source]) -> Vec<String> {
    const FOLDER: &str = "docs/decisions/";
    const LIST: &str = "docs/decisions/README.md";
    let list = sources.iter().find(|source| source.path == LIST);
    let listed = list.map(|list| targets(&list.text)).unwrap_or_default();
    sources
        .iter()
        .filter_map(|source| source.path.strip_prefix(FOLDER))
        .filter(|name| *name != "README.md" && !listed.contains(name))
        .map(|name| format!("{FOLDER}{name} is not in {LIST}"))
        .collect()
}

/// Tests that a document claims as its evidence, and that are none: renamed, or gone.
pub(crate) fn unproved(sources: &[Source]) -> Vec<String> {
    const CLAIMS: [&str; 2] = [
        "docs/guides/security-proof.md",
        "docs/guides/security-proof.ar.md",
    ];
    let code: Vec<&str> = sources
        .iter()
        .filter(|source| source.path.ends_with(".rs"))
        .map(|source| source.text.as_str())
        .collect();
    let mut found = Vec::new();
    for claims in sources
        .iter()
        .filter(|source| CLAIMS.contains(&source.path.as_str()))
    {
        let words = claims
            .text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        for name in words.filter(|word| is_claim(word)) {
            let declared = format!("fn {name}(");
            if !code.iter().any(|text| text.contains(&declared)) {
                found.push(format!("{} names {name}, which is no test", claims.path));
            }
        }
    }
    found
}

/// The name of a test is a sentence; that of anything else is shorter.
fn is_claim(word: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.matches('_').count() >= 3 && word.chars().all(letters)
}

/// The targets of `[text](target)` outside code, without addresses of other hosts.
fn targets(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Even parts lie outside `inline code`.
        for part in line.split('`').step_by(2) {
            let closings = part.match_indices("](").map(|(at, _)| &part[at + 2..]);
            found.extend(closings.filter_map(|rest| rest.split([')', ' ']).next()));
        }
    }
    found.retain(|target| !target.contains("://") && !target.starts_with("mailto:"));
    found
}

/// The path with its `..` taken out.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                flat.pop();
            }
            part => flat.push(part),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> usize {
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        dead(&[source], &|path| path == Path::new("docs/there.md")).len()
    }

    #[test]
    fn finds_links_that_lead_nowhere() {
        assert_eq!(
            check("README.md", "[a](docs/there.md#part) ![b](docs/gone.png)"),
            1
        );
        assert_eq!(
            check("docs/guides/a.md", "[a](../there.md) [b](there.md)"),
            1
        );
    }

    #[test]
    fn finds_a_decision_that_is_not_listed() {
        let source = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let found = unlisted(&[
            source("docs/decisions/README.md", "[a](a.md)"),
            source("docs/decisions/a.md", "# A"),
            source("docs/decisions/b.md", "# B"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn finds_evidence_that_is_none() {
        let source = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let found = unproved(&[
            source(
                "docs/guides/security-proof.ar.md",
                "| `a_test_that_is_there`, `a_test_that_is_gone` | `api_check.rs` |",
            ),
            source("core/a/tests/b.rs", "async fn a_test_that_is_there() {}"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("a_test_that_is_gone"));
    }

    #[test]
    fn leaves_other_hosts_and_code_alone() {
        let text = "[a](https://example.com/x) `[b](gone.md)` [c](#here)\n```\n[d](gone.md)\n```";
        assert_eq!(check("README.md", text), 0);
    }
}
