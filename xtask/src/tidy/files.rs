//! The files that belong to the repository: tracked ones and new ones that git does not ignore.

use std::fs;

use anyhow::Result;

use super::Source;
use crate::shell::{capture, command, root};

const TEXT: &[&str] = &[
    "rs", "ts", "tsx", "js", "cjs", "mjs", "css", "html", "py", "sh", "sql", "md", "json", "toml",
    "yaml", "yml", "csv", "svg",
];

/// All text files.
pub(crate) fn tracked() -> Result<Vec<Source>> {
    let list = capture(command("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]))?;
    Ok(list
        .split('\0')
        .filter(|path| {
            path.rsplit_once('.')
                .is_some_and(|(_, ending)| TEXT.contains(&ending))
                || *path == ".ci/run"
        })
        // A file that was deleted but not yet committed is still listed.
        .filter_map(|path| {
            let text = fs::read_to_string(root().join(path)).ok()?;
            Some(Source {
                path: path.to_owned(),
                text,
            })
        })
        .collect())
}
