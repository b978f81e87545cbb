//! The command line of `optria`.

mod backup;
mod bundle;
mod logs;
mod manual;
mod optimise;
mod plant;
mod rollback;
mod rules;
mod serve;
mod smoke;
mod status;
mod tls;
mod user;
mod verify_package;
mod window;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use iq_config::{Config, Overrides};
use iq_domain::{CodedError, ErrorKind};
use iq_historian::HistorianError;
use iq_locale::Language;
use iq_store::StoreError;

use crate::folder;

/// OPTRIA IQ: reads a plant's systems, tells what happened and what to do. Works without a network.
#[derive(Debug, Parser)]
#[command(name = "optria", version, about)]
struct Cli {
    /// Language of messages: ar or en.
    #[arg(long, global = true, value_parser = language)]
    lang: Option<Language>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the appliance.
    Serve(serve::ServeArgs),
    /// Runs the appliance with the demo plant and the demo tenant.
    Demo(serve::DemoArgs),
    /// Tells whether an appliance runs on a data folder, and how it is.
    Status(FolderArgs),
    /// The certificate the pages are served with.
    #[command(subcommand)]
    Tls(tls::TlsCommand),
    /// The log files of a data folder.
    #[command(subcommand)]
    Logs(logs::LogsCommand),
    /// The demo plant.
    #[command(subcommand)]
    Plant(plant::PlantCommand),
    /// Courier files of a data folder whose appliance is stopped.
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// Users of a data folder whose appliance is stopped.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Rule packs of the root-cause analysis.
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Solves a maintenance planning problem from a file, without a server.
    Optimise(optimise::OptimiseArgs),
    /// Makes a backup of a data folder, whether or not its appliance runs, and proves it by restoring it.
    Backup(backup::BackupArgs),
    /// Puts a backup in the place of what is in a data folder. What was there stays beside it.
    Restore(backup::RestoreArgs),
    /// Takes an upgrade back: the copy of the store made before it takes the store's place. Install the
    /// older package before the next start.
    Rollback(FolderArgs),
    /// Checks a backup by restoring it into a folder of its own, or an evidence file as optria-verify does.
    Verify {
        /// FILE, and then [--key-file FILE] [--passphrase-file FILE] [--data-dir FOLDER] for a backup,
        /// [--trust KEYS] [--json] [--lang ar|en] for an evidence file.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<OsString>,
    },
    /// Goes through the main paths of a running appliance, a line each; without an address it starts a
    /// demonstration of its own in a temporary folder.
    Smoke(smoke::SmokeArgs),
    /// Tells whether a package may be installed here: signed by a pinned key, whole, for this machine,
    /// not older than what is installed.
    VerifyPackage(verify_package::VerifyPackageArgs),
    /// What the desktop window asks for; not meant for people.
    #[command(hide = true, subcommand)]
    Window(window::WindowCommand),
    /// Prints the completions of a shell.
    Completions(manual::CompletionsArgs),
    /// Writes the manual pages.
    #[command(hide = true)]
    Man(manual::ManArgs),
    /// Prints the OpenAPI document.
    Openapi,
    /// Prints which role may call which route.
    Permissions,
}

#[derive(Clone, Debug, clap::Args)]
struct FolderArgs {
    /// The data folder.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

fn language(text: &str) -> Result<Language, String> {
    Language::from_tag(text).ok_or_else(|| "ar or en".to_owned())
}

/// `optria … | head` closes the pipe while there is more to print: the reader has what it wanted, and that
/// is the end of the program, not a fault of it.
fn end_quietly_without_a_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>();
        if said.is_some_and(|text| text.starts_with("failed printing to stdout")) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    end_quietly_without_a_reader();
    let cli = Cli::parse();
    let language = cli.lang.unwrap_or_else(system_language);
    let result = match cli.command {
        Command::Serve(args) => serve::serve(args, language),
        Command::Demo(args) => serve::demo(args, language),
        Command::Status(args) => status::status(&args),
        Command::Tls(command) => tls::run(command, language),
        Command::Logs(command) => logs::run(command, language),
        Command::Plant(command) => plant::run(command),
        Command::Bundle(command) => bundle::run(command),
        Command::User(command) => user::run(command),
        Command::Rules(command) => rules::run(command, language),
        Command::Optimise(args) => optimise::run(args, language),
        Command::Backup(args) => backup::backup(&args, language),
        Command::Restore(args) => backup::restore(&args, language),
        Command::Rollback(args) => rollback::rollback(&args, language),
        Command::Verify { arguments } if backup::is_backup(&arguments) => {
            backup::verify(arguments, language)
        }
        Command::Verify { arguments } => {
            // It reads its own arguments; a language asked for before the word counts too.
            let asked = cli.lang.map(|l| ["--lang", l.as_str()].map(OsString::from));
            let all = asked.into_iter().flatten().chain(arguments);
            Ok(iq_verify::run(all))
        }
        Command::Smoke(args) => smoke::run(args),
        Command::VerifyPackage(args) => verify_package::verify_package(&args, language),
        Command::Window(command) => window::run(command),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
        Command::Openapi => print(&iq_api::openapi_json()),
        Command::Permissions => print(&iq_api::permission_matrix()),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}", explain(error, language));
            ExitCode::FAILURE
        }
    }
}

/// The sentence of an error that has one, else the chain of causes.
fn explain(error: anyhow::Error, language: Language) -> String {
    // Also one that was put around its cause.
    if let Some(coded) = error.downcast_ref::<CodedError>() {
        return sentence(coded, language);
    }
    for cause in error.chain() {
        if let Some(coded) = cause.downcast_ref::<CodedError>() {
            return sentence(coded, language);
        }
        if let Some(historian) = cause.downcast_ref::<HistorianError>() {
            return sentence(&CodedError::from(historian), language);
        }
    }
    match error.downcast::<StoreError>() {
        Ok(store) => sentence(&CodedError::from(store), language),
        Err(error) => format!("{error:#}"),
    }
}

fn sentence(coded: &CodedError, language: Language) -> String {
    let sentence = iq_locale::plain(language, "errors", coded.code, &coded.params);
    sentence.map_or_else(|| coded.to_string(), |s| format!("{s} [{}]", coded.code))
}

/// The data folder of a command that works on what is there: a name typed wrong makes no new one.
fn existing_data(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let given = given.map(|folder| folder.display().to_string());
    let data = Config::from_process(Overrides::new().set("OPTRIA_DATA_DIR", given))?.data_dir;
    match folder::has_store(&data) {
        Ok(true) => Ok(data),
        Ok(false) => {
            let none = CodedError::not_found("data.none");
            Err(none.with("folder", data.display()).into())
        }
        Err(_) => {
            let closed = CodedError::new(ErrorKind::Unavailable, "data.no_access");
            Err(closed.with("path", data.display()).into())
        }
    }
}

/// The system's language: Arabic where it says so, else English, for people on a terminal.
fn system_language() -> Language {
    if iq_config::system_locale().is_some_and(|locale| locale.starts_with("ar")) {
        Language::Ar
    } else {
        Language::En
    }
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    use std::io::Write as _;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A runtime for the commands that wait for something.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_that_a_guide_shows_is_one() {
        iq_testkit::check_shown_commands(&Cli::command(), 51).unwrap();
    }
}
