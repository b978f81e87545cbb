//! `cargo xtask test`: every check there is, in one run, with a table at the end. A step whose part
//! is missing fails; nothing is skipped.

use anyhow::Result;

use crate::{
    codegen, disk,
    measure::Ledger,
    shell::{built_program, cargo, command, is_on_path, run},
    system, tidy, ui, window,
};

/// Runs all steps and ends the process with 1 when one of them failed.
pub(crate) fn test(arguments: Result<()>) -> Result<()> {
    arguments?;
    let mut ledger = Ledger::default();
    ledger.tally("room on the disk", disk::make_room);
    ledger.tally("system packages", || {
        system::ensure(&[system::BUILD, system::WINDOW, system::TESTS])
    });
    ledger.tally("format", || run(cargo().args(["fmt", "--all", "--check"])));
    ledger.tally("tidy", || tidy::tidy(Ok(())));
    ledger.tally("front end: install", ui::install);
    ledger.tally("front end: types", || ui::script("typecheck", &[]));
    ledger.tally("front end: lint", || ui::script("lint", &[]));
    ledger.tally("front end: unit tests", || ui::script("test", &[]));
    ledger.tally("front end: build", ui::build);
    ledger.tally("clippy", clippy);
    ledger.tally("documentation", documentation);
    ledger.tally("build", build);
    ledger.tally("generated files are fresh", codegen::check);
    ledger.tally("Rust tests", rust_tests);
    ledger.tally("browser tests (ar and en)", browser_tests);
    ledger.tally("desktop window", window::smoke);
    ledger.tally("smoke", || {
        run(command(built_program("optria")?).arg("smoke"))
    });
    ledger.print_table();
    println!("\n{} passed, {} failed", ledger.passed(), ledger.failed());
    if ledger.failed() > 0 {
        // Not as an error: the line above stays the last one.
        std::process::exit(1);
    }
    Ok(())
}

/// The same package selection everywhere (`--workspace`), so that all steps share one build.
fn clippy() -> Result<()> {
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// With the examples, so that the libraries have the same features as under clippy.
fn documentation() -> Result<()> {
    let what = ["doc", "--workspace", "--lib", "--bins", "--examples"];
    let how = ["--no-deps", "--document-private-items", "--quiet"];
    run(cargo().args(what).args(how))
}

/// With the tests: programs alone would be built with other features of the libraries, so that the tests
/// would have to build most of them again.
fn build() -> Result<()> {
    run(cargo().args(["build", "--workspace", "--all-targets"]))
}

/// Unit tests, tests against servers written by others (which they install once) and fault tests.
fn rust_tests() -> Result<()> {
    let mut cargo = cargo();
    if is_on_path("cargo-nextest") {
        cargo.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        if is_ci() {
            // A shared machine may starve a test of a second: it is named as flaky, and run again.
            cargo.args(["--retries", "1"]);
        }
    } else {
        cargo.args(["test", "--workspace", "--no-fail-fast", "--quiet"]);
    }
    cargo.env("OPTRIA_BIN", built_program("optria")?);
    run(&mut cargo)
}

/// Each browser test runs in both languages by itself. The examples that serve a database stand beside the program.
fn browser_tests() -> Result<()> {
    let mut npm = ui::npm();
    npm.args(["run", "e2e"]);
    npm.env("OPTRIA_BIN", built_program("optria")?);
    run(&mut npm)
}

/// Whether nobody is at the keyboard.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}
