//! The table: what ran, what passed, and why something did not apply.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

/// How a check went.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Passed,
    /// It does not apply, for this reason.
    Skipped(&'static str),
    Failed(String),
}

/// Runs a check in a task of its own, so that a broken expectation fails this cell and no other.
pub(crate) async fn cell(check: impl Future<Output = ()> + Send + 'static) -> Cell {
    match tokio::spawn(check).await {
        Ok(()) => Cell::Passed,
        Err(error) => Cell::Failed(match error.try_into_panic() {
            Ok(panic) => match panic.downcast::<String>() {
                Ok(text) => *text,
                Err(panic) => panic
                    .downcast::<&str>()
                    .map_or("it panicked".to_owned(), |text| (*text).to_owned()),
            },
            Err(error) => error.to_string(),
        }),
    }
}

struct Row {
    connector: &'static str,
    against: &'static str,
    cells: Vec<Cell>,
}

/// All of it.
pub(crate) struct Table {
    checks: &'static [&'static str],
    /// Connector, check and reason of what is known to fail.
    defects: &'static [(&'static str, &'static str, &'static str)],
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new(
        checks: &'static [&'static str],
        defects: &'static [(&'static str, &'static str, &'static str)],
    ) -> Self {
        Self {
            checks,
            defects,
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, connector: &'static str, against: &'static str, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.checks.len(), "{connector} lacks a check");
        self.rows.push(Row {
            connector,
            against,
            cells,
        });
    }

    /// The reasons of what was skipped, each once.
    fn reasons(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        for cell in self.rows.iter().flat_map(|row| &row.cells) {
            if let Cell::Skipped(why) = cell
                && !all.contains(why)
            {
                all.push(*why);
            }
        }
        all
    }

    /// As Markdown.
    pub(crate) fn text(&self) -> String {
        let reasons = self.reasons();
        let shown = |cell: &Cell| match cell {
            Cell::Passed => "passed".to_owned(),
            Cell::Failed(_) => "FAILED".to_owned(),
            Cell::Skipped(why) => {
                let number = reasons.iter().position(|r| r == why).unwrap_or_default() + 1;
                format!("– ({number})")
            }
        };
        let mut text = format!("| connector | against | {} |\n", self.checks.join(" | "));
        text += &format!("|{}\n", "---|".repeat(self.checks.len() + 2));
        for row in &self.rows {
            let cells: Vec<String> = row.cells.iter().map(shown).collect();
            let (connector, against) = (row.connector, row.against);
            text += &format!("| `{connector}` | {against} | {} |\n", cells.join(" | "));
        }
        text += "\nNot run, because:\n\n";
        for (n, reason) in reasons.iter().enumerate() {
            text += &format!("{}. {reason}\n", n + 1);
        }
        if !self.defects.is_empty() {
            text += "\nKnown to fail:\n\n";
        }
        for (connector, check, why) in self.defects {
            text += &format!("- `{connector}`, {check}: {why}.\n");
        }
        text
    }

    /// Why a cell is known to fail.
    fn is_known(&self, connector: &str, check: &str) -> bool {
        let mut known = self.defects.iter();
        known.any(|(c, k, _)| (*c, *k) == (connector, check))
    }

    /// What failed, in words, and what is said to fail and does not.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut all = Vec::new();
        for row in &self.rows {
            for (check, cell) in self.checks.iter().zip(&row.cells) {
                let (connector, is_known) = (row.connector, self.is_known(row.connector, check));
                match cell {
                    Cell::Failed(why) if !is_known => {
                        all.push(format!("{connector}: {check}: {why}"));
                    }
                    Cell::Passed | Cell::Skipped(_) if is_known => {
                        all.push(format!("{connector}: {check}: no longer fails, say so"));
                    }
                    Cell::Passed | Cell::Skipped(_) | Cell::Failed(_) => {}
                }
            }
        }
        all
    }

    /// The committed table is this one; `OPTRIA_CONFORMANCE=write` writes it.
    pub(crate) fn compare_with_the_committed_one(&self) -> Result<()> {
        const HEAD: &str = "# Conformance of the connectors\n\n\
            Written by `cargo xtask conformance` from what ran; the tests fail when it says something else \
            than they saw. The checks are those of [adding a connector](guides/adding-a-connector.md), in \
            `core/iq-connector/src/conformance.rs` and `tests/peers/conformance`.\n\n";
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
        let fresh = format!("{HEAD}{}", self.text());
        if std::env::var_os("OPTRIA_CONFORMANCE").is_some_and(|v| v == "write") {
            return fs::write(&path, fresh).context("docs/conformance.md can't be written");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        ensure!(
            committed == fresh,
            "docs/conformance.md is stale: run `cargo xtask conformance` and commit what it wrote"
        );
        Ok(())
    }
}
