//! Words that must not stand in the repository: paths of one machine, open ends, foreign package
//! hosts in lock files, and clocks and environments read where their values must be passed in.

use super::{Source, is_test, without_tests};

/// Only the configuration reads the environment.
const ENVIRONMENT_HOMES: &[&str] = &["core/iq-config/", "core/iq-testkit/", "xtask/"];

/// Only `Clock` implementations read the wall clock.
const CLOCK_HOMES: &[&str] = &["core/iq-domain/src/time.rs", "xtask/"];

/// Findings of all kinds.
pub(crate) fn forbidden(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    // This file has to name what it looks for.
    for source in sources
        .iter()
        .filter(|source| source.path != "xtask/src/tidy/words.rs")
    {
        if is_lock_file(&source.path) {
            found.extend(foreign_hosts(source));
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            if let Some(word) = machine_path(line).or_else(|| open_end(source, line)) {
                found.push(format!(
                    "{}:{}: `{word}` in: {}",
                    source.path,
                    number + 1,
                    cut(line)
                ));
            }
        }
        found.extend(reads(
            source,
            CLOCK_HOMES,
            &[
                "SystemTime::now",
                "Utc::now",
                "Zoned::now",
                "jiff::Timestamp::now",
            ],
            "reads the wall clock; take a `Clock`",
        ));
        found.extend(reads(
            source,
            ENVIRONMENT_HOMES,
            &["env::var(", "env::var_os(", "env::vars(", "env::vars_os("],
            "reads the environment; that is for iq-config",
        ));
    }
    found
}

fn is_lock_file(path: &str) -> bool {
    path.ends_with("package-lock.json") || path.ends_with("Cargo.lock")
}

/// A folder that exists on the machine of whoever wrote the line. A path is only one when it begins
/// there: `/api/work-orders` and `core/tmp` are none.
fn machine_path(line: &str) -> Option<&'static str> {
    ["/work/", "/root/", "/root\"", "/root\n", "/tmp/", "/home/"]
        .into_iter()
        .find(|path| {
            line.match_indices(path).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| {
                    !(c.is_alphanumeric()
                        || matches!(c, '/' | '.' | '_' | '-' | '}' | ')' | '*' | '~' | '$'))
                })
            })
        })
}

fn open_end(source: &Source, line: &str) -> Option<&'static str> {
    // Data files hold words of the plant, not of the code.
    if source.path.ends_with(".csv") || source.path.ends_with(".json") {
        return None;
    }
    ["TODO", "FIXME", "XXX:", "HACK"].into_iter().find(|word| {
        line.match_indices(word).any(|(at, _)| {
            let around = [
                line[..at].chars().next_back(),
                line[at + word.len()..].chars().next(),
            ];
            around
                .into_iter()
                .flatten()
                .all(|c| !c.is_alphanumeric() && c != '_')
        })
    })
}

fn foreign_hosts(source: &Source) -> Vec<String> {
    let mut found: Vec<String> = source
        .text
        .lines()
        .filter(|line| line.contains("\"resolved\"") || line.starts_with("source = "))
        .filter(|line| {
            !line.contains("https://registry.npmjs.org/")
                && !line.contains("https://github.com/rust-lang/crates.io-index")
                && !line.contains("\"resolved\": \"file:")
        })
        .map(|line| {
            format!(
                "{}: not from the public registry: {}",
                source.path,
                cut(line)
            )
        })
        .collect();
    found.dedup();
    found
}

/// Lines of code that ships, outside `homes`, with one of `calls`.
fn reads(source: &Source, homes: &[&str], calls: &[&str], complaint: &str) -> Vec<String> {
    let exempt = !source.path.ends_with(".rs")
        || source.path.ends_with("build.rs")
        || is_test(&source.path)
        || homes.iter().any(|home| source.path.starts_with(home));
    if exempt {
        return Vec::new();
    }
    without_tests(&source.text)
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .filter(|(_, line)| calls.iter().any(|call| line.contains(call)))
        .map(|(number, _)| format!("{}:{}: {complaint}", source.path, number + 1))
        .collect()
}

fn cut(line: &str) -> String {
    line.trim().chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> usize {
        forbidden(&[Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
        .len()
    }

    #[test]
    fn finds_paths_of_one_machine() {
        for line in ["see /work/main", "cd /root/x", "\"/tmp/x\"", "(/home/me)"] {
            assert_eq!(check("README.md", line), 1, "{line}");
        }
        for line in [
            "/api/work-orders",
            "core/tmp/x",
            "$HOME/work/x",
            "https://host/work/x",
        ] {
            assert_eq!(check("README.md", line), 0, "{line}");
        }
    }

    #[test]
    fn finds_open_ends() {
        assert_eq!(check("core/a/src/b.rs", "// TODO later"), 1);
        assert_eq!(
            check("core/a/src/b.rs", "const AUTODOMAIN: u8; let _TODOS = 1;"),
            0
        );
    }

    #[test]
    fn finds_packages_from_other_hosts() {
        let line = |host: &str| format!("      \"resolved\": \"https://{host}/a/-/a-1.0.0.tgz\",");
        assert_eq!(check("ui/package-lock.json", &line("mirror.example")), 1);
        assert_eq!(
            check("ui/package-lock.json", &line("registry.npmjs.org")),
            0
        );
        assert_eq!(
            check(
                "Cargo.lock",
                "source = \"registry+https://mirror.example/index\""
            ),
            1
        );
    }

    #[test]
    fn finds_the_environment_read_outside_its_home() {
        let text = "let home = std::env::var(\"HOME\");";
        assert_eq!(check("core/iq-api/src/a.rs", text), 1);
        assert_eq!(check("core/iq-config/src/lib.rs", text), 0);
    }

    #[test]
    fn finds_clocks_outside_their_home() {
        let text = "let now = std::time::SystemTime::now();";
        assert_eq!(check("core/iq-api/src/a.rs", text), 1);
        assert_eq!(check("core/iq-domain/src/time.rs", text), 0);
        assert_eq!(check("core/iq-api/tests/a.rs", text), 0);
    }
}
