//! Developer tasks: `cargo xtask run | test | ci | tidy | codegen | conformance | peers | screens | first-hour |
//! airgap | api-check | bench | hub | dist`. This file only reads the command line; each task has a file of its own.
#![allow(clippy::print_stdout, reason = "a command-line tool talks on stdout")]

mod airgap;
mod api_check;
mod bench;
mod closed;
mod codegen;
mod disk;
mod dist;
mod floors;
mod http;
mod hub;
mod icu;
mod locales;
mod measure;
mod page;
mod peers;
mod python;
mod run;
mod screens;
mod shell;
mod suite;
mod system;
mod tidy;
mod trace;
mod ui;
mod window;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask <task>

  run [--headless] [--no-demo] [--port N] [--data-dir DIR]
                     install what is missing, build, start the demo plant and the appliance
  test               set up and run every check and test (ci is the same)
  tidy               the rules of the house: floors, sizes, translations, styles
  codegen [--check]  locales, OpenAPI document, permission matrix, typed client
  codegen --locales  the merged sentences alone
  conformance        every connector against its contract; writes docs/conformance.md
  peers              the tests against Kerberos and the mock of SQL Server, which take more packages
  screens            a picture of every page, language and theme
  screens --guides   the pictures that the guides name, into docs/images
  first-hour         the guide of the first hour, followed step by step in both languages
  hub                a hub to try: a throw-away Postgres, the first platform owner, two instances
  airgap [--all] [--program FILE] [--system ADDRESS:PORT]
                     the appliance in a network of loopback alone, under strace: whom it calls
  api-check [--hub] [--examples N] [--program FILE] [--only REGEX]
                     requests made from the OpenAPI document, at a demonstration or a hub without a network
  bench NAME         measurements; bench --list names them
  dist [--out DIR] [--signing-key FILE --public-key FILE --public-key FILE]
                     the packages, built for release; docs/guides/administrator.md says how to sign
  dist --test        packages of its own from install to purge; needs root
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let Some((task, rest)) = args.split_first() else {
        bail!("no task was named.\n\n{USAGE}");
    };
    match task.as_str() {
        "run" => run::run(&run::Options::parse(rest)?),
        "test" | "ci" => suite::test(no_arguments(task, rest)),
        "tidy" => tidy::tidy(no_arguments(task, rest)),
        "codegen" => match rest {
            [] => codegen::write(),
            [flag] if flag == "--check" => codegen::build_and_check(),
            [flag] if flag == "--locales" => codegen::write_locales(),
            _ => bail!("`codegen` takes only --check or --locales."),
        },
        "conformance" => peers::conformance(no_arguments(task, rest)),
        "peers" => peers::peers(no_arguments(task, rest)),
        "screens" => screens::screens(rest),
        "first-hour" => screens::first_hour(rest),
        "airgap" => airgap::airgap(&airgap::Options::parse(rest)?),
        "api-check" => api_check::api_check(&api_check::Options::parse(rest)?),
        "bench" => bench::bench(rest),
        "hub" => hub::hub(no_arguments(task, rest)),
        "dist" => dist::dist(&dist::Options::parse(rest)?),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("there is no task `{other}`.\n\n{USAGE}"),
    }
}

fn no_arguments(task: &str, rest: &[String]) -> Result<()> {
    match rest {
        [] => Ok(()),
        [first, ..] => bail!("`{task}` takes no argument, but was given `{first}`."),
    }
}
